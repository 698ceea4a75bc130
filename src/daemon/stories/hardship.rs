//! Runs that do not listen, a store that fails, a clock that is wrong, and many at once.

use super::*;
use crate::Event;

/// A daemon that serves on a clock of its own until it is told to end.
struct Serving {
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
    events: tokio::sync::mpsc::UnboundedReceiver<Event>,
    told: Vec<Event>,
}

impl Serving {
    fn new(world: &World, clock: Arc<StepClock>) -> Self {
        let mut daemon = world.daemon(clock);
        let events = daemon.hear();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            daemon.serve(async { stopped.await.unwrap_or(()) }).await.unwrap();
        });
        Self { stop, task, events, told: Vec::new() }
    }

    /// Waits until it has told of something of a kind.
    async fn until_told(&mut self, kind: EventKind) {
        let told = async {
            while self.told.last().is_none_or(|event| event.kind != kind) {
                self.told.push(self.events.recv().await.unwrap());
            }
        };
        tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
    }

    /// What it has told.
    async fn end(mut self) -> Vec<Event> {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
        while let Ok(event) = self.events.try_recv() {
            self.told.push(event);
        }
        self.told
    }
}

fn clock(text: &str) -> Arc<StepClock> {
    Arc::new(StepClock::new(at(text)))
}

const MIDNIGHT: &str = "2024-03-15T00:00:00Z";

#[tokio::test]
async fn a_run_that_is_late_and_does_not_listen_is_left_behind() {
    let mut world = World::new("jobs:\n  slow: { timeout: 1s }\n");
    world.script.lingers = Some(Duration::from_secs(4));
    let id = world.queue("slow");
    let serving = Serving::new(&world, clock(MIDNIGHT));
    world.until("it has failed", || world.status(id) == RequestStatus::Failed).await;
    assert_eq!(world.script.over.load(Ordering::SeqCst), 0, "nobody waited for it");
    serving.end().await;
    let row = world.store.request(id).unwrap().unwrap();
    assert_eq!(row.error_kind.as_deref(), Some("timeout"));
}

#[tokio::test]
async fn runs_of_one_job_follow_on_each_other_in_the_order_of_their_ticks() {
    let mut world = World::new(
        "jobs: { sync: {}, many: { concurrency: { group: many, limit: 3 } } }\n\
         schedules: { often: { job: sync, cron: '0 * * * *', zone: UTC, catch_up: all } }\n",
    );
    world.script.takes = Duration::from_millis(20);
    world.rehearse(MIDNIGHT, "2024-03-15T00:30:00Z").await;
    // Nobody looked for a day.
    let serving = Serving::new(&world, clock("2024-03-16T00:30:00Z"));
    world.until("all have run", || world.ran().len() == 24).await;
    serving.end().await;
    assert_eq!(world.script.at_once[1].load(Ordering::SeqCst), 1);
    let mut ended = world.store.ended_requests(100).unwrap();
    ended.reverse();
    assert_eq!(ended.len(), 24);
    assert!(ended.is_sorted_by_key(|row| row.due), "in the order of their ticks");
    // A job that says so runs more than once at a time.
    for _ in 0..6 {
        world.queue("many");
    }
    let serving = Serving::new(&world, clock("2024-03-16T00:30:00Z"));
    world.until("all have run", || world.ran().len() == 30).await;
    serving.end().await;
    assert_eq!(world.script.at_once[1].load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_clock_that_goes_back_decides_nothing_twice_and_sees_what_ends_meanwhile() {
    let world = World::new(DAILY);
    let time = clock("2024-03-15T15:59:59Z");
    let serving = Serving::new(&world, time.clone());
    world.until("it has looked", || world.store.watched("close").unwrap().is_some()).await;
    time.set(at("2024-03-15T16:00:00Z"));
    world.until("both have run", || world.ran().len() == 2).await;
    // Two hours back, and on again: nothing is due twice.
    time.set(at("2024-03-15T14:00:00Z"));
    let id = world.queue("sync");
    world.until("what is asked for runs, and the sensor sees it", || world.ran().len() == 4).await;
    time.set(at("2024-03-15T16:30:00Z"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    serving.end().await;
    let ran: Vec<String> = world.ran().iter().map(|ran| ran.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(ran, ["sync", "score", "sync", "score"]);
    assert!(world.store.request(id).unwrap().unwrap().finished_at < Some(at("2024-03-15T15:00:00Z")));
}

#[tokio::test]
async fn a_clock_that_was_years_ahead_is_not_passed_over_in_silence() {
    let world = World::new(DAILY);
    world.rehearse("2030-01-01T00:00:00Z", "2030-01-01T00:00:01Z").await;
    let mut serving = Serving::new(&world, clock(MIDNIGHT));
    serving.until_told(EventKind::DaemonFailed).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let told = serving.end().await;
    let wrong: Vec<&Event> = told.iter().filter(|event| event.kind == EventKind::DaemonFailed).collect();
    assert_eq!(wrong.len(), 1, "{told:?}");
    assert!(wrong[0].message.contains("2030-01-01") && wrong[0].message.contains("the clock was wrong"), "{wrong:?}");
}

#[tokio::test]
async fn a_request_that_only_the_ledger_believes_to_run_is_queued_again() {
    let world = World::new(DAILY);
    let serving = Serving::new(&world, clock(MIDNIGHT));
    world.until("it serves", || world.store.watched("close").unwrap().is_some()).await;
    // As when the store fails between the start and what follows it.
    let id = world.queue("score");
    if world.store.start_request(id, at(MIDNIGHT)).unwrap() {
        world.until("it has run", || world.status(id) == RequestStatus::Succeeded).await;
        let told = serving.end().await;
        assert!(told.iter().any(|event| event.kind == EventKind::RunRequeued), "{told:?}");
    }
}

#[tokio::test]
async fn of_each_end_somebody_is_told_also_after_a_kill() {
    let world = World::new(DAILY);
    let waits = world.queue("score");
    world.store.want(waits, Wanted::Cancel, at(MIDNIGHT)).unwrap();
    let ends = |events: &[Event]| {
        let is_end = |kind| matches!(kind, EventKind::RunSucceeded | EventKind::RunFailed | EventKind::RunCancelled);
        let told = events.iter().filter(|event| is_end(event.kind));
        told.map(|event| (event.request.unwrap(), event.kind)).collect::<Vec<_>>()
    };
    let serving = Serving::new(&world, clock(MIDNIGHT));
    let runs = world.queue("score");
    world.until("it has run", || world.status(runs) == RequestStatus::Succeeded).await;
    let first = ends(&serving.end().await);
    assert_eq!(first, [(waits, EventKind::RunCancelled), (runs, EventKind::RunSucceeded)]);
    // Whoever listened kept one of the two, and died.
    world.store.mark_told(waits).unwrap();
    let mut serving = Serving::new(&world, clock(MIDNIGHT));
    serving.until_told(EventKind::RunSucceeded).await;
    assert_eq!(ends(&serving.end().await), [(runs, EventKind::RunSucceeded)]);
    world.store.mark_told(runs).unwrap();
    let serving = Serving::new(&world, clock(MIDNIGHT));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ends(&serving.end().await), []);
}

#[tokio::test]
async fn events_have_the_tags_of_their_jobs() {
    let world = World::new("jobs: { score: { tags: [daily, desk] } }\n");
    let serving = Serving::new(&world, clock(MIDNIGHT));
    let id = world.queue("score");
    world.until("it has run", || world.status(id) == RequestStatus::Succeeded).await;
    let told = serving.end().await;
    let of_run: Vec<&Event> = told.iter().filter(|event| event.request == Some(id)).collect();
    assert!(of_run.len() >= 2 && of_run.iter().all(|event| event.tags == ["daily", "desk"]), "{of_run:?}");
}
