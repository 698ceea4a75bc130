//! A story: a market, assets of it, and what happens; each complete run is checked.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_store::Lanes;
use proptest::prelude::*;

use super::expressions::{AssetSeed, Gene, yaml};
use super::market::{Bar, Edit, Market, date};
use super::oracle::{History, Pair, rows};
use super::world::{Files, How, Wish, World};
use crate::{AssetStatus, RunReport};

/// Something that happens. Numbers are taken modulo what there is.
#[derive(Debug, Clone)]
pub enum Step {
    Edit(Edit),
    /// A column's expression becomes another.
    Expression {
        asset: usize,
        gene: usize,
        other: Gene,
    },
    /// The last change of an expression is taken back.
    Restore,
    /// Everything is materialized.
    Run(How),
    /// Some assets, or some sessions.
    Part {
        selected: u8,
        only: bool,
        from: Option<usize>,
        to: Option<usize>,
        how: How,
    },
    /// Everything, but cancelled on the way.
    Interrupt {
        asks: usize,
        how: How,
    },
    Reopen,
    /// The files of carried states are gone, of every so many one.
    LoseStates {
        every: usize,
    },
}

#[derive(Debug, Clone)]
pub struct Story {
    pub instruments: usize,
    pub bars: Vec<Option<Bar>>,
    /// From which session on an instrument is a member, and for how many more.
    pub members: Vec<Option<(usize, usize)>>,
    pub assets: Vec<AssetSeed>,
    pub steps: Vec<Step>,
}

/// A story on its way.
pub struct Told {
    pub world: World,
    pub market: Market,
    assets: Vec<AssetSeed>,
    /// The project file, where it does not follow from the assets.
    yaml: Option<String>,
    expressions: Vec<(usize, usize, Gene)>,
    files: Files,
    /// What everything held after the last run, if that was complete.
    before: Option<History>,
    /// Files of states were lost: more is computed than need be.
    is_blind: bool,
}

fn whole(how: &How) -> How {
    How { cancel_after: None, ..how.clone() }
}

impl Story {
    pub fn tell(&self) -> Result<(), TestCaseError> {
        let mut market = Market::new(self.instruments, &self.bars);
        let members = self.members.iter().enumerate().filter_map(|(at, member)| Some((at, (*member)?)));
        market.members.extend(members.map(|(at, (first, more))| (at, (first, first + more))));
        let mut told = Told::new(market, &self.assets);
        let plain = How { batch: None, jobs: 1, threads: 1, cancel_after: None };
        let edits = self.steps.iter().position(|step| !matches!(step, Step::Edit(_) | Step::Expression { .. }));
        // most stories begin with a complete run
        if edits != Some(0) || matches!(self.steps[0], Step::Run(_)) {
            told.run(&plain)?;
        }
        for step in &self.steps {
            told.step(step)?;
        }
        told.run(&plain)?;
        told.compare_with_another_store()
    }
}

impl Told {
    pub fn new(market: Market, assets: &[AssetSeed]) -> Self {
        Self { assets: assets.to_vec(), yaml: None, ..Self::of(market, &yaml(assets)) }
    }

    /// With a project file of its own.
    pub fn of(market: Market, yaml: &str) -> Self {
        let files = Files { yaml: yaml.to_owned(), bars: market.csv(), members: market.members_csv() };
        let world = World::new(&files);
        let yaml = Some(files.yaml.clone());
        Self { world, market, assets: Vec::new(), yaml, expressions: Vec::new(), files, before: None, is_blind: false }
    }

    pub fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Edit(edit) => self.market.edit(edit),
            Step::Expression { asset, gene, other } => {
                let asset = asset % self.assets.len();
                let gene = gene % self.assets[asset].genes.len();
                self.expressions.push((asset, gene, self.assets[asset].genes[gene]));
                self.assets[asset].genes[gene] = *other;
            }
            Step::Restore => {
                if let Some((asset, gene, other)) = self.expressions.pop() {
                    self.assets[asset].genes[gene] = other;
                }
            }
            Step::Run(how) => self.run(&whole(how))?,
            Step::Part { selected, only, from, to, how } => {
                let count = self.world.graph.nodes().len();
                let selected: BTreeSet<usize> = (0..count).filter(|at| selected >> at & 1 == 1).collect();
                let mut ends = [*from, *to];
                if let [Some(first), Some(last)] = &mut ends
                    && first > last
                {
                    std::mem::swap(first, last);
                }
                let [from, to] = ends.map(|end| end.map(date));
                let selected = (!selected.is_empty()).then_some(selected);
                let wish = Wish { selected, only: *only, from, to, ..Wish::default() };
                self.write();
                self.before = None;
                self.succeeded(&self.world.run(&wish, &whole(how)))?;
            }
            Step::Interrupt { asks, how } => {
                self.write();
                self.before = None;
                let report = self.world.run(&Wish::default(), &How { cancel_after: Some(*asks), ..how.clone() });
                self.succeeded(&report)?;
            }
            Step::Reopen => self.world.reopen(),
            Step::LoseStates { every } => {
                self.world.lose_states(*every);
                self.is_blind = true;
            }
        }
        Ok(())
    }

    fn write(&mut self) {
        let yaml = self.yaml.clone().unwrap_or_else(|| yaml(&self.assets));
        let files = Files { yaml, bars: self.market.csv(), members: self.market.members_csv() };
        if files != self.files {
            self.world.write(&files);
            self.files = files;
        }
    }

    fn succeeded(&self, report: &RunReport) -> Result<(), TestCaseError> {
        for asset in &report.assets {
            let is_bad = matches!(asset.status, AssetStatus::Failed | AssetStatus::Blocked);
            prop_assert!(!is_bad, "{}: {:?}\n{}", asset.asset, asset.error, self.files.yaml);
        }
        Ok(())
    }

    /// Everything, and what must hold then.
    pub fn run(&mut self, how: &How) -> Result<(), TestCaseError> {
        self.write();
        let report = self.world.run(&Wish::default(), how);
        self.succeeded(&report)?;
        let now = History::rebuild(&self.world.graph, &self.market);
        self.compare_contents(&now)?;
        let plan = self.world.plan();
        prop_assert!(plan.is_empty(), "something is left: {:?}", plan.assets);
        if let Some(before) = &self.before {
            self.compare_pairs(&now, before, &report)?;
        }
        self.before = Some(now);
        Ok(())
    }

    fn compare_contents(&self, now: &History) -> Result<(), TestCaseError> {
        let snapshot = self.world.snapshot();
        for (asset, content) in now.contents.iter().filter(|(asset, _)| *asset != "index") {
            let partitions: Vec<_> = snapshot.contents(asset).unwrap().into_keys().collect();
            let sessions: Vec<_> = (0..now.sessions).map(date).collect();
            prop_assert_eq!(&partitions, &sessions, "the sessions of {}", asset);
            let found = rows(&snapshot.read(asset, date(0), date(now.sessions), None).unwrap());
            if found != content.rows {
                let keys: BTreeSet<&Pair> = found.keys().chain(content.rows.keys()).collect();
                let differ = keys.into_iter().filter(|pair| found.get(*pair) != content.rows.get(*pair));
                let differ: Vec<_> =
                    differ.take(4).map(|pair| (pair, found.get(pair), content.rows.get(pair))).collect();
                prop_assert!(false, "{} is not what a rebuild gives: {:?}\n{}", asset, differ, self.files.yaml);
            }
        }
        Ok(())
    }

    fn compare_pairs(&self, now: &History, before: &History, report: &RunReport) -> Result<(), TestCaseError> {
        for (asset, content) in now.contents.iter().filter(|(asset, _)| !["bars", "index"].contains(&asset.as_str())) {
            let due = now.due(before, &self.world.graph, self.world.node(asset));
            let of_asset = report.assets.iter().find(|report| report.asset == *asset);
            let lanes = of_asset.map(|report| report.lanes.clone()).unwrap_or_default();
            let by_session: BTreeMap<usize, &Lanes> =
                (0..now.sessions).filter_map(|at| Some((at, lanes.get(&date(at))?))).collect();
            let is_computed = |(session, name): &&Pair| match by_session.get(session) {
                Some(Lanes::All) => true,
                Some(Lanes::Some(lanes)) => lanes.contains(name),
                None => false,
            };
            let computed: BTreeSet<Pair> = content.rows.keys().filter(is_computed).cloned().collect();
            let rows = of_asset.map_or(0, |report| report.computed);
            prop_assert_eq!(rows, computed.len() as u64, "rows of {} were computed twice", asset);
            let less: Vec<_> = due.must.difference(&computed).take(9).collect();
            let more: Vec<_> = computed.difference(&due.may).filter(|_| !self.is_blind).take(9).collect();
            prop_assert!(
                less.is_empty() && more.is_empty(),
                "of {} were not computed {:?}, and for nothing {:?}\n{}",
                asset,
                less,
                more,
                self.files.yaml
            );
        }
        Ok(())
    }

    /// A store that saw nothing of the story.
    pub fn compare_with_another_store(&self) -> Result<(), TestCaseError> {
        let other = World::new(&self.files);
        other.run(&Wish::default(), &How { batch: None, jobs: 1, threads: 1, cancel_after: None });
        let (one, two) = (self.world.snapshot(), other.snapshot());
        for node in self.world.graph.nodes() {
            prop_assert_eq!(one.contents(&node.name).unwrap(), two.contents(&node.name).unwrap(), "{}", node.name);
        }
        Ok(())
    }
}
