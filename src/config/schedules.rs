//! `schedules.yaml`: jobs, schedules, sensors and observers as they come out of the typed passes.
//!
//! - [`cron`]: cron expressions and zones
//! - [`vars`]: the variables of jobs: their types, and values from the command line
//! - [`read`]: the file → typed jobs, schedules and sensors
//! - [`rules`]: what a schema cannot state: what excludes what, names that must be there
//! - [`api`]: where HTTP is answered, and what can be wrong with that
//! - [`observers`]: who is told of what, and what can be wrong with that
//! - [`telemetry`]: where what the daemon does is told
//! - [`automatic`]: what `auto:` of assets comes to

mod api;
mod automatic;
mod cron;
mod observers;
mod read;
mod rules;
mod telemetry;
mod vars;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use assetctl_calendar::Calendar;
use chrono_tz::Tz;

use cron::zone;
pub use cron::{CronError, parse_cron};
pub use observers::Observer;
pub(crate) use read::{Around, read};
pub(crate) use rules::session_instant;
pub use telemetry::Telemetry;
pub use vars::{JobVar, VarError, VarValue};

use crate::diagnostic::{Diagnostic, Loc};
use crate::interpolate::{Scope, process_environment};
use crate::node::Node;
use crate::project::Places;
use crate::spec::{ApiSpec, CatchUp, Concurrency, JobSpec, ScheduleSpec, SensorSpec, SessionInstant};

/// What runs when. Empty where there is no `schedules.yaml` and no asset says `auto:`.
#[derive(Debug, Clone, Default)]
pub struct Schedules {
    /// The file that was read.
    pub path: Option<PathBuf>,
    /// In the order written; those that assets make by `auto:` come last.
    pub jobs: Vec<Job>,
    pub schedules: Vec<Schedule>,
    pub sensors: Vec<Sensor>,
    pub observers: Vec<Observer>,
    pub concurrency: Concurrency,
    pub telemetry: Telemetry,
    pub api: ApiSpec,
    /// The project's variables, which jobs may use beside their own.
    pub(crate) values: BTreeMap<String, Node>,
}

/// A named piece of work.
#[derive(Debug, Clone)]
pub struct Job {
    pub name: String,
    /// With every variable at its default.
    pub spec: JobSpec,
    pub vars: Vec<JobVar>,
    /// As it stands in the file, with its `${…}`.
    pub(crate) written: Option<Node>,
    pub(crate) places: Places,
}

/// When a job is due.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub name: String,
    pub spec: ScheduleSpec,
    pub timing: Timing,
    /// In which dates are meant: of blackouts and, without a calendar, of ticks.
    pub zone: Tz,
    /// Values for the job's variables.
    pub vars: BTreeMap<String, VarValue>,
    pub(crate) places: Places,
}

/// When a schedule ticks.
#[derive(Debug, Clone)]
pub enum Timing {
    /// At the wall-clock times of a cron expression in the schedule's zone.
    Cron {
        cron: Box<croner::Cron>,
        /// Only on dates that are sessions of it.
        sessions_of: Option<Arc<Calendar>>,
    },
    /// At an instant of each session.
    Session { calendar: Arc<Calendar>, at: SessionInstant },
}

/// What has to happen for a job to run.
#[derive(Debug, Clone)]
pub struct Sensor {
    pub name: String,
    pub spec: SensorSpec,
    /// Values for the job's variables.
    pub vars: BTreeMap<String, VarValue>,
    /// The folder that its paths are relative to.
    pub base: PathBuf,
    pub(crate) places: Places,
}

impl Schedules {
    pub fn job(&self, name: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.name == name)
    }

    pub fn schedule(&self, name: &str) -> Option<&Schedule> {
        self.schedules.iter().find(|schedule| schedule.name == name)
    }

    pub fn sensor(&self, name: &str) -> Option<&Sensor> {
        self.sensors.iter().find(|sensor| sensor.name == name)
    }

    /// A job with these values for its variables, and its defaults for the others.
    ///
    /// # Errors
    /// What is wrong with the job when it has them. That they are variables of the job, and of the right types, is for
    /// [`JobVar::value`] to say.
    pub fn resolve(&self, job: &Job, given: &BTreeMap<String, VarValue>) -> Result<JobSpec, Vec<Diagnostic>> {
        let (Some(written), false) = (&job.written, given.is_empty()) else { return Ok(job.spec.clone()) };
        let mut values = self.values.clone();
        for var in &job.vars {
            let value = given.get(&var.name).unwrap_or(&var.default);
            values.insert(var.name.clone(), value.node(var.kind, &job.places.name_loc));
        }
        let scope = Scope { sources: &job.places.sources, environment: &process_environment, values };
        let mut problems = Vec::new();
        let spec = read::job_spec(&job.name, written, &job.places.name_loc, &scope, &mut problems)
            .map(|(spec, places)| {
                rules::job(&job.name, &spec, &places, &mut problems);
                spec
            })
            .filter(|_| problems.is_empty());
        spec.ok_or(problems)
    }
}

macro_rules! located {
    ($($type:ty),+) => { $(
        impl $type {
            /// Where its name is declared.
            pub fn name_loc(&self) -> Loc {
                self.places.name_loc.clone()
            }

            /// The place of the value at a path of keys and list positions; of the nearest key above it when it is not there.
            pub fn locate(&self, path: &[&str]) -> Loc {
                self.places.locate(path)
            }
        }
    )+ };
}

located!(Job, Schedule, Sensor, Observer);

impl Schedule {
    /// The calendar whose sessions count, if any does.
    pub fn calendar(&self) -> Option<&Arc<Calendar>> {
        match &self.timing {
            Timing::Cron { sessions_of, .. } => sessions_of.as_ref(),
            Timing::Session { calendar, .. } => Some(calendar),
        }
    }

    /// When it ticks, as one writes it: `0 9 * * 1-5 Asia/Shanghai, sessions of XSHG`, `session_close + 30m of XSHG`.
    pub fn timing_text(&self) -> String {
        match &self.timing {
            Timing::Cron { sessions_of, .. } => {
                let cron = self.spec.cron.as_deref().unwrap_or_default();
                let sessions = sessions_of.as_ref().map(|calendar| format!(", sessions of {}", calendar.name()));
                format!("{cron} {}{}", self.zone, sessions.unwrap_or_default())
            }
            Timing::Session { calendar, at } => format!("{at} of {}", calendar.name()),
        }
    }

    pub fn catch_up(&self) -> CatchUp {
        self.spec.catch_up
    }
}
