//! `complete`: gap-free bars, session after session, each from its raw bars and what the session before carries over.
//!
//! A correction of one bar changes what later sessions carry only where its instrument is suspended. So after the stale
//! sessions the walk goes on while a changed value is carried into the next session, and stops where it is not: sessions
//! are recomputed only if a value that they carry has changed.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_calendar::SessionIx;
use assetctl_compute::{Fill, FillRules, Listing, affected_by_carry, complete_frame};
use assetctl_graph::AssetNode;
use assetctl_plan::{STATIC_SESSION, date_of, ix_of};
use chrono::NaiveDate;
use polars::prelude::*;

use super::{Batch, Made, MakeError, Materializer, after, instrument_key, of_session, runs, stacked};

/// Sessions beyond the stale ones that a batch follows a carried value into; what is left is marked and done by the next batch or run.
const MOST_FOLLOWED: usize = 252;

pub struct Complete {
    rules: FillRules,
    /// Columns that are carried, and so decide whether a later session is affected.
    carried: Vec<String>,
    listing: bool,
}

impl Complete {
    pub fn new(fill: &BTreeMap<String, assetctl_config::Fill>, listing: bool) -> Self {
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
        Self { rules: FillRules::new(rules), carried, listing }
    }
}

impl Materializer for Complete {
    fn follows(&self) -> bool {
        true
    }

    fn make(&self, batch: &Batch<'_>) -> Result<Made, MakeError> {
        let node = batch.node;
        let bars = &node.edges[0];
        let listing = match node.edges.get(1) {
            Some(edge) if self.listing => {
                let table = batch.read(edge, STATIC_SESSION, STATIC_SESSION)?;
                Some(Listing::from_frame(&batch.input(edge).name, &table)?)
            }
            _ => None,
        };
        let mut made: Vec<DataFrame> = Vec::new();
        let mut sessions: Vec<NaiveDate> = Vec::new();
        let mut dirty = Vec::new();
        let complete = |from: NaiveDate, to: NaiveDate, previous: Option<&DataFrame>| -> Result<DataFrame, MakeError> {
            let days = days(node, from, to);
            let raw = match batch.window(bars, from, to) {
                Some((from, to)) => batch.read(bars, from, to)?,
                None => DataFrame::empty(),
            };
            Ok(complete_frame(previous, &raw, &days, listing.as_ref(), &self.rules)?)
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
                if in_this_batch.is_some_and(|run| next >= run) || !self.carries_on(batch, &new, day, next)? {
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
        Ok(Made { frame, sessions, dirty, key, ..Made::default() })
    }
}

impl Complete {
    /// Whether the partition of `next` holds a value that the new rows of `day` carry into it otherwise than the old ones did.
    fn carries_on(
        &self,
        batch: &Batch<'_>,
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
        let changed = match old {
            Some(old) => self.changed(&old, new)?,
            // It cannot be known what the next session was built on.
            None => instruments(new)?,
        };
        match read(next)? {
            Some(next) if next.height() > 0 => Ok(affected_by_carry(&changed, &next, self.listing)?),
            Some(_) => Ok(!changed.is_empty()),
            // It is stale in its own right.
            None => Ok(false),
        }
    }

    /// Instruments whose carried values differ, or that only one of two sessions has.
    fn changed(&self, old: &DataFrame, new: &DataFrame) -> Result<BTreeSet<String>, MakeError> {
        let old = self.values(old)?;
        let new = self.values(new)?;
        let differs = |(name, values): &(&String, &Vec<AnyValue<'static>>)| new.get(*name) != Some(*values);
        let mut changed: BTreeSet<String> = old.iter().filter(differs).map(|(name, _)| name.clone()).collect();
        changed.extend(new.keys().filter(|name| !old.contains_key(*name)).cloned());
        Ok(changed)
    }

    fn values(&self, frame: &DataFrame) -> Result<BTreeMap<String, Vec<AnyValue<'static>>>, MakeError> {
        if frame.height() == 0 {
            return Ok(BTreeMap::new());
        }
        let columns: Vec<&Column> = self.carried.iter().filter_map(|name| frame.column(name).ok()).collect();
        let instruments = frame.column("instrument")?.str()?;
        let mut values = BTreeMap::new();
        for (row, instrument) in instruments.iter().enumerate() {
            let of_row =
                columns.iter().map(|column| Ok(column.get(row)?.into_static())).collect::<PolarsResult<Vec<_>>>()?;
            values.insert(instrument.unwrap_or_default().to_owned(), of_row);
        }
        Ok(values)
    }
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
