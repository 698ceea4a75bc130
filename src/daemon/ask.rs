//! A job → a request.

use std::collections::BTreeMap;

use assetctl_config::{JobWork, SessionWindow, VarValue};
use assetctl_schedule::{Claims, JobError, ResolvedJob, resolve};
use assetctl_store::{NewRequest, Origin};
use chrono::{DateTime, Utc};

use crate::outside::Declared;

/// Why, by whom, and for when a job is asked for.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    pub origin: Origin,
    /// The schedule, sensor or person.
    pub of: Option<&'a str>,
    pub why: String,
    /// Of a schedule: its tick.
    pub due: Option<DateTime<Utc>>,
    pub vars: &'a BTreeMap<String, VarValue>,
    /// In place of the job's sessions.
    pub window: Option<SessionWindow>,
    pub now: DateTime<Utc>,
}

/// The request for a job, with everything in it resolved: what is queued is what will run, whatever becomes of `schedules.yaml`
/// meanwhile. Assets are read anew when it runs.
///
/// # Errors
/// See [`JobError`]. `None` where there is no such job.
pub fn ask(declared: &Declared, job: &str, asked: Asked<'_>) -> Option<Result<NewRequest, JobError>> {
    let found = declared.project.schedules.job(job)?;
    let at = asked.due.unwrap_or(asked.now);
    let resolved = resolve(&declared.project, &declared.graph, found, asked.vars, asked.window, at);
    Some(resolved.map(|resolved| NewRequest {
        job: job.to_owned(),
        origin: asked.origin,
        of: asked.of.map(str::to_owned),
        due: asked.due,
        why: asked.why,
        priority: resolved.priority,
        claims: serde_json::to_value(claims(declared, &resolved)).unwrap_or_default(),
        resolved: serde_json::to_value(&resolved).unwrap_or_default(),
        retry_of: None,
        at: asked.now,
    }))
}

/// What a job takes a share of while it runs.
pub fn claims(declared: &Declared, job: &ResolvedJob) -> Claims {
    let graph = &declared.graph;
    let makes = matches!(job.work, JobWork::Materialize | JobWork::Backfill);
    let mut sources: Vec<String> = Vec::new();
    for (ix, node) in graph.nodes().iter().enumerate() {
        let is_selected = job.assets.as_ref().is_none_or(|assets| assets.contains(&node.name));
        if !makes || !is_selected {
            continue;
        }
        let read = if job.only { std::collections::BTreeSet::from([ix]) } else { graph.above(ix, None) };
        for source in read.into_iter().map(|ix| graph.node(ix)).filter(|node| node.is_external()) {
            if !sources.contains(&source.name) {
                sources.push(source.name.clone());
            }
        }
    }
    Claims { tags: job.tags.clone(), sources, group: job.concurrency.clone() }
}
