//! Files of carried states in the ledger: which there are of a month, which sessions they speak of.

use assetctl_plan::{Hash128, Month};
use chrono::NaiveDate;
use rusqlite::{Connection, params};

use crate::codec;
use crate::database::LedgerPath;
use crate::error::{Error, Result};
use crate::layout::state_name;
use crate::month::{blob, hash_of};

/// What a file of states holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StateKind {
    /// A hash of each instrument's state after each session.
    Trace,
    /// The states themselves after one session.
    Checkpoint,
}

impl StateKind {
    pub(crate) const ALL: [Self; 2] = [Self::Trace, Self::Checkpoint];

    /// In the ledger, and the extension of the files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Checkpoint => "checkpoint",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One file of states as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StateRow {
    /// Means nothing until it is in the ledger.
    pub id: i64,
    pub month: Month,
    pub kind: StateKind,
    pub content: Hash128,
    pub size: u64,
    /// The spec of the commit that wrote it. Of a trace, which may have been put together from several, the last one's.
    pub spec: Hash128,
    /// Ascending. A checkpoint has one.
    pub sessions: Vec<NaiveDate>,
}

impl StateRow {
    pub(crate) fn file(&self) -> String {
        state_name(self.month, self.kind, self.content)
    }
}

/// The files of states of months `from..=to` of `asset` as of revision `rev`, in order of month and kind.
pub(crate) fn load(
    connection: &Connection,
    ledger: &LedgerPath,
    asset: &str,
    (from, to): (Month, Month),
    rev: u64,
) -> Result<Vec<StateRow>> {
    let failed = ledger.failed("read");
    let mut statement = connection
        .prepare_cached(
            "SELECT id, month, kind, content, size, spec, sessions FROM carried
             WHERE asset = ?1 AND month BETWEEN ?2 AND ?3
               AND created_rev <= ?4 AND (dropped_rev IS NULL OR dropped_rev > ?4)
             ORDER BY month, kind",
        )
        .map_err(&failed)?;
    let mut rows = statement.query(params![asset, from.0, to.0, rev as i64]).map_err(&failed)?;
    let mut states = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        let kind: String = row.get(2).map_err(&failed)?;
        states.push(StateRow {
            id: row.get(0).map_err(&failed)?,
            month: Month(row.get(1).map_err(&failed)?),
            kind: StateKind::parse(&kind).ok_or_else(|| Error::corrupt(format!("a state of kind `{kind}`")))?,
            content: hash_of(row, 3, ledger)?,
            size: row.get::<_, i64>(4).map_err(&failed)? as u64,
            spec: hash_of(row, 5, ledger)?,
            sessions: codec::unpack_dates(blob(row, 6).map_err(&failed)?)?,
        });
    }
    Ok(states)
}

/// Adds a file that is current from revision `rev` on.
pub(crate) fn insert(connection: &Connection, asset: &str, row: &StateRow, rev: u64) -> rusqlite::Result<()> {
    // A superseded version of the same content shares the file, which was just written anew.
    connection
        .prepare_cached("UPDATE carried SET size = ?5 WHERE asset = ?1 AND month = ?2 AND kind = ?3 AND content = ?4")?
        .execute(params![asset, row.month.0, row.kind.name(), row.content.0, row.size as i64])?;
    connection
        .prepare_cached(
            "INSERT INTO carried (asset, month, kind, content, size, spec, sessions, created_rev)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            asset,
            row.month.0,
            row.kind.name(),
            row.content.0,
            row.size as i64,
            row.spec.0,
            codec::pack_dates(&row.sessions),
            rev as i64,
        ])?;
    Ok(())
}

/// A file is current no more from revision `rev` on.
pub(crate) fn supersede(connection: &Connection, id: i64, rev: u64) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE carried SET dropped_rev = ?2 WHERE id = ?1")?.execute(params![id, rev as i64])?;
    Ok(())
}
