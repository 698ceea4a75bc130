//! Values of any type that can be compared with others of their column.

use std::fmt;

use chrono::NaiveDate;
use polars::prelude::*;

use super::FRAME;
use crate::frame::{self, FrameError};

/// A value that can be compared with others of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Cell<'a> {
    Missing,
    /// The bits of a canonical number.
    Number(u64),
    Integer(i64),
    Bool(bool),
    Text(&'a str),
    Date(NaiveDate),
    /// Microseconds since 1970-01-01 00:00.
    Time(i64),
}

impl Cell<'_> {
    pub(super) fn number(self) -> Option<f64> {
        match self {
            Self::Number(bits) => Some(f64::from_bits(bits)),
            Self::Integer(whole) => Some(whole as f64),
            _ => None,
        }
    }
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("(missing)"),
            Self::Number(bits) => write!(f, "{}", f64::from_bits(*bits)),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Text(text) => f.write_str(text),
            Self::Date(date) => write!(f, "{date}"),
            Self::Time(micros) => f.write_str(&super::time_of_day(*micros)),
        }
    }
}

/// All values of a column.
pub(super) fn cells(column: &Column) -> Result<Vec<Cell<'_>>, FrameError> {
    fn all<'a, T>(values: impl Iterator<Item = Option<T>>, cell: impl Fn(T) -> Cell<'a>) -> Vec<Cell<'a>> {
        values.map(|value| value.map_or(Cell::Missing, &cell)).collect()
    }
    Ok(match column.dtype() {
        DataType::String => all(frame::texts(column, FRAME)?.iter(), Cell::Text),
        DataType::Boolean => all(frame::bools(column, FRAME)?.iter(), Cell::Bool),
        DataType::Date => all(frame::dates(column, FRAME)?.into_iter(), Cell::Date),
        DataType::Datetime(TimeUnit::Microseconds, _) => all(column.datetime()?.physical().iter(), Cell::Time),
        dtype if dtype.is_integer() || dtype.is_temporal() => {
            all(column.cast(&DataType::Int64)?.i64()?.iter(), Cell::Integer)
        }
        _ => {
            let numbers = frame::numbers(column, FRAME)?.into_iter();
            all(numbers.map(|value| Some(value).filter(|value| !value.is_nan())), |value| Cell::Number(value.to_bits()))
        }
    })
}
