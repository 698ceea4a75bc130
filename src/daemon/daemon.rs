//! The loop.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use assetctl_schedule::next;
use assetctl_store::{Error, Origin, RequestRow, RequestStatus, Store};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, broadcast, mpsc, watch};

use crate::event::{Event, EventKind, Severity};
use crate::outside::{Clock, Declared, Declares, Look, Runner, StepClock};
use crate::sensing::{Eye, switches};
use crate::teller::Teller;
use crate::work::{Attempt, Begun, Ending, Message};

/// How often the queue is looked at: what is wanted of a run is known so soon.
const LOOK: Duration = Duration::from_millis(100);
/// Between two tries of what should have started and has not.
const PAUSE: Duration = Duration::from_millis(5);
/// How long runs may take to stop when the daemon does.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Events that a listener may be behind.
const BEHIND: usize = 4_096;
/// A ledger that another process has for longer than this is told of.
const BUSY: Duration = Duration::from_secs(5);
/// Sensors that look at once; the others wait for a place.
const LOOKS: usize = 4;
/// A request that has seen so many daemons die is what kills them.
const DEATHS: u32 = 10;

/// What the trace of an attempt is called, by the number of its request, its own, and when it was started.
pub type TraceId = fn(u64, u32, DateTime<Utc>) -> String;

/// Why the daemon cannot begin. What goes wrong later is told as an event, and tried again.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    #[error(transparent)]
    Store(#[from] Error),
}

/// Works the queue of one store, and puts into it what has become due. Whoever makes one holds the lock of the daemon.
pub struct Daemon<R, L, C> {
    pub(crate) store: Arc<Store>,
    pub(crate) declared: Arc<Declared>,
    declares: Box<dyn Declares>,
    pub(crate) runner: Arc<R>,
    pub(crate) looker: Arc<L>,
    pub(crate) clock: C,
    events: broadcast::Sender<Event>,
    /// Who hears everything but what happens many times a second, and misses nothing.
    hearing: Vec<mpsc::UnboundedSender<Event>>,
    pub(crate) running: BTreeMap<u64, Attempt>,
    /// Ended, and not recorded yet: the store may refuse for a while.
    pub(crate) ending: Vec<Ending>,
    /// Runs that have begun and are not recorded yet, for the same reason.
    pub(crate) begun: Vec<Begun>,
    /// Requests whose ends were told, but not noted as told by who listens.
    pub(crate) announced: HashSet<u64>,
    pub(crate) eyes: HashMap<String, Eye>,
    /// Of those who look at once.
    pub(crate) places: Arc<Semaphore>,
    /// Until when each schedule's ticks have been looked at.
    pub(crate) seen: HashMap<String, DateTime<Utc>>,
    pub(crate) outbox: mpsc::UnboundedSender<Message>,
    inbox: mpsc::UnboundedReceiver<Message>,
    /// The second of which ticks were decided last.
    ticked: Option<i64>,
    /// What goes wrong in the daemon itself, by what it was doing: so that it is told once.
    troubles: HashMap<String, Trouble>,
    stopping: bool,
    /// The newest request that was told of.
    pub(crate) newest: u64,
    pub(crate) trace_id: Option<TraceId>,
    /// When the queue was last looked at.
    pulse: watch::Sender<Instant>,
    /// What `daemon_started` says besides.
    beginning: Map<String, Value>,
}

/// Something that goes wrong again and again.
struct Trouble {
    since: Instant,
    what: String,
    told: bool,
}

impl<R: Runner, L: Look, C: Clock> Daemon<R, L, C> {
    pub fn new(
        store: Arc<Store>,
        declared: Arc<Declared>,
        declares: Box<dyn Declares>,
        runner: R,
        looker: L,
        clock: C,
    ) -> Self {
        let (outbox, inbox) = mpsc::unbounded_channel();
        Self {
            store,
            declared,
            declares,
            runner: Arc::new(runner),
            looker: Arc::new(looker),
            clock,
            events: broadcast::channel(BEHIND).0,
            hearing: Vec::new(),
            running: BTreeMap::new(),
            ending: Vec::new(),
            begun: Vec::new(),
            announced: HashSet::new(),
            eyes: HashMap::new(),
            places: Arc::new(Semaphore::new(LOOKS)),
            seen: HashMap::new(),
            outbox,
            inbox,
            ticked: None,
            troubles: HashMap::new(),
            stopping: false,
            newest: 0,
            trace_id: None,
            pulse: watch::channel(Instant::now()).0,
            beginning: Map::new(),
        }
    }

    /// When the queue was last looked at.
    pub fn pulse(&self) -> watch::Receiver<Instant> {
        self.pulse.subscribe()
    }

    /// What `daemon_started` is to say besides: where it can be asked, say.
    pub fn begin_with(&mut self, name: &str, value: impl Into<Value>) {
        self.beginning.insert(name.to_owned(), value.into());
    }

    /// Where everything that happens can be heard, from now on; who is too slow misses some of it.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Lets the event that begins an attempt, and so the log of its run, name its trace.
    pub fn name_traces(&mut self, trace_id: TraceId) {
        self.trace_id = Some(trace_id);
    }

    /// Where everything but what happens many times a second can be heard, from now on, and nothing is missed.
    pub fn hear(&mut self) -> mpsc::UnboundedReceiver<Event> {
        let (hearing, heard) = mpsc::unbounded_channel();
        self.hearing.push(hearing);
        heard
    }

    /// By which what goes on beside the runs is told.
    pub fn teller(&self) -> Teller {
        Teller(self.outbox.clone())
    }

    /// Goes on until `stop` is there; then what runs is stopped and goes back to its place in the queue.
    ///
    /// # Errors
    /// The store cannot be read at the start.
    pub async fn serve(&mut self, stop: impl Future<Output = ()>) -> Result<(), DaemonError> {
        self.say(EventKind::DaemonStarted, "the daemon begins");
        self.begin()?;
        tokio::pin!(stop);
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = looks.tick() => self.step(),
                Some(message) = self.inbox.recv() => self.on(message),
            }
        }
        self.end().await;
        self.say(EventKind::DaemonStopped, "the daemon ends");
        Ok(())
    }

    /// Goes on until nothing is left that could be done now. `false` if it was stopped before; what ran then is back in its place.
    ///
    /// # Errors
    /// As [`Daemon::serve`].
    pub async fn until_idle(&mut self, stop: impl Future<Output = ()>) -> Result<bool, DaemonError> {
        self.begin()?;
        tokio::pin!(stop);
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let is_done = loop {
            tokio::select! {
                () = &mut stop => break false,
                _ = looks.tick() => {
                    self.step();
                    if self.is_idle() {
                        break true;
                    }
                }
                Some(message) = self.inbox.recv() => self.on(message),
            }
        };
        self.end().await;
        Ok(is_done)
    }

    /// Nothing runs, nothing is looked at, and nothing could start.
    fn is_idle(&self) -> bool {
        let is_still = self.running.is_empty() && self.ending.is_empty() && !self.eyes.values().any(|eye| eye.looking);
        is_still && !self.has_ready(self.clock.now())
    }

    /// Goes through a stretch of time: the clock is put forward to whatever is next, and stands while something runs. Goes on where an
    /// earlier one has stopped.
    ///
    /// # Errors
    /// As [`Daemon::serve`].
    pub async fn rehearse(
        &mut self,
        clock: &StepClock,
        to: DateTime<Utc>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), DaemonError> {
        if let Some(seen) = self.store.newest_seen()?.filter(|seen| *seen > clock.now()) {
            clock.set(seen);
        }
        self.say(EventKind::DaemonStarted, "the daemon begins");
        self.begin()?;
        tokio::pin!(stop);
        tokio::select! {
            () = &mut stop => {}
            () = self.go_through(clock, to) => {}
        }
        self.end().await;
        self.say(EventKind::DaemonStopped, "the daemon ends");
        Ok(())
    }

    async fn go_through(&mut self, clock: &StepClock, to: DateTime<Utc>) {
        loop {
            self.ticked = None;
            self.step();
            self.settle().await;
            self.look(true);
            self.settle().await;
            let now = clock.now();
            match self.next_instant(now) {
                _ if self.has_ready(now) => tokio::time::sleep(PAUSE).await,
                Some(next) if next <= to => clock.set(next.max(now)),
                _ if now < to => clock.set(to),
                _ => return,
            }
        }
    }

    /// Until nothing runs and nobody looks.
    async fn settle(&mut self) {
        self.work();
        while !self.running.is_empty() || !self.ending.is_empty() || self.eyes.values().any(|eye| eye.looking) {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                Some(message) = self.inbox.recv() => self.on(message),
            }
            while let Ok(message) = self.inbox.try_recv() {
                self.on(message);
            }
            self.work();
        }
    }

    /// The next instant at which something may happen.
    fn next_instant(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let of_schedules = self.declared.project.schedules.schedules.iter().filter_map(|schedule| {
            let switches = switches(&self.store, &schedule.name).ok()?;
            next(schedule, &switches, now, 1).pop().map(|tick| tick.decided_at)
        });
        let of_sensors = self.eyes.values().filter(|eye| eye.waits).map(|eye| eye.looked + eye.every);
        let open = self.store.open_requests().unwrap_or_default();
        let waiting = open.iter().filter(|row| row.status == RequestStatus::Queued).filter_map(|row| row.not_before);
        of_schedules.chain(of_sensors).chain(waiting).filter(|at| *at > now).min()
    }

    fn has_ready(&self, now: DateTime<Utc>) -> bool {
        let is_ready =
            |row: &RequestRow| row.status == RequestStatus::Queued && row.not_before.is_none_or(|at| at <= now);
        self.store.open_requests().unwrap_or_default().iter().any(is_ready)
    }

    fn begin(&mut self) -> Result<(), DaemonError> {
        let now = self.clock.now();
        for (id, status) in self.store.take_back(DEATHS, now)? {
            let Some(row) = self.store.request(id)? else { continue };
            let (kind, severity, message) = match status {
                RequestStatus::Queued => {
                    (EventKind::RunRequeued, Severity::Warn, "its daemon died: it is queued again")
                }
                RequestStatus::Paused => (EventKind::RunPaused, Severity::Info, "paused"),
                // Of those that have ended nobody was told yet: they are soon.
                _ => continue,
            };
            self.emit(of_attempt(&row, of_request(&row, now, kind, severity, message)));
        }
        self.newest = self.store.open_requests()?.last().map_or(0, |row| row.id);
        Ok(())
    }

    /// What runs is told to stop, and recorded as it stands then.
    async fn end(&mut self) {
        self.stopping = true;
        for attempt in self.running.values_mut() {
            attempt.tell_to_stop();
        }
        let ended = async {
            while !self.running.is_empty() {
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => self.work(),
                    Some(message) = self.inbox.recv() => self.on(message),
                }
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, ended).await;
        self.work();
    }

    fn say(&mut self, kind: EventKind, message: &str) {
        let more = if kind == EventKind::DaemonStarted { std::mem::take(&mut self.beginning) } else { Map::new() };
        self.emit(Event { more, ..Event::new(self.clock.now(), kind, Severity::Info, message) });
    }

    fn step(&mut self) {
        self.pulse.send_replace(Instant::now());
        let now = self.clock.now();
        if self.ticked != Some(now.timestamp()) {
            self.ticked = Some(now.timestamp());
            self.reload(now);
            let decided = self.decide_ticks(now);
            self.tell_trouble("deciding ticks", decided);
        }
        self.look(false);
        self.work();
    }

    fn reload(&mut self, now: DateTime<Utc>) {
        match self.declares.declared() {
            Ok(None) => {}
            Ok(Some(declared)) => {
                self.declared = declared;
                self.emit(Event::new(
                    now,
                    EventKind::ProjectLoaded,
                    Severity::Info,
                    "the project's files have changed",
                ));
            }
            Err(mistakes) => {
                let message = format!("the project's files have mistakes; schedules go on as they were\n{mistakes}");
                self.emit(Event::new(now, EventKind::ProjectBroken, Severity::Error, message));
            }
        }
    }

    fn work(&mut self) {
        let worked = self.work_queue(self.clock.now(), self.stopping);
        self.tell_trouble("working the queue", worked);
    }

    fn look(&mut self, all: bool) {
        let looked = self.start_looks(self.clock.now(), all);
        self.tell_trouble("looking at sensors", looked);
    }

    fn on(&mut self, message: Message) {
        let leaves_a_place = matches!(message, Message::Ended(..));
        let handled = match message {
            Message::Told(id, serial, event) => self.on_told(id, serial, &event),
            Message::Ended(id, serial, outcome) => self.on_ended(id, serial, outcome),
            Message::Seen(name, seen) => self.on_seen(&name, &seen, self.clock.now()),
            Message::Happened(event) => {
                self.emit(*event);
                return;
            }
        };
        self.tell_trouble("recording what has happened", handled);
        if leaves_a_place {
            self.work();
        }
    }

    /// What goes wrong in the daemon itself is told once, and does not end it: it is tried again.
    pub(crate) fn tell_trouble(&mut self, doing: &str, result: Result<(), Error>) {
        let trouble = result.err().map(|error| (format!("{doing}: {error}; it is tried again"), error.is_busy()));
        self.note_trouble(doing, trouble);
    }

    /// The trouble with something, and whether it may be over soon; `None` where there is none.
    pub(crate) fn note_trouble(&mut self, about: &str, trouble: Option<(String, bool)>) {
        let Some((what, may_pass)) = trouble else {
            self.troubles.remove(about);
            return;
        };
        let fresh = || Trouble { since: Instant::now(), what: what.clone(), told: false };
        let known = self.troubles.entry(about.to_owned()).or_insert_with(fresh);
        if known.what != what {
            *known = fresh();
        }
        if !known.told && (!may_pass || known.since.elapsed() >= BUSY) {
            known.told = true;
            self.emit(Event::new(self.clock.now(), EventKind::DaemonFailed, Severity::Error, what));
        }
    }

    /// Tells whoever listens, and the log of the run that it is of.
    pub(crate) fn emit(&mut self, event: Event) {
        let event = Event { tags: self.tags_of(&event), ..event };
        match event.severity {
            Severity::Info => tracing::debug!(kind = ?event.kind, request = event.request, "{}", event.message),
            Severity::Warn | Severity::Error => {
                tracing::info!(kind = ?event.kind, request = event.request, "{}", event.message);
            }
        }
        if let Some(attempt) = event.request.and_then(|id| self.running.get_mut(&id)) {
            attempt.write(&event);
        }
        if !event.kind.is_frequent() {
            self.hearing.retain(|hearing| hearing.send(event.clone()).is_ok());
        }
        // Nobody needs to listen.
        let _ = self.events.send(event);
    }

    /// Of the job and of the asset, each once.
    fn tags_of(&self, event: &Event) -> Vec<String> {
        let Declared { project, graph } = &*self.declared;
        let job = event.job.as_ref().and_then(|job| project.schedules.job(job));
        let asset = event.asset.as_ref().and_then(|asset| graph.find(asset));
        let mut tags: Vec<String> = job.map(|job| job.spec.tags.clone()).unwrap_or_default();
        for tag in asset.into_iter().flat_map(|ix| &graph.node(ix).tags) {
            if !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
        tags
    }
}

/// An event of a request.
pub(crate) fn of_request(
    row: &RequestRow,
    at: DateTime<Utc>,
    kind: EventKind,
    severity: Severity,
    message: impl Into<String>,
) -> Event {
    of_run(row, Event::new(at, kind, severity, message))
}

/// An event of an attempt that began under a daemon which is gone: whoever was told that it began knows it by these.
pub(crate) fn of_attempt(row: &RequestRow, event: Event) -> Event {
    let Some(started) = row.started_at else { return event };
    let started = started.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    event.with("attempt", row.attempt).with("started_at", started)
}

/// What happens in a run of a request, with what the request says of it.
pub(crate) fn of_run(row: &RequestRow, event: Event) -> Event {
    // What an asset does by itself is a schedule's if it has a tick, and else a sensor's.
    let (by_schedule, by_sensor) = match row.origin {
        Origin::Schedule => (true, false),
        Origin::Sensor => (false, true),
        Origin::Auto => (row.due.is_some(), row.due.is_none()),
        Origin::Manual | Origin::Api => (false, false),
    };
    Event {
        request: Some(row.id),
        job: Some(row.job.clone()),
        run: row.runs.last().copied(),
        schedule: row.of.clone().filter(|_| by_schedule),
        sensor: row.of.clone().filter(|_| by_sensor),
        ..event
    }
}
