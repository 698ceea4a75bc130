use std::fs;
use std::path::PathBuf;

use assetctl_plan::Hash128;
use chrono::NaiveDate;
use polars::prelude::*;

use crate::canonical::days;
use crate::testing::{Bar, Scratch, bars, commit_of, day, numbers};
use crate::{AsOf, Carried, Commit, Error, GcPolicy, RunStatus};

const A: &str = "2024-01-29";
const B: &str = "2024-01-30";
const C: &str = "2024-01-31";
const D: &str = "2024-02-01";

/// One instrument, whose state after each session is as given; checkpoints as given.
fn carried(states: &[(&str, i64)], checkpoints: &[(&str, i64)]) -> Carried {
    let session: Vec<i32> = states.iter().map(|(session, _)| days(day(session))).collect();
    let session = Series::new("session".into(), session).cast(&DataType::Date).unwrap();
    let instrument = Series::new("instrument".into(), vec!["x"; states.len()]);
    let state = Series::new("state".into(), states.iter().map(|(_, state)| *state).collect::<Vec<_>>());
    let trace = DataFrame::new(states.len(), vec![session.into(), instrument.into(), state.into()]).unwrap();
    let checkpoint = |(session, state): &(&str, i64)| (day(session), state_of(*state));
    Carried { trace, checkpoints: checkpoints.iter().map(checkpoint).collect() }
}

fn state_of(state: i64) -> DataFrame {
    let instrument = Column::new("instrument".into(), ["x"]);
    DataFrame::new(1, vec![instrument, Column::new("mean".into(), [state])]).unwrap()
}

fn commit_with<'a>(rows: &[Bar<'_>], carried: Option<Carried>) -> Commit<'a> {
    let sessions: Vec<&str> = rows.iter().map(|row| row.0).collect();
    Commit { carried, ..commit_of("ema", &sessions, bars(rows)) }
}

fn row<'a>(session: &'a str, close: f64) -> Bar<'a> {
    (session, "x", Some(close))
}

/// A to D, with traces 1 to 4 and checkpoints of C and D.
fn four() -> Scratch {
    let scratch = Scratch::new();
    let states = carried(&[(A, 1), (B, 2), (C, 3), (D, 4)], &[(B, 20), (C, 30), (D, 40)]);
    let rows = [row(A, 1.0), row(B, 2.0), row(C, 3.0), row(D, 4.0)];
    scratch.store.commit(commit_with(&rows, Some(states))).unwrap();
    scratch
}

/// The states of a range; `None` where a partition of it has no trace.
fn trace(scratch: &Scratch, from: &str, to: &str) -> Option<Vec<i64>> {
    let snapshot = scratch.store.snapshot().unwrap();
    let (trace, covered) = snapshot.traces("ema", day(from), day(to)).unwrap();
    let segments = assetctl_plan::Ledger::segments(&snapshot, "ema", day(from), day(to)).unwrap();
    let sessions = segments.iter().flat_map(|segment| &segment.partitions).map(|record| record.session);
    let mut within = sessions.filter(|session| (day(from)..=day(to)).contains(session));
    if !within.all(|session| covered.contains(&session)) {
        return None;
    }
    let states = trace.column("state").ok().map(|states| states.i64().unwrap().iter().flatten().collect());
    Some(states.unwrap_or_default())
}

fn checkpoint(scratch: &Scratch, session: &str) -> Option<i64> {
    let found = scratch.store.snapshot().unwrap().checkpoint("ema", day(session)).unwrap()?;
    found.column("mean").unwrap().i64().unwrap().get(0)
}

fn checkpoints(scratch: &Scratch) -> Vec<String> {
    let found = scratch.store.snapshot().unwrap().checkpoints("ema", Hash128::of(b"spec")).unwrap();
    found.iter().map(ToString::to_string).collect()
}

fn state_files(scratch: &Scratch, kind: &str) -> Vec<PathBuf> {
    let listing = fs::read_dir(scratch.store.layout().asset("ema")).unwrap();
    let mut files: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == kind));
    files.sort();
    files
}

#[test]
fn what_was_carried_comes_back_and_no_reader_sees_it() {
    let scratch = four();
    assert_eq!(trace(&scratch, A, D), Some(vec![1, 2, 3, 4]));
    assert_eq!(trace(&scratch, B, C), Some(vec![2, 3]));
    assert_eq!(trace(&scratch, D, A), Some(vec![]));
    assert_eq!(trace(&scratch, "2030-01-01", "2030-01-05"), Some(vec![]));
    assert_eq!(checkpoints(&scratch), [C, D]);
    assert_eq!([checkpoint(&scratch, B), checkpoint(&scratch, C), checkpoint(&scratch, D)], [None, Some(30), Some(40)]);
    let snapshot = scratch.store.snapshot().unwrap();
    assert_eq!(snapshot.checkpoints("ema", Hash128::of(b"other")).unwrap(), []);
    assert_eq!(snapshot.files("ema").len(), 2);
    assert_eq!(snapshot.read("ema", NaiveDate::MIN, NaiveDate::MAX, None).unwrap().width(), 3);
    assert_eq!((state_files(&scratch, "trace").len(), state_files(&scratch, "checkpoint").len()), (2, 2));
    assert_eq!(trace(&Scratch::new(), A, D), Some(vec![]));
}

#[test]
fn an_asset_that_carries_nothing_has_no_trace() {
    let scratch = Scratch::new();
    scratch.store.commit(commit_with(&[row(A, 1.0)], None)).unwrap();
    assert_eq!(trace(&scratch, A, A), None);
    assert_eq!(checkpoints(&scratch), [""; 0]);
}

#[test]
fn other_sessions_keep_their_traces_and_the_month_its_checkpoint() {
    let scratch = four();
    // A is computed anew, and its state comes out other: C's checkpoint stands until somebody brings a newer one.
    scratch.store.commit(commit_with(&[row(A, 1.5)], Some(carried(&[(A, 11)], &[(A, 110)])))).unwrap();
    assert_eq!(trace(&scratch, A, D), Some(vec![11, 2, 3, 4]));
    assert_eq!(checkpoints(&scratch), [C, D]);
    scratch
        .store
        .commit(commit_with(&[row(B, 2.5), row(C, 3.5)], Some(carried(&[(B, 12), (C, 13)], &[(C, 31)]))))
        .unwrap();
    assert_eq!(trace(&scratch, A, D), Some(vec![11, 12, 13, 4]));
    assert_eq!((checkpoint(&scratch, C), checkpoint(&scratch, D)), (Some(31), Some(40)));
    // The same content with another state: the segment stays, its state moves.
    let file = scratch.file("ema", "2024-01");
    let receipt = scratch.store.commit(commit_with(&[row(B, 2.5)], Some(carried(&[(B, 99)], &[])))).unwrap();
    assert_eq!((receipt.changed.len(), receipt.bytes), (0, 0));
    assert_eq!(trace(&scratch, A, C), Some(vec![11, 99, 13]));
    assert_eq!(scratch.file("ema", "2024-01"), file);
    // Nothing new at all: no file is written.
    let before = state_files(&scratch, "trace");
    scratch.store.commit(commit_with(&[row(B, 2.5)], Some(carried(&[(B, 99)], &[])))).unwrap();
    assert_eq!(state_files(&scratch, "trace"), before);
    assert_eq!(checkpoints(&scratch), [C, D]);
}

#[test]
fn what_is_computed_without_its_state_has_none() {
    let scratch = four();
    scratch.store.commit(commit_with(&[row(B, 2.5)], None)).unwrap();
    assert_eq!((trace(&scratch, A, C), trace(&scratch, C, D)), (None, Some(vec![3, 4])));
    assert_eq!(checkpoints(&scratch), [D]);
    // A checkpoint before what was computed holds.
    let scratch = four();
    scratch.store.commit(commit_with(&[row("2024-02-02", 2.5)], None)).unwrap();
    assert_eq!(checkpoints(&scratch), [C, D]);
    // The checkpoint's session itself, and no newer checkpoint.
    scratch.store.commit(commit_with(&[row(C, 3.5)], Some(carried(&[(C, 33)], &[])))).unwrap();
    assert_eq!(checkpoints(&scratch), [D]);
}

#[test]
fn partitions_that_go_take_their_states_along() {
    let scratch = four();
    let mut commit = commit_with(&[], None);
    commit.drop = vec![day(B), day(D)];
    scratch.store.commit(commit).unwrap();
    assert_eq!((trace(&scratch, A, D), checkpoints(&scratch)), (Some(vec![1, 3]), vec![C.to_owned()]));
    let mut commit = commit_with(&[], None);
    commit.drop = vec![day(C)];
    scratch.store.commit(commit).unwrap();
    assert_eq!((trace(&scratch, A, D), checkpoints(&scratch)), (Some(vec![1]), vec![]));
}

#[test]
fn another_spec_begins_its_own_checkpoints() {
    let scratch = four();
    let spec = Hash128::of(b"other");
    let states = carried(&[(A, 7)], &[(A, 70)]);
    scratch.store.commit(Commit { spec, ..commit_with(&[row(A, 1.0)], Some(states)) }).unwrap();
    assert_eq!(checkpoints(&scratch), [D]);
    assert_eq!(scratch.store.snapshot().unwrap().checkpoints("ema", spec).unwrap(), [day(A)]);
    assert_eq!(checkpoint(&scratch, A), Some(70));
}

#[test]
fn damage_costs_a_replay_and_nothing_else() {
    let scratch = four();
    let (traces, points) = (state_files(&scratch, "trace"), state_files(&scratch, "checkpoint"));
    // One byte of a checkpoint, the size kept.
    let mut bytes = fs::read(&points[0]).unwrap();
    bytes[9] ^= 1;
    crate::write_whole(&points[0], &bytes).unwrap();
    fs::remove_file(&traces[0]).unwrap();
    assert_eq!(checkpoint(&scratch, C), None);
    assert_eq!((trace(&scratch, A, D), trace(&scratch, A, A), trace(&scratch, D, D)), (None, None, Some(vec![4])));
    let snapshot = scratch.store.snapshot().unwrap();
    assert!(assetctl_plan::Ledger::head(&snapshot, "ema").unwrap().damaged.is_empty());
    assert_eq!(numbers(&scratch.read("ema"), "close").len(), 4);
    // A commit into that month succeeds; what it brings is there, the rest of the trace is not.
    let states = carried(&[(B, 2), (C, 3)], &[(C, 30)]);
    let receipt = scratch.store.commit(commit_with(&[row(B, 2.0), row(C, 3.0)], Some(states))).unwrap();
    assert_eq!((receipt.lost, receipt.changed), (vec![], vec![]));
    assert_eq!((trace(&scratch, A, C), trace(&scratch, B, D)), (None, Some(vec![2, 3, 4])));
    assert_eq!(checkpoint(&scratch, C), Some(30));
}

#[test]
fn states_that_do_not_fit_are_refused() {
    let scratch = Scratch::new();
    let refused = |carried: Carried| {
        let error = scratch.store.commit(commit_with(&[row(A, 1.0)], Some(carried))).unwrap_err();
        assert!(matches!(error, Error::State { .. }), "{error}");
        error.to_string()
    };
    assert!(refused(carried(&[(A, 1), (B, 2)], &[])).contains(B));
    assert!(refused(carried(&[(A, 1)], &[(D, 2)])).contains(D));
    let mut odd = carried(&[(A, 1)], &[(A, 2)]);
    odd.trace = odd.trace.drop("state").unwrap();
    assert!(refused(odd).contains("`state`"));
    let mut odd = carried(&[(A, 1)], &[(A, 2)]);
    odd.checkpoints[0].1.with_column(Column::new("mean".into(), [1.5])).unwrap();
    assert!(refused(odd).contains("`mean` of a checkpoint is of type f64"));
    assert_eq!(scratch.store.snapshot().unwrap().assets().count(), 0);
}

#[test]
fn the_past_keeps_its_states_until_gc_takes_it() {
    let scratch = Scratch::new();
    for (second, close) in [(10, 1), (20, 2), (30, 3)] {
        let run = scratch.run(second);
        let states = carried(&[(A, close)], &[(A, 10 * close)]);
        scratch.store.commit(Commit { run, ..commit_with(&[row(A, close as f64)], Some(states)) }).unwrap();
        scratch.store.finish_run(run, RunStatus::Succeeded, crate::testing::at(second + 1)).unwrap();
    }
    let past = |run| {
        let snapshot = scratch.store.snapshot_at(AsOf::Run(run)).unwrap();
        let state = snapshot.checkpoint("ema", day(A)).unwrap();
        state.map(|state| state.column("mean").unwrap().i64().unwrap().get(0).unwrap())
    };
    assert_eq!([past(1), past(2), past(3)], [Some(10), Some(20), Some(30)]);
    let orphan = scratch.store.layout().asset("ema").join("2024-01.00112233445566778899aabbccddeeff.trace");
    fs::copy(&state_files(&scratch, "trace")[0], &orphan).unwrap();
    let policy = GcPolicy { keep_runs: 2, keep_since: None, dry_run: false };
    let report = scratch.store.gc(policy).unwrap();
    assert_eq!((report.segments, report.files, report.orphans, report.kept), (1, 3, 1, 1));
    assert_eq!([past(2), past(3)], [Some(20), Some(30)]);
    assert_eq!((state_files(&scratch, "trace").len(), state_files(&scratch, "checkpoint").len()), (2, 2));
    assert!(!orphan.exists());
}

#[test]
fn a_snapshot_goes_on_seeing_the_states_it_saw() {
    let scratch = four();
    let before = scratch.store.snapshot().unwrap();
    scratch.store.commit(commit_with(&[row(C, 9.0)], Some(carried(&[(C, 9)], &[(C, 90)])))).unwrap();
    let state = before.checkpoint("ema", day(C)).unwrap().unwrap();
    assert_eq!(state.column("mean").unwrap().i64().unwrap().get(0), Some(30));
    assert_eq!(checkpoint(&scratch, C), Some(90));
}

#[test]
fn a_commit_that_fails_before_its_transaction_leaves_states_as_they_were() {
    let scratch = four();
    // The new trace cannot be written: a folder stands where it is to be.
    let twin = Scratch::new();
    let states = || Some(carried(&[(A, 1), (B, 2), (C, 77)], &[(C, 78)]));
    let rows = [row(A, 1.0), row(B, 2.0), row(C, 9.0)];
    twin.store.commit(commit_with(&rows, states())).unwrap();
    let name = state_files(&twin, "trace")[0].file_name().unwrap().to_owned();
    let blocked = scratch.store.layout().asset("ema").join(name);
    fs::create_dir(&blocked).unwrap();
    fs::create_dir(blocked.join("x")).unwrap();
    scratch.store.commit(commit_with(&rows, states())).unwrap_err();
    assert_eq!((trace(&scratch, A, D), checkpoint(&scratch, C)), (Some(vec![1, 2, 3, 4]), Some(30)));
    assert_eq!(numbers(&scratch.read("ema"), "close")[2], Some(3.0));
}
