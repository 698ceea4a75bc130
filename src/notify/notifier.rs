//! Keeps events for those who are to be told, groups them, sends what is due, and tries again.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};
use thiserror::Error;

use crate::channel::SendError;
use crate::http;
use crate::observer::Observer;
use crate::outbox::{Kept, Message, Notice, Outbox, OutboxError, Outcome};
use crate::pace::Pace;

/// What time it is.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Events that make one message at most; of a group that is larger the rest is another.
const MOST_IN_A_MESSAGE: u32 = 500;
/// The longest sleep: a clock that jumps is noticed after it.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// After the outbox could not be read or written.
const OUTBOX_AGAIN: TimeDelta = TimeDelta::seconds(30);
/// How long it is remembered that a message was sent.
const REMEMBERED: TimeDelta = TimeDelta::days(7);

/// Tells observers of events.
pub struct Notifier {
    inside: Arc<Inside>,
    woken: tokio::sync::Notify,
}

struct Inside {
    lanes: Vec<Lane>,
    outbox: Arc<dyn Outbox>,
    clock: Clock,
    client: Client,
    tidied: Mutex<Option<DateTime<Utc>>>,
}

/// An observer, with what is remembered of its attempts. Each goes on by itself: a server that is slow delays nobody else.
struct Lane {
    observer: Observer,
    pace: Mutex<Pace>,
}

/// Why nobody can be told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no HTTP client on this system: {0}")]
pub struct NotifierError(String);

impl Notifier {
    /// Tells `observers` what comes, and what is still in the outbox for them.
    ///
    /// # Errors
    /// TLS cannot be had on this system.
    pub fn new(observers: Vec<Observer>, outbox: Arc<dyn Outbox>, clock: Clock) -> Result<Self, NotifierError> {
        let lanes = observers.into_iter().map(|observer| Lane { observer, pace: Mutex::default() }).collect();
        let client = http::client().map_err(NotifierError)?;
        let inside = Inside { lanes, outbox, clock, client, tidied: Mutex::default() };
        Ok(Self { inside: Arc::new(inside), woken: tokio::sync::Notify::new() })
    }

    /// Keeps an event for every observer that wants it. Never fails: what cannot be kept is said in the log, and `false` is given. Takes as
    /// long as the outbox takes to write.
    pub fn observe(&self, event: &Value) -> bool {
        let Inside { lanes, outbox, clock, .. } = &*self.inside;
        let (mut kept, mut all) = (false, true);
        for Lane { observer, .. } in lanes.iter().filter(|lane| lane.observer.wants(event)) {
            let (key, dedup) = observer.key(event);
            let notice = Notice { observer: &observer.name, key: &key, at: clock(), event };
            match outbox.keep(&notice, dedup) {
                Ok(Kept::Kept) => kept = true,
                Ok(Kept::Repeated) => {}
                Ok(Kept::Full) => {
                    tracing::error!(observer = observer.name, "too much waits to be told; an event is dropped");
                }
                Err(error) => {
                    tracing::error!(observer = observer.name, %error, "an event that is to be told cannot be kept");
                    all = false;
                }
            }
        }
        if kept {
            self.woken.notify_waiters();
        }
        all
    }

    /// Sends everything that is due by now. Gives when something is due next.
    pub async fn step(&self) -> Option<DateTime<Utc>> {
        self.inside.tidy().await;
        let next = join_all(self.inside.lanes.iter().map(|lane| self.inside.lane(lane))).await;
        next.into_iter().flatten().min()
    }

    /// Sends what becomes due, until `cancel` ends. What is being sent then stays in the outbox, and is sent again by who comes next.
    pub async fn run(&self, cancel: impl Future<Output = ()>) {
        let work = async {
            join_all(self.inside.lanes.iter().map(|lane| self.lane(lane))).await;
            // Without observers there is nothing to do but to wait for the end.
            std::future::pending::<()>().await;
        };
        let (mut work, mut cancel) = (pin!(work), pin!(cancel));
        tokio::select! {
            () = &mut cancel => {}
            () = &mut work => {}
        }
    }

    /// One observer's share of [`run`](Self::run).
    async fn lane(&self, lane: &Lane) {
        loop {
            // Asked for before looking, so that nothing which comes meanwhile is slept over.
            let mut woken = pin!(self.woken.notified());
            woken.as_mut().enable();
            self.inside.tidy().await;
            let next = self.inside.lane(lane).await;
            let now = (self.inside.clock)();
            let wait = next.map_or(LONGEST_SLEEP, |next| (next - now).to_std().unwrap_or_default());
            tokio::select! {
                () = &mut woken => {}
                () = tokio::time::sleep(wait.clamp(Duration::from_millis(10), LONGEST_SLEEP)) => {}
            }
        }
    }
}

impl Inside {
    /// Sends everything of one observer that is due by now. Gives when something is due next.
    async fn lane(&self, lane: &Lane) -> Option<DateTime<Utc>> {
        match self.work(lane).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(observer = lane.observer.name, %error, "the outbox of observers cannot be used");
                Some((self.clock)() + OUTBOX_AGAIN)
            }
        }
    }

    async fn work(&self, lane: &Lane) -> Result<Option<DateTime<Utc>>, OutboxError> {
        loop {
            let now = (self.clock)();
            let gathering = self.close(&lane.observer, now).await?;
            let ready = self.paced(lane, |pace| pace.ready(&lane.observer.limits));
            let name = lane.observer.name.clone();
            let Some(next) = self.outbox(move |outbox| outbox.next(&name)).await? else { return Ok(gathering) };
            let next = ready.map_or(next, |ready| next.max(ready));
            let name = lane.observer.name.clone();
            let due = if next > now { None } else { self.outbox(move |outbox| outbox.due(&name, now)).await? };
            let Some(message) = due else {
                return Ok(Some(gathering.map_or(next, |gathering| gathering.min(next))));
            };
            self.send(lane, &message, now).await?;
        }
    }

    /// Makes messages of what has been gathered long enough. Gives when the rest has.
    async fn close(&self, observer: &Observer, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, OutboxError> {
        let most = if observer.group().is_zero() { 1 } else { MOST_IN_A_MESSAGE };
        loop {
            let name = observer.name.clone();
            let Some(open) = self.outbox(move |outbox| outbox.open(&name)).await? else { return Ok(None) };
            let until = open.since.checked_add_signed(observer.group()).unwrap_or(now);
            // A clock that went back holds nothing up.
            if until > now && open.count < u64::from(most) && open.since <= now {
                return Ok(Some(until));
            }
            let name = observer.name.clone();
            self.outbox(move |outbox| outbox.close(&name, now, most)).await?;
        }
    }

    async fn send(&self, lane: &Lane, message: &Message, now: DateTime<Utc>) -> Result<(), OutboxError> {
        let observer = &lane.observer;
        self.paced(lane, |pace| pace.tried(&observer.limits, now));
        let sent = observer.send(&self.client, message.id, message.made_at, now, &message.events).await;
        let now = (self.clock)();
        let attempts = message.attempts + 1;
        let error = match sent {
            Ok(_) => {
                self.paced(lane, Pace::taken);
                tracing::debug!(observer = observer.name, id = message.id, attempts, "sent");
                return self.settle(message, now, |_| Outcome::Sent, String::new()).await;
            }
            Err(error) => error,
        };
        let again =
            |pace: &mut Pace| pace.not_taken(&observer.limits, attempts, message.made_at, now, error.retry_after);
        // A server that refuses one message may take the next.
        let next = if error.permanent { None } else { self.paced(lane, again) };
        match next {
            Some(next) => {
                tracing::warn!(observer = observer.name, id = message.id, attempts, %error, %next, "not sent");
                self.settle(message, now, move |error| Outcome::Again { next, error }, error.what).await
            }
            None => {
                let events = message.events.len();
                tracing::error!(observer = observer.name, id = message.id, attempts, events, %error, "given up");
                self.settle(message, now, |error| Outcome::GivenUp { error }, error.what).await
            }
        }
    }

    async fn settle(
        &self,
        message: &Message,
        now: DateTime<Utc>,
        outcome: impl for<'a> FnOnce(&'a str) -> Outcome<'a> + Send + 'static,
        error: String,
    ) -> Result<(), OutboxError> {
        let id = message.id;
        self.outbox(move |outbox| outbox.settle(id, now, outcome(&error))).await
    }

    /// What the outbox does is done where waiting for a disk, or for a lock, holds nobody up.
    async fn outbox<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Outbox) -> Result<T, OutboxError> + Send + 'static,
    ) -> Result<T, OutboxError> {
        let outbox = Arc::clone(&self.outbox);
        let asked = tokio::task::spawn_blocking(move || ask(&*outbox)).await;
        asked.unwrap_or_else(|error| Err(OutboxError(error.to_string())))
    }

    fn paced<T>(&self, lane: &Lane, look: impl FnOnce(&mut Pace) -> T) -> T {
        look(&mut lane.pace.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Once an hour: forgets what is over.
    async fn tidy(&self) {
        let now = (self.clock)();
        {
            let mut tidied = self.tidied.lock().unwrap_or_else(PoisonError::into_inner);
            if tidied.is_some_and(|last| last <= now && now < last + TimeDelta::hours(1)) {
                return;
            }
            *tidied = Some(now);
        }
        let longest = self.lanes.iter().map(|lane| lane.observer.remembers()).max().unwrap_or_default().max(REMEMBERED);
        let Some(before) = now.checked_sub_signed(longest) else { return };
        match self.outbox(move |outbox| outbox.tidy(before)).await {
            Ok(0) => {}
            Ok(lost) => tracing::error!(events = lost, "given up: nobody could be told for too long"),
            Err(error) => tracing::warn!(%error, "the outbox of observers cannot be tidied"),
        }
    }
}

/// Sends a made-up event by one observer, past its outbox, and gives what the server said.
///
/// # Errors
/// [`SendError`]: it was not taken.
pub async fn try_out(observer: &Observer, now: DateTime<Utc>) -> Result<String, SendError> {
    let client = http::client().map_err(|what| SendError { what, permanent: true, retry_after: None })?;
    let event = json!({
        "at": now,
        "kind": "test",
        "severity": "info",
        "message": format!("observer `{}` works; nothing has happened", observer.name),
    });
    observer.send(&client, 0, now, now, &[event]).await
}
