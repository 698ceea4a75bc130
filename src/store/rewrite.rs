//! What a commit does to one month: which records and which file come after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assetctl_plan::{Hash128, Month, PartitionRecord};
use chrono::NaiveDate;
use polars::prelude::DataFrame;

use crate::cache::{self, SegmentCache};
use crate::canonical::{ContentHashes, Extent};
use crate::carried::{self, StateChange, StateWork};
use crate::error::{Error, Result};
use crate::layout::{Layout, segment_name};
use crate::month::MonthRow;
use crate::schema::{ABSENT, AssetSchema};
use crate::segment::{self, Cut};
use crate::state_row::StateRow;

/// A partition that is committed: where its rows are, what they hash to, its record but for the content.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub extent: Extent,
    pub hashes: ContentHashes,
    pub record: PartitionRecord,
}

/// Everything that happens to one month of an asset.
#[derive(Debug, Default)]
pub(crate) struct MonthWork {
    pub incoming: Vec<Incoming>,
    pub drop: BTreeSet<NaiveDate>,
    pub dirty: BTreeSet<NaiveDate>,
    pub old: Option<MonthRow>,
    pub old_states: Vec<StateRow>,
}

/// The rows and columns that a commit brings.
pub(crate) struct Rows<'a> {
    pub asset: &'a str,
    pub spec: Hash128,
    /// Canonical.
    pub frame: &'a DataFrame,
    /// `None` if the commit brings no partitions.
    pub schema: Option<&'a AssetSchema>,
    pub carried: Option<&'a carried::Prepared>,
    pub cache: &'a SegmentCache,
    /// Whether a month has several threads to itself.
    pub spread: bool,
}

/// What becomes of a month. Revisions are not set yet: they are known inside the transaction.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub old_id: Option<i64>,
    pub segment: NewSegment,
    /// What comes and goes of its files of states.
    pub states: Vec<StateChange>,
    /// Partitions whose content is new or moved.
    pub changed: BTreeSet<NaiveDate>,
    /// Partitions that were dropped as asked.
    pub dropped: Vec<NaiveDate>,
    /// Partitions that were in the ledger and could not be kept: their file is gone, cut off, or of other columns.
    pub lost: Vec<NaiveDate>,
}

#[derive(Debug)]
pub(crate) enum NewSegment {
    /// The file stays; the records may differ.
    Same(MonthRow),
    /// There is a new file; the row's `id` means nothing.
    Written(MonthRow),
    /// No partition is left.
    Gone,
}

/// Works out a month and writes its new files, if it needs any.
pub(crate) fn rewrite(layout: &Layout, rows: &Rows<'_>, month: Month, work: &MonthWork) -> Result<Rewritten> {
    let mut rewritten = rewrite_segment(layout, rows, month, work)?;
    let left: &[PartitionRecord] = match &rewritten.segment {
        NewSegment::Same(row) | NewSegment::Written(row) => &row.partitions,
        NewSegment::Gone => &[],
    };
    let incoming: BTreeSet<NaiveDate> = work.incoming.iter().map(|part| part.record.session).collect();
    let kept = left.iter().map(|record| record.session).filter(|session| !incoming.contains(session)).collect();
    let (asset, spec, carried, old) = (rows.asset, rows.spec, rows.carried, work.old_states.as_slice());
    rewritten.states = StateWork { asset, month, spec, carried, old, incoming, kept }.carry(layout)?;
    Ok(rewritten)
}

fn rewrite_segment(layout: &Layout, rows: &Rows<'_>, month: Month, work: &MonthWork) -> Result<Rewritten> {
    let replaced: BTreeSet<NaiveDate> = work.incoming.iter().map(|part| part.record.session).collect();
    let old_records: &[PartitionRecord] = work.old.as_ref().map_or(&[], |old| &old.partitions);
    let stays = |record: &&PartitionRecord| !replaced.contains(&record.session) && !work.drop.contains(&record.session);
    let mut kept: Vec<PartitionRecord> = old_records.iter().filter(stays).cloned().collect();
    for record in &mut kept {
        record.dirty |= work.dirty.contains(&record.session);
    }
    let is_dropped =
        |record: &&PartitionRecord| work.drop.contains(&record.session) && !replaced.contains(&record.session);
    let dropped = old_records.iter().filter(is_dropped).map(|record| record.session).collect();
    let changed = work.incoming.iter().filter(|part| has_changed(rows, work.old.as_ref(), part));
    let changed = changed.map(|part| part.record.session).collect();

    let mut lost = Vec::new();
    if let (Some(old), Some(schema), false) = (&work.old, rows.schema, work.incoming.is_empty()) {
        // One file holds one type for each column: what does not fit beside the new rows has to be made again anyway.
        let fits = |record: &PartitionRecord| fits_beside(schema, &old.schema, record);
        lost.extend(kept.iter().filter(|record| !fits(record)).map(|record| record.session));
        kept.retain(fits);
    }

    let mut planned = Planned::new(rows, month, work, &kept);
    let intact = work.old.as_ref().is_some_and(|old| is_intact(layout, rows.asset, old));
    if let (Some(old), true) = (&work.old, intact)
        && old.content == planned.row.content
        && !planned.row.partitions.is_empty()
    {
        let row = MonthRow { id: old.id, size: old.size, ..planned.row };
        return Ok(Rewritten {
            old_id: Some(old.id),
            segment: NewSegment::Same(row),
            states: Vec::new(),
            changed,
            dropped,
            lost,
        });
    }

    let mut old_frame = None;
    if let (Some(old), false) = (&work.old, kept.is_empty()) {
        let whole = Cut::whole(layout, rows.asset, old);
        let read = if intact { whole.read(rows.cache, |_| true).ok() } else { None };
        if read.is_none() {
            tracing::warn!(asset = rows.asset, %month, path = %whole.path.display(), "segment is missing or damaged: its other partitions are dropped");
            lost.extend(kept.drain(..).map(|record| record.session));
            planned = Planned::new(rows, month, work, &kept);
        }
        old_frame = read;
    }
    let old_id = work.old.as_ref().map(|old| old.id);
    lost.sort_unstable();
    if planned.row.partitions.is_empty() {
        return Ok(Rewritten { old_id, segment: NewSegment::Gone, states: Vec::new(), changed, dropped, lost });
    }
    let assembled = planned.assemble(rows, old_frame.as_ref(), old_records)?;
    let mut row = planned.row;
    let leading = usize::from(!row.schema.is_static) + row.schema.key.len();
    row.size = segment::write(&layout.segment(rows.asset, &row.file()), &assembled.frame, leading, rows.spread)?;
    assembled.keep(rows, row.content)?;
    Ok(Rewritten { old_id, segment: NewSegment::Written(row), states: Vec::new(), changed, dropped, lost })
}

/// Whether the file of a segment is there in the size that was written.
fn is_intact(layout: &Layout, asset: &str, old: &MonthRow) -> bool {
    std::fs::metadata(layout.segment(asset, &old.file())).is_ok_and(|found| found.is_file() && found.len() == old.size)
}

/// Whether a partition's content is other than what the ledger has of it: its key, a column, or the set of columns.
fn has_changed(rows: &Rows<'_>, old: Option<&MonthRow>, part: &Incoming) -> bool {
    let Some(schema) = rows.schema else { return true };
    let record = old.and_then(|old| {
        let found = old.partitions.iter().find(|record| record.session == part.record.session)?;
        Some((old, found))
    });
    let Some((old, record)) = record else { return true };
    let new: BTreeMap<_, _> = schema.columns.iter().map(|(name, _)| name).zip(&part.hashes.columns).collect();
    let before = old.schema.columns.iter().map(|(name, _)| name).zip(&record.column_hashes);
    let before: BTreeMap<_, _> = before.filter(|(_, hash)| **hash != ABSENT).collect();
    record.key_hash != part.hashes.key || before != new
}

/// Whether an old partition's columns can stand in one file with the new ones.
fn fits_beside(new: &AssetSchema, old: &AssetSchema, record: &PartitionRecord) -> bool {
    let is_key = |schema: &AssetSchema, name: &str| schema.key.iter().any(|(key, _)| key == name);
    let has = |(at, _): &(usize, &(String, _))| record.column_hashes.get(*at).is_some_and(|hash| *hash != ABSENT);
    new.is_static == old.is_static
        && new.key == old.key
        && old.columns.iter().enumerate().filter(has).all(|(_, (name, kind))| {
            !is_key(new, name)
                && new.type_of(name).is_none_or(|new| new == *kind)
                && (new.is_static || name != "session")
        })
}

/// The month as it will be, before any row is moved.
struct Planned {
    row: MonthRow,
    /// For each partition of the row: where the commit has its rows, or `None` where the old rows stay.
    origins: Vec<Option<Extent>>,
}

impl Planned {
    fn new(rows: &Rows<'_>, month: Month, work: &MonthWork, kept: &[PartitionRecord]) -> Self {
        let old_schema = work.old.as_ref().map(|old| old.schema.as_ref());
        let has = |at: usize| kept.iter().any(|record| record.column_hashes.get(at).is_some_and(|h| *h != ABSENT));
        let schema = match (rows.schema, old_schema) {
            // A month that gets no rows keeps its columns.
            (_, Some(old)) if work.incoming.is_empty() => old.clone(),
            (Some(new), Some(old)) => new.clone().extended_by(old, has),
            (Some(new), None) => new.clone(),
            (None, Some(old)) => old.clone(),
            (None, None) => AssetSchema { is_static: false, key: Vec::new(), columns: Vec::new() },
        };
        let hashes_by = |from: Option<&AssetSchema>, hashes: &[Hash128]| -> Vec<Hash128> {
            let named: BTreeMap<&str, Hash128> = from
                .into_iter()
                .flat_map(|from| &from.columns)
                .map(|(name, _)| name.as_str())
                .zip(hashes.iter().copied())
                .collect();
            schema.columns.iter().map(|(name, _)| named.get(name.as_str()).copied().unwrap_or(ABSENT)).collect()
        };
        let old = kept.iter().map(|record| {
            let column_hashes = hashes_by(old_schema, &record.column_hashes);
            (PartitionRecord { column_hashes, ..record.clone() }, None)
        });
        let revs: BTreeMap<NaiveDate, u64> =
            (work.old.iter()).flat_map(|old| &old.partitions).map(|record| (record.session, record.rev)).collect();
        let new = work.incoming.iter().map(|part| {
            let column_hashes = hashes_by(rows.schema, &part.hashes.columns);
            // The revision of before holds unless the content turns out changed, which the transaction then says.
            let rev = revs.get(&part.record.session).copied().unwrap_or_default();
            let record = PartitionRecord { rev, column_hashes, key_hash: part.hashes.key, ..part.record.clone() };
            (record, Some(part.extent))
        });
        let mut all: Vec<_> = old.chain(new).collect();
        all.sort_by_key(|(record, _)| record.session);
        let (partitions, origins): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let content = content_of(&schema, &partitions);
        let row = MonthRow { id: 0, month, content, size: 0, schema: Arc::new(schema), partitions, thinned: false };
        Self { row, origins }
    }

    /// The rows of the month: new ones from the commit, kept ones from the old file. Neighbours in one of the two stay together, so
    /// that a month which comes whole from the commit is not copied.
    fn assemble(
        &self,
        rows: &Rows<'_>,
        old_frame: Option<&DataFrame>,
        old_records: &[PartitionRecord],
    ) -> Result<Assembled> {
        let schema = self.row.schema.polars();
        let mut offsets = BTreeMap::new();
        let mut offset = 0;
        for record in old_records {
            offsets.insert(record.session, offset);
            offset += record.rows as usize;
        }
        let lost = || {
            let file = segment_name(self.row.month, self.row.schema.is_static, self.row.content);
            Error::corrupt(format!("`{file}` of `{}`", rows.asset))
        };
        // (whether it is of the commit, offset, rows)
        let mut runs: Vec<(bool, usize, usize)> = Vec::new();
        for (record, origin) in self.row.partitions.iter().zip(&self.origins) {
            let at = match origin {
                Some(extent) => extent.offset,
                None => offsets.get(&record.session).copied().ok_or_else(lost)?,
            };
            match runs.last_mut() {
                Some((new, start, count)) if *new == origin.is_some() && *start + *count == at => {
                    *count += record.rows as usize;
                }
                _ if record.rows == 0 => {}
                _ => runs.push((origin.is_some(), at, record.rows as usize)),
            }
        }
        let part = |(new, start, count): &(bool, usize, usize)| {
            let frame = if *new { rows.frame } else { old_frame.ok_or_else(lost)? };
            segment::conform(rows.asset, &frame.slice(*start as i64, *count), &schema)
        };
        let is_stacked = runs.len() > 1;
        let mut frame = segment::stack(rows.asset, runs.iter().map(part).collect::<Result<_>>()?, &schema)?;
        if is_stacked {
            // One chunk, and with it one row group, whatever it was put together from.
            frame.rechunk_mut_par();
        }
        Ok(Assembled { frame, is_stacked })
    }
}

/// A month's rows, ready to be written.
struct Assembled {
    frame: DataFrame,
    /// Whether its buffers are its own.
    is_stacked: bool,
}

impl Assembled {
    fn keep(&self, rows: &Rows<'_>, content: Hash128) -> Result<()> {
        if rows.cache.takes(8 * self.frame.height() as u64) {
            for column in self.frame.columns() {
                let kept = if self.is_stacked { Ok(column.clone()) } else { cache::own(column) };
                rows.cache.put(content, kept.map_err(Error::frame(rows.asset))?);
            }
        }
        Ok(())
    }
}

/// Names a segment: its columns and the content of its partitions, nothing of when and how they were made.
fn content_of(schema: &AssetSchema, partitions: &[PartitionRecord]) -> Hash128 {
    let mut hasher = blake3::Hasher::new();
    schema.hash_into(&mut hasher);
    for record in partitions {
        hasher.update(&crate::canonical::days(record.session).to_le_bytes());
        hasher.update(&record.rows.to_le_bytes());
        hasher.update(&record.key_hash.0);
        record.column_hashes.iter().for_each(|hash| {
            hasher.update(&hash.0);
        });
    }
    Hash128::finish(&hasher)
}
