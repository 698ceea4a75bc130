//! Times as vendors write them.

use assetctl_config::TimeFormat;
use chrono::{DateTime, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use crate::cell::Value;
use crate::error::Fault;

/// Microseconds since 1970-01-01 00:00.
pub(crate) fn to_micros(time: NaiveDateTime) -> i64 {
    time.and_utc().timestamp_micros()
}

/// A time as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// Of a date, on the clock of the zone in which the source writes.
    Local(NaiveDateTime),
    Instant(DateTime<Utc>),
    /// Of a date that stands elsewhere.
    OfDay(NaiveTime),
}

/// Reads times of one format.
#[derive(Debug)]
pub(crate) struct TimeReader {
    /// As `strftime` has it; `None` for the usual form.
    format: Option<(TimeFormat, String)>,
    /// In which times without an offset are written.
    written: Tz,
    /// In which times are stored.
    stored: Tz,
}

impl TimeReader {
    pub fn new(format: Option<&str>, written: Option<Tz>, stored: Tz) -> Self {
        let format = format.and_then(|text| Some((TimeFormat::of(text)?, text.to_owned())));
        Self { format, written: written.unwrap_or(stored), stored }
    }

    /// # Errors
    /// It is no time, or not of that format.
    pub fn read(&self, value: Value) -> Result<Written, Fault> {
        match value {
            Value::Missing => Err(Fault::new("the time is missing")),
            Value::Time(micros) => match DateTime::from_timestamp_micros(micros) {
                Some(time) => Ok(Written::Local(time.naive_utc())),
                None => Err(Fault::new("a time out of range")),
            },
            Value::Instant(micros) => match DateTime::from_timestamp_micros(micros) {
                Some(time) => Ok(Written::Instant(time)),
                None => Err(Fault::new("a time out of range")),
            },
            Value::Number(number) => match self.format {
                Some((TimeFormat::Seconds, _)) => epoch(number, 1e6),
                Some((TimeFormat::Milliseconds, _)) => epoch(number, 1e3),
                _ if number.fract() == 0.0 && number.abs() < 9e15 => self.text(&format!("{number:.0}")),
                _ => Err(self.refuse(&number.to_string())),
            },
            Value::Text(text) => self.text(text.trim_ascii()),
            Value::Date(_) | Value::Bool(_) => Err(Fault::new("this is not a time")),
        }
    }

    fn text(&self, text: &str) -> Result<Written, Fault> {
        if text.is_empty() {
            return Err(Fault::new("the time is missing"));
        }
        let read = match &self.format {
            None => usual(text),
            Some((TimeFormat::Seconds, _)) => {
                return text.parse().map_or_else(|_| Err(self.refuse(text)), |n| epoch(n, 1e6));
            }
            Some((TimeFormat::Milliseconds, _)) => {
                return text.parse().map_or_else(|_| Err(self.refuse(text)), |n| epoch(n, 1e3));
            }
            Some((TimeFormat::Instant, format)) => {
                DateTime::parse_from_str(text, format).ok().map(|time| Written::Instant(time.to_utc()))
            }
            Some((TimeFormat::Local, format)) => NaiveDateTime::parse_from_str(text, format).ok().map(Written::Local),
            Some((TimeFormat::OfDay, format)) => NaiveTime::parse_from_str(text, format).ok().map(Written::OfDay),
        };
        read.ok_or_else(|| self.refuse(text))
    }

    fn refuse(&self, text: &str) -> Fault {
        match &self.format {
            None => Fault::new(format!("`{text}` is not a time as `2024-03-15 09:31:00`"))
                .help("say how times are written: `time: { format: \"…\" }`, in the letters of strftime, or `epoch`, `epoch_ms`"),
            Some((_, format)) => Fault::new(format!("`{text}` is not a time as `{format}` writes it"))
                .help("correct `format` under `time:`, or the file"),
        }
    }

    /// The instant of what was written; of a time of day on `date`.
    ///
    /// # Errors
    /// There is no such time, or it comes twice, because the clocks are changed.
    pub fn instant(&self, local: NaiveDateTime) -> Result<DateTime<Utc>, Fault> {
        match self.written.from_local_datetime(&local) {
            MappedLocalTime::Single(instant) => Ok(instant.to_utc()),
            MappedLocalTime::Ambiguous(..) => Err(Fault::new(format!(
                "`{local}` comes twice in {}: the clocks are put back then",
                self.written
            ))
            .help(
                "write the offset with it, as `2024-11-03 01:30:00-05:00`, or give times in UTC: `time: { zone: UTC }`",
            )),
            MappedLocalTime::None => {
                Err(Fault::new(format!("there is no `{local}` in {}: the clocks are put forward then", self.written))
                    .help("say in which zone times are written: `time: { zone: … }`"))
            }
        }
    }

    /// Microseconds since 1970-01-01 00:00 on the clock in which times are stored.
    ///
    /// # Errors
    /// It is no time, or has no date.
    pub fn local(&self, value: Value) -> Result<i64, Fault> {
        match self.read(value)? {
            Written::Local(local) if self.written == self.stored => Ok(to_micros(local)),
            Written::Local(local) => self.instant(local).map(|instant| self.wall(instant)),
            Written::Instant(instant) => Ok(self.wall(instant)),
            Written::OfDay(_) => Err(Fault::new("a time without a date")),
        }
    }

    fn wall(&self, instant: DateTime<Utc>) -> i64 {
        to_micros(instant.with_timezone(&self.stored).naive_local())
    }
}

fn epoch(number: f64, micros: f64) -> Result<Written, Fault> {
    // Counts of microseconds up to the year 2200 are exact in a number.
    let instant = (number.is_finite() && (number * micros).abs() < 9e15)
        .then(|| DateTime::from_timestamp_micros((number * micros).round() as i64))
        .flatten();
    instant.map(Written::Instant).ok_or_else(|| {
        Fault::new(format!("`{number}` is not a count since 1970"))
            .help("`epoch` counts seconds and `epoch_ms` milliseconds: `time: { format: … }`")
    })
}

/// `2024-03-15 09:31`, with `T` for the blank if need be, seconds, a fraction of them, and `Z` or an offset.
fn usual(text: &str) -> Option<Written> {
    let bytes = text.as_bytes();
    let number = |range: std::ops::Range<usize>| -> Option<u32> {
        bytes
            .get(range)?
            .iter()
            .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
    };
    let mark = |at: usize, marks: &[u8]| bytes.get(at).is_some_and(|byte| marks.contains(byte));
    if !(mark(4, b"-/") && mark(7, b"-/") && mark(10, b" T") && mark(13, b":")) {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(number(0..4)?).ok()?, number(5..7)?, number(8..10)?)?;
    let (mut second, mut nanos, mut rest) = (0, 0, 16);
    if mark(16, b":") {
        (second, rest) = (number(17..19)?, 19);
        if mark(19, b".") {
            let digits = bytes[20..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 || digits > 9 {
                return None;
            }
            nanos = number(20..20 + digits)? * 10_u32.pow(9 - digits as u32);
            rest = 20 + digits;
        }
    }
    let local = date.and_hms_nano_opt(number(11..13)?, number(14..16)?, second, nanos)?;
    match text.get(rest..)? {
        "" => Some(Written::Local(local)),
        "Z" => Some(Written::Instant(local.and_utc())),
        offset => {
            let offset: chrono::FixedOffset = offset.parse().ok()?;
            offset.from_local_datetime(&local).single().map(|time| Written::Instant(time.to_utc()))
        }
    }
}

/// In words, a stored time.
pub(crate) fn shown(micros: i64) -> String {
    let seconds_only = micros.rem_euclid(60_000_000) == 0;
    let time = DateTime::from_timestamp_micros(micros).unwrap_or_default().naive_utc();
    if seconds_only {
        time.format("%Y-%m-%d %H:%M").to_string()
    } else {
        time.format("%Y-%m-%d %H:%M:%S%.f").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(format: Option<&str>) -> TimeReader {
        TimeReader::new(format, None, Tz::Asia__Shanghai)
    }

    fn read(format: Option<&str>, text: &str) -> Option<String> {
        reader(format).local(Value::Text(text)).ok().map(shown)
    }

    #[test]
    fn the_usual_forms() {
        let is = |text, shown: &str| assert_eq!(read(None, text).as_deref(), Some(shown), "{text}");
        is("2024-03-15 09:31:00", "2024-03-15 09:31");
        is("2024-03-15 09:31", "2024-03-15 09:31");
        is("2024/03/15 09:31:00", "2024-03-15 09:31");
        is("2024-03-15T09:31:00.250", "2024-03-15 09:31:00.250");
        is("2024-03-15T01:31:00Z", "2024-03-15 09:31");
        is("2024-03-14T21:31:00-04:00", "2024-03-15 09:31");
        is("2024-03-15 09:31:00+08:00", "2024-03-15 09:31");
        for wrong in [
            "2024-03-15",
            "09:31",
            "2024-03-15 9:31",
            "2024-02-30 09:31",
            "2024-03-15 24:00",
            "2024-03-15 09:31:00 ",
            "2024-03-15 09:31:00x",
        ] {
            assert_eq!(usual(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn declared_forms() {
        assert_eq!(read(Some("%Y%m%d%H%M%S%3f"), "20240315093100000").as_deref(), Some("2024-03-15 09:31"));
        assert_eq!(read(Some("epoch"), "1710466260").as_deref(), Some("2024-03-15 09:31"));
        assert_eq!(read(Some("epoch_ms"), "1710466260000").as_deref(), Some("2024-03-15 09:31"));
        assert_eq!(read(Some("%d.%m.%Y %H:%M %z"), "15.03.2024 01:31 +0000").as_deref(), Some("2024-03-15 09:31"));
        assert_eq!(reader(Some("epoch_ms")).local(Value::Number(1_710_466_260_000.0)), Ok(1_710_495_060_000_000));
        assert_eq!(
            reader(Some("%Y%m%d%H%M")).local(Value::Number(202_403_150_931.0)).map(shown).as_deref(),
            Ok("2024-03-15 09:31")
        );
        assert_eq!(
            reader(Some("%H:%M")).read(Value::Text("09:31")),
            Ok(Written::OfDay(NaiveTime::from_hms_opt(9, 31, 0).unwrap()))
        );
        let fault = reader(Some("epoch")).local(Value::Number(1_710_466_260_000.0)).unwrap_err();
        assert!(fault.help.unwrap().contains("epoch_ms"), "milliseconds that are taken for seconds");
        assert!(reader(None).local(Value::Text("soon")).unwrap_err().help.unwrap().contains("time: { format"));
    }

    #[test]
    fn another_zone_and_changed_clocks() {
        let there = TimeReader::new(None, Some(Tz::America__New_York), Tz::Asia__Shanghai);
        assert_eq!(there.local(Value::Text("2024-03-14 21:31:00")).map(shown).as_deref(), Ok("2024-03-15 09:31"));
        assert!(there.local(Value::Text("2024-11-03 01:30:00")).unwrap_err().message.contains("comes twice"));
        assert!(there.local(Value::Text("2024-03-10 02:30:00")).unwrap_err().message.contains("there is no"));
        assert!(there.local(Value::Text("2024-11-03 01:30:00-05:00")).is_ok());
    }
}
