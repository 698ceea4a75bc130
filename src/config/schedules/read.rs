//! The file → typed jobs, schedules and sensors.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use assetctl_calendar::Calendar;
use chrono_tz::Tz;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Job, JobVar, Schedule, Schedules, Sensor, Telemetry, Timing, VarValue, api, observers, parse_cron, rules,
    telemetry, zone,
};
use crate::calendars::Calendars;
use crate::diagnostic::{Diagnostic, Loc};
use crate::interpolate::Scope;
use crate::names::{self, check_name};
use crate::node::{Content, Entry, Node, Origin, Scalar, Style};
use crate::ordered::Ordered;
use crate::project::{Asset, Places};
use crate::schema::SCHEMAS;
use crate::spec::{JobSpec, JobVarSpec, OneOrMany, ScheduleSpec, SensorSpec, Skip};
use crate::structure::{Structure, Subject};

/// What stands around the file.
pub(crate) struct Around<'a> {
    pub scope: Scope<'a>,
    pub calendars: &'a Calendars,
    /// Of all calendars that are declared, also those whose declaration is wrong.
    pub calendar_names: &'a [String],
    /// The project's own.
    pub calendar: Option<&'a str>,
    /// There is a calendar, but what it is has been reported as wrong.
    pub calendar_unknown: bool,
    /// Those without a mistake.
    pub assets: &'a [Asset],
    /// The names of all; `None` when not all are known.
    pub names: Option<Vec<String>>,
    /// The folder of the file.
    pub base: &'a Path,
}

/// Reads the tree of `schedules.yaml`. What is wrong in it is reported and left out.
pub(crate) fn read(root: &Node, around: &Around<'_>, problems: &mut Vec<Diagnostic>) -> Schedules {
    let mut schedules = Schedules { values: around.scope.values.clone(), ..Schedules::default() };
    let own = ["jobs", "schedules", "sensors", "observers"];
    let entries = root.entries().unwrap_or_default();
    let rest: Vec<Entry> = entries.iter().filter(|entry| !own.contains(&entry.key.text())).cloned().collect();
    let rest = around.scope.node(&Node { loc: root.loc.clone(), content: Content::Map(rest) }, problems);
    let subject = Subject { name: "the file of schedules".to_owned(), loc: root.head() };
    let keys = Structure { problems }.keys(rest.entries().unwrap_or_default(), &SCHEMAS.schedules, &subject);
    if let Ok(spec) = serde_json::from_value::<crate::spec::SchedulesSpec>(Value::Object(keys.values)) {
        let places = Places { node: rest.clone(), name_loc: root.head(), sources: around.scope.sources.clone() };
        rules::concurrency(&spec.concurrency, &places, around, problems);
        schedules.concurrency = spec.concurrency;
        telemetry::rules(&spec.telemetry, &places, problems);
        schedules.telemetry = Telemetry { spec: spec.telemetry, base: around.base.to_path_buf() };
        api::check(&spec.api, &places, problems);
        schedules.api = spec.api;
    }
    let mut broken = BTreeSet::new();
    for block in blocks(root, "jobs", "job", problems) {
        match job(&block, around, problems) {
            Some(job) => schedules.jobs.push(job),
            None => {
                broken.insert(block.name);
            }
        }
    }
    let jobs = Jobs { schedules: &schedules, broken: &broken };
    let made = blocks(root, "schedules", "schedule", problems)
        .into_iter()
        .filter_map(|block| schedule(&block, &jobs, around, problems))
        .collect();
    let sensors: Vec<Sensor> = blocks(root, "sensors", "sensor", problems)
        .into_iter()
        .filter_map(|block| sensor(&block, &jobs, around, problems))
        .collect();
    let told = blocks(root, "observers", "observer", problems)
        .into_iter()
        .filter_map(|block| observers::read(&block, &jobs, around, problems))
        .collect();
    rules::circles(&sensors, problems);
    schedules.schedules = made;
    schedules.sensors = sensors;
    schedules.observers = told;
    rules::names_apart(&schedules, problems);
    schedules
}

/// One entry under `jobs:`, `schedules:`, `sensors:` or `observers:`.
pub(super) struct Block {
    pub name: String,
    /// "job `sync`"
    pub subject: Subject,
    pub node: Node,
}

/// The entries of a map at the top of the file that have a name.
fn blocks(root: &Node, key: &str, noun: &str, problems: &mut Vec<Diagnostic>) -> Vec<Block> {
    let Some(entry) = root.entry(key) else { return Vec::new() };
    let entries = match &entry.value.content {
        Content::Map(entries) => entries.as_slice(),
        Content::Scalar(scalar) if scalar.is_null() => return Vec::new(),
        Content::Scalar(_) | Content::List(_) => {
            problems.push(
                Diagnostic::error(format!("`{key}` must be a map of names to {noun}s"))
                    .at(entry.key.loc.clone(), "expected a map")
                    .help(format!("write each {noun} as `name:`, with its keys indented below it")),
            );
            return Vec::new();
        }
    };
    let mut blocks = Vec::with_capacity(entries.len());
    for Entry { key, value } in entries {
        let (name, loc) = (key.text().to_owned(), key.loc.clone());
        if let Err(mistake) = check_name(&name) {
            problems.push(
                Diagnostic::error(format!("`{name}` cannot be the name of a {noun}"))
                    .at(loc, mistake.to_string())
                    .help("it is typed on the command line: `morning_sync`, say"),
            );
            continue;
        }
        let subject = Subject { name: format!("{noun} `{name}`"), loc };
        blocks.push(Block { name, subject, node: value.clone() });
    }
    blocks
}

/// The typed form of a block, and where everything of it stands.
pub(super) fn typed<T: DeserializeOwned>(
    definition: &str,
    node: &Node,
    subject: &Subject,
    scope: &Scope<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<(T, Places)> {
    let node = scope.node(node, problems);
    let Some(entries) = node.entries() else {
        let empty = node.scalar().is_some_and(Scalar::is_null);
        let what = if empty { "is empty" } else { "must be a map" };
        problems.push(
            Diagnostic::error(format!("{} {what}", subject.name))
                .at(subject.loc.clone(), "expected keys below it")
                .help("docs/schedules.md has the keys, with examples"),
        );
        return None;
    };
    let keys = Structure { problems }.keys(entries, &SCHEMAS.definitions[definition], subject);
    match serde_json::from_value(Value::Object(keys.values)) {
        Ok(spec) if keys.whole => {
            let places = Places { node, name_loc: subject.loc.clone(), sources: scope.sources.clone() };
            Some((spec, places))
        }
        Ok(_) => None,
        Err(_) if !keys.whole => None,
        Err(error) => {
            problems.push(Diagnostic::error(format!("{}: {error}", subject.name)).at(subject.loc.clone(), "in here"));
            None
        }
    }
}

/// The typed form of a job, whose variables are in the scope.
pub(super) fn job_spec(
    name: &str,
    written: &Node,
    loc: &Loc,
    scope: &Scope<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<(JobSpec, Places)> {
    let subject = Subject { name: format!("job `{name}`"), loc: loc.clone() };
    typed("JobSpec", written, &subject, scope, problems)
}

fn job(block: &Block, around: &Around<'_>, problems: &mut Vec<Diagnostic>) -> Option<Job> {
    let before = problems.len();
    let mut scope = around.scope.clone();
    let vars = block.node.entry("vars").map(|entry| job_vars(entry, around, &mut scope.values, problems));
    let (spec, places) = job_spec(&block.name, &block.node, &block.subject.loc, &scope, problems)?;
    rules::job(&block.name, &spec, &places, problems);
    (problems.len() == before).then(|| Job {
        name: block.name.clone(),
        spec,
        vars: vars.unwrap_or_default(),
        written: Some(block.node.clone()),
        places,
    })
}

/// The variables of a job; they go to `values` too, those with mistakes as what stands for nothing without a word.
fn job_vars(
    entry: &Entry,
    around: &Around<'_>,
    values: &mut BTreeMap<String, Node>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<JobVar> {
    let node = around.scope.node(&entry.value, problems);
    for Entry { key, value } in node.entries().unwrap_or_default() {
        let unresolved = Scalar { text: String::new(), style: Style::Plain, origin: Origin::Unresolved };
        values.insert(key.text().to_owned(), Node { loc: value.loc.clone(), content: Content::Scalar(unresolved) });
    }
    let schema = &SCHEMAS.definitions["JobSpec"]["properties"]["vars"];
    let subject = Subject { name: "`vars`".to_owned(), loc: entry.key.loc.clone() };
    // What is wrong with its form is said when the job is looked at.
    let Some(form) = Structure { problems: &mut Vec::new() }.value(&node, schema, &subject) else { return Vec::new() };
    let Ok(declared) = serde_json::from_value::<Ordered<JobVarSpec>>(form) else { return Vec::new() };
    let mut vars = Vec::with_capacity(declared.len());
    for (name, spec) in declared.iter() {
        let Some(Entry { key, value }) = node.entry(name) else { continue };
        if check_name(name).is_err() || name == "env" {
            problems.push(
                Diagnostic::error(format!("`{name}` cannot be the name of a variable"))
                    .at(key.loc.clone(), "letters, digits and `_`, and not `env`")
                    .help("choose another name"),
            );
            continue;
        }
        match JobVar::declared(name, spec) {
            Ok(var) => {
                values.insert(name.clone(), var.default.node(var.kind, &value.loc));
                vars.push(var);
            }
            Err(error) => {
                let loc = value.get("default").map_or_else(|| value.loc.clone(), |default| default.loc.clone());
                problems.push(
                    Diagnostic::error(error.to_string())
                        .at(loc, "the default")
                        .help("change the default, or the `type`"),
                );
            }
        }
    }
    vars
}

/// The jobs that schedules, sensors and observers may name.
pub(super) struct Jobs<'a> {
    pub schedules: &'a Schedules,
    /// Those with mistakes, which have been reported.
    broken: &'a BTreeSet<String>,
}

impl Jobs<'_> {
    /// The job of that name, with these values for its variables.
    fn with(
        &self,
        name: &str,
        vars: &Ordered<OneOrMany>,
        places: &Places,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<(&Job, JobSpec, BTreeMap<String, VarValue>)> {
        let Some(job) = self.schedules.job(name) else {
            self.missing(name, places.locate(&["job"]), problems);
            return None;
        };
        let mut values = BTreeMap::new();
        let known: Vec<&str> = job.vars.iter().map(|var| var.name.as_str()).collect();
        for (name, value) in vars.iter() {
            let Some(var) = job.vars.iter().find(|var| var.name == *name) else {
                let problem = Diagnostic::error(format!("job `{}` has no variable `{name}`", job.name))
                    .at(places.locate_key(&["vars", name]), "unknown variable");
                problems.push(match names::suggest(name, &known, "it has") {
                    Some(help) => problem.help(help),
                    None => problem.help("declare it under the job's `vars:`"),
                });
                continue;
            };
            match var.checked(VarValue::of(value)) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                Err(error) => problems.push(
                    Diagnostic::error(error.to_string())
                        .at(places.locate(&["vars", name]), "of another type")
                        .help(format!("job `{}` declares it as {}", job.name, var.kind.name())),
                ),
            }
        }
        match self.schedules.resolve(job, &values) {
            Ok(spec) => Some((job, spec, values)),
            Err(wrong) => {
                for one in wrong.into_iter().take(1) {
                    let loc = places.locate_key(&["vars"]);
                    problems.push(
                        Diagnostic::error(format!("with these values, job `{}` is wrong: {}", job.name, one.message))
                            .at(loc, "these values")
                            .and(job.name_loc(), "the job"),
                    );
                }
                None
            }
        }
    }

    /// Says that there is no such job, unless it is there and has mistakes of its own.
    pub fn missing(&self, name: &str, loc: Loc, problems: &mut Vec<Diagnostic>) {
        if self.broken.contains(name) {
            return;
        }
        let known: Vec<&str> = self
            .schedules
            .jobs
            .iter()
            .map(|job| job.name.as_str())
            .chain(self.broken.iter().map(String::as_str))
            .collect();
        let help = names::suggest(name, &known, "there are");
        problems.push(
            Diagnostic::error(format!("there is no job `{name}`"))
                .at(loc, "unknown job")
                .help(help.unwrap_or_else(|| "declare it under `jobs:`".to_owned())),
        );
    }
}

fn schedule(block: &Block, jobs: &Jobs<'_>, around: &Around<'_>, problems: &mut Vec<Diagnostic>) -> Option<Schedule> {
    let before = problems.len();
    let (spec, places): (ScheduleSpec, Places) =
        typed("ScheduleSpec", &block.node, &block.subject, &around.scope, problems)?;
    let job = jobs.with(&spec.job, &spec.vars, &places, problems);
    rules::schedule(&block.name, &spec, job.as_ref().map(|(_, job, _)| job), &places, problems);
    if problems.len() > before {
        return None;
    }
    let (_, _, vars) = job?;
    let (timing, zone) = timing(&block.name, &spec, &places, around, problems)?;
    Some(Schedule { name: block.name.clone(), spec, timing, zone, vars, places })
}

/// When a schedule ticks, and the zone in which its dates are meant.
fn timing(
    name: &str,
    spec: &ScheduleSpec,
    places: &Places,
    around: &Around<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<(Timing, Tz)> {
    let needs_calendar = spec.on.is_some() || spec.skip == Some(Skip::NonSessions);
    let calendar = if needs_calendar { Some(calendar(name, spec, places, around, problems)?) } else { None };
    let calendar_zone = calendar.as_ref().map(|calendar| calendar.time_zone().parse().unwrap_or(Tz::UTC));
    if let Some((at, calendar)) = spec.on.as_deref().and_then(|on| on.parse().ok()).zip(calendar.clone()) {
        return Some((Timing::Session { calendar, at }, calendar_zone.unwrap_or(Tz::UTC)));
    }
    let own = match spec.zone.as_deref().map(zone) {
        None => None,
        Some(Ok(zone)) => Some(zone),
        Some(Err(meant)) => {
            let written = spec.zone.as_deref().unwrap_or_default();
            let help = meant.map_or_else(
                || "zones are named after a city: `Asia/Shanghai`, `America/New_York`, or `UTC`".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            problems.push(
                Diagnostic::error(format!("there is no time zone `{written}`"))
                    .at(places.locate(&["zone"]), "unknown zone")
                    .help(help),
            );
            return None;
        }
    };
    let Some(zone) = own.or(calendar_zone) else {
        problems.push(
            Diagnostic::error(format!("schedule `{name}` has no zone"))
                .at(places.locate(&["cron"]), "at this time of which zone?")
                .help("write `zone: Asia/Shanghai`, say, or `zone: UTC`"),
        );
        return None;
    };
    let cron = Box::new(parse_cron(spec.cron.as_deref()?).ok()?);
    Some((Timing::Cron { cron, sessions_of: calendar }, zone))
}

/// The schedule's calendar, or the project's.
fn calendar(
    schedule: &str,
    spec: &ScheduleSpec,
    places: &Places,
    around: &Around<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Arc<Calendar>> {
    let Some(name) = spec.calendar.as_deref().or(around.calendar) else {
        if !around.calendar_unknown {
            let key = if spec.on.is_some() { "on" } else { "skip" };
            problems.push(
                Diagnostic::error(format!("schedule `{schedule}` has no calendar"))
                    .at(places.locate(&[key]), "sessions of which calendar?")
                    .help("write `calendar: XSHG`, say, into the schedule, or at the top of assets.yaml")
                    .help(format!("there are {}", names::list(&around.calendars.names()))),
            );
        }
        return None;
    };
    let found = around.calendars.get(name);
    if found.is_none() && spec.calendar.is_some() && !around.calendar_names.iter().any(|declared| declared == name) {
        let help = names::suggest(name, &around.calendars.names(), "there are").unwrap_or_default();
        problems.push(
            Diagnostic::error(format!("there is no calendar `{name}`"))
                .at(places.locate(&["calendar"]), "unknown calendar")
                .help(help)
                .help("calendars of your own are declared under `calendars:` in assets.yaml"),
        );
    }
    found
}

fn sensor(block: &Block, jobs: &Jobs<'_>, around: &Around<'_>, problems: &mut Vec<Diagnostic>) -> Option<Sensor> {
    let before = problems.len();
    let (spec, places): (SensorSpec, Places) =
        typed("SensorSpec", &block.node, &block.subject, &around.scope, problems)?;
    let job = jobs.with(&spec.job, &spec.vars, &places, problems);
    rules::sensor(&block.name, &spec, &places, around, problems);
    if let Some(of) = spec.when.of.as_deref().filter(|of| jobs.schedules.job(of).is_none()) {
        jobs.missing(of, places.locate(&["when", "of"]), problems);
    }
    if problems.len() > before {
        return None;
    }
    let (_, _, vars) = job?;
    Some(Sensor { name: block.name.clone(), spec, vars, base: around.base.to_path_buf(), places })
}
