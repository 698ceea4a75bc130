//! What would have been made from what was known at an instant: the sources as they were known then, taken over into a store of its own.

use std::collections::BTreeSet;

use assetctl_graph::{Axis, Graph};
use assetctl_plan::{Ledger, SegmentRecord, spec_hash, wiring};
use assetctl_store::{Commit, LockError, NewPartition, NewRun, RunId, RunStatus, Snapshot, Store};
use chrono::{DateTime, NaiveDate, Utc};

use crate::dispatch::RunError;

/// Months that are taken over at once.
const MONTHS: usize = 12;

/// Brings the assets at some positions of the graph in `into` to what they are in `history`. Their rows are taken as they are, bit for bit;
/// nothing is fetched, and no file is read. What is there already is left.
///
/// # Errors
/// When either store cannot be read or written, or when another process writes these assets of `into`.
pub fn take_over(
    graph: &Graph,
    history: &Snapshot,
    into: &Store,
    assets: &BTreeSet<usize>,
    clock: fn() -> DateTime<Utc>,
) -> Result<(), RunError> {
    let there = into.snapshot()?;
    let mut behind = Vec::new();
    for ix in assets {
        let name = &graph.node(*ix).name;
        if there.contents(name)? != history.contents(name)? {
            behind.push(*ix);
        }
    }
    if behind.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = behind.iter().map(|ix| graph.node(*ix).name.clone()).collect();
    let plan = serde_json::json!({ "assets": [] });
    let command = "take over what was known".to_owned();
    let run = into.begin_run(&NewRun { command, selection: names.join(" "), at: clock(), plan })?;
    let done = into.lock_assets(&names, run).map_err(|error| match error {
        LockError::Held { asset, run } => RunError::Busy { asset, run },
        LockError::Failed(error) => error.into(),
    });
    let done = done.and_then(|_locks| behind.iter().try_for_each(|ix| asset(graph, history, into, *ix, run, clock)));
    let status = if done.is_ok() { RunStatus::Succeeded } else { RunStatus::Failed };
    into.finish_run(run, status, clock())?;
    done
}

fn asset(
    graph: &Graph,
    history: &Snapshot,
    into: &Store,
    ix: usize,
    run: RunId,
    clock: fn() -> DateTime<Utc>,
) -> Result<(), RunError> {
    let node = graph.node(ix);
    let (from, to) = (NaiveDate::MIN, NaiveDate::MAX);
    let months = match history.head(&node.name) {
        Some(_) => history.segments(&node.name, from, to)?,
        None => Vec::new(),
    };
    let kept: BTreeSet<NaiveDate> = sessions(&months).collect();
    let gone: Vec<NaiveDate> =
        into.snapshot()?.contents(&node.name)?.into_keys().filter(|session| !kept.contains(session)).collect();
    let key = history.schema(&node.name)?.map(|schema| schema.key_names()).unwrap_or_default();
    let commit = || Commit {
        run,
        asset: &node.name,
        spec: spec_hash(node),
        wiring: wiring(graph, ix),
        spec_text: &node.spec_text,
        key: key.clone(),
        frame: Default::default(),
        partitions: Vec::new(),
        dirty: Vec::new(),
        drop: Vec::new(),
        read_rev: 0,
        verified: None,
        is_static: node.axis == Axis::Static,
        sources: None,
        fetches: None,
        carried: None,
        at: clock(),
    };
    for year in months.chunks(MONTHS) {
        let (Some(first), Some(last)) = (sessions(year).min(), sessions(year).max()) else { continue };
        let records = year.iter().flat_map(|month| &month.partitions);
        let partitions =
            records.map(|record| NewPartition { session: record.session, inputs: record.inputs }).collect();
        into.commit(Commit { frame: history.read(&node.name, first, last, None)?, partitions, ..commit() })?;
    }
    if !gone.is_empty() {
        into.commit(Commit { drop: gone, ..commit() })?;
    }
    Ok(())
}

fn sessions(months: &[SegmentRecord]) -> impl Iterator<Item = NaiveDate> + '_ {
    months.iter().flat_map(|month| &month.partitions).map(|record| record.session)
}
