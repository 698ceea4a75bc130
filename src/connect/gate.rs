//! Which dates a source takes: sessions of its calendar from its start on.

use std::collections::{BTreeMap, HashMap};

use assetctl_calendar::{Calendar, CalendarError};
use assetctl_config::OffCalendar;
use chrono::{Datelike, NaiveDate};

use crate::date::from_days;
use crate::error::Fault;
use crate::source::FileSource;

/// Decides date by date, and remembers: a file has few dates and many rows.
pub(crate) struct Gate<'a> {
    calendar: &'a Calendar,
    skip: bool,
    start: Option<NaiveDate>,
    seen: HashMap<i32, Result<bool, Fault>>,
    /// How many rows of each date were left out because it is no session.
    off: BTreeMap<i32, u64>,
}

impl<'a> Gate<'a> {
    /// `None` for a table.
    pub fn new(source: &FileSource<'a>) -> Option<Self> {
        let calendar = source.calendar?;
        Some(Self {
            calendar,
            skip: source.off_calendar == OffCalendar::Skip,
            start: source.start,
            seen: HashMap::new(),
            off: BTreeMap::new(),
        })
    }

    /// Whether rows of the date (in days since 1970-01-01) are taken, or left out.
    ///
    /// # Errors
    /// The date is no session, or the calendar does not know.
    pub fn admits(&mut self, day: i32) -> Result<bool, Fault> {
        let verdict = match self.seen.get(&day) {
            Some(verdict) => verdict.clone(),
            None => {
                let verdict = self.decide(from_days(day));
                self.seen.insert(day, verdict.clone());
                verdict
            }
        };
        if verdict == Ok(false) && self.start.is_none_or(|start| from_days(day) >= start) {
            *self.off.entry(day).or_default() += 1;
        }
        verdict
    }

    /// In words, the rows that were left out because their dates are no sessions; `None` if there were none.
    pub fn left_out(&self) -> Option<String> {
        const DATES: usize = 3;
        let rows: u64 = self.off.values().sum();
        let dates: Vec<String> = self.off.keys().take(DATES).map(|day| from_days(*day).to_string()).collect();
        let more = if self.off.len() > DATES { ", …" } else { "" };
        let many = |n: u64, noun: &str| if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") };
        (rows > 0).then(|| {
            format!(
                "{} of {} not sessions of `{}` left out, as `off_calendar: skip` says: {}{more}",
                many(rows, "row"),
                many(self.off.len() as u64, "date"),
                self.calendar.name(),
                dates.join(", ")
            )
        })
    }

    fn decide(&self, date: NaiveDate) -> Result<bool, Fault> {
        if self.start.is_some_and(|start| date < start) {
            return Ok(false);
        }
        match self.calendar.ix(date) {
            Ok(_) => Ok(true),
            Err(CalendarError::NotASession { .. }) if self.skip => Ok(false),
            Err(CalendarError::NotASession { calendar, date, previous, next }) => Err(Fault::new(format!(
                "`{date}`, a {}, is not a session of `{calendar}`; the nearest are `{previous}` and `{next}`",
                weekday(date)
            ))
            .help("correct the date, or leave such rows out with `off_calendar: skip`")),
            Err(CalendarError::PastEnd { calendar, date, last }) => {
                Err(Fault::new(format!("`{date}` is after the last known session of `{calendar}`, `{last}`"))
                    .help("correct the date, or extend the calendar with a file under `calendars:`"))
            }
            Err(CalendarError::BeforeStart { calendar, date, first }) => {
                Err(Fault::new(format!("`{date}` is before the first known session of `{calendar}`, `{first}`"))
                    .help(format!("correct the date, or leave such rows out with `start: {first}`")))
            }
            Err(other) => Err(Fault::new(other.to_string())),
        }
    }
}

fn weekday(date: NaiveDate) -> &'static str {
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
        [date.weekday().num_days_from_monday() as usize % 7]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::to_days;
    use crate::testing::Folder;

    fn decide(folder: &Folder, date: &str) -> Result<bool, Fault> {
        let mut gate = Gate::new(&folder.source()).unwrap();
        gate.admits(to_days(date.parse().unwrap()))
    }

    #[test]
    fn only_sessions_pass() {
        let mut folder = Folder::new();
        assert_eq!(decide(&folder, "2015-09-02"), Ok(true));
        let holiday = decide(&folder, "2015-09-03").unwrap_err();
        assert_eq!(
            holiday.message,
            "`2015-09-03`, a Thursday, is not a session of `XSHG`; the nearest are `2015-09-02` and `2015-09-07`"
        );
        assert!(holiday.help.unwrap().contains("off_calendar: skip"));
        assert!(decide(&folder, "2015-09-05").unwrap_err().message.contains("a Saturday"));
        folder.off_calendar = OffCalendar::Skip;
        assert_eq!(decide(&folder, "2015-09-03"), Ok(false));
        assert!(decide(&folder, "2035-01-01").unwrap_err().message.contains("after the last known session"));
    }

    #[test]
    fn what_is_left_out_is_counted_by_dates() {
        let mut folder = Folder::new();
        folder.off_calendar = OffCalendar::Skip;
        folder.start = NaiveDate::from_ymd_opt(2015, 1, 1);
        let mut gate = Gate::new(&folder.source()).unwrap();
        let mut admit = |date: &str| gate.admits(to_days(date.parse().unwrap())).unwrap();
        assert!(admit("2015-09-02") && !admit("2014-12-31"));
        for date in ["2015-09-05", "2015-09-03", "2015-09-03", "2015-09-12", "2015-09-13"] {
            assert!(!admit(date));
        }
        assert_eq!(
            gate.left_out().unwrap(),
            "5 rows of 4 dates not sessions of `XSHG` left out, as `off_calendar: skip` says: 2015-09-03, 2015-09-05, 2015-09-12, …"
        );
        assert_eq!(Gate::new(&folder.source()).unwrap().left_out(), None);
    }

    #[test]
    fn what_is_before_the_start_is_left_out() {
        let mut folder = Folder::new();
        assert!(decide(&folder, "1950-01-03").unwrap_err().help.unwrap().contains("`start: "));
        folder.start = NaiveDate::from_ymd_opt(2015, 1, 1);
        assert_eq!(decide(&folder, "1950-01-03"), Ok(false));
        assert_eq!(decide(&folder, "2014-12-31"), Ok(false));
        assert_eq!(decide(&folder, "2015-01-05"), Ok(true));
    }
}
