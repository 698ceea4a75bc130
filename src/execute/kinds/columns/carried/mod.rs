//! Session after session, from the state that the one before left.
//!
//! A change makes stale what reads it, and from there on every session until the state comes out as it was. So after the stale
//! sessions the walk goes on, for the instruments whose state differs from what was there, and stops where none does. What the
//! state was is known from the *trace*: a hash of each instrument's state after each session, kept beside the rows. Where the
//! walk begins is known from a *checkpoint*: the exact state after some earlier session.
//!
//! Checkpoints and traces save work and decide nothing: without a checkpoint the walk replays from the asset's first session,
//! without a trace everything counts as changed.

mod compare;
mod differs;
mod step;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use assetctl_calendar::{SessionIx, SessionRange};
use assetctl_compute::WindowAxis;
use assetctl_plan::{RecordCache, date_of, ix_of};
use assetctl_store::Lanes;
use chrono::NaiveDate;

use self::differs::Differs;
use self::walk::{Walk, Yield};
use super::Columns;
use crate::kinds::{Batch, Made, MakeError};
use crate::lanes;

/// What a batch leaves for the next one to follow.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The next batch's first session.
    at: SessionIx,
    differs: Differs,
    /// Sessions that were marked for it in the ledger, in case there is no next batch.
    marked: BTreeSet<NaiveDate>,
}

impl Columns {
    /// The batch's sessions, and those after them that a changed state is carried into.
    pub fn carried(&self, batch: &Batch<'_>) -> Result<Made, MakeError> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let is_whole = self.program.is_cross_sectional();
        match self.walk(batch, pending.clone(), is_whole) {
            // The file with the rows of before is no longer readable: then all of them are made anew.
            Err(MakeError::Store(assetctl_store::Error::Damaged { .. })) if !is_whole => {
                self.walk(batch, pending, true)
            }
            made => made,
        }
    }

    fn walk(&self, batch: &Batch<'_>, pending: Option<Pending>, is_whole: bool) -> Result<Made, MakeError> {
        let node = batch.node;
        let position = |session: &NaiveDate| ix_of(node, *session);
        let Some(first) = batch.sessions.first().and_then(position) else { return Ok(Made::default()) };
        let pending = pending.filter(|pending| pending.at == first);
        let trusted = pending.as_ref().map(|pending| pending.marked.clone()).unwrap_or_default();
        let of_stale = lanes::of_stale(batch, &trusted)?;
        let mut stale: BTreeMap<SessionIx, Lanes> =
            of_stale.into_iter().filter_map(|(session, lanes)| Some((position(&session)?, lanes))).collect();
        let next = batch.next.as_ref().and_then(position);
        let is_later = |ix: SessionIx| next.is_some_and(|next| ix >= next);
        // What was marked for this batch is to be committed again even if nothing turns out to be carried into it.
        for ix in trusted.iter().filter_map(position).filter(|ix| !is_later(*ix)) {
            stale.entry(ix).or_insert(Lanes::Some(BTreeSet::new()));
        }
        let mut known: Vec<SessionIx> =
            batch.snapshot.checkpoints(&node.name, batch.plan.spec)?.iter().filter_map(position).collect();
        known.sort_unstable();
        let mut walk = Walk {
            columns: self,
            batch,
            back: if self.axis == WindowAxis::Traded { 0 } else { self.program.carry_back().unwrap_or(0) },
            stale,
            usable: known.iter().copied().filter(|at| *at < first).collect(),
            known: known.into_iter().collect(),
            reached: Vec::new(),
            reached_of: Lanes::Some(BTreeSet::new()),
            differs: pending.map(|pending| pending.differs).unwrap_or_default(),
            is_whole,
            yields: Yield::default(),
        };
        let cut = walk.go(first)?;
        let mut dirty = Vec::new();
        // Marked by the walk over the batch before, and still so.
        let mut marked: BTreeSet<NaiveDate> =
            trusted.iter().copied().filter(|session| position(session).is_some_and(is_later)).collect();
        if let Some(at) = cut {
            let cache = RecordCache::new(batch.graph, batch.snapshot);
            let last = SessionIx((at.0 + walk.back).min(node.calendar.len() as u32 - 1));
            let records = cache.between(batch.plan.node, date_of(node, at), date_of(node, last))?;
            for ix in (SessionRange { first: at, last }).iter() {
                let session = date_of(node, ix);
                let differs = &walk.differs;
                let is_carried = differs.unseen.is_some() || !lanes::is_none(&differs.carried_into(ix, walk.back));
                if let Some((_, record)) = records.get(session).filter(|_| is_carried) {
                    dirty.push(session);
                    if !record.dirty {
                        marked.insert(session);
                    }
                }
            }
        }
        if let Some(at) = cut.or(next.filter(|_| !marked.is_empty())) {
            let pending = Pending { at, differs: std::mem::take(&mut walk.differs), marked };
            *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
        }
        Ok(walk.yields.made(node, dirty)?)
    }
}
