//! An asset as the planner and the executor see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use assetctl_calendar::{Calendar, SessionIx};
use assetctl_config::{Check, ColumnType, Fill, SignalsSpec};
use assetctl_expr::Program;
use chrono::NaiveDate;

/// Whether an asset has a partition per session, or one partition in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    Session,
    Static,
}

/// What a partition of one asset reads of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Position of the input in the graph.
    pub input: usize,
    /// The name by which expressions call it.
    pub alias: String,
    pub columns: EdgeColumns,
    /// Reads the sessions `[d - back, d]` of the input's calendar.
    pub back: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeColumns {
    All,
    /// Sorted. The key is read in any case.
    Named(Vec<String>),
}

/// One `ref()` of a `sql` asset: the view `name` shows the last `sessions` sessions of edge number `edge`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlRef {
    pub name: String,
    pub edge: usize,
    pub sessions: u32,
}

/// What is done to make a partition.
#[derive(Debug, Clone)]
pub enum Body {
    /// Read from files; the spec stays in the project's asset.
    Source,
    Table,
    /// Edge 0 is the raw bars; edge 1, if there is one, the listing table.
    Complete {
        fill: BTreeMap<String, Fill>,
        listing: bool,
    },
    /// Inputs of the program are the edges.
    Columns(Arc<Program>),
    Signals(SignalsSpec),
    Sql {
        sql: String,
        refs: Vec<SqlRef>,
        key: Option<Vec<String>>,
    },
}

#[derive(Debug, Clone)]
pub struct AssetNode {
    pub name: String,
    pub kind: &'static str,
    /// Position in the project's list of assets.
    pub asset: usize,
    pub axis: Axis,
    pub calendar: Arc<Calendar>,
    /// First session that has a partition.
    pub start: SessionIx,
    /// How long after the close a session's data is final.
    pub settlement: chrono::Duration,
    pub edges: Vec<Edge>,
    /// Whether a partition also reads its own asset's partition of the session before.
    pub recursive: bool,
    /// Columns besides `session`, the key first; `None` when only a run can tell.
    pub schema: Option<Vec<(String, ColumnType)>>,
    /// What results depend on, as canonical JSON. Two equal texts give equal results on equal inputs.
    pub spec_text: String,
    pub body: Body,
    pub checks: Vec<Check>,
    pub tags: Vec<String>,
    pub owner: Option<String>,
    pub description: Option<String>,
}

impl AssetNode {
    pub fn start_date(&self) -> NaiveDate {
        self.calendar.date(self.start).date()
    }
}
