//! The loop.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use assetctl_schedule::next;
use assetctl_store::{Error, RequestRow, RequestStatus, Store};
use chrono::{DateTime, Utc};
use tokio::sync::{broadcast, mpsc};

use crate::event::{Event, EventKind, Severity};
use crate::outside::{Clock, Declared, Declares, Look, Runner, StepClock};
use crate::pulse::Pulse;
use crate::sensing::{Eye, switches};
use crate::work::{Attempt, Ending, Message};

/// How often the queue is looked at: what is wanted of a run is known so soon.
const LOOK: Duration = Duration::from_millis(100);
/// Between two tries of what should have started and has not.
const PAUSE: Duration = Duration::from_millis(5);
/// How long runs may take to stop when the daemon does.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Events that a listener may be behind.
const BEHIND: usize = 4_096;
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
    pub(crate) running: BTreeMap<u64, Attempt>,
    /// Ended, and not recorded yet: the store may refuse for a while.
    pub(crate) ending: Vec<Ending>,
    pub(crate) eyes: HashMap<String, Eye>,
    /// Until when each schedule's ticks have been looked at.
    pub(crate) seen: HashMap<String, DateTime<Utc>>,
    pub(crate) outbox: mpsc::UnboundedSender<Message>,
    inbox: mpsc::UnboundedReceiver<Message>,
    /// The second of which ticks were decided last.
    ticked: Option<i64>,
    /// What went wrong last in the daemon itself, by what it was doing: so that it is told once.
    troubles: HashMap<&'static str, String>,
    stopping: bool,
    /// The newest request that was told of.
    pub(crate) newest: u64,
    pulse: Arc<Pulse>,
    pub(crate) trace_id: Option<TraceId>,
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
            running: BTreeMap::new(),
            ending: Vec::new(),
            eyes: HashMap::new(),
            seen: HashMap::new(),
            outbox,
            inbox,
            ticked: None,
            troubles: HashMap::new(),
            stopping: false,
            newest: 0,
            pulse: Arc::new(Pulse::new()),
            trace_id: None,
        }
    }

    /// Where everything that happens can be heard, from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// When the queue was last looked at.
    pub fn pulse(&self) -> Arc<Pulse> {
        self.pulse.clone()
    }

    /// Lets the event that begins an attempt, and so the log of its run, name its trace.
    pub fn name_traces(&mut self, trace_id: TraceId) {
        self.trace_id = Some(trace_id);
    }

    /// Goes on until `stop` is there; then what runs is stopped and goes back to its place in the queue.
    ///
    /// # Errors
    /// The store cannot be read at the start.
    pub async fn serve(&mut self, stop: impl Future<Output = ()>) -> Result<(), DaemonError> {
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
        Ok(())
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
        self.begin()?;
        tokio::pin!(stop);
        tokio::select! {
            () = &mut stop => {}
            () = self.go_through(clock, to) => {}
        }
        self.end().await;
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
        self.emit(Event::new(now, EventKind::DaemonStarted, Severity::Info, "the daemon begins"));
        for (id, status) in self.store.take_back(DEATHS, now)? {
            let Some(row) = self.store.request(id)? else { continue };
            let (kind, severity, message) = match status {
                RequestStatus::Queued => {
                    (EventKind::RunRequeued, Severity::Warn, "its daemon died: it is queued again")
                }
                RequestStatus::Paused => (EventKind::RunPaused, Severity::Info, "paused"),
                RequestStatus::Cancelled => (EventKind::RunCancelled, Severity::Info, "cancelled"),
                _ => (EventKind::RunFailed, Severity::Error, row.error.as_deref().unwrap_or_default()),
            };
            let mut event = of_request(&row, now, kind, severity, message).with("attempt", row.attempt);
            // Who was told that this attempt began knows it by these.
            if let Some(started) = row.started_at {
                event = event.with("started_at", started.to_rfc3339_opts(chrono::SecondsFormat::Micros, true));
            }
            self.emit(event);
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
        self.emit(Event::new(self.clock.now(), EventKind::DaemonStopped, Severity::Info, "the daemon ends"));
    }

    fn step(&mut self) {
        let now = self.clock.now();
        if self.ticked != Some(now.timestamp()) {
            self.ticked = Some(now.timestamp());
            self.reload(now);
            let decided = self.decide_ticks(now);
            self.tell_trouble("deciding ticks", decided);
            self.look(false);
        }
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
        if worked.is_ok() {
            self.pulse.beat();
        }
        self.tell_trouble("working the queue", worked);
    }

    fn look(&mut self, all: bool) {
        let looked = self.start_looks(self.clock.now(), all);
        self.tell_trouble("looking at sensors", looked);
    }

    fn on(&mut self, message: Message) {
        let handled = match message {
            Message::Told(id, serial, event) => self.on_told(id, serial, &event),
            Message::Ended(id, serial, outcome) => self.on_ended(id, serial, outcome),
            Message::Seen(name, seen) => self.on_seen(&name, &seen, self.clock.now()),
        };
        self.tell_trouble("recording what has happened", handled);
    }

    /// What goes wrong in the daemon itself is told once, and does not end it: it is tried again.
    fn tell_trouble(&mut self, doing: &'static str, result: Result<(), Error>) {
        match result {
            Ok(()) => {
                self.troubles.remove(doing);
            }
            Err(error) => {
                let text = error.to_string();
                if self.troubles.insert(doing, text.clone()).as_ref() != Some(&text) {
                    let message = format!("{doing}: {text}; it is tried again");
                    self.emit(Event::new(self.clock.now(), EventKind::DaemonFailed, Severity::Error, message));
                }
            }
        }
    }

    /// Tells whoever listens, and the log of the run that it is of.
    pub(crate) fn emit(&mut self, event: Event) {
        match event.severity {
            Severity::Info => tracing::debug!(kind = ?event.kind, request = event.request, "{}", event.message),
            Severity::Warn | Severity::Error => {
                tracing::info!(kind = ?event.kind, request = event.request, "{}", event.message);
            }
        }
        if let Some(attempt) = event.request.and_then(|id| self.running.get_mut(&id)) {
            attempt.write(&event);
        }
        // Nobody needs to listen.
        let _ = self.events.send(event);
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
    Event {
        request: Some(row.id),
        job: Some(row.job.clone()),
        run: row.runs.last().copied(),
        ..Event::new(at, kind, severity, message)
    }
}
