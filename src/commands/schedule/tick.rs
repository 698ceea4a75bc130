//! `assetctl schedule tick`: what has become due is decided, recorded, and run. For who has another program call this one every minute.

use assetctl_config::{Schedule, VarValue};
use assetctl_daemon::tick_row;
use assetctl_schedule::{Decision, ResolvedJob, ScheduleState, due};
use assetctl_serve::local;
use assetctl_store::{Store, TickRow};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::tell::{Told, tell};
use super::{switches, warn_of_unknown};
use crate::args::{Format, ScheduleTick};
use crate::commands::job;
use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::report::{self, diagnostics, table};

/// `--format json`: one for each tick that was decided.
#[derive(Serialize)]
struct Decided {
    #[serde(flatten)]
    tick: TickRow,
    job: String,
    /// How the job ended; `null` where it did not run.
    outcome: Option<&'static str>,
    error: Option<String>,
}

pub fn run(context: &Context, args: &ScheduleTick) -> Result<(), CliError> {
    let loaded = context.load()?;
    let now = context.clock.now();
    // Whoever only looks makes no store.
    let store = if args.dry_run { loaded.existing_store()? } else { Some(loaded.store()?) };
    let mut decided = decide(&loaded, store.as_ref(), now, args.dry_run)?;
    let human = context.format == Format::Human;
    if human {
        report::text(&table_of(&loaded, &decided))?;
    }
    let told =
        decided.iter().map(|one| (one.tick.decision.as_str(), one.tick.schedule.as_str(), one.tick.reason.as_str()));
    // What nobody knows is work that may not have been done.
    let mut result = if warn_of_unknown(told) { Err(CliError::RunFailed) } else { Ok(()) };
    if let Some(store) = store.as_ref().filter(|_| !args.dry_run) {
        for at in order(&loaded, &decided) {
            if let Err(error) = run_one(context, &loaded, store, &mut decided[at], args) {
                if matches!(error, CliError::Cancelled) {
                    result = Err(error);
                    break;
                }
                decided[at].error = Some(diagnostics::chain(&error));
                if !error.is_silent() || !human {
                    diagnostics::show(&error);
                }
                result = Err(if error.is_silent() { error } else { CliError::RunFailed });
            }
        }
        let told = decided.iter().map(|one| Told {
            tick: &one.tick,
            job: &one.job,
            outcome: one.outcome,
            error: one.error.as_deref(),
        });
        tell(context, &loaded, store, &told.collect::<Vec<_>>());
    }
    if !human {
        report::result(context.format, &decided, |_| String::new())?;
    }
    result
}

/// What has become due, of all schedules, recorded unless one only looks.
fn decide(loaded: &Loaded, store: Option<&Store>, now: DateTime<Utc>, dry_run: bool) -> Result<Vec<Decided>, CliError> {
    let mut decided = Vec::new();
    for schedule in &loaded.project.schedules.schedules {
        let name = &schedule.name;
        let watched = match store {
            Some(store) => store.watched(name)?,
            None => None,
        };
        let mut state = ScheduleState::new(now);
        if let Some(watched) = watched {
            state = ScheduleState { seen_to: watched.seen_to, held: watched.held, switches: Vec::new() };
        }
        state.switches = switches(store, name)?;
        let found = due(schedule, &state, now);
        let mut rows: Vec<TickRow> = found.ticks.iter().map(tick_row).collect();
        if let Some(store) = store.filter(|_| !dry_run) {
            rows = store.record_ticks(name, found.state.seen_to, &rows)?;
        }
        let job = &schedule.spec.job;
        decided.extend(rows.into_iter().map(|tick| Decided { tick, job: job.clone(), outcome: None, error: None }));
    }
    decided.sort_by(|one, other| (one.tick.due, &one.tick.schedule).cmp(&(other.tick.due, &other.tick.schedule)));
    Ok(decided)
}

/// Those that run: by the priority of their jobs, and then by when they were due.
fn order(loaded: &Loaded, decided: &[Decided]) -> Vec<usize> {
    let priority = |job: &str| loaded.project.schedules.job(job).map_or(0, |job| job.spec.priority);
    let runs = |one: &Decided| one.tick.decision == Decision::Run.name();
    let mut order: Vec<usize> = (0..decided.len()).filter(|at| runs(&decided[*at])).collect();
    order.sort_by_key(|at| std::cmp::Reverse(priority(&decided[*at].job)));
    order
}

fn run_one(
    context: &Context,
    loaded: &Loaded,
    store: &Store,
    decided: &mut Decided,
    args: &ScheduleTick,
) -> Result<(), CliError> {
    let Some(schedule) = loaded.project.schedules.schedule(&decided.tick.schedule) else { return Ok(()) };
    decided.outcome = Some("failed");
    let job = job_of(loaded, schedule, decided.tick.due)?;
    let human = context.format == Format::Human;
    if human && !context.quiet {
        let when = local(decided.tick.due, schedule.zone);
        anstream::eprintln!("\njob `{}`, for the tick of `{}` at {when}", job.job, schedule.name);
    }
    let inner = if human { context.clone() } else { context.silent() };
    let ended = job::start(&inner, &job, &args.running, false)?;
    if let Some(run) = ended.run {
        decided.tick.run = Some(run);
        store.record_tick_run(&schedule.name, decided.tick.due, run)?;
    }
    ended.outcome?;
    decided.outcome = Some("succeeded");
    Ok(())
}

/// The job as a tick runs it: with the schedule's values, and its sessions counted from the tick.
fn job_of(loaded: &Loaded, schedule: &Schedule, at: DateTime<Utc>) -> Result<ResolvedJob, CliError> {
    let vars: &std::collections::BTreeMap<String, VarValue> = &schedule.vars;
    let view = loaded.view();
    Ok(view.resolved(view.job(&schedule.spec.job)?, vars, schedule.spec.backfill, at)?)
}

fn table_of(loaded: &Loaded, decided: &[Decided]) -> String {
    if decided.is_empty() {
        return "nothing is due\n".to_owned();
    }
    let mut shown = table::table(&["due", "schedule", "job", "decision", "reason"]);
    for Decided { tick, job, .. } in decided {
        let zone = loaded.project.schedules.schedule(&tick.schedule).map_or(chrono_tz::Tz::UTC, |one| one.zone);
        shown.add_row([&local(tick.due, zone), &tick.schedule, job, &tick.decision, &tick.reason]);
    }
    table::render(&shown)
}
