//! One asset's month in the ledger: its segment and the records of its partitions.

use std::sync::Arc;

use assetctl_plan::{Hash128, Month, PartitionRecord, SegmentRecord};
use rusqlite::{Connection, Row, params};

use crate::canonical::days;
use crate::codec;
use crate::database::LedgerPath;
use crate::error::{Error, Result};
use crate::layout::segment_name;
use crate::revisions::Version;
use crate::schema::AssetSchema;

/// A segment as the ledger holds it.
#[derive(Debug, Clone)]
pub(crate) struct MonthRow {
    pub id: i64,
    pub month: Month,
    pub content: Hash128,
    pub size: u64,
    pub schema: Arc<AssetSchema>,
    /// Sorted by session.
    pub partitions: Vec<PartitionRecord>,
    /// It has no file any more: see [`crate::thinned`].
    pub thinned: bool,
}

impl MonthRow {
    pub(crate) fn file(&self) -> String {
        segment_name(self.month, self.schema.is_static, self.content)
    }

    pub(crate) fn rows(&self) -> usize {
        self.partitions.iter().map(|record| record.rows as usize).sum()
    }

    pub(crate) fn into_record(self) -> SegmentRecord {
        SegmentRecord { month: self.month, columns: self.schema.column_names(), partitions: self.partitions }
    }
}

/// The segments that make up months `from..=to` of `asset` as of revision `rev`, in order.
pub(crate) fn load(
    connection: &Connection,
    ledger: &LedgerPath,
    asset: &str,
    (from, to): (Month, Month),
    rev: u64,
) -> Result<Vec<MonthRow>> {
    let failed = ledger.failed("read");
    let mut statement = connection
        .prepare_cached(
            "SELECT s.id, s.month, s.content, s.size, s.schema, c.json, s.records, s.thinned
             FROM segments s JOIN schemas c ON c.id = s.schema
             WHERE s.asset = ?1 AND s.month BETWEEN ?2 AND ?3
               AND s.created_rev <= ?4 AND (s.dropped_rev IS NULL OR s.dropped_rev > ?4)
             ORDER BY s.month",
        )
        .map_err(&failed)?;
    let mut rows = statement.query(params![asset, from.0, to.0, rev as i64]).map_err(&failed)?;
    let mut months = Vec::new();
    let mut schemas = Schemas::default();
    while let Some(row) = rows.next().map_err(&failed)? {
        months.push(month_of(row, ledger, &mut schemas)?);
    }
    Ok(months)
}

/// Every version of one month that is kept, oldest first, with the revisions that it was created and superseded at.
pub(crate) fn versions(
    connection: &Connection,
    ledger: &LedgerPath,
    asset: &str,
    month: Month,
) -> Result<Vec<Version>> {
    versions_in(connection, ledger, asset, (month, month))
}

/// The same of all months of a range, each oldest first.
pub(crate) fn versions_in(
    connection: &Connection,
    ledger: &LedgerPath,
    asset: &str,
    (from, to): (Month, Month),
) -> Result<Vec<Version>> {
    let failed = ledger.failed("read");
    let mut statement = connection
        .prepare_cached(
            "SELECT s.id, s.month, s.content, s.size, s.schema, c.json, s.records, s.thinned, s.created_rev,
                s.dropped_rev
             FROM segments s JOIN schemas c ON c.id = s.schema WHERE s.asset = ?1 AND s.month BETWEEN ?2 AND ?3
             ORDER BY s.month, s.created_rev",
        )
        .map_err(&failed)?;
    let mut rows = statement.query(params![asset, from.0, to.0]).map_err(&failed)?;
    let mut versions = Vec::new();
    let mut schemas = Schemas::default();
    while let Some(row) = rows.next().map_err(&failed)? {
        versions.push(Version {
            row: month_of(row, ledger, &mut schemas)?,
            created: row.get::<_, i64>(8).map_err(&failed)? as u64,
            dropped: row.get::<_, Option<i64>>(9).map_err(&failed)?.map(|rev| rev as u64),
        });
    }
    Ok(versions)
}

/// The schema that was parsed last: neighbours share one.
#[derive(Default)]
struct Schemas(Option<(i64, Arc<AssetSchema>)>);

/// A month from the columns id, month, content, size, schema, its JSON, records, thinned.
fn month_of(row: &Row<'_>, ledger: &LedgerPath, schemas: &mut Schemas) -> Result<MonthRow> {
    let failed = ledger.failed("read");
    let schema_id: i64 = row.get(4).map_err(&failed)?;
    let schema = match &schemas.0 {
        Some((id, schema)) if *id == schema_id => schema.clone(),
        _ => {
            let json = row.get_ref(5).and_then(|json| Ok(json.as_str()?)).map_err(&failed)?;
            let parsed = serde_json::from_str(json).map_err(|error| Error::corrupt(format!("a schema: {error}")))?;
            let schema = Arc::new(parsed);
            schemas.0 = Some((schema_id, Arc::clone(&schema)));
            schema
        }
    };
    Ok(MonthRow {
        id: row.get(0).map_err(&failed)?,
        month: Month(row.get(1).map_err(&failed)?),
        content: hash_of(row, 2, ledger)?,
        size: row.get::<_, i64>(3).map_err(&failed)? as u64,
        schema,
        partitions: codec::unpack_partitions(blob(row, 6).map_err(&failed)?)?,
        thinned: row.get(7).map_err(&failed)?,
    })
}

pub(crate) fn blob<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a [u8]> {
    row.get_ref(column).and_then(|value| Ok(value.as_blob()?))
}

pub(crate) fn hash_of(row: &Row<'_>, column: usize, ledger: &LedgerPath) -> Result<Hash128> {
    codec::hash(blob(row, column).map_err(ledger.failed("read"))?)
}

/// Adds a segment that is current from revision `rev` on.
pub(crate) fn insert(
    connection: &Connection,
    asset: &str,
    schema_id: i64,
    row: &MonthRow,
    rev: u64,
) -> rusqlite::Result<()> {
    let summary = Summary::of(&row.partitions);
    connection
        .prepare_cached(
            "INSERT INTO segments (asset, month, content, size, schema, created_rev, partitions, rows, first, last, spec,
                dirty, records) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            asset,
            row.month.0,
            row.content.0,
            row.size as i64,
            schema_id,
            rev as i64,
            row.partitions.len() as i64,
            row.rows() as i64,
            summary.first,
            summary.last,
            summary.spec.map(|spec| spec.0),
            summary.dirty,
            codec::pack_partitions(row.schema.columns.len(), &row.partitions),
        ])?;
    Ok(())
}

/// Rewrites the records of a segment whose content stays.
pub(crate) fn update(connection: &Connection, row: &MonthRow) -> rusqlite::Result<()> {
    let summary = Summary::of(&row.partitions);
    connection.prepare_cached("UPDATE segments SET spec = ?2, dirty = ?3, records = ?4 WHERE id = ?1")?.execute(
        params![
            row.id,
            summary.spec.map(|spec| spec.0),
            summary.dirty,
            codec::pack_partitions(row.schema.columns.len(), &row.partitions),
        ],
    )?;
    Ok(())
}

/// A segment is current no more from revision `rev` on.
pub(crate) fn supersede(connection: &Connection, id: i64, rev: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE segments SET dropped_rev = ?2 WHERE id = ?1")?
        .execute(params![id, rev as i64])?;
    Ok(())
}

/// The id of a schema's row, which is made if need be.
pub(crate) fn schema_id(connection: &Connection, schema: &AssetSchema) -> Result<i64, rusqlite::Error> {
    let json = serde_json::to_string(schema).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection.prepare_cached("INSERT OR IGNORE INTO schemas (json) VALUES (?1)")?.execute(params![json])?;
    connection.prepare_cached("SELECT id FROM schemas WHERE json = ?1")?.query_row(params![json], |row| row.get(0))
}

/// What the head needs of a segment.
struct Summary {
    first: i32,
    last: i32,
    /// The spec of all its partitions, if they have one.
    spec: Option<Hash128>,
    dirty: bool,
}

impl Summary {
    fn of(partitions: &[PartitionRecord]) -> Self {
        let spec = partitions.first().map(|record| record.spec);
        Self {
            first: partitions.first().map_or(0, |record| days(record.session)),
            last: partitions.last().map_or(0, |record| days(record.session)),
            spec: spec.filter(|spec| partitions.iter().all(|record| record.spec == *spec)),
            dirty: partitions.iter().any(|record| record.dirty),
        }
    }
}
