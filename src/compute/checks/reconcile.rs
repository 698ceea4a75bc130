//! Two assets against each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use polars::prelude::*;

use super::cell::{Cell, cells};
use super::{AtFault, CheckFailure, Rows, failures};
use crate::frame::FrameError;

/// How the rows of two assets are held against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconcile {
    /// What to call the other one.
    pub with: String,
    pub columns: Vec<String>,
    /// The columns that say which rows belong together, besides the session.
    pub on: Vec<String>,
    /// Numbers agree that differ by at most this part of the larger one.
    pub tolerance: f64,
}

/// Holds the rows of `sessions` against those that the other asset has of them: a row that one side lacks is at fault, and a value that
/// differs or that one side lacks. `known` are the sessions that the other one has partitions of.
///
/// # Errors
/// When a frame lacks a column that the check names, or has one of another type.
pub fn reconcile(
    ours: &DataFrame,
    theirs: &DataFrame,
    sessions: &[NaiveDate],
    known: &BTreeSet<NaiveDate>,
    check: &Reconcile,
) -> Result<Vec<CheckFailure>, FrameError> {
    let with = &check.with;
    let (our_rows, their_rows) = (Rows::new(ours, sessions)?, Rows::new(theirs, sessions)?);
    let (our_keys, their_keys) = (keys(&our_rows, &check.on)?, keys(&their_rows, &check.on)?);
    let (our_values, their_values) = (values(&our_rows, &check.columns)?, values(&their_rows, &check.columns)?);
    let find: HashMap<&(NaiveDate, Vec<Cell<'_>>), usize> =
        their_keys.iter().enumerate().map(|(row, key)| (key, row)).collect();
    let mut met = vec![false; their_keys.len()];
    let mut faults: BTreeMap<NaiveDate, Vec<(String, String)>> = BTreeMap::new();
    for (row, key) in our_keys.iter().enumerate().filter(|(_, key)| known.contains(&key.0)) {
        let Some(other) = find.get(key) else {
            faults.entry(key.0).or_default().push((name(key), format!("not in `{with}`")));
            continue;
        };
        met[*other] = true;
        for (at, column) in check.columns.iter().enumerate() {
            let (one, two) = (our_values[at][row], their_values[at][*other]);
            if !agree(one, two, check.tolerance) {
                faults.entry(key.0).or_default().push((name(key), format!("`{column}` {one}, there {two}")));
                break;
            }
        }
    }
    let asked: BTreeSet<NaiveDate> = sessions.iter().copied().collect();
    for (key, _) in their_keys.iter().zip(met).filter(|(key, met)| !met && asked.contains(&key.0)) {
        faults.entry(key.0).or_default().push((name(key), "only there".to_owned()));
    }
    let at_fault: AtFault = faults
        .into_iter()
        .map(|(session, mut rows)| {
            rows.sort();
            (session, rows.into_iter().map(|(row, value)| super::Sample::new(&row, Some(value))).collect())
        })
        .collect();
    let mut all: Vec<CheckFailure> = failures(at_fault, &format!("no equal in `{with}`")).collect();
    let absent = sessions.iter().filter(|session| !known.contains(session));
    all.extend(absent.map(|session| CheckFailure {
        session: *session,
        message: format!("`{with}` has no partition of {session} to compare with"),
        rows: our_keys.iter().filter(|key| key.0 == *session).count() as u64,
        sample: Vec::new(),
    }));
    all.sort_by_key(|failure| failure.session);
    Ok(all)
}

/// The session of each row, and what else says which row it is.
fn keys<'a>(rows: &Rows<'a>, on: &[String]) -> Result<Vec<(NaiveDate, Vec<Cell<'a>>)>, FrameError> {
    let read = values(rows, on)?;
    let key = |row: usize| read.iter().map(|cells| cells[row]).collect();
    Ok(rows.sessions.iter().enumerate().map(|(row, session)| (*session, key(row))).collect())
}

/// A frame of no rows may have no columns either.
fn values<'a>(rows: &Rows<'a>, columns: &[String]) -> Result<Vec<Vec<Cell<'a>>>, FrameError> {
    if rows.df.height() == 0 {
        return Ok(vec![Vec::new(); columns.len()]);
    }
    columns.iter().map(|name| cells(rows.column(name)?)).collect()
}

fn name(key: &(NaiveDate, Vec<Cell<'_>>)) -> String {
    key.1.iter().map(Cell::to_string).collect::<Vec<_>>().join(" ")
}

fn agree(one: Cell<'_>, two: Cell<'_>, tolerance: f64) -> bool {
    match (one.number(), two.number()) {
        (Some(one), Some(two)) => (one - two).abs() <= tolerance * one.abs().max(two.abs()),
        _ => one == two,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::{day, panel_frame};

    fn bars(rows: &[(u32, &str, Option<f64>)]) -> DataFrame {
        let keys: Vec<(u32, &str)> = rows.iter().map(|(session, name, _)| (*session, *name)).collect();
        panel_frame(&keys, vec![Column::new("close".into(), rows.iter().map(|(.., close)| *close).collect::<Vec<_>>())])
    }

    fn check(tolerance: f64) -> Reconcile {
        Reconcile { with: "b".into(), columns: vec!["close".into()], on: vec!["instrument".into()], tolerance }
    }

    #[test]
    fn rows_and_values_that_one_side_lacks_are_at_fault() {
        let ours = bars(&[(2, "x", Some(10.0)), (2, "y", None), (2, "z", Some(3.0)), (3, "x", Some(1.0))]);
        let theirs = bars(&[(2, "x", Some(10.001)), (2, "y", None), (2, "w", Some(3.0)), (3, "x", None)]);
        let known = BTreeSet::from([day(2), day(3)]);
        let run = |tolerance| {
            let found = reconcile(&ours, &theirs, &[day(2), day(3)], &known, &check(tolerance)).unwrap();
            found.into_iter().map(|failure| failure.message).collect::<Vec<_>>()
        };
        assert_eq!(
            run(1e-3),
            [
                "2 rows of 2024-01-02 have no equal in `b`: w (only there), z (not in `b`)",
                "1 row of 2024-01-03 has no equal in `b`: x (`close` 1, there (missing))",
            ]
        );
        assert!(run(1e-5)[0].starts_with("3 rows of 2024-01-02"));
        assert!(run(1e-5)[0].contains("x (`close` 10, there 10.001)"));
    }

    #[test]
    fn a_session_that_the_other_does_not_have_is_said_once() {
        let found = reconcile(
            &bars(&[(2, "x", Some(1.0))]),
            &bars(&[]),
            &[day(2), day(3)],
            &BTreeSet::from([day(3)]),
            &check(0.0),
        );
        let found = found.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "`b` has no partition of 2024-01-02 to compare with");
    }
}
