//! Who is told, how often, and with what else: filters, de-duplication, groups, rates.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::outbox::MOST_WAITING;
use crate::testing::{Fake, Reply, at, failed, good, notifier, notifier_with};
use crate::{Kept, MemoryOutbox, Notice, Outbox};

fn observer(url: &str, keys: &str) -> String {
    format!("  desk:\n    to: {{ webhook: {{ url: {url} }} }}\n{keys}")
}

/// The runs of each message, as the server got them.
fn runs(server: &Fake) -> Vec<Vec<i64>> {
    let runs =
        |body: Value| body["events"].as_array().unwrap().iter().map(|event| event["run"].as_i64().unwrap()).collect();
    server.got().iter().map(|got| runs(got.json())).collect()
}

#[test]
fn an_observer_wants_what_fits_all_that_it_says() {
    let wants = |keys: &str, event: &Value| good(&observer("http://127.0.0.1:1", keys), &[])[0].wants(event);
    let run = failed(1);
    let asset = json!({ "kind": "check_failed", "severity": "warn", "assets": ["a", "bars"], "tag": "daily" });
    for (keys, of_run, of_asset) in [
        ("    on: run_failed\n", true, false),
        ("    on: [check_failed, run_*]\n", true, true),
        ("    on: '*'\n    where: { severity: error }\n", true, false),
        ("    on: '*'\n    where: { severity: warn }\n", true, true),
        ("    on: '*'\n    where: { job: sync }\n", true, false),
        ("    on: '*'\n    where: { job: [score, 's*'] }\n", true, false),
        ("    on: '*'\n    where: { job: score }\n", false, false),
        ("    on: '*'\n    where: { asset: bars }\n", false, true),
        ("    on: '*'\n    where: { tag: [daily, vendor] }\n", true, true),
        ("    on: '*'\n    where: { tag: vendor, severity: error }\n", true, false),
    ] {
        assert_eq!((wants(keys, &run), wants(keys, &asset)), (of_run, of_asset), "{keys}");
    }
    // What is not said is `info`.
    assert!(!wants("    on: '*'\n    where: { severity: warn }\n", &json!({ "kind": "run_started" })));
}

#[tokio::test]
async fn the_same_is_told_once_in_a_while() {
    let server = Fake::new([Reply::new(200, "")]).await;
    let keys = "    on: '*'\n    dedup: { for: 1h, key: '{{ kind }} {{ job }}' }\n";
    let (notifier, hand) = notifier(good(&observer(&server.url, keys), &[]));
    let other = json!({ "kind": "run_failed", "run": 99, "job": "score" });
    for (second, event) in
        [(0, failed(1)), (1, failed(2)), (2, other), (3599, failed(3)), (3600, failed(4)), (3601, failed(5))]
    {
        hand.set(second);
        notifier.observe(&event);
        notifier.step().await;
    }
    assert_eq!(runs(&server), [[1], [99], [4]]);
    let last = server.got()[2].json();
    assert_eq!(last["events"][0]["repeated"], 2);
    assert!(last["text"].as_str().unwrap().ends_with("(and 2 times since it was last told)"));
}

#[tokio::test]
async fn what_comes_together_is_one_message() {
    let server = Fake::new([Reply::new(200, "")]).await;
    let (notifier, hand) = notifier(good(&observer(&server.url, "    on: '*'\n    group: 5m\n"), &[]));
    for (second, next) in [(0, 300), (100, 300), (299, 300)] {
        hand.set(second);
        notifier.observe(&failed(second));
        assert_eq!(notifier.step().await, Some(at(next)));
    }
    assert_eq!(server.count(), 0);
    hand.set(300);
    notifier.observe(&failed(300));
    assert_eq!(notifier.step().await, None);
    hand.set(400);
    notifier.observe(&failed(400));
    assert_eq!(notifier.step().await, Some(at(700)));
    hand.set(700);
    notifier.step().await;
    assert_eq!(runs(&server), [vec![0, 100, 299, 300], vec![400]]);
    assert_eq!(server.got()[0].json()["title"], "ERROR 4 events: 4 run_failed");
}

#[tokio::test]
async fn a_group_is_not_waited_for_once_it_is_large_enough() {
    let server = Fake::new([Reply::new(200, "")]).await;
    let (notifier, _hand) = notifier(good(&observer(&server.url, "    on: '*'\n    group: 5m\n"), &[]));
    (0..501).for_each(|run| assert!(notifier.observe(&failed(run))));
    assert_eq!(notifier.step().await, Some(at(300)));
    let runs = runs(&server);
    assert_eq!((runs.len(), runs[0].len()), (1, 500));
}

#[tokio::test]
async fn no_minute_has_more_messages_than_the_rate() {
    let server = Fake::new([Reply::new(200, "")]).await;
    let (notifier, hand) = notifier(good(&observer(&server.url, "    on: '*'\n    rate: { per_minute: 2 }\n"), &[]));
    (1..=5).for_each(|run| assert!(notifier.observe(&failed(run))));
    for (second, next, sent) in [(0, Some(60), 2), (59, Some(60), 2), (60, Some(120), 4), (120, None, 5)] {
        hand.set(second);
        assert_eq!((notifier.step().await, server.count()), (next.map(at), sent), "at {second}");
    }
    assert_eq!(runs(&server), [[1], [2], [3], [4], [5]]);
}

#[tokio::test]
async fn who_is_down_delays_nobody_else_and_is_not_asked_for_each_message() {
    let (down, up) = (Fake::new([Reply::new(503, "")]).await, Fake::new([Reply::new(200, "")]).await);
    let yaml = observer(&down.url, "    on: '*'\n") + &observer(&up.url, "    on: '*'\n").replace("desk", "other");
    let (notifier, _hand) = notifier(good(&yaml, &[]));
    (1..=5).for_each(|run| assert!(notifier.observe(&failed(run))));
    assert_eq!(notifier.step().await, Some(at(10)));
    assert_eq!((down.count(), up.count()), (1, 5));
}

#[test]
fn what_waits_is_bounded() {
    let outbox = Arc::new(MemoryOutbox::default());
    let (notifier, _hand) = notifier_with(good(&observer("http://127.0.0.1:1", "    on: '*'\n"), &[]), outbox.clone());
    (0..MOST_WAITING as i64 + 10).for_each(|run| assert!(notifier.observe(&failed(run))));
    assert_eq!(outbox.open("desk").unwrap().unwrap().count, MOST_WAITING);
    let event = failed(0);
    let notice = Notice { observer: "desk", key: "k", at: at(0), event: &event };
    assert_eq!(outbox.keep(&notice, None), Ok(Kept::Full));
    assert_eq!(outbox.keep(&Notice { observer: "other", ..notice }, None), Ok(Kept::Kept));
}
