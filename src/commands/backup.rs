//! `assetctl backup`.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use assetctl_config::Kind;
use assetctl_store::{Backed, LeftOut, LeftOutWhy, NewBackup, ProjectFile};
use serde::Serialize;

use crate::args::Backup;
use crate::context::{Context, Loaded, named_data};
use crate::error::CliError;
use crate::report::{self, steps::Steps, table::count};

/// `--format json`.
#[derive(Serialize)]
struct Made {
    target: PathBuf,
    at: chrono::DateTime<chrono::Utc>,
    /// The newest commit and the newest run in it.
    revision: u64,
    run: Option<u64>,
    files: u64,
    bytes: u64,
    /// Of those files, how many are links, how many were copied, and how much that was.
    linked: u64,
    copied: u64,
    copied_bytes: u64,
    left_out: Vec<LeftOut>,
}

pub fn run(context: &Context, args: &Backup) -> Result<(), CliError> {
    let nothing = || CliError::usage("nothing was ever materialized here: there is nothing to back up", None);
    // A store is to be had also where the project has mistakes.
    let (store, data, files) = if args.store_only {
        let (store, data) = context.existing_store_of()?.ok_or_else(nothing)?;
        (store, data, ReadFiles::default())
    } else {
        let loaded = context.load()?;
        let store = loaded.existing_store()?.ok_or_else(nothing)?;
        let data = named_data(&loaded.project);
        (store, data, files_of(&loaded)?)
    };
    let new = NewBackup {
        target: &args.target,
        onto: args.onto.as_deref(),
        link: !args.copy,
        data: &data,
        project: &files.inside,
        outside: files.outside,
        at: context.clock.wall(),
    };
    let steps = Steps::new("files", context.is_watched());
    let made = store.back_up(&new, &|done, of| steps.at(done, of))?;
    steps.finish();
    let Backed { backup, linked, copied, copied_bytes } = made;
    let made = Made {
        target: backup.folder.clone(),
        at: backup.at,
        revision: backup.revision,
        run: backup.run,
        files: backup.files.len() as u64,
        bytes: backup.bytes(),
        linked,
        copied,
        copied_bytes,
        left_out: backup.left_out,
    };
    report::result(context.format, &made, human)?;
    let is_damaged = made.left_out.iter().any(|one| one.why == LeftOutWhy::Damaged);
    if is_damaged { Err(CliError::CheckFailed) } else { Ok(()) }
}

fn human(made: &Made) -> String {
    let run = made.run.map(|run| format!(", run {run}")).unwrap_or_default();
    let mut text = format!(
        "backed up revision {}{run} to `{}`\n{} ({:.1} MB): {} linked, {} copied ({:.1} MB)\n",
        made.revision,
        made.target.display(),
        count(made.files, "file"),
        made.bytes as f64 / 1e6,
        made.linked,
        made.copied,
        made.copied_bytes as f64 / 1e6
    );
    for LeftOut { path, why } in &made.left_out {
        let why = match why {
            LeftOutWhy::Damaged => "the file is missing or damaged; the next run makes it again",
            LeftOutWhy::Outside => "it lies outside of the project's folder",
            LeftOutWhy::Busy => "another program writes to it",
        };
        text.push_str(&format!("left out `{path}`: {why}\n"));
    }
    text
}

/// The files that a project reads.
#[derive(Default)]
struct ReadFiles {
    inside: Vec<ProjectFile>,
    outside: Vec<String>,
}

/// Configuration, calendars, programs with their scripts, and files of sources and tables.
fn files_of(loaded: &Loaded) -> Result<ReadFiles, CliError> {
    let project = &loaded.project;
    let mut paths: BTreeSet<PathBuf> = project.sources.files().map(|file| file.path.clone()).collect();
    for asset in &project.assets {
        if let Some(source) = assetctl_execute::file_source(asset, None) {
            paths.extend(assetctl_connect::local_files(&source));
        }
        if let Kind::Exec(spec) = &asset.kind {
            paths.extend(spec.scripts().iter().map(|(_, file)| asset.base.join(file)).filter(|path| path.is_file()));
        }
    }
    let root = whole(&project.root)?;
    let mut found = ReadFiles::default();
    for path in paths {
        let absolute = whole(&path)?;
        let inside = absolute.strip_prefix(&root).ok().and_then(|below| {
            let parts: Option<Vec<&str>> = below.components().map(|part| part.as_os_str().to_str()).collect();
            Some(parts?.join("/"))
        });
        match inside {
            Some(name) => found.inside.push(ProjectFile { name, path }),
            None => found.outside.push(path.display().to_string()),
        }
    }
    found.inside.sort();
    found.inside.dedup_by(|a, b| a.name == b.name);
    Ok(found)
}

/// A path from the root of the file system, without `.` and `..`.
fn whole(path: &Path) -> Result<PathBuf, CliError> {
    let absolute = std::path::absolute(path).map_err(CliError::other("finding the project's folder"))?;
    let mut whole = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => {
                whole.pop();
            }
            Component::CurDir => {}
            part => whole.push(part),
        }
    }
    Ok(whole)
}
