//! Executes plans as the executor does, and holds every step against what brute force says.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_calendar::{SessionIx, SessionRange};
use assetctl_graph::Graph;
use chrono::NaiveDate;

use super::ledger::{Content, New};
use super::world::{Role, SESSIONS, World, name};
use crate::{
    AssetPlan, BlockReason, Fingerprints, Hash128, Ledger, Observation, Plan, RecordCache, Request, plan, settle,
};

/// What is asked of one materialization.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    pub selected: BTreeSet<usize>,
    pub only: bool,
    /// Dates of the first calendar's sessions at these positions.
    pub from: Option<u32>,
    pub to: Option<u32>,
    pub force: bool,
    /// Sessions per commit, at least one.
    pub batch: usize,
    /// Die after so many commits.
    pub stop_after: Option<usize>,
}

impl Wish {
    pub fn everything(world: &World) -> Self {
        Self { selected: (0..world.assets.len()).collect(), batch: 7, ..Self::default() }
    }

    pub fn of(selected: &[usize]) -> Self {
        Self { selected: selected.iter().copied().collect(), batch: 7, ..Self::default() }
    }

    fn date(position: Option<u32>) -> Option<NaiveDate> {
        position.map(|ix| super::world::calendars()[0].date(SessionIx(ix)).date())
    }
}

/// What a run did, by asset.
#[derive(Debug, Default)]
pub struct Ran {
    pub sessions: BTreeMap<usize, Vec<NaiveDate>>,
    pub plan: Option<Plan>,
    /// Whether it came to its end.
    pub finished: bool,
}

impl World {
    pub fn plan(&self, graph: &Graph, wish: &Wish) -> Plan {
        self.plan_on(graph, &self.ledger, wish)
    }

    fn plan_on<L: Ledger<Error = std::convert::Infallible>>(&self, graph: &Graph, ledger: &L, wish: &Wish) -> Plan {
        let request = Request {
            selection: String::new(),
            selected: wish.selected.clone(),
            only: wish.only,
            given: BTreeSet::new(),
            from: Wish::date(wish.from),
            to: Wish::date(wish.to),
            force: wish.force,
            again: false,
            now: self.now,
        };
        plan(graph, ledger, self.ledger.rev, &self.observations(), &request).unwrap()
    }

    fn included(&self, graph: &Graph, wish: &Wish) -> BTreeSet<usize> {
        if wish.only {
            return wish.selected.clone();
        }
        wish.selected.iter().flat_map(|asset| graph.above(*asset, None)).collect()
    }

    /// The positions of each asset that are asked for, or read by what is; without gaps.
    fn scope(&self, graph: &Graph, wish: &Wish) -> BTreeMap<usize, BTreeSet<u32>> {
        let included = self.included(graph, wish);
        let mut scope: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
        for asset in (0..self.assets.len()).rev().filter(|asset| included.contains(asset)) {
            let wanted = scope.entry(asset).or_default();
            if wish.selected.contains(&asset) {
                let (from, to) = (Wish::date(wish.from), Wish::date(wish.to));
                let is_asked = |ix: &u32| {
                    let date = self.date(asset, *ix);
                    from.is_none_or(|from| from <= date) && to.is_none_or(|to| date <= to)
                };
                match self.assets[asset].role {
                    Role::Table => wanted.extend([0]),
                    _ => wanted.extend((self.assets[asset].start..SESSIONS).filter(is_asked)),
                }
            }
            let (Some(first), Some(last)) = (wanted.first().copied(), wanted.last().copied()) else { continue };
            wanted.extend(first..=last);
            for edge in self.assets[asset].edges.iter().filter(|edge| included.contains(&edge.input)) {
                // Without gaps: between calendars there may be a session that is nobody's last.
                let read: BTreeSet<u32> = (first..=last).flat_map(|ix| self.uncut_window(asset, edge, ix)).collect();
                let (Some(from), Some(to)) = (read.first(), read.last()) else { continue };
                let read = (*from..=*to).filter(|ix| *ix >= self.first(edge.input));
                scope.entry(edge.input).or_default().extend(read);
            }
        }
        scope
    }

    /// Brute force: the positions whose partition is not there, or was built by another spec, or from other content.
    pub fn stale(&self, asset: usize, spec: Hash128, outside: &dyn Fn(usize) -> bool) -> BTreeSet<u32> {
        let content =
            |input: usize, session: NaiveDate| Some(self.ledger.of(&name(input)).get(&session)?.content.clone());
        let is_clean = |ix: &u32| {
            let session = self.date(asset, *ix);
            let Some(kept) = self.ledger.of(&name(asset)).get(&session) else { return false };
            self.ledger.has(&name(asset), session)
                && kept.record.spec == spec
                && kept.reads == self.reads(asset, *ix, &content)
        };
        self.positions(asset, true, outside).into_iter().filter(|ix| !is_clean(ix)).collect()
    }

    /// Plans and executes, checking the plan, each asset as its turn comes, and what came of it.
    pub fn materialize(&mut self, wish: &Wish) -> Ran {
        let graph = self.graph();
        let plan = self.plan(&graph, wish);
        self.check_accelerators(&graph, wish, &plan);
        let included = self.included(&graph, wish);
        let outside = |asset: usize| !included.contains(&asset);
        let scope = self.scope(&graph, wish);
        let observations = self.observations();
        self.check_blocked(&plan, &outside);
        self.note_clean(&plan);

        let mut ran = Ran::default();
        let mut commits_left = wish.stop_after.unwrap_or(usize::MAX);
        for asset in &plan.assets {
            let blocked = missing(self, asset);
            let in_scope = scope.get(&asset.node).cloned().unwrap_or_default();
            let forced =
                if wish.force && asset.selected { self.positions(asset.node, true, &outside) } else { BTreeSet::new() };
            let stale: BTreeSet<u32> = self.stale(asset.node, asset.spec, &outside).union(&forced).copied().collect();
            let due: BTreeSet<u32> =
                stale.intersection(&in_scope).copied().filter(|ix| !blocked.contains(ix)).collect();
            if asset.is_empty() {
                assert_eq!(due, BTreeSet::new(), "{} is stale and nothing of it is planned\n{plan:#?}", asset.asset);
                continue;
            }
            let Some(done) =
                self.work(&graph, asset, observations.get(&asset.node), &due, wish.batch, &mut commits_left)
            else {
                return ran;
            };
            for range in asset.stale.iter().filter(|range| range.certain) {
                let certain = self.sessions(asset.node, range.first, range.last);
                assert!(certain.is_subset(&done), "{}: a certain {range:?} did not run", asset.asset);
            }
            let done = done.into_iter().map(|ix| self.date(asset.node, ix)).collect();
            ran.sessions.insert(asset.node, done);
        }
        if !wish.only {
            self.check_exact(&graph, wish, &plan);
        }
        ran.plan = Some(plan);
        ran.finished = true;
        ran
    }

    /// One asset of a run. `None` if the run dies in it.
    fn work(
        &mut self,
        graph: &Graph,
        plan: &AssetPlan,
        observation: Option<&Observation>,
        due: &BTreeSet<u32>,
        batch: usize,
        commits_left: &mut usize,
    ) -> Option<BTreeSet<u32>> {
        let asset = plan.node;
        let mut done: BTreeSet<u32> = BTreeSet::new();
        let mut lost: BTreeSet<NaiveDate> = BTreeSet::new();
        loop {
            let read_rev = self.ledger.rev;
            let settled = settle(graph, &self.ledger, observation, plan).unwrap();
            let position = |session: &NaiveDate| self.position(asset, *session).unwrap();
            let mut sessions: BTreeSet<u32> = settled.sessions.iter().map(position).collect();
            if done.is_empty() {
                assert_eq!(sessions, *due, "{}: what is settled is not what is due\n{plan:#?}", plan.asset);
            }
            sessions.extend(settled.others.iter().filter(|session| lost.contains(session)).map(position));
            sessions.retain(|ix| !done.contains(ix));
            if sessions.is_empty() {
                if !plan.obsolete.is_empty() {
                    *commits_left = commits_left.checked_sub(1)?;
                    self.ledger.commit(&plan.asset, (plan.spec, plan.wiring), Vec::new(), &plan.obsolete, &[]);
                }
                if settled.whole {
                    self.note(asset);
                    self.ledger.mark_verified(&plan.asset, read_rev, plan.wiring);
                }
                return Some(done);
            }
            for batch in sessions.into_iter().collect::<Vec<_>>().chunks(batch.max(1)) {
                *commits_left = commits_left.checked_sub(1)?;
                let new = self.make(graph, asset, batch);
                lost.extend(self.ledger.commit(&plan.asset, (plan.spec, plan.wiring), new, &[], &[]));
                // The files may be put back to what they were before the run comes to its end.
                self.noted.remove(&asset);
                done.extend(batch);
            }
        }
    }

    fn make(&self, graph: &Graph, asset: usize, batch: &[u32]) -> Vec<New> {
        let read = |input: usize, session: NaiveDate| -> Option<Content> {
            assert!(self.ledger.has(&name(input), session), "{} reads {session} of {}", name(asset), name(input));
            Some(self.ledger.of(&name(input))[&session].content.clone())
        };
        let cache = RecordCache::new(graph, &self.ledger);
        let range = SessionRange { first: SessionIx(batch[0]), last: SessionIx(batch[batch.len() - 1]) };
        let fingerprints = Fingerprints::new(&cache, asset, range).unwrap();
        let digests = (self.assets[asset].role != Role::Derived).then(|| self.digests(asset));
        batch
            .iter()
            .map(|ix| {
                let session = self.date(asset, *ix);
                let reads = self.reads(asset, *ix, &read);
                let inputs = match &digests {
                    Some(digests) => digests.get(&session).copied().unwrap_or(Hash128::ZERO),
                    None => fingerprints.of(SessionIx(*ix)),
                };
                New { session, content: self.content(asset, *ix, &reads), reads, inputs }
            })
            .collect()
    }

    fn note(&mut self, asset: usize) {
        if self.files.contains_key(&asset) {
            self.noted.insert(asset, self.digests(asset));
        }
    }

    /// What the executor does with assets that have nothing to run.
    pub fn note_clean(&mut self, plan: &Plan) {
        for asset in plan.assets.iter().filter(|asset| asset.is_empty()) {
            if asset.unmoved && asset.blocked_by_input().is_none() {
                self.ledger.mark_verified(&asset.asset, plan.revision, asset.wiring);
            }
            // Files that changed in sessions outside the range asked for are still to be seen by another plan.
            let changed = self.observations().get(&asset.node).is_some_and(|seen| seen.digests.is_some());
            if asset.unmoved || !changed {
                self.note(asset.node);
            }
        }
    }

    fn sessions(&self, asset: usize, first: NaiveDate, last: NaiveDate) -> BTreeSet<u32> {
        match self.position(asset, first).zip(self.position(asset, last)) {
            Some((first, last)) => (first..=last).collect(),
            None => BTreeSet::new(),
        }
    }

    /// Revisions decide nothing: without them the same is stale, for the same reasons.
    fn check_accelerators(&self, graph: &Graph, wish: &Wish, plan: &Plan) {
        let plain = self.plan_on(graph, &self.ledger.without_accelerators(), wish);
        for (asset, plain) in plan.assets.iter().zip(&plain.assets) {
            assert_eq!(asset.stale, plain.stale, "{}: stale with accelerators, and without", asset.asset);
            assert_eq!((&asset.blocked, &asset.obsolete), (&plain.blocked, &plain.obsolete));
            for pair in asset.stale.windows(2) {
                assert!(pair[0].last < pair[1].first, "{}: {pair:?}", asset.asset);
            }
            for range in &asset.stale {
                assert_eq!(self.sessions(asset.node, range.first, range.last).len(), range.sessions as usize);
            }
        }
    }

    /// What is said to wait for an input does read a partition that is not there and is not made.
    fn check_blocked(&self, plan: &Plan, outside: &dyn Fn(usize) -> bool) {
        for asset in &plan.assets {
            for ix in missing(self, asset) {
                let is_missing = self.assets[asset.node].edges.iter().any(|edge| {
                    let there = self.positions(edge.input, true, outside);
                    let made = plan.asset(&name(edge.input));
                    self.window(asset.node, edge, ix).intersection(&there).any(|position| {
                        let session = self.date(edge.input, *position);
                        !self.ledger.has(&name(edge.input), session)
                            && made.is_none_or(|made| made.range_of(session).is_none())
                    })
                });
                assert!(is_missing, "{}: {} waits for nothing", asset.asset, self.date(asset.node, ix));
            }
        }
    }

    /// Every selected partition is what a rebuild from scratch gives, and a complete run leaves nothing else.
    fn check_exact(&self, graph: &Graph, wish: &Wish, plan: &Plan) {
        let scratch = self.rebuild();
        let scope = self.scope(graph, wish);
        for asset in &plan.assets {
            assert_eq!(
                missing(self, asset),
                BTreeSet::new(),
                "{} waits for an input that is part of the plan",
                asset.asset
            );
            for ix in self.positions(asset.node, true, &|_| false).intersection(&scope[&asset.node]) {
                let session = self.date(asset.node, *ix);
                assert!(self.ledger.has(&asset.asset, session), "{}: {session} was not made", asset.asset);
                let content = &self.ledger.of(&asset.asset)[&session].content;
                assert_eq!(Some(content), scratch[asset.node].get(&session), "{} {session}", asset.asset);
            }
            if self.end(asset.node, false, &|_| false).is_some() {
                let data = self.positions(asset.node, false, &|_| false);
                for session in self.ledger.of(&asset.asset).keys() {
                    let has_data = self.position(asset.node, *session).is_some_and(|ix| data.contains(&ix));
                    assert!(has_data, "{}: {session} is obsolete and was left", asset.asset);
                }
            }
        }
    }

    /// After everything was materialized, nothing is stale; and once that was noted, nothing is opened to see it.
    pub fn check_nothing_left(&mut self) {
        let wish = Wish::everything(self);
        let graph = self.graph();
        let plan = self.plan(&graph, &wish);
        assert!(plan.is_empty(), "{plan:#?}");
        self.note_clean(&plan);
        self.ledger.opened.set(0);
        assert!(self.plan(&graph, &wish).is_empty());
        if plan.assets.iter().all(|asset| asset.blocked.is_empty()) {
            assert_eq!(self.ledger.opened.get(), 0, "a clean ledger is opened\n{:#?}", self.ledger.heads);
        }
    }
}

/// Positions that wait for an input's missing partition.
fn missing(world: &World, plan: &AssetPlan) -> BTreeSet<u32> {
    plan.blocked
        .iter()
        .filter(|range| matches!(range.reason, BlockReason::InputMissing { .. }))
        .flat_map(|range| world.sessions(plan.node, range.first, range.last))
        .collect()
}

/// The reasons of a plan's stale ranges of one asset, as `first…last: reason`.
pub fn shown(plan: &Plan, asset: usize) -> Vec<String> {
    let node = plan.asset(&name(asset)).unwrap();
    let line = |range: &crate::StaleRange| {
        let maybe = if range.certain { "" } else { "maybe " };
        format!("{maybe}{}…{} ({}): {}", range.first, range.last, range.sessions, range.reason)
    };
    node.stale.iter().map(line).collect()
}
