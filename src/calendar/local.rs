//! Hours by the exchange's own clock: how trading is divided by breaks, and a night session that belongs to the next date.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Weekday};
use chrono_tz::Tz;
use thiserror::Error;

use crate::clock::{Part, WallTime, instant_of};
use crate::hours::{Hours, seconds_from};
use crate::{Calendar, SessionIx};

/// The parts of every session in wall time, in the order in which they are traded: `21:00-02:30`, `09:00-10:15`,
/// `10:30-11:30`, `13:30-15:00`. Parts that begin later in the day than the last one ends are of the evening before: they
/// belong to the session that follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyHours {
    /// Of the evening before; an end that is not after its beginning is on the morning that follows.
    night: Vec<(DayTime, DayTime)>,
    /// Of the date itself.
    day: Vec<(DayTime, DayTime)>,
}

/// Minutes from midnight; 24:00 is the midnight that ends the day.
type DayTime = u32;

/// Why texts are no hours.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HoursError {
    #[error("`{0}` is not a part of a day; write `09:30-11:30`")]
    Form(String),
    #[error("there must be at least one part, as `09:30-11:30`")]
    Empty,
    #[error("`{later}` begins before `{earlier}` has ended; write the parts in the order in which they are traded")]
    OutOfOrder { earlier: String, later: String },
    #[error("all parts are of the evening; the last part must be one of the session's own date")]
    NoDay,
}

impl DailyHours {
    /// # Errors
    /// A text that is not `HH:MM-HH:MM`, parts that overlap, or none of the session's own date.
    pub fn parse<T: AsRef<str>>(parts: &[T]) -> Result<Self, HoursError> {
        let parsed: Vec<(DayTime, DayTime)> =
            parts.iter().map(|part| part_of_day(part.as_ref())).collect::<Result<_, _>>()?;
        let Some(&(_, close)) = parsed.last() else { return Err(HoursError::Empty) };
        let evening = parsed.iter().take_while(|(from, _)| *from >= close).count();
        let (night, day) = parsed.split_at(evening);
        if day.is_empty() {
            return Err(HoursError::NoDay);
        }
        // Minutes from the midnight before the evening.
        const DAY: DayTime = 24 * 60;
        let spans = night
            .iter()
            .map(|&(from, to)| (from, to + if to <= from { DAY } else { 0 }))
            .chain(day.iter().map(|&(from, to)| (from + DAY, to + DAY)));
        let mut before: Option<(usize, u32)> = None;
        for (at, (from, to)) in spans.enumerate() {
            let text = |at: usize| parts[at].as_ref().to_owned();
            if to <= from {
                return Err(HoursError::Form(text(at)));
            }
            if let Some((earlier, _)) = before.filter(|(_, ended)| from < *ended) {
                return Err(HoursError::OutOfOrder { earlier: text(earlier), later: text(at) });
            }
            before = Some((at, to));
        }
        Ok(Self { night: night.to_vec(), day: day.to_vec() })
    }
}

/// `21:00-02:30, 09:00-11:30`.
impl fmt::Display for DailyHours {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let time = |at: DayTime| format!("{:02}:{:02}", at / 60, at % 60);
        let text = |(from, to): &(DayTime, DayTime)| format!("{}-{}", time(*from), time(*to));
        let parts: Vec<String> = self.night.iter().chain(&self.day).map(text).collect();
        f.write_str(&parts.join(", "))
    }
}

fn part_of_day(text: &str) -> Result<(DayTime, DayTime), HoursError> {
    let form = || HoursError::Form(text.to_owned());
    let time = |text: &str| -> Option<DayTime> {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
        (minute < 60 && (hour < 24 || (hour, minute) == (24, 0))).then_some(hour * 60 + minute)
    };
    let (from, to) = text.split_once('-').ok_or_else(form)?;
    Ok((time(from).ok_or_else(form)?, time(to).ok_or_else(form)?))
}

/// Whether there is a time zone of that IANA name.
pub fn is_time_zone(name: &str) -> bool {
    Tz::from_str(name).is_ok()
}

impl Calendar {
    /// The same calendar under another name.
    pub fn renamed(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// The same sessions on the clock of another time zone, by its IANA name.
    ///
    /// # Errors
    /// There is no such time zone.
    pub fn with_time_zone(self, zone: &str) -> Result<Self, String> {
        let known = Tz::from_str(zone).map_err(|_| format!("there is no time zone `{zone}`"))?;
        Ok(Self { time_zone: known.name().to_owned(), ..self })
    }

    /// The same sessions with other hours. A half-day ends when it did; a night is traded before each session that no
    /// weekday without one lies before, as the Chinese futures exchanges have it: none on the evening before a holiday.
    pub fn with_daily_hours(self, daily: DailyHours) -> Self {
        let zone = zone(&self);
        let mut made = Self { hours: Vec::with_capacity(self.len()), distinct: Vec::new(), ..self.clone() };
        let mut index = std::collections::HashMap::new();
        for at in 0..self.len() {
            let parts = daily.parts(&self, zone, at);
            let date = self.dates[at];
            let of_day = match (parts.first(), parts.last()) {
                (Some(first), Some(last)) => {
                    let seconds = |instant| seconds_from(date, instant).unwrap_or_default();
                    let (open, close) = (seconds(first.open), seconds(last.close));
                    Hours { open, close, lunch: None, half_day: self.hours_of(at).half_day }
                }
                _ => self.hours_of(at),
            };
            let next = index.len() as u32;
            let number = *index.entry(of_day).or_insert(next);
            if number == next {
                made.distinct.push(of_day);
            }
            made.hours.push(number);
        }
        made.daily = Some(Arc::new(daily));
        made
    }

    /// The hours that were declared for every session, where they are not the sessions' own.
    pub fn daily_hours(&self) -> Option<&DailyHours> {
        self.daily.as_deref()
    }

    /// The parts of a session, in order, without the breaks between them.
    ///
    /// # Panics
    /// When `ix` is not a position of this calendar.
    pub fn parts(&self, ix: SessionIx) -> Vec<Part> {
        if let Some(daily) = &self.daily {
            return daily.parts(self, zone(self), ix.0 as usize);
        }
        let session = self.session(ix);
        match session.lunch {
            None => vec![Part { open: session.open, close: session.close }],
            Some((from, to)) => vec![Part { open: session.open, close: from }, Part { open: to, close: session.close }],
        }
    }
}

/// The time zone of a calendar: a calendar's name of one is always known.
pub(crate) fn zone(calendar: &Calendar) -> Tz {
    Tz::from_str(&calendar.time_zone).unwrap_or(Tz::UTC)
}

impl DailyHours {
    fn parts(&self, calendar: &Calendar, zone: Tz, at: usize) -> Vec<Part> {
        let date = calendar.dates[at];
        let half_day = calendar.hours_of(at).half_day.then(|| calendar.close(SessionIx(at as u32)));
        // A wall time that a change of clocks leaves out is the first after it; of one that comes twice the first is meant.
        let instant = |date: NaiveDate, time: DayTime| {
            let local = date.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(time));
            match instant_of(zone, local) {
                Ok(instant) | Err(WallTime::Twice { first: instant }) => instant,
                Err(WallTime::Never { next }) => next,
            }
        };
        let evening = evening_before(calendar, at).into_iter().flat_map(|evening| {
            let morning = evening.checked_add_days(Days::new(1)).unwrap_or(evening);
            self.night.iter().map(move |&(from, to)| Part {
                open: instant(evening, from),
                close: instant(if to <= from { morning } else { evening }, to),
            })
        });
        let day = self.day.iter().map(|&(from, to)| Part { open: instant(date, from), close: instant(date, to) });
        evening
            .chain(day)
            .filter(|part| half_day.is_none_or(|close| part.open < close))
            .map(|part| Part { close: half_day.map_or(part.close, |close| part.close.min(close)), ..part })
            .collect()
    }
}

/// The evening that a session's night is traded on: that of the session before, if there is no weekday between. Of the
/// calendar's first session the weekday before is taken for one.
fn evening_before(calendar: &Calendar, at: usize) -> Option<NaiveDate> {
    let date = calendar.dates[at];
    let is_weekend = |date: &NaiveDate| matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
    let mut before = date.pred_opt()?;
    let session = at.checked_sub(1).map(|at| calendar.dates[at]);
    while is_weekend(&before) && session != Some(before) {
        before -= TimeDelta::days(1);
    }
    session.is_none_or(|session| session == before).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(parts: &[&str]) -> Result<DailyHours, HoursError> {
        DailyHours::parse(parts)
    }

    fn futures() -> Calendar {
        let daily = hours(&["21:00-02:30", "09:00-10:15", "10:30-11:30", "13:30-15:00"]).unwrap();
        Calendar::builtin("XSHG").unwrap().as_ref().clone().with_daily_hours(daily)
    }

    fn shown(calendar: &Calendar, date: &str) -> Vec<String> {
        let zone = zone(calendar);
        let text =
            |instant: chrono::DateTime<chrono::Utc>| instant.with_timezone(&zone).format("%m-%d %H:%M").to_string();
        let ix = calendar.ix(date.parse().unwrap()).unwrap();
        calendar.parts(ix).iter().map(|part| format!("{} {}", text(part.open), text(part.close))).collect()
    }

    #[test]
    fn a_night_belongs_to_the_next_session() {
        let calendar = futures();
        let day = ["09:00 X 10:15", "10:30 X 11:30", "13:30 X 15:00"];
        let of = |date: &str| day.map(|part| format!("{date} {}", part.replace('X', date)));
        assert_eq!(
            shown(&calendar, "2024-03-15"),
            [&["03-14 21:00 03-15 02:30".to_owned()][..], &of("03-15")].concat()
        );
        // Monday's night is Friday's evening and the Saturday after it.
        assert_eq!(shown(&calendar, "2024-03-18")[0], "03-15 21:00 03-16 02:30");
        // After a holiday there was no night.
        assert_eq!(shown(&calendar, "2024-10-08"), of("10-08"));
        assert_eq!(
            calendar.session(calendar.ix("2024-10-08".parse().unwrap()).unwrap()).open.to_string(),
            "2024-10-08 01:00:00 UTC"
        );
        assert_eq!(
            calendar.session(calendar.ix("2024-03-18".parse().unwrap()).unwrap()).open.to_string(),
            "2024-03-15 13:00:00 UTC"
        );
    }

    #[test]
    fn a_half_day_ends_when_it_did() {
        let daily = hours(&["18:00-17:00"]).unwrap_err();
        assert_eq!(daily, HoursError::NoDay);
        let daily = hours(&["20:15-09:30", "09:30-16:00"]).unwrap();
        let calendar = Calendar::builtin("XNYS").unwrap().as_ref().clone().with_daily_hours(daily);
        assert_eq!(shown(&calendar, "2024-11-29"), ["11-29 09:30 11-29 13:00"], "after Thanksgiving");
        assert_eq!(shown(&calendar, "2024-12-24")[1], "12-24 09:30 12-24 13:00");
        // Clocks change in the night before.
        assert_eq!(shown(&calendar, "2024-03-11"), ["03-08 20:15 03-09 09:30", "03-11 09:30 03-11 16:00"]);
    }

    #[test]
    fn mistakes_in_hours() {
        assert_eq!(hours(&["9-11"]).unwrap_err().to_string(), "`9-11` is not a part of a day; write `09:30-11:30`");
        assert_eq!(hours(&[]).unwrap_err(), HoursError::Empty);
        assert!(matches!(hours(&["09:00-11:30", "11:00-15:00"]), Err(HoursError::OutOfOrder { .. })));
        assert_eq!(hours(&["11:30-09:00"]), Err(HoursError::NoDay));
        assert!(matches!(hours(&["09:00-24:30"]), Err(HoursError::Form(_))));
    }

    #[test]
    fn a_day_of_24_hours() {
        let all = hours(&["00:00-24:00"]).unwrap();
        assert_eq!(all.to_string(), "00:00-24:00");
        let calendar = Calendar::builtin("24/7").unwrap().as_ref().clone().with_time_zone("Asia/Shanghai").unwrap();
        assert_eq!(shown(&calendar.with_daily_hours(all), "2024-03-15"), ["03-15 00:00 03-16 00:00"]);
    }

    #[test]
    fn a_time_zone_must_be_known() {
        let calendar = Calendar::builtin("24/7").unwrap().as_ref().clone();
        assert_eq!(calendar.clone().with_time_zone("Asia/Tokyo").unwrap().time_zone(), "Asia/Tokyo");
        assert_eq!(calendar.with_time_zone("Asia/Beijing").unwrap_err(), "there is no time zone `Asia/Beijing`");
    }
}
