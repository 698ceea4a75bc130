//! Session after session, from the state that the one before left.
//!
//! A change makes stale what reads it, and from there on every session until the state comes out as it was. So after the stale
//! sessions the walk goes on, for the instruments whose state differs from what was there, and stops where none does. What the
//! state was is known from the *trace*: a hash of each instrument's state after each session, kept beside the rows. Where the
//! walk begins is known from a *checkpoint*: the exact state after some earlier session.
//!
//! Checkpoints and traces save work and decide nothing: without a checkpoint the walk replays from the asset's first session,
//! without a trace everything counts as changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use assetctl_calendar::{SessionIx, SessionRange};
use assetctl_compute::{Checkpoint, Evaluated, State, Task, WindowAxis, bars_needed, evaluate};
use assetctl_graph::AssetNode;
use assetctl_plan::{Ledger, Month, RecordCache, date_of, ix_of};
use assetctl_store::{Carried, Lanes};
use chrono::NaiveDate;
use polars::prelude::*;

use super::Columns;
use super::inputs::Rows;
use super::states;
use super::trace::{self, Trace};
use crate::kinds::{Batch, Made, MakeError, instrument_key, stacked};
use crate::lanes;

/// Sessions that are tried at first beyond the stale ones; twice as many each time the walk goes on.
const FIRST_FOLLOWED: u32 = 32;
const MOST_FOLLOWED: u32 = 512;

/// What a batch leaves for the next one to follow.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The next batch's first session.
    at: SessionIx,
    differs: Differs,
    /// Sessions that were marked for it in the ledger, in case there is no next batch.
    marked: BTreeSet<NaiveDate>,
}

/// Where the new state differs from what was there.
#[derive(Debug, Clone, Default)]
struct Differs {
    /// The newest session after which an instrument's state does.
    instruments: BTreeMap<String, SessionIx>,
    /// The newest session after which all must be taken to.
    everything: Option<SessionIx>,
    /// Instruments without a row leave no trace. While what became of their states is not known, each is taken to start otherwise
    /// when it has a row again; those that had one since are here. `None` when nothing is unknown.
    unseen: Option<BTreeSet<String>>,
}

impl Differs {
    /// From a session on nothing is known of instruments without a row.
    fn lose_sight(&mut self) {
        self.unseen.get_or_insert_default();
    }

    /// Instruments that have a row on session `at`: one that is in sight again may have started it otherwise.
    fn sight<'n>(&mut self, at: SessionIx, names: impl Iterator<Item = &'n str>) {
        let Some(seen) = &mut self.unseen else { return };
        let before = SessionIx(at.0.saturating_sub(1));
        for name in names {
            if seen.insert(name.to_owned()) {
                let known = self.instruments.entry(name.to_owned()).or_insert(before);
                *known = before.max(*known);
            }
        }
    }

    /// The instruments that session `at` starts otherwise than it did, with values of the past read `back` sessions back.
    fn carried_into(&self, at: SessionIx, back: u32) -> Lanes {
        let reaches = |from: SessionIx| from.0 + 1 + back >= at.0;
        if self.everything.is_some_and(reaches) {
            return Lanes::All;
        }
        Lanes::Some(self.instruments.iter().filter(|(_, at)| reaches(**at)).map(|(name, _)| name.clone()).collect())
    }
}

/// A walk over one batch.
struct Walk<'a> {
    columns: &'a Columns,
    batch: &'a Batch<'a>,
    /// How many sessions back values of recursive functions are read.
    back: u32,
    stale: BTreeMap<SessionIx, Lanes>,
    /// Sessions of the store's checkpoints that hold what a session from here on may start from.
    usable: Vec<SessionIx>,
    /// The store's checkpoints of sessions that are walked over, to be replaced.
    known: BTreeSet<SessionIx>,
    /// States that this walk has come to.
    reached: Vec<(SessionIx, State)>,
    /// Whether those are of all instruments, or of these.
    reached_of: Lanes,
    differs: Differs,
    /// Instruments cannot be taken one by one: they depend on each other, or the rows of before cannot be read.
    is_whole: bool,
    /// What comes of it.
    yields: Yield,
}

#[derive(Default)]
struct Yield {
    frames: Vec<DataFrame>,
    traces: Vec<DataFrame>,
    checkpoints: BTreeMap<SessionIx, DataFrame>,
    lanes: BTreeMap<NaiveDate, Lanes>,
    computed: u64,
}

/// Some sessions, computed.
struct Step {
    range: SessionRange,
    rows: Rows,
    wanted: Lanes,
    evaluated: Evaluated,
}

impl Step {
    /// The states after sessions of the range.
    fn states(&self) -> impl Iterator<Item = (SessionIx, &State)> {
        let first = self.rows.range.first.0;
        self.evaluated.states().iter().map(move |(row, state)| (SessionIx(first + *row as u32), state))
    }
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

impl Walk<'_> {
    /// Walks from a stale session on. Gives the session at which the next batch must go on, if a changed state is carried into it.
    fn go(&mut self, first: SessionIx) -> Result<Option<SessionIx>, MakeError> {
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

    /// Notes for which instruments the state after a session differs from what was there. `exact` are those of which a checkpoint
    /// says so, with those that it was asked for.
    fn compare(
        &mut self,
        ix: SessionIx,
        session: NaiveDate,
        need: &Lanes,
        (new, old): (&Trace<'_>, &Trace<'_>),
        exact: Option<(&BTreeSet<String>, &Lanes)>,
    ) {
        // Over traded bars the bars that windows still read are carried too, of which a checkpoint knows nothing.
        let is_final = self.columns.axis == WindowAxis::Calendar;
        let stale = self.stale.get(&ix);
        if is_final && matches!(exact, Some((_, Lanes::All))) {
            self.differs.unseen = None;
        } else {
            if !old.knows(session) {
                self.differs.everything = Some(ix);
            }
            if !old.knows(session) || matches!(stale, Some(Lanes::All)) {
                self.differs.lose_sight();
            }
        }
        let present = || new.names(session).chain(old.names(session));
        if let Some(seen) = &mut self.differs.unseen {
            seen.extend(present().map(str::to_owned));
        }
        let mut names: BTreeSet<String> = match need {
            Lanes::All => present().map(str::to_owned).collect(),
            Lanes::Some(need) => need.clone(),
        };
        let before = SessionIx(ix.0.saturating_sub(1));
        let differed = |name: &String, differs: &Differs| differs.instruments.get(name) == Some(&before);
        let of_stale = match stale {
            Some(Lanes::Some(lanes)) => lanes.clone(),
            Some(Lanes::All) | None => BTreeSet::new(),
        };
        names.extend(of_stale.iter().cloned());
        names.extend(self.differs.instruments.keys().filter(|name| differed(name, &self.differs)).cloned());
        names.extend(exact.into_iter().flat_map(|(differs, _)| differs.iter().cloned()));
        for name in names {
            let exactly = exact.map(|(differs, _)| differs.contains(&name));
            let differs = match (new.get(session, &name), old.get(session, &name)) {
                _ if is_final && exactly.is_some() => exactly == Some(true),
                // Without a row it leaves no trace: what differed still does, until a checkpoint shows that it does not.
                (None, None) => exactly == Some(true) || differed(&name, &self.differs) || of_stale.contains(&name),
                (is, was) => is != was,
            };
            if differs {
                self.differs.instruments.insert(name, ix);
            }
        }
    }

    /// A checkpoint says of every instrument whether its state differs, also of those without a row. `None` without one, and none
    /// within if its file is gone: then it has to be replaced, as it has if any state differs.
    fn compare_checkpoint(&self, ix: SessionIx, step: &Step) -> Result<Option<Option<BTreeSet<String>>>, MakeError> {
        let node = self.batch.node;
        let Some((_, new)) = step.states().find(|(at, _)| *at == ix) else { return Ok(None) };
        let Some(frame) = self.batch.snapshot.checkpoint(&node.name, date_of(node, ix))? else { return Ok(Some(None)) };
        let old = State::from_frame(&self.columns.program, &frame)?;
        let mut differs = states::differing(new, &old);
        differs.retain(|name| match &step.wanted {
            Lanes::All => true,
            Lanes::Some(wanted) => wanted.contains(name),
        });
        Ok(Some(Some(differs)))
    }

    /// The states that the next step, later batches and later runs start from.
    fn keep_states(
        &mut self,
        step: &Step,
        end: SessionIx,
        taken: &BTreeMap<NaiveDate, Lanes>,
    ) -> Result<(), MakeError> {
        let node = self.batch.node;
        self.reached.clear();
        self.reached_of = step.wanted.clone();
        for (ix, state) in step.states().filter(|(ix, _)| *ix <= end) {
            self.reached.push((ix, state.clone()));
            let session = date_of(node, ix);
            if !taken.contains_key(&session) || ix < step.range.first {
                continue;
            }
            if matches!(step.wanted, Lanes::All) {
                self.yields.checkpoints.insert(ix, state.to_frame()?);
            } else if self.known.contains(&ix)
                && let Some(old) = self.batch.snapshot.checkpoint(&node.name, session)?
            {
                let old = State::from_frame(&self.columns.program, &old)?;
                self.yields.checkpoints.insert(ix, states::replaced(&old, state, &step.wanted).to_frame()?);
            }
        }
        Ok(())
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

    /// Computes the sessions of a range for some instruments.
    fn evaluate(&mut self, range: SessionRange, wanted: Lanes) -> Result<Step, MakeError> {
        let (node, program) = (self.batch.node, &self.columns.program);
        let within = |reached: &Lanes| match (reached, &wanted) {
            (Lanes::All, _) => true,
            (Lanes::Some(reached), Lanes::Some(wanted)) => wanted.is_subset(reached),
            (Lanes::Some(_), Lanes::All) => false,
        };
        let reached: &[(SessionIx, State)] = if within(&self.reached_of) { &self.reached } else { &[] };
        let origin = node.start;
        let replays = self.columns.axis == WindowAxis::Traded && program.carry_back().is_some_and(|back| back > 0);
        let mut loaded: BTreeMap<SessionIx, State> = BTreeMap::new();
        let (firsts, used) = loop {
            let start = |needed: i64| {
                let before = |at: SessionIx| i64::from(at.0) < needed;
                let stored = self.usable.iter().copied().filter(|at| before(*at)).max();
                let of_walk = reached.iter().map(|(at, _)| *at).filter(|at| before(*at)).max();
                let newest = if replays { None } else { stored.max(of_walk) };
                newest.map_or(i64::from(origin.0), |at| i64::from(at.0) + 1).max(i64::from(origin.0))
            };
            let firsts = program.first_sessions(i64::from(range.first.0), &start);
            let used: BTreeSet<i64> = program
                .nodes
                .iter()
                .zip(&firsts)
                .filter(|(node, _)| matches!(node, assetctl_expr::Node::Recursive { .. }))
                .filter_map(|(_, first)| *first)
                .filter(|first| *first > i64::from(origin.0))
                .collect();
            let mut lost = None;
            for first in &used {
                let at = SessionIx(u32::try_from(*first - 1).unwrap_or_default());
                if loaded.contains_key(&at) {
                    continue;
                }
                if let Some((_, state)) = reached.iter().find(|(reached, _)| *reached == at) {
                    loaded.insert(at, state.clone());
                } else if let Some(frame) = self.batch.snapshot.checkpoint(&node.name, date_of(node, at))? {
                    loaded.insert(at, State::from_frame(program, &frame)?);
                } else {
                    lost = Some(at);
                }
            }
            match lost {
                // Its file is gone: an earlier one will do.
                Some(at) => self.usable.retain(|usable| *usable != at),
                None => break (firsts, used),
            }
        };
        loaded.retain(|at, _| used.contains(&(i64::from(at.0) + 1)));
        let history = i64::from(self.columns.history(self.batch).0);
        let floor = |first: i64| SessionIx(u32::try_from(first.max(history)).unwrap_or_default().min(range.first.0));
        let first_of = |edge: usize| {
            let reads = program.nodes.iter().zip(&firsts).filter_map(|(node, first)| match node {
                assetctl_expr::Node::Input { input, .. } if *input == edge => *first,
                _ => None,
            });
            floor(reads.min().unwrap_or(i64::from(range.first.0)))
        };
        let mut windows: Vec<SessionIx> = (0..node.edges.len()).map(first_of).collect();
        // The rows of the result are those of the first input, and so is who takes part in a cross-section.
        let presence = floor(firsts.iter().flatten().copied().min().unwrap_or(i64::from(range.first.0)));
        // So is from where on an instrument has a state, wherever the functions with a state read from.
        let is_recursive = |node: &assetctl_expr::Node| matches!(node, assetctl_expr::Node::Recursive { .. });
        let begins = program.nodes.iter().zip(&firsts).filter_map(|(node, first)| first.filter(|_| is_recursive(node)));
        let begins = floor(begins.min().unwrap_or(i64::from(range.first.0)));
        if let Some(first) = windows.first_mut() {
            *first = (*first).min(if program.is_cross_sectional() { presence } else { begins });
        }
        let mut start = windows.iter().copied().min().unwrap_or(range.first).min(presence);
        if self.columns.axis == WindowAxis::Traded {
            start =
                self.columns.bars_begin(self.batch, start.max(origin), range.last, &wanted, bars_needed(program))?;
            windows.fill(start);
        }
        let rows = Rows { range: SessionRange { first: start, last: range.last }, written: range.first };
        let only = match &wanted {
            Lanes::All => None,
            Lanes::Some(only) => Some(only),
        };
        let mut more: Vec<String> = loaded.values().flat_map(|state| state.instruments.iter().cloned()).collect();
        more.sort_unstable();
        more.dedup();
        let inputs = self.columns.lay_out(self.batch, rows, &windows, only, &more)?;
        let checkpoints: Vec<Checkpoint> = loaded
            .into_iter()
            .filter(|(at, _)| at.0 + 1 >= start.0)
            .map(|(at, state)| Checkpoint { row: (at.0 + 1 - start.0) as usize, state })
            .collect();
        let mut states_after: Vec<usize> = self.known.range(range.first..=range.last).map(|at| rows.row(*at)).collect();
        states_after.push(rows.row(range.last));
        if range.last.0 >= range.first.0 + self.back {
            states_after.push(rows.row(SessionIx(range.last.0 - self.back)));
        }
        states_after.extend(self.month_ends(range).into_iter().map(|at| rows.row(at)));
        states_after.sort_unstable();
        states_after.dedup();
        let evaluated = evaluate(&Task {
            program,
            inputs: &inputs,
            axis: self.columns.axis,
            origin: if origin > start { rows.row(origin) } else { 0 },
            checkpoints: &checkpoints,
            states_after: &states_after,
            threads: self.batch.threads,
            cancel: &|| self.batch.cancel.is_set(),
        })?;
        self.batch.check_cancel()?;
        Ok(Step { range, rows, wanted, evaluated })
    }

    /// Sessions of a range that are the last of their month.
    fn month_ends(&self, range: SessionRange) -> Vec<SessionIx> {
        let month = |ix: SessionIx| Month::of(date_of(self.batch.node, ix));
        range.iter().filter(|ix| *ix < range.last && month(*ix) != month(SessionIx(ix.0 + 1))).collect()
    }
}

impl Yield {
    fn made(self, node: &AssetNode, dirty: Vec<NaiveDate>) -> Result<Made, MakeError> {
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
        })
    }
}
