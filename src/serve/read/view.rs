//! A project to be read: what is selected, what is stale.

use std::collections::{BTreeSet, HashMap};

use assetctl_config::Project;
use assetctl_daemon::Declared;
use assetctl_execute::{Sources, observe};
use assetctl_graph::{AssetNode, Graph, SelectError, Selection};
use assetctl_plan::{Observation, Plan, PlanError, Request};
use assetctl_store::{Snapshot, Store};
use chrono::{DateTime, NaiveDate, Utc};

use super::error::ReadError;

/// A project that holds together.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub project: &'a Project,
    pub graph: &'a Graph,
}

/// What to plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'a> {
    /// In the language of `--select`; empty for all.
    pub select: &'a [String],
    pub exclude: &'a [String],
    /// First and last session.
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    /// Without what the selected assets need.
    pub only: bool,
    /// Every partition of the selected assets, stale or not.
    pub force: bool,
    /// Ask the selected sources again.
    pub again: bool,
}

/// A plan and what it was made from.
pub struct Planned {
    pub plan: Plan,
    pub sources: Sources,
    pub observations: HashMap<usize, Observation>,
}

impl<'a> From<&'a Declared> for View<'a> {
    fn from(declared: &'a Declared) -> Self {
        Self { project: &declared.project, graph: &declared.graph }
    }
}

impl<'a> View<'a> {
    /// The asset of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn asset(self, name: &str) -> Result<(usize, &'a AssetNode), ReadError> {
        let found = self.graph.find(name).map(|ix| (ix, self.graph.node(ix)));
        found.ok_or_else(|| {
            let names = self.graph.names();
            let help = assetctl_config::did_you_mean(name, names.iter().map(String::as_str));
            let help = help.map(|meant| format!("did you mean `{meant}`?"));
            ReadError::unknown(format!("there is no asset `{name}`"), help.as_deref())
        })
    }

    /// The selected assets, all if nothing is selected.
    pub fn select(
        self,
        select: &[String],
        exclude: &[String],
        plan: Option<&Plan>,
    ) -> Result<BTreeSet<usize>, ReadError> {
        let state = |ix: usize| plan.map_or_else(Vec::new, |plan| states(plan, &self.graph.node(ix).name));
        let resolve = |selection: &Selection| selection.resolve(self.graph, &state).map_err(wrong);
        let mut selected = resolve(&selection(select)?)?;
        if !exclude.is_empty() {
            let excluded = resolve(&selection(exclude)?)?;
            selected.retain(|ix| !excluded.contains(ix));
        }
        Ok(selected)
    }

    /// The selected assets, also by `state:`, for which everything is planned first.
    pub fn select_by_state(
        self,
        select: &[String],
        exclude: &[String],
        store: Option<&Store>,
        now: DateTime<Utc>,
    ) -> Result<BTreeSet<usize>, ReadError> {
        if !selection(select)?.needs_state() && !selection(exclude)?.needs_state() {
            return self.select(select, exclude, None);
        }
        let snapshot = store.map(Store::snapshot).transpose()?;
        let planned = self.plan(store, snapshot.as_ref(), &Wish::default(), now)?;
        self.select(select, exclude, Some(&planned.plan))
    }

    /// Looks at the sources' files and makes a plan; writes nothing.
    pub fn plan(
        self,
        store: Option<&Store>,
        snapshot: Option<&Snapshot>,
        wish: &Wish<'_>,
        now: DateTime<Utc>,
    ) -> Result<Planned, ReadError> {
        let needs_state = selection(wish.select)?.needs_state() || selection(wish.exclude)?.needs_state();
        let (selected, seen) = if needs_state {
            let everything = self.request(wish, (0..self.graph.nodes().len()).collect(), now);
            let seen = self.observe(store, &everything)?;
            let all = self.plan_request(snapshot, &seen.1, &everything)?;
            (self.select(wish.select, wish.exclude, Some(&all))?, Some(seen))
        } else {
            (self.select(wish.select, wish.exclude, None)?, None)
        };
        let request = self.request(wish, selected, now);
        let (sources, observations) = match seen {
            Some(seen) => seen,
            None => self.observe(store, &request)?,
        };
        let plan = self.plan_request(snapshot, &observations, &request)?;
        Ok(Planned { plan, sources, observations })
    }

    /// A plan on a store that has the assets `given` already: nothing outside is looked at.
    pub fn plan_given(
        self,
        snapshot: &Snapshot,
        wish: &Wish<'_>,
        selected: BTreeSet<usize>,
        given: BTreeSet<usize>,
        now: DateTime<Utc>,
    ) -> Result<Plan, ReadError> {
        let request = Request { given, ..self.request(wish, selected, now) };
        self.plan_request(Some(snapshot), &HashMap::new(), &request)
    }

    fn request(self, wish: &Wish<'_>, selected: BTreeSet<usize>, now: DateTime<Utc>) -> Request {
        let mut selection = wish.select.join(" ");
        if !wish.exclude.is_empty() {
            selection.push_str(&format!(" --exclude {}", wish.exclude.join(" ")));
        }
        Request {
            selection,
            selected,
            only: wish.only,
            given: BTreeSet::new(),
            from: wish.from,
            to: wish.to,
            force: wish.force,
            again: wish.again,
            now,
        }
    }

    fn observe(
        self,
        store: Option<&Store>,
        request: &Request,
    ) -> Result<(Sources, HashMap<usize, Observation>), ReadError> {
        let needed: BTreeSet<usize> = if request.only {
            request.selected.clone()
        } else {
            request.selected.iter().flat_map(|ix| self.graph.above(*ix, None)).collect()
        };
        Ok(observe(self.project, self.graph, &needed, store, request.now)?)
    }

    fn plan_request(
        self,
        snapshot: Option<&Snapshot>,
        observations: &HashMap<usize, Observation>,
        request: &Request,
    ) -> Result<Plan, ReadError> {
        match snapshot {
            Some(snapshot) => {
                snapshot.check_files();
                assetctl_plan::plan(self.graph, snapshot, snapshot.rev(), observations, request).map_err(planning)
            }
            None => assetctl_plan::plan(self.graph, &NothingYet, 0, observations, request).map_err(planning),
        }
    }
}

fn selection(words: &[String]) -> Result<Selection, ReadError> {
    Selection::parse(&words.join(" ")).map_err(wrong)
}

fn wrong(SelectError { message, help }: SelectError) -> ReadError {
    ReadError::Wrong { message, help }
}

fn planning<E: std::error::Error + Send + Sync + 'static>(error: PlanError<E>) -> ReadError {
    match error {
        PlanError::Ledger(error) => ReadError::other("reading the ledger")(error),
        other => ReadError::wrong(other.to_string(), None),
    }
}

/// How an asset is: the words for `state:`, and `possibly stale`, which is for people.
pub fn states(plan: &Plan, asset: &str) -> Vec<&'static str> {
    let Some(asset) = plan.asset(asset) else { return Vec::new() };
    let mut states = Vec::new();
    if asset.certain() > 0 {
        states.push("stale");
    }
    if asset.certain() == 0 && asset.possible() > 0 {
        states.push("possibly stale");
    }
    if asset.is_empty() && asset.blocked.is_empty() {
        states.push("clean");
    }
    if asset.stale.iter().any(|range| {
        range.reason == assetctl_plan::StaleReason::NeverMaterialized && range.sessions == asset.partitions
    }) {
        states.push("never");
    }
    if !asset.blocked.is_empty() {
        states.push("blocked");
    }
    states
}

/// The ledger of a project that was never materialized.
struct NothingYet;

impl assetctl_plan::Ledger for NothingYet {
    type Error = std::convert::Infallible;

    fn head(&self, _: &str) -> Option<&assetctl_plan::AssetHead> {
        None
    }

    fn segments(&self, _: &str, _: NaiveDate, _: NaiveDate) -> Result<Vec<assetctl_plan::SegmentRecord>, Self::Error> {
        Ok(Vec::new())
    }
}
