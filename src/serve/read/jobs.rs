//! Jobs: as they are declared, as they would run, and put into the queue.

use std::collections::BTreeMap;

use assetctl_config::{Job, JobVar, OneOrMany, SessionWindow, VarValue};
use assetctl_daemon::{Asked, Declared, ask, claims};
use assetctl_schedule::{JobError, ResolvedJob};
use assetctl_store::{NewRequest, Origin, Store};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{ReadError, unknown};
use super::view::{View, Wish};

/// A job as it is declared.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ListedJob {
    pub job: String,
    /// `materialize`, `backfill`, `check`, `gc`.
    #[schema(value_type = String)]
    pub work: assetctl_config::JobWork,
    pub description: Option<String>,
    /// With every variable at its default.
    pub select: Vec<String>,
    pub exclude: Vec<String>,
    pub vars: Vec<ListedVar>,
    pub tags: Vec<String>,
    /// Schedules and sensors that run it.
    pub by: Vec<String>,
}

/// A variable of a job.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ListedVar {
    pub name: String,
    /// `text`, `whole`, `number`, `bool`, `date`, `list`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// A text, or of a list a list of texts.
    #[schema(value_type = serde_json::Value)]
    pub default: VarValue,
    pub description: Option<String>,
}

/// What was queued.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Queued {
    pub request: u64,
    pub job: String,
    /// Whether somebody works the queue.
    pub daemon: bool,
}

/// Who puts something into the queue.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    pub origin: Origin,
    pub who: Option<&'a str>,
    pub now: DateTime<Utc>,
}

impl<'a> View<'a> {
    /// Every job, in the order written.
    pub fn jobs(self) -> Vec<ListedJob> {
        let texts = |written: &Option<OneOrMany>| {
            written.iter().flat_map(|texts| texts.as_slice()).cloned().collect::<Vec<String>>()
        };
        let var = |var: &JobVar| ListedVar {
            name: var.name.clone(),
            kind: var.kind.name(),
            default: var.default.clone(),
            description: var.description.clone(),
        };
        let listed = |job: &Job| ListedJob {
            job: job.name.clone(),
            work: job.spec.work,
            description: job.spec.description.clone(),
            select: texts(&job.spec.select),
            exclude: texts(&job.spec.exclude),
            vars: job.vars.iter().map(var).collect(),
            tags: job.spec.tags.clone(),
            by: self.started_by(job),
        };
        self.project.schedules.jobs.iter().map(listed).collect()
    }

    fn started_by(self, job: &Job) -> Vec<String> {
        let schedules = &self.project.schedules;
        let by_schedules =
            schedules.schedules.iter().filter(|one| one.spec.job == job.name).map(|one| one.name.clone());
        let by_sensors = schedules.sensors.iter().filter(|one| one.spec.job == job.name).map(|one| one.name.clone());
        by_schedules.chain(by_sensors).collect()
    }

    /// The job of that name.
    pub fn job(self, name: &str) -> Result<&'a Job, ReadError> {
        let schedules = &self.project.schedules;
        schedules.job(name).ok_or_else(|| {
            let known: Vec<&str> = schedules.jobs.iter().map(|job| job.name.as_str()).collect();
            unknown("job", name, &known)
        })
    }

    /// A job as it runs for an instant. `window` stands for the job's own sessions.
    pub fn resolved(
        self,
        job: &Job,
        given: &BTreeMap<String, VarValue>,
        window: Option<SessionWindow>,
        at: DateTime<Utc>,
    ) -> Result<ResolvedJob, ReadError> {
        assetctl_schedule::resolve(self.project, self.graph, job, given, window, at).map_err(wrong)
    }
}

/// Puts a job into the queue, with these texts for its variables.
pub fn queue_job(
    declared: &Declared,
    store: &Store,
    name: &str,
    vars: &[(String, String)],
    asker: Asker<'_>,
) -> Result<Queued, ReadError> {
    let job = View::from(declared).job(name)?;
    let given = given(job, vars)?;
    let asked = Asked {
        origin: asker.origin,
        of: asker.who,
        why: format!("asked for by {}", asker.who.unwrap_or("somebody")),
        due: None,
        vars: &given,
        window: None,
        now: asker.now,
    };
    match ask(declared, name, asked) {
        Some(request) => queued(store, &request.map_err(wrong)?),
        None => Err(unknown("job", name, &[])),
    }
}

/// Puts a request into the queue.
fn queued(store: &Store, request: &NewRequest) -> Result<Queued, ReadError> {
    let id = store.enqueue(request)?;
    Ok(Queued { request: id, job: request.job.clone(), daemon: store.daemon()?.is_some() })
}

/// Texts as values of a job's variables.
pub fn given(job: &Job, texts: &[(String, String)]) -> Result<BTreeMap<String, VarValue>, ReadError> {
    assetctl_schedule::given(job, texts).map_err(wrong)
}

fn wrong(error: JobError) -> ReadError {
    ReadError::Wrong { message: error.to_string(), help: error.help() }
}

/// Puts work on assets into the queue that no job declares. It is called after what it does: `api:materialize`.
pub fn queue_work(
    declared: &Declared,
    store: &Store,
    work: assetctl_config::JobWork,
    wish: &Wish<'_>,
    asker: Asker<'_>,
) -> Result<Queued, ReadError> {
    let view = View::from(declared);
    let selected = view.select_by_state(wish.select, wish.exclude, Some(store), asker.now)?;
    let job = ResolvedJob {
        job: format!("api:{}", work.name()),
        description: None,
        work,
        select: wish.select.to_vec(),
        exclude: wish.exclude.to_vec(),
        assets: Some(selected.iter().map(|ix| view.graph.node(*ix).name.clone()).collect()),
        vars: BTreeMap::new(),
        instruments: Vec::new(),
        from: wish.from,
        to: wish.to,
        only: wish.only,
        force: wish.force,
        keep_runs: None,
        keep_days: None,
        tags: Vec::new(),
        retries: None,
        timeout: None,
        concurrency: None,
        priority: 0,
    };
    let resolved = serde_json::to_value(&job).map_err(ReadError::other("writing a request"))?;
    let claims = serde_json::to_value(claims(declared, &job)).map_err(ReadError::other("writing a request"))?;
    queued(
        store,
        &NewRequest {
            job: job.job,
            resolved,
            origin: asker.origin,
            of: asker.who.map(str::to_owned),
            due: None,
            why: format!("asked for by {}", asker.who.unwrap_or("somebody")),
            priority: job.priority,
            claims,
            retry_of: None,
            at: asker.now,
        },
    )
}
