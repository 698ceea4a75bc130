//! What the planner needs to know of what was built: the ledger as values, behind a trait.
//!
//! The ledger of an asset is a *head* (a few numbers, enough to find it clean without opening anything) and *segment records*
//! (one per calendar month, with a record of each partition). Records are read only where something may have changed.

use assetctl_graph::Dated;
use chrono::NaiveDate;

use crate::hash::Hash128;

/// The session of the one partition of an asset without a session axis (`table`): 1970-01-01, a holiday everywhere we trade but `24/7`,
/// whose calendar starts in 2000.
pub const STATIC_SESSION: NaiveDate = NaiveDate::from_ymd_opt(1970, 1, 1).expect("a date");

/// One partition as it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionRecord {
    pub session: NaiveDate,
    pub rows: u32,
    /// The commit at which the content last moved.
    pub rev: u64,
    /// The newest commit whose content this partition was built from (the snapshot that its inputs were read at).
    pub built_rev: u64,
    pub run: u64,
    pub spec: Hash128,
    /// Hash of the key columns (all but `session`) in canonical order.
    pub key_hash: Hash128,
    /// One hash per column, in the order of [`SegmentRecord::columns`].
    pub column_hashes: Vec<Hash128>,
    /// Sum of everything that was read: see `fingerprint.rs`.
    pub inputs: Hash128,
    /// Set when something that this partition read of its own asset's past has changed since: it is stale.
    pub dirty: bool,
}

/// The partitions of one asset in one calendar month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRecord {
    pub month: Month,
    /// Columns besides `session` that are not part of the key, in stored order.
    pub columns: Vec<String>,
    /// Sorted by session.
    pub partitions: Vec<PartitionRecord>,
}

/// A calendar month: `year * 12 + (month - 1)`. Displays as `2015-07`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(pub i32);

impl Month {
    pub fn of(date: NaiveDate) -> Self {
        use chrono::Datelike;
        Self(date.year() * 12 + date.month0() as i32)
    }

    /// The first day of the month.
    pub fn first_day(self) -> NaiveDate {
        NaiveDate::from_ymd_opt(self.0.div_euclid(12), self.0.rem_euclid(12) as u32 + 1, 1).unwrap_or(NaiveDate::MIN)
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

/// The summary of one asset's ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetHead {
    pub asset: String,
    /// The spec of the newest commit.
    pub spec: Hash128,
    /// Whether every partition was built by `spec`.
    pub uniform: bool,
    /// The newest revision of any partition: what assets below compare with.
    pub tip_rev: u64,
    /// The newest revision that took a partition away. No record is left to carry it.
    pub shrunk_rev: u64,
    /// Every partition was found clean, or was built, as of the snapshot of this revision, by `wiring`.
    pub verified_rev: u64,
    /// What the asset was connected to when it was last found clean, or when its newest partitions were built: see
    /// [`wiring`](crate::wiring).
    pub wiring: Hash128,
    pub partitions: u32,
    pub first: Option<NaiveDate>,
    pub last: Option<NaiveDate>,
    /// Whether any partition is dirty.
    pub dirty: bool,
    /// Months whose segment file is missing or has another size than was written (seen on disk, not in the ledger).
    pub damaged: Vec<Month>,
}

/// A row of a table by the dates that it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatedRow {
    /// `None` for all before the last.
    pub first: Option<NaiveDate>,
    /// `None` for all from the first on.
    pub last: Option<NaiveDate>,
    /// Of the values that are read but for the dates, and of their columns' names.
    pub hash: Hash128,
}

/// Read access to the ledger as of one snapshot.
pub trait Ledger {
    type Error: std::error::Error + Send + Sync + 'static;

    /// `None` for an asset that was never committed.
    fn head(&self, asset: &str) -> Option<&AssetHead>;

    /// The records of all months that touch `[from, to]`, in order.
    fn segments(&self, asset: &str, from: NaiveDate, to: NaiveDate) -> Result<Vec<SegmentRecord>, Self::Error>;

    /// The rows of a table by their dates, with hashes of their values in `columns`; `None` where the table cannot be read so as it is
    /// (never made, damaged, or lacking a column until it is made again): then it counts as one whole.
    fn dated(&self, _table: &str, _dated: &Dated, _columns: &[String]) -> Result<Option<Vec<DatedRow>>, Self::Error> {
        Ok(None)
    }
}
