//! `/assets`, `/status`, `/lineage`, `/checks`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::pages::{Page, cursor, limit, words};
use super::problem::{Problem, Reading};
use super::state::Api;
use crate::read::{
    AssetState, CheckStanding, ColumnWindows, Lineage, ListedAsset, Partition, Partitions, ReadError, View,
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListOf {
    /// Assets, in the language of `--select`: `scores`, `+scores`, `tag:daily,kind:indicators`; spaces unite. All, if left out.
    select: Option<String>,
    /// Assets to leave out.
    exclude: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Lists assets, in the order written
#[utoipa::path(get, path = "/api/v1/assets", tag = "assets", params(ListOf), security((), ("token" = [])),
    responses((status = 200, body = Page<ListedAsset>), Reading))]
pub async fn list(State(api): State<Arc<Api>>, Query(of): Query<ListOf>) -> Result<Json<Page<ListedAsset>>, Problem> {
    let page = api.weigh_or_read(needs_plan(&[&of.select, &of.exclude]), move |api, declared| {
        let (limit, after) = (limit(of.limit)?, cursor::<String>(of.cursor.as_deref())?);
        let view = View::from(declared);
        let (select, exclude) = (words(of.select.as_deref()), words(of.exclude.as_deref()));
        let selected = view.select_by_state(&select, &exclude, Some(&api.store), api.desk.now())?;
        let from = match &after {
            Some(name) => view.asset(name).map_err(|_| super::pages::foreign())?.0 + 1,
            None => 0,
        };
        let items = selected.range(from..).take(limit + 1).map(|ix| view.listed(*ix)).collect();
        Ok(Page::cut(items, limit, |asset: &ListedAsset| asset.asset.clone()))
    });
    Ok(Json(page.await?))
}

/// An asset with all that is known of it.
#[derive(Serialize, ToSchema)]
pub struct AssetDetail {
    #[serde(flatten)]
    pub declared: ListedAsset,
    /// What each of its columns reads.
    pub windows: Vec<ColumnWindows>,
    /// How far it is.
    pub head: AssetState,
    pub checks: Vec<CheckStanding>,
}

/// Shows an asset: its columns, what they read, how far it is, how its checks stand
#[utoipa::path(get, path = "/api/v1/assets/{name}", tag = "assets", params(("name" = String, Path, description = "The asset")),
    security((), ("token" = [])), responses((status = 200, body = AssetDetail), Reading))]
pub async fn show(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Result<Json<AssetDetail>, Problem> {
    let detail = api.weigh(move |api, declared| {
        let view = View::from(declared);
        let (ix, node) = view.asset(&name)?;
        let select = [node.name.clone()];
        let mut heads = view.status(Some(&api.store), &select, &[], api.desk.now())?;
        let head = heads.pop().ok_or_else(|| ReadError::unknown(format!("there is no asset `{name}`"), None))?;
        let mut checks = view.standings(&api.store.check_results()?, None, None);
        checks.retain(|standing| standing.asset == node.name);
        Ok(AssetDetail { declared: view.listed(ix), windows: view.windows(&BTreeSet::from([ix])), head, checks })
    });
    Ok(Json(detail.await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PartitionsOf {
    /// First session.
    from: Option<NaiveDate>,
    /// Last session.
    to: Option<NaiveDate>,
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Lists the partitions of an asset that are there, by session
#[utoipa::path(get, path = "/api/v1/assets/{name}/partitions", tag = "assets",
    params(("name" = String, Path, description = "The asset"), PartitionsOf), security((), ("token" = [])),
    responses((status = 200, body = Page<Partition>), Reading))]
pub async fn partitions(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Query(of): Query<PartitionsOf>,
) -> Result<Json<Page<Partition>>, Problem> {
    let page = api.read(move |api, declared| {
        let limit = limit(of.limit)?;
        let which = Partitions { from: of.from, to: of.to, after: cursor(of.cursor.as_deref())?, limit };
        let (items, is_more) = View::from(declared).partitions(Some(&api.store), &name, &which)?;
        let last = items.last().and_then(|partition| partition.session);
        Ok(Page { next: last.filter(|_| is_more).map(|session| session.to_string()), items })
    });
    Ok(Json(page.await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// Assets, in the language of `--select`; spaces unite. All, if left out.
    select: Option<String>,
    /// Assets to leave out.
    exclude: Option<String>,
}

/// Tells how far assets are, inputs first
#[utoipa::path(get, path = "/api/v1/status", tag = "assets", params(Chosen), security((), ("token" = [])),
    responses((status = 200, body = Vec<AssetState>), Reading))]
pub async fn status(State(api): State<Arc<Api>>, Query(of): Query<Chosen>) -> Result<Json<Vec<AssetState>>, Problem> {
    let states = api.weigh(move |api, declared| {
        let (select, exclude) = (words(of.select.as_deref()), words(of.exclude.as_deref()));
        View::from(declared).status(Some(&api.store), &select, &exclude, api.desk.now())
    });
    Ok(Json(states.await?))
}

/// Which way to look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// What it is made of.
    Up,
    /// What is made of it.
    Down,
    #[default]
    Both,
}

/// No project is deeper.
const MOST_DEPTH: u32 = 10_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct LineageOf {
    /// The asset to look from. All assets, if neither this nor `select` is given.
    asset: Option<String>,
    /// Of `asset`: which way to look (default both).
    #[param(inline)]
    direction: Option<Direction>,
    /// Of `asset`: how many steps (default all).
    #[param(minimum = 1, maximum = 10000)]
    depth: Option<u32>,
    /// Or else assets in the language of `--select`; spaces unite.
    select: Option<String>,
}

/// Tells what depends on what
#[utoipa::path(get, path = "/api/v1/lineage", tag = "assets", params(LineageOf), security((), ("token" = [])),
    responses((status = 200, body = Lineage), Reading))]
pub async fn lineage(State(api): State<Arc<Api>>, Query(of): Query<LineageOf>) -> Result<Json<Lineage>, Problem> {
    let lineage = api.weigh_or_read(needs_plan(&[&of.select]), move |api, declared| {
        let view = View::from(declared);
        if of.depth.is_some_and(|depth| !(1..=MOST_DEPTH).contains(&depth)) {
            let help = Some("between 1 and 10000, or left out for all");
            return Err(ReadError::wrong("`depth` is not a number of steps", help));
        }
        let selected = match (&of.asset, &of.select) {
            (Some(_), Some(_)) => return Err(ReadError::wrong("give `asset` or `select`, not both", None)),
            (Some(name), None) => {
                let (ix, _) = view.asset(name)?;
                let direction = of.direction.unwrap_or_default();
                let mut selected = BTreeSet::from([ix]);
                if direction != Direction::Down {
                    selected.extend(view.graph.above(ix, of.depth));
                }
                if direction != Direction::Up {
                    selected.extend(view.graph.below(ix, of.depth));
                }
                selected
            }
            (None, select) => view.select_by_state(&words(select.as_deref()), &[], Some(&api.store), api.desk.now())?,
        };
        Ok(view.lineage(&selected))
    });
    Ok(Json(lineage.await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChecksOf {
    /// Of these assets, in the language of `--select`; spaces unite. All, if left out.
    select: Option<String>,
    /// Only those that do not hold.
    failed: Option<bool>,
    /// First session.
    from: Option<NaiveDate>,
    /// Last session.
    to: Option<NaiveDate>,
}

/// Tells how every check stands: the newest outcome of each session
#[utoipa::path(get, path = "/api/v1/checks", tag = "assets", params(ChecksOf), security((), ("token" = [])),
    responses((status = 200, body = Vec<CheckStanding>), Reading))]
pub async fn checks(
    State(api): State<Arc<Api>>,
    Query(of): Query<ChecksOf>,
) -> Result<Json<Vec<CheckStanding>>, Problem> {
    let standings = api.weigh_or_read(needs_plan(&[&of.select]), move |api, declared| {
        let view = View::from(declared);
        let selected = view.select_by_state(&words(of.select.as_deref()), &[], Some(&api.store), api.desk.now())?;
        let names: BTreeSet<&str> = selected.iter().map(|ix| view.graph.node(*ix).name.as_str()).collect();
        let mut standings = view.standings(&api.store.check_results()?, of.from, of.to);
        standings.retain(|standing| names.contains(standing.asset.as_str()));
        if of.failed == Some(true) {
            standings.retain(|standing| !standing.findings.is_empty());
        }
        Ok(standings)
    });
    Ok(Json(standings.await?))
}

/// Whether a selection takes a plan to resolve.
pub(super) fn needs_plan(selections: &[&Option<String>]) -> bool {
    selections.iter().any(|text| text.as_ref().is_some_and(|text| text.contains("state:")))
}
