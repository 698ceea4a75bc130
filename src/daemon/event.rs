//! What happens, as one JSON object each: for logs, for who listens, for notifications.

use assetctl_execute::{AssetReport, AssetStatus, RunEvent};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// What kind of thing happens. [`assetctl_config::EVENT_KINDS`] has those that observers are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    DaemonStarted,
    DaemonStopped,
    /// The store, or something else that the daemon itself needs, failed; it goes on.
    DaemonFailed,
    /// The project's files have changed, and are as they should be.
    ProjectLoaded,
    /// The project's files have mistakes; the daemon goes on with what was there before.
    ProjectBroken,
    TickDecided,
    SensorFired,
    SensorFailed,
    /// A request was queued.
    RunQueued,
    RunStarted,
    /// There is something to do: the run that does it has its number.
    RunPlanned,
    RunSucceeded,
    RunFailed,
    /// It failed, and is tried again.
    RunRetried,
    RunCancelled,
    RunPaused,
    /// It was stopped, or its daemon died, and it is in its place in the queue again.
    RunRequeued,
    AssetStarted,
    AssetFinished,
    AssetFailed,
    Asking,
    BatchCommitted,
    CheckFailed,
    /// A check with severity `warn` does not hold.
    CheckWarned,
    FreshnessViolated,
    Noted,
}

impl EventKind {
    /// Whether it happens many times a second. Nobody waits for those.
    pub fn is_frequent(self) -> bool {
        matches!(self, Self::Asking | Self::BatchCommitted)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warn,
    Error,
}

/// One thing that happened. What does not apply is left out of the JSON.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Event {
    pub at: DateTime<Utc>,
    pub kind: EventKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<NaiveDate>,
    /// Of the job and of the asset.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    pub severity: Severity,
    pub message: String,
    /// What only this kind has: counts, seconds, the reason's code.
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    pub more: Map<String, Value>,
}

impl Event {
    pub fn new(at: DateTime<Utc>, kind: EventKind, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            at,
            kind,
            request: None,
            run: None,
            job: None,
            schedule: None,
            sensor: None,
            asset: None,
            session: None,
            tags: Vec::new(),
            severity,
            message: message.into(),
            more: Map::new(),
        }
    }

    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// As it goes to logs and listeners.
    pub fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// What a run tells, in this form.
    pub(crate) fn of_run(at: DateTime<Utc>, event: &RunEvent) -> Self {
        let of = |kind, severity, asset: &str, message: String| Self {
            asset: Some(asset.to_owned()),
            ..Self::new(at, kind, severity, message)
        };
        match event {
            RunEvent::RunStarted { run } => Self {
                run: Some(*run),
                ..Self::new(at, EventKind::RunPlanned, Severity::Info, format!("run {run} begins"))
            },
            RunEvent::AssetStarted { asset, sessions } => {
                of(EventKind::AssetStarted, Severity::Info, asset, format!("{sessions} sessions are stale"))
                    .with("sessions", *sessions)
            }
            RunEvent::Asking { asset, done, of: all, rows, bytes, waits } => {
                let waits = waits.as_ref().map(|waits| format!(", {waits}")).unwrap_or_default();
                of(EventKind::Asking, Severity::Info, asset, format!("{done} of {all} calls answered{waits}"))
                    .with("done", *done)
                    .with("of", *all)
                    .with("rows", *rows)
                    .with("bytes", *bytes)
            }
            RunEvent::Noted { asset, note } => of(EventKind::Noted, Severity::Warn, asset, note.clone()),
            RunEvent::BatchCommitted { asset, sessions, rows, bytes } => {
                let message = format!("{sessions} sessions committed, {rows} rows");
                of(EventKind::BatchCommitted, Severity::Info, asset, message)
                    .with("sessions", *sessions)
                    .with("rows", *rows)
                    .with("bytes", *bytes)
            }
            RunEvent::CheckWarned { asset, session, check, message } => {
                let event =
                    of(EventKind::CheckWarned, Severity::Warn, asset, message.clone()).with("check", check.as_str());
                Self { session: Some(*session), ..event }
            }
            RunEvent::CheckFailed { asset, session, check, message } => {
                let event =
                    of(EventKind::CheckFailed, Severity::Error, asset, message.clone()).with("check", check.as_str());
                Self { session: Some(*session), ..event }
            }
            RunEvent::Late { asset, session, warns, message } => {
                let severity = if *warns { Severity::Warn } else { Severity::Error };
                let event = of(EventKind::FreshnessViolated, severity, asset, message.clone());
                Self { session: Some(*session), ..event.with("check", "freshness") }
            }
            RunEvent::AssetFinished(report) => Self::of_asset(at, report),
        }
    }

    fn of_asset(at: DateTime<Utc>, report: &AssetReport) -> Self {
        let (kind, severity) = match report.status {
            AssetStatus::Failed if report.check_failed => (EventKind::CheckFailed, Severity::Error),
            AssetStatus::Failed => (EventKind::AssetFailed, Severity::Error),
            AssetStatus::Waits | AssetStatus::Blocked => (EventKind::AssetFinished, Severity::Warn),
            AssetStatus::Ok | AssetStatus::Unchanged | AssetStatus::Cancelled => {
                (EventKind::AssetFinished, Severity::Info)
            }
        };
        let status = serde_json::to_value(report.status).unwrap_or_default();
        let in_words = || format!("{} sessions made, {} of them changed", report.ran.len(), report.changed);
        let mut event = Self::new(at, kind, severity, report.error.clone().unwrap_or_else(in_words))
            .with("status", status)
            .with("sessions", report.ran.len())
            .with("changed", report.changed)
            .with("rows", report.rows)
            .with("computed", report.computed)
            .with("bytes", report.bytes)
            .with("seconds", report.seconds);
        if let Some(seconds) = report.cpu_seconds {
            event = event.with("cpu_seconds", seconds);
        }
        if let Some(bytes) = report.peak_memory {
            event = event.with("peak_memory", bytes);
        }
        if !report.metrics.is_empty() {
            event = event.with("metrics", json!(report.metrics));
        }
        event.asset = Some(report.asset.clone());
        event.session = report.refused.first().copied();
        event
    }
}

#[cfg(test)]
mod tests {
    use assetctl_config::EVENT_KINDS;

    use super::*;

    #[test]
    fn observers_are_told_of_every_kind_but_of_what_happens_many_times_a_second() {
        let untold = ["run_planned", "asking", "batch_committed"];
        let told: Vec<String> =
            EVENT_KINDS.iter().map(|(kind, _)| (*kind).to_owned()).chain(untold.map(str::to_owned)).collect();
        for kind in &told {
            assert!(serde_json::from_value::<EventKind>(json!(kind)).is_ok(), "nothing is ever a `{kind}`");
        }
        // What serde would have taken in place of this.
        let refused = serde_json::from_value::<EventKind>(json!("?")).unwrap_err().to_string();
        let (_, all) = refused.split_once("expected one of ").unwrap();
        let all: Vec<&str> = all.split('`').skip(1).step_by(2).collect();
        assert_eq!(all.len(), told.len(), "nobody can be told of some of {all:?}");
    }
}
