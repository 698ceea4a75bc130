//! When a schedule ticks.

use assetctl_calendar::{Calendar, SessionIx};
use assetctl_config::{LONGEST_FROM_SESSION, Schedule, SessionEdge, SessionInstant, Timing};
use chrono::{DateTime, Days, NaiveDate, Offset, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::tick::{Note, Why};
use crate::zoned::{LARGEST_SHIFT, instant, midnight};

/// One time at which a schedule is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Occurrence {
    pub due: DateTime<Utc>,
    pub note: Option<Note>,
    /// Why it does not run whatever else is: its date is no session, or nobody knows.
    pub against: Option<Why>,
}

/// Of a schedule after `after` and until `until`, that included: ascending, no two at one instant.
///
/// Past the end of its calendar, a schedule `on` sessions has one a day, at midnight there, which is [`Why::PastCalendar`]: so that it is
/// not silence that tells.
pub(crate) fn occurrences(schedule: &Schedule, after: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Occurrence> {
    if until <= after {
        return Vec::new();
    }
    match &schedule.timing {
        Timing::Cron { cron, sessions_of } => of_cron(cron, schedule.zone, sessions_of.as_deref(), after, until),
        Timing::Session { calendar, at } => of_sessions(calendar, *at, after, until),
    }
}

fn of_cron(
    cron: &croner::Cron,
    zone: Tz,
    sessions_of: Option<&Calendar>,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<Occurrence> {
    // Wall-clock times, as if there were no zones: each of them is one instant. Where clocks were changed lately, wall-clock times of
    // before may have become instants of after.
    let back = if is_even(zone, after) { TimeDelta::seconds(1) } else { LARGEST_SHIFT };
    let start = after.with_timezone(&zone).naive_local() - back;
    let mut found: Vec<Occurrence> = Vec::new();
    for wall in cron.iter_after(start) {
        let (due, note) = instant(zone, wall);
        if due > until {
            break;
        }
        if due <= after || found.last().is_some_and(|last| last.due == due) {
            continue;
        }
        let against = sessions_of.and_then(|calendar| against(calendar, due));
        found.push(Occurrence { due, note, against });
    }
    found
}

/// Whether no clocks of the zone were changed near an instant.
fn is_even(zone: Tz, at: DateTime<Utc>) -> bool {
    let offset = |at: DateTime<Utc>| at.with_timezone(&zone).offset().fix();
    let here = offset(at);
    [at - LARGEST_SHIFT, at - LARGEST_SHIFT / 2, at + LARGEST_SHIFT].into_iter().all(|near| offset(near) == here)
}

/// Why a date is not run on: in the calendar's own zone it is no session, or beyond what is known.
fn against(calendar: &Calendar, due: DateTime<Utc>) -> Option<Why> {
    let date = due.with_timezone(&zone_of(calendar)).date_naive();
    if calendar.ix(date).is_ok() {
        return None;
    }
    let (name, first, last) = (calendar.name().to_owned(), calendar.first().date(), calendar.last().date());
    Some(if date > last {
        Why::PastCalendar { calendar: name, date, last }
    } else if date < first {
        Why::BeforeCalendar { calendar: name, date, first }
    } else {
        Why::NotASession { calendar: name, date }
    })
}

/// The calendar's own; UTC for one of a file.
pub(crate) fn zone_of(calendar: &Calendar) -> Tz {
    calendar.time_zone().parse().unwrap_or(Tz::UTC)
}

fn of_sessions(calendar: &Calendar, at: SessionInstant, after: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Occurrence> {
    // No session is longer than a week, and no instant further from its session than another.
    let margin = TimeDelta::days(2 * LONGEST_FROM_SESSION);
    let all = calendar.all();
    let first = calendar.last_closed_by(after - margin).map_or(all.first, |ix| SessionIx(ix.0 + 1));
    let mut found = Vec::new();
    for ix in (first.0..=all.last.0).map(SessionIx) {
        let session = calendar.session(ix);
        if session.open > until + margin {
            break;
        }
        let edge = match at.edge {
            SessionEdge::Open => session.open,
            SessionEdge::Close => session.close,
        };
        let due = edge + TimeDelta::seconds(at.seconds);
        if due > after && due <= until {
            let early = session.half_day && at.edge == SessionEdge::Close;
            found.push(Occurrence { due, note: early.then_some(Note::HalfDay), against: None });
        }
    }
    found.extend(past_end(calendar, after, until));
    found
}

/// One a day after the calendar's last.
fn past_end(calendar: &Calendar, after: DateTime<Utc>, until: DateTime<Utc>) -> impl Iterator<Item = Occurrence> {
    let (zone, last) = (zone_of(calendar), calendar.last().date());
    let name = calendar.name().to_owned();
    let from = after.with_timezone(&zone).date_naive().max(next(last));
    std::iter::successors(Some(from), |date| date.checked_add_days(Days::new(1)))
        .map(move |date| (date, midnight(zone, date)))
        .take_while(move |(_, due)| *due <= until)
        .filter(move |(_, due)| *due > after)
        .map(move |(date, due)| {
            let against = Some(Why::PastCalendar { calendar: name.clone(), date, last });
            Occurrence { due, note: None, against }
        })
}

fn next(date: NaiveDate) -> NaiveDate {
    date.checked_add_days(Days::new(1)).unwrap_or(date)
}
