//! Schedules → requests.

use assetctl_config::Schedule;
use assetctl_schedule::{Decision, JobError, ScheduleState, Tick, due};
use assetctl_store::{Error, NewRequest, Origin, TickRow};
use chrono::{DateTime, TimeDelta, Utc};

use crate::ask::{Asked, ask};
use crate::daemon::Daemon;
use crate::event::{Event, EventKind, Severity};
use crate::outside::{Clock, Look, Runner};
use crate::sensing::{origin, switches};

/// That nothing was due is recorded so often.
const RECORD: TimeDelta = TimeDelta::seconds(60);

/// Ticks that were seen so far ahead were seen by a clock that was wrong.
const AHEAD: TimeDelta = TimeDelta::hours(1);

impl<R: Runner, L: Look, C: Clock> Daemon<R, L, C> {
    /// Decides what has become due of every schedule. Each schedule's ticks are recorded together with the requests that they make:
    /// none is lost and none is made twice, whenever this dies.
    pub(crate) fn decide_ticks(&mut self, now: DateTime<Utc>) -> Result<(), Error> {
        let declared = self.declared.clone();
        for schedule in &declared.project.schedules.schedules {
            self.decide_ticks_of(schedule, now)?;
        }
        Ok(())
    }

    fn decide_ticks_of(&mut self, schedule: &Schedule, now: DateTime<Utc>) -> Result<(), Error> {
        let name = &schedule.name;
        let watched = self.store.watched(name)?;
        let recorded_to = watched.as_ref().map(|watched| watched.seen_to);
        let ahead = recorded_to.filter(|seen_to| *seen_to > now + AHEAD);
        self.note_trouble(name, ahead.map(|seen_to| (is_ahead(name, seen_to), false)));
        let mut state = ScheduleState::new(now);
        if let Some(watched) = watched {
            let seen_to = self.seen.get(name).copied().unwrap_or(watched.seen_to).max(watched.seen_to);
            state = ScheduleState { seen_to, held: watched.held, switches: Vec::new() };
        }
        state.switches = switches(&self.store, name)?;
        let found = due(schedule, &state, now);
        let seen_to = found.state.seen_to;
        if found.ticks.is_empty() && recorded_to.is_some_and(|recorded| seen_to - recorded < RECORD) {
            self.seen.insert(name.clone(), seen_to);
            return Ok(());
        }
        let mut ticks: Vec<(TickRow, Option<NewRequest>)> = Vec::with_capacity(found.ticks.len());
        let mut refused: Vec<(DateTime<Utc>, JobError)> = Vec::new();
        for tick in &found.ticks {
            let request = self.request_for(schedule, tick, now).unwrap_or_else(|error| {
                refused.push((tick.due, error));
                None
            });
            ticks.push((tick_row(tick), request));
        }
        let recorded = self.store.enqueue_ticks(name, seen_to, &ticks)?;
        self.seen.insert(name.clone(), seen_to);
        for (tick, request) in recorded {
            self.tell_tick(schedule, &tick, request, now);
            for (_, error) in refused.iter().filter(|(due, _)| *due == tick.due) {
                let job = &schedule.spec.job;
                let event = Event::new(now, EventKind::RunFailed, Severity::Error, format!("`{job}` failed: {error}"));
                self.emit(Event { job: Some(job.clone()), schedule: Some(name.clone()), ..event });
            }
        }
        Ok(())
    }

    fn request_for(
        &self,
        schedule: &Schedule,
        tick: &Tick,
        now: DateTime<Utc>,
    ) -> Result<Option<NewRequest>, JobError> {
        if tick.decision != Decision::Run {
            return Ok(None);
        }
        let job = &schedule.spec.job;
        let asked = Asked {
            origin: origin(job, Origin::Schedule),
            of: Some(&schedule.name),
            why: format!("the tick of `{}` at {}: {}", schedule.name, text(tick.due), tick.reason),
            due: Some(tick.due),
            vars: &schedule.vars,
            window: schedule.spec.backfill,
            now,
        };
        ask(&self.declared, job, asked).transpose()
    }

    fn tell_tick(&mut self, schedule: &Schedule, tick: &TickRow, request: Option<u64>, now: DateTime<Utc>) {
        let loud = matches!(tick.decision.as_str(), "missed" | "unknown");
        let severity = if loud { Severity::Warn } else { Severity::Info };
        let message = format!("`{}` at {}: {}: {}", schedule.name, text(tick.due), tick.decision, tick.reason);
        let event = Event::new(now, EventKind::TickDecided, severity, message)
            .with("due", text(tick.due))
            .with("decision", tick.decision.as_str())
            .with("code", tick.code.as_str());
        self.emit(Event {
            schedule: Some(schedule.name.clone()),
            job: Some(schedule.spec.job.clone()),
            request,
            ..event
        });
    }
}

fn is_ahead(schedule: &str, seen_to: DateTime<Utc>) -> String {
    format!(
        "the ticks of `{schedule}` have been decided until {}, which lies ahead: the clock was wrong, or is; until then it does \
         not run (under another name it begins now)",
        text(seen_to)
    )
}

/// A tick as the ledger keeps it, before it has started a run.
pub fn tick_row(tick: &Tick) -> TickRow {
    TickRow {
        schedule: tick.schedule.clone(),
        due: tick.due,
        decided_at: tick.decided_at,
        decision: tick.decision.name().to_owned(),
        code: tick.why.code().to_owned(),
        reason: tick.reason.clone(),
        run: None,
    }
}

pub(crate) fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
