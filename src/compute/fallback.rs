//! Bars of another source where the first has none, and where each row comes from.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use polars::prelude::*;

use crate::complete_frame::CompleteError;
use crate::frame::{self, FrameError};
use crate::intervals::Intervals;
use crate::listing::Listing;

/// Where a row comes from: `raw`, `fallback:<asset>` or `carried`; missing in one that was made and carries nothing.
pub(crate) const SOURCE: &str = "source";
/// The row was delivered by the first source.
const RAW: &str = "raw";
/// The row was made, and its prices are of the session before.
pub(crate) const CARRIED: &str = "carried";

/// The bars of another source.
#[derive(Debug, Clone, Copy)]
pub struct Fallback<'a> {
    /// Name of the asset.
    pub asset: &'a str,
    /// Its bars, of the sessions that are completed.
    pub bars: &'a DataFrame,
}

/// Who has a bar to be expected.
pub(crate) struct Expected<'a> {
    pub previous: Option<&'a DataFrame>,
    pub listing: Option<&'a Listing>,
    pub suspensions: Option<&'a Intervals>,
}

/// `raw` with a column `source`, and below its rows those of `fallback` that are expected on one of `sessions` and not in `raw`:
/// of instruments that are listed then (without a listing: that had a bar before) and are not known to be suspended.
pub(crate) fn with_source(
    raw: &DataFrame,
    fallback: Option<Fallback<'_>>,
    sessions: &[NaiveDate],
    expected: &Expected<'_>,
) -> Result<DataFrame, CompleteError> {
    let is_key = |column: &Column| column.name() == frame::SESSION || column.name() == frame::INSTRUMENT;
    if raw.columns().iter().all(is_key) {
        // Rows of which nothing is known but that there are none.
        return Ok(raw.clone());
    }
    let mut all = raw.clone();
    let mut sources = vec![RAW.to_owned(); raw.height()];
    if let Some(fallback) = fallback.filter(|fallback| fallback.bars.height() > 0) {
        let rows = missing_rows(raw, fallback, sessions, expected)?;
        sources.extend(std::iter::repeat_n(format!("fallback:{}", fallback.asset), rows.len()));
        let taken = fallback.bars.take(&IdxCa::from_vec("row".into(), rows)).map_err(FrameError::from)?;
        let columns = raw.columns().iter().map(|column| {
            let same = taken.columns().iter().find(|other| other.name() == column.name());
            match same {
                Some(same) => same.cast(column.dtype()),
                None => Ok(Column::full_null(column.name().clone(), taken.height(), column.dtype())),
            }
        });
        let columns = columns.collect::<PolarsResult<Vec<Column>>>().map_err(FrameError::from)?;
        let taken = DataFrame::new(taken.height(), columns).map_err(FrameError::from)?;
        all.vstack_mut(&taken).map_err(FrameError::from)?;
    }
    let mut columns = all.columns().to_vec();
    columns.push(Column::new(SOURCE.into(), sources));
    Ok(DataFrame::new(all.height(), columns).map_err(FrameError::from)?)
}

/// The rows of the other source that are expected and not in `raw`.
fn missing_rows(
    raw: &DataFrame,
    fallback: Fallback<'_>,
    sessions: &[NaiveDate],
    expected: &Expected<'_>,
) -> Result<Vec<IdxSize>, CompleteError> {
    let called = format!("`{}`", fallback.asset);
    let keys =
        |df: &DataFrame, called: &str| -> Result<BTreeMap<NaiveDate, BTreeMap<String, IdxSize>>, CompleteError> {
            let mut keys: BTreeMap<NaiveDate, BTreeMap<String, IdxSize>> = BTreeMap::new();
            if df.height() > 0 {
                let all = frame::sessions(df, called)?.into_iter().zip(frame::instruments(df, called)?);
                for (row, (session, instrument)) in (0..).zip(all) {
                    keys.entry(session).or_default().insert(instrument.to_owned(), row);
                }
            }
            Ok(keys)
        };
    let delivered = keys(raw, "the raw bars")?;
    let others = keys(fallback.bars, &called)?;
    let mut known: BTreeSet<String> = match expected.previous.filter(|previous| previous.height() > 0) {
        Some(previous) => frame::instruments(previous, "the completed bars")?.into_iter().map(str::to_owned).collect(),
        None => BTreeSet::new(),
    };
    let mut rows = Vec::new();
    for session in sessions {
        let delivered = delivered.get(session);
        for (instrument, row) in others.get(session).into_iter().flatten() {
            let is_there = delivered.is_some_and(|delivered| delivered.contains_key(instrument));
            let is_listed = match expected.listing {
                Some(listing) => listing.objection(instrument, *session).is_none(),
                None => known.contains(instrument),
            };
            let is_suspended = expected.suspensions.is_some_and(|halts| halts.hold(instrument, *session));
            if !is_there && is_listed && !is_suspended {
                rows.push(*row);
            }
        }
        known.extend(delivered.into_iter().flat_map(|delivered| delivered.keys().cloned()));
    }
    Ok(rows)
}
