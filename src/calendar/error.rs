use chrono::NaiveDate;
use thiserror::Error;

use crate::TradingDate;

/// Why a calendar cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CalendarError {
    /// The date lies within the calendar and is no session of it: a weekend or a holiday.
    #[error("`{date}` is not a session of `{calendar}`; the nearest are `{previous}` and `{next}`")]
    NotASession { calendar: String, date: NaiveDate, previous: TradingDate, next: TradingDate },
    /// The calendar ends before the date: whether it is a session is not known.
    #[error(
        "`{date}` is after the last known session of `{calendar}` ({last}); extend it with a file under `calendars:`"
    )]
    PastEnd { calendar: String, date: NaiveDate, last: TradingDate },
    /// The calendar starts after the date.
    #[error("`{date}` is before the first known session of `{calendar}` ({first}); use `{first}` or a later date")]
    BeforeStart { calendar: String, date: NaiveDate, first: TradingDate },
    /// No session lies between the two dates.
    #[error("`{calendar}` has no session from `{from}` to `{to}`; its next is `{next}`")]
    NoSessions { calendar: String, from: NaiveDate, to: NaiveDate, next: TradingDate },
    /// The end of a range lies before its start.
    #[error("`{from}` is after `{to}`; give the earlier date first")]
    Reversed { from: NaiveDate, to: NaiveDate },
    /// A calendar that is to extend another says otherwise of a session that both know.
    #[error(
        "`{added}` disagrees with `{calendar}` on `{date}`: {difference}; correct the file, or leave out the sessions up to \
         `{last}`, which are known"
    )]
    Disagrees {
        calendar: String,
        added: String,
        date: TradingDate,
        difference: Difference,
        /// The last session of the calendar that is extended.
        last: TradingDate,
    },
    /// Between the end of a calendar and the sessions that are to extend it lie more days than any holiday takes.
    #[error(
        "`{added}` starts on `{first}`, {days} days after the last session of `{calendar}` ({last}); add the sessions between"
    )]
    Gap { calendar: String, added: String, last: TradingDate, first: TradingDate, days: i64 },
}

/// In what two calendars differ on a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Difference {
    /// Only the calendar that is extended has the session.
    #[error("the file leaves this session out")]
    Missing,
    /// Only the file has the session.
    #[error("the file has a session where the calendar has none")]
    Extra,
    /// Both have it, with different open, close, break or half-day mark.
    #[error("its open, close, break or half-day mark differs")]
    Hours,
}

/// What is wrong in a calendar file, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct CalendarFileError {
    /// Line in the file, from 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: CalendarFileProblem,
}

/// What is wrong at a place in a calendar file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CalendarFileProblem {
    #[error("the file has no sessions; add one line per session below the header")]
    Empty,
    #[error("the text is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    #[error("column `{0}` is missing; the first line must be `{header}`", header = crate::file::HEADER)]
    MissingColumn(&'static str),
    #[error("unknown column `{0}`; the first line must be `{header}`", header = crate::file::HEADER)]
    UnknownColumn(String),
    #[error("column `{0}` is there twice; remove one")]
    RepeatedColumn(String),
    #[error("{found} fields where the header has {expected}; give each column a field, empty where there is no value")]
    Fields { found: usize, expected: usize },
    #[error("`{value}` is not a date; write `{column}` as YYYY-MM-DD")]
    NotADate { column: &'static str, value: String },
    #[error("`{value}` is not an instant; write `{column}` as YYYY-MM-DDTHH:MM:SSZ")]
    NotAnInstant { column: &'static str, value: String },
    #[error("`{value}` is neither 0 nor 1; write 1 for a half-day, 0 for any other session")]
    NotAFlag { value: String },
    #[error("`{column}` is more than a month away from the session's date; correct the one or the other")]
    FarFromDate { column: &'static str },
    #[error("a break needs both `break_start_utc` and `break_end_utc`; give both or neither")]
    HalfABreak,
    #[error("`{later}` is not after `{earlier}`; open, break start, break end and close must ascend")]
    OutOfOrder { earlier: &'static str, later: &'static str },
    #[error(
        "session `{date}` does not come after `{previous}`, the session of the line before; sort the file and keep each once"
    )]
    NotAscending { date: NaiveDate, previous: NaiveDate },
    #[error("the session opens before the session of the line before has closed")]
    Overlap,
}
