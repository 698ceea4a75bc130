//! A backup becomes a store again.
//!
//! Everything is verified before anything is touched. The new store is laid down whole, in a folder of its own within the data folder, and the
//! project's files in one within the project's; then the old store, if there is one, is moved aside, ledger first, the project's files change
//! places, and the new store is moved in, ledger last. A kill before that leaves everything as it was, a kill within it no store: never a mixture
//! that looks whole. Restoring again goes on from either.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rusqlite::params;

use super::Told;
use super::copying::{content_of, copy, set_modified, sync_all_below};
use super::error::{BackupError, Damage};
use super::manifest::{Backup, BackupFile};
use crate::database::{self, LedgerPath, micros};
use crate::error::{Error, Result};
use crate::gc::{files_in, folders_in};
use crate::layout::{Layout, create_folder, sync_folder};
use crate::locks;
use crate::parallel;

/// Begins the names of folders in which a store is laid down.
const STAGED: &str = ".restoring-";
/// What makes up a store, in the order in which it is moved aside: without its ledger it is none. The log of a ledger must never lie beside another.
const STORE: [&str; 11] = [
    "state.db",
    "state.db-wal",
    "state.db-shm",
    "lake",
    "logs",
    "spool",
    "known",
    "cache",
    "scratch.duckdb",
    "scratch.duckdb.wal",
    "sql_history.txt",
];

/// What to restore, and where to.
pub struct Restoring<'a> {
    pub backup: &'a Backup,
    /// The project's folder.
    pub root: &'a Path,
    /// The folder of everything materialized.
    pub data: &'a Path,
    /// The store alone, and none of the project's files.
    pub store_only: bool,
    /// Move what is there aside.
    pub force: bool,
    pub at: DateTime<Utc>,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub files: u64,
    pub bytes: u64,
    /// Where what was there before lies now.
    pub aside: Vec<PathBuf>,
}

/// Restores a backup.
///
/// # Errors
/// [`BackupError::Damaged`], [`BackupError::NotEmpty`], [`BackupError::Differs`], [`BackupError::Busy`]: nothing was touched. A ledger of a newer
/// program, or a disk that is full: the store is as it was.
pub fn restore(wanted: &Restoring<'_>, told: Told<'_>) -> Result<Restored, BackupError> {
    let backup = wanted.backup;
    let damaged = backup.damages(told);
    if !damaged.is_empty() {
        return Err(BackupError::Damaged { path: backup.folder.clone(), files: damaged });
    }
    let data = std::path::absolute(wanted.data).map_err(Error::io("open", wanted.data))?;
    let differing = if wanted.store_only { Vec::new() } else { differing(wanted)? };
    if !wanted.force {
        if data.join("state.db").symlink_metadata().is_ok() {
            return Err(BackupError::NotEmpty(data));
        }
        if !differing.is_empty() {
            return Err(BackupError::Differs(differing.into_iter().map(|(_, name)| name).collect()));
        }
    }
    let layout = Layout::new(&data);
    create_folder(&layout.locks())?;
    let _alone = alone(&layout)?;
    create_folder(wanted.root)?;
    let staged = Staged::new(&data, wanted.root)?;
    let laid = lay_down(backup, &staged.store, wanted.at)
        .and_then(|()| if wanted.store_only { Ok(()) } else { lay_down_project(backup, &staged.project) });
    if let Err(error) = laid {
        // This is the one worth telling; restoring again removes what is left.
        let _ = staged.remove();
        return Err(error);
    }
    let mut aside = Vec::new();
    let old = move_aside(&layout, wanted.at, &mut aside)?;
    if !wanted.store_only {
        swap_project(wanted, &staged.project, &differing, &mut aside)?;
    }
    move_in(&layout, &staged.store, &old)?;
    staged.remove()?;
    let restored = backup.files.iter().filter(|file| !wanted.store_only || !file.path.starts_with("project/"));
    let (files, bytes) = restored.fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.size));
    Ok(Restored { files, bytes, aside })
}

/// Where everything is laid down: beside where it goes, so that it is moved at once.
struct Staged {
    store: PathBuf,
    project: PathBuf,
}

impl Staged {
    /// Removes what a restore left that was killed.
    fn new(data: &Path, root: &Path) -> Result<Self> {
        for folder in [data, root] {
            for dead in folders_in(folder)? {
                if dead.file_name().is_some_and(|name| name.to_string_lossy().starts_with(STAGED)) {
                    fs::remove_dir_all(&dead).map_err(Error::io("remove", &dead))?;
                }
            }
        }
        let place = |folder: &Path, what: &str| folder.join(format!("{STAGED}{what}-{}", std::process::id()));
        Ok(Self { store: place(data, "store"), project: place(root, "project") })
    }

    fn remove(&self) -> Result<()> {
        for folder in [&self.store, &self.project] {
            match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", folder)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The project's files in the backup: each with its name in the project.
fn project_files(backup: &Backup) -> impl Iterator<Item = (&BackupFile, &str)> {
    backup.files.iter().filter_map(|file| Some((file, file.path.strip_prefix("project/")?)))
}

/// Those that are there with other content.
fn differing<'a>(wanted: &Restoring<'a>) -> Result<Vec<(&'a BackupFile, String)>> {
    let mut differing = Vec::new();
    for (file, name) in project_files(wanted.backup) {
        let path = wanted.root.join(name);
        let found = match content_of(&path) {
            Ok(found) => found,
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if found.hash != file.hash {
            differing.push((file, name.to_owned()));
        }
    }
    Ok(differing)
}

/// Locks against everybody who uses the store, or says who does.
fn alone(layout: &Layout) -> Result<Vec<File>, BackupError> {
    let busy = |who: &str| BackupError::Busy { path: layout.root().to_path_buf(), who: who.to_owned() };
    let mut held = Vec::new();
    held.push(locks::try_exclusive(&layout.daemon_lock())?.ok_or_else(|| busy("a daemon"))?);
    held.push(locks::try_exclusive(&layout.upkeep_lock())?.ok_or_else(|| busy("a backup or `gc`"))?);
    for path in files_in(&layout.locks())? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("asset-") || name.starts_with("run-") {
            held.push(locks::try_exclusive(&path)?.ok_or_else(|| busy("a run"))?);
        }
    }
    Ok(held)
}

/// Copies the store's files, and makes the ledger ready for its new life.
fn lay_down(backup: &Backup, staged: &Path, at: DateTime<Utc>) -> Result<(), BackupError> {
    create_folder(staged)?;
    let files = backup.files.iter().filter_map(|file| Some((file, file.path.strip_prefix("data/")?)));
    let files: Vec<(&BackupFile, &str)> = files.collect();
    // Most of the time goes to waiting for the disk.
    let taken = parallel::map(&files, |(file, name)| take(backup, file, &staged.join(name)));
    taken.into_iter().collect::<Result<(), BackupError>>()?;
    create_folder(&staged.join("lake"))?;
    let path = staged.join("state.db");
    let connection = database::open(&path, false)?;
    let ledger = LedgerPath(path);
    // What was to be told when the backup was made has been told since, by whoever went on then.
    let why =
        format!("restored from a backup of {}: it may have been sent since", backup.at.format("%Y-%m-%dT%H:%M:%SZ"));
    let settle = || -> rusqlite::Result<()> {
        connection.execute("DELETE FROM notices", [])?;
        connection.execute("UPDATE requests SET told = 1 WHERE ended IS NOT NULL", [])?;
        connection.execute(
            "UPDATE messages SET state = 'given_up', next_at = ?1, error = ?2 WHERE state = 'waiting'",
            params![micros(at), why],
        )?;
        // Everything into the one file that is moved.
        connection.pragma_update_and_check(None, "wal_checkpoint", "truncate", |_| Ok(()))
    };
    settle().map_err(ledger.failed("restore"))?;
    connection.close().map_err(|(_, error)| ledger.failed("close")(error))?;
    sync_all_below(staged)?;
    Ok(())
}

/// Copies a file of the backup, which must arrive as it was backed up.
fn take(backup: &Backup, file: &BackupFile, to: &Path) -> Result<(), BackupError> {
    let arrived = copy(&backup.path(file), to)?;
    if arrived.hash == file.hash {
        return Ok(());
    }
    let why = "changed while it was restored".to_owned();
    Err(BackupError::Damaged { path: backup.folder.clone(), files: vec![Damage { path: file.path.clone(), why }] })
}

/// Copies the project's files, with the times that they were written at.
fn lay_down_project(backup: &Backup, staged: &Path) -> Result<(), BackupError> {
    create_folder(staged)?;
    for (file, name) in project_files(backup) {
        let to = staged.join(name);
        take(backup, file, &to)?;
        if let Some(modified) = file.modified_ns {
            set_modified(&to, modified)?;
        }
    }
    sync_all_below(staged)?;
    Ok(())
}

/// Puts the project's files in place, and those aside that are otherwise.
fn swap_project(
    wanted: &Restoring<'_>,
    staged: &Path,
    differing: &[(&BackupFile, String)],
    aside: &mut Vec<PathBuf>,
) -> Result<()> {
    if !differing.is_empty() {
        let folder = unused(wanted.root, wanted.at);
        for (_, name) in differing {
            move_to(&wanted.root.join(name), &folder.join(name))?;
        }
        aside.push(folder);
    }
    for (_, name) in project_files(wanted.backup) {
        let to = wanted.root.join(name);
        // One that is the same is left as it is.
        if to.symlink_metadata().is_err() {
            move_to(&staged.join(name), &to)?;
        }
    }
    Ok(())
}

/// What there is of an old store goes aside; gives the folder that it is in.
fn move_aside(layout: &Layout, at: DateTime<Utc>, aside: &mut Vec<PathBuf>) -> Result<PathBuf> {
    let data = layout.root();
    let mut old: Vec<String> = STORE.iter().map(|name| (*name).to_owned()).collect();
    // Views name the files of the store that they were made for; it is published anew.
    for path in files_in(data)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("warehouse.") {
            old.push(name);
        }
    }
    old.retain(|name| data.join(name).symlink_metadata().is_ok());
    let folder = unused(data, at);
    for name in &old {
        move_to(&data.join(name), &folder.join(name))?;
    }
    sync_folder(data)?;
    if !old.is_empty() {
        aside.push(folder.clone());
    }
    Ok(folder)
}

/// The new store takes its place. `aside` is where the old one is, for who has to be told.
fn move_in(layout: &Layout, staged: &Path, aside: &Path) -> Result<(), BackupError> {
    let data = layout.root();
    let mut new: Vec<PathBuf> = folders_in(staged)?;
    new.extend(files_in(staged)?);
    // Once the ledger is there, everything is.
    new.sort_by_key(|path| path.ends_with("state.db"));
    for path in new {
        let to = data.join(path.file_name().unwrap_or_default());
        if to.symlink_metadata().is_ok() {
            return Err(BackupError::Taken { path: to, aside: aside.to_path_buf() });
        }
        if path.ends_with("state.db") {
            sync_folder(data)?;
        }
        fs::rename(&path, &to).map_err(Error::io("write", &to))?;
    }
    sync_folder(data)?;
    Ok(())
}

/// A name for a folder of what was there before, that nothing has.
fn unused(folder: &Path, at: DateTime<Utc>) -> PathBuf {
    let name = format!("before-restore-{}", at.format("%Y%m%dT%H%M%SZ"));
    let numbered = (1..).map(|number| if number == 1 { name.clone() } else { format!("{name}-{number}") });
    let mut free = numbered.map(|name| folder.join(name)).filter(|path| path.symlink_metadata().is_err());
    // The numbers do not end.
    free.next().unwrap_or_else(|| folder.join(&name))
}

fn move_to(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        create_folder(folder)?;
    }
    fs::rename(from, to).map_err(Error::io("move", from))
}
