//! What runs of the daemon commit, published: beside them, so that no run waits or fails for it.

use std::sync::Arc;
use std::time::Duration;

use assetctl_daemon::{Clock, Daemon, Event, EventKind, Look, Runner, Severity, Teller};
use assetctl_publish::{Published, Publisher, Wanted};
use assetctl_store::Store;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use super::watch::Watch;
use crate::clock::Clock as WallClock;
use crate::error::CliError;
use crate::report::diagnostics;

/// When nothing else makes it look: what another process has committed is found so late.
const LOOK: Duration = Duration::from_secs(60);
/// After a failure of the store itself.
const AGAIN: Duration = Duration::from_secs(5);

/// Publishes until it is stopped.
pub struct Publishing {
    task: JoinHandle<()>,
}

impl Publishing {
    /// Begins with what an earlier daemon has left; then publishes whenever a run has committed.
    pub fn start<R: Runner, L: Look, C: Clock>(
        clock: WallClock,
        watch: Arc<Watch>,
        daemon: &mut Daemon<R, L, C>,
    ) -> Result<Self, CliError> {
        // A handle of its own: the daemon's does not wait for who has the ledger.
        let store = Arc::new(Store::open(&watch.project().project.data_dir)?);
        let publisher = Publisher::new(store, Arc::new(move || clock.wall()));
        Ok(Self { task: tokio::spawn(publish(clock, publisher, watch, daemon.hear(), daemon.teller())) })
    }

    /// What is under way is left as it is: it will be written again.
    pub async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn publish(
    clock: WallClock,
    publisher: Publisher,
    watch: Arc<Watch>,
    mut heard: UnboundedReceiver<Event>,
    teller: Teller,
) {
    let wanted = Wanted { patient: true, ..Wanted::default() };
    let mut trouble = None;
    loop {
        let next = match publisher.publish(&watch.project().project, &wanted).await {
            Ok(published) => {
                trouble = None;
                for event in published.iter().filter_map(|one| told(one, clock.now())) {
                    teller.tell(event);
                }
                let now = clock.wall();
                let next = published.iter().filter_map(|one| one.next_at).min();
                next.map_or(LOOK, |next| (next - now).to_std().unwrap_or_default().min(LOOK))
            }
            Err(error) => {
                let text = diagnostics::chain(&error);
                if trouble.replace(text.clone()).as_ref() != Some(&text) {
                    teller.tell(Event::new(clock.now(), EventKind::DaemonFailed, Severity::Error, text));
                }
                AGAIN
            }
        };
        let look = tokio::time::sleep(next);
        tokio::pin!(look);
        loop {
            tokio::select! {
                () = &mut look => break,
                event = heard.recv() => match event {
                    // What is published may be declared otherwise.
                    Some(Event { kind: EventKind::ProjectLoaded, .. }) => break,
                    Some(event) if ends_a_run(event.kind) => break,
                    Some(_) => {}
                    None => return,
                },
            }
        }
    }
}

/// Whether a run may have committed something by then.
fn ends_a_run(kind: EventKind) -> bool {
    use EventKind::{RunCancelled, RunFailed, RunPaused, RunRetried, RunSucceeded};
    matches!(kind, RunSucceeded | RunFailed | RunRetried | RunCancelled | RunPaused)
}

/// What is told of a route; the same failure again is not.
fn told(published: &Published, at: DateTime<Utc>) -> Option<Event> {
    let Published { route, sessions, range, rows, removed, error, is_news, .. } = published;
    let to = format!("`{}` of sink `{}`", route.target, route.sink);
    let event = match error {
        Some(error) if *is_news => {
            Event::new(at, EventKind::PublishFailed, Severity::Error, format!("not published to {to}: {error}"))
        }
        Some(_) => return None,
        None if published.is_nothing() => return None,
        None => {
            let taken = if *removed > 0 { format!(", {removed} taken away") } else { String::new() };
            let message = format!("{sessions} sessions published to {to}{taken}");
            Event::new(at, EventKind::Published, Severity::Info, message)
        }
    };
    let event = Event { asset: Some(route.asset.clone()), session: range.map(|range| range.0), ..event };
    let event = event.with("sink", route.sink.as_str()).with("target", route.target.as_str());
    Some(event.with("sessions", *sessions).with("rows", *rows).with("removed", *removed))
}
