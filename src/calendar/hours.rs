use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

/// The opening hours of a session, in seconds from the midnight UTC of its date; a session that starts in the evening
/// before opens at a negative one. A calendar has a handful of distinct hours, so sessions share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hours {
    pub open: i32,
    pub close: i32,
    /// Start and end of the lunch break.
    pub lunch: Option<(i32, i32)>,
    pub half_day: bool,
}

/// The instant `seconds` from the midnight UTC of `date`.
pub(crate) fn instant(date: NaiveDate, seconds: i32) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc() + TimeDelta::seconds(i64::from(seconds))
}

/// Seconds from the midnight UTC of `date` to `instant`; `None` when they are more than a month apart, which no session is.
pub(crate) fn seconds_from(date: NaiveDate, instant: DateTime<Utc>) -> Option<i32> {
    const MONTH: i64 = 31 * 86_400;
    let seconds = (instant - date.and_time(NaiveTime::MIN).and_utc()).num_seconds();
    if seconds.abs() > MONTH { None } else { i32::try_from(seconds).ok() }
}
