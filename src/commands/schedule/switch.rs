//! `assetctl schedule pause` and `resume`.

use assetctl_store::SwitchRow;
use serde::Serialize;

use super::{switches, unknown};
use crate::args::SchedulePause;
use crate::context::Context;
use crate::error::CliError;
use crate::report;

/// `--format json`.
#[derive(Serialize)]
struct Switched<'a> {
    name: &'a str,
    paused: bool,
    /// Whether it was not so before.
    changed: bool,
}

pub fn run(context: &Context, args: &SchedulePause, pause: bool) -> Result<(), CliError> {
    let loaded = context.load()?;
    let declared = &loaded.project.schedules;
    let of_schedule = declared.schedule(&args.name).map(|schedule| schedule.spec.paused);
    let of_sensor = || declared.sensor(&args.name).map(|sensor| sensor.spec.paused);
    let Some(configured) = of_schedule.or_else(of_sensor) else {
        let schedules = declared.schedules.iter().map(|schedule| schedule.name.as_str());
        let known: Vec<&str> = schedules.chain(declared.sensors.iter().map(|sensor| sensor.name.as_str())).collect();
        return Err(unknown("schedule or sensor", &args.name, &known));
    };
    let store = loaded.store()?;
    let now = context.clock.now();
    let before = assetctl_schedule::paused(configured, &switches(Some(&store), &args.name)?, now).is_some();
    let changed = before != pause;
    if changed {
        let (who, why) = (assetctl_config::who(), args.why.clone());
        store.switch(&args.name, &SwitchRow { at: now, paused: pause, who, why })?;
    }
    let switched = Switched { name: &args.name, paused: pause, changed };
    report::result(context.format, &switched, |switched| {
        let name = switched.name;
        match (switched.paused, switched.changed) {
            (true, true) => format!("`{name}` is paused: nothing of it runs until `assetctl schedule resume {name}`\n"),
            (false, true) => format!("`{name}` goes on; what was due meanwhile is not made up for\n"),
            (true, false) => format!("`{name}` was paused before\n"),
            (false, false) => format!("`{name}` was not paused\n"),
        }
    })
}
