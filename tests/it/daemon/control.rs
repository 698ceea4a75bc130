//! Cancel, pause and resume in every state; one daemon at a time; edits while it runs; logs and statistics.

use std::time::Instant;

use serde_json::Value;

use super::{FIRST, INSTRUMENTS, LAST, end, project, queue, request, requests, serve, simulate, stages, status, until};
use crate::support::bars::Bars;
use crate::support::vendor::Vendor;
use crate::support::{Project, assert_same, sessions, wait_until};

/// An asset that computes for minutes, one that fails, and one that is asked for and does not answer.
fn slow(vendor: &Vendor) -> Project {
    let project = Project::of(&INSTRUMENTS, FIRST, LAST, &format!(
        "{}
  slow:
    kind: sql
    query: select instrument, close + 0 * (select sum(range) from range(400000000)) as slow from {{{{ ref('raw_bars') }}}}

  breaks:
    kind: sql
    query: select instrument, case when close > 0 then error('broken') else 1.0 end as price from {{{{ ref('raw_bars') }}}}
    columns: {{ instrument: text, price: number }}
    retries: 0

  asked_pause:
    kind: source
    start: 2015-08-03
{}
  asked_cancel:
    kind: source
    start: 2015-08-03
{}",
        stages(),
        vendor.yaml(),
        vendor.yaml()
    ));
    project.write(
        "schedules.yaml",
        "jobs:
  slow: { select: slow, tags: [one] }
  waits: { select: slow }
  queued: { select: raw_bars, tags: [one] }
  breaks: { select: breaks, retries: { times: 5, backoff: 1h } }
  asked_pause: { select: asked_pause }
  asked_cancel: { select: asked_cancel }
concurrency: { by_tag: { one: 1 } }
",
    );
    project
}

/// Wants something of a request, and waits until it is so; how long that took is printed, and is for people.
#[track_caller]
fn want(project: &Project, id: u64, what: &str, state: &str) {
    let told = Instant::now();
    project.run(&["run", what, &id.to_string()]).ok();
    let then = if what == "cancel" { "cancelled" } else { "paused" };
    wait_until(&format!("request {id}, {state}, is {then}"), || status(project, id) == then);
    println!("{what} while {state}: {:?}, a start of the program among it", told.elapsed());
}

#[cfg(unix)]
#[test]
fn cancel_and_pause_in_every_state() {
    let vendor = Vendor::new(&Bars::slice(&INSTRUMENTS, "2015-08-03", LAST));
    let project = slow(&vendor);
    project.materialize_with(&["--select", "raw_bars"]);
    vendor.allow(Some(2));
    let daemon = serve(&project);
    for (what, then) in [("pause", "paused"), ("cancel", "cancelled")] {
        // Computing: minutes of work are left.
        let computing = queue(&project, "slow");
        wait_until("it computes", || !request(&project, computing)["runs"].as_array().unwrap().is_empty());
        // Queued: it waits for the other's tag. Waiting for a lock: the other has the asset.
        let queued = queue(&project, "queued");
        let locked = queue(&project, "waits");
        wait_until("it waits for the lock", || !request(&project, locked)["runs"].as_array().unwrap().is_empty());
        assert_eq!((status(&project, queued), status(&project, locked)), ("queued".into(), "running".into()));
        want(&project, queued, what, "queued");
        want(&project, locked, what, "waiting for a lock");
        assert_eq!(status(&project, computing), "running");
        want(&project, computing, what, "computing");
        // It is not only said to have stopped: nobody holds the asset any more.
        wait_until("nobody computes", || project.json(&["gc", "--dry-run"])["busy"] == serde_json::json!([]));
        // Fetching: the vendor has been asked, and does not answer.
        let calls = vendor.calls();
        let fetching = queue(&project, &format!("asked_{what}"));
        wait_until("it fetches", || vendor.calls() > calls);
        want(&project, fetching, what, "fetching");
        // Backing off: the next try is in an hour.
        let failing = queue(&project, "breaks");
        wait_until("it has failed once", || !request(&project, failing)["not_before"].is_null());
        want(&project, failing, what, "backing off");
        for id in [computing, queued, locked, fetching, failing] {
            assert_eq!(status(&project, id), then);
        }
        if what == "pause" {
            // What is paused goes on from what was committed, in its place.
            vendor.allow(None);
            for id in [queued, fetching] {
                project.run(&["run", "resume", &id.to_string()]).ok();
                until(&project, id, "succeeded");
            }
            assert_eq!(request(&project, fetching)["attempt"], 2);
            project.run(&["run", "resume", &queued.to_string()]).exits(2).says(&["is not paused, it is succeeded"]);
            vendor.allow(Some(0));
            for id in [computing, locked, failing] {
                project.run(&["run", "cancel", &id.to_string()]).ok();
            }
        }
    }
    project.run(&["run", "cancel", "1"]).exits(2).says(&["has ended (cancelled)", "run retry"]);
    project.run(&["run", "pause", "99"]).exits(2).says(&["there is no request 99", "assetctl queue"]);
    end(daemon);
}

#[cfg(unix)]
#[test]
fn there_is_one_daemon_and_another_stands_by() {
    let project = project();
    let first = serve(&project);
    project.run(&["serve"]).exits(2).says(&["the daemon of this store is", "since", "--standby"]);
    let second = project.start(&["serve", "-q", "--standby", "--listen", "off"]);
    let holder = |project: &Project| project.json(&["queue"])["daemon"]["who"].clone();
    let was = holder(&project);
    first.kill();
    wait_until("the other has taken over", || holder(&project) != was && !holder(&project).is_null());
    let id = queue(&project, "scoring");
    until(&project, id, "succeeded");
    end(second);
    assert!(holder(&project).is_null());
    project.run(&["queue"]).ok().says(&["no daemon is there", "succeeded"]);
}

#[cfg(unix)]
#[test]
fn what_runs_when_it_is_told_to_end_goes_on_when_it_is_back() {
    let vendor = Vendor::new(&Bars::slice(&INSTRUMENTS, "2015-08-03", LAST));
    let project = slow(&vendor);
    project.materialize_with(&["--select", "raw_bars"]);
    vendor.allow(Some(3));
    let daemon = serve(&project);
    let id = queue(&project, "asked_pause");
    wait_until("it fetches", || vendor.calls() > 3);
    end(daemon);
    assert_eq!(status(&project, id), "queued");
    vendor.allow(None);
    let daemon = serve(&project);
    until(&project, id, "succeeded");
    end(daemon);
    let row = request(&project, id);
    assert_eq!((&row["attempt"], &row["failures"], &row["deaths"]), (&2.into(), &0.into(), &0.into()));
    let there = project.rows("select distinct session from asked_pause order by 1");
    assert_eq!(there.len(), sessions("2015-08-03", LAST).len());
}

#[cfg(unix)]
#[test]
fn edits_take_effect_and_mistakes_fail_what_runs_and_nothing_else() {
    let project = project();
    let daemon = serve(&project);
    let first = queue(&project, "scoring");
    until(&project, first, "succeeded");
    project.edit_yaml("mean(volume, 5)", "meen(volume, 5)");
    // What is queued already can be asked for again, cancelled and looked at, whatever the files say.
    let again = |project: &Project| project.json(&["run", "retry", &first.to_string()])["request"].as_u64().unwrap();
    let broken = again(&project);
    until(&project, broken, "failed");
    let row = request(&project, broken);
    assert_eq!((&row["error_kind"], &row["attempt"]), (&"config".into(), &1.into()));
    assert!(
        row["error"].as_str().unwrap().contains("meen") && row["error"].as_str().unwrap().contains("assets.yaml"),
        "{row}"
    );
    project.edit_yaml("meen(volume, 5)", "mean(volume, 7)");
    let mended = again(&project);
    until(&project, mended, "succeeded");
    assert!(!request(&project, mended)["runs"].as_array().unwrap().is_empty(), "the edit made it stale");
    assert_same(&project.contents(), &project.rebuilt());
    end(daemon);
}

#[test]
fn what_happened_is_logged_and_counted() {
    let project = project();
    simulate(&project, "2015-07-01..2015-07-03");
    let sync = requests(&project, "sync");
    assert_eq!(sync.len(), 3);
    let id = sync[1]["id"].to_string();
    let run = sync[1]["runs"][0].to_string();
    let log = project.read(&format!("data/logs/{run}.jsonl"));
    let kinds: Vec<String> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .inspect(|event| assert_eq!((&event["job"], &event["request"]), (&"sync".into(), &sync[1]["id"])))
        .map(|event| event["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds.first().unwrap(), "run_started");
    assert_eq!(kinds.last().unwrap(), "run_succeeded");
    assert!(kinds.contains(&"batch_committed".to_owned()) && kinds.contains(&"asset_finished".to_owned()), "{kinds:?}");
    project.run(&["run", "logs", &id]).ok().says(&["run_succeeded", "raw_bars: 1 sessions committed"]);
    project.run(&["run", "logs", &id, "-f"]).ok().says(&["`sync` is done"]);
    // Each tick knows its run.
    let history = project.json(&["schedule", "history", "close", "-n", "2"]);
    assert_eq!(history[1]["run"].to_string(), run);
    let stats = project.json(&["runs", "--stats"]);
    assert_eq!(
        (&stats[1]["job"], &stats[1]["succeeded"], &stats[1]["success_rate"]),
        (&"sync".into(), &3.into(), &1.0.into())
    );
    project.run(&["runs", "--stats"]).ok().says(&["sync", "scoring", "100.0 %"]);
    // The same again: nothing is stale, so nothing is done.
    let again = project.json(&["run", "retry", &id])["request"].as_u64().unwrap();
    simulate(&project, "2015-07-01..2015-07-03");
    assert_eq!(request(&project, again)["status"], "succeeded");
    assert_eq!(
        (&request(&project, again)["runs"], &request(&project, again)["retry_of"]),
        (&serde_json::json!([]), &sync[1]["id"])
    );
    project.run(&["run", "show", &again.to_string()]).ok().says(&["again, which was succeeded", "of request"]);
}
