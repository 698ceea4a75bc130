//! `auto:` of assets, as the jobs, schedules and sensors that it comes to. Each is called `auto:` and the asset's name, which no other
//! can be.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::{Job, Schedule, Schedules, Sensor, Timing};
use crate::ordered::Ordered;
use crate::project::Asset;
use crate::spec::{Auto, AutoWhen, CatchUp, JobSpec, OneOrMany, ScheduleSpec, SensorSpec, SensorWhen};

impl Schedules {
    /// Adds what the assets say by `auto:`.
    pub(crate) fn add_automatic(&mut self, assets: &[Asset]) {
        for asset in assets {
            let Some(auto) = &asset.common.auto else { continue };
            let name = format!("auto:{}", asset.name);
            self.jobs.push(Job {
                name: name.clone(),
                spec: JobSpec {
                    description: Some(format!("`auto:` of `{}`", asset.name)),
                    select: Some(OneOrMany::One(asset.name.clone())),
                    ..JobSpec::default()
                },
                vars: Vec::new(),
                written: None,
                places: asset.places.clone(),
            });
            match auto {
                Auto::When(AutoWhen::OnChange) => self.sensors.push(sensor(name, asset)),
                Auto::By(by) => self.schedules.extend(schedule(name, asset, &by.deadline)),
            }
        }
    }
}

fn sensor(name: String, asset: &Asset) -> Sensor {
    let when = SensorWhen { stale: Some(asset.name.clone()), ..SensorWhen::default() };
    let spec = SensorSpec {
        job: name.clone(),
        description: None,
        when,
        every: None,
        debounce: None,
        min_interval: None,
        paused: false,
        vars: Ordered::default(),
    };
    Sensor { name, spec, vars: BTreeMap::new(), base: asset.base.clone(), places: asset.places.clone() }
}

/// `None` for a deadline that is none, which has been reported.
fn schedule(name: String, asset: &Asset, deadline: &str) -> Option<Schedule> {
    let spec = ScheduleSpec {
        job: name.clone(),
        description: None,
        cron: None,
        zone: None,
        on: Some(deadline.to_owned()),
        calendar: Some(asset.calendar.name().to_owned()),
        skip: None,
        catch_up: CatchUp::Last,
        grace: None,
        backfill: None,
        blackout: Vec::new(),
        paused: false,
        vars: Ordered::default(),
    };
    let timing = Timing::Session { calendar: asset.calendar.clone(), at: deadline.parse().ok()? };
    let zone = asset.calendar.time_zone().parse().unwrap_or(Tz::UTC);
    Some(Schedule { name, spec, timing, zone, vars: BTreeMap::new(), places: asset.places.clone() })
}
