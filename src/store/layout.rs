//! Where things lie under the data folder, and how a file gets there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use assetctl_plan::{Hash128, Month};

use crate::error::{Error, Result};
use crate::state_row::StateKind;

/// Begins the name of every file that is still being written.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// Paths of one store; nothing here touches the disk but [`Layout::write_whole`] and [`sync_folder`].
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// `root` is the data folder. It should be absolute: views of the warehouse name files by it.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn database(&self) -> PathBuf {
        self.root.join("state.db")
    }

    pub fn lake(&self) -> PathBuf {
        self.root.join("lake")
    }

    /// The folder of one asset's segments.
    pub fn asset(&self, asset: &str) -> PathBuf {
        self.lake().join(folder_name(asset))
    }

    pub fn segment(&self, asset: &str, file: &str) -> PathBuf {
        self.asset(asset).join(file)
    }

    /// The folder of answers that an asset's vendor gave and that are not committed yet.
    pub fn spool(&self, asset: &str) -> PathBuf {
        self.spools().join(folder_name(asset))
    }

    pub(crate) fn spools(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// The folder of copies of objects, one folder for each asset.
    pub fn copies(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The folder that has a store for each instant of which somebody asked what was known.
    pub fn known(&self) -> PathBuf {
        self.root.join("known")
    }

    pub fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// The lock of a folder of segments, by its lower-case name, because two names that differ in case alone are one folder on
    /// macOS and Windows.
    pub(crate) fn folder_lock(&self, lower_case: &str) -> PathBuf {
        self.locks().join(format!("asset-{lower_case}.lock"))
    }

    pub(crate) fn asset_lock(&self, asset: &str) -> PathBuf {
        self.folder_lock(&folder_name(asset).to_lowercase())
    }

    pub(crate) fn publish_lock(&self) -> PathBuf {
        self.locks().join("publish.lock")
    }

    /// Held by `gc` alone, and by backups together.
    pub(crate) fn upkeep_lock(&self) -> PathBuf {
        self.locks().join("upkeep.lock")
    }

    pub(crate) fn daemon_lock(&self) -> PathBuf {
        self.locks().join("daemon.lock")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The events of a run, one JSON object a line.
    pub fn run_log(&self, run: u64) -> PathBuf {
        self.logs().join(format!("{run}.jsonl"))
    }

    pub(crate) fn run_lock(&self, run: u64) -> PathBuf {
        self.locks().join(format!("run-{run}.lock"))
    }

    /// The name that readers open. See [`crate::newest_warehouse`] for Windows.
    pub fn warehouse(&self) -> PathBuf {
        self.root.join("warehouse.duckdb")
    }

    /// Has `write` fill a file of a temporary name in `path`'s folder, syncs it and renames it to `path`; gives its size.
    /// The caller syncs the folder when all its files are there. On an error nothing remains.
    pub(crate) fn write_whole(path: &Path, write: impl FnOnce(File) -> Result<()>) -> Result<u64> {
        let temporary = temporary_beside(path);
        let written = (|| {
            let mut create = OpenOptions::new();
            let file = create.write(true).create_new(true).open(&temporary).map_err(Error::io("create", &temporary))?;
            let handle = file.try_clone().map_err(Error::io("write", &temporary))?;
            write(file)?;
            handle.sync_all().map_err(Error::io("write", &temporary))?;
            let size = handle.metadata().map_err(Error::io("read", &temporary))?.len();
            drop(handle);
            fs::rename(&temporary, path).map_err(Error::io("write", path))?;
            Ok(size)
        })();
        if written.is_err() {
            // The first error is the one worth telling; a file left over is found by `gc`.
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

/// Writes a file whole or not at all, in place of one that may be there: results of queries, files of a new project.
///
/// # Errors
/// [`Error::Io`] when the folder cannot be made or the file not be written; what was there is kept.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        create_folder(folder)?;
    }
    Layout::write_whole(path, |mut file| file.write_all(bytes).map_err(Error::io("write", path))).map(|_| ())
}

/// A name in the same folder that no other process and no other thread uses.
pub(crate) fn temporary_beside(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!("{TEMPORARY}{}-{next}-{name}", std::process::id()))
}

/// Makes renames in `folder` survive a power loss. Windows has no such call: its journal orders them.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))?;
    }
    Ok(())
}

/// When an entry of `folder` was last added, removed or renamed, in nanoseconds since 1970. `None` where that cannot be relied
/// on: Windows puts it off.
pub(crate) fn folder_mtime(folder: &Path) -> Option<i64> {
    let modified = cfg!(unix).then(|| fs::metadata(folder).ok()?.modified().ok())??;
    i64::try_from(modified.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos()).ok()
}

/// `fs::create_dir_all` with an error that names the folder.
pub(crate) fn create_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(Error::io("create", folder))
}

/// Removes a file; whether it was there.
pub(crate) fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("remove", path)(error)),
    }
}

/// `2015-07.<hash>.parquet`, or `all.<hash>.parquet` for an asset without a session axis.
pub(crate) fn segment_name(month: Month, is_static: bool, content: Hash128) -> String {
    if is_static { format!("all.{content}.parquet") } else { format!("{month}.{content}.parquet") }
}

/// `2015-07.<hash>.trace`: Parquet inside, and without its extension, so that nobody who reads `*.parquet` takes it for data.
pub(crate) fn state_name(month: Month, kind: StateKind, content: Hash128) -> String {
    format!("{month}.{content}.{}", kind.name())
}

/// The asset's name as a folder: letters, digits, `_`, `-` and inner dots stay, every other byte becomes `%xx`, as does the
/// first letter of a device name of Windows. Different names give different folders.
pub(crate) fn folder_name(asset: &str) -> String {
    const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];
    let stem = asset.split('.').next().unwrap_or_default().to_lowercase();
    let is_device = DEVICES.contains(&stem.trim_end_matches(|c: char| c.is_ascii_digit()));
    let last = asset.chars().count().saturating_sub(1);
    let mut name = String::with_capacity(asset.len());
    for (at, letter) in asset.chars().enumerate() {
        let inner_dot = letter == '.' && at > 0 && at < last;
        let plain = letter.is_alphanumeric() || letter == '_' || letter == '-' || inner_dot;
        if plain && !(is_device && at == 0) {
            name.push(letter);
        } else {
            let mut bytes = [0; 4];
            name.extend(letter.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02x}")));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn folders_are_safe_and_distinct() {
        assert_eq!(folder_name("raw_bars"), "raw_bars");
        assert_eq!(folder_name("日线"), "日线");
        assert_eq!(folder_name("../up"), "%2e.%2fup");
        assert_eq!(folder_name("a/b"), "a%2fb");
        assert_eq!(folder_name("a%2fb"), "a%252fb");
        assert_eq!(folder_name("nul"), "%6eul");
        assert_eq!(folder_name("com1.x"), "%63om1.x");
        assert_eq!(folder_name("v1.2"), "v1.2");
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let fail = |_| Err(Error::corrupt("on purpose"));
        Layout::write_whole(&path, fail).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let good = |mut file: File| file.write_all(b"abc").map_err(Error::io("write", &path));
        assert_eq!(Layout::write_whole(&path, good).unwrap(), 3);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
