//! The keys of `schedules.yaml` but for those of sensors: jobs, when they are due, how many run at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::telemetry::TelemetrySpec;
use super::timing::{Blackout, CatchUp, SessionWindow, Skip};
use super::{ApiSpec, OneOrMany};
use crate::duration::Span;
use crate::ordered::Ordered;

/// Top level of `schedules.yaml`, without its jobs, schedules and sensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SchedulesSpec {
    /// How many runs go on at once.
    pub concurrency: Concurrency,
    /// Where what the daemon does is told: traces and lineage.
    pub telemetry: TelemetrySpec,
    /// Where the daemon answers HTTP, and to whom.
    pub api: ApiSpec,
}

/// How many runs go on at once. Two of one job never do, unless it says so by its own `concurrency`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Concurrency {
    /// Of all jobs (default: 10).
    #[schemars(range(min = 1))]
    pub total: Option<u32>,
    /// Of jobs with a tag (default: any number).
    pub by_tag: Ordered<u32>,
    /// That fetch from a source: the name of an asset of kind `source` (default: any number).
    pub by_source: Ordered<u32>,
}

/// What a job does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobWork {
    /// Brings the selected assets, and what they need, up to date.
    #[default]
    Materialize,
    /// The same for a window of `sessions`.
    Backfill,
    /// Runs the checks of the selected assets on what is there.
    Check,
    /// Removes files that no kept snapshot needs.
    Gc,
}

impl JobWork {
    /// As written in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Materialize => "materialize",
            Self::Backfill => "backfill",
            Self::Check => "check",
            Self::Gc => "gc",
        }
    }
}

/// A named piece of work.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct JobSpec {
    /// One line for people.
    pub description: Option<String>,
    /// What the job does.
    pub work: JobWork,
    /// The assets, in the language of `--select` (default: all).
    pub select: Option<OneOrMany>,
    /// Assets to leave out, in the same language.
    pub exclude: Option<OneOrMany>,
    /// Values that a run may be given, each with its default; `${name}` stands for them anywhere in the job.
    pub vars: Ordered<JobVarSpec>,
    /// Of a backfill: ask the selected sources again, for these instruments alone; the rows of the others stay. Empty: nothing is asked
    /// for again.
    pub instruments: Vec<String>,
    /// Which sessions: `{ last: 60 }`, or `{ from: 2024-01-02, to: 2024-06-28 }`.
    pub sessions: Option<SessionWindow>,
    /// Leave out what the selected assets need.
    pub only: bool,
    /// Recompute every partition of the selected assets, stale or not.
    pub force: bool,
    /// Of a `gc`: keep what the newest runs saw (default 10).
    pub keep_runs: Option<u32>,
    /// Of a `gc`: keep what was current in the last so many days (default 7).
    pub keep_days: Option<u32>,
    /// Labels, by which `concurrency: by_tag` limits.
    pub tags: Vec<String>,
    /// How often a failed run is tried again: a number, or `{ times: 3, backoff: 1m }`.
    pub retries: Option<JobRetries>,
    /// How long a run may take.
    pub timeout: Option<Span>,
    /// Jobs that share a group, and how many of them run at once.
    pub concurrency: Option<JobGroup>,
    /// Of runs that wait, the highest goes first (default 0).
    pub priority: u32,
}

/// A variable of a job: its default, or more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum JobVarSpec {
    Declared(DeclaredVar),
    Many(Vec<String>),
    One(String),
}

/// A variable of a job with its type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeclaredVar {
    /// What it holds (default: as its default value looks).
    #[serde(rename = "type", default)]
    pub kind: Option<VarType>,
    /// Its value where none is given.
    pub default: OneOrMany,
    /// One line for people.
    #[serde(default)]
    pub description: Option<String>,
}

/// What a variable of a job holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VarType {
    Text,
    /// A whole number of at least 0.
    Whole,
    Number,
    Bool,
    Date,
    /// Texts; on the command line with commas between them.
    List,
}

impl VarType {
    /// As written in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Whole => "whole",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Date => "date",
            Self::List => "list",
        }
    }
}

/// How often a failed run is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum JobRetries {
    Times(u32),
    Backoff(JobBackoff),
}

/// How often, and after how long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobBackoff {
    pub times: u32,
    /// Before the first try again (default 1m); each next one waits twice as long.
    #[serde(default)]
    pub backoff: Option<Span>,
    /// The longest wait (default 1h).
    #[serde(default)]
    pub at_most: Option<Span>,
}

impl JobRetries {
    /// With what is not said filled in.
    pub fn backoff(&self) -> JobBackoff {
        let given = match self {
            Self::Times(times) => JobBackoff { times: *times, backoff: None, at_most: None },
            Self::Backoff(given) => *given,
        };
        JobBackoff {
            backoff: given.backoff.or(Some(Span::from_seconds(60))),
            at_most: given.at_most.or(Some(Span::from_seconds(3_600))),
            ..given
        }
    }
}

/// Jobs that share something scarce.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobGroup {
    /// The group's name.
    pub group: String,
    /// How many runs of the group go on at once (default 1).
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub limit: u32,
}

fn one() -> u32 {
    1
}

/// When a job is due: by a cron expression, or at an instant of each session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleSpec {
    /// The job.
    pub job: String,
    /// One line for people.
    #[serde(default)]
    pub description: Option<String>,
    /// Minute, hour, day of the month, month, day of the week: `0 9 * * 1-5`; with a sixth field before them, seconds.
    #[serde(default)]
    pub cron: Option<String>,
    /// The zone in which `cron` is meant: `Asia/Shanghai`.
    #[serde(default)]
    pub zone: Option<String>,
    /// An instant of each session of `calendar`: `session_close + 30m`, `session_open - 15m`.
    #[serde(default)]
    pub on: Option<String>,
    /// The calendar whose sessions count (default: the project's).
    #[serde(default)]
    pub calendar: Option<String>,
    /// `non_sessions`: no tick of `cron` on a date that is not a session.
    #[serde(default)]
    pub skip: Option<Skip>,
    /// What becomes of ticks that were missed: `all`, `last` (default) or `none`.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// How long after its time a tick still counts as not missed (default 5m).
    #[serde(default)]
    pub grace: Option<Span>,
    /// Which sessions a run of it is for, instead of the job's; `last` counts back from the instant at which the tick was due.
    #[serde(default)]
    pub backfill: Option<SessionWindow>,
    /// Times in which no tick runs. A tick within one waits for its end and counts as missed then.
    #[serde(default)]
    pub blackout: Vec<Blackout>,
    /// Nothing runs until `assetctl schedule resume`.
    #[serde(default)]
    pub paused: bool,
    /// Values for the job's variables.
    #[serde(default)]
    pub vars: Ordered<OneOrMany>,
}
