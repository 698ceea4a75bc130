//! `assetctl schedule`.

mod list;
mod switch;
mod tick;

use assetctl_config::{Schedule, did_you_mean};
use assetctl_schedule::{Decision, Switch, Tick, midnight, next, preview};
use assetctl_store::{Store, TickRow};
use chrono::{DateTime, Days, NaiveDate, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde::Serialize;

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

/// `--format json`: a tick that lies ahead.
#[derive(Serialize)]
struct Ahead {
    #[serde(flatten)]
    tick: Tick,
    job: String,
    /// `due` on the clocks of the schedule's zone.
    local: String,
}

impl Ahead {
    fn new(schedule: &Schedule, tick: Tick) -> Self {
        Self { local: local(tick.due, schedule.zone), job: schedule.spec.job.clone(), tick }
    }

    fn told(&self) -> (&str, &str, &str) {
        (self.tick.decision.name(), &self.tick.schedule, &self.tick.reason)
    }
}

fn show_next(context: &Context, args: &ScheduleNext) -> Result<(), CliError> {
    let loaded = context.load()?;
    let store = loaded.existing_store()?;
    let mut ahead = Vec::new();
    for schedule in named(&loaded, &args.names)? {
        let switches = switches(store.as_ref(), &schedule.name)?;
        let ticks = next(schedule, &switches, context.clock.now(), args.count.get());
        ahead.extend(ticks.into_iter().map(|tick| Ahead::new(schedule, tick)));
    }
    ahead.sort_by(|one, other| {
        (one.tick.decided_at, &one.tick.schedule).cmp(&(other.tick.decided_at, &other.tick.schedule))
    });
    ahead.truncate(args.count.get());
    report::result(context.format, &ahead, |ahead| {
        ticks_ahead(ahead, "nothing will run: no schedule is declared, or all are paused\n")
    })?;
    warn_of_unknown(ahead.iter().map(Ahead::told));
    Ok(())
}

fn show_preview(context: &Context, args: &SchedulePreview) -> Result<(), CliError> {
    let loaded = context.load()?;
    let store = loaded.existing_store()?;
    let mut ahead = Vec::new();
    for schedule in named(&loaded, &args.names)? {
        let zone = schedule.zone;
        let today = context.clock.now().with_timezone(&zone).date_naive();
        let from = args.from.unwrap_or(today);
        let to = args.to.unwrap_or_else(|| after(from, 7));
        if to < from {
            return Err(CliError::usage(
                format!("`--to {to}` is before `--from {from}`"),
                Some("both dates belong to what is shown"),
            ));
        }
        let switches = switches(store.as_ref(), &schedule.name)?;
        // From the first instant of the first date to the last of the last.
        let moment = chrono::TimeDelta::microseconds(1);
        let (start, end) = (midnight(zone, from) - moment, midnight(zone, after(to, 1)) - moment);
        let ticks = preview(schedule, &switches, start, end);
        ahead.extend(ticks.into_iter().map(|tick| Ahead::new(schedule, tick)));
    }
    ahead.sort_by(|one, other| (one.tick.due, &one.tick.schedule).cmp(&(other.tick.due, &other.tick.schedule)));
    report::result(context.format, &ahead, |ahead| ticks_ahead(ahead, "no schedule ticks between these dates\n"))?;
    warn_of_unknown(ahead.iter().map(Ahead::told));
    Ok(())
}

fn after(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days)).unwrap_or(date)
}

fn ticks_ahead(ahead: &[Ahead], none: &str) -> String {
    if ahead.is_empty() {
        return none.to_owned();
    }
    let mut shown = table::table(&["due", "schedule", "job", "decision", "reason"]);
    for Ahead { tick, job, local } in ahead {
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
        find(&loaded, name)?;
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

/// The schedules of these names, all if none is said.
fn named<'a>(loaded: &'a Loaded, names: &[String]) -> Result<Vec<&'a Schedule>, CliError> {
    if names.is_empty() {
        return Ok(loaded.project.schedules.schedules.iter().collect());
    }
    names.iter().map(|name| find(loaded, name)).collect()
}

fn find<'a>(loaded: &'a Loaded, name: &str) -> Result<&'a Schedule, CliError> {
    let schedules = &loaded.project.schedules;
    schedules.schedule(name).ok_or_else(|| {
        let known: Vec<&str> = schedules.schedules.iter().map(|schedule| schedule.name.as_str()).collect();
        unknown("schedule", name, &known)
    })
}

/// What there is not, with what was meant.
fn unknown(noun: &str, name: &str, known: &[&str]) -> CliError {
    let help = match did_you_mean(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "they are declared in `schedules.yaml`, beside `assets.yaml`".to_owned(),
        None => format!("there are `{}`", known.join("`, `")),
    };
    CliError::usage(format!("there is no {noun} `{name}`"), Some(&help))
}

/// When a schedule or sensor was paused and set going again.
fn switches(store: Option<&Store>, name: &str) -> Result<Vec<Switch>, CliError> {
    Ok(match store {
        Some(store) => assetctl_daemon::switches(store, name)?,
        None => Vec::new(),
    })
}

/// `Fri 2015-07-03 15:30 CST`.
fn local(at: DateTime<Utc>, zone: Tz) -> String {
    let at = at.with_timezone(&zone);
    let form = if at.timestamp() % 60 == 0 { "%a %F %R %Z" } else { "%a %F %T %Z" };
    at.format(form).to_string()
}

/// `2015-07-03T07:30:00Z`.
fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
