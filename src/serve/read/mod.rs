//! What the command line prints and the API answers: one shape each, read from a project and its store.
//!
//! - [`view`]: a project to be read: what is selected, what is stale; [`error`]: why something cannot be told
//! - [`assets`], [`lineage`], [`status`], [`checks`], [`explain`], [`partitions`]: of assets
//! - [`jobs`], [`schedules`], [`requests`], [`statistics`], [`log`]: of what runs
//! - [`rows`]: what a query returns

mod assets;
mod checks;
mod error;
mod explain;
mod jobs;
mod lineage;
mod log;
mod partitions;
mod requests;
mod rows;
mod schedules;
mod statistics;
mod status;
mod view;

pub use assets::{AssetColumn, AssetInput, ColumnWindow, ColumnWindows, ListedAsset};
pub use checks::CheckStanding;
pub use error::ReadError;
pub use explain::{Explanation, LastAsked, PartitionBuilt, PartitionRead, SpecChange};
pub use jobs::{Asker, ListedJob, ListedVar, Queued, given, queue_job, queue_work};
pub use lineage::{Lineage, LineageAsset, LineageEdge};
pub use log::more_lines;
pub use partitions::{Partition, Partitions};
pub use requests::{Queue, RequestTold, queue, request, resume, retry, want};
pub use rows::{Cell, Rows, query_failed};
pub use schedules::{ListedSchedule, SchedulePaused, Switched, TickAhead, local};
pub use statistics::{COUNTED, JobStatistics, statistics};
pub use status::AssetState;
pub use view::{Planned, View, Wish, states};
