//! A ledger in memory that does to records and heads what the store's commits do.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use chrono::NaiveDate;

use crate::{AssetHead, Hash128, Ledger, Month, PartitionRecord, SegmentRecord};

/// What a partition holds: one number stands for the key, one for each column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    pub key: u64,
    pub columns: BTreeMap<String, u64>,
}

/// Everything that was read for a partition: (edge, session, key, columns read), or the row of a source's file.
pub type Reads = Vec<(usize, NaiveDate, u64, Vec<(String, Option<u64>)>)>;

#[derive(Debug, Clone)]
pub struct Kept {
    /// Without column hashes: they follow from the content.
    pub record: PartitionRecord,
    pub content: Content,
    pub reads: Reads,
}

/// One partition of a commit.
pub struct New {
    pub session: NaiveDate,
    pub content: Content,
    pub reads: Reads,
    pub inputs: Hash128,
}

#[derive(Debug, Clone, Default)]
pub struct Memory {
    pub heads: BTreeMap<String, AssetHead>,
    pub partitions: BTreeMap<String, BTreeMap<NaiveDate, Kept>>,
    pub rev: u64,
    /// How often segments were asked for.
    pub opened: Cell<usize>,
}

impl Memory {
    pub fn of(&self, asset: &str) -> &BTreeMap<NaiveDate, Kept> {
        static NONE: BTreeMap<NaiveDate, Kept> = BTreeMap::new();
        self.partitions.get(asset).unwrap_or(&NONE)
    }

    /// Whether there is an undamaged partition.
    pub fn has(&self, asset: &str, session: NaiveDate) -> bool {
        let damaged = self.heads.get(asset).is_some_and(|head| head.damaged.contains(&Month::of(session)));
        !damaged && self.of(asset).contains_key(&session)
    }

    /// Commits as `Store::commit` does; gives what was lost with damaged months.
    pub fn commit(
        &mut self,
        asset: &str,
        (spec, wiring): (Hash128, Hash128),
        new: Vec<New>,
        drop: &[NaiveDate],
        dirty: &[NaiveDate],
    ) -> Vec<NaiveDate> {
        let read_rev = self.rev;
        self.rev += 1;
        let kept = self.partitions.entry(asset.to_owned()).or_default();
        let head = self.heads.entry(asset.to_owned()).or_insert_with(|| AssetHead {
            asset: asset.to_owned(),
            spec,
            uniform: true,
            tip_rev: 0,
            shrunk_rev: 0,
            verified_rev: 0,
            wiring,
            partitions: 0,
            first: None,
            last: None,
            dirty: false,
            damaged: Vec::new(),
        });
        let replaced: BTreeSet<NaiveDate> = new.iter().map(|new| new.session).collect();
        let touched: BTreeSet<Month> =
            replaced.iter().chain(drop).chain(dirty).map(|session| Month::of(*session)).collect();
        let gone =
            |session: &NaiveDate| touched.contains(&Month::of(*session)) && head.damaged.contains(&Month::of(*session));
        let dropped: Vec<NaiveDate> =
            drop.iter().filter(|s| !replaced.contains(s) && kept.contains_key(s)).copied().collect();
        let lost: Vec<NaiveDate> =
            kept.keys().filter(|s| gone(s) && !replaced.contains(s) && !dropped.contains(s)).copied().collect();
        let mut moved = !dropped.is_empty() || !lost.is_empty();
        for new in new {
            let old = kept.get(&new.session).filter(|old| old.content == new.content);
            moved |= old.is_none();
            let record = PartitionRecord {
                session: new.session,
                rows: 1,
                rev: old.map_or(self.rev, |old| old.record.rev),
                built_rev: read_rev,
                run: 1,
                spec,
                key_hash: Hash128::of(&new.content.key.to_le_bytes()),
                column_hashes: Vec::new(),
                inputs: new.inputs,
                dirty: false,
            };
            kept.insert(new.session, Kept { record, content: new.content, reads: new.reads });
        }
        kept.retain(|session, _| !dropped.contains(session) && !lost.contains(session));
        for session in dirty.iter().filter(|session| !replaced.contains(session)) {
            if let Some(kept) = kept.get_mut(session) {
                kept.record.dirty = true;
            }
        }
        head.damaged.retain(|month| !touched.contains(month));
        head.spec = spec;
        head.uniform = kept.values().all(|kept| kept.record.spec == spec);
        head.tip_rev = if moved { self.rev } else { head.tip_rev };
        head.shrunk_rev = if dropped.is_empty() && lost.is_empty() { head.shrunk_rev } else { self.rev };
        head.verified_rev = if lost.is_empty() && head.wiring == wiring { head.verified_rev } else { 0 };
        head.wiring = wiring;
        head.partitions = kept.len() as u32;
        head.first = kept.keys().next().copied();
        head.last = kept.keys().next_back().copied();
        head.dirty = kept.values().any(|kept| kept.record.dirty);
        lost
    }

    pub fn mark_verified(&mut self, asset: &str, rev: u64, wiring: Hash128) {
        if let Some(head) = self.heads.get_mut(asset) {
            head.verified_rev = if head.wiring == wiring { head.verified_rev.max(rev) } else { rev };
            head.wiring = wiring;
        }
    }

    /// The same ledger, without anything that only saves looking.
    pub fn without_accelerators(&self) -> Self {
        let mut plain = self.clone();
        plain.heads.values_mut().for_each(|head| head.verified_rev = 0);
        plain
    }
}

impl Ledger for Memory {
    type Error = Infallible;

    fn head(&self, asset: &str) -> Option<&AssetHead> {
        self.heads.get(asset)
    }

    fn segments(&self, asset: &str, from: NaiveDate, to: NaiveDate) -> Result<Vec<SegmentRecord>, Infallible> {
        self.opened.set(self.opened.get() + 1);
        let mut months: BTreeMap<Month, Vec<&Kept>> = BTreeMap::new();
        for (session, kept) in self.of(asset) {
            if (Month::of(from)..=Month::of(to)).contains(&Month::of(*session)) {
                months.entry(Month::of(*session)).or_default().push(kept);
            }
        }
        Ok(months
            .into_iter()
            .map(|(month, kept)| {
                let columns: BTreeSet<&String> = kept.iter().flat_map(|kept| kept.content.columns.keys()).collect();
                let mut columns: Vec<String> = columns.into_iter().cloned().collect();
                // A rewritten month may hold its columns in another order.
                let newest = kept.iter().map(|kept| kept.record.built_rev).max().unwrap_or(0) as usize;
                let turn = newest % columns.len().max(1);
                columns.rotate_left(turn);
                let hash = |kept: &Kept, column: &String| {
                    kept.content.columns.get(column).map_or(Hash128::ZERO, |value| Hash128::of(&value.to_le_bytes()))
                };
                let partitions = kept
                    .iter()
                    .map(|kept| PartitionRecord {
                        column_hashes: columns.iter().map(|column| hash(kept, column)).collect(),
                        ..kept.record.clone()
                    })
                    .collect();
                SegmentRecord { month, columns, partitions }
            })
            .collect())
    }
}
