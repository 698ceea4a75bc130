//! Runs: what was executed, of which plan, and how it ended.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::codec;
use crate::database::{instant, micros};
use crate::error::{Error, Result};
use crate::locks;
use crate::month::blob;
use crate::store::{Store, newest_rev};

/// 1, 2, 3, … within a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A run that begins.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// `materialize`, `backfill`, …
    pub command: String,
    pub selection: String,
    pub at: DateTime<Utc>,
    /// The plan that it executes, in its documented JSON form.
    pub plan: serde_json::Value,
}

macro_rules! named {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $type { $($(#[$variant_doc])* $variant,)+ }

        impl $type {
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            fn parse(name: &str) -> Result<Self> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    other => Err(Error::corrupt(format!("a status `{other}`"))),
                }
            }
        }
    };
}

pub(crate) use named;

named! {
    /// How a run stands.
    RunStatus {
        Running = "running",
        Succeeded = "succeeded",
        Failed = "failed",
        Cancelled = "cancelled",
        /// Its process is gone and never said how it ended.
        Interrupted = "interrupted",
    }
}

named! {
    /// How an asset came out of a run.
    AssetStatus {
        Ok = "ok",
        Failed = "failed",
        /// Something it reads failed.
        Blocked = "blocked",
        Cancelled = "cancelled",
        /// It ran and nothing came out different.
        Unchanged = "unchanged",
    }
}

/// One asset's part in a run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AssetOutcome {
    pub asset: String,
    pub status: AssetStatus,
    /// Partitions that the plan had stale.
    pub planned: u32,
    /// Sessions that were recomputed.
    pub ran: Vec<NaiveDate>,
    /// Of those, how many came out different.
    pub changed: u32,
    pub rows: u64,
    pub bytes: u64,
    pub seconds: f64,
    pub error: Option<String>,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RunRow {
    pub id: RunId,
    pub command: String,
    pub selection: String,
    pub status: RunStatus,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    /// Revision of the store when it began, and when it ended.
    pub start_rev: u64,
    pub end_rev: Option<u64>,
    /// Assets that took part.
    #[serde(rename = "asset_count")]
    pub assets: u32,
    /// Partitions that came out different, over all assets.
    pub changed: u64,
}

/// Everything about a run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RunDetail {
    #[serde(flatten)]
    pub run: RunRow,
    pub plan: serde_json::Value,
    pub assets: Vec<AssetOutcome>,
    pub checks: Vec<CheckRow>,
}

/// A check that did not hold.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CheckRow {
    pub asset: String,
    pub session: NaiveDate,
    pub check: String,
    /// `error` or `warn`.
    pub severity: String,
    pub message: String,
}

const RUN_COLUMNS: &str =
    "SELECT r.id, r.command, r.selection, r.status, r.started_at, r.finished_at, r.start_rev, r.end_rev,
        (SELECT count(*) FROM run_assets a WHERE a.run = r.id),
        (SELECT coalesce(sum(changed), 0) FROM run_assets a WHERE a.run = r.id)
     FROM runs r";

impl Store {
    /// Begins a run and holds its lock, by which others see that it lives, until [`Store::finish_run`] or the end of the
    /// process.
    pub fn begin_run(&self, run: &NewRun) -> Result<RunId> {
        let failed = self.ledger.failed("begin a run in");
        let (id, lock) = self.transact("begin a run in", |transaction| {
            transaction
                .execute(
                    "INSERT INTO runs (command, selection, plan, started_at, start_rev, status)
                     VALUES (?1, ?2, ?3, ?4, ?5, 'running')",
                    params![
                        run.command,
                        run.selection,
                        run.plan.to_string(),
                        micros(run.at),
                        newest_rev(transaction).map_err(&failed)? as i64,
                    ],
                )
                .map_err(&failed)?;
            let id = transaction.last_insert_rowid() as u64;
            // Before the row can be seen, so that nobody takes the run for dead.
            Ok((id, locks::hold(&self.layout.run_lock(id))?))
        })?;
        self.live_runs().insert(id, lock);
        Ok(RunId(id))
    }

    /// Records how an asset came out; a second record of the same asset replaces the first.
    pub fn record_asset(&self, run: RunId, outcome: &AssetOutcome) -> Result<()> {
        self.write("record an asset in", |transaction| {
            transaction.execute(
                "INSERT OR REPLACE INTO run_assets (run, asset, status, planned, ran, changed, rows, bytes, seconds, error)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    run.0 as i64,
                    outcome.asset,
                    outcome.status.name(),
                    outcome.planned,
                    codec::pack_dates(&outcome.ran),
                    outcome.changed,
                    outcome.rows as i64,
                    outcome.bytes as i64,
                    outcome.seconds,
                    outcome.error,
                ],
            )
        })?;
        Ok(())
    }

    /// Records that an asset failed after all, keeping what is known of its part in the run.
    pub fn fail_asset(&self, run: RunId, asset: &str, error: &str) -> Result<()> {
        self.write("record an asset in", |transaction| {
            transaction.execute(
                "INSERT INTO run_assets (run, asset, status, planned, ran, changed, rows, bytes, seconds, error)
                 VALUES (?1, ?2, 'failed', 0, ?3, 0, 0, 0, 0, ?4)
                 ON CONFLICT (run, asset) DO UPDATE SET status = 'failed', error = excluded.error",
                params![run.0 as i64, asset, codec::pack_dates(&[]), error],
            )
        })?;
        Ok(())
    }

    /// Ends a run and releases its lock.
    pub fn finish_run(&self, run: RunId, status: RunStatus, at: DateTime<Utc>) -> Result<()> {
        self.write("finish a run in", |transaction| {
            let rev = newest_rev(transaction)?;
            transaction.execute(
                "UPDATE runs SET status = ?2, finished_at = ?3, end_rev = ?4 WHERE id = ?1",
                params![run.0 as i64, status.name(), micros(at), rev as i64],
            )
        })?;
        let held = self.live_runs().remove(&run.0);
        if held.is_some() {
            drop(held);
            crate::layout::remove(&self.layout.run_lock(run.0))?;
        }
        Ok(())
    }

    /// The newest `limit` runs, newest first.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRow>> {
        self.read_runs("WHERE r.id <= ?1 ORDER BY r.id DESC LIMIT ?2", i64::MAX, limit)
    }

    pub(crate) fn read_runs(&self, filter: &str, bound: i64, limit: usize) -> Result<Vec<RunRow>> {
        let failed = self.ledger.failed("read");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let connection = self.connection();
        let mut statement = connection.prepare_cached(&format!("{RUN_COLUMNS} {filter}")).map_err(&failed)?;
        let mut rows = statement.query(params![bound, limit]).map_err(&failed)?;
        let mut runs = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            runs.push(self.run_row(row)?);
        }
        Ok(runs)
    }

    /// Whether any process is in the middle of a run now.
    pub fn has_live_run(&self) -> Result<bool> {
        // By the locks, which are few, and not by the runs, which are many.
        for path in crate::gc::files_in(&self.layout.locks())? {
            let Some(run) = locks::run_of(&path) else { continue };
            if self.is_live(run)? && self.is_unfinished(run)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_unfinished(&self, run: RunId) -> Result<bool> {
        let query = "SELECT EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND finished_at IS NULL)";
        self.connection()
            .prepare_cached(query)
            .and_then(|mut statement| statement.query_row([run.0 as i64], |row| row.get(0)))
            .map_err(self.ledger.failed("read"))
    }

    /// One run with its plan, assets and checks.
    pub fn run(&self, id: RunId) -> Result<Option<RunDetail>> {
        let failed = self.ledger.failed("read");
        let connection = self.connection();
        let plan: Option<String> = connection
            .query_row("SELECT plan FROM runs WHERE id = ?1", params![id.0 as i64], |row| row.get(0))
            .optional()
            .map_err(&failed)?;
        let Some(plan) = plan else { return Ok(None) };
        let plan = serde_json::from_str(&plan).map_err(|error| Error::corrupt(format!("a run's plan: {error}")))?;
        let mut statement = connection.prepare_cached(&format!("{RUN_COLUMNS} WHERE r.id = ?1")).map_err(&failed)?;
        let mut rows = statement.query(params![id.0 as i64]).map_err(&failed)?;
        let Some(row) = rows.next().map_err(&failed)? else { return Ok(None) };
        let run = self.run_row(row)?;
        Ok(Some(RunDetail {
            run,
            plan,
            assets: self.outcomes(&connection, id)?,
            checks: self.failed_checks(&connection, id)?,
        }))
    }

    fn run_row(&self, row: &Row<'_>) -> Result<RunRow> {
        let failed = self.ledger.failed("read");
        let status: String = row.get(3).map_err(&failed)?;
        let id = row.get::<_, i64>(0).map_err(&failed)? as u64;
        let mut status = RunStatus::parse(&status)?;
        if status == RunStatus::Running && !self.is_live(RunId(id))? {
            status = RunStatus::Interrupted;
        }
        Ok(RunRow {
            id: RunId(id),
            command: row.get(1).map_err(&failed)?,
            selection: row.get(2).map_err(&failed)?,
            status,
            started_at: instant(row.get(4).map_err(&failed)?),
            finished_at: row.get::<_, Option<i64>>(5).map_err(&failed)?.map(instant),
            start_rev: row.get::<_, i64>(6).map_err(&failed)? as u64,
            end_rev: row.get::<_, Option<i64>>(7).map_err(&failed)?.map(|rev| rev as u64),
            assets: row.get(8).map_err(&failed)?,
            changed: row.get::<_, i64>(9).map_err(&failed)? as u64,
        })
    }

    fn outcomes(&self, connection: &Connection, run: RunId) -> Result<Vec<AssetOutcome>> {
        let of_run = self.read_outcomes(connection, "WHERE run = ?1", run.0 as i64)?;
        Ok(of_run.into_iter().map(|(_, outcome)| outcome).collect())
    }

    /// The outcomes of a run and of those after it, oldest first.
    pub(crate) fn outcomes_since(&self, first: RunId) -> Result<Vec<(RunId, AssetOutcome)>> {
        self.read_outcomes(&self.connection(), "WHERE run >= ?1", first.0 as i64)
    }

    fn read_outcomes(&self, connection: &Connection, filter: &str, bound: i64) -> Result<Vec<(RunId, AssetOutcome)>> {
        let failed = self.ledger.failed("read");
        let sql = format!(
            "SELECT asset, status, planned, ran, changed, rows, bytes, seconds, error, run FROM run_assets {filter}
             ORDER BY run, rowid"
        );
        let mut statement = connection.prepare_cached(&sql).map_err(&failed)?;
        let mut rows = statement.query(params![bound]).map_err(&failed)?;
        let mut outcomes = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            let outcome = AssetOutcome {
                asset: row.get(0).map_err(&failed)?,
                status: AssetStatus::parse(&row.get::<_, String>(1).map_err(&failed)?)?,
                planned: row.get(2).map_err(&failed)?,
                ran: codec::unpack_dates(blob(row, 3).map_err(&failed)?)?,
                changed: row.get(4).map_err(&failed)?,
                rows: row.get::<_, i64>(5).map_err(&failed)? as u64,
                bytes: row.get::<_, i64>(6).map_err(&failed)? as u64,
                seconds: row.get(7).map_err(&failed)?,
                error: row.get(8).map_err(&failed)?,
            };
            outcomes.push((RunId(row.get::<_, i64>(9).map_err(&failed)? as u64), outcome));
        }
        Ok(outcomes)
    }
}
