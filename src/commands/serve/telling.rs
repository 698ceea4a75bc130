//! What happens, told: printed, and handed to observers and to who listens over HTTP.

use std::sync::Arc;
use std::time::Duration;

use assetctl_config::Project;
use assetctl_daemon::{Clock, Daemon, Event, EventKind, Look, Runner, Severity};
use assetctl_notify::{Notifier, observers};
use assetctl_serve::Events;
use assetctl_store::Store;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::args::Format;
use crate::context::Context;
use crate::error::CliError;
use crate::outbox::LedgerOutbox;
use crate::report;

/// How long the last events may take to be told. What is not told by then waits in the outbox for the next daemon.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Who is told of what happens in the daemon.
pub struct Telling {
    format: Format,
    quiet: bool,
    store: Store,
    notifier: Option<Arc<Notifier>>,
    listeners: Option<Arc<Events>>,
}

impl Telling {
    /// Who reads along.
    pub fn printing(context: &Context, project: &Project) -> Result<Self, CliError> {
        let store = Store::open(&project.data_dir)?;
        Ok(Self { format: context.format, quiet: context.quiet, store, notifier: None, listeners: None })
    }

    /// The project's observers besides. One that cannot tell anything is said once, and keeps nobody else from being told.
    pub fn with_observers(self, context: &Context, project: &Project) -> Result<Self, CliError> {
        let (observers, problems) = observers(&project.schedules);
        for problem in problems {
            anstream::eprintln!("warning: {problem}");
        }
        let outbox = Arc::new(LedgerOutbox(Store::open(&project.data_dir)?));
        let clock = context.clock;
        let notifier = Notifier::new(observers, outbox, Arc::new(move || clock.now()));
        Ok(Self { notifier: Some(Arc::new(notifier.map_err(CliError::other("preparing to tell observers"))?)), ..self })
    }

    /// Who listens over HTTP besides.
    pub fn with_listeners(self, listeners: Option<Arc<Events>>) -> Self {
        Self { listeners, ..self }
    }

    /// Tells of everything from now on, until the daemon is dropped.
    pub fn start<R: Runner, L: Look, C: Clock>(self, daemon: &mut Daemon<R, L, C>) -> Told {
        let printing = Printing { format: self.format, quiet: self.quiet };
        let events = daemon.listen();
        let (done, printed) = oneshot::channel();
        // On a thread of its own: a reader that stands still keeps nobody else waiting.
        std::thread::spawn(move || {
            printing.print(events);
            let _ = done.send(());
        });
        let listened = self.listeners.map(|listeners| tokio::spawn(keep(listeners, daemon.listen())));
        Told { listened, printed, observed: tokio::spawn(observe(self.store, self.notifier, daemon.hear())) }
    }
}

/// What is being told.
pub struct Told {
    listened: Option<JoinHandle<()>>,
    printed: oneshot::Receiver<()>,
    observed: JoinHandle<()>,
}

impl Told {
    /// Waits for the last of it, once the daemon is dropped; not for long.
    pub async fn end(self) {
        let _ = tokio::time::timeout(2 * LAST_WORDS, self.observed).await;
        let _ = tokio::time::timeout(LAST_WORDS, self.printed).await;
        if let Some(listened) = self.listened {
            let _ = tokio::time::timeout(LAST_WORDS, listened).await;
        }
    }
}

/// Hands events to the observers, and notes the ends of requests as told once they are kept.
async fn observe(store: Store, notifier: Option<Arc<Notifier>>, mut events: UnboundedReceiver<Event>) {
    let sending =
        notifier.clone().map(|notifier| tokio::spawn(async move { notifier.run(std::future::pending()).await }));
    while let Some(event) = events.recv().await {
        // The ledger may keep it waiting.
        tokio::task::block_in_place(|| {
            let is_kept = notifier.as_ref().is_none_or(|notifier| notifier.observe(&event.json()));
            let is_end = matches!(event.kind, EventKind::RunSucceeded | EventKind::RunFailed | EventKind::RunCancelled);
            if let Some(request) = event.request.filter(|_| is_kept && is_end)
                && let Err(error) = store.mark_told(request)
            {
                tracing::warn!(request, "that its end was told cannot be noted, so that it is told again: {error}");
            }
        });
    }
    if let (Some(sending), Some(notifier)) = (sending, notifier) {
        sending.abort();
        let _ = tokio::time::timeout(LAST_WORDS, notifier.step()).await;
    }
}

/// Keeps events for who listens over HTTP.
async fn keep(listeners: Arc<Events>, mut events: Receiver<Event>) {
    loop {
        match events.recv().await {
            Ok(event) => listeners.push(&event.json()),
            Err(RecvError::Lagged(missed)) => listeners.skip(missed),
            Err(RecvError::Closed) => return,
        }
    }
}

struct Printing {
    format: Format,
    quiet: bool,
}

impl Printing {
    fn print(&self, mut events: Receiver<Event>) {
        loop {
            match events.blocking_recv() {
                Ok(event) => {
                    // A reader that has gone away is not an error.
                    let _ = self.print_one(&event);
                }
                Err(RecvError::Lagged(missed)) => anstream::eprintln!("{missed} events were too many to be printed"),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn print_one(&self, event: &Event) -> Result<(), CliError> {
        match self.format {
            Format::Json => report::line(&event.json().to_string()),
            Format::Human if self.quiet && event.severity == Severity::Info => Ok(()),
            Format::Human => report::line(&line(event)),
            Format::Silent => Ok(()),
        }
    }
}

/// `2024-03-15T07:30:00Z  run_started        #3 the tick of …`.
fn line(event: &Event) -> String {
    let json = event.json();
    let kind = json["kind"].as_str().unwrap_or_default();
    let request = event.request.map(|id| format!("#{id} ")).unwrap_or_default();
    let asset = event.asset.as_ref().map(|asset| format!("{asset}: ")).unwrap_or_default();
    let at = report::instant(event.at);
    format!("{at}  {kind:<18} {request}{asset}{}", event.message)
}
