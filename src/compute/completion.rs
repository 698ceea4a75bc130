//! The completion of bars with all that can be known beyond them: who was suspended, what another source has, what happened on
//! ex-dates.

use chrono::NaiveDate;
use polars::prelude::*;

use crate::adjust::Adjustment;
use crate::complete_frame::{CompleteError, Fill, FillRules, IS_FILLED, IS_SUSPENDED, complete_frame};
use crate::fallback::{CARRIED, Expected, Fallback, SOURCE, with_source};
use crate::frame::{self, FrameError};
use crate::intervals::Intervals;
use crate::limits::PriceLimits;
use crate::listing::Listing;

/// What is known beyond the raw bars.
#[derive(Debug, Clone, Copy)]
pub struct Completion<'a> {
    pub fill: &'a FillRules,
    pub listing: Option<&'a Listing>,
    /// Who was suspended when. Without it, whoever has no bar was.
    pub suspensions: Option<&'a Intervals>,
    pub adjustment: Option<&'a Adjustment>,
    pub fallback: Option<Fallback<'a>>,
    pub limits: Option<&'a PriceLimits>,
}

/// Completed sessions.
#[derive(Debug, Clone)]
pub struct Completed {
    pub frame: DataFrame,
    /// The rows, by session and instrument, that had to be filled though nothing says that the instrument was suspended. None
    /// without a table of suspensions.
    pub missing: Vec<(NaiveDate, String)>,
}

impl Completion<'_> {
    /// Completes `sessions`, which follow one another in the calendar; `before` is the session before the first of them, if the
    /// asset has one, and `previous` its completed frame.
    ///
    /// Beyond [`complete_frame`]:
    /// - a bar that is expected and not there is taken from the fallback, if that has it;
    /// - of a filled row that nobody says was suspended, `is_suspended` is false and `volume` missing (unless `fill` speaks of it);
    /// - with corporate actions, `factor` and `split_factor` are added, and carried prices fall on ex-dates;
    /// - where any of these is declared, `source` says where a row comes from;
    /// - with price limits, `limit_up` and the like are added.
    ///
    /// # Errors
    /// As [`complete_frame`]; and when an action takes more off a share than it was worth.
    pub fn complete(
        &self,
        before: Option<NaiveDate>,
        previous: Option<&DataFrame>,
        raw: &DataFrame,
        sessions: &[NaiveDate],
    ) -> Result<Completed, CompleteError> {
        let has_source = self.adjustment.is_some() || self.suspensions.is_some() || self.fallback.is_some();
        let expected = Expected { previous, listing: self.listing, suspensions: self.suspensions };
        let with_source = has_source.then(|| with_source(raw, self.fallback, sessions, &expected)).transpose()?;
        let raw = with_source.as_ref().unwrap_or(raw);
        let plain = previous.map(|previous| self.plain(previous));
        let mut frame = complete_frame(plain.as_ref(), raw, sessions, self.listing, self.fill)?;
        let mut missing = Vec::new();
        if let Some(suspensions) = self.suspensions {
            (frame, missing) = self.unexplained(frame, suspensions)?;
        }
        if let Some(adjustment) = self.adjustment {
            frame = adjustment.adjust(before, previous, frame, self.fill)?;
        }
        if has_source {
            frame = carried_source(frame)?;
        }
        if let Some(limits) = self.limits {
            let actions = self.adjustment.map(|adjustment| &adjustment.actions);
            frame = limits.add(before, previous, &frame, actions)?;
        }
        Ok(Completed { frame, missing })
    }

    /// The session before without what is made of whole bars.
    fn plain(&self, previous: &DataFrame) -> DataFrame {
        let mut made = match self.adjustment {
            Some(adjustment) => adjustment.made(previous.columns().iter().map(|column| column.name().as_str())),
            None => Vec::new(),
        };
        if self.limits.is_some() {
            made.extend(PriceLimits::COLUMNS.map(str::to_owned));
        }
        previous.drop_many(made)
    }

    /// Sets right what a filled row says of itself where the instrument was not suspended; gives those rows.
    fn unexplained(
        &self,
        bars: DataFrame,
        suspensions: &Intervals,
    ) -> Result<(DataFrame, Vec<(NaiveDate, String)>), CompleteError> {
        let filled = frame::bools(frame::column(&bars, BARS, IS_FILLED)?, BARS)?;
        let mut missing = Vec::new();
        let mut is_missing = Vec::with_capacity(bars.height());
        let keys = frame::sessions(&bars, BARS)?.into_iter().zip(frame::instruments(&bars, BARS)?);
        for ((session, instrument), filled) in keys.zip(filled.iter()) {
            let is_one = filled == Some(true) && !suspensions.hold(instrument, session);
            is_missing.push(is_one);
            if is_one {
                missing.push((session, instrument.to_owned()));
            }
        }
        if missing.is_empty() {
            return Ok((bars, missing));
        }
        let mut columns = Vec::with_capacity(bars.width());
        for column in bars.columns() {
            let name = column.name().as_str();
            columns.push(if name == IS_SUSPENDED {
                let suspended = frame::bools(column, BARS)?.iter().zip(&is_missing);
                let suspended = suspended.map(|(suspended, missing)| suspended == Some(true) && !missing);
                Column::new(IS_SUSPENDED.into(), suspended.collect::<Vec<_>>())
            } else if name == "volume" && self.fill.said("volume") != Some(Fill::Zero) {
                // It was traded, for all that is known: how much, nobody says.
                let volumes = frame::numbers(column, BARS)?.into_iter().zip(&is_missing);
                let carried = self.fill.of("volume") == Fill::Carry;
                frame::number_column(
                    "volume",
                    volumes.map(|(volume, missing)| if *missing && !carried { f64::NAN } else { volume }),
                )
            } else {
                column.clone()
            });
        }
        let frame = DataFrame::new(bars.height(), columns).map_err(FrameError::from)?;
        Ok((frame, missing))
    }
}

const BARS: &str = "the completed bars";

/// `source`, which delivered rows have, also in rows that were made and carry a close.
fn carried_source(bars: DataFrame) -> Result<DataFrame, CompleteError> {
    let filled = frame::bools(frame::column(&bars, BARS, IS_FILLED)?, BARS)?;
    let closes = frame::numbers(frame::column(&bars, BARS, "close")?, BARS)?;
    let known = bars.columns().iter().find(|column| column.name() == SOURCE);
    let mut sources: Vec<Option<&str>> = match known {
        Some(known) => frame::texts(known, BARS)?.iter().collect(),
        None => vec![None; bars.height()],
    };
    for ((source, filled), close) in sources.iter_mut().zip(filled.iter()).zip(closes) {
        if filled == Some(true) {
            *source = (!close.is_nan()).then_some(CARRIED);
        }
    }
    let source = StringChunked::from_iter_options(SOURCE.into(), sources.into_iter()).into_column();
    let others = bars.columns().iter().filter(|column| column.name() != SOURCE).cloned();
    let columns = others.chain([source]).collect();
    Ok(DataFrame::new(bars.height(), columns).map_err(FrameError::from)?)
}
