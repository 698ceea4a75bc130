//! What jobs select, against the graph: the part of their validation that needs one.

use std::collections::BTreeMap;

use assetctl_config::{Diagnostic, Job, JobSpec, Loc, OneOrMany, Project, VarValue};
use assetctl_graph::Graph;

use crate::job::select_assets;

/// Everything that is wrong with what jobs select, also with the values that schedules and sensors give them.
pub fn check(project: &Project, graph: &Graph) -> Vec<Diagnostic> {
    let schedules = &project.schedules;
    let mut problems = Vec::new();
    for job in &schedules.jobs {
        selection(graph, job, &job.spec, None, &mut problems);
    }
    let of_schedules = schedules.schedules.iter().map(|one| (&one.spec.job, &one.vars, one.locate(&["vars"])));
    let of_sensors = schedules.sensors.iter().map(|one| (&one.spec.job, &one.vars, one.locate(&["vars"])));
    for (job, vars, loc) in of_schedules.chain(of_sensors) {
        with_values(project, graph, job, vars, loc, &mut problems);
    }
    Diagnostic::sort(&mut problems);
    problems
}

fn with_values(
    project: &Project,
    graph: &Graph,
    job: &str,
    vars: &BTreeMap<String, VarValue>,
    loc: Loc,
    problems: &mut Vec<Diagnostic>,
) {
    let Some(job) = project.schedules.job(job).filter(|_| !vars.is_empty()) else { return };
    // What is wrong with them otherwise was said when they were read.
    if let Ok(spec) = project.schedules.resolve(job, vars) {
        selection(graph, job, &spec, Some(loc), problems);
    }
}

fn selection(graph: &Graph, job: &Job, spec: &JobSpec, values: Option<Loc>, problems: &mut Vec<Diagnostic>) {
    let texts = |written: &Option<OneOrMany>| written.iter().flat_map(OneOrMany::as_slice).cloned().collect();
    let (select, exclude): (Vec<String>, Vec<String>) = (texts(&spec.select), texts(&spec.exclude));
    let at = |path: &[&str]| values.clone().unwrap_or_else(|| job.locate(path));
    let before = problems.len();
    // One after the other, so that each is told at its own place.
    for (key, texts) in [("select", &select), ("exclude", &exclude)] {
        for (item, text) in texts.iter().enumerate() {
            let Err(error) = select_assets(graph, std::slice::from_ref(text), &[]) else { continue };
            let item = item.to_string();
            let path: &[&str] = if texts.len() > 1 { &[key, &item] } else { &[key] };
            let problem = Diagnostic::error(error.message).at(at(path), format!("in job `{}`", job.name));
            problems.push(match error.help {
                Some(help) => problem.help(help),
                None => problem,
            });
        }
    }
    if problems.len() > before {
        return;
    }
    if let Ok(Some(selected)) = select_assets(graph, &select, &exclude)
        && selected.is_empty()
    {
        let key = if exclude.is_empty() { "select" } else { "exclude" };
        problems.push(
            Diagnostic::error(format!("job `{}` selects no asset", job.name))
                .at(at(&[key]), "nothing is left")
                .help("`assetctl ls --select … --exclude …` shows what a selection holds"),
        );
    }
}
