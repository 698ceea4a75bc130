//! Partition records, read once per asset and kept while a plan is made.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use assetctl_calendar::{SessionIx, SessionRange};
use assetctl_graph::{Axis, Edge, Graph};
use chrono::NaiveDate;

use crate::axis::{EdgeMap, date_of};
use crate::dated::DatedSums;
use crate::fingerprint;
use crate::hash::Hash128;
use crate::ledger::{Ledger, PartitionRecord, SegmentRecord};

/// The records of one asset between two dates.
#[derive(Debug, Default)]
pub struct Records {
    segments: Vec<SegmentRecord>,
    /// (session, segment, position in it), sorted.
    index: Vec<(NaiveDate, u32, u32)>,
}

impl Records {
    fn new(segments: Vec<SegmentRecord>) -> Self {
        let mut index: Vec<(NaiveDate, u32, u32)> = segments
            .iter()
            .enumerate()
            .flat_map(|(at, segment)| {
                segment
                    .partitions
                    .iter()
                    .enumerate()
                    .map(move |(position, record)| (record.session, at as u32, position as u32))
            })
            .collect();
        index.sort_unstable();
        Self { segments, index }
    }

    pub fn get(&self, session: NaiveDate) -> Option<(&SegmentRecord, &PartitionRecord)> {
        let at = self.index.binary_search_by_key(&session, |entry| entry.0).ok()?;
        Some(self.entry(at))
    }

    fn entry(&self, at: usize) -> (&SegmentRecord, &PartitionRecord) {
        let (_, segment, position) = self.index[at];
        let segment = &self.segments[segment as usize];
        (segment, &segment.partitions[position as usize])
    }

    pub fn iter(&self) -> impl Iterator<Item = (&SegmentRecord, &PartitionRecord)> {
        (0..self.index.len()).map(|at| self.entry(at))
    }
}

/// The first and last date of what was read, and the records.
type Loaded = (NaiveDate, NaiveDate, Rc<Records>);

/// Opens ledgers lazily: an asset that nobody asks for is not read.
pub struct RecordCache<'a, L: Ledger> {
    pub graph: &'a Graph,
    pub ledger: &'a L,
    loaded: RefCell<HashMap<usize, Loaded>>,
}

impl<'a, L: Ledger> RecordCache<'a, L> {
    pub fn new(graph: &'a Graph, ledger: &'a L) -> Self {
        Self { graph, ledger, loaded: RefCell::default() }
    }

    /// The records of at least `[from, to]`.
    pub fn between(&self, asset: usize, from: NaiveDate, to: NaiveDate) -> Result<Rc<Records>, L::Error> {
        let (mut from, mut to) = (from, to);
        if let Some((known_from, known_to, records)) = self.loaded.borrow().get(&asset) {
            if *known_from <= from && to <= *known_to {
                return Ok(Rc::clone(records));
            }
            from = from.min(*known_from);
            to = to.max(*known_to);
        }
        let records = Rc::new(Records::new(self.ledger.segments(&self.graph.node(asset).name, from, to)?));
        self.loaded.borrow_mut().insert(asset, (from, to, Rc::clone(&records)));
        Ok(records)
    }

    /// Every record of an asset.
    pub fn all(&self, asset: usize) -> Result<Rc<Records>, L::Error> {
        let head = self.ledger.head(&self.graph.node(asset).name);
        match head.and_then(|head| head.first.zip(head.last)) {
            Some((first, last)) => self.between(asset, first, last),
            None => Ok(Rc::default()),
        }
    }
}

/// The fingerprints of a range of one asset's partitions, against the ledger as it stands.
pub struct Fingerprints<'a> {
    edges: Vec<EdgeSums<'a>>,
    tables: Vec<DatedSums>,
    origin: Option<SessionIx>,
}

struct EdgeSums<'a> {
    map: EdgeMap<'a>,
    first: SessionIx,
    /// `sums[i]` is the sum of the units of the `i` positions from `first` on.
    sums: Vec<u128>,
}

impl<'a> Fingerprints<'a> {
    /// Prepares for the positions `range` of an asset.
    pub fn new<L: Ledger>(cache: &RecordCache<'a, L>, asset: usize, range: SessionRange) -> Result<Self, L::Error> {
        let node = cache.graph.node(asset);
        let mut edges = Vec::with_capacity(node.edges.len());
        let mut tables = Vec::new();
        for (at, edge) in node.edges.iter().enumerate() {
            let input = cache.graph.node(edge.input);
            if let (Some(dated), Some(columns)) = (&edge.dated, edge.names())
                && let Some(rows) = cache.ledger.dated(&input.name, dated, &columns)?
            {
                tables.push(DatedSums::new(node, at, dated, &rows, range));
                continue;
            }
            for group in edge.groups().into_iter().rev() {
                let map = EdgeMap::with_window(node, input, group.back);
                let Some(read) = map.windows(range) else {
                    edges.push(EdgeSums { map, first: SessionIx(0), sums: vec![0] });
                    continue;
                };
                // The widest window comes first: what the others read is among its records.
                let records = cache.between(edge.input, date_of(input, read.first), date_of(input, read.last))?;
                let mut sums = Vec::with_capacity(read.last.0 as usize - read.first.0 as usize + 2);
                let mut sum = 0_u128;
                sums.push(sum);
                for ix in read.iter() {
                    if let Some((segment, record)) = records.get(date_of(input, ix)) {
                        sum = sum.wrapping_add(fingerprint::unit(at, &group, segment, record));
                    }
                    sums.push(sum);
                }
                edges.push(EdgeSums { map, first: read.first, sums });
            }
        }
        let origin = (node.recursive && node.axis == Axis::Session).then_some(node.start);
        Ok(Self { edges, tables, origin })
    }

    /// The fingerprint of one position of the range.
    pub fn of(&self, ix: SessionIx) -> Hash128 {
        let mut sum = if self.origin == Some(ix) { fingerprint::origin() } else { 0 };
        for edge in &self.edges {
            let Some(window) = edge.map.window(ix) else { continue };
            let at = |ix: u32| edge.sums[((ix - edge.first.0) as usize).min(edge.sums.len() - 1)];
            sum = sum.wrapping_add(at(window.last.0 + 1).wrapping_sub(at(window.first.0)));
        }
        for table in &self.tables {
            sum = sum.wrapping_add(table.of(ix));
        }
        fingerprint::to_hash(sum)
    }
}

/// The positions of an input, among those that `range` of the reader reads, whose content moved after `rev`.
pub fn moved_since<L: Ledger>(
    cache: &RecordCache<'_, L>,
    reader: usize,
    edge: &Edge,
    range: SessionRange,
    rev: u64,
) -> Result<Vec<NaiveDate>, L::Error> {
    let input = cache.graph.node(edge.input);
    let map = EdgeMap::new(cache.graph.node(reader), input, edge);
    let Some(read) = map.windows(range) else { return Ok(Vec::new()) };
    let (from, to) = (date_of(input, read.first), date_of(input, read.last));
    let records = cache.between(edge.input, from, to)?;
    Ok(records
        .iter()
        .map(|(_, record)| record)
        .filter(|record| record.rev > rev && (from..=to).contains(&record.session))
        .map(|record| record.session)
        .collect())
}
