//! A backup is made.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags};

use super::Told;
use super::copying::{Content, content_of, copy, copy_open, copy_stable, link, relative, sync_all_below};
use super::error::BackupError;
use super::lake::{self, LakeFile};
use super::manifest::{Backup, BackupFile, LeftOut, LeftOutWhy};
use crate::database::LedgerPath;
use crate::error::{Error, Result};
use crate::gc::{files_below, folders_in};
use crate::layout::{create_folder, remove, sync_folder};
use crate::locks;
use crate::parallel;
use crate::store::{Store, newest_rev};

/// In the folder of a backup that is being made: locked by who makes it.
const LOCK: &str = ".making";
/// What lies beside the lake and is backed up as it is.
const BESIDE: [&str; 1] = ["sql_history.txt"];
const SCRATCH: &str = "scratch.duckdb";

/// What to back up, and where to.
pub struct NewBackup<'a> {
    /// A folder that is not there yet.
    pub target: &'a Path,
    /// An earlier backup: what is in it already is linked from there and not copied again.
    pub onto: Option<&'a Path>,
    /// Link files of the store where that can be, rather than copy them.
    pub link: bool,
    /// The data folder, as the project names it.
    pub data: &'a Path,
    pub project: &'a [ProjectFile],
    /// What the project reads and is not to be in it.
    pub outside: Vec<String>,
    pub at: DateTime<Utc>,
}

/// A file that the project reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProjectFile {
    /// Relative to the project's folder, with `/`.
    pub name: String,
    pub path: PathBuf,
}

/// What was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Backed {
    pub backup: Backup,
    /// Files that are links, and those that were copied.
    pub linked: u64,
    pub copied: u64,
    pub copied_bytes: u64,
}

impl Store {
    /// Backs the store up while it may be in use.
    ///
    /// # Errors
    /// [`BackupError::Exists`]; what [`Backup::open`] says of the earlier backup; a disk that is full. Nothing remains then.
    pub fn back_up(&self, new: &NewBackup<'_>, told: Told<'_>) -> Result<Backed, BackupError> {
        let exists = |path: &Path| path.symlink_metadata().is_ok();
        if exists(new.target) {
            return Err(BackupError::Exists(new.target.to_path_buf()));
        }
        let onto = new.onto.map(Backup::open).transpose()?;
        let target = std::path::absolute(new.target).map_err(Error::io("open", new.target))?;
        let parent = target.parent().unwrap_or(Path::new("/")).to_path_buf();
        create_folder(&parent)?;
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        forget_dead(&parent, &name)?;
        let folder = parent.join(format!("{}{}", partial(&name), std::process::id()));
        let made = self.make(new, onto.as_ref(), &folder, told).and_then(|made| {
            if exists(&target) {
                return Err(BackupError::Exists(target.clone()));
            }
            fs::rename(&folder, &target).map_err(Error::io("write", &target))?;
            sync_folder(&parent)?;
            Ok(made)
        });
        if made.is_err() {
            // The first error is the one worth telling; the next backup of this name finds what is left.
            let _ = fs::remove_dir_all(&folder);
        }
        let mut made = made?;
        made.backup.folder = target;
        Ok(made)
    }

    fn make(
        &self,
        new: &NewBackup<'_>,
        onto: Option<&Backup>,
        folder: &Path,
        told: Told<'_>,
    ) -> Result<Backed, BackupError> {
        create_folder(folder)?;
        let lock = locks::hold(&folder.join(LOCK))?;
        // No segment goes while this is held.
        let _kept = self.hold_off_gc()?;
        let mut making = Making::new(folder, new, onto);
        let ledger = self.copy_ledger(folder)?;
        making.backup.revision = newest_rev(&ledger.0).map_err(ledger.1.failed("read"))?;
        making.backup.run = newest_run(&ledger.0).map_err(ledger.1.failed("read"))?;
        let assets = lake::assets(&ledger.0, &ledger.1)?;
        making.of = lake::count(&ledger.0, &ledger.1)? + new.project.len() as u64;
        for asset in &assets {
            let files = lake::files_of(&ledger.0, &ledger.1, asset)?;
            making.take_lake(self.layout().root(), &files, told)?;
        }
        drop(ledger);
        let state = content_of(&folder.join("data/state.db"))?;
        making.count(false, state.size);
        making.add("data/state.db", state, None);
        making.take_beside(self.layout().root())?;
        for file in new.project {
            let path = format!("project/{}", file.name);
            let (content, modified) = copy_stable(&file.path, &folder.join(&path))?;
            making.count(false, content.size);
            making.add(&path, content, modified);
            told(making.done.fetch_add(1, Ordering::Relaxed) + 1, making.of);
        }
        making.backup.files.sort_by(|a, b| a.path.cmp(&b.path));
        making.backup.write()?;
        remove(&folder.join(LOCK))?;
        drop(lock);
        sync_all_below(folder)?;
        let Making { backup, linked, copied, copied_bytes, .. } = making;
        Ok(Backed { backup, linked, copied, copied_bytes })
    }

    /// Copies the ledger as one consistent state, and opens the copy for reading.
    fn copy_ledger(&self, folder: &Path) -> Result<(Connection, LedgerPath), BackupError> {
        let data = folder.join("data");
        create_folder(&data)?;
        let path = data.join("state.db");
        let text = path.to_str().ok_or_else(|| {
            Error::io("write", &path)(io::Error::new(io::ErrorKind::InvalidInput, "its name is not Unicode"))
        })?;
        // A connection of its own: others go on meanwhile.
        let connection = crate::database::open(&self.layout.database(), false)?;
        connection.execute("VACUUM INTO ?1", [text]).map_err(self.ledger.failed("copy"))?;
        File::open(&path).and_then(|file| file.sync_all()).map_err(Error::io("sync", &path))?;
        let ledger = LedgerPath(path.clone());
        let copy =
            Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
                .map_err(ledger.failed("open"))?;
        let sound: String =
            copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(ledger.failed("check"))?;
        if sound != "ok" {
            return Err(Error::corrupt(format!("the ledger: {sound}")).into());
        }
        Ok((copy, ledger))
    }
}

fn newest_run(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    connection.query_row("SELECT max(id) FROM runs", [], |row| Ok(row.get::<_, Option<i64>>(0)?.map(|id| id as u64)))
}

/// What folders are called in which a backup of that name is being made.
fn partial(name: &str) -> String {
    format!(".{name}.partial-")
}

/// Removes what backups of that name left that were killed.
fn forget_dead(parent: &Path, name: &str) -> Result<()> {
    for folder in folders_in(parent)? {
        let is_partial = folder.file_name().is_some_and(|found| found.to_string_lossy().starts_with(&partial(name)));
        if is_partial && !locks::is_held(&folder.join(LOCK))? {
            fs::remove_dir_all(&folder).map_err(Error::io("remove", &folder))?;
        }
    }
    Ok(())
}

/// A backup while it is being made.
struct Making<'a> {
    folder: &'a Path,
    link: bool,
    onto: Option<(&'a Backup, HashMap<&'a str, &'a BackupFile>)>,
    backup: Backup,
    linked: u64,
    copied: u64,
    copied_bytes: u64,
    done: AtomicU64,
    of: u64,
}

/// What became of one file of the lake.
enum Taken {
    Linked(Content),
    Copied(Content),
    Damaged,
}

impl<'a> Making<'a> {
    fn new(folder: &'a Path, new: &NewBackup<'_>, onto: Option<&'a Backup>) -> Self {
        let mut backup = Backup::new(folder, new.at, new.data);
        let outside = new.outside.iter().map(|path| LeftOut { path: path.clone(), why: LeftOutWhy::Outside });
        backup.left_out.extend(outside);
        let onto = onto.map(|onto| (onto, onto.files.iter().map(|file| (file.path.as_str(), file)).collect()));
        Self {
            folder,
            link: new.link,
            onto,
            backup,
            linked: 0,
            copied: 0,
            copied_bytes: 0,
            done: AtomicU64::new(0),
            of: 0,
        }
    }

    fn add(&mut self, path: &str, content: Content, modified_ns: Option<u64>) {
        let Content { size, hash } = content;
        self.backup.files.push(BackupFile { path: path.to_owned(), size, hash, modified_ns });
    }

    fn count(&mut self, linked: bool, bytes: u64) {
        if linked {
            self.linked += 1;
        } else {
            self.copied += 1;
            self.copied_bytes += bytes;
        }
    }

    fn take_lake(&mut self, data: &Path, files: &[LakeFile], told: Told<'_>) -> Result<()> {
        let taken = parallel::map(files, |file| {
            let taken = self.take(data, file);
            told(self.done.fetch_add(1, Ordering::Relaxed) + 1, self.of);
            taken
        });
        for (file, taken) in files.iter().zip(taken) {
            let path = format!("data/{}", file.path);
            match taken? {
                Taken::Damaged => self.backup.left_out.push(LeftOut { path, why: LeftOutWhy::Damaged }),
                Taken::Linked(content) => {
                    self.count(true, content.size);
                    self.add(&path, content, None);
                }
                Taken::Copied(content) => {
                    self.count(false, content.size);
                    self.add(&path, content, None);
                }
            }
        }
        Ok(())
    }

    fn take(&self, data: &Path, file: &LakeFile) -> Result<Taken> {
        let path = format!("data/{}", file.path);
        let to = self.folder.join(&path);
        if let Some((onto, known)) = &self.onto
            && let Some(known) = known.get(path.as_str()).filter(|known| known.size == file.size)
            && link(&onto.folder.join(&path), &to)?
        {
            let content = content_of(&to)?;
            // It was held against the ledger when it was backed up first.
            if content.size == known.size && content.hash == known.hash {
                return Ok(Taken::Linked(content));
            }
            remove(&to)?;
        }
        let from = data.join(&file.path);
        let linked = self.link && link(&from, &to)?;
        let content = if linked { content_of(&to) } else { copy(&from, &to) };
        let content = match content {
            Ok(content) => content,
            Err(Error::Io { action: "read", source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(Taken::Damaged);
            }
            Err(error) => return Err(error),
        };
        if !file.is_whole(&to) {
            remove(&to)?;
            return Ok(Taken::Damaged);
        }
        Ok(if linked { Taken::Linked(content) } else { Taken::Copied(content) })
    }

    /// Logs of runs, the shell's history, tables of the user's own.
    fn take_beside(&mut self, data: &Path) -> Result<()> {
        let logs = files_below(&data.join("logs"))?;
        let beside = BESIDE.map(|name| data.join(name)).into_iter().filter(|path| path.is_file());
        let files: Vec<(PathBuf, String)> = logs
            .into_iter()
            .chain(beside)
            .filter_map(|from| relative(&from, data).map(|name| (from, format!("data/{name}"))))
            .collect();
        let taken = parallel::map(&files, |(from, path)| self.take_as_is(from, path));
        for ((_, path), taken) in files.iter().zip(taken) {
            let (content, linked) = taken?;
            self.count(linked, content.size);
            self.add(path, content, None);
        }
        self.take_scratch(data)
    }

    /// A file that may grow: of the earlier backup if that has all of it, or copied as it is now.
    fn take_as_is(&self, from: &Path, path: &str) -> Result<(Content, bool)> {
        let to = self.folder.join(path);
        if let Some((onto, known)) = &self.onto
            && let Some(known) = known.get(path)
            && content_of(from)?.hash == known.hash
            && link(&onto.folder.join(path), &to)?
        {
            let content = content_of(&to)?;
            if content.hash == known.hash {
                return Ok((content, true));
            }
            remove(&to)?;
        }
        Ok((copy(from, &to)?, false))
    }

    fn take_scratch(&mut self, data: &Path) -> Result<()> {
        let from = data.join(SCRATCH);
        if !from.is_file() {
            return Ok(());
        }
        // While this reads, nobody writes.
        let reading = duckdb::Config::default()
            .access_mode(duckdb::AccessMode::ReadOnly)
            .and_then(|config| duckdb::Connection::open_with_flags(&from, config));
        if reading.is_err() {
            self.backup.left_out.push(LeftOut { path: format!("data/{SCRATCH}"), why: LeftOutWhy::Busy });
            return Ok(());
        }
        // Closing either would give up DuckDB's lock, which the process has as one.
        let mut open = Vec::new();
        for name in [SCRATCH.to_owned(), format!("{SCRATCH}.wal")] {
            let from = data.join(&name);
            let file = match File::open(&from) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::io("read", &from)(error)),
            };
            let path = format!("data/{name}");
            let content = copy_open(&file, &from, &self.folder.join(&path))?;
            open.push(file);
            self.count(false, content.size);
            self.add(&path, content, None);
        }
        Ok(())
    }
}
