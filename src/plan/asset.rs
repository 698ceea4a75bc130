//! One asset of a plan: what of it is stale for certain, what may be, and what waits.

use std::collections::HashMap;

use assetctl_calendar::{SessionIx, SessionRange, SessionSet};
use assetctl_graph::{AssetNode, Axis, Edge};

use crate::assess::{Asked, Assessment, Cause, Observation, Question, assess, reaches_beyond};
use crate::axis::{EdgeMap, date_of, universe};
use crate::fingerprint::wiring;
use crate::ledger::Ledger;
use crate::model::{AssetPlan, BlockReason, BlockedRange, Dates, StaleRange, StaleReason};
use crate::planner::{Request, spec_hash};
use crate::records::{RecordCache, moved_since};

/// What is known of an asset once it has been planned; what its readers need to know of it.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Sessions that it has data for, and those that are final too.
    pub data: Option<SessionRange>,
    pub available: Option<SessionRange>,
    /// Available positions without a partition that this plan does not make either.
    pub absent: SessionSet,
    /// Positions that are recomputed, or may be.
    pub planned: SessionSet,
    /// Those of them that do not hang on a value being carried on: what is likely, and worth showing first.
    pub direct: SessionSet,
}

pub struct AssetPlanner<'a, L: Ledger> {
    pub cache: &'a RecordCache<'a, L>,
    pub ix: usize,
    pub node: &'a AssetNode,
    pub request: &'a Request,
    pub observation: Option<&'a Observation>,
    pub known: &'a HashMap<usize, Known>,
}

impl<L: Ledger> AssetPlanner<'_, L> {
    pub fn plan(&mut self, wanted: Option<SessionRange>) -> Result<(AssetPlan, Known), L::Error> {
        let node = self.node;
        let spec = spec_hash(node);
        let mut plan = AssetPlan {
            asset: node.name.clone(),
            kind: node.kind,
            selected: self.request.selected.contains(&self.ix),
            node: self.ix,
            spec,
            wiring: wiring(self.cache.graph, self.ix),
            partitions: 0,
            first: None,
            last: None,
            stale: Vec::new(),
            blocked: Vec::new(),
            obsolete: Vec::new(),
            unmoved: false,
        };
        let (data, available) = self.ranges(&mut plan);
        let (Some(data), Some(available)) = (data, available) else {
            return Ok((plan, Known { data, ..Known::default() }));
        };
        plan.partitions = available.len() as u32;
        if node.axis == Axis::Session {
            plan.first = Some(date_of(node, available.first));
            plan.last = Some(date_of(node, available.last));
        }
        self.block_beyond_data(&mut plan, wanted, data);
        let scope = wanted.and_then(|wanted| wanted.intersect(available));
        let question =
            Question { asset: self.ix, spec, wiring: plan.wiring, data, available, observation: self.observation };
        let assessment = assess(self.cache, &question)?;
        let everywhere = assessment.set();
        plan.obsolete = assessment.obsolete.clone();
        let beyond = reaches_beyond(node, self.cache.ledger.head(&node.name), available);
        plan.unmoved = !assessment.by_head && everywhere.is_empty() && !beyond;

        let Some(scope) = scope else {
            let absent = self.absent(&assessment, &SessionSet::new());
            return Ok((plan, Known { data: Some(data), available: Some(available), absent, ..Known::default() }));
        };
        let forced = if plan.selected { self.forced(scope) } else { SessionSet::new() };
        let mut certain = everywhere.intersection(&SessionSet::from_range(scope)).union(&forced);
        let mut possible: Vec<(SessionSet, Maybe)> = Vec::new();
        let mut taken = certain.clone();
        let mut direct = certain.clone();
        for through_carry in [false, true] {
            for (at, edge) in node.edges.iter().enumerate() {
                let touched = self.touched(edge, through_carry, scope).difference(&taken);
                taken = taken.union(&touched);
                possible.push((touched, Maybe::Edge { at, through_carry }));
            }
            if !through_carry {
                direct = taken.clone();
            }
        }
        if node.recursive
            && let Some(first) = taken.first()
        {
            let later = SessionSet::from_range(SessionRange { first, last: scope.last }).difference(&taken);
            taken = taken.union(&later);
            possible.push((later, Maybe::Carry));
        }
        let missing = self.block_on_missing(&mut plan, &taken);
        certain = certain.difference(&missing);
        let planned = taken.difference(&missing);
        let inputs_move =
            node.edges.iter().fold(SessionSet::new(), |so_far, edge| so_far.union(&self.touched(edge, true, scope)));
        self.stale_ranges(&mut plan, &assessment, &certain, &inputs_move, &forced)?;
        for (sessions, why) in possible {
            self.possible_ranges(&mut plan, &sessions.difference(&missing), why);
        }
        plan.stale.sort_by_key(|range| range.first);
        if !plan.stale.is_empty() {
            plan.unmoved = false;
        }
        let absent = self.absent(&assessment, &planned);
        let direct = direct.difference(&missing);
        Ok((plan, Known { data: Some(data), available: Some(available), absent, planned, direct }))
    }

    /// Positions that read what is recomputed of an input, or only what may be.
    fn touched(&self, edge: &Edge, through_carry: bool, scope: SessionRange) -> SessionSet {
        let known = &self.known[&edge.input];
        let changed = if through_carry { &known.planned } else { &known.direct };
        EdgeMap::new(self.node, self.cache.graph.node(edge.input), edge).touched(changed, scope)
    }

    /// The range that the asset has data for, and the part of it that is final; what waits goes into `plan.blocked`.
    fn ranges(&self, plan: &mut AssetPlan) -> (Option<SessionRange>, Option<SessionRange>) {
        let node = self.node;
        let everything = universe(node);
        let mut data = everything;
        let mut available = everything;
        let mut waits_for = None;
        for edge in &node.edges {
            let input = self.cache.graph.node(edge.input);
            let map = EdgeMap::new(node, input, edge);
            let known = &self.known[&edge.input];
            let reach = |range: Option<SessionRange>| range.and_then(|range| map.reach(range.last, everything));
            match reach(known.data) {
                Some(last) => data.last = data.last.min(last),
                None => {
                    self.block(
                        plan,
                        everything.first,
                        everything.first,
                        BlockReason::InputBlocked { asset: input.name.clone() },
                    );
                    return (None, None);
                }
            }
            match reach(known.available) {
                Some(last) if last < available.last => {
                    available.last = last;
                    waits_for = Some(input.name.clone());
                }
                Some(_) => {}
                None => {
                    self.block(
                        plan,
                        everything.first,
                        data.last,
                        BlockReason::InputBlocked { asset: input.name.clone() },
                    );
                    return (Some(data), None);
                }
            }
        }
        if node.axis == Axis::Static {
            return (Some(data), Some(available));
        }
        if node.edges.is_empty() || node.is_fetched() {
            let Some(last) = self.source_end() else {
                if node.is_fetched() {
                    self.block(plan, everything.first, everything.first, self.not_final(everything.first));
                } else if self.observation.is_some() {
                    self.block(plan, everything.first, everything.first, BlockReason::NoData { until: None });
                }
                return (None, None);
            };
            data.last = last;
            available.last = last;
        }
        if data.last < data.first {
            return (None, None);
        }
        let closed = node.calendar.last_closed_by(self.request.now - node.settlement);
        match closed {
            Some(closed) if closed >= available.first => {
                if closed < available.last {
                    available.last = closed;
                    waits_for = None;
                }
            }
            _ => {
                self.block(plan, available.first, data.last, self.not_final(available.first));
                return (Some(data), None);
            }
        }
        // The rows of a table go on as long as the calendar does: that tomorrow is not there yet is nothing to wait for.
        if available.last < data.last && !node.is_as_of() {
            let first = SessionIx(available.last.0 + 1);
            let reason = match waits_for {
                Some(asset) => BlockReason::InputBlocked { asset },
                None => self.not_final(first),
            };
            self.block(plan, first, data.last, reason);
        }
        (Some(data), Some(available))
    }

    /// Sessions that were asked for by date and that the source does not have yet.
    fn block_beyond_data(&self, plan: &mut AssetPlan, wanted: Option<SessionRange>, data: SessionRange) {
        let Some(wanted) = wanted.filter(|_| self.request.to.is_some() && self.node.axis == Axis::Session) else {
            return;
        };
        if wanted.last <= data.last {
            return;
        }
        let first = wanted.first.max(SessionIx(data.last.0 + 1));
        if self.node.is_fetched() {
            self.block(plan, first, wanted.last, self.not_final(first));
        } else if self.node.edges.is_empty() {
            let until = Some(date_of(self.node, data.last));
            self.block(plan, first, wanted.last, BlockReason::NoData { until });
        }
    }

    fn not_final(&self, ix: SessionIx) -> BlockReason {
        BlockReason::NotFinal { until: self.node.calendar.close(ix) + self.node.settlement }
    }

    /// The last session of a source: as its files were seen, or else as the ledger has it. Of one that is asked, the last that has closed; what
    /// was made by a later `now` is no less part of it.
    fn source_end(&self) -> Option<SessionIx> {
        let made = self.cache.ledger.head(&self.node.name).and_then(|head| head.last);
        let last = match self.observation {
            Some(seen) if self.node.is_fetched() => seen.last.max(made)?,
            Some(seen) => seen.last?,
            None => made?,
        };
        self.node.calendar.at_or_before(last).ok().filter(|ix| *ix >= self.node.start)
    }

    fn block(&self, plan: &mut AssetPlan, first: SessionIx, last: SessionIx, reason: BlockReason) {
        plan.blocked.push(BlockedRange {
            first: date_of(self.node, first),
            last: date_of(self.node, last),
            sessions: last.0 - first.0 + 1,
            reason,
        });
    }

    /// Positions that have no partition and will have none after this plan.
    fn absent(&self, assessment: &Assessment, planned: &SessionSet) -> SessionSet {
        let absent = assessment
            .stale
            .iter()
            .filter(|(_, cause)| matches!(cause, Cause::Never | Cause::Vain | Cause::Missing))
            .map(|(ix, _)| *ix);
        SessionSet::from_iter(absent).difference(planned)
    }

    /// Positions of `taken` that read partitions which do not exist and are not made; they are blocked.
    fn block_on_missing(&self, plan: &mut AssetPlan, taken: &SessionSet) -> SessionSet {
        let node = self.node;
        let mut blocked = SessionSet::new();
        let (Some(first), Some(last)) = (taken.first(), taken.last()) else { return blocked };
        for edge in &node.edges {
            let input = self.cache.graph.node(edge.input);
            let absent = &self.known[&edge.input].absent;
            let touched = EdgeMap::new(node, input, edge)
                .touched(absent, SessionRange { first, last })
                .intersection(taken)
                .difference(&blocked);
            let Some(dates) = dates(input, absent) else { continue };
            for range in touched.ranges() {
                self.block(
                    plan,
                    range.first,
                    range.last,
                    BlockReason::InputMissing { asset: input.name.clone(), dates: dates.clone() },
                );
            }
            blocked = blocked.union(&touched);
        }
        if node.recursive
            && let Some(first) = blocked.first()
        {
            // What follows a gap has no past to go on from.
            let later = SessionSet::from_range(SessionRange { first, last }).intersection(taken).difference(&blocked);
            for range in later.ranges() {
                self.block(plan, range.first, range.last, BlockReason::InputBlocked { asset: node.name.clone() });
            }
            blocked = blocked.union(&later);
        }
        blocked
    }

    /// What is recomputed, stale or not, of a selected asset: all that is wanted of it, or, of a source that is asked again, what lies
    /// between the dates that were asked for.
    fn forced(&self, scope: SessionRange) -> SessionSet {
        if self.request.force {
            return SessionSet::from_range(scope);
        }
        if !self.request.again || !self.node.is_fetched() {
            return SessionSet::new();
        }
        let (from, to) = (self.request.from, self.request.to);
        let within = |ix: &SessionIx| {
            let date = date_of(self.node, *ix);
            from.is_none_or(|from| from <= date) && to.is_none_or(|to| date <= to)
        };
        match (scope.iter().find(within), scope.iter().rev().find(within)) {
            (Some(first), Some(last)) => SessionSet::from_range(SessionRange { first, last }),
            _ => SessionSet::new(),
        }
    }

    /// Ranges of what is stale now, each certain or not: what is stale for its inputs alone may yet find them as they were when it
    /// was built, where they are recomputed first.
    fn stale_ranges(
        &self,
        plan: &mut AssetPlan,
        assessment: &Assessment,
        stale: &SessionSet,
        inputs_move: &SessionSet,
        forced: &SessionSet,
    ) -> Result<(), L::Error> {
        let causes: HashMap<SessionIx, Cause> = assessment.stale.iter().copied().collect();
        let mut run: Option<(SessionRange, (Option<Cause>, bool))> = None;
        let mut runs = Vec::new();
        for ix in stale.iter() {
            let cause = if forced.contains(ix) { None } else { causes.get(&ix).copied() };
            let by_inputs = matches!(cause, Some(Cause::Edge(_) | Cause::Windows));
            let kind = (cause, !(by_inputs && inputs_move.contains(ix)));
            match &mut run {
                Some((range, of_run)) if range.last.0 + 1 == ix.0 && *of_run == kind => range.last = ix,
                _ => runs.extend(run.replace((SessionRange { first: ix, last: ix }, kind))),
            }
        }
        runs.extend(run);
        for (range, (cause, certain)) in runs {
            let reason = match cause {
                None => StaleReason::Forced,
                Some(cause) => self.reason(cause, range)?,
            };
            plan.stale.push(self.stale(range, certain, reason));
        }
        Ok(())
    }

    fn reason(&self, cause: Cause, range: SessionRange) -> Result<StaleReason, L::Error> {
        Ok(match cause {
            Cause::Never => StaleReason::NeverMaterialized,
            Cause::Missing => StaleReason::OutputMissing,
            Cause::Spec { old } => StaleReason::SpecChanged { old, new: spec_hash(self.node) },
            Cause::Source => StaleReason::SourceRevised {
                files: self.observation.map(|seen| seen.files.clone()).unwrap_or_default(),
            },
            Cause::Vain => {
                let vain = self.asked().and_then(|asked| asked.vain.get(&date_of(self.node, range.first)));
                vain.map_or(StaleReason::NeverMaterialized, |vain| StaleReason::AskedInVain {
                    at: vain.at,
                    rows: vain.rows,
                })
            }
            Cause::Refetch => StaleReason::Refetch { lookback: self.asked().map_or(0, |asked| asked.lookback) },
            Cause::Carry => StaleReason::CarryChanged,
            Cause::Windows => StaleReason::InputChanged {
                asset: self
                    .node
                    .edges
                    .first()
                    .map_or_else(String::new, |edge| self.cache.graph.node(edge.input).name.clone()),
                dates: None,
            },
            Cause::Edge(at) => {
                let edge = &self.node.edges[at];
                let built =
                    self.cache.between(self.ix, date_of(self.node, range.first), date_of(self.node, range.last))?;
                let oldest =
                    range.iter().filter_map(|ix| built.get(date_of(self.node, ix))).map(|(_, r)| r.built_rev).min();
                let moved = moved_since(self.cache, self.ix, edge, range, oldest.unwrap_or(0))?;
                let dates = moved.first().zip(moved.last()).map(|(first, last)| Dates {
                    first: *first,
                    last: *last,
                    sessions: moved.len() as u32,
                });
                StaleReason::InputChanged { asset: self.cache.graph.node(edge.input).name.clone(), dates }
            }
        })
    }

    fn asked(&self) -> Option<&Asked> {
        self.observation.and_then(|seen| seen.asked.as_ref())
    }

    fn possible_ranges(&self, plan: &mut AssetPlan, sessions: &SessionSet, why: Maybe) {
        for range in sessions.ranges() {
            let reason = match why {
                Maybe::Carry => StaleReason::CarryRecomputed,
                Maybe::Edge { at, through_carry } => {
                    let edge = &self.node.edges[at];
                    let input = self.cache.graph.node(edge.input);
                    let read = EdgeMap::new(self.node, input, edge).windows(*range);
                    let known = &self.known[&edge.input];
                    let planned = if through_carry { &known.planned } else { &known.direct };
                    let read = read.map(|read| planned.intersection(&SessionSet::from_range(read))).unwrap_or_default();
                    let Some(dates) = dates(input, &read) else { continue };
                    StaleReason::InputRecomputed { asset: input.name.clone(), dates }
                }
            };
            plan.stale.push(self.stale(*range, false, reason));
        }
    }

    fn stale(&self, range: SessionRange, certain: bool, reason: StaleReason) -> StaleRange {
        StaleRange {
            first: date_of(self.node, range.first),
            last: date_of(self.node, range.last),
            sessions: range.len() as u32,
            certain,
            reason,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Maybe {
    /// An input is recomputed; or is only if an earlier session's values are carried on into it.
    Edge {
        at: usize,
        through_carry: bool,
    },
    Carry,
}

fn dates(node: &AssetNode, sessions: &SessionSet) -> Option<Dates> {
    Some(Dates {
        first: date_of(node, sessions.first()?),
        last: date_of(node, sessions.last()?),
        sessions: sessions.len() as u32,
    })
}
