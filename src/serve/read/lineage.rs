//! What depends on what.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::view::View;

/// Assets, and which reads which.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Lineage {
    /// Inputs first.
    pub assets: Vec<LineageAsset>,
    /// From input to reader.
    pub edges: Vec<LineageEdge>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LineageAsset {
    pub asset: String,
    pub kind: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LineageEdge {
    pub from: String,
    pub to: String,
    /// Sessions before its own that a partition of `to` reads.
    pub back: u32,
}

impl View<'_> {
    /// The selected assets, and the edges between them.
    pub fn lineage(self, selected: &BTreeSet<usize>) -> Lineage {
        let graph = self.graph;
        let ordered: Vec<usize> = graph.order().iter().copied().filter(|ix| selected.contains(ix)).collect();
        let name = |ix: usize| graph.node(ix).name.clone();
        let assets =
            ordered.iter().map(|ix| LineageAsset { asset: name(*ix), kind: graph.node(*ix).kind.to_owned() }).collect();
        let edges = ordered
            .iter()
            .flat_map(|ix| graph.node(*ix).edges.iter().map(move |edge| (*ix, edge)))
            .filter(|(_, edge)| selected.contains(&edge.input))
            .map(|(ix, edge)| LineageEdge { from: name(edge.input), to: name(ix), back: edge.back })
            .collect();
        Lineage { assets, edges }
    }
}
