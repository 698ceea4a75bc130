//! What sensors wait for, and what the daemon makes of it.

use super::{FIRST, INSTRUMENTS, LAST, project, requests, simulate};
use crate::support::bars::Bars;
use crate::support::vendor::Vendor;
use crate::support::{Project, assert_same, date, wait_until};

fn jobs(project: &Project, job: &str) -> Vec<String> {
    let text = |row: &serde_json::Value| row["why"].as_str().unwrap().to_owned();
    requests(project, job).iter().map(text).collect()
}

#[test]
fn runs_updates_and_queries_make_jobs_run() {
    let project = project();
    project.write(
        "schedules.yaml",
        "jobs:
  sync: { select: completed_bars }
  scoring: { select: signals }
  a: { select: raw_bars }
  b: { select: raw_bars }
schedules:
  close: { job: sync, on: session_close + 30m }
sensors:
  after_sync: { job: scoring, when: { run: succeeded, of: sync } }
  updated: { job: a, when: { updated: completed_bars } }
  enough: { job: b, when: { sql: \"select count(distinct session) >= 24 from completed_bars\" } }
",
    );
    simulate(&project, "2015-07-01..2015-07-03");
    assert_eq!(jobs(&project, "scoring").len(), 3);
    assert!(
        jobs(&project, "scoring")[0].contains("request 1, of job `sync`, succeeded"),
        "{:?}",
        jobs(&project, "scoring")
    );
    let updated = jobs(&project, "a");
    assert!(updated.iter().all(|why| why.contains("`completed_bars` has changed: revision")), "{updated:?}");
    assert_eq!(updated.len(), 3);
    // June had 21 sessions.
    assert_eq!(jobs(&project, "b"), ["sensor `enough`: its query has become true"]);
    assert_same(&project.contents(), &project.rebuilt_at("2015-07-03T23:59:59Z", &[]));
}

#[test]
fn an_asset_brings_itself_up_to_date_when_what_it_reads_changes() {
    let mut project = project();
    project.write("schedules.yaml", "jobs: {}\n");
    project.edit_yaml("    kind: signals\n", "    kind: signals\n    auto: on_change\n");
    simulate(&project, "2015-07-01T12:00:00Z..2015-07-01T12:00:01Z");
    assert_eq!(jobs(&project, "auto:signals").len(), 1);
    simulate(&project, "2015-07-01T13:00:00Z..2015-07-01T13:00:01Z");
    assert_eq!(jobs(&project, "auto:signals").len(), 1);
    project.edit_close("sh.600036", "2015-06-30", 21.0);
    simulate(&project, "2015-07-01T14:00:00Z..2015-07-01T14:00:01Z");
    assert_eq!(jobs(&project, "auto:signals").len(), 2);
    assert_same(&project.contents(), &project.rebuilt_at("2015-07-01T14:00:00Z", &[]));
}

#[cfg(unix)]
#[test]
fn a_file_that_comes_is_loaded_once() {
    let project = project();
    project.write(
        "schedules.yaml",
        "jobs: { load: { select: raw_bars } }\nsensors: { came: { job: load, when: { file: incoming/*.csv }, every: 1s } }\n",
    );
    project.write("incoming/old.csv", "a");
    // On the real clock, for a clock that stands still looks once.
    let daemon = crate::support::running::Running::new(project.command(&["serve", "-q", "--listen", "off"]), "serve");
    wait_until("the daemon is there", || !project.json(&["queue"])["daemon"].is_null());
    wait_until("it has looked", || {
        let ledger = rusqlite::Connection::open(project.path("data/state.db")).unwrap();
        ledger.query_row("SELECT count(*) FROM sensors", [], |row| row.get::<_, i64>(0)).unwrap() == 1
    });
    project.write("incoming/new.csv", "b");
    wait_until("the job has run", || requests(&project, "load").iter().any(|row| row["status"] == "succeeded"));
    super::end(daemon);
    let why = jobs(&project, "load");
    assert_eq!(why.len(), 1);
    assert!(why[0].contains("there came") && why[0].contains("new.csv"), "{why:?}");
}

/// Answers every request with `ready` for as long as the test goes on.
fn answer(listener: std::net::TcpListener) {
    use std::io::{Read as _, Write as _};
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nit: ready");
        }
    });
}

#[test]
fn an_address_that_begins_to_answer() {
    let project = project();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    project.write(
        "schedules.yaml",
        format!(
            "jobs: {{ a: {{ select: listing }}, b: {{ select: listing }} }}
sensors:
  up: {{ job: a, when: {{ http: {{ url: 'http://{address}/', contains: ready }} }} }}
  other: {{ job: b, when: {{ http: {{ url: 'http://{address}/', contains: done }} }} }}
"
        ),
    );
    let look = |hour: u32| {
        simulate(&project, &format!("2015-07-01T{hour}:00:00Z..2015-07-01T{hour}:00:01Z"));
        (jobs(&project, "a").len(), jobs(&project, "b").len())
    };
    assert_eq!(look(12), (0, 0));
    answer(std::net::TcpListener::bind(address).unwrap());
    assert_eq!(look(13), (1, 0));
    assert_eq!(look(14), (1, 0));
}

#[test]
fn an_asset_that_is_late() {
    let project = project();
    project.edit_yaml("    kind: source\n", "    kind: source\n    checks: [{ freshness: { sessions: 1 } }]\n");
    project.write(
        "schedules.yaml",
        "jobs: { load: { select: raw_bars } }\nsensors: { late: { job: load, when: { late: raw_bars } } }\n",
    );
    project.run_at("2015-07-01T12:00:00Z", &["materialize", "--select", "raw_bars"]).ok();
    simulate(&project, "2015-07-02T12:00:00Z..2015-07-02T12:00:01Z");
    assert!(jobs(&project, "load").is_empty());
    simulate(&project, "2015-07-03T12:00:00Z..2015-07-03T12:00:01Z");
    assert_eq!(jobs(&project, "load"), ["sensor `late`: `raw_bars` breaks its `freshness` check"]);
    assert_eq!(requests(&project, "load")[0]["status"], "succeeded");
    simulate(&project, "2015-07-03T13:00:00Z..2015-07-03T13:00:01Z");
    assert_eq!(jobs(&project, "load").len(), 1);
}

#[test]
fn what_gc_forgets_makes_no_tick_and_no_sensor_come_again() {
    let project = project();
    simulate(&project, "2015-07-01..2015-07-03");
    let all = |project: &Project| ["sync", "scoring"].map(|job| requests(project, job).len());
    assert_eq!(all(&project), [3, 3]);
    let would = project.json(&["gc", "--keep-history", "0", "--dry-run"]);
    assert_eq!(all(&project), [3, 3]);
    let went = project.json(&["gc", "--keep-history", "0"]);
    for (what, number) in [("requests", 4), ("ticks", 2), ("logs", 6)] {
        assert_eq!((&would[what], &went[what]), (&number.into(), &number.into()), "{what}");
    }
    assert_eq!(all(&project), [1, 1], "the newest of each stay");
    assert_eq!(project.json(&["runs"]).as_array().unwrap().len(), 6, "they made what is there");
    simulate(&project, "2015-07-01..2015-07-06");
    assert_eq!(all(&project), [2, 2]);
    assert_same(&project.contents(), &project.rebuilt_at("2015-07-06T23:59:59Z", &[]));
}

/// The vendor has nothing for the newest session yet: it is asked once an hour, and not all the time.
#[test]
fn what_is_not_there_yet_is_asked_for_at_a_pace() {
    let vendor = Vendor::new(&Bars::slice(&INSTRUMENTS, "2015-07-01", "2015-07-02"));
    let project = Project::of(
        &INSTRUMENTS,
        FIRST,
        LAST,
        &format!(
            "calendar: XSHG
start: 2015-07-01
assets:
  asked:
    kind: source
{}
  above:
    kind: indicators
    input: asked
    auto: on_change
    columns: {{ double: close * 2 }}
",
            vendor.yaml()
        ),
    );
    let vain = date("2015-07-03");
    let look = |time: &str| {
        simulate(&project, &format!("2015-07-03T{time}:00Z..2015-07-03T{time}:02Z"));
        (jobs(&project, "auto:above").len(), vendor.asked().iter().filter(|asked| **asked == vain).count())
    };
    assert_eq!(look("08:10"), (1, 1));
    assert_eq!(look("09:05"), (1, 0));
    assert_eq!(look("09:15"), (2, 1));
    vendor.edit(|bars| *bars = Bars::slice(&INSTRUMENTS, "2015-07-01", "2015-07-03"));
    assert_eq!(look("10:20"), (3, 1));
    // It is there now.
    assert_eq!(look("12:00"), (3, 0));
}

/// A job that does not mend what its sensor waits for runs once for it.
#[test]
fn a_job_that_mends_nothing_does_not_run_for_ever() {
    let mut project = project();
    project.write(
        "schedules.yaml",
        "jobs: { tidy: { work: gc } }\nsensors: { stale: { job: tidy, when: { stale: completed_bars } } }\n",
    );
    let look = |project: &Project, hour: u32| {
        simulate(project, &format!("2015-07-01T{hour}:00:00Z..2015-07-01T{hour}:00:02Z"));
        jobs(project, "tidy").len()
    };
    assert_eq!(look(&project, 12), 1);
    assert_eq!(look(&project, 13), 1);
    project.run_at("2015-07-01T13:30:00Z", &["materialize"]).ok();
    assert_eq!(look(&project, 14), 1);
    project.edit_close("sh.600036", "2015-06-30", 21.0);
    assert_eq!(look(&project, 15), 2);
    // Edited once more, and still not mended: another thing to mend.
    project.edit_close("sh.600036", "2015-06-30", 22.0);
    assert_eq!(look(&project, 16), 3);
}
