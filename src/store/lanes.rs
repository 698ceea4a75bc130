//! Which instruments' rows moved between two revisions, so that assets that work lane by lane recompute those lanes alone.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use assetctl_plan::PartitionRecord;
use chrono::NaiveDate;
use polars::prelude::*;

use crate::error::{Error, Result};
use crate::month::{self, MonthRow};
use crate::parallel;
use crate::schema::ABSENT;
use crate::snapshot::Snapshot;

/// Instruments of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lanes {
    /// All of them, or it cannot be told.
    All,
    /// These, sorted; at least one.
    Some(BTreeSet<String>),
}

const INSTRUMENT: &str = "instrument";

/// A session whose partition is there in both revisions, with hashes that differ.
struct Moved<'a> {
    before: &'a PartitionRecord,
    now: &'a PartitionRecord,
    /// Columns of interest that differ, beside the key.
    columns: Vec<&'a str>,
}

/// What is known of a session from the ledger alone.
enum Judged<'a> {
    Equal,
    All,
    Look(Moved<'a>),
}

impl Snapshot {
    /// For each session in `[from, to]` whose partition differs between the revision `since` and this snapshot, in its key or in one
    /// of `columns` (any, for `None`): the instruments whose rows differ, in a value or in being there. Sessions that are equal are
    /// left out, whatever happened between. [`Lanes::All`] where it cannot be told: the key has no text column `instrument`, the
    /// partition or a column is there in one of the two alone, or a file of then is gone or damaged.
    pub fn changed_lanes(
        &self,
        asset: &str,
        from: NaiveDate,
        to: NaiveDate,
        columns: Option<&[String]>,
        since: u64,
    ) -> Result<BTreeMap<NaiveDate, Lanes>> {
        let in_range = |session: &NaiveDate| self.is_static(asset) || (from..=to).contains(session);
        let now = self.months(asset, from, to)?;
        let range = now.iter().map(|month| month.month);
        let range = range.clone().min().zip(range.max());
        let wide = (assetctl_plan::Month::of(from), assetctl_plan::Month::of(to));
        let range = if self.is_static(asset) { range.unwrap_or(wide) } else { wide };
        let before = month::load(&self.connection(), self.ledger(), asset, range, since)?;
        let then: BTreeMap<_, &MonthRow> = before.iter().map(|month| (month.month, month)).collect();

        let mut changed = BTreeMap::new();
        let gone = before.iter().flat_map(|month| &month.partitions).map(|record| record.session).filter(in_range);
        changed.extend(gone.map(|session| (session, Lanes::All)));
        let mut looks = Vec::new();
        for month in &now {
            let old = then.get(&month.month).copied();
            let mut moved = Vec::new();
            for record in month.partitions.iter().filter(|record| in_range(&record.session)) {
                changed.remove(&record.session);
                match judge(old, month, record, columns) {
                    Judged::Equal => {}
                    Judged::All => drop(changed.insert(record.session, Lanes::All)),
                    Judged::Look(found) => moved.push(found),
                }
            }
            if let (Some(old), false) = (old, moved.is_empty()) {
                looks.push((old, month, moved));
            }
        }
        let looked = parallel::map(&looks, |(old, month, moved)| self.look(asset, old, month, moved));
        for found in looked {
            changed.extend(found?);
        }
        Ok(changed)
    }

    /// Compares the rows of one month's moved sessions.
    fn look(
        &self,
        asset: &str,
        old: &MonthRow,
        new: &MonthRow,
        moved: &[Moved<'_>],
    ) -> Result<BTreeMap<NaiveDate, Lanes>> {
        let wanted: HashSet<&str> = moved.iter().flat_map(|moved| moved.columns.iter().copied()).collect();
        let read = |month: &MonthRow| {
            let is_key = |name: &str| month.schema.key.iter().any(|(key, _)| key == name);
            self.whole(asset, month).read(self.cache(), |name| wanted.contains(name) || is_key(name))
        };
        let now = read(new)?;
        let Ok(before) = read(old) else {
            tracing::debug!(asset, month = %old.month, "the rows of then cannot be read: all instruments count as changed");
            return Ok(moved.iter().map(|moved| (moved.now.session, Lanes::All)).collect());
        };
        let lanes = |moved: &Moved<'_>| {
            let cut = |frame: &DataFrame, month: &MonthRow, record: &PartitionRecord| {
                frame.slice(offset_of(month, record.session) as i64, record.rows as usize)
            };
            let (before, now) = (cut(&before, old, moved.before), cut(&now, new, moved.now));
            let keys = new.schema.key.iter().map(|(name, _)| name.as_str());
            let columns: Vec<&str> =
                keys.filter(|name| *name != INSTRUMENT).chain(moved.columns.iter().copied()).collect();
            let lanes = differing(&before, &now, &columns).map_err(Error::frame(asset))?;
            // The hashes differ: rows that do not are not the rows that were hashed.
            Ok((moved.now.session, if lanes.is_empty() { Lanes::All } else { Lanes::Some(lanes) }))
        };
        moved.iter().map(lanes).collect()
    }
}

fn offset_of(month: &MonthRow, session: NaiveDate) -> usize {
    let before = month.partitions.iter().take_while(|record| record.session < session);
    before.map(|record| record.rows as usize).sum()
}

/// Compares one partition of two revisions by what the ledger has of it.
fn judge<'a>(
    old: Option<&'a MonthRow>,
    new: &'a MonthRow,
    now: &'a PartitionRecord,
    columns: Option<&'a [String]>,
) -> Judged<'a> {
    let Some(old) = old else { return Judged::All };
    let Ok(at) = old.partitions.binary_search_by_key(&now.session, |record| record.session) else {
        return Judged::All;
    };
    let before = &old.partitions[at];
    let hashes = |month: &'a MonthRow, record: &'a PartitionRecord| -> BTreeMap<&'a str, _> {
        let is_wanted = |name: &str| columns.is_none_or(|columns| columns.iter().any(|wanted| wanted == name));
        let named = month.schema.columns.iter().map(|(name, _)| name.as_str()).zip(&record.column_hashes);
        named.filter(|(name, hash)| **hash != ABSENT && is_wanted(name)).collect()
    };
    let (was, is) = (hashes(old, before), hashes(new, now));
    let same_columns = was.keys().eq(is.keys());
    let differ = |name: &&str| was.get(*name) != is.get(*name);
    let mut differ: Vec<&str> = is.keys().copied().filter(differ).collect();
    let same_key = before.key_hash == now.key_hash;
    if same_key && same_columns && differ.is_empty() {
        return Judged::Equal;
    }
    if !same_key {
        // A column of the same values in the same order may belong to other rows.
        differ = is.keys().copied().collect();
    }
    let same_types = differ.iter().all(|name| old.schema.type_of(name) == new.schema.type_of(name));
    let has_lanes = new.schema.type_of(INSTRUMENT) == Some(crate::ColumnType::Text)
        && new.schema.key.iter().any(|(name, _)| name == INSTRUMENT)
        && old.schema.key == new.schema.key;
    if !same_columns || !same_types || !has_lanes {
        return Judged::All;
    }
    Judged::Look(Moved { before, now, columns: differ })
}

/// The instruments whose rows of `columns` differ. Rows of one instrument are compared in their order, which is canonical.
fn differing(before: &DataFrame, now: &DataFrame, columns: &[&str]) -> PolarsResult<BTreeSet<String>> {
    let (was, is) = (before.column(INSTRUMENT)?.str()?, now.column(INSTRUMENT)?.str()?);
    let mut changed = BTreeSet::new();
    if was.len() == is.len() && was.iter().eq(is.iter()) {
        // The usual case: the same rows, some with other values.
        for name in columns {
            let (one, two) = (before.column(name)?, now.column(name)?);
            let unequal = unequal_rows(one, two)?;
            changed.extend(unequal.into_iter().filter_map(|at| is.get(at)).map(str::to_owned));
        }
        return Ok(changed);
    }
    let (was, is) = (rows_of(was), rows_of(is));
    let take = |rows: &BTreeMap<&str, Vec<IdxSize>>, only: &[&str]| {
        let at = only.iter().flat_map(|instrument| rows.get(instrument).into_iter().flatten().copied());
        IdxCa::from_vec(PlSmallStr::EMPTY, at.collect())
    };
    let alike =
        |(instrument, rows): &(&&str, &Vec<IdxSize>)| was.get(**instrument).is_some_and(|old| old.len() == rows.len());
    let both: Vec<&str> = is.iter().filter(alike).map(|(instrument, _)| *instrument).collect();
    let everyone: BTreeSet<&str> = was.keys().chain(is.keys()).copied().collect();
    changed.extend(
        everyone.iter().filter(|instrument| both.binary_search(instrument).is_err()).map(|name| (*name).to_owned()),
    );
    // One row for each row of `both`, in the same order on either side.
    let (before, now) = (before.take(&take(&was, &both))?, now.take(&take(&is, &both))?);
    let names = now.column(INSTRUMENT)?.str()?;
    for name in columns {
        let unequal = unequal_rows(before.column(name)?, now.column(name)?)?;
        changed.extend(unequal.into_iter().filter_map(|at| names.get(at)).map(str::to_owned));
    }
    Ok(changed)
}

/// Rows by instrument, in their order.
fn rows_of(instruments: &StringChunked) -> BTreeMap<&str, Vec<IdxSize>> {
    let mut rows: BTreeMap<&str, Vec<IdxSize>> = BTreeMap::new();
    for (at, instrument) in instruments.iter().enumerate() {
        rows.entry(instrument.unwrap_or_default()).or_default().push(at as IdxSize);
    }
    rows
}

/// Where two canonical columns of one type and length differ.
fn unequal_rows(one: &Column, two: &Column) -> PolarsResult<Vec<usize>> {
    fn compare<T: PartialEq>(one: impl Iterator<Item = T>, two: impl Iterator<Item = T>) -> Vec<usize> {
        one.zip(two).enumerate().filter(|(_, (one, two))| one != two).map(|(at, _)| at).collect()
    }
    let bits = |value: Option<f64>| value.map(f64::to_bits);
    Ok(match one.dtype() {
        DataType::Float64 => compare(one.f64()?.iter().map(bits), two.f64()?.iter().map(bits)),
        DataType::Boolean => compare(one.bool()?.iter(), two.bool()?.iter()),
        DataType::Date => compare(one.date()?.physical().iter(), two.date()?.physical().iter()),
        DataType::Datetime(..) => compare(one.datetime()?.physical().iter(), two.datetime()?.physical().iter()),
        _ => compare(one.str()?.iter(), two.str()?.iter()),
    })
}
