//! Values too far from the last one.

use std::collections::HashMap;

use chrono::NaiveDate;
use polars::prelude::*;

use super::{CheckFailure, FRAME, Rows};
use crate::frame::{self, FrameError};

/// A change of a column by more than a part of the instrument's last present value.
#[derive(Debug, Clone, PartialEq)]
pub struct Jump {
    pub column: String,
    /// The largest part that passes.
    pub above: f64,
    /// Columns of bools: a row passes where one of them is true, and its value counts as the last one from there on.
    pub except: Vec<String>,
}

/// The last present value of each instrument, and its session. Rows without instruments are one series.
#[derive(Debug, Clone, Default)]
pub struct LastValues(HashMap<String, (NaiveDate, f64)>);

impl LastValues {
    /// Holds the rows of one session against the values before. Values of sessions before `since` are too old to count. Rows of one
    /// instrument follow each other as they are stored.
    ///
    /// # Errors
    /// When the frame lacks a column that the check names, or has one of another type.
    pub fn judge(
        &self,
        rows: &DataFrame,
        session: NaiveDate,
        since: NaiveDate,
        jump: &Jump,
    ) -> Result<Option<CheckFailure>, FrameError> {
        let rows = Rows::new(rows, &[session])?;
        let values = rows.numbers(&jump.column)?;
        let excepted = excepted(&rows, &jump.except)?;
        let series = series(&rows);
        let mut within: HashMap<&str, f64> = HashMap::new();
        let mut at_fault = Vec::new();
        for (row, value) in values.into_iter().enumerate().filter(|(_, value)| !value.is_nan()) {
            let before = self.0.get(series[row]).filter(|(day, _)| *day >= since).copied();
            let last = within.insert(series[row], value).map(|last| (session, last)).or(before);
            let Some((day, last)) = last.filter(|_| !excepted[row]) else { continue };
            let change = (value - last) / last.abs();
            if change.abs() > jump.above {
                let text = format!("{value} after {last} on {day}, {:+.1} %", change * 100.0);
                at_fault.push(rows.sample(row, Some(text)));
            }
        }
        if at_fault.is_empty() {
            return Ok(None);
        }
        let what = format!("a `{}` that jumps by more than {} %", jump.column, percent(jump.above));
        Ok(Some(CheckFailure::of_rows(session, at_fault, &what)))
    }

    /// Takes the values of a session as the last ones.
    ///
    /// # Errors
    /// As [`Self::judge`].
    pub fn take(&mut self, rows: &DataFrame, session: NaiveDate, column: &str) -> Result<(), FrameError> {
        if rows.height() == 0 {
            return Ok(());
        }
        let rows = Rows::new(rows, &[session])?;
        let values = rows.numbers(column)?;
        for (name, value) in series(&rows).into_iter().zip(values).filter(|(_, value)| !value.is_nan()) {
            match self.0.get_mut(name) {
                Some(last) => *last = (session, value),
                None => {
                    self.0.insert(name.to_owned(), (session, value));
                }
            }
        }
        Ok(())
    }
}

/// `11` for 0.11, without the dust of binary fractions.
fn percent(part: f64) -> f64 {
    (part * 1e8).round() / 1e6
}

fn series<'a>(rows: &'a Rows<'_>) -> Vec<&'a str> {
    let has_instruments = frame::has_instruments(rows.df);
    rows.names.iter().map(|name| if has_instruments { name.as_str() } else { "" }).collect()
}

fn excepted(rows: &Rows<'_>, columns: &[String]) -> Result<Vec<bool>, FrameError> {
    let mut excepted = vec![false; rows.sessions.len()];
    for column in columns {
        let flags = frame::bools(rows.column(column)?, FRAME)?;
        for (row, flag) in flags.iter().enumerate() {
            excepted[row] |= flag == Some(true);
        }
    }
    Ok(excepted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::{day, panel_frame};

    fn frame(session: u32, rows: &[(&str, Option<f64>, bool)]) -> DataFrame {
        let keys: Vec<(u32, &str)> = rows.iter().map(|(name, ..)| (session, *name)).collect();
        let closes: Vec<Option<f64>> = rows.iter().map(|(_, close, _)| *close).collect();
        let flags: Vec<bool> = rows.iter().map(|(.., flag)| *flag).collect();
        panel_frame(&keys, vec![Column::new("close".into(), closes), Column::new("is_ex_date".into(), flags)])
    }

    #[test]
    fn a_value_is_held_against_the_last_present_one() {
        let jump = Jump { column: "close".into(), above: 0.1, except: vec!["is_ex_date".into()] };
        let mut last = LastValues::default();
        let first = [("a", Some(10.0), false), ("b", Some(10.0), false), ("c", Some(10.0), false)];
        assert_eq!(last.judge(&frame(2, &first), day(2), day(1), &jump).unwrap(), None);
        last.take(&frame(2, &first), day(2), "close").unwrap();
        let gap = [("a", None, false), ("b", Some(11.0), false), ("c", Some(5.0), true)];
        assert_eq!(last.judge(&frame(3, &gap), day(3), day(1), &jump).unwrap(), None);
        last.take(&frame(3, &gap), day(3), "close").unwrap();
        let after = frame(4, &[("a", Some(8.0), false), ("b", Some(11.5), false), ("c", Some(5.5), false)]);
        let failure = last.judge(&after, day(4), day(1), &jump).unwrap().unwrap();
        assert_eq!(
            failure.message,
            "1 row of 2024-01-04 has a `close` that jumps by more than 10 %: a (8 after 10 on 2024-01-02, -20.0 %)"
        );
        // Two sessions back is further than one.
        assert_eq!(last.judge(&after, day(4), day(3), &jump).unwrap(), None);
    }

    #[test]
    fn rows_of_one_session_follow_each_other() {
        let jump = Jump { column: "close".into(), above: 0.1, except: vec![] };
        let bars = frame(2, &[("a", Some(10.0), false), ("a", Some(12.0), false), ("a", Some(12.5), false)]);
        let failure = LastValues::default().judge(&bars, day(2), day(1), &jump).unwrap().unwrap();
        assert_eq!((failure.rows, failure.sample[0].value.as_deref()), (1, Some("12 after 10 on 2024-01-02, +20.0 %")));
    }
}
