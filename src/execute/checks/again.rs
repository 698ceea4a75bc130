//! Checks run on what is there, without making anything.

use std::sync::Arc;

use assetctl_graph::{Axis, Graph};
use assetctl_plan::Ledger;
use assetctl_store::{CheckResult, Snapshot};
use chrono::{DateTime, NaiveDate, Utc};

use super::{Checking, freshness, results, run};
use crate::cancel::Cancel;
use crate::kinds::MakeError;

/// Sessions that are read at once: about a trading year.
const AT_ONCE: usize = 252;

/// What the checks of one asset say of its partitions.
#[derive(Debug, Clone)]
pub struct Rechecked {
    pub asset: String,
    pub results: Vec<CheckResult>,
}

/// Runs the checks of an asset on those of its partitions that lie between two dates, and its freshness on the newest; `None` if it has no
/// checks, or no partitions that they could be run on.
pub fn recheck(
    graph: &Arc<Graph>,
    asset: usize,
    snapshot: &Snapshot,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    now: DateTime<Utc>,
    cancel: &Cancel,
) -> Result<Option<Rechecked>, MakeError> {
    let node = graph.node(asset);
    let Some((first, last)) = snapshot.head(&node.name).and_then(|head| head.first.zip(head.last)) else {
        return Ok(None);
    };
    if node.checks.is_empty() {
        return Ok(None);
    }
    let segments = snapshot.segments(&node.name, first, last)?;
    let wanted = |session: &NaiveDate| {
        node.axis == Axis::Static || (from.is_none_or(|from| *session >= from) && to.is_none_or(|to| *session <= to))
    };
    let there = segments.iter().flat_map(|segment| &segment.partitions).map(|record| record.session);
    let sessions: Vec<NaiveDate> = there.filter(wanted).collect();
    let mut all = Vec::new();
    for sessions in sessions.chunks(AT_ONCE) {
        let (Some(first), Some(last)) = (sessions.first(), sessions.last()) else { continue };
        let frame = snapshot.read(&node.name, *first, *last, None)?;
        let checking = Checking { graph, node, snapshot, frame: &frame, sessions, committed: true, cancel };
        all.extend(results(node, &run(&checking)?, |_| true));
    }
    if let Some(fresh) = freshness(node, snapshot, now).filter(|_| node.axis != Axis::Static) {
        all.extend(results(node, &fresh, |_| true));
    }
    Ok(Some(Rechecked { asset: node.name.clone(), results: all }))
}
