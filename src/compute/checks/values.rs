//! Checks of values, each by itself or against its neighbours of the session.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;

use super::cell::{Cell, cells};
use super::{AtFault, CheckFailure, FRAME, Rows, failures};
use crate::frame::{self, FrameError};

pub(super) fn not_null(rows: &Rows<'_>, columns: &[String]) -> Result<Vec<CheckFailure>, FrameError> {
    let mut all = Vec::new();
    for name in columns {
        let mut at_fault = AtFault::new();
        for (row, cell) in cells(rows.column(name)?)?.into_iter().enumerate() {
            if cell == Cell::Missing {
                at_fault.entry(rows.sessions[row]).or_default().push(rows.sample(row, None));
            }
        }
        all.extend(failures(at_fault, &format!("no `{name}`")));
    }
    Ok(all)
}

pub(super) fn unique(rows: &Rows<'_>, columns: &[String]) -> Result<Vec<CheckFailure>, FrameError> {
    let read = columns.iter().map(|name| cells(rows.column(name)?)).collect::<Result<Vec<_>, FrameError>>()?;
    let mut groups: HashMap<(NaiveDate, Vec<Cell<'_>>), Vec<usize>> = HashMap::new();
    for (row, session) in rows.sessions.iter().enumerate() {
        let key = read.iter().map(|cells| cells[row]).collect();
        groups.entry((*session, key)).or_default().push(row);
    }
    let mut repeated: Vec<_> = groups.into_iter().filter(|(_, rows)| rows.len() > 1).collect();
    repeated.sort_unstable_by(|a, b| a.1.cmp(&b.1));
    let mut at_fault = AtFault::new();
    for ((session, key), alike) in repeated {
        let key = key.iter().map(Cell::to_string).collect::<Vec<_>>().join(" ");
        at_fault.entry(session).or_default().extend(alike.iter().map(|_| super::Sample::new(&key, None)));
    }
    let names = columns.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Ok(failures(at_fault, &format!("the {names} of another")).collect())
}

/// Bounds are above, min, below, max, each with its words.
pub(super) fn range(
    rows: &Rows<'_>,
    column: &str,
    bounds: [(&str, Option<f64>); 4],
) -> Result<Vec<CheckFailure>, FrameError> {
    let [above, min, below, max] = bounds.map(|(_, bound)| bound);
    let out = |value: f64| {
        above.is_some_and(|bound| value <= bound)
            || min.is_some_and(|bound| value < bound)
            || below.is_some_and(|bound| value >= bound)
            || max.is_some_and(|bound| value > bound)
    };
    let mut at_fault = AtFault::new();
    for (row, value) in rows.numbers(column)?.into_iter().enumerate() {
        if out(value) {
            at_fault.entry(rows.sessions[row]).or_default().push(rows.sample(row, Some(value.to_string())));
        }
    }
    let words: Vec<String> =
        bounds.iter().filter_map(|(words, bound)| bound.map(|bound| format!("{words} {bound}"))).collect();
    Ok(failures(at_fault, &format!("a `{column}` that is not {}", words.join(" and "))).collect())
}

/// Values are written as in a file, so that `1` and `1.0` are the same number.
pub(super) fn accepted(rows: &Rows<'_>, column: &str, values: &[String]) -> Result<Vec<CheckFailure>, FrameError> {
    let texts: HashSet<&str> = values.iter().map(String::as_str).collect();
    let numbers: HashSet<u64> =
        values.iter().filter_map(|text| text.parse::<f64>().ok()).map(|number| (number + 0.0).to_bits()).collect();
    let time = |text: &String| chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok();
    let times: HashSet<i64> = values.iter().filter_map(time).map(|time| time.and_utc().timestamp_micros()).collect();
    let passes = |cell: &Cell<'_>| match cell {
        Cell::Missing => true,
        Cell::Number(bits) => numbers.contains(bits),
        Cell::Integer(whole) => numbers.contains(&(*whole as f64).to_bits()),
        Cell::Text(text) => texts.contains(text),
        Cell::Time(micros) => times.contains(micros),
        Cell::Bool(_) | Cell::Date(_) => texts.contains(cell.to_string().as_str()),
    };
    let mut at_fault = AtFault::new();
    for (row, cell) in cells(rows.column(column)?)?.into_iter().enumerate() {
        if !passes(&cell) {
            at_fault.entry(rows.sessions[row]).or_default().push(rows.sample(row, Some(cell.to_string())));
        }
    }
    let listed = if values.len() <= 5 { format!(" of {}", values.join(", ")) } else { String::new() };
    Ok(failures(at_fault, &format!("a `{column}` that is none{listed}")).collect())
}

pub(super) fn refused(
    rows: &Rows<'_>,
    column: &str,
    values: &BTreeSet<String>,
    what: &str,
) -> Result<Vec<CheckFailure>, FrameError> {
    let mut at_fault = AtFault::new();
    for (row, text) in frame::texts(rows.column(column)?, FRAME)?.iter().enumerate() {
        if let Some(text) = text.filter(|text| values.contains(*text)) {
            at_fault.entry(rows.sessions[row]).or_default().push(rows.sample(row, Some(text.to_owned())));
        }
    }
    Ok(failures(at_fault, what).collect())
}
