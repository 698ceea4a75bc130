//! The second look at a plan, when an asset's turn has come: its inputs are up to date now, so what may have been stale is, or is not.

use std::collections::BTreeSet;

use assetctl_calendar::{SessionIx, SessionRange, SessionSet};
use assetctl_graph::{AssetNode, Graph};
use chrono::NaiveDate;

use crate::assess::{Observation, Question, assess, reaches_beyond};
use crate::axis::{EdgeMap, date_of, dates_of, ix_of, universe};
use crate::ledger::Ledger;
use crate::model::{AssetPlan, StaleReason};
use crate::records::RecordCache;

/// What of an asset's plan is still to be done once its inputs have been brought up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// To be recomputed, in order.
    pub sessions: Vec<NaiveDate>,
    /// Stale as well, but not announced: left for another plan. What waits for an input is not among them.
    pub others: Vec<NaiveDate>,
    /// Whether the asset is up to date once `sessions` are made.
    pub whole: bool,
}

/// Settles an asset's plan against the ledger as it stands now: what may have been stale is, or is not.
///
/// The result is always part of what the plan announced.
pub fn settle<L: Ledger>(
    graph: &Graph,
    ledger: &L,
    observation: Option<&Observation>,
    plan: &AssetPlan,
) -> Result<Settled, L::Error> {
    let cache = RecordCache::new(graph, ledger);
    let node = graph.node(plan.node);
    let available = match (plan.first.and_then(|date| ix_of(node, date)), plan.last.and_then(|date| ix_of(node, date)))
    {
        (Some(first), Some(last)) => SessionRange { first, last },
        _ => universe(node),
    };
    let question =
        Question { asset: plan.node, spec: plan.spec, wiring: plan.wiring, data: available, available, observation };
    let stale = assess(&cache, &question)?.set();
    let mut forced = SessionSet::new();
    for range in plan.stale.iter().filter(|range| range.reason == StaleReason::Forced) {
        if let (Some(first), Some(last)) = (ix_of(node, range.first), ix_of(node, range.last)) {
            forced.insert(SessionRange { first, last });
        }
    }
    let now = stale.intersection(&announced(node, plan)).union(&forced);
    let waits = plan
        .blocked
        .iter()
        .filter_map(|range| Some(SessionRange { first: ix_of(node, range.first)?, last: ix_of(node, range.last)? }));
    let others = dates_of(node, &stale.difference(&now).difference(&SessionSet::from_iter(waits)));
    let mut whole = others.is_empty() && plan.blocked_by_input().is_none();
    if whole && reaches_beyond(node, ledger.head(&node.name), available) {
        let last = date_of(node, available.last);
        let records = cache.all(plan.node)?;
        let mut beyond = records.iter().map(|(_, record)| record.session).filter(|session| *session > last);
        whole = beyond.all(|session| plan.obsolete.contains(&session));
    }
    Ok(Settled { sessions: dates_of(node, &now), others, whole })
}

/// Those of an asset's sessions that cannot be made while `missing` sessions of an input are not there: whose windows hold one, and, of
/// an asset that goes on from its own past, everything after them.
pub fn readers_of(
    graph: &Graph,
    asset: usize,
    input: usize,
    missing: &BTreeSet<NaiveDate>,
    sessions: &[NaiveDate],
) -> BTreeSet<NaiveDate> {
    let node = graph.node(asset);
    let Some((positions, range, mut touched)) = touching(graph, asset, input, missing, sessions) else {
        return BTreeSet::new();
    };
    if node.recursive
        && let Some(first) = touched.first()
    {
        touched.insert(SessionRange { first, last: range.last });
    }
    positions.into_iter().filter(|ix| touched.contains(*ix)).map(|ix| date_of(node, ix)).collect()
}

/// The sessions that an asset's plan announced, other than `but`, whose own windows hold one of the `missing` sessions of an input: they are
/// as they were, and would have been made again from what is missing.
pub fn announced_readers_of(
    graph: &Graph,
    plan: &AssetPlan,
    input: usize,
    missing: &BTreeSet<NaiveDate>,
    but: &BTreeSet<NaiveDate>,
) -> BTreeSet<NaiveDate> {
    let node = graph.node(plan.node);
    let announced: Vec<NaiveDate> =
        dates_of(node, &announced(node, plan)).into_iter().filter(|session| !but.contains(session)).collect();
    let Some((positions, _, touched)) = touching(graph, plan.node, input, missing, &announced) else {
        return BTreeSet::new();
    };
    positions.into_iter().filter(|ix| touched.contains(*ix)).map(|ix| date_of(node, ix)).collect()
}

/// The positions of `sessions`, the range of them, and those within it whose windows hold a `missing` session of an input.
fn touching(
    graph: &Graph,
    asset: usize,
    input: usize,
    missing: &BTreeSet<NaiveDate>,
    sessions: &[NaiveDate],
) -> Option<(Vec<SessionIx>, SessionRange, SessionSet)> {
    let (node, of_input) = (graph.node(asset), graph.node(input));
    let positions: Vec<SessionIx> = sessions.iter().filter_map(|session| ix_of(node, *session)).collect();
    let range = SessionRange { first: *positions.iter().min()?, last: *positions.iter().max()? };
    let missing = SessionSet::from_iter(missing.iter().filter_map(|session| ix_of(of_input, *session)));
    let edges = node.edges.iter().filter(|edge| edge.input == input);
    let touched = edges.fold(SessionSet::new(), |so_far, edge| {
        so_far.union(&EdgeMap::new(node, of_input, edge).touched(&missing, range))
    });
    Some((positions, range, touched))
}

/// The positions that a plan announced.
fn announced(node: &AssetNode, plan: &AssetPlan) -> SessionSet {
    let mut announced = SessionSet::new();
    for range in &plan.stale {
        if let (Some(first), Some(last)) = (ix_of(node, range.first), ix_of(node, range.last)) {
            announced.insert(SessionRange { first, last });
        }
    }
    announced
}
