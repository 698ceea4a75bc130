//! `assetctl runs`.

use std::collections::BTreeMap;

use assetctl_store::{RequestRow, RequestStatus, RunDetail, RunId, RunRow};
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::args::Runs;
use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, table, table::count};

pub fn run(context: &Context, args: &Runs) -> Result<(), CliError> {
    let loaded = context.load()?;
    let store = loaded.existing_store()?;
    if args.stats {
        let ended = match &store {
            Some(store) => store.ended_requests(COUNTED)?,
            None => Vec::new(),
        };
        return report::result(context.format, &statistics(&ended), |jobs| of_jobs(jobs));
    }
    match args.run {
        Some(id) => {
            let found = match &store {
                Some(store) => store.run(RunId(id))?,
                None => None,
            };
            let detail = found
                .ok_or_else(|| CliError::usage(format!("there is no run {id}"), Some("`assetctl runs` lists them")))?;
            report::result(context.format, &detail, show)
        }
        None => {
            let rows = match &store {
                Some(store) => store.runs(args.limit as usize)?,
                None => Vec::new(),
            };
            report::result(context.format, &rows, |rows| list(rows))
        }
    }
}

/// Of so many requests that ended last, statistics are made.
const COUNTED: usize = 10_000;

/// `--stats --format json`: how the requests of a job have ended.
#[derive(Debug, PartialEq, Serialize)]
struct JobStatistics {
    job: String,
    succeeded: u32,
    failed: u32,
    cancelled: u32,
    /// Of those that succeeded or failed; `null` where there is none.
    success_rate: Option<f64>,
    /// How often an attempt failed and was followed by another.
    retries: u32,
    /// Of those that succeeded, how long the last attempt took.
    median_seconds: Option<f64>,
    p95_seconds: Option<f64>,
    longest_seconds: Option<f64>,
    /// How long the newest of them took, the newest first.
    newest_seconds: Vec<f64>,
    last: Option<DateTime<Utc>>,
}

/// By job. `ended` has the newest first.
fn statistics(ended: &[RequestRow]) -> Vec<JobStatistics> {
    let mut by_job: BTreeMap<&str, Vec<&RequestRow>> = BTreeMap::new();
    for row in ended {
        by_job.entry(&row.job).or_default().push(row);
    }
    by_job
        .into_iter()
        .map(|(job, rows)| {
            let of = |status| rows.iter().filter(move |row| row.status == status);
            let count = |status| of(status).count() as u32;
            let took: Vec<f64> = of(RequestStatus::Succeeded).filter_map(|row| seconds(row)).collect();
            let mut sorted = took.clone();
            sorted.sort_by(f64::total_cmp);
            // The nearest rank.
            let rank = |part: f64| {
                let at = (part * sorted.len() as f64).ceil() as usize;
                sorted.get(at.saturating_sub(1)).copied()
            };
            let (succeeded, failed) = (count(RequestStatus::Succeeded), count(RequestStatus::Failed));
            let judged = succeeded + failed;
            JobStatistics {
                job: job.to_owned(),
                succeeded,
                failed,
                cancelled: count(RequestStatus::Cancelled),
                success_rate: (judged > 0).then(|| f64::from(succeeded) / f64::from(judged)),
                retries: rows.iter().map(|row| row.attempt.saturating_sub(1)).sum(),
                median_seconds: rank(0.5),
                p95_seconds: rank(0.95),
                longest_seconds: sorted.last().copied(),
                newest_seconds: took.into_iter().take(10).collect(),
                last: rows.first().and_then(|row| row.finished_at),
            }
        })
        .collect()
}

fn seconds(row: &RequestRow) -> Option<f64> {
    Some((row.finished_at? - row.started_at?).num_milliseconds() as f64 / 1000.0)
}

fn of_jobs(jobs: &[JobStatistics]) -> String {
    if jobs.is_empty() {
        return "no request has ended yet\n".into();
    }
    let mut shown = table::table(&[
        "job",
        "succeeded#",
        "failed#",
        "cancelled#",
        "rate#",
        "retries#",
        "median s#",
        "p95 s#",
        "last",
    ]);
    let number = |value: Option<f64>| value.map(|value| format!("{value:.1}")).unwrap_or_default();
    for job in jobs {
        shown.add_row([
            job.job.clone(),
            job.succeeded.to_string(),
            job.failed.to_string(),
            job.cancelled.to_string(),
            job.success_rate.map(|rate| format!("{:.1} %", rate * 100.0)).unwrap_or_default(),
            job.retries.to_string(),
            number(job.median_seconds),
            number(job.p95_seconds),
            job.last.map(instant).unwrap_or_default(),
        ]);
    }
    table::render(&shown)
}

fn list(rows: &[RunRow]) -> String {
    if rows.is_empty() {
        return "nothing was ever run here\n".into();
    }
    let mut shown = table::table(&["run#", "status", "started", "took#", "assets#", "changed#", "command"]);
    for row in rows {
        shown.add_row([
            row.id.0.to_string(),
            row.status.name().to_owned(),
            instant(row.started_at),
            took(row),
            row.assets.to_string(),
            table::thousands(row.changed),
            row.command.clone(),
        ]);
    }
    table::render(&shown)
}

fn show(detail: &RunDetail) -> String {
    let run = &detail.run;
    let mut text = format!(
        "run {}: {}\n  {}\n  started {}, took {}\n",
        run.id.0,
        run.status.name(),
        run.command,
        instant(run.started_at),
        took(run)
    );
    if let Some(end) = run.end_rev {
        text.push_str(&format!("  revisions {}…{end}\n", run.start_rev));
    }
    let mut shown = table::table(&["asset", "outcome", "planned#", "ran#", "changed#", "rows#", "seconds#"]);
    for asset in &detail.assets {
        shown.add_row([
            asset.asset.clone(),
            asset.status.name().to_owned(),
            asset.planned.to_string(),
            asset.ran.len().to_string(),
            asset.changed.to_string(),
            table::thousands(asset.rows),
            format!("{:.2}", asset.seconds),
        ]);
    }
    text.push('\n');
    text.push_str(&table::render(&shown));
    for asset in &detail.assets {
        if let Some(error) = &asset.error {
            text.push_str(&format!("\n{}: {error}\n", asset.asset));
        }
    }
    if !detail.checks.is_empty() {
        text.push_str(&format!("\n{}:\n", count(detail.checks.len() as u64, "failed check")));
        for check in &detail.checks {
            text.push_str(&format!(
                "  {}@{} {} ({}): {}\n",
                check.asset, check.session, check.check, check.severity, check.message
            ));
        }
    }
    text
}

fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn took(run: &RunRow) -> String {
    match run.finished_at {
        Some(end) => format!("{:.1} s", (end - run.started_at).num_milliseconds() as f64 / 1000.0),
        None => "…".into(),
    }
}
