//! `exec`: any program, told by one JSON file what to make.
//!
//! It is given Parquet files that hold exactly the windows of the sessions that it is to make, and nothing else of the store; so it can look
//! no further, whatever it does. What it writes is taken only if it is as declared.
//!
//! [`task`]: what it is told · [`process`]: it runs, and what it says meanwhile · [`result`]: what it has made

mod process;
mod result;
mod task;

use std::collections::BTreeMap;

use assetctl_config::{ColumnType, ExecSpec};
use assetctl_graph::Axis;
use chrono::NaiveDate;
use polars::prelude::DataFrame;

use self::process::Process;
use super::{Batch, Made, MakeError, Materializer, stacked};

/// Numbers that a program has said, by name.
type Metrics = BTreeMap<String, f64>;

pub struct Exec {
    pub spec: ExecSpec,
    /// Columns that identify a row within its session.
    pub key: Vec<String>,
    /// Besides `session`.
    pub columns: Vec<(String, ColumnType)>,
}

/// What one call has made.
struct Call {
    sessions: Vec<NaiveDate>,
    frame: DataFrame,
    metrics: Metrics,
}

impl Materializer for Exec {
    fn make(&self, batch: &Batch<'_>) -> Result<Made, MakeError> {
        let at_once = self.spec.batch.unwrap_or(1).max(1) as usize;
        let calls: Vec<&[NaiveDate]> = batch.sessions.chunks(at_once).collect();
        let workers = batch.threads.clamp(1, calls.len().max(1));
        let env = self.environment(batch)?;
        let is_secret =
            |(name, _): &(&String, &String)| self.spec.env.get(*name).is_some_and(|value| value.from().is_some());
        let secrets: Vec<String> = env.iter().filter(is_secret).map(|(_, value)| value.clone()).collect();
        // Several programs at once, each for its own sessions: which of them runs when changes nothing.
        let shares: Vec<&[&[NaiveDate]]> = calls.chunks(calls.len().div_ceil(workers).max(1)).collect();
        let made: Vec<(Vec<Call>, Option<MakeError>)> = std::thread::scope(|scope| {
            let running: Vec<_> = shares
                .into_iter()
                .map(|share| {
                    let (env, secrets) = (&env, &secrets);
                    scope.spawn(move || self.calls(batch, share, env, secrets))
                })
                .collect();
            let gone = || {
                let stopped = std::io::Error::other("a program's thread stopped unexpectedly");
                (Vec::new(), Some(MakeError::Io(stopped)))
            };
            running.into_iter().map(|worker| worker.join().unwrap_or_else(|_| gone())).collect()
        });
        let (mut frames, mut metrics, mut sessions, mut failed) = (Vec::new(), Metrics::new(), Vec::new(), None);
        for (calls, error) in made {
            for call in calls {
                sessions.extend(call.sessions);
                frames.push(call.frame);
                metrics.extend(call.metrics);
            }
            failed = failed.or(error);
        }
        match failed {
            // Whoever cancels wants no more of it.
            Some(MakeError::Cancelled) => Err(MakeError::Cancelled),
            Some(error) if sessions.is_empty() => Err(error),
            failed => Ok(Made {
                frame: stacked(frames)?,
                sessions,
                key: self.key.clone(),
                metrics,
                failed,
                ..Made::default()
            }),
        }
    }

    fn columns(&self) -> usize {
        self.columns.len() + 1
    }
}

impl Exec {
    /// The variables that the asset declares. What is secret of them stays here and in the program.
    fn environment(&self, batch: &Batch<'_>) -> Result<BTreeMap<String, String>, MakeError> {
        let read = |(name, value): (&String, &assetctl_config::Secret)| match value.read(&batch.asset.base) {
            Ok(value) => Ok((name.clone(), value)),
            Err(error) => Err(refuse(batch, None, format!("`env.{name}`: {error}"))),
        };
        self.spec.env.iter().map(read).collect()
    }

    /// One call after the other, as far as to the first that fails.
    fn calls(
        &self,
        batch: &Batch<'_>,
        share: &[&[NaiveDate]],
        env: &BTreeMap<String, String>,
        secrets: &[String],
    ) -> (Vec<Call>, Option<MakeError>) {
        let mut calls = Vec::new();
        for sessions in share {
            match self.call(batch, sessions, env, secrets) {
                Ok((frame, metrics)) => calls.push(Call { sessions: sessions.to_vec(), frame, metrics }),
                Err(error) => return (calls, Some(error)),
            }
        }
        (calls, None)
    }

    /// One call of the program, for some sessions.
    fn call(
        &self,
        batch: &Batch<'_>,
        sessions: &[NaiveDate],
        env: &BTreeMap<String, String>,
        secrets: &[String],
    ) -> Result<(DataFrame, Metrics), MakeError> {
        batch.check_cancel()?;
        let folder = tempfile::tempdir()?;
        let task = task::write(self, batch, sessions, folder.path())?;
        let process = Process { command: &self.spec.command, folder: &batch.asset.base, env, secrets, task: &task };
        let said = process.run(batch)?;
        let first = sessions.first().copied().filter(|_| batch.node.axis == Axis::Session);
        if let Some(complaint) = said.complaint {
            return Err(refuse(batch, first, complaint));
        }
        let frame = result::read(self, batch, sessions, folder.path());
        Ok((frame.map_err(|message| refuse(batch, first, message))?, said.metrics))
    }
}

fn refuse(batch: &Batch<'_>, session: Option<NaiveDate>, message: String) -> MakeError {
    MakeError::Exec { asset: batch.node.name.clone(), session, message }
}
