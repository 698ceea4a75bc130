//! Typed reading and writing of frame columns; what may be wrong with a frame.

use chrono::NaiveDate;
use polars::prelude::*;

use crate::panel::canonical;

/// Name of the key column that every frame has.
pub(crate) const SESSION: &str = "session";
/// Name of the key column of frames with a row per instrument.
pub(crate) const INSTRUMENT: &str = "instrument";

/// A frame that is not what the computation was promised. `frame` says which one: `input 1`, `raw bars`.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("{frame} has no column `{column}`; it has {have}")]
    MissingColumn { frame: String, column: String, have: String },
    #[error("column `{column}` of {frame} is {found}, where {wanted} is needed; convert it in the asset that makes it")]
    WrongType { frame: String, column: String, found: String, wanted: &'static str },
    #[error("{frame} has a row without `{column}`, which every row needs; drop the row or give it one")]
    MissingKey { frame: String, column: &'static str },
    #[error("{frame} has two rows of {session} for `{instrument}`; keep one")]
    DuplicateKey { frame: String, session: NaiveDate, instrument: String },
    #[error("{frame} has a row of {session}, which is not one of the sessions that were asked for")]
    SessionNotAsked { frame: String, session: NaiveDate },
    #[error("{frame} has a column `{column}` already, which is made here; rename it there")]
    ReservedColumn { frame: String, column: String },
    #[error("{frame} has a row per instrument, but input 1, whose rows are the result's, has none; put {frame} first")]
    UnexpectedInstruments { frame: String },
    #[error("the sessions of a batch must ascend, and those written must be among them")]
    BadSessions,
    #[error("the expression reads input {input}, but there are {given}")]
    MissingInput { input: usize, given: usize },
    #[error("column `{column}` was not computed for these sessions and instruments")]
    MissingOutput { column: String },
    #[error("a carried state does not fit the expression: {reason}; drop it and compute from an earlier session")]
    BadState { reason: String },
    #[error(transparent)]
    Polars(#[from] PolarsError),
}

fn wrong_type(frame: &str, column: &Column, wanted: &'static str) -> FrameError {
    let found = match column.dtype() {
        DataType::String => "text".to_owned(),
        DataType::Boolean => "a bool".to_owned(),
        DataType::Date => "a date".to_owned(),
        DataType::Datetime(..) => "a time".to_owned(),
        dtype if dtype.is_primitive_numeric() => "a number".to_owned(),
        dtype => format!("of type {dtype}"),
    };
    FrameError::WrongType { frame: frame.to_owned(), column: column.name().to_string(), found, wanted }
}

/// A column by name.
pub(crate) fn column<'a>(df: &'a DataFrame, frame: &str, name: &str) -> Result<&'a Column, FrameError> {
    df.columns().iter().find(|column| column.name() == name).ok_or_else(|| FrameError::MissingColumn {
        frame: frame.to_owned(),
        column: name.to_owned(),
        have: df.columns().iter().map(|column| format!("`{}`", column.name())).collect::<Vec<_>>().join(", "),
    })
}

/// Whether a frame has a row per instrument.
pub(crate) fn has_instruments(df: &DataFrame) -> bool {
    df.columns().iter().any(|column| column.name() == INSTRUMENT)
}

/// The error about a row without the key `column`.
pub(crate) fn missing_key(frame: &str, column: &'static str) -> FrameError {
    FrameError::MissingKey { frame: frame.to_owned(), column }
}

/// The numbers of a column as they are, missing ones as nulls.
pub(crate) fn floats(column: &Column, frame: &str) -> Result<Float64Chunked, FrameError> {
    match column.dtype() {
        DataType::Float64 => Ok(column.f64()?.clone()),
        dtype if dtype.is_primitive_numeric() || dtype.is_null() => Ok(column.cast(&DataType::Float64)?.f64()?.clone()),
        _ => Err(wrong_type(frame, column, "a number")),
    }
}

/// The numbers of a column; missing ones, NaN and infinities are NaN.
pub(crate) fn numbers(column: &Column, frame: &str) -> Result<Vec<f64>, FrameError> {
    Ok(floats(column, frame)?.iter().map(|value| value.map_or(f64::NAN, canonical)).collect())
}

/// The bools of a column.
pub(crate) fn bools<'a>(column: &'a Column, frame: &str) -> Result<&'a BooleanChunked, FrameError> {
    column.try_bool().ok_or_else(|| wrong_type(frame, column, "a bool"))
}

/// The texts of a column.
pub(crate) fn texts<'a>(column: &'a Column, frame: &str) -> Result<&'a StringChunked, FrameError> {
    column.try_str().ok_or_else(|| wrong_type(frame, column, "text"))
}

/// The dates of a column.
pub(crate) fn dates(column: &Column, frame: &str) -> Result<Vec<Option<NaiveDate>>, FrameError> {
    let days = column.try_date().ok_or_else(|| wrong_type(frame, column, "a date"))?;
    Ok(days.physical().iter().map(|day| day.and_then(NaiveDate::from_epoch_days)).collect())
}

/// The session of each row.
pub(crate) fn sessions(df: &DataFrame, frame: &str) -> Result<Vec<NaiveDate>, FrameError> {
    dates(column(df, frame, SESSION)?, frame)?
        .into_iter()
        .map(|date| date.ok_or_else(|| missing_key(frame, SESSION)))
        .collect()
}

/// The instrument of each row.
pub(crate) fn instruments<'a>(df: &'a DataFrame, frame: &str) -> Result<Vec<&'a str>, FrameError> {
    texts(column(df, frame, INSTRUMENT)?, frame)?
        .iter()
        .map(|name| name.ok_or_else(|| missing_key(frame, INSTRUMENT)))
        .collect()
}

/// A column of dates.
pub(crate) fn date_column(name: &str, dates: impl Iterator<Item = Option<NaiveDate>>) -> Column {
    let days: Vec<Option<i32>> = dates.map(|date| date.map(|date| date.to_epoch_days())).collect();
    Int32Chunked::new(name.into(), days).into_date().into_column()
}

/// A column of numbers: NaN and infinities become missing.
pub(crate) fn number_column(name: &str, values: impl Iterator<Item = f64>) -> Column {
    let values: Vec<Option<f64>> = values.map(|value| Some(canonical(value)).filter(|value| !value.is_nan())).collect();
    Float64Chunked::new(name.into(), values).into_column()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The date of a day of January 2024.
    pub(crate) fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 1, day).unwrap()
    }

    /// A frame with a row per (day of January 2024, instrument).
    pub(crate) fn panel_frame(keys: &[(u32, &str)], columns: Vec<Column>) -> DataFrame {
        let mut all = vec![
            date_column(SESSION, keys.iter().map(|(d, _)| Some(day(*d)))),
            Column::new(INSTRUMENT.into(), keys.iter().map(|(_, name)| *name).collect::<Vec<_>>()),
        ];
        all.extend(columns);
        DataFrame::new(keys.len(), all).unwrap()
    }

    #[test]
    fn numbers_are_canonical_whatever_their_type() {
        let read = |column: Column| numbers(&column, "x").unwrap();
        assert_eq!(read(Column::new("a".into(), [1_i32, 2])), [1.0, 2.0]);
        let values = read(Column::new("a".into(), [Some(f64::INFINITY), None, Some(-0.0)]));
        assert!(values[0].is_nan() && values[1].is_nan());
        assert_eq!(values[2].to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn errors_name_the_column_and_what_is_there() {
        let df = panel_frame(&[(2, "a")], vec![Column::new("name".into(), ["x"])]);
        let error = column(&df, "input 2", "close").unwrap_err().to_string();
        assert_eq!(error, "input 2 has no column `close`; it has `session`, `instrument`, `name`");
        let error = numbers(column(&df, "input 2", "name").unwrap(), "input 2").unwrap_err().to_string();
        assert!(error.starts_with("column `name` of input 2 is text, where a number is needed"), "{error}");
    }

    #[test]
    fn dates_go_out_and_come_back() {
        let dates_in = vec![Some(day(2)), None, NaiveDate::from_ymd_opt(1969, 12, 31)];
        assert_eq!(dates(&date_column("d", dates_in.iter().copied()), "x").unwrap(), dates_in);
    }

    #[test]
    fn what_is_not_finite_goes_out_as_null() {
        let column = number_column("x", [1.0, f64::NAN, f64::INFINITY, -0.0].into_iter());
        assert_eq!(column.null_count(), 2);
        assert_eq!(column.f64().unwrap().get(3).unwrap().to_bits(), 0.0_f64.to_bits());
    }
}
