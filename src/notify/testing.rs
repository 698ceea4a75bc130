//! What the tests of this crate share: observers from YAML, a server that answers as it is told, a clock that stands still.

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{Clock, MemoryOutbox, Notifier, Observer, ObserverError, Outbox, observers};

/// 2024-03-15T01:00:00Z
pub(crate) const START: i64 = 1_710_464_400;

fn put(folder: &Path, name: &str, text: &str) {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(folder.join(name)).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// The observers of a `schedules.yaml`, with secrets in files of these names beside it.
pub(crate) fn declared(yaml: &str, secrets: &[(&str, &str)]) -> (Vec<Observer>, Vec<ObserverError>) {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "assets.yaml",
        "calendar: XSHG\nstart: 2014-01-02\nassets:\n  bars: { kind: table, csv: bars.csv, key: symbol }\n",
    );
    put(
        folder.path(),
        "schedules.yaml",
        &format!("jobs:\n  sync: {{ select: bars }}\n  score: {{ select: bars }}\nobservers:\n{yaml}"),
    );
    for (name, text) in secrets {
        put(folder.path(), name, text);
    }
    let project = assetctl_config::load(&folder.path().join("assets.yaml")).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(crate::check(&project.schedules), []);
    observers(&project.schedules)
}

/// As [`declared`], where nothing is wrong.
pub(crate) fn good(yaml: &str, secrets: &[(&str, &str)]) -> Vec<Observer> {
    let (good, bad) = declared(yaml, secrets);
    assert_eq!(bad, []);
    good
}

/// A clock that moves when it is told to.
#[derive(Clone)]
pub(crate) struct Hand(Arc<Mutex<DateTime<Utc>>>);

impl Hand {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(at(0))))
    }

    pub fn set(&self, second: i64) {
        *self.0.lock().unwrap() = at(second);
    }

    pub fn clock(&self) -> Clock {
        let hand = Arc::clone(&self.0);
        Arc::new(move || *hand.lock().unwrap())
    }
}

/// So many seconds after [`START`].
pub(crate) fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(START + second, 0).unwrap()
}

/// A notifier with an outbox of its own, and its clock.
pub(crate) fn notifier(observers: Vec<Observer>) -> (Notifier, Hand) {
    notifier_with(observers, Arc::new(MemoryOutbox::default()))
}

pub(crate) fn notifier_with(observers: Vec<Observer>, outbox: Arc<dyn Outbox>) -> (Notifier, Hand) {
    let hand = Hand::new();
    (Notifier::new(observers, outbox, hand.clock()).unwrap(), hand)
}

/// A run of job `sync` has failed.
pub(crate) fn failed(run: i64) -> Value {
    json!({
        "at": "2024-03-15T01:00:00Z", "kind": "run_failed", "run": run, "job": "sync", "severity": "error",
        "tags": ["vendor"], "message": "the vendor says <no> & hangs up",
    })
}

/// What a server got.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    /// With the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What it says.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub status: u16,
    pub body: &'static str,
    pub headers: &'static [(&'static str, &'static str)],
    pub after: Duration,
}

impl Reply {
    pub fn new(status: u16, body: &'static str) -> Self {
        Self { status, body, headers: &[], after: Duration::ZERO }
    }
}

/// A server on loopback.
pub(crate) struct Fake {
    /// `http://127.0.0.1:…`
    pub url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Fake {
    /// Says these, one after the other, and the last of them from then on.
    pub async fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let got = Arc::new(Mutex::new(Vec::new()));
        let replies = Arc::new(Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
        let keep = Arc::clone(&got);
        let app = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let body = String::from_utf8(body.to_vec()).unwrap();
            keep.lock().unwrap().push(Got { path: uri.to_string(), headers, body });
            let mut replies = replies.lock().unwrap();
            let reply = if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() };
            async move {
                let reply = reply.unwrap();
                tokio::time::sleep(reply.after).await;
                let mut headers = HeaderMap::new();
                for (name, value) in reply.headers {
                    headers.insert(*name, value.parse().unwrap());
                }
                (StatusCode::from_u16(reply.status).unwrap(), headers, reply.body).into_response()
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, got }
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.got.lock().unwrap().len()
    }
}
