//! What a kill, a broken outbox or a cancelled daemon do to what is to be told; and that no secret is in the log.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::testing::{Fake, Reply, at, failed, good, notifier, notifier_with};
use crate::{Kept, MemoryOutbox, Message, Notice, Open, Outbox, OutboxError, Outcome};

fn observer(url: &str) -> String {
    format!("  desk:\n    on: run_failed\n    dedup: 1h\n    to: {{ webhook: {{ url: {url} }} }}\n")
}

#[tokio::test]
async fn what_was_not_sent_is_sent_by_who_comes_next() {
    let server = Fake::new([Reply::new(500, ""), Reply::new(200, "")]).await;
    let outbox = Arc::new(MemoryOutbox::default());
    let (first, _hand) = notifier_with(good(&observer(&server.url), &[]), outbox.clone());
    first.observe(&failed(1));
    assert_eq!(first.step().await, Some(at(10)));
    drop(first);
    let (second, hand) = notifier_with(good(&observer(&server.url), &[]), outbox.clone());
    assert_eq!(second.step().await, Some(at(10)));
    hand.set(10);
    assert_eq!(second.step().await, None);
    let got = server.got();
    assert_eq!((got.len(), got[0].header("webhook-id")), (2, got[1].header("webhook-id")));
    // What it has told, its successor does not tell again.
    let (third, _hand) = notifier_with(good(&observer(&server.url), &[]), outbox);
    third.observe(&failed(2));
    third.step().await;
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn while_it_runs_it_sends_what_comes_and_ends_when_told() {
    let slow = Reply { after: Duration::from_secs(3600), ..Reply::new(200, "") };
    let server = Fake::new([Reply::new(200, ""), slow]).await;
    let yaml =
        observer(&server.url).replace("    dedup: 1h\n", "") + &observer("http://127.0.0.1:1").replace("desk", "deaf");
    let (notifier, _hand) = notifier(good(&yaml, &[]));
    let notifier = Arc::new(notifier);
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn({
        let notifier = Arc::clone(&notifier);
        async move { notifier.run(async move { drop(ended.await) }).await }
    });
    for run in 1..=2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        notifier.observe(&failed(run));
        while server.count() < run as usize {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    // The second is being sent, to a server that takes an hour.
    end.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn what_nobody_could_be_told_for_too_long_is_forgotten_and_said() {
    let server = Fake::new([Reply::new(200, "")]).await;
    let outbox = Arc::new(MemoryOutbox::default());
    let (first, _hand) = notifier_with(good(&observer(&server.url), &[]), outbox.clone());
    first.observe(&failed(1));
    drop(first);
    let (log, guard) = logged();
    let (second, hand) = notifier_with(good(&observer(&server.url), &[]), outbox);
    hand.set(8 * 86_400);
    assert_eq!(second.step().await, None);
    drop(guard);
    assert_eq!(server.count(), 0);
    assert!(log.text().contains("given up: nobody could be told for too long events=1"), "{}", log.text());
}

/// An outbox whose disk is full.
struct Full;

impl Outbox for Full {
    fn keep(&self, _: &Notice<'_>, _: Option<TimeDelta>) -> Result<Kept, OutboxError> {
        Err(OutboxError("the disk is full".into()))
    }
    fn open(&self, _: &str) -> Result<Option<Open>, OutboxError> {
        Err(OutboxError("the disk is full".into()))
    }
    fn close(&self, _: &str, _: DateTime<Utc>, _: u32) -> Result<(), OutboxError> {
        Ok(())
    }
    fn next(&self, _: &str) -> Result<Option<DateTime<Utc>>, OutboxError> {
        Ok(None)
    }
    fn due(&self, _: &str, _: DateTime<Utc>) -> Result<Option<Message>, OutboxError> {
        Ok(None)
    }
    fn settle(&self, _: i64, _: DateTime<Utc>, _: Outcome<'_>) -> Result<(), OutboxError> {
        Ok(())
    }
    fn tidy(&self, _: DateTime<Utc>) -> Result<u64, OutboxError> {
        Err(OutboxError("the disk is full".into()))
    }
}

#[tokio::test]
async fn an_outbox_that_fails_stops_nothing() {
    let (notifier, _hand) = notifier_with(good(&observer("http://127.0.0.1:1"), &[]), Arc::new(Full));
    notifier.observe(&failed(1));
    assert_eq!(notifier.step().await, Some(at(30)));
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Keeps what this thread logs, until the guard falls.
fn logged() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    (log, guard)
}

#[tokio::test]
async fn no_secret_is_in_the_log() {
    let (log, guard) = logged();
    // One echoes the path, one is not there, one refuses.
    let echo = Fake::new([Reply::new(500, "cannot POST /hook/s3cr3t-s3cr3t-s3cr3t")]).await;
    let no = Fake::new([Reply::new(403, "bad key s3cr3t-s3cr3t-s3cr3t")]).await;
    let yaml = "  echo:\n    on: run_failed\n    to: { slack: { url: { file: echo } } }\n  gone:\n    on: run_failed\n    to: { feishu: { url: { file: gone } } }\n  no:\n    \
                on: run_failed\n    to: { webhook: { url: { file: no }, headers: { authorization: { file: key } } } }\n";
    let files = [
        ("echo", format!("{}/hook/s3cr3t-s3cr3t-s3cr3t", echo.url)),
        ("gone", "http://127.0.0.1:9/s3cr3t-s3cr3t-s3cr3t".to_owned()),
        ("no", format!("{}/x", no.url)),
        ("key", "s3cr3t-s3cr3t-s3cr3t".to_owned()),
    ];
    let (notifier, _hand) = notifier(good(yaml, &files.each_ref().map(|(name, text)| (*name, text.as_str()))));
    notifier.observe(&failed(1));
    notifier.step().await;
    drop(guard);
    let log = log.text();
    assert!(!log.contains("s3cr3t"), "{log}");
    for said in ["cannot POST /hook/***", "bad key ***", "given up", "not sent"] {
        assert!(log.contains(said), "`{said}` is not in\n{log}");
    }
}
