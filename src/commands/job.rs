//! `assetctl job`.

use assetctl_config::{Job, JobBackoff, JobWork, did_you_mean};
use assetctl_daemon::{Asked, Declared, ask};
use assetctl_schedule::{JobError, ResolvedJob};
use assetctl_store::Origin;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::materialize::Ended;
use super::{check, gc, materialize};
use crate::args::{self, Check, Dates, Gc, JobRun, JobShow, Running, Selecting};
use crate::context::{Context, Loaded, Wish};
use crate::error::CliError;
use crate::report::{self, table};

pub fn run(context: &Context, command: &args::Job) -> Result<(), CliError> {
    match command {
        args::Job::List => list(context),
        args::Job::Show(args) => {
            let job = resolved(&context.load()?, args, context.clock.now())?;
            report::result(context.format, &job, show)
        }
        args::Job::Run(JobRun { what, queue: true, .. }) => queue(context, what),
        args::Job::Run(JobRun { what, dry_run, running, .. }) => {
            let job = resolved(&context.load()?, what, context.clock.now())?;
            start(context, &job, running, *dry_run)?.outcome
        }
    }
}

/// `--format json`: what was queued.
#[derive(Serialize)]
struct Queued {
    request: u64,
    job: String,
    /// Whether somebody works the queue.
    daemon: bool,
}

fn queue(context: &Context, args: &JobShow) -> Result<(), CliError> {
    let loaded = context.load()?;
    let given = assetctl_schedule::given(find(&loaded, &args.job)?, &args.vars).map_err(wrong)?;
    let store = loaded.store()?;
    let declared = Declared { project: loaded.project, graph: loaded.graph };
    let who = assetctl_config::who();
    let asked = Asked {
        origin: Origin::Manual,
        of: who.as_deref(),
        why: format!("asked for by {}", who.as_deref().unwrap_or("somebody")),
        due: None,
        vars: &given,
        window: None,
        now: context.clock.now(),
    };
    let Some(request) = ask(&declared, &args.job, asked) else { return Ok(()) };
    let request = store.enqueue(&request.map_err(wrong)?)?;
    let queued = Queued { request, job: args.job.clone(), daemon: store.daemon()?.is_some() };
    report::result(context.format, &queued, |queued| {
        let waits = if queued.daemon { "" } else { "; nothing runs until `assetctl serve`" };
        format!("request {} runs job `{}`{waits}\n", queued.request, queued.job)
    })
}

/// `--format json`: a job as it is declared.
#[derive(Serialize)]
struct Listed<'a> {
    job: &'a str,
    work: JobWork,
    description: Option<&'a str>,
    select: Vec<String>,
    exclude: Vec<String>,
    vars: &'a [assetctl_config::JobVar],
    tags: &'a [String],
    /// Schedules and sensors that run it.
    by: Vec<&'a str>,
}

fn list(context: &Context) -> Result<(), CliError> {
    let loaded = context.load()?;
    let schedules = &loaded.project.schedules;
    let texts = |written: &Option<assetctl_config::OneOrMany>| {
        written.iter().flat_map(|texts| texts.as_slice()).cloned().collect::<Vec<String>>()
    };
    let listed: Vec<Listed<'_>> = schedules
        .jobs
        .iter()
        .map(|job| Listed {
            job: &job.name,
            work: job.spec.work,
            description: job.spec.description.as_deref(),
            select: texts(&job.spec.select),
            exclude: texts(&job.spec.exclude),
            vars: &job.vars,
            tags: &job.spec.tags,
            by: started_by(&loaded, job),
        })
        .collect();
    report::result(context.format, &listed, |listed| {
        if listed.is_empty() {
            return "no job is declared; docs/schedules.md says how\n".to_owned();
        }
        let mut shown = table::table(&["job", "work", "assets", "variables", "run by", "description"]);
        for job in listed {
            let vars: Vec<String> = job.vars.iter().map(|var| format!("{}={}", var.name, var.default)).collect();
            shown.add_row([
                job.job.to_owned(),
                job.work.name().to_owned(),
                selection(job.work, &job.select, &job.exclude),
                vars.join(" "),
                job.by.join(", "),
                job.description.unwrap_or_default().to_owned(),
            ]);
        }
        table::render(&shown)
    })
}

fn started_by<'a>(loaded: &'a Loaded, job: &Job) -> Vec<&'a str> {
    let schedules = &loaded.project.schedules;
    let by_schedules = schedules.schedules.iter().filter(|one| one.spec.job == job.name).map(|one| one.name.as_str());
    let by_sensors = schedules.sensors.iter().filter(|one| one.spec.job == job.name).map(|one| one.name.as_str());
    by_schedules.chain(by_sensors).collect()
}

fn selection(work: JobWork, select: &[String], exclude: &[String]) -> String {
    if work == JobWork::Gc {
        return String::new();
    }
    let selected = if select.is_empty() { "all".to_owned() } else { select.join(" ") };
    if exclude.is_empty() { selected } else { format!("{selected} but not {}", exclude.join(" ")) }
}

/// The job of that name.
fn find<'a>(loaded: &'a Loaded, name: &str) -> Result<&'a Job, CliError> {
    let schedules = &loaded.project.schedules;
    schedules.job(name).ok_or_else(|| {
        let known: Vec<&str> = schedules.jobs.iter().map(|job| job.name.as_str()).collect();
        let help = match did_you_mean(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.is_empty() => "jobs are declared in `schedules.yaml`, beside `assets.yaml`".to_owned(),
            None => format!("there are `{}`", known.join("`, `")),
        };
        CliError::usage(format!("there is no job `{name}`"), Some(&help))
    })
}

fn resolved(loaded: &Loaded, args: &JobShow, now: DateTime<Utc>) -> Result<ResolvedJob, CliError> {
    let job = find(loaded, &args.job)?;
    let given = assetctl_schedule::given(job, &args.vars).map_err(wrong)?;
    assetctl_schedule::resolve(&loaded.project, &loaded.graph, job, &given, None, now).map_err(wrong)
}

fn wrong(error: JobError) -> CliError {
    CliError::usage(error.to_string(), error.help().as_deref())
}

fn show(job: &ResolvedJob) -> String {
    let mut lines: Vec<(&str, String)> = vec![("job", job.job.clone())];
    let mut line =
        |key, value: Option<String>| lines.extend(value.filter(|text| !text.is_empty()).map(|text| (key, text)));
    line("description", job.description.clone());
    line("work", Some(job.work.name().to_owned()));
    for (name, value) in &job.vars {
        line("variable", Some(format!("{name} = {value}").trim_end().to_owned()));
    }
    line("select", Some(selection(job.work, &job.select, &job.exclude)));
    line("assets", job.assets.as_ref().filter(|_| job.work != JobWork::Gc).map(|assets| assets.join(", ")));
    line("sessions", sessions(job));
    line("instruments", Some(job.instruments.join(", ")));
    line("only", job.only.then(|| "without what the selected assets need".to_owned()));
    line("force", job.force.then(|| "every partition, stale or not".to_owned()));
    line("keep", job.keep_runs.map(|runs| format!("what the newest {} saw", table::count(runs, "run"))));
    line("keep", job.keep_days.map(|days| format!("what was current in the last {}", table::count(days, "day"))));
    line("tags", Some(job.tags.join(", ")));
    line("priority", (job.priority > 0).then(|| job.priority.to_string()));
    line("retries", job.retries.as_ref().map(retries));
    line("timeout", job.timeout.map(|timeout| timeout.to_string()));
    line("group", job.concurrency.as_ref().map(|group| format!("{}, at most {} at once", group.group, group.limit)));
    let width = lines.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    lines.iter().map(|(key, value)| format!("{key:width$}  {value}\n")).collect()
}

fn sessions(job: &ResolvedJob) -> Option<String> {
    match (job.from, job.to) {
        (Some(from), Some(to)) if from == to => Some(from.to_string()),
        (Some(from), Some(to)) => Some(format!("{from}…{to}")),
        (Some(from), None) => Some(format!("from {from} on")),
        (None, _) => None,
    }
}

fn retries(retries: &JobBackoff) -> String {
    let first = retries.backoff.map(|first| format!(", after {first} at first")).unwrap_or_default();
    let most = retries.at_most.map(|most| format!(" and {most} at most")).unwrap_or_default();
    format!("{}{first}{most}", table::count(retries.times, "time"))
}

/// Runs a job once, now: the same way as the command that it stands for.
pub fn start(context: &Context, job: &ResolvedJob, running: &Running, dry_run: bool) -> Result<Ended, CliError> {
    let selecting = Selecting { select: job.select.clone(), exclude: job.exclude.clone() };
    let dates = Dates { from: job.from, to: job.to };
    match job.work {
        JobWork::Materialize | JobWork::Backfill => {
            let again = !job.instruments.is_empty();
            let wish = Wish { selecting: &selecting, dates, only: job.only, force: job.force, again };
            let running = Running { instruments: job.instruments.clone(), ..running.clone() };
            materialize::start(context, &wish, &running, dry_run)
        }
        JobWork::Check if dry_run => {
            Err(CliError::usage("a job that checks has no plan", Some("`assetctl job show` tells what it would do")))
        }
        JobWork::Check => {
            let args = Check { selecting, dates, look_ahead: false, sessions: std::num::NonZeroUsize::MIN };
            check::run(context, &args).map(Ended::without_failures)
        }
        JobWork::Gc => {
            let default = args::GC_DEFAULTS;
            let args = Gc {
                keep_runs: job.keep_runs.unwrap_or(default.0),
                keep_days: job.keep_days.unwrap_or(default.1),
                forget_revisions: false,
                dry_run,
            };
            gc::run(context, &args).map(Ended::without_failures)
        }
    }
}
