//! The newest events, for listeners that come, go, and come back. Whoever is slow loses some, is told how many, and holds nobody up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// So many are kept.
const KEPT: usize = 4096;

/// One event.
#[derive(Debug, Clone)]
pub struct Kept {
    pub number: u64,
    pub kind: String,
    /// The number of the request that it is of.
    pub request: Option<u64>,
    /// As JSON, on one line.
    pub text: Arc<str>,
}

/// The newest events.
#[derive(Debug)]
pub struct Events {
    /// Tells the numbers of one daemon from those of another.
    epoch: String,
    kept: Mutex<Ring>,
    /// The number of the next one; `None` when there will be none.
    news: watch::Sender<Option<u64>>,
}

#[derive(Debug)]
struct Ring {
    next: u64,
    events: VecDeque<Kept>,
}

/// What there is from a number on.
#[derive(Debug, Default)]
pub struct Since {
    pub events: Vec<Kept>,
    /// How many there were before these that are gone.
    pub lost: u64,
    pub next: u64,
}

impl Events {
    /// `epoch` must be another for each daemon.
    pub fn new(epoch: impl Into<String>) -> Self {
        let kept = Mutex::new(Ring { next: 1, events: VecDeque::with_capacity(KEPT) });
        Self { epoch: epoch.into(), kept, news: watch::channel(Some(1)).0 }
    }

    fn kept(&self) -> MutexGuard<'_, Ring> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more.
    pub fn push(&self, event: &serde_json::Value) {
        let next = {
            let mut kept = self.kept();
            if kept.events.len() == KEPT {
                kept.events.pop_front();
            }
            let number = kept.next;
            kept.next += 1;
            kept.events.push_back(Kept {
                number,
                kind: event["kind"].as_str().unwrap_or("event").to_owned(),
                request: event["request"].as_u64(),
                text: event.to_string().into(),
            });
            kept.next
        };
        self.news.send_if_modified(|news| {
            let goes_on = news.is_some();
            *news = news.and(Some(next));
            goes_on
        });
    }

    /// So many went by unheard.
    pub fn skip(&self, missed: u64) {
        self.kept().next += missed;
    }

    /// There will be no more: whoever listens is let go.
    pub fn close(&self) {
        self.news.send_replace(None);
    }

    /// Changes with every event.
    pub fn news(&self) -> watch::Receiver<Option<u64>> {
        self.news.subscribe()
    }

    /// The number of the next event.
    pub fn next(&self) -> u64 {
        self.kept().next
    }

    /// The number of the oldest event that is still there.
    pub fn oldest(&self) -> u64 {
        let kept = self.kept();
        kept.events.front().map_or(kept.next, |event| event.number)
    }

    /// At most `most` events from a number on.
    pub fn since(&self, from: u64, most: usize) -> Since {
        let kept = self.kept();
        let at = kept.events.partition_point(|event| event.number < from);
        let mut since = Since { next: from.min(kept.next), ..Since::default() };
        for event in kept.events.iter().skip(at).take(most) {
            since.lost += event.number - since.next;
            since.next = event.number + 1;
            since.events.push(event.clone());
        }
        if since.events.is_empty() && since.next < kept.next {
            // All that came since went by unheard.
            since.lost = kept.next - since.next;
            since.next = kept.next;
        }
        since
    }

    /// The name of an event's number, which a listener that comes back gives.
    pub fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.epoch)
    }

    /// The number that a listener goes on from: the one after the one that it names. `None` for a name of another daemon's.
    pub fn after(&self, id: &str) -> Option<u64> {
        let (epoch, number) = id.rsplit_once('-')?;
        let number: u64 = number.parse().ok()?;
        (epoch == self.epoch && number < self.next()).then_some(number + 1)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn numbers(since: &Since) -> Vec<u64> {
        since.events.iter().map(|event| event.number).collect()
    }

    #[test]
    fn a_listener_goes_on_where_it_was() {
        let events = Events::new("a");
        for request in 0..5 {
            events.push(&json!({ "kind": "run_queued", "request": request }));
        }
        let first = events.since(1, 2);
        assert_eq!((numbers(&first), first.lost, first.next), (vec![1, 2], 0, 3));
        assert_eq!(numbers(&events.since(first.next, 10)), [3, 4, 5]);
        assert_eq!(events.after(&events.id(4)), Some(5));
        assert_eq!(events.after("b-4"), None);
        assert_eq!(events.after("a-99"), None);
        assert_eq!(events.since(6, 10).events.len(), 0);
    }

    #[test]
    fn whoever_is_slow_is_told_how_many_are_gone() {
        let events = Events::new("a");
        for _ in 0..KEPT + 10 {
            events.push(&json!({ "kind": "noted" }));
        }
        let since = events.since(1, 3);
        assert_eq!((numbers(&since), since.lost), (vec![11, 12, 13], 10));
        // What went by unheard in the middle counts too.
        let here = events.next();
        events.skip(7);
        events.push(&json!({ "kind": "noted" }));
        let since = events.since(here, 3);
        assert_eq!((numbers(&since), since.lost), (vec![here + 7], 7));
        events.skip(2);
        let since = events.since(here + 8, 3);
        assert_eq!((since.events.len(), since.lost, since.next), (0, 2, here + 10));
    }
}
