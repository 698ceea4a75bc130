//! The file of schedules of a project.

use std::path::Path;

use super::{Loader, join};
use crate::diagnostic::{Diagnostic, Loc};
use crate::parse;
use crate::schedules::{self, Schedules};

/// Beside a project file of this name…
const PROJECT_FILE: &str = "assets.yaml";
/// …schedules are read from one of this name, where there is one.
const SCHEDULES_FILE: &str = "schedules.yaml";

impl Loader<'_> {
    /// What runs when: by the file that is named, or by the one beside an `assets.yaml`, and by what the assets say themselves.
    pub(super) fn schedules(
        &mut self,
        project: &Path,
        named: Option<(&str, Loc)>,
        around: schedules::Around<'_>,
        problems: &mut Vec<Diagnostic>,
    ) -> Schedules {
        let path = match &named {
            Some((path, _)) => join(around.base, path),
            None => join(around.base, SCHEDULES_FILE),
        };
        let beside = project.file_name().is_some_and(|name| name == PROJECT_FILE) && path.is_file();
        let mut schedules = Schedules::default();
        if (named.is_some() || beside)
            && !parse::says_nothing(&path)
            && let Some(root) = self.read(&path, named.map(|(_, loc)| (loc, "named here")))
        {
            let folder = path.parent().unwrap_or(around.base).to_path_buf();
            let sources = self.sources.clone();
            let around = schedules::Around { scope: around.scope.with_sources(&sources), base: &folder, ..around };
            schedules = schedules::read(&root, &around, problems);
            schedules.add_automatic(around.assets);
            schedules.path = Some(path);
        } else {
            schedules.add_automatic(around.assets);
        }
        schedules
    }
}
