//! One field of an answer → one typed value.

use std::borrow::Cow;

use assetctl_config::HttpEpoch;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::format::Cell;
use super::read::{Column, Dates};
use super::units;
use crate::cell::Value;
use crate::date::{DateReader, to_days};
use crate::number::NumberFormat;
use crate::time::{TimeReader, to_micros};

/// What is wrong, and what to do.
pub(super) type Wrong = (String, Option<String>);

pub(super) fn unreadable(value: Cell<'_>, column: &Column, kind: &str) -> Wrong {
    let shown = value.shown();
    let help = match value {
        Cell::Text(text) => {
            format!(
                "if it stands for a missing value, add it: `missing: [{text:?}]`; if the field is something else, give it a `type`"
            )
        }
        _ => "give the column another `type`, or map another field".to_owned(),
    };
    (format!("field `{}` (`{}`) is `{shown}`, which is no {kind}", column.field.text(), column.name), Some(help))
}

pub(super) fn is_missing(text: &str, missing: &[String]) -> bool {
    text.is_empty() || missing.iter().any(|known| known == text)
}

/// NaN for a missing one.
pub(super) fn number(value: Cell<'_>, column: &Column, missing: &[String]) -> Result<f64, Wrong> {
    let number = match value {
        Cell::Missing => return Ok(f64::NAN),
        Cell::Number(number) => Some(number.as_f64()).filter(|number| number.is_finite()),
        Cell::Text(text) if is_missing(text.trim(), missing) => return Ok(f64::NAN),
        Cell::Text(text) => NumberFormat::default().parse(text.trim()).ok(),
        Cell::Bool(_) | Cell::Other(_) => None,
    };
    let number = number.ok_or_else(|| unreadable(value, column, "number"))?;
    let number = column.times.map_or(number, |unit| unit.times(number));
    // A product may be too large for a number; and there is one zero.
    if number.is_finite() { Ok(number + 0.0) } else { Err(unreadable(value, column, "finite number")) }
}

pub(super) fn text(value: Cell<'_>, column: &Column, missing: &[String]) -> Result<Option<String>, Wrong> {
    match value {
        Cell::Missing => Ok(None),
        Cell::Text(text) => Ok(Some(text.trim()).filter(|text| !is_missing(text, missing)).map(str::to_owned)),
        Cell::Number(number) => Ok(Some(number.to_string())),
        Cell::Bool(_) | Cell::Other(_) => Err(unreadable(value, column, "text")),
    }
}

pub(super) fn flag(value: Cell<'_>, column: &Column, missing: &[String]) -> Result<Option<bool>, Wrong> {
    let text = match value {
        Cell::Missing => return Ok(None),
        Cell::Bool(flag) => return Ok(Some(flag)),
        other => other.shown().trim().to_ascii_lowercase(),
    };
    match text.as_str() {
        _ if is_missing(&text, missing) => Ok(None),
        "true" | "t" | "yes" | "y" | "1" => Ok(Some(true)),
        "false" | "f" | "no" | "n" | "0" => Ok(Some(false)),
        _ => Err(unreadable(value, column, "bool")),
    }
}

/// Days since 1970-01-01.
pub(super) fn day(
    value: Cell<'_>,
    column: &Column,
    reader: &mut DateReader,
    missing: &[String],
) -> Result<Option<i32>, Wrong> {
    match (value, &column.dates) {
        (Cell::Missing, _) => Ok(None),
        (Cell::Text(text), _) if is_missing(text.trim(), missing) => Ok(None),
        (_, Dates::Epoch(_, zone)) => {
            let instant = instant(value, column).ok_or_else(|| unreadable(value, column, "instant"))?;
            Ok(Some(to_days(units::date(instant, *zone))))
        }
        // `20240315` is a number in JSON.
        (Cell::Text(_) | Cell::Number(_), Dates::Text(_)) => {
            let text = match value {
                Cell::Text(text) => Cow::Borrowed(text),
                other => Cow::Owned(other.shown()),
            };
            reader.parse(text.trim()).map(|date| Some(to_days(date))).map_err(|_| {
                let (what, _) = unreadable(value, column, "date");
                (what, Some("say how the vendor writes dates: `format: \"%Y%m%d\"`, or `epoch: ms`".to_owned()))
            })
        }
        _ => Err(unreadable(value, column, "date")),
    }
}

/// Microseconds since 1970-01-01 00:00 at the exchange.
pub(super) fn time(value: Cell<'_>, column: &Column, zone: Tz, missing: &[String]) -> Result<Option<i64>, Wrong> {
    let (reader, value) = match (value, &column.dates) {
        (Cell::Missing, _) => return Ok(None),
        (Cell::Text(text), _) if is_missing(text.trim(), missing) => return Ok(None),
        (value, Dates::Epoch(_, written)) => {
            let instant = instant(value, column).ok_or_else(|| unreadable(value, column, "instant"))?;
            return Ok(Some(to_micros(instant.with_timezone(written).naive_local())));
        }
        (value, Dates::Text(format)) => (TimeReader::new(format.as_deref(), None, zone), value),
    };
    let text = value.shown();
    reader.local(Value::Text(text.trim())).map(Some).map_err(|_| {
        let (what, _) = unreadable(value, column, "time");
        (what, Some("say how the vendor writes times: `format: \"%Y%m%d%H%M\"`, or `epoch: ms`".to_owned()))
    })
}

pub(super) fn instant(value: Cell<'_>, column: &Column) -> Option<DateTime<Utc>> {
    let Dates::Epoch(unit, _) = column.dates else { return None };
    let count = match value {
        Cell::Number(number) => number.as_f64(),
        Cell::Text(text) => NumberFormat::default().parse(text.trim()).ok()?,
        _ => return None,
    };
    let milliseconds = match unit {
        HttpEpoch::S => count * 1000.0,
        HttpEpoch::Ms => count,
    };
    // Beyond this a number does not count milliseconds any more.
    (milliseconds.abs() < 9e15).then(|| units::instant(milliseconds.floor() as i64)).flatten()
}
