//! The walk over the graph: from a selection and the ledger to a [`Plan`].
//!
//! Two passes. Upwards (readers before inputs): which range of each asset is wanted, because it was asked for or because something
//! wanted reads it. Downwards (inputs before readers): which of those partitions are stale for certain, by
//! [`assess`](crate::assess), and which may become so because an input is recomputed first.

use std::collections::{BTreeSet, HashMap};

use assetctl_calendar::{CalendarError, SessionIx, SessionRange, SessionSet};
use assetctl_graph::{AssetNode, Axis, Edge, Graph};
use chrono::{DateTime, NaiveDate, Utc};

use crate::assess::{Assessment, Cause, Observation, Question, assess};
use crate::axis::{EdgeMap, date_of, dates_of, ix_of};
use crate::hash::Hash128;
use crate::ledger::Ledger;
use crate::model::{AssetPlan, BlockReason, BlockedRange, Dates, Plan, StaleRange, StaleReason};
use crate::records::{RecordCache, moved_since};

/// What to plan for.
#[derive(Debug, Clone)]
pub struct Request {
    pub selection: String,
    pub selected: BTreeSet<usize>,
    /// Leave out what the selected assets need.
    pub only: bool,
    /// Only sessions between these dates, both included, of the selected assets (and what those sessions need).
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    /// Recompute every wanted partition of the selected assets.
    pub force: bool,
    pub now: DateTime<Utc>,
}

#[derive(Debug, thiserror::Error)]
pub enum PlanError<E: std::error::Error> {
    #[error("the ledger cannot be read")]
    Ledger(#[source] E),
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    #[error("`--from {from}` is after `--to {to}`")]
    EmptyRange { from: NaiveDate, to: NaiveDate },
}

/// What is known of an asset once it has been planned; what its readers need to know of it.
#[derive(Debug, Clone, Default)]
struct Known {
    /// Sessions that it has data for, and those that are final too.
    data: Option<SessionRange>,
    available: Option<SessionRange>,
    /// Available positions without a partition that this plan does not make either.
    absent: SessionSet,
    /// Positions that are recomputed, or may be.
    planned: SessionSet,
    /// Those of them that do not hang on a value being carried on: what is likely, and worth showing first.
    direct: SessionSet,
}

/// The spec hash of an asset.
pub fn spec_hash(node: &AssetNode) -> Hash128 {
    Hash128::of(node.spec_text.as_bytes())
}

/// Makes a plan. Pure: it reads the ledger and writes nothing.
pub fn plan<L: Ledger>(
    graph: &Graph,
    ledger: &L,
    revision: u64,
    observations: &HashMap<usize, Observation>,
    request: &Request,
) -> Result<Plan, PlanError<L::Error>> {
    if let (Some(from), Some(to)) = (request.from, request.to)
        && from > to
    {
        return Err(PlanError::EmptyRange { from, to });
    }
    let cache = RecordCache::new(graph, ledger);
    let included: BTreeSet<usize> = if request.only {
        request.selected.clone()
    } else {
        request.selected.iter().flat_map(|ix| graph.above(*ix, None)).collect()
    };
    let wanted = wanted(graph, &included, request)?;
    let mut known: HashMap<usize, Known> = HashMap::new();
    let mut assets = Vec::with_capacity(included.len());
    for &ix in graph.order() {
        if included.contains(&ix) {
            let mut planner = AssetPlanner {
                cache: &cache,
                ix,
                node: graph.node(ix),
                request,
                observation: observations.get(&ix),
                known: &known,
            };
            let (asset, of_asset) = planner.plan(wanted.get(&ix).copied()).map_err(PlanError::Ledger)?;
            known.insert(ix, of_asset);
            assets.push(asset);
        } else if graph.readers(ix).iter().any(|reader| included.contains(reader)) {
            known.insert(ix, outside(&cache, ix).map_err(PlanError::Ledger)?);
        }
    }
    Ok(Plan { now: request.now, revision, selection: request.selection.clone(), assets })
}

/// The range of each included asset that is asked for, or read by what is.
fn wanted(
    graph: &Graph,
    included: &BTreeSet<usize>,
    request: &Request,
) -> Result<HashMap<usize, SessionRange>, CalendarError> {
    let mut wanted: HashMap<usize, SessionRange> = HashMap::new();
    for &ix in graph.order().iter().rev().filter(|ix| included.contains(ix)) {
        let node = graph.node(ix);
        if request.selected.contains(&ix)
            && let Some(range) = asked(node, request)?
        {
            widen(&mut wanted, ix, range);
        }
        let Some(mut range) = wanted.get(&ix).copied() else { continue };
        if node.recursive {
            // A partition needs its own past.
            range.first = node.start;
            widen(&mut wanted, ix, range);
        }
        for edge in node.edges.iter().filter(|edge| included.contains(&edge.input)) {
            if let Some(read) = EdgeMap::new(node, graph.node(edge.input), edge).windows(range) {
                widen(&mut wanted, edge.input, read);
            }
        }
    }
    Ok(wanted)
}

fn widen(wanted: &mut HashMap<usize, SessionRange>, ix: usize, range: SessionRange) {
    wanted
        .entry(ix)
        .and_modify(|known| {
            known.first = known.first.min(range.first);
            known.last = known.last.max(range.last);
        })
        .or_insert(range);
}

/// Everything that an asset could ever have, between the dates asked for.
fn asked(node: &AssetNode, request: &Request) -> Result<Option<SessionRange>, CalendarError> {
    let everything = universe(node);
    if node.axis == Axis::Static {
        return Ok(Some(everything));
    }
    let first = match request.from {
        Some(from) if from > node.start_date() => node.calendar.at_or_after(from)?,
        _ => everything.first,
    };
    let last = match request.to {
        Some(to) if to < node.start_date() => return Ok(None),
        Some(to) => node.calendar.at_or_before(to)?,
        None => everything.last,
    };
    Ok((first <= last).then_some(SessionRange { first, last }))
}

fn universe(node: &AssetNode) -> SessionRange {
    match node.axis {
        Axis::Static => SessionRange { first: SessionIx(0), last: SessionIx(0) },
        Axis::Session => SessionRange { first: node.start, last: SessionIx(node.calendar.len() as u32 - 1) },
    }
}

/// What there is of an asset that is not part of the plan.
fn outside<L: Ledger>(cache: &RecordCache<'_, L>, ix: usize) -> Result<Known, L::Error> {
    let node = cache.graph.node(ix);
    let head = cache.ledger.head(&node.name);
    let range = head
        .and_then(|head| Some((ix_of(node, head.first?)?, ix_of(node, head.last?)?)))
        .map(|(first, last)| SessionRange { first, last });
    let (Some(head), Some(range)) = (head, range) else { return Ok(Known::default()) };
    let mut absent = SessionSet::new();
    if head.partitions as usize != range.len() || !head.damaged.is_empty() {
        let records = cache.all(ix)?;
        let there = |ix: &SessionIx| {
            let date = date_of(node, *ix);
            records.get(date).is_some() && !head.damaged.contains(&crate::Month::of(date))
        };
        absent = SessionSet::from_iter(range.iter().filter(|ix| !there(ix)));
    }
    Ok(Known { data: Some(range), available: Some(range), absent, ..Known::default() })
}

struct AssetPlanner<'a, L: Ledger> {
    cache: &'a RecordCache<'a, L>,
    ix: usize,
    node: &'a AssetNode,
    request: &'a Request,
    observation: Option<&'a Observation>,
    known: &'a HashMap<usize, Known>,
}

impl<L: Ledger> AssetPlanner<'_, L> {
    fn plan(&mut self, wanted: Option<SessionRange>) -> Result<(AssetPlan, Known), L::Error> {
        let node = self.node;
        let spec = spec_hash(node);
        let mut plan = AssetPlan {
            asset: node.name.clone(),
            kind: node.kind,
            selected: self.request.selected.contains(&self.ix),
            node: self.ix,
            spec,
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
        let question = Question { asset: self.ix, spec, data, available, observation: self.observation };
        let assessment = assess(self.cache, &question)?;
        let everywhere = assessment.set();
        plan.obsolete = assessment.obsolete.clone();
        plan.unmoved = !assessment.by_head && everywhere.is_empty();

        let Some(scope) = scope else {
            let absent = self.absent(&assessment, &SessionSet::new());
            return Ok((plan, Known { data: Some(data), available: Some(available), absent, ..Known::default() }));
        };
        let forced = self.request.force && plan.selected;
        let scope_set = SessionSet::from_range(scope);
        let mut certain = if forced { scope_set.clone() } else { everywhere.intersection(&scope_set) };
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
        self.certain_ranges(&mut plan, &assessment, &certain, forced)?;
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
        if node.edges.is_empty() {
            let Some(last) = self.source_end() else { return (None, None) };
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
        if available.last < data.last {
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
        if self.node.edges.is_empty() && wanted.last > data.last {
            let first = wanted.first.max(SessionIx(data.last.0 + 1));
            let until = Some(date_of(self.node, data.last));
            self.block(plan, first, wanted.last, BlockReason::NoData { until });
        }
    }

    fn not_final(&self, ix: SessionIx) -> BlockReason {
        BlockReason::NotFinal { until: self.node.calendar.close(ix) + self.node.settlement }
    }

    /// The last session of a source: as its files were seen, or else as the ledger has it.
    fn source_end(&self) -> Option<SessionIx> {
        let last = match self.observation {
            Some(seen) => seen.last?,
            None => self.cache.ledger.head(&self.node.name)?.last?,
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
            .filter(|(_, cause)| matches!(cause, Cause::Never | Cause::Missing))
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

    fn certain_ranges(
        &self,
        plan: &mut AssetPlan,
        assessment: &Assessment,
        certain: &SessionSet,
        forced: bool,
    ) -> Result<(), L::Error> {
        let causes: HashMap<SessionIx, Cause> = assessment.stale.iter().copied().collect();
        let mut run: Option<(SessionRange, Option<Cause>)> = None;
        let mut runs = Vec::new();
        for ix in certain.iter() {
            let cause = if forced { None } else { causes.get(&ix).copied() };
            match &mut run {
                Some((range, of_run)) if range.last.0 + 1 == ix.0 && *of_run == cause => range.last = ix,
                _ => runs.extend(run.replace((SessionRange { first: ix, last: ix }, cause))),
            }
        }
        runs.extend(run);
        for (range, cause) in runs {
            let reason = match cause {
                None => StaleReason::Forced,
                Some(cause) => self.reason(cause, range)?,
            };
            plan.stale.push(self.stale(range, true, reason));
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

/// What of an asset's plan is still to be done once its inputs have been brought up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// To be recomputed, in order.
    pub sessions: Vec<NaiveDate>,
    /// Stale as well, but not announced: left for another plan.
    pub others: Vec<NaiveDate>,
    /// Whether the asset is up to date once `sessions` are made.
    pub whole: bool,
}

/// Settles an asset's plan against the ledger as it stands now: what may have been stale is, or is not.
///
/// The result is always part of what the plan announced.
pub fn settle<L: Ledger>(
    graph: &Graph,
    ledger: &L,
    observation: Option<&Observation>,
    plan: &AssetPlan,
) -> Result<Settled, L::Error> {
    let cache = RecordCache::new(graph, ledger);
    let node = graph.node(plan.node);
    let available = match (plan.first.and_then(|date| ix_of(node, date)), plan.last.and_then(|date| ix_of(node, date)))
    {
        (Some(first), Some(last)) => SessionRange { first, last },
        _ => universe(node),
    };
    let question = Question { asset: plan.node, spec: plan.spec, data: available, available, observation };
    let stale = assess(&cache, &question)?.set();
    let mut announced = SessionSet::new();
    let mut forced = SessionSet::new();
    for range in &plan.stale {
        let (Some(first), Some(last)) = (ix_of(node, range.first), ix_of(node, range.last)) else { continue };
        announced.insert(SessionRange { first, last });
        if range.reason == StaleReason::Forced {
            forced.insert(SessionRange { first, last });
        }
    }
    let now = stale.intersection(&announced).union(&forced);
    let others = dates_of(node, &stale.difference(&now));
    let whole = others.is_empty() && plan.blocked_by_input().is_none();
    Ok(Settled { sessions: dates_of(node, &now), others, whole })
}
