use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;
use polars::prelude::DataFrame;
use proptest::prelude::*;

use super::{Backup, BackupError, NewBackup, Restoring, restore};
use crate::testing::{Scratch, at, bars, commit_of};
use crate::{AsOf, GcPolicy, RunId, RunStatus, Store};

const ASSETS: [&str; 2] = ["bars", "Scores"];
const DAYS: [&str; 4] = ["2024-01-30", "2024-01-31", "2024-02-01", "2024-03-04"];
const SILENT: super::Told<'static> = &|_, _| {};

fn back_up(store: &Store, target: &Path, link: bool, onto: Option<&Path>) -> Result<super::Backed, BackupError> {
    let new =
        NewBackup { target, onto, link, data: Path::new("data"), project: &[], outside: Vec::new(), at: at(1_000) };
    store.back_up(&new, SILENT)
}

fn restore_to(backup: &Path, root: &Path) -> Store {
    let backup = Backup::open(backup).unwrap();
    let data = root.join("data");
    let wanted = Restoring { backup: &backup, root, data: &data, store_only: false, force: false, at: at(2_000) };
    restore(&wanted, SILENT).unwrap();
    Store::open(&data).unwrap()
}

/// What a store holds: now, and as every run left it, as far as that can still be read.
fn everything(store: &Store) -> BTreeMap<(u64, String), Option<DataFrame>> {
    let mut held = BTreeMap::new();
    let runs = store.runs(100).unwrap();
    for run in runs.iter().map(|run| run.id.0).chain([0]) {
        let snapshot = if run == 0 { store.snapshot() } else { store.snapshot_at(AsOf::Run(run)) };
        for asset in ASSETS {
            let read = |snapshot: &crate::Snapshot| snapshot.read(asset, NaiveDate::MIN, NaiveDate::MAX, None).ok();
            held.insert((run, asset.to_owned()), snapshot.as_ref().ok().and_then(read));
        }
    }
    held
}

fn same(one: &BTreeMap<(u64, String), Option<DataFrame>>, other: &BTreeMap<(u64, String), Option<DataFrame>>) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|((key, frame), (other_key, other))| {
            key == other_key
                && match (frame, other) {
                    (Some(frame), Some(other)) => frame.equals_missing(other),
                    (None, None) => true,
                    _ => false,
                }
        })
}

/// A run that commits a value for some sessions of an asset.
fn run(scratch: &Scratch, number: i64, asset: usize, days: &[usize], value: u8) -> RunId {
    let run = scratch.run(10 * number);
    let days: Vec<&str> = days.iter().map(|day| DAYS[*day]).collect();
    let rows: Vec<_> = days.iter().map(|day| (*day, "x", Some(f64::from(value)))).collect();
    let mut commit = commit_of(ASSETS[asset], &days, bars(&rows));
    commit.run = run;
    commit.at = at(10 * number);
    scratch.store.commit(commit).unwrap();
    scratch.store.finish_run(run, RunStatus::Succeeded, at(10 * number + 1)).unwrap();
    run
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever was committed and collected: a backup holds the state of its time, and stays so.
    #[test]
    fn a_restored_store_holds_what_the_store_held(
        steps in proptest::collection::vec((0..8_u8, 0..2_usize, proptest::sample::subsequence(vec![0, 1, 2, 3], 1..4), 0..4_u8), 1..14),
        when in 0..14_usize,
        link in any::<bool>(),
    ) {
        let scratch = Scratch::new();
        let folder = tempfile::tempdir().unwrap();
        let (backup, earlier) = (folder.path().join("backup"), folder.path().join("earlier"));
        let when = when.min(steps.len() - 1);
        let mut then = None;
        for (number, (what, asset, days, value)) in steps.iter().enumerate() {
            match what {
                0 => {
                    let keep_runs = u32::from(*value);
                    scratch.store.gc(GcPolicy { keep_runs, keep_since: None, dry_run: false }).unwrap();
                }
                _ => {
                    run(&scratch, number as i64 + 1, *asset, days, *value);
                }
            }
            if number == when / 2 {
                back_up(&scratch.store, &earlier, link, None).unwrap();
            }
            if number == when {
                back_up(&scratch.store, &backup, link, Some(&earlier)).unwrap();
                then = Some(everything(&scratch.store));
            }
        }
        scratch.store.gc(GcPolicy { keep_runs: 0, keep_since: None, dry_run: false }).unwrap();
        let root = folder.path().join("place");
        let restored = restore_to(&backup, &root);
        prop_assert!(same(&everything(&restored), &then.unwrap()));
        // Nothing is in it that its ledger does not know.
        let collected = restored.gc(GcPolicy { keep_runs: 99, keep_since: None, dry_run: true }).unwrap();
        prop_assert_eq!(collected.orphans, 0);
    }
}

#[test]
fn what_failed_leaves_nothing_and_what_died_is_tidied_up() {
    let scratch = Scratch::new();
    run(&scratch, 1, 0, &[0, 1, 2], 1);
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("backup");
    let dead = folder.path().join(".backup.partial-1");
    let other = folder.path().join(".other.partial-1");
    for one in [&dead, &other] {
        std::fs::create_dir(one).unwrap();
    }
    let none = folder.path().join("none");
    assert!(matches!(back_up(&scratch.store, &target, true, Some(&none)), Err(BackupError::NotABackup { .. })));
    assert!(dead.exists(), "refused before anything was done");
    let made = back_up(&scratch.store, &target, true, None).unwrap();
    assert!(!dead.exists() && other.exists());
    assert_eq!((made.linked, made.copied, made.backup.revision), (2, 0, 1));
    assert!(matches!(back_up(&scratch.store, &target, true, None), Err(BackupError::Exists(_))));
}

#[test]
fn nothing_is_collected_while_a_backup_is_being_made() {
    let scratch = Scratch::new();
    for value in 1..4 {
        run(&scratch, i64::from(value), 0, &[0], value);
    }
    let policy = GcPolicy { keep_runs: 0, keep_since: None, dry_run: false };
    let folder = tempfile::tempdir().unwrap();
    let new = NewBackup {
        target: &folder.path().join("backup"),
        onto: None,
        link: true,
        data: Path::new("data"),
        project: &[],
        outside: Vec::new(),
        at: at(1_000),
    };
    let told = |_, _| {
        let other = Store::open(&scratch.dir).unwrap();
        assert!(other.gc(policy).unwrap().held_off);
    };
    assert_eq!(scratch.store.back_up(&new, &told).unwrap().linked, 3);
    assert_eq!(scratch.store.gc(policy).unwrap().segments, 2);
}

#[test]
fn a_ledger_of_a_newer_program_is_refused_and_nothing_is_left() {
    let scratch = Scratch::new();
    run(&scratch, 1, 0, &[0], 1);
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("backup");
    back_up(&scratch.store, &target, false, None).unwrap();
    // The ledger alone, as a newer program would leave it.
    let path = target.join("data/state.db");
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let mut backup = Backup::open(&target).unwrap();
    let content = super::copying::content_of(&path).unwrap();
    let ledger = backup.files.iter_mut().find(|file| file.path == "data/state.db").unwrap();
    (ledger.size, ledger.hash) = (content.size, content.hash);
    backup.write().unwrap();
    let data = folder.path().join("data");
    let wanted =
        Restoring { backup: &backup, root: folder.path(), data: &data, store_only: false, force: false, at: at(2_000) };
    let error = restore(&wanted, SILENT).unwrap_err().to_string();
    assert!(error.contains("format 999, made by a newer assetctl"), "{error}");
    assert!(!data.join("state.db").exists() && !data.join("lake").exists());
}
