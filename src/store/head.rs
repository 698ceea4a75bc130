//! Heads: the summary of each asset that planning starts from, kept beside the segments it is summed up from.

use assetctl_plan::{AssetHead, Hash128, Month};
use rusqlite::{Connection, OptionalExtension, params};

use crate::canonical::date;
use crate::codec::{self, ManifestEntry};
use crate::database::LedgerPath;
use crate::error::{Error, Result};
use crate::month::{MonthRow, blob, hash_of};

/// A head and the files behind it.
#[derive(Debug)]
pub(crate) struct StoredHead {
    /// `damaged` is empty: it is not known until the files are looked at.
    pub head: AssetHead,
    pub is_static: bool,
    /// When the folder of segments was last changed by a commit or `gc`, in nanoseconds since 1970; `None` if it is not known.
    pub folder_mtime: Option<i64>,
    /// Months of a past state that have no file of their own: see [`crate::thinned`].
    pub thinned: Vec<Month>,
    /// Packed, because most heads are never asked for their files one by one.
    pub manifest: Vec<u8>,
}

impl StoredHead {
    /// Number of segments, without unpacking.
    pub(crate) fn segments(&self) -> usize {
        self.manifest.len() / codec::MANIFEST_ENTRY
    }
}

/// Every asset's head, sorted by name.
pub(crate) fn load_all(connection: &Connection, ledger: &LedgerPath) -> Result<Vec<StoredHead>> {
    let failed = ledger.failed("read");
    let mut statement = connection
        .prepare(
            "SELECT asset, static, spec, uniform, tip_rev, verified_rev, partitions, first, last, dirty,
                folder_mtime, manifest, shrunk_rev, wiring
             FROM heads ORDER BY asset",
        )
        .map_err(&failed)?;
    let mut rows = statement.query([]).map_err(&failed)?;
    let mut heads = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        let day = |column| -> Result<_> {
            let days: Option<i32> = row.get(column).map_err(&failed)?;
            days.map(|days| date(days).ok_or_else(|| Error::corrupt("a date of a head"))).transpose()
        };
        let number = |column| row.get::<_, i64>(column).map(|number| number as u64).map_err(&failed);
        heads.push(StoredHead {
            head: AssetHead {
                asset: row.get(0).map_err(&failed)?,
                spec: hash_of(row, 2, ledger)?,
                uniform: row.get(3).map_err(&failed)?,
                tip_rev: number(4)?,
                shrunk_rev: number(12)?,
                wiring: hash_of(row, 13, ledger)?,
                verified_rev: number(5)?,
                partitions: row.get(6).map_err(&failed)?,
                first: day(7)?,
                last: day(8)?,
                dirty: row.get(9).map_err(&failed)?,
                damaged: Vec::new(),
            },
            is_static: row.get(1).map_err(&failed)?,
            folder_mtime: row.get(10).map_err(&failed)?,
            thinned: Vec::new(),
            manifest: blob(row, 11).map_err(&failed)?.to_vec(),
        });
    }
    Ok(heads)
}

/// The head that an asset's months add up to, for a snapshot of the past; `None` without partitions.
pub(crate) fn of_months(asset: &str, months: &[MonthRow]) -> Option<StoredHead> {
    let records = || months.iter().flat_map(|month| &month.partitions);
    let newest = records().max_by_key(|record| (record.run, record.session))?;
    let entry = |row: &MonthRow| ManifestEntry { month: row.month, content: row.content, size: row.size };
    let entries: Vec<_> = months.iter().map(entry).collect();
    Some(StoredHead {
        head: AssetHead {
            asset: asset.to_owned(),
            spec: newest.spec,
            uniform: records().all(|record| record.spec == newest.spec),
            tip_rev: records().map(|record| record.rev).max().unwrap_or_default(),
            shrunk_rev: 0,
            wiring: Hash128::ZERO,
            verified_rev: 0,
            partitions: records().count() as u32,
            first: records().map(|record| record.session).min(),
            last: records().map(|record| record.session).max(),
            dirty: records().any(|record| record.dirty),
            damaged: Vec::new(),
        },
        is_static: months.iter().any(|month| month.schema.is_static),
        folder_mtime: None,
        thinned: months.iter().filter(|month| month.thinned).map(|month| month.month).collect(),
        manifest: codec::pack_manifest(&entries),
    })
}

/// (version, whether it is static) of an asset's head. The version counts the changes of the asset's ledger.
pub(crate) fn identity(connection: &Connection, asset: &str) -> rusqlite::Result<Option<(i64, bool)>> {
    let mut statement = connection.prepare_cached("SELECT version, static FROM heads WHERE asset = ?1")?;
    statement.query_row(params![asset], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// What a commit says of a head beyond what its segments do.
pub(crate) struct HeadChange<'a> {
    pub asset: &'a str,
    pub is_static: bool,
    pub spec: Hash128,
    pub wiring: Hash128,
    /// The commit's revision, if it moved, added or removed content.
    pub moved: Option<u64>,
    /// The commit's revision, if it took partitions away.
    pub shrunk: Option<u64>,
    /// The new `verified_rev`, if there is one.
    pub verified: Option<u64>,
    /// The folder's modification time, if files were written.
    pub folder_mtime: Option<i64>,
}

/// Sums up an asset's current segments into its head.
pub(crate) fn refresh(connection: &Connection, ledger: &LedgerPath, change: &HeadChange<'_>) -> Result<()> {
    let failed = ledger.failed("update");
    let mut statement = connection
        .prepare_cached(
            "SELECT month, content, size, partitions, first, last, spec, dirty
             FROM segments WHERE asset = ?1 AND dropped_rev IS NULL ORDER BY month",
        )
        .map_err(&failed)?;
    let mut rows = statement.query(params![change.asset]).map_err(&failed)?;
    let (mut entries, mut partitions, mut uniform, mut dirty) = (Vec::new(), 0i64, true, false);
    let (mut first, mut last): (Option<i32>, Option<i32>) = (None, None);
    while let Some(row) = rows.next().map_err(&failed)? {
        entries.push(ManifestEntry {
            month: Month(row.get(0).map_err(&failed)?),
            content: hash_of(row, 1, ledger)?,
            size: row.get::<_, i64>(2).map_err(&failed)? as u64,
        });
        partitions += row.get::<_, i64>(3).map_err(&failed)?;
        first = first.or(Some(row.get(4).map_err(&failed)?));
        last = Some(row.get(5).map_err(&failed)?);
        let spec: Option<Vec<u8>> = row.get(6).map_err(&failed)?;
        uniform &= spec.as_deref() == Some(change.spec.0.as_slice());
        dirty |= row.get::<_, bool>(7).map_err(&failed)?;
    }
    connection
        .prepare_cached(
            "INSERT INTO heads (asset, version, static, spec, uniform, tip_rev, verified_rev, partitions, first, last,
                dirty, folder_mtime, manifest, shrunk_rev, wiring)
             VALUES (?1, 1, ?2, ?3, ?4, coalesce(?5, 0), coalesce(?6, 0), ?7, ?8, ?9, ?10, ?11, ?12, coalesce(?13, 0), ?14)
             ON CONFLICT (asset) DO UPDATE SET
                version = version + 1, static = ?2, spec = ?3, uniform = ?4, tip_rev = coalesce(?5, tip_rev),
                verified_rev = coalesce(?6, CASE WHEN wiring = ?14 THEN verified_rev ELSE 0 END), wiring = ?14, partitions = ?7, first = ?8, last = ?9, dirty = ?10,
                folder_mtime = coalesce(?11, folder_mtime), manifest = ?12, shrunk_rev = coalesce(?13, shrunk_rev)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                change.asset,
                change.is_static,
                change.spec.0,
                uniform,
                change.moved.map(|rev| rev as i64),
                change.verified.map(|rev| rev as i64),
                partitions,
                first,
                last,
                dirty,
                change.folder_mtime,
                codec::pack_manifest(&entries),
                change.shrunk.map(|rev| rev as i64),
                change.wiring.0,
            ])
        })
        .map_err(&failed)?;
    Ok(())
}

/// Notes the folder's modification time after `gc` removed files from it.
pub(crate) fn note_folder(connection: &Connection, asset: &str, mtime: Option<i64>) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE heads SET folder_mtime = ?2 WHERE asset = ?1")?.execute(params![asset, mtime])?;
    Ok(())
}

/// The asset was found clean by `wiring` as of the snapshot of revision `rev`. Without a head there is nothing to note.
pub(crate) fn mark_verified(connection: &Connection, asset: &str, rev: u64, wiring: Hash128) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE heads SET verified_rev = CASE WHEN wiring = ?3 THEN max(verified_rev, ?2) ELSE ?2 END, wiring = ?3
             WHERE asset = ?1",
        )?
        .execute(params![asset, rev as i64, wiring.0])?;
    Ok(())
}
