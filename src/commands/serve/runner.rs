//! A job, run within this process as its command would run it: the project is read anew for each, so that what was edited meanwhile
//! takes effect.

use assetctl_daemon::{Failure, FailureKind, Outcome, Runner};
use assetctl_execute::{Cancel, RunEvent};
use assetctl_schedule::ResolvedJob;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc::UnboundedSender;

use crate::args::Running;
use crate::commands::job;
use crate::context::{Context, Supervised};
use crate::error::CliError;
use crate::report::diagnostics;

pub struct InProcess {
    context: Context,
    running: Running,
}

impl InProcess {
    pub fn new(context: Context, running: Running) -> Self {
        // Two runs of one asset follow on each other.
        Self { context, running: Running { wait: true, ..running } }
    }
}

impl Runner for InProcess {
    fn run(
        &self,
        job: &ResolvedJob,
        now: DateTime<Utc>,
        cancel: &Cancel,
        events: UnboundedSender<RunEvent>,
    ) -> Outcome {
        let command = format!("job {}", job.job);
        let context = self.context.supervised(now, Supervised { cancel: cancel.clone(), events, command });
        let ended = job::start(&context, job, &self.running, false);
        let failures = ended.as_ref().map(|ended| ended.failures.join("\n")).unwrap_or_default();
        match ended.and_then(|ended| ended.outcome) {
            Ok(()) => Outcome::Succeeded,
            Err(_) if cancel.is_set() => Outcome::Stopped,
            Err(error) => Outcome::Failed(failure(&error, failures)),
        }
    }
}

fn failure(error: &CliError, failures: String) -> Failure {
    let kind = match error {
        CliError::CheckFailed => FailureKind::Check,
        CliError::Config { .. } | CliError::Usage { .. } => FailureKind::Config,
        CliError::Sources(_)
        | CliError::RunFailed
        | CliError::Run(_)
        | CliError::Store(_)
        | CliError::Backup(_)
        | CliError::Other { .. }
        | CliError::Cancelled
        | CliError::Stale => FailureKind::Transient,
    };
    let message = if failures.is_empty() { diagnostics::in_words(error) } else { failures };
    Failure { kind, message }
}
