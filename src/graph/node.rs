//! An asset as the planner and the executor see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use assetctl_calendar::{Calendar, SessionIx};
use assetctl_config::{
    Aggregate, BarStamp, Check, ColumnType, Dividends, ExecSpec, Fill, Gaps, LimitRule, MissingBars, Reports, Severity,
    SignalsSpec, Span, Validity, WindowAxis,
};
use assetctl_expr::{ColumnRead, Program};
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
    /// Reads the sessions `[d - back, d]` of the input's calendar: the widest window of all columns.
    pub back: u32,
    /// How many sessions back it matters which rows there are, whatever their values.
    pub key_back: u32,
    /// Of a table whose rows are of some dates alone: which.
    pub dated: Option<Dated>,
}

/// Which rows of a table a session reads: those with a date in a column, or between the dates of two. A change of the others leaves
/// it as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// The column of the first date; missing for all before the last.
    pub first: String,
    /// The column of the last date; missing for all from the first on. `None` where a row is of one date: it is read by the first
    /// session on or after it.
    pub last: Option<String>,
    /// Whether a row without a first date is a mistake, which the reader refuses whatever session it makes.
    pub needs_first: bool,
    /// So many sessions from the first date on read that date too, besides that the row is there.
    pub young: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeColumns {
    All,
    /// Sorted by name, each with its own window. The key is read in any case.
    Named(Vec<ColumnRead>),
}

/// Columns of an input that are read over the same window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadGroup<'a> {
    pub back: u32,
    /// `None` for all columns; empty where the key alone is read.
    pub columns: Option<Vec<&'a str>>,
}

impl Edge {
    /// An edge over all columns, or over some with one window.
    pub fn new(input: usize, alias: &str, columns: EdgeColumns, back: u32) -> Self {
        Self { input, alias: alias.to_owned(), columns, back, key_back: 0, dated: None }
    }

    /// The names of the columns that are read; `None` for all.
    pub fn names(&self) -> Option<Vec<String>> {
        match &self.columns {
            EdgeColumns::All => None,
            EdgeColumns::Named(reads) => Some(reads.iter().map(|read| read.column.clone()).collect()),
        }
    }

    /// The columns by their windows, the shortest first. Over the widest one the key is read, if need be without any column.
    pub fn groups(&self) -> Vec<ReadGroup<'_>> {
        let EdgeColumns::Named(reads) = &self.columns else {
            return vec![ReadGroup { back: self.back, columns: None }];
        };
        let mut by_back: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        for read in reads {
            by_back.entry(read.back).or_default().push(&read.column);
        }
        if by_back.last_key_value().is_none_or(|(widest, _)| *widest < self.key_back) {
            by_back.entry(self.key_back).or_default();
        }
        by_back.into_iter().map(|(back, columns)| ReadGroup { back, columns: Some(columns) }).collect()
    }
}

/// One `ref()` of a `sql` asset: the view `name` shows the last `sessions` sessions of edge number `edge`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlRef {
    pub name: String,
    pub edge: usize,
    pub sessions: u32,
}

/// Which rows of a table a session has.
#[derive(Debug, Clone, PartialEq)]
pub enum AsOfRows {
    Valid(Validity),
    Reports(Box<Reports>),
}

/// What completion does beyond filling: the tables that it reads, as numbers of edges, and what it makes of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CompleteParts {
    pub actions: Option<usize>,
    pub dividends: Dividends,
    pub adjust: bool,
    pub suspensions: Option<usize>,
    pub missing: MissingBars,
    pub fallback: Option<usize>,
    pub limits: Option<Limits>,
}

/// Rules for the prices of a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// The first that fits holds.
    pub rules: Vec<LimitRule>,
    /// The edge of the table of instruments under special treatment.
    pub special: Option<usize>,
    pub tick: f64,
}

impl Limits {
    /// How many sessions from its listing on any rule asks for.
    pub fn first_sessions(&self) -> u32 {
        self.rules.iter().filter_map(|rule| rule.first_sessions).max().unwrap_or(0)
    }
}

impl CompleteParts {
    /// How bad a missing bar is; `None` where none is looked for, or where it does not matter.
    pub fn missing_bars(&self) -> Option<Severity> {
        self.suspensions?;
        match self.missing {
            MissingBars::Error => Some(Severity::Error),
            MissingBars::Warn => Some(Severity::Warn),
            MissingBars::Carry => None,
        }
    }

    /// The columns that are made of whole bars, with their types, of bars that have the columns `of`; in the order of the result.
    pub fn made<'a>(&self, of: impl IntoIterator<Item = &'a str>) -> Vec<(String, ColumnType)> {
        let mut made = vec![("is_filled".to_owned(), ColumnType::Bool), ("is_suspended".to_owned(), ColumnType::Bool)];
        if self.actions.is_some() || self.suspensions.is_some() || self.fallback.is_some() {
            made.push(("source".to_owned(), ColumnType::Text));
        }
        if self.actions.is_some() {
            made.extend(["factor", "split_factor"].map(|name| (name.to_owned(), ColumnType::Number)));
        }
        if self.adjust {
            let adjusted = of.into_iter().filter(|name| ADJUSTED.contains(name));
            made.extend(adjusted.map(|name| (format!("adj_{name}"), ColumnType::Number)));
        }
        if self.limits.is_some() {
            made.extend(["limit_up", "limit_down"].map(|name| (name.to_owned(), ColumnType::Number)));
            made.extend(["at_limit_up", "at_limit_down"].map(|name| (name.to_owned(), ColumnType::Bool)));
        }
        made
    }
}

/// The columns of bars that have an adjusted one beside them.
const ADJUSTED: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// What a check reads of another asset. It orders the work, and no more: it is in no hash, and makes nothing stale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckEdge {
    /// Position among the asset's checks.
    pub check: usize,
    /// Position of the other asset in the graph.
    pub input: usize,
    /// Reads the sessions `[d - back, d]`.
    pub back: u32,
    /// The table that a query knows it by.
    pub view: Option<String>,
}

/// What the checks of an asset read besides its own rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReads {
    pub edges: Vec<CheckEdge>,
    /// The rendered queries, by position among the checks.
    pub queries: BTreeMap<usize, String>,
}

/// The instruments that a source is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All that there are.
    All,
    /// These, sorted.
    Names(Vec<String>),
    /// Those in this column of the table behind edge 0.
    Column(String),
}

/// What is done to make a partition.
#[derive(Debug, Clone)]
pub enum Body {
    /// Read from files; the spec stays in the project's asset.
    Source,
    /// Somebody is asked: `request` is all that the rows depend on but the instruments, as canonical JSON.
    Fetched {
        request: String,
        wanted: Wanted,
    },
    Table,
    /// Edge 0 is the table; the key is that of a row within its session.
    AsOf {
        rows: AsOfRows,
        key: Vec<String>,
    },
    /// Edge 0 is the raw bars; edge 1 the listing table, if `listing` says that there is one; `parts` has the others.
    Complete {
        fill: BTreeMap<String, Fill>,
        listing: bool,
        parts: CompleteParts,
    },
    /// Inputs of the program are the edges.
    Columns(Arc<Program>),
    /// Edge 0 is the shorter bars.
    Resample(Resample),
    Signals(SignalsSpec),
    Sql {
        sql: String,
        refs: Vec<SqlRef>,
        key: Option<Vec<String>>,
    },
    /// Inputs of the program are the edges.
    Exec {
        spec: ExecSpec,
        /// Columns that identify a row within its session.
        key: Vec<String>,
        /// Besides `session`.
        columns: Vec<(String, ColumnType)>,
    },
}

/// How longer bars are made of shorter ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resample {
    /// `None` for one row in a session.
    pub every: Option<Span>,
    pub stamp: BarStamp,
    pub columns: Vec<Resampled>,
    pub gaps: Gaps,
}

/// One column of longer bars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resampled {
    pub name: String,
    /// The input's column.
    pub of: String,
    pub by: Aggregate,
    /// The input's column that a mean is weighed with.
    pub weight: Option<String>,
}

/// What a column has in the rows of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    Text(String),
    Bool(bool),
}

/// The instruments that take part: on each session those with a row in an input that no expression reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Universe {
    /// The edge of that input.
    pub edge: usize,
    /// Only rows in which this column has this value.
    pub rule: Option<(String, Member)>,
}

/// Rows within a session: the column `time` belongs to the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intraday {
    /// The length of a bar; `None` where rows have any time.
    pub every: Option<Span>,
    /// What the time of a bar names.
    pub stamp: BarStamp,
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
    pub universe: Option<Universe>,
    /// What the windows of a program count.
    pub window_axis: WindowAxis,
    /// Whether a partition also reads its own asset's partition of the session before.
    pub recursive: bool,
    /// `None` where an instrument has one row in a session.
    pub intraday: Option<Intraday>,
    /// Columns besides `session`, the key first; `None` when only a run can tell.
    pub schema: Option<Vec<(String, ColumnType)>>,
    /// What results depend on, as canonical JSON. Two equal texts give equal results on equal inputs.
    pub spec_text: String,
    pub body: Body,
    pub checks: Vec<Check>,
    pub check_reads: CheckReads,
    pub tags: Vec<String>,
    pub owner: Option<String>,
    pub description: Option<String>,
}

impl AssetNode {
    /// The check that making its rows is by itself, whatever checks are declared: `missing`, of completed bars.
    pub fn check_of_making(&self) -> Option<(&'static str, Severity)> {
        match &self.body {
            Body::Complete { parts, .. } => Some(("missing", parts.missing_bars()?)),
            _ => None,
        }
    }

    /// Whether its rows come from outside: from files, or from somebody who is asked.
    pub fn is_external(&self) -> bool {
        matches!(self.body, Body::Source | Body::Fetched { .. } | Body::Table)
    }

    /// Whether it has the rows of a table session by session.
    pub fn is_as_of(&self) -> bool {
        matches!(self.body, Body::AsOf { .. })
    }

    pub fn is_fetched(&self) -> bool {
        matches!(self.body, Body::Fetched { .. })
    }

    pub fn start_date(&self) -> NaiveDate {
        self.calendar.date(self.start).date()
    }
}
