//! Bars within sessions that are made up, but always the same.

use std::sync::Arc;

use assetctl_calendar::{Calendar, SessionClock, Stamp};
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};

use super::Bar;

/// One bar of a fake vendor.
#[derive(Debug, Clone, Copy)]
pub struct Minute {
    pub session: NaiveDate,
    /// What the vendor stamps it with.
    pub at: DateTime<Utc>,
    /// The same on the exchange's clock.
    pub local: NaiveDateTime,
    pub bar: Bar,
}

/// The table of a fake vendor of bars within sessions.
#[derive(Debug, Clone)]
pub struct Minutes {
    pub calendar: Arc<Calendar>,
    pub sessions: Vec<NaiveDate>,
    /// The codes that it trades.
    pub codes: Vec<String>,
    /// The length of a bar, in minutes.
    pub every: i64,
    pub stamp: Stamp,
}

impl Minutes {
    /// All sessions of a calendar between two dates, both within.
    pub fn new(calendar: &str, (first, last): (&str, &str), codes: &[&str], every: i64, stamp: Stamp) -> Self {
        let calendar = Calendar::builtin(calendar).unwrap();
        let range = calendar.range(first.parse().unwrap(), last.parse().unwrap()).unwrap();
        let sessions = range.iter().map(|ix| calendar.date(ix).date()).collect();
        Self { sessions, codes: codes.iter().map(|&code| code.to_owned()).collect(), every, stamp, calendar }
    }

    /// The bars of a code, oldest first. About one in forty is missing.
    pub fn bars(&self, code: &str) -> Vec<Minute> {
        if !self.codes.iter().any(|known| known == code) {
            return Vec::new();
        }
        let mut clock = SessionClock::new(&self.calendar);
        let mut bars = Vec::new();
        for session in &self.sessions {
            let times = clock.bars(self.calendar.ix(*session).unwrap(), TimeDelta::minutes(self.every), self.stamp);
            for at in times {
                let Some(bar) = Bar::made_up(code, at.timestamp() / 60) else { continue };
                bars.push(Minute { session: *session, at, local: clock.local(at).unwrap(), bar });
            }
        }
        bars
    }

    /// How many bars there are in all.
    pub fn count(&self) -> usize {
        self.codes.iter().map(|code| self.bars(code).len()).sum()
    }
}
