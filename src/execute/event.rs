//! What happens in a run, as values. The command line draws a progress bar from them; nothing in this crate prints.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_connect::ConnectError;
use assetctl_store::Lanes;
use chrono::NaiveDate;
use serde::Serialize;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEvent {
    /// The run has its number.
    RunStarted {
        run: u64,
    },
    /// Work on an asset begins: the sessions that are stale now that its inputs are up to date.
    AssetStarted {
        asset: String,
        sessions: u32,
    },
    /// Somebody is being asked.
    Asking {
        asset: String,
        /// Calls answered, and as many as are known to be needed.
        done: u64,
        of: u64,
        rows: u64,
        bytes: u64,
        /// What is waited for, if anything.
        waits: Option<String>,
    },
    /// Something that a person should know and need not mend.
    Noted {
        asset: String,
        note: String,
    },
    /// A batch was committed.
    BatchCommitted {
        asset: String,
        sessions: u32,
        rows: u64,
        bytes: u64,
    },
    /// A check with severity `warn` failed: the first session of a batch that it does not hold for.
    CheckWarned {
        asset: String,
        session: NaiveDate,
        check: String,
        message: String,
    },
    /// A check, run by itself on what is there, does not hold: the first session that it does not hold for.
    CheckFailed {
        asset: String,
        session: NaiveDate,
        check: String,
        message: String,
    },
    /// The newest session of an asset is older than its `freshness` check allows.
    Late {
        asset: String,
        session: NaiveDate,
        /// The check only warns.
        warns: bool,
        message: String,
    },
    AssetFinished(AssetReport),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetStatus {
    /// Partitions were recomputed.
    Ok,
    /// Its inputs came out as they were: nothing needed to be computed.
    Unchanged,
    /// Nothing could be made yet: somebody who was asked has no rows, an input waits, or a check of it fails.
    Waits,
    Failed,
    /// An input failed.
    Blocked,
    Cancelled,
}

/// What became of one asset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AssetReport {
    pub asset: String,
    pub status: AssetStatus,
    /// Sessions that were recomputed and committed, in order; for an asset without sessions, 1970-01-01.
    pub ran: Vec<NaiveDate>,
    /// How many of them have other content than before.
    pub changed: u32,
    /// Partitions that were no longer part of the asset and went.
    pub dropped: u32,
    pub rows: u64,
    /// How many of the rows were computed; the others, of instruments for which nothing had changed, were taken as they were.
    pub computed: u64,
    /// Of an asset that works instrument by instrument: those whose rows were computed in each session.
    #[serde(skip)]
    pub lanes: BTreeMap<NaiveDate, Lanes>,
    pub bytes: u64,
    pub seconds: f64,
    /// Sessions that could not be made yet, with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub waits: BTreeMap<NaiveDate, String>,
    /// Sessions that were asked for, and whose answer was not taken.
    #[serde(skip)]
    pub untaken: BTreeSet<NaiveDate>,
    /// What a person should know and need not mend.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    pub error: Option<String>,
    /// What is wrong with its files, if that is what failed: `error` in parts, each with its places.
    #[serde(skip)]
    pub mistakes: Option<Box<ConnectError>>,
    /// Whether what failed was a check.
    pub check_failed: bool,
    /// Sessions that a check kept from being committed, and those that would have followed from them.
    pub refused: Vec<NaiveDate>,
    /// Numbers that a program has said, by name: the last of each.
    pub metrics: BTreeMap<String, f64>,
    /// Seconds of processor time of the thread that made it, and the most bytes that the process has had by its end, where the system tells.
    #[serde(skip)]
    pub cpu_seconds: Option<f64>,
    #[serde(skip)]
    pub peak_memory: Option<u64>,
}

impl AssetReport {
    pub fn new(asset: &str, status: AssetStatus) -> Self {
        Self {
            asset: asset.to_owned(),
            status,
            ran: Vec::new(),
            changed: 0,
            dropped: 0,
            rows: 0,
            computed: 0,
            lanes: BTreeMap::new(),
            bytes: 0,
            seconds: 0.0,
            waits: BTreeMap::new(),
            untaken: BTreeSet::new(),
            notes: Vec::new(),
            error: None,
            mistakes: None,
            check_failed: false,
            refused: Vec::new(),
            metrics: BTreeMap::new(),
            cpu_seconds: None,
            peak_memory: None,
        }
    }
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    pub run: u64,
    pub cancelled: bool,
    /// Inputs first.
    pub assets: Vec<AssetReport>,
}

impl RunReport {
    pub fn failed(&self) -> bool {
        self.assets.iter().any(|asset| asset.status == AssetStatus::Failed)
    }

    /// Whether every failure was a check's.
    pub fn only_checks_failed(&self) -> bool {
        self.failed() && self.assets.iter().all(|asset| asset.status != AssetStatus::Failed || asset.check_failed)
    }
}
