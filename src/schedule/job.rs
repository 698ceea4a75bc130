//! A job with its variables → what there is to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assetctl_calendar::{Calendar, CalendarError};
use assetctl_config::{
    Diagnostic, Job, JobBackoff, JobGroup, JobRetries, JobWork, OneOrMany, Project, SessionWindow, Span, VarError,
    VarValue, did_you_mean,
};
use assetctl_graph::{Axis, Graph, SelectError, Selection};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use crate::occurrences::zone_of;

/// A job as it would run at an instant: nothing in it stands for anything else any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResolvedJob {
    pub job: String,
    pub description: Option<String>,
    #[schema(value_type = String)]
    pub work: JobWork,
    /// In the language of `--select`; empty for all.
    pub select: Vec<String>,
    pub exclude: Vec<String>,
    /// What they select, in the order written; `None` where it takes a plan to say (`state:`).
    pub assets: Option<Vec<String>>,
    /// Every variable with its value.
    #[schema(value_type = Object)]
    pub vars: BTreeMap<String, VarValue>,
    /// Of sources that are asked again, who is asked for; empty for all.
    pub instruments: Vec<String>,
    /// First and last session; `None` for all that are stale.
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub only: bool,
    pub force: bool,
    pub keep_runs: Option<u32>,
    pub keep_days: Option<u32>,
    pub tags: Vec<String>,
    #[schema(value_type = Option<Object>)]
    pub retries: Option<JobBackoff>,
    #[schema(value_type = Option<String>)]
    pub timeout: Option<Span>,
    #[schema(value_type = Option<Object>)]
    pub concurrency: Option<JobGroup>,
    pub priority: u32,
}

/// Why a job cannot be resolved.
#[derive(Debug, Error)]
pub enum JobError {
    #[error("job `{job}` has no variable `{name}`")]
    UnknownVar { job: String, name: String, help: String },
    #[error(transparent)]
    Var(#[from] VarError),
    /// With these values the job has mistakes.
    #[error("with these values, job `{job}` is wrong: {}", problems.first().map_or("", |problem| problem.message.as_str()))]
    Wrong { job: String, problems: Vec<Diagnostic> },
    #[error("job `{job}`: {error}")]
    Select { job: String, error: SelectError },
    /// How far a window of sessions reaches is not known.
    #[error("job `{job}`: {error}")]
    Calendar { job: String, error: CalendarError },
}

impl JobError {
    /// What to do.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::UnknownVar { help, .. } => Some(help.clone()),
            Self::Wrong { problems, .. } => problems.first().and_then(|problem| problem.help.first().cloned()),
            Self::Select { error, .. } => error.help.clone(),
            Self::Var(_) | Self::Calendar { .. } => None,
        }
    }
}

/// A job with values for its variables, given as texts on the command line.
///
/// # Errors
/// A value is for no variable of the job, or is not of its type.
pub fn given(job: &Job, texts: &[(String, String)]) -> Result<BTreeMap<String, VarValue>, JobError> {
    let mut values = BTreeMap::new();
    for (name, text) in texts {
        let Some(var) = job.vars.iter().find(|var| var.name == *name) else {
            return Err(unknown(job, name));
        };
        values.insert(name.clone(), var.value(text)?);
    }
    Ok(values)
}

fn unknown(job: &Job, name: &str) -> JobError {
    let known: Vec<&str> = job.vars.iter().map(|var| var.name.as_str()).collect();
    let help = match did_you_mean(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => format!("it has none; declare it under `vars:` of job `{}`", job.name),
        None => format!("it has `{}`", known.join("`, `")),
    };
    JobError::UnknownVar { job: job.name.clone(), name: name.to_owned(), help }
}

/// A job as it runs for a tick that was due `at`, or for one who starts it then. `window` stands for the job's own sessions.
///
/// # Errors
/// See [`JobError`].
pub fn resolve(
    project: &Project,
    graph: &Graph,
    job: &Job,
    given: &BTreeMap<String, VarValue>,
    window: Option<SessionWindow>,
    at: DateTime<Utc>,
) -> Result<ResolvedJob, JobError> {
    let name = || job.name.clone();
    let spec = project.schedules.resolve(job, given).map_err(|problems| JobError::Wrong { job: name(), problems })?;
    let (select, exclude) = (words(spec.select.as_ref()), words(spec.exclude.as_ref()));
    let selected = select_assets(graph, &select, &exclude).map_err(|error| JobError::Select { job: name(), error })?;
    let window = window.or(spec.sessions);
    let (from, to) = match window {
        None => (None, None),
        Some(SessionWindow { last: Some(count), .. }) => {
            let calendars = calendars(graph, selected.as_ref());
            let (from, to) = last(&calendars, count, at).map_err(|error| JobError::Calendar { job: name(), error })?;
            (from, to)
        }
        Some(SessionWindow { from, to, .. }) => (from, to),
    };
    let value = |var: &assetctl_config::JobVar| given.get(&var.name).unwrap_or(&var.default).clone();
    Ok(ResolvedJob {
        job: name(),
        description: spec.description,
        // A window makes a backfill of what has none by itself.
        work: if spec.work == JobWork::Materialize && window.is_some() { JobWork::Backfill } else { spec.work },
        select,
        exclude,
        assets: selected.map(|selected| selected.iter().map(|ix| graph.node(*ix).name.clone()).collect()),
        vars: job.vars.iter().map(|var| (var.name.clone(), value(var))).collect(),
        instruments: spec.instruments,
        from,
        to,
        only: spec.only,
        force: spec.force,
        keep_runs: spec.keep_runs,
        keep_days: spec.keep_days,
        tags: spec.tags,
        retries: spec.retries.as_ref().map(JobRetries::backoff),
        timeout: spec.timeout,
        concurrency: spec.concurrency,
        priority: spec.priority,
    })
}

fn words(written: Option<&OneOrMany>) -> Vec<String> {
    let texts = written.map_or(&[] as &[String], OneOrMany::as_slice);
    texts.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect()
}

/// What a job selects; `None` where it takes a plan to say.
pub(crate) fn select_assets(
    graph: &Graph,
    select: &[String],
    exclude: &[String],
) -> Result<Option<BTreeSet<usize>>, SelectError> {
    let (selection, excluded) = (Selection::parse(&select.join(" "))?, Selection::parse(&exclude.join(" "))?);
    let nothing = |_| Vec::new();
    let mut selected = selection.resolve(graph, &nothing)?;
    if !exclude.is_empty() {
        let excluded = excluded.resolve(graph, &nothing)?;
        selected.retain(|ix| !excluded.contains(ix));
    }
    Ok((!selection.needs_state() && !excluded.needs_state()).then_some(selected))
}

/// The calendars of the selected assets that have sessions, each once.
fn calendars<'a>(graph: &'a Graph, selected: Option<&BTreeSet<usize>>) -> Vec<&'a Arc<Calendar>> {
    let mut calendars: Vec<&Arc<Calendar>> = Vec::new();
    for (ix, node) in graph.nodes().iter().enumerate() {
        let is_selected = selected.is_none_or(|selected| selected.contains(&ix));
        let is_new = calendars.iter().all(|known| known.name() != node.calendar.name());
        if is_selected && is_new && node.axis == Axis::Session {
            calendars.push(&node.calendar);
        }
    }
    calendars
}

/// From the earliest to the latest date of the newest `count` sessions of these calendars that had closed.
fn last(
    calendars: &[&Arc<Calendar>],
    count: u32,
    at: DateTime<Utc>,
) -> Result<(Option<NaiveDate>, Option<NaiveDate>), CalendarError> {
    let (mut from, mut to): (Option<NaiveDate>, Option<NaiveDate>) = (None, None);
    for calendar in calendars {
        // Past its end a calendar would pass its last session for the newest.
        calendar.at_or_before(at.with_timezone(&zone_of(calendar)).date_naive())?;
        let Some(newest) = calendar.last_closed_by(at) else { continue };
        let oldest = assetctl_calendar::SessionIx(newest.0.saturating_sub(count.saturating_sub(1)));
        let (first, last) = (calendar.date(oldest).date(), calendar.date(newest).date());
        from = Some(from.map_or(first, |known| known.min(first)));
        to = Some(to.map_or(last, |known| known.max(last)));
    }
    Ok((from, to))
}
