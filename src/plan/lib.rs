//! Freshness: which partitions of which assets are stale, and why. Pure: `now` is an argument, the ledger is read through a trait,
//! and the result is a value.
//!
//! # What enters which hash
//!
//! - The **spec hash** covers what changes results: the parsed expression, the version of each algorithm, parameters. Not
//!   names of assets, descriptions, owners, tags, checks, schedules, nor where files lie.
//! - The **content hash** of a partition is one hash for its key and one per column, over canonical values.
//! - The **fingerprint** of a partition sums what it read: see [`fingerprint`].
//!
//! A partition is stale if it is not there, if its spec hash is not the asset's, if its fingerprint is not what it would be now, or
//! if a carried value it started from has changed. *Revisions* (numbers of commits) decide nothing: they only save opening
//! what cannot have moved, and name the culprit.
//!
//! Limits: a program that is not deterministic, or a library that changes its results without a new version here, is not seen.
//!
//! # Rooms
//!
//! [`ledger`]: what was built, as values · [`records`]: the ledger opened lazily · [`axis`]: sessions of one asset as
//! sessions of another · [`dated`]: rows of a table as sessions · [`assess`]: one asset judged by the ledger · [`planner`]: the walk over the graph · [`asset`]: one asset of a plan ·
//! [`settle`]: the second look, when its turn has come · [`model`]: the plan as a value.

mod assess;
mod asset;
mod axis;
mod dated;
mod fingerprint;
mod hash;
#[cfg(test)]
mod law_tests;
mod ledger;
mod model;
mod planner;
mod records;
mod settle;

pub use assess::{Asked, Observation, Vain};
pub use assetctl_graph::Dated;
pub use axis::{EdgeMap, date_of, dates_of, ix_of};
pub use fingerprint::wiring;
pub use hash::Hash128;
pub use ledger::{AssetHead, DatedRow, Ledger, Month, PartitionRecord, STATIC_SESSION, SegmentRecord};
pub use model::{AssetPlan, BlockReason, BlockedRange, Dates, Plan, StaleRange, StaleReason};
pub use planner::{PlanError, Request, plan, spec_hash};
pub use records::{Fingerprints, RecordCache};
pub use settle::{Settled, announced_readers_of, readers_of, settle};
