//! The outbox of observers in the ledger.

use assetctl_notify::{Kept, MOST_WAITING, Message, Notice, Open, Outbox, OutboxError, Outcome};
use assetctl_store::{MessageEnd, NewNotice, NoticeKept, Store};
use chrono::{DateTime, TimeDelta, Utc};

/// Keeps what is to be told in `state.db`, where a kill leaves it for who comes next.
pub struct LedgerOutbox(pub Store);

fn failed(error: assetctl_store::Error) -> OutboxError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    OutboxError(text)
}

impl Outbox for LedgerOutbox {
    fn keep(&self, notice: &Notice<'_>, dedup: Option<TimeDelta>) -> Result<Kept, OutboxError> {
        let Notice { observer, key, at, event } = *notice;
        let kept = self.0.keep_notice(&NewNotice { observer, key, at, event }, dedup, MOST_WAITING);
        kept.map_err(failed).map(|kept| match kept {
            NoticeKept::Kept => Kept::Kept,
            NoticeKept::Repeated => Kept::Repeated,
            NoticeKept::Full => Kept::Full,
        })
    }

    fn open(&self, observer: &str) -> Result<Option<Open>, OutboxError> {
        let open = self.0.open_notices(observer).map_err(failed)?;
        Ok(open.map(|(since, count)| Open { since, count }))
    }

    fn close(&self, observer: &str, now: DateTime<Utc>, most: u32) -> Result<(), OutboxError> {
        self.0.close_notices(observer, now, most).map_err(failed)
    }

    fn next(&self, observer: &str) -> Result<Option<DateTime<Utc>>, OutboxError> {
        self.0.next_message(observer).map_err(failed)
    }

    fn due(&self, observer: &str, now: DateTime<Utc>) -> Result<Option<Message>, OutboxError> {
        let due = self.0.due_message(observer, now).map_err(failed)?;
        Ok(due.map(|(row, events)| Message { id: row.id, made_at: row.made_at, attempts: row.attempts, events }))
    }

    fn settle(&self, message: i64, now: DateTime<Utc>, outcome: Outcome<'_>) -> Result<(), OutboxError> {
        let end = match outcome {
            Outcome::Sent => MessageEnd::Sent,
            Outcome::Again { next, error } => MessageEnd::Again(next, error),
            Outcome::GivenUp { error } => MessageEnd::GivenUp(error),
        };
        self.0.settle_message(message, now, end).map_err(failed)
    }

    fn tidy(&self, before: DateTime<Utc>) -> Result<u64, OutboxError> {
        self.0.tidy_messages(before).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use assetctl_notify::MemoryOutbox;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Clone)]
    enum Act {
        Keep {
            observer: usize,
            key: usize,
            dedup: Option<i64>,
        },
        Close {
            observer: usize,
            most: u32,
        },
        /// Settles what is due: sent, again after so long, or given up.
        Settle {
            observer: usize,
            again: Option<i64>,
            sent: bool,
        },
        Tidy {
            before: i64,
        },
        Pass {
            seconds: i64,
        },
    }

    fn act() -> impl Strategy<Value = Act> {
        let observer = 0..2usize;
        prop_oneof![
            4 => (observer.clone(), 0..3usize, prop::option::of(0..40i64))
                .prop_map(|(observer, key, dedup)| Act::Keep { observer, key, dedup }),
            2 => (observer.clone(), 1..4u32).prop_map(|(observer, most)| Act::Close { observer, most }),
            3 => (observer, prop::option::of(0..30i64), any::<bool>())
                .prop_map(|(observer, again, sent)| Act::Settle { observer, again, sent }),
            1 => (0..60i64).prop_map(|before| Act::Tidy { before }),
            3 => (0..20i64).prop_map(|seconds| Act::Pass { seconds }),
        ]
    }

    const OBSERVERS: [&str; 2] = ["desk", "ops"];
    const KEYS: [&str; 3] = ["a", "b", ""];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn the_ledger_keeps_what_memory_keeps(acts in prop::collection::vec(act(), 1..40)) {
            let folder = tempfile::tempdir().unwrap();
            let ledger = LedgerOutbox(Store::open(folder.path()).unwrap());
            let memory = MemoryOutbox::default();
            let mut now = DateTime::<Utc>::UNIX_EPOCH;
            for (at, act) in acts.iter().enumerate() {
                match act {
                    Act::Pass { seconds } => now += TimeDelta::seconds(*seconds),
                    Act::Keep { observer, key, dedup } => {
                        let event = json!({ "kind": "run_failed", "run": at });
                        let notice = Notice { observer: OBSERVERS[*observer], key: KEYS[*key], at: now, event: &event };
                        let dedup = dedup.map(TimeDelta::seconds);
                        prop_assert_eq!(ledger.keep(&notice, dedup), memory.keep(&notice, dedup));
                    }
                    Act::Close { observer, most } => {
                        let observer = OBSERVERS[*observer];
                        prop_assert_eq!(ledger.close(observer, now, *most), memory.close(observer, now, *most));
                    }
                    Act::Settle { observer, again, sent } => {
                        let observer = OBSERVERS[*observer];
                        let outcome = match (again, sent) {
                            (Some(seconds), _) => Outcome::Again { next: now + TimeDelta::seconds(*seconds), error: "down" },
                            (None, true) => Outcome::Sent,
                            (None, false) => Outcome::GivenUp { error: "gone" },
                        };
                        for outbox in [&ledger as &dyn Outbox, &memory] {
                            if let Some(message) = outbox.due(observer, now).unwrap() {
                                outbox.settle(message.id, now, outcome).unwrap();
                            }
                        }
                    }
                    Act::Tidy { before } => {
                        let before = now - TimeDelta::seconds(*before);
                        prop_assert_eq!(ledger.tidy(before), memory.tidy(before));
                    }
                }
                for observer in OBSERVERS {
                    prop_assert_eq!(ledger.open(observer), memory.open(observer));
                    prop_assert_eq!(ledger.next(observer), memory.next(observer));
                    prop_assert_eq!(ledger.due(observer, now), memory.due(observer, now));
                }
            }
        }
    }
}
