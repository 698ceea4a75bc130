//! Backups that are made while the store is used, and what becomes of them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::daemon;
use crate::support::{Contents, Project, Ran, assert_same, changes, files_below, sessions};

/// A place for backups, beside the project.
fn beside(project: &Project, name: &str) -> PathBuf {
    project.root().parent().unwrap().join(name)
}

#[track_caller]
fn back_up(project: &Project, name: &str, more: &[&str]) -> (PathBuf, Value) {
    let target = beside(project, name);
    let args: Vec<&str> = ["backup", target.to_str().unwrap()].into_iter().chain(more.iter().copied()).collect();
    let made = project.json(&args);
    (target, made)
}

/// A backup restored into an empty folder.
#[track_caller]
fn restored(backup: &Path) -> Project {
    let elsewhere = Project::empty();
    elsewhere.run(&["restore", backup.to_str().unwrap()]).ok();
    elsewhere
}

/// Nothing of a folder but what is named.
fn only(folder: &Path, but: &[&str]) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned());
    names.filter(|name| !but.contains(&name.as_str())).collect()
}

#[test]
fn a_project_restored_elsewhere_goes_on_as_the_first_would() {
    let mut project = Project::new();
    project.materialize();
    project.edit_close("sh.600028", "2015-05-20", 6.66);
    project.materialize();
    project.run(&["sql", "--write", "create table mine as select 42 as answer"]).ok();
    let (backup, made) = back_up(&project, "first", &[]);
    assert_eq!((&made["run"], &made["left_out"]), (&2.into(), &Value::Array(Vec::new())));
    let twin = restored(&backup);
    assert_same(&twin.contents(), &project.contents());
    // Not even the sources' files are opened.
    twin.materialize().assert_nothing();
    assert_eq!(twin.json(&["sql", "--write", "select answer from mine"])[0]["answer"], 42);
    assert_eq!(twin.json(&["runs", "1"]), project.json(&["runs", "1"]));
    twin.run(&["check"]).ok();
    let past = ["sql", "--as-of", "1", "select * from completed_bars where session = '2015-05-20' order by instrument"];
    assert_eq!(twin.json(&past), project.json(&past));

    // What comes after the backup is made, and nothing else.
    project.edit_close("sh.600036", "2015-08-03", 7.77);
    twin.write("data/source/bars/bars.csv", project.read("data/source/bars/bars.csv"));
    let ran = project.materialize();
    assert!(!ran.of_asset("indicators").is_empty());
    assert_eq!(twin.materialize(), ran);
    assert_same(&twin.contents(), &project.contents());
}

#[test]
fn backups_during_runs_and_gc_hold_one_state_each() {
    let project = daemon::project();
    let running = project.start(&["serve", "-q", "--simulate", "2015-07-01..2015-07-31"]);
    let mut backups = Vec::new();
    crate::support::wait_until("something was made", || project.path("data/warehouse.duckdb").exists());
    for number in 0..5 {
        let target = beside(&project, &format!("backup {number}"));
        let making = project.start(&["backup", target.to_str().unwrap(), "--format", "json"]);
        project.run(&["gc", "--keep-runs", "0", "--keep-days", "0"]).ok();
        let made = making.wait().ok().json();
        assert_eq!(made["left_out"], Value::Array(Vec::new()));
        backups.push((target, made["revision"].as_u64().unwrap()));
    }
    running.wait().ok();
    project.run(&["gc", "--keep-runs", "0", "--keep-days", "0"]).ok();
    let revisions: Vec<u64> = backups.iter().map(|(_, revision)| *revision).collect();
    assert!(revisions.is_sorted() && revisions[0] < revisions[4], "nothing was committed meanwhile: {revisions:?}");
    project.materialize();
    let whole = project.contents();
    for (backup, _) in &backups {
        let twin = restored(backup);
        let there = twin.contents();
        // Sessions are only added here: what is there is as it stayed.
        assert!(there.iter().all(|(partition, hash)| whole.get(partition) == Some(hash)));
        let missing: Contents = whole.clone().into_iter().filter(|(key, _)| !there.contains_key(key)).collect();
        let ran: Vec<_> = twin.materialize().0.into_iter().collect();
        let missing: Vec<_> = changes(&Contents::new(), &missing).into_iter().collect();
        assert_eq!(ran, missing);
        assert_same(&twin.contents(), &whole);
    }
}

/// Instants within what takes so long: they look random and are the same parts of it each time.
fn within(took: Duration, seed: u64) -> impl Iterator<Item = Duration> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        took.mul_f64((state >> 33) as f64 / (1_u64 << 31) as f64)
    })
}

#[test]
fn a_backup_that_is_killed_leaves_nothing_that_looks_like_one() {
    let project = Project::new();
    project.materialize();
    let target = beside(&project, "target");
    let started = Instant::now();
    back_up(&project, "timed", &["--copy"]);
    let took = started.elapsed();
    std::fs::remove_dir_all(beside(&project, "timed")).unwrap();
    let mut killed = 0;
    for wait in within(took, 5).take(8) {
        let making = project.start(&["backup", target.to_str().unwrap(), "--copy"]);
        std::thread::sleep(wait);
        let output = making.kill();
        killed += u32::from(output.code.is_none());
        if target.exists() {
            project.run(&["restore", "--verify", target.to_str().unwrap()]).ok();
            std::fs::remove_dir_all(&target).unwrap();
        }
    }
    assert!(killed > 0, "it was over before it could be killed");
    let (backup, _) = back_up(&project, "target", &[]);
    assert_eq!(only(backup.parent().unwrap(), &["target", "行情 project"]), Vec::<String>::new());
    assert_same(&restored(&backup).contents(), &project.contents());
}

#[test]
fn a_restore_that_is_killed_leaves_the_old_store_or_none() {
    let project = Project::new();
    project.materialize();
    let new = project.contents();
    let (backup, _) = back_up(&project, "backup", &[]);
    let (source, mut seen) = (backup.to_str().unwrap(), [0; 3]);
    let started = Instant::now();
    restored(&backup);
    let took = started.elapsed();
    for wait in within(took, 23).take(8) {
        let place = Project::of(&daemon::INSTRUMENTS, "2015-02-02", "2015-03-31", crate::support::STAGES);
        place.run(&["materialize", "--select", "raw_bars"]).ok();
        let old = place.contents();
        let restoring = place.start(&["restore", source, "--force"]);
        std::thread::sleep(wait);
        restoring.kill();
        let ledger = place.path("data/state.db").exists();
        let state = match ledger.then(|| place.contents()) {
            None => 0,
            Some(contents) if contents == old => 1,
            Some(contents) => {
                assert_same(&contents, &new);
                2
            }
        };
        seen[state] += 1;
        place.run(&["restore", source, "--force"]).ok();
        assert_same(&place.contents(), &new);
        place.materialize().assert_nothing();
        let left = [place.root(), place.path("data")].map(|folder| only(&folder, &[])).concat();
        assert!(!left.iter().any(|name| name.starts_with(".restoring")), "{left:?}");
    }
    println!("no store {} times, the old one {}, the new one {}", seen[0], seen[1], seen[2]);
    assert!(seen[1] > 0, "it was over before it could be killed: {seen:?}");
}

#[test]
fn damage_of_every_sort_is_found_and_named_before_anything_is_touched() {
    let project = Project::new();
    project.run(&["materialize"]).ok();
    project.write("data/logs/1.jsonl", "{}\n");
    let (backup, _) = back_up(&project, "backup", &[]);
    let verify = || project.run(&["restore", "--verify", backup.to_str().unwrap()]);
    verify().ok().says(&["the backup is whole"]);
    let lake = files_below(&backup.join("data/lake"));
    let last = lake.last().unwrap().0.strip_prefix(&backup).unwrap().to_str().unwrap().to_owned();
    let names = [
        "backup.json",
        "data/state.db",
        "data/logs/1.jsonl",
        "project/assets.yaml",
        "project/data/source/bars/bars.csv",
        &last,
    ];
    for name in names {
        let path = backup.join(name);
        let bytes = std::fs::read(&path).unwrap();
        for damage in ["a byte", "cut off", "longer", "gone"] {
            let mut other = bytes.clone();
            match damage {
                "a byte" => other[bytes.len() / 2] ^= 1,
                // Of a manifest the last byte ends the line.
                "cut off" => other.truncate(bytes.len() - 2),
                _ => other.extend(b"x"),
            }
            // Anew: a link would damage the store as well.
            std::fs::remove_file(&path).unwrap();
            if damage != "gone" {
                std::fs::write(&path, other).unwrap();
            }
            eprintln!("{name}, {damage}");
            let is_none = (name, damage) == ("backup.json", "gone");
            let found = verify().exits(if is_none { 2 } else { 6 });
            found.says(&[name]);
            if damage == "a byte" {
                let elsewhere = Project::empty();
                elsewhere.run(&["restore", backup.to_str().unwrap()]).exits(6).says(&[name]);
                assert_eq!(only(&elsewhere.root(), &[]), Vec::<String>::new());
            }
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, &bytes).unwrap();
        }
    }
    verify().ok();
}

#[test]
fn a_segment_that_is_damaged_is_left_out_and_made_again_after_the_restore() {
    let project = Project::new();
    project.materialize();
    let contents = project.contents();
    let path =
        project.segments("indicators").into_iter().find(|path| path.to_str().unwrap().contains("2015-05.")).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, vec![b'x'; bytes.len()]).unwrap();
    let target = beside(&project, "backup");
    let name = format!("data/lake/indicators/{}", path.file_name().unwrap().to_str().unwrap());
    project.run(&["backup", target.to_str().unwrap()]).exits(6).says(&[&name, "missing or damaged"]);
    project.run(&["restore", "--verify", target.to_str().unwrap()]).ok();
    let twin = restored(&target);
    twin.materialize().assert(&[("indicators", &sessions("2015-05-01", "2015-05-31"))]);
    assert_same(&twin.contents(), &contents);
}

#[test]
fn what_is_there_is_not_overwritten() {
    let mut project = Project::new();
    project.materialize();
    let (backup, _) = back_up(&project, "backup", &[]);
    let source = backup.to_str().unwrap();
    project.run(&["backup", source]).exits(2).says(&["is there already", "--onto"]);
    project.run(&["restore", source]).exits(2).says(&["there is a store in", "--force"]);
    let old = project.contents();
    project.edit_close("sh.600028", "2015-05-20", 6.66);
    project.materialize();
    let edited = project.read("data/source/bars/bars.csv");

    // The store alone: the project's files stay, and so the correction is to be made again.
    let done = project.json(&["restore", source, "--force", "--store-only"]);
    let aside = PathBuf::from(done["aside"][0].as_str().unwrap());
    assert!(aside.join("state.db").exists() && aside.join("lake").exists());
    assert_same(&project.contents(), &old);
    assert_eq!(project.read("data/source/bars/bars.csv"), edited);
    assert_eq!(project.materialize().of_asset("raw_bars"), sessions("2015-05-20", "2015-05-20"));

    // All of it.
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(project.path("data").join(name));
    }
    project.run(&["restore", source]).exits(2).says(&["other content already in `data/source/bars/bars.csv`"]);
    assert!(!project.path("data/state.db").exists());
    let done = project.json(&["restore", source, "--force"]);
    // What was left of the store first, then the project's files.
    let aside = PathBuf::from(done["aside"].as_array().unwrap().last().unwrap().as_str().unwrap());
    let kept = std::fs::read_to_string(project.root().join(aside).join("data/source/bars/bars.csv")).unwrap();
    assert_eq!(kept, edited);
    assert_same(&project.contents(), &old);
    project.materialize().assert_nothing();
}

#[test]
fn an_incremental_backup_links_what_an_earlier_one_has() {
    let mut project = Project::new();
    project.materialize();
    let (first, made) = back_up(&project, "first", &["--copy"]);
    assert_eq!(made["linked"], 0);
    project.edit_close("sh.600028", "2015-08-20", 6.66);
    project.materialize();
    let (second, made) = back_up(&project, "second", &["--copy", "--onto", first.to_str().unwrap()]);
    let (linked, files) = (made["linked"].as_u64().unwrap(), made["files"].as_u64().unwrap());
    // Of five assets a month or two are new.
    assert!(linked > 25 && files - linked < 20, "{made}");
    let contents = project.contents();
    assert_same(&restored(&second).contents(), &contents);
    // Each is whole without the other.
    std::fs::remove_dir_all(&first).unwrap();
    assert_same(&restored(&second).contents(), &contents);
    // Where the earlier one is damaged it is copied.
    let lake = files_below(&second.join("data/lake"));
    let bytes = std::fs::read(&lake[0].0).unwrap();
    std::fs::write(&lake[0].0, vec![b'x'; bytes.len()]).unwrap();
    let (third, made) = back_up(&project, "third", &["--copy", "--onto", second.to_str().unwrap()]);
    assert_eq!(made["left_out"], Value::Array(Vec::new()));
    assert_eq!(std::fs::read(third.join(lake[0].0.strip_prefix(&second).unwrap())).unwrap(), bytes);
    assert_same(&restored(&third).contents(), &contents);
}

#[test]
fn a_newer_store_is_refused_and_the_one_that_is_there_stays() {
    let project = Project::new();
    project.materialize();
    let ledger = rusqlite::Connection::open(project.path("data/state.db")).unwrap();
    let (backup, _) = back_up(&project, "backup", &[]);
    drop(ledger);
    // As a newer program would have written it, and said so.
    let path = backup.join("backup.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"format\": 1,", "\"format\": 99,")).unwrap();
    project.run(&["restore", "--force", backup.to_str().unwrap()]).exits(2).says(&["made by a newer assetctl"]);
    project.materialize().assert_nothing();
    let none = beside(&project, "none");
    project.run(&["restore", none.to_str().unwrap()]).exits(2).says(&["is not a backup", "backup.json"]);
}

#[test]
fn the_queue_the_ticks_and_the_sensors_go_on_and_old_messages_do_not() {
    let project = daemon::project();
    daemon::simulate(&project, "2015-07-01..2015-07-03");
    let ledger = rusqlite::Connection::open(project.path("data/state.db")).unwrap();
    ledger
        .execute_batch(
            "INSERT INTO messages (observer, made_at, events, attempts, state, next_at) VALUES ('desk', 1, 1, 0, 'waiting', 1);
             INSERT INTO notices (observer, key, at, event, message) VALUES ('desk', 'k', 1, '{}', 1), ('desk', 'k', 2, '{}', NULL);",
        )
        .unwrap();
    let id = daemon::queue(&project, "scoring");
    // As a daemon leaves it that dies at work.
    ledger.execute("UPDATE requests SET status = 'running', attempt = 1 WHERE id = ?1", [id as i64]).unwrap();
    drop(ledger);
    let (backup, _) = back_up(&project, "backup", &[]);
    let twin = restored(&backup);
    let history = twin.json(&["notify", "history"]);
    assert_eq!(history[0]["state"], "given_up");
    assert!(history[0]["error"].as_str().unwrap().contains("restored from a backup of"), "{history}");
    let left = rusqlite::Connection::open(twin.path("data/state.db")).unwrap();
    assert_eq!(left.query_row("SELECT count(*) FROM notices", [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    drop(left);
    // Both go on from there, and do the same: what was due meanwhile is caught up.
    for place in [&project, &twin] {
        daemon::simulate(place, "2015-07-01..2015-07-10");
        assert_eq!(daemon::status(place, id), "succeeded");
    }
    let ticks = |place: &Project| place.json(&["schedule", "history", "close", "-n", "100"]);
    let decided = |ticks: Value| -> Vec<(Value, Value)> {
        ticks.as_array().unwrap().iter().map(|tick| (tick["due"].clone(), tick["decision"].clone())).collect()
    };
    assert_eq!(decided(ticks(&twin)), decided(ticks(&project)));
    assert_eq!(decided(ticks(&twin)).len(), sessions("2015-07-01", "2015-07-10").len());
    let jobs = |place: &Project| ["sync", "scoring"].map(|job| daemon::requests(place, job).len());
    assert_eq!(jobs(&twin), jobs(&project));
    assert_same(&twin.contents(), &project.contents());
}

#[cfg(unix)]
#[test]
fn a_store_in_use_is_not_restored_and_nothing_is_collected_during_a_backup() {
    let project = daemon::project();
    let serving = daemon::serve(&project);
    let id = daemon::queue(&project, "sync");
    daemon::until(&project, id, "succeeded");
    let (backup, _) = back_up(&project, "backup", &[]);
    let source = backup.to_str().unwrap();
    project.run(&["restore", source, "--force"]).exits(2).says(&["a daemon is at work"]);
    daemon::end(serving);
    // As a backup holds it.
    let lock = std::fs::File::open(project.path("data/locks/upkeep.lock")).unwrap();
    lock.lock_shared().unwrap();
    let before = files_below(&project.path("data/lake"));
    let collected = project.json(&["gc", "--keep-runs", "0", "--keep-days", "0"]);
    assert_eq!((&collected["held_off"], &collected["files"]), (&true.into(), &0.into()));
    assert_eq!(files_below(&project.path("data/lake")), before);
    project.run(&["restore", source, "--force"]).exits(2).says(&["a backup or `gc` is at work"]);
    drop(lock);
    project.run(&["restore", source, "--force"]).ok();
    let ran: Ran = project.materialize_with(&["--select", "completed_bars"]);
    ran.assert_nothing();
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_leaves_no_backup_and_no_half_of_a_store() {
    use crate::support::disk::SmallDisk;
    let project = Project::new();
    project.materialize();
    let small = beside(&project, "small");
    let Some(disk) = SmallDisk::mount(&small, "200k") else {
        eprintln!("skipped: this user may not mount a file system");
        return;
    };
    let target = small.join("backup");
    project.run(&["backup", target.to_str().unwrap()]).exits(1).says(&["cannot"]);
    assert_eq!(only(&small, &[]), Vec::<String>::new());
    let (backup, _) = back_up(&project, "backup", &[]);
    let place = small.join("place");
    let there = ["restore", backup.to_str().unwrap(), "--to", place.to_str().unwrap()];
    project.run(&there).exits(1).says(&["cannot"]);
    assert!(!place.join("data/state.db").exists());
    disk.resize("64m");
    project.run(&there).ok();
    assert!(place.join("data/state.db").exists());
    project.run(&["backup", target.to_str().unwrap()]).ok();
}
