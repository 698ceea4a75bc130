//! Graphs for tests.

use assetctl_calendar::{Calendar, SessionIx};
use assetctl_config::WindowAxis;

use crate::node::{AssetNode, Axis, Body, CheckReads, Edge, EdgeColumns};

/// Nodes with names and inputs, and nothing else worth knowing.
pub(crate) fn nodes(of: &[(&str, &[usize])]) -> Vec<AssetNode> {
    let edge = |input: &usize| Edge::new(*input, "", EdgeColumns::All, 0);
    of.iter()
        .enumerate()
        .map(|(ix, (name, inputs))| AssetNode {
            name: (*name).to_owned(),
            kind: if inputs.is_empty() { "source" } else { "indicators" },
            asset: ix,
            axis: Axis::Session,
            calendar: Calendar::builtin("XSHG").unwrap(),
            start: SessionIx(0),
            settlement: chrono::Duration::zero(),
            edges: inputs.iter().map(edge).collect(),
            universe: None,
            intraday: None,
            window_axis: WindowAxis::Calendar,
            recursive: false,
            schema: None,
            spec_text: String::new(),
            body: Body::Table,
            checks: Vec::new(),
            check_reads: CheckReads::default(),
            tags: Vec::new(),
            owner: None,
            description: None,
        })
        .collect()
}
