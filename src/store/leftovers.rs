//! Folders beside the lake that grow and that nobody tidies up: copies of objects, and stores of what was known at some instant.

use std::path::Path;
use std::time::SystemTime;

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::gc::{files_below, files_in, folders_in};
use crate::store::Store;

/// What is still of use.
#[derive(Debug, Clone, Copy)]
pub struct Leftovers<'a> {
    /// Assets whose objects are copied; the copies of others go.
    pub copied: &'a [String],
    /// A store of what was known goes when nothing was made in it since then.
    pub since: DateTime<Utc>,
    /// Only say what would go.
    pub dry_run: bool,
}

/// What went, or would go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Discarded {
    pub folders: u32,
    pub files: u32,
    pub bytes: u64,
}

impl Store {
    /// Removes copies of objects of assets that are gone, and stores of what was known that were not used for long. One that a run is
    /// writing stays.
    ///
    /// # Errors
    /// When a folder cannot be read or removed.
    pub fn discard_leftovers(&self, leftovers: Leftovers<'_>) -> Result<Discarded> {
        let mut discarded = Discarded::default();
        for folder in folders_in(&self.layout().copies())? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !leftovers.copied.contains(&name) {
                discarded.folder(&folder, leftovers.dry_run)?;
            }
        }
        for folder in folders_in(&self.layout().known())? {
            let is_old = last_change(&folder)?.is_none_or(|at| DateTime::<Utc>::from(at) <= leftovers.since);
            if is_old && !is_used(&folder)? {
                discarded.folder(&folder, leftovers.dry_run)?;
            }
        }
        Ok(discarded)
    }
}

impl Discarded {
    fn folder(&mut self, folder: &Path, dry_run: bool) -> Result<()> {
        self.folders += 1;
        for file in files_below(folder)? {
            self.files += 1;
            self.bytes += std::fs::metadata(&file).map_or(0, |found| found.len());
        }
        if dry_run { Ok(()) } else { std::fs::remove_dir_all(folder).map_err(Error::io("remove", folder)) }
    }
}

/// When a store was written to last: every run ends in its ledger or its warehouse, which lie at its top.
fn last_change(folder: &Path) -> Result<Option<SystemTime>> {
    let mut last = None;
    for file in files_in(folder)? {
        let changed = std::fs::metadata(&file).and_then(|found| found.modified()).map_err(Error::io("read", &file))?;
        last = last.max(Some(changed));
    }
    Ok(last)
}

/// Whether a run is at work in it.
fn is_used(folder: &Path) -> Result<bool> {
    match Store::open_existing(folder) {
        Ok(Some(store)) => store.has_live_run(),
        // What cannot be opened nobody uses.
        Ok(None) | Err(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, at};

    #[test]
    fn what_is_of_no_use_goes_and_a_live_run_keeps_its_store() {
        let scratch = Scratch::new();
        let layout = scratch.store.layout();
        let put = |folder: &Path| {
            std::fs::create_dir_all(folder).unwrap();
            crate::write_whole(&folder.join("a.csv"), b"12345").unwrap();
        };
        ["bars", "gone"].iter().for_each(|asset| put(&layout.copies().join(asset)));
        let there = layout.known().join("2024-01-01T00-00-00Z");
        let other = Store::open(&there).unwrap();
        let begin = |store: &Store| {
            let plan = serde_json::json!({ "assets": [] });
            let new = crate::NewRun { command: String::new(), selection: String::new(), at: at(0), plan };
            store.begin_run(&new).unwrap()
        };
        let run = begin(&other);

        // Longer ago than anything.
        let copied = ["bars".to_owned()];
        let all = Leftovers { copied: &copied, since: DateTime::<Utc>::MIN_UTC, dry_run: true };
        let wanted = Discarded { folders: 1, files: 1, bytes: 5 };
        assert_eq!(scratch.store.discard_leftovers(all).unwrap(), wanted);
        let now = Leftovers { since: DateTime::<Utc>::MAX_UTC, dry_run: false, ..all };
        assert_eq!(scratch.store.discard_leftovers(now).unwrap(), wanted);
        assert!(there.exists() && layout.copies().join("bars").exists() && !layout.copies().join("gone").exists());
        other.finish_run(run, crate::RunStatus::Succeeded, at(1)).unwrap();
        drop(other);
        assert_eq!(scratch.store.discard_leftovers(now).unwrap().folders, 1);
        assert!(!there.exists());
    }
}
