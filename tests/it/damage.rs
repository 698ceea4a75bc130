//! Files of the store that are gone or not as they were written: their partitions are made again, and nothing else.

use std::path::PathBuf;

use crate::support::{Project, assert_same, sessions};

const ASSETS: [&str; 5] = ["raw_bars", "completed_bars", "indicators", "scores", "signals"];

/// The segment of May 2015.
fn segment(project: &Project, asset: &str) -> PathBuf {
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let found: Vec<PathBuf> =
        project.segments(asset).into_iter().filter(|path| name(path).starts_with("2015-05.")).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

fn may() -> Vec<chrono::NaiveDate> {
    sessions("2015-05-01", "2015-05-31")
}

#[test]
fn a_segment_deleted_or_truncated() {
    let project = Project::new();
    project.materialize();
    let contents = project.contents();
    for asset in ASSETS {
        let path = segment(&project, asset);
        let bytes = std::fs::read(&path).unwrap();
        for damage in ["deleted", "truncated", "emptied"] {
            match damage {
                "deleted" => std::fs::remove_file(&path).unwrap(),
                "truncated" => std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap(),
                _ => std::fs::write(&path, b"").unwrap(),
            }
            eprintln!("{asset}, {damage}");
            project.run(&["plan"]).ok().says(&["output file missing or damaged", "2015-05-04…2015-05-29"]);
            project.materialize().assert(&[(asset, &may())]);
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
            assert_same(&project.contents(), &contents);
        }
    }
    project.materialize().assert_nothing();
}

#[test]
fn several_segments_gone_at_once() {
    let project = Project::new();
    project.materialize();
    let contents = project.contents();
    for asset in ["raw_bars", "completed_bars", "scores"] {
        std::fs::remove_file(segment(&project, asset)).unwrap();
    }
    project.materialize().assert(&[("raw_bars", &may()), ("completed_bars", &may()), ("scores", &may())]);
    assert_same(&project.contents(), &contents);
    project.materialize().assert_nothing();
}

#[test]
fn the_whole_lake_gone() {
    let project = Project::new();
    let first = project.materialize();
    let contents = project.contents();
    std::fs::remove_dir_all(project.path("data/lake")).unwrap();
    assert_eq!(project.materialize(), first);
    assert_same(&project.contents(), &contents);
    project.materialize().assert_nothing();
}

#[test]
fn the_ledger_gone() {
    let project = Project::new();
    let first = project.materialize();
    let contents = project.contents();
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(project.path("data").join(name));
    }
    assert_eq!(project.materialize(), first);
    assert_same(&project.contents(), &contents);
}

#[test]
fn the_warehouse_gone() {
    let project = Project::new();
    project.materialize();
    let contents = project.contents();
    std::fs::remove_file(project.path("data/warehouse.duckdb")).unwrap();
    project.materialize().assert_nothing();
    assert!(project.path("data/warehouse.duckdb").exists());
    assert_same(&project.contents(), &contents);
    // Asking alone publishes it as well.
    std::fs::remove_file(project.path("data/warehouse.duckdb")).unwrap();
    assert_same(&project.contents(), &contents);
}

/// Bytes that are no Parquet, as many as before: what no look at the folder can tell.
fn garble(project: &Project, asset: &str) -> Vec<u8> {
    let path = segment(project, asset);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, vec![b'x'; bytes.len()]).unwrap();
    bytes
}

#[test]
fn garbage_of_the_same_size_is_found_when_its_month_is_written() {
    let mut project = Project::new();
    project.materialize();
    garble(&project, "indicators");
    let mut twin = Project::new();
    for project in [&mut project, &mut twin] {
        project.edit_close("sh.600028", "2015-05-20", 6.66);
    }
    let ran = project.materialize();
    // The whole month is made again in the same run, with the sessions that the correction reaches.
    assert_eq!(ran.of_asset("completed_bars"), sessions("2015-05-20", "2015-05-20"));
    assert_eq!(ran.of_asset("indicators")[..may().len()], may());
    twin.materialize();
    assert_same(&project.contents(), &twin.contents());
    project.materialize().assert_nothing();
}

#[test]
fn garbage_of_the_same_size_is_found_when_it_is_read() {
    let project = Project::new();
    project.materialize();
    let contents = project.contents();
    garble(&project, "completed_bars");
    let failed = project.run(&["materialize", "--select", "indicators", "--force"]).exits(5);
    failed.says(&["is damaged", "2015-05.", "delete the file and materialize `completed_bars` again"]);
    std::fs::remove_file(segment(&project, "completed_bars")).unwrap();
    project.materialize().assert(&[("completed_bars", &may())]);
    assert_same(&project.contents(), &contents);
    assert_eq!(project.rows("select count(*) as n from completed_bars where session = '2015-05-20'")[0]["n"], 8);
}
