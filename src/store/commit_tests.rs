use assetctl_plan::{Hash128, Ledger, Month, STATIC_SESSION};
use chrono::NaiveDate;
use polars::prelude::*;

use crate::testing::{Scratch, at, bars, bars_with, commit_of, day, numbers};
use crate::{Error, SourceFileRow};

const A: &str = "2024-01-30";
const B: &str = "2024-01-31";
const C: &str = "2024-02-01";

#[test]
fn revisions_move_with_content_alone() {
    let scratch = Scratch::new();
    let rows = [(A, "x", Some(1.0)), (B, "x", Some(2.0)), (C, "x", None)];
    let first = scratch.commit("bars", &[A, B, C], &rows).unwrap();
    assert_eq!((first.rev, first.rows, first.changed.len()), (1, 3, 3));

    // The same again, by another spec: nothing moves, no file is written, but the record says what it was built by.
    let mut again = commit_of("bars", &[A, B, C], bars(&rows));
    again.spec = Hash128::of(b"other");
    again.read_rev = 7;
    let again = scratch.store.commit(again).unwrap();
    assert_eq!((again.rev, again.changed.len(), again.unchanged.len(), again.bytes), (2, 0, 3, 0));
    let snapshot = scratch.store.snapshot().unwrap();
    let record = snapshot.partition("bars", day(A)).unwrap().unwrap();
    assert_eq!((record.rev, record.built_rev, record.spec), (1, 7, Hash128::of(b"other")));
    let head = snapshot.head("bars").unwrap();
    assert_eq!((head.tip_rev, head.partitions, head.uniform, head.dirty), (1, 3, true, false));
    assert_eq!((head.first, head.last), (Some(day(A)), Some(day(C))));

    // One value of one session: that one moves, the month beside it stays the file it was.
    let february = scratch.file("bars", "2024-02");
    let third = scratch.commit("bars", &[A, B], &[(A, "x", Some(1.0)), (B, "x", Some(2.5))]).unwrap();
    assert_eq!((third.changed, third.unchanged), (vec![day(B)], vec![day(A)]));
    let snapshot = scratch.store.snapshot().unwrap();
    let revs = |session| snapshot.partition("bars", day(session)).unwrap().unwrap().rev;
    assert_eq!([revs(A), revs(B), revs(C)], [1, 3, 1]);
    assert_eq!(scratch.file("bars", "2024-02"), february);
    let head = snapshot.head("bars").unwrap();
    assert_eq!((head.tip_rev, head.uniform), (3, false));
    assert_eq!(numbers(&scratch.read("bars"), "close"), [Some(1.0), Some(2.5), None]);
}

#[test]
fn a_snapshot_does_not_see_later_commits() {
    let scratch = Scratch::new();
    scratch.commit("bars", &[A], &[(A, "x", Some(1.0))]).unwrap();
    let before = scratch.store.snapshot().unwrap();
    scratch.commit("bars", &[A, B], &[(A, "x", Some(5.0)), (B, "x", Some(2.0))]).unwrap();
    scratch.commit("more", &[A], &[(A, "x", Some(1.0))]).unwrap();
    assert_eq!(before.rev(), 1);
    assert_eq!(before.assets().collect::<Vec<_>>(), ["bars"]);
    let read = before.read("bars", NaiveDate::MIN, NaiveDate::MAX, None).unwrap();
    assert_eq!(numbers(&read, "close"), [Some(1.0)]);
    assert_eq!(before.partition("bars", day(B)).unwrap(), None);
}

#[test]
fn ranges_and_columns() {
    let scratch = Scratch::new();
    scratch.commit("bars", &[A, B, C], &[(C, "x", Some(3.0)), (A, "y", Some(1.5)), (A, "x", Some(1.0))]).unwrap();
    let snapshot = scratch.store.snapshot().unwrap();
    let read = |from, to, columns: Option<&[&str]>| {
        let columns: Option<Vec<String>> = columns.map(|names| names.iter().map(ToString::to_string).collect());
        snapshot.read("bars", day(from), day(to), columns.as_deref())
    };
    assert_eq!(numbers(&read(A, C, None).unwrap(), "close"), [Some(1.0), Some(1.5), Some(3.0)]);
    assert_eq!(numbers(&read(B, C, None).unwrap(), "close"), [Some(3.0)]);
    // B has no rows, and is a partition.
    let none = read(B, B, None).unwrap();
    assert_eq!((none.height(), none.get_column_names()[2].as_str()), (0, "close"));
    assert_eq!(snapshot.partition("bars", day(B)).unwrap().unwrap().rows, 0);
    // No month at all: the columns are known nevertheless. Nor does a reversed range panic.
    assert_eq!(read("2030-01-01", "2030-01-02", None).unwrap().width(), 3);
    assert_eq!(read(C, A, None).unwrap().height(), 0);
    assert_eq!(read(A, C, Some(&[])).unwrap().get_column_names(), ["session", "instrument"]);
    assert!(matches!(read(A, C, Some(&["open"])), Err(Error::UnknownColumn { .. })));
    assert!(matches!(snapshot.read("none", day(A), day(C), None), Err(Error::UnknownAsset { .. })));
}

#[test]
fn a_column_that_comes_and_goes() {
    let scratch = Scratch::new();
    scratch.commit("bars", &[A, B], &[(A, "x", Some(1.0)), (B, "x", Some(2.0))]).unwrap();
    // B by the new spec has `open` alone; A keeps `close` until it is rebuilt.
    let open = bars_with("open", &[(B, "x", Some(9.0))]);
    let receipt = scratch.store.commit(commit_of("bars", &[B], open)).unwrap();
    assert_eq!((receipt.changed, receipt.lost), (vec![day(B)], vec![]));
    let frame = scratch.read("bars");
    assert_eq!(numbers(&frame, "open"), [None, Some(9.0)]);
    assert_eq!(numbers(&frame, "close"), [Some(1.0), None]);
    let snapshot = scratch.store.snapshot().unwrap();
    assert_eq!(snapshot.partition("bars", day(A)).unwrap().unwrap().rev, 1);
    assert_eq!(snapshot.contents("bars").unwrap()[&day(A)].len(), 2);
    // With A rebuilt, `close` is gone. A's content moved though every value of it is null: the set of columns did.
    let receipt = scratch.store.commit(commit_of("bars", &[A], bars_with("open", &[(A, "x", None)]))).unwrap();
    assert_eq!(receipt.changed, [day(A)]);
    assert_eq!(scratch.read("bars").get_column_names(), ["session", "instrument", "open"]);
}

#[test]
fn a_column_of_another_type_drops_what_cannot_stand_beside_it() {
    let scratch = Scratch::new();
    scratch.commit("bars", &[A, B, C], &[(A, "x", Some(1.0)), (B, "x", Some(2.0)), (C, "x", Some(3.0))]).unwrap();
    let mut text = bars(&[(B, "x", None)]);
    text.with_column(Column::new("close".into(), ["high"])).unwrap();
    let receipt = scratch.store.commit(commit_of("bars", &[B], text)).unwrap();
    assert_eq!(receipt.lost, [day(A)]);
    let snapshot = scratch.store.snapshot().unwrap();
    assert_eq!(snapshot.partition("bars", day(A)).unwrap(), None);
    let mixed = snapshot.read("bars", day(A), day(C), None).unwrap_err();
    assert!(mixed.to_string().contains("changes its type from text to number"), "{mixed}");
}

#[test]
fn dirty_marks_come_with_a_commit_and_go_with_the_next() {
    let scratch = Scratch::new();
    scratch.commit("nav", &[A, B, C], &[(A, "x", Some(1.0)), (B, "x", Some(2.0)), (C, "x", Some(3.0))]).unwrap();
    let mut commit = commit_of("nav", &[A], bars(&[(A, "x", Some(1.5))]));
    commit.dirty = vec![day(A), day(B), day(C), day("2030-01-01")];
    scratch.store.commit(commit).unwrap();
    let snapshot = scratch.store.snapshot().unwrap();
    let dirty = |session| snapshot.partition("nav", day(session)).unwrap().unwrap().dirty;
    assert_eq!([dirty(A), dirty(B), dirty(C)], [false, true, true]);
    assert!(snapshot.head("nav").unwrap().dirty);
    assert_eq!(snapshot.partition("nav", day(C)).unwrap().unwrap().rev, 1);

    let rows = [(B, "x", Some(2.0)), (C, "x", Some(3.0))];
    assert_eq!(scratch.commit("nav", &[B, C], &rows).unwrap().changed, []);
    assert!(!scratch.store.snapshot().unwrap().head("nav").unwrap().dirty);
}

#[test]
fn dropped_partitions_are_gone_and_below_it_shows() {
    let scratch = Scratch::new();
    scratch.commit("bars", &[A, B, C], &[(A, "x", Some(1.0)), (B, "x", Some(2.0)), (C, "x", Some(3.0))]).unwrap();
    let mut commit = commit_of("bars", &[], DataFrame::empty());
    commit.drop = vec![day(A), day(C)];
    commit.verified = Some(1);
    scratch.store.commit(commit).unwrap();
    assert_eq!(numbers(&scratch.read("bars"), "close"), [Some(2.0)]);
    let snapshot = scratch.store.snapshot().unwrap();
    let head = snapshot.head("bars").unwrap();
    assert_eq!((head.tip_rev, head.verified_rev, head.partitions), (2, 1, 1));
    assert_eq!(snapshot.files("bars").len(), 1);
}

#[test]
fn verification_touches_nothing_else() {
    let scratch = Scratch::new();
    scratch.commit("bars", &[A], &[(A, "x", Some(1.0))]).unwrap();
    let wiring = Hash128::of(b"wiring");
    scratch.store.mark_verified("bars", 5, wiring).unwrap();
    scratch.store.mark_verified("bars", 3, wiring).unwrap();
    scratch.store.mark_verified("unknown", 3, wiring).unwrap();
    let snapshot = scratch.store.snapshot().unwrap();
    assert_eq!((snapshot.head("bars").unwrap().verified_rev, snapshot.rev()), (5, 1));
}

#[test]
fn verification_holds_for_one_wiring() {
    let scratch = Scratch::new();
    let verified = || {
        let snapshot = scratch.store.snapshot().unwrap();
        let head = snapshot.head("bars").unwrap();
        (head.verified_rev, head.wiring)
    };
    let (one, other) = (Hash128::of(b"wiring"), Hash128::of(b"other"));
    scratch.commit("bars", &[A], &[(A, "x", Some(1.0))]).unwrap();
    scratch.store.mark_verified("bars", 5, one).unwrap();
    scratch.commit("bars", &[A], &[(A, "x", Some(2.0))]).unwrap();
    assert_eq!(verified(), (5, one));
    scratch.store.mark_verified("bars", 3, other).unwrap();
    assert_eq!(verified(), (3, other));
    scratch.commit("bars", &[A], &[(A, "x", Some(1.0))]).unwrap();
    assert_eq!(verified(), (0, one));
}

#[test]
fn damage_is_seen_and_what_cannot_be_read_is_not_kept() {
    let scratch = Scratch::new();
    let rows = [(A, "x", Some(1.0)), (B, "x", Some(2.0)), (C, "x", Some(3.0))];
    scratch.commit("bars", &[A, B, C], &rows).unwrap();
    let january = scratch.file("bars", "2024-01");
    let bytes = std::fs::read(&january).unwrap();
    let cut = std::fs::OpenOptions::new().write(true).open(&january).unwrap();
    cut.set_len(bytes.len() as u64 / 2).unwrap();
    std::fs::remove_file(scratch.file("bars", "2024-02")).unwrap();

    let snapshot = scratch.store.snapshot().unwrap();
    snapshot.check_files();
    assert_eq!(snapshot.head("bars").unwrap().damaged, [Month::of(day(A)), Month::of(day(C))]);
    assert!(matches!(snapshot.read("bars", day(A), day(B), None), Err(Error::Damaged { .. })));

    // A is computed anew. B was in the same file and cannot be read: it is not in the ledger any more.
    let receipt = scratch.commit("bars", &[A], &rows[..1]).unwrap();
    assert_eq!((receipt.changed, receipt.unchanged, receipt.lost), (vec![], vec![day(A)], vec![day(B)]));
    let snapshot = scratch.store.snapshot().unwrap();
    assert_eq!(snapshot.partition("bars", day(B)).unwrap(), None);
    assert_eq!(snapshot.partition("bars", day(A)).unwrap().unwrap().rev, 1);
    assert_eq!(snapshot.head("bars").unwrap().damaged, [Month::of(day(C))]);

    // The whole of it again: the bits are those of before, and only what was lost counts as new.
    assert_eq!(scratch.commit("bars", &[A, B, C], &rows).unwrap().changed, [day(B)]);
    assert!(scratch.store.snapshot().unwrap().head("bars").unwrap().damaged.is_empty());
    assert_eq!(std::fs::read(&january).unwrap(), bytes);
}

#[test]
fn a_large_store_looks_at_names_and_at_the_newest_sizes() {
    let scratch = Scratch::new();
    let sessions = ["2023-11-01", "2023-12-01", "2024-01-02", "2024-02-01", "2024-03-01"];
    let rows: Vec<_> = sessions.iter().map(|session| (*session, "x", Some(1.0))).collect();
    scratch.commit("bars", &sessions, &rows).unwrap();
    let damaged = || {
        let snapshot = scratch.store.snapshot().unwrap().as_large();
        snapshot.head("bars").unwrap().damaged.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(damaged().is_empty());
    for month in ["2023-11", "2024-02"] {
        let file = std::fs::OpenOptions::new().write(true).open(scratch.file("bars", month)).unwrap();
        file.set_len(7).unwrap();
    }
    assert_eq!(damaged(), ["2024-02"]);
    // Well after the commit, so that the folder's time tells.
    std::thread::sleep(std::time::Duration::from_millis(30));
    std::fs::remove_file(scratch.file("bars", "2023-12")).unwrap();
    assert_eq!(damaged(), ["2023-12", "2024-02"]);
}

#[test]
fn rows_that_do_not_fit_are_refused_and_nothing_moves() {
    let scratch = Scratch::new();
    let refused = |commit| scratch.store.commit(commit).unwrap_err().to_string();
    let rows = || bars(&[(A, "x", Some(1.0)), (B, "x", Some(1.0))]);
    assert!(refused(commit_of("bars", &[A], rows())).contains("rows of 2024-01-31"));
    assert!(refused(commit_of("bars", &[A, B, B], rows())).contains("named twice"));
    assert!(refused(commit_of("bars", &[], rows())).contains("no partition"));
    assert_eq!(scratch.store.snapshot().unwrap().assets().count(), 0);
}

#[test]
fn an_asset_without_sessions() {
    let scratch = Scratch::new();
    let table = |listed: &str| {
        let names = Column::new("instrument".into(), ["b", "a"]);
        DataFrame::new(2, vec![names, Column::new("listed".into(), [listed, "x"])]).unwrap()
    };
    let commit = |frame| {
        let mut commit = commit_of("listing", &[], frame);
        commit.partitions = vec![crate::NewPartition { session: STATIC_SESSION, inputs: Hash128::ZERO }];
        commit.is_static = true;
        scratch.store.commit(commit)
    };
    assert_eq!(commit(table("1990")).unwrap().changed, [STATIC_SESSION]);
    assert_eq!(commit(table("1990")).unwrap().changed, []);
    assert_eq!(commit(table("1991")).unwrap().changed, [STATIC_SESSION]);
    let frame = scratch.read("listing");
    assert_eq!(frame.get_column_names(), ["instrument", "listed"]);
    assert_eq!(frame.column("listed").unwrap().str().unwrap().get(1), Some("1991"));
    assert!(scratch.file("listing", "all.").exists());
    // It gains a session axis: the static partition goes.
    scratch.commit("listing", &[A], &[(A, "x", Some(1.0))]).unwrap();
    assert_eq!(scratch.read("listing").height(), 1);
    assert_eq!(scratch.store.snapshot().unwrap().head("listing").unwrap().partitions, 1);
}

#[test]
fn sources_and_specs_go_with_the_commit() {
    let scratch = Scratch::new();
    let file = |path: &str, size| SourceFileRow {
        path: path.into(),
        size,
        mtime_ns: -5,
        content: Hash128::of(path.as_bytes()),
        digest: vec![1, 2, 3],
    };
    let mut commit = commit_of("bars", &[A], bars(&[(A, "x", Some(1.0))]));
    commit.sources = Some(vec![file("b.csv", 2), file("a.csv", u64::MAX)]);
    commit.spec_text = r#"{"kind":"source"}"#;
    commit.at = at(9);
    scratch.store.commit(commit).unwrap();
    assert_eq!(scratch.store.sources("bars").unwrap(), [file("a.csv", u64::MAX), file("b.csv", 2)]);
    scratch.store.replace_sources("bars", &[file("c.csv", 3)]).unwrap();
    assert_eq!(scratch.store.sources("bars").unwrap(), [file("c.csv", 3)]);
    assert_eq!(scratch.store.sources("none").unwrap(), []);
    let text = scratch.store.spec_text("bars", Hash128::of(b"spec")).unwrap();
    assert_eq!(text.as_deref(), Some(r#"{"kind":"source"}"#));
}
