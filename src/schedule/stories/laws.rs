//! No tick lost, none decided twice: under random clocks, which also stand still and go back.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use crate::occurrences::occurrences;
use crate::testing::{at, schedule};
use crate::{Decision, ScheduleState, due, preview};

/// Schedules of every sort; the catch-up policy is put in.
const SCHEDULES: [&str; 6] = [
    "cron: '30 1,2 * * *', zone: America/New_York",
    "cron: '*/20 * * * *', zone: Australia/Lord_Howe",
    "cron: '0 9 * * 1-5', skip: non_sessions",
    "on: session_close + 30m, calendar: XNYS",
    "on: session_open - 15m, blackout: [{ cron: '0 20 * * 5', for: 3d }, { from: 2024-03-11, to: 2024-03-13 }]",
    "cron: '0 */6 * * *', zone: UTC, blackout: [{ cron: '0 3 * * *', for: 10h }]",
];

fn start() -> DateTime<Utc> {
    at("2024-03-04T00:00:00Z")
}

/// When it is looked: steps in minutes, mostly small, some of days, some back.
fn clocks() -> impl Strategy<Value = Vec<DateTime<Utc>>> {
    let step = prop_oneof![5 => 0..90_i64, 2 => 0..4_000_i64, 1 => -3_000..0_i64];
    prop::collection::vec(step, 1..40).prop_map(|steps| {
        let mut now = start();
        let then = |step: i64| {
            now += TimeDelta::minutes(step);
            now
        };
        steps.into_iter().map(then).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_tick_is_decided_once(which in 0..SCHEDULES.len(), policy in 0..3_usize, clocks in clocks()) {
        let policy = ["all", "last", "none"][policy];
        let schedule = schedule(&format!("{}, catch_up: {policy}", SCHEDULES[which]));
        let mut state = ScheduleState::new(start());
        let mut decided: BTreeMap<DateTime<Utc>, Decision> = BTreeMap::new();
        let mut latest = start();
        for now in clocks {
            let found = due(&schedule, &state, now);
            prop_assert_eq!(&found, &due(&schedule, &state, now), "the same question has the same answer");
            let mut late_runs = 0;
            for tick in &found.ticks {
                prop_assert!(tick.due <= now.max(latest));
                if tick.decision == Decision::Held {
                    prop_assert!(!decided.contains_key(&tick.due) && found.state.held.contains(&tick.due));
                    continue;
                }
                prop_assert!(decided.insert(tick.due, tick.decision).is_none(), "decided twice: {tick:?}");
                late_runs += usize::from(tick.decision == Decision::Run && tick.why.code() != "on_time");
            }
            match policy {
                "last" => prop_assert!(late_runs <= 1, "{late_runs} run late"),
                "none" => prop_assert!(late_runs == 0),
                _ => prop_assert!(found.ticks.iter().all(|tick| tick.decision != Decision::Superseded)),
            }
            latest = latest.max(now);
            state = found.state;
            prop_assert!(due(&schedule, &state, now).ticks.is_empty(), "nothing is due twice at one instant");
        }
        let all: Vec<DateTime<Utc>> = occurrences(&schedule, start(), latest).into_iter().map(|one| one.due).collect();
        let mut seen: Vec<DateTime<Utc>> = decided.into_keys().chain(state.held).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, all);
    }

    /// Looked at without end, and at every end of a blackout, what happens is what was foreseen.
    #[test]
    fn who_is_always_there_does_what_the_preview_says(which in 0..SCHEDULES.len(), policy in 0..3_usize) {
        let policy = ["all", "last", "none"][policy];
        let schedule = schedule(&format!("{}, catch_up: {policy}", SCHEDULES[which]));
        let end = start() + TimeDelta::days(10);
        let foreseen = preview(&schedule, &[], start(), end);
        let mut looks: Vec<DateTime<Utc>> = foreseen.iter().flat_map(|tick| [tick.due, tick.decided_at]).collect();
        looks.sort_unstable();
        let mut state = ScheduleState::new(start());
        let mut happened = Vec::new();
        for now in looks {
            let found = due(&schedule, &state, now);
            happened.extend(found.ticks.into_iter().filter(|tick| tick.decision != Decision::Held));
            state = found.state;
        }
        happened.retain(|tick| tick.due <= end);
        happened.sort_by_key(|tick| tick.due);
        prop_assert_eq!(happened, foreseen);
    }

    /// Where a stretch is cut does not matter.
    #[test]
    fn a_stretch_is_the_sum_of_its_parts(which in 0..SCHEDULES.len(), cut in 0..28_800_i64) {
        let schedule = schedule(SCHEDULES[which]);
        let (from, to) = (at("2024-10-25T00:00:00Z"), at("2024-11-14T00:00:00Z"));
        let middle = from + TimeDelta::minutes(cut);
        let mut parts = occurrences(&schedule, from, middle);
        parts.extend(occurrences(&schedule, middle, to));
        prop_assert_eq!(parts, occurrences(&schedule, from, to));
    }
}
