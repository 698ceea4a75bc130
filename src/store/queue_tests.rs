use serde_json::json;

use crate::testing::{Scratch, at};
use crate::{NewRequest, Origin, RequestEnd, RequestStatus, Store, TickRow, Wanted};

fn request(job: &str, second: i64) -> NewRequest {
    NewRequest {
        job: job.into(),
        resolved: json!({ "job": job }),
        origin: Origin::Manual,
        of: None,
        due: None,
        why: "asked for".into(),
        priority: 0,
        claims: json!({}),
        retry_of: None,
        at: at(second),
    }
}

fn status(store: &Store, id: u64) -> RequestStatus {
    store.request(id).unwrap().unwrap().status
}

fn again(second: i64) -> RequestEnd {
    RequestEnd::Again { kind: "transient".into(), error: "the vendor is down".into(), not_before: at(second) }
}

#[test]
fn a_request_goes_from_the_queue_through_failures_to_its_end() {
    let scratch = Scratch::new();
    let store = &scratch.store;
    let id = store.enqueue(&request("sync", 1)).unwrap();
    assert!(store.start_request(id, at(2)).unwrap());
    assert!(!store.start_request(id, at(2)).unwrap(), "it is started once");
    store.record_request_run(id, scratch.run(2)).unwrap();
    assert_eq!(store.end_request(id, &again(60), at(3)).unwrap(), RequestStatus::Queued);
    let row = store.request(id).unwrap().unwrap();
    assert_eq!((row.attempt, row.failures, row.not_before, row.finished_at), (1, 1, Some(at(60)), None));
    assert_eq!((row.error_kind.as_deref(), row.runs.as_slice()), (Some("transient"), &[1][..]));
    assert!(store.start_request(id, at(60)).unwrap());
    store.record_request_run(id, scratch.run(60)).unwrap();
    assert_eq!(store.end_request(id, &RequestEnd::Succeeded, at(61)).unwrap(), RequestStatus::Succeeded);
    let row = store.request(id).unwrap().unwrap();
    assert_eq!((row.attempt, row.error, row.runs, row.finished_at), (2, None, vec![1, 2], Some(at(61))));
    assert!(store.open_requests().unwrap().is_empty());
    assert_eq!(store.ended_requests(9).unwrap().len(), 1);
    let ended = |how: &[RequestStatus]| store.newest_ended("sync", how).unwrap();
    assert_eq!((ended(&[RequestStatus::Succeeded]), ended(&[RequestStatus::Failed])), (Some(id), None));
}

#[test]
fn what_is_wanted_of_a_request_holds_in_every_state() {
    let scratch = Scratch::new();
    let store = &scratch.store;
    // Queued: at once.
    let id = store.enqueue(&request("sync", 1)).unwrap();
    assert_eq!(store.want(id, Wanted::Pause, at(2)).unwrap(), Some(RequestStatus::Queued));
    assert_eq!(status(store, id), RequestStatus::Paused);
    assert!(!store.start_request(id, at(2)).unwrap());
    assert_eq!(store.resume_request(id).unwrap(), Some(RequestStatus::Paused));
    // Running: it is told, and stops.
    assert!(store.start_request(id, at(3)).unwrap());
    assert_eq!(store.want(id, Wanted::Pause, at(4)).unwrap(), Some(RequestStatus::Running));
    assert_eq!(store.request(id).unwrap().unwrap().wanted, Some(Wanted::Pause));
    assert_eq!(store.end_request(id, &RequestEnd::Stopped, at(5)).unwrap(), RequestStatus::Paused);
    store.resume_request(id).unwrap();
    // Stopped while nobody wants it to be: back to its place.
    assert!(store.start_request(id, at(6)).unwrap());
    assert_eq!(store.end_request(id, &RequestEnd::Stopped, at(7)).unwrap(), RequestStatus::Queued);
    // What fails while it is told to stop has stopped, and is not tried again.
    assert!(store.start_request(id, at(8)).unwrap());
    store.want(id, Wanted::Cancel, at(8)).unwrap();
    assert_eq!(store.end_request(id, &again(60), at(9)).unwrap(), RequestStatus::Cancelled);
    assert_eq!(store.want(id, Wanted::Cancel, at(10)).unwrap(), Some(RequestStatus::Cancelled));
    assert_eq!(store.request(id).unwrap().unwrap().finished_at, Some(at(9)));
    assert_eq!(store.want(99, Wanted::Cancel, at(10)).unwrap(), None);
    assert_eq!(store.resume_request(99).unwrap(), None);
}

#[test]
fn what_a_dead_daemon_left_goes_back_to_its_place() {
    let scratch = Scratch::new();
    let store = &scratch.store;
    let ids: Vec<u64> = (0..4).map(|_| store.enqueue(&request("sync", 1)).unwrap()).collect();
    for id in &ids[..3] {
        assert!(store.start_request(*id, at(2)).unwrap());
    }
    store.want(ids[1], Wanted::Cancel, at(3)).unwrap();
    store.want(ids[2], Wanted::Pause, at(3)).unwrap();
    let back = store.take_back(2, at(4)).unwrap();
    use RequestStatus::{Cancelled, Failed, Paused, Queued};
    assert_eq!(back, [(ids[0], Queued), (ids[1], Cancelled), (ids[2], Paused)]);
    assert_eq!(store.open_requests().unwrap().iter().map(|row| row.id).collect::<Vec<_>>(), [ids[0], ids[2], ids[3]]);
    assert!(store.start_request(ids[0], at(5)).unwrap());
    assert_eq!(store.take_back(2, at(6)).unwrap(), [(ids[0], Failed)]);
    assert!(store.request(ids[0]).unwrap().unwrap().error.unwrap().contains("died 2 times"));
    assert_eq!(store.take_back(2, at(6)).unwrap(), []);
}

#[test]
fn a_tick_and_its_request_are_one() {
    let scratch = Scratch::new();
    let store = &scratch.store;
    let tick = |due: i64, decision: &str| TickRow {
        schedule: "daily".into(),
        due: at(due),
        decided_at: at(20),
        decision: decision.into(),
        code: decision.into(),
        reason: "due".into(),
        run: None,
    };
    let ticks = [(tick(10, "skipped"), None), (tick(15, "run"), Some(request("sync", 20)))];
    let recorded = store.enqueue_ticks("daily", at(20), &ticks).unwrap();
    assert_eq!(recorded.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [None, Some(1)]);
    // Whoever looks at the same time asks for nothing.
    assert!(store.enqueue_ticks("daily", at(21), &ticks).unwrap().is_empty());
    assert_eq!(store.open_requests().unwrap().len(), 1);
    assert_eq!(store.newest_seen().unwrap(), Some(at(21)));
}

#[test]
fn what_a_sensor_remembers_and_asks_for_are_one() {
    let scratch = Scratch::new();
    let store = &scratch.store;
    assert_eq!(store.sensor("arrived").unwrap(), None);
    let fired = request("sync", 5);
    let id =
        store.record_sensor("arrived", "{\"looked\":true}", at(5), "fires", "there came a.csv", Some(&fired)).unwrap();
    assert_eq!(id, Some(1));
    let none = store.record_sensor("arrived", "{}", at(6), "quiet", "", None).unwrap();
    assert_eq!(none, None);
    let row = store.sensor("arrived").unwrap().unwrap();
    assert_eq!((row.memory.as_str(), row.looked_at, row.decision.as_str()), ("{}", at(6), "quiet"));
}

#[test]
fn there_is_one_daemon() {
    let scratch = Scratch::new();
    let other = Store::open(&scratch.dir).unwrap();
    let held = scratch.store.become_daemon("ops, process 1", at(1)).unwrap().unwrap();
    let holder = other.become_daemon("ops, process 2", at(2)).unwrap().unwrap_err();
    assert_eq!((holder.who.as_str(), holder.since), ("ops, process 1", at(1)));
    assert_eq!(other.daemon().unwrap().map(|row| row.who), Some("ops, process 1".into()));
    drop(held);
    assert_eq!(other.daemon().unwrap(), None);
    other.become_daemon("ops, process 2", at(3)).unwrap().unwrap();
}

#[test]
fn a_cancel_is_not_lost_to_a_pause_nor_to_a_timeout() {
    let scratch = Scratch::new();
    let store = &scratch.store;
    let late = RequestEnd::Failed { kind: "timeout".into(), error: "it took longer".into() };
    let broken = RequestEnd::Failed { kind: "config".into(), error: "a mistake".into() };
    for (wishes, end, then) in [
        (&[Wanted::Cancel, Wanted::Pause][..], &RequestEnd::Stopped, RequestStatus::Cancelled),
        (&[Wanted::Pause, Wanted::Cancel][..], &RequestEnd::Stopped, RequestStatus::Cancelled),
        (&[Wanted::Cancel][..], &late, RequestStatus::Cancelled),
        (&[Wanted::Pause][..], &late, RequestStatus::Paused),
        (&[][..], &late, RequestStatus::Failed),
        (&[Wanted::Cancel][..], &broken, RequestStatus::Failed),
    ] {
        let id = store.enqueue(&request("sync", 1)).unwrap();
        store.start_request(id, at(2)).unwrap();
        for wish in wishes {
            store.want(id, *wish, at(3)).unwrap();
        }
        assert_eq!(store.end_request(id, end, at(4)).unwrap(), then, "{wishes:?}");
        // It ends once.
        assert_eq!(store.end_request(id, &RequestEnd::Succeeded, at(5)).unwrap(), then);
        assert_eq!(status(store, id), then);
    }
}

#[test]
fn endings_are_in_their_order_whatever_the_clock_says_and_told_once() {
    let scratch = Scratch::new();
    let store = &scratch.store;
    let mut ids = Vec::new();
    for second in [50, 10, 30] {
        let id = store.enqueue(&request("sync", 1)).unwrap();
        store.start_request(id, at(2)).unwrap();
        store.end_request(id, &RequestEnd::Succeeded, at(second)).unwrap();
        assert_eq!(store.newest_ended("sync", &[RequestStatus::Failed, RequestStatus::Succeeded]).unwrap(), Some(id));
        ids.push(id);
    }
    let waits = store.enqueue(&request("sync", 1)).unwrap();
    store.want(waits, Wanted::Cancel, at(5)).unwrap();
    assert_eq!(store.newest_ended("sync", &[RequestStatus::Succeeded]).unwrap(), Some(ids[2]));
    assert_eq!(store.newest_ended("other", &[RequestStatus::Succeeded]).unwrap(), None);
    ids.push(waits);
    let of = |rows: Vec<crate::RequestRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(of(store.untold_requests().unwrap()), ids);
    store.mark_told(ids[1]).unwrap();
    assert_eq!(of(store.untold_requests().unwrap()), [ids[0], ids[2], ids[3]]);
    assert_eq!(of(store.ended_requests(2).unwrap()), [ids[3], ids[2]]);
}

/// What the daemon asks ten times a second takes as long after years as on the first day.
#[test]
fn no_question_of_the_daemon_reads_the_history() {
    let scratch = Scratch::new();
    for (query, bounds) in crate::queue::asked_often() {
        let connection = scratch.store.connection();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let values: Vec<&dyn rusqlite::ToSql> = bounds.iter().map(|bound| bound as &dyn rusqlite::ToSql).collect();
        let steps: Vec<String> =
            statement.query_map(&values[..], |row| row.get::<_, String>(3)).and_then(Iterator::collect).unwrap();
        let through_index = |step: &String| step.contains("USING INDEX") || step.contains("USING COVERING INDEX");
        assert!(!steps.is_empty() && steps.iter().all(through_index), "{query}\n{steps:?}");
    }
}
