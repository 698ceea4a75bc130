//! Durations as people write them: `30m`, `1h30m`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::TimeDelta;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// A duration in whole seconds, written as numbers with units: `90s`, `30m`, `1h30m`, `1d`. At most 100 years.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    seconds: u32,
}

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpanError {
    #[error("`{0}` is not a duration; write a number and a unit, as `90s`, `30m`, `1h30m` or `1d`")]
    Form(String),
    #[error("`{0}` has no unit; write `{0}s`, `{0}m`, `{0}h` or `{0}d`")]
    NoUnit(String),
    #[error("`{0}` is longer than 100 years")]
    TooLong(String),
}

/// Largest first, as they are written.
const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

const LONGEST: u32 = 36_525 * 86_400;

impl Span {
    /// So many seconds; 100 years at most.
    pub fn from_seconds(seconds: u32) -> Self {
        Self { seconds: seconds.min(LONGEST) }
    }

    pub fn to_std(self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    pub fn to_chrono(self) -> TimeDelta {
        TimeDelta::seconds(self.seconds.into())
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let form = || SpanError::Form(text.to_owned());
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SpanError::NoUnit(text.to_owned()));
        }
        let (mut rest, mut seconds, mut units) = (text, 0u32, UNITS.iter());
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let unit = tail.chars().next().ok_or_else(form)?;
            // Each unit at most once, the larger ones first: what is left of the units never goes back.
            let (_, length) = units.find(|(letter, _)| *letter == unit).ok_or_else(form)?;
            if number.is_empty() {
                return Err(form());
            }
            seconds = number
                .parse::<u32>()
                .ok()
                .and_then(|number| number.checked_mul(*length))
                .and_then(|more| seconds.checked_add(more))
                .filter(|seconds| *seconds <= LONGEST)
                .ok_or_else(|| SpanError::TooLong(text.to_owned()))?;
            rest = &tail[unit.len_utf8()..];
        }
        if text.is_empty() { Err(form()) } else { Ok(Self { seconds }) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.seconds == 0 {
            return f.write_str("0s");
        }
        let mut left = self.seconds;
        for (unit, length) in UNITS {
            if left >= length {
                write!(f, "{}{unit}", left / length)?;
                left %= length;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The `format` of the schema, by which the structural pass knows a duration. Editors ignore formats they do not know.
pub(crate) const FORMAT: &str = "span";

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": FORMAT,
            "pattern": "^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$",
            "description": "A duration: `90s`, `30m`, `1h30m`, `1d`.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_people_do() {
        for (text, seconds, canonical) in [
            ("90s", 90, "1m30s"),
            ("30m", 1_800, "30m"),
            ("1h30m", 5_400, "1h30m"),
            ("1d", 86_400, "1d"),
            ("0s", 0, "0s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_std(), Duration::from_secs(seconds));
            assert_eq!(span.to_chrono().num_seconds(), seconds as i64);
            assert_eq!(span.to_string(), canonical);
            assert_eq!(canonical.parse::<Span>(), Ok(span));
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in
            ["", "m", "30", "30 m", "30x", "m30", "-1h", "1.5h", "30m1h", "1h1h", "99999999999s", "40000d", "１h"]
        {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert_eq!(
            "30".parse::<Span>().unwrap_err().to_string(),
            "`30` has no unit; write `30s`, `30m`, `30h` or `30d`"
        );
    }
}
