//! What sensors remember.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use crate::database::{instant, micros};
use crate::error::Result;
use crate::queue::{self, NewRequest};
use crate::store::Store;

/// A sensor, as it looked last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SensorRow {
    /// JSON.
    #[serde(skip)]
    pub memory: String,
    pub looked_at: DateTime<Utc>,
    /// `fires`, `waits`, `quiet` or `failed`.
    pub decision: String,
    pub reason: String,
}

impl Store {
    /// What a sensor remembers; `None` if it never looked.
    pub fn sensor(&self, name: &str) -> Result<Option<SensorRow>> {
        self.connection()
            .prepare_cached("SELECT memory, looked_at, decision, reason FROM sensors WHERE name = ?1")
            .and_then(|mut statement| {
                let row = statement.query_row([name], |row| {
                    Ok(SensorRow {
                        memory: row.get(0)?,
                        looked_at: instant(row.get(1)?),
                        decision: row.get(2)?,
                        reason: row.get(3)?,
                    })
                });
                row.optional()
            })
            .map_err(self.ledger.failed("read"))
    }

    /// Records in one transaction what a sensor remembers and what it asks for; gives the number of that request.
    pub fn record_sensor(
        &self,
        name: &str,
        memory: &str,
        at: DateTime<Utc>,
        decision: &str,
        reason: &str,
        asks: Option<&NewRequest>,
    ) -> Result<Option<u64>> {
        self.write("record a sensor in", |transaction| {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO sensors (name, memory, looked_at, decision, reason) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![name, memory, micros(at), decision, reason])?;
            asks.map(|request| queue::insert(transaction, request)).transpose()
        })
    }
}
