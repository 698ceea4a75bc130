//! The completion of a batch of sessions, frames in and out.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use polars::prelude::*;

use crate::actions::ActionError;
use crate::complete::{Bar, CompletedRow, complete_session};
use crate::frame::{self, FrameError, INSTRUMENT, SESSION};
use crate::listing::Listing;

/// No bar was delivered for the row's session; or one of volume 0.
pub(crate) const IS_SUSPENDED: &str = "is_suspended";
/// The row was made, not delivered.
pub(crate) const IS_FILLED: &str = "is_filled";

/// Why bars cannot be completed.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    #[error("`{instrument}` has a bar on {session}, but {objection}")]
    NotListed { session: NaiveDate, instrument: String, objection: String },
    #[error("the raw bars have two rows of {session} for `{instrument}`; keep one")]
    DuplicateBar { session: NaiveDate, instrument: String },
    #[error("`fill` names the column `{column}`, which the raw bars do not have")]
    UnknownFill { column: String },
    #[error("`fill` asks for zero in `{column}`, which is {found}; use `carry` or `missing`")]
    NoZero { column: String, found: &'static str },
    #[error(transparent)]
    Action(#[from] ActionError),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// How a column of a filled row is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// The value of the session before.
    Carry,
    /// 0; false for a Bool.
    Zero,
    Missing,
}

/// The fill of each column: `close` is carried, `volume` is zero and the rest are missing, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillRules(BTreeMap<String, Fill>);

impl FillRules {
    /// The usual rules, with `rules` in their place where they speak.
    pub fn new(rules: impl IntoIterator<Item = (String, Fill)>) -> Self {
        Self(rules.into_iter().collect())
    }

    /// What was said of a column.
    pub(crate) fn said(&self, column: &str) -> Option<Fill> {
        self.0.get(column).copied()
    }

    pub(crate) fn of(&self, column: &str) -> Fill {
        self.said(column).unwrap_or(match column {
            "close" => Fill::Carry,
            "volume" => Fill::Zero,
            _ => Fill::Missing,
        })
    }
}

/// Completes `sessions`, which follow one another in the calendar.
///
/// `previous` is the completed frame of the session before the first of them: `None` (or empty) at the start of history. `raw` are
/// the bars of `sessions`, one row per (session, instrument). The result has the columns of `raw`, then `is_suspended` (no bar, or a
/// bar of volume 0) and `is_filled` (no bar), sorted by (session, instrument). Delivered values are as delivered: nothing is
/// interpolated. A carried price is the last close as it was traded, also where an ex-date fell inside the suspension, which bars alone
/// cannot know: see [`Completion`](crate::Completion).
///
/// # Errors
/// When a bar is of an instrument that is not listed then, twice there, or of a session that is not among `sessions`; when
/// `fill` does not fit the columns.
pub fn complete_frame(
    previous: Option<&DataFrame>,
    raw: &DataFrame,
    sessions: &[NaiveDate],
    listing: Option<&Listing>,
    fill: &FillRules,
) -> Result<DataFrame, CompleteError> {
    let previous = previous.filter(|frame| frame.height() > 0);
    // sessions without any bar may not know the columns; the session before does
    let template;
    let raw = match previous {
        Some(previous) if raw.height() == 0 && raw.columns().iter().all(is_key) => {
            template = previous.slice(0, 0).drop_many([IS_SUSPENDED, IS_FILLED]);
            &template
        }
        _ => raw,
    };
    for column in [IS_SUSPENDED, IS_FILLED] {
        if raw.columns().iter().any(|c| c.name() == column) {
            return Err(FrameError::ReservedColumn { frame: RAW.to_owned(), column: column.to_owned() }.into());
        }
    }
    if raw.height() > 0
        && let Some(column) = fill.0.keys().find(|name| !raw.columns().iter().any(|c| c.name() == name.as_str()))
    {
        return Err(CompleteError::UnknownFill { column: column.clone() });
    }

    let mut before = match previous {
        Some(previous) => carried(previous)?,
        None => vec![],
    };
    let offset = previous.map_or(0, DataFrame::height);
    let mut rows: Vec<CompletedRow> = Vec::new();
    let mut dates = Vec::new();
    for (session, bars) in bars_by_session(raw, sessions, offset)? {
        before = complete_session(session, &before, &bars, listing)?;
        dates.extend(std::iter::repeat_n(session, before.len()));
        rows.extend_from_slice(&before);
    }

    let instruments = rows.iter().map(|row| row.instrument);
    let mut columns = vec![
        frame::date_column(SESSION, dates.into_iter().map(Some)),
        StringChunked::from_iter_values(INSTRUMENT.into(), instruments).into_column(),
    ];
    let mut suspended: Vec<bool> = rows.iter().map(|row| row.filled).collect();
    for column in raw.columns().iter().filter(|column| !is_key(column)) {
        let earlier = previous.and_then(|frame| frame.columns().iter().find(|c| c.name() == column.name()));
        let gather = Gather { rows: &rows, column, earlier, offset, fill: fill.of(column.name()) };
        let gathered = gather.column()?;
        if column.name() == "volume" {
            let volumes = frame::numbers(&gathered, RAW)?;
            suspended.iter_mut().zip(volumes).for_each(|(suspended, volume)| *suspended |= volume == 0.0);
        }
        columns.push(gathered);
    }
    columns.push(Column::new(IS_SUSPENDED.into(), suspended));
    columns.push(Column::new(IS_FILLED.into(), rows.iter().map(|row| row.filled).collect::<Vec<_>>()));
    Ok(DataFrame::new(rows.len(), columns).map_err(FrameError::from)?)
}

/// Whether the completion of a session depends on a change of some instruments in the completed session before it.
///
/// `next` is the completed frame of the session as it stands. It depends on an instrument that is filled in it; and, without a
/// listing, on one that it does not have, as that is then expected. A delivered bar is as delivered whatever came before.
///
/// # Errors
/// When `next` lacks the columns of a completed frame.
pub fn affected_by_carry(
    changed: &BTreeSet<String>,
    next: &DataFrame,
    has_listing: bool,
) -> Result<bool, CompleteError> {
    if changed.is_empty() {
        return Ok(false);
    }
    let filled = frame::bools(frame::column(next, PREVIOUS, IS_FILLED)?, PREVIOUS)?;
    let mut delivered = 0;
    for (instrument, filled) in frame::instruments(next, PREVIOUS)?.into_iter().zip(filled.iter()) {
        if changed.contains(instrument) {
            if filled == Some(true) {
                return Ok(true);
            }
            delivered += 1;
        }
    }
    Ok(!has_listing && delivered < changed.len())
}

const RAW: &str = "the raw bars";
const PREVIOUS: &str = "the completed bars";

fn is_key(column: &Column) -> bool {
    column.name() == SESSION || column.name() == INSTRUMENT
}

/// The rows of a completed session as the next one sees them.
fn carried(previous: &DataFrame) -> Result<Vec<CompletedRow<'_>>, CompleteError> {
    let instruments = frame::instruments(previous, PREVIOUS)?;
    let mut rows: Vec<CompletedRow> = (instruments.into_iter().enumerate())
        .map(|(row, instrument)| CompletedRow { instrument, filled: false, source: Some(row) })
        .collect();
    rows.sort_unstable_by_key(|row| row.instrument);
    if let Some(pair) = rows.windows(2).find(|pair| pair[0].instrument == pair[1].instrument) {
        let session = frame::sessions(previous, PREVIOUS)?[0];
        let instrument = pair[0].instrument.to_owned();
        return Err(FrameError::DuplicateKey { frame: PREVIOUS.to_owned(), session, instrument }.into());
    }
    Ok(rows)
}

/// The bars of each of `sessions`, sorted by instrument; a bar's row is its row in `raw` plus `offset`.
fn bars_by_session<'a>(
    raw: &'a DataFrame,
    sessions: &[NaiveDate],
    offset: usize,
) -> Result<BTreeMap<NaiveDate, Vec<Bar<'a>>>, CompleteError> {
    let mut bars: BTreeMap<NaiveDate, Vec<Bar>> = sessions.iter().map(|session| (*session, vec![])).collect();
    if raw.height() > 0 {
        let keys = frame::sessions(raw, RAW)?.into_iter().zip(frame::instruments(raw, RAW)?);
        for (row, (session, instrument)) in keys.enumerate() {
            let Some(bars) = bars.get_mut(&session) else {
                return Err(FrameError::SessionNotAsked { frame: RAW.to_owned(), session }.into());
            };
            bars.push(Bar { instrument, row: row + offset });
        }
    }
    bars.values_mut().for_each(|bars| bars.sort_unstable_by_key(|bar| bar.instrument));
    Ok(bars)
}

/// One column of the result.
struct Gather<'a> {
    rows: &'a [CompletedRow<'a>],
    /// The column of the raw bars, whose rows count from `offset`.
    column: &'a Column,
    /// The same of the session before, whose rows count from 0.
    earlier: Option<&'a Column>,
    offset: usize,
    fill: Fill,
}

impl Gather<'_> {
    fn column(&self) -> Result<Column, CompleteError> {
        let name = self.column.name().clone();
        Ok(match self.column.dtype() {
            DataType::String => {
                let values = self.values(|c| Ok(frame::texts(c, self.frame(c))?.iter().collect()))?;
                StringChunked::from_iter_options(name, self.filled(&values, self.zero(None, "text")?)).into_column()
            }
            DataType::Boolean => {
                let values = self.values(|c| Ok(frame::bools(c, self.frame(c))?.iter().collect()))?;
                BooleanChunked::from_iter_options(name, self.filled(&values, Some(false))).into_column()
            }
            DataType::Date => {
                let values = self.values(|c| frame::dates(c, self.frame(c)))?;
                frame::date_column(&name, self.filled(&values, self.zero(None, "a date")?))
            }
            DataType::Datetime(unit, _) => {
                let times = |c: &Column| Ok(c.cast(&DataType::Int64)?.i64()?.iter().collect());
                let values = self.values(|c| times(c).map_err(FrameError::Polars))?;
                let filled = self.filled(&values, self.zero(None, "a time")?);
                let times = Int64Chunked::from_iter_options(name, filled.collect::<Vec<_>>().into_iter());
                times.into_datetime(*unit, None).into_column()
            }
            _ => {
                let numbers = |c: &Column| frame::numbers(c, self.frame(c));
                let values = self.values(|c| Ok(numbers(c)?.into_iter().map(Some).collect()))?;
                frame::number_column(&name, self.filled(&values, Some(0.0)).map(|value| value.unwrap_or(f64::NAN)))
            }
        })
    }

    fn frame(&self, column: &Column) -> &'static str {
        if self.earlier.is_some_and(|earlier| std::ptr::eq(earlier, column)) { PREVIOUS } else { RAW }
    }

    /// `zero`, unless it is asked for where there is none.
    fn zero<T>(&self, zero: Option<T>, found: &'static str) -> Result<Option<T>, CompleteError> {
        if zero.is_none() && self.fill == Fill::Zero {
            return Err(CompleteError::NoZero { column: self.column.name().to_string(), found });
        }
        Ok(zero)
    }

    /// The values of the session before and then those of the raw bars, as sources count.
    fn values<'v, T: Clone>(
        &'v self,
        read: impl Fn(&'v Column) -> Result<Vec<Option<T>>, FrameError>,
    ) -> Result<Vec<Option<T>>, FrameError> {
        let mut values = match self.earlier {
            Some(earlier) => read(earlier)?,
            None => vec![None; self.offset],
        };
        values.extend(read(self.column)?);
        Ok(values)
    }

    fn filled<T: Copy>(&self, values: &[Option<T>], zero: Option<T>) -> impl Iterator<Item = Option<T>> {
        self.rows.iter().map(move |row| match (row.filled, self.fill) {
            (false, _) | (true, Fill::Carry) => row.source.and_then(|source| values[source]),
            (true, Fill::Zero) => zero,
            (true, Fill::Missing) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::{day, panel_frame};
    use proptest::prelude::*;

    fn usual() -> FillRules {
        FillRules::new([])
    }

    fn bars(keys: &[(u32, &str)], close: &[f64], volume: &[f64]) -> DataFrame {
        let column = |name: &str, values: &[f64]| Column::new(name.into(), values);
        panel_frame(keys, vec![column("open", close), column("close", close), column("volume", volume)])
    }

    #[test]
    fn suspended_sessions_are_filled_and_flagged() {
        let raw = bars(&[(4, "a"), (2, "a"), (2, "b"), (3, "b")], &[3.0, 1.0, 10.0, 11.0], &[5.0, 5.0, 0.0, 7.0]);
        let out = complete_frame(None, &raw, &[day(2), day(3), day(4)], None, &usual()).unwrap();
        let keys = [(2, "a"), (2, "b"), (3, "a"), (3, "b"), (4, "a"), (4, "b")];
        let expected = panel_frame(
            &keys,
            vec![
                Column::new("open".into(), [Some(1.0), Some(10.0), None, Some(11.0), Some(3.0), None]),
                Column::new("close".into(), [1.0, 10.0, 1.0, 11.0, 3.0, 11.0]),
                Column::new("volume".into(), [5.0, 0.0, 0.0, 7.0, 5.0, 0.0]),
                Column::new("is_suspended".into(), [false, true, true, false, false, true]),
                Column::new("is_filled".into(), [false, false, true, false, false, true]),
            ],
        );
        assert!(out.equals_missing(&expected), "{out}");
    }

    #[test]
    fn columns_of_every_type_follow_their_rule() {
        let extra = vec![
            Column::new("name".into(), ["Alpha"]),
            Column::new("st".into(), [true]),
            frame::date_column("ex_date", std::iter::once(Some(day(9)))),
            Column::new("factor".into(), [2_i64]),
        ];
        let raw = panel_frame(&[(2, "a")], extra);
        let rules = |rules: &[(&str, Fill)]| FillRules::new(rules.iter().map(|(c, f)| ((*c).to_owned(), *f)));
        let carry =
            rules(&[("name", Fill::Carry), ("st", Fill::Zero), ("ex_date", Fill::Carry), ("factor", Fill::Carry)]);
        let out = complete_frame(None, &raw, &[day(2), day(3)], None, &carry).unwrap();
        let second = out.slice(1, 1);
        assert_eq!(second.column("name").unwrap().str().unwrap().get(0), Some("Alpha"));
        assert_eq!(second.column("st").unwrap().bool().unwrap().get(0), Some(false));
        assert_eq!(frame::dates(second.column("ex_date").unwrap(), "x").unwrap(), [Some(day(9))]);
        assert_eq!(second.column("factor").unwrap().f64().unwrap().get(0), Some(2.0));

        let run = |rules| complete_frame(None, &raw, &[day(2)], None, &rules).unwrap_err().to_string();
        assert!(run(rules(&[("name", Fill::Zero)])).contains("zero in `name`, which is text"));
        assert!(run(rules(&[("nmae", Fill::Zero)])).contains("`nmae`"));
    }

    #[test]
    fn a_batch_without_any_bar_goes_on_from_the_session_before() {
        let raw = bars(&[(2, "a")], &[1.0], &[5.0]);
        let first = complete_frame(None, &raw, &[day(2)], None, &usual()).unwrap();
        let none = DataFrame::new(0, vec![frame::date_column("session", std::iter::empty())]).unwrap();
        let second = complete_frame(Some(&first), &none, &[day(3)], None, &usual()).unwrap();
        let both = complete_frame(None, &raw, &[day(2), day(3)], None, &usual()).unwrap();
        assert!(second.equals_missing(&both.slice(1, 1)), "{second}");
    }

    #[test]
    fn bad_bars_are_refused() {
        let run = |raw: &DataFrame| complete_frame(None, raw, &[day(2)], None, &usual()).unwrap_err().to_string();
        assert!(run(&bars(&[(3, "a")], &[1.0], &[1.0])).contains("2024-01-03, which is not one of the sessions"));
        assert!(run(&bars(&[(2, "a"), (2, "a")], &[1.0; 2], &[1.0; 2])).contains("two rows of 2024-01-02 for `a`"));
        let flagged = panel_frame(&[(2, "a")], vec![Column::new("is_filled".into(), [true])]);
        assert!(run(&flagged).contains("a column `is_filled` already"));
    }

    #[test]
    fn a_change_travels_only_through_filled_rows() {
        let raw = bars(&[(2, "a"), (2, "b"), (3, "b")], &[1.0; 3], &[1.0; 3]);
        let out = complete_frame(None, &raw, &[day(2), day(3)], None, &usual()).unwrap();
        let next = out.slice(2, 2);
        let affected = |names: &[&str], has_listing| {
            let changed = names.iter().map(|name| (*name).to_owned()).collect();
            affected_by_carry(&changed, &next, has_listing).unwrap()
        };
        assert!(affected(&["a"], true) && affected(&["a", "b"], false));
        assert!(!affected(&["b"], false) && !affected(&[], false));
        assert!(affected(&["new"], false) && !affected(&["new"], true));
    }

    proptest! {
        /// Law 1: any split into batches gives the frame of one batch.
        #[test]
        fn batches_do_not_matter(
            present in proptest::collection::vec(any::<bool>(), 40),
            cuts in proptest::collection::vec(2_u32..12, 0..5),
        ) {
            let keys: Vec<(u32, &str)> = (2..12)
                .flat_map(|d| ["a", "b", "c", "d"].map(|name| (d, name)))
                .zip(&present)
                .filter_map(|(key, present)| present.then_some(key))
                .collect();
            let close: Vec<f64> = (0..keys.len()).map(|i| i as f64 + 1.0).collect();
            let volume: Vec<f64> = (0..keys.len()).map(|i| (i % 3) as f64).collect();
            let raw = bars(&keys, &close, &volume);
            let sessions: Vec<NaiveDate> = (2..12).map(day).collect();
            let whole = complete_frame(None, &raw, &sessions, None, &usual()).unwrap();

            let mut parts: Option<DataFrame> = None;
            let mut previous: Option<DataFrame> = None;
            let edges: BTreeSet<u32> = cuts.into_iter().chain([2, 12]).collect();
            for (from, to) in edges.iter().zip(edges.iter().skip(1)) {
                let first = keys.partition_point(|key| key.0 < *from);
                let rows = keys.partition_point(|key| key.0 < *to) - first;
                let sessions: Vec<NaiveDate> = (*from..*to).map(day).collect();
                let part = complete_frame(previous.as_ref(), &raw.slice(first as i64, rows), &sessions, None, &usual()).unwrap();
                let dates = frame::sessions(&part, "part").unwrap();
                let last = dates.iter().filter(|date| **date == day(to - 1)).count();
                previous = Some(part.tail(Some(last)));
                parts = Some(match parts {
                    None => part,
                    Some(parts) => parts.vstack(&part).unwrap(),
                });
            }
            prop_assert!(parts.unwrap().equals_missing(&whole));
        }
    }
}
