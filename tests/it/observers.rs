//! Observers: listed, tried out, and what a killed process left to be told.

use assetctl_store::{NewNotice, Store};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::Project;
use crate::support::receiver::Receiver;

const OBSERVERS: &str = "\
jobs:
  sync: { select: completed_bars }
observers:
  desk:
    on: [run_failed, check_*]
    to: { webhook: { url: { file: address } } }
    dedup: 1h
    group: 5m
  chat:
    on: '*'
    to: { slack: { url: { env: NO_SUCH_VARIABLE } } }
";

fn project(receiver: &Receiver) -> Project {
    let project = Project::new();
    project.write("schedules.yaml", OBSERVERS);
    project.write("address", &receiver.url);
    project
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::<Utc>::from_timestamp(1_710_464_400, 0).unwrap() + TimeDelta::seconds(second)
}

#[test]
fn observers_are_listed_with_what_keeps_them_from_telling() {
    let project = project(&Receiver::new(&[(200, "")]));
    project.run(&["validate"]).ok().says(&["1 job, 2 observers valid"]);
    let listed = project.json(&["notify", "list"]);
    assert_eq!(
        listed,
        json!([
            { "observer": "desk", "description": null, "on": ["run_failed", "check_*"], "to": "webhook", "problem": null },
            { "observer": "chat", "description": null, "on": ["*"], "to": "slack",
              "problem": "observer `chat`: environment variable `NO_SUCH_VARIABLE` is not set" },
        ])
    );
    assert_eq!(project.json(&["notify", "history"]), json!([]));
    assert_eq!(project.json(&["notify", "send"])["next"], Value::Null);
}

#[test]
fn trying_out_sends_a_made_up_event_and_shows_the_answer() {
    let receiver = Receiver::new(&[(200, "thanks"), (403, "not /hook/s3cr3t-s3cr3t")]);
    let project = project(&receiver);
    assert_eq!(project.json(&["notify", "test", "desk"]), json!({ "observer": "desk", "answer": "200 OK: thanks" }));
    let event = &receiver.got()[0]["events"][0];
    assert_eq!((&event["kind"], &event["severity"]), (&json!("test"), &json!("info")));
    let refused = project.run(&["notify", "test", "desk", "-vv"]).exits(1);
    refused.says(&["telling by observer `desk`", "the server says 403 Forbidden: not /hook/***"]);
    assert!(!format!("{refused}").contains("s3cr3t"), "{refused}");
    project.run(&["notify", "test", "chat"]).exits(1).says(&["environment variable `NO_SUCH_VARIABLE` is not set"]);
    project.run(&["notify", "test", "dsk"]).exits(2).says(&["there is no observer `dsk`", "did you mean `desk`?"]);
    assert_eq!(receiver.got().len(), 2);
}

#[test]
fn what_a_killed_process_left_is_told_by_who_comes_next() {
    let receiver = Receiver::new(&[(503, "down"), (200, "")]);
    let project = project(&receiver);
    // As a daemon leaves it that was killed before it had told anything.
    let store = Store::open(&project.path("data")).unwrap();
    for second in [0, 10] {
        let event = json!({ "kind": "check_failed", "asset": "completed_bars", "severity": "error", "run": second });
        let key = format!("key {second}");
        let notice = NewNotice { observer: "desk", key: &key, at: at(second), event: &event };
        store.keep_notice(&notice, Some(TimeDelta::hours(1)), 100).unwrap();
    }
    drop(store);
    let send = |second: i64| {
        let sent = project.run_at(&at(second).to_rfc3339(), &["notify", "send", "--format", "json"]).ok().json();
        (sent["next"].as_str().map(|next| next.parse::<DateTime<Utc>>().unwrap()), receiver.got().len())
    };
    let history = || {
        let rows = project.json(&["notify", "history"]);
        let row = rows[0].clone();
        (rows.as_array().unwrap().len(), row["state"].clone(), row["attempts"].clone(), row["error"].clone())
    };
    // They are gathered for five minutes; then the receiver is down for a while.
    assert_eq!(send(299), (Some(at(300)), 0));
    assert_eq!(send(300), (Some(at(310)), 1));
    assert_eq!(history(), (1, json!("waiting"), json!(1), json!("the server says 503 Service Unavailable: down")));
    assert_eq!(send(309), (Some(at(310)), 1));
    assert_eq!(send(310), (None, 2));
    assert_eq!(history(), (1, json!("sent"), json!(2), Value::Null));
    assert_eq!(send(999), (None, 2));
    let got = receiver.got();
    assert_eq!(got[0], got[1]);
    assert_eq!((&got[0]["count"], &got[0]["events"][1]["run"]), (&json!(2), &json!(10)));
}

#[test]
fn a_tick_tells_what_became_of_its_run() {
    let receiver = Receiver::new(&[(200, "")]);
    let mut project = project(&receiver);
    let yaml = OBSERVERS
        .replace("    group: 5m\n", "")
        .replace("    on: '*'\n    to: { slack: { url: { env: NO_SUCH_VARIABLE } } }\n", "");
    let yaml = yaml.replace("  chat:\n", "");
    project.write(
        "schedules.yaml",
        format!("{yaml}schedules:\n  nightly: {{ job: sync, cron: 0 20 * * 1-5, zone: Asia/Shanghai }}\n"),
    );
    let kinds = |receiver: &Receiver| -> Vec<String> {
        let events = receiver.got().into_iter().flat_map(|message| message["events"].as_array().unwrap().clone());
        events.map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    };
    // A schedule that is new has seen everything until now.
    project.run_at("2018-05-31T00:00:00Z", &["schedule", "tick"]).ok();
    project.run_at("2018-05-31T12:01:00Z", &["schedule", "tick"]).ok();
    assert_eq!(kinds(&receiver), [""; 0], "the desk wants to hear of failures alone");
    // A negative price is refused by a check, and the desk hears of the run and of the check.
    project.edit_close("sh.600028", "2015-07-01", -1.0);
    project.run_at("2018-06-01T12:01:00Z", &["schedule", "tick"]).exits(6);
    assert_eq!(kinds(&receiver), ["check_failed", "run_failed"]);
    let check = &receiver.got()[0]["events"][0];
    assert_eq!(
        (&check["asset"], &check["session"], &check["job"], &check["schedule"]),
        (&json!("completed_bars"), &json!("2015-07-01"), &json!("sync"), &json!("nightly"))
    );
    // A receiver that is away changes nothing for the job; it is told when it is back.
    project.write("address", "http://127.0.0.1:9/hook");
    project.run_at("2018-06-04T12:01:00Z", &["schedule", "tick"]).exits(6);
    assert_eq!(project.json(&["notify", "history"])[0]["state"], json!("waiting"));
}
