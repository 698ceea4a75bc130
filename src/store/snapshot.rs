//! Snapshots: one consistent set of segments of all assets, of now or of the past.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use assetctl_plan::{AssetHead, Dated, DatedRow, Ledger, Month, PartitionRecord, STATIC_SESSION, SegmentRecord};
use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;
use rusqlite::{Connection, OptionalExtension, params};

use crate::cache::SegmentCache;
use crate::codec::{self, ManifestEntry};
use crate::database::{self, LedgerPath, micros};
use crate::error::{Error, Result};
use crate::head::{self, StoredHead};
use crate::layout::{Layout, folder_mtime, segment_name};
use crate::month::{self, MonthRow};
use crate::parallel;
use crate::schema::{ABSENT, AssetSchema};
use crate::segment::{self, Cut};
use crate::store::{Store, newest_rev};

/// Above this number of segments a snapshot does not ask for the size of each: at two microseconds, this many cost 40 ms.
const MANY_SEGMENTS: usize = 20_000;
/// Months of each asset, the newest, whose files' sizes are looked at in any case.
const SIZED_MONTHS: usize = 3;

/// A state of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// What the run left when it ended (or committed last, if it was interrupted).
    Run(u64),
    /// What stood at this instant.
    Instant(DateTime<Utc>),
    /// What the commit of this number left.
    Revision(u64),
}

/// One consistent state of the store. It holds a read transaction on the ledger, so that commits made meanwhile, by
/// whomever, are not seen; it blocks nobody. Drop it when done: the ledger's log cannot be shortened while it is held.
#[derive(Debug)]
pub struct Snapshot {
    layout: Layout,
    ledger: LedgerPath,
    connection: Mutex<Connection>,
    rev: u64,
    cache: Arc<SegmentCache>,
    heads: BTreeMap<String, LazyHead>,
    /// Too many segments to look at each.
    is_large: bool,
}

#[derive(Debug)]
struct LazyHead {
    stored: StoredHead,
    /// The head with its damaged months, once the files were looked at.
    seen: OnceLock<AssetHead>,
}

impl Store {
    /// The state of now.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let connection = self.reader()?;
        let rev = newest_rev(&connection).map_err(self.ledger.failed("read"))?;
        let heads = head::load_all(&connection, &self.ledger)?;
        Ok(self.snapshot_of(connection, rev, heads))
    }

    /// A state of the past. Its heads say nothing of verification.
    ///
    /// # Errors
    /// [`Error::UnknownRun`], [`Error::BeforeFirst`], and [`Error::Collected`] where `gc` removed some of it.
    pub fn snapshot_at(&self, as_of: AsOf) -> Result<Snapshot> {
        let failed = self.ledger.failed("read");
        let connection = self.reader()?;
        let rev = rev_at(&connection, &self.ledger, as_of)?;
        let collected: bool = connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM collected WHERE created_rev <= ?1 AND dropped_rev > ?1)",
                params![rev as i64],
                |row| row.get(0),
            )
            .map_err(&failed)?;
        if collected {
            return Err(Error::Collected { rev });
        }
        let assets: Vec<String> = connection
            .prepare("SELECT DISTINCT asset FROM segments ORDER BY asset")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .map_err(&failed)?;
        self.snapshot_of_then(connection, rev, &assets)
    }

    /// Some assets as they were known at an instant: with every commit that had been made by then. Its heads say nothing of
    /// verification. An asset that was not known then is not there.
    ///
    /// # Errors
    /// [`Error::BeforeFirst`]; [`Error::Collected`] where `gc` removed some of what these assets held then.
    pub fn snapshot_known(&self, assets: &[String], at: DateTime<Utc>) -> Result<Snapshot> {
        let connection = self.reader()?;
        let rev = rev_at(&connection, &self.ledger, AsOf::Instant(at))?;
        for asset in assets {
            if self.is_collected(asset, rev)? {
                return Err(Error::Collected { rev });
            }
        }
        self.snapshot_of_then(connection, rev, assets)
    }

    fn snapshot_of_then(&self, connection: Connection, rev: u64, assets: &[String]) -> Result<Snapshot> {
        let mut heads = Vec::new();
        for asset in assets {
            let months = month::load(&connection, &self.ledger, asset, EVER, rev)?;
            heads.extend(head::of_months(asset, &months));
        }
        Ok(self.snapshot_of(connection, rev, heads))
    }

    /// A connection of its own with a read transaction begun.
    fn reader(&self) -> Result<Connection> {
        let connection = database::open(&self.layout.database(), false)?;
        // The first read pins the state; `snapshot` and `snapshot_at` read at once.
        connection.execute_batch("BEGIN DEFERRED").map_err(self.ledger.failed("read"))?;
        Ok(connection)
    }

    fn snapshot_of(&self, connection: Connection, rev: u64, heads: Vec<StoredHead>) -> Snapshot {
        let lazy = |stored: StoredHead| (stored.head.asset.clone(), LazyHead { stored, seen: OnceLock::new() });
        let segments: usize = heads.iter().map(StoredHead::segments).sum();
        Snapshot {
            is_large: segments > MANY_SEGMENTS,
            layout: self.layout.clone(),
            ledger: self.ledger.clone(),
            connection: Mutex::new(connection),
            rev,
            cache: Arc::clone(&self.cache),
            heads: heads.into_iter().map(lazy).collect(),
        }
    }
}

/// Every month.
pub(crate) const EVER: (Month, Month) = (Month(i32::MIN), Month(i32::MAX));

fn rev_at(connection: &Connection, ledger: &LedgerPath, as_of: AsOf) -> Result<u64> {
    let failed = ledger.failed("read");
    let found: Option<i64> = match as_of {
        AsOf::Run(run) => {
            let sql = "SELECT coalesce(end_rev, (SELECT max(rev) FROM commits WHERE run = ?1), start_rev)
                       FROM runs WHERE id = ?1";
            connection.query_row(sql, params![run as i64], |row| row.get(0)).optional().map_err(&failed)?
        }
        AsOf::Revision(rev) => Some(rev as i64),
        AsOf::Instant(at) => Some(rev_before(connection, at).map_err(&failed)? as i64).filter(|rev| *rev > 0),
    };
    match (found, as_of) {
        (Some(rev), _) => Ok(rev as u64),
        (None, AsOf::Revision(rev)) => Ok(rev),
        (None, AsOf::Run(run)) => Err(Error::UnknownRun { run }),
        (None, AsOf::Instant(instant)) => Err(Error::BeforeFirst { instant }),
    }
}

/// The newest revision that no commit later than `at` is part of; 0 before the first. Commits of concurrent runs may be
/// numbered in another order than their instants.
pub(crate) fn rev_before(connection: &Connection, at: DateTime<Utc>) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce((SELECT min(rev) - 1 FROM commits WHERE at > ?1), (SELECT max(rev) FROM commits), 0)";
    connection.query_row(sql, params![micros(at)], |row| row.get::<_, i64>(0)).map(|rev| rev as u64)
}

impl Snapshot {
    /// The newest commit that this snapshot sees; 0 before the first.
    pub fn rev(&self) -> u64 {
        self.rev
    }

    /// Every asset with a ledger, sorted.
    pub fn assets(&self) -> impl Iterator<Item = &str> {
        self.heads.keys().map(String::as_str)
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn ledger(&self) -> &LedgerPath {
        &self.ledger
    }

    /// Whether the asset was committed without a session axis.
    pub fn is_static(&self, asset: &str) -> bool {
        self.heads.get(asset).is_some_and(|lazy| lazy.stored.is_static)
    }

    /// Looks at the files of all assets at once, on several threads. [`Ledger::head`] does it asset by asset when first
    /// asked; do this first where many heads will be asked for.
    ///
    /// A file that is missing or of another size than was written makes its month damaged. In a store of more than 20,000
    /// segments, where that would take most of a plan's time, sizes are looked at for the newest months of each asset, and
    /// older ones are checked for being there: one that was cut off shows when it is read.
    pub fn check_files(&self) {
        let heads: Vec<&LazyHead> = self.heads.values().collect();
        parallel::map(&heads, |lazy| {
            self.seen(lazy);
        });
    }

    /// Looks at files as in a store of very many segments.
    #[cfg(test)]
    pub(crate) fn as_large(mut self) -> Self {
        self.is_large = true;
        self
    }

    fn seen<'a>(&self, lazy: &'a LazyHead) -> &'a AssetHead {
        lazy.seen.get_or_init(|| {
            let mut head = lazy.stored.head.clone();
            head.damaged = self.damaged(&lazy.stored);
            head
        })
    }

    fn damaged(&self, stored: &StoredHead) -> Vec<Month> {
        let entries = codec::unpack_manifest(&stored.manifest).unwrap_or_default();
        let folder = self.layout.asset(&stored.head.asset);
        // Unchanged since the last commit: no file can have gone, or come under another's name.
        let unchanged = self.is_large && stored.folder_mtime.is_some_and(|known| folder_mtime(&folder) == Some(known));
        let sized_from = if self.is_large { entries.len().saturating_sub(SIZED_MONTHS) } else { 0 };
        let listed: HashSet<OsString> = if self.is_large && !unchanged {
            let names = std::fs::read_dir(&folder).map(|listing| listing.flatten().map(|entry| entry.file_name()));
            names.map(Iterator::collect).unwrap_or_default()
        } else {
            HashSet::new()
        };
        let is_damaged = |(at, entry): &(usize, &ManifestEntry)| {
            if stored.thinned.contains(&entry.month) {
                return false;
            }
            // Of most segments of a large store not even the name is made.
            let name = || segment_name(entry.month, stored.is_static, entry.content);
            if *at >= sized_from {
                let found = std::fs::metadata(folder.join(name()));
                !found.is_ok_and(|found| found.is_file() && found.len() == entry.size)
            } else {
                !unchanged && !listed.contains(OsStr::new(&name()))
            }
        };
        entries.iter().enumerate().filter(is_damaged).map(|(_, entry)| entry.month).collect()
    }

    pub(crate) fn months(&self, asset: &str, from: NaiveDate, to: NaiveDate) -> Result<Vec<MonthRow>> {
        let range = if self.is_static(asset) { EVER } else { (Month::of(from), Month::of(to)) };
        month::load(&self.connection(), &self.ledger, asset, range, self.rev)
    }

    pub(crate) fn all_months(&self, asset: &str) -> Result<Vec<MonthRow>> {
        month::load(&self.connection(), &self.ledger, asset, EVER, self.rev)
    }

    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The segment files of an asset, in order of months; empty if it has none.
    pub fn files(&self, asset: &str) -> Vec<PathBuf> {
        let Some(lazy) = self.heads.get(asset) else { return Vec::new() };
        let entries = codec::unpack_manifest(&lazy.stored.manifest).unwrap_or_default();
        let path = |entry: &ManifestEntry| {
            self.layout.segment(asset, &segment_name(entry.month, lazy.stored.is_static, entry.content))
        };
        entries.iter().map(path).collect()
    }

    /// The record of one partition.
    pub fn partition(&self, asset: &str, session: NaiveDate) -> Result<Option<PartitionRecord>> {
        let months = self.months(asset, session, session)?;
        Ok(months.into_iter().flat_map(|month| month.partitions).find(|record| record.session == session))
    }

    /// The columns of an asset's newest segment; `None` if it has none.
    pub fn schema(&self, asset: &str) -> Result<Option<AssetSchema>> {
        let Some(lazy) = self.heads.get(asset) else { return Ok(None) };
        let entries = codec::unpack_manifest(&lazy.stored.manifest)?;
        let Some(last) = entries.last() else { return Ok(None) };
        let months = month::load(&self.connection(), &self.ledger, asset, (last.month, last.month), self.rev)?;
        Ok(months.last().map(|month| month.schema.as_ref().clone()))
    }

    /// Rows of the sessions `[from, to]`, sorted by session and key: `session`, the key columns, then `columns` in the order
    /// asked for (all, in stored order, for `None`). A month that lacks a column gives nulls. An asset without a session axis
    /// gives all its rows whatever the range, and has no column `session` of ours. Each month is a chunk of its own, as it lies in
    /// memory: nothing is copied.
    ///
    /// # Errors
    /// [`Error::UnknownAsset`]; [`Error::UnknownColumn`] if no segment of the asset has it; [`Error::Damaged`];
    /// [`Error::MixedTypes`] where a column's type differs from month to month, which a rebuild that was begun and not
    /// ended can leave.
    pub fn read(&self, asset: &str, from: NaiveDate, to: NaiveDate, columns: Option<&[String]>) -> Result<DataFrame> {
        let is_static = self.is_static(asset);
        let in_range = |session: NaiveDate| is_static || (from..=to).contains(&session);
        let months = if is_static || from <= to { self.months(asset, from, to)? } else { Vec::new() };
        let target = self.target(asset, &months, columns)?;
        let polars_schema = target.polars();
        let part = |month: &MonthRow| -> Result<DataFrame> {
            if month.thinned {
                return self.read_thinned(asset, month, in_range, &polars_schema);
            }
            let before = month.partitions.iter().take_while(|record| !in_range(record.session));
            let offset = before.map(|record| record.rows as usize).sum();
            let inside = month.partitions.iter().filter(|record| in_range(record.session));
            let rows = inside.map(|record| record.rows as usize).sum();
            let cut = Cut { offset, rows, ..self.whole(asset, month) };
            segment::conform(asset, &cut.read(&self.cache, |name| polars_schema.contains(name))?, &polars_schema)
        };
        let has_rows = |month: &&MonthRow| month.partitions.iter().any(|r| in_range(r.session) && r.rows > 0);
        let wanted: Vec<&MonthRow> = months.iter().filter(has_rows).collect();
        let parts = parallel::map(&wanted, |month| part(month)).into_iter().collect::<Result<_>>()?;
        segment::stack(asset, parts, &polars_schema)
    }

    /// All rows of a month's segment.
    pub(crate) fn whole<'a>(&self, asset: &'a str, month: &'a MonthRow) -> Cut<'a> {
        Cut::whole(&self.layout, asset, month)
    }

    pub(crate) fn cache(&self) -> &SegmentCache {
        &self.cache
    }

    /// The schema of what is read: of the months in range, or of the newest segment where they don't say.
    fn target(&self, asset: &str, months: &[MonthRow], columns: Option<&[String]>) -> Result<AssetSchema> {
        let newest = match months.last() {
            Some(month) => month.schema.as_ref().clone(),
            None => self.schema(asset)?.ok_or_else(|| Error::UnknownAsset { asset: asset.to_owned() })?,
        };
        let mut union = newest;
        for month in months.iter().rev() {
            for (name, kind) in month.schema.key.iter().chain(&month.schema.columns) {
                match union.type_of(name) {
                    None => union.columns.push((name.clone(), *kind)),
                    Some(known) if known == *kind => {}
                    Some(_) if columns.is_some_and(|columns| !columns.contains(name)) => {}
                    Some(known) => {
                        return Err(Error::MixedTypes {
                            asset: asset.to_owned(),
                            column: name.clone(),
                            before: kind.name(),
                            after: known.name(),
                            session: month.partitions.last().map_or(STATIC_SESSION, |record| record.session),
                        });
                    }
                }
            }
        }
        let Some(wanted) = columns else { return Ok(union) };
        let unknown = |union: &AssetSchema| {
            wanted.iter().find(|name| *name != "session" && union.type_of(name).is_none()).cloned()
        };
        if unknown(&union).is_some() {
            // Rare: the months in range lack it. Any other month of the asset may know its type.
            for month in self.all_months(asset)?.iter().rev() {
                union = union.extended_by(&month.schema, |_| true);
            }
        }
        if let Some(column) = unknown(&union) {
            return Err(Error::UnknownColumn { asset: asset.to_owned(), column });
        }
        let typed = |name: &String| Some((name.clone(), union.type_of(name)?));
        let is_key = |name: &String| union.key.iter().any(|(key, _)| key == name);
        let columns = wanted.iter().filter(|name| !is_key(name)).filter_map(typed).collect();
        Ok(AssetSchema { columns, ..union })
    }

    /// Content hashes of every partition of an asset, by session and column (absent columns left out), and of its key under
    /// the empty name: what two stores of equal content have in common.
    pub fn contents(&self, asset: &str) -> Result<BTreeMap<NaiveDate, BTreeMap<String, assetctl_plan::Hash128>>> {
        let mut contents = BTreeMap::new();
        for month in self.all_months(asset)? {
            let schema = Arc::clone(&month.schema);
            for record in month.partitions {
                let named = schema.columns.iter().map(|(name, _)| name.clone()).zip(record.column_hashes);
                let mut hashes: BTreeMap<_, _> = named.filter(|(_, hash)| *hash != ABSENT).collect();
                hashes.insert(String::new(), record.key_hash);
                contents.insert(record.session, hashes);
            }
        }
        Ok(contents)
    }
}

impl Ledger for Snapshot {
    type Error = Error;

    fn head(&self, asset: &str) -> Option<&AssetHead> {
        self.heads.get(asset).map(|lazy| self.seen(lazy))
    }

    fn segments(&self, asset: &str, from: NaiveDate, to: NaiveDate) -> Result<Vec<SegmentRecord>> {
        Ok(self.months(asset, from, to)?.into_iter().map(MonthRow::into_record).collect())
    }

    fn dated(&self, table: &str, dated: &Dated, columns: &[String]) -> Result<Option<Vec<DatedRow>>> {
        self.dated_rows(table, dated, columns)
    }
}
