//! Sources that have to be asked: who is asked, and what is to be asked for again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use assetctl_calendar::{Calendar, SessionIx};
use assetctl_config::{Asset, Diagnostic, Kind, Project};
use assetctl_connect::Fetch;
use assetctl_graph::{AssetNode, Graph};
use assetctl_plan::{Asked, Observation, Plan, Vain};
use assetctl_store::{FetchRow, Store};
use chrono::{DateTime, NaiveDate, Utc};

/// Who is asked for the rows of an asset, by position in the graph.
pub type Fetchers = HashMap<usize, Arc<dyn Fetch>>;

/// Those who are asked for what is stale of a plan. Nobody is asked anything yet.
///
/// # Errors
/// What the assets declare of their vendors cannot be.
pub fn fetchers(project: &Project, graph: &Graph, plan: &Plan) -> Result<Fetchers, Vec<Diagnostic>> {
    let mut fetchers = Fetchers::new();
    let stale = plan.assets.iter().filter(|asset| !asset.stale.is_empty());
    for asset in stale.filter(|asset| graph.node(asset.node).is_fetched()) {
        let of_project = &project.assets[graph.node(asset.node).asset];
        fetchers.extend(assetctl_connect::fetcher(of_project)?.map(|fetcher| (asset.node, Arc::from(fetcher))));
    }
    Ok(fetchers)
}

/// How many sessions of an asset are asked for again when a newer one has become final.
fn lookback(asset: &Asset) -> u32 {
    match &asset.kind {
        Kind::Source(spec) => spec.fetch.lookback.unwrap_or(0),
        _ => 0,
    }
}

/// What is to be asked for again, by what the ledger knows of asking. Nobody is asked.
pub fn observe(
    asset: &Asset,
    node: &AssetNode,
    store: Option<&Store>,
    now: DateTime<Utc>,
) -> Result<Observation, assetctl_store::Error> {
    let calendar = &node.calendar;
    let closed = calendar.last_closed_by(now).filter(|ix| *ix >= node.start);
    let rows = match store {
        Some(store) => store.fetches(&node.name, node.start_date(), NaiveDate::MAX)?,
        None => BTreeMap::new(),
    };
    let refused = rows.iter().filter(|(_, row)| !row.taken);
    let vain = refused.map(|(session, row)| (*session, Vain { at: row.asked_at, rows: row.rows })).collect();
    let lookback = lookback(asset);
    let due = match calendar.last_closed_by(now - node.settlement) {
        Some(last) => {
            let first = last.0.saturating_sub(lookback).max(node.start.0);
            let final_at = calendar.close(last) + node.settlement;
            (first..last.0).filter_map(|ix| due(calendar, SessionIx(ix), &rows, final_at)).collect()
        }
        None => Default::default(),
    };
    Ok(Observation {
        last: closed.map(|ix| calendar.date(ix).date()),
        asked: Some(Asked { lookback, due, vain }),
        ..Observation::default()
    })
}

/// The date of a session that was asked for last before a newer one was final, or of which nobody knows when.
fn due(
    calendar: &Calendar,
    ix: SessionIx,
    rows: &BTreeMap<NaiveDate, FetchRow>,
    final_at: DateTime<Utc>,
) -> Option<NaiveDate> {
    let date = calendar.date(ix).date();
    rows.get(&date).is_none_or(|row| row.asked_at < final_at).then_some(date)
}
