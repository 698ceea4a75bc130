//! Requests → attempts, and what becomes of each.

use std::time::{Duration, Instant};

use assetctl_config::JobGroup;
use assetctl_execute::{Cancel, RunEvent};
use assetctl_schedule::{Claims, ResolvedJob, Seen, Waiting, choose};
use assetctl_store::{Error, RequestEnd, RequestRow, RequestStatus, RunId};
use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::backoff::again;
use crate::daemon::{Daemon, of_attempt, of_request, of_run};
use crate::event::{Event, EventKind, Severity};
use crate::log::RunLog;
use crate::outside::{Clock, Failure, FailureKind, Look, Outcome, Runner};
use crate::ticks::text;

/// A run that was told to stop and has not after so long is left behind: it commits nothing any more that it should not, for commits are
/// whole, and ends by itself.
const LEFT_BEHIND: Duration = Duration::from_millis(700);

/// What tasks tell the loop.
pub(crate) enum Message {
    /// Of an attempt, by request and serial number.
    Told(u64, u64, RunEvent),
    Ended(u64, u64, Outcome),
    Seen(String, Seen),
    /// Something beside the runs.
    Happened(Box<Event>),
}

/// A request that runs.
#[derive(Debug)]
pub(crate) struct Attempt {
    row: RequestRow,
    job: Option<ResolvedJob>,
    /// Tells attempts of one request apart.
    serial: u64,
    cancel: Cancel,
    told_to_stop: Option<Instant>,
    /// This attempt has come to a run, the last of those in the row.
    has_run: bool,
    log: RunLog,
}

/// A run that a request has come to.
#[derive(Debug)]
pub(crate) struct Begun {
    request: u64,
    run: RunId,
    /// Of a schedule: its name and tick.
    tick: Option<(String, DateTime<Utc>)>,
}

/// An attempt that has ended.
#[derive(Debug)]
pub(crate) struct Ending {
    attempt: Attempt,
    end: RequestEnd,
}

impl Attempt {
    pub(crate) fn tell_to_stop(&mut self) {
        self.cancel.set();
        self.told_to_stop.get_or_insert_with(Instant::now);
    }

    /// A log that cannot be written is no reason to stop a run.
    pub(crate) fn write(&mut self, event: &Event) {
        if let Err(error) = self.log.add(event) {
            tracing::warn!(request = self.row.id, "its log cannot be written: {error}");
        }
    }
}

impl<R: Runner, L: Look, C: Clock> Daemon<R, L, C> {
    /// Records what has ended, tells what is wanted of what runs, and starts what may start.
    pub(crate) fn work_queue(&mut self, now: DateTime<Utc>, stopping: bool) -> Result<(), Error> {
        self.leave_behind();
        let recorded = self.record_begun().and_then(|()| self.record_ends(now));
        let rows = self.store.open_requests()?;
        let known = self.newest;
        self.newest = rows.last().map_or(known, |row| row.id.max(known));
        for row in rows.iter().filter(|row| row.id > known) {
            self.emit(of_request(
                row,
                now,
                EventKind::RunQueued,
                Severity::Info,
                format!("`{}`: {}", row.job, row.why),
            ));
        }
        // What is wanted is heeded, whatever cannot be recorded.
        for row in rows.iter().filter(|row| row.wanted.is_some()) {
            if let Some(attempt) = self.running.get_mut(&row.id) {
                attempt.tell_to_stop();
            }
        }
        recorded?;
        self.take_up_lost(&rows, now)?;
        self.announce_ends(now)?;
        if stopping {
            return Ok(());
        }
        // Two of one job never run at once, unless it says so itself: they follow on each other in the order in which they were asked for.
        let claims = |row: &RequestRow| {
            let mut claims = serde_json::from_value::<Claims>(row.claims.clone()).unwrap_or_default();
            claims.group.get_or_insert_with(|| JobGroup { group: format!("job {}", row.job), limit: 1 });
            claims
        };
        let running: Vec<Claims> = rows.iter().filter(|row| row.status == RequestStatus::Running).map(claims).collect();
        let waiting: Vec<Waiting> = rows
            .iter()
            .filter(|row| row.status == RequestStatus::Queued)
            .map(|row| Waiting { id: row.id, priority: row.priority, not_before: row.not_before, claims: claims(row) })
            .collect();
        let limits = &self.declared.project.schedules.concurrency;
        for id in choose(&waiting, &running, limits, now) {
            self.start(id, now)?;
        }
        Ok(())
    }

    /// Those that are said to run, and do not: their start was recorded, and then the store failed.
    fn take_up_lost(&mut self, rows: &[RequestRow], now: DateTime<Utc>) -> Result<(), Error> {
        let is_known =
            |id: &u64| self.running.contains_key(id) || self.ending.iter().any(|one| one.attempt.row.id == *id);
        let lost = rows.iter().filter(|row| row.status == RequestStatus::Running && !is_known(&row.id));
        for row in lost.cloned().collect::<Vec<_>>() {
            let status = self.store.end_request(row.id, &RequestEnd::Stopped, now)?;
            self.emit(told(&row, &RequestEnd::Stopped, status, now));
        }
        Ok(())
    }

    /// Ends of which nobody was told: of requests that were cancelled while they waited, and from before a kill.
    fn announce_ends(&mut self, now: DateTime<Utc>) -> Result<(), Error> {
        let untold = self.store.untold_requests()?;
        self.announced.retain(|id| untold.iter().any(|row| row.id == *id));
        for row in untold {
            if self.announced.insert(row.id) {
                let event = of_end(&row, row.status, row.error.as_deref(), row.error_kind.as_deref(), now);
                self.emit(of_attempt(&row, event));
            }
        }
        Ok(())
    }

    fn record_begun(&mut self) -> Result<(), Error> {
        while let Some(Begun { request, run, tick }) = self.begun.first() {
            self.store.record_request_run(*request, *run)?;
            if let Some((schedule, due)) = tick {
                self.store.record_tick_run(schedule, *due, *run)?;
            }
            self.begun.remove(0);
        }
        Ok(())
    }

    fn start(&mut self, id: u64, now: DateTime<Utc>) -> Result<(), Error> {
        if !self.store.start_request(id, now)? {
            return Ok(());
        }
        let Some(row) = self.store.request(id)? else { return Ok(()) };
        let serial = u64::from(row.attempt);
        let cancel = Cancel::default();
        let job = serde_json::from_value::<ResolvedJob>(row.resolved.clone());
        let event = of_request(&row, now, EventKind::RunStarted, Severity::Info, format!("`{}`: {}", row.job, row.why))
            .with("attempt", row.attempt);
        let event = match self.trace_id {
            Some(name) => event.with("trace_id", name(row.id, row.attempt, now)),
            None => event,
        };
        // Which run this attempt comes to is not known yet.
        let event = Event { run: None, ..event };
        let (job, failed) = match job {
            Ok(job) => (Some(job), None),
            Err(error) => (None, Some(format!("its job is not of this version's form: {error}; ask for it again"))),
        };
        let (runner, outbox) = (self.runner.clone(), self.outbox.clone());
        let attempt = Attempt {
            row,
            job: job.clone(),
            serial,
            cancel: cancel.clone(),
            told_to_stop: None,
            has_run: false,
            log: RunLog::default(),
        };
        self.running.insert(id, attempt);
        self.emit(event);
        tokio::spawn(async move {
            let outcome = match job {
                Some(job) => attempt_it(runner, job, now, cancel, (id, serial), &outbox).await,
                None => failed_as(FailureKind::Config, failed.unwrap_or_default()),
            };
            // Where the loop is gone nobody needs to know.
            let _ = outbox.send(Message::Ended(id, serial, outcome));
        });
        Ok(())
    }

    pub(crate) fn on_told(&mut self, id: u64, serial: u64, event: &RunEvent) -> Result<(), Error> {
        let now = self.clock.now();
        let Some(attempt) = self.running.get_mut(&id).filter(|attempt| attempt.serial == serial) else {
            return Ok(());
        };
        if let RunEvent::RunStarted { run } = event {
            attempt.row.runs.push(*run);
            attempt.has_run = true;
            let run = RunId(*run);
            let tick = attempt.row.of.clone().zip(attempt.row.due);
            self.begun.push(Begun { request: id, run, tick });
            if let Err(error) = attempt.log.begin(&self.store, run) {
                tracing::warn!(request = id, "its log cannot be written: {error}");
            }
        }
        let mut recorded = Ok(());
        if matches!(event, RunEvent::BatchCommitted { .. }) && attempt.row.deaths > 0 {
            attempt.row.deaths = 0;
            recorded = self.store.forget_deaths(id);
        }
        let run = attempt.has_run.then(|| attempt.row.runs.last().copied()).flatten();
        let event = Event { run, ..of_run(&attempt.row, Event::of_run(now, event)) };
        self.emit(event);
        recorded.and_then(|()| self.record_begun())
    }

    pub(crate) fn on_ended(&mut self, id: u64, serial: u64, outcome: Outcome) -> Result<(), Error> {
        let now = self.clock.now();
        if self.running.get(&id).is_none_or(|attempt| attempt.serial != serial) {
            return Ok(());
        }
        let Some(attempt) = self.running.remove(&id) else { return Ok(()) };
        let end = match outcome {
            Outcome::Succeeded => RequestEnd::Succeeded,
            Outcome::Stopped => RequestEnd::Stopped,
            Outcome::Failed(Failure { kind, message: error }) => {
                let retries = attempt.job.as_ref().and_then(|job| job.retries.as_ref());
                let kind_name = kind.name().to_owned();
                match again(retries, attempt.row.failures, kind, now) {
                    Some(not_before) => RequestEnd::Again { kind: kind_name, error, not_before },
                    None => RequestEnd::Failed { kind: kind_name, error },
                }
            }
        };
        self.ending.push(Ending { attempt, end });
        self.record_ends(now)
    }

    /// Those that do not stop in time are taken for stopped.
    fn leave_behind(&mut self) {
        let is_late = |attempt: &Attempt| attempt.told_to_stop.is_some_and(|told| told.elapsed() >= LEFT_BEHIND);
        let late: Vec<u64> = self.running.iter().filter(|(_, one)| is_late(one)).map(|(id, _)| *id).collect();
        for attempt in late.into_iter().filter_map(|id| self.running.remove(&id)) {
            self.ending.push(Ending { attempt, end: RequestEnd::Stopped });
        }
    }

    fn record_ends(&mut self, now: DateTime<Utc>) -> Result<(), Error> {
        while let Some(ending) = self.ending.pop() {
            let status = match self.store.end_request(ending.attempt.row.id, &ending.end, now) {
                Ok(status) => status,
                Err(error) => {
                    self.ending.push(ending);
                    return Err(error);
                }
            };
            let Ending { mut attempt, end } = ending;
            let event = told(&attempt.row, &end, status, now);
            attempt.write(&event);
            if let Some(run) = attempt.row.runs.last().copied().filter(|_| !attempt.has_run) {
                // It came to no run: what it told belongs to the one before.
                if let Err(error) = attempt.log.begin(&self.store, RunId(run)) {
                    tracing::warn!(request = attempt.row.id, "its log cannot be written: {error}");
                }
            }
            if matches!(status, RequestStatus::Succeeded | RequestStatus::Failed | RequestStatus::Cancelled) {
                self.announced.insert(attempt.row.id);
            }
            self.emit(event);
            self.look_again_at_runs();
        }
        Ok(())
    }
}

/// How a request stands now that an attempt of it has ended.
fn told(row: &RequestRow, end: &RequestEnd, status: RequestStatus, now: DateTime<Utc>) -> Event {
    let of = |kind, severity, message: String| of_request(row, now, kind, severity, message);
    let job = &row.job;
    let event = match (status, end) {
        (RequestStatus::Failed, RequestEnd::Failed { kind, error }) => {
            of_end(row, status, Some(error), Some(kind), now)
        }
        (RequestStatus::Succeeded | RequestStatus::Failed | RequestStatus::Cancelled, _) => {
            of_end(row, status, None, None, now)
        }
        (RequestStatus::Queued, RequestEnd::Again { kind, error, not_before }) => {
            let at = text(*not_before);
            of(EventKind::RunRetried, Severity::Warn, format!("`{job}` failed and is tried again at {at}: {error}"))
                .with("error_kind", kind.as_str())
                .with("not_before", at)
        }
        (RequestStatus::Paused, _) => of(EventKind::RunPaused, Severity::Info, format!("`{job}` is paused")),
        _ => {
            of(EventKind::RunRequeued, Severity::Info, format!("`{job}` was stopped and is in its place in the queue"))
        }
    };
    let started = row.started_at.unwrap_or(now);
    event.with("attempt", row.attempt).with("seconds", (now - started).num_milliseconds() as f64 / 1000.0)
}

/// How a request has ended.
fn of_end(
    row: &RequestRow,
    status: RequestStatus,
    error: Option<&str>,
    kind: Option<&str>,
    now: DateTime<Utc>,
) -> Event {
    let job = &row.job;
    match status {
        RequestStatus::Succeeded => {
            of_request(row, now, EventKind::RunSucceeded, Severity::Info, format!("`{job}` is done"))
        }
        RequestStatus::Cancelled => {
            of_request(row, now, EventKind::RunCancelled, Severity::Warn, format!("`{job}` is cancelled"))
        }
        _ => {
            let message = format!("`{job}` failed: {}", error.unwrap_or_default());
            of_request(row, now, EventKind::RunFailed, Severity::Error, message)
                .with("error_kind", kind.unwrap_or_default())
        }
    }
}

fn failed_as(kind: FailureKind, message: String) -> Outcome {
    Outcome::Failed(Failure { kind, message })
}

/// Runs a job on a thread, passes on what it tells, and stops it when its time is over.
async fn attempt_it<R: Runner>(
    runner: std::sync::Arc<R>,
    job: ResolvedJob,
    now: DateTime<Utc>,
    cancel: Cancel,
    (id, serial): (u64, u64),
    outbox: &mpsc::UnboundedSender<Message>,
) -> Outcome {
    let (events, mut listening) = mpsc::unbounded_channel();
    let timeout = job.timeout.map(|timeout| timeout.to_std());
    let told = cancel.clone();
    let run = tokio::task::spawn_blocking(move || runner.run(&job, now, &told, events));
    tokio::pin!(run);
    let late = tokio::time::sleep(timeout.unwrap_or(Duration::MAX / 4));
    tokio::pin!(late);
    let mut is_late = false;
    let outcome = loop {
        tokio::select! {
            biased;
            Some(event) = listening.recv() => {
                let _ = outbox.send(Message::Told(id, serial, event));
            }
            outcome = &mut run => break Some(outcome),
            () = &mut late, if timeout.is_some() => {
                if is_late {
                    // It does not listen: it is left behind.
                    break None;
                }
                is_late = true;
                cancel.set();
                late.as_mut().reset(tokio::time::Instant::now() + LEFT_BEHIND);
            }
        }
    };
    while let Ok(event) = listening.try_recv() {
        let _ = outbox.send(Message::Told(id, serial, event));
    }
    match outcome {
        Some(Ok(Outcome::Succeeded)) => Outcome::Succeeded,
        Some(Ok(outcome)) if !is_late => outcome,
        Some(Err(error)) => failed_as(FailureKind::Transient, format!("it stopped unexpectedly: {error}")),
        None | Some(Ok(_)) => {
            let limit = timeout.map(|limit| limit.as_secs()).unwrap_or_default();
            failed_as(FailureKind::Timeout, format!("it took longer than its `timeout` of {limit} s"))
        }
    }
}
