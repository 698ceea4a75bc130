//! Where an asset's inputs are read.

use assetctl_graph::{AssetNode, Axis, Edge, Graph};
use assetctl_plan::{EdgeMap, STATIC_SESSION};
use assetctl_store::Snapshot;
use chrono::NaiveDate;
use polars::prelude::DataFrame;

use super::MakeError;

/// An asset, and one state of what it reads.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub graph: &'a Graph,
    pub node: &'a AssetNode,
    pub snapshot: &'a Snapshot,
}

impl<'a> Reading<'a> {
    pub fn input(self, edge: &Edge) -> &'a AssetNode {
        self.graph.node(edge.input)
    }

    pub fn map(self, edge: &Edge) -> EdgeMap<'a> {
        EdgeMap::new(self.node, self.graph.node(edge.input), edge)
    }

    /// The rows of an input between two dates, with the columns that the edge reads; all of an input without sessions.
    pub fn read(self, edge: &Edge, from: NaiveDate, to: NaiveDate) -> Result<DataFrame, MakeError> {
        let input = self.input(edge);
        let columns = edge.names();
        let (from, to) = if input.axis == Axis::Static { (STATIC_SESSION, STATIC_SESSION) } else { (from, to) };
        Ok(self.snapshot.read(&input.name, from, to, columns.as_deref())?)
    }
}
