//! What is due since it was last asked.

use std::collections::BTreeSet;

use assetctl_config::Schedule;
use chrono::{DateTime, TimeDelta, Utc};

use crate::blackout::{Clear, clear};
use crate::decide::{Ready, decide};
use crate::occurrences::{Occurrence, occurrences};
use crate::tick::{Decision, Switch, Tick, Why};

/// What is remembered of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleState {
    /// Ticks until then have been seen. A schedule that is new has seen everything until now.
    pub seen_to: DateTime<Utc>,
    /// Seen, and waiting for the end of a blackout: by when they were due.
    pub held: BTreeSet<DateTime<Utc>>,
    /// Ascending.
    pub switches: Vec<Switch>,
}

impl ScheduleState {
    /// Of a schedule that was never asked for before.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { seen_to: now, held: BTreeSet::new(), switches: Vec::new() }
    }
}

/// What is due, and what is to be remembered with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Ascending by when they were due. Those that are [`Decision::Held`] come again once their blackout is over.
    pub ticks: Vec<Tick>,
    pub state: ScheduleState,
}

/// Decides everything that has become due since the state was kept.
///
/// Whoever keeps the new state together with the ticks loses none and decides none twice, however often and at whatever times this is
/// asked: a clock that goes back brings nothing until it is where it was, and one that jumps forward brings what lies between as missed.
pub fn due(schedule: &Schedule, state: &ScheduleState, now: DateTime<Utc>) -> Due {
    let mut ready = Vec::new();
    let mut ticks = Vec::new();
    let mut held = BTreeSet::new();
    for occurrence in seen(schedule, state, now) {
        let was_held = state.held.contains(&occurrence.due);
        match clear(schedule, occurrence.due) {
            _ if occurrence.against.is_some() => ready.push(Ready { occurrence, held: None }),
            Clear::Now if was_held => ready.push(Ready { occurrence, held: Some(None) }),
            Clear::Now => ready.push(Ready { occurrence, held: None }),
            Clear::At(until, why) if until <= now => ready.push(Ready { occurrence, held: Some(why) }),
            Clear::At(until, why) => {
                held.insert(occurrence.due);
                if !was_held {
                    let why = Why::Blackout { until, zone: schedule.zone, why };
                    let note = occurrence.note.as_ref();
                    ticks.push(Tick::new(schedule, occurrence.due, note, now, Decision::Held, why));
                }
            }
            Clear::Never(why) => {
                let note = occurrence.note.as_ref();
                let why = Why::NoEnd { why };
                ticks.push(Tick::new(schedule, occurrence.due, note, now, Decision::Skipped, why));
            }
        }
    }
    ticks.extend(decide(schedule, &state.switches, &ready, now));
    ticks.sort_by_key(|tick| tick.due);
    let state = ScheduleState { seen_to: state.seen_to.max(now), held, switches: state.switches.clone() };
    Due { ticks, state }
}

/// Those that were held, and those since; ascending.
fn seen(schedule: &Schedule, state: &ScheduleState, now: DateTime<Utc>) -> Vec<Occurrence> {
    let mut all: Vec<Occurrence> = state.held.iter().map(|due| again(schedule, *due)).collect();
    all.extend(occurrences(schedule, state.seen_to, now));
    all
}

/// A tick that was held, with what is special about it if the schedule still has it.
fn again(schedule: &Schedule, due: DateTime<Utc>) -> Occurrence {
    let instant = TimeDelta::microseconds(1);
    let found = occurrences(schedule, due - instant, due).pop();
    found.unwrap_or(Occurrence { due, note: None, against: None })
}
