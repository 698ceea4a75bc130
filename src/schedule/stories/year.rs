//! A year of two exchanges, with an injected clock: every tick of every schedule and what became of it.
//!
//! The lists are snapshots, made by these tests and read by us; what is interesting in them stands here once more, by hand.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use assetctl_config::Schedule;
use chrono::{DateTime, TimeDelta, Utc};

use crate::occurrences::occurrences;
use crate::testing::{at, project};
use crate::{Decision, ScheduleState, Tick, due};

/// Both exchanges by session and by clock, a weekly time that both daylight-saving changes hit, and a blackout over Christmas.
fn schedules(policy: &str) -> Vec<Schedule> {
    let project = project(&format!(
        "
jobs: {{ j: {{}} }}
schedules:
  shanghai_morning: {{ job: j, cron: '0 9 * * 1-5', skip: non_sessions, catch_up: {policy} }}
  shanghai_close: {{ job: j, on: session_close + 30m, catch_up: {policy} }}
  new_york_open: {{ job: j, on: session_open - 15m, calendar: XNYS, catch_up: {policy} }}
  new_york_close:
    job: j
    on: session_close + 30m
    calendar: XNYS
    catch_up: {policy}
    blackout: [{{ from: 2024-12-24, to: 2024-12-26, why: Christmas }}]
  new_york_evening: {{ job: j, cron: '30 18 * * 1-5', zone: America/New_York, skip: non_sessions, calendar: XNYS, catch_up: {policy} }}
  sunday_night: {{ job: j, cron: '30 1,2 * * 0', zone: America/New_York, catch_up: {policy} }}
"
    ));
    project.schedules.schedules
}

/// Lets a clock go from tick to tick, some seconds late, and not between two instants in which nothing runs.
fn simulate(
    schedules: &[Schedule],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    down: (DateTime<Utc>, DateTime<Utc>),
) -> Vec<(Tick, String)> {
    let mut looks: BTreeSet<DateTime<Utc>> = BTreeSet::from([down.1, to]);
    for schedule in schedules {
        looks.extend(occurrences(schedule, from, to).iter().map(|one| one.due + TimeDelta::seconds(7)));
    }
    // Midnights, for the ends of blackouts.
    let hours = (0..).map(|hour| from + TimeDelta::hours(hour)).take_while(|now| *now < to);
    looks.extend(hours);
    let mut ticks = Vec::new();
    let mut states: Vec<ScheduleState> = schedules.iter().map(|_| ScheduleState::new(from)).collect();
    for now in looks.into_iter().filter(|now| *now <= down.0 || *now >= down.1) {
        for (schedule, state) in schedules.iter().zip(&mut states) {
            let found = due(schedule, state, now);
            *state = found.state;
            ticks.extend(found.ticks.into_iter().map(|tick| {
                let local = tick.due.with_timezone(&schedule.zone).format("%a %F %R %Z").to_string();
                (tick, local)
            }));
        }
    }
    ticks.sort_by(|(one, _), (other, _)| {
        (one.due, &one.schedule, one.decided_at).cmp(&(other.due, &other.schedule, other.decided_at))
    });
    ticks
}

fn text(ticks: &[(Tick, String)]) -> String {
    let mut text = String::new();
    for (Tick { schedule, due, decision, reason, .. }, local) in ticks {
        let due = due.format("%F %RZ");
        let _ = writeln!(text, "{due}  {local:24}  {schedule:16}  {:10}  {reason}", decision.name());
    }
    text
}

/// Down for a week, over the end of summer time in New York.
fn week() -> (DateTime<Utc>, DateTime<Utc>) {
    (at("2024-10-28T12:00:00Z"), at("2024-11-04T12:00:00Z"))
}

#[test]
fn the_whole_year_with_a_week_of_downtime() {
    let ticks = simulate(&schedules("last"), at("2024-01-01T00:00:00Z"), at("2025-01-01T00:00:00Z"), week());
    let said = text(&ticks);
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("year_2024", said);
    });

    let count = |schedule: &str, decision: Decision| {
        ticks.iter().filter(|(tick, _)| tick.schedule == schedule && tick.decision == decision).count()
    };
    // 242 sessions in Shanghai, 252 in New York, 52 Sundays. Monday's morning was before the downtime; of the week that was slept
    // through, one tick of each runs.
    assert_eq!(count("shanghai_close", Decision::Run) + count("shanghai_close", Decision::Superseded), 242);
    assert_eq!(count("new_york_open", Decision::Run) + count("new_york_open", Decision::Superseded), 252);
    assert_eq!(count("new_york_close", Decision::Run) + count("new_york_close", Decision::Superseded), 252);
    assert_eq!(count("shanghai_morning", Decision::Run) + count("shanghai_morning", Decision::Superseded), 242);
    assert_eq!(count("shanghai_morning", Decision::Skipped), 262 - 242);
    assert_eq!(count("sunday_night", Decision::Run) + count("sunday_night", Decision::Superseded), 2 * 52);
    assert_eq!(count("shanghai_close", Decision::Superseded), 4);
    let has = |line: &str| {
        assert!(said.lines().any(|one| one.split_whitespace().collect::<Vec<_>>().join(" ") == line), "{line}")
    };
    for line in [
        // Spring Festival.
        "2024-02-08 07:30Z Thu 2024-02-08 15:30 CST shanghai_close run due",
        "2024-02-12 01:00Z Mon 2024-02-12 09:00 CST shanghai_morning skipped 2024-02-12 is not a session of XSHG",
        "2024-02-19 07:30Z Mon 2024-02-19 15:30 CST shanghai_close run due",
        // Summer time begins.
        "2024-03-08 21:30Z Fri 2024-03-08 16:30 EST new_york_close run due",
        "2024-03-10 06:30Z Sun 2024-03-10 01:30 EST sunday_night run due",
        "2024-03-10 07:00Z Sun 2024-03-10 03:00 EDT sunday_night run due; 02:30:00 does not exist that day: 03:00:00 is the first time after it",
        "2024-03-11 20:30Z Mon 2024-03-11 16:30 EDT new_york_close run due",
        "2024-03-11 13:15Z Mon 2024-03-11 09:15 EDT new_york_open run due",
        // Half-days.
        "2024-07-03 17:30Z Wed 2024-07-03 13:30 EDT new_york_close run due; a half-day",
        "2024-07-03 22:30Z Wed 2024-07-03 18:30 EDT new_york_evening run due",
        "2024-07-04 22:30Z Thu 2024-07-04 18:30 EDT new_york_evening skipped 2024-07-04 is not a session of XNYS",
        "2024-11-29 18:30Z Fri 2024-11-29 13:30 EST new_york_close run due; a half-day",
        // National Day.
        "2024-10-01 01:00Z Tue 2024-10-01 09:00 CST shanghai_morning skipped 2024-10-01 is not a session of XSHG",
        // The downtime, in which summer time ends.
        "2024-10-28 13:15Z Mon 2024-10-28 09:15 EDT new_york_open superseded by the tick of 2024-11-01 09:15 EDT (`catch_up: last`)",
        "2024-11-01 13:15Z Fri 2024-11-01 09:15 EDT new_york_open run caught up, 2d22h45m late (`catch_up: last`)",
        "2024-11-03 05:30Z Sun 2024-11-03 01:30 EDT sunday_night superseded by the tick of 2024-11-03 02:30 EST (`catch_up: last`); 01:30:00 is there twice that day: this is the first",
        "2024-11-03 07:30Z Sun 2024-11-03 02:30 EST sunday_night run caught up, 1d4h30m late (`catch_up: last`)",
        "2024-11-04 07:30Z Mon 2024-11-04 15:30 CST shanghai_close run caught up, 4h30m late (`catch_up: last`)",
        "2024-11-04 14:15Z Mon 2024-11-04 09:15 EST new_york_open run due",
        // The blackout holds a half-day and the day after Christmas.
        "2024-12-24 18:30Z Tue 2024-12-24 13:30 EST new_york_close held until 2024-12-27 00:00 EST by a blackout: Christmas; a half-day",
        "2024-12-24 18:30Z Tue 2024-12-24 13:30 EST new_york_close superseded by the tick of 2024-12-26 16:30 EST (`catch_up: last`); a half-day",
        "2024-12-26 21:30Z Thu 2024-12-26 16:30 EST new_york_close run after a blackout: Christmas (`catch_up: last`)",
        "2024-12-27 21:30Z Fri 2024-12-27 16:30 EST new_york_close run due",
    ] {
        has(line);
    }
}

#[test]
fn the_week_under_each_policy() {
    let mut said = String::new();
    for policy in ["all", "last", "none"] {
        let ticks = simulate(&schedules(policy), at("2024-10-26T00:00:00Z"), at("2024-11-06T00:00:00Z"), week());
        let _ = write!(said, "catch_up: {policy}\n\n{}\n", text(&ticks));
        let late = ticks.iter().filter(|(tick, _)| tick.due > week().0 && tick.due < week().1);
        let runs = late.clone().filter(|(tick, _)| tick.decision == Decision::Run).count();
        // Five mornings and closes of Shanghai, five opens, closes and evenings of New York, two times on a Sunday.
        assert_eq!(late.count(), 5 * 5 + 2, "{policy}");
        assert_eq!(
            runs,
            match policy {
                "all" => 27,
                "last" => 6,
                _ => 0,
            },
            "{policy}"
        );
    }
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("week_of_downtime", said);
    });
}
