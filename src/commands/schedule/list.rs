//! `assetctl schedule list`: schedules and sensors, when they run what, and when next.

use assetctl_config::{Schedule, Sensor, SensorWhen};
use assetctl_schedule::{Tick, Why, next, paused};
use assetctl_store::{Store, TickRow};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::{instant, local, switches};
use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, table};

/// `--format json`: a schedule or a sensor.
#[derive(Serialize)]
struct Listed {
    name: String,
    /// `schedule` or `sensor`.
    kind: &'static str,
    job: String,
    description: Option<String>,
    /// When it runs, in words.
    when: String,
    /// Of a schedule: its zone.
    zone: Option<String>,
    catch_up: Option<&'static str>,
    /// `null` where it goes on.
    paused: Option<Paused>,
    /// The next tick that runs, if any does.
    next: Option<Tick>,
    /// The newest tick that was decided.
    last: Option<TickRow>,
}

#[derive(Serialize)]
struct Paused {
    /// `null` where the configuration says so.
    since: Option<DateTime<Utc>>,
    who: Option<String>,
    why: Option<String>,
}

pub fn run(context: &Context) -> Result<(), CliError> {
    let loaded = context.load()?;
    let store = loaded.existing_store()?;
    let now = context.clock.now();
    let declared = &loaded.project.schedules;
    let mut listed = Vec::new();
    for schedule in &declared.schedules {
        listed.push(of_schedule(schedule, store.as_ref(), now)?);
    }
    for sensor in &declared.sensors {
        listed.push(of_sensor(sensor, store.as_ref(), now)?);
    }
    let zone = |name: &str| declared.schedule(name).map_or(Tz::UTC, |schedule| schedule.zone);
    report::result(context.format, &listed, |listed| human(listed, zone))
}

fn of_schedule(schedule: &Schedule, store: Option<&Store>, now: DateTime<Utc>) -> Result<Listed, CliError> {
    let switches = switches(store, &schedule.name)?;
    let last = match store {
        Some(store) => store.ticks(Some(&schedule.name), 1)?.pop(),
        None => None,
    };
    Ok(Listed {
        name: schedule.name.clone(),
        kind: "schedule",
        job: schedule.spec.job.clone(),
        description: schedule.spec.description.clone(),
        when: schedule.timing_text(),
        zone: Some(schedule.zone.name().to_owned()),
        catch_up: Some(schedule.catch_up().name()),
        paused: pause(paused(schedule.spec.paused, &switches, now)),
        next: next(schedule, &switches, now, 1).pop(),
        last,
    })
}

fn of_sensor(sensor: &Sensor, store: Option<&Store>, now: DateTime<Utc>) -> Result<Listed, CliError> {
    let switches = switches(store, &sensor.name)?;
    Ok(Listed {
        name: sensor.name.clone(),
        kind: "sensor",
        job: sensor.spec.job.clone(),
        description: sensor.spec.description.clone(),
        when: condition(&sensor.spec.when),
        zone: None,
        catch_up: None,
        paused: pause(paused(sensor.spec.paused, &switches, now)),
        next: None,
        last: None,
    })
}

/// What a sensor waits for. Not the address that it asks: there may be a secret in it.
fn condition(when: &SensorWhen) -> String {
    let of = when.of.as_deref().unwrap_or_default();
    match when {
        SensorWhen { run: Some(run), .. } => format!("a run of {of} {}", run.name()),
        SensorWhen { updated: Some(asset), .. } => format!("{asset} has changed"),
        SensorWhen { stale: Some(asset), .. } => format!("{asset} is stale"),
        SensorWhen { late: Some(asset), .. } => format!("{asset} is late"),
        SensorWhen { file: Some(files), .. } => format!("a file comes: {}", files.as_slice().join(", ")),
        SensorWhen { sql: Some(_), .. } => "a query is true".to_owned(),
        _ => "an address answers".to_owned(),
    }
}

fn pause(why: Option<Why>) -> Option<Paused> {
    match why {
        Some(Why::Paused { since, who, why }) => Some(Paused { since, who, why }),
        _ => None,
    }
}

fn human(listed: &[Listed], zone: impl Fn(&str) -> Tz) -> String {
    if listed.is_empty() {
        return "no schedule is declared; docs/schedules.md says how\n".to_owned();
    }
    let mut shown = table::table(&["name", "job", "when", "next", "last"]);
    for one in listed {
        let next = match (&one.paused, &one.next, one.kind) {
            (Some(paused), ..) => in_words(paused),
            (None, Some(tick), _) => local(tick.decided_at, zone(&one.name)),
            (None, None, "sensor") => "when `serve` sees it".to_owned(),
            (None, None, _) => "never".to_owned(),
        };
        let last = one.last.as_ref().map(|tick| format!("{} {}", tick.decision, local(tick.due, zone(&one.name))));
        shown.add_row([one.name.clone(), one.job.clone(), one.when.clone(), next, last.unwrap_or_default()]);
    }
    table::render(&shown)
}

fn in_words(paused: &Paused) -> String {
    let since = paused.since.map(|since| format!(" since {}", instant(since))).unwrap_or_default();
    let who = paused.who.as_ref().map(|who| format!(" by {who}")).unwrap_or_default();
    let why = paused.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("paused{since}{who}{why}")
}
