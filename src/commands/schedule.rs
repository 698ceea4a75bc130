//! `assetctl schedule`.

mod list;
mod switch;
mod tick;

use assetctl_schedule::{Decision, Switch};
use assetctl_serve::{TickAhead, local};
use assetctl_store::{Store, TickRow};
use chrono_tz::Tz;

use crate::args::{self, ScheduleHistory, ScheduleNext, SchedulePreview};
use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::report::{self, table};

pub fn run(context: &Context, command: &args::Schedule) -> Result<(), CliError> {
    match command {
        args::Schedule::List => list::run(context),
        args::Schedule::Next(args) => show_next(context, args),
        args::Schedule::Preview(args) => show_preview(context, args),
        args::Schedule::Pause(args) => switch::run(context, args, true),
        args::Schedule::Resume(args) => switch::run(context, args, false),
        args::Schedule::History(args) => history(context, args),
        args::Schedule::Tick(args) => tick::run(context, args),
    }
}

fn told(ahead: &TickAhead) -> (&str, &str, &str) {
    (ahead.tick.decision.name(), &ahead.tick.schedule, &ahead.tick.reason)
}

fn show_next(context: &Context, args: &ScheduleNext) -> Result<(), CliError> {
    let loaded = context.load()?;
    let store = loaded.existing_store()?;
    let (count, now) = (args.count.get(), context.clock.now());
    let ahead = loaded.view().next_ticks(store.as_ref(), &args.names, count, now)?;
    report::result(context.format, &ahead, |ahead| {
        ticks_ahead(ahead, "nothing will run: no schedule is declared, or all are paused\n")
    })?;
    warn_of_unknown(ahead.iter().map(told));
    Ok(())
}

fn show_preview(context: &Context, args: &SchedulePreview) -> Result<(), CliError> {
    let loaded = context.load()?;
    let store = loaded.existing_store()?;
    let now = context.clock.now();
    let ahead = loaded.view().preview_ticks(store.as_ref(), &args.names, args.from, args.to, now)?;
    report::result(context.format, &ahead, |ahead| ticks_ahead(ahead, "no schedule ticks between these dates\n"))?;
    warn_of_unknown(ahead.iter().map(told));
    Ok(())
}

fn ticks_ahead(ahead: &[TickAhead], none: &str) -> String {
    if ahead.is_empty() {
        return none.to_owned();
    }
    let mut shown = table::table(&["due", "schedule", "job", "decision", "reason"]);
    for TickAhead { tick, job, local } in ahead {
        shown.add_row([local, &tick.schedule, job, tick.decision.name(), &tick.reason]);
    }
    table::render(&shown)
}

/// A calendar that has ended is not to be overlooked in a long table. Of each schedule the first tick that nobody knows is told: its
/// decision, name and reason. Gives whether there was one.
fn warn_of_unknown<'a>(ticks: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> bool {
    let mut told: Vec<&str> = Vec::new();
    for (_, schedule, reason) in ticks.filter(|(decision, ..)| *decision == Decision::Unknown.name()) {
        if !told.contains(&schedule) {
            anstream::eprintln!("warning: schedule `{schedule}`: {reason}");
            told.push(schedule);
        }
    }
    !told.is_empty()
}

fn history(context: &Context, args: &ScheduleHistory) -> Result<(), CliError> {
    let loaded = context.load()?;
    let name = args.name.as_deref();
    let rows = match loaded.existing_store()? {
        Some(store) => store.ticks(name, args.limit as usize)?,
        None => Vec::new(),
    };
    // What a schedule that is gone has done is still there to be asked for.
    if let Some(name) = name.filter(|_| rows.is_empty()) {
        loaded.view().schedule(name)?;
    }
    report::result(context.format, &rows, |rows| past(&loaded, rows))
}

fn past(loaded: &Loaded, rows: &[TickRow]) -> String {
    if rows.is_empty() {
        return "no tick was decided yet\n".to_owned();
    }
    let mut shown = table::table(&["due", "schedule", "decision", "run#", "reason"]);
    for row in rows {
        let zone = loaded.project.schedules.schedule(&row.schedule).map_or(Tz::UTC, |schedule| schedule.zone);
        let run = row.run.map(|run| run.to_string()).unwrap_or_default();
        shown.add_row([local(row.due, zone), row.schedule.clone(), row.decision.clone(), run, row.reason.clone()]);
    }
    table::render(&shown)
}

/// When a schedule or sensor was paused and set going again.
fn switches(store: Option<&Store>, name: &str) -> Result<Vec<Switch>, CliError> {
    Ok(match store {
        Some(store) => assetctl_daemon::switches(store, name)?,
        None => Vec::new(),
    })
}
