//! What observers are still to tell, so that a kill loses nothing of it.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use serde_json::Value;

use crate::database::{instant, micros};
use crate::error::Result;
use crate::store::Store;

/// An event that an observer is to tell. `key` tells it from others, for de-duplication.
#[derive(Debug, Clone, Copy)]
pub struct NewNotice<'a> {
    pub observer: &'a str,
    pub key: &'a str,
    pub at: DateTime<Utc>,
    pub event: &'a Value,
}

/// What became of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKept {
    Kept,
    /// One like it was kept not long ago; it is counted.
    Repeated,
    /// As many as may wait do already.
    Full,
}

/// A message with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageRow {
    pub id: i64,
    pub observer: String,
    pub made_at: DateTime<Utc>,
    /// How many events it tells.
    pub events: u32,
    /// How often it was tried.
    pub attempts: u32,
    /// `waiting`, `sent` or `given_up`.
    pub state: String,
    /// When it is due, or when it was over.
    pub next_at: DateTime<Utc>,
    /// Why it was not taken when it was last tried.
    pub error: Option<String>,
}

/// What became of an attempt to send a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageEnd<'a> {
    Sent,
    /// It is due again then.
    Again(DateTime<Utc>, &'a str),
    GivenUp(&'a str),
}

const MESSAGE: &str = "SELECT id, observer, made_at, events, attempts, state, next_at, error FROM messages";

impl Store {
    /// Keeps a notice, unless `most` of its observer wait, or with `dedup` one of the same key was kept less than so long before it. One that is
    /// kept after others like it were not says how many, under `repeated`.
    pub fn keep_notice(&self, notice: &NewNotice<'_>, dedup: Option<TimeDelta>, most: u64) -> Result<NoticeKept> {
        let NewNotice { observer, key, at, event } = *notice;
        self.write("keep a notice in", |transaction| {
            let mut event = event.clone();
            if let Some(dedup) = dedup {
                let told: Option<(i64, i64)> = transaction
                    .prepare_cached("SELECT at, repeated FROM told WHERE observer = ?1 AND key = ?2")?
                    .query_row(params![observer, key], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                if let Some((last, repeated)) = told {
                    let until = instant(last).checked_add_signed(dedup);
                    if until.is_none_or(|until| at < until) {
                        transaction
                            .prepare_cached("UPDATE told SET repeated = repeated + 1 WHERE observer = ?1 AND key = ?2")?
                            .execute(params![observer, key])?;
                        return Ok(NoticeKept::Repeated);
                    }
                    if let (1.., Some(fields)) = (repeated, event.as_object_mut()) {
                        fields.insert("repeated".to_owned(), repeated.into());
                    }
                }
            }
            let waiting: i64 = transaction
                .prepare_cached("SELECT count(*) FROM notices WHERE observer = ?1")?
                .query_row([observer], |row| row.get(0))?;
            if waiting as u64 >= most {
                return Ok(NoticeKept::Full);
            }
            if dedup.is_some() {
                transaction
                    .prepare_cached(
                        "INSERT INTO told (observer, key, at, repeated) VALUES (?1, ?2, ?3, 0)
                         ON CONFLICT (observer, key) DO UPDATE SET at = ?3, repeated = 0",
                    )?
                    .execute(params![observer, key, micros(at)])?;
            }
            transaction
                .prepare_cached("INSERT INTO notices (observer, key, at, event) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![observer, key, micros(at), event.to_string()])?;
            Ok(NoticeKept::Kept)
        })
    }

    /// The notices of an observer that are in no message yet: since when, and how many; `None` if there are none.
    pub fn open_notices(&self, observer: &str) -> Result<Option<(DateTime<Utc>, u64)>> {
        let connection = self.connection();
        let (since, count): (Option<i64>, i64) = connection
            .prepare_cached("SELECT min(at), count(*) FROM notices WHERE observer = ?1 AND message IS NULL")
            .and_then(|mut statement| statement.query_row([observer], |row| Ok((row.get(0)?, row.get(1)?))))
            .map_err(self.ledger.failed("read"))?;
        Ok(since.map(|since| (instant(since), count as u64)))
    }

    /// Makes the oldest open notices of an observer, `most` at most, one message that is due now.
    pub fn close_notices(&self, observer: &str, now: DateTime<Utc>, most: u32) -> Result<()> {
        self.write("close notices in", |transaction| {
            let events: i64 = transaction
                .prepare_cached(
                    "SELECT count(*) FROM (SELECT 1 FROM notices WHERE observer = ?1 AND message IS NULL LIMIT ?2)",
                )?
                .query_row(params![observer, most], |row| row.get(0))?;
            if events == 0 {
                return Ok(());
            }
            transaction
                .prepare_cached(
                    "INSERT INTO messages (observer, made_at, events, attempts, state, next_at) VALUES (?1, ?2, ?3, 0, 'waiting', ?2)",
                )?
                .execute(params![observer, micros(now), events])?;
            transaction
                .prepare_cached(
                    "UPDATE notices SET message = ?2 WHERE id IN
                     (SELECT id FROM notices WHERE observer = ?1 AND message IS NULL ORDER BY id LIMIT ?3)",
                )?
                .execute(params![observer, transaction.last_insert_rowid(), most])?;
            Ok(())
        })
    }

    /// When the next message of an observer is due.
    pub fn next_message(&self, observer: &str) -> Result<Option<DateTime<Utc>>> {
        let connection = self.connection();
        let next: Option<i64> = connection
            .prepare_cached("SELECT min(next_at) FROM messages WHERE observer = ?1 AND state = 'waiting'")
            .and_then(|mut statement| statement.query_row([observer], |row| row.get(0)))
            .map_err(self.ledger.failed("read"))?;
        Ok(next.map(instant))
    }

    /// Of the messages of an observer that are due by now, the one that has been due longest, with its events in order.
    pub fn due_message(&self, observer: &str, now: DateTime<Utc>) -> Result<Option<(MessageRow, Vec<Value>)>> {
        let query = format!(
            "{MESSAGE} WHERE observer = ?1 AND state = 'waiting' AND next_at <= ?2 ORDER BY next_at, id LIMIT 1"
        );
        let connection = self.connection();
        let read = || -> rusqlite::Result<Option<(MessageRow, Vec<Value>)>> {
            let due =
                connection.prepare_cached(&query)?.query_row(params![observer, micros(now)], message).optional()?;
            let Some(due) = due else { return Ok(None) };
            let mut events = connection.prepare_cached("SELECT event FROM notices WHERE message = ?1 ORDER BY id")?;
            let events = events.query_map([due.id], |row| row.get::<_, String>(0))?;
            let texts = events.collect::<rusqlite::Result<Vec<String>>>()?;
            let events = texts.iter().map(|text| serde_json::from_str(text).unwrap_or_default()).collect();
            Ok(Some((due, events)))
        };
        read().map_err(self.ledger.failed("read"))
    }

    /// Records what became of an attempt to send a message. When it is given up, the keys of its notices are forgotten.
    pub fn settle_message(&self, id: i64, now: DateTime<Utc>, end: MessageEnd<'_>) -> Result<()> {
        let (state, next_at, error) = match end {
            MessageEnd::Sent => ("sent", now, None),
            MessageEnd::Again(next, error) => ("waiting", next, Some(error)),
            MessageEnd::GivenUp(error) => ("given_up", now, Some(error)),
        };
        self.write("settle a message in", |transaction| {
            transaction
                .prepare_cached(
                    "UPDATE messages SET attempts = attempts + 1, state = ?2, next_at = ?3, error = ?4 WHERE id = ?1",
                )?
                .execute(params![id, state, micros(next_at), error])?;
            if let MessageEnd::GivenUp(_) = end {
                transaction
                    .prepare_cached(
                        "DELETE FROM told WHERE (observer, key) IN (SELECT observer, key FROM notices WHERE message = ?1)",
                    )?
                    .execute([id])?;
            }
            if state != "waiting" {
                transaction.prepare_cached("DELETE FROM notices WHERE message = ?1")?.execute([id])?;
            }
            Ok(())
        })
    }

    /// Forgets open notices that were kept, messages that were made and keys that were told before an instant, whatever became of them. Gives how
    /// many notices of these nobody was ever told.
    pub fn tidy_messages(&self, before: DateTime<Utc>) -> Result<u64> {
        self.write("tidy messages in", |transaction| {
            let run = |statement: &str| transaction.prepare_cached(statement)?.execute([micros(before)]);
            let open = run("DELETE FROM notices WHERE message IS NULL AND at < ?1")?;
            let closed = run("DELETE FROM notices WHERE message IN (SELECT id FROM messages WHERE made_at < ?1)")?;
            run("DELETE FROM messages WHERE made_at < ?1")?;
            run("DELETE FROM told WHERE at < ?1")?;
            Ok((open + closed) as u64)
        })
    }

    /// How many messages of each observer wait, were sent or given up: observer, state, number.
    pub fn message_counts(&self) -> Result<Vec<(String, String, u64)>> {
        self.connection()
            .prepare_cached(
                "SELECT observer, state, COUNT(*) FROM messages GROUP BY observer, state ORDER BY observer, state",
            )
            .and_then(|mut statement| {
                let rows =
                    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)? as u64)))?;
                rows.collect::<rusqlite::Result<Vec<_>>>()
            })
            .map_err(self.ledger.failed("read"))
    }

    /// The newest messages, the newest first.
    pub fn messages(&self, limit: usize) -> Result<Vec<MessageRow>> {
        let query = format!("{MESSAGE} ORDER BY id DESC LIMIT ?1");
        let connection = self.connection();
        connection
            .prepare_cached(&query)
            .and_then(|mut statement| {
                statement.query_map([limit as i64], message)?.collect::<rusqlite::Result<Vec<_>>>()
            })
            .map_err(self.ledger.failed("read"))
    }
}

fn message(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    Ok(MessageRow {
        id: row.get(0)?,
        observer: row.get(1)?,
        made_at: instant(row.get(2)?),
        events: row.get(3)?,
        attempts: row.get(4)?,
        state: row.get(5)?,
        next_at: instant(row.get(6)?),
        error: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Scratch, at};

    fn keep(store: &Store, key: &str, second: i64, dedup: Option<i64>) -> NoticeKept {
        let event = json!({ "kind": "run_failed", "run": second });
        let notice = NewNotice { observer: "desk", key, at: at(second), event: &event };
        store.keep_notice(&notice, dedup.map(TimeDelta::seconds), 4).unwrap()
    }

    fn runs(events: &[Value]) -> Vec<i64> {
        events.iter().map(|event| event["run"].as_i64().unwrap()).collect()
    }

    #[test]
    fn notices_become_messages_in_order_and_are_gone_once_these_are_over() {
        let scratch = Scratch::new();
        let store = &scratch.store;
        assert_eq!(store.open_notices("desk").unwrap(), None);
        store.close_notices("desk", at(0), 9).unwrap();
        assert!(store.messages(9).unwrap().is_empty(), "nothing makes no message");
        for second in 1..=3 {
            assert_eq!(keep(store, "k", second, None), NoticeKept::Kept);
        }
        assert_eq!(store.open_notices("desk").unwrap(), Some((at(1), 3)));
        assert_eq!(store.open_notices("other").unwrap(), None);
        store.close_notices("desk", at(5), 2).unwrap();
        store.close_notices("desk", at(6), 2).unwrap();
        assert_eq!(store.open_notices("desk").unwrap(), None);

        let (first, events) = store.due_message("desk", at(9)).unwrap().unwrap();
        assert_eq!((first.events, first.attempts, first.made_at, runs(&events)), (2, 0, at(5), vec![1, 2]));
        assert_eq!(store.due_message("desk", at(4)).unwrap(), None);
        store.settle_message(first.id, at(9), MessageEnd::Again(at(20), "down")).unwrap();
        // The other is due meanwhile; what waits is counted with it.
        let (second, events) = store.due_message("desk", at(9)).unwrap().unwrap();
        assert_eq!(runs(&events), [3]);
        store.settle_message(second.id, at(10), MessageEnd::Sent).unwrap();
        assert_eq!(store.next_message("desk").unwrap(), Some(at(20)));
        let (again, _) = store.due_message("desk", at(20)).unwrap().unwrap();
        assert_eq!((again.id, again.attempts, again.error.as_deref()), (first.id, 1, Some("down")));
        store.settle_message(again.id, at(20), MessageEnd::GivenUp("down")).unwrap();
        assert_eq!(store.next_message("desk").unwrap(), None);
        let states: Vec<String> = store.messages(9).unwrap().into_iter().map(|row| row.state).collect();
        assert_eq!(states, ["sent", "given_up"]);
        let count = |state: &str| ("desk".to_owned(), state.to_owned(), 1);
        assert_eq!(store.message_counts().unwrap(), [count("given_up"), count("sent")]);
        assert_eq!(store.tidy_messages(at(6)).unwrap(), 0, "both are over");
        assert_eq!(store.messages(9).unwrap().len(), 1);
    }

    #[test]
    fn the_same_is_kept_once_in_a_while_and_again_if_nobody_heard() {
        let scratch = Scratch::new();
        let store = &scratch.store;
        let kept: Vec<NoticeKept> = [0, 5, 9, 10].map(|second| keep(store, "k", second, Some(10))).to_vec();
        assert_eq!(kept, [NoticeKept::Kept, NoticeKept::Repeated, NoticeKept::Repeated, NoticeKept::Kept]);
        assert_eq!(keep(store, "other", 10, Some(10)), NoticeKept::Kept);
        store.close_notices("desk", at(10), 9).unwrap();
        let (message, events) = store.due_message("desk", at(10)).unwrap().unwrap();
        assert_eq!(events.iter().map(|event| event["repeated"].as_i64()).collect::<Vec<_>>(), [None, Some(2), None]);
        store.settle_message(message.id, at(11), MessageEnd::GivenUp("gone")).unwrap();
        assert_eq!(keep(store, "k", 12, Some(10)), NoticeKept::Kept);
    }

    #[test]
    fn what_waits_is_bounded_and_what_nobody_fetches_is_forgotten() {
        let scratch = Scratch::new();
        let store = &scratch.store;
        (0..4).for_each(|second| assert_eq!(keep(store, "k", second, None), NoticeKept::Kept));
        store.close_notices("desk", at(4), 2).unwrap();
        assert_eq!(keep(store, "k", 5, None), NoticeKept::Full);
        assert_eq!(store.tidy_messages(at(3)).unwrap(), 1);
        assert_eq!(store.open_notices("desk").unwrap(), Some((at(3), 1)));
        assert_eq!(store.due_message("desk", at(9)).unwrap().unwrap().0.events, 2);
        assert_eq!(store.tidy_messages(at(10)).unwrap(), 3);
        assert_eq!((store.open_notices("desk").unwrap(), store.due_message("desk", at(9)).unwrap()), (None, None));
    }
}
