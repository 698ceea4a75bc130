//! What happens, told: printed, and handed to observers and to what watches over the daemon.

use std::sync::Arc;
use std::time::Duration;

use assetctl_config::Project;
use assetctl_daemon::{Event, Severity};
use assetctl_notify::{Notifier, observers};
use assetctl_store::Store;
use chrono::SecondsFormat;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::watch::Watch;
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
    notifier: Option<Arc<Notifier>>,
    watch: Option<Arc<Watch>>,
}

impl Telling {
    /// Who reads along.
    pub fn printing(context: &Context) -> Self {
        Self { format: context.format, quiet: context.quiet, notifier: None, watch: None }
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

    /// What watches over the daemon besides.
    pub fn with_watch(self, watch: Arc<Watch>) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// Until the daemon has ended.
    pub async fn tell(self, mut events: Receiver<Event>) {
        let sending = self
            .notifier
            .clone()
            .map(|notifier| tokio::spawn(async move { notifier.run(std::future::pending()).await }));
        loop {
            match events.recv().await {
                Ok(event) => self.tell_one(&event),
                Err(RecvError::Lagged(missed)) => {
                    if let Some(watch) = &self.watch {
                        watch.missed(missed);
                    }
                    anstream::eprintln!("{missed} events were too many to be told");
                }
                Err(RecvError::Closed) => break,
            }
        }
        if let (Some(sending), Some(notifier)) = (sending, &self.notifier) {
            sending.abort();
            let _ = tokio::time::timeout(LAST_WORDS, notifier.step()).await;
        }
        if let Some(watch) = self.watch {
            watch.end().await;
        }
    }

    fn tell_one(&self, event: &Event) {
        let json = event.json();
        if let Some(watch) = &self.watch {
            watch.observe(&json);
        }
        if let Some(notifier) = &self.notifier {
            // The ledger may keep it waiting.
            tokio::task::block_in_place(|| notifier.observe(&json));
        }
        // A reader that has gone away is not an error.
        let _ = match self.format {
            Format::Json => report::line(&json.to_string()),
            Format::Human if self.quiet && event.severity == Severity::Info => Ok(()),
            Format::Human => report::line(&line(event, json["kind"].as_str().unwrap_or_default())),
            Format::Silent => Ok(()),
        };
    }
}

/// `2024-03-15T07:30:00Z  run_started        #3 the tick of …`.
fn line(event: &Event, kind: &str) -> String {
    let request = event.request.map(|id| format!("#{id} ")).unwrap_or_default();
    let asset = event.asset.as_ref().map(|asset| format!("{asset}: ")).unwrap_or_default();
    let at = event.at.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("{at}  {kind:<18} {request}{asset}{}", event.message)
}
