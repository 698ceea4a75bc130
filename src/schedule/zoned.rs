//! Wall-clock times of a zone → instants.
//!
//! A time that does not exist on a day (the clock goes forward over it) is the first instant after the gap. A time that exists
//! twice (the clock goes back) is the first of the two. So every wall-clock time is exactly one instant, and later times are never
//! earlier instants.

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::tick::Note;

/// Longer than any clock was ever put forward (a day, across the date line).
pub(crate) const LARGEST_SHIFT: TimeDelta = TimeDelta::hours(26);

/// The instant of a wall-clock time, and what was special about it.
pub(crate) fn instant(zone: Tz, wall: NaiveDateTime) -> (DateTime<Utc>, Option<Note>) {
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(at) => (at.to_utc(), None),
        LocalResult::Ambiguous(first, _) => (first.to_utc(), Some(Note::Twice { wall })),
        LocalResult::None => {
            let at = after_gap(zone, wall);
            (at, Some(Note::Gap { wall, to: at.with_timezone(&zone).naive_local() }))
        }
    }
}

/// The first instant of a date.
pub fn midnight(zone: Tz, date: NaiveDate) -> DateTime<Utc> {
    instant(zone, date.and_time(NaiveTime::MIN)).0
}

/// The first instant at which the offset is no longer what it was before the gap.
fn after_gap(zone: Tz, wall: NaiveDateTime) -> DateTime<Utc> {
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc();
    let before = zone.from_local_datetime(&(wall - LARGEST_SHIFT)).earliest().map(|at| at.to_utc());
    let mut low = before.unwrap_or_else(|| wall.and_utc() - LARGEST_SHIFT * 2);
    let old = offset(low);
    // As if the clock had not been put forward.
    let mut high = wall.and_utc() - TimeDelta::seconds(old.into());
    while high - low > TimeDelta::seconds(1) {
        let middle = low + TimeDelta::seconds((high - low).num_seconds() / 2);
        if offset(middle) == old { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zone: Tz, wall: &str) -> (String, bool) {
        let (at, note) = instant(zone, wall.parse().unwrap());
        (at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true), note.is_some())
    }

    #[test]
    fn a_time_that_does_not_exist_is_the_end_of_the_gap_and_one_that_is_there_twice_the_first() {
        let new_york = Tz::America__New_York;
        assert_eq!(at(new_york, "2024-03-10T01:59:59"), ("2024-03-10T06:59:59Z".into(), false));
        assert_eq!(at(new_york, "2024-03-10T02:00:00"), ("2024-03-10T07:00:00Z".into(), true));
        assert_eq!(at(new_york, "2024-03-10T02:59:59"), ("2024-03-10T07:00:00Z".into(), true));
        assert_eq!(at(new_york, "2024-03-10T03:00:00"), ("2024-03-10T07:00:00Z".into(), false));
        assert_eq!(at(new_york, "2024-11-03T01:30:00"), ("2024-11-03T05:30:00Z".into(), true));
        assert_eq!(at(new_york, "2024-11-03T02:00:00"), ("2024-11-03T07:00:00Z".into(), false));
        // Half an hour, and a whole day.
        assert_eq!(at(Tz::Australia__Lord_Howe, "2024-10-06T02:15:00"), ("2024-10-05T15:30:00Z".into(), true));
        assert_eq!(at(Tz::Pacific__Apia, "2011-12-30T12:00:00"), ("2011-12-30T10:00:00Z".into(), true));
        // Midnight itself is in the gap.
        assert_eq!(
            midnight(Tz::America__Santiago, "2024-09-08".parse().unwrap()).to_rfc3339(),
            "2024-09-08T04:00:00+00:00"
        );
    }

    #[test]
    fn later_times_are_never_earlier_instants() {
        for (zone, day) in [
            (Tz::America__New_York, "2024-03-10"),
            (Tz::America__New_York, "2024-11-03"),
            (Tz::Australia__Lord_Howe, "2024-04-07"),
            (Tz::Pacific__Apia, "2011-12-30"),
        ] {
            let start = day.parse::<NaiveDate>().unwrap().and_time(NaiveTime::MIN) - TimeDelta::hours(12);
            let instants: Vec<_> = (0..48 * 12).map(|n| instant(zone, start + TimeDelta::minutes(5 * n)).0).collect();
            assert!(instants.is_sorted(), "{zone} {day}");
        }
    }
}
