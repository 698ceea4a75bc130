//! Checks of an asset's rows: on what a batch has made, before it is committed, and on what is there, when somebody asks.
//!
//! [`expected`]: how many rows there should be · [`back`]: checks that look back, session by session · [`sql`]: queries and patterns,
//! which DuckDB answers · [`fresh`]: how old the newest session is · [`record`]: outcomes as the ledger keeps them · [`again`]: checks run
//! on what is there

mod again;
mod back;
mod expected;
mod fresh;
mod record;
mod sql;

use std::collections::{BTreeMap, BTreeSet};

use assetctl_compute::{CheckFailure, Reconcile, reconcile, run_check};
use assetctl_config::{Check, OneOrMany, Severity};
use assetctl_graph::{AssetNode, Axis, CheckEdge, Edge, Graph};
use assetctl_plan::{EdgeMap, Ledger, STATIC_SESSION, date_of, ix_of};
use assetctl_store::Snapshot;
use chrono::NaiveDate;
use polars::prelude::DataFrame;

pub use self::again::{Rechecked, recheck};
pub use self::fresh::freshness;
pub use self::record::{results, results_of_making};
pub use self::sql::check_pattern;
use crate::cancel::Cancel;
use crate::kinds::MakeError;
use crate::kinds::reading::Reading;

/// Rows to be checked, and where what checks read besides is found.
#[derive(Clone, Copy)]
pub struct Checking<'a> {
    pub graph: &'a Graph,
    pub node: &'a AssetNode,
    pub snapshot: &'a Snapshot,
    /// All rows of `sessions`.
    pub frame: &'a DataFrame,
    /// Ascending.
    pub sessions: &'a [NaiveDate],
    /// The rows are in the store already, whatever is found.
    pub committed: bool,
    pub cancel: &'a Cancel,
}

/// One check that does not hold for one session.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Position among the asset's checks.
    pub check: usize,
    pub severity: Severity,
    pub failure: CheckFailure,
}

/// What checks have found.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// In the order of the checks, and of sessions.
    pub findings: Vec<Finding>,
    /// Sessions that each check was held against, by position.
    pub judged: BTreeMap<usize, Vec<NaiveDate>>,
    /// Rows of each session.
    pub rows: BTreeMap<NaiveDate, u64>,
}

impl Checked {
    /// Sessions that must not be committed.
    pub fn refused(&self) -> BTreeSet<NaiveDate> {
        let errors = self.findings.iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| finding.failure.session).collect()
    }
}

/// Runs every check of the asset but its freshness, which is no matter of one session.
pub fn run(checking: &Checking<'_>) -> Result<Checked, MakeError> {
    let mut checked = Checked { rows: rows_of(checking.frame, checking.sessions)?, ..Checked::default() };
    if checking.node.checks.is_empty() || checking.sessions.is_empty() {
        return Ok(checked);
    }
    let mut queries = None;
    for (position, check) in checking.node.checks.iter().enumerate() {
        checking.check_cancel()?;
        if check.freshness.is_some() {
            continue;
        }
        let has_bounds = check.expected_rows.as_ref().is_some_and(|rows| rows.min.or(rows.max).is_some());
        if !check.reads_back() || has_bounds {
            let failures = simple(checking, position, check, &mut queries)?;
            let severity = check.severity;
            checked.findings.extend(failures.into_iter().map(|failure| Finding { check: position, severity, failure }));
            checked.judged.insert(position, checking.sessions.to_vec());
        }
    }
    back::run(checking, &mut checked)?;
    checked.findings.sort_by_key(|finding| finding.check);
    Ok(checked)
}

/// The failures of a check that takes each session by itself.
fn simple<'a>(
    checking: &Checking<'a>,
    position: usize,
    check: &Check,
    queries: &mut Option<sql::Queries<'a>>,
) -> Result<Vec<CheckFailure>, MakeError> {
    if let Some(with) = &check.reconcile {
        return against(checking, position, with);
    }
    if check.custom_sql.is_some() {
        let queries = match queries {
            Some(queries) => queries,
            None => queries.insert(sql::Queries::new(*checking)?),
        };
        return queries.run(position);
    }
    match form(checking, check)? {
        Some(form) => Ok(run_check(checking.frame, checking.sessions, &form)?),
        None => Ok(Vec::new()),
    }
}

/// A check as `compute` knows it.
fn form(checking: &Checking<'_>, check: &Check) -> Result<Option<assetctl_compute::Check>, MakeError> {
    use assetctl_compute::Check as Form;
    let columns = |list: &OneOrMany| list.as_slice().to_vec();
    if let Some(list) = &check.not_null {
        return Ok(Some(Form::NotNull { columns: columns(list) }));
    }
    if let Some(list) = &check.unique {
        return Ok(Some(Form::Unique { columns: columns(list) }));
    }
    if let Some(range) = check.range.clone() {
        let assetctl_config::RangeCheck { column, above, min, below, max } = range;
        return Ok(Some(Form::Range { column, above, min, below, max }));
    }
    if let Some(accepted) = check.accepted.clone() {
        return Ok(Some(Form::Accepted { column: accepted.column, values: accepted.values }));
    }
    if let Some(regex) = &check.regex {
        let values = sql::not_matching(checking, &regex.column, &regex.pattern)?;
        let what = format!("a `{}` that is not as `{}` says", regex.column, regex.pattern);
        return Ok(Some(Form::Refused { column: regex.column.clone(), values, what }));
    }
    if let Some(ohlc) = check.ohlc_sane.clone() {
        let assetctl_config::OhlcCheck { open, high, low, close } = ohlc;
        return Ok(Some(Form::OhlcSane { open, high, low, close }));
    }
    if let Some(volume) = check.monotonic_volume.clone() {
        return Ok(Some(Form::Monotonic { column: volume.column, time: volume.time }));
    }
    let Some(rows) = &check.expected_rows else { return Ok(None) };
    Ok(match (rows.min, rows.max) {
        (None, None) if rows.of_previous.is_some() => None,
        (None, None) => match expected::bars(checking) {
            Some(times) => Some(Form::ExpectedBars { times }),
            None => Some(Form::ExpectedRows { counts: expected::counts(checking)? }),
        },
        (min, max) => Some(Form::Rows { min, max }),
    })
}

/// The rows against those that another asset has of the same sessions.
fn against(
    checking: &Checking<'_>,
    position: usize,
    with: &assetctl_config::ReconcileCheck,
) -> Result<Vec<CheckFailure>, MakeError> {
    let Some(edge) = checking.node.check_reads.edges.iter().find(|edge| edge.check == position) else {
        return Ok(Vec::new());
    };
    let other = checking.graph.node(edge.input);
    let (Some(first), Some(last)) = (checking.sessions.first(), checking.sessions.last()) else {
        return Ok(Vec::new());
    };
    let records = checking.snapshot.segments(&other.name, *first, *last)?;
    let known: BTreeSet<NaiveDate> =
        records.iter().flat_map(|segment| &segment.partitions).map(|record| record.session).collect();
    let on = with.on(checking.node.intraday.is_some());
    let columns = [with.columns.as_slice(), &on].concat();
    let theirs = if known.is_empty() {
        DataFrame::empty()
    } else {
        checking.snapshot.read(&other.name, *first, *last, Some(&columns))?
    };
    let how = Reconcile {
        with: other.name.clone(),
        columns: with.columns.as_slice().to_vec(),
        on,
        tolerance: with.tolerance,
    };
    Ok(reconcile(checking.frame, &theirs, checking.sessions, &known, &how)?)
}

/// How many rows each session has. Rows without sessions are those of the one session.
fn rows_of(frame: &DataFrame, sessions: &[NaiveDate]) -> Result<BTreeMap<NaiveDate, u64>, MakeError> {
    let mut counts: BTreeMap<NaiveDate, u64> = sessions.iter().map(|session| (*session, 0)).collect();
    if sessions == [STATIC_SESSION] {
        counts.insert(STATIC_SESSION, frame.height() as u64);
    } else if frame.height() > 0 {
        for date in frame.column("session")?.date()?.as_date_iter().flatten() {
            if let Some(count) = counts.get_mut(&date) {
                *count += 1;
            }
        }
    }
    Ok(counts)
}

impl<'a> Checking<'a> {
    fn reading(&self) -> Reading<'a> {
        Reading { graph: self.graph, node: self.node, snapshot: self.snapshot }
    }

    fn input(&self, edge: &Edge) -> &'a AssetNode {
        self.graph.node(edge.input)
    }

    /// The rows of an input between two dates, with the columns that the edge reads; all of an input without sessions.
    fn read(&self, edge: &Edge, from: NaiveDate, to: NaiveDate) -> Result<DataFrame, MakeError> {
        let input = self.input(edge);
        let (from, to) = if input.axis == Axis::Static { (STATIC_SESSION, STATIC_SESSION) } else { (from, to) };
        Ok(self.snapshot.read(&input.name, from, to, edge.names().as_deref())?)
    }

    /// The first and last dates of an input that the sessions read through an edge.
    fn window(&self, edge: &Edge) -> Option<(NaiveDate, NaiveDate)> {
        let input = self.input(edge);
        let read = EdgeMap::new(self.node, input, edge).windows(self.range()?)?;
        Some((date_of(input, read.first), date_of(input, read.last)))
    }

    /// The same of what a query reads.
    fn window_of_check(&self, edge: &CheckEdge) -> Option<(NaiveDate, NaiveDate)> {
        let input = self.graph.node(edge.input);
        let read = EdgeMap::with_window(self.node, input, edge.back).windows(self.range()?)?;
        Some((date_of(input, read.first), date_of(input, read.last)))
    }

    fn range(&self) -> Option<assetctl_calendar::SessionRange> {
        let (first, last) = (self.sessions.first()?, self.sessions.last()?);
        Some(assetctl_calendar::SessionRange { first: ix_of(self.node, *first)?, last: ix_of(self.node, *last)? })
    }

    fn check_cancel(&self) -> Result<(), MakeError> {
        if self.cancel.is_set() { Err(MakeError::Cancelled) } else { Ok(()) }
    }
}
