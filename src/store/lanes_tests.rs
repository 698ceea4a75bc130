use std::collections::BTreeMap;

use polars::prelude::*;
use proptest::prelude::*;

use crate::testing::{Bar, Scratch, bars, bars_with, commit_of, day};
use crate::{GcPolicy, Lanes};

const A: &str = "2024-01-30";
const B: &str = "2024-01-31";
const C: &str = "2024-02-01";

/// Session and instruments, `*` for all, of what changed since a revision.
fn changed(scratch: &Scratch, columns: Option<&[&str]>, since: u64) -> Vec<String> {
    let columns: Option<Vec<String>> = columns.map(|names| names.iter().map(ToString::to_string).collect());
    let snapshot = scratch.store.snapshot().unwrap();
    let found = snapshot.changed_lanes("bars", day(A), day(C), columns.as_deref(), since).unwrap();
    let text = |(session, lanes)| match lanes {
        Lanes::All => format!("{session} *"),
        Lanes::Some(names) => format!("{session} {}", names.into_iter().collect::<Vec<_>>().join(" ")),
    };
    found.into_iter().map(text).collect()
}

/// Revision 1: x and y on each of three sessions.
fn three() -> Scratch {
    let scratch = Scratch::new();
    let rows: Vec<Bar<'_>> =
        [A, B, C].iter().flat_map(|session| [(*session, "x", Some(1.0)), (*session, "y", None)]).collect();
    scratch.commit("bars", &[A, B, C], &rows).unwrap();
    scratch
}

#[test]
fn values_and_presence() {
    let scratch = three();
    assert_eq!(changed(&scratch, None, 1), [""; 0]);
    scratch.commit("bars", &[A], &[(A, "x", Some(2.0)), (A, "y", None)]).unwrap();
    assert_eq!(changed(&scratch, None, 1), ["2024-01-30 x"]);
    scratch.commit("bars", &[B], &[(B, "x", None), (B, "y", Some(0.0))]).unwrap();
    scratch.commit("bars", &[C], &[(C, "a", Some(5.0)), (C, "x", Some(1.0)), (C, "z", None)]).unwrap();
    assert_eq!(changed(&scratch, None, 1), ["2024-01-30 x", "2024-01-31 x y", "2024-02-01 a y z"]);
    assert_eq!(changed(&scratch, None, 2), ["2024-01-31 x y", "2024-02-01 a y z"]);
    assert_eq!(changed(&scratch, None, 4), [""; 0]);
}

#[test]
fn the_same_values_of_other_instruments() {
    let scratch = Scratch::new();
    scratch.commit("bars", &[A], &[(A, "x", Some(1.0)), (A, "y", None)]).unwrap();
    scratch.commit("bars", &[A], &[(A, "y", Some(1.0)), (A, "z", None)]).unwrap();
    assert_eq!(changed(&scratch, None, 1), ["2024-01-30 x y z"]);
}

#[test]
fn changed_and_changed_back_is_no_change() {
    let scratch = three();
    scratch.commit("bars", &[A], &[(A, "x", Some(2.0)), (A, "y", None)]).unwrap();
    scratch.commit("bars", &[A], &[(A, "x", Some(1.0)), (A, "y", Some(3.0))]).unwrap();
    assert_eq!(changed(&scratch, None, 1), ["2024-01-30 y"]);
    assert_eq!(changed(&scratch, None, 2), ["2024-01-30 x y"]);
    scratch.commit("bars", &[A], &[(A, "x", Some(1.0)), (A, "y", None)]).unwrap();
    assert_eq!(changed(&scratch, None, 1), [""; 0]);
}

#[test]
fn columns_of_no_interest() {
    let scratch = Scratch::new();
    let commit = |close: f64, open: f64| {
        let mut frame = bars(&[(A, "x", Some(close)), (A, "y", Some(7.0))]);
        frame.with_column(Column::new("open".into(), [1.0, open])).unwrap();
        scratch.store.commit(commit_of("bars", &[A], frame)).unwrap()
    };
    commit(1.0, 1.0);
    commit(2.0, 1.0);
    assert_eq!(changed(&scratch, Some(&["open"]), 1), [""; 0]);
    assert_eq!(changed(&scratch, Some(&["close"]), 1), ["2024-01-30 x"]);
    commit(2.0, 3.0);
    assert_eq!(changed(&scratch, Some(&["open"]), 1), ["2024-01-30 y"]);
    assert_eq!(changed(&scratch, Some(&["open", "close"]), 1), ["2024-01-30 x y"]);
    assert_eq!(changed(&scratch, Some(&[]), 1), [""; 0]);
    // A row that comes is of interest to whoever reads any column.
    let mut frame = bars(&[(A, "w", None), (A, "x", Some(2.0)), (A, "y", Some(7.0))]);
    frame.with_column(Column::new("open".into(), [None, Some(1.0), Some(3.0)])).unwrap();
    scratch.store.commit(commit_of("bars", &[A], frame)).unwrap();
    assert_eq!(changed(&scratch, Some(&["open"]), 3), ["2024-01-30 w"]);
}

#[test]
fn where_it_cannot_be_told() {
    let scratch = three();
    // Sessions that were not there, or are there no more; a column that was not there.
    assert_eq!(changed(&scratch, None, 0), ["2024-01-30 *", "2024-01-31 *", "2024-02-01 *"]);
    let mut drop = commit_of("bars", &[], DataFrame::empty());
    drop.drop = vec![day(C)];
    scratch.store.commit(drop).unwrap();
    scratch.store.commit(commit_of("bars", &[A], bars_with("open", &[(A, "x", Some(1.0)), (A, "y", None)]))).unwrap();
    assert_eq!(changed(&scratch, None, 1), ["2024-01-30 *", "2024-02-01 *"]);
    // Collected: the rows of then are gone, and who asks is told so.
    let scratch = three();
    scratch.commit("bars", &[A], &[(A, "x", Some(2.0)), (A, "y", None)]).unwrap();
    let old = scratch.store.snapshot_at(crate::AsOf::Instant(crate::testing::at(0))).unwrap();
    assert_eq!(old.rev(), 2);
    scratch.store.gc(GcPolicy { keep_runs: 0, keep_since: None, dry_run: false }).unwrap();
    assert_eq!(changed(&scratch, None, 1), ["2024-01-30 *", "2024-01-31 *"]);
}

#[test]
fn a_lost_file_of_then() {
    let scratch = three();
    let file = scratch.file("bars", "2024-01");
    scratch.commit("bars", &[A], &[(A, "x", Some(2.0)), (A, "y", None)]).unwrap();
    std::fs::remove_file(file).unwrap();
    assert_eq!(changed(&scratch, None, 1), ["2024-01-30 *"]);
}

#[test]
fn several_rows_of_an_instrument() {
    let scratch = Scratch::new();
    let commit = |closes: &[(&str, f64)]| {
        let rows: Vec<Bar<'_>> = closes.iter().map(|(instrument, close)| (A, *instrument, Some(*close))).collect();
        scratch.commit("bars", &[A], &rows).unwrap()
    };
    commit(&[("x", 1.0), ("x", 2.0), ("y", 1.0), ("z", 1.0)]);
    commit(&[("x", 1.0), ("x", 3.0), ("y", 1.0), ("z", 1.0)]);
    assert_eq!(changed(&scratch, None, 1), ["2024-01-30 x"]);
    commit(&[("x", 1.0), ("x", 3.0), ("y", 1.0), ("y", 1.0), ("z", 1.0)]);
    assert_eq!(changed(&scratch, None, 2), ["2024-01-30 y"]);
}

#[test]
fn no_instruments() {
    let scratch = Scratch::new();
    let commit = |close| {
        let frame = bars(&[(A, "x", Some(close))]).drop("instrument").unwrap();
        let mut commit = commit_of("bars", &[A], frame);
        commit.key = Vec::new();
        scratch.store.commit(commit).unwrap()
    };
    commit(1.0);
    commit(2.0);
    assert_eq!(changed(&scratch, None, 1), ["2024-01-30 *"]);
}

type Rows = BTreeMap<(u8, u8), Option<i8>>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against comparing the rows one by one.
    #[test]
    fn as_if_compared_row_by_row(
        before in prop::collection::btree_map((0u8..3, 0u8..4), prop::option::of(-1i8..2), 0..12),
        between in prop::collection::btree_map((0u8..3, 0u8..4), prop::option::of(-1i8..2), 0..12),
        after in prop::collection::btree_map((0u8..3, 0u8..4), prop::option::of(-1i8..2), 0..12),
    ) {
        let scratch = Scratch::new();
        let sessions = [A, B, C];
        let instruments = ["a", "b", "c", "d"];
        let commit = |rows: &Rows| {
            let bar = |((session, instrument), close): (&(u8, u8), &Option<i8>)| {
                (sessions[*session as usize], instruments[*instrument as usize], close.map(f64::from))
            };
            scratch.commit("bars", &sessions, &rows.iter().map(bar).collect::<Vec<_>>()).unwrap()
        };
        let since = commit(&before).rev;
        commit(&between);
        commit(&after);
        let mut expected: Vec<String> = Vec::new();
        for session in 0u8..3 {
            let differs = |at: &u8| before.get(&(session, *at)) != after.get(&(session, *at));
            let names: Vec<&str> = (0u8..4).filter(differs).map(|at| instruments[at as usize]).collect();
            if !names.is_empty() {
                expected.push(format!("{} {}", sessions[session as usize], names.join(" ")));
            }
        }
        prop_assert_eq!(changed(&scratch, None, since), expected);
    }
}
