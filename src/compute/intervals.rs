//! Dates between which something holds of an instrument.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use polars::prelude::DataFrame;

use crate::frame::{self, FrameError};

/// What is wrong with a table of intervals.
#[derive(Debug, thiserror::Error)]
pub enum IntervalError {
    #[error("`{table}` has `{instrument}` end on {to}, before it begins on {from}; correct one of them")]
    EndsBeforeStart { table: String, instrument: String, from: NaiveDate, to: NaiveDate },
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Per instrument the intervals of dates, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Intervals(BTreeMap<String, Vec<(NaiveDate, NaiveDate)>>);

impl Intervals {
    /// From a frame with the columns `instrument` (text), `from` and `to` (dates; an open end is null). `table` is what errors call it.
    ///
    /// # Errors
    /// When a column is absent or of another type, a row has no instrument, or ends before it starts.
    pub fn from_frame(table: &str, df: &DataFrame) -> Result<Self, IntervalError> {
        let called = format!("`{table}`");
        let instruments = frame::instruments(df, &called)?;
        let from = frame::dates(frame::column(df, &called, "from")?, &called)?;
        let to = frame::dates(frame::column(df, &called, "to")?, &called)?;
        let mut intervals: BTreeMap<String, Vec<(NaiveDate, NaiveDate)>> = BTreeMap::new();
        for ((instrument, from), to) in instruments.into_iter().zip(from).zip(to) {
            let (from, to) = (from.unwrap_or(NaiveDate::MIN), to.unwrap_or(NaiveDate::MAX));
            if to < from {
                let instrument = instrument.to_owned();
                return Err(IntervalError::EndsBeforeStart { table: table.to_owned(), instrument, from, to });
            }
            intervals.entry(instrument.to_owned()).or_default().push((from, to));
        }
        Ok(Self(intervals))
    }

    /// Whether it holds of an instrument on a date.
    pub fn hold(&self, instrument: &str, date: NaiveDate) -> bool {
        let intervals = self.0.get(instrument);
        intervals.is_some_and(|intervals| intervals.iter().any(|(from, to)| *from <= date && date <= *to))
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;

    use super::*;
    use crate::frame::tests::day;

    fn table(rows: &[(&str, Option<u32>, Option<u32>)]) -> DataFrame {
        let columns = vec![
            Column::new("instrument".into(), rows.iter().map(|row| row.0).collect::<Vec<_>>()),
            frame::date_column("from", rows.iter().map(|row| row.1.map(day))),
            frame::date_column("to", rows.iter().map(|row| row.2.map(day))),
        ];
        DataFrame::new(rows.len(), columns).unwrap()
    }

    #[test]
    fn ends_are_included_and_may_be_open() {
        let rows = [("a", Some(3), Some(4)), ("a", Some(8), None), ("b", None, Some(2)), ("b", None, None)];
        let intervals = Intervals::from_frame("halts", &table(&rows)).unwrap();
        let on = |name: &str| [2, 3, 4, 5, 8, 30].map(|d| intervals.hold(name, day(d)));
        assert_eq!(on("a"), [false, true, true, false, true, true]);
        assert_eq!((on("b"), on("c")), ([true; 6], [false; 6]));
        let error = Intervals::from_frame("halts", &table(&[("a", Some(4), Some(3))])).unwrap_err().to_string();
        assert_eq!(error, "`halts` has `a` end on 2024-01-03, before it begins on 2024-01-04; correct one of them");
    }
}
