//! Ticks that are ready at one instant → decisions.

use assetctl_config::{CatchUp, Schedule};
use chrono::{DateTime, TimeDelta, Utc};

use crate::occurrences::Occurrence;
use crate::tick::{Decision, Switch, Tick, Why, paused};

/// So late a tick still counts as not missed, where its schedule does not say.
const GRACE: TimeDelta = TimeDelta::minutes(5);

/// A tick that may run now.
pub(crate) struct Ready {
    pub occurrence: Occurrence,
    /// The blackout that held it until now, with its reason.
    pub held: Option<Option<String>>,
}

/// Decides ticks, which ascend, at `now`.
///
/// First what is against each by itself: no session, a pause (when it was due, or now), a calendar that has ended. Of the rest, those
/// that are not late run. Late is what is decided more than the schedule's `grace` after its time, and what a blackout held. What
/// becomes of late ticks is the schedule's `catch_up`: `all` run; of `last`, only one that is the newest of all; of `none`, none.
pub(crate) fn decide(schedule: &Schedule, switches: &[Switch], ready: &[Ready], now: DateTime<Utc>) -> Vec<Tick> {
    let against: Vec<Option<(Decision, Why)>> =
        ready.iter().map(|ready| against(schedule, switches, &ready.occurrence, now)).collect();
    let newest = ready.iter().zip(&against).rev().find(|(_, against)| against.is_none());
    let newest = newest.map(|(ready, _)| ready.occurrence.due);
    let policy = schedule.catch_up();
    let grace = schedule.spec.grace.map_or(GRACE, |grace| grace.to_chrono());
    ready
        .iter()
        .zip(against)
        .map(|(Ready { occurrence, held }, against)| {
            let due = occurrence.due;
            let late = now - due;
            let (decision, why) = match (against, held, policy) {
                (Some(against), ..) => against,
                (None, None, _) if late <= grace => (Decision::Run, Why::OnTime),
                (None, None, CatchUp::None) => (Decision::Missed, Why::Missed { late }),
                (None, Some(why), CatchUp::None) => (Decision::Missed, Why::MissedInBlackout { why: why.clone() }),
                (None, _, CatchUp::Last) if newest.is_some_and(|newest| newest > due) => {
                    let by = newest.unwrap_or(due);
                    (Decision::Superseded, Why::SupersededBy { due: by, zone: schedule.zone })
                }
                (None, None, policy) => (Decision::Run, Why::CaughtUp { late, policy }),
                (None, Some(why), policy) => (Decision::Run, Why::AfterBlackout { why: why.clone(), policy }),
            };
            Tick::new(schedule, due, occurrence.note.as_ref(), now, decision, why)
        })
        .collect()
}

/// What is against a tick by itself.
fn against(
    schedule: &Schedule,
    switches: &[Switch],
    occurrence: &Occurrence,
    now: DateTime<Utc>,
) -> Option<(Decision, Why)> {
    if let Some(why @ Why::NotASession { .. }) = &occurrence.against {
        return Some((Decision::Skipped, why.clone()));
    }
    let is_paused = |at| paused(schedule.spec.paused, switches, at);
    if let Some(why) = is_paused(occurrence.due).or_else(|| is_paused(now)) {
        return Some((Decision::Skipped, why));
    }
    occurrence.against.clone().map(|why| (Decision::Unknown, why))
}
