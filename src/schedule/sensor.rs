//! What was seen → whether the job runs.

use assetctl_config::{Sensor, SensorWhen};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::tick::{Switch, paused};

/// What looking brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Of what happens again and again (runs, updates, files): what identifies the newest; `None` where there was none yet.
    Newest(Option<String>),
    /// Of what is so or not (a query, an address, late, stale).
    Holds(bool),
    /// The same, where one way of being so can be told from another: becoming so in another way counts too. `None` where it is not so.
    So(Option<String>),
    /// Looking failed, for this reason.
    Failed(String),
}

/// What is remembered of a sensor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensorMemory {
    /// Whether it ever looked.
    looked: bool,
    /// What it has run for, or found when it was new.
    done: Option<String>,
    /// What it saw last, and since when.
    waiting: Option<(String, DateTime<Utc>)>,
    fired_at: Option<DateTime<Utc>>,
}

/// What becomes of what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SensorDecision {
    /// The job runs, for this reason.
    Fires(String),
    /// Something has happened, and this is waited for.
    Waits(String),
    /// Nothing has happened.
    Quiet,
    /// Looking failed: nothing is known, and what was known stays.
    Failed(String),
}

/// What a thing that is so is called in memory.
const SO: &str = "so";

/// Decides what was seen at `now`. Whoever keeps the memory together with the decision runs the job once for each thing that happened.
///
/// What happens again and again counts from the first look on: what was there by then does not. What is so or not counts when it becomes
/// so, at the first look too, and again only after it was not so in between. `debounce` waits until what was seen has stayed as it is;
/// `min_interval` waits from one run to the next; neither forgets. What happens during a pause does not count.
pub fn evaluate(
    sensor: &Sensor,
    memory: &SensorMemory,
    switches: &[Switch],
    seen: &Seen,
    now: DateTime<Utc>,
) -> (SensorDecision, SensorMemory) {
    let mut memory = memory.clone();
    let (token, is_state) = match seen {
        Seen::Failed(why) => return (SensorDecision::Failed(why.clone()), memory),
        Seen::Newest(token) => (token.clone(), false),
        Seen::Holds(holds) => (holds.then(|| SO.to_owned()), true),
        Seen::So(how) => (how.clone(), true),
    };
    let is_first = !std::mem::replace(&mut memory.looked, true);
    if paused(sensor.spec.paused, switches, now).is_some() || (is_first && !is_state) {
        memory.done = token;
        memory.waiting = None;
        return (SensorDecision::Quiet, memory);
    }
    let Some(token) = token else {
        memory.waiting = None;
        if is_state {
            memory.done = None;
        }
        return (SensorDecision::Quiet, memory);
    };
    if memory.done.as_ref() == Some(&token) {
        memory.waiting = None;
        return (SensorDecision::Quiet, memory);
    }
    // A clock that went back has seen it just now.
    let since = match &memory.waiting {
        Some((known, since)) if *known == token => (*since).min(now),
        _ => now,
    };
    memory.waiting = Some((token.clone(), since));
    let left = |from: DateTime<Utc>, length: Option<assetctl_config::Span>| {
        let until = from.min(now) + length.map_or(TimeDelta::zero(), |length| length.to_chrono());
        (until > now).then_some(until)
    };
    if let Some(until) = left(since, sensor.spec.debounce) {
        return (SensorDecision::Waits(format!("as it is until {}", text(until))), memory);
    }
    if let Some(until) = memory.fired_at.and_then(|fired| left(fired, sensor.spec.min_interval)) {
        return (SensorDecision::Waits(format!("`min_interval` until {}", text(until))), memory);
    }
    memory.done = Some(token.clone());
    memory.waiting = None;
    memory.fired_at = Some(now);
    (SensorDecision::Fires(reason(&sensor.spec.when, &token)), memory)
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Why it runs, in words.
fn reason(when: &SensorWhen, token: &str) -> String {
    let of = when.of.as_deref().unwrap_or_default();
    match when {
        SensorWhen { run: Some(run), .. } => format!("request {token}, of job `{of}`, {}", run.name()),
        SensorWhen { updated: Some(asset), .. } => format!("`{asset}` has changed: revision {token}"),
        SensorWhen { stale: Some(asset), .. } => format!("`{asset}` has become stale"),
        SensorWhen { late: Some(asset), .. } => format!("`{asset}` breaks its `freshness` check"),
        SensorWhen { file: Some(_), .. } => format!("there came {token}"),
        SensorWhen { sql: Some(_), .. } => "its query has become true".to_owned(),
        _ => "its address has begun to answer".to_owned(),
    }
}
