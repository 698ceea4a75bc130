//! Assets as they are declared, and what each column of them depends on.

use std::collections::BTreeSet;

use assetctl_graph::{Extent, Reach};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::View;

/// An asset as it is declared.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ListedAsset {
    pub asset: String,
    pub kind: String,
    pub calendar: String,
    pub start: String,
    pub inputs: Vec<AssetInput>,
    /// Without `session`; `null` where only a run can tell.
    pub columns: Option<Vec<AssetColumn>>,
    pub tags: Vec<String>,
    pub owner: Option<String>,
    pub description: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AssetInput {
    pub asset: String,
    /// Sessions before its own that a partition reads.
    pub back: u32,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AssetColumn {
    pub name: String,
    /// `number`, `text`, `bool`, `date`.
    #[serde(rename = "type")]
    pub ty: String,
}

/// What a column reads.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ColumnWindows {
    pub asset: String,
    /// `null` stands for all columns of an asset whose columns only a run can tell.
    pub column: Option<String>,
    pub reads: Vec<ColumnWindow>,
}

/// What a column depends on of another asset with sessions.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ColumnWindow {
    pub asset: String,
    /// Whether it is an input, and not further up.
    pub direct: bool,
    /// So many, the partition's own included; `null` for all so far.
    pub last: Option<u32>,
    /// `sessions`, or `bars`: sessions on which the instrument was traded.
    pub unit: &'static str,
    /// Whether all sessions so far count through the state of a recursive function.
    pub state: bool,
    /// Whether values of sessions before them may have been carried into them.
    pub carried: bool,
}

impl View<'_> {
    /// The asset at a position of the graph.
    pub fn listed(self, ix: usize) -> ListedAsset {
        let node = self.graph.node(ix);
        ListedAsset {
            asset: node.name.clone(),
            kind: node.kind.to_owned(),
            calendar: node.calendar.name().to_owned(),
            start: node.start_date().to_string(),
            inputs: node
                .edges
                .iter()
                .map(|edge| AssetInput { asset: self.graph.node(edge.input).name.clone(), back: edge.back })
                .collect(),
            columns: node.schema.as_ref().map(|schema| {
                schema.iter().map(|(name, ty)| AssetColumn { name: name.clone(), ty: ty.name().to_owned() }).collect()
            }),
            tags: node.tags.clone(),
            owner: node.owner.clone(),
            description: node.description.clone(),
        }
    }

    /// What each column of these assets reads, in the order of assets and columns.
    pub fn windows(self, selected: &BTreeSet<usize>) -> Vec<ColumnWindows> {
        let reaches = self.graph.reaches();
        let columns = selected.iter().flat_map(|ix| reaches[*ix].iter().map(move |column| (*ix, column)));
        columns
            .map(|(ix, column)| ColumnWindows {
                asset: self.graph.node(ix).name.clone(),
                column: column.column.clone(),
                reads: column.reads.iter().map(|reach| self.window(reach)).collect(),
            })
            .collect()
    }

    fn window(self, reach: &Reach) -> ColumnWindow {
        let Extent { back, bars, state, carried } = reach.extent;
        ColumnWindow {
            asset: self.graph.node(reach.asset).name.clone(),
            direct: reach.direct,
            last: (!state).then(|| back.saturating_add(1)),
            unit: if bars { "bars" } else { "sessions" },
            state,
            carried,
        }
    }
}
