//! Adjustment factors, session after session, and the prices that follow from them.

use std::collections::HashMap;

use chrono::NaiveDate;
use polars::prelude::*;

use crate::actions::{Action, Actions, DividendRule};
use crate::complete_frame::{CompleteError, Fill, FillRules};
use crate::frame::{self, FrameError};

/// The product of all that the actions did to prices since the instrument's first row.
pub(crate) const FACTOR: &str = "factor";
/// The product of the splits alone: what happened to numbers of shares.
pub(crate) const SPLIT_FACTOR: &str = "split_factor";
/// Columns that are prices: carried over an ex-date they fall with it.
const PRICES: [&str; 5] = ["close", "open", "high", "low", "vwap"];
/// Those of bars that have an adjusted one beside them.
const ADJUSTED: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// How prices are adjusted.
#[derive(Debug, Clone)]
pub struct Adjustment {
    pub actions: Actions,
    pub dividends: DividendRule,
    /// Whether `adj_close` and the like are made.
    pub back: bool,
}

impl Adjustment {
    /// The columns that are made of bars with the columns `of`.
    pub(crate) fn made<'a>(&self, of: impl Iterator<Item = &'a str>) -> Vec<String> {
        let adjusted = of.filter(|name| self.back && ADJUSTED.contains(name)).map(|name| format!("adj_{name}"));
        [FACTOR, SPLIT_FACTOR].into_iter().map(str::to_owned).chain(adjusted).collect()
    }

    /// Adds the factors to completed bars, adjusts the prices that are carried over an ex-date, and adds the adjusted columns.
    ///
    /// `previous` is the session before the first one (`before`), as this function left it; `bars` are completed without regard to
    /// actions. `F(t) = F(t−1) · step(t)`, with [`Action::step`], beginning with 1 in an instrument's first row; the
    /// close that a step is reckoned from is that of the session before: the last one traded, or what earlier ex-dates of the same
    /// suspension made of it.
    ///
    /// # Errors
    /// When an action takes more off a share than it was worth, or a column is of another type than is needed.
    pub(crate) fn adjust(
        &self,
        before: Option<NaiveDate>,
        previous: Option<&DataFrame>,
        bars: DataFrame,
        fill: &FillRules,
    ) -> Result<DataFrame, CompleteError> {
        let sessions = frame::sessions(&bars, BARS)?;
        let instruments = frame::instruments(&bars, BARS)?;
        let filled = frame::bools(frame::column(&bars, BARS, "is_filled")?, BARS)?;
        let rows = Rows { previous, bars: &bars };
        let mut prices: Vec<(&str, Vec<f64>)> = Vec::new();
        for name in PRICES {
            let is_number = bars.column(name).is_ok_and(|column| column.dtype().is_primitive_numeric());
            if is_number && fill.of(name) == Fill::Carry {
                prices.push((name, rows.numbers(name, f64::NAN)?));
            }
        }
        let close_at = prices.iter().position(|(name, _)| *name == "close");
        let mut factors = rows.numbers(FACTOR, 1.0)?;
        let mut splits = rows.numbers(SPLIT_FACTOR, 1.0)?;

        let offset = previous.map_or(0, DataFrame::height);
        let of_previous = match previous {
            Some(previous) if offset > 0 => frame::instruments(previous, PREVIOUS)?,
            _ => Vec::new(),
        };
        let mut last: HashMap<&str, usize> = of_previous.into_iter().zip(0..).collect();
        let mut now: HashMap<&str, usize> = HashMap::with_capacity(last.len());
        let mut after = before;
        for (row, (instrument, session)) in instruments.iter().zip(&sessions).enumerate() {
            if row > 0 && sessions[row - 1] != *session {
                after = Some(sessions[row - 1]);
                last = std::mem::take(&mut now);
            }
            let at = offset + row;
            now.insert(instrument, at);
            let Some(from) = last.get(instrument).copied() else { continue };
            (factors[at], splits[at]) = (factors[from], splits[from]);
            let action = self.actions.on(instrument, after, *session);
            let is_filled = filled.get(row) == Some(true);
            if let Some(action) = &action {
                let close = close_at.map_or((f64::NAN, f64::NAN), |close| {
                    let close = &prices[close].1;
                    (close[from], close[at])
                });
                let step = self.step(action, close, is_filled, instrument, *session)?;
                factors[at] *= step;
                splits[at] *= action.split;
            }
            if is_filled {
                for (_, values) in &mut prices {
                    values[at] = action.map_or(values[from], |action| action.reference(values[from]));
                }
            }
        }

        let (factors, splits) = (&factors[offset..], &splits[offset..]);
        let mut columns: Vec<Column> = Vec::with_capacity(bars.width() + 7);
        for column in bars.columns() {
            let carried = prices.iter().find(|(name, _)| column.name() == *name);
            columns.push(match carried {
                Some((name, values)) => frame::number_column(name, values[offset..].iter().copied()),
                None => column.clone(),
            });
        }
        let mut made = vec![
            frame::number_column(FACTOR, factors.iter().copied()),
            frame::number_column(SPLIT_FACTOR, splits.iter().copied()),
        ];
        for name in ADJUSTED.into_iter().filter(|_| self.back) {
            let Some(column) = columns.iter().find(|column| column.name() == name) else { continue };
            let values = frame::numbers(column, BARS)?.into_iter();
            let name = format!("adj_{name}");
            made.push(if name == "adj_volume" {
                frame::number_column(&name, values.zip(splits).map(|(value, split)| value / split))
            } else {
                frame::number_column(&name, values.zip(factors).map(|(value, factor)| value * factor))
            });
        }
        columns.extend(made);
        Ok(DataFrame::new(bars.height(), columns).map_err(FrameError::from)?)
    }

    /// What an action multiplies the factor by; `previous` and `close` are the closes before the ex-date and on it.
    fn step(
        &self,
        action: &Action,
        (previous, close): (f64, f64),
        is_filled: bool,
        instrument: &str,
        session: NaiveDate,
    ) -> Result<f64, CompleteError> {
        if action.reference(previous) <= 0.0 {
            return Err(self.actions.objection(instrument, session, action, previous).into());
        }
        let close = Some(close).filter(|close| !is_filled && !close.is_nan());
        let step = action.step(self.dividends, previous, close);
        // Never traded: there is no price yet that a dividend could be taken off.
        Ok(if step.is_nan() { 1.0 } else { step })
    }
}

const BARS: &str = "the completed bars";
const PREVIOUS: &str = "the completed bars of the session before";

/// The rows of the session before, and then those of the bars.
struct Rows<'a> {
    previous: Option<&'a DataFrame>,
    bars: &'a DataFrame,
}

impl Rows<'_> {
    /// A column of both; `none` where there is no such column, or no value.
    fn numbers(&self, name: &str, none: f64) -> Result<Vec<f64>, FrameError> {
        let mut all = Vec::new();
        for (df, called) in self.previous.map(|df| (df, PREVIOUS)).into_iter().chain([(self.bars, BARS)]) {
            match df.columns().iter().find(|column| column.name() == name) {
                Some(column) => {
                    let values = frame::numbers(column, called)?.into_iter();
                    all.extend(values.map(|value| if value.is_nan() { none } else { value }));
                }
                None => all.extend(std::iter::repeat_n(none, df.height())),
            }
        }
        Ok(all)
    }
}
