//! Runs, requests in the queue, jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use assetctl_config::JobWork;
use assetctl_schedule::ResolvedJob;
use assetctl_store::{Origin, RequestRow, RequestsOf, RunDetail, RunId, RunRow, Wanted};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::pages::{Page, cursor, limit};
use super::problem::{Problem, Reading, Sending};
use super::state::Api;
use crate::read::{self, Asker, JobStatistics, ListedJob, Queue, Queued, ReadError, RequestTold, View, Wish};

/// In the ledger, who asks over HTTP is called so.
const WHO: &str = "the API";

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageOf {
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Lists runs, the newest first
#[utoipa::path(get, path = "/api/v1/runs", tag = "work", params(PageOf), security((), ("token" = [])),
    responses((status = 200, body = Page<RunRow>), Reading))]
pub async fn runs(State(api): State<Arc<Api>>, Query(of): Query<PageOf>) -> Result<Json<Page<RunRow>>, Problem> {
    let page = api.read(move |api, _| {
        let limit = limit(of.limit)?;
        let rows = api.store.runs_before(cursor(of.cursor.as_deref())?, limit + 1)?;
        Ok(Page::cut(rows, limit, |run| run.id.to_string()))
    });
    Ok(Json(page.await?))
}

/// Shows a run: its plan, what became of each asset, the checks that failed
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "work", params(("id" = u64, Path, description = "The run's number")),
    security((), ("token" = [])), responses((status = 200, body = RunDetail), Reading))]
pub async fn run(State(api): State<Arc<Api>>, Path(id): Path<u64>) -> Result<Json<RunDetail>, Problem> {
    let run = api.read(move |api, _| api.store.run(RunId(id))?.ok_or_else(|| no_run(id)));
    Ok(Json(run.await?))
}

fn no_run(id: u64) -> ReadError {
    ReadError::unknown(format!("there is no run {id}"), Some("`assetctl runs` lists them"))
}

/// Tells what happened in a run, if the daemon ran it: its events, oldest first
///
/// `next` is there as long as the run goes on: asked for again with it, what came since is told.
#[utoipa::path(get, path = "/api/v1/runs/{id}/log", tag = "work",
    params(("id" = u64, Path, description = "The run's number"), PageOf), security((), ("token" = [])),
    responses((status = 200, body = Page<assetctl_daemon::Event>), Reading))]
pub async fn run_log(
    State(api): State<Arc<Api>>,
    Path(id): Path<u64>,
    Query(of): Query<PageOf>,
) -> Result<Json<Page<serde_json::Value>>, Problem> {
    let page = api.read(move |api, _| {
        let limit = limit(of.limit)?;
        let mut from: u64 = cursor(of.cursor.as_deref())?.unwrap_or(0);
        // What is written before it ends is read after it has.
        let run = api.store.run(RunId(id))?.ok_or_else(|| no_run(id))?.run;
        let start = from;
        let lines = read::more_lines(&api.store.layout().run_log(id), &mut from)?;
        let is_more = lines.len() > limit;
        let taken = lines.iter().take(limit);
        let end = start + taken.clone().map(|line| line.len() as u64 + 1).sum::<u64>();
        let items = taken.filter_map(|line| serde_json::from_str(line).ok()).collect();
        let goes_on = is_more || run.finished_at.is_none();
        Ok(Page { items, next: goes_on.then(|| end.to_string()) })
    });
    Ok(Json(page.await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct QueueOf {
    /// How many that have ended to list besides.
    #[param(minimum = 1, maximum = 1000, default = 10)]
    limit: Option<u32>,
}

/// Shows the queue: who works it, what waits, runs and has ended
#[utoipa::path(get, path = "/api/v1/queue", tag = "work", params(QueueOf), security((), ("token" = [])),
    responses((status = 200, body = Queue), Reading))]
pub async fn queue(State(api): State<Arc<Api>>, Query(of): Query<QueueOf>) -> Result<Json<Queue>, Problem> {
    let queue = api.read(move |api, _| read::queue(&api.store, limit(Some(of.limit.unwrap_or(10)))?));
    Ok(Json(queue.await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RequestsQuery {
    /// Only of this job.
    job: Option<String>,
    /// Only those that wait, run or are paused (`true`), or that have ended (`false`).
    open: Option<bool>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Lists requests, the newest first
#[utoipa::path(get, path = "/api/v1/requests", tag = "work", params(RequestsQuery), security((), ("token" = [])),
    responses((status = 200, body = Page<RequestRow>), Reading))]
pub async fn requests(
    State(api): State<Arc<Api>>,
    Query(of): Query<RequestsQuery>,
) -> Result<Json<Page<RequestRow>>, Problem> {
    let page = api.read(move |api, _| {
        let limit = limit(of.limit)?;
        let which = RequestsOf { job: of.job.as_deref(), open: of.open };
        let rows = api.store.requests_before(which, cursor(of.cursor.as_deref())?, limit + 1)?;
        Ok(Page::cut(rows, limit, |request| request.id.to_string()))
    });
    Ok(Json(page.await?))
}

/// Shows a request: the job as it runs, its attempts, how it ended
#[utoipa::path(get, path = "/api/v1/requests/{id}", tag = "work", params(("id" = u64, Path, description = "The request's number")),
    security((), ("token" = [])), responses((status = 200, body = RequestRow), Reading))]
pub async fn request(State(api): State<Arc<Api>>, Path(id): Path<u64>) -> Result<Json<RequestRow>, Problem> {
    Ok(Json(api.read(move |api, _| read::request(&api.store, id)).await?))
}

/// Lists jobs, in the order written
#[utoipa::path(get, path = "/api/v1/jobs", tag = "work", security((), ("token" = [])),
    responses((status = 200, body = Vec<ListedJob>), Reading))]
pub async fn jobs(State(api): State<Arc<Api>>) -> Result<Json<Vec<ListedJob>>, Problem> {
    Ok(Json(api.read(|_, declared| Ok(View::from(declared).jobs())).await?))
}

/// Shows a job as it would run now, with everything in it resolved
#[utoipa::path(get, path = "/api/v1/jobs/{name}", tag = "work", params(("name" = String, Path, description = "The job")),
    security((), ("token" = [])), responses((status = 200, body = ResolvedJob), Reading))]
pub async fn job(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Result<Json<ResolvedJob>, Problem> {
    let job = api.read(move |api, declared| {
        let view = View::from(declared);
        view.resolved(view.job(&name)?, &BTreeMap::new(), None, api.desk.now())
    });
    Ok(Json(job.await?))
}

/// Tells how often jobs end well, and how long they take
#[utoipa::path(get, path = "/api/v1/statistics", tag = "work", security((), ("token" = [])),
    responses((status = 200, body = Vec<JobStatistics>), Reading))]
pub async fn statistics(State(api): State<Arc<Api>>) -> Result<Json<Vec<JobStatistics>>, Problem> {
    let made = api.read(|api, _| Ok(read::statistics(&api.store.ended_requests(read::COUNTED)?)));
    Ok(Json(made.await?))
}

/// Work that no job declares.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskedWork {
    /// What to do.
    #[serde(default)]
    work: AskedKind,
    /// Assets, each in the language of `--select`; all, if there is none.
    #[serde(default)]
    select: Vec<String>,
    /// Assets to leave out.
    #[serde(default)]
    exclude: Vec<String>,
    /// First and last session; all that are stale, if left out. A `backfill` needs `from`.
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    /// Leave out what the selected assets need.
    #[serde(default)]
    only: bool,
    /// Every partition of the selected assets, stale or not.
    #[serde(default)]
    force: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AskedKind {
    /// Brings the selected assets, and what they need, up to date.
    #[default]
    Materialize,
    /// The same for a window of sessions.
    Backfill,
    /// Runs the checks on what is there.
    Check,
}

/// Puts work on assets into the queue
#[utoipa::path(post, path = "/api/v1/requests", tag = "actions", request_body = AskedWork, security(("token" = [])),
    responses((status = 202, description = "it is queued", body = Queued), Sending))]
pub async fn ask(
    State(api): State<Arc<Api>>,
    Json(asked): Json<AskedWork>,
) -> Result<(StatusCode, Json<Queued>), Problem> {
    let queued = api.weigh(move |api, declared| {
        let work = match asked.work {
            AskedKind::Materialize => JobWork::Materialize,
            AskedKind::Backfill => JobWork::Backfill,
            AskedKind::Check => JobWork::Check,
        };
        let AskedWork { from, to, only, force, .. } = asked;
        if work == JobWork::Backfill && from.is_none() {
            return Err(ReadError::wrong("a backfill does not say from when", Some("add `from`, a date")));
        }
        let wish = Wish { select: &asked.select, exclude: &asked.exclude, from, to, only, force, again: false };
        read::queue_work(declared, &api.store, work, &wish, asker(api))
    });
    Ok((StatusCode::ACCEPTED, Json(queued.await?)))
}

fn asker(api: &Api) -> Asker<'static> {
    Asker { origin: Origin::Api, who: Some(WHO), now: api.desk.now() }
}

/// Values for the variables of a job.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobVars {
    /// By name; a text, a number, a boolean, or of a list a list of texts.
    #[serde(default)]
    vars: BTreeMap<String, VarText>,
}

#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub enum VarText {
    Text(String),
    Whole(i64),
    Number(f64),
    Bool(bool),
    List(Vec<String>),
}

impl VarText {
    /// As on the command line.
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::List(items) => items.join(","),
        }
    }
}

/// Puts a job into the queue, with its retries, timeout and limits
#[utoipa::path(post, path = "/api/v1/jobs/{name}/run", tag = "actions", params(("name" = String, Path, description = "The job")),
    request_body = JobVars, security(("token" = [])),
    responses((status = 202, description = "it is queued", body = Queued), Sending))]
pub async fn run_job(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Json(given): Json<JobVars>,
) -> Result<(StatusCode, Json<Queued>), Problem> {
    let queued = api.read(move |api, declared| {
        let vars: Vec<(String, String)> = given.vars.into_iter().map(|(name, value)| (name, value.text())).collect();
        read::queue_job(declared, &api.store, &name, &vars, asker(api))
    });
    Ok((StatusCode::ACCEPTED, Json(queued.await?)))
}

/// Stops a request, wherever it is, and does not run it again
#[utoipa::path(post, path = "/api/v1/requests/{id}/cancel", tag = "actions",
    params(("id" = u64, Path, description = "The request's number")), security(("token" = [])),
    responses((status = 200, body = RequestTold), Sending))]
pub async fn cancel(State(api): State<Arc<Api>>, Path(id): Path<u64>) -> Result<Json<RequestTold>, Problem> {
    Ok(Json(api.read(move |api, _| read::want(&api.store, id, Wanted::Cancel, api.desk.now())).await?))
}

/// Stops a request, and keeps its place in the queue until it is resumed
#[utoipa::path(post, path = "/api/v1/requests/{id}/pause", tag = "actions",
    params(("id" = u64, Path, description = "The request's number")), security(("token" = [])),
    responses((status = 200, body = RequestTold), Sending))]
pub async fn pause(State(api): State<Arc<Api>>, Path(id): Path<u64>) -> Result<Json<RequestTold>, Problem> {
    Ok(Json(api.read(move |api, _| read::want(&api.store, id, Wanted::Pause, api.desk.now())).await?))
}

/// Lets a paused request go on from what was committed
#[utoipa::path(post, path = "/api/v1/requests/{id}/resume", tag = "actions",
    params(("id" = u64, Path, description = "The request's number")), security(("token" = [])),
    responses((status = 200, body = RequestTold), Sending))]
pub async fn resume(State(api): State<Arc<Api>>, Path(id): Path<u64>) -> Result<Json<RequestTold>, Problem> {
    Ok(Json(api.read(move |api, _| read::resume(&api.store, id)).await?))
}

/// Asks for the same again, under a new number
#[utoipa::path(post, path = "/api/v1/requests/{id}/retry", tag = "actions",
    params(("id" = u64, Path, description = "The request's number")), security(("token" = [])),
    responses((status = 200, body = RequestTold), Sending))]
pub async fn retry(State(api): State<Arc<Api>>, Path(id): Path<u64>) -> Result<Json<RequestTold>, Problem> {
    Ok(Json(api.read(move |api, _| read::retry(&api.store, id, asker(api))).await?))
}
