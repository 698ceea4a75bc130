//! The date of an instant where an exchange is.

use assetctl_calendar::Calendar;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

/// A calendar's time zone; UTC for one that has none of the known.
pub(super) fn of(calendar: &Calendar) -> Tz {
    calendar.time_zone().parse().unwrap_or(Tz::UTC)
}

/// The date that an instant is of.
pub(super) fn date(instant: DateTime<Utc>, zone: Tz) -> NaiveDate {
    instant.with_timezone(&zone).date_naive()
}

/// The instant at which a date begins: midnight, or the first moment after a clock that is put forward over it.
pub(super) fn midnight(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let naive = day.and_time(chrono::NaiveTime::MIN);
    let local = |naive: NaiveDateTime| zone.from_local_datetime(&naive).earliest();
    let begin = local(naive).or_else(|| local(naive + chrono::Duration::hours(1)));
    begin.map_or_else(|| Utc.from_utc_datetime(&naive), |begin| begin.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_dated_where_the_exchange_is() {
        let zone = of(&Calendar::builtin("XSHG").unwrap());
        let day: NaiveDate = "2015-01-05".parse().unwrap();
        assert_eq!(midnight(day, zone).to_rfc3339(), "2015-01-04T16:00:00+00:00");
        assert_eq!(date(midnight(day, zone), zone), day);
        let new_york = of(&Calendar::builtin("XNYS").unwrap());
        assert_eq!(date("2015-01-06T04:59:00Z".parse().unwrap(), new_york), day);
    }
}
