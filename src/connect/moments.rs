//! The session of a row by its time.

use assetctl_calendar::{Calendar, Outside, SessionClock, SessionIx, Stamp};
use assetctl_config::{BarStamp, BarTimes, OffCalendar};
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::cell::Value;
use crate::date::{from_days, to_days};
use crate::error::Fault;
use crate::time::{TimeReader, Written, shown, to_micros};

/// Of which session a row is, and its time at the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Days since 1970-01-01.
    pub session: i32,
    /// Microseconds since 1970-01-01 00:00 on the exchange's clock.
    pub time: i64,
}

/// What becomes of a row by its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    At(Moment),
    /// Its date is no session, or not known to be one: who knows dates says what becomes of it.
    OnDate(i32),
    /// Nothing is traded then, and such rows are skipped.
    Skipped,
}

/// Finds the session of times.
pub(crate) struct Moments<'a> {
    calendar: &'a Calendar,
    clock: SessionClock<'a>,
    reader: TimeReader,
    every: Option<TimeDelta>,
    stamp: Stamp,
    skip_outside: bool,
    /// Rows that were left out.
    skipped: u64,
}

/// The stamps of configuration as the calendar knows them.
pub(crate) fn stamp(stamp: BarStamp) -> Stamp {
    match stamp {
        BarStamp::End => Stamp::End,
        BarStamp::Start => Stamp::Start,
    }
}

/// All that decides of which session a time is, as JSON; the calendar's hours as a hash.
pub(crate) fn spec(calendar: &Calendar, times: &BarTimes) -> serde_json::Value {
    let mut hours = blake3::Hasher::new();
    for ix in 0..u32::try_from(calendar.len()).unwrap_or(u32::MAX) {
        let parts = calendar.parts(SessionIx(ix));
        hours.update(&(parts.len() as u64).to_le_bytes());
        for instant in parts.iter().flat_map(|part| [part.open, part.close]) {
            hours.update(&instant.timestamp().to_le_bytes());
        }
    }
    serde_json::json!({ "times": times, "zone": calendar.time_zone(), "hours": hours.finalize().to_hex().to_string() })
}

/// From the opening of a session, its night included, to the close of another; `None` if one of the dates is no session.
pub(crate) fn hours(calendar: &Calendar, first: NaiveDate, last: NaiveDate) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let parts = |date| calendar.ix(date).ok().map(|ix| calendar.parts(ix));
    Some((parts(first)?.first()?.open, parts(last)?.last()?.close))
}

/// In words, how many rows were left out because nothing is traded at their time.
pub(crate) fn left_out(calendar: &Calendar, rows: u64) -> Option<String> {
    let (name, noun) = (calendar.name(), if rows == 1 { "row" } else { "rows" });
    (rows > 0)
        .then(|| format!("{rows} {noun} outside the hours of `{name}` left out, as `time: {{ outside: skip }}` says"))
}

impl<'a> Moments<'a> {
    pub fn new(calendar: &'a Calendar, times: &BarTimes) -> Self {
        let stored = calendar.time_zone().parse().unwrap_or(Tz::UTC);
        let written = times.zone.as_deref().and_then(|zone| zone.parse().ok());
        Self {
            calendar,
            clock: SessionClock::new(calendar),
            reader: TimeReader::new(times.format.as_deref(), written, stored),
            every: times.every.map(|every| every.to_chrono()),
            stamp: stamp(times.stamp),
            skip_outside: times.outside == OffCalendar::Skip,
            skipped: 0,
        }
    }

    /// In words, what was left out because nothing is traded at its time.
    pub fn left_out(&self) -> Option<String> {
        left_out(self.calendar, self.skipped)
    }

    /// How many rows were left out because nothing is traded at their time.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The session and time of a row, of which `stated` is the session that it says itself to be of.
    ///
    /// # Errors
    /// It is no time, nothing is traded then, it is not the time of a bar, or it is not of the session that is stated.
    pub fn place(&mut self, value: Value, stated: Option<i32>) -> Result<Placed, Fault> {
        let instant = match self.reader.read(value)? {
            Written::Instant(instant) => instant,
            Written::Local(local) => self.reader.instant(local)?,
            Written::OfDay(time) => match self.on(time, stated)? {
                Ok(instant) => instant,
                Err(placed) => return Ok(placed),
            },
        };
        let ix = match self.clock.session(instant, self.stamp) {
            Ok(ix) => ix,
            Err(outside) => return self.outside(instant, outside),
        };
        if let Some(every) = self.every
            && !self.clock.parts(ix).iter().any(|part| instant == part.open || instant == part.close)
            && self.clock.bar(ix, instant, every, self.stamp) != Some(instant)
        {
            let minutes = every.num_seconds() as f64 / 60.0;
            return Err(Fault::new(format!("`{}` is not the time of a bar of {minutes} minutes", self.wall(instant)))
                .help("bars are counted from the opening of each part of a session; correct `every` under `time:`, or take it away"));
        }
        let session = to_days(self.calendar.date(ix).date());
        if let Some(stated) = stated.filter(|stated| *stated != session) {
            return Err(Fault::new(format!(
                "`{}` is traded on the session {}, and the row says {}",
                self.wall(instant),
                from_days(session),
                from_days(stated)
            ))
            .help("if nights are traded, say so in the hours of the calendar; otherwise correct the row"));
        }
        let local = self.clock.local(instant).map_err(|twice| {
            Fault::new(format!("{instant} cannot be told from the hour before or after it at the exchange: {twice}"))
                .help("use a calendar on a clock that is not changed, with `zone: UTC` under `calendars:`")
        })?;
        Ok(Placed::At(Moment { session, time: to_micros(local) }))
    }

    fn wall(&self, instant: DateTime<Utc>) -> String {
        self.clock.local(instant).map_or_else(|_| instant.to_string(), |local| shown(to_micros(local)))
    }

    fn outside(&mut self, instant: DateTime<Utc>, outside: Outside) -> Result<Placed, Fault> {
        let zone: Tz = self.calendar.time_zone().parse().unwrap_or(Tz::UTC);
        let date = instant.with_timezone(&zone).date_naive();
        let Some(next) = outside.next.filter(|_| self.calendar.ix(date).is_ok()) else {
            return Ok(Placed::OnDate(to_days(date)));
        };
        if self.skip_outside {
            self.skipped += 1;
            return Ok(Placed::Skipped);
        }
        let date = self.calendar.ix(date).unwrap_or(next);
        let hours: Vec<String> = self
            .calendar
            .parts(date)
            .iter()
            .map(|part| [part.open, part.close].map(|at| at.with_timezone(&zone).format("%H:%M").to_string()).join("-"))
            .collect();
        Err(Fault::new(format!(
            "nothing is traded on `{}` at `{}`; the hours of {} are {}",
            self.calendar.name(),
            self.wall(instant),
            self.calendar.date(date),
            hours.join(", ")
        ))
        .help("leave such rows out with `time: { outside: skip }`, declare other hours under `calendars:`, or say in which zone times are written: `time: { zone: … }`"))
    }

    /// The instant of a time of day on the session that a row says it is of: in one of its parts, if it is in any.
    fn on(&mut self, time: NaiveTime, stated: Option<i32>) -> Result<Result<DateTime<Utc>, Placed>, Fault> {
        let Some(stated) = stated else {
            return Err(Fault::new("a time without a date")
                .help("map the column of the trading date: `columns: { session: … }`"));
        };
        let date: NaiveDate = from_days(stated);
        let Ok(ix) = self.calendar.ix(date) else { return Ok(Err(Placed::OnDate(stated))) };
        let parts = self.clock.parts(ix).to_vec();
        let dates = |part: &assetctl_calendar::Part| -> Vec<NaiveDateTime> {
            let day = part.open.date_naive();
            // A day on either side, whatever the zones.
            let days = [
                day.checked_sub_days(Days::new(1)),
                Some(day),
                day.checked_add_days(Days::new(1)),
                day.checked_add_days(Days::new(2)),
            ];
            days.into_iter().flatten().map(|day| day.and_time(time)).collect()
        };
        for part in &parts {
            for local in dates(part) {
                if let Ok(instant) = self.reader.instant(local)
                    && part.open <= instant
                    && instant <= part.close
                {
                    return Ok(Ok(instant));
                }
            }
        }
        self.reader.instant(date.and_time(time)).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assetctl_calendar::DailyHours;

    use super::*;

    fn futures() -> Calendar {
        let daily = DailyHours::parse(&["21:00-02:30", "09:00-10:15", "10:30-11:30", "13:30-15:00"]).unwrap();
        Calendar::builtin("XSHG").unwrap().as_ref().clone().with_daily_hours(daily)
    }

    fn xshg() -> Arc<Calendar> {
        Calendar::builtin("XSHG").unwrap()
    }

    fn minutes(every: &str) -> BarTimes {
        BarTimes { every: Some(every.parse().unwrap()), ..BarTimes::default() }
    }

    fn day(date: &str) -> i32 {
        to_days(date.parse().unwrap())
    }

    /// `session at time`, or what is wrong.
    fn place(calendar: &Calendar, times: &BarTimes, text: &str, stated: Option<&str>) -> Result<String, String> {
        let placed = Moments::new(calendar, times).place(Value::Text(text), stated.map(day));
        match placed.map_err(|fault| fault.message)? {
            Placed::At(moment) => Ok(format!("{} at {}", from_days(moment.session), shown(moment.time))),
            Placed::OnDate(date) => Ok(format!("on {}", from_days(date))),
            Placed::Skipped => Ok("skipped".to_owned()),
        }
    }

    #[test]
    fn times_find_their_session() {
        let (calendar, times) = (xshg(), minutes("5m"));
        let of = |text| place(&calendar, &times, text, None);
        assert_eq!(of("2024-03-15 09:35:00").unwrap(), "2024-03-15 at 2024-03-15 09:35");
        assert_eq!(of("2024-03-15 09:30:00").unwrap(), "2024-03-15 at 2024-03-15 09:30", "the auction");
        assert_eq!(of("2024-03-15 09:36:00").unwrap_err(), "`2024-03-15 09:36` is not the time of a bar of 5 minutes");
        assert_eq!(
            of("2024-03-15 12:00:00").unwrap_err(),
            "nothing is traded on `XSHG` at `2024-03-15 12:00`; the hours of 2024-03-15 are 09:30-11:30, 13:00-15:00"
        );
        assert_eq!(of("2024-03-16 10:00:00").unwrap(), "on 2024-03-16");
        assert_eq!(of("2030-03-15 10:00:00").unwrap(), "on 2030-03-15");
        let skip = BarTimes { outside: OffCalendar::Skip, ..times.clone() };
        assert_eq!(place(&calendar, &skip, "2024-03-15 12:00:00", None).unwrap(), "skipped");
    }

    #[test]
    fn a_night_is_of_the_next_session() {
        let (calendar, times) = (futures(), minutes("1m"));
        let of = |text, stated| place(&calendar, &times, text, stated);
        assert_eq!(of("2024-03-15 21:01:00", None).unwrap(), "2024-03-18 at 2024-03-15 21:01");
        assert_eq!(of("2024-03-16 02:30:00", None).unwrap(), "2024-03-18 at 2024-03-16 02:30");
        assert_eq!(of("2024-03-15 21:01:00", Some("2024-03-18")).unwrap(), "2024-03-18 at 2024-03-15 21:01");
        assert!(of("2024-03-15 21:01:00", Some("2024-03-15")).unwrap_err().contains("the row says 2024-03-15"));
        assert!(
            of("2024-09-30 21:01:00", None).unwrap_err().starts_with("nothing is traded"),
            "the night before a holiday"
        );
    }

    #[test]
    fn a_time_of_day_is_of_the_session_that_is_stated() {
        let calendar = futures();
        let times = BarTimes { format: Some("%H:%M".into()), ..minutes("1m") };
        let of = |text| place(&calendar, &times, text, Some("2024-03-18"));
        assert_eq!(of("21:01").unwrap(), "2024-03-18 at 2024-03-15 21:01");
        assert_eq!(of("00:30").unwrap(), "2024-03-18 at 2024-03-16 00:30");
        assert_eq!(of("09:01").unwrap(), "2024-03-18 at 2024-03-18 09:01");
        assert!(of("12:00").unwrap_err().contains("nothing is traded"));
        assert_eq!(place(&calendar, &times, "09:01", Some("2024-03-16")).unwrap(), "on 2024-03-16");
        assert_eq!(place(&calendar, &times, "09:01", None).unwrap_err(), "a time without a date");
    }

    #[test]
    fn times_are_stored_on_the_exchanges_clock() {
        let xnys = Calendar::builtin("XNYS").unwrap();
        let times = BarTimes { format: Some("epoch".into()), stamp: BarStamp::Start, ..minutes("1m") };
        let of = |text| place(&xnys, &times, text, None);
        // 09:30 on both sides of the change of clocks.
        assert_eq!(of("1709908200").unwrap(), "2024-03-08 at 2024-03-08 09:30");
        assert_eq!(of("1710163800").unwrap(), "2024-03-11 at 2024-03-11 09:30");
        let utc = BarTimes { zone: Some("UTC".into()), ..minutes("1m") };
        assert_eq!(place(&xshg(), &utc, "2024-03-15 01:31:00", None).unwrap(), "2024-03-15 at 2024-03-15 09:31");
    }
}
