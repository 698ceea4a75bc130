//! What sensors make of what they see.

use crate::testing::{at, sensor};
use crate::{Seen, SensorDecision, SensorMemory, Switch, evaluate};

/// One look after another: at so many seconds, seeing this; what became of each.
fn story(keys: &str, looks: &[(i64, Seen)]) -> Vec<String> {
    story_with(keys, &[], looks)
}

fn story_with(keys: &str, switches: &[Switch], looks: &[(i64, Seen)]) -> Vec<String> {
    let (sensor, mut memory) = (sensor(keys), SensorMemory::default());
    let mut said = Vec::new();
    for (second, seen) in looks {
        let now = at("2024-03-04T00:00:00Z") + chrono::TimeDelta::seconds(*second);
        let (decision, next) = evaluate(&sensor, &memory, switches, seen, now);
        assert_eq!((decision.clone(), next.clone()), evaluate(&sensor, &memory, switches, seen, now));
        said.push(match decision {
            SensorDecision::Fires(why) => why,
            SensorDecision::Waits(why) => format!("waits: {why}"),
            SensorDecision::Quiet => "-".to_owned(),
            SensorDecision::Failed(why) => format!("failed: {why}"),
        });
        memory = next;
    }
    said
}

fn newest(token: &str) -> Seen {
    Seen::Newest(Some(token.to_owned()))
}

#[test]
fn what_was_there_at_the_first_look_does_not_count_and_what_comes_counts_once() {
    let keys = "when: { run: succeeded, of: k }";
    assert_eq!(
        story(keys, &[(0, newest("7")), (30, newest("7")), (60, newest("9")), (90, newest("9")), (120, newest("10"))]),
        ["-", "-", "request 9, of job `k`, succeeded", "-", "request 10, of job `k`, succeeded"]
    );
    assert_eq!(
        story(
            keys,
            &[(0, Seen::Newest(None)), (30, newest("1")), (60, Seen::Failed("locked".into())), (90, newest("1"))]
        ),
        ["-", "request 1, of job `k`, succeeded", "failed: locked", "-"]
    );
}

#[test]
fn what_is_so_counts_when_it_becomes_so() {
    let keys = "when: { sql: select 1 }";
    assert_eq!(
        story(
            keys,
            &[(0, Seen::Holds(true)), (30, Seen::Holds(true)), (60, Seen::Holds(false)), (90, Seen::Holds(true))]
        ),
        ["its query has become true", "-", "-", "its query has become true"]
    );
}

#[test]
fn a_file_that_grows_is_waited_for() {
    let keys = "when: { file: 'in/*.csv' }, debounce: 1m";
    let looks = [
        (0, Seen::Newest(None)),
        (10, newest("a, 1 kB")),
        (40, newest("a, 2 kB")),
        (70, newest("a, 2 kB")),
        (100, newest("a, 2 kB")),
    ];
    assert_eq!(
        story(keys, &looks),
        [
            "-",
            "waits: as it is until 2024-03-04T00:01:10Z",
            "waits: as it is until 2024-03-04T00:01:40Z",
            "waits: as it is until 2024-03-04T00:01:40Z",
            "there came a, 2 kB"
        ]
    );
    // A clock that goes back waits anew, and not for the time that it went back.
    let looks = [(0, Seen::Newest(None)), (3600, newest("a")), (60, newest("a")), (130, newest("a"))];
    assert_eq!(
        story(keys, &looks)[1..],
        ["waits: as it is until 2024-03-04T01:01:00Z", "waits: as it is until 2024-03-04T00:02:00Z", "there came a"]
    );
}

#[test]
fn between_two_runs_there_is_the_least_interval_and_nothing_is_forgotten() {
    let keys = "when: { run: finished, of: k }, min_interval: 10m";
    let looks = [
        (0, Seen::Newest(None)),
        (60, newest("1")),
        (90, newest("2")),
        (120, newest("3")),
        (660, newest("3")),
        (700, newest("3")),
    ];
    assert_eq!(
        story(keys, &looks),
        [
            "-",
            "request 1, of job `k`, finished",
            "waits: `min_interval` until 2024-03-04T00:11:00Z",
            "waits: `min_interval` until 2024-03-04T00:11:00Z",
            "request 3, of job `k`, finished",
            "-"
        ]
    );
}

#[test]
fn what_happens_during_a_pause_does_not_count() {
    let switch = |second: i64, paused| Switch {
        at: at("2024-03-04T00:00:00Z") + chrono::TimeDelta::seconds(second),
        paused,
        who: None,
        why: None,
    };
    let keys = "when: { run: failed, of: k }, paused: true";
    let switches = [switch(100, false), switch(200, true), switch(300, false)];
    let looks = [
        (0, newest("1")),
        (50, newest("2")),
        (150, newest("3")),
        (250, newest("4")),
        (350, newest("4")),
        (400, newest("5")),
    ];
    assert_eq!(
        story_with(keys, &switches, &looks),
        ["-", "-", "request 3, of job `k`, failed", "-", "-", "request 5, of job `k`, failed"]
    );
}
