//! Rules of sensors: one condition each, and no chain that goes in a circle.

use std::collections::BTreeMap;

use super::{Rules, there_is};
use crate::diagnostic::Diagnostic;
use crate::project::Places;
use crate::schedules::Sensor;
use crate::schedules::read::Around;
use crate::spec::{Check, SensorSpec, SensorWhen};

/// The one thing that a sensor waits for, by its key.
fn conditions(when: &SensorWhen) -> Vec<&'static str> {
    [
        ("run", when.run.is_some()),
        ("updated", when.updated.is_some()),
        ("stale", when.stale.is_some()),
        ("late", when.late.is_some()),
        ("file", when.file.is_some()),
        ("sql", when.sql.is_some()),
        ("http", when.http.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, there)| there.then_some(key))
    .collect()
}

/// Everything about one sensor but its jobs.
pub(in crate::schedules) fn sensor(
    name: &str,
    spec: &SensorSpec,
    places: &Places,
    around: &Around<'_>,
    problems: &mut Vec<Diagnostic>,
) {
    let mut rules = Rules { places, problems };
    let when = &spec.when;
    match conditions(when).as_slice() {
        [_] => {}
        [] => rules.error_key(
            format!("sensor `{name}` waits for nothing"),
            &["when"],
            "no condition",
            "write one of `run`, `updated`, `stale`, `late`, `file`, `sql`, `http`",
        ),
        [first, second, ..] => rules.error_key(
            format!("sensor `{name}` waits for two things"),
            &["when", second],
            "one thing too many",
            format!("keep `{first}`, or make two sensors of it: either of them runs the job"),
        ),
    }
    match (when.run, &when.of) {
        (Some(run), None) => rules.error_key(
            format!("sensor `{name}` does not say whose runs"),
            &["when", "run"],
            "of which job?",
            format!("write `when: {{ run: {}, of: sync }}`, say", run.name()),
        ),
        (None, Some(_)) => {
            rules.error_key(
                "`of` is for `run`",
                &["when", "of"],
                "without `run`",
                "write `run: succeeded` too, or take it away",
            );
        }
        _ => {}
    }
    if when.storage.is_some() && !when.file.iter().flat_map(|file| file.as_slice()).any(|file| file.contains("://")) {
        rules.error_key("`storage` is for objects", &["when", "storage"], "no `s3://…` is named", "take it away");
    }
    if when.sql.as_deref().is_some_and(|sql| sql.trim().is_empty()) {
        rules.error("`sql` has no query", &["when", "sql"], "empty", "write `select count(*) > 0 from …`, say");
    }
    if let Some(url) = when.http.as_ref().map(|http| http.url.as_str()).filter(|url| !is_http(url)) {
        // The address may have a secret in it.
        let shown = if url.contains("://") {
            "`url` must begin with `https://` or `http://`"
        } else {
            "`url` is not an address"
        };
        rules.error(shown, &["when", "http", "url"], "asked how?", "write `https://vendor.example/ready`");
    }
    if spec.every.is_some_and(|every| every.to_std().is_zero()) {
        rules.error("`every` is 0: there would be no end of looking", &["every"], "at least 1s", "write `30s`, say");
    }
    for (key, asset) in [("updated", &when.updated), ("stale", &when.stale), ("late", &when.late)] {
        let Some(asset) = asset else { continue };
        there_is(&mut rules, asset, &["when", key], around);
        let checks =
            around.assets.iter().find(|known| known.name == *asset).map(|known| known.common.checks.as_slice());
        if key == "late" && checks.is_some_and(|checks| !checks.iter().any(has_freshness)) {
            rules.error(
                format!("asset `{asset}` has no `freshness` check"),
                &["when", key],
                "late by which measure?",
                "give it one: `checks: [{ freshness: { within: 18h } }]`, say",
            );
        }
    }
}

fn is_http(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

fn has_freshness(check: &Check) -> bool {
    check.freshness.is_some()
}

/// That no chain of sensors starts the job that started it: it would run for ever.
pub(in crate::schedules) fn circles(sensors: &[Sensor], problems: &mut Vec<Diagnostic>) {
    let mut after: BTreeMap<&str, Vec<&Sensor>> = BTreeMap::new();
    for sensor in sensors {
        if let Some(of) = &sensor.spec.when.of {
            after.entry(of).or_default().push(sensor);
        }
    }
    for sensor in sensors.iter().filter(|sensor| sensor.spec.when.of.is_some()) {
        let (mut waiting, mut seen) = (vec![sensor.spec.job.as_str()], Vec::new());
        while let Some(job) = waiting.pop() {
            if Some(job) == sensor.spec.when.of.as_deref() {
                problems.push(
                    Diagnostic::error(format!(
                        "sensor `{}` closes a circle: job `{job}` would start itself",
                        sensor.name
                    ))
                    .at(sensor.locate(&["job"]), format!("and so on to `{job}` again"))
                    .help("take one sensor out of the chain, or put both jobs into one"),
                );
                return;
            }
            if !seen.contains(&job) {
                seen.push(job);
                waiting.extend(after.get(job).into_iter().flatten().map(|next| next.spec.job.as_str()));
            }
        }
    }
}
