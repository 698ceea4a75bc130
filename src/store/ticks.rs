//! What was decided of the ticks of schedules, and which schedules are paused.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::database::{instant, micros};
use crate::error::Result;
use crate::queue::{self, NewRequest};
use crate::runs::RunId;
use crate::store::Store;

/// A tick with what became of it. `due`, with the schedule's name, tells it from any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TickRow {
    pub schedule: String,
    pub due: DateTime<Utc>,
    pub decided_at: DateTime<Utc>,
    /// `run`, `skipped`, `superseded`, `missed`, `unknown`, or `held` until it is decided.
    pub decision: String,
    /// The reason as one word.
    pub code: String,
    /// The reason in words.
    pub reason: String,
    /// The run that it started.
    pub run: Option<RunId>,
}

/// How far a schedule's ticks have been seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    pub seen_to: DateTime<Utc>,
    /// Seen and not decided yet.
    pub held: BTreeSet<DateTime<Utc>>,
}

/// A schedule or sensor was paused, or set going again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SwitchRow {
    pub at: DateTime<Utc>,
    pub paused: bool,
    pub who: Option<String>,
    pub why: Option<String>,
}

pub(crate) const COLUMNS: &str = "SELECT schedule, due, decided_at, decision, code, reason, run FROM ticks";

/// Those of a schedule that are not decided yet. Without the hint SQLite reads all ticks of the schedule.
pub(crate) const HELD: &str = "SELECT due FROM ticks INDEXED BY ticks_held WHERE schedule = ?1 AND decision = 'held'";

impl Store {
    /// How far a schedule's ticks have been seen; `None` if nobody ever looked.
    pub fn watched(&self, schedule: &str) -> Result<Option<Watched>> {
        let failed = self.ledger.failed("read");
        let connection = self.connection();
        let seen_to: Option<i64> = connection
            .prepare_cached("SELECT seen_to FROM schedules WHERE name = ?1")
            .and_then(|mut statement| statement.query_row([schedule], |row| row.get(0)).optional())
            .map_err(&failed)?;
        let Some(seen_to) = seen_to else { return Ok(None) };
        let held = connection
            .prepare_cached(HELD)
            .and_then(|mut statement| {
                let dues = statement.query_map([schedule], |row| row.get::<_, i64>(0).map(instant))?;
                dues.collect::<rusqlite::Result<BTreeSet<_>>>()
            })
            .map_err(&failed)?;
        Ok(Some(Watched { seen_to: instant(seen_to), held }))
    }

    /// Records, in one transaction, what became of a schedule's ticks, what each of them asks for, and until when they have been seen.
    /// Gives those that it recorded, with the numbers of their requests: one that was decided before, by whoever else looked at the
    /// same time, keeps its decision and is not among them.
    pub fn enqueue_ticks(
        &self,
        schedule: &str,
        seen_to: DateTime<Utc>,
        ticks: &[(TickRow, Option<NewRequest>)],
    ) -> Result<Vec<(TickRow, Option<u64>)>> {
        self.write("record ticks in", |transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO schedules (name, seen_to) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET seen_to = max(seen_to, ?2)",
                )?
                .execute(params![schedule, micros(seen_to)])?;
            let mut statement = transaction.prepare_cached(
                "INSERT INTO ticks (schedule, due, decided_at, decision, code, reason, run) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (schedule, due) DO UPDATE SET decided_at = ?3, decision = ?4, code = ?5, reason = ?6, run = ?7
                 WHERE decision = 'held' AND excluded.decision <> 'held'",
            )?;
            let mut recorded = Vec::with_capacity(ticks.len());
            for (tick, request) in ticks {
                let run = tick.run.map(|run| run.0 as i64);
                let row = params![
                    schedule,
                    micros(tick.due),
                    micros(tick.decided_at),
                    tick.decision,
                    tick.code,
                    tick.reason,
                    run
                ];
                if statement.execute(row)? == 1 {
                    let id = request.as_ref().map(|request| queue::insert(transaction, request)).transpose()?;
                    recorded.push((tick.clone(), id));
                }
            }
            Ok(recorded)
        })
    }

    /// Until when the ticks of any schedule have been seen; `None` if nobody ever looked.
    pub fn newest_seen(&self) -> Result<Option<DateTime<Utc>>> {
        let newest: Option<i64> = self
            .connection()
            .query_row("SELECT max(seen_to) FROM schedules", [], |row| row.get(0))
            .map_err(self.ledger.failed("read"))?;
        Ok(newest.map(instant))
    }

    /// Records which run a tick has started.
    pub fn record_tick_run(&self, schedule: &str, due: DateTime<Utc>, run: RunId) -> Result<()> {
        self.write("record a tick's run in", |transaction| {
            transaction.prepare_cached("UPDATE ticks SET run = ?3 WHERE schedule = ?1 AND due = ?2")?.execute(params![
                schedule,
                micros(due),
                run.0 as i64
            ])
        })?;
        Ok(())
    }

    /// The tick of a schedule at an instant.
    pub fn tick(&self, schedule: &str, due: DateTime<Utc>) -> Result<Option<TickRow>> {
        let query = format!("{COLUMNS} WHERE schedule = ?1 AND due = ?2");
        let connection = self.connection();
        connection
            .prepare_cached(&query)
            .and_then(|mut statement| statement.query_row(params![schedule, micros(due)], tick).optional())
            .map_err(self.ledger.failed("read"))
    }

    /// The newest ticks, of one schedule or of all, the newest first.
    pub fn ticks(&self, schedule: Option<&str>, limit: usize) -> Result<Vec<TickRow>> {
        let of = if schedule.is_some() { "schedule = ?1" } else { "?1 IS NULL" };
        let query = format!("{COLUMNS} WHERE {of} ORDER BY due DESC, schedule LIMIT ?2");
        let connection = self.connection();
        connection
            .prepare_cached(&query)
            .and_then(|mut statement| {
                statement.query_map(params![schedule, limit as i64], tick)?.collect::<rusqlite::Result<Vec<_>>>()
            })
            .map_err(self.ledger.failed("read"))
    }

    /// Pauses a schedule or sensor, or sets it going again.
    pub fn switch(&self, name: &str, switch: &SwitchRow) -> Result<()> {
        self.write("pause or resume in", |transaction| {
            transaction.execute(
                "INSERT INTO switches (name, at, paused, who, why) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![name, micros(switch.at), switch.paused, switch.who, switch.why],
            )
        })?;
        Ok(())
    }

    /// When a schedule or sensor was paused and set going again, in order.
    pub fn switches(&self, name: &str) -> Result<Vec<SwitchRow>> {
        let connection = self.connection();
        connection
            .prepare_cached("SELECT at, paused, who, why FROM switches WHERE name = ?1 ORDER BY at, id")
            .and_then(|mut statement| {
                let switch = |row: &Row<'_>| {
                    Ok(SwitchRow { at: instant(row.get(0)?), paused: row.get(1)?, who: row.get(2)?, why: row.get(3)? })
                };
                statement.query_map([name], switch)?.collect::<rusqlite::Result<Vec<_>>>()
            })
            .map_err(self.ledger.failed("read"))
    }
}

pub(crate) fn tick(row: &Row<'_>) -> rusqlite::Result<TickRow> {
    Ok(TickRow {
        schedule: row.get(0)?,
        due: instant(row.get(1)?),
        decided_at: instant(row.get(2)?),
        decision: row.get(3)?,
        code: row.get(4)?,
        reason: row.get(5)?,
        run: row.get::<_, Option<i64>>(6)?.map(|run| RunId(run as u64)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, at};

    const HELD: &str = "held";

    fn tick(due: i64, decided: i64, decision: &str) -> TickRow {
        let (code, reason) = (decision.to_owned(), format!("decided at {decided}"));
        let (due, decided_at) = (at(due), at(decided));
        TickRow { schedule: "daily".into(), due, decided_at, decision: decision.into(), code, reason, run: None }
    }

    /// Without requests.
    fn record_ticks(store: &Store, seen_to: DateTime<Utc>, ticks: &[TickRow]) -> Vec<TickRow> {
        let ticks: Vec<_> = ticks.iter().map(|tick| (tick.clone(), None)).collect();
        store.enqueue_ticks("daily", seen_to, &ticks).unwrap().into_iter().map(|(tick, _)| tick).collect()
    }

    #[test]
    fn a_tick_is_decided_once_whoever_looks_and_however_often() {
        let scratch = Scratch::new();
        let store = &scratch.store;
        assert_eq!(store.watched("daily").unwrap(), None);
        let first = [tick(10, 20, "run"), tick(15, 20, HELD)];
        assert_eq!(record_ticks(store, at(20), &first), first);
        let watched = store.watched("daily").unwrap().unwrap();
        assert_eq!((watched.seen_to, watched.held), (at(20), [at(15)].into()));

        // Another looked at the same time, with a clock that is behind.
        let again = [tick(10, 18, "superseded"), tick(15, 18, HELD)];
        assert_eq!(record_ticks(store, at(18), &again), []);
        assert_eq!(store.watched("daily").unwrap().unwrap().seen_to, at(20));

        // What was held is decided, once.
        let decided = [tick(15, 30, "run")];
        assert_eq!(record_ticks(store, at(30), &decided), decided);
        assert_eq!(record_ticks(store, at(31), &[tick(15, 31, "missed"), tick(15, 31, HELD)]), []);
        assert!(store.watched("daily").unwrap().unwrap().held.is_empty());
        let run = scratch.run(32);
        store.record_tick_run("daily", at(15), run).unwrap();
        let all = store.ticks(Some("daily"), 10).unwrap();
        assert_eq!(all, [TickRow { run: Some(run), ..tick(15, 30, "run") }, tick(10, 20, "run")]);
        assert!(store.ticks(Some("other"), 10).unwrap().is_empty());
        assert_eq!(store.ticks(None, 1).unwrap().len(), 1);
    }

    #[test]
    fn switches_are_kept_in_order() {
        let scratch = Scratch::new();
        let switch = |second, paused| SwitchRow { at: at(second), paused, who: Some("ops".into()), why: None };
        for one in [switch(10, true), switch(20, false)] {
            scratch.store.switch("daily", &one).unwrap();
        }
        assert_eq!(scratch.store.switches("daily").unwrap(), [switch(10, true), switch(20, false)]);
        assert!(scratch.store.switches("other").unwrap().is_empty());
    }
}
