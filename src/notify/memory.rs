//! An outbox that lives as long as the program: for tests, and for who has no store.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::outbox::{Kept, MOST_WAITING, Message, Notice, Open, Outbox, OutboxError, Outcome};

/// See [`Outbox`].
#[derive(Debug, Default)]
pub struct MemoryOutbox {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    open: BTreeMap<String, VecDeque<Held>>,
    messages: Vec<Sending>,
    /// By observer and key: when it was last kept, and how many like it were not kept since.
    told: BTreeMap<(String, String), (DateTime<Utc>, u64)>,
    last: i64,
}

#[derive(Debug, Clone)]
struct Held {
    key: String,
    at: DateTime<Utc>,
    event: Value,
}

#[derive(Debug)]
struct Sending {
    observer: String,
    next: DateTime<Utc>,
    keys: Vec<String>,
    message: Message,
}

impl MemoryOutbox {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox for MemoryOutbox {
    fn keep(&self, notice: &Notice<'_>, dedup: Option<TimeDelta>) -> Result<Kept, OutboxError> {
        let mut inside = self.inside();
        let waiting = inside.open.get(notice.observer).map_or(0, |open| open.len() as u64)
            + inside
                .messages
                .iter()
                .filter(|sending| sending.observer == notice.observer)
                .map(|sending| sending.message.events.len() as u64)
                .sum::<u64>();
        let mut event = notice.event.clone();
        let known = (notice.observer.to_owned(), notice.key.to_owned());
        if let Some(dedup) = dedup
            && let Some((at, repeated)) = inside.told.get_mut(&known)
            && notice.at < *at + dedup
        {
            *repeated += 1;
            return Ok(Kept::Repeated);
        }
        if waiting >= MOST_WAITING {
            return Ok(Kept::Full);
        }
        if dedup.is_some() {
            let before = inside.told.insert(known, (notice.at, 0));
            if let (Some((_, repeated @ 1..)), Some(fields)) = (before, event.as_object_mut()) {
                fields.insert("repeated".to_owned(), repeated.into());
            }
        }
        let held = Held { key: notice.key.to_owned(), at: notice.at, event };
        inside.open.entry(notice.observer.to_owned()).or_default().push_back(held);
        Ok(Kept::Kept)
    }

    fn open(&self, observer: &str) -> Result<Option<Open>, OutboxError> {
        let inside = self.inside();
        let open = inside.open.get(observer);
        Ok(open.and_then(|open| Some(Open { since: open.front()?.at, count: open.len() as u64 })))
    }

    fn close(&self, observer: &str, now: DateTime<Utc>, most: u32) -> Result<(), OutboxError> {
        let mut inside = self.inside();
        let Some(open) = inside.open.get_mut(observer) else { return Ok(()) };
        let some: Vec<Held> = open.drain(..open.len().min(most as usize)).collect();
        if some.is_empty() {
            return Ok(());
        }
        inside.last += 1;
        let id = inside.last;
        let keys = some.iter().map(|held| held.key.clone()).collect();
        let events = some.into_iter().map(|held| held.event).collect();
        let message = Message { id, made_at: now, attempts: 0, events };
        inside.messages.push(Sending { observer: observer.to_owned(), next: now, keys, message });
        Ok(())
    }

    fn next(&self, observer: &str) -> Result<Option<DateTime<Utc>>, OutboxError> {
        let inside = self.inside();
        Ok(inside.messages.iter().filter(|sending| sending.observer == observer).map(|sending| sending.next).min())
    }

    fn due(&self, observer: &str, now: DateTime<Utc>) -> Result<Option<Message>, OutboxError> {
        let inside = self.inside();
        let due = inside.messages.iter().filter(|sending| sending.observer == observer && sending.next <= now);
        Ok(due.min_by_key(|sending| (sending.next, sending.message.id)).map(|sending| sending.message.clone()))
    }

    fn settle(&self, message: i64, _now: DateTime<Utc>, outcome: Outcome<'_>) -> Result<(), OutboxError> {
        let mut inside = self.inside();
        let Some(at) = inside.messages.iter().position(|sending| sending.message.id == message) else { return Ok(()) };
        match outcome {
            Outcome::Again { next, .. } => {
                let sending = &mut inside.messages[at];
                sending.next = next;
                sending.message.attempts += 1;
            }
            Outcome::Sent => {
                inside.messages.remove(at);
            }
            Outcome::GivenUp { .. } => {
                let Sending { observer, keys, .. } = inside.messages.remove(at);
                for key in keys {
                    inside.told.remove(&(observer.clone(), key));
                }
            }
        }
        Ok(())
    }

    fn tidy(&self, before: DateTime<Utc>) -> Result<u64, OutboxError> {
        let mut inside = self.inside();
        inside.told.retain(|_, (at, _)| *at >= before);
        let mut lost = 0;
        inside.messages.retain(|sending| {
            let kept = sending.message.made_at >= before;
            lost += if kept { 0 } else { sending.message.events.len() as u64 };
            kept
        });
        for open in inside.open.values_mut() {
            let were = open.len();
            open.retain(|held| held.at >= before);
            lost += (were - open.len()) as u64;
        }
        Ok(lost)
    }
}
