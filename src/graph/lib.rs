//! From specs to a graph: names become edges, expressions become programs, windows are inferred.
//!
//! - [`node`]: an asset as the planner and the executor see it, and its edges
//! - [`references`]: who reads whom, and what is not there to be read
//! - [`check_reads`]: what checks read besides
//! - [`lower`]: a project's assets → nodes; every mistake that takes more than one asset to see is found there
//! - [`reach`]: which sessions of everything above it each column depends on
//! - [`template`]: `sql` templates, rendered once, their `ref()`s recorded
//! - [`dag`]: the petgraph DAG: cycles, order, what is above and below
//! - [`select`]: the selection language of `--select`

mod check_reads;
mod dag;
mod lower;
mod node;
mod reach;
mod references;
mod select;
mod template;
#[cfg(test)]
mod testing;

pub use assetctl_config::{Dividends, MissingBars, WindowAxis};
pub use dag::Graph;
pub use lower::{Fetched, Schema, SchemaSource};
pub use node::{
    AsOfRows, AssetNode, Axis, Body, CheckEdge, CheckReads, CompleteParts, Dated, Edge, EdgeColumns, Intraday, Limits,
    Member, ReadGroup, Resample, Resampled, SqlRef, Universe, Wanted,
};
pub use reach::{ColumnReach, Extent, Reach};
pub use select::{SelectError, Selection, StateOf};
