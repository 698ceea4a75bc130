//! What a stretch of time would bring.

use std::collections::BTreeMap;

use assetctl_config::Schedule;
use chrono::{DateTime, TimeDelta, Utc};

use crate::blackout::{Clear, clear};
use crate::decide::{Ready, decide};
use crate::occurrences::occurrences;
use crate::tick::{Decision, Switch, Tick, Why};

/// How far ahead a next tick is looked for.
const HORIZON: TimeDelta = TimeDelta::days(5 * 366);
/// The first look; each next one is twice as far.
const FIRST_LOOK: TimeDelta = TimeDelta::days(8);

/// The ticks that are due after `after` and until `until`, that included, as they are decided where somebody is always there to do it:
/// each when it is due, or at the end of the blackout that holds it.
pub fn preview(schedule: &Schedule, switches: &[Switch], after: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Tick> {
    // What one blackout holds is decided together, and by the newest of it.
    let to = match clear(schedule, until) {
        Clear::At(end, _) => end,
        Clear::Now | Clear::Never(_) => until,
    };
    let mut ticks = Vec::new();
    let mut ready: BTreeMap<DateTime<Utc>, Vec<Ready>> = BTreeMap::new();
    for occurrence in occurrences(schedule, after, to) {
        let due = occurrence.due;
        let (at, held) = match clear(schedule, due) {
            Clear::At(end, why) if occurrence.against.is_none() => (end, Some(why)),
            Clear::Never(why) if occurrence.against.is_none() => {
                let note = occurrence.note.as_ref();
                ticks.push(Tick::new(schedule, due, note, due, Decision::Skipped, Why::NoEnd { why }));
                continue;
            }
            _ => (due, None),
        };
        ready.entry(at).or_default().push(Ready { occurrence, held });
    }
    for (at, mut ready) in ready {
        ready.sort_by_key(|ready| ready.occurrence.due);
        ticks.extend(decide(schedule, switches, &ready, at));
    }
    ticks.retain(|tick| tick.due <= until);
    ticks.sort_by_key(|tick| tick.due);
    ticks
}

/// The next `count` ticks after an instant that run, or of which nobody can say; fewer if there are no more within five years.
pub fn next(schedule: &Schedule, switches: &[Switch], after: DateTime<Utc>, count: usize) -> Vec<Tick> {
    let mut look = FIRST_LOOK;
    loop {
        let mut ticks = preview(schedule, switches, after, after + look);
        ticks.retain(|tick| matches!(tick.decision, Decision::Run | Decision::Unknown));
        // One that is unknown says it for all after it.
        if let Some(unknown) = ticks.iter().position(|tick| tick.decision == Decision::Unknown) {
            ticks.truncate(unknown + 1);
            ticks.truncate(count);
            return ticks;
        }
        if ticks.len() >= count || look >= HORIZON {
            ticks.truncate(count);
            return ticks;
        }
        look = (look * 2).min(HORIZON);
    }
}
