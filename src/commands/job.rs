//! `assetctl job`.

use assetctl_config::{JobBackoff, JobWork};
use assetctl_daemon::Declared;
use assetctl_schedule::ResolvedJob;
use assetctl_serve::Asker;
use assetctl_store::Origin;
use chrono::{DateTime, Utc};

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

fn queue(context: &Context, args: &JobShow) -> Result<(), CliError> {
    let loaded = context.load()?;
    let store = loaded.store()?;
    let declared = Declared { project: loaded.project, graph: loaded.graph };
    let who = assetctl_config::who();
    let asker = Asker { origin: Origin::Manual, who: who.as_deref(), now: context.clock.now() };
    let queued = assetctl_serve::queue_job(&declared, &store, &args.job, &args.vars, asker)?;
    report::result(context.format, &queued, |queued| {
        let waits = if queued.daemon { "" } else { "; nothing runs until `assetctl serve`" };
        format!("request {} runs job `{}`{waits}\n", queued.request, queued.job)
    })
}

fn list(context: &Context) -> Result<(), CliError> {
    let listed = context.load()?.view().jobs();
    report::result(context.format, &listed, |listed| {
        if listed.is_empty() {
            return "no job is declared; docs/schedules.md says how\n".to_owned();
        }
        let mut shown = table::table(&["job", "work", "assets", "variables", "run by", "description"]);
        for job in listed {
            let vars: Vec<String> = job.vars.iter().map(|var| format!("{}={}", var.name, var.default)).collect();
            shown.add_row([
                job.job.clone(),
                job.work.name().to_owned(),
                selection(job.work, &job.select, &job.exclude),
                vars.join(" "),
                job.by.join(", "),
                job.description.clone().unwrap_or_default(),
            ]);
        }
        table::render(&shown)
    })
}

fn selection(work: JobWork, select: &[String], exclude: &[String]) -> String {
    if work == JobWork::Gc {
        return String::new();
    }
    let selected = if select.is_empty() { "all".to_owned() } else { select.join(" ") };
    if exclude.is_empty() { selected } else { format!("{selected} but not {}", exclude.join(" ")) }
}

fn resolved(loaded: &Loaded, args: &JobShow, now: DateTime<Utc>) -> Result<ResolvedJob, CliError> {
    let job = loaded.view().job(&args.job)?;
    let given = assetctl_serve::given(job, &args.vars)?;
    Ok(loaded.view().resolved(job, &given, None, now)?)
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
                keep_history: args::KEEP_HISTORY,
                forget_revisions: false,
                dry_run,
            };
            gc::run(context, &args).map(Ended::without_failures)
        }
    }
}
