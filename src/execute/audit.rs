//! The audit: partitions made once more from nothing but their windows, and held against what is kept of them.
//!
//! What an expression reads is proved from its windows. A query in SQL, or a program, cannot be read so: it is held inside its
//! window by what it is given, and whether it keeps to that (a random number, the time of day, rows in no order) shows when
//! it is run again.

use std::sync::Arc;

use assetctl_config::Project;
use assetctl_graph::{Axis, Graph};
use assetctl_plan::{AssetPlan, Plan, RecordCache, StaleRange, StaleReason};
use assetctl_store::{Difference, Snapshot, Store};
use chrono::NaiveDate;
use serde::Serialize;

use crate::cancel::Cancel;
use crate::kinds::{Batch, MakeError, materializer, of_session};

/// What an audit found of one asset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audited {
    pub asset: String,
    pub kind: &'static str,
    /// Sessions that were made once more.
    pub sessions: Vec<NaiveDate>,
    pub findings: Vec<AuditFinding>,
}

/// One partition that came out otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditFinding {
    pub session: NaiveDate,
    /// The columns that differ; `None` where the rows do.
    pub columns: Option<Vec<String>>,
}

/// Makes up to `sample` partitions of each computed asset of the plan once more, spread evenly over those that are up to date, each
/// by itself. Writes nothing.
pub fn audit(
    project: &Arc<Project>,
    graph: &Arc<Graph>,
    store: &Store,
    snapshot: &Snapshot,
    plan: &Plan,
    sample: usize,
    cancel: &Cancel,
) -> Result<Vec<Audited>, (String, MakeError)> {
    let mut audited = Vec::new();
    for asset in plan.assets.iter().filter(|asset| asset.selected) {
        let node = graph.node(asset.node);
        if node.is_external() || node.axis == Axis::Static {
            continue;
        }
        let of_asset = |error: MakeError| (asset.asset.clone(), error);
        let sessions = sampled(graph, snapshot, asset, sample).map_err(of_asset)?;
        let mut findings = Vec::new();
        for session in &sessions {
            let difference = again(project, graph, store, snapshot, asset, *session, cancel).map_err(of_asset)?;
            findings.extend(difference.map(|difference| AuditFinding {
                session: *session,
                columns: match difference {
                    Difference::Rows => None,
                    Difference::Columns(columns) => Some(columns),
                },
            }));
        }
        audited.push(Audited { asset: asset.asset.clone(), kind: asset.kind, sessions, findings });
    }
    Ok(audited)
}

/// Partitions that are there and up to date, spread evenly, the first and the last among them.
fn sampled(graph: &Graph, snapshot: &Snapshot, asset: &AssetPlan, sample: usize) -> Result<Vec<NaiveDate>, MakeError> {
    let cache = RecordCache::new(graph, snapshot);
    let records = cache.all(asset.node)?;
    let sessions: Vec<NaiveDate> =
        records.iter().map(|(_, record)| record.session).filter(|session| asset.range_of(*session).is_none()).collect();
    if sessions.len() <= sample {
        return Ok(sessions);
    }
    let last = sessions.len() - 1;
    Ok((0..sample).map(|at| sessions[at * last / (sample - 1).max(1)]).collect())
}

/// One partition, made as if nothing were known of it.
fn again(
    project: &Arc<Project>,
    graph: &Arc<Graph>,
    store: &Store,
    snapshot: &Snapshot,
    asset: &AssetPlan,
    session: NaiveDate,
    cancel: &Cancel,
) -> Result<Option<Difference>, MakeError> {
    let node = graph.node(asset.node);
    let forced = StaleRange { first: session, last: session, sessions: 1, certain: true, reason: StaleReason::Forced };
    let plan = AssetPlan { stale: vec![forced], ..asset.clone() };
    let batch = Batch {
        graph,
        node,
        asset: &project.assets[node.asset],
        sessions: &[session],
        next: None,
        snapshot,
        store,
        plan: &plan,
        threads: 1,
        scan: None,
        asking: None,
        cancel,
    };
    batch.check_cancel()?;
    let made = materializer(node).make(&batch)?;
    let rows = of_session(&made.frame, session)?;
    Ok(snapshot.difference(&asset.asset, session, &rows, &made.key)?)
}
