//! `assetctl job` and `assetctl schedule`.

use std::num::NonZeroUsize;

use chrono::NaiveDate;
use clap::{Args, Subcommand};

use super::Running;

#[derive(Debug, Subcommand)]
pub enum Job {
    /// List the jobs of schedules.yaml
    List,
    /// Show what a job would do now, with everything in it resolved
    Show(JobShow),
    /// Run a job now
    Run(JobRun),
}

#[derive(Debug, Args)]
pub struct JobShow {
    /// The job
    pub job: String,
    /// A value for one of its variables: `days_back=60`, `target=000001.XSHE,000002.XSHE`; may be given several times
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = var)]
    pub vars: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub struct JobRun {
    #[command(flatten)]
    pub what: JobShow,
    /// Show the plan and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Put it into the queue for the daemon, with its retries, timeout and limits, and do not wait for it
    #[arg(long, conflicts_with = "dry_run")]
    pub queue: bool,
    #[command(flatten)]
    pub running: Running,
}

#[derive(Debug, Subcommand)]
pub enum Schedule {
    /// List schedules and sensors: when they run what, and when next
    List,
    /// Show the next times at which jobs run
    Next(ScheduleNext),
    /// Show every tick between two dates and what becomes of it
    Preview(SchedulePreview),
    /// Let nothing of a schedule or sensor run until it is resumed
    Pause(SchedulePause),
    /// Let a paused schedule or sensor go on
    Resume(SchedulePause),
    /// Show what became of ticks, the newest first
    History(ScheduleHistory),
    /// Decide what has become due, record it, and run it
    Tick(ScheduleTick),
}

#[derive(Debug, Args)]
pub struct ScheduleNext {
    /// Schedules [default: all]
    pub names: Vec<String>,
    /// How many times
    #[arg(long, short = 'n', default_value = "10", value_name = "N")]
    pub count: NonZeroUsize,
}

#[derive(Debug, Args)]
pub struct SchedulePreview {
    /// Schedules [default: all]
    pub names: Vec<String>,
    /// First date, in each schedule's zone [default: today]
    #[arg(long, value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// Last date [default: a week after the first]
    #[arg(long, value_name = "DATE")]
    pub to: Option<NaiveDate>,
}

#[derive(Debug, Args)]
pub struct SchedulePause {
    /// The schedule or sensor
    pub name: String,
    /// Why, for who looks later
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}

#[derive(Debug, Args)]
pub struct ScheduleHistory {
    /// The schedule [default: all]
    pub name: Option<String>,
    /// How many ticks
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
    pub limit: u32,
}

#[derive(Debug, Args)]
pub struct ScheduleTick {
    /// Only say what is due; record nothing, run nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub running: Running,
}

/// `name=value`.
fn var(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("say `name=value`".to_owned()),
    }
}
