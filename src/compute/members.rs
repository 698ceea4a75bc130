//! Which instruments take part on which session.

use std::collections::{BTreeMap, HashSet};

use chrono::NaiveDate;
use polars::prelude::*;

use crate::frame::{self, FrameError, INSTRUMENT};

/// What errors call the frame.
const FRAME: &str = "the universe";

/// What a column must hold in the rows that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberRule<'a> {
    Text(&'a str),
    Bool(bool),
}

/// The instruments that take part, session by session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    of_session: BTreeMap<NaiveDate, HashSet<String>>,
}

impl Members {
    /// Those that have a row, where there is a `rule` one in which a column holds what it says. A row whose value is missing does
    /// not count, and a session without rows has no members.
    ///
    /// # Errors
    /// When a row has no key, or the column is absent or of another type.
    pub fn of(df: &DataFrame, rule: Option<(&str, MemberRule<'_>)>) -> Result<Self, FrameError> {
        let mut members = Self::default();
        if df.height() == 0 {
            return Ok(members);
        }
        let counts: Vec<bool> = match rule {
            None => vec![true; df.height()],
            Some((name, MemberRule::Text(wanted))) => {
                let texts = frame::texts(frame::column(df, FRAME, name)?, FRAME)?;
                texts.iter().map(|text| text == Some(wanted)).collect()
            }
            Some((name, MemberRule::Bool(wanted))) => {
                let bools = frame::bools(frame::column(df, FRAME, name)?, FRAME)?;
                bools.iter().map(|value| value == Some(wanted)).collect()
            }
        };
        let keys = frame::sessions(df, FRAME)?.into_iter().zip(frame::instruments(df, FRAME)?);
        for ((session, instrument), _) in keys.zip(counts).filter(|(_, counts)| *counts) {
            members.of_session.entry(session).or_default().insert(instrument.to_owned());
        }
        Ok(members)
    }

    pub fn has(&self, session: NaiveDate, instrument: &str) -> bool {
        self.of_session.get(&session).is_some_and(|members| members.contains(instrument))
    }

    /// The rows of those that take part, of a frame with the columns `session` and `instrument`.
    ///
    /// # Errors
    /// When a row has no key.
    pub fn rows_of(&self, df: &DataFrame) -> Result<DataFrame, FrameError> {
        if df.height() == 0 {
            return Ok(df.clone());
        }
        let keys = frame::sessions(df, FRAME)?.into_iter().zip(frame::instruments(df, FRAME)?);
        let mask: Vec<bool> = keys.map(|(session, instrument)| self.has(session, instrument)).collect();
        Ok(df.filter(&BooleanChunked::from_slice(INSTRUMENT.into(), &mask))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::{day, panel_frame};

    #[test]
    fn members_are_those_with_a_row_that_counts() {
        let keys = [(2, "a"), (2, "b"), (3, "b"), (3, "b")];
        let columns = vec![
            Column::new("index".into(), [Some("300"), Some("50"), Some("50"), Some("300")]),
            Column::new("live".into(), [Some(true), None, Some(false), Some(true)]),
        ];
        let df = panel_frame(&keys, columns);
        let of = |rule| Members::of(&df, rule).unwrap();
        let has = |members: &Members| {
            [(2, "a"), (2, "b"), (3, "a"), (3, "b")].map(|(session, name)| members.has(day(session), name))
        };
        assert_eq!(has(&of(None)), [true, true, false, true]);
        assert_eq!(has(&of(Some(("index", MemberRule::Text("300"))))), [true, false, false, true]);
        assert_eq!(has(&of(Some(("live", MemberRule::Bool(false))))), [false, false, false, true]);
        let bars = panel_frame(&[(2, "a"), (2, "c"), (3, "b"), (4, "b")], vec![]);
        let rows = of(None).rows_of(&bars).unwrap();
        assert!(rows.equals(&panel_frame(&[(2, "a"), (3, "b")], vec![])), "{rows}");
        let error = Members::of(&df, Some(("live", MemberRule::Text("x")))).unwrap_err().to_string();
        assert!(error.contains("column `live` of the universe is a bool, where text is needed"), "{error}");
    }
}
