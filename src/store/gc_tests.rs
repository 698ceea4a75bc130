use std::fs;

use chrono::NaiveDate;

use crate::testing::{Scratch, at, bars, commit_of, numbers};
use crate::{AsOf, Error, GcPolicy, GcReport, RunStatus, Store};

const A: &str = "2024-01-30";

const NOTHING_KEPT: GcPolicy = GcPolicy { keep_runs: 0, keep_since: None, dry_run: false };

/// Runs 1 to `runs`, each with another close of one session.
fn history(runs: i64) -> Scratch {
    let scratch = Scratch::new();
    for n in 1..=runs {
        let run = scratch.run(10 * n);
        let mut commit = commit_of("bars", &[A], bars(&[(A, "x", Some(n as f64))]));
        commit.run = run;
        commit.at = at(10 * n);
        scratch.store.commit(commit).unwrap();
        scratch.store.finish_run(run, RunStatus::Succeeded, at(10 * n + 1)).unwrap();
    }
    scratch
}

fn close_of(scratch: &Scratch, run: u64) -> Result<Option<f64>, Error> {
    let snapshot = scratch.store.snapshot_at(AsOf::Run(run))?;
    Ok(numbers(&snapshot.read("bars", NaiveDate::MIN, NaiveDate::MAX, None)?, "close")[0])
}

#[test]
fn kept_snapshots_stay_whole_and_the_rest_goes() {
    let scratch = history(5);
    let files = || fs::read_dir(scratch.store.layout().asset("bars")).unwrap().count();
    let policy = GcPolicy { keep_runs: 2, ..NOTHING_KEPT };
    let dry = scratch.store.gc(GcPolicy { dry_run: true, ..policy }).unwrap();
    assert_eq!((dry.segments, dry.files, dry.kept, files()), (3, 3, 1, 5));
    let wet = scratch.store.gc(policy).unwrap();
    assert_eq!((wet.clone(), files()), (dry, 2));
    assert!(wet.bytes > 0);
    assert_eq!(close_of(&scratch, 4).unwrap(), Some(4.0));
    assert_eq!(close_of(&scratch, 5).unwrap(), Some(5.0));
    assert!(matches!(close_of(&scratch, 3), Err(Error::Collected { rev: 3 })));
    assert_eq!(scratch.store.gc(policy).unwrap(), GcReport { kept: 1, ..GcReport::default() });
}

#[test]
fn an_age_keeps_what_stood_then() {
    let scratch = history(5);
    scratch.store.gc(GcPolicy { keep_since: Some(at(35)), ..NOTHING_KEPT }).unwrap();
    assert_eq!(close_of(&scratch, 3).unwrap(), Some(3.0));
    assert!(close_of(&scratch, 2).is_err());
}

#[test]
fn what_a_live_run_reads_or_writes_stays() {
    let scratch = history(2);
    let other = Store::open(&scratch.dir).unwrap();
    let run = scratch.run(90);
    scratch.commit("bars", &[A], &[(A, "x", Some(9.0))]).unwrap();
    // The run may still read what stood when it began.
    other.gc(NOTHING_KEPT).unwrap();
    assert_eq!(close_of(&scratch, 2).unwrap(), Some(2.0));
    assert!(close_of(&scratch, 1).is_err());

    let assets = ["bars".to_owned(), "Unborn".to_owned()];
    let locks = scratch.store.lock_assets(&assets, run).unwrap();
    for asset in &assets {
        fs::create_dir_all(scratch.store.layout().asset(asset)).unwrap();
        fs::copy(scratch.file("bars", "2024-01"), scratch.store.layout().segment(asset, ".tmp-1-1-x")).unwrap();
    }
    let busy = other.gc(NOTHING_KEPT).unwrap();
    assert_eq!((busy.orphans, busy.busy.len()), (0, 2));
    drop(locks);
    scratch.store.finish_run(run, RunStatus::Succeeded, at(99)).unwrap();
    let free = other.gc(NOTHING_KEPT).unwrap();
    assert_eq!((free.orphans, free.segments, free.busy.len()), (2, 1, 0));
    assert_eq!(numbers(&scratch.read("bars"), "close"), [Some(9.0)]);
}

#[test]
fn files_of_a_commit_that_never_was_are_orphans() {
    let scratch = history(1);
    let folder = scratch.store.layout().asset("bars");
    // As a kill leaves it after the rename and before the transaction, and a file that is none of ours.
    let orphan = folder.join("2024-01.00112233445566778899aabbccddeeff.parquet");
    fs::copy(scratch.file("bars", "2024-01"), &orphan).unwrap();
    fs::copy(&orphan, folder.join("notes.parquet")).unwrap();
    assert_eq!(numbers(&scratch.read("bars"), "close"), [Some(1.0)]);
    assert_eq!(scratch.store.gc(NOTHING_KEPT).unwrap().orphans, 1);
    assert!(!orphan.exists() && folder.join("notes.parquet").exists());
    assert_eq!(numbers(&scratch.read("bars"), "close"), [Some(1.0)]);
}

#[test]
fn a_month_that_came_back_keeps_its_file() {
    let scratch = Scratch::new();
    for close in [1.0, 2.0, 1.0] {
        scratch.commit("bars", &[A], &[(A, "x", Some(close))]).unwrap();
    }
    let report = scratch.store.gc(NOTHING_KEPT).unwrap();
    assert_eq!((report.segments, report.files), (2, 1));
    assert_eq!(numbers(&scratch.read("bars"), "close"), [Some(1.0)]);
}
