//! The queue: what is to run, runs, and has run. A table, so that any process may put something in, cancel it or pause it; the daemon
//! of the store takes from it.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Params, Row, Transaction, params};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::database::{instant, micros};
use crate::error::{Error, Result};
use crate::runs::{RunId, named};
use crate::store::Store;

named! {
    /// How a request stands.
    RequestStatus {
        Queued = "queued",
        Running = "running",
        Paused = "paused",
        Succeeded = "succeeded",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

named! {
    /// Who asked for it.
    Origin {
        Schedule = "schedule",
        Sensor = "sensor",
        Auto = "auto",
        Manual = "manual",
        Api = "api",
    }
}

named! {
    /// What somebody wants of a request that runs.
    Wanted {
        Cancel = "cancel",
        Pause = "pause",
    }
}

/// Something to run.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRequest {
    pub job: String,
    /// The job with everything in it resolved.
    pub resolved: Value,
    pub origin: Origin,
    /// The schedule, sensor or person.
    pub of: Option<String>,
    /// Of a schedule: its tick.
    pub due: Option<DateTime<Utc>>,
    /// The reason in words.
    pub why: String,
    pub priority: u32,
    /// What it takes a share of while it runs.
    pub claims: Value,
    /// The request that it does again.
    pub retry_of: Option<u64>,
    pub at: DateTime<Utc>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RequestRow {
    /// 1, 2, 3, … within a store; the place in the queue among those of one priority.
    pub id: u64,
    pub job: String,
    pub resolved: Value,
    pub origin: Origin,
    pub of: Option<String>,
    pub due: Option<DateTime<Utc>>,
    pub why: String,
    pub priority: u32,
    pub claims: Value,
    pub retry_of: Option<u64>,
    pub status: RequestStatus,
    /// How often it was started.
    pub attempt: u32,
    /// How often it has failed.
    pub failures: u32,
    /// How often the daemon died while it ran.
    pub deaths: u32,
    /// It does not start before.
    pub not_before: Option<DateTime<Utc>>,
    pub wanted: Option<Wanted>,
    pub created_at: DateTime<Utc>,
    /// When it was last started.
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// The runs that it came to, one for each time there was something to do.
    pub runs: Vec<u64>,
    /// Why it failed last, and what kind of failure that was.
    pub error: Option<String>,
    pub error_kind: Option<String>,
}

/// How one attempt of a request has ended.
#[derive(Debug, Clone, PartialEq)]
pub enum RequestEnd {
    Succeeded,
    Failed {
        kind: String,
        error: String,
    },
    /// It failed and is tried again, not before an instant.
    Again {
        kind: String,
        error: String,
        not_before: DateTime<Utc>,
    },
    /// It was stopped: what is wanted of it by now says what becomes of it. Where nothing is, it goes back to its place in the queue.
    Stopped,
}

/// The kind of a failure that is one only because the job had no more time.
const TIMEOUT: &str = "timeout";

/// What the daemon asks for again and again: each has an index of its own.
const OPEN: &str = "WHERE finished_at IS NULL AND ?1 = 0 ORDER BY id LIMIT ?2";
const ENDED: &str = "WHERE ended IS NOT NULL AND ?1 = 0 ORDER BY ended DESC, id DESC LIMIT ?2";
const UNTOLD: &str = "WHERE ended IS NOT NULL AND told = 0 AND ?1 = 0 ORDER BY ended, id LIMIT ?2";
const NEWEST_ENDED: &str = "SELECT ended, id FROM requests WHERE job = ?1 AND status = ?2 AND ended IS NOT NULL
     ORDER BY ended DESC, id DESC LIMIT 1";

/// The number of the next ending.
const NEXT_END: &str = "(SELECT coalesce(max(ended), 0) + 1 FROM requests WHERE ended IS NOT NULL)";

const COLUMNS: &str =
    "SELECT id, job, resolved, origin, of, due, why, priority, claims, retry_of, status, attempt, failures, deaths,
    not_before, wanted, created_at, started_at, finished_at, runs, error, error_kind FROM requests";

impl Store {
    /// Puts a request at the end of the queue, and gives its number.
    pub fn enqueue(&self, request: &NewRequest) -> Result<u64> {
        self.write("queue a request in", |transaction| insert(transaction, request))
    }

    pub fn request(&self, id: u64) -> Result<Option<RequestRow>> {
        Ok(self.read_requests("WHERE id = ?1", params![id as i64])?.pop())
    }

    /// Those that wait, run or are paused, by age.
    pub fn open_requests(&self) -> Result<Vec<RequestRow>> {
        self.read_requests(OPEN, params![0, i64::MAX])
    }

    /// The newest `limit` requests that have ended, newest first.
    pub fn ended_requests(&self, limit: usize) -> Result<Vec<RequestRow>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read_requests(ENDED, params![0, limit])
    }

    /// Those that have ended and of whose end nobody was told yet, in the order of their ends.
    pub fn untold_requests(&self) -> Result<Vec<RequestRow>> {
        self.read_requests(UNTOLD, params![0, i64::MAX])
    }

    /// Who listens has been told how a request has ended.
    pub fn mark_told(&self, id: u64) -> Result<()> {
        self.write("note a notice in", |transaction| {
            transaction.prepare_cached("UPDATE requests SET told = 1 WHERE id = ?1")?.execute([id as i64])
        })?;
        Ok(())
    }

    /// The request of a job that has ended last in one of these ways.
    pub fn newest_ended(&self, job: &str, how: &[RequestStatus]) -> Result<Option<u64>> {
        let connection = self.connection();
        let mut newest: Option<(i64, i64)> = None;
        for how in how {
            let found = connection
                .prepare_cached(NEWEST_ENDED)
                .and_then(|mut statement| {
                    statement.query_row([job, how.name()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
                })
                .map_err(self.ledger.failed("read"))?;
            newest = newest.max(found);
        }
        Ok(newest.map(|(_, id)| id as u64))
    }

    /// Begins an attempt of a request that waits. `false` if it does not wait any more: somebody cancelled or paused it meanwhile.
    pub fn start_request(&self, id: u64, at: DateTime<Utc>) -> Result<bool> {
        self.write("start a request in", |transaction| {
            let started = transaction
                .prepare_cached(
                    "UPDATE requests SET status = 'running', attempt = attempt + 1, started_at = ?2, not_before = NULL, wanted = NULL
                     WHERE id = ?1 AND status = 'queued'",
                )?
                .execute(params![id as i64, micros(at)])?;
            Ok(started == 1)
        })
    }

    /// Records a run that a request has come to.
    pub fn record_request_run(&self, id: u64, run: RunId) -> Result<()> {
        self.write("record a request's run in", |transaction| {
            transaction
                .prepare_cached("UPDATE requests SET runs = json_insert(runs, '$[#]', ?2) WHERE id = ?1")?
                .execute(params![id as i64, run.0 as i64])
        })?;
        Ok(())
    }

    /// Ends an attempt, and gives how the request stands then.
    pub fn end_request(&self, id: u64, end: &RequestEnd, at: DateTime<Utc>) -> Result<RequestStatus> {
        self.transact("end a request in", |transaction| {
            let failed = self.ledger.failed("end a request in");
            let (before, wanted): (String, Option<String>) = transaction
                .query_row("SELECT status, wanted FROM requests WHERE id = ?1", [id as i64], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .map_err(&failed)?;
            let before = RequestStatus::parse(&before)?;
            if before != RequestStatus::Running {
                return Ok(before);
            }
            let wanted = wanted.as_deref().map(Wanted::parse).transpose()?;
            let has_stopped = match end {
                RequestEnd::Succeeded => false,
                RequestEnd::Stopped | RequestEnd::Again { .. } => true,
                RequestEnd::Failed { kind, .. } => kind == TIMEOUT,
            };
            // What failed while somebody wanted it to stop has stopped.
            let (status, error, kind, not_before) = match (end, wanted) {
                (_, Some(Wanted::Cancel)) if has_stopped => (RequestStatus::Cancelled, None, None, None),
                (_, Some(Wanted::Pause)) if has_stopped => (RequestStatus::Paused, None, None, None),
                (RequestEnd::Succeeded, _) => (RequestStatus::Succeeded, None, None, None),
                (RequestEnd::Stopped, _) => (RequestStatus::Queued, None, None, None),
                (RequestEnd::Failed { kind, error }, _) => (RequestStatus::Failed, Some(error), Some(kind), None),
                (RequestEnd::Again { kind, error, not_before }, _) => {
                    (RequestStatus::Queued, Some(error), Some(kind), Some(micros(*not_before)))
                }
            };
            let ended = matches!(status, RequestStatus::Succeeded | RequestStatus::Failed | RequestStatus::Cancelled);
            transaction
                .prepare_cached(&format!(
                    "UPDATE requests SET status = ?2, finished_at = ?3, error = ?4, error_kind = ?5, not_before = ?6, wanted = NULL,
                        failures = failures + ?7, ended = CASE WHEN ?3 IS NOT NULL THEN {NEXT_END} END
                     WHERE id = ?1",
                ))
                .and_then(|mut statement| {
                    statement.execute(params![
                        id as i64,
                        status.name(),
                        ended.then(|| micros(at)),
                        error,
                        kind,
                        not_before,
                        i64::from(error.is_some()),
                    ])
                })
                .map_err(&failed)?;
            Ok(status)
        })
    }

    /// Cancels or pauses. One that waits is so at once; one that runs is told, and the daemon sees to it. Gives how it stood before;
    /// `None` if there is no such request. Of one that has ended nothing can be wanted.
    pub fn want(&self, id: u64, wanted: Wanted, at: DateTime<Utc>) -> Result<Option<RequestStatus>> {
        self.transact("want something of a request in", |transaction| {
            let failed = self.ledger.failed("want something of a request in");
            let Some(before) = self.status_of(transaction, id)? else { return Ok(None) };
            let now = (id as i64, micros(at));
            let done = match (before, wanted) {
                // Who has cancelled it does not want it paused.
                (RequestStatus::Running, _) => transaction.execute(
                    "UPDATE requests SET wanted = ?2 WHERE id = ?1 AND wanted IS NOT 'cancel'",
                    params![id as i64, wanted.name()],
                ),
                (RequestStatus::Queued | RequestStatus::Paused, Wanted::Cancel) => transaction.execute(
                    &format!(
                        "UPDATE requests SET status = 'cancelled', finished_at = ?2, ended = {NEXT_END} WHERE id = ?1"
                    ),
                    now,
                ),
                (RequestStatus::Queued, Wanted::Pause) => {
                    transaction.execute("UPDATE requests SET status = 'paused' WHERE id = ?1", [id as i64])
                }
                _ => Ok(0),
            };
            done.map_err(&failed)?;
            Ok(Some(before))
        })
    }

    /// Puts a paused request back to its place in the queue; one that is told to pause and still runs is told to go on, which makes it
    /// begin again from what was committed. Gives how it stood before.
    pub fn resume_request(&self, id: u64) -> Result<Option<RequestStatus>> {
        self.transact("resume a request in", |transaction| {
            let failed = self.ledger.failed("resume a request in");
            let Some(before) = self.status_of(transaction, id)? else { return Ok(None) };
            transaction
                .execute(
                    "UPDATE requests SET not_before = CASE status WHEN 'paused' THEN NULL ELSE not_before END,
                        status = CASE status WHEN 'paused' THEN 'queued' ELSE status END,
                        wanted = CASE wanted WHEN 'pause' THEN NULL ELSE wanted END
                     WHERE id = ?1",
                    [id as i64],
                )
                .map_err(&failed)?;
            Ok(Some(before))
        })
    }

    /// What a daemon that has died left running goes back to its place in the queue, or to where somebody wanted it. One that has seen
    /// `most` daemons die fails. Only for who holds the lock of the daemon. Gives the numbers with how each stands then.
    pub fn take_back(&self, most: u32, at: DateTime<Utc>) -> Result<Vec<(u64, RequestStatus)>> {
        self.transact("take requests back in", |transaction| {
            let failed = self.ledger.failed("take requests back in");
            transaction
                .execute("UPDATE requests SET deaths = deaths + 1 WHERE status = 'running'", [])
                .map_err(&failed)?;
            let error = format!("the daemon died {most} times while it ran");
            let mut statement = transaction
                .prepare_cached(&format!(
                    "UPDATE requests SET
                        status = CASE WHEN wanted = 'cancel' THEN 'cancelled' WHEN deaths >= ?1 THEN 'failed'
                            WHEN wanted = 'pause' THEN 'paused' ELSE 'queued' END,
                        finished_at = CASE WHEN wanted = 'cancel' OR deaths >= ?1 THEN ?2 END,
                        ended = CASE WHEN wanted = 'cancel' OR deaths >= ?1 THEN {NEXT_END} END,
                        error = CASE WHEN deaths >= ?1 THEN ?3 ELSE error END,
                        error_kind = CASE WHEN deaths >= ?1 THEN 'died' ELSE error_kind END,
                        wanted = NULL
                     WHERE finished_at IS NULL AND status = 'running' RETURNING id, status",
                ))
                .map_err(&failed)?;
            let back = statement
                .query_map(params![most, micros(at), error], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
                })
                .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
                .map_err(&failed)?;
            let mut back = back
                .into_iter()
                .map(|(id, status)| Ok((id as u64, RequestStatus::parse(&status)?)))
                .collect::<Result<Vec<_>>>()?;
            back.sort_unstable_by_key(|(id, _)| *id);
            Ok(back)
        })
    }

    /// It gets on: daemons that died while it ran are not held against it any more.
    pub fn forget_deaths(&self, id: u64) -> Result<()> {
        self.write("note a commit in", |transaction| {
            transaction.prepare_cached("UPDATE requests SET deaths = 0 WHERE id = ?1")?.execute([id as i64])
        })?;
        Ok(())
    }

    fn status_of(&self, transaction: &Transaction<'_>, id: u64) -> Result<Option<RequestStatus>> {
        transaction
            .query_row("SELECT status FROM requests WHERE id = ?1", [id as i64], |row| row.get::<_, String>(0))
            .optional()
            .map_err(self.ledger.failed("read"))?
            .map(|status| RequestStatus::parse(&status))
            .transpose()
    }

    pub(crate) fn read_requests(&self, filter: &str, bounds: impl Params) -> Result<Vec<RequestRow>> {
        let failed = self.ledger.failed("read");
        let connection = self.connection();
        let mut statement = connection.prepare_cached(&format!("{COLUMNS} {filter}")).map_err(&failed)?;
        let mut rows = statement.query(bounds).map_err(&failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            found.push(self.request_row(row)?);
        }
        Ok(found)
    }

    fn request_row(&self, row: &Row<'_>) -> Result<RequestRow> {
        let failed = self.ledger.failed("read");
        let text = |at: usize| row.get::<_, String>(at).map_err(&failed);
        let maybe = |at: usize| row.get::<_, Option<String>>(at).map_err(&failed);
        let count = |at: usize| row.get::<_, u32>(at).map_err(&failed);
        let time = |at: usize| Ok::<_, Error>(row.get::<_, Option<i64>>(at).map_err(&failed)?.map(instant));
        let number = |at: usize| Ok::<_, Error>(row.get::<_, Option<i64>>(at).map_err(&failed)?.map(|id| id as u64));
        Ok(RequestRow {
            id: number(0)?.unwrap_or_default(),
            job: text(1)?,
            resolved: json(&text(2)?)?,
            origin: Origin::parse(&text(3)?)?,
            of: maybe(4)?,
            due: time(5)?,
            why: text(6)?,
            priority: count(7)?,
            claims: json(&text(8)?)?,
            retry_of: number(9)?,
            status: RequestStatus::parse(&text(10)?)?,
            attempt: count(11)?,
            failures: count(12)?,
            deaths: count(13)?,
            not_before: time(14)?,
            wanted: maybe(15)?.as_deref().map(Wanted::parse).transpose()?,
            created_at: time(16)?.unwrap_or_default(),
            started_at: time(17)?,
            finished_at: time(18)?,
            runs: serde_json::from_str(&text(19)?)
                .map_err(|error| Error::corrupt(format!("a request's runs: {error}")))?,
            error: maybe(20)?,
            error_kind: maybe(21)?,
        })
    }
}

fn json(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| Error::corrupt(format!("a request: {error}")))
}

/// Within whatever else is recorded with it.
pub(crate) fn insert(transaction: &Transaction<'_>, request: &NewRequest) -> rusqlite::Result<u64> {
    transaction
        .prepare_cached(
            "INSERT INTO requests (job, resolved, origin, of, due, why, priority, claims, retry_of, status, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'queued', ?10)",
        )?
        .execute(params![
            request.job,
            request.resolved.to_string(),
            request.origin.name(),
            request.of,
            request.due.map(micros),
            request.why,
            request.priority,
            request.claims.to_string(),
            request.retry_of.map(|id| id as i64),
            micros(request.at),
        ])?;
    Ok(transaction.last_insert_rowid() as u64)
}

/// For the test of their plans: the queries of the daemon's loop, with what they are bound to.
#[cfg(test)]
pub(crate) fn asked_often() -> Vec<(String, Vec<rusqlite::types::Value>)> {
    use rusqlite::types::Value::{Integer, Text};

    let rows = |filter: &str| (format!("{COLUMNS} {filter}"), vec![Integer(0), Integer(10)]);
    vec![
        rows(OPEN),
        rows(ENDED),
        rows(UNTOLD),
        (NEWEST_ENDED.to_owned(), vec![Text("sync".into()), Text("failed".into())]),
        (crate::ticks::HELD.to_owned(), vec![Text("daily".into())]),
    ]
}
