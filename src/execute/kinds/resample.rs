//! `resample`: longer bars of shorter ones.

use std::collections::HashMap;

use assetctl_calendar::{SessionClock, SessionIx, Stamp};
use assetctl_compute::{Group, aggregate, groups};
use assetctl_config::{BarStamp, Gaps};
use assetctl_graph::{Resample as Spec, Resampled};
use assetctl_plan::ix_of;
use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta};
use polars::prelude::*;

use super::{Batch, Made, MakeError, Materializer, runs};

/// Prices, which are carried over a gap.
const PRICES: [&str; 4] = ["open", "high", "low", "close"];

pub struct Resample {
    spec: Spec,
}

impl Resample {
    pub fn new(spec: &Spec) -> Self {
        Self { spec: spec.clone() }
    }
}

/// One longer bar: whose, when, and the shorter ones that it is made of; none for one in which nothing was traded.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bar<'a> {
    session: i32,
    instrument: &'a str,
    /// Microseconds since 1970-01-01 00:00 at the exchange; 0 for a bar of a whole session.
    time: i64,
    of: Option<Group>,
}

impl Materializer for Resample {
    fn make(&self, batch: &Batch<'_>) -> Result<Made, MakeError> {
        let edge = &batch.node.edges[0];
        let mut made: Option<DataFrame> = None;
        for (from, to) in runs(batch.node, batch.sessions) {
            batch.check_cancel()?;
            let Some((from, to)) = batch.window(edge, from, to) else { continue };
            let bars = self.resample(batch, &batch.read(edge, from, to)?)?;
            match &mut made {
                Some(all) => drop(all.vstack_mut(&bars)?),
                None => made = Some(bars),
            }
        }
        let frame = made.unwrap_or_default();
        let key = super::bar_key(&frame);
        Ok(Made { frame, sessions: batch.sessions.to_vec(), key, ..Made::default() })
    }

    fn columns(&self) -> usize {
        self.spec.columns.len() + 3
    }
}

impl Resample {
    /// Rows of whole sessions, in order of session, instrument and time → their longer bars, in the same order.
    fn resample(&self, batch: &Batch<'_>, rows: &DataFrame) -> Result<DataFrame, MakeError> {
        let sessions: Vec<i32> = rows.column("session")?.date()?.physical().iter().flatten().collect();
        let instruments = rows.column("instrument").ok().map(|column| column.str().cloned()).transpose()?;
        let name = |row: usize| instruments.as_ref().and_then(|names| names.get(row)).unwrap_or_default();
        let times: Vec<i64> = rows.column("time")?.datetime()?.physical().iter().flatten().collect();
        let mut grid = Grid::new(batch, &self.spec);
        let mut keys = Vec::with_capacity(rows.height());
        for (row, (session, time)) in sessions.iter().zip(&times).enumerate() {
            keys.push((*session, name(row), grid.bar(*session, *time)?));
        }
        let traded = groups(&keys).into_iter().map(|group| {
            let (session, instrument, time) = keys[group.first];
            Bar { session, instrument, time, of: Some(group) }
        });
        let bars: Vec<Bar<'_>> = match self.spec.gaps {
            Gaps::Skip => traded.collect(),
            Gaps::Carry => grid.filled(traded)?,
        };
        Ok(self.frame(rows, &bars, instruments.is_some())?)
    }

    fn frame(&self, rows: &DataFrame, bars: &[Bar<'_>], has_instruments: bool) -> PolarsResult<DataFrame> {
        let days = Int32Chunked::from_iter_values("session".into(), bars.iter().map(|bar| bar.session));
        let mut columns = vec![days.into_date().into_column()];
        if has_instruments {
            let names = bars.iter().map(|bar| bar.instrument);
            columns.push(StringChunked::from_iter_values("instrument".into(), names).into_column());
        }
        if self.spec.every.is_some() {
            let times = Int64Chunked::from_iter_values("time".into(), bars.iter().map(|bar| bar.time));
            columns.push(times.into_datetime(TimeUnit::Microseconds, None).into_column());
        }
        let traded: Vec<Group> = bars.iter().filter_map(|bar| bar.of).collect();
        let made: Vec<Column> = self
            .spec
            .columns
            .iter()
            .map(|column| aggregate(rows, &traded, &as_computed(column)))
            .collect::<PolarsResult<_>>()?;
        if self.spec.gaps == Gaps::Skip {
            columns.extend(made);
        } else {
            let close = self.spec.columns.iter().position(|column| column.name == "close").map(|at| made[at].clone());
            for (column, values) in self.spec.columns.iter().zip(&made) {
                columns.push(over_gaps(column, values, close.as_ref(), bars)?);
            }
            let filled = bars.iter().map(|bar| Some(bar.of.is_none()));
            columns.push(BooleanChunked::from_iter_options("is_filled".into(), filled).into_column());
        }
        DataFrame::new(bars.len(), columns)
    }
}

fn as_computed(column: &Resampled) -> assetctl_compute::Resampled {
    use assetctl_compute::Aggregate as To;
    use assetctl_config::Aggregate as From;
    let by = match column.by {
        From::First => To::First,
        From::Last => To::Last,
        From::Max => To::Max,
        From::Min => To::Min,
        From::Sum => To::Sum,
        From::Mean => To::Mean,
        From::Count => To::Count,
    };
    let (name, of, weight) = (column.name.clone(), column.of.clone(), column.weight.clone());
    assetctl_compute::Resampled { name, of, by, weight }
}

/// A column of traded bars, with what it has where nothing was traded: prices the last close of the session, sums and counts nothing.
fn over_gaps(column: &Resampled, values: &Column, close: Option<&Column>, bars: &[Bar<'_>]) -> PolarsResult<Column> {
    use assetctl_config::Aggregate;
    let Ok(values) = values.f64() else {
        let mut traded = 0;
        let at = bars.iter().map(|bar| {
            bar.of.map(|_| {
                traded += 1;
                traded - 1
            })
        });
        let at: IdxCa = at.collect_ca(PlSmallStr::EMPTY);
        return values.take(&at);
    };
    let close = close.map(|close| close.f64()).transpose()?;
    let is_price = PRICES.contains(&column.name.as_str());
    let is_sum = matches!(column.by, Aggregate::Sum | Aggregate::Count);
    let (mut traded, mut last, mut whose) = (0, None, None);
    let made = bars.iter().map(|bar| {
        if whose != Some((bar.session, bar.instrument)) {
            (whose, last) = (Some((bar.session, bar.instrument)), None);
        }
        match bar.of {
            Some(_) => {
                let value = values.get(traded);
                last = close.and_then(|close| close.get(traded)).or(last);
                traded += 1;
                value
            }
            None if is_price => last,
            None => is_sum.then_some(0.0),
        }
    });
    let made: Vec<Option<f64>> = made.collect();
    Ok(Float64Chunked::from_iter_options(PlSmallStr::from_str(&column.name), made.into_iter()).into_column())
}

/// The bars of sessions on the exchange's clock.
struct Grid<'a> {
    asset: &'a str,
    input: &'a str,
    node: &'a assetctl_graph::AssetNode,
    clock: SessionClock<'a>,
    every: Option<TimeDelta>,
    stamp: Stamp,
    /// Of a session and a time within it, which many instruments share.
    known: HashMap<(i32, i64), i64>,
}

impl<'a> Grid<'a> {
    fn new(batch: &Batch<'a>, spec: &Spec) -> Self {
        Self {
            asset: &batch.node.name,
            input: &batch.input(&batch.node.edges[0]).name,
            node: batch.node,
            clock: SessionClock::new(&batch.node.calendar),
            every: spec.every.map(|every| every.to_chrono()),
            stamp: match spec.stamp {
                BarStamp::End => Stamp::End,
                BarStamp::Start => Stamp::Start,
            },
            known: HashMap::new(),
        }
    }

    fn session(&self, day: i32) -> Result<SessionIx, MakeError> {
        let date = NaiveDate::from_epoch_days(day).unwrap_or_default();
        ix_of(self.node, date).ok_or_else(|| self.fault(format!("{date} is no session of its calendar")))
    }

    fn fault(&self, what: String) -> MakeError {
        MakeError::Resample { asset: self.asset.to_owned(), what }
    }

    /// The time of the bar that a row falls in; 0 for a bar of a whole session.
    fn bar(&mut self, session: i32, time: i64) -> Result<i64, MakeError> {
        let Some(every) = self.every else { return Ok(0) };
        if let Some(known) = self.known.get(&(session, time)) {
            return Ok(*known);
        }
        let ix = self.session(session)?;
        let local = DateTime::from_timestamp_micros(time).unwrap_or_default().naive_utc();
        let outside = |grid: &Self| {
            grid.fault(format!(
                "`{}` has a row of {local}, at which the session {} does not trade",
                grid.input,
                grid.node.calendar.date(ix)
            ))
        };
        let Ok(instant) = self.clock.instant(local) else { return Err(outside(self)) };
        let Some(bar) = self.clock.bar(ix, instant, every, self.stamp) else { return Err(outside(self)) };
        let bar = self.micros(bar)?;
        self.known.insert((session, time), bar);
        Ok(bar)
    }

    fn micros(&self, instant: DateTime<chrono::Utc>) -> Result<i64, MakeError> {
        let local: Result<NaiveDateTime, _> = self.clock.local(instant);
        local
            .map(|local| local.and_utc().timestamp_micros())
            .map_err(|twice| self.fault(format!("a bar at {instant} has no time of its own at the exchange: {twice}")))
    }

    /// The same bars, and between them those in which nothing was traded: of every instrument that traded at all in a session.
    fn filled<'b>(&mut self, traded: impl Iterator<Item = Bar<'b>>) -> Result<Vec<Bar<'b>>, MakeError> {
        let Some(every) = self.every else { return Ok(traded.collect()) };
        let mut filled: Vec<Bar<'b>> = Vec::new();
        let (mut whose, mut times, mut next) = (None, Vec::new(), 0);
        let mut of_session = None;
        for bar in traded {
            if whose != Some((bar.session, bar.instrument)) {
                if let Some((session, instrument)) = whose {
                    filled.extend(gaps(session, instrument, &times[next..]));
                }
                if of_session != Some(bar.session) {
                    let ix = self.session(bar.session)?;
                    let bars = self.clock.bars(ix, every, self.stamp);
                    times = bars.into_iter().map(|bar| self.micros(bar)).collect::<Result<_, _>>()?;
                    of_session = Some(bar.session);
                }
                (whose, next) = (Some((bar.session, bar.instrument)), 0);
            }
            let before = times[next..].iter().take_while(|time| **time < bar.time).count();
            filled.extend(gaps(bar.session, bar.instrument, &times[next..next + before]));
            filled.push(bar);
            next = (next + before + 1).min(times.len());
        }
        if let Some((session, instrument)) = whose {
            filled.extend(gaps(session, instrument, &times[next..]));
        }
        Ok(filled)
    }
}

fn gaps<'b>(session: i32, instrument: &'b str, times: &[i64]) -> Vec<Bar<'b>> {
    times.iter().map(|time| Bar { session, instrument, time: *time, of: None }).collect()
}
