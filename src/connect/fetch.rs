//! What a source that has to be asked is asked for, and what comes of it.
//!
//! A vendor's interface or a database does not show what changed, as a folder of files does: it has to be asked, session by
//! session or instrument by instrument. [`Fetch`] hides which; when to ask, and what becomes of an answer, is decided by who calls it.

use std::path::Path;

use assetctl_calendar::Calendar;
use assetctl_config::ColumnType;
use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::DataFrame;
use thiserror::Error;

/// What is asked for.
pub struct Request<'a> {
    /// Ascending, final, of `calendar`.
    pub sessions: &'a [NaiveDate],
    pub calendar: &'a Calendar,
    /// The instruments as the project names them; empty where the vendor is asked for all it has.
    pub instruments: &'a [String],
    /// The instant of asking: a bar that had not closed by then is left out.
    pub now: DateTime<Utc>,
    /// A folder in which whole answers may be kept until their rows are committed, so that a run that is killed does not ask for them
    /// again. Whoever commits removes it.
    pub spool: &'a Path,
    /// Asked often, while waiting too: a request ends within a second of its being set.
    pub is_cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Told as the work goes on.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// How far a request has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Calls answered, and as many as are known to be needed.
    pub done: u64,
    pub of: u64,
    pub rows: u64,
    pub bytes: u64,
    /// What is waited for, if anything: `rate limit`, `retry in 4 s after 429`.
    pub waits: Option<String>,
}

/// What came.
#[derive(Debug, Default)]
pub struct Delivery {
    /// `session`, `instrument` and the source's columns by our names, as [`Fetch::schema`] gives them; in any order, and nothing but rows of
    /// sessions and instruments that were asked for. A session without rows was answered, and the vendor has none.
    pub frame: DataFrame,
    /// What a person should know but need not mend.
    pub notes: Vec<String>,
}

/// Asks a vendor or a database for sessions. Calls block: they belong on a thread that may.
pub trait Fetch: Send + Sync {
    /// Columns besides `session`, the key first.
    fn schema(&self) -> Vec<(String, ColumnType)>;

    /// How many sessions are best asked for at once; `None` where a call brings an instrument's whole history and costs the same.
    fn sessions_at_once(&self) -> Option<usize>;

    /// Whether each session is asked for by itself, so that nothing is lost where a request ends with a month.
    fn is_one_by_one(&self) -> bool;

    /// All that results depend on, as canonical JSON: addresses, templates, columns, units; not secrets, limits or retries.
    fn spec_text(&self) -> String;

    /// # Errors
    /// [`FetchError`]; nothing of the request is delivered then.
    fn fetch(&self, request: &Request<'_>) -> Result<Delivery, FetchError>;
}

/// Why nothing came. Texts hold no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FetchError {
    #[error("cancelled")]
    Cancelled,
    /// May be otherwise in a while: the network, a busy server, a used-up quota. Was tried as often as the source says.
    #[error("{what}")]
    Transient { what: String },
    /// The vendor refuses what was asked, or its answer is not what was declared; asking again is of no use.
    #[error("{what}{}", .help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default())]
    Refused { what: String, help: Option<String> },
}
