//! The daemon with a runner that does as it is told, on a clock that is put forward.

mod hardship;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assetctl_config::{Sensor, load_with};
use assetctl_execute::{Cancel, FileSchemas, RunEvent};
use assetctl_graph::Graph;
use assetctl_schedule::{ResolvedJob, Seen};
use assetctl_store::{Origin, RequestStatus, Store, Wanted};
use chrono::{DateTime, Utc};
use tokio::sync::mpsc::UnboundedSender;

use crate::outside::{Clock, Declared, Declares, Failure, FailureKind, Look, Outcome, Runner, StepClock};
use crate::{Asked, Daemon, EventKind, ask};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// What the runner is to do, attempt by attempt; then all succeed.
#[derive(Clone, Default)]
struct Script {
    outcomes: Arc<Mutex<VecDeque<Outcome>>>,
    /// Job and instant of each attempt.
    ran: Arc<Mutex<Vec<(String, DateTime<Utc>)>>>,
    /// It goes on until it is told to stop, and then so long more.
    lingers: Option<Duration>,
    /// How many have come to their end.
    over: Arc<AtomicUsize>,
    /// Each takes so long.
    takes: Duration,
    /// How many run at once, and how many have at most.
    at_once: Arc<[AtomicUsize; 2]>,
}

impl Runner for Script {
    fn run(&self, job: &ResolvedJob, now: DateTime<Utc>, cancel: &Cancel, _: UnboundedSender<RunEvent>) -> Outcome {
        self.ran.lock().unwrap().push((job.job.clone(), now));
        if let Some(lingers) = self.lingers {
            while !cancel.is_set() {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(lingers);
            self.over.fetch_add(1, Ordering::SeqCst);
            return Outcome::Stopped;
        }
        let [now, most] = &*self.at_once;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(self.takes);
        now.fetch_sub(1, Ordering::SeqCst);
        self.outcomes.lock().unwrap().pop_front().unwrap_or(Outcome::Succeeded)
    }
}

/// What sensors see by when.
#[derive(Clone, Default)]
struct Eyes(Vec<(DateTime<Utc>, Seen)>);

impl Look for Eyes {
    fn look(&self, _: &Declared, _: &Store, _: &Sensor, now: DateTime<Utc>) -> Seen {
        let newest = self.0.iter().rev().find(|(at, _)| *at <= now);
        newest.map_or(Seen::Newest(None), |(_, seen)| seen.clone())
    }
}

struct Unchanged;

impl Declares for Unchanged {
    fn declared(&mut self) -> Result<Option<Arc<Declared>>, String> {
        Ok(None)
    }
}

struct World {
    folder: tempfile::TempDir,
    declared: Arc<Declared>,
    store: Arc<Store>,
    script: Script,
    eyes: Eyes,
}

#[expect(clippy::disallowed_methods, reason = "a test writes what a user would")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

impl World {
    fn new(schedules: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("assets.yaml"), "calendar: XSHG\nstart: 2014-01-02\nassets: {}\n");
        write(&folder.path().join("schedules.yaml"), schedules);
        let project =
            load_with(&folder.path().join("assets.yaml"), &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
        let graph = Graph::build(&project, &FileSchemas::new(&project)).unwrap();
        let store = Arc::new(Store::open(&folder.path().join("data")).unwrap());
        let declared = Arc::new(Declared { project, graph });
        Self { folder, declared, store, script: Script::default(), eyes: Eyes::default() }
    }

    fn daemon<C: Clock>(&self, clock: C) -> Daemon<Script, Eyes, C> {
        let (script, eyes) = (self.script.clone(), self.eyes.clone());
        Daemon::new(self.store.clone(), self.declared.clone(), Box::new(Unchanged), script, eyes, clock)
    }

    /// Goes through the time from one instant to another.
    async fn rehearse(&self, from: &str, to: &str) {
        let clock = Arc::new(StepClock::new(at(from)));
        let mut daemon = self.daemon(clock.clone());
        daemon.rehearse(&clock, at(to), std::future::pending()).await.unwrap();
    }

    fn queue(&self, job: &str) -> u64 {
        let vars = Default::default();
        let asked = Asked {
            origin: Origin::Manual,
            of: None,
            why: "asked for".into(),
            due: None,
            vars: &vars,
            window: None,
            now: at("2024-03-15T00:00:00Z"),
        };
        self.store.enqueue(&ask(&self.declared, job, asked).unwrap().unwrap()).unwrap()
    }

    /// Job and time of day of each attempt.
    fn ran(&self) -> Vec<String> {
        let ran = self.script.ran.lock().unwrap();
        ran.iter().map(|(job, at)| format!("{job} {}", at.format("%d %H:%M:%S"))).collect()
    }

    fn status(&self, id: u64) -> RequestStatus {
        self.store.request(id).unwrap().unwrap().status
    }

    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..2_000 {
            if is_so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("ten seconds in vain until {what}");
    }
}

fn failed(kind: FailureKind) -> Outcome {
    Outcome::Failed(Failure { kind, message: "the vendor is down".into() })
}

const DAILY: &str = "\
jobs:
  sync: { retries: { times: 2, backoff: 1m } }
  score: {}
schedules:
  close: { job: sync, cron: 0 16 * * *, zone: UTC, catch_up: all }
sensors:
  after: { job: score, when: { run: succeeded, of: sync } }
";

#[tokio::test]
async fn days_go_by_and_each_tick_runs_once_with_what_follows_it() {
    let world = World::new(DAILY);
    world.rehearse("2024-03-15T00:00:00Z", "2024-03-16T12:00:00Z").await;
    assert_eq!(world.ran(), ["sync 15 16:00:00", "score 15 16:00:00"]);
    // It goes on where it was, whatever it is told to begin with, and looks twice at nothing.
    world.rehearse("2024-03-15T00:00:00Z", "2024-03-17T20:00:00Z").await;
    let days = ["15", "16", "17"].iter();
    let expected: Vec<String> =
        days.flat_map(|day| [format!("sync {day} 16:00:00"), format!("score {day} 16:00:00")]).collect();
    assert_eq!(world.ran(), expected);
    assert!(world.store.open_requests().unwrap().is_empty());
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    let world = World::new(DAILY);
    let transient = || failed(FailureKind::Transient);
    *world.script.outcomes.lock().unwrap() =
        [transient(), transient(), Outcome::Succeeded, failed(FailureKind::Check)].into();
    world.rehearse("2024-03-15T00:00:00Z", "2024-03-15T20:00:00Z").await;
    // The score that follows fails by a check, and has no retries anyway.
    assert_eq!(world.ran(), ["sync 15 16:00:00", "sync 15 16:01:00", "sync 15 16:03:00", "score 15 16:03:00"]);
    let row = world.store.request(1).unwrap().unwrap();
    assert_eq!((row.status, row.attempt, row.failures, row.error), (RequestStatus::Succeeded, 3, 2, None));
    *world.script.outcomes.lock().unwrap() = [transient(), failed(FailureKind::Check)].into();
    world.rehearse("2024-03-15T00:00:00Z", "2024-03-16T20:00:00Z").await;
    assert_eq!(world.ran()[4..], ["sync 16 16:00:00", "sync 16 16:01:00"]);
    let row = world.store.ended_requests(1).unwrap().remove(0);
    assert_eq!((row.status, row.error_kind.as_deref()), (RequestStatus::Failed, Some("check")));
}

#[tokio::test]
async fn limits_and_priorities_are_kept() {
    let world = World::new(
        "jobs:\n  low: { tags: [vendor] }\n  high: { tags: [vendor], priority: 9 }\nconcurrency: { total: 1 }\n",
    );
    for job in ["low", "high", "low", "high"] {
        world.queue(job);
    }
    world.rehearse("2024-03-15T00:00:00Z", "2024-03-15T00:00:01Z").await;
    let jobs: Vec<String> = world.ran().iter().map(|ran| ran.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(jobs, ["high", "high", "low", "low"]);
}

#[tokio::test]
async fn a_sensor_fires_for_each_thing_once_and_waits_as_it_is_told() {
    let mut world = World::new(
        "jobs: { load: {} }\nsensors: { came: { job: load, when: { file: '*.csv' }, every: 30s, debounce: 1m } }\nschedules: { tick: { job: load, cron: '0 0 1 1 *', zone: UTC } }\n",
    );
    let newest = |token: &str| Seen::Newest(Some(token.to_owned()));
    let start = at("2024-03-15T00:00:00Z");
    world.eyes = Eyes(vec![(start, newest("a")), (at("2024-03-15T06:00:00Z"), newest("b"))]);
    // A rehearsal looks when something else happens; from then on as often as the sensor says.
    world.rehearse("2024-03-15T00:00:00Z", "2024-03-15T06:00:00Z").await;
    assert!(world.ran().is_empty());
    world.rehearse("2024-03-15T00:00:00Z", "2024-03-15T06:05:00Z").await;
    assert_eq!(world.ran(), ["load 15 06:01:00"]);
}

#[tokio::test]
async fn cancel_and_pause_take_hold_while_it_runs_also_of_one_that_does_not_listen() {
    let mut world = World::new(DAILY);
    for (lingers, wanted, then) in [
        (Duration::ZERO, Wanted::Cancel, RequestStatus::Cancelled),
        (Duration::ZERO, Wanted::Pause, RequestStatus::Paused),
        (Duration::from_secs(3), Wanted::Cancel, RequestStatus::Cancelled),
        (Duration::from_secs(3), Wanted::Pause, RequestStatus::Paused),
    ] {
        world.script = Script { lingers: Some(lingers), ..Script::default() };
        let id = world.queue("sync");
        let clock = StepClock::new(at("2024-03-15T00:00:00Z"));
        let mut daemon = world.daemon(clock);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            daemon.serve(async { stopped.await.unwrap_or(()) }).await.unwrap();
        });
        world.until("it runs", || world.status(id) == RequestStatus::Running && !world.ran().is_empty()).await;
        world.store.want(id, wanted, at("2024-03-15T00:00:00Z")).unwrap();
        world.until("it has stopped", || world.status(id) == then).await;
        assert!(lingers.is_zero() || world.script.over.load(Ordering::SeqCst) == 0, "it was not waited for");
        stop.send(()).unwrap();
        serving.await.unwrap();
        world.store.want(id, Wanted::Cancel, at("2024-03-15T00:00:00Z")).unwrap();
    }
}

#[tokio::test]
async fn what_runs_when_the_daemon_ends_or_dies_is_in_its_place_again() {
    let mut world = World::new(DAILY);
    world.script.lingers = Some(Duration::ZERO);
    let (first, second) = (world.queue("sync"), world.queue("score"));
    let clock = StepClock::new(at("2024-03-15T00:00:00Z"));
    let mut daemon = world.daemon(clock);
    let mut events = daemon.listen();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        daemon.serve(async { stopped.await.unwrap_or(()) }).await.unwrap();
    });
    world
        .until("both run", || {
            world.status(first) == RequestStatus::Running && world.status(second) == RequestStatus::Running
        })
        .await;
    stop.send(()).unwrap();
    serving.await.unwrap();
    assert_eq!((world.status(first), world.status(second)), (RequestStatus::Queued, RequestStatus::Queued));
    let mut kinds = Vec::new();
    while let Ok(event) = events.try_recv() {
        kinds.push(event.kind);
    }
    assert_eq!(kinds.iter().filter(|kind| **kind == EventKind::RunRequeued).count(), 2);
    // As after a kill: the ledger has it running, and nobody runs it.
    assert!(world.store.start_request(first, at("2024-03-15T00:00:00Z")).unwrap());
    world.script = Script::default();
    world.rehearse("2024-03-15T00:00:00Z", "2024-03-15T00:00:01Z").await;
    // Each once more, and what the sensor makes of the first.
    assert_eq!(world.ran(), ["sync 15 00:00:00", "score 15 00:00:00", "score 15 00:00:00"]);
    let row = world.store.request(first).unwrap().unwrap();
    assert_eq!((row.status, row.attempt, row.failures, row.deaths), (RequestStatus::Succeeded, 3, 0, 1));
}

#[tokio::test]
async fn what_takes_longer_than_its_timeout_fails_and_is_tried_again() {
    let mut world = World::new("jobs:\n  slow: { timeout: 1s, retries: { times: 1, backoff: 1m } }\n");
    world.script.lingers = Some(Duration::ZERO);
    let id = world.queue("slow");
    world.rehearse("2024-03-15T00:00:00Z", "2024-03-15T00:05:00Z").await;
    let row = world.store.request(id).unwrap().unwrap();
    assert_eq!((row.status, row.attempt, row.error_kind.as_deref()), (RequestStatus::Failed, 2, Some("timeout")));
    assert!(world.folder.path().exists());
}
