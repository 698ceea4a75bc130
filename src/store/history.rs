//! What is forgotten in the end of what once happened: the queue's past, ticks, runs that changed nothing, logs. What the store holds stays explained:
//! a run that committed is kept, and so is one whose checks are.

use std::path::PathBuf;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use rusqlite::Transaction;

use crate::database::micros;
use crate::error::{Error, Result};
use crate::gc::files_in;
use crate::layout::remove;
use crate::runs::RunId;
use crate::store::Store;

/// Before when what happened is forgotten.
#[derive(Debug, Clone, Copy)]
pub struct Forget {
    /// Of requests and ticks, by the daemon's clock.
    pub asked_before: DateTime<Utc>,
    /// Of runs and their logs.
    pub run_before: DateTime<Utc>,
    /// Only say what would go.
    pub dry_run: bool,
}

/// What was forgotten, or would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Requests that have ended. The newest of each job that ended in each way stays: sensors compare with it. So does one of whose end nobody was told yet.
    pub requests: u64,
    /// Ticks that were decided; the newest of each schedule stays.
    pub ticks: u64,
    /// Runs that committed nothing and whose checks found nothing; the newest stays.
    pub runs: u64,
    pub logs: u64,
    /// Of the logs.
    pub bytes: u64,
}

const REQUESTS: &str = "DELETE FROM requests WHERE finished_at < ?1 AND told AND ended NOT IN
    (SELECT max(ended) FROM requests WHERE ended IS NOT NULL GROUP BY job, status)";
const TICKS: &str = "DELETE FROM ticks WHERE due < ?1 AND decision <> 'held'
    AND due < (SELECT max(newer.due) FROM ticks newer WHERE newer.schedule = ticks.schedule)";
const OLD_RUNS: &str = "CREATE TEMP TABLE old_runs AS SELECT id FROM runs WHERE finished_at < ?1
    AND id < (SELECT max(id) FROM runs)
    AND NOT EXISTS (SELECT 1 FROM commits WHERE commits.run = runs.id)
    AND NOT EXISTS (SELECT 1 FROM check_results WHERE check_results.run = runs.id)";

impl Store {
    /// Forgets what happened before some time.
    ///
    /// # Errors
    /// When the ledger cannot be written, or a log not be removed.
    pub fn forget(&self, forget: Forget) -> Result<Forgotten> {
        let mut forgotten = self.write("forget what is past in", |transaction| {
            // What would go is counted by letting it go.
            transaction.execute_batch("SAVEPOINT forgetting")?;
            let forgotten = rows(transaction, forget)?;
            let end = if forget.dry_run { "ROLLBACK TO forgetting; RELEASE forgetting" } else { "RELEASE forgetting" };
            transaction.execute_batch(end)?;
            Ok(forgotten)
        })?;
        for (path, bytes) in self.old_logs(forget.run_before)? {
            forgotten.logs += 1;
            forgotten.bytes += bytes;
            if !forget.dry_run {
                remove(&path)?;
            }
        }
        Ok(forgotten)
    }

    /// Logs that were written to last before some time, of runs that are over, with their sizes.
    fn old_logs(&self, before: DateTime<Utc>) -> Result<Vec<(PathBuf, u64)>> {
        let mut old = Vec::new();
        for path in files_in(&self.layout.logs())? {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let Ok(run) = stem.parse::<u64>() else { continue };
            let found = std::fs::metadata(&path).map_err(Error::io("read", &path))?;
            let written: SystemTime = found.modified().map_err(Error::io("read", &path))?;
            if DateTime::<Utc>::from(written) < before && !self.is_live(RunId(run))? {
                old.push((path, found.len()));
            }
        }
        Ok(old)
    }
}

fn rows(transaction: &Transaction<'_>, forget: Forget) -> rusqlite::Result<Forgotten> {
    let asked = micros(forget.asked_before);
    let requests = transaction.execute(REQUESTS, [asked])? as u64;
    let ticks = transaction.execute(TICKS, [asked])? as u64;
    transaction.execute_batch("DROP TABLE IF EXISTS temp.old_runs")?;
    transaction.execute(OLD_RUNS, [micros(forget.run_before)])?;
    transaction.execute("UPDATE ticks SET run = NULL WHERE run IN (SELECT id FROM old_runs)", [])?;
    transaction.execute("DELETE FROM run_assets WHERE run IN (SELECT id FROM old_runs)", [])?;
    let runs = transaction.execute("DELETE FROM runs WHERE id IN (SELECT id FROM old_runs)", [])? as u64;
    transaction.execute_batch("DROP TABLE temp.old_runs")?;
    Ok(Forgotten { requests, ticks, runs, logs: 0, bytes: 0 })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Scratch, at};
    use crate::{NewRequest, Origin, RequestEnd, RequestStatus, RunStatus, TickRow};

    fn end(store: &Store, job: &str, second: i64, end: &RequestEnd) -> u64 {
        let request = NewRequest {
            job: job.into(),
            resolved: json!({}),
            origin: Origin::Manual,
            of: None,
            due: None,
            why: String::new(),
            priority: 0,
            claims: json!({}),
            retry_of: None,
            at: at(second),
        };
        let id = store.enqueue(&request).unwrap();
        store.start_request(id, at(second)).unwrap();
        store.end_request(id, end, at(second)).unwrap();
        id
    }

    fn forget(before: i64, dry_run: bool) -> Forget {
        Forget { asked_before: at(before), run_before: at(before), dry_run }
    }

    #[test]
    fn the_newest_of_everything_stays_and_so_does_what_explains_the_store() {
        let scratch = Scratch::new();
        let store = &scratch.store;
        let failed = RequestEnd::Failed { kind: "transient".into(), error: "down".into() };
        let ids: Vec<u64> =
            [(1, &failed), (2, &RequestEnd::Succeeded), (3, &RequestEnd::Succeeded), (9, &RequestEnd::Succeeded)]
                .map(|(second, how)| end(store, "daily", second, how))
                .to_vec();
        ids[1..].iter().for_each(|id| store.mark_told(*id).unwrap());
        let untold = end(store, "daily", 4, &failed);
        let tick = |due: i64| TickRow {
            schedule: "close".into(),
            due: at(due),
            decided_at: at(due),
            decision: "run".into(),
            code: "due".into(),
            reason: String::new(),
            run: None,
        };
        store.enqueue_ticks("close", at(3), &[tick(1), tick(2), tick(3)].map(|tick| (tick, None))).unwrap();
        let idle = scratch.run(1);
        store.record_tick_run("close", at(3), idle).unwrap();
        store.finish_run(idle, RunStatus::Succeeded, at(2)).unwrap();
        let busy = scratch.run(2);
        scratch.commit("bars", &["2024-01-30"], &[("2024-01-30", "x", Some(1.0))]).unwrap();
        store
            .write("say whose it is in", |transaction| {
                transaction.execute("UPDATE commits SET run = ?1", [busy.0 as i64])
            })
            .unwrap();
        store.finish_run(busy, RunStatus::Succeeded, at(3)).unwrap();
        let newest = scratch.run(3);
        store.finish_run(newest, RunStatus::Succeeded, at(4)).unwrap();

        let wanted = Forgotten { requests: 2, ticks: 2, runs: 1, logs: 0, bytes: 0 };
        assert_eq!(store.forget(forget(8, true)).unwrap(), wanted);
        assert_eq!((store.runs(9).unwrap().len(), store.ended_requests(9).unwrap().len()), (3, 5));
        assert_eq!(store.forget(forget(8, false)).unwrap(), wanted);
        let left: Vec<u64> = store.ended_requests(9).unwrap().iter().map(|row| row.id).collect();
        // The newest of those that failed and of the others; and one of whose end nobody knows.
        assert_eq!(left, [untold, ids[3], ids[0]]);
        assert_eq!(store.newest_ended("daily", &[RequestStatus::Failed]).unwrap(), Some(untold));
        let runs: Vec<RunId> = store.runs(9).unwrap().iter().map(|row| row.id).collect();
        assert_eq!(runs, [newest, busy]);
        assert_eq!(store.ticks(None, 9).unwrap(), [tick(3)]);
        assert_eq!(store.forget(forget(8, false)).unwrap(), Forgotten::default());
    }

    #[test]
    fn logs_go_by_their_age() {
        let scratch = Scratch::new();
        let store = &scratch.store;
        let run = scratch.run(1);
        let log = store.layout().run_log(run.0);
        crate::write_whole(&log, b"{}\n").unwrap();
        crate::write_whole(&store.layout().logs().join("notes.txt"), b"mine").unwrap();
        let later = Forget { run_before: DateTime::<Utc>::MAX_UTC, ..forget(0, false) };
        assert_eq!(store.forget(later).unwrap().logs, 0, "it is live");
        store.finish_run(run, RunStatus::Succeeded, at(2)).unwrap();
        assert_eq!(store.forget(forget(0, false)).unwrap().logs, 0, "it is young");
        let went = store.forget(Forget { dry_run: true, ..later }).unwrap();
        assert_eq!((went.logs, went.bytes, log.exists()), (1, 3, true));
        assert_eq!(store.forget(later).unwrap().logs, 1);
        assert!(!log.exists() && store.layout().logs().join("notes.txt").exists());
    }
}
