//! The store: what was computed, kept so that a reader sees one consistent state and a kill loses nothing committed.
//!
//! - *Segments* are immutable Parquet files, one per asset and calendar month, under `lake/`.
//! - *Carried states* lie beside the segments of recursive assets, so that a change need not be computed from the first session.
//! - The *ledger* is `state.db` (SQLite in WAL mode): which segments make up which asset, a record of each partition
//!   (hashes, revisions, spec), runs, checks, source manifests. A commit is one transaction on it.
//! - A [`Snapshot`] is one consistent set of segments: a read transaction on the ledger.
//! - The *warehouse* is a DuckDB file with one view per asset, published beside the old one and renamed over it.
//!
//! Order of a commit: segment files are written under temporary names, synced, renamed, their folder synced; then one
//! transaction moves the snapshot. A crash before it leaves files nobody knows, which `gc` removes.

mod audit;
mod backup;
mod cache;
mod canonical;
mod carried;
mod checks;
mod codec;
mod commit;
mod daemon;
mod database;
mod dated;
mod encode;
mod error;
mod fetches;
mod gc;
mod head;
mod history;
mod lanes;
mod layout;
mod leftovers;
mod locks;
mod manifest;
mod month;
mod outbox;
mod pages;
mod parallel;
mod queue;
mod recall;
mod relation;
mod revisions;
mod rewrite;
mod runs;
mod schema;
mod segment;
mod sensors;
mod snapshot;
mod spool;
mod state_file;
mod state_row;
mod store;
mod thinned;
mod ticks;
mod warehouse;

#[cfg(test)]
mod cache_tests;
#[cfg(test)]
mod carried_tests;
#[cfg(test)]
mod commit_tests;
#[cfg(test)]
mod gc_tests;
#[cfg(test)]
mod history_tests;
#[cfg(test)]
mod lanes_tests;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod thinned_tests;
#[cfg(test)]
mod warehouse_tests;

pub use audit::Difference;
pub use backup::{
    Backed, Backup, BackupError, BackupFile, Damage, LeftOut, LeftOutWhy, NewBackup, ProjectFile, Restored, Restoring,
    restore,
};
pub use carried::Carried;
pub use checks::{CheckOutcome, CheckResult, CheckSample, StoredCheck};
pub use commit::{Commit, CommitReceipt, NewPartition};
pub use daemon::{DaemonLock, DaemonRow};
pub use error::{Error, Result};
pub use fetches::{FetchRow, Fetched, Fetches, MadeOf};
pub use gc::{GcPolicy, GcReport};
pub use history::{Forget, Forgotten};
pub use lanes::Lanes;
pub use layout::{Layout, write_whole};
pub use leftovers::{Discarded, Leftovers};
pub use locks::{AssetLocks, LockError};
pub use manifest::SourceFileRow;
pub use outbox::{MessageEnd, MessageRow, NewNotice, NoticeKept};
pub use pages::RequestsOf;
pub use queue::{NewRequest, Origin, RequestEnd, RequestRow, RequestStatus, Wanted};
pub use revisions::{Change, Revision};
pub use runs::{AssetOutcome, AssetStatus, CheckRow, NewRun, RunDetail, RunId, RunRow, RunStatus};
pub use schema::{AssetSchema, ColumnType};
pub use segment::write as write_segment;
pub use sensors::SensorRow;
pub use snapshot::{AsOf, Snapshot};
pub use spool::LASTING;
pub use store::Store;
pub use ticks::{SwitchRow, TickRow, Watched};
pub use warehouse::{connect_known, connect_snapshot, newest_warehouse};
