//! `assetctl runs`.

use assetctl_serve::{COUNTED, JobStatistics, statistics};
use assetctl_store::{RunDetail, RunId, RunRow};
use chrono::{DateTime, Utc};

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
