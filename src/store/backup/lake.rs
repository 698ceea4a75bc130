//! Files of the lake that a ledger refers to, and whether they are what it says.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use assetctl_plan::{Hash128, Month};
use rusqlite::{Connection, params};

use crate::cache::SegmentCache;
use crate::canonical::{Extent, content_hashes};
use crate::database::LedgerPath;
use crate::error::{Error, Result};
use crate::layout::{folder_name, state_name};
use crate::month::{self, MonthRow, hash_of};
use crate::schema::ABSENT;
use crate::segment::Cut;
use crate::snapshot::EVER;
use crate::state_row::StateKind;

/// A file of the lake.
pub(super) struct LakeFile {
    /// Within the folder of everything materialized, with `/`.
    pub path: String,
    pub asset: String,
    pub size: u64,
    holds: Holds,
}

enum Holds {
    Segment(Box<MonthRow>),
    State(Hash128),
}

pub(super) fn assets(connection: &Connection, ledger: &LedgerPath) -> Result<Vec<String>> {
    connection
        .prepare("SELECT DISTINCT asset FROM segments ORDER BY asset")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(ledger.failed("read"))
}

/// How many files there are, or some more: a file that is current again counts twice.
pub(super) fn count(connection: &Connection, ledger: &LedgerPath) -> Result<u64> {
    let query = "SELECT (SELECT count(*) FROM segments WHERE NOT thinned) + (SELECT count(*) FROM carried)";
    let count: i64 = connection.query_row(query, [], |row| row.get(0)).map_err(ledger.failed("read"))?;
    Ok(count as u64)
}

/// The files of an asset, current and superseded, each once.
pub(super) fn files_of(connection: &Connection, ledger: &LedgerPath, asset: &str) -> Result<Vec<LakeFile>> {
    let mut files = BTreeMap::new();
    let mut put = |name: String, size: u64, holds: Holds| {
        let path = format!("lake/{}/{name}", folder_name(asset));
        files.insert(name, LakeFile { path, asset: asset.to_owned(), size, holds });
    };
    for version in month::versions_in(connection, ledger, asset, EVER)? {
        if !version.row.thinned {
            put(version.row.file(), version.row.size, Holds::Segment(Box::new(version.row)));
        }
    }
    let failed = ledger.failed("read");
    let mut statement = connection
        .prepare_cached("SELECT month, kind, content, size FROM carried WHERE asset = ?1")
        .map_err(&failed)?;
    let mut rows = statement.query(params![asset]).map_err(&failed)?;
    while let Some(row) = rows.next().map_err(&failed)? {
        let kind: String = row.get(1).map_err(&failed)?;
        let kind = StateKind::parse(&kind).ok_or_else(|| Error::corrupt(format!("a state of kind `{kind}`")))?;
        let content = hash_of(row, 2, ledger)?;
        let name = state_name(Month(row.get(0).map_err(&failed)?), kind, content);
        put(name, row.get::<_, i64>(3).map_err(&failed)? as u64, Holds::State(content));
    }
    Ok(files.into_values().collect())
}

impl LakeFile {
    /// Whether the file at `path` has the content that the ledger says, partition by partition and column by column.
    pub(super) fn is_whole(&self, path: &Path) -> bool {
        if !std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == self.size) {
            return false;
        }
        match &self.holds {
            Holds::State(content) => std::fs::read(path).is_ok_and(|bytes| Hash128::of(&bytes) == *content),
            // Bytes that are no Parquet must not end a backup, whatever the reader makes of them.
            Holds::Segment(row) => {
                catch_unwind(AssertUnwindSafe(|| self.has_rows(path, row).unwrap_or(false))).unwrap_or(false)
            }
        }
    }

    fn has_rows(&self, path: &Path, row: &MonthRow) -> Result<bool> {
        let (asset, schema) = (self.asset.as_str(), row.schema.as_ref());
        let nothing_kept = SegmentCache::default();
        nothing_kept.set_limit(0);
        let total = row.rows();
        let whole = Cut {
            asset,
            path: path.to_path_buf(),
            content: row.content,
            size: row.size,
            schema,
            total,
            offset: 0,
            rows: total,
        };
        let frame = whole.read(&nothing_kept, |_| true)?;
        let mut offset = 0;
        let extents: Vec<Extent> = row
            .partitions
            .iter()
            .map(|record| {
                let extent = Extent { session: record.session, offset, rows: record.rows as usize };
                offset += extent.rows;
                extent
            })
            .collect();
        let found = content_hashes(asset, &frame, schema, &extents)?;
        Ok(found.iter().zip(&row.partitions).all(|(found, record)| {
            let columns = found.columns.iter().zip(&record.column_hashes);
            found.key == record.key_hash && columns.into_iter().all(|(found, known)| *known == ABSENT || found == known)
        }))
    }
}
