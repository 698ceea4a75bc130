//! What must hold for a partition.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use chrono::NaiveDate;
use polars::prelude::*;

use crate::frame::{self, FrameError};

/// One check.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// No missing value in these columns.
    NotNull { columns: Vec<String> },
    /// No two rows of a session alike in these columns. Missing values are alike.
    Unique { columns: Vec<String> },
    /// Every value of a column within bounds, the strict ones and the others; missing values pass.
    Range { column: String, above: Option<f64>, min: Option<f64>, below: Option<f64>, max: Option<f64> },
    /// The number of rows of every session within bounds.
    Rows { min: Option<u64>, max: Option<u64> },
    /// The exact number of rows of each of these sessions.
    ExpectedRows { counts: BTreeMap<NaiveDate, u64> },
}

/// A session for which a check does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFailure {
    pub session: NaiveDate,
    /// In words, with examples.
    pub message: String,
    /// How many rows are at fault.
    pub rows: u64,
}

/// Examples that a message gives.
const EXAMPLES: usize = 5;

/// Holds a check against the rows of `sessions`, which may have none. The failures come by column and session.
///
/// # Errors
/// When the frame lacks a column that the check names, or has one of another type.
pub fn run_check(df: &DataFrame, sessions: &[NaiveDate], check: &Check) -> Result<Vec<CheckFailure>, FrameError> {
    match check {
        Check::NotNull { columns } => not_null(df, columns),
        Check::Unique { columns } => unique(df, columns),
        Check::Range { column, above, min, below, max } => {
            let bounds = [("above", *above), ("at least", *min), ("below", *below), ("at most", *max)];
            range(df, column, bounds)
        }
        Check::Rows { min, max } => row_count(df, sessions, |_| (*min, *max)),
        Check::ExpectedRows { counts } => {
            let expected: Vec<NaiveDate> = sessions.iter().copied().filter(|day| counts.contains_key(day)).collect();
            row_count(df, &expected, |session| (counts.get(&session).copied(), counts.get(&session).copied()))
        }
    }
}

const FRAME: &str = "the result";

/// Rows by what to call them: the instrument, or else the row's number in the frame.
fn row_names(df: &DataFrame) -> Result<Vec<String>, FrameError> {
    if frame::has_instruments(df) {
        return Ok(frame::instruments(df, FRAME)?.into_iter().map(str::to_owned).collect());
    }
    Ok((1..=df.height()).map(|row| format!("row {row}")).collect())
}

/// `3 rows of 2015-07-08 {what}: {examples}`, for each session that has any.
fn failures(at_fault: BTreeMap<NaiveDate, Vec<String>>, what: &str) -> impl Iterator<Item = CheckFailure> {
    at_fault.into_iter().map(move |(session, rows)| {
        let (subject, verb) =
            if rows.len() == 1 { ("1 row".to_owned(), "has") } else { (format!("{} rows", rows.len()), "have") };
        let examples = rows[..rows.len().min(EXAMPLES)].join(", ");
        let more = if rows.len() > EXAMPLES { ", …" } else { "" };
        let message = format!("{subject} of {session} {verb} {what}: {examples}{more}");
        CheckFailure { session, message, rows: rows.len() as u64 }
    })
}

fn not_null(df: &DataFrame, columns: &[String]) -> Result<Vec<CheckFailure>, FrameError> {
    let (sessions, names) = (frame::sessions(df, FRAME)?, row_names(df)?);
    let mut all = Vec::new();
    for name in columns {
        let mut at_fault: BTreeMap<NaiveDate, Vec<String>> = BTreeMap::new();
        for (row, cell) in cells(frame::column(df, FRAME, name)?)?.into_iter().enumerate() {
            if cell == Cell::Missing {
                at_fault.entry(sessions[row]).or_default().push(names[row].clone());
            }
        }
        all.extend(failures(at_fault, &format!("no `{name}`")));
    }
    Ok(all)
}

fn unique(df: &DataFrame, columns: &[String]) -> Result<Vec<CheckFailure>, FrameError> {
    let sessions = frame::sessions(df, FRAME)?;
    let columns_read =
        columns.iter().map(|name| cells(frame::column(df, FRAME, name)?)).collect::<Result<Vec<_>, FrameError>>()?;
    let mut groups: HashMap<(NaiveDate, Vec<Cell>), Vec<usize>> = HashMap::new();
    for (row, session) in sessions.iter().enumerate() {
        let key = columns_read.iter().map(|cells| cells[row]).collect();
        groups.entry((*session, key)).or_default().push(row);
    }
    let mut repeated: Vec<_> = groups.into_iter().filter(|(_, rows)| rows.len() > 1).collect();
    repeated.sort_unstable_by(|a, b| a.1.cmp(&b.1));
    let mut at_fault: BTreeMap<NaiveDate, Vec<String>> = BTreeMap::new();
    for ((session, key), rows) in repeated {
        let key = key.iter().map(Cell::to_string).collect::<Vec<_>>().join(" ");
        at_fault.entry(session).or_default().extend(std::iter::repeat_n(key, rows.len()));
    }
    let names = columns.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Ok(failures(at_fault, &format!("the {names} of another")).collect())
}

/// Bounds are above, min, below, max, each with its words.
fn range(df: &DataFrame, column: &str, bounds: [(&str, Option<f64>); 4]) -> Result<Vec<CheckFailure>, FrameError> {
    let values = frame::numbers(frame::column(df, FRAME, column)?, FRAME)?;
    let (sessions, names) = (frame::sessions(df, FRAME)?, row_names(df)?);
    let [above, min, below, max] = bounds.map(|(_, bound)| bound);
    let out = |value: f64| {
        above.is_some_and(|bound| value <= bound)
            || min.is_some_and(|bound| value < bound)
            || below.is_some_and(|bound| value >= bound)
            || max.is_some_and(|bound| value > bound)
    };
    let mut at_fault: BTreeMap<NaiveDate, Vec<String>> = BTreeMap::new();
    for (row, value) in values.into_iter().enumerate() {
        if out(value) {
            at_fault.entry(sessions[row]).or_default().push(format!("{} ({value})", names[row]));
        }
    }
    let words: Vec<String> =
        bounds.iter().filter_map(|(words, bound)| bound.map(|bound| format!("{words} {bound}"))).collect();
    Ok(failures(at_fault, &format!("a `{column}` that is not {}", words.join(" and "))).collect())
}

fn row_count(
    df: &DataFrame,
    sessions: &[NaiveDate],
    bounds: impl Fn(NaiveDate) -> (Option<u64>, Option<u64>),
) -> Result<Vec<CheckFailure>, FrameError> {
    let mut counts: BTreeMap<NaiveDate, u64> = sessions.iter().map(|session| (*session, 0)).collect();
    for session in frame::sessions(df, FRAME)? {
        if let Some(count) = counts.get_mut(&session) {
            *count += 1;
        }
    }
    let failures = counts.into_iter().filter_map(|(session, count)| {
        let (min, max) = bounds(session);
        let wanted = match (min, max) {
            (Some(min), Some(max)) if min == max => format!("{min} expected"),
            (Some(min), _) if count < min => format!("at least {min} expected"),
            (_, Some(max)) => format!("at most {max} expected"),
            _ => return None,
        };
        let fits = min.is_none_or(|min| count >= min) && max.is_none_or(|max| count <= max);
        let rows = if count == 1 { "row" } else { "rows" };
        let message = format!("{session} has {count} {rows}, {wanted}");
        (!fits).then_some(CheckFailure { session, message, rows: count })
    });
    Ok(failures.collect())
}

/// A value that can be compared with others of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Cell<'a> {
    Missing,
    /// The bits of a canonical number.
    Number(u64),
    Integer(i64),
    Bool(bool),
    Text(&'a str),
    Date(NaiveDate),
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("(missing)"),
            Self::Number(bits) => write!(f, "{}", f64::from_bits(*bits)),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Text(text) => f.write_str(text),
            Self::Date(date) => write!(f, "{date}"),
        }
    }
}

fn cells(column: &Column) -> Result<Vec<Cell<'_>>, FrameError> {
    fn all<'a, T>(values: impl Iterator<Item = Option<T>>, cell: impl Fn(T) -> Cell<'a>) -> Vec<Cell<'a>> {
        values.map(|value| value.map_or(Cell::Missing, &cell)).collect()
    }
    Ok(match column.dtype() {
        DataType::String => all(frame::texts(column, FRAME)?.iter(), Cell::Text),
        DataType::Boolean => all(frame::bools(column, FRAME)?.iter(), Cell::Bool),
        DataType::Date => all(frame::dates(column, FRAME)?.into_iter(), Cell::Date),
        dtype if dtype.is_integer() => all(column.cast(&DataType::Int64)?.i64()?.iter(), Cell::Integer),
        _ => {
            let numbers = frame::numbers(column, FRAME)?.into_iter();
            all(numbers.map(|value| Some(value).filter(|value| !value.is_nan())), |value| Cell::Number(value.to_bits()))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::{day, panel_frame};

    fn bars() -> DataFrame {
        let keys = [(2, "a"), (2, "b"), (2, "b"), (3, "a"), (3, "c"), (3, "d")];
        panel_frame(
            &keys,
            vec![
                Column::new("close".into(), [Some(1.0), None, Some(-1.0), Some(f64::NAN), None, Some(0.0)]),
                Column::new("board".into(), [Some("x"), Some("x"), Some("x"), None, None, Some("y")]),
            ],
        )
    }

    fn messages(check: &Check) -> Vec<String> {
        run_check(&bars(), &[day(2), day(3), day(4)], check).unwrap().into_iter().map(|f| f.message).collect()
    }

    #[test]
    fn missing_values_are_named() {
        let check = Check::NotNull { columns: vec!["close".into(), "board".into()] };
        assert_eq!(
            messages(&check),
            [
                "1 row of 2024-01-02 has no `close`: b",
                "2 rows of 2024-01-03 have no `close`: a, c",
                "2 rows of 2024-01-03 have no `board`: a, c",
            ]
        );
    }

    #[test]
    fn many_rows_give_a_few_examples() {
        let keys: Vec<(u32, &str)> = ["a", "b", "c", "d", "e", "f", "g"].map(|name| (2, name)).into();
        let df = panel_frame(&keys, vec![Column::new("x".into(), [None::<f64>; 7])]);
        let failures = run_check(&df, &[day(2)], &Check::NotNull { columns: vec!["x".into()] }).unwrap();
        assert_eq!(failures[0].message, "7 rows of 2024-01-02 have no `x`: a, b, c, d, e, …");
        assert_eq!((failures[0].rows, failures[0].session), (7, day(2)));
    }

    #[test]
    fn rows_that_repeat_a_key_are_named() {
        let columns = |names: &[&str]| Check::Unique { columns: names.iter().map(|name| (*name).to_owned()).collect() };
        assert_eq!(
            messages(&columns(&["instrument"])),
            ["2 rows of 2024-01-02 have the `instrument` of another: b, b"]
        );
        assert_eq!(
            messages(&columns(&["board"])),
            [
                "3 rows of 2024-01-02 have the `board` of another: x, x, x",
                "2 rows of 2024-01-03 have the `board` of another: (missing), (missing)",
            ]
        );
        assert_eq!(messages(&columns(&["instrument", "close"])), [""; 0]);
    }

    #[test]
    fn values_out_of_bounds_are_named_and_missing_ones_pass() {
        let range = |above, min, below, max| Check::Range { column: "close".into(), above, min, below, max };
        assert_eq!(
            messages(&range(Some(0.0), None, None, None)),
            [
                "1 row of 2024-01-02 has a `close` that is not above 0: b (-1)",
                "1 row of 2024-01-03 has a `close` that is not above 0: d (0)",
            ]
        );
        assert_eq!(
            messages(&range(None, Some(0.0), Some(1.0), None)),
            ["2 rows of 2024-01-02 have a `close` that is not at least 0 and below 1: a (1), b (-1)"]
        );
        assert_eq!(messages(&range(None, Some(-1.0), None, Some(1.0))), [""; 0]);
        assert_eq!(messages(&range(None, None, None, Some(0.5))).len(), 1);
    }

    #[test]
    fn sessions_with_too_few_or_too_many_rows_are_named() {
        assert_eq!(messages(&Check::Rows { min: Some(1), max: None }), ["2024-01-04 has 0 rows, at least 1 expected"]);
        assert_eq!(messages(&Check::Rows { min: Some(0), max: Some(2) }).len(), 2);
        assert_eq!(messages(&Check::Rows { min: None, max: None }), [""; 0]);
        let counts = BTreeMap::from([(day(2), 3), (day(3), 4)]);
        assert_eq!(messages(&Check::ExpectedRows { counts }), ["2024-01-03 has 3 rows, 4 expected"]);
    }

    #[test]
    fn an_unknown_column_is_an_error() {
        let error = run_check(&bars(), &[], &Check::NotNull { columns: vec!["cloze".into()] }).unwrap_err();
        assert!(error.to_string().contains("no column `cloze`"));
    }
}
