//! What commands start from: the project, its graph, its store.

use std::path::{Path, PathBuf};

use assetctl_config::{ConfigErrors, Diagnostic, Project};
use assetctl_execute::{Cancel, FileSchemas, RunEvent};
use assetctl_graph::Graph;
use assetctl_plan::Plan;
use assetctl_serve::{Planned, View};
use assetctl_store::{Snapshot, Store};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

use crate::args::{Dates, Format, Global, Selecting};
use crate::clock::Clock;
use crate::error::CliError;
use crate::report;

/// The name of the project file.
pub const PROJECT_FILE: &str = "assets.yaml";

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
        Ok(self.existing_store_of()?.map(|(store, _)| store))
    }

    /// The same with its folder, as the project names it.
    pub fn existing_store_of(&self) -> Result<Option<(Store, PathBuf)>, CliError> {
        let project = match assetctl_config::load(&self.project_file()?) {
            Ok(project) => project,
            Err(ConfigErrors { partial: Some(project), .. }) => *project,
            Err(errors) => return Err(all_mistakes(errors)),
        };
        let named = named_data(&project);
        Ok(Store::open_existing(&project.data_dir)?.map(|store| (store, named)))
    }

    /// The folder of the project here or above, if there is one.
    pub fn project_folder(&self) -> Option<PathBuf> {
        let file = self.project_file().ok()?;
        Some(file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf())
    }

    /// Whether somebody reads along.
    pub fn is_watched(&self) -> bool {
        self.format == Format::Human && !self.quiet
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

/// The data folder as the project names it, so that it can be found from another root.
pub fn named_data(project: &Project) -> PathBuf {
    project.data_dir.strip_prefix(&project.root).unwrap_or(&project.data_dir).to_path_buf()
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

    fn to_plan(&self) -> assetctl_serve::Wish<'a> {
        assetctl_serve::Wish {
            select: &self.selecting.select,
            exclude: &self.selecting.exclude,
            from: self.dates.from,
            to: self.dates.to,
            only: self.only,
            force: self.force,
            again: self.again,
        }
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

    /// To be read.
    pub fn view(&self) -> View<'_> {
        View { project: &self.project, graph: &self.graph }
    }

    /// The selected assets, all if nothing is selected.
    pub fn select(&self, selecting: &Selecting, plan: Option<&Plan>) -> Result<BTreeSet<usize>, CliError> {
        Ok(self.view().select(&selecting.select, &selecting.exclude, plan)?)
    }

    /// The selected assets, also by `state:`, for which everything is planned first.
    pub fn select_by_state(&self, selecting: &Selecting, now: DateTime<Utc>) -> Result<BTreeSet<usize>, CliError> {
        let store = self.existing_store()?;
        Ok(self.view().select_by_state(&selecting.select, &selecting.exclude, store.as_ref(), now)?)
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
        Ok(self.view().plan(store, snapshot, &wish.to_plan(), now)?)
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
        Ok(self.view().plan_given(snapshot, &wish.to_plan(), selected, given, now)?)
    }
}
