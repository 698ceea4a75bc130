//! The project's files, read again when they change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use assetctl_config::Project;
use assetctl_daemon::{Declared, Declares};

use crate::context::Context;
use crate::report::diagnostics;

/// Where schedules are declared, if the project does not say.
const SCHEDULES: &str = "schedules.yaml";

/// When a file was written, and how long it is; `None` where there is none.
type Stamp = Option<(SystemTime, u64)>;

/// The files of a project as they were when it was read last.
pub struct Files {
    context: Context,
    known: Vec<(PathBuf, Stamp)>,
}

impl Files {
    pub fn new(context: Context, project: &Project) -> Self {
        Self { context, known: stamps(project) }
    }
}

impl Declares for Files {
    fn declared(&mut self) -> Result<Option<Arc<Declared>>, String> {
        let is_same = |(path, known): &(PathBuf, Stamp)| stamp(path) == *known;
        if self.known.iter().all(is_same) {
            return Ok(None);
        }
        match self.context.load() {
            Ok(loaded) => {
                self.known = stamps(&loaded.project);
                Ok(Some(Arc::new(Declared { project: loaded.project, graph: loaded.graph })))
            }
            Err(error) => {
                // Told once for each state that they are in.
                for (path, known) in &mut self.known {
                    *known = stamp(path);
                }
                Err(diagnostics::in_words(&error))
            }
        }
    }
}

fn stamps(project: &Project) -> Vec<(PathBuf, Stamp)> {
    let mut paths: Vec<PathBuf> = project.sources.files().map(|file| file.path.clone()).collect();
    // One that is not there yet may come.
    paths.push(project.root.join(SCHEDULES));
    paths.sort_unstable();
    paths.dedup();
    paths
        .into_iter()
        .map(|path| {
            let stamp = stamp(&path);
            (path, stamp)
        })
        .collect()
}

fn stamp(path: &std::path::Path) -> Stamp {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}
