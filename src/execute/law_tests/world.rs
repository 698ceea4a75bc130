//! A project and a store in a temporary folder, and runs of them as the program makes them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use assetctl_config::Project;
use assetctl_graph::{AssetNode, Graph};
use assetctl_plan::{Plan, Request};
use assetctl_store::{Snapshot, Store};
use chrono::{DateTime, NaiveDate, Utc};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{Cancel, FileSchemas, Options, RunReport, Work, materialize, observe};

/// After every session that any story comes to; an index goes on until then.
fn now() -> DateTime<Utc> {
    "2015-06-30T00:00:00Z".parse().unwrap()
}

/// What is asked of a run.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Positions in the graph; all for `None`.
    pub selected: Option<BTreeSet<usize>>,
    pub only: bool,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub force: bool,
}

/// How it is executed.
#[derive(Debug, Clone)]
pub struct How {
    pub batch: Option<usize>,
    pub jobs: usize,
    pub threads: usize,
    /// It is cancelled when it has been asked so often.
    pub cancel_after: Option<usize>,
}

/// The files of a project.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Files {
    pub yaml: String,
    pub bars: String,
    pub members: String,
}

pub struct World {
    folder: TempDir,
    runtime: Runtime,
    pub project: Arc<Project>,
    pub graph: Arc<Graph>,
    store: Arc<Store>,
}

impl World {
    pub fn new(files: &Files) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), files);
        let (project, graph) = load(folder.path());
        let store = Arc::new(Store::open(&project.data_dir).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        Self { folder, runtime, project, graph, store }
    }

    /// Other files.
    pub fn write(&mut self, files: &Files) {
        write(self.folder.path(), files);
        (self.project, self.graph) = load(self.folder.path());
    }

    /// Closes the store and opens it again, as a new process would.
    pub fn reopen(&mut self) {
        self.store = Arc::new(Store::open(&self.project.data_dir).unwrap());
    }

    /// Takes away the files of carried states, of every so many one.
    pub fn lose_states(&self, every: usize) {
        let mut files = Vec::new();
        for asset in std::fs::read_dir(self.project.data_dir.join("lake")).into_iter().flatten() {
            let of_asset = std::fs::read_dir(asset.unwrap().path()).unwrap().map(|file| file.unwrap().path());
            files.extend(of_asset.filter(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                name.contains("trace") || name.contains("checkpoint")
            }));
        }
        files.sort();
        files.iter().step_by(every).for_each(|path| std::fs::remove_file(path).unwrap());
    }

    pub fn snapshot(&self) -> Snapshot {
        self.store.snapshot().unwrap()
    }

    pub fn node(&self, name: &str) -> &AssetNode {
        self.graph.node(self.graph.find(name).unwrap())
    }

    fn work(&self, wish: &Wish) -> Work {
        let snapshot = self.snapshot();
        let everything = || (0..self.graph.nodes().len()).collect();
        let request = Request {
            selection: String::new(),
            selected: wish.selected.clone().unwrap_or_else(everything),
            only: wish.only,
            given: BTreeSet::new(),
            from: wish.from,
            to: wish.to,
            force: wish.force,
            again: false,
            now: now(),
        };
        let needed: BTreeSet<usize> = if request.only {
            request.selected.clone()
        } else {
            request.selected.iter().flat_map(|ix| self.graph.above(*ix, None)).collect()
        };
        let (sources, observations) = observe(&self.project, &self.graph, &needed, Some(&self.store), now()).unwrap();
        snapshot.check_files();
        let plan = assetctl_plan::plan(&self.graph, &snapshot, snapshot.rev(), &observations, &request).unwrap();
        Work {
            project: Arc::clone(&self.project),
            graph: Arc::clone(&self.graph),
            store: Arc::clone(&self.store),
            plan,
            sources,
            observations,
            fetchers: Default::default(),
        }
    }

    pub fn plan(&self) -> Plan {
        self.work(&Wish::default()).plan
    }

    pub fn run(&self, wish: &Wish, how: &How) -> RunReport {
        let options = Options {
            command: String::new(),
            jobs: how.jobs,
            batch: how.batch,
            memory: 1 << 28,
            threads: how.threads,
            wait: false,
            instruments: Vec::new(),
            clock: now,
        };
        let cancel = how.cancel_after.map_or_else(Cancel::default, Cancel::after_asks);
        let (events, _listener) = tokio::sync::mpsc::unbounded_channel();
        self.runtime.block_on(materialize(self.work(wish), options, cancel, events)).unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own files need no crash safety")]
fn write(folder: &Path, files: &Files) {
    std::fs::write(folder.join("assets.yaml"), &files.yaml).unwrap();
    std::fs::write(folder.join("bars.csv"), &files.bars).unwrap();
    std::fs::write(folder.join("members.csv"), &files.members).unwrap();
}

fn load(folder: &Path) -> (Arc<Project>, Arc<Graph>) {
    let project = assetctl_config::load(&folder.join("assets.yaml")).unwrap_or_else(|errors| panic!("{errors:?}"));
    let graph = Graph::build(&project, &FileSchemas::new(&project)).unwrap_or_else(|problems| panic!("{problems:?}"));
    (Arc::new(project), Arc::new(graph))
}
