//! Frames as rows of cells.

use assetctl_store::ColumnType;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta};
use polars::prelude::{AnyValue, DataFrame, Series, TimeUnit};

use crate::error::SinkError;

/// A value. Numbers are finite: a store keeps no NaN and no infinity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    Missing,
    Number(f64),
    Text(&'a str),
    Bool(bool),
    Date(NaiveDate),
    Time(NaiveDateTime),
}

/// The columns of a frame, each with its name and type.
pub(crate) struct Columns {
    columns: Vec<(String, ColumnType, Series)>,
}

impl Columns {
    /// # Errors
    /// A column of a type that no asset has.
    pub fn of(frame: &DataFrame) -> Result<Self, SinkError> {
        let columns = frame.columns().iter().map(|column| {
            let name = column.name().to_string();
            let kind = ColumnType::of(column.dtype())
                .ok_or_else(|| SinkError::new(format!("column `{name}` is of type `{}`", column.dtype())))?;
            // A column of one value has a form of its own, which lends no text.
            Ok((name, kind, column.as_materialized_series().rechunk()))
        });
        Ok(Self { columns: columns.collect::<Result<_, SinkError>>()? })
    }

    pub fn typed(&self) -> Vec<(String, ColumnType)> {
        self.columns.iter().map(|(name, kind, _)| (name.clone(), *kind)).collect()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, ..)| name.as_str())
    }

    /// The cells of a row, in the order of the columns.
    pub fn row(&self, row: usize) -> impl Iterator<Item = Cell<'_>> {
        self.columns.iter().map(move |(.., column)| cell(column, row))
    }

    /// The cells of a row with the names of their columns.
    pub fn named(&self, row: usize) -> impl Iterator<Item = (&str, Cell<'_>)> {
        self.columns.iter().map(move |(name, _, column)| (name.as_str(), cell(column, row)))
    }
}

fn cell(column: &Series, row: usize) -> Cell<'_> {
    match column.get(row) {
        Ok(AnyValue::Float64(number)) if number.is_finite() => Cell::Number(number),
        Ok(AnyValue::String(text)) => Cell::Text(text),
        Ok(AnyValue::Boolean(flag)) => Cell::Bool(flag),
        Ok(AnyValue::Date(days)) => {
            let date = NaiveDate::default().checked_add_signed(TimeDelta::days(days.into()));
            date.map_or(Cell::Missing, Cell::Date)
        }
        Ok(AnyValue::Datetime(micros, TimeUnit::Microseconds, None)) => {
            let at = DateTime::from_timestamp_micros(micros);
            at.map_or(Cell::Missing, |at| Cell::Time(at.naive_utc()))
        }
        _ => Cell::Missing,
    }
}

impl Cell<'_> {
    /// As a text that every sink reads back to the same value; `None` where it is missing. Numbers have as many digits as it takes.
    pub fn text(self) -> Option<String> {
        Some(match self {
            Self::Missing => return None,
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.to_owned(),
            Self::Bool(flag) => flag.to_string(),
            Self::Date(date) => date.to_string(),
            Self::Time(at) => time(at),
        })
    }

    /// As a value of JSON: dates and times are texts.
    pub fn json(self) -> serde_json::Value {
        match self {
            Self::Missing => serde_json::Value::Null,
            Self::Number(number) => number.into(),
            Self::Text(text) => text.into(),
            Self::Bool(flag) => flag.into(),
            Self::Date(date) => date.to_string().into(),
            Self::Time(at) => time(at).into(),
        }
    }
}

fn time(at: NaiveDateTime) -> String {
    at.format("%Y-%m-%d %H:%M:%S%.f").to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use polars::prelude::*;

    use super::*;

    /// One column of each type, with a value and a missing one.
    pub(crate) fn every_type() -> DataFrame {
        let dates = |days: Vec<Option<i32>>| Series::new("x".into(), days).cast(&DataType::Date).unwrap();
        let mut session = dates(vec![Some(16_617), Some(16_617)]);
        session.rename("session".into());
        let mut listed = dates(vec![Some(-25_567), None]);
        listed.rename("listed".into());
        let at = Series::new("at".into(), vec![Some(1_435_743_000_000_001_i64), None])
            .cast(&DataType::Datetime(TimeUnit::Microseconds, None))
            .unwrap();
        let columns: Vec<Column> = vec![
            session.into(),
            Series::new("instrument".into(), vec!["甲\t\"1\"\\N", "b\nc,'x'"]).into(),
            Series::new("number".into(), vec![Some(0.1 + 0.2), None]).into(),
            Series::new("tiny".into(), vec![Some(5e-324), Some(-1.797_693_134_862_315_7e308)]).into(),
            Series::new("text".into(), vec![Some(""), None]).into(),
            Series::new("flag".into(), vec![Some(true), None]).into(),
            listed.into(),
            at.into(),
        ];
        DataFrame::new(2, columns).unwrap()
    }

    #[test]
    fn cells_are_texts_and_json_that_read_back() {
        let columns = Columns::of(&every_type()).unwrap();
        let texts: Vec<Option<String>> = columns.row(0).map(Cell::text).collect();
        let texts: Vec<&str> = texts.iter().map(|text| text.as_deref().unwrap()).collect();
        assert_eq!(texts[..3], ["2015-07-01", "甲\t\"1\"\\N", "0.30000000000000004"]);
        assert_eq!(texts[4..], ["", "true", "1900-01-01", "2015-07-01 09:30:00.000001"]);
        for row in 0..2 {
            for text in columns.row(row).skip(2).take(2).filter_map(Cell::text) {
                assert!(text.parse::<f64>().unwrap().is_finite());
            }
        }
        assert_eq!(columns.row(1).map(Cell::text).filter(Option::is_none).count(), 5);
        let json: Vec<String> = columns.named(0).skip(2).take(2).map(|(_, cell)| cell.json().to_string()).collect();
        assert_eq!(json, ["0.30000000000000004", "5e-324"]);
        let whole = Series::new("n".into(), vec![1_i64]).into();
        let refused = Columns::of(&DataFrame::new(1, vec![whole]).unwrap()).err().unwrap();
        assert_eq!(refused.what, "column `n` is of type `i64`");
    }
}
