//! `state.db`: opening it, its tables, and their migrations.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::{Error, Result};

/// `asct`: tells our ledger from any other SQLite file.
const APPLICATION_ID: i64 = 0x6173_6374;
/// A writer holds the ledger for milliseconds; longer than this, something hangs.
const BUSY: Duration = Duration::from_secs(60);

/// Step `n` brings a ledger of format `n` to `n + 1`. Steps are never edited once released, only added.
const MIGRATIONS: [&str; 12] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
    include_str!("migrations/0007.sql"),
    include_str!("migrations/0008.sql"),
    include_str!("migrations/0009.sql"),
    include_str!("migrations/0010.sql"),
    include_str!("migrations/0011.sql"),
    include_str!("migrations/0012.sql"),
];

/// Opens a ledger; `create` makes an empty one where there is none.
pub(crate) fn open(path: &Path, create: bool) -> Result<Connection> {
    let failed = |source| Error::Ledger { action: "open", path: path.to_path_buf(), source };
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    let pragma = |connection: &Connection, name: &str| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, name, |row| row.get(0))
    };
    let version = match pragma(&connection, "user_version") {
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.code == rusqlite::ErrorCode::NotADatabase => {
            return Err(Error::NotAStore { path: path.to_path_buf(), why: "it is not an SQLite file".to_owned() });
        }
        other => other.map_err(failed)?,
    };
    let known = MIGRATIONS.len() as i64;
    let id = pragma(&connection, "application_id").map_err(failed)?;
    if id != APPLICATION_ID && (version != 0 || id != 0) {
        return Err(Error::NotAStore { path: path.to_path_buf(), why: "another program made it".to_owned() });
    }
    if version > known {
        return Err(Error::NewerFormat { path: path.to_path_buf(), found: version, known });
    }
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).map_err(failed)?;
    }
    // FULL, so that a commit that was reported survives a power loss: `gc` may have removed what it superseded.
    connection.pragma_update(None, "synchronous", "full").map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    if version < known {
        migrate(&mut connection).map_err(failed)?;
    }
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again under the lock: another process may have migrated meanwhile.
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for step in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    transaction.commit()
}

/// Turns SQLite's errors into ours; one per ledger, for `map_err(ledger.failed("read"))`.
#[derive(Debug, Clone)]
pub(crate) struct LedgerPath(pub PathBuf);

impl LedgerPath {
    pub(crate) fn failed(&self, action: &'static str) -> impl Fn(rusqlite::Error) -> Error + '_ {
        move |source| Error::Ledger { action, path: self.0.clone(), source }
    }
}

/// Instants are kept as microseconds since 1970 in UTC.
pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

pub(crate) fn instant(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_creates_and_refuses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        assert!(open(&path, false).is_err());
        drop(open(&path, true).unwrap());
        let connection = open(&path, false).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        assert!(open(&path, true).unwrap_err().to_string().contains("format 99, made by a newer assetctl"));

        let other = folder.path().join("other.db");
        Connection::open(&other).unwrap().pragma_update(None, "user_version", 1).unwrap();
        assert!(matches!(open(&other, true), Err(Error::NotAStore { .. })));
        let text = folder.path().join("text.db");
        crate::layout::Layout::write_whole(&text, |mut file| {
            std::io::Write::write_all(&mut file, &[b'x'; 4096]).map_err(Error::io("write", &text))
        })
        .unwrap();
        assert!(matches!(open(&text, true), Err(Error::NotAStore { .. })));
    }
}
