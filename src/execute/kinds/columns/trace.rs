//! The trace of states: one hash per instrument and session.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use polars::prelude::*;

use crate::kinds::MakeError;

/// Hashes of states by session and instrument, of a frame sorted by both, with the sessions that it covers: one may have no row.
/// A frame without instruments has the one called `""`.
#[derive(Debug, Default)]
pub struct Trace<'a> {
    sessions: BTreeMap<NaiveDate, Vec<(&'a str, i64)>>,
    covered: BTreeSet<NaiveDate>,
}

/// A trace as it is kept: with a column `instrument`, which is `""` where there is one row a session, also when it has no rows.
pub fn by_instrument(trace: DataFrame) -> Result<DataFrame, MakeError> {
    if trace.width() == 0 {
        let columns = [("session", DataType::Date), ("instrument", DataType::String), ("state", DataType::Int64)];
        let fields = columns.map(|(name, dtype)| Field::new(name.into(), dtype));
        return Ok(DataFrame::empty_with_schema(&Schema::from_iter(fields)));
    }
    if trace.column("instrument").is_ok() {
        return Ok(trace);
    }
    let mut trace = trace;
    let nobody = StringChunked::full("instrument".into(), "", trace.height());
    trace.with_column(nobody.into_column())?;
    Ok(trace.select(["session", "instrument", "state"])?)
}

impl<'a> Trace<'a> {
    pub fn new(frame: &'a DataFrame, covered: BTreeSet<NaiveDate>) -> Result<Self, MakeError> {
        let mut sessions: BTreeMap<NaiveDate, Vec<(&str, i64)>> = BTreeMap::new();
        if frame.height() == 0 {
            return Ok(Self { sessions, covered });
        }
        let dates = frame.column("session")?.date()?;
        let states = frame.column("state")?.i64()?;
        let names = frame.column("instrument").ok().map(|column| column.str()).transpose()?;
        let mut names = names.map(|names| names.iter());
        for (date, state) in dates.as_date_iter().zip(states.iter()) {
            let name = names.as_mut().and_then(|names| names.next().flatten()).unwrap_or_default();
            if let (Some(date), Some(state)) = (date, state) {
                sessions.entry(date).or_default().push((name, state));
            }
        }
        sessions.values_mut().for_each(|of_session| of_session.sort_unstable());
        Ok(Self { sessions, covered })
    }

    /// Whether there is a trace of the session.
    pub fn knows(&self, session: NaiveDate) -> bool {
        self.covered.contains(&session)
    }

    pub fn names(&self, session: NaiveDate) -> impl Iterator<Item = &'a str> + '_ {
        self.sessions.get(&session).into_iter().flatten().map(|(name, _)| *name)
    }

    pub fn get(&self, session: NaiveDate, instrument: &str) -> Option<i64> {
        let of_session = self.sessions.get(&session)?;
        let at = of_session.binary_search_by(|(name, _)| (*name).cmp(instrument)).ok()?;
        Some(of_session[at].1)
    }

    /// Whether the instrument has a row on the session.
    pub fn has(&self, session: NaiveDate, instrument: &str) -> bool {
        self.get(session, instrument).is_some()
    }
}
