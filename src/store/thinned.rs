//! Superseded months that are kept for what was known at some time, without a file of their own.
//!
//! A vendor that is asked each day writes its month anew each day, and nearly all of what the old file held is in the new one too. Of a history
//! that is kept, `gc` therefore keeps the records of every version, but only those files that hold a content of a session which no
//! other kept file holds. Who reads a version without a file takes each session from another version of the month, by its content.

use std::collections::HashSet;

use assetctl_plan::{Hash128, Month, PartitionRecord};
use chrono::NaiveDate;
use polars::prelude::*;

use crate::cache::SegmentCache;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::month::{self, MonthRow};
use crate::segment::{self, Cut};
use crate::snapshot::Snapshot;
use crate::warehouse::content_hash;

/// One content of one session, whatever the order of columns.
type Content = (NaiveDate, Hash128);

fn content(row: &MonthRow, record: &PartitionRecord) -> Content {
    (record.session, content_hash(&row.schema, record))
}

fn contents(row: &MonthRow) -> impl Iterator<Item = Content> + '_ {
    row.partitions.iter().map(|record| content(row, record))
}

/// Which versions of one month need no file: of those that may go, `true`. The others hold between them every content that any had.
/// Versions come oldest first; the newest are kept for preference, because they hold the most.
pub(crate) fn spare(versions: &[(&MonthRow, bool)]) -> Vec<bool> {
    let mut held: HashSet<Content> = HashSet::new();
    for (row, may_go) in versions {
        if !may_go {
            held.extend(contents(row));
        }
    }
    let mut spare = vec![false; versions.len()];
    for (at, (row, may_go)) in versions.iter().enumerate().rev() {
        // A table has one content, which is its file.
        if *may_go && !row.schema.is_static && contents(row).all(|content| held.contains(&content)) {
            spare[at] = true;
        } else {
            held.extend(contents(row));
        }
    }
    spare
}

/// Consecutive sessions of a version without a file, as another version has them.
pub(crate) struct Piece<'a> {
    pub donor: &'a MonthRow,
    /// Where they begin among the donor's partitions, and how many they are.
    first: usize,
    len: usize,
}

impl Piece<'_> {
    pub(crate) fn partitions(&self) -> &[PartitionRecord] {
        &self.donor.partitions[self.first..self.first + self.len]
    }

    pub(crate) fn read(
        &self,
        layout: &Layout,
        cache: &SegmentCache,
        asset: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<DataFrame> {
        let rows = |records: &[PartitionRecord]| records.iter().map(|record| record.rows as usize).sum();
        let offset = rows(&self.donor.partitions[..self.first]);
        let cut = Cut { offset, rows: rows(self.partitions()), ..Cut::whole(layout, asset, self.donor) };
        cut.read(cache, wanted)
    }
}

/// The sessions of a version without a file, as far as `wanted`, in order, from `versions` of the same month.
///
/// # Errors
/// [`Error::Corrupt`] where no version holds one of them.
pub(crate) fn pieces<'a>(
    row: &MonthRow,
    versions: &'a [MonthRow],
    wanted: impl Fn(NaiveDate) -> bool,
) -> Result<Vec<Piece<'a>>> {
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    for record in row.partitions.iter().filter(|record| wanted(record.session)) {
        let of = content(row, record);
        let place = |donor: &MonthRow| {
            let at = donor.partitions.binary_search_by_key(&record.session, |record| record.session).ok()?;
            (content(donor, &donor.partitions[at]) == of).then_some(at)
        };
        // Preferably goes on where the last one ended.
        if let Some(piece) = pieces.last_mut()
            && place(piece.donor) == Some(piece.first + piece.len)
        {
            piece.len += 1;
            continue;
        }
        let found = versions.iter().filter(|version| !version.thinned).find_map(|donor| Some((donor, place(donor)?)));
        let (donor, first) =
            found.ok_or_else(|| Error::corrupt(format!("the rows of {} as they were once", record.session)))?;
        pieces.push(Piece { donor, first, len: 1 });
    }
    Ok(pieces)
}

impl Snapshot {
    /// Every version of a month, for [`pieces`].
    pub(crate) fn donors(&self, asset: &str, month: Month) -> Result<Vec<MonthRow>> {
        let versions = month::versions(&self.connection(), self.ledger(), asset, month)?;
        Ok(versions.into_iter().map(|version| version.row).collect())
    }

    /// The rows of a version without a file, of the sessions that are `wanted`.
    pub(crate) fn read_thinned(
        &self,
        asset: &str,
        row: &MonthRow,
        wanted: impl Fn(NaiveDate) -> bool,
        target: &Schema,
    ) -> Result<DataFrame> {
        let donors = self.donors(asset, row.month)?;
        let parts = pieces(row, &donors, wanted)?
            .iter()
            .map(|piece| {
                let read = piece.read(self.layout(), self.cache(), asset, |name| target.contains(name))?;
                segment::conform(asset, &read, target)
            })
            .collect::<Result<_>>()?;
        segment::stack(asset, parts, target)
    }
}
