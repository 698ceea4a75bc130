use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

/// The position of a session in its calendar: 0 is the calendar's first. Means nothing without the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionIx(pub u32);

/// The date of a session, in the exchange's own time zone. Only a [`Calendar`](crate::Calendar) makes one, so a Saturday or a
/// holiday of the exchange cannot be one. Displays and serializes as `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TradingDate(NaiveDate);

impl TradingDate {
    pub(crate) fn new(date: NaiveDate) -> TradingDate {
        TradingDate(date)
    }

    /// The plain date.
    pub fn date(self) -> NaiveDate {
        self.0
    }
}

impl fmt::Display for TradingDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One session of an exchange. Instants are UTC, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The trading date.
    pub date: TradingDate,
    /// When trading starts.
    pub open: DateTime<Utc>,
    /// When the lunch break starts and ends, where there is one.
    pub lunch: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// When trading ends.
    pub close: DateTime<Utc>,
    /// The exchange closes earlier than on other days.
    pub half_day: bool,
}
