//! The walk over the graph: from a selection and the ledger to a [`Plan`].
//!
//! Two passes. Upwards (readers before inputs): which range of each asset is wanted, because it was asked for or because something
//! wanted reads it. Downwards (inputs before readers): which of those partitions are stale for certain, by
//! [`assess`](crate::assess), and which may become so because an input is recomputed first.

use std::collections::{BTreeSet, HashMap};

use assetctl_calendar::{CalendarError, SessionIx, SessionRange, SessionSet};
use assetctl_graph::{AssetNode, Axis, Graph};
use chrono::{DateTime, NaiveDate, Utc};

use crate::assess::Observation;
use crate::asset::{AssetPlanner, Known};
use crate::axis::{EdgeMap, date_of, ix_of, universe};
use crate::hash::Hash128;
use crate::ledger::Ledger;
use crate::model::Plan;
use crate::records::RecordCache;

/// What to plan for.
#[derive(Debug, Clone)]
pub struct Request {
    pub selection: String,
    pub selected: BTreeSet<usize>,
    /// Leave out what the selected assets need.
    pub only: bool,
    /// Assets that are taken as the ledger has them, whatever there is outside.
    pub given: BTreeSet<usize>,
    /// Only sessions between these dates, both included, of the selected assets (and what those sessions need).
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    /// Recompute every wanted partition of the selected assets.
    pub force: bool,
    /// Ask again for every partition between the dates of the selected sources that have to be asked.
    pub again: bool,
    pub now: DateTime<Utc>,
}

#[derive(Debug, thiserror::Error)]
pub enum PlanError<E: std::error::Error> {
    #[error("the ledger cannot be read")]
    Ledger(#[source] E),
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    #[error("`--from {from}` is after `--to {to}`")]
    EmptyRange { from: NaiveDate, to: NaiveDate },
}

/// The spec hash of an asset.
pub fn spec_hash(node: &AssetNode) -> Hash128 {
    Hash128::of(node.spec_text.as_bytes())
}

/// Makes a plan. Pure: it reads the ledger and writes nothing.
pub fn plan<L: Ledger>(
    graph: &Graph,
    ledger: &L,
    revision: u64,
    observations: &HashMap<usize, Observation>,
    request: &Request,
) -> Result<Plan, PlanError<L::Error>> {
    if let (Some(from), Some(to)) = (request.from, request.to)
        && from > to
    {
        return Err(PlanError::EmptyRange { from, to });
    }
    let cache = RecordCache::new(graph, ledger);
    let mut included: BTreeSet<usize> = if request.only {
        request.selected.clone()
    } else {
        request.selected.iter().flat_map(|ix| graph.above(*ix, None)).collect()
    };
    included.retain(|ix| !request.given.contains(ix));
    let wanted = wanted(graph, &included, request)?;
    let mut known: HashMap<usize, Known> = HashMap::new();
    let mut assets = Vec::with_capacity(included.len());
    for &ix in graph.order() {
        if included.contains(&ix) {
            let mut planner = AssetPlanner {
                cache: &cache,
                ix,
                node: graph.node(ix),
                request,
                observation: observations.get(&ix),
                known: &known,
            };
            let (asset, of_asset) = planner.plan(wanted.get(&ix).copied()).map_err(PlanError::Ledger)?;
            known.insert(ix, of_asset);
            assets.push(asset);
        } else if graph.readers(ix).iter().any(|reader| included.contains(reader)) {
            known.insert(ix, outside(&cache, ix).map_err(PlanError::Ledger)?);
        }
    }
    Ok(Plan { now: request.now, revision, selection: request.selection.clone(), assets })
}

/// The range of each included asset that is asked for, or read by what is.
fn wanted(
    graph: &Graph,
    included: &BTreeSet<usize>,
    request: &Request,
) -> Result<HashMap<usize, SessionRange>, CalendarError> {
    let mut wanted: HashMap<usize, SessionRange> = HashMap::new();
    for &ix in graph.order().iter().rev().filter(|ix| included.contains(ix)) {
        let node = graph.node(ix);
        if request.selected.contains(&ix)
            && let Some(range) = asked(node, request)?
        {
            widen(&mut wanted, ix, range);
        }
        let Some(mut range) = wanted.get(&ix).copied() else { continue };
        if node.recursive {
            // A partition needs its own past.
            range.first = node.start;
            widen(&mut wanted, ix, range);
        }
        for edge in node.edges.iter().filter(|edge| included.contains(&edge.input)) {
            if let Some(read) = EdgeMap::new(node, graph.node(edge.input), edge).windows(range) {
                widen(&mut wanted, edge.input, read);
            }
        }
        for edge in node.check_reads.edges.iter().filter(|edge| included.contains(&edge.input)) {
            if let Some(read) = EdgeMap::with_window(node, graph.node(edge.input), edge.back).windows(range) {
                widen(&mut wanted, edge.input, read);
            }
        }
    }
    Ok(wanted)
}

fn widen(wanted: &mut HashMap<usize, SessionRange>, ix: usize, range: SessionRange) {
    wanted
        .entry(ix)
        .and_modify(|known| {
            known.first = known.first.min(range.first);
            known.last = known.last.max(range.last);
        })
        .or_insert(range);
}

/// Everything that an asset could ever have, between the dates asked for.
fn asked(node: &AssetNode, request: &Request) -> Result<Option<SessionRange>, CalendarError> {
    let everything = universe(node);
    if node.axis == Axis::Static {
        return Ok(Some(everything));
    }
    let first = match request.from {
        Some(from) if from > node.start_date() => node.calendar.at_or_after(from)?,
        _ => everything.first,
    };
    let last = match request.to {
        Some(to) if to < node.start_date() => return Ok(None),
        Some(to) => node.calendar.at_or_before(to)?,
        None => everything.last,
    };
    Ok((first <= last).then_some(SessionRange { first, last }))
}

/// What there is of an asset that is not part of the plan. What was never made before its first partition is absent too.
fn outside<L: Ledger>(cache: &RecordCache<'_, L>, ix: usize) -> Result<Known, L::Error> {
    let node = cache.graph.node(ix);
    let Some(head) = cache.ledger.head(&node.name) else { return Ok(Known::default()) };
    let Some(last) = head.last.and_then(|last| ix_of(node, last)) else { return Ok(Known::default()) };
    let range = SessionRange { first: universe(node).first, last };
    if range.is_empty() {
        return Ok(Known::default());
    }
    let mut absent = SessionSet::new();
    let is_whole = head.partitions as usize == range.len() && head.first == Some(date_of(node, range.first));
    if !is_whole || !head.damaged.is_empty() {
        let records = cache.all(ix)?;
        let there = |ix: &SessionIx| {
            let date = date_of(node, *ix);
            records.get(date).is_some() && !head.damaged.contains(&crate::Month::of(date))
        };
        absent = SessionSet::from_iter(range.iter().filter(|ix| !there(ix)));
    }
    Ok(Known { data: Some(range), available: Some(range), absent, ..Known::default() })
}
