//! Long lists a page at a time, the newest first. A page goes on where the one before it ended, whatever came meanwhile.

use chrono::{DateTime, Utc};
use rusqlite::params;

use crate::database::micros;
use crate::error::Result;
use crate::queue::RequestRow;
use crate::runs::RunRow;
use crate::store::Store;
use crate::ticks::{self, TickRow};

/// Which requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestsOf<'a> {
    pub job: Option<&'a str>,
    /// Only those that wait, run or are paused; or only those that have ended.
    pub open: Option<bool>,
}

impl Store {
    /// The newest `limit` runs with a number below `before`.
    pub fn runs_before(&self, before: Option<u64>, limit: usize) -> Result<Vec<RunRow>> {
        self.read_runs("WHERE r.id < ?1 ORDER BY r.id DESC LIMIT ?2", bound(before), limit)
    }

    /// The newest `limit` requests with a number below `before`.
    pub fn requests_before(&self, of: RequestsOf<'_>, before: Option<u64>, limit: usize) -> Result<Vec<RequestRow>> {
        let filter = "WHERE id < ?1 AND (?3 IS NULL OR job = ?3) AND (?4 IS NULL OR (finished_at IS NULL) = ?4)
                      ORDER BY id DESC LIMIT ?2";
        self.read_requests(filter, params![bound(before), limit as i64, of.job, of.open])
    }

    /// The newest `limit` ticks of a schedule, or of all, that come after the tick `after` in this order: the newest first, those of
    /// one instant by name.
    pub fn ticks_after(
        &self,
        schedule: Option<&str>,
        after: Option<(DateTime<Utc>, &str)>,
        limit: usize,
    ) -> Result<Vec<TickRow>> {
        let query = format!(
            "{} WHERE (?1 IS NULL OR schedule = ?1) AND (?3 IS NULL OR due < ?3 OR (due = ?3 AND schedule > ?4))
             ORDER BY due DESC, schedule LIMIT ?2",
            ticks::COLUMNS
        );
        let (due, name) = after.map(|(due, name)| (micros(due), name)).unzip();
        let connection = self.connection();
        connection
            .prepare_cached(&query)
            .and_then(|mut statement| {
                let rows = statement.query_map(params![schedule, limit as i64, due, name], ticks::tick)?;
                rows.collect::<rusqlite::Result<Vec<_>>>()
            })
            .map_err(self.ledger.failed("read"))
    }
}

/// Numbers begin at 1; those that SQLite cannot hold are above all.
fn bound(before: Option<u64>) -> i64 {
    before.and_then(|id| i64::try_from(id).ok()).unwrap_or(i64::MAX)
}
