//! What became of ticks and of the runs that they started, told to the observers.

use std::sync::Arc;
use std::time::Duration;

use assetctl_notify::{Notifier, observers};
use assetctl_schedule::Decision;
use assetctl_store::{CheckRow, RunId, Store, TickRow};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::outbox::LedgerOutbox;
use crate::report::diagnostics;

/// How long telling may take. What could not be told by then waits in the ledger for the next tick.
const LONGEST: Duration = Duration::from_secs(20);

/// A tick with what became of it.
pub struct Told<'a> {
    pub tick: &'a TickRow,
    pub job: &'a str,
    /// How the job ended; `None` where it did not run.
    pub outcome: Option<&'static str>,
    pub error: Option<&'a str>,
}

/// Tells the observers. That they cannot be told is said, and changes nothing else.
pub fn tell(context: &Context, loaded: &Loaded, store: &Store, ticks: &[Told<'_>]) {
    let (observers, problems) = observers(&loaded.project.schedules);
    for problem in &problems {
        warn(context, &problem.to_string());
    }
    if observers.is_empty() {
        return;
    }
    let now = context.clock.now();
    let told = loaded.store().and_then(|outbox| {
        let clock = context.clock;
        let notifier = Notifier::new(observers, Arc::new(LedgerOutbox(outbox)), Arc::new(move || clock.now()))
            .map_err(CliError::other("telling observers"))?;
        for event in ticks.iter().flat_map(|told| events(loaded, store, told, now)) {
            notifier.observe(&event);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(CliError::other("starting the runtime"))?;
        // Who does not answer in time is told later: it is all in the ledger.
        let _ = runtime.block_on(async { tokio::time::timeout(LONGEST, notifier.step()).await });
        runtime.shutdown_background();
        Ok(())
    });
    if let Err(error) = told {
        warn(context, &diagnostics::chain(&error));
    }
}

fn warn(context: &Context, message: &str) {
    if !context.quiet {
        anstream::eprintln!("warning: {message}");
    }
}

/// The decision, how the run ended, and what its checks found.
fn events(loaded: &Loaded, store: &Store, told: &Told<'_>, now: DateTime<Utc>) -> Vec<Value> {
    let tick = told.tick;
    let severity = match tick.decision.as_str() {
        decision if decision == Decision::Unknown.name() => "error",
        decision if decision == Decision::Missed.name() => "warn",
        _ => "info",
    };
    let decided = format!("the tick of {}: {}, {}", instant(tick.due), tick.decision, tick.reason);
    let mut events = vec![event(loaded, told, now, "tick_decided", severity, decided)];
    let Some(outcome) = told.outcome else { return events };
    let failed = outcome != "succeeded";
    let (kind, severity) = if failed { ("run_failed", "error") } else { ("run_succeeded", "info") };
    let message = told.error.map_or_else(|| format!("job `{}` has {outcome}", told.job), str::to_owned);
    events.push(event(loaded, told, now, kind, severity, message));
    let checks = tick.run.and_then(|run: RunId| store.run(run).ok().flatten()).map(|run| run.checks);
    for CheckRow { asset, session, check, severity, message } in checks.into_iter().flatten() {
        let kind = if severity == "error" { "check_failed" } else { "check_warned" };
        let mut found = event(loaded, told, now, kind, &severity, message);
        found["asset"] = json!(asset);
        found["session"] = json!(session);
        found["check"] = json!(check);
        events.push(found);
    }
    events
}

fn event(loaded: &Loaded, told: &Told<'_>, now: DateTime<Utc>, kind: &str, severity: &str, message: String) -> Value {
    let tags = loaded.project.schedules.job(told.job).map(|job| job.spec.tags.clone()).unwrap_or_default();
    let mut event: Map<String, Value> = Map::new();
    event.insert("kind".to_owned(), json!(kind));
    event.insert("at".to_owned(), json!(instant(now)));
    event.insert("severity".to_owned(), json!(severity));
    event.insert("message".to_owned(), json!(message));
    event.insert("job".to_owned(), json!(told.job));
    event.insert("schedule".to_owned(), json!(told.tick.schedule));
    event.insert("tags".to_owned(), json!(tags));
    if let Some(run) = told.tick.run {
        event.insert("run".to_owned(), json!(run));
    }
    Value::Object(event)
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
