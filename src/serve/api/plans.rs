//! `/plan` and `/explain`.

use std::sync::Arc;

use assetctl_plan::Plan;
use axum::Json;
use axum::extract::{Path, Query, State};
use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::IntoParams;

use super::pages::words;
use super::problem::{Problem, Reading};
use super::state::Api;
use crate::read::{Explanation, View, Wish};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PlanOf {
    /// Assets, in the language of `--select`; spaces unite. All, if left out.
    select: Option<String>,
    /// Assets to leave out.
    exclude: Option<String>,
    /// First session.
    from: Option<NaiveDate>,
    /// Last session.
    to: Option<NaiveDate>,
    /// Leave out what the selected assets need.
    #[serde(default)]
    only: bool,
    /// Every partition of the selected assets, stale or not.
    #[serde(default)]
    force: bool,
}

/// Tells what is stale, and why; writes nothing
#[utoipa::path(get, path = "/api/v1/plan", tag = "plans", params(PlanOf), security((), ("token" = [])),
    responses((status = 200, body = Plan), Reading))]
pub async fn plan(State(api): State<Arc<Api>>, Query(of): Query<PlanOf>) -> Result<Json<Plan>, Problem> {
    let plan = api.weigh(move |api, declared| {
        let (select, exclude) = (words(of.select.as_deref()), words(of.exclude.as_deref()));
        let PlanOf { from, to, only, force, .. } = of;
        let wish = Wish { select: &select, exclude: &exclude, from, to, only, force, again: false };
        let snapshot = api.store.snapshot()?;
        Ok(View::from(declared).plan(Some(&api.store), Some(&snapshot), &wish, api.desk.now())?.plan)
    });
    Ok(Json(plan.await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExplainOf {
    /// Its row besides.
    instrument: Option<String>,
}

/// Tells why a partition is as it is, with the whole chain of causes
#[utoipa::path(get, path = "/api/v1/explain/{asset}/{session}", tag = "plans",
    params(("asset" = String, Path, description = "The asset"), ("session" = NaiveDate, Path, description = "The session"), ExplainOf),
    security((), ("token" = [])), responses((status = 200, body = Explanation), Reading))]
pub async fn explain(
    State(api): State<Arc<Api>>,
    Path((asset, session)): Path<(String, NaiveDate)>,
    Query(of): Query<ExplainOf>,
) -> Result<Json<Explanation>, Problem> {
    explanation(api, asset, Some(session), of).await
}

/// The same of the first partition that is stale, or the newest; of an asset without sessions, of all of it
#[utoipa::path(get, path = "/api/v1/explain/{asset}", tag = "plans",
    params(("asset" = String, Path, description = "The asset"), ExplainOf),
    security((), ("token" = [])), responses((status = 200, body = Explanation), Reading))]
pub async fn explain_newest(
    State(api): State<Arc<Api>>,
    Path(asset): Path<String>,
    Query(of): Query<ExplainOf>,
) -> Result<Json<Explanation>, Problem> {
    explanation(api, asset, None, of).await
}

async fn explanation(
    api: Arc<Api>,
    asset: String,
    session: Option<NaiveDate>,
    of: ExplainOf,
) -> Result<Json<Explanation>, Problem> {
    let explanation = api.weigh(move |api, declared| {
        let (store, instrument) = (Some(&api.store), of.instrument.as_deref());
        Ok(View::from(declared).explain(store, &asset, session, instrument, api.desk.now())?.0)
    });
    Ok(Json(explanation.await?))
}
