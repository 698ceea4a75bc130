//! `complete`: gap-free bars, session after session, each from its raw bars and what the session before carries over.
//!
//! A correction of one bar changes what later sessions carry only where its instrument is suspended. So after the stale
//! sessions the walk goes on while a changed value is carried into the next session, and stops where it is not: sessions
//! are recomputed only if a value that they carry has changed. An adjustment factor is carried into every session after it; so a new
//! action runs from its ex-date to the end.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_calendar::SessionIx;
use assetctl_compute::{
    Actions, Adjustment, CheckFailure, Completion, DividendRule, Fallback, Fill, FillRules, Instruments, Intervals,
    LimitRule, Listing, PriceLimits, Sample, affected_by_carry,
};
use assetctl_config::Dividends;
use assetctl_graph::{AssetNode, CompleteParts, Edge, Limits};
use assetctl_plan::{STATIC_SESSION, date_of, ix_of};
use chrono::NaiveDate;
use polars::prelude::*;

use super::{Batch, Made, MakeError, Materializer, Objection, after, instrument_key, of_session, runs, stacked};

/// Sessions beyond the stale ones that a batch follows a carried value into; what is left is marked and done by the next batch or run.
const MOST_FOLLOWED: usize = 252;
/// Instruments of one session that a message names.
const NAMED: usize = 10;

pub struct Complete {
    rules: FillRules,
    /// Columns that are carried, and so decide whether a later session is affected.
    carried: Vec<String>,
    listing: bool,
    parts: CompleteParts,
}

impl Complete {
    pub fn new(fill: &BTreeMap<String, assetctl_config::Fill>, listing: bool, parts: &CompleteParts) -> Self {
        let rules: BTreeMap<String, Fill> = fill
            .iter()
            .map(|(column, fill)| {
                let fill = match fill {
                    assetctl_config::Fill::Carry => Fill::Carry,
                    assetctl_config::Fill::Zero => Fill::Zero,
                    assetctl_config::Fill::Missing => Fill::Missing,
                };
                (column.clone(), fill)
            })
            .collect();
        let close = (!rules.contains_key("close")).then(|| "close".to_owned());
        let carried = rules
            .iter()
            .filter(|(_, fill)| **fill == Fill::Carry)
            .map(|(column, _)| column.clone())
            .chain(close)
            .collect();
        Self { rules: FillRules::new(rules), carried, listing, parts: parts.clone() }
    }

    fn tables(&self, batch: &Batch<'_>) -> Result<Tables, MakeError> {
        let edges = &batch.node.edges;
        let read = |edge: Option<usize>| -> Result<Option<(String, DataFrame)>, MakeError> {
            let Some(edge) = edge.and_then(|edge| edges.get(edge)) else { return Ok(None) };
            let rows = batch.read(edge, STATIC_SESSION, STATIC_SESSION)?;
            Ok(Some((batch.input(edge).name.clone(), rows)))
        };
        let listing = read(self.listing.then_some(1))?;
        let suspensions = read(self.parts.suspensions)?;
        let actions = read(self.parts.actions)?;
        let listing = listing.map(|(name, rows)| Listing::from_frame(&name, &rows)).transpose()?;
        let intervals = |table: Option<(String, DataFrame)>| -> Result<Option<Intervals>, MakeError> {
            Ok(table.map(|(name, rows)| Intervals::from_frame(&name, &rows)).transpose()?)
        };
        let limits = match &self.parts.limits {
            Some(limits) => {
                let special = intervals(read(limits.special)?)?;
                Some(price_limits(batch.node, limits, special, listing.as_ref()))
            }
            None => None,
        };
        Ok(Tables {
            listing,
            limits,
            suspensions: intervals(suspensions)?,
            adjustment: match actions {
                Some((name, rows)) => Some(Adjustment {
                    actions: Actions::from_frame(&name, &rows).map_err(assetctl_compute::CompleteError::from)?,
                    dividends: match self.parts.dividends {
                        Dividends::PreviousClose => DividendRule::PreviousClose,
                        Dividends::SameClose => DividendRule::SameClose,
                    },
                    back: self.parts.adjust,
                }),
                None => None,
            },
        })
    }
}

/// What is known beyond the bars.
struct Tables {
    listing: Option<Listing>,
    suspensions: Option<Intervals>,
    adjustment: Option<Adjustment>,
    limits: Option<PriceLimits>,
}

/// The rules as they are computed with: which sessions are an instrument's first, the listing and the calendar say.
fn price_limits(
    node: &AssetNode,
    limits: &Limits,
    special: Option<Intervals>,
    listing: Option<&Listing>,
) -> PriceLimits {
    let most = limits.first_sessions();
    let mut first_sessions: BTreeMap<String, Vec<NaiveDate>> = BTreeMap::new();
    for (instrument, start) in listing.filter(|_| most > 0).into_iter().flat_map(Listing::starts) {
        // Before the calendar begins it has no sessions to count.
        let first = node.calendar.at_or_after(start).ok().filter(|_| start >= node.calendar.first().date());
        let Some(first) = first else { continue };
        let end = (first.0 as usize + most as usize).min(node.calendar.len()) as u32;
        let dates = (first.0..end).map(|ix| date_of(node, SessionIx(ix)));
        first_sessions.entry(instrument.to_owned()).or_default().extend(dates);
    }
    let rules = limits.rules.iter().map(|rule| LimitRule {
        instruments: rule.instruments.as_ref().map(|patterns| Instruments::new(patterns.as_slice())),
        ratio: rule.ratio.map(|ratio| (ratio * 10_000.0).round() as u32),
        special: rule.special,
        first_sessions: rule.first_sessions,
        from: rule.from,
        to: rule.to,
    });
    PriceLimits { rules: rules.collect(), special, tick: limits.tick, first_sessions }
}

impl Materializer for Complete {
    fn follows(&self) -> bool {
        true
    }

    fn make(&self, batch: &Batch<'_>) -> Result<Made, MakeError> {
        let node = batch.node;
        let bars = &node.edges[0];
        let tables = self.tables(batch)?;
        let mut made: Vec<DataFrame> = Vec::new();
        let mut sessions: Vec<NaiveDate> = Vec::new();
        let mut dirty = Vec::new();
        let mut missing: Vec<(NaiveDate, String)> = Vec::new();
        let mut complete =
            |from: NaiveDate, to: NaiveDate, previous: Option<&DataFrame>| -> Result<DataFrame, MakeError> {
                let days = days(node, from, to);
                let read = |edge: &Edge| match batch.window(edge, from, to) {
                    Some((from, to)) => batch.read(edge, from, to),
                    None => Ok(DataFrame::empty()),
                };
                let fallback = self.parts.fallback.and_then(|edge| node.edges.get(edge));
                let others = fallback.map(read).transpose()?;
                let completion = Completion {
                    fill: &self.rules,
                    listing: tables.listing.as_ref(),
                    suspensions: tables.suspensions.as_ref(),
                    adjustment: tables.adjustment.as_ref(),
                    limits: tables.limits.as_ref(),
                    fallback: fallback
                        .zip(others.as_ref())
                        .map(|(edge, bars)| Fallback { asset: &batch.input(edge).name, bars }),
                };
                let completed = completion.complete(before(node, from), previous, &read(bars)?, &days)?;
                missing.extend(completed.missing);
                Ok(completed.frame)
            };
        let runs = runs(node, batch.sessions);
        for (at, (from, to)) in runs.iter().enumerate() {
            batch.check_cancel()?;
            let in_this_batch = runs.get(at + 1).map(|(from, _)| *from);
            if sessions.last().is_some_and(|done| done >= to) {
                continue;
            }
            // The walk after the run before may have come into this one.
            let from = match sessions.last().and_then(|done| after(node, *done)) {
                Some(next) if next > *from => next,
                _ => *from,
            };
            let previous = match before(node, from) {
                Some(day) if sessions.last() == Some(&day) => {
                    made.last().map(|frame| of_session(frame, day)).transpose()?
                }
                Some(day) => Some(batch.snapshot.read(&node.name, day, day, None)?),
                None => None,
            };
            let frame = complete(from, *to, previous.as_ref())?;
            sessions.extend(days(node, from, *to));
            made.push(frame);

            // Follow what is carried beyond the run.
            let mut followed = 0;
            let mut day = *to;
            while let Some(next) = after(node, day) {
                let Some(frame) = made.last() else { break };
                let new = of_session(frame, day)?;
                if in_this_batch.is_some_and(|run| next >= run) || !self.carries_on(batch, &tables, &new, day, next)? {
                    break;
                }
                // The next batch makes this session anyway; but should the run end before, the ledger must know.
                if batch.next.is_some_and(|pending| next >= pending) || followed == MOST_FOLLOWED {
                    dirty.push(next);
                    break;
                }
                batch.check_cancel()?;
                made.push(complete(next, next, Some(&new))?);
                sessions.push(next);
                followed += 1;
                day = next;
            }
        }
        let frame = stacked(made)?;
        let key = instrument_key(&frame);
        Ok(Made { frame, sessions, dirty, key, objections: self.objections(&missing), ..Made::default() })
    }
}

impl Complete {
    /// Whether the partition of `next` holds a value that follows otherwise from the new rows of `day` than it did from the old ones.
    fn carries_on(
        &self,
        batch: &Batch<'_>,
        tables: &Tables,
        new: &DataFrame,
        day: NaiveDate,
        next: NaiveDate,
    ) -> Result<bool, MakeError> {
        let (asset, snapshot) = (&batch.node.name, batch.snapshot);
        if snapshot.partition(asset, next)?.is_none() {
            return Ok(false);
        }
        let read = |day: NaiveDate| match snapshot.read(asset, day, day, None) {
            Ok(frame) => Ok(Some(frame)),
            Err(assetctl_store::Error::Damaged { .. }) => Ok(None),
            Err(other) => Err(MakeError::from(other)),
        };
        let old = if snapshot.partition(asset, day)?.is_some() { read(day)? } else { None };
        let changed = |columns: &[String]| match &old {
            Some(old) => changed(old, new, columns),
            // It cannot be known what the next session was built on.
            None => instruments(new),
        };
        let carried = changed(&self.carried)?;
        let factors = match &tables.adjustment {
            Some(_) => changed(&["factor".to_owned(), "split_factor".to_owned()])?,
            None => BTreeSet::new(),
        };
        match read(next)? {
            Some(rows) if rows.height() > 0 => {
                if affected_by_carry(&carried, &rows, self.listing)? {
                    return Ok(true);
                }
                let there = instruments(&rows)?;
                if tables.limits.is_some() && carried.iter().any(|name| there.contains(name)) {
                    // Limits are reckoned from the close before.
                    return Ok(true);
                }
                if let Some(adjustment) = &tables.adjustment {
                    // A factor goes on whatever was delivered; a close is what the next ex-date is reckoned from.
                    let mut reckoned = adjustment.actions.instruments(Some(day), next);
                    return Ok(factors.iter().any(|name| there.contains(name) || !self.listing)
                        || reckoned.any(|name| carried.contains(name)));
                }
                Ok(false)
            }
            Some(_) => Ok(!carried.is_empty() || !factors.is_empty()),
            // It is stale in its own right.
            None => Ok(false),
        }
    }

    /// What is to be said of bars that are missing.
    fn objections(&self, missing: &[(NaiveDate, String)]) -> Vec<Objection> {
        let Some(severity) = self.parts.missing_bars() else { return Vec::new() };
        let mut by_session: BTreeMap<NaiveDate, Vec<&str>> = BTreeMap::new();
        for (session, instrument) in missing {
            by_session.entry(*session).or_default().push(instrument);
        }
        let objection = |(session, instruments): (NaiveDate, Vec<&str>)| {
            let named: Vec<String> = instruments.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
            let more = match instruments.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let is = if instruments.len() == 1 { "has no bar and is" } else { "have no bar and are" };
            let sample = instruments.iter().take(NAMED).map(|name| Sample { row: (*name).to_owned(), value: None });
            Objection {
                check: "missing",
                severity,
                failure: CheckFailure {
                    session,
                    message: format!("{}{more} {is} not known to be suspended on {session}", named.join(", ")),
                    rows: instruments.len() as u64,
                    sample: sample.collect(),
                },
            }
        };
        by_session.into_iter().map(objection).collect()
    }
}

/// Instruments whose values in `columns` differ, or that only one of two sessions has.
fn changed(old: &DataFrame, new: &DataFrame, columns: &[String]) -> Result<BTreeSet<String>, MakeError> {
    let old = values(old, columns)?;
    let new = values(new, columns)?;
    let differs = |(name, values): &(&String, &Vec<AnyValue<'static>>)| new.get(*name) != Some(*values);
    let mut changed: BTreeSet<String> = old.iter().filter(differs).map(|(name, _)| name.clone()).collect();
    changed.extend(new.keys().filter(|name| !old.contains_key(*name)).cloned());
    Ok(changed)
}

fn values(frame: &DataFrame, columns: &[String]) -> Result<BTreeMap<String, Vec<AnyValue<'static>>>, MakeError> {
    if frame.height() == 0 {
        return Ok(BTreeMap::new());
    }
    let columns: Vec<&Column> = columns.iter().filter_map(|name| frame.column(name).ok()).collect();
    let instruments = frame.column("instrument")?.str()?;
    let mut values = BTreeMap::new();
    for (row, instrument) in instruments.iter().enumerate() {
        let of_row =
            columns.iter().map(|column| Ok(column.get(row)?.into_static())).collect::<PolarsResult<Vec<_>>>()?;
        values.insert(instrument.unwrap_or_default().to_owned(), of_row);
    }
    Ok(values)
}

fn instruments(frame: &DataFrame) -> Result<BTreeSet<String>, MakeError> {
    if frame.height() == 0 {
        return Ok(BTreeSet::new());
    }
    Ok(frame.column("instrument")?.str()?.iter().flatten().map(str::to_owned).collect())
}

fn days(node: &AssetNode, from: NaiveDate, to: NaiveDate) -> Vec<NaiveDate> {
    match (ix_of(node, from), ix_of(node, to)) {
        (Some(first), Some(last)) => {
            assetctl_calendar::SessionRange { first, last }.iter().map(|ix| date_of(node, ix)).collect()
        }
        _ => Vec::new(),
    }
}

/// The session before, unless the asset begins here.
fn before(node: &AssetNode, day: NaiveDate) -> Option<NaiveDate> {
    let ix = ix_of(node, day)?;
    (ix > node.start).then(|| date_of(node, SessionIx(ix.0 - 1)))
}
