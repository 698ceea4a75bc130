//! Schedules, sensors, and their ticks.

use std::sync::Arc;

use assetctl_store::{SwitchRow, TickRow};
use axum::Json;
use axum::extract::{Path, Query, State};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::pages::{Page, foreign, limit};
use super::problem::{Problem, Reading, Sending};
use super::state::Api;
use crate::read::{ListedSchedule, ReadError, Switched, TickAhead, View};

/// How far a preview may look.
const MOST_DAYS: i64 = 366;

/// Lists schedules and sensors: when they run what, and when next
#[utoipa::path(get, path = "/api/v1/schedules", tag = "schedules", security((), ("token" = [])),
    responses((status = 200, body = Vec<ListedSchedule>), Reading))]
pub async fn list(State(api): State<Arc<Api>>) -> Result<Json<Vec<ListedSchedule>>, Problem> {
    let listed = api.read(|api, declared| View::from(declared).schedules(Some(&api.store), api.desk.now()));
    Ok(Json(listed.await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct NextOf {
    /// Only of this schedule.
    schedule: Option<String>,
    /// How many.
    #[param(minimum = 1, maximum = 1000, default = 10)]
    limit: Option<u32>,
}

/// Tells the next times at which jobs run
#[utoipa::path(get, path = "/api/v1/schedules/next", tag = "schedules", params(NextOf), security((), ("token" = [])),
    responses((status = 200, body = Vec<TickAhead>), Reading))]
pub async fn next(State(api): State<Arc<Api>>, Query(of): Query<NextOf>) -> Result<Json<Vec<TickAhead>>, Problem> {
    let ahead = api.read(move |api, declared| {
        let names: Vec<String> = of.schedule.into_iter().collect();
        let count = limit(Some(of.limit.unwrap_or(10)))?;
        View::from(declared).next_ticks(Some(&api.store), &names, count, api.desk.now())
    });
    Ok(Json(ahead.await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PreviewOf {
    /// Only of this schedule.
    schedule: Option<String>,
    /// First date, in each schedule's zone (default today).
    from: Option<NaiveDate>,
    /// Last date (default a week after the first); at most a year after it.
    to: Option<NaiveDate>,
}

/// Tells every tick between two dates, and what becomes of it
#[utoipa::path(get, path = "/api/v1/schedules/preview", tag = "schedules", params(PreviewOf), security((), ("token" = [])),
    responses((status = 200, body = Vec<TickAhead>), Reading))]
pub async fn preview(
    State(api): State<Arc<Api>>,
    Query(of): Query<PreviewOf>,
) -> Result<Json<Vec<TickAhead>>, Problem> {
    let ahead = api.read(move |api, declared| {
        let now = api.desk.now();
        let from = of.from.unwrap_or_else(|| now.date_naive());
        if of.to.is_some_and(|to| (to - from).num_days() > MOST_DAYS) {
            return Err(ReadError::wrong("more than a year is asked for", Some("ask for a shorter time")));
        }
        let names: Vec<String> = of.schedule.into_iter().collect();
        View::from(declared).preview_ticks(Some(&api.store), &names, of.from, of.to, now)
    });
    Ok(Json(ahead.await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TicksOf {
    /// Only of this schedule.
    schedule: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Tells what became of ticks, the newest first
#[utoipa::path(get, path = "/api/v1/ticks", tag = "schedules", params(TicksOf), security((), ("token" = [])),
    responses((status = 200, body = Page<TickRow>), Reading))]
pub async fn ticks(State(api): State<Arc<Api>>, Query(of): Query<TicksOf>) -> Result<Json<Page<TickRow>>, Problem> {
    let page = api.read(move |api, declared| {
        let limit = limit(of.limit)?;
        let after = of.cursor.as_deref().map(|text| tick(text).ok_or_else(foreign)).transpose()?;
        let rows = api.store.ticks_after(of.schedule.as_deref(), after, limit + 1)?;
        // What a schedule that is gone has done is still there to be asked for.
        if let Some(name) = of.schedule.as_deref().filter(|_| rows.is_empty() && after.is_none()) {
            View::from(declared).schedule(name)?;
        }
        Ok(Page::cut(rows, limit, |tick| format!("{}.{}", tick.due.timestamp_micros(), tick.schedule)))
    });
    Ok(Json(page.await?))
}

/// The tick that a cursor names.
fn tick(text: &str) -> Option<(DateTime<Utc>, &str)> {
    let (due, name) = text.split_once('.')?;
    Some((DateTime::from_timestamp_micros(due.parse().ok()?)?, name))
}

/// Why something is paused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseWhy {
    /// For who looks later.
    why: Option<String>,
}

/// Lets nothing of a schedule or sensor run until it is resumed
#[utoipa::path(post, path = "/api/v1/schedules/{name}/pause", tag = "actions",
    params(("name" = String, Path, description = "The schedule or sensor")), request_body = PauseWhy, security(("token" = [])),
    responses((status = 200, body = Switched), Sending))]
pub async fn pause(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Json(PauseWhy { why }): Json<PauseWhy>,
) -> Result<Json<Switched>, Problem> {
    switch(api, name, true, why).await
}

/// Lets a paused schedule or sensor go on
#[utoipa::path(post, path = "/api/v1/schedules/{name}/resume", tag = "actions",
    params(("name" = String, Path, description = "The schedule or sensor")), security(("token" = [])),
    responses((status = 200, body = Switched), Sending))]
pub async fn resume(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Result<Json<Switched>, Problem> {
    switch(api, name, false, None).await
}

async fn switch(api: Arc<Api>, name: String, paused: bool, why: Option<String>) -> Result<Json<Switched>, Problem> {
    let switched = api.read(move |api, declared| {
        let to = SwitchRow { at: api.desk.now(), paused, who: Some("the API".to_owned()), why };
        View::from(declared).switch(&api.store, &name, to)
    });
    Ok(Json(switched.await?))
}
