//! Checks that hold a session against those before it.
//!
//! What is before is what a reader will find there: the rows of the batch, but those of a session that a check refuses, in whose place
//! stands what was committed before, if anything was. So an outcome does not depend on how the work was cut into batches.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_calendar::SessionIx;
use assetctl_compute::{CheckFailure, Jump, LastValues};
use assetctl_config::Check;
use assetctl_plan::{Ledger, date_of, ix_of};
use chrono::NaiveDate;
use polars::prelude::DataFrame;

use super::{Checked, Checking, Finding};
use crate::kinds::{MakeError, of_session};

/// Sessions in which the last one that has rows is looked for.
const PREVIOUS: u32 = 20;

/// One check that looks back, with what it knows of the sessions before.
struct Looking<'a> {
    position: usize,
    check: &'a Check,
    sessions: u32,
    what: What,
}

enum What {
    Jump {
        jump: Jump,
        last: LastValues,
        /// The column, of the sessions before the batch and of what was there within it.
        there: DataFrame,
    },
    Rows {
        part: f64,
        /// The newest session before that has rows, and how many.
        last: Option<(NaiveDate, u64)>,
        there: BTreeMap<NaiveDate, u64>,
    },
}

pub fn run(checking: &Checking<'_>, checked: &mut Checked) -> Result<(), MakeError> {
    let (Some(first), Some(last)) = (checking.sessions.first(), checking.sessions.last()) else { return Ok(()) };
    let mut all = Vec::new();
    for (position, check) in checking.node.checks.iter().enumerate().filter(|(_, check)| check.reads_back()) {
        all.extend(Looking::new(checking, position, check, *first, *last)?);
    }
    let Some(longest) = all.iter().map(|looking| looking.sessions).max() else { return Ok(()) };
    let mut refused = checked.refused();
    let made: BTreeSet<NaiveDate> = checking.sessions.iter().copied().collect();
    for session in between(checking, before(checking, *first, longest - 1), *last) {
        checking.check_cancel()?;
        let is_made = made.contains(&session);
        let rows = if is_made { of_session(checking.frame, session)? } else { DataFrame::empty() };
        if is_made {
            for looking in &all {
                checked.judged.entry(looking.position).or_default().push(session);
                if let Some(failure) = looking.judge(checking, &rows, session)? {
                    let severity = looking.check.severity;
                    if severity == assetctl_config::Severity::Error {
                        refused.insert(session);
                    }
                    checked.findings.push(Finding { check: looking.position, severity, failure });
                }
            }
        }
        let is_kept = is_made && (checking.committed || !refused.contains(&session));
        if is_made && !is_kept && checking.node.recursive {
            // What follows it is not committed either, and will be made again.
            break;
        }
        for looking in &mut all {
            looking.take(if is_kept { Some(&rows) } else { None }, session)?;
        }
    }
    for position in all.iter().map(|looking| looking.position) {
        if let Some(judged) = checked.judged.get_mut(&position) {
            judged.sort_unstable();
            judged.dedup();
        }
    }
    Ok(())
}

impl<'a> Looking<'a> {
    fn new(
        checking: &Checking<'_>,
        position: usize,
        check: &'a Check,
        first: NaiveDate,
        last: NaiveDate,
    ) -> Result<Option<Self>, MakeError> {
        let name = &checking.node.name;
        let is_there = checking.snapshot.head(name).is_some();
        if let Some(jump) = &check.jump {
            let from = before(checking, first, jump.sessions - 1);
            let columns = [jump.column.clone()];
            let there = match is_there {
                // A column that is new is in no segment.
                true => match checking.snapshot.read(name, from, last, Some(&columns)) {
                    Err(assetctl_store::Error::UnknownColumn { .. }) => DataFrame::empty(),
                    read => read?,
                },
                false => DataFrame::empty(),
            };
            let except = jump.except.iter().flat_map(|columns| columns.as_slice().to_vec()).collect();
            let what = What::Jump {
                jump: Jump { column: jump.column.clone(), above: jump.above, except },
                last: LastValues::default(),
                there,
            };
            return Ok(Some(Self { position, check, sessions: jump.sessions, what }));
        }
        let Some(part) = check.expected_rows.as_ref().and_then(|rows| rows.part_of_previous()) else { return Ok(None) };
        let mut there = BTreeMap::new();
        if is_there {
            let segments = checking.snapshot.segments(name, before(checking, first, PREVIOUS - 1), last)?;
            let records = segments.iter().flat_map(|segment| &segment.partitions);
            there.extend(records.map(|record| (record.session, u64::from(record.rows))));
        }
        Ok(Some(Self { position, check, sessions: PREVIOUS, what: What::Rows { part, last: None, there } }))
    }

    fn judge(
        &self,
        checking: &Checking<'_>,
        rows: &DataFrame,
        session: NaiveDate,
    ) -> Result<Option<CheckFailure>, MakeError> {
        let since = before(checking, session, self.sessions - 1);
        match &self.what {
            What::Jump { .. } if rows.width() == 0 => Ok(None),
            What::Jump { jump, last, .. } => Ok(last.judge(rows, session, since, jump)?),
            What::Rows { part, last, .. } => {
                let rows = rows.height() as u64;
                let Some((day, previous)) = last.filter(|(day, _)| *day >= since) else { return Ok(None) };
                if rows as f64 >= part * previous as f64 {
                    return Ok(None);
                }
                let message = format!(
                    "{session} has {rows} rows, at least {} % of the {previous} of {day} expected",
                    part * 100.0
                );
                Ok(Some(CheckFailure { session, message, rows, sample: Vec::new() }))
            }
        }
    }

    /// Takes a session as one of those before: its rows as made, or as they were there.
    fn take(&mut self, made: Option<&DataFrame>, session: NaiveDate) -> Result<(), MakeError> {
        match &mut self.what {
            What::Jump { jump, last, there } => {
                let old;
                let rows = match made {
                    Some(rows) => rows,
                    None => {
                        old = of_session(there, session)?;
                        &old
                    }
                };
                last.take(rows, session, &jump.column)?;
            }
            What::Rows { last, there, .. } => {
                let rows = made.map(|rows| rows.height() as u64).or_else(|| there.get(&session).copied());
                if let Some(rows) = rows.filter(|rows| *rows > 0) {
                    *last = Some((session, rows));
                }
            }
        }
        Ok(())
    }
}

/// The date so many sessions before, or the asset's first.
fn before(checking: &Checking<'_>, session: NaiveDate, sessions: u32) -> NaiveDate {
    let node = checking.node;
    let first = |ix: SessionIx| SessionIx(ix.0.saturating_sub(sessions).max(node.start.0.min(ix.0)));
    ix_of(node, session).map_or(session, |ix| date_of(node, first(ix)))
}

/// The sessions of the calendar between two dates, both included.
fn between(checking: &Checking<'_>, from: NaiveDate, to: NaiveDate) -> Vec<NaiveDate> {
    match (ix_of(checking.node, from), ix_of(checking.node, to)) {
        (Some(from), Some(to)) => (from.0..=to.0).map(|ix| date_of(checking.node, SessionIx(ix))).collect(),
        _ => Vec::new(),
    }
}
