//! Which instruments of a stale session have to be computed again.
//!
//! A partition is stale because something that it read has changed. Where an asset works instrument by instrument, only the
//! instruments whose rows differ need to be computed: the others' rows stay as they are. They are found by comparing what the
//! windows hold now with what they held at the revision that the partition was built from. That comparison is worth
//! something only if the partition really was built from that: so its fingerprint is taken again on the ledger of then.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_calendar::{SessionIx, SessionRange};
use assetctl_plan::{EdgeMap, Fingerprints, Hash128, Ledger, Month, RecordCache, StaleReason, date_of, ix_of};
use assetctl_store::{AsOf, Lanes};
use chrono::NaiveDate;
use polars::prelude::*;

use crate::kinds::{Batch, MakeError};

/// The instruments of each session of a batch that have to be computed: those of which something changed in the windows that the
/// session reads, or all where that cannot be told. Sessions of `trusted` count as clean of carried changes, whatever the ledger says.
pub fn of_stale(batch: &Batch<'_>, trusted: &BTreeSet<NaiveDate>) -> Result<BTreeMap<NaiveDate, Lanes>, MakeError> {
    let mut lanes: BTreeMap<NaiveDate, Lanes> = batch.sessions.iter().map(|session| (*session, Lanes::All)).collect();
    let (Some(first), Some(last)) = (batch.sessions.first(), batch.sessions.last()) else { return Ok(lanes) };
    let Some(head) = batch.snapshot.head(&batch.node.name) else { return Ok(lanes) };
    let cache = RecordCache::new(batch.graph, batch.snapshot);
    let records = cache.between(batch.plan.node, *first, *last)?;
    let mut by_revision: BTreeMap<u64, Vec<(SessionIx, Hash128)>> = BTreeMap::new();
    for session in batch.sessions {
        let forced = batch.plan.range_of(*session).is_some_and(|range| range.reason == StaleReason::Forced);
        let Some((_, record)) = records.get(*session) else { continue };
        let whole = !record.dirty || trusted.contains(session);
        if !forced && whole && record.spec == batch.plan.spec && !head.damaged.contains(&Month::of(*session)) {
            let members = by_revision.entry(record.built_rev).or_default();
            members.extend(ix_of(batch.node, *session).map(|ix| (ix, record.inputs)));
        }
    }
    for (revision, members) in by_revision {
        lanes.extend(since(batch, revision, &members)?);
    }
    Ok(lanes)
}

/// The instruments that changed since `revision` in what the sessions read; nothing of a session that was not built from that.
fn since(
    batch: &Batch<'_>,
    revision: u64,
    members: &[(SessionIx, Hash128)],
) -> Result<BTreeMap<NaiveDate, Lanes>, MakeError> {
    let (node, graph) = (batch.node, batch.graph);
    let (Some((first, _)), Some((last, _))) = (members.first(), members.last()) else { return Ok(BTreeMap::new()) };
    let range = SessionRange { first: *first, last: *last };
    let then = match batch.store.snapshot_at(AsOf::Revision(revision)) {
        Ok(then) => then,
        // What was there then is no longer kept.
        Err(assetctl_store::Error::Collected { .. }) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let cache = RecordCache::new(graph, &then);
    let fingerprints = Fingerprints::new(&cache, batch.plan.node, range)?;
    let mut lanes: BTreeMap<SessionIx, Lanes> = members
        .iter()
        .filter(|(ix, inputs)| fingerprints.of(*ix) == *inputs)
        .map(|(ix, _)| (*ix, Lanes::Some(BTreeSet::new())))
        .collect();
    for edge in &node.edges {
        let input = graph.node(edge.input);
        for group in edge.groups() {
            let map = EdgeMap::with_window(node, input, group.back);
            let Some(read) = map.windows(range) else { continue };
            let columns: Option<Vec<String>> =
                group.columns.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
            let (from, to) = (date_of(input, read.first), date_of(input, read.last));
            let changed = batch.snapshot.changed_lanes(&input.name, from, to, columns.as_deref(), revision)?;
            if changed.is_empty() {
                continue;
            }
            for (ix, lanes) in &mut lanes {
                let Some(window) = map.window(*ix) else { continue };
                let (from, to) = (date_of(input, window.first), date_of(input, window.last));
                changed.range(from..=to).for_each(|(_, more)| add(lanes, more));
            }
        }
    }
    Ok(lanes.into_iter().map(|(ix, lanes)| (date_of(node, ix), lanes)).collect())
}

/// The union, in place.
pub fn add(lanes: &mut Lanes, more: &Lanes) {
    match (&mut *lanes, more) {
        (Lanes::Some(lanes), Lanes::Some(more)) => lanes.extend(more.iter().cloned()),
        (Lanes::All, _) => {}
        (Lanes::Some(_), Lanes::All) => *lanes = Lanes::All,
    }
}

/// The union of several.
pub fn union<'a>(all: impl IntoIterator<Item = &'a Lanes>) -> Lanes {
    let mut lanes = Lanes::Some(BTreeSet::new());
    all.into_iter().for_each(|more| add(&mut lanes, more));
    lanes
}

pub fn is_none(lanes: &Lanes) -> bool {
    matches!(lanes, Lanes::Some(lanes) if lanes.is_empty())
}

/// The rows of `new` that belong to the instruments of their session in `lanes`, completed by the rows of `old` that do not;
/// with the number of those of `new`. Rows of sessions that `lanes` does not have are left out.
pub fn merge(
    new: DataFrame,
    old: impl FnOnce() -> Result<DataFrame, MakeError>,
    lanes: &BTreeMap<NaiveDate, Lanes>,
) -> Result<(DataFrame, u64), MakeError> {
    let is_whole = lanes.values().all(|lanes| matches!(lanes, Lanes::All));
    if new.height() > 0 && new.column("instrument").is_err() {
        // One row a session: an instrument cannot be told from another.
        let new = filter(&new, lanes, |_, _| true)?;
        let rows = new.height() as u64;
        return Ok((new, rows));
    }
    let mut rows = filter(&new, lanes, |lanes, instrument| match lanes {
        Lanes::All => true,
        Lanes::Some(lanes) => lanes.contains(instrument),
    })?;
    let computed = rows.height() as u64;
    if !is_whole {
        let kept = filter(&old()?, lanes, |lanes, instrument| match lanes {
            Lanes::All => false,
            Lanes::Some(lanes) => !lanes.contains(instrument),
        })?;
        if rows.height() == 0 {
            rows = kept;
        } else if kept.height() > 0 {
            rows.vstack_mut(&kept.select(rows.get_column_names_owned())?)?;
        }
    }
    Ok((rows, computed))
}

/// The rows whose session is in `lanes` and that `keep` is true of.
fn filter(
    frame: &DataFrame,
    lanes: &BTreeMap<NaiveDate, Lanes>,
    keep: impl Fn(&Lanes, &str) -> bool,
) -> Result<DataFrame, MakeError> {
    if frame.height() == 0 {
        return Ok(frame.clone());
    }
    let dates = frame.column("session")?.date()?.clone();
    let instruments = frame.column("instrument").ok().map(|column| column.str().cloned()).transpose()?;
    let mut known: Option<(NaiveDate, Option<&Lanes>)> = None;
    let mut all = true;
    let mut mask: Vec<bool> = Vec::with_capacity(frame.height());
    let mut names = instruments.as_ref().map(|names| names.iter());
    for date in dates.as_date_iter() {
        let name = names.as_mut().and_then(|names| names.next().flatten()).unwrap_or_default();
        let of_session = match (date, known) {
            (Some(date), Some((session, of_session))) if session == date => of_session,
            (Some(date), _) => {
                let of_session = lanes.get(&date);
                known = Some((date, of_session));
                of_session
            }
            (None, _) => None,
        };
        let kept = of_session.is_some_and(|lanes| keep(lanes, name));
        all &= kept;
        mask.push(kept);
    }
    if all {
        return Ok(frame.clone());
    }
    Ok(frame.filter(&BooleanChunked::from_slice("mask".into(), &mask))?)
}
