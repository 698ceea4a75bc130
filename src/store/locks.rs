//! Locks between processes: on files, by the operating system, which releases them when a process dies however it dies.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{OptionalExtension, params};

use crate::error::{Error, Result};
use crate::layout::create_folder;
use crate::runs::RunId;
use crate::store::Store;

/// Between two tries of a lock that another holds.
const PAUSE: Duration = Duration::from_millis(20);
/// Tries of a lock that `gc`, which holds it for an instant, may have.
const TRIES_AGAINST_GC: u32 = 100;

/// Locks on some assets, released when dropped.
#[derive(Debug)]
pub struct AssetLocks {
    #[expect(dead_code, reason = "held for its lock, which falls with the file")]
    files: Vec<File>,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run writes the asset (`None`: `gc` does, or it is not known who).
    #[error("`{asset}` is being materialized by {}: wait for it to end", holder(*run))]
    Held { asset: String, run: Option<u64> },
    #[error(transparent)]
    Failed(#[from] Error),
}

fn holder(run: Option<u64>) -> String {
    run.map_or_else(|| "another process".to_owned(), |run| format!("run {run}"))
}

impl Store {
    /// Locks all of `assets` for `run`, or none of them.
    ///
    /// # Errors
    /// [`LockError::Held`] with the first asset, by name, that another run holds.
    pub fn lock_assets(&self, assets: &[String], run: RunId) -> Result<AssetLocks, LockError> {
        self.lock_assets_wait(assets, run, |_, _| false)
    }

    /// Locks all of `assets` for `run`, waiting for those that others hold as long as `wait` (asset, its holder) says so; it is
    /// asked every few hundredths of a second. Assets are locked in the order of their names, so that two runs never wait
    /// for each other.
    pub fn lock_assets_wait(
        &self,
        assets: &[String],
        run: RunId,
        mut wait: impl FnMut(&str, Option<u64>) -> bool,
    ) -> Result<AssetLocks, LockError> {
        let paths: BTreeMap<PathBuf, &String> =
            assets.iter().map(|asset| (self.layout.asset_lock(asset), asset)).collect();
        create_folder(&self.layout.locks())?;
        let mut files = Vec::with_capacity(paths.len());
        for (path, asset) in &paths {
            let mut tries = 0;
            loop {
                if let Some(file) = try_exclusive(path)? {
                    files.push(file);
                    break;
                }
                let holder = self.holder(asset)?;
                tries += 1;
                let only_gc = holder.is_none() && tries < TRIES_AGAINST_GC;
                if !only_gc && !wait(asset, holder) {
                    return Err(LockError::Held { asset: (*asset).clone(), run: holder });
                }
                std::thread::sleep(PAUSE);
            }
        }
        self.note_holder(assets, run)?;
        Ok(AssetLocks { files })
    }

    /// The lock of one folder of segments, by its lower-case name, for `gc`, if nobody has it.
    pub(crate) fn lock_for_gc(&self, folder: &str) -> Result<Option<File>> {
        create_folder(&self.layout.locks())?;
        try_exclusive(&self.layout.folder_lock(folder))
    }

    /// Waits until nobody else publishes.
    pub(crate) fn lock_publishing(&self) -> Result<File> {
        create_folder(&self.layout.locks())?;
        let path = self.layout.publish_lock();
        let file = open_lock(&path)?;
        file.lock().map_err(Error::io("lock", &path))?;
        Ok(file)
    }

    pub(crate) fn try_lock_publishing(&self) -> Result<Option<File>> {
        create_folder(&self.layout.locks())?;
        try_exclusive(&self.layout.publish_lock())
    }

    /// Keeps `gc` from removing anything; waits until one that is at work has ended.
    pub(crate) fn hold_off_gc(&self) -> Result<File> {
        create_folder(&self.layout.locks())?;
        let path = self.layout.upkeep_lock();
        let file = open_lock(&path)?;
        file.lock_shared().map_err(Error::io("lock", &path))?;
        Ok(file)
    }

    /// For `gc`; `None` while a backup is being made.
    pub(crate) fn try_lock_upkeep(&self) -> Result<Option<File>> {
        create_folder(&self.layout.locks())?;
        try_exclusive(&self.layout.upkeep_lock())
    }

    fn note_holder(&self, assets: &[String], run: RunId) -> Result<()> {
        self.write("note a lock in", |transaction| {
            let mut insert =
                transaction.prepare_cached("INSERT OR REPLACE INTO lock_holders (asset, run) VALUES (?1, ?2)")?;
            for asset in assets {
                insert.execute(params![asset, run.0 as i64])?;
            }
            Ok(())
        })
    }

    /// The live run that noted itself as holder last.
    fn holder(&self, asset: &str) -> Result<Option<u64>> {
        let found: Option<i64> = self
            .connection()
            .prepare_cached("SELECT run FROM lock_holders WHERE asset = ?1")
            .and_then(|mut statement| statement.query_row(params![asset], |row| row.get(0)).optional())
            .map_err(self.ledger.failed("read"))?;
        match found.map(|run| run as u64) {
            Some(run) if self.is_live(RunId(run))? => Ok(Some(run)),
            _ => Ok(None),
        }
    }

    /// Whether the process of a run still holds its lock.
    pub(crate) fn is_live(&self, run: RunId) -> Result<bool> {
        is_held(&self.layout.run_lock(run.0))
    }

    pub(crate) fn live_runs(&self) -> MutexGuard<'_, HashMap<u64, File>> {
        self.live_runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The run whose lock a file is.
pub(crate) fn run_of(path: &Path) -> Option<RunId> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("run-")?.strip_suffix(".lock")?.parse().ok().map(RunId)
}

/// Makes the file and locks it; the file is new, so that nobody can have it.
pub(crate) fn hold(path: &Path) -> Result<File> {
    try_exclusive(path)?.ok_or_else(|| Error::io("lock", path)(io::ErrorKind::WouldBlock.into()))
}

/// Whether a process holds the lock of this file.
pub(crate) fn is_held(path: &Path) -> Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    // Shared, so that two who look at once don't take each other for the holder.
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
    }
}

pub(crate) fn try_exclusive(path: &Path) -> Result<Option<File>> {
    let file = open_lock(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
    }
}

fn open_lock(path: &Path) -> Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(Error::io("open", path))
}
