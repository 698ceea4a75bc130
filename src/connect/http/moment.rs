//! The time of a vendor's row → the session that it is of, and its time at the exchange.

use assetctl_config::{BarTimes, TimeFormat};

use super::format::Cell;
use super::read::Column;
use super::values::{Wrong, is_missing};
use crate::cell::Value;
use crate::moments::{Moment, Moments, Placed};

/// Session and time of a row that says of which session it is, or whose call does; `None` for one that nobody asked for, or that is skipped.
pub(super) fn moment(
    value: Cell<'_>,
    column: &Column,
    times: &BarTimes,
    missing: &[String],
    moments: &mut Moments<'_>,
    stated: Option<i32>,
    covered: Option<i32>,
) -> Result<Option<Moment>, Wrong> {
    let format = times.format.as_deref().and_then(TimeFormat::of);
    let written;
    let value = match value {
        Cell::Missing => Value::Missing,
        Cell::Text(text) if is_missing(text.trim(), missing) => Value::Missing,
        Cell::Text(text) => Value::Text(text),
        Cell::Number(number) if matches!(format, Some(TimeFormat::Seconds | TimeFormat::Milliseconds)) => {
            Value::Number(number.as_f64())
        }
        // `20240315093100000` has more digits than a number holds.
        other => {
            written = other.shown();
            Value::Text(&written)
        }
    };
    let stated = stated.or(covered.filter(|_| format == Some(TimeFormat::OfDay)));
    match moments.place(value, stated) {
        Ok(Placed::At(moment)) => Ok(Some(moment)),
        Ok(Placed::OnDate(_) | Placed::Skipped) => Ok(None),
        Err(fault) => Err((format!("field `{}`, the time: {}", column.field.text(), fault.message), fault.help)),
    }
}
