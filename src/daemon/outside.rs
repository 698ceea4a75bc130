//! What the daemon is given.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use assetctl_config::{Project, Sensor};
use assetctl_execute::{Cancel, RunEvent};
use assetctl_graph::Graph;
use assetctl_schedule::{ResolvedJob, Seen};
use assetctl_store::Store;
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::mpsc::UnboundedSender;

/// A project that holds together.
#[derive(Debug)]
pub struct Declared {
    pub project: Project,
    pub graph: Graph,
}

/// Reads the project's files.
pub trait Declares: Send {
    /// The project, if its files are not as they were when this was last called.
    ///
    /// # Errors
    /// Everything that is wrong with it, in words. The daemon goes on with the project as it was.
    fn declared(&mut self) -> Result<Option<Arc<Declared>>, String>;
}

/// What kind of failure it was, which says whether another try may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// A vendor, a disk, a database: it may be otherwise the next time.
    Transient,
    /// It took longer than the job's `timeout`.
    Timeout,
    /// A check fails.
    Check,
    /// The configuration has mistakes.
    Config,
}

impl FailureKind {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Timeout => "timeout",
            Self::Check => "check",
            Self::Config => "config",
        }
    }

    /// Whether the same may end well when it is done again.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Transient | Self::Timeout)
    }
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
}

/// How a job has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Succeeded,
    /// It was told to stop, and did.
    Stopped,
    Failed(Failure),
}

/// Runs jobs.
pub trait Runner: Send + Sync + 'static {
    /// Runs a job as of `now`, on a thread of its own, until it ends or is told to stop.
    fn run(&self, job: &ResolvedJob, now: DateTime<Utc>, cancel: &Cancel, events: UnboundedSender<RunEvent>)
    -> Outcome;
}

/// Looks at what sensors wait for.
pub trait Look: Send + Sync + 'static {
    /// What is there now. On a thread of its own; it should end within a minute.
    fn look(&self, declared: &Declared, store: &Store, sensor: &Sensor, now: DateTime<Utc>) -> Seen;
}

/// What time it is.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> DateTime<Utc>;
}

/// A clock that stands still until it is put forward.
#[derive(Debug)]
pub struct StepClock {
    micros: AtomicI64,
}

impl StepClock {
    pub fn new(at: DateTime<Utc>) -> Self {
        Self { micros: AtomicI64::new(at.timestamp_micros()) }
    }

    pub fn set(&self, at: DateTime<Utc>) {
        self.micros.store(at.timestamp_micros(), Ordering::SeqCst);
    }
}

impl Clock for StepClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.micros.load(Ordering::SeqCst)).unwrap_or_default()
    }
}

impl<C: Clock> Clock for Arc<C> {
    fn now(&self) -> DateTime<Utc> {
        (**self).now()
    }
}
