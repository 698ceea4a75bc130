//! Collection of what no kept snapshot needs, and of what crashes left behind.

mod versions;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use assetctl_plan::Hash128;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use crate::error::{Error, Result};
use crate::head;
use crate::layout::{self, TEMPORARY, folder_name, remove};
use crate::locks;
use crate::runs::RunId;
use crate::snapshot::rev_before;
use crate::state_row::StateKind;
use crate::store::{Store, newest_rev};
use crate::warehouse;

use self::versions::{Version, to_thin};

/// What to keep besides the newest snapshot.
#[derive(Debug, Clone, Copy)]
pub struct GcPolicy {
    /// The snapshots that the newest so many runs left.
    pub keep_runs: u32,
    /// Every snapshot from this instant on.
    pub keep_since: Option<DateTime<Utc>>,
    /// Only say what would go.
    pub dry_run: bool,
}

/// What went, or would go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Superseded versions of months; of a history that is kept, those whose rows are in other files too.
    pub segments: u32,
    /// Files of those versions, and of superseded states.
    pub files: u32,
    /// Files of interrupted commits.
    pub orphans: u32,
    /// Warehouses that newer ones replaced.
    pub warehouses: u32,
    /// Bytes of all those files.
    pub bytes: u64,
    /// Superseded versions that stay, because a kept snapshot needs them.
    pub kept: u32,
    /// Folders of assets that a run was writing: left for the next time.
    pub busy: Vec<String>,
    /// A backup is being made, or somebody else collects: nothing was done.
    pub held_off: bool,
}

/// A folder of the lake, and the assets whose segments it holds.
#[derive(Default)]
struct Folder {
    assets: Vec<String>,
    paths: Vec<PathBuf>,
}

/// The revisions whose snapshots stay whole.
struct Kept {
    /// Every revision from this one on.
    from: u64,
    /// And these.
    also: BTreeSet<u64>,
}

impl Kept {
    /// Whether any kept revision is in `[created, dropped)`.
    fn needs(&self, created: u64, dropped: u64) -> bool {
        dropped > self.from || self.also.range(created..dropped).next().is_some()
    }
}

impl Store {
    /// Removes superseded segments that no kept snapshot needs, files of interrupted commits, and replaced warehouses. What a
    /// live run may read or is writing stays. The ledger forgets segments before their files go, so that a kill between
    /// leaves orphans and no holes.
    pub fn gc(&self, policy: GcPolicy) -> Result<GcReport> {
        self.gc_except(policy, &[])
    }

    /// [`Store::gc`] that leaves all of the history of some assets: every content that they ever had of a session, and when. Of their
    /// superseded months those files go that hold nothing which another file does not hold too.
    pub fn gc_except(&self, policy: GcPolicy, histories: &[String]) -> Result<GcReport> {
        let mut report = GcReport::default();
        let Some(_alone) = self.try_lock_upkeep()? else {
            return Ok(GcReport { held_off: true, ..report });
        };
        let kept = self.kept(policy)?;
        for (name, folder) in self.folders()? {
            let Some(_lock) = self.lock_for_gc(&name)? else {
                report.busy.push(name);
                continue;
            };
            self.collect(&folder, &kept, histories, policy.dry_run, &mut report)?;
        }
        self.discard_spools(policy, &mut report)?;
        if let Some(_lock) = self.try_lock_publishing()? {
            for path in warehouse::replaced(&self.layout)? {
                report.warehouses += 1;
                report.bytes += discard(&path, policy.dry_run)?;
            }
        }
        if !policy.dry_run {
            self.forget_dead_runs()?;
        }
        Ok(report)
    }

    /// Folders of the lake by lower-case name. Where letter case makes no difference to the file system, several assets share
    /// one; a folder without an asset is what an interrupted first commit left.
    fn folders(&self) -> Result<BTreeMap<String, Folder>> {
        let failed = self.ledger.failed("read");
        let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
        let assets: Vec<String> = self
            .connection()
            .prepare("SELECT DISTINCT asset FROM segments")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .map_err(&failed)?;
        for asset in assets {
            folders.entry(folder_name(&asset).to_lowercase()).or_default().assets.push(asset);
        }
        for path in folders_in(&self.layout.lake())? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            folders.entry(name).or_default().paths.push(path);
        }
        Ok(folders)
    }

    fn kept(&self, policy: GcPolicy) -> Result<Kept> {
        let failed = self.ledger.failed("read");
        let connection = self.connection();
        let mut from = newest_rev(&connection).map_err(&failed)?;
        if let Some(since) = policy.keep_since {
            from = from.min(rev_before(&connection, since).map_err(&failed)?);
        }
        let sql = "SELECT coalesce(end_rev, (SELECT max(rev) FROM commits WHERE run = runs.id), start_rev)
                   FROM runs ORDER BY id DESC LIMIT ?1";
        let also = revs(&connection, sql, i64::from(policy.keep_runs)).map_err(&failed)?;
        let unfinished: Vec<(u64, u64)> = connection
            .prepare("SELECT id, start_rev FROM runs WHERE finished_at IS NULL")
            .and_then(|mut statement| {
                let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64));
                statement.query_map([], row)?.collect()
            })
            .map_err(&failed)?;
        drop(connection);
        for (run, start) in unfinished {
            if self.is_live(RunId(run))? {
                from = from.min(start);
            }
        }
        Ok(Kept { from, also })
    }

    /// One folder, whose lock is held.
    fn collect(
        &self,
        folder: &Folder,
        kept: &Kept,
        histories: &[String],
        dry_run: bool,
        report: &mut GcReport,
    ) -> Result<()> {
        let mut versions = Vec::new();
        for asset in &folder.assets {
            versions.extend(self.versions(asset, histories.contains(asset))?);
        }
        let may_go = |version: &Version| version.dropped.is_some_and(|dropped| !kept.needs(version.created, dropped));
        let thinned = to_thin(&versions, may_go);
        let (garbage, staying): (Vec<&Version>, Vec<&Version>) =
            versions.iter().partition(|version| version.row.is_none() && may_go(version));
        let segments = |version: &&&Version| !version.is_state;
        let with_files = staying.iter().filter(|version| version.has_file && !thinned.contains(&version.id));
        let with_files: Vec<&&Version> = with_files.collect();
        report.kept +=
            with_files.iter().filter(|version| !version.is_state && version.dropped.is_some()).count() as u32;
        report.segments += (garbage.iter().filter(segments).count() + thinned.len()) as u32;
        if !dry_run && !thinned.is_empty() {
            self.write("thin segments in", |transaction| {
                for version in versions.iter().filter(|version| thinned.contains(&version.id)) {
                    note_collected(transaction, version)?;
                    transaction
                        .prepare_cached("UPDATE segments SET thinned = 1 WHERE id = ?1")?
                        .execute(params![version.id])?;
                }
                Ok(())
            })?;
        }
        if !dry_run && !garbage.is_empty() {
            self.write("collect segments in", |transaction| {
                for version in &garbage {
                    if version.is_state {
                        // A snapshot without its states is whole: they only save work.
                        transaction
                            .prepare_cached("DELETE FROM carried WHERE id = ?1")?
                            .execute(params![version.id])?;
                        continue;
                    }
                    note_collected(transaction, version)?;
                    let (created, dropped) = (version.created as i64, version.dropped.unwrap_or_default() as i64);
                    transaction
                        .prepare_cached(
                            "INSERT OR IGNORE INTO collected_assets (asset, created_rev, dropped_rev) VALUES (?1, ?2, ?3)",
                        )?
                        .execute(params![version.asset, created, dropped])?;
                    transaction.prepare_cached("DELETE FROM segments WHERE id = ?1")?.execute(params![version.id])?;
                }
                Ok(())
            })?;
        }
        // A file may belong to several versions: a month that came back to what it was.
        let needed: HashSet<&str> = with_files.iter().map(|version| version.file.as_str()).collect();
        let gone = versions.iter().filter(|version| !needed.contains(version.file.as_str()));
        let collected: HashSet<&str> = gone.map(|version| version.file.as_str()).collect();
        let mut removed = false;
        for path in folder.paths.iter().map(|path| ours_in(path)).collect::<Result<Vec<_>>>()?.concat() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if needed.contains(name.as_str()) {
                continue;
            }
            report.bytes += discard(&path, dry_run)?;
            removed = true;
            if collected.contains(name.as_str()) { report.files += 1 } else { report.orphans += 1 }
        }
        if let ([path], true) = (folder.paths.as_slice(), removed && !dry_run) {
            let mtime = layout::folder_mtime(path);
            self.write("update", |transaction| {
                folder.assets.iter().try_for_each(|asset| head::note_folder(transaction, asset, mtime))
            })?;
        }
        Ok(())
    }

    /// Removes answers that were spooled and never committed: of assets that nobody writes now, and as old as nothing else is kept.
    fn discard_spools(&self, policy: GcPolicy, report: &mut GcReport) -> Result<()> {
        for path in folders_in(&self.layout.spools())? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            let Some(_lock) = self.lock_for_gc(&name)? else { continue };
            let written =
                std::fs::metadata(&path).and_then(|found| found.modified()).map_err(Error::io("read", &path))?;
            if policy.keep_since.is_some_and(|since| DateTime::<Utc>::from(written) >= since) {
                continue;
            }
            for file in files_below(&path)? {
                report.orphans += 1;
                report.bytes += discard(&file, policy.dry_run)?;
            }
            if !policy.dry_run {
                std::fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Removes the locks of runs whose processes are gone.
    fn forget_dead_runs(&self) -> Result<()> {
        for path in files_in(&self.layout.locks())? {
            if let Some(run) = locks::run_of(&path)
                && !self.is_live(run)?
            {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

/// The snapshots that had it are whole no more.
fn note_collected(transaction: &Connection, version: &Version) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT OR IGNORE INTO collected (created_rev, dropped_rev) VALUES (?1, ?2)")?
        .execute(params![version.created as i64, version.dropped.unwrap_or_default() as i64])?;
    Ok(())
}

fn revs(connection: &Connection, sql: &str, limit: i64) -> rusqlite::Result<BTreeSet<u64>> {
    let mut statement = connection.prepare(sql)?;
    statement.query_map(params![limit], |row| row.get::<_, i64>(0).map(|rev| rev as u64))?.collect()
}

/// Removes a file unless this is a dry run; gives its size.
fn discard(path: &Path, dry_run: bool) -> Result<u64> {
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if !dry_run {
        remove(path)?;
    }
    Ok(size)
}

/// Files of a folder that the store can have written.
fn ours_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut parts = name.split('.');
        let is_segment = parts.next().is_some_and(|month| !month.is_empty())
            && parts.next().is_some_and(|hash| Hash128::parse(hash).is_some())
            && parts.next().is_some_and(|kind| kind == "parquet" || StateKind::parse(kind).is_some())
            && parts.next().is_none();
        is_segment || name.starts_with(TEMPORARY)
    };
    Ok(files_in(folder)?.into_iter().filter(is_ours).collect())
}

pub(crate) fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    entries_in(folder, std::fs::FileType::is_file)
}

pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = files_in(folder)?;
    for below in folders_in(folder)? {
        files.extend(files_below(&below)?);
    }
    Ok(files)
}

pub(crate) fn folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    entries_in(folder, std::fs::FileType::is_dir)
}

fn entries_in(folder: &Path, wanted: impl Fn(&std::fs::FileType) -> bool) -> Result<Vec<PathBuf>> {
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", folder)(error)),
    };
    let mut entries = Vec::new();
    for entry in listing {
        let entry = entry.map_err(Error::io("list", folder))?;
        if entry.file_type().is_ok_and(|kind| wanted(&kind)) {
            entries.push(entry.path());
        }
    }
    entries.sort();
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_snapshot_needs() {
        let kept = Kept { from: 10, also: BTreeSet::from([3, 6]) };
        assert!(kept.needs(1, 4));
        assert!(!kept.needs(4, 6));
        assert!(kept.needs(6, 7));
        assert!(!kept.needs(7, 10));
        assert!(kept.needs(7, 11));
    }
}
