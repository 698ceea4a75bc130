//! `assetctl restore`.

use std::path::{Path, PathBuf};

use assetctl_store::{Backup, BackupError, Damage, Restored, Restoring};
use serde::Serialize;

use crate::args::Restore;
use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, steps::Steps, table::count};

/// `--format json`.
#[derive(Serialize)]
struct Outcome {
    /// When the backup was made, its newest commit and its newest run.
    at: chrono::DateTime<chrono::Utc>,
    revision: u64,
    run: Option<u64>,
    files: u64,
    bytes: u64,
    /// The project's folder; `null` with `--verify`.
    to: Option<PathBuf>,
    /// Where what was there before lies now.
    aside: Vec<PathBuf>,
    /// With `--verify`: what is not as it was backed up.
    damaged: Vec<Damage>,
}

pub fn run(context: &Context, args: &Restore) -> Result<(), CliError> {
    let backup = Backup::open(&args.source)?;
    let steps = Steps::new("files verified", context.is_watched());
    let told = |done, of| steps.at(done, of);
    let outcome = |files, bytes| Outcome {
        at: backup.at,
        revision: backup.revision,
        run: backup.run,
        files,
        bytes,
        to: None,
        aside: Vec::new(),
        damaged: Vec::new(),
    };
    if args.verify {
        let damaged = backup.damages(&told);
        steps.finish();
        let found = Outcome { damaged, ..outcome(backup.files.len() as u64, backup.bytes()) };
        report::result(context.format, &found, verified)?;
        return if found.damaged.is_empty() { Ok(()) } else { Err(CliError::CheckFailed) };
    }
    let root = match &args.to {
        Some(folder) => folder.clone(),
        None => context.project_folder().unwrap_or_else(|| PathBuf::from(".")),
    };
    // What the restored project says of its folder, or the one that is there.
    let data = if args.store_only { data_there(&root)? } else { root.join(&backup.data) };
    let Restored { files, bytes, aside } = assetctl_store::restore(
        &Restoring {
            backup: &backup,
            root: &root,
            data: &data,
            store_only: args.store_only,
            force: args.force,
            at: context.clock.wall(),
        },
        &told,
    )?;
    steps.finish();
    report::result(context.format, &Outcome { to: Some(root), aside, ..outcome(files, bytes) }, human)
}

fn data_there(root: &Path) -> Result<PathBuf, CliError> {
    let file = root.join(crate::context::PROJECT_FILE);
    match assetctl_config::load(&file) {
        Ok(project) => Ok(project.data_dir),
        Err(errors) => match errors.partial {
            Some(project) => Ok(project.data_dir),
            None => Err(CliError::usage(
                format!("there is no project in `{}` to restore a store to", root.display()),
                Some("without `--store-only` the project's files are restored too, as far as the backup has them"),
            )),
        },
    }
}

fn verified(found: &Outcome) -> String {
    let what = format!(
        "{} ({:.1} MB), revision {}, of {}",
        count(found.files, "file"),
        found.bytes as f64 / 1e6,
        found.revision,
        found.at.format("%Y-%m-%d %H:%M:%S UTC")
    );
    if found.damaged.is_empty() {
        return format!("the backup is whole: {what}\n");
    }
    let mut text = format!("the backup is damaged: {what}\n");
    for Damage { path, why } in &found.damaged {
        text.push_str(&format!("`{path}` {why}\n"));
    }
    text
}

fn human(done: &Outcome) -> String {
    let run = done.run.map(|run| format!(", run {run}")).unwrap_or_default();
    let mut text = format!(
        "restored revision {}{run} of {}: {} ({:.1} MB)\n",
        done.revision,
        done.at.format("%Y-%m-%d %H:%M:%S UTC"),
        count(done.files, "file"),
        done.bytes as f64 / 1e6
    );
    for folder in &done.aside {
        text.push_str(&format!("what was there before is in `{}`\n", folder.display()));
    }
    text
}

/// What to do where a backup cannot be made or restored as asked.
pub fn help(error: &BackupError) -> Option<&'static str> {
    match error {
        BackupError::Exists(_) => Some("name another folder; `--onto` links what an earlier backup has already"),
        BackupError::NotEmpty(_) | BackupError::Differs(_) => Some(
            "`--force` moves it aside; `--to FOLDER` restores elsewhere; `--store-only` leaves the project's files alone",
        ),
        BackupError::Damaged { .. } => Some("`assetctl restore --verify` lists all; use another backup"),
        BackupError::Taken { .. } => Some("stop what uses the store, and restore again"),
        BackupError::NotABackup { .. }
        | BackupError::Newer { .. }
        | BackupError::Busy { .. }
        | BackupError::Store(_) => None,
    }
}
