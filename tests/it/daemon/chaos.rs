//! What the daemon survives: after each, no session is lost, none was done twice, and the content is that of a clean rebuild.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;
use serde_json::Value;

use super::{FIRST, INSTRUMENTS, SCHEDULES, project, queue, request, requests, serve, simulate, stages, status, until};
use crate::support::bars::Bars;
use crate::support::vendor::Vendor;
use crate::support::{Project, Ran, assert_same, sessions, wait_until};

/// How often each session of an asset was committed as part of a run that told of it.
fn told(project: &Project, asset: &str) -> BTreeMap<NaiveDate, u32> {
    let mut told = BTreeMap::new();
    let runs = project.json(&["runs", "-n", "1000"]);
    for run in runs.as_array().unwrap() {
        let detail = project.json(&["runs", &run["id"].to_string()]);
        for session in Ran::of(&serde_json::json!({ "run": detail })).of_asset(asset) {
            *told.entry(*session).or_default() += 1;
        }
    }
    told
}

/// Each session of the stretch had its tick, which ran, and was done well in the end.
#[track_caller]
fn assert_done(project: &Project, first: &str, last: &str) {
    let days = sessions(first, last);
    let history = project.json(&["schedule", "history", "close", "-n", "1000"]);
    let mut ticks: Vec<String> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|tick| {
            assert_eq!(tick["decision"], "run", "{tick}");
            tick["due"].as_str().unwrap()[..10].to_owned()
        })
        .collect();
    ticks.sort_unstable();
    assert_eq!(ticks, days.iter().map(ToString::to_string).collect::<Vec<_>>());
    let made = requests(project, "sync");
    let dues: Vec<&str> = made.iter().map(|row| &row["due"].as_str().unwrap()[..10]).collect();
    assert_eq!(dues, ticks, "one request for each tick");
    assert!(made.iter().all(|row| row["status"] == "succeeded"), "{made:?}");
    for asset in ["raw_bars", "completed_bars"] {
        let twice: Vec<_> = told(project, asset).into_iter().filter(|(_, times)| *times > 1).collect();
        assert!(twice.is_empty(), "{asset}: {twice:?}");
    }
    assert_same(&project.contents(), &project.rebuilt_at(&format!("{last}T23:59:59Z"), &[]));
}

/// Numbers that look random and are the same each time.
fn instants(seed: u64) -> impl Iterator<Item = Duration> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(100 + (state >> 33) % 1_400)
    })
}

#[test]
fn a_month_with_kills_at_any_instant() {
    let project = project();
    let month = "2015-07-01..2015-07-31";
    let (mut killed, mut running) = (0, 0);
    for wait in instants(15).take(10) {
        let daemon = project.start(&["serve", "-q", "--simulate", month]);
        std::thread::sleep(wait);
        let output = daemon.kill();
        killed += u32::from(output.code.is_none());
        running += u32::from(
            project.json(&["queue"])["requests"].as_array().unwrap().iter().any(|row| row["status"] == "running"),
        );
    }
    assert!(killed >= 3, "it was over before it could be killed");
    simulate(&project, month);
    println!("killed {killed} times, {running} times within a run");
    assert_done(&project, "2015-07-01", "2015-07-31");
}

#[test]
fn a_clock_that_jumps_back_and_forth() {
    let project = project();
    simulate(&project, "2015-07-01..2015-07-03");
    // Back: everything was decided.
    simulate(&project, "2015-06-20..2015-07-03");
    // Forth: what lies between is caught up.
    simulate(&project, "2015-07-20T12:00:00Z..2015-07-20T13:00:00Z");
    simulate(&project, "2015-07-10..2015-07-21");
    assert_done(&project, "2015-07-01", "2015-07-21");
}

#[test]
fn a_vendor_that_is_down_for_a_day() {
    let vendor = Vendor::new(&Bars::slice(&INSTRUMENTS, FIRST, "2015-07-31"));
    let files = "    csv: data/source/bars/*.csv\n    columns: { instrument: symbol, session: date }\n";
    let project = Project::empty();
    let listing: String = INSTRUMENTS.iter().map(|name| format!("{name},2014-01-02,\n")).collect();
    project.write("data/source/listing.csv", format!("instrument,listed,delisted\n{listing}"));
    project.yaml(&stages().replace("2015-06-01", "2015-07-01").replace(files, &vendor.yaml()));
    project.write("schedules.yaml", SCHEDULES);
    simulate(&project, "2015-07-01..2015-07-02");
    let down = sessions("2015-07-03", "2015-07-03");
    vendor.fails_on(&down);
    vendor.calls_asked();
    simulate(&project, "2015-07-01..2015-07-03");
    let failed = requests(&project, "sync").pop().unwrap();
    assert_eq!(
        (&failed["status"], &failed["attempt"], &failed["error_kind"]),
        (&"failed".into(), &3.into(), &"transient".into())
    );
    assert!(failed["error"].as_str().unwrap().contains("raw_bars"), "{failed}");
    assert_eq!(vendor.asked(), [down[0]; 3]);
    vendor.fails_on(&[]);
    simulate(&project, "2015-07-01..2015-07-08");
    // The next day's run asks for both, and each answer is taken once.
    assert_eq!(vendor.asked(), sessions("2015-07-03", "2015-07-08"));
    assert!(told(&project, "raw_bars").values().all(|times| *times == 1));
    let statuses: Vec<Value> = requests(&project, "sync").iter().map(|row| row["status"].clone()).collect();
    assert_eq!(statuses, ["succeeded", "succeeded", "failed", "succeeded", "succeeded", "succeeded"]);
    assert_same(&project.contents(), &project.rebuilt_at("2015-07-08T23:59:59Z", &[]));
}

#[cfg(unix)]
#[test]
fn a_database_that_another_holds_for_seconds() {
    let project = project();
    project.run(&["materialize", "--select", "raw_bars", "--to", "2015-06-30"]).ok();
    let daemon = serve(&project);
    let database = rusqlite::Connection::open(project.path("data/state.db")).unwrap();
    let id = queue(&project, "sync");
    wait_until("it has begun", || status(&project, id) != "queued");
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::sleep(Duration::from_secs(2));
    database.execute_batch("ROLLBACK").unwrap();
    until(&project, id, "succeeded");
    super::end(daemon);
    assert_eq!(request(&project, id)["attempt"], 1);
    project.run(&["materialize"]).ok();
    assert_same(&project.contents(), &project.rebuilt());
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_for_a_while() {
    use crate::support::disk::SmallDisk;
    let project = project();
    std::fs::rename(project.path("data/source"), project.path("source")).unwrap();
    project.edit_yaml("data/source/bars", "source/bars");
    project.edit_yaml("data/source/listing", "source/listing");
    let data = project.path("data");
    let Some(disk) = SmallDisk::mount(&data, "1m") else {
        eprintln!("skipped: this user may not mount a file system");
        return;
    };
    let daemon = serve(&project);
    let id = queue(&project, "sync");
    // Whatever room there was, there is none any more.
    disk.fill();
    std::thread::sleep(Duration::from_secs(2));
    disk.resize("64m");
    disk.empty();
    // How it ended is recorded as soon as that can be.
    wait_until("the attempt has ended", || status(&project, id) != "running");
    super::end(daemon);
    // Its clock stood still; on one that goes on the next try comes.
    simulate(&project, "2018-06-02..2018-06-02");
    assert_eq!(status(&project, id), "succeeded");
    project.run(&["materialize"]).ok();
    let fresh = super::project();
    fresh.materialize();
    assert_same(&project.contents(), &fresh.contents());
}
