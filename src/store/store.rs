//! The store as a handle: opening, the shared connection, transactions.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::cache::SegmentCache;
use crate::database::{self, LedgerPath};
use crate::error::{Error, Result};
use crate::layout::{Layout, create_folder, sync_folder};

/// One data folder. May be shared by threads; several processes may have the same folder open.
#[derive(Debug)]
pub struct Store {
    pub(crate) layout: Layout,
    pub(crate) ledger: LedgerPath,
    connection: Mutex<Connection>,
    /// The locks of the runs that this handle began and has not finished: held, they say that the run lives.
    pub(crate) live_runs: Mutex<HashMap<u64, File>>,
    pub(crate) cache: Arc<SegmentCache>,
}

impl Store {
    /// Opens the store in the data folder `dir`, making what is not there.
    ///
    /// # Errors
    /// [`Error::NewerFormat`] for a store of a newer program, [`Error::NotAStore`] where `state.db` is something else.
    pub fn open(dir: &Path) -> Result<Self> {
        let layout = Self::layout_of(dir)?;
        if !layout.lake().is_dir() {
            create_folder(&layout.lake())?;
            sync_folder(layout.root())?;
        }
        create_folder(&layout.locks())?;
        Self::with(layout, true)
    }

    /// Opens the store in `dir` if there is one, and makes nothing: `None` where nothing was ever materialized.
    pub fn open_existing(dir: &Path) -> Result<Option<Self>> {
        let layout = Self::layout_of(dir)?;
        let there = match layout.database().try_exists() {
            // A file in place of the folder; Windows does not tell it from nothing at all. Who writes is told.
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => false,
            there => there.map_err(Error::io("read", &layout.database()))?,
        };
        if !there {
            return Ok(None);
        }
        Self::with(layout, false).map(Some)
    }

    fn layout_of(dir: &Path) -> Result<Layout> {
        Ok(Layout::new(&std::path::absolute(dir).map_err(Error::io("open", dir))?))
    }

    fn with(layout: Layout, create: bool) -> Result<Self> {
        let connection = database::open(&layout.database(), create)?;
        let ledger = LedgerPath(layout.database());
        let (connection, live_runs) = (Mutex::new(connection), Mutex::new(HashMap::new()));
        Ok(Self { layout, ledger, connection, live_runs, cache: Arc::default() })
    }

    /// Sets how many bytes of segments are kept in memory at most, to be read again without decoding: 256 MiB unless told. Frames that
    /// were read stay whole whatever is dropped.
    pub fn set_memory(&self, bytes: u64) {
        self.cache.set_limit(bytes);
    }

    /// Where things lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere leaves no half transaction: it was rolled back when its guard fell.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long this handle waits for another process that has the ledger; a minute unless it is said.
    pub fn set_patience(&self, patience: std::time::Duration) -> Result<()> {
        self.connection().busy_timeout(patience).map_err(self.ledger.failed("open"))
    }

    /// One transaction that holds the write lock from its start. Rolled back if `work` fails.
    pub(crate) fn transact<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let failed = self.ledger.failed(action);
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let result = work(&transaction)?;
        transaction.commit().map_err(&failed)?;
        Ok(result)
    }

    /// [`Store::transact`] for work that can fail in SQLite alone.
    pub(crate) fn write<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.transact(action, |transaction| work(transaction).map_err(self.ledger.failed(action)))
    }
}

/// The newest revision; 0 before the first commit.
pub(crate) fn newest_rev(connection: &Connection) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached("SELECT coalesce(max(rev), 0) FROM commits")?;
    statement.query_row([], |row| row.get::<_, i64>(0)).map(|rev| rev as u64)
}
