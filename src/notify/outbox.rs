//! What is still to be told, kept so that a kill loses nothing.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use thiserror::Error;

/// Where what is to be told is kept. Each call is whole or not at all, and short; several threads make them.
///
/// A *notice* is an event that an observer is to tell. Notices are open until they are closed into a *message*, which is sent, tried again and in
/// the end sent or given up.
pub trait Outbox: Send + Sync + 'static {
    /// Keeps a notice. With `dedup`, unless one of the same observer and key was kept less than so long before it.
    fn keep(&self, notice: &Notice<'_>, dedup: Option<TimeDelta>) -> Result<Kept, OutboxError>;

    /// The open notices of an observer, if there are any.
    fn open(&self, observer: &str) -> Result<Option<Open>, OutboxError>;

    /// Closes the oldest open notices of an observer, `most` at most, into one message that is due now.
    fn close(&self, observer: &str, now: DateTime<Utc>, most: u32) -> Result<(), OutboxError>;

    /// When the next message of an observer is due.
    fn next(&self, observer: &str) -> Result<Option<DateTime<Utc>>, OutboxError>;

    /// Of the messages of an observer that are due by now, the one that has been due longest.
    fn due(&self, observer: &str, now: DateTime<Utc>) -> Result<Option<Message>, OutboxError>;

    /// Records what became of an attempt to send a message. When it is given up, the keys of its notices are forgotten: the next event with one
    /// of them is told.
    fn settle(&self, message: i64, now: DateTime<Utc>, outcome: Outcome<'_>) -> Result<(), OutboxError>;

    /// Forgets open notices that were kept, messages that were made and keys that were told before an instant, whatever became of them. Gives how many
    /// notices of these nobody was ever told.
    fn tidy(&self, before: DateTime<Utc>) -> Result<u64, OutboxError>;
}

/// Why the outbox could not be written or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct OutboxError(pub String);

/// So many notices of one observer wait at most; what comes then is dropped.
pub const MOST_WAITING: u64 = 5_000;

/// An event that an observer is to tell.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    pub observer: &'a str,
    /// What tells it from others, for de-duplication.
    pub key: &'a str,
    pub at: DateTime<Utc>,
    pub event: &'a Value,
}

/// What became of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Kept,
    /// One like it was kept not long ago. It is counted, and the next one that is kept says so.
    Repeated,
    /// [`MOST_WAITING`] wait already.
    Full,
}

/// Notices that are in no message yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// When the oldest was kept.
    pub since: DateTime<Utc>,
    pub count: u64,
}

/// Some notices, to be sent as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Does not change when it is sent again.
    pub id: i64,
    pub made_at: DateTime<Utc>,
    /// How often it was tried.
    pub attempts: u32,
    /// Those of the notices, in order. One that was [repeated](Kept::Repeated) since it was last told says how often, under `repeated`.
    pub events: Vec<Value>,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    Sent,
    Again { next: DateTime<Utc>, error: &'a str },
    GivenUp { error: &'a str },
}
