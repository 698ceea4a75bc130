//! One daemon at a time for a store: a lock that the operating system releases however its holder dies, and a row that says who it is.

use std::fs::File;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::database::{instant, micros};
use crate::error::Result;
use crate::layout::create_folder;
use crate::locks::{is_held, try_exclusive};
use crate::store::Store;

/// Tries of a lock that somebody who looks may have for an instant, and the time between them.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(5);

/// Held by the daemon of a store; released when dropped.
#[derive(Debug)]
pub struct DaemonLock {
    #[expect(dead_code, reason = "held for its lock, which falls with the file")]
    file: File,
}

/// Who is the daemon of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DaemonRow {
    pub who: String,
    pub since: DateTime<Utc>,
}

impl Store {
    /// Takes the lock of the daemon, or says who has it.
    pub fn become_daemon(&self, who: &str, at: DateTime<Utc>) -> Result<std::result::Result<DaemonLock, DaemonRow>> {
        create_folder(&self.layout.locks())?;
        let mut tries = 0;
        let file = loop {
            if let Some(file) = try_exclusive(&self.layout.daemon_lock())? {
                break file;
            }
            // Who only looks whether there is a daemon has it for an instant.
            tries += 1;
            if tries == TRIES {
                let unknown = DaemonRow { who: "another process".to_owned(), since: at };
                return Ok(Err(self.daemon_row()?.unwrap_or(unknown)));
            }
            std::thread::sleep(PAUSE);
        };
        self.write("note the daemon in", |transaction| {
            transaction.execute(
                "INSERT OR REPLACE INTO daemon (only, who, since) VALUES (1, ?1, ?2)",
                params![who, micros(at)],
            )
        })?;
        Ok(Ok(DaemonLock { file }))
    }

    /// Who is the daemon now, if anybody is.
    pub fn daemon(&self) -> Result<Option<DaemonRow>> {
        if is_held(&self.layout.daemon_lock())? { self.daemon_row() } else { Ok(None) }
    }

    fn daemon_row(&self) -> Result<Option<DaemonRow>> {
        self.connection()
            .query_row("SELECT who, since FROM daemon", [], |row| {
                Ok(DaemonRow { who: row.get(0)?, since: instant(row.get(1)?) })
            })
            .optional()
            .map_err(self.ledger.failed("read"))
    }
}
