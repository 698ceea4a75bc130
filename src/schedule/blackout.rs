//! Times in which no tick runs.

use assetctl_config::{Blackout, Schedule, parse_cron};
use chrono::{DateTime, Days, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::zoned::{LARGEST_SHIFT, instant, midnight};

/// Blackouts that follow on each other for longer than this do not end.
const NO_END: TimeDelta = TimeDelta::days(400);

/// A stretch of time in which no tick runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub start: DateTime<Utc>,
    /// The first instant after it.
    pub end: DateTime<Utc>,
    pub why: Option<String>,
}

/// When an instant is clear of a schedule's blackouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Clear {
    /// It is.
    Now,
    /// It lies in one, or in several that follow on each other, which end then.
    At(DateTime<Utc>, Option<String>),
    Never(Option<String>),
}

/// When a tick that is due at an instant may run.
pub(crate) fn clear(schedule: &Schedule, due: DateTime<Utc>) -> Clear {
    let Some(mut stretch) = covering(schedule, due) else { return Clear::Now };
    while let Some(next) = covering(schedule, stretch.end) {
        if next.end - due > NO_END {
            return Clear::Never(stretch.why);
        }
        stretch.end = next.end;
    }
    if stretch.end - due > NO_END { Clear::Never(stretch.why) } else { Clear::At(stretch.end, stretch.why) }
}

/// The blackout that an instant lies in; of several, from where the first of them begins to where the last of them ends.
pub(crate) fn covering(schedule: &Schedule, at: DateTime<Utc>) -> Option<Stretch> {
    let all = schedule.spec.blackout.iter().flat_map(|blackout| around(blackout, schedule.zone, at));
    all.reduce(|one, other| Stretch {
        start: one.start.min(other.start),
        end: one.end.max(other.end),
        why: one.why.or(other.why),
    })
}

/// The stretches of one blackout that an instant lies in.
fn around(blackout: &Blackout, zone: Tz, at: DateTime<Utc>) -> Vec<Stretch> {
    let within = |start: DateTime<Utc>, end: DateTime<Utc>| {
        (start <= at && at < end).then(|| Stretch { start, end, why: blackout.why.clone() })
    };
    if let Some(from) = blackout.from {
        let last = blackout.to.unwrap_or(from);
        let end = last.checked_add_days(Days::new(1)).unwrap_or(last);
        return within(midnight(zone, from), midnight(zone, end)).into_iter().collect();
    }
    let (Some(cron), Some(lasts)) = (&blackout.cron, blackout.lasts) else { return Vec::new() };
    // It was parsed when the configuration was read.
    let Ok(cron) = parse_cron(cron) else { return Vec::new() };
    let from = at.with_timezone(&zone).naive_local() - lasts.to_chrono() - LARGEST_SHIFT;
    cron.iter_after(from)
        .map(|wall| instant(zone, wall).0)
        .take_while(|start| *start <= at)
        .filter_map(|start| within(start, start + lasts.to_chrono()))
        .collect()
}
