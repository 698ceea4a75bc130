//! When each instrument was listed.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use polars::prelude::DataFrame;

use crate::frame::{self, FrameError};

/// What is wrong with a listing table.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    #[error("`{table}` gives no `listed` date for `{instrument}`; fill it in (its first session)")]
    NoStart { table: String, instrument: String },
    #[error(
        "`{table}` has `{instrument}` delisted on {delisted}, before it is listed on {listed}; correct one of them"
    )]
    EndsBeforeStart { table: String, instrument: String, listed: NaiveDate, delisted: NaiveDate },
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// The listing table: per instrument the intervals of dates, both ends included, on which it has a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    table: String,
    intervals: BTreeMap<String, Vec<(NaiveDate, Option<NaiveDate>)>>,
}

impl Listing {
    /// From rows of (instrument, first session, last session); an instrument may have several, and an open end is `None`.
    ///
    /// # Errors
    /// When an interval ends before it starts.
    pub fn new(
        table: &str,
        rows: impl IntoIterator<Item = (String, NaiveDate, Option<NaiveDate>)>,
    ) -> Result<Self, ListingError> {
        let mut intervals: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (instrument, listed, delisted) in rows {
            if let Some(delisted) = delisted.filter(|delisted| *delisted < listed) {
                return Err(ListingError::EndsBeforeStart { table: table.to_owned(), instrument, listed, delisted });
            }
            intervals.entry(instrument).or_default().push((listed, delisted));
        }
        Ok(Self { table: table.to_owned(), intervals })
    }

    /// From a frame with the columns `instrument` (text), `listed` and `delisted` (dates; an open end is null). `table` is
    /// what errors call it.
    ///
    /// # Errors
    /// When a column is absent or of another type, a row has no instrument or no `listed`, or ends before it starts.
    pub fn from_frame(table: &str, df: &DataFrame) -> Result<Self, ListingError> {
        let called = format!("`{table}`");
        let instruments = frame::instruments(df, &called)?;
        let listed = frame::dates(frame::column(df, &called, "listed")?, &called)?;
        let delisted = frame::dates(frame::column(df, &called, "delisted")?, &called)?;
        let mut rows = Vec::with_capacity(instruments.len());
        for ((instrument, listed), delisted) in instruments.into_iter().zip(listed).zip(delisted) {
            let instrument = instrument.to_owned();
            let Some(listed) = listed else {
                return Err(ListingError::NoStart { table: table.to_owned(), instrument });
            };
            rows.push((instrument, listed, delisted));
        }
        Self::new(table, rows)
    }

    /// The instruments listed on a session, sorted.
    pub fn expected_on(&self, session: NaiveDate) -> impl Iterator<Item = &str> {
        self.intervals.iter().filter(move |(_, intervals)| covers(intervals, session)).map(|(name, _)| name.as_str())
    }

    /// The first date of each interval, with its instrument.
    pub fn starts(&self) -> impl Iterator<Item = (&str, NaiveDate)> {
        let all = self.intervals.iter();
        all.flat_map(|(name, intervals)| intervals.iter().map(move |(from, _)| (name.as_str(), *from)))
    }

    /// Why `instrument` should have no row on `session`, in words; `None` if it is listed then.
    pub(crate) fn objection(&self, instrument: &str, session: NaiveDate) -> Option<String> {
        let table = &self.table;
        let Some(intervals) = self.intervals.get(instrument) else {
            return Some(format!("`{table}` does not have it; add it there"));
        };
        if covers(intervals, session) {
            return None;
        }
        let words: Vec<String> = intervals
            .iter()
            .map(|(from, to)| match to {
                Some(to) => format!("from {from} to {to}"),
                None => format!("from {from} on"),
            })
            .collect();
        Some(format!("`{table}` lists it {}; correct the interval or remove the bar", words.join(" and ")))
    }
}

fn covers(intervals: &[(NaiveDate, Option<NaiveDate>)], session: NaiveDate) -> bool {
    intervals.iter().any(|(from, to)| *from <= session && to.is_none_or(|to| session <= to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::day;
    use polars::prelude::*;

    #[test]
    fn intervals_include_both_ends_and_may_repeat() {
        let rows = [
            ("b".to_owned(), day(3), Some(day(4))),
            ("a".to_owned(), day(4), None),
            ("b".to_owned(), day(8), Some(day(8))),
        ];
        let listing = Listing::new("listing", rows).unwrap();
        let on = |d| listing.expected_on(day(d)).collect::<Vec<_>>();
        assert_eq!((on(2), on(3), on(4), on(5), on(8)), (vec![], vec!["b"], vec!["a", "b"], vec!["a"], vec!["a", "b"]));
        assert_eq!(listing.objection("b", day(3)), None);
        assert_eq!(
            listing.objection("b", day(5)).unwrap(),
            "`listing` lists it from 2024-01-03 to 2024-01-04 and from 2024-01-08 to 2024-01-08; correct the interval or remove the bar"
        );
        assert_eq!(listing.objection("z", day(5)).unwrap(), "`listing` does not have it; add it there");
    }

    #[test]
    fn a_table_with_a_mistake_is_refused() {
        let frame = |listed, delisted| {
            let column = |name, date| crate::frame::date_column(name, std::iter::once(date));
            let columns =
                vec![Column::new("instrument".into(), ["a"]), column("listed", listed), column("delisted", delisted)];
            DataFrame::new(1, columns).unwrap()
        };
        assert!(Listing::from_frame("t", &frame(Some(day(2)), None)).is_ok());
        let error = Listing::from_frame("t", &frame(None, None)).unwrap_err().to_string();
        assert_eq!(error, "`t` gives no `listed` date for `a`; fill it in (its first session)");
        let error = Listing::from_frame("t", &frame(Some(day(3)), Some(day(2)))).unwrap_err().to_string();
        assert!(error.contains("delisted on 2024-01-02, before it is listed on 2024-01-03"), "{error}");
    }
}
