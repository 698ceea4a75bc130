//! The daemon's work, until nothing is left that could be done now.

use std::sync::Arc;

use assetctl_daemon::{Daemon, Declared, Declares, Event, EventKind};
use assetctl_store::Store;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc::UnboundedReceiver;

use super::look::Eyes;
use super::runner::InProcess;
use super::stop::Stop;
use super::telling::Telling;
use super::{LEAVE, PATIENCE, become_daemon, in_words, runtime};
use crate::args::{Format, Running};
use crate::context::Context;
use crate::error::CliError;

/// What it has come to.
#[derive(Debug, Default)]
pub struct Worked {
    /// The ticks that were decided.
    pub ticks: Vec<WorkedTick>,
    /// A run failed, or the store did.
    pub failed: bool,
    /// A run failed by a check.
    pub check_failed: bool,
    /// Somebody stopped it before its end.
    pub stopped: bool,
}

/// A tick that was decided, with the request that it made.
#[derive(Debug)]
pub struct WorkedTick {
    pub schedule: String,
    pub due: DateTime<Utc>,
    pub request: Option<u64>,
}

/// The project as it was when it was read: nobody edits it while this goes on, or the next call sees it.
struct AsItIs;

impl Declares for AsItIs {
    fn declared(&mut self) -> Result<Option<Arc<Declared>>, String> {
        Ok(None)
    }
}

/// `None` where another daemon is at this store: it does the work.
pub fn until_idle(
    context: &Context,
    declared: Arc<Declared>,
    store: Arc<Store>,
    running: &Running,
) -> Result<Option<Worked>, CliError> {
    let lock = match become_daemon(context, &store)? {
        Ok(lock) => lock,
        Err(holder) => {
            if !context.quiet {
                anstream::eprintln!("{}: it does the work", in_words(&holder));
            }
            return Ok(None);
        }
    };
    store.set_patience(PATIENCE)?;
    let runtime = runtime()?;
    let worked = runtime.block_on(work(context, declared, store, running));
    runtime.shutdown_timeout(LEAVE);
    drop(lock);
    worked.map(Some)
}

async fn work(
    context: &Context,
    declared: Arc<Declared>,
    store: Arc<Store>,
    running: &Running,
) -> Result<Worked, CliError> {
    let stop = Stop::listen();
    // What happens is printed for people; programs read what it came to.
    let printing = if context.format == Format::Human { context.clone() } else { context.silent() };
    let telling = Telling::printing(&printing, &declared.project)?.with_observers(context, &declared.project)?;
    let (runner, eyes) = (InProcess::new(context.clone(), running.clone()), Eyes::new(context.clone()));
    let mut daemon = Daemon::new(store, declared, Box::new(AsItIs), runner, eyes, context.clock);
    let told = telling.start(&mut daemon);
    let noted = tokio::spawn(note(daemon.hear()));
    let is_done = daemon.until_idle(stop.told()).await;
    drop(daemon);
    told.end().await;
    let is_done = is_done.map_err(CliError::other("working the queue"))?;
    let worked = noted.await.map_err(CliError::other("working the queue"))?;
    Ok(Worked { stopped: !is_done, ..worked })
}

async fn note(mut events: UnboundedReceiver<Event>) -> Worked {
    let mut worked = Worked::default();
    while let Some(event) = events.recv().await {
        worked.note(event);
    }
    worked
}

impl Worked {
    fn note(&mut self, event: Event) {
        match event.kind {
            EventKind::TickDecided => {
                let due = event.more.get("due").and_then(|due| due.as_str()?.parse().ok());
                if let (Some(schedule), Some(due)) = (event.schedule, due) {
                    self.ticks.push(WorkedTick { schedule, due, request: event.request });
                }
            }
            EventKind::RunFailed if event.more.get("error_kind").is_some_and(|kind| kind == "check") => {
                self.check_failed = true;
            }
            EventKind::RunFailed | EventKind::RunRetried | EventKind::DaemonFailed | EventKind::ProjectBroken => {
                self.failed = true;
            }
            _ => {}
        }
    }
}
