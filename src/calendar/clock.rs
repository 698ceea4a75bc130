//! Which session an instant belongs to, and the bars that a session is cut into.

use std::collections::HashMap;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use thiserror::Error;

use crate::local::zone;
use crate::{Calendar, SessionIx};

/// A stretch of trading without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub open: DateTime<Utc>,
    pub close: DateTime<Utc>,
}

/// What the time of a bar names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Stamp {
    /// The end of the bar: the first minute of a day that opens at 09:30 is 09:31.
    #[default]
    End,
    /// The start of the bar: the first minute is 09:30.
    Start,
}

/// Why a wall time is not one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WallTime {
    #[error("the clocks are put back then, so that this time comes twice")]
    Twice { first: DateTime<Utc> },
    #[error("the clocks are put forward then, so that there is no such time")]
    Never { next: DateTime<Utc> },
}

/// An instant that is in no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outside {
    /// The first session that closes at that instant or after it; `None` past the calendar's end.
    pub next: Option<SessionIx>,
}

/// The instant of a wall time.
pub(crate) fn instant_of(zone: Tz, local: NaiveDateTime) -> Result<DateTime<Utc>, WallTime> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(instant) => Ok(instant.to_utc()),
        MappedLocalTime::Ambiguous(first, _) => Err(WallTime::Twice { first: first.to_utc() }),
        MappedLocalTime::None => {
            // No change of clocks leaves out more than a day; the offset before it gives the first instant after it.
            let before = zone.offset_from_utc_datetime(&(local - TimeDelta::days(1)));
            let offset = TimeDelta::seconds(i64::from(chrono::Offset::fix(&before).local_minus_utc()));
            Err(WallTime::Never { next: (local - offset).and_utc() })
        }
    }
}

/// The clock of an exchange. Remembers the parts of the sessions that it was asked of.
#[derive(Debug)]
pub struct SessionClock<'a> {
    calendar: &'a Calendar,
    zone: Tz,
    parts: HashMap<u32, Vec<Part>>,
}

impl<'a> SessionClock<'a> {
    pub fn new(calendar: &'a Calendar) -> Self {
        Self { calendar, zone: zone(calendar), parts: HashMap::new() }
    }

    /// The instant of a wall time at the exchange.
    ///
    /// # Errors
    /// The clocks are changed: that time comes twice, or never.
    pub fn instant(&self, local: NaiveDateTime) -> Result<DateTime<Utc>, WallTime> {
        instant_of(self.zone, local)
    }

    /// The wall time of an instant at the exchange.
    ///
    /// # Errors
    /// That wall time comes twice, so that it would not tell which of the two instants is meant.
    pub fn local(&self, instant: DateTime<Utc>) -> Result<NaiveDateTime, WallTime> {
        let local = instant.with_timezone(&self.zone).naive_local();
        instant_of(self.zone, local).map(|_| local)
    }

    /// The parts of a session, in order.
    ///
    /// # Panics
    /// When `ix` is not a position of the calendar.
    pub fn parts(&mut self, ix: SessionIx) -> &[Part] {
        self.parts.entry(ix.0).or_insert_with(|| self.calendar.parts(ix))
    }

    /// The session that trades at an instant. Where one part ends as another begins, it is that of the bar which `stamp`
    /// says; an auction at the open or at the close belongs to its session either way.
    ///
    /// # Errors
    /// Nothing is traded then.
    pub fn session(&mut self, instant: DateTime<Utc>, stamp: Stamp) -> Result<SessionIx, Outside> {
        let calendar = self.calendar;
        let ended = match stamp {
            // The close itself is still of the session that ends.
            Stamp::End => calendar.last_closed_by(instant - TimeDelta::nanoseconds(1)),
            Stamp::Start => calendar.last_closed_by(instant),
        };
        let next = match ended {
            None => Some(SessionIx(0)),
            Some(ended) => Some(SessionIx(ended.0 + 1)).filter(|next| (next.0 as usize) < calendar.len()),
        };
        let trades = |parts: &[Part]| parts.iter().any(|part| part.open <= instant && instant <= part.close);
        if let Some(next) = next
            && trades(self.parts(next))
        {
            return Ok(next);
        }
        match ended {
            Some(ended) if trades(self.parts(ended)) => Ok(ended),
            _ => Err(Outside { next }),
        }
    }

    /// The time of the bar of that length in which something at `instant` falls, in a session that trades then. Bars are
    /// counted from the opening of each part; the last one of a part is cut short where the part ends. What stands at the
    /// opening under [`Stamp::End`], or at the close under [`Stamp::Start`], is in the first or the last bar.
    ///
    /// `None` if the session does not trade at that instant, or `every` is not positive.
    pub fn bar(
        &mut self,
        ix: SessionIx,
        instant: DateTime<Utc>,
        every: TimeDelta,
        stamp: Stamp,
    ) -> Option<DateTime<Utc>> {
        let mut parts = self.parts(ix).iter().filter(|part| part.open <= instant && instant <= part.close);
        // Where one part ends as the next begins.
        let part = match stamp {
            Stamp::End => parts.next(),
            Stamp::Start => parts.next_back(),
        }?;
        let (every, gone, all) = (every.num_seconds(), instant - part.open, (part.close - part.open).num_seconds());
        if every <= 0 {
            return None;
        }
        let (seconds, rest) = (gone.num_seconds(), gone.subsec_nanos());
        let number = match stamp {
            Stamp::End => ((seconds + i64::from(rest > 0) + every - 1) / every).max(1),
            Stamp::Start => (seconds / every).min((all - 1) / every),
        };
        Some((part.open + TimeDelta::seconds(number * every)).min(part.close))
    }

    /// The times of all bars of that length of a session, in order; none if `every` is not positive.
    pub fn bars(&mut self, ix: SessionIx, every: TimeDelta, stamp: Stamp) -> Vec<DateTime<Utc>> {
        let step = every.num_seconds();
        if step <= 0 {
            return Vec::new();
        }
        let parts = self.parts(ix).iter();
        let bars = parts.flat_map(|part| {
            let count = ((part.close - part.open).num_seconds() + step - 1) / step;
            (0..count).map(move |at| match stamp {
                Stamp::End => (part.open + TimeDelta::seconds((at + 1) * step)).min(part.close),
                Stamp::Start => part.open + TimeDelta::seconds(at * step),
            })
        });
        bars.collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::DailyHours;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn session(calendar: &Calendar, instant: &str, stamp: Stamp) -> Option<String> {
        let found = SessionClock::new(calendar).session(at(instant), stamp);
        found.ok().map(|ix| calendar.date(ix).to_string())
    }

    fn futures() -> Calendar {
        let daily = DailyHours::parse(&["21:00-02:30", "09:00-10:15", "10:30-11:30", "13:30-15:00"]).unwrap();
        Calendar::builtin("XSHG").unwrap().as_ref().clone().with_daily_hours(daily)
    }

    #[test]
    fn an_instant_has_one_session() {
        let xshg = Calendar::builtin("XSHG").unwrap();
        let friday = Some("2024-03-15".to_owned());
        for stamp in [Stamp::End, Stamp::Start] {
            for instant in ["01:30", "03:30", "05:00", "05:01", "07:00"] {
                assert_eq!(session(&xshg, &format!("2024-03-15T{instant}:00Z"), stamp), friday, "{instant} {stamp:?}");
            }
            for instant in ["01:29", "03:31", "04:59", "07:01"] {
                assert_eq!(session(&xshg, &format!("2024-03-15T{instant}:00Z"), stamp), None, "{instant} {stamp:?}");
            }
            assert_eq!(session(&xshg, "2024-03-16T02:00:00Z", stamp), None);
        }
        let always = Calendar::builtin("24/7").unwrap();
        assert_eq!(session(&always, "2024-03-15T00:00:00Z", Stamp::Start), friday);
        assert_eq!(session(&always, "2024-03-16T00:00:00Z", Stamp::End), friday);
    }

    #[test]
    fn a_night_is_of_the_next_session() {
        let calendar = futures();
        let of = |instant| session(&calendar, instant, Stamp::End);
        assert_eq!(of("2024-03-14T13:30:00Z"), Some("2024-03-15".into()));
        assert_eq!(of("2024-03-15T18:30:00Z"), Some("2024-03-18".into()), "Saturday, half past two");
        assert_eq!(of("2024-09-30T13:30:00Z"), None, "no night before a holiday");
        assert_eq!(of("2024-03-15T02:20:00Z"), None, "the break at a quarter past ten");
    }

    #[test]
    fn clocks_are_changed() {
        let xnys = Calendar::builtin("XNYS").unwrap();
        let clock = SessionClock::new(&xnys);
        let wall = |text: &str| text.parse::<NaiveDateTime>().unwrap();
        assert_eq!(clock.instant(wall("2024-03-08T09:30:00")), Ok(at("2024-03-08T14:30:00Z")));
        assert_eq!(clock.instant(wall("2024-03-11T09:30:00")), Ok(at("2024-03-11T13:30:00Z")));
        assert_eq!(
            clock.instant(wall("2024-03-10T02:30:00")),
            Err(WallTime::Never { next: at("2024-03-10T07:30:00Z") })
        );
        assert_eq!(
            clock.instant(wall("2024-11-03T01:30:00")),
            Err(WallTime::Twice { first: at("2024-11-03T05:30:00Z") })
        );
        assert!(clock.local(at("2024-11-03T06:30:00Z")).is_err());
        assert_eq!(clock.local(at("2024-11-04T14:30:00Z")), Ok(wall("2024-11-04T09:30:00")));
    }

    fn bars(calendar: &Calendar, date: &str, minutes: i64, stamp: Stamp) -> Vec<String> {
        let mut clock = SessionClock::new(calendar);
        let ix = calendar.ix(date.parse().unwrap()).unwrap();
        let bars = clock.bars(ix, TimeDelta::minutes(minutes), stamp);
        bars.iter().map(|bar| clock.local(*bar).unwrap().format("%H:%M").to_string()).collect()
    }

    #[test]
    fn the_bars_of_a_session() {
        let xshg = Calendar::builtin("XSHG").unwrap();
        assert_eq!(bars(&xshg, "2024-03-15", 60, Stamp::End), ["10:30", "11:30", "14:00", "15:00"]);
        assert_eq!(bars(&xshg, "2024-03-15", 60, Stamp::Start), ["09:30", "10:30", "13:00", "14:00"]);
        assert_eq!(bars(&xshg, "2024-03-15", 1, Stamp::End).len(), 240);
        let xnys = Calendar::builtin("XNYS").unwrap();
        assert_eq!(bars(&xnys, "2024-11-29", 60, Stamp::End), ["10:30", "11:30", "12:30", "13:00"], "a half-day");
        assert_eq!(bars(&futures(), "2024-03-15", 15, Stamp::End).len(), 22 + 5 + 4 + 6);
        assert_eq!(bars(&xshg, "2024-03-15", 0, Stamp::End), Vec::<String>::new());
    }

    #[test]
    fn an_auction_is_in_the_bar_beside_it() {
        let xshg = Calendar::builtin("XSHG").unwrap();
        let mut clock = SessionClock::new(&xshg);
        let ix = xshg.ix("2024-03-15".parse().unwrap()).unwrap();
        let mut bar = |time: &str, stamp| {
            let bar = clock.bar(ix, at(&format!("2024-03-15T{time}Z")), TimeDelta::minutes(5), stamp);
            bar.map(|bar| bar.format("%H:%M").to_string())
        };
        assert_eq!(bar("01:30:00", Stamp::End).as_deref(), Some("01:35"));
        assert_eq!(bar("01:35:00", Stamp::End).as_deref(), Some("01:35"));
        assert_eq!(bar("01:35:00.5", Stamp::End).as_deref(), Some("01:40"));
        assert_eq!(bar("05:00:00", Stamp::End).as_deref(), Some("05:05"));
        assert_eq!(bar("03:30:00", Stamp::Start).as_deref(), Some("03:25"));
        assert_eq!(bar("07:00:00", Stamp::Start).as_deref(), Some("06:55"));
        assert_eq!(bar("04:00:00", Stamp::End), None);
    }

    proptest! {
        /// Every time of a bar is in its session and is its own bar; every instant of a session is in one of its bars.
        #[test]
        fn bars_cover_their_session(name in 0_usize..4, day in 0_u32..2000, minutes in 1_i64..90, second in 0_i64..90_000, end: bool) {
            let calendar = if name == 3 { futures() } else { Calendar::builtin(["XSHG", "XNYS", "24/7"][name]).unwrap().as_ref().clone() };
            let ix = SessionIx(6000 + day);
            prop_assume!((ix.0 as usize) < calendar.len());
            let (stamp, every) = (if end { Stamp::End } else { Stamp::Start }, TimeDelta::minutes(minutes));
            let mut clock = SessionClock::new(&calendar);
            let bars = clock.bars(ix, every, stamp);
            prop_assert!(bars.windows(2).all(|pair| pair[0] < pair[1]));
            for bar in &bars {
                prop_assert_eq!(clock.session(*bar, stamp), Ok(ix));
                prop_assert_eq!(clock.bar(ix, *bar, every, stamp), Some(*bar));
            }
            let instant = clock.parts(ix)[0].open + TimeDelta::seconds(second);
            let bar = clock.bar(ix, instant, every, stamp);
            let is_traded = clock.parts(ix).iter().any(|part| part.open <= instant && instant <= part.close);
            prop_assert_eq!(bar.is_some(), is_traded);
            if let Some(bar) = bar {
                prop_assert!(bars.contains(&bar));
                let reached = if end { bar - every <= instant } else { bar <= instant };
                prop_assert!(reached);
            }
        }
    }
}
