//! Schedules and sensors: when they run what, what lies ahead, and whether they are paused.

use assetctl_config::{Schedule, Sensor, SensorWhen};
use assetctl_schedule::{Switch, Tick, Why, midnight, next, paused, preview};
use assetctl_store::{Store, SwitchRow, TickRow};
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{ReadError, unknown};
use super::view::View;

/// A schedule or a sensor.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ListedSchedule {
    pub name: String,
    /// `schedule` or `sensor`.
    pub kind: &'static str,
    pub job: String,
    pub description: Option<String>,
    /// When it runs, in words.
    pub when: String,
    /// Of a schedule: its zone.
    pub zone: Option<String>,
    pub catch_up: Option<&'static str>,
    /// `null` where it goes on.
    pub paused: Option<SchedulePaused>,
    /// The next tick that runs, if any does.
    pub next: Option<Tick>,
    /// The newest tick that was decided.
    pub last: Option<TickRow>,
}

/// Since when something is paused, by whom and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SchedulePaused {
    /// `null` where the configuration says so.
    pub since: Option<DateTime<Utc>>,
    pub who: Option<String>,
    pub why: Option<String>,
}

/// A tick that lies ahead.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TickAhead {
    #[serde(flatten)]
    pub tick: Tick,
    pub job: String,
    /// `due` on the clocks of the schedule's zone.
    pub local: String,
}

/// What became of a pause or its end.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Switched {
    pub name: String,
    pub paused: bool,
    /// Whether it was not so before.
    pub changed: bool,
}

impl TickAhead {
    fn new(schedule: &Schedule, tick: Tick) -> Self {
        Self { local: local(tick.due, schedule.zone), job: schedule.spec.job.clone(), tick }
    }
}

impl<'a> View<'a> {
    /// Every schedule, then every sensor.
    pub fn schedules(self, store: Option<&Store>, now: DateTime<Utc>) -> Result<Vec<ListedSchedule>, ReadError> {
        let declared = &self.project.schedules;
        let schedules = declared.schedules.iter().map(|schedule| of_schedule(schedule, store, now));
        let sensors = declared.sensors.iter().map(|sensor| of_sensor(sensor, store, now));
        schedules.chain(sensors).collect()
    }

    /// The schedule of that name.
    pub fn schedule(self, name: &str) -> Result<&'a Schedule, ReadError> {
        let schedules = &self.project.schedules;
        schedules.schedule(name).ok_or_else(|| {
            let known: Vec<&str> = schedules.schedules.iter().map(|schedule| schedule.name.as_str()).collect();
            unknown("schedule", name, &known)
        })
    }

    /// The schedules of these names, all if none is said.
    fn named(self, names: &[String]) -> Result<Vec<&'a Schedule>, ReadError> {
        if names.is_empty() {
            return Ok(self.project.schedules.schedules.iter().collect());
        }
        names.iter().map(|name| self.schedule(name)).collect()
    }

    /// The next `count` ticks that run, or of which nobody can say, by when they do.
    pub fn next_ticks(
        self,
        store: Option<&Store>,
        names: &[String],
        count: usize,
        now: DateTime<Utc>,
    ) -> Result<Vec<TickAhead>, ReadError> {
        let mut ahead = Vec::new();
        for schedule in self.named(names)? {
            let ticks = next(schedule, &switches(store, &schedule.name)?, now, count);
            ahead.extend(ticks.into_iter().map(|tick| TickAhead::new(schedule, tick)));
        }
        ahead.sort_by(|one, other| {
            (one.tick.decided_at, &one.tick.schedule).cmp(&(other.tick.decided_at, &other.tick.schedule))
        });
        ahead.truncate(count);
        Ok(ahead)
    }

    /// Every tick between two dates of each schedule's zone, both included: from today on, and for a week, unless told.
    pub fn preview_ticks(
        self,
        store: Option<&Store>,
        names: &[String],
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
        now: DateTime<Utc>,
    ) -> Result<Vec<TickAhead>, ReadError> {
        let mut ahead = Vec::new();
        for schedule in self.named(names)? {
            let zone = schedule.zone;
            let from = from.unwrap_or_else(|| now.with_timezone(&zone).date_naive());
            let to = to.unwrap_or_else(|| after(from, 7));
            if to < from {
                let help = Some("both dates belong to what is shown");
                return Err(ReadError::wrong(format!("`--to {to}` is before `--from {from}`"), help));
            }
            // From the first instant of the first date to the last of the last.
            let moment = chrono::TimeDelta::microseconds(1);
            let (start, end) = (midnight(zone, from) - moment, midnight(zone, after(to, 1)) - moment);
            let ticks = preview(schedule, &switches(store, &schedule.name)?, start, end);
            ahead.extend(ticks.into_iter().map(|tick| TickAhead::new(schedule, tick)));
        }
        ahead.sort_by(|one, other| (one.tick.due, &one.tick.schedule).cmp(&(other.tick.due, &other.tick.schedule)));
        Ok(ahead)
    }

    /// Pauses a schedule or sensor, or sets it going again.
    pub fn switch(self, store: &Store, name: &str, to: SwitchRow) -> Result<Switched, ReadError> {
        let declared = &self.project.schedules;
        let of_schedule = declared.schedule(name).map(|schedule| schedule.spec.paused);
        let of_sensor = || declared.sensor(name).map(|sensor| sensor.spec.paused);
        let Some(configured) = of_schedule.or_else(of_sensor) else {
            let schedules = declared.schedules.iter().map(|schedule| schedule.name.as_str());
            let known: Vec<&str> =
                schedules.chain(declared.sensors.iter().map(|sensor| sensor.name.as_str())).collect();
            return Err(unknown("schedule or sensor", name, &known));
        };
        let before = paused(configured, &switches(Some(store), name)?, to.at).is_some();
        let switched = Switched { name: name.to_owned(), paused: to.paused, changed: before != to.paused };
        if switched.changed {
            store.switch(name, &to)?;
        }
        Ok(switched)
    }
}

fn after(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days)).unwrap_or(date)
}

/// When a schedule or sensor was paused and set going again.
fn switches(store: Option<&Store>, name: &str) -> Result<Vec<Switch>, ReadError> {
    Ok(match store {
        Some(store) => assetctl_daemon::switches(store, name)?,
        None => Vec::new(),
    })
}

fn of_schedule(schedule: &Schedule, store: Option<&Store>, now: DateTime<Utc>) -> Result<ListedSchedule, ReadError> {
    let switches = switches(store, &schedule.name)?;
    let last = match store {
        Some(store) => store.ticks(Some(&schedule.name), 1)?.pop(),
        None => None,
    };
    Ok(ListedSchedule {
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

fn of_sensor(sensor: &Sensor, store: Option<&Store>, now: DateTime<Utc>) -> Result<ListedSchedule, ReadError> {
    let switches = switches(store, &sensor.name)?;
    Ok(ListedSchedule {
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

fn pause(why: Option<Why>) -> Option<SchedulePaused> {
    match why {
        Some(Why::Paused { since, who, why }) => Some(SchedulePaused { since, who, why }),
        _ => None,
    }
}

/// `Fri 2015-07-03 15:30 CST`.
pub fn local(at: DateTime<Utc>, zone: Tz) -> String {
    let at = at.with_timezone(&zone);
    let form = if at.timestamp() % 60 == 0 { "%a %F %R %Z" } else { "%a %F %T %Z" };
    at.format(form).to_string()
}
