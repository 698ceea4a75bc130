//! Who is told of what happens in the daemon.

#![cfg(unix)]

use serde_json::Value;

use super::{end, project, queue, serve, until};
use crate::support::receiver::Receiver;
use crate::support::{Project, wait_until};

/// The events of a kind that a receiver has got.
fn of_kind(receiver: &Receiver, kind: &str) -> Vec<Value> {
    let all = receiver.got();
    let events = all.iter().flat_map(|message| message["events"].as_array().unwrap().clone());
    events.filter(|event| event["kind"] == kind).collect()
}

fn watched(receiver: &Receiver) -> Project {
    let project = project();
    // The files end in 2015, and it is 2018.
    project.edit_yaml(
        "    kind: source\n",
        "    kind: source\n    tags: [bars]\n    checks: [{ freshness: { sessions: 1 } }]\n",
    );
    project.edit_yaml(
        "    kind: signals\n",
        "    kind: signals\n    checks: [{ range: { column: weight, min: 2 }, severity: warn }]\n",
    );
    project.write("address", &receiver.url);
    project.write(
        "schedules.yaml",
        "jobs:
  load: { select: raw_bars, only: true }
  scoring: { select: signals, tags: [desk] }
  tidy: { work: gc }
observers:
  desk: { on: run_*, where: { tag: desk }, to: { webhook: { url: { file: address } } } }
  late: { on: freshness_violated, where: { tag: bars, severity: error }, to: { webhook: { url: { file: address } } } }
  warned: { on: check_warned, dedup: 1h, to: { webhook: { url: { file: address } } } }
  stopped: { on: run_cancelled, to: { webhook: { url: { file: address } } } }
",
    );
    project
}

#[test]
fn observers_are_told_by_tag_and_of_what_is_late_or_only_warned_of() {
    let receiver = Receiver::new(&[(200, "")]);
    let project = watched(&receiver);
    let daemon = serve(&project);
    let scoring = queue(&project, "scoring");
    // All is made, and what is late fails it.
    until(&project, scoring, "failed");
    let load = queue(&project, "load");
    until(&project, load, "failed");
    let tidy = queue(&project, "tidy");
    until(&project, tidy, "succeeded");
    wait_until("the end is told", || !of_kind(&receiver, "run_failed").is_empty());
    wait_until("both times that it is late are told", || of_kind(&receiver, "freshness_violated").len() == 2);
    end(daemon);
    // Of the job with the tag, and of no other.
    for kind in ["run_queued", "run_started", "run_failed"] {
        let told = of_kind(&receiver, kind);
        assert_eq!(told.len(), 1, "{kind}: {told:?}");
        assert_eq!((&told[0]["job"], &told[0]["tags"][0]), (&"scoring".into(), &"desk".into()));
    }
    let late = &of_kind(&receiver, "freshness_violated")[0];
    assert_eq!((&late["asset"], &late["session"]), (&"raw_bars".into(), &"2015-08-31".into()));
    // The second time nothing was stale: the reason is in the request all the same.
    let row = super::request(&project, load);
    assert!(row["error"].as_str().unwrap().contains("`raw_bars`: check `freshness` fails"), "{row}");
    assert_eq!((&row["error_kind"], &row["runs"]), (&"check".into(), &serde_json::json!([])));
    let warned = of_kind(&receiver, "check_warned");
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert_eq!((&warned[0]["asset"], &warned[0]["severity"]), (&"signals".into(), &"warn".into()));
}

#[test]
fn what_is_cancelled_while_nobody_is_there_is_told_when_somebody_is() {
    let receiver = Receiver::new(&[(200, "")]);
    let project = watched(&receiver);
    let id = queue(&project, "scoring");
    project.run(&["run", "cancel", &id.to_string()]).ok();
    let daemon = serve(&project);
    wait_until("it is told", || of_kind(&receiver, "run_cancelled").len() == 2);
    end(daemon);
    // Of two observers each once, and not again by the next daemon.
    let daemon = serve(&project);
    let other = queue(&project, "tidy");
    until(&project, other, "succeeded");
    end(daemon);
    assert_eq!(of_kind(&receiver, "run_cancelled").len(), 2);
}
