//! Rules that the schema cannot state: what excludes what, what needs what, names that must be there.

mod sensors;

pub(super) use sensors::{circles, sensor};

use super::read::Around;
use super::{Schedules, parse_cron};
use crate::diagnostic::{Diagnostic, Loc};
use crate::names;
use crate::project::Places;
use crate::spec::{Blackout, Concurrency, JobSpec, JobWork, Kind, ScheduleSpec, SessionInstant, SessionWindow, Skip};

/// A blackout that lasts longer than this is a pause.
const LONGEST_BLACKOUT: u64 = 31 * 86_400;

/// What is wrong, where, and what to do.
pub(super) struct Rules<'a> {
    pub places: &'a Places,
    pub problems: &'a mut Vec<Diagnostic>,
}

impl Rules<'_> {
    pub fn error(
        &mut self,
        message: impl Into<String>,
        path: &[&str],
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        let loc = self.places.locate(path);
        self.push(message, loc, label, help);
    }

    /// At a key, rather than at its value.
    pub fn error_key(&mut self, message: impl Into<String>, path: &[&str], label: &str, help: impl Into<String>) {
        let loc = self.places.locate_key(path);
        self.push(message, loc, label, help);
    }

    fn push(&mut self, message: impl Into<String>, loc: Loc, label: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Diagnostic::error(message).at(loc, label).help(help));
    }

    fn window(&mut self, window: &SessionWindow, key: &str) {
        match (window.last, window.from) {
            (Some(_), Some(_)) => self.error_key(
                format!("`{key}` has both `last` and `from`"),
                &[key, "from"],
                "beside `last`",
                "count back by `last`, or name dates by `from` and `to`",
            ),
            (None, None) => {
                self.error_key(
                    format!("`{key}` does not say which sessions"),
                    &[key],
                    "neither `last` nor `from`",
                    "write `{ last: 60 }`, or `{ from: 2024-01-02 }`",
                );
            }
            (Some(_), None) if window.to.is_some() => self.error_key(
                format!("`{key}` has both `last` and `to`"),
                &[key, "to"],
                "beside `last`",
                "`last` counts back from the newest session; name dates by `from` and `to`",
            ),
            _ => {}
        }
        if let (Some(from), Some(to)) = (window.from, window.to)
            && to < from
        {
            self.error(
                format!("`{key}` ends before it begins"),
                &[key, "to"],
                format!("before {from}"),
                "swap the two",
            );
        }
    }

    fn cron(&mut self, text: &str, path: &[&str]) {
        if let Err(mistake) = parse_cron(text) {
            self.error(
                format!("`{text}` is not a cron expression"),
                path,
                mistake.to_string(),
                "minute, hour, day of the month, month, day of the week: `0 9 * * 1-5`; with a sixth field before them, seconds",
            );
        }
    }
}

/// Everything about one job.
pub(super) fn job(name: &str, spec: &JobSpec, places: &Places, problems: &mut Vec<Diagnostic>) {
    let mut rules = Rules { places, problems };
    if let Some(window) = &spec.sessions {
        rules.window(window, "sessions");
    }
    let work = spec.work;
    match (work, &spec.sessions) {
        (JobWork::Backfill, None) => rules.error_key(
            format!("job `{name}` does not say which sessions"),
            &["work"],
            "a backfill has a window",
            "write `sessions: { last: 60 }`, say",
        ),
        (JobWork::Materialize, Some(_)) => rules.error_key(
            "`sessions` is for a backfill",
            &["sessions"],
            "a materialization brings every stale session up to date",
            "write `work: backfill` too, or take `sessions` away",
        ),
        _ => {}
    }
    let makes = matches!(work, JobWork::Materialize | JobWork::Backfill);
    let selects = work != JobWork::Gc;
    for (there, allowed, key, of) in [
        (spec.select.is_some(), selects, "select", "jobs that work on assets"),
        (spec.exclude.is_some(), selects, "exclude", "jobs that work on assets"),
        (spec.sessions.is_some() && work == JobWork::Gc, selects, "sessions", "jobs that work on sessions"),
        (!spec.instruments.is_empty(), work == JobWork::Backfill, "instruments", "`work: backfill`"),
        (spec.only, makes, "only", "materializations and backfills"),
        (spec.force, makes, "force", "materializations and backfills"),
        (spec.keep_runs.is_some(), work == JobWork::Gc, "keep_runs", "`work: gc`"),
        (spec.keep_days.is_some(), work == JobWork::Gc, "keep_days", "`work: gc`"),
    ] {
        if there && !allowed {
            let message = format!("`{key}` is for {of}");
            rules.error_key(
                message,
                &[key],
                "says nothing here",
                format!("take it away: the work is `{}`", work.name()),
            );
        }
    }
}

/// Everything about one schedule but its job's variables, its zone and its calendar.
pub(super) fn schedule(
    name: &str,
    spec: &ScheduleSpec,
    job: Option<&JobSpec>,
    places: &Places,
    problems: &mut Vec<Diagnostic>,
) {
    let mut rules = Rules { places, problems };
    match (&spec.cron, &spec.on) {
        (Some(_), Some(_)) => rules.error_key(
            format!("schedule `{name}` has both `cron` and `on`"),
            &["on"],
            "beside `cron`",
            "keep one; two schedules may name the same job",
        ),
        (None, None) => rules.error_key(
            format!("schedule `{name}` never ticks"),
            &["job"],
            "neither `cron` nor `on`",
            "write `cron: '0 9 * * 1-5'` and a `zone`, or `on: session_close + 30m`",
        ),
        (Some(cron), None) => rules.cron(cron, &["cron"]),
        (None, Some(on)) => session_instant(on, &["on"], places, rules.problems),
    }
    let mut rules = Rules { places, problems };
    if spec.on.is_some() && spec.cron.is_none() {
        for (there, key, label) in [
            (spec.zone.is_some(), "zone", "sessions have their calendar's"),
            (spec.skip.is_some(), "skip", "`on` has sessions only"),
        ] {
            if there {
                rules.error_key(format!("`{key}` is for `cron`"), &[key], label, "take it away");
            }
        }
    }
    if spec.cron.is_some() && spec.calendar.is_some() && spec.skip != Some(Skip::NonSessions) {
        rules.error_key(
            "`calendar` says nothing beside `cron` alone",
            &["calendar"],
            "its sessions do not count",
            "add `skip: non_sessions`, or take `calendar` away",
        );
    }
    if let Some(window) = &spec.backfill {
        rules.window(window, "backfill");
        if job.is_some_and(|job| job.work == JobWork::Gc) {
            rules.error_key(
                "`backfill` is for jobs that work on sessions",
                &["backfill"],
                "the job is a `gc`",
                "take it away",
            );
        }
    }
    for (at, blackout) in spec.blackout.iter().enumerate() {
        one_blackout(&mut rules, blackout, &at.to_string());
    }
}

fn one_blackout(rules: &mut Rules<'_>, blackout: &Blackout, at: &str) {
    let path = ["blackout", at];
    let under = |key: &'static str| ["blackout", at, key];
    match (&blackout.cron, blackout.from) {
        (Some(_), Some(_)) => {
            rules.error_key("a blackout has both `cron` and `from`", &under("from"), "beside `cron`", "make two of it")
        }
        (None, None) => rules.error(
            "a blackout does not say when it begins",
            &path,
            "neither `from` nor `cron`",
            "write `{ from: 2024-10-01, to: 2024-10-07 }`, or `{ cron: '0 22 * * *', for: 4h }`",
        ),
        (None, Some(from)) => {
            if blackout.lasts.is_some() {
                rules.error_key(
                    "`for` is for a blackout by `cron`",
                    &under("for"),
                    "beside dates",
                    "name its last date by `to`",
                );
            }
            if blackout.to.is_some_and(|to| to < from) {
                rules.error("a blackout ends before it begins", &under("to"), format!("before {from}"), "swap the two");
            }
        }
        (Some(cron), None) => {
            rules.cron(cron, &under("cron"));
            if blackout.to.is_some() {
                rules.error_key(
                    "`to` is for a blackout by dates",
                    &under("to"),
                    "beside `cron`",
                    "say how long it lasts: `for: 4h`",
                );
            }
            match blackout.lasts.map(|lasts| lasts.to_std().as_secs()) {
                None | Some(0) => rules.error_key(
                    "a blackout does not say how long it lasts",
                    &under("cron"),
                    "for how long?",
                    "add `for: 4h`, say",
                ),
                Some(seconds) if seconds > LONGEST_BLACKOUT => {
                    rules.error(
                        "a blackout lasts 31 days at most",
                        &under("for"),
                        "longer",
                        "pause the schedule instead",
                    );
                }
                Some(_) => {}
            }
        }
    }
}

/// That a text is an instant of a session.
pub(crate) fn session_instant(text: &str, path: &[&str], places: &Places, problems: &mut Vec<Diagnostic>) {
    if let Err(mistake) = text.parse::<SessionInstant>() {
        Rules { places, problems }.error(
            format!("`{text}` is not an instant of a session"),
            path,
            mistake.to_string(),
            "write `session_close + 30m` or `session_open - 15m`",
        );
    }
}

/// That an asset is there, where all are known.
pub(super) fn there_is(rules: &mut Rules<'_>, asset: &str, path: &[&str], around: &Around<'_>) {
    let Some(known) = &around.names else { return };
    if known.iter().any(|known| known == asset) {
        return;
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let help = names::suggest(asset, &known, "there are").unwrap_or_else(|| "declare it in assets.yaml".to_owned());
    rules.error(format!("there is no asset `{asset}`"), path, "unknown asset", help);
}

/// `concurrency:` at the top of the file.
pub(super) fn concurrency(limits: &Concurrency, places: &Places, around: &Around<'_>, problems: &mut Vec<Diagnostic>) {
    let mut rules = Rules { places, problems };
    for (key, map) in [("by_tag", &limits.by_tag), ("by_source", &limits.by_source)] {
        for (name, limit) in map.iter() {
            if *limit == 0 {
                rules.error(
                    format!("the limit of `{name}` is 0: nothing of it would ever run"),
                    &["concurrency", key, name],
                    "at least 1",
                    "pause the schedules that are not to run",
                );
            }
        }
    }
    for name in limits.by_source.keys() {
        let path = ["concurrency", "by_source", name];
        there_is(&mut rules, name, &path, around);
        let kind = around.assets.iter().find(|asset| asset.name == *name).map(|asset| &asset.kind);
        if let Some(kind) = kind.filter(|kind| !matches!(kind, Kind::Source(_))) {
            let label = format!("it is of kind `{}`", kind.name());
            rules.error_key(
                format!("asset `{name}` is not a source"),
                &path,
                &label,
                "limit jobs by their tags: `by_tag`",
            );
        }
    }
}

/// That no schedule and sensor have one name: `pause` and `resume` take either.
pub(super) fn names_apart(schedules: &Schedules, problems: &mut Vec<Diagnostic>) {
    for sensor in &schedules.sensors {
        if let Some(schedule) = schedules.schedule(&sensor.name) {
            problems.push(
                Diagnostic::error(format!("a schedule and a sensor are both called `{}`", sensor.name))
                    .at(sensor.name_loc(), "here again")
                    .and(schedule.name_loc(), "first here")
                    .help("rename one of them: `assetctl schedule pause` goes by the name"),
            );
        }
    }
}
