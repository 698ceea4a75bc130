//! What makes partitions: one small trait, one file per kind of asset.

pub mod as_of;
mod columns;
mod complete;
mod exec;
mod fetched;
mod files;
pub mod reading;
mod resample;
mod signals;
mod sql;
pub mod universe;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use assetctl_calendar::SessionIx;
use assetctl_compute::{CheckFailure, WindowAxis};
use assetctl_config::{Asset, Severity};
use assetctl_connect::{ConnectError, FetchError, Scan};
use assetctl_graph::{AssetNode, Body, Edge, Graph};
use assetctl_plan::{AssetPlan, EdgeMap, Hash128, date_of, ix_of};
use assetctl_store::{Carried, Fetches, Lanes, Snapshot, Store};
use chrono::NaiveDate;
use polars::prelude::{DataFrame, DataType};

pub use self::sql::in_quotes;
use crate::cancel::Cancel;

pub use fetched::Asking;

/// Some sessions of one asset, and where what they read is found.
pub struct Batch<'a> {
    pub graph: &'a Graph,
    pub node: &'a AssetNode,
    pub asset: &'a Asset,
    /// Ascending.
    pub sessions: &'a [NaiveDate],
    /// The first session of the batch after this one, which will be made anyway.
    pub next: Option<NaiveDate>,
    pub snapshot: &'a Snapshot,
    /// For what it held before.
    pub store: &'a Store,
    pub plan: &'a AssetPlan,
    /// Threads that the work may be spread over.
    pub threads: usize,
    pub scan: Option<&'a Mutex<Scan>>,
    /// Of a source that has to be asked.
    pub asking: Option<Asking<'a>>,
    pub cancel: &'a Cancel,
}

/// What was made.
#[derive(Debug, Default)]
pub struct Made {
    pub frame: DataFrame,
    /// The sessions that `frame` holds all rows of: those of the batch, and others that had to follow.
    pub sessions: Vec<NaiveDate>,
    /// Sessions that would have to follow too, and were left for later.
    pub dirty: Vec<NaiveDate>,
    /// Columns that identify a row within its session.
    pub key: Vec<String>,
    /// How many rows of `frame` were computed, where the others were taken as they were; `None` for all.
    pub computed: Option<u64>,
    /// The instruments whose rows were computed, where it goes by instrument.
    pub lanes: BTreeMap<NaiveDate, Lanes>,
    /// Numbers that were said on the way, by name.
    pub metrics: BTreeMap<String, f64>,
    /// The states that go with the sessions, of an asset that carries them.
    pub carried: Option<Carried>,
    /// What each session was made from, where the windows do not say it: see [`as_of`].
    pub inputs: Option<BTreeMap<NaiveDate, Hash128>>,
    /// What was found wrong on the way, as a check would say it.
    pub objections: Vec<Objection>,
    /// What came of asking, of a source that has to be asked.
    pub fetches: Option<Fetches>,
    /// Sessions of the batch that were asked for and not taken: none of them is among `sessions`.
    pub untaken: BTreeSet<NaiveDate>,
    /// Those of them that have no partition, with the reason: what reads them waits.
    pub waits: BTreeMap<NaiveDate, String>,
    /// What a person should know.
    pub notes: Vec<String>,
    /// Why not all sessions of the batch were made: those that were are right, and what comes after them is left.
    pub failed: Option<MakeError>,
}

/// Something wrong with one session that shows while its rows are made, whatever checks are declared.
#[derive(Debug, Clone)]
pub struct Objection {
    /// As it is called in messages: `missing`.
    pub check: &'static str,
    pub severity: Severity,
    pub failure: CheckFailure,
}

/// Makes the partitions of one kind of asset.
pub trait Materializer: Send + Sync {
    /// Rows of the batch's sessions, from nothing but their windows.
    fn make(&self, batch: &Batch<'_>) -> Result<Made, MakeError>;

    /// How many columns are made, about; bounds the size of batches.
    fn columns(&self) -> usize {
        8
    }

    /// Whether a batch is made from the partitions of the one before, which must be committed by then.
    fn follows(&self) -> bool {
        false
    }
}

#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error("cancelled")]
    Cancelled,
    #[error("{0}")]
    Source(Box<ConnectError>),
    #[error(transparent)]
    Fetch(FetchError),
    #[error("there is no instrument to ask for: `{table}.{column}` names none")]
    NoInstruments { table: String, column: String },
    #[error(transparent)]
    Complete(#[from] assetctl_compute::CompleteError),
    #[error(transparent)]
    Listing(#[from] assetctl_compute::ListingError),
    #[error(transparent)]
    AsOf(#[from] assetctl_compute::AsOfError),
    #[error(transparent)]
    Intervals(#[from] assetctl_compute::IntervalError),
    #[error(transparent)]
    Evaluate(assetctl_compute::EvaluateError),
    #[error(transparent)]
    Frame(#[from] assetctl_compute::FrameError),
    #[error(transparent)]
    TopK(#[from] assetctl_compute::TopKError),
    #[error("the query of `{asset}` fails{}: {message}", .session.map(|s| format!(" on {s}")).unwrap_or_default())]
    Sql { asset: String, session: Option<NaiveDate>, message: String },
    #[error("the program of `{asset}` fails{}: {message}", .session.map(|s| format!(" on {s}")).unwrap_or_default())]
    Exec { asset: String, session: Option<NaiveDate>, message: String },
    #[error("a check of `{asset}` cannot be run{}: {message}", .session.map(|s| format!(" on {s}")).unwrap_or_default())]
    Check { asset: String, session: Option<NaiveDate>, message: String },
    #[error("the bars of `{asset}` cannot be made: {what}")]
    Resample { asset: String, what: String },
    #[error(transparent)]
    Store(#[from] assetctl_store::Error),
    #[error("rows cannot be handled: {0}")]
    Polars(#[from] polars::error::PolarsError),
    #[error("a temporary file cannot be written: {0}")]
    Io(#[from] std::io::Error),
}

impl MakeError {
    /// Whether trying again is of no use.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Fetch(FetchError::Refused { .. }) | Self::NoInstruments { .. })
    }
}

impl From<FetchError> for MakeError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Cancelled => Self::Cancelled,
            other => Self::Fetch(other),
        }
    }
}

impl From<assetctl_compute::EvaluateError> for MakeError {
    fn from(error: assetctl_compute::EvaluateError) -> Self {
        match error {
            assetctl_compute::EvaluateError::Cancelled => Self::Cancelled,
            other => Self::Evaluate(other),
        }
    }
}

/// The materializer of an asset.
pub fn materializer(node: &AssetNode) -> Box<dyn Materializer> {
    match &node.body {
        Body::Source | Body::Table => Box::new(files::Files),
        Body::Fetched { request, wanted } => Box::new(fetched::Fetched::new(request, wanted)),
        Body::AsOf { rows, key } => Box::new(as_of::AsOf::new(rows, key)),
        Body::Complete { fill, listing, parts } => Box::new(complete::Complete::new(fill, *listing, parts)),
        Body::Columns(program) => Box::new(columns::Columns::new(program.clone(), window_axis(node))),
        Body::Resample(spec) => Box::new(resample::Resample::new(spec)),
        Body::Signals(spec) => Box::new(signals::TopK::new(&spec.top_k)),
        Body::Exec { spec, key, columns } => {
            Box::new(exec::Exec { spec: spec.clone(), key: key.clone(), columns: columns.clone() })
        }
        Body::Sql { sql, refs, key } => Box::new(sql::Sql { sql: sql.clone(), refs: refs.clone(), key: key.clone() }),
    }
}

fn window_axis(node: &AssetNode) -> WindowAxis {
    match node.window_axis {
        assetctl_graph::WindowAxis::Calendar => WindowAxis::Calendar,
        assetctl_graph::WindowAxis::Traded => WindowAxis::Traded,
    }
}

impl<'a> Batch<'a> {
    pub fn reading(&self) -> reading::Reading<'a> {
        reading::Reading { graph: self.graph, node: self.node, snapshot: self.snapshot }
    }

    pub fn input(&self, edge: &Edge) -> &'a AssetNode {
        self.reading().input(edge)
    }

    pub fn map(&self, edge: &Edge) -> EdgeMap<'a> {
        self.reading().map(edge)
    }

    /// The rows of an input between two dates, with the columns that the edge reads; all of an input without sessions.
    pub fn read(&self, edge: &Edge, from: NaiveDate, to: NaiveDate) -> Result<DataFrame, MakeError> {
        self.reading().read(edge, from, to)
    }

    /// The asset's own rows between two dates, as they were before.
    pub fn read_own(&self, from: NaiveDate, to: NaiveDate) -> Result<DataFrame, MakeError> {
        Ok(self.snapshot.read(&self.node.name, from, to, None)?)
    }

    /// The first and last dates of an input that the sessions from `from` to `to` read; `None` when there are none.
    pub fn window(&self, edge: &Edge, from: NaiveDate, to: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let range = assetctl_calendar::SessionRange { first: ix_of(self.node, from)?, last: ix_of(self.node, to)? };
        let read = self.map(edge).windows(range)?;
        let input = self.input(edge);
        Some((date_of(input, read.first), date_of(input, read.last)))
    }

    pub fn check_cancel(&self) -> Result<(), MakeError> {
        if self.cancel.is_set() { Err(MakeError::Cancelled) } else { Ok(()) }
    }
}

/// `instrument`, where there is such a column.
pub fn instrument_key(frame: &DataFrame) -> Vec<String> {
    if frame.column("instrument").is_ok() { vec!["instrument".to_owned()] } else { Vec::new() }
}

/// The key of rows as they come from outside: `instrument`, and `time` where bars are shorter than a session, of those that are there.
pub fn bar_key(frame: &DataFrame) -> Vec<String> {
    let is_time = frame.column("time").is_ok_and(|times| matches!(times.dtype(), DataType::Datetime(..)));
    instrument_key(frame).into_iter().chain(is_time.then(|| "time".to_owned())).collect()
}

/// Frames of the same columns, one below the other.
pub fn stacked(frames: Vec<DataFrame>) -> Result<DataFrame, MakeError> {
    let mut frames = frames.into_iter();
    let mut stacked = frames.next().unwrap_or_default();
    for more in frames {
        if stacked.height() == 0 {
            stacked = more;
        } else if more.height() > 0 {
            stacked.vstack_mut(&more.select(stacked.get_column_names_owned())?)?;
        }
    }
    Ok(stacked)
}

/// The rows of one session of a sorted frame.
pub fn of_session(frame: &DataFrame, session: NaiveDate) -> Result<DataFrame, MakeError> {
    if frame.height() == 0 {
        return Ok(frame.clone());
    }
    let dates: Vec<Option<NaiveDate>> = frame.column("session")?.date()?.as_date_iter().collect();
    let first = dates.partition_point(|date| *date < Some(session));
    let end = dates.partition_point(|date| *date <= Some(session));
    Ok(frame.slice(first as i64, end - first))
}

/// The session after, if the calendar has one.
pub fn after(node: &AssetNode, day: NaiveDate) -> Option<NaiveDate> {
    let next = SessionIx(ix_of(node, day)?.0 + 1);
    ((next.0 as usize) < node.calendar.len()).then(|| date_of(node, next))
}

/// Ascending sessions as runs that follow one another in the calendar: (first, last) of each.
pub fn runs(node: &AssetNode, sessions: &[NaiveDate]) -> Vec<(NaiveDate, NaiveDate)> {
    let mut runs: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for session in sessions {
        match runs.last_mut() {
            Some((_, last)) if after(node, *last) == Some(*session) => *last = *session,
            _ => runs.push((*session, *session)),
        }
    }
    runs
}
