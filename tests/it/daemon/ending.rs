//! The daemon is told to end while something keeps it, and another takes its place.

#![cfg(unix)]

use assetctl_store::{NewRequest, Origin, Store};

use super::{end, project, queue, requests, serve, until};
use crate::support::wait_until;

#[test]
fn who_takes_over_has_read_the_files_as_they_are_then() {
    let project = project();
    let first = serve(&project);
    let second = project.start(&["serve", "-q", "--standby", "--listen", "off"]);
    // It has read the files as they were, and waits.
    std::thread::sleep(std::time::Duration::from_millis(500));
    project.write(
        "schedules.yaml",
        "jobs: { scoring: { select: signals } }\nsensors: { so: { job: scoring, when: { stale: signals } } }\n",
    );
    first.kill();
    wait_until("the new sensor has fired", || !requests(&project, "scoring").is_empty());
    end(second);
    assert!(requests(&project, "scoring")[0]["why"].as_str().unwrap().starts_with("sensor `so`"));
}

#[test]
fn a_reader_that_stands_still_keeps_nobody() {
    let project = project();
    let daemon = project.start(&["serve", "--format", "json", "--listen", "off"]);
    wait_until("the daemon is there", || !project.json(&["queue"])["daemon"].is_null());
    let first = queue(&project, "scoring");
    until(&project, first, "succeeded");
    // More than a pipe holds.
    let store = Store::open(&project.path("data")).unwrap();
    let row = store.request(first).unwrap().unwrap();
    let mut last = first;
    for _ in 0..50 {
        let again = NewRequest {
            job: row.job.clone(),
            resolved: row.resolved.clone(),
            origin: Origin::Manual,
            of: None,
            due: None,
            why: "again ".repeat(400),
            priority: 0,
            claims: row.claims.clone(),
            retry_of: None,
            at: row.created_at,
        };
        last = store.enqueue(&again).unwrap();
    }
    until(&project, last, "succeeded");
    let mut daemon = daemon;
    daemon.terminate();
    wait_until("it has ended", || !daemon.is_running());
    assert!(project.json(&["queue"])["daemon"].is_null());
}

#[test]
fn a_ledger_that_somebody_holds_keeps_it_from_nothing_but_recording() {
    let project = project();
    let mut daemon = serve(&project);
    let ledger = rusqlite::Connection::open(project.path("data/state.db")).unwrap();
    ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
    daemon.terminate();
    wait_until("it has ended", || !daemon.is_running());
    ledger.execute_batch("ROLLBACK").unwrap();
    end(serve(&project));
}
