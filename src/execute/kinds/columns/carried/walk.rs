//! Which sessions are computed next, and which of them are taken over.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_calendar::{SessionIx, SessionRange};
use assetctl_compute::State;
use assetctl_graph::AssetNode;
use assetctl_plan::{Ledger, date_of, ix_of};
use assetctl_store::{Carried, Lanes};
use chrono::NaiveDate;
use polars::prelude::*;

use super::differs::Differs;
use crate::kinds::columns::Columns;
use crate::kinds::columns::trace::{self, Trace};
use crate::kinds::{Batch, Made, MakeError, instrument_key, stacked};
use crate::lanes;

/// Sessions that are tried at first beyond the stale ones; twice as many each time the walk goes on.
const FIRST_FOLLOWED: u32 = 32;
const MOST_FOLLOWED: u32 = 512;

/// A walk over one batch.
pub(super) struct Walk<'a> {
    pub(super) columns: &'a Columns,
    pub(super) batch: &'a Batch<'a>,
    /// How many sessions back values of recursive functions are read.
    pub(super) back: u32,
    pub(super) stale: BTreeMap<SessionIx, Lanes>,
    /// Sessions of the store's checkpoints that hold what a session from here on may start from.
    pub(super) usable: Vec<SessionIx>,
    /// The store's checkpoints of sessions that are walked over, to be replaced.
    pub(super) known: BTreeSet<SessionIx>,
    /// States that this walk has come to.
    pub(super) reached: Vec<(SessionIx, State)>,
    /// Whether those are of all instruments, or of these.
    pub(super) reached_of: Lanes,
    pub(super) differs: Differs,
    /// Instruments cannot be taken one by one: they depend on each other, or the rows of before cannot be read.
    pub(super) is_whole: bool,
    /// What comes of it.
    pub(super) yields: Yield,
}

#[derive(Default)]
pub(super) struct Yield {
    pub(super) frames: Vec<DataFrame>,
    pub(super) traces: Vec<DataFrame>,
    pub(super) checkpoints: BTreeMap<SessionIx, DataFrame>,
    pub(super) lanes: BTreeMap<NaiveDate, Lanes>,
    pub(super) computed: u64,
}

impl Walk<'_> {
    /// Walks from a stale session on. Gives the session at which the next batch must go on, if a changed state is carried into it.
    pub(super) fn go(&mut self, first: SessionIx) -> Result<Option<SessionIx>, MakeError> {
        let node = self.batch.node;
        let next_batch = self.batch.next.and_then(|next| ix_of(node, next));
        // Beyond its partitions nothing can have been carried into anything.
        let head = self.batch.snapshot.head(&node.name);
        let built = head.and_then(|head| head.last).and_then(|last| ix_of(node, last));
        let mut at = first;
        let mut ahead = FIRST_FOLLOWED;
        loop {
            self.batch.check_cancel()?;
            let carried = self.differs.carried_into(at, self.back);
            let follows = !lanes::is_none(&carried) || self.differs.unseen.is_some();
            if !self.stale.contains_key(&at) {
                let is_built = built.is_some_and(|last| at <= last);
                if !follows || !is_built {
                    // What is carried ends here; the next stale session starts from where the store stands.
                    let Some(next) = self.stale.range(at..).next().map(|(next, _)| *next) else { return Ok(None) };
                    self.rest(next);
                    at = next;
                    continue;
                }
                if next_batch.is_some_and(|next| at >= next) || !self.is_announced(at) {
                    return Ok(Some(at));
                }
            }
            let mut last = at;
            while self.stale.contains_key(&SessionIx(last.0 + 1)) {
                last.0 += 1;
            }
            if !self.stale.contains_key(&at) {
                last = SessionIx(at.0 + ahead - 1).max(last);
                ahead = (ahead * 2).min(MOST_FOLLOWED);
                let bound = built.unwrap_or(at).max(self.stale.keys().next_back().copied().unwrap_or(at));
                last = last.min(bound).min(next_batch.map_or(last, |next| SessionIx(next.0 - 1)));
                let is_ours = |ix: &SessionIx| self.stale.contains_key(ix) || self.is_announced(*ix);
                last = SessionRange { first: at, last }.iter().take_while(is_ours).last().unwrap_or(at);
            } else {
                ahead = FIRST_FOLLOWED;
            }
            at = self.step(SessionRange { first: at, last })?;
        }
    }

    /// Whether the plan has a session: another may be stale for what this run does not look at.
    fn is_announced(&self, ix: SessionIx) -> bool {
        self.batch.plan.range_of(date_of(self.batch.node, ix)).is_some()
    }

    /// The walk has ended; what the store has of later sessions stands as it is.
    fn rest(&mut self, next: SessionIx) {
        let ended = self.yields.lanes.keys().next_back().and_then(|last| ix_of(self.batch.node, *last));
        let after = |at: &&SessionIx| ended.is_none_or(|ended| **at > ended) && **at < next;
        let free: Vec<SessionIx> = self.known.iter().filter(after).copied().collect();
        self.usable.extend(free.into_iter().filter(|at| !self.usable.contains(at)).collect::<Vec<_>>());
        self.usable.sort_unstable();
        self.reached.clear();
        self.differs = Differs::default();
    }

    /// Computes consecutive sessions and takes over what is needed of them; gives the session to go on from.
    fn step(&mut self, range: SessionRange) -> Result<SessionIx, MakeError> {
        let node = self.batch.node;
        let mut wanted = lanes::union(self.stale.range(range.first..=range.last).map(|(_, lanes)| lanes));
        lanes::add(&mut wanted, &self.differs.carried_into(range.first, self.back));
        let (old_trace, covered) = self.old_trace(range)?;
        let old = Trace::new(&old_trace, covered)?;
        // Without a trace of a session all instruments are carried on from it.
        let is_blind = range.iter().any(|ix| !old.knows(date_of(node, ix)));
        if !lanes::is_none(&wanted) && (self.is_whole || is_blind) || self.differs.unseen.is_some() {
            wanted = Lanes::All;
        }
        if lanes::is_none(&wanted) {
            // Stale for what no instrument shows: nothing to compute, and nothing is carried on.
            let taken = range.iter().filter(|ix| self.stale.contains_key(ix));
            let taken = taken.map(|ix| (date_of(node, ix), Lanes::Some(BTreeSet::new()))).collect();
            self.take(DataFrame::empty(), DataFrame::empty(), &old_trace, taken)?;
            return Ok(SessionIx(range.last.0 + 1));
        }
        let step = self.evaluate(range, wanted)?;
        let new_trace = trace::by_instrument(step.evaluated.trace().unwrap_or_default())?;
        let new = Trace::new(&new_trace, BTreeSet::new())?;
        let mut taken: BTreeMap<NaiveDate, Lanes> = BTreeMap::new();
        let mut end = range.last;
        for ix in range.iter() {
            let session = date_of(node, ix);
            let stale = self.stale.get(&ix);
            let mut need = stale.cloned().unwrap_or(Lanes::Some(BTreeSet::new()));
            self.differs.sight(ix, new.names(session).chain(old.names(session)));
            lanes::add(&mut need, &self.differs.carried_into(ix, self.back));
            if self.is_whole && !lanes::is_none(&need) {
                need = Lanes::All;
            }
            let is_over = lanes::is_none(&need) && self.differs.unseen.is_none();
            if is_over && self.stale.range(ix..=range.last).next().is_none() {
                end = SessionIx(ix.0.saturating_sub(1));
                break;
            }
            let shows = match &need {
                Lanes::All => true,
                Lanes::Some(need) => need.iter().any(|name| new.has(session, name) || old.has(session, name)),
            };
            let mut is_taken = stale.is_some() || shows;
            let checkpoint = if self.known.contains(&ix) { self.compare_checkpoint(ix, &step)? } else { None };
            is_taken |=
                checkpoint.as_ref().is_some_and(|differs| differs.as_ref().is_none_or(|names| !names.is_empty()));
            let exact = checkpoint.flatten();
            self.compare(ix, session, &need, (&new, &old), exact.as_ref().map(|differs| (differs, &step.wanted)));
            if is_taken {
                taken.insert(session, need);
            }
        }
        self.keep_states(&step, end, &taken)?;
        let frame = step.evaluated.to_frame()?;
        drop((new, old));
        self.take(frame, new_trace, &old_trace, taken)?;
        Ok(SessionIx(end.0 + 1))
    }

    /// Takes over the rows of the instruments that had to be computed, and the others as they were.
    fn take(
        &mut self,
        new: DataFrame,
        new_trace: DataFrame,
        old_trace: &DataFrame,
        taken: BTreeMap<NaiveDate, Lanes>,
    ) -> Result<(), MakeError> {
        let (Some((from, _)), Some((to, _))) = (taken.first_key_value(), taken.last_key_value()) else { return Ok(()) };
        let batch = self.batch;
        let (rows, computed) = lanes::merge(new, || batch.read_own(*from, *to), &taken)?;
        let (trace, _) = lanes::merge(new_trace, || Ok(old_trace.clone()), &taken)?;
        self.yields.frames.push(rows);
        self.yields.traces.push(trace);
        self.yields.computed += computed;
        self.yields.lanes.extend(taken);
        Ok(())
    }

    /// The trace of those sessions of a range that have one.
    fn old_trace(&self, range: SessionRange) -> Result<(DataFrame, BTreeSet<NaiveDate>), MakeError> {
        let (node, snapshot) = (self.batch.node, self.batch.snapshot);
        Ok(snapshot.traces(&node.name, date_of(node, range.first), date_of(node, range.last))?)
    }
}

impl Yield {
    pub(super) fn made(self, node: &AssetNode, dirty: Vec<NaiveDate>) -> Result<Made, MakeError> {
        let frame = stacked(self.frames)?;
        let key = instrument_key(&frame);
        let checkpoints = self.checkpoints.into_iter().map(|(ix, state)| (date_of(node, ix), state)).collect();
        Ok(Made {
            frame,
            sessions: self.lanes.keys().copied().collect(),
            dirty,
            key,
            computed: Some(self.computed),
            lanes: self.lanes,
            carried: Some(Carried { trace: trace::by_instrument(stacked(self.traces)?)?, checkpoints }),
            ..Made::default()
        })
    }
}
