//! Run events → a receiver: one after the other, from a bounded queue.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::Value;
use thiserror::Error;
use tokio::sync::Notify;

use super::LineageTo;
use crate::client::{client, in_words};
use crate::traces::shown;
use crate::trouble::{Tell, Trouble};

/// Where receivers take run events, below their address.
const PATH: &str = "/api/v1/lineage";
/// Run events that may wait; then the oldest is dropped.
const WAITING: usize = 2_000;
/// The wait before another try: twice as long each time.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long the last ones may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why run events cannot be sent.
#[derive(Debug, Error)]
pub enum LineageError {
    #[error("`{0}` is not the address of a receiver: write one that begins with `http://` or `https://`")]
    Address(String),
    #[error("the token has letters that no header can have")]
    Token,
    #[error("no connection can be made: {0}")]
    Client(String),
}

pub(super) struct Sender {
    queue: Arc<Queue>,
    trouble: Arc<Trouble>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<VecDeque<Value>>,
    /// One is under way.
    busy: AtomicBool,
    more: Notify,
}

/// What became of a try.
enum Sent {
    Taken,
    Again(String),
    Refused(String),
}

impl Sender {
    pub fn new(to: &LineageTo, tell: Tell) -> Result<Self, LineageError> {
        let address = address(&to.url)?;
        let bearer = to.token.as_ref().map(|token| format!("Bearer {token}"));
        if bearer.as_ref().is_some_and(|bearer| reqwest::header::HeaderValue::from_str(bearer).is_err()) {
            return Err(LineageError::Token);
        }
        let name = shown(&address);
        let trouble = Arc::new(Trouble::new(format!("sending lineage to `{name}`"), tell.clone()));
        // Of what is refused the first is said: others may be taken in between.
        let refused = Trouble::new(format!("sending lineage to `{name}`"), tell);
        let post = Post { client: client().map_err(LineageError::Client)?, address, bearer };
        let queue = Arc::new(Queue::default());
        tokio::spawn(work(queue.clone(), post, trouble.clone(), refused));
        Ok(Self { queue, trouble })
    }

    pub fn send(&self, event: Value) {
        let mut waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING {
            waiting.pop_front();
            self.trouble.failed("too many events wait, and the oldest are dropped");
        }
        waiting.push_back(event);
        self.queue.more.notify_one();
    }

    pub async fn end(&self) {
        let _ = tokio::time::timeout(LAST_WORDS, async {
            while self.queue.has_more() || self.queue.busy.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

impl Queue {
    fn has_more(&self) -> bool {
        !self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn take(&self) -> Option<Value> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let event = waiting.pop_front();
        self.busy.store(event.is_some(), Ordering::SeqCst);
        event
    }
}

async fn work(queue: Arc<Queue>, post: Post, trouble: Arc<Trouble>, refused: Trouble) {
    loop {
        let Some(event) = queue.take() else {
            queue.more.notified().await;
            continue;
        };
        let mut wait = FIRST_WAIT;
        loop {
            match post.send(&event).await {
                Sent::Taken => {
                    trouble.works();
                    break;
                }
                Sent::Refused(why) => {
                    refused.failed(&why);
                    break;
                }
                Sent::Again(why) => {
                    trouble.failed(&why);
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }
}

struct Post {
    client: Client,
    address: String,
    bearer: Option<String>,
}

impl Post {
    async fn send(&self, event: &Value) -> Sent {
        let mut request = self.client.post(&self.address).header("content-type", "application/json");
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", bearer);
        }
        let status = match request.body(event.to_string()).send().await {
            Ok(answer) => answer.status(),
            Err(error) => return Sent::Again(in_words(&error)),
        };
        let later = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
        match status {
            status if status.is_success() => Sent::Taken,
            status if status.is_server_error() || later.contains(&status) => {
                Sent::Again(format!("the receiver says {status}"))
            }
            status => Sent::Refused(format!("the receiver refuses an event: {status}")),
        }
    }
}

fn address(url: &str) -> Result<String, LineageError> {
    let parsed = url::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let mut parsed = parsed.ok_or_else(|| LineageError::Address(shown(url)))?;
    if matches!(parsed.path(), "" | "/") {
        parsed.set_path(PATH);
    }
    Ok(parsed.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Receiver, Said};

    fn to(url: &str) -> LineageTo {
        LineageTo { url: url.to_owned(), namespace: "desk".to_owned(), token: Some("hunter2".to_owned()) }
    }

    #[tokio::test]
    async fn events_come_in_order_whatever_the_receiver_says_in_between() {
        let answers = [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::SERVICE_UNAVAILABLE];
        let receiver = Receiver::start(&answers).await;
        let said = Said::default();
        let sender = Sender::new(&to(&receiver.address), said.tell()).unwrap();
        (1..=4).for_each(|number| sender.send(json!({ "number": number })));
        sender.end().await;
        let got = receiver.all();
        let numbers: Vec<String> = got.iter().map(|got| String::from_utf8(got.body.clone()).unwrap()).collect();
        let expected = [1, 1, 2, 3, 4].map(|number| format!("{{\"number\":{number}}}"));
        assert_eq!(numbers, expected, "the first is sent again, the second was refused and is not");
        assert!(
            got.iter().all(|got| got.path == "/api/v1/lineage" && got.headers["authorization"] == "Bearer hunter2")
        );
        let said = said.all();
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[0].contains("503") && said[1].contains("400") && said[2].contains("works again"), "{said:?}");
        assert!(said.iter().all(|text| !text.contains("hunter2")));
    }

    #[tokio::test]
    async fn nobody_waits_for_a_receiver_that_is_not_there() {
        let gone = {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let said = Said::default();
        let sender = Sender::new(&to(&gone), said.tell()).unwrap();
        (0..WAITING * 2).for_each(|number| sender.send(json!({ "number": number })));
        let waiting: Vec<Value> = sender.queue.waiting.lock().unwrap().iter().cloned().collect();
        assert_eq!(waiting.len(), WAITING);
        assert_eq!(waiting.last().unwrap()["number"], WAITING * 2 - 1, "the newest is kept");
        assert_eq!(said.all().len(), 1, "{:?}", said.all());
    }

    #[test]
    fn an_address_without_a_path_gets_that_of_the_specification() {
        for (written, expected) in [
            ("http://marquez:5000", "http://marquez:5000/api/v1/lineage"),
            ("http://marquez:5000/", "http://marquez:5000/api/v1/lineage"),
            ("https://atlan.example/events/openlineage?x=1", "https://atlan.example/events/openlineage?x=1"),
        ] {
            assert_eq!(address(written).unwrap(), expected);
        }
        assert!(address("marquez:5000").is_err());
    }
}
