use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use crate::hours::{Hours, instant};
use crate::{
    CalendarError, CalendarFileError, DailyHours, Session, SessionIx, SessionRange, TradingDate, builtin, file,
};

/// The ordered sessions of one exchange: dates ascend, each session opens after the one before has closed, and there is
/// at least one. Immutable; share it behind an [`Arc`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    pub(crate) name: String,
    pub(crate) time_zone: String,
    /// Ascending, not empty.
    pub(crate) dates: Vec<NaiveDate>,
    /// Per session its position in `distinct`.
    pub(crate) hours: Vec<u32>,
    pub(crate) distinct: Vec<Hours>,
    /// The parts of a session, where they are not what `hours` say.
    pub(crate) daily: Option<Arc<DailyHours>>,
}

impl Calendar {
    /// The built-in calendar of that name (an ISO 10383 market code, or `24/7`). Decoded when it is first asked for.
    pub fn builtin(name: &str) -> Option<Arc<Calendar>> {
        builtin::get(name)
    }

    /// The names that [`Calendar::builtin`] knows.
    pub fn builtin_names() -> &'static [&'static str] {
        builtin::NAMES
    }

    /// A calendar from a CSV file with the columns `session,open_utc,break_start_utc,break_end_utc,close_utc,is_half_day` in
    /// any order, one line per session, ascending. Its time zone is UTC, as its columns are.
    ///
    /// # Errors
    /// The first thing that is wrong in the file, with its line and column.
    pub fn from_csv(name: &str, bytes: &[u8]) -> Result<Calendar, CalendarFileError> {
        file::read(name, bytes)
    }

    /// The name, as it stands in configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The exchange's time zone by its IANA name, in which session dates are meant.
    pub fn time_zone(&self) -> &str {
        &self.time_zone
    }

    /// Number of sessions, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a calendar is never empty")]
    pub fn len(&self) -> usize {
        self.dates.len()
    }

    /// The first known session.
    pub fn first(&self) -> TradingDate {
        TradingDate::new(self.dates[0])
    }

    /// The last known session. What comes after is not known; questions about it are errors.
    pub fn last(&self) -> TradingDate {
        TradingDate::new(self.dates[self.dates.len() - 1])
    }

    /// All sessions.
    pub fn all(&self) -> SessionRange {
        SessionRange { first: SessionIx(0), last: position(self.dates.len() - 1) }
    }

    /// The session at a position.
    ///
    /// # Panics
    /// When `ix` is not a position of this calendar.
    pub fn session(&self, ix: SessionIx) -> Session {
        let (date, hours) = (self.dates[ix.0 as usize], self.hours_of(ix.0 as usize));
        Session {
            date: TradingDate::new(date),
            open: instant(date, hours.open),
            lunch: hours.lunch.map(|(start, end)| (instant(date, start), instant(date, end))),
            close: instant(date, hours.close),
            half_day: hours.half_day,
        }
    }

    /// The date of the session at a position.
    ///
    /// # Panics
    /// When `ix` is not a position of this calendar.
    pub fn date(&self, ix: SessionIx) -> TradingDate {
        TradingDate::new(self.dates[ix.0 as usize])
    }

    /// The instant at which the session at a position closes.
    ///
    /// # Panics
    /// When `ix` is not a position of this calendar.
    pub fn close(&self, ix: SessionIx) -> DateTime<Utc> {
        self.close_at(ix.0 as usize)
    }

    /// The position of the session on `date`.
    ///
    /// # Errors
    /// [`CalendarError::NotASession`] with its neighbours; [`CalendarError::PastEnd`] and [`CalendarError::BeforeStart`]
    /// outside what the calendar knows.
    pub fn ix(&self, date: NaiveDate) -> Result<SessionIx, CalendarError> {
        let at = self.at_or_after(date)?;
        if self.dates[at.0 as usize] == date {
            return Ok(at);
        }
        Err(CalendarError::NotASession {
            calendar: self.name.clone(),
            date,
            previous: TradingDate::new(self.dates[at.0 as usize - 1]),
            next: self.date(at),
        })
    }

    /// The first session on `date` or after it.
    ///
    /// # Errors
    /// [`CalendarError::PastEnd`] and [`CalendarError::BeforeStart`] outside what the calendar knows: before its first
    /// session there may have been others.
    pub fn at_or_after(&self, date: NaiveDate) -> Result<SessionIx, CalendarError> {
        self.within(date)?;
        Ok(position(self.dates.partition_point(|d| *d < date)))
    }

    /// The last session on `date` or before it.
    ///
    /// # Errors
    /// [`CalendarError::PastEnd`] and [`CalendarError::BeforeStart`] outside what the calendar knows: after its last session
    /// there will be others.
    pub fn at_or_before(&self, date: NaiveDate) -> Result<SessionIx, CalendarError> {
        self.within(date)?;
        Ok(position(self.dates.partition_point(|d| *d <= date) - 1))
    }

    /// The sessions from `from` to `to`, both included where they are sessions.
    ///
    /// # Errors
    /// When there is none, when `from` is after `to`, and when either lies outside what the calendar knows.
    pub fn range(&self, from: NaiveDate, to: NaiveDate) -> Result<SessionRange, CalendarError> {
        if from > to {
            return Err(CalendarError::Reversed { from, to });
        }
        let (first, last) = (self.at_or_after(from)?, self.at_or_before(to)?);
        if first > last {
            return Err(CalendarError::NoSessions { calendar: self.name.clone(), from, to, next: self.date(first) });
        }
        Ok(SessionRange { first, last })
    }

    /// The newest session whose close is at `now` or before it; `None` before the first close.
    pub fn last_closed_by(&self, now: DateTime<Utc>) -> Option<SessionIx> {
        let (mut low, mut high) = (0, self.dates.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.close_at(middle) <= now { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1).map(position)
    }

    pub(crate) fn hours_of(&self, at: usize) -> Hours {
        self.distinct[self.hours[at] as usize]
    }

    fn close_at(&self, at: usize) -> DateTime<Utc> {
        instant(self.dates[at], self.hours_of(at).close)
    }

    fn within(&self, date: NaiveDate) -> Result<(), CalendarError> {
        let (first, last) = (self.first(), self.last());
        if date > last.date() {
            return Err(CalendarError::PastEnd { calendar: self.name.clone(), date, last });
        }
        if date < first.date() {
            return Err(CalendarError::BeforeStart { calendar: self.name.clone(), date, first });
        }
        Ok(())
    }
}

/// Sessions are dates, of which chrono knows fewer than `u32` holds.
fn position(at: usize) -> SessionIx {
    SessionIx(at as u32)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn builtin(name: &str) -> Arc<Calendar> {
        Calendar::builtin(name).unwrap()
    }

    #[test]
    fn a_holiday_is_refused_with_its_neighbours() {
        let xshg = builtin("XSHG");
        for (holiday, previous, next) in
            [("2015-09-03", "2015-09-02", "2015-09-07"), ("2024-10-01", "2024-09-30", "2024-10-08")]
        {
            let Err(CalendarError::NotASession { previous: p, next: n, .. }) = xshg.ix(day(holiday)) else {
                panic!("{holiday} is taken for a session");
            };
            assert_eq!((p.date(), n.date()), (day(previous), day(next)));
        }
        assert!(xshg.ix(day("2015-09-04")).is_err());
        assert_eq!(
            xshg.ix(day("2015-09-05")).unwrap_err().to_string(),
            "`2015-09-05` is not a session of `XSHG`; the nearest are `2015-09-02` and `2015-09-07`"
        );
    }

    #[test]
    fn nothing_is_guessed_past_either_end() {
        let xshg = builtin("XSHG");
        let past = "`2027-01-04` is after the last known session of `XSHG` (2026-12-31); extend it with a file under `calendars:`";
        let date = day("2027-01-04");
        assert_eq!(xshg.ix(date).unwrap_err().to_string(), past);
        assert_eq!(xshg.at_or_after(date).unwrap_err().to_string(), past);
        assert_eq!(xshg.at_or_before(date).unwrap_err().to_string(), past);
        assert_eq!(xshg.range(day("2026-12-01"), date).unwrap_err().to_string(), past);
        for date in ["1990-12-18", "0001-01-01"] {
            assert!(matches!(xshg.at_or_after(day(date)), Err(CalendarError::BeforeStart { .. })));
            assert!(matches!(xshg.at_or_before(day(date)), Err(CalendarError::BeforeStart { .. })));
        }
        assert_eq!(xshg.at_or_before(day("2026-12-31")).unwrap().0 as usize, xshg.len() - 1);
        assert_eq!(xshg.at_or_after(day("1990-12-19")).unwrap(), SessionIx(0));
    }

    #[test]
    fn a_half_day_closes_early_and_summer_time_moves_the_close() {
        let xnys = builtin("XNYS");
        let session = |date| xnys.session(xnys.ix(day(date)).unwrap());
        let after_thanksgiving = session("2014-11-28");
        assert!(after_thanksgiving.half_day);
        assert_eq!(after_thanksgiving.close, at("2014-11-28T18:00:00Z"));
        assert!(!session("2014-11-26").half_day);
        assert_eq!(session("2015-03-06").close, at("2015-03-06T21:00:00Z"));
        assert_eq!(session("2015-03-09").close, at("2015-03-09T20:00:00Z"));
        assert_eq!(session("2015-03-09").open, at("2015-03-09T13:30:00Z"));
        assert_eq!(session("2015-03-09").lunch, None);
        let xshg = builtin("XSHG");
        let lunch = xshg.session(xshg.ix(day("2015-03-09")).unwrap()).lunch;
        assert_eq!(lunch, Some((at("2015-03-09T03:30:00Z"), at("2015-03-09T05:00:00Z"))));
    }

    #[test]
    fn a_session_has_closed_at_its_close_and_not_a_second_before() {
        for name in Calendar::builtin_names() {
            let calendar = builtin(name);
            for ix in calendar.all().iter().step_by(97) {
                let close = calendar.close(ix);
                assert_eq!(calendar.last_closed_by(close), Some(ix), "{name} {}", calendar.date(ix));
                let before = ix.0.checked_sub(1).map(SessionIx);
                assert_eq!(calendar.last_closed_by(close - TimeDelta::seconds(1)), before);
            }
            let last = calendar.all().last;
            assert_eq!(calendar.last_closed_by(at("2999-01-01T00:00:00Z")), Some(last));
        }
    }

    #[test]
    fn neighbours_agree_with_a_linear_search() {
        let xhkg = builtin("XHKG");
        let dates: Vec<NaiveDate> = xhkg.all().iter().map(|ix| xhkg.date(ix).date()).collect();
        let mut date = day("2020-01-01");
        while date < day("2020-12-31") {
            let after = dates.iter().position(|d| *d >= date).unwrap();
            let before = dates.iter().rposition(|d| *d <= date).unwrap();
            assert_eq!(xhkg.at_or_after(date).unwrap().0 as usize, after);
            assert_eq!(xhkg.at_or_before(date).unwrap().0 as usize, before);
            assert_eq!(xhkg.ix(date).is_ok(), after == before);
            date = date.succ_opt().unwrap();
        }
    }

    #[test]
    fn a_range_holds_the_sessions_between_and_is_never_empty() {
        let xshg = builtin("XSHG");
        let week = xshg.range(day("2015-09-01"), day("2015-09-07")).unwrap();
        let dates: Vec<String> = week.iter().map(|ix| xshg.date(ix).to_string()).collect();
        assert_eq!(dates, ["2015-09-01", "2015-09-02", "2015-09-07"]);
        assert_eq!(
            xshg.range(day("2024-10-01"), day("2024-10-07")).unwrap_err().to_string(),
            "`XSHG` has no session from `2024-10-01` to `2024-10-07`; its next is `2024-10-08`"
        );
        assert!(matches!(xshg.range(day("2024-10-08"), day("2024-10-07")), Err(CalendarError::Reversed { .. })));
    }
}
