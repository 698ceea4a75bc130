//! Sensors → requests.

use std::sync::Arc;
use std::time::Duration;

use assetctl_config::{RunEnd, Sensor, SensorWhen};
use assetctl_plan::Ledger as _;
use assetctl_schedule::{JobError, Seen, SensorDecision, SensorMemory, Switch, evaluate};
use assetctl_store::{Error, NewRequest, Origin, RequestStatus, Store};
use chrono::{DateTime, TimeDelta, Utc};

use crate::ask::{Asked, ask};
use crate::daemon::Daemon;
use crate::event::{Event, EventKind, Severity};
use crate::outside::{Clock, Declared, Look, Runner};
use crate::work::Message;

/// How often a sensor looks where it does not say.
const EVERY: TimeDelta = TimeDelta::seconds(30);

/// How long looking may take.
const LONGEST: Duration = Duration::from_secs(60);

/// How a sensor's looking goes.
#[derive(Debug)]
pub(crate) struct Eye {
    pub looked: DateTime<Utc>,
    pub every: TimeDelta,
    /// Somebody looks now.
    pub looking: bool,
    /// Something has happened, and is waited with.
    pub waits: bool,
    /// It is to look again as soon as it can.
    again: bool,
    /// Why looking failed last, so that it is told once.
    failed: Option<String>,
    /// Held by who looks: also by one whom nobody waits for any more.
    looks: Arc<()>,
}

impl<R: Runner, L: Look, C: Clock> Daemon<R, L, C> {
    /// Lets those sensors look whose time has come; or all.
    pub(crate) fn start_looks(&mut self, now: DateTime<Utc>, all: bool) -> Result<(), Error> {
        let declared = self.declared.clone();
        let sensors = &declared.project.schedules.sensors;
        self.eyes.retain(|name, _| sensors.iter().any(|sensor| sensor.name == *name));
        for sensor in sensors {
            let every = sensor.spec.every.map_or(EVERY, |every| every.to_chrono());
            if let Some(eye) = self.eyes.get(&sensor.name) {
                // A clock that went back has not looked yet.
                let is_due = all || eye.again || now - eye.looked >= every || now < eye.looked;
                if eye.looking || Arc::strong_count(&eye.looks) > 1 || !is_due {
                    continue;
                }
            }
            // What a run of it is about to mend is no news.
            if sensor.spec.when.stale.is_some() && self.is_open(&sensor.spec.job)? {
                continue;
            }
            let seen = self.seen_in_store(&sensor.spec.when)?;
            let known = self.eyes.remove(&sensor.name);
            let (waits, failed) = known.map_or((false, None), |eye| (eye.waits, eye.failed));
            let looks = Arc::new(());
            let held = looks.clone();
            let eye = Eye { looked: now, every, looking: seen.is_none(), waits, again: false, failed, looks };
            self.eyes.insert(sensor.name.clone(), eye);
            if let Some(seen) = seen {
                self.on_seen(&sensor.name, &seen, now)?;
                continue;
            }
            let (looker, store, declared) = (self.looker.clone(), self.store.clone(), declared.clone());
            let (sensor, outbox, places) = (sensor.clone(), self.outbox.clone(), self.places.clone());
            tokio::spawn(async move {
                let name = sensor.name.clone();
                // They are never closed.
                let _place = places.acquire_owned().await;
                let looked = tokio::task::spawn_blocking(move || {
                    let _held = held;
                    looker.look(&declared, &store, &sensor, now)
                });
                let seen = match tokio::time::timeout(LONGEST, looked).await {
                    Ok(Ok(seen)) => seen,
                    Ok(Err(error)) => Seen::Failed(format!("it stopped unexpectedly: {error}")),
                    Err(_) => Seen::Failed(format!("it took longer than {} s", LONGEST.as_secs())),
                };
                let _ = outbox.send(Message::Seen(name, seen));
            });
        }
        Ok(())
    }

    /// What the store alone can tell.
    fn seen_in_store(&self, when: &SensorWhen) -> Result<Option<Seen>, Error> {
        if let (Some(end), Some(job)) = (when.run, &when.of) {
            let how: &[RequestStatus] = match end {
                RunEnd::Succeeded => &[RequestStatus::Succeeded],
                RunEnd::Failed => &[RequestStatus::Failed],
                RunEnd::Finished => &[RequestStatus::Succeeded, RequestStatus::Failed],
            };
            let newest = self.store.newest_ended(job, how)?;
            return Ok(Some(Seen::Newest(newest.map(|id| id.to_string()))));
        }
        if let Some(asset) = &when.updated {
            let snapshot = self.store.snapshot()?;
            let newest = snapshot.head(asset).map(|head| head.tip_rev.max(head.shrunk_rev).to_string());
            return Ok(Some(Seen::Newest(newest)));
        }
        Ok(None)
    }

    fn is_open(&self, job: &str) -> Result<bool, Error> {
        Ok(self.store.open_requests()?.iter().any(|row| row.job == job))
    }

    /// A run has ended: who waits for that need not wait for the time to look.
    pub(crate) fn look_again_at_runs(&mut self) {
        for sensor in &self.declared.project.schedules.sensors {
            let when = &sensor.spec.when;
            if let Some(eye) = self.eyes.get_mut(&sensor.name)
                && (when.run.is_some() || when.updated.is_some() || when.stale.is_some())
            {
                eye.again = true;
            }
        }
    }

    /// What was seen is decided on and recorded, together with the request that it makes.
    pub(crate) fn on_seen(&mut self, name: &str, seen: &Seen, now: DateTime<Utc>) -> Result<(), Error> {
        if let Some(eye) = self.eyes.get_mut(name) {
            eye.looking = false;
        }
        let declared = self.declared.clone();
        let Some(sensor) = declared.project.schedules.sensor(name) else { return Ok(()) };
        let known = self.store.sensor(name)?;
        let memory: SensorMemory =
            known.as_ref().and_then(|row| serde_json::from_str(&row.memory).ok()).unwrap_or_default();
        let (decision, memory) = evaluate(sensor, &memory, &switches(&self.store, name)?, seen, now);
        let (word, reason) = match &decision {
            SensorDecision::Fires(why) => ("fires", why.as_str()),
            SensorDecision::Waits(why) => ("waits", why.as_str()),
            SensorDecision::Quiet => ("quiet", ""),
            SensorDecision::Failed(why) => ("failed", why.as_str()),
        };
        if let Some(eye) = self.eyes.get_mut(name) {
            eye.waits = word == "waits";
            let failed = (word == "failed").then(|| reason.to_owned());
            if failed != std::mem::replace(&mut eye.failed, failed.clone())
                && let Some(why) = failed
            {
                self.tell_sensor(sensor, now, EventKind::SensorFailed, Severity::Warn, &why, None);
            }
        }
        let asked = match &decision {
            SensorDecision::Fires(why) => request_of(&declared, sensor, why, now),
            _ => Ok(None),
        };
        let (request, refused) = match asked {
            Ok(request) => (request, None),
            Err(error) => (None, Some(error)),
        };
        let text = serde_json::to_string(&memory).unwrap_or_default();
        if known.is_some_and(|row| row.memory == text && row.decision == word && row.reason == reason) {
            return Ok(());
        }
        let asked = self.store.record_sensor(name, &text, now, word, reason, request.as_ref())?;
        if matches!(decision, SensorDecision::Fires(_)) {
            self.tell_sensor(sensor, now, EventKind::SensorFired, Severity::Info, reason, asked);
        }
        if let Some(error) = refused {
            let message = format!("`{}` failed: {error}", sensor.spec.job);
            self.tell_sensor(sensor, now, EventKind::RunFailed, Severity::Error, &message, None);
        }
        Ok(())
    }

    fn tell_sensor(
        &mut self,
        sensor: &Sensor,
        now: DateTime<Utc>,
        kind: EventKind,
        severity: Severity,
        message: &str,
        request: Option<u64>,
    ) {
        self.emit(Event {
            sensor: Some(sensor.name.clone()),
            job: Some(sensor.spec.job.clone()),
            request,
            ..Event::new(now, kind, severity, message)
        });
    }
}

fn request_of(
    declared: &Declared,
    sensor: &Sensor,
    why: &str,
    now: DateTime<Utc>,
) -> Result<Option<NewRequest>, JobError> {
    let asked = Asked {
        origin: origin(&sensor.spec.job, Origin::Sensor),
        of: Some(&sensor.name),
        why: format!("sensor `{}`: {why}", sensor.name),
        due: None,
        vars: &sensor.vars,
        window: None,
        now,
    };
    ask(declared, &sensor.spec.job, asked).transpose()
}

/// Of a job that an asset makes by `auto:`, the asset.
pub(crate) fn origin(job: &str, otherwise: Origin) -> Origin {
    if job.starts_with("auto:") { Origin::Auto } else { otherwise }
}

/// When a schedule or sensor was paused and set going again.
pub fn switches(store: &Store, name: &str) -> Result<Vec<Switch>, Error> {
    let rows = store.switches(name)?;
    Ok(rows.into_iter().map(|row| Switch { at: row.at, paused: row.paused, who: row.who, why: row.why }).collect())
}
