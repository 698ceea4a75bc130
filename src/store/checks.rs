//! The history of checks: what each was held against, and what came of it.

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::canonical::{date, days};
use crate::database::{instant, micros};
use crate::error::{Error, Result};
use crate::runs::{CheckRow, RunId};
use crate::store::Store;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    Passed,
    /// It does not hold, and only says so.
    Warned,
    /// It does not hold, and kept the session from being committed.
    Failed,
}

impl CheckOutcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        [Self::Passed, Self::Warned, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.name() == name)
            .ok_or_else(|| Error::corrupt(format!("an outcome `{name}`")))
    }
}

/// A row at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckSample {
    /// The instrument, or else the row's number.
    pub row: String,
    pub value: Option<String>,
}

/// One check of one asset, held against one session that failed it, or against consecutive ones that passed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CheckResult {
    pub asset: String,
    /// `not_null`, `range`, …
    pub check: String,
    /// What tells it from the asset's other checks of that form: its columns, say.
    pub subject: String,
    /// `error` or `warn`.
    pub severity: String,
    pub outcome: CheckOutcome,
    pub first: NaiveDate,
    pub last: NaiveDate,
    pub sessions: u32,
    /// Rows that it was held against.
    pub rows: u64,
    /// Rows at fault.
    pub violations: u64,
    pub message: Option<String>,
    /// The first of the rows at fault.
    pub sample: Vec<CheckSample>,
}

/// A result, and when it came about.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StoredCheck {
    /// `None` where checks were run by themselves.
    pub run: Option<RunId>,
    pub at: DateTime<Utc>,
    #[serde(flatten)]
    pub result: CheckResult,
}

const COLUMNS: &str =
    "run, at, asset, name, subject, severity, outcome, first, last, sessions, rows, violations, message, sample";

impl Store {
    /// Records what checks have found, in one transaction.
    pub fn record_checks(&self, run: Option<RunId>, at: DateTime<Utc>, results: &[CheckResult]) -> Result<()> {
        if results.is_empty() {
            return Ok(());
        }
        self.write("record checks in", |transaction| {
            let mut insert = transaction.prepare_cached(&format!(
                "INSERT INTO check_results ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
            ))?;
            for result in results {
                insert.execute(params![
                    run.map(|run| run.0 as i64),
                    micros(at),
                    result.asset,
                    result.check,
                    result.subject,
                    result.severity,
                    result.outcome.name(),
                    days(result.first),
                    days(result.last),
                    result.sessions,
                    result.rows as i64,
                    result.violations as i64,
                    result.message,
                    serde_json::to_string(&result.sample).unwrap_or_default(),
                ])?;
            }
            Ok(0)
        })?;
        Ok(())
    }

    /// The whole history, oldest first.
    pub fn check_results(&self) -> Result<Vec<StoredCheck>> {
        let failed = self.ledger.failed("read");
        let connection = self.connection();
        let mut statement =
            connection.prepare_cached(&format!("SELECT {COLUMNS} FROM check_results ORDER BY id")).map_err(&failed)?;
        let mut rows = statement.query([]).map_err(&failed)?;
        let mut results = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            results.push(self.stored_check(row)?);
        }
        Ok(results)
    }

    /// The newest result of one check of an asset.
    pub fn newest_check(&self, asset: &str, check: &str, subject: &str) -> Result<Option<StoredCheck>> {
        let failed = self.ledger.failed("read");
        let connection = self.connection();
        let sql = format!(
            "SELECT {COLUMNS} FROM check_results WHERE asset = ?1 AND name = ?2 AND subject = ?3 ORDER BY id DESC LIMIT 1"
        );
        let mut statement = connection.prepare_cached(&sql).map_err(&failed)?;
        let mut rows = statement.query(params![asset, check, subject]).map_err(&failed)?;
        match rows.next().map_err(&failed)? {
            Some(row) => Ok(Some(self.stored_check(row)?)),
            None => Ok(None),
        }
    }

    fn stored_check(&self, row: &Row<'_>) -> Result<StoredCheck> {
        let failed = self.ledger.failed("read");
        let day = |at: usize| -> Result<NaiveDate> {
            date(row.get(at).map_err(&failed)?).ok_or_else(|| Error::corrupt("a check's date"))
        };
        let text = |at: usize| -> Result<String> { row.get(at).map_err(&failed) };
        let count = |at: usize| -> Result<u64> { Ok(row.get::<_, i64>(at).map_err(&failed)? as u64) };
        let sample = serde_json::from_str(&text(13)?).map_err(|error| Error::corrupt(format!("a sample: {error}")))?;
        Ok(StoredCheck {
            run: row.get::<_, Option<i64>>(0).map_err(&failed)?.map(|run| RunId(run as u64)),
            at: instant(row.get(1).map_err(&failed)?),
            result: CheckResult {
                asset: text(2)?,
                check: text(3)?,
                subject: text(4)?,
                severity: text(5)?,
                outcome: CheckOutcome::parse(&text(6)?)?,
                first: day(7)?,
                last: day(8)?,
                sessions: row.get(9).map_err(&failed)?,
                rows: count(10)?,
                violations: count(11)?,
                message: row.get(12).map_err(&failed)?,
                sample,
            },
        })
    }

    /// What did not hold in a run.
    pub(crate) fn failed_checks(&self, connection: &Connection, run: RunId) -> Result<Vec<CheckRow>> {
        let failed = self.ledger.failed("read");
        let mut statement = connection
            .prepare_cached(
                "SELECT asset, first, name, severity, coalesce(message, '') FROM check_results
                 WHERE run = ?1 AND outcome <> 'passed' ORDER BY id",
            )
            .map_err(&failed)?;
        let mut rows = statement.query(params![run.0 as i64]).map_err(&failed)?;
        let mut checks = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            checks.push(CheckRow {
                asset: row.get(0).map_err(&failed)?,
                session: date(row.get(1).map_err(&failed)?).ok_or_else(|| Error::corrupt("a check's date"))?,
                check: row.get(2).map_err(&failed)?,
                severity: row.get(3).map_err(&failed)?,
                message: row.get(4).map_err(&failed)?,
            });
        }
        Ok(checks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::day;

    #[test]
    fn a_ledger_of_before_keeps_what_failed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let old = Connection::open(&path).unwrap();
        for step in ["0001", "0002", "0003", "0004", "0005"] {
            let file = format!("{}/migrations/{step}.sql", env!("CARGO_MANIFEST_DIR"));
            old.execute_batch(&std::fs::read_to_string(file).unwrap()).unwrap();
        }
        old.execute_batch(
            "INSERT INTO runs (command, selection, plan, started_at, start_rev, status) VALUES ('', '', '{}', 7, 0, 'failed');
             INSERT INTO checks (run, asset, session, name, severity, message) VALUES (1, 'bars', 16436, 'range', 'warn', 'no');
             PRAGMA application_id = 1634952052; PRAGMA user_version = 5;",
        )
        .unwrap();
        drop(old);
        let store = Store::open(folder.path()).unwrap();
        let kept = store.check_results().unwrap();
        assert_eq!((kept.len(), kept[0].run, kept[0].at.timestamp_micros()), (1, Some(RunId(1)), 7));
        assert_eq!((kept[0].result.outcome, kept[0].result.message.as_deref()), (CheckOutcome::Warned, Some("no")));
        assert_eq!(store.run(RunId(1)).unwrap().unwrap().checks[0].check, "range");
    }

    #[test]
    fn results_come_back_as_they_were_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let passed = CheckResult {
            asset: "bars".into(),
            check: "range".into(),
            subject: "close".into(),
            severity: "error".into(),
            outcome: CheckOutcome::Passed,
            first: day("2015-01-05"),
            last: day("2015-01-07"),
            sessions: 3,
            rows: 12,
            violations: 0,
            message: None,
            sample: vec![],
        };
        let sample = vec![CheckSample { row: "a".into(), value: Some("-1".into()) }];
        let failed =
            CheckResult { outcome: CheckOutcome::Failed, message: Some("no".into()), sample, ..passed.clone() };
        store.record_checks(None, instant(5), &[passed.clone(), failed.clone()]).unwrap();
        store.record_checks(None, instant(6), &[]).unwrap();
        let kept: Vec<CheckResult> = store.check_results().unwrap().into_iter().map(|stored| stored.result).collect();
        assert_eq!(kept, [passed, failed.clone()]);
        assert_eq!(store.newest_check("bars", "range", "close").unwrap().unwrap().result, failed);
        assert_eq!(store.newest_check("bars", "range", "open").unwrap(), None);
    }
}
