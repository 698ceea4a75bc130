//! Schedules for tests, by the YAML that a user would write.

use std::path::Path;

use assetctl_config::{Project, Schedule, Sensor, load_with};
use chrono::{DateTime, Utc};

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A project of no assets with this `schedules.yaml`.
pub(crate) fn project(schedules: &str) -> Project {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("assets.yaml"), "calendar: XSHG\nstart: 2014-01-02\nassets: {}\n");
    write(&folder.path().join("schedules.yaml"), schedules);
    load_with(&folder.path().join("assets.yaml"), &|_| None).unwrap_or_else(|errors| panic!("{errors}"))
}

#[expect(clippy::disallowed_methods, reason = "a test writes what a user would")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// One schedule of these keys.
pub(crate) fn schedule(keys: &str) -> Schedule {
    let project = project(&format!("jobs: {{ j: {{}} }}\nschedules: {{ s: {{ job: j, {keys} }} }}\n"));
    project.schedules.schedule("s").unwrap().clone()
}

/// One sensor of these keys.
pub(crate) fn sensor(keys: &str) -> Sensor {
    let project = project(&format!("jobs: {{ j: {{}}, k: {{}} }}\nsensors: {{ s: {{ job: j, {keys} }} }}\n"));
    project.schedules.sensor("s").unwrap().clone()
}
