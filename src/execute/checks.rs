//! Checks run on what a batch has made, before it is committed.

use std::collections::BTreeMap;

use assetctl_compute::{Listing, run_check};
use assetctl_config::{Check, OneOrMany, Severity};
use assetctl_graph::Body;
use assetctl_plan::STATIC_SESSION;
use chrono::NaiveDate;
use polars::prelude::DataFrame;

use crate::kinds::universe::members_of;
use crate::kinds::{Batch, Made, MakeError};

/// One check that does not hold for one session.
#[derive(Debug, Clone)]
pub struct Finding {
    pub session: NaiveDate,
    /// As `not_null`, `range`.
    pub check: &'static str,
    pub severity: Severity,
    pub message: String,
}

/// Runs every check of the asset, in the order declared.
pub fn run(batch: &Batch<'_>, made: &Made) -> Result<Vec<Finding>, MakeError> {
    let mut findings = Vec::new();
    for check in &batch.node.checks {
        for (name, form) in forms(batch, made, check)? {
            for failure in run_check(&made.frame, &made.sessions, &form)? {
                findings.push(Finding {
                    session: failure.session,
                    check: name,
                    severity: check.severity,
                    message: failure.message,
                });
            }
        }
    }
    Ok(findings)
}

fn forms(
    batch: &Batch<'_>,
    made: &Made,
    check: &Check,
) -> Result<Vec<(&'static str, assetctl_compute::Check)>, MakeError> {
    let columns = |list: &OneOrMany| list.as_slice().to_vec();
    let mut forms = Vec::new();
    if let Some(list) = &check.not_null {
        forms.push(("not_null", assetctl_compute::Check::NotNull { columns: columns(list) }));
    }
    if let Some(list) = &check.unique {
        forms.push(("unique", assetctl_compute::Check::Unique { columns: columns(list) }));
    }
    if let Some(range) = &check.range {
        let form = assetctl_compute::Check::Range {
            column: range.column.clone(),
            above: range.above,
            min: range.min,
            below: range.below,
            max: range.max,
        };
        forms.push(("range", form));
    }
    if let Some(rows) = &check.expected_rows {
        let form = match (rows.min, rows.max) {
            (None, None) => assetctl_compute::Check::ExpectedRows { counts: expected(batch, made)? },
            (min, max) => assetctl_compute::Check::Rows { min, max },
        };
        forms.push(("expected_rows", form));
    }
    Ok(forms)
}

/// How many rows each session should have: by the listing table, or else every instrument seen so far, or else as the first input.
fn expected(batch: &Batch<'_>, made: &Made) -> Result<BTreeMap<NaiveDate, u64>, MakeError> {
    let node = batch.node;
    let (Some(first), Some(last)) = (made.sessions.first(), made.sessions.last()) else { return Ok(BTreeMap::new()) };
    match &node.body {
        Body::Complete { listing: true, .. } => {
            let edge = &node.edges[1];
            let table = batch.read(edge, STATIC_SESSION, STATIC_SESSION)?;
            let listing = Listing::from_frame(&batch.input(edge).name, &table)?;
            Ok(made.sessions.iter().map(|session| (*session, listing.expected_on(*session).count() as u64)).collect())
        }
        Body::Complete { listing: false, .. } => {
            let start = batch.input(&node.edges[0]).start_date().max(node.start_date());
            let history = batch.read(&node.edges[0], start, *last)?;
            seen_by(&history, &made.sessions)
        }
        _ => match node.edges.first() {
            Some(edge) => match batch.window(edge, *first, *last) {
                Some((from, to)) => {
                    let mut rows = batch.read(edge, from, to)?;
                    if let Some(universe) = &node.universe {
                        rows = members_of(batch, universe, &rows)?;
                    }
                    rows_of(&rows, &made.sessions)
                }
                None => Ok(BTreeMap::new()),
            },
            None => Ok(BTreeMap::new()),
        },
    }
}

/// How many distinct instruments there are up to each session.
fn seen_by(history: &DataFrame, sessions: &[NaiveDate]) -> Result<BTreeMap<NaiveDate, u64>, MakeError> {
    if history.height() == 0 {
        return Ok(sessions.iter().map(|session| (*session, 0)).collect());
    }
    let dates = history.column("session")?.date()?.clone();
    let instruments = history.column("instrument")?.str()?.clone();
    let mut seen = std::collections::HashSet::new();
    let mut rows = dates.as_date_iter().zip(instruments.iter()).peekable();
    let mut counts = BTreeMap::new();
    for session in sessions {
        while let Some((_, instrument)) = rows.next_if(|(date, _)| date.is_some_and(|date| date <= *session)) {
            seen.insert(instrument);
        }
        counts.insert(*session, seen.len() as u64);
    }
    Ok(counts)
}

fn rows_of(input: &DataFrame, sessions: &[NaiveDate]) -> Result<BTreeMap<NaiveDate, u64>, MakeError> {
    let mut counts: BTreeMap<NaiveDate, u64> = sessions.iter().map(|session| (*session, 0)).collect();
    if input.height() > 0 {
        for date in input.column("session")?.date()?.as_date_iter().flatten() {
            if let Some(count) = counts.get_mut(&date) {
                *count += 1;
            }
        }
    }
    Ok(counts)
}
