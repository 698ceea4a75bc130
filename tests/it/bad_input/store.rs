//! A store that something else has had its hands on, or that has no room.

use super::{BARS, YAML, repair, state, text, up_to_date};
use crate::support::Project;

/// Everything in a folder whose name holds what names may hold.
#[test]
fn the_folder_may_have_any_name() {
    let project = Project::empty();
    let folder = if cfg!(windows) { "it's [1] {2} 行情 %41" } else { "it's \"a\" [1] {2} 行情 * %41" };
    project.write(&format!("{folder}/assets.yaml"), YAML);
    project.write(&format!("{folder}/bars/a.csv"), text(&BARS));
    project.run(&["materialize", "-p", folder]).ok();
    let counted = |asset: &str| {
        let query = format!("select count(*) as n from {asset}");
        project.json(&["sql", &query, "-p", folder])[0]["n"].clone()
    };
    for asset in ["raw_bars", "completed_bars", "means", "doubled"] {
        assert_eq!(counted(asset), 6, "{asset}");
    }
    project.write(&format!("{folder}/bars/a.csv"), text(&BARS).replace("9.27", "9.28"));
    project.run(&["materialize", "-p", folder]).ok();
    let old = project.json(&["sql", "select max(close) as c from doubled join raw_bars using (session, instrument) where close < 9.3 and close > 9.2", "-p", folder, "--as-of", "1"]);
    assert_eq!(old[0]["c"], 9.27);
    let scratch = ["sql", "create table mine as select * from doubled", "--write", "-p", folder];
    project.run(&scratch).ok();
    project.run(&["gc", "-p", folder, "--keep-runs", "0", "--keep-days", "0"]).ok();
    assert_eq!(counted("doubled"), 6);
    project.run(&["plan", "--exit-code", "-p", folder]).ok();
}

#[test]
fn a_ledger_that_is_none() {
    let project = up_to_date();
    let before = state(&project);
    let ledger = project.path("data/state.db");
    let whole = std::fs::read(&ledger).unwrap();
    std::fs::write(&ledger, "these are not the bytes of a database\n".repeat(200)).unwrap();
    for args in [&["materialize"][..], &["plan"], &["sql", "select 1"], &["runs"], &["gc"]] {
        let output = project.run(args);
        assert_ne!(output.code, Some(0), "{output}");
        output.says(&["state.db", "is not a store of assetctl", "it is not an SQLite file"]);
    }
    std::fs::write(&ledger, whole).unwrap();
    assert_eq!(state(&project), before);
    project.materialize().assert_nothing();
}

#[test]
fn a_ledger_of_a_newer_program() {
    let project = up_to_date();
    let before = state(&project);
    let ledger = project.path("data/state.db");
    let whole = std::fs::read(&ledger).unwrap();
    // `PRAGMA user_version` is the big-endian number at byte 60.
    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&ledger, newer).unwrap();
    for args in [&["materialize"][..], &["plan"], &["sql", "select 1"]] {
        let output = project.run(args);
        assert_ne!(output.code, Some(0), "{output}");
        output.says(&["format 99, made by a newer assetctl", "use the newer program"]);
    }
    std::fs::write(&ledger, whole).unwrap();
    assert_eq!(state(&project), before);
    project.materialize().assert_nothing();
}

#[test]
fn a_warehouse_that_was_deleted_is_published_again() {
    let project = up_to_date();
    let before = state(&project).1;
    for args in [&["materialize"][..], &["sql", "select 1"]] {
        std::fs::remove_file(project.path("data/warehouse.duckdb")).unwrap();
        project.run(args).ok();
        assert_eq!(state(&project).1, before, "{args:?}");
    }
}

#[test]
fn a_warehouse_that_was_overwritten_is_published_again() {
    let project = up_to_date();
    let before = state(&project).1;
    for (args, rubbish) in [(&["materialize"][..], "rubbish of some length"), (&["sql", "select 1"], "")] {
        project.write("data/warehouse.duckdb", rubbish);
        project.run(args).ok();
        assert_eq!(state(&project).1, before, "{args:?}");
    }
}

#[test]
fn a_store_that_is_gone_in_part_is_made_again() {
    let project = up_to_date();
    let before = project.contents();
    std::fs::remove_dir_all(project.path("data/lake")).unwrap();
    assert_eq!(project.materialize().0.len(), 4, "all assets are made again");
    assert_eq!(project.contents(), before);

    // An empty ledger is as none at all: what is in the lake belongs to nothing.
    for file in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(project.path("data").join(file));
    }
    project.write("data/state.db", "");
    assert_eq!(project.materialize().0.len(), 4);
    assert_eq!(project.contents(), before);
    project.run(&["gc", "--keep-runs", "0", "--keep-days", "0"]).ok();
    assert_eq!(project.contents(), before);
    project.materialize().assert_nothing();
}

/// Shorter than it should be, which is seen at once, and of the right length, which is seen when something reads it.
#[test]
fn a_segment_overwritten_by_hand_is_made_again() {
    let project = up_to_date();
    let before = project.contents();
    let segment = project.segments("raw_bars").remove(0);
    let length = std::fs::metadata(&segment).unwrap().len() as usize;

    std::fs::write(&segment, "short").unwrap();
    project.run(&["plan", "--exit-code"]).exits(4).says(&["output file missing or damaged"]);
    project.materialize();
    assert_eq!(project.contents(), before);
    assert_eq!(project.rows("select count(*) as n from raw_bars")[0]["n"], 6);

    std::fs::write(&segment, vec![b'x'; length]).unwrap();
    project.write("bars/a.csv", text(&BARS).replace("9.27", "9.28"));
    project.run(&["materialize"]).ok();
    repair(&project, "bars/a.csv");
    project.run(&["materialize"]).ok();
    assert_eq!(project.contents(), before);
    assert_eq!(project.rows("select count(*) as n from raw_bars")[0]["n"], 6);
}

#[test]
fn a_segment_deleted_by_hand_is_made_again() {
    let project = up_to_date();
    let before = state(&project);
    std::fs::remove_file(&project.segments("completed_bars")[0]).unwrap();
    project.run(&["plan", "--exit-code"]).exits(4).says(&["output file missing or damaged"]);
    let ran = project.materialize();
    assert_eq!(ran.0.keys().collect::<Vec<_>>(), ["completed_bars"]);
    assert_eq!(state(&project).1, before.1);
}

/// Where a folder should be there is a file: as good as a folder that cannot be written to, and the same for root.
#[test]
fn a_place_that_cannot_be_written() {
    for (place, code) in [("data", 1), ("data/lake", 1), ("data/lake/completed_bars", 5)] {
        let project = Project::empty();
        project.yaml(YAML);
        project.write("bars/a.csv", text(&BARS));
        project.write(place, "in the way");
        project.run(&["materialize"]).exits(code).says(&["cannot create", place.rsplit('/').next().unwrap()]);
        assert_eq!(project.read(place), "in the way");
        std::fs::remove_file(project.path(place)).unwrap();
        project.run(&["materialize"]).ok();
        assert_eq!(project.contents(), up_to_date().contents());
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = up_to_date();
    let before = state(&project);
    let folder = project.path("data/lake/raw_bars");
    let set = |mode| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o555);
    if std::fs::write(folder.join("probe"), "").is_ok() {
        std::fs::remove_file(folder.join("probe")).unwrap();
        eprintln!("skipped: permissions do not bind this user (root?)");
        return;
    }
    project.write("bars/a.csv", text(&BARS).replace("9.27", "9.28"));
    let failed = project.run(&["materialize"]).exits(5);
    failed.says(&["raw_bars", "denied", "everything committed before is kept"]);
    assert_eq!(state(&project), before);
    set(0o755);
    project.run(&["materialize"]).ok();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_space_made_is_used() {
    use crate::support::STAGES;
    use crate::support::bars::INSTRUMENTS;
    use crate::support::disk::SmallDisk;
    let make = || Project::of(&INSTRUMENTS, "2015-02-02", "2015-06-30", STAGES);
    let project = make();
    std::fs::rename(project.path("data/source"), project.path("source")).unwrap();
    project.edit_yaml("data/source/bars", "source/bars");
    project.edit_yaml("data/source/listing", "source/listing");
    let data = project.path("data");
    let Some(disk) = SmallDisk::mount(&data, "700k") else {
        eprintln!("skipped: this user may not mount a file system");
        return;
    };
    let failed = project.run(&["materialize"]);
    assert!(matches!(failed.code, Some(1 | 5)), "{failed}");
    failed.says(&["data"]);
    let all = format!("{}{}", failed.stdout, failed.stderr);
    assert!(
        all.contains("No space left") || all.contains("disk is full") || all.contains("database or disk"),
        "{failed}"
    );
    disk.resize("64m");
    project.run(&["materialize"]).ok();
    let fresh = make();
    fresh.materialize();
    assert_eq!(project.contents(), fresh.contents());
    project.materialize().assert_nothing();
}
