//! How large an asset's batches may be.

use assetctl_graph::{Body, Wanted};
use assetctl_store::Snapshot;

use super::Job;
use crate::batch::Shape;
use crate::kinds::Materializer;

/// Lanes that are assumed of an asset nothing is known of.
const UNKNOWN_LANES: usize = 5_000;
/// Columns that are assumed of an input that is read whole.
const READ_COLUMNS: usize = 8;

impl Job {
    pub(super) fn shape(&self, snapshot: &Snapshot, materializer: &dyn Materializer) -> Shape {
        let node = self.node();
        let lanes = |ix: usize| -> Option<usize> {
            let name = &self.graph.node(ix).name;
            let last = assetctl_plan::Ledger::head(snapshot, name)?.last?;
            snapshot.partition(name, last).ok().flatten().map(|record| record.rows as usize)
        };
        let most = node.edges.iter().map(|edge| edge.input).filter_map(lanes).max();
        if let Body::Fetched { wanted, .. } = &node.body {
            let named = match wanted {
                Wanted::Names(names) => Some(names.len()),
                Wanted::Column(_) => most,
                Wanted::All => None,
            };
            let columns = node.schema.as_ref().map_or(materializer.columns(), |schema| schema.len() + 1);
            return Shape {
                back: 0,
                // Of bars within a session there are more rows than instruments.
                lanes: named.max(lanes(self.plan.node)).unwrap_or(UNKNOWN_LANES),
                // As it is made of what came, and what came.
                columns,
                read: columns,
                memory: self.memory,
                asked: self.asked_batch,
            };
        }
        Shape {
            back: node.edges.iter().map(|edge| edge.back).max().unwrap_or(0),
            lanes: most.or_else(|| lanes(self.plan.node)).unwrap_or(UNKNOWN_LANES),
            columns: materializer.columns(),
            read: node.edges.iter().map(|edge| edge.names().map_or(READ_COLUMNS, |names| names.len())).sum(),
            memory: self.memory,
            asked: self.asked_batch,
        }
    }
}
