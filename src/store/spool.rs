//! Answers of vendors that are not committed yet: kept so that a run that is killed does not ask for them again.
//!
//! `spool/<asset>/<mark>/<batch>/`, where the mark says how long the answers are good: those under another go when the next one is made.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::layout::create_folder;
use crate::store::Store;

/// The mark of answers that stay good: nothing that they hold would be asked for again.
pub const LASTING: &str = "lasting";

impl Store {
    /// The folder of one batch's answers, which is made. What is there under another mark goes, unless it is [`LASTING`].
    pub fn spool(&self, asset: &str, mark: &str, batch: &str) -> Result<PathBuf> {
        let of_asset = self.layout.spool(asset);
        let entries = match std::fs::read_dir(&of_asset) {
            Ok(entries) => entries.collect::<std::io::Result<Vec<_>>>().map_err(Error::io("list", &of_asset))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::io("list", &of_asset)(error)),
        };
        let is_over = |name: &std::ffi::OsStr| name != mark && name != LASTING;
        for entry in entries.iter().filter(|entry| is_over(&entry.file_name())) {
            self.discard_spool(&entry.path())?;
        }
        let folder = of_asset.join(mark).join(batch);
        create_folder(&folder)?;
        Ok(folder)
    }

    /// Removes a folder of answers, or all of an asset's: they are committed, or are not to be used.
    pub fn discard_spool(&self, folder: &Path) -> Result<()> {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", folder)(error)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::LASTING;
    use crate::GcPolicy;
    use crate::testing::{Scratch, at};

    #[test]
    fn answers_are_kept_under_their_mark_alone() {
        let scratch = Scratch::new();
        let first = scratch.store.spool("bars", "2024-01-30", "2024-01-02").unwrap();
        crate::write_whole(&first.join("answer"), b"rows").unwrap();
        assert_eq!(scratch.store.spool("bars", "2024-01-30", "2024-01-02").unwrap(), first);
        let second = scratch.store.spool("bars", "2024-01-30", "2024-01-03").unwrap();
        assert!(first.join("answer").is_file());

        let lasting = scratch.store.spool("bars", LASTING, "2020-01-02").unwrap();
        assert!(!first.exists() && !second.exists());
        let other = scratch.store.spool("bars", "2024-01-31", "2024-01-02").unwrap();
        assert!(lasting.is_dir() && other.is_dir());
        scratch.store.discard_spool(&other).unwrap();
        scratch.store.discard_spool(&other).unwrap();
        assert!(!other.exists());
    }

    #[test]
    fn what_was_never_committed_goes_in_time() {
        let scratch = Scratch::new();
        let folder = scratch.store.spool("bars", "2024-01-30", "2024-01-02").unwrap();
        crate::write_whole(&folder.join("answer"), b"rows").unwrap();
        let policy = GcPolicy { keep_runs: 0, keep_since: Some(at(0)), dry_run: false };
        assert_eq!(scratch.store.gc(policy).unwrap().orphans, 0);
        let dry = scratch.store.gc(GcPolicy { keep_since: None, dry_run: true, ..policy }).unwrap();
        assert_eq!((dry.orphans, dry.bytes), (1, 4));
        assert_eq!(scratch.store.gc(GcPolicy { keep_since: None, ..policy }).unwrap(), dry);
        assert_eq!(fs::read_dir(scratch.store.layout().root().join("spool")).unwrap().count(), 0);
    }
}
