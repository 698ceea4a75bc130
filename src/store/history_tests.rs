use std::collections::BTreeMap;

use chrono::NaiveDate;
use polars::prelude::*;
use proptest::prelude::*;

use crate::testing::{Scratch, at, bars, commit_of, day, numbers};
use crate::{
    AsOf, AssetOutcome, AssetStatus, CheckOutcome, CheckResult, CheckRow, Error, LockError, NewRun, RunId, RunStatus,
    Store,
};

const A: &str = "2024-01-30";
const B: &str = "2024-02-01";

fn committed(scratch: &Scratch, run: RunId, second: i64, close: f64) {
    let mut commit = commit_of("bars", &[A], bars(&[(A, "x", Some(close))]));
    commit.run = run;
    commit.at = at(second);
    scratch.store.commit(commit).unwrap();
}

#[test]
fn the_past_can_be_read() {
    let scratch = Scratch::new();
    let store = &scratch.store;
    for (n, close) in [(1, 10.0), (2, 20.0)] {
        let run = scratch.run(10 * n);
        assert_eq!(run, RunId(n as u64));
        committed(&scratch, run, 10 * n + 1, close);
        store.finish_run(run, RunStatus::Succeeded, at(10 * n + 2)).unwrap();
    }
    // A run that was killed after its first commit.
    let killed = scratch.run(30);
    committed(&scratch, killed, 31, 30.0);
    scratch.commit("late", &[B], &[(B, "x", Some(1.0))]).unwrap();

    let close = |as_of| {
        let snapshot = store.snapshot_at(as_of)?;
        Ok::<_, Error>(numbers(&snapshot.read("bars", NaiveDate::MIN, NaiveDate::MAX, None)?, "close")[0])
    };
    assert_eq!(close(AsOf::Run(1)).unwrap(), Some(10.0));
    assert_eq!(close(AsOf::Run(2)).unwrap(), Some(20.0));
    assert_eq!(close(AsOf::Run(3)).unwrap(), Some(30.0));
    assert_eq!(close(AsOf::Instant(at(21))).unwrap(), Some(20.0));
    assert_eq!(close(AsOf::Instant(at(20))).unwrap(), Some(10.0));
    assert!(matches!(close(AsOf::Run(9)), Err(Error::UnknownRun { run: 9 })));
    assert!(matches!(close(AsOf::Instant(at(-5))), Err(Error::BeforeFirst { .. })));
    let past = store.snapshot_at(AsOf::Run(1)).unwrap();
    assert_eq!((past.rev(), past.assets().collect::<Vec<_>>()), (1, vec!["bars"]));
}

#[test]
fn runs_say_how_they_ended() {
    let scratch = Scratch::new();
    let store = &scratch.store;
    let run = scratch.run(0);
    let outcome = AssetOutcome {
        asset: "bars".into(),
        status: AssetStatus::Failed,
        planned: 3,
        ran: vec![day(A), day(B)],
        changed: 1,
        rows: 7,
        bytes: 9,
        seconds: 0.5,
        error: Some("no".into()),
    };
    let check = CheckRow {
        asset: "bars".into(),
        session: day(A),
        check: "not_null(close)".into(),
        severity: "error".into(),
        message: "1 row".into(),
    };
    store.record_asset(run, &outcome).unwrap();
    let result = CheckResult {
        asset: "bars".into(),
        check: "not_null(close)".into(),
        subject: "close".into(),
        severity: "error".into(),
        outcome: CheckOutcome::Failed,
        first: day(A),
        last: day(A),
        sessions: 1,
        rows: 3,
        violations: 1,
        message: Some("1 row".into()),
        sample: Vec::new(),
    };
    let passed = CheckResult { outcome: CheckOutcome::Passed, message: None, violations: 0, ..result.clone() };
    store.record_checks(Some(run), at(2), &[passed, result]).unwrap();
    assert_eq!(store.run(run).unwrap().unwrap().run.status, RunStatus::Running);
    store.finish_run(run, RunStatus::Failed, at(3)).unwrap();
    let detail = store.run(run).unwrap().unwrap();
    assert_eq!((detail.run.status, detail.run.finished_at, detail.run.changed), (RunStatus::Failed, Some(at(3)), 1));
    assert_eq!((detail.assets, detail.checks), (vec![outcome], vec![check]));
    assert!(store.run(RunId(9)).unwrap().is_none());

    // A handle that goes away without finishing is a process that was killed.
    let other = Store::open(&scratch.dir).unwrap();
    let plan = serde_json::Value::Null;
    let lost = NewRun { command: "backfill".into(), selection: "bars".into(), at: at(5), plan };
    assert_eq!(other.begin_run(&lost).unwrap(), RunId(2));
    let status = || store.runs(10).unwrap().iter().map(|run| run.status).collect::<Vec<_>>();
    assert_eq!(status(), [RunStatus::Running, RunStatus::Failed]);
    drop(other);
    assert_eq!(status(), [RunStatus::Interrupted, RunStatus::Failed]);
    assert_eq!(store.runs(1).unwrap().len(), 1);
}

#[test]
fn one_writer_for_each_asset() {
    let scratch = Scratch::new();
    let other = Store::open(&scratch.dir).unwrap();
    let run = scratch.run(0);
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let held = scratch.store.lock_assets(&names(&["b", "a"]), run).unwrap();
    assert!(other.lock_assets(&names(&["c"]), RunId(2)).is_ok());
    match other.lock_assets(&names(&["c", "b"]), RunId(2)) {
        Err(LockError::Held { asset, run }) => assert_eq!((asset.as_str(), run), ("b", Some(1))),
        other => panic!("{other:?}"),
    }
    // The refused attempt holds nothing.
    drop(scratch.store.lock_assets(&names(&["c"]), run).unwrap());
    let mut held = Some(held);
    let mut asked = 0;
    let locked = other.lock_assets_wait(&names(&["a"]), RunId(2), |asset, holder| {
        assert_eq!((asset, holder), ("a", Some(1)));
        asked += 1;
        held = None;
        asked < 100
    });
    assert!(locked.is_ok());
}

#[test]
fn handles_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<Store>();
    crosses::<crate::Snapshot>();
    crosses::<crate::AssetLocks>();
    crosses::<Error>();
}

#[test]
fn a_missing_store_is_none_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    assert!(Store::open_existing(&dir).unwrap().is_none());
    assert!(!dir.exists());
    drop(Store::open(&dir).unwrap());
    assert!(Store::open_existing(&dir).unwrap().is_some());
}

#[test]
fn threads_commit_to_different_assets() {
    let scratch = Scratch::new();
    let assets: Vec<String> = (0..4).map(|n| format!("asset_{n}")).collect();
    std::thread::scope(|scope| {
        for asset in &assets {
            // Each with a handle of its own, as processes have.
            let store = Store::open(&scratch.dir).unwrap();
            scope.spawn(move || {
                for close in 0..10 {
                    let frame = bars(&[(A, "x", Some(f64::from(close))), (B, "x", Some(1.0))]);
                    store.commit(commit_of(asset, &[A, B], frame)).unwrap();
                }
            });
        }
    });
    let snapshot = scratch.store.snapshot().unwrap();
    assert_eq!(snapshot.rev(), 40);
    for asset in &assets {
        assert_eq!(numbers(&scratch.read(asset), "close"), [Some(9.0), Some(1.0)]);
    }
}

#[test]
fn two_commits_to_one_asset_do_not_mix() {
    let scratch = Scratch::new();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let commit = |close: i32| {
            let store = Store::open(&scratch.dir).unwrap();
            let frame = bars(&[(A, "x", Some(f64::from(close))), (B, "x", Some(f64::from(close)))]);
            scope.spawn(move || store.commit(commit_of("bars", &[A, B], frame)))
        };
        let handles: Vec<_> = (0..8).map(commit).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    assert!(outcomes.iter().any(Result::is_ok));
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(Error::Superseded { .. }))));
    let close = numbers(&scratch.read("bars"), "close");
    assert_eq!(close[0], close[1]);
}

/// (day of a stretch of 70 from 2024-01-15, instrument, value)
type Row = (u8, u8, Option<i8>);

fn frame_of(rows: &[Row], within: &[u8]) -> DataFrame {
    let session = |day: u8| (day_of(day)).to_string();
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| within.contains(&row.0))
        .map(|row| (session(row.0), format!("i{}", row.1), row.2.map(f64::from)))
        .collect();
    bars(
        &rows
            .iter()
            .map(|(session, instrument, close)| (session.as_str(), instrument.as_str(), *close))
            .collect::<Vec<_>>(),
    )
}

fn day_of(day: u8) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 1, 15).unwrap() + chrono::TimeDelta::days(day.into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Law 1 as far as the store goes: whatever was there before, in whatever batches, order of batches and order of rows the
    /// content comes, what is kept is the same, hash by hash and file by file.
    #[test]
    fn history_leaves_no_trace(
        rows in prop::collection::btree_map((0u8..70, 0u8..3), prop::option::of(any::<i8>()), 0..60),
        before in prop::collection::btree_map((0u8..70, 0u8..3), prop::option::of(any::<i8>()), 0..20),
        batches in prop::collection::vec(0usize..4, 70),
        order in Just((0..4usize).collect::<Vec<_>>()).prop_shuffle(),
        reversed in any::<bool>(),
    ) {
        let list = |rows: BTreeMap<(u8, u8), Option<i8>>| -> Vec<Row> {
            rows.into_iter().map(|((day, instrument), close)| (day, instrument, close)).collect()
        };
        let (mut rows, before) = (list(rows), list(before));
        let all: Vec<u8> = (0..70).collect();
        let names = |days: &[u8]| days.iter().map(|day| day_of(*day).to_string()).collect::<Vec<_>>();
        let commit = |scratch: &Scratch, rows: &[Row], days: &[u8]| {
            let names = names(days);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            scratch.store.commit(commit_of("bars", &names, frame_of(rows, days))).unwrap()
        };
        let (once, often) = (Scratch::new(), Scratch::new());
        commit(&once, &rows, &all);
        commit(&often, &before, &all);
        if reversed {
            rows.reverse();
        }
        for batch in order {
            let days: Vec<u8> = all.iter().copied().filter(|day| batches[*day as usize] == batch).collect();
            if !days.is_empty() {
                commit(&often, &rows, &days);
            }
        }
        let (one, two) = (once.store.snapshot().unwrap(), often.store.snapshot().unwrap());
        prop_assert_eq!(one.contents("bars").unwrap(), two.contents("bars").unwrap());
        let files = |snapshot: &crate::Snapshot| {
            snapshot.files("bars").iter().map(|path| path.file_name().unwrap().to_owned()).collect::<Vec<_>>()
        };
        prop_assert_eq!(files(&one), files(&two));
        prop_assert!(once.read("bars").equals_missing(&often.read("bars")));
    }
}
