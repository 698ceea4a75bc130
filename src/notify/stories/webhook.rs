//! The generic webhook: its body to the byte, its signature, and what becomes of a message that is not taken.

use std::time::Duration;

use crate::sign::standard_webhook;
use crate::testing::{Fake, Reply, START, declared, failed, good, notifier};
use crate::try_out;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn hook(url: &str, more: &str) -> String {
    format!(
        "  desk:\n    on: run_failed\n    to: {{ webhook: {{ url: {url}/in, secret: {{ file: key }}, headers: {{ x-team: desk, authorization: {{ file: auth }} }} }} }}\n{more}"
    )
}

const FILES: [(&str, &str); 2] = [("key", SECRET), ("auth", "Bearer s3cr3t\n")];

#[tokio::test]
async fn a_message_is_json_and_signed() {
    let server = Fake::new([Reply::new(204, "")]).await;
    let (notifier, _hand) = notifier(good(&hook(&server.url, ""), &FILES));
    notifier.observe(&failed(12));
    assert_eq!(notifier.step().await, None);
    let [got] = server.got().try_into().unwrap();
    let id = format!("desk-1-{START}000000");
    let expected = format!(
        concat!(
            r#"{{"id":"{id}","observer":"desk","at":"2024-03-15T01:00:00Z","severity":"error","title":"ERROR run_failed: job sync","#,
            r#""text":"2024-03-15T01:00:00Z run_failed: job sync, run 12: the vendor says <no> & hangs up","count":1,"#,
            r#""events":[{{"at":"2024-03-15T01:00:00Z","kind":"run_failed","run":12,"job":"sync","severity":"error","tags":["vendor"],"#,
            r#""message":"the vendor says <no> & hangs up"}}]}}"#
        ),
        id = id
    );
    assert_eq!((got.path.as_str(), got.body.as_str()), ("/in", expected.as_str()));
    let headers =
        ["content-type", "x-team", "authorization", "webhook-id", "webhook-timestamp"].map(|name| got.header(name));
    assert_eq!(headers, ["application/json", "desk", "Bearer s3cr3t", &id, &START.to_string()]);
    assert_eq!(got.header("webhook-signature"), standard_webhook(SECRET, &id, START, &got.body));
}

#[tokio::test]
async fn a_template_is_the_body() {
    let server = Fake::new([Reply::new(200, "")]).await;
    let more = "    template: '{\"summary\": {{ message | tojson }}, \"runs\": [{% for e in events %}{{ e.run }}{% endfor %}]}'\n";
    let (json, _hand) = notifier(good(&hook(&server.url, more), &FILES));
    json.observe(&failed(7));
    json.step().await;
    let (plain, _hand) = notifier(good(&hook(&server.url, "    template: run {{ run }}\n"), &FILES));
    plain.observe(&failed(8));
    plain.step().await;
    let got = server.got();
    assert_eq!(got[0].body, r#"{"summary": "the vendor says <no> & hangs up", "runs": [7]}"#);
    assert_eq!((got[1].body.as_str(), got[1].header("content-type")), ("run 8", "text/plain; charset=utf-8"));
}

#[tokio::test]
async fn what_fails_for_a_while_is_tried_again_under_the_same_id() {
    let busy = Reply { headers: &[("retry-after", "70")], ..Reply::new(429, "slow down") };
    let server = Fake::new([Reply::new(503, "down"), busy, Reply::new(200, "")]).await;
    let (notifier, hand) = notifier(good(&hook(&server.url, ""), &FILES));
    notifier.observe(&failed(1));
    let start = crate::testing::at(0);
    // After the first failure 10 s, after the second what the server wants.
    for (second, next, tries) in
        [(0, Some(10), 1), (9, Some(10), 1), (10, Some(80), 2), (79, Some(80), 2), (80, None, 3), (999, None, 3)]
    {
        hand.set(second);
        let got = notifier.step().await.map(|next| (next - start).num_seconds());
        assert_eq!((got, server.count()), (next, tries), "at {second}");
    }
    let got = server.got();
    assert!(got.iter().all(|one| one.body == got[0].body && one.header("webhook-id") == got[0].header("webhook-id")));
    // The signature holds for the instant of the attempt.
    assert_eq!(got[2].header("webhook-timestamp"), (START + 80).to_string());
}

#[tokio::test]
async fn what_is_refused_is_not_tried_again_and_holds_nothing_up() {
    let server = Fake::new([Reply::new(410, "gone"), Reply::new(200, "")]).await;
    let (notifier, _hand) = notifier(good(&hook(&server.url, ""), &FILES));
    notifier.observe(&failed(1));
    notifier.observe(&failed(2));
    assert_eq!(notifier.step().await, None);
    let runs: Vec<_> = server.got().iter().map(|got| got.json()["events"][0]["run"].clone()).collect();
    assert_eq!(runs, [1, 2]);
}

#[tokio::test]
async fn it_is_given_up_after_the_declared_time() {
    let server = Fake::new([Reply::new(500, "")]).await;
    let more = "    retries: { backoff: 10s, at_most: 10s, give_up: 35s }\n    dedup: 1d\n";
    let (notifier, hand) = notifier(good(&hook(&server.url, more), &FILES));
    notifier.observe(&failed(1));
    for second in 0..100 {
        hand.set(second);
        notifier.step().await;
    }
    // At 0, 10, 20 and 30; the next would be too late.
    assert_eq!(server.count(), 4);
    // Nobody has heard of it: one like it is told, `dedup` or not.
    notifier.observe(&failed(1));
    notifier.step().await;
    assert_eq!(server.count(), 5);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_one_that_failed() {
    let slow = Reply { after: Duration::from_secs(60), ..Reply::new(200, "") };
    let server = Fake::new([slow, Reply::new(200, "")]).await;
    let (notifier, hand) = notifier(good(&hook(&server.url, "    timeout: 1s\n"), &FILES));
    notifier.observe(&failed(1));
    assert!(notifier.step().await.is_some());
    hand.set(10);
    assert_eq!(notifier.step().await, None);
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let other = Fake::new([Reply::new(200, "")]).await;
    let to: &'static str = Box::leak(other.url.clone().into_boxed_str());
    let headers: &'static [(&'static str, &'static str)] = Box::leak(Box::new([("location", to)]));
    let server = Fake::new([Reply { headers, ..Reply::new(307, "") }]).await;
    let (notifier, _hand) = notifier(good(&hook(&server.url, ""), &FILES));
    notifier.observe(&failed(1));
    assert_eq!(notifier.step().await, None);
    assert_eq!((server.count(), other.count()), (1, 0));
}

#[tokio::test]
async fn trying_out_says_what_the_server_said_and_no_secret() {
    let server = Fake::new([Reply::new(200, "thanks"), Reply::new(401, "unknown Bearer s3cr3t")]).await;
    let observers = good(&hook(&server.url, ""), &FILES);
    let now = crate::testing::at(0);
    assert_eq!(try_out(&observers[0], now).await.unwrap(), "200 OK: thanks");
    let error = try_out(&observers[0], now).await.unwrap_err();
    assert_eq!(error.to_string(), "the server says 401 Unauthorized: unknown ***");
    assert_eq!(server.got()[0].json()["events"][0]["kind"], "test");
}

#[test]
fn a_secret_that_is_not_there_is_said_and_the_others_work() {
    let yaml = format!(
        "{}  other:\n    on: '*'\n    to: {{ webhook: {{ url: 'http://127.0.0.1:1' }} }}\n",
        hook("http://127.0.0.1:1", "")
    );
    let (good, bad) = declared(&yaml, &[("key", "x")]);
    assert_eq!(good.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["other"]);
    assert_eq!(bad[0].to_string(), "observer `desk`: cannot read the secret in `auth`: there is no such file");
}
