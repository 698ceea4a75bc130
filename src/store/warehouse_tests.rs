use assetctl_plan::{Hash128, STATIC_SESSION};
use polars::prelude::*;

use crate::testing::{Scratch, at, bars_with, commit_of};
use crate::{AsOf, GcPolicy, NewPartition, RunStatus, connect_snapshot, newest_warehouse};

const A: &str = "2024-01-30";
const B: &str = "2024-02-01";

fn open(path: &std::path::Path) -> duckdb::Connection {
    let config = duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly).unwrap();
    duckdb::Connection::open_with_flags(path, config).unwrap()
}

fn one<T: duckdb::types::FromSql>(connection: &duckdb::Connection, sql: &str) -> T {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn views_and_ledger_tables() {
    let scratch = Scratch::new();
    let run = scratch.run(0);
    scratch.commit("日 \"线\"", &[A, B], &[(A, "x", Some(1.0)), (B, "贵州", None)]).unwrap();
    let mut table = commit_of("listing", &[], df(&["b", "a"]));
    table.partitions = vec![NewPartition { session: STATIC_SESSION, inputs: Hash128::ZERO }];
    table.is_static = true;
    scratch.store.commit(table).unwrap();
    scratch.store.finish_run(run, RunStatus::Succeeded, at(1)).unwrap();
    assert_eq!(newest_warehouse(&scratch.dir).unwrap(), None);

    let path = scratch.store.publish(None).unwrap();
    assert_eq!(newest_warehouse(&scratch.dir).unwrap(), Some(path.clone()));
    let reader = open(&path);
    assert_eq!(one::<f64>(&reader, "SELECT sum(close) FROM \"日 \"\"线\"\"\" WHERE session >= DATE '2024-01-30'"), 1.0);
    assert_eq!(
        one::<i64>(&reader, "SELECT count(*) FROM \"日 \"\"线\"\"\" WHERE instrument = '贵州' AND close IS NULL"),
        1
    );
    assert_eq!(one::<String>(&reader, "SELECT min(instrument) FROM listing"), "a");
    assert_eq!(one::<i64>(&reader, "SELECT count(*) FROM assetctl.partitions WHERE revision = 1 AND rows = 1"), 2);
    assert_eq!(one::<i64>(&reader, "SELECT count(*) FROM assetctl.segments WHERE month IN ('2024-01', 'all')"), 2);
    assert_eq!(one::<String>(&reader, "SELECT status FROM assetctl.runs"), "succeeded");

    // Published again while it is open: the reader goes on with what it has, who comes now sees the new.
    scratch.commit("日 \"线\"", &[A], &[(A, "x", Some(5.0))]).unwrap();
    let again = scratch.store.publish(Some(&["listing".to_owned()])).unwrap();
    assert_eq!(one::<f64>(&reader, "SELECT sum(close) FROM \"日 \"\"线\"\"\""), 1.0);
    drop(reader);
    let views = "SELECT count(*) FROM duckdb_views() WHERE NOT internal";
    assert_eq!(one::<i64>(&open(&again), views), 1);
    let published = scratch.store.publish(None).unwrap();
    assert_eq!(one::<f64>(&open(&published), "SELECT sum(close) FROM \"日 \"\"线\"\"\""), 5.0);
}

fn df(names: &[&str]) -> DataFrame {
    DataFrame::new(names.len(), vec![Column::new("instrument".into(), names)]).unwrap()
}

#[test]
fn months_of_other_columns_and_missing_files() {
    let scratch = Scratch::new();
    scratch.commit("bars", &[A], &[(A, "x", Some(1.0))]).unwrap();
    scratch.store.commit(commit_of("bars", &[B], bars_with("open", &[(B, "x", Some(2.0))]))).unwrap();
    scratch.store.commit(commit_of("empty", &[B], bars_with("open", &[]))).unwrap();
    let reader = open(&scratch.store.publish(None).unwrap());
    assert_eq!(one::<i64>(&reader, "SELECT count(*) FROM bars WHERE (open IS NULL) <> (close IS NULL)"), 2);
    assert_eq!(one::<i64>(&reader, "SELECT count(*) FROM empty"), 0);
    drop(reader);
    std::fs::OpenOptions::new().write(true).open(scratch.file("bars", "2024-01")).unwrap().set_len(9).unwrap();
    let reader = open(&scratch.store.publish(None).unwrap());
    assert_eq!(one::<f64>(&reader, "SELECT sum(open) FROM bars"), 2.0);
}

/// What a pattern for files would take for something else. Windows has no such names.
#[cfg(unix)]
#[test]
fn folders_whose_names_look_like_patterns() {
    for name in ["what?", "a*b", "[ab]", "a]b", "**", "{a,b}", "back\\slash", "%41 ~", "?[*]'"] {
        let scratch = Scratch::named(name);
        scratch.commit("bars", &[A, B], &[(A, "x", Some(1.0)), (B, "x", Some(2.0))]).unwrap();
        let reader = open(&scratch.store.publish(None).unwrap());
        assert_eq!(one::<f64>(&reader, "SELECT sum(close) FROM bars"), 3.0, "{name}");
    }
}

#[test]
fn states_of_the_past_by_sql() {
    let scratch = Scratch::new();
    let run = scratch.run(0);
    scratch.commit("bars", &[A], &[(A, "x", Some(1.0))]).unwrap();
    scratch.store.finish_run(run, RunStatus::Succeeded, at(1)).unwrap();
    scratch.commit("bars", &[A], &[(A, "x", Some(2.0))]).unwrap();
    let past = connect_snapshot(&scratch.store.snapshot_at(AsOf::Run(1)).unwrap()).unwrap();
    assert_eq!(one::<f64>(&past, "SELECT close FROM bars"), 1.0);
    let now = connect_snapshot(&scratch.store.snapshot().unwrap()).unwrap();
    assert_eq!(one::<f64>(&now, "SELECT close FROM bars"), 2.0);
}

#[test]
fn a_publication_that_was_killed_is_collected() {
    let scratch = Scratch::new();
    scratch.commit("bars", &[A], &[(A, "x", Some(1.0))]).unwrap();
    let path = scratch.store.publish(None).unwrap();
    std::fs::copy(&path, scratch.dir.join(".tmp-7-0-warehouse.duckdb")).unwrap();
    let report = scratch.store.gc(GcPolicy { keep_runs: 0, keep_since: None, dry_run: false }).unwrap();
    assert_eq!(report.warehouses, 1);
    assert!(path.exists() && !scratch.dir.join(".tmp-7-0-warehouse.duckdb").exists());
}
