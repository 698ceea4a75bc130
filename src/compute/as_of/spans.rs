//! Rows, each with the sessions that it holds on.

use chrono::NaiveDate;
use polars::prelude::*;

use crate::frame::{self, FrameError, SESSION};

/// Why a table says nothing certain of some session. `table` is its name, `key` what identifies the rows.
#[derive(Debug, thiserror::Error)]
pub enum AsOfError {
    #[error("`{table}` has a row without `{column}`, which every row needs; fill it in, or take the row out")]
    Missing { table: String, column: String },
    #[error("`{table}` has a row of {key} that ends on {to}, before it begins on {from}; correct one of them")]
    EndsBeforeStart { table: String, key: String, from: NaiveDate, to: NaiveDate, row: usize },
    #[error(
        "`{table}` has two rows of {key} for {session}: one valid {one}, the other {other}; {}",
        overlap_help(.touching)
    )]
    Overlap {
        table: String,
        key: String,
        session: NaiveDate,
        one: String,
        other: String,
        touching: bool,
        rows: [usize; 2],
    },
    #[error(
        "`{table}` has two reports of {key} for the period to {period}, both announced on {announced}; keep one, or say with \
         `ingested` which came later"
    )]
    SameReport { table: String, key: String, period: NaiveDate, announced: NaiveDate, rows: [usize; 2] },
    #[error(
        "`{table}` has a report of {key} announced on {announced}, before its period ends on {period}; correct one of them"
    )]
    AnnouncedEarly { table: String, key: String, period: NaiveDate, announced: NaiveDate, row: usize },
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl AsOfError {
    /// The positions in the table of the rows that it is about.
    pub fn rows(&self) -> &[usize] {
        match self {
            Self::EndsBeforeStart { row, .. } | Self::AnnouncedEarly { row, .. } => std::slice::from_ref(row),
            Self::Overlap { rows, .. } | Self::SameReport { rows, .. } => rows,
            Self::Missing { .. } | Self::Frame(_) => &[],
        }
    }
}

impl From<PolarsError> for AsOfError {
    fn from(error: PolarsError) -> Self {
        Self::Frame(error.into())
    }
}

fn overlap_help(touching: &bool) -> &'static str {
    if *touching {
        "if the last day is the first one on which a row is no longer valid, say `to_exclusive: true`"
    } else {
        "correct the dates of one of them, or name in `key:` what else tells them apart"
    }
}

/// Rows of a table, each with the positions of the first and the last session that it holds on.
#[derive(Debug, Clone, PartialEq)]
pub struct Spans {
    /// Without a column `session`.
    pub rows: DataFrame,
    /// One for each row; both ends included.
    pub spans: Vec<(u32, u32)>,
}

impl Spans {
    /// The rows of some sessions, given by position (ascending) and date: `session` first, in the order of the positions, and
    /// within a session in that of the rows.
    ///
    /// # Errors
    /// When the rows have a column `session`.
    pub fn panel(&self, wanted: &[(u32, NaiveDate)]) -> Result<DataFrame, AsOfError> {
        let mut of_session: Vec<Vec<IdxSize>> = vec![Vec::new(); wanted.len()];
        for (row, (first, last)) in self.spans.iter().enumerate() {
            let from = wanted.partition_point(|(at, _)| at < first);
            let to = wanted.partition_point(|(at, _)| at <= last);
            for rows in &mut of_session[from..to.max(from)] {
                rows.push(row as IdxSize);
            }
        }
        let dates = wanted.iter().zip(&of_session).flat_map(|((_, date), rows)| rows.iter().map(|_| Some(*date)));
        let session = frame::date_column(SESSION, dates);
        let rows = IdxCa::from_vec("rows".into(), of_session.concat());
        let mut panel = self.rows.take(&rows)?;
        panel.insert_column(0, session)?;
        Ok(panel)
    }

    /// For each of the positions from 0 up to but not including `sessions` the sum, modulo 2^128, of what `hash` gives for the rows
    /// that hold there: two positions have the same sum if they have the same rows.
    pub fn sums(&self, sessions: usize, hash: impl Fn(usize) -> u128) -> Vec<u128> {
        let mut steps = vec![0_u128; sessions + 1];
        for (row, (first, last)) in self.spans.iter().enumerate() {
            let (first, after) = ((*first as usize).min(sessions), (*last as usize + 1).min(sessions));
            let hash = hash(row);
            steps[first] = steps[first].wrapping_add(hash);
            steps[after] = steps[after].wrapping_sub(hash);
        }
        let mut sum = 0_u128;
        steps.truncate(sessions);
        steps
            .into_iter()
            .map(|step| {
                sum = sum.wrapping_add(step);
                sum
            })
            .collect()
    }
}

/// What identifies each row, as messages show it, with the rows in the order of it.
pub(super) struct Keys {
    pub texts: Vec<String>,
    /// The rows of each key together, within a key in the table's order.
    pub order: Vec<usize>,
}

impl Keys {
    /// # Errors
    /// When a key column is absent, or empty in some row.
    pub fn of(table: &str, df: &DataFrame, key: &[String]) -> Result<Self, AsOfError> {
        let name = format!("`{table}`");
        let mut texts = vec![String::new(); df.height()];
        for column in key {
            let values = frame::column(df, &name, column)?;
            for (row, text) in texts.iter_mut().enumerate() {
                let value = values.get(row)?;
                if value.is_null() {
                    return Err(AsOfError::Missing { table: table.to_owned(), column: column.clone() });
                }
                if !text.is_empty() {
                    text.push_str(", ");
                }
                match value.get_str() {
                    Some(value) => text.push_str(&format!("`{value}`")),
                    None => text.push_str(&value.to_string()),
                }
            }
        }
        let mut order: Vec<usize> = (0..df.height()).collect();
        order.sort_by(|a, b| texts[*a].cmp(&texts[*b]));
        Ok(Self { texts, order })
    }

    /// The rows of each key, in the order of the keys.
    pub fn groups(&self) -> impl Iterator<Item = &[usize]> {
        self.order.chunk_by(|a, b| self.texts[*a] == self.texts[*b])
    }

    /// What a row is called in a message.
    pub fn shown(&self, row: usize) -> String {
        if self.texts[row].is_empty() { "one key".to_owned() } else { self.texts[row].clone() }
    }
}

/// A column of dates.
pub(super) fn dates(table: &str, df: &DataFrame, column: &str) -> Result<Vec<Option<NaiveDate>>, AsOfError> {
    let name = format!("`{table}`");
    Ok(frame::dates(frame::column(df, &name, column)?, &name)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::day;

    fn spans(of: &[(&str, u32, u32)]) -> Spans {
        let names: Vec<&str> = of.iter().map(|(name, ..)| *name).collect();
        let rows = DataFrame::new(of.len(), vec![Column::new("instrument".into(), names)]).unwrap();
        Spans { rows, spans: of.iter().map(|(_, first, last)| (*first, *last)).collect() }
    }

    #[test]
    fn a_row_is_in_the_panel_of_each_session_it_holds_on() {
        let spans = spans(&[("a", 0, 9), ("b", 3, 4), ("c", 5, 5)]);
        let panel = spans.panel(&[(2, day(2)), (4, day(4)), (5, day(5))]).unwrap();
        let names: Vec<&str> = panel.column("instrument").unwrap().str().unwrap().iter().flatten().collect();
        assert_eq!(names, ["a", "a", "b", "a", "c"]);
        let days: Vec<_> = frame::sessions(&panel, "panel").unwrap();
        assert_eq!(days, [day(2), day(4), day(4), day(5), day(5)]);
        assert_eq!(spans.panel(&[]).unwrap().height(), 0);
    }

    #[test]
    fn sums_tell_sessions_apart_by_their_rows() {
        let spans = spans(&[("a", 0, 9), ("b", 1, 2), ("c", 2, 2)]);
        let sums = spans.sums(5, |row| [1, 10, 100][row]);
        assert_eq!(sums, [1, 11, 111, 1, 1]);
        assert_eq!(spans.sums(2, |row| [1, 10, 100][row]), [1, 11]);
    }
}
