//! What commands start from: the project, its graph, its store.

use std::path::{Path, PathBuf};

use assetctl_config::{ConfigErrors, Diagnostic, Project};
use assetctl_execute::{Cancel, FileSchemas, ObserveError, RunEvent, Sources, observe};
use assetctl_graph::{Graph, Selection};
use assetctl_plan::{Observation, Plan, Request};
use assetctl_store::{Snapshot, Store};
use chrono::{DateTime, Utc};
use std::collections::{BTreeSet, HashMap};

use crate::args::{Dates, Format, Global, Selecting};
use crate::clock::Clock;
use crate::error::CliError;
use crate::report;

/// The name of the project file.
const PROJECT_FILE: &str = "assets.yaml";

/// Everything that is said once on the command line.
#[derive(Debug, Clone)]
pub struct Context {
    pub format: Format,
    pub quiet: bool,
    pub clock: Clock,
    /// Who watches over what runs, in place of a terminal.
    pub supervised: Option<Supervised>,
    project: Option<PathBuf>,
}

/// Somebody who watches over a run and may stop it.
#[derive(Debug, Clone)]
pub struct Supervised {
    pub cancel: Cancel,
    pub events: tokio::sync::mpsc::UnboundedSender<RunEvent>,
    /// What is recorded in place of the command line.
    pub command: String,
}

impl Context {
    pub fn new(global: &Global) -> Self {
        Self {
            format: global.format,
            quiet: global.quiet,
            clock: Clock::new(global.now),
            supervised: None,
            project: global.project.clone(),
        }
    }

    /// The same for a run of a daemon, as of an instant: nothing is printed.
    pub fn supervised(&self, now: DateTime<Utc>, by: Supervised) -> Self {
        Self { clock: Clock::new(Some(now)), supervised: Some(by), ..self.silent() }
    }

    /// What stops a run; Ctrl-C besides, where nobody watches over it.
    pub fn cancel(&self) -> Cancel {
        self.supervised.as_ref().map(|by| by.cancel.clone()).unwrap_or_default()
    }

    /// Tells who watches over a run; who does not listen any more does not need to know.
    pub fn tell(&self, event: RunEvent) {
        if let Some(by) = &self.supervised {
            let _ = by.events.send(event);
        }
    }

    /// The same, with no results printed.
    pub fn silent(&self) -> Self {
        Self { format: Format::Silent, quiet: true, ..self.clone() }
    }

    /// Reads the project and builds its graph; warnings are shown as they are found.
    pub fn load(&self) -> Result<Loaded, CliError> {
        let path = self.project_file()?;
        let project = assetctl_config::load(&path).map_err(all_mistakes)?;
        let graph = Graph::build(&project, &FileSchemas::new(&project)).and_then(|graph| {
            let mut problems = assetctl_schedule::check(&project, &graph);
            problems.extend(assetctl_notify::check(&project.schedules));
            if problems.is_empty() { Ok(graph) } else { Err(problems) }
        });
        match graph {
            Ok(graph) => {
                let mut warnings = project.warnings.clone();
                warnings.extend(assetctl_config::calendar_warnings(&project, self.clock.now()));
                Ok(Loaded { project, graph, warnings })
            }
            Err(diagnostics) => Err(CliError::Config { sources: project.sources, diagnostics }),
        }
    }

    /// The store, also of a project that has mistakes: what runs there must be found and stopped all the same.
    pub fn existing_store(&self) -> Result<Option<Store>, CliError> {
        let data = match assetctl_config::load(&self.project_file()?) {
            Ok(project) => project.data_dir,
            Err(ConfigErrors { partial: Some(project), .. }) => project.data_dir,
            Err(errors) => return Err(all_mistakes(errors)),
        };
        Ok(Store::open_existing(&data)?)
    }

    /// `--project`, or the nearest `assets.yaml` here or above.
    fn project_file(&self) -> Result<PathBuf, CliError> {
        if let Some(path) = &self.project {
            return Ok(if path.is_dir() { path.join(PROJECT_FILE) } else { path.clone() });
        }
        let here = std::env::current_dir().map_err(CliError::other("finding the current folder"))?;
        for (up, folder) in here.ancestors().enumerate() {
            if folder.join(PROJECT_FILE).is_file() {
                return Ok((0..up).map(|_| "..").collect::<PathBuf>().join(PROJECT_FILE));
            }
        }
        Err(CliError::usage(
            format!("there is no `{PROJECT_FILE}` in `{}` or in a folder above it", here.display()),
            Some("`assetctl init` writes one; `--project PATH` names one elsewhere"),
        ))
    }
}

/// What is wrong in the files, and what is wrong besides in the graph of those assets that have no mistake of their own, or in what
/// jobs select.
fn all_mistakes(ConfigErrors { sources, mut diagnostics, partial }: ConfigErrors) -> CliError {
    if let Some(project) = partial {
        match Graph::build(&project, &FileSchemas::new(&project)) {
            Err(more) => diagnostics.extend(more),
            // Of a part of the assets, selections say nothing.
            Ok(graph) if project.broken.is_empty() => diagnostics.extend(assetctl_schedule::check(&project, &graph)),
            Ok(_) => {}
        }
        diagnostics.extend(assetctl_notify::check(&project.schedules));
        Diagnostic::sort(&mut diagnostics);
    }
    CliError::Config { sources, diagnostics }
}

/// A project that holds together.
pub struct Loaded {
    pub project: Project,
    pub graph: Graph,
    pub warnings: Vec<assetctl_config::Diagnostic>,
}

/// A plan and what it was made from.
pub struct Planned {
    pub plan: Plan,
    pub sources: Sources,
    pub observations: HashMap<usize, Observation>,
}

/// What to plan, as the command line says it.
pub struct Wish<'a> {
    pub selecting: &'a Selecting,
    pub dates: Dates,
    pub only: bool,
    pub force: bool,
    /// Ask the selected sources again.
    pub again: bool,
}

impl<'a> Wish<'a> {
    /// All that is stale of what is selected, and of what that needs.
    pub fn of_stale(selecting: &'a Selecting) -> Self {
        Self { selecting, dates: Dates { from: None, to: None }, only: false, force: false, again: false }
    }
}

impl Loaded {
    pub fn show_warnings(&self, quiet: bool) {
        if !quiet {
            for warning in &self.warnings {
                anstream::eprintln!("{}", report::diagnostics::diagnostic(&self.project.sources, warning).trim_end());
            }
        }
    }

    pub fn data(&self) -> &Path {
        &self.project.data_dir
    }

    /// The store, for writing.
    pub fn store(&self) -> Result<Store, CliError> {
        Ok(Store::open(self.data())?)
    }

    /// The store, if anything was ever materialized.
    pub fn existing_store(&self) -> Result<Option<Store>, CliError> {
        Ok(Store::open_existing(self.data())?)
    }

    /// The selected assets, all if nothing is selected.
    pub fn select(&self, selecting: &Selecting, plan: Option<&Plan>) -> Result<BTreeSet<usize>, CliError> {
        let selection = self.selection(&selecting.select)?;
        let exclude = self.selection(&selecting.exclude)?;
        let state = |ix: usize| plan.map_or_else(Vec::new, |plan| states(plan, &self.graph.node(ix).name));
        let resolve = |selection: &Selection| {
            selection
                .resolve(&self.graph, &state)
                .map_err(|error| CliError::Usage { message: error.message, help: error.help })
        };
        let mut selected = resolve(&selection)?;
        if !selecting.exclude.is_empty() {
            let excluded = resolve(&exclude)?;
            selected.retain(|ix| !excluded.contains(ix));
        }
        Ok(selected)
    }

    /// The selected assets, also by `state:`, for which everything is planned first.
    pub fn select_by_state(&self, selecting: &Selecting, now: DateTime<Utc>) -> Result<BTreeSet<usize>, CliError> {
        if !self.selection(&selecting.select)?.needs_state() && !self.selection(&selecting.exclude)?.needs_state() {
            return self.select(selecting, None);
        }
        let store = self.existing_store()?;
        let snapshot = store.as_ref().map(Store::snapshot).transpose()?;
        let everything = Selecting { select: Vec::new(), exclude: Vec::new() };
        let planned = self.plan(store.as_ref(), snapshot.as_ref(), &Wish::of_stale(&everything), now)?;
        self.select(selecting, Some(&planned.plan))
    }

    fn selection(&self, words: &[String]) -> Result<Selection, CliError> {
        Selection::parse(&words.join(" ")).map_err(|error| CliError::Usage { message: error.message, help: error.help })
    }

    /// Publishes the warehouse if it is behind the ledger (a run was killed between a commit and its publication) or shows
    /// other assets than the project names. A run that still goes on publishes when it ends: until then readers see the state
    /// before it, and not the middle of it.
    pub fn publish_if_behind(&self, store: &Store) -> Result<(), CliError> {
        let names = self.graph.names();
        if !store.is_published(Some(&names))? && !store.has_live_run()? {
            store.publish(Some(&names))?;
        }
        Ok(())
    }

    /// Looks at the sources' files and makes a plan; writes nothing.
    pub fn plan(
        &self,
        store: Option<&Store>,
        snapshot: Option<&Snapshot>,
        wish: &Wish<'_>,
        now: DateTime<Utc>,
    ) -> Result<Planned, CliError> {
        let needs_state = self.selection(&wish.selecting.select)?.needs_state()
            || self.selection(&wish.selecting.exclude)?.needs_state();
        let (selected, seen) = if needs_state {
            let everything = self.request(wish, (0..self.graph.nodes().len()).collect(), now);
            let seen = self.observe(store, &everything)?;
            let all = self.plan_request(snapshot, &seen.1, &everything)?;
            (self.select(wish.selecting, Some(&all))?, Some(seen))
        } else {
            (self.select(wish.selecting, None)?, None)
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
        &self,
        snapshot: &Snapshot,
        wish: &Wish<'_>,
        selected: BTreeSet<usize>,
        given: BTreeSet<usize>,
        now: DateTime<Utc>,
    ) -> Result<Plan, CliError> {
        let request = Request { given, ..self.request(wish, selected, now) };
        self.plan_request(Some(snapshot), &HashMap::new(), &request)
    }

    fn request(&self, wish: &Wish<'_>, selected: BTreeSet<usize>, now: DateTime<Utc>) -> Request {
        let mut selection = wish.selecting.select.join(" ");
        if !wish.selecting.exclude.is_empty() {
            selection.push_str(&format!(" --exclude {}", wish.selecting.exclude.join(" ")));
        }
        Request {
            selection,
            selected,
            only: wish.only,
            given: BTreeSet::new(),
            from: wish.dates.from,
            to: wish.dates.to,
            force: wish.force,
            again: wish.again,
            now,
        }
    }

    fn observe(
        &self,
        store: Option<&Store>,
        request: &Request,
    ) -> Result<(Sources, HashMap<usize, Observation>), CliError> {
        let needed: BTreeSet<usize> = if request.only {
            request.selected.clone()
        } else {
            request.selected.iter().flat_map(|ix| self.graph.above(*ix, None)).collect()
        };
        observe(&self.project, &self.graph, &needed, store, request.now).map_err(|error| match error {
            ObserveError::Sources(refused) => CliError::Sources(refused),
            ObserveError::Store(error) => CliError::Store(error),
        })
    }

    fn plan_request(
        &self,
        snapshot: Option<&Snapshot>,
        observations: &HashMap<usize, Observation>,
        request: &Request,
    ) -> Result<Plan, CliError> {
        match snapshot {
            Some(snapshot) => {
                snapshot.check_files();
                assetctl_plan::plan(&self.graph, snapshot, snapshot.rev(), observations, request).map_err(planning)
            }
            None => assetctl_plan::plan(&self.graph, &NothingYet, 0, observations, request).map_err(planning),
        }
    }
}

fn planning<E: std::error::Error + Send + Sync + 'static>(error: assetctl_plan::PlanError<E>) -> CliError {
    match error {
        assetctl_plan::PlanError::Ledger(error) => CliError::other("reading the ledger")(error),
        other => CliError::usage(other.to_string(), None),
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

    fn segments(
        &self,
        _: &str,
        _: chrono::NaiveDate,
        _: chrono::NaiveDate,
    ) -> Result<Vec<assetctl_plan::SegmentRecord>, Self::Error> {
        Ok(Vec::new())
    }
}
