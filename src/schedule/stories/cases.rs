//! Cases worth reading.

use chrono::TimeDelta;

use crate::testing::{at, schedule};
use crate::{Decision, ScheduleState, Switch, Tick, due, next, preview};

/// `2024-10-08 01:00 run: due`, a line each.
fn lines(ticks: &[Tick]) -> Vec<String> {
    let line = |tick: &Tick| format!("{} {}: {}", tick.due.format("%F %R"), tick.decision.name(), tick.reason);
    ticks.iter().map(line).collect()
}

fn previewed(keys: &str, after: &str, until: &str) -> Vec<String> {
    lines(&preview(&schedule(keys), &[], at(after), at(until)))
}

/// What is due at `now` of a schedule that was last looked at then.
fn due_since(keys: &str, seen_to: &str, now: &str) -> Vec<String> {
    lines(&due(&schedule(keys), &ScheduleState::new(at(seen_to)), at(now)).ticks)
}

#[test]
fn a_cron_schedule_leaves_holidays_out_and_says_so() {
    assert_eq!(
        previewed("cron: '0 9 * * 1-5', skip: non_sessions", "2024-09-29T00:00:00Z", "2024-10-08T01:00:00Z"),
        [
            "2024-09-30 01:00 run: due",
            "2024-10-01 01:00 skipped: 2024-10-01 is not a session of XSHG",
            "2024-10-02 01:00 skipped: 2024-10-02 is not a session of XSHG",
            "2024-10-03 01:00 skipped: 2024-10-03 is not a session of XSHG",
            "2024-10-04 01:00 skipped: 2024-10-04 is not a session of XSHG",
            "2024-10-07 01:00 skipped: 2024-10-07 is not a session of XSHG",
            "2024-10-08 01:00 run: due",
        ]
    );
}

#[test]
fn the_date_is_the_exchanges_and_not_the_clocks() {
    // Six in the morning of Shanghai is the evening before in New York: Saturday's tick is for Friday's session.
    let keys = "cron: '0 6 * * *', zone: Asia/Shanghai, skip: non_sessions, calendar: XNYS";
    assert_eq!(
        previewed(keys, "2024-07-03T00:00:00Z", "2024-07-08T00:00:00Z"),
        [
            "2024-07-03 22:00 run: due",
            "2024-07-04 22:00 skipped: 2024-07-04 is not a session of XNYS",
            "2024-07-05 22:00 run: due",
            "2024-07-06 22:00 skipped: 2024-07-06 is not a session of XNYS",
            "2024-07-07 22:00 skipped: 2024-07-07 is not a session of XNYS",
        ]
    );
    // Nor is it that of UTC: seven in the morning of Saturday in Shanghai is still Friday there.
    assert_eq!(
        previewed("cron: '0 7 * * *', skip: non_sessions", "2024-09-26T12:00:00Z", "2024-09-28T12:00:00Z"),
        ["2024-09-26 23:00 run: due", "2024-09-27 23:00 skipped: 2024-09-28 is not a session of XSHG"]
    );
}

#[test]
fn a_time_that_the_clock_leaves_out_runs_after_it_and_one_that_comes_twice_runs_once() {
    let keys = "cron: '30 2 * * *', zone: America/New_York";
    assert_eq!(
        previewed(keys, "2024-03-09T00:00:00Z", "2024-03-12T00:00:00Z"),
        [
            "2024-03-09 07:30 run: due",
            "2024-03-10 07:00 run: due; 02:30:00 does not exist that day: 03:00:00 is the first time after it",
            "2024-03-11 06:30 run: due",
        ]
    );
    let keys = "cron: '30 1 * * *', zone: America/New_York";
    assert_eq!(
        previewed(keys, "2024-11-02T12:00:00Z", "2024-11-04T12:00:00Z"),
        ["2024-11-03 05:30 run: due; 01:30:00 is there twice that day: this is the first", "2024-11-04 06:30 run: due"]
    );
    // Several times of one gap are one tick; of a doubled hour each time comes once.
    let keys = "cron: '*/15 1-3 * * *', zone: America/New_York";
    let spring = previewed(keys, "2024-03-10T06:30:00Z", "2024-03-10T07:20:00Z");
    assert_eq!(
        spring.iter().map(|line| &line[..16]).collect::<Vec<_>>(),
        ["2024-03-10 06:45", "2024-03-10 07:00", "2024-03-10 07:15"]
    );
    let autumn = previewed(keys, "2024-11-03T04:50:00Z", "2024-11-03T07:20:00Z");
    assert_eq!(
        autumn.iter().map(|line| &line[11..16]).collect::<Vec<_>>(),
        ["05:00", "05:15", "05:30", "05:45", "07:00", "07:15"]
    );
}

#[test]
fn half_days_and_daylight_saving_move_a_session_instant() {
    let keys = "on: session_close + 30m, calendar: XNYS";
    assert_eq!(
        previewed(keys, "2024-11-26T23:00:00Z", "2024-12-02T23:00:00Z"),
        ["2024-11-27 21:30 run: due", "2024-11-29 18:30 run: due; a half-day", "2024-12-02 21:30 run: due",]
    );
    let keys = "on: session_open - 15m, calendar: XNYS";
    assert_eq!(
        previewed(keys, "2024-03-08T00:00:00Z", "2024-03-12T00:00:00Z"),
        ["2024-03-08 14:15 run: due", "2024-03-11 13:15 run: due"]
    );
    // Three days before a session is a tick of that session.
    let keys = "on: session_open - 3d";
    assert_eq!(previewed(keys, "2024-10-04T00:00:00Z", "2024-10-06T00:00:00Z"), ["2024-10-05 01:30 run: due"]);
}

#[test]
fn past_the_end_of_the_calendar_every_day_says_so() {
    let unknown = "whether 2027-01-01 is a session of XSHG is not known, the calendar ends on 2026-12-31; extend it with a file \
                   under `calendars:`";
    assert_eq!(
        previewed("on: session_close + 30m", "2026-12-30T08:00:00Z", "2027-01-01T12:00:00Z"),
        ["2026-12-31 07:30 run: due".to_owned(), format!("2026-12-31 16:00 unknown: not run: {unknown}"),]
    );
    let cron = previewed("cron: '0 9 * * *', skip: non_sessions", "2026-12-31T00:00:00Z", "2027-01-01T12:00:00Z");
    assert_eq!(cron, ["2026-12-31 01:00 run: due".to_owned(), format!("2027-01-01 01:00 unknown: not run: {unknown}")]);
    let ahead = next(&schedule("on: session_close"), &[], at("2026-12-31T00:00:00Z"), 5);
    assert_eq!(ahead.iter().map(|tick| tick.decision).collect::<Vec<_>>(), [Decision::Run, Decision::Unknown]);
    // A schedule that asks no calendar goes on.
    assert_eq!(previewed("cron: '0 9 1 1 *', zone: UTC", "2026-12-31T00:00:00Z", "2028-12-31T00:00:00Z").len(), 2);
}

#[test]
fn what_was_missed_is_for_the_policy() {
    let daily = |policy| format!("cron: '0 9 * * *', zone: UTC, catch_up: {policy}");
    let (down, up) = ("2024-03-04T12:00:00Z", "2024-03-07T12:00:00Z");
    assert_eq!(
        due_since(&daily("all"), down, up),
        [
            "2024-03-05 09:00 run: caught up, 2d3h late (`catch_up: all`)",
            "2024-03-06 09:00 run: caught up, 1d3h late (`catch_up: all`)",
            "2024-03-07 09:00 run: caught up, 3h late (`catch_up: all`)",
        ]
    );
    assert_eq!(
        due_since(&daily("last"), down, up),
        [
            "2024-03-05 09:00 superseded: by the tick of 2024-03-07 09:00 UTC (`catch_up: last`)",
            "2024-03-06 09:00 superseded: by the tick of 2024-03-07 09:00 UTC (`catch_up: last`)",
            "2024-03-07 09:00 run: caught up, 3h late (`catch_up: last`)",
        ]
    );
    assert_eq!(
        due_since(&daily("none"), down, up),
        [
            "2024-03-05 09:00 missed: 2d3h late (`catch_up: none`)",
            "2024-03-06 09:00 missed: 1d3h late (`catch_up: none`)",
            "2024-03-07 09:00 missed: 3h late (`catch_up: none`)",
        ]
    );
    // Within its grace a tick is not missed, and it stands for those before it.
    let up = "2024-03-06T09:04:00Z";
    assert_eq!(
        due_since(&daily("last"), down, up),
        [
            "2024-03-05 09:00 superseded: by the tick of 2024-03-06 09:00 UTC (`catch_up: last`)",
            "2024-03-06 09:00 run: due"
        ]
    );
    assert_eq!(
        due_since(&daily("none"), down, up),
        [
            "2024-03-05 09:00 missed: 1d0h4m late (`catch_up: none`)".replace("1d0h4m", "1d4m"),
            "2024-03-06 09:00 run: due".into()
        ]
    );
    assert_eq!(
        due_since(&format!("{}, grace: 0s", daily("none")), down, up)[1],
        "2024-03-06 09:00 missed: 4m late (`catch_up: none`)"
    );
}

/// What does not run in any case stands for nothing.
#[test]
fn a_holiday_supersedes_nothing() {
    let keys = "cron: '0 9 * * 1-5', skip: non_sessions";
    assert_eq!(
        due_since(keys, "2024-09-29T00:00:00Z", "2024-10-02T12:00:00Z"),
        [
            "2024-09-30 01:00 run: caught up, 2d11h late (`catch_up: last`)",
            "2024-10-01 01:00 skipped: 2024-10-01 is not a session of XSHG",
            "2024-10-02 01:00 skipped: 2024-10-02 is not a session of XSHG",
        ]
    );
}

#[test]
fn a_blackout_holds_and_the_policy_says_what_comes_after() {
    let keys = |policy| {
        format!(
            "cron: '0 9,21 * * *', zone: UTC, catch_up: {policy}, blackout: [{{ from: 2024-03-05, to: 2024-03-06, why: audit }}]"
        )
    };
    let seen = |policy| previewed(&keys(policy), "2024-03-04T12:00:00Z", "2024-03-07T12:00:00Z");
    let by = "by the tick of 2024-03-06 21:00 UTC (`catch_up: last`)";
    assert_eq!(
        seen("last"),
        [
            "2024-03-04 21:00 run: due".to_owned(),
            format!("2024-03-05 09:00 superseded: {by}"),
            format!("2024-03-05 21:00 superseded: {by}"),
            format!("2024-03-06 09:00 superseded: {by}"),
            "2024-03-06 21:00 run: after a blackout: audit (`catch_up: last`)".to_owned(),
            "2024-03-07 09:00 run: due".to_owned(),
        ]
    );
    assert!(seen("all")[1..5].iter().all(|line| line.ends_with("run: after a blackout: audit (`catch_up: all`)")));
    assert!(seen("none")[1..5].iter().all(|line| line.ends_with("missed: in a blackout: audit (`catch_up: none`)")));

    // Looked at in the middle of it: held, once; afterwards decided, once.
    let schedule = schedule(&keys("last"));
    let first = due(&schedule, &ScheduleState::new(at("2024-03-05T00:00:00Z")), at("2024-03-05T10:00:00Z"));
    assert_eq!(lines(&first.ticks), ["2024-03-05 09:00 held: until 2024-03-07 00:00 UTC by a blackout: audit"]);
    let second = due(&schedule, &first.state, at("2024-03-06T22:00:00Z"));
    assert_eq!(second.ticks.len(), 3);
    assert_eq!(second.state.held.len(), 4);
    let third = due(&schedule, &second.state, at("2024-03-07T00:00:00Z"));
    assert_eq!(lines(&third.ticks).last().unwrap(), "2024-03-06 21:00 run: after a blackout: audit (`catch_up: last`)");
    assert_eq!((third.ticks.len(), third.state.held.len()), (4, 0));
    assert_eq!(due(&schedule, &third.state, at("2024-03-07T00:00:00Z")).ticks, []);
}

#[test]
fn a_blackout_by_cron_follows_the_clock_of_the_zone() {
    let keys =
        "cron: '0 * * * *', zone: America/New_York, catch_up: none, blackout: [{ cron: '0 22 * * 1-5', for: 4h }]";
    let ticks = preview(&schedule(keys), &[], at("2024-06-07T01:30:00Z"), at("2024-06-07T08:00:00Z"));
    let runs: Vec<_> = ticks.iter().map(|tick| tick.decision == Decision::Run).collect();
    // From 22:00 to 02:00 in New York: 02:00Z to 06:00Z.
    assert_eq!(runs, [false, false, false, false, true, true, true]);
    let keys = "cron: '0 9 * * *', zone: UTC, blackout: [{ cron: '0 0 * * *', for: 1d }]";
    assert_eq!(
        previewed(keys, "2024-06-07T00:00:00Z", "2024-06-08T00:00:00Z"),
        ["2024-06-07 09:00 skipped: in a blackout that does not end"]
    );
}

#[test]
fn nothing_of_a_paused_schedule_runs_and_nothing_is_made_up_for() {
    let switch = |when, paused, why: Option<&str>| Switch {
        at: at(when),
        paused,
        who: Some("ops".into()),
        why: why.map(str::to_owned),
    };
    let switches =
        [switch("2024-03-05T08:00:00Z", true, Some("vendor moves")), switch("2024-03-06T08:00:00Z", false, None)];
    let daily = schedule("cron: '0 9 * * *', zone: UTC, catch_up: all");
    assert_eq!(
        lines(&preview(&daily, &switches, at("2024-03-04T00:00:00Z"), at("2024-03-06T12:00:00Z"))),
        [
            "2024-03-04 09:00 run: due",
            "2024-03-05 09:00 skipped: paused since 2024-03-05T08:00:00Z by ops: vendor moves",
            "2024-03-06 09:00 run: due",
        ]
    );
    // Due before the pause, found during it: it does not run either.
    let state = ScheduleState { switches: switches.to_vec(), ..ScheduleState::new(at("2024-03-03T12:00:00Z")) };
    let found = due(&daily, &state, at("2024-03-05T12:00:00Z"));
    assert!(found.ticks.iter().all(|tick| tick.decision == Decision::Skipped), "{:?}", found.ticks);
    let configured = schedule("cron: '0 9 * * *', zone: UTC, paused: true");
    assert_eq!(
        lines(&preview(&configured, &switches[1..], at("2024-03-05T00:00:00Z"), at("2024-03-06T12:00:00Z"))),
        ["2024-03-05 09:00 skipped: paused by the configuration", "2024-03-06 09:00 run: due"]
    );
}

#[test]
fn a_blackout_that_is_taken_out_of_the_file_loses_nothing() {
    let with = schedule("cron: '0 9 * * *', zone: UTC, blackout: [{ from: 2024-03-05, to: 2024-03-20 }]");
    let without = schedule("cron: '0 9 * * *', zone: UTC");
    let held = due(&with, &ScheduleState::new(at("2024-03-05T00:00:00Z")), at("2024-03-05T10:00:00Z"));
    let free = due(&without, &held.state, at("2024-03-05T10:05:00Z"));
    assert_eq!(lines(&free.ticks), ["2024-03-05 09:00 run: after a blackout (`catch_up: last`)"]);
}

#[test]
fn looking_ahead_finds_what_is_rare() {
    let ahead = next(&schedule("cron: '0 0 29 2 *', zone: UTC"), &[], at("2024-03-01T00:00:00Z"), 1);
    assert_eq!(ahead[0].due, at("2028-02-29T00:00:00Z"));
    let paused = schedule("cron: '* * * * *', zone: UTC, paused: true");
    let soon = next(&schedule("cron: '* * * * *', zone: UTC"), &[], at("2024-03-01T00:00:30Z"), 2);
    assert_eq!(soon[1].due - soon[0].due, TimeDelta::minutes(1));
    assert!(paused.spec.paused && !soon.is_empty());
}
