//! What must hold for a partition.
//!
//! [`run_check`] holds a check against rows of any number of sessions; [`LastValues`] one that looks back, session by session;
//! [`reconcile`] the rows of one asset against those of another. Nothing here reads anything.

mod bars;
mod cell;
mod jump;
mod reconcile;
mod rows;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::NaiveDate;
use polars::prelude::*;

pub use self::jump::{Jump, LastValues};
pub use self::reconcile::{Reconcile, reconcile};
use crate::frame::{self, FrameError};

/// One check of the rows of a session, whatever other sessions hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// No missing value in these columns.
    NotNull { columns: Vec<String> },
    /// No two rows of a session alike in these columns. Missing values are alike.
    Unique { columns: Vec<String> },
    /// Every value of a column within bounds, the strict ones and the others; missing values pass.
    Range { column: String, above: Option<f64>, min: Option<f64>, below: Option<f64>, max: Option<f64> },
    /// Every value of a column one of these, each written as in a file; missing values pass.
    Accepted { column: String, values: Vec<String> },
    /// No text of a column one of these, of which `what` says what they are.
    Refused { column: String, values: BTreeSet<String>, what: String },
    /// Prices of a bar, by the names of their columns: above 0, `low` the lowest of them, `high` the highest; missing ones pass.
    OhlcSane { open: String, high: String, low: String, close: String },
    /// A running total that does not fall within a session and instrument, in the order of the column `time`.
    Monotonic { column: String, time: String },
    /// The number of rows of every session within bounds.
    Rows { min: Option<u64>, max: Option<u64> },
    /// The exact number of rows of each of these sessions.
    ExpectedRows { counts: BTreeMap<NaiveDate, u64> },
    /// Of every instrument that a session has a row of, a row at each of these times, in microseconds since 1970-01-01 00:00 as the column
    /// `time` has them. Rows at other times pass.
    ExpectedBars { times: BTreeMap<NaiveDate, Vec<i64>> },
}

/// A session for which a check does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFailure {
    pub session: NaiveDate,
    /// In words, with examples.
    pub message: String,
    /// How many rows are at fault.
    pub rows: u64,
    /// The first of them.
    pub sample: Vec<Sample>,
}

/// A row at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The instrument, or else the row's number.
    pub row: String,
    /// What is wrong with it, where there is more to say.
    pub value: Option<String>,
}

impl Sample {
    fn new(row: &str, value: Option<String>) -> Self {
        Self { row: row.to_owned(), value }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} ({value})", self.row),
            None => f.write_str(&self.row),
        }
    }
}

/// Rows at fault, by session.
type AtFault = BTreeMap<NaiveDate, Vec<Sample>>;

/// Examples that a message gives.
const EXAMPLES: usize = 5;

impl CheckFailure {
    /// `3 rows of 2015-07-08 have {what}: {examples}`
    pub fn of_rows(session: NaiveDate, mut rows: Vec<Sample>, what: &str) -> Self {
        let count = rows.len();
        let (subject, verb) = if count == 1 { ("1 row".to_owned(), "has") } else { (format!("{count} rows"), "have") };
        rows.truncate(EXAMPLES);
        let examples = rows.iter().map(Sample::to_string).collect::<Vec<_>>().join(", ");
        let more = if count > EXAMPLES { ", …" } else { "" };
        let message = format!("{subject} of {session} {verb} {what}: {examples}{more}");
        Self { session, message, rows: count as u64, sample: rows }
    }
}

/// Holds a check against the rows of `sessions`, which may have none. The failures come by column and session. Rows without a column
/// `session` are all of the first session.
///
/// # Errors
/// When the frame lacks a column that the check names, or has one of another type.
pub fn run_check(df: &DataFrame, sessions: &[NaiveDate], check: &Check) -> Result<Vec<CheckFailure>, FrameError> {
    if df.width() == 0 && !matches!(check, Check::Rows { .. } | Check::ExpectedRows { .. }) {
        // Sessions without rows have no columns either.
        return Ok(Vec::new());
    }
    let rows = Rows::new(df, sessions)?;
    match check {
        Check::NotNull { columns } => values::not_null(&rows, columns),
        Check::Unique { columns } => values::unique(&rows, columns),
        Check::Range { column, above, min, below, max } => {
            let bounds = [("above", *above), ("at least", *min), ("below", *below), ("at most", *max)];
            values::range(&rows, column, bounds)
        }
        Check::Accepted { column, values } => values::accepted(&rows, column, values),
        Check::Refused { column, values, what } => values::refused(&rows, column, values, what),
        Check::OhlcSane { open, high, low, close } => bars::ohlc_sane(&rows, [open, high, low, close]),
        Check::Monotonic { column, time } => bars::monotonic(&rows, column, time),
        Check::Rows { min, max } => Ok(rows::row_count(&rows, sessions, |_| (*min, *max))),
        Check::ExpectedBars { times } => bars::gaps(&rows, times),
        Check::ExpectedRows { counts } => {
            let expected: Vec<NaiveDate> = sessions.iter().copied().filter(|day| counts.contains_key(day)).collect();
            let count = |session: NaiveDate| counts.get(&session).copied();
            Ok(rows::row_count(&rows, &expected, |session| (count(session), count(session))))
        }
    }
}

const FRAME: &str = "the result";

/// A frame with the session and the name of each row.
struct Rows<'a> {
    df: &'a DataFrame,
    sessions: Vec<NaiveDate>,
    /// What to call them: the instrument, or else the row's number in the frame.
    names: Vec<String>,
    /// The column `time`, where rows have one that is a time.
    times: Option<Vec<Option<i64>>>,
}

impl<'a> Rows<'a> {
    fn new(df: &'a DataFrame, asked: &[NaiveDate]) -> Result<Self, FrameError> {
        let has_sessions = df.columns().iter().any(|column| column.name() == frame::SESSION);
        let sessions = match asked.first() {
            Some(only) if !has_sessions => vec![*only; df.height()],
            _ if df.width() == 0 => Vec::new(),
            _ => frame::sessions(df, FRAME)?,
        };
        let names = if frame::has_instruments(df) {
            let texts = frame::texts(frame::column(df, FRAME, frame::INSTRUMENT)?, FRAME)?;
            texts.iter().enumerate().map(|(at, name)| name.map_or_else(|| numbered(at), str::to_owned)).collect()
        } else {
            (0..df.height()).map(numbered).collect()
        };
        let times = df
            .column("time")
            .ok()
            .and_then(|column| column.datetime().ok().map(|times| times.physical().iter().collect()));
        Ok(Self { df, sessions, names, times })
    }

    fn column(&self, name: &str) -> Result<&'a Column, FrameError> {
        frame::column(self.df, FRAME, name)
    }

    /// The numbers of a column; missing ones are NaN.
    fn numbers(&self, name: &str) -> Result<Vec<f64>, FrameError> {
        frame::numbers(self.column(name)?, FRAME)
    }

    fn sample(&self, row: usize, value: Option<String>) -> Sample {
        match self.times.as_ref().and_then(|times| times[row]) {
            Some(time) => Sample::new(&format!("{} {}", self.names[row], time_of_day(time)), value),
            None => Sample::new(&self.names[row], value),
        }
    }
}

/// `09:31`, or `09:31:05.5` where it is needed.
fn time_of_day(micros: i64) -> String {
    let time = chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default().time();
    if micros.rem_euclid(60_000_000) == 0 {
        time.format("%H:%M").to_string()
    } else {
        time.format("%H:%M:%S%.f").to_string()
    }
}

fn numbered(row: usize) -> String {
    format!("row {}", row + 1)
}

/// One failure for each session that has rows at fault.
fn failures(at_fault: AtFault, what: &str) -> impl Iterator<Item = CheckFailure> {
    at_fault.into_iter().map(move |(session, rows)| CheckFailure::of_rows(session, rows, what))
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

    #[test]
    fn values_that_are_not_accepted_are_named() {
        let accepted = |column: &str, values: &[&str]| Check::Accepted {
            column: column.into(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        assert_eq!(
            messages(&accepted("board", &["x"])),
            ["1 row of 2024-01-03 has a `board` that is none of x: d (y)"]
        );
        assert_eq!(messages(&accepted("close", &["1", "0", "-1.0"])), [""; 0]);
        assert_eq!(messages(&accepted("close", &["1", "-0"])).len(), 1);
        let refused =
            Check::Refused { column: "board".into(), values: ["y".to_owned()].into(), what: "a bad board".into() };
        assert_eq!(messages(&refused), ["1 row of 2024-01-03 has a bad board: d (y)"]);
    }

    #[test]
    fn rows_without_sessions_are_those_of_the_one_session() {
        let table = DataFrame::new(2, vec![Column::new("listed".into(), [Some("x"), None])]).unwrap();
        let failures = run_check(&table, &[day(1)], &Check::NotNull { columns: vec!["listed".into()] }).unwrap();
        assert_eq!(failures[0].message, "1 row of 2024-01-01 has no `listed`: row 2");
    }
}
