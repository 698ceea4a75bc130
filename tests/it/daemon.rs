//! The daemon: what it runs and when, what it survives, and how soon it does as it is told.

mod chaos;
mod control;
mod ending;
mod sensors;
mod telling;

use std::time::Duration;

use serde_json::Value;

use crate::support::running::Running;
use crate::support::{Project, STAGES, wait_until};

pub const INSTRUMENTS: [&str; 4] = ["sh.000300", "sh.600028", "sh.600036", "sz.002129"];
pub const FIRST: &str = "2015-06-01";
pub const LAST: &str = "2015-08-31";

/// The stages, synced after each close and scored after that.
pub const SCHEDULES: &str = "\
jobs:
  sync: { select: completed_bars, priority: 5, retries: { times: 2, backoff: 10m } }
  scoring: { select: signals }
schedules:
  close: { job: sync, on: session_close + 30m, catch_up: all }
sensors:
  after_sync: { job: scoring, when: { run: succeeded, of: sync } }
";

pub fn stages() -> String {
    STAGES.replace("2015-02-02", FIRST)
}

pub fn project() -> Project {
    let project = Project::of(&INSTRUMENTS, FIRST, LAST, &stages());
    project.write("schedules.yaml", SCHEDULES);
    project
}

/// Goes through a stretch of time as fast as it can be worked.
#[track_caller]
pub fn simulate(project: &Project, stretch: &str) {
    let ended = project.command(&["serve", "-q", "--simulate", stretch]).status().unwrap();
    assert!(ended.success(), "{ended}");
}

/// A daemon on a clock that stands still.
pub fn serve(project: &Project) -> Running {
    let daemon = project.start(&["serve", "-q", "--listen", "off"]);
    wait_until("the daemon is there", || !project.json(&["queue"])["daemon"].is_null());
    daemon
}

/// Ends a daemon as a service manager does; it must do so by itself.
#[cfg(unix)]
#[track_caller]
pub fn end(daemon: Running) {
    daemon.interrupt();
    daemon.wait().ok();
}

/// Puts a job into the queue, and gives the request's number.
#[track_caller]
pub fn queue(project: &Project, job: &str) -> u64 {
    project.json(&["job", "run", job, "--queue"])["request"].as_u64().unwrap()
}

#[track_caller]
pub fn request(project: &Project, id: u64) -> Value {
    project.json(&["run", "show", &id.to_string()])
}

/// From the ledger itself: the program takes longer to start than what is to be seen may last.
pub fn status(project: &Project, id: u64) -> String {
    let ledger = rusqlite::Connection::open(project.path("data/state.db")).unwrap();
    ledger.busy_timeout(Duration::from_secs(60)).unwrap();
    ledger.query_row("SELECT status FROM requests WHERE id = ?1", [id as i64], |row| row.get(0)).unwrap()
}

#[track_caller]
pub fn until(project: &Project, id: u64, wanted: &str) {
    wait_until(&format!("request {id} is {wanted}"), || status(project, id) == wanted);
}

/// The requests of a job, by age: number, status, attempts.
pub fn requests(project: &Project, job: &str) -> Vec<Value> {
    let queue = project.json(&["queue", "-n", "1000"]);
    let mut found: Vec<Value> =
        queue["requests"].as_array().unwrap().iter().filter(|row| row["job"] == job).cloned().collect();
    found.sort_by_key(|row| row["id"].as_u64());
    found
}
