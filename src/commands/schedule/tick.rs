//! `assetctl schedule tick`: the daemon's work, until nothing is left that could be done now. For who has another program call this one every
//! minute.

use std::sync::Arc;

use assetctl_config::Project;
use assetctl_daemon::{Declared, tick_row};
use assetctl_schedule::{ScheduleState, due};
use assetctl_serve::local;
use assetctl_store::{RequestStatus, Store, TickRow};
use serde::Serialize;

use super::{switches, warn_of_unknown};
use crate::args::ScheduleTick;
use crate::commands::serve::{self, Worked};
use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::report::{self, table};

/// `--format json`: one for each tick that was decided.
#[derive(Serialize)]
struct Decided {
    #[serde(flatten)]
    tick: TickRow,
    job: String,
    /// How the request that it made stands; `null` where it made none.
    outcome: Option<RequestStatus>,
    error: Option<String>,
}

pub fn run(context: &Context, args: &ScheduleTick) -> Result<(), CliError> {
    let loaded = context.load()?;
    if args.dry_run {
        let decided = preview(context, &loaded)?;
        return show(context, &loaded.project, &decided);
    }
    loaded.show_warnings(context.quiet);
    let store = Arc::new(loaded.store()?);
    let declared = Arc::new(Declared { project: loaded.project, graph: loaded.graph });
    let Some(worked) = serve::until_idle(context, declared.clone(), store.clone(), &args.running)? else {
        return report::result(context.format, &Vec::<Decided>::new(), |_| String::new());
    };
    let decided = found(&declared.project, &store, &worked)?;
    show(context, &declared.project, &decided)?;
    match worked {
        Worked { stopped: true, .. } => Err(CliError::Cancelled),
        Worked { failed: true, .. } => Err(CliError::RunFailed),
        Worked { check_failed: true, .. } => Err(CliError::CheckFailed),
        Worked { .. } => Ok(()),
    }
}

/// What became of the ticks that were decided, by the ledger.
fn found(project: &Project, store: &Store, worked: &Worked) -> Result<Vec<Decided>, CliError> {
    let mut decided = Vec::new();
    for tick in &worked.ticks {
        let Some(row) = store.tick(&tick.schedule, tick.due)? else { continue };
        let request = tick.request.map(|id| store.request(id)).transpose()?.flatten();
        let (outcome, error) = request.map_or((None, None), |request| (Some(request.status), request.error));
        let job = project.schedules.schedule(&tick.schedule).map(|schedule| schedule.spec.job.clone());
        decided.push(Decided { job: job.unwrap_or_default(), tick: row, outcome, error });
    }
    Ok(ordered(decided))
}

/// What would be decided now.
fn preview(context: &Context, loaded: &Loaded) -> Result<Vec<Decided>, CliError> {
    // Whoever only looks makes no store.
    let store: Option<Store> = loaded.existing_store()?;
    let now = context.clock.now();
    let mut decided = Vec::new();
    for schedule in &loaded.project.schedules.schedules {
        let name = &schedule.name;
        let watched = store.as_ref().map(|store| store.watched(name)).transpose()?.flatten();
        let mut state = ScheduleState::new(now);
        if let Some(watched) = watched {
            state = ScheduleState { seen_to: watched.seen_to, held: watched.held, switches: Vec::new() };
        }
        state.switches = switches(store.as_ref(), name)?;
        decided.extend(due(schedule, &state, now).ticks.iter().map(tick_row).map(|tick| Decided {
            job: schedule.spec.job.clone(),
            tick,
            outcome: None,
            error: None,
        }));
    }
    Ok(ordered(decided))
}

fn ordered(mut decided: Vec<Decided>) -> Vec<Decided> {
    decided.sort_by(|one, other| (one.tick.due, &one.tick.schedule).cmp(&(other.tick.due, &other.tick.schedule)));
    decided
}

fn show(context: &Context, project: &Project, decided: &Vec<Decided>) -> Result<(), CliError> {
    report::result(context.format, decided, |decided| table_of(project, decided))?;
    let told =
        decided.iter().map(|one| (one.tick.decision.as_str(), one.tick.schedule.as_str(), one.tick.reason.as_str()));
    // What nobody knows is work that may not have been done.
    if warn_of_unknown(told) { Err(CliError::RunFailed) } else { Ok(()) }
}

fn table_of(project: &Project, decided: &[Decided]) -> String {
    if decided.is_empty() {
        return "nothing is due\n".to_owned();
    }
    let mut shown = table::table(&["due", "schedule", "job", "decision", "reason", "run#", "outcome"]);
    for Decided { tick, job, outcome, .. } in decided {
        let zone = project.schedules.schedule(&tick.schedule).map_or(chrono_tz::Tz::UTC, |one| one.zone);
        shown.add_row([
            local(tick.due, zone),
            tick.schedule.clone(),
            job.clone(),
            tick.decision.clone(),
            tick.reason.clone(),
            tick.run.map(|run| run.to_string()).unwrap_or_default(),
            outcome.map(|outcome| outcome.name().to_owned()).unwrap_or_default(),
        ]);
    }
    table::render(&shown)
}
