//! What a source's files were when they were last read, and the specs that assets were built by.

use assetctl_plan::Hash128;
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use crate::database::micros;
use crate::error::Result;
use crate::month::hash_of;
use crate::store::Store;

/// One file of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFileRow {
    /// As the connector names it: relative, with `/`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Of all bytes of the file.
    pub content: Hash128,
    /// The connector's own: what of the file belongs to which session.
    pub digest: Vec<u8>,
}

impl Store {
    /// The files of a source, sorted by path; empty when it was never read.
    pub fn sources(&self, asset: &str) -> Result<Vec<SourceFileRow>> {
        let failed = self.ledger.failed("read");
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached(
                "SELECT path, size, mtime_ns, content, digest FROM source_files WHERE asset = ?1 ORDER BY path",
            )
            .map_err(&failed)?;
        let mut rows = statement.query(params![asset]).map_err(&failed)?;
        let mut files = Vec::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            files.push(SourceFileRow {
                path: row.get(0).map_err(&failed)?,
                size: row.get::<_, i64>(1).map_err(&failed)? as u64,
                mtime_ns: row.get(2).map_err(&failed)?,
                content: hash_of(row, 3, &self.ledger)?,
                digest: row.get(4).map_err(&failed)?,
            });
        }
        Ok(files)
    }

    /// Replaces the manifest of a source: its rows are all committed, or did not change.
    pub fn replace_sources(&self, asset: &str, files: &[SourceFileRow]) -> Result<()> {
        self.write("update", |transaction| write_sources(transaction, asset, files))
    }

    /// The text of a spec that `asset` was once built by.
    pub fn spec_text(&self, asset: &str, spec: Hash128) -> Result<Option<String>> {
        let connection = self.connection();
        connection
            .prepare_cached("SELECT text FROM specs WHERE asset = ?1 AND spec = ?2")
            .and_then(|mut statement| statement.query_row(params![asset, spec.0], |row| row.get(0)).optional())
            .map_err(self.ledger.failed("read"))
    }
}

pub(crate) fn write_sources(connection: &Connection, asset: &str, files: &[SourceFileRow]) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM source_files WHERE asset = ?1")?.execute(params![asset])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO source_files (asset, path, size, mtime_ns, content, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for file in files {
        insert.execute(params![asset, file.path, file.size as i64, file.mtime_ns, file.content.0, file.digest])?;
    }
    Ok(())
}

pub(crate) fn write_spec(
    connection: &Connection,
    asset: &str,
    spec: Hash128,
    text: &str,
    at: DateTime<Utc>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO specs (asset, spec, text, at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![asset, spec.0, text, micros(at)])?;
    Ok(())
}
