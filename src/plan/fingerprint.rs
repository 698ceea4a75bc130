//! What a partition was built from, in sixteen bytes.
//!
//! The fingerprint of a partition is the sum, modulo 2^128, of one *unit* per (edge, window, session) that it reads:
//! `BLAKE3(edge, window, session, key hash, hashes of the columns read)`. Columns that are read over the same window share a
//! unit. It says *what was read*, so
//!
//! - a column that nobody below reads may change without making anything below stale;
//! - a column read over 20 sessions makes 20 stale, also where another one is read over 250;
//! - content that changes and changes back leaves what is below clean;
//! - a sum over sliding windows costs two look-ups a session (prefix sums), however long the window.
//!
//! A sum of hashes is weaker than a hash of a list against someone who chooses the contents; against the accidents that a
//! ledger meets it is as good. Names of assets do not enter: a renamed input with the same content changes nothing.
//!
//! Of a table whose rows are of dates (`dated.rs`), a session reads the rows of its date alone: a unit each.
//!
//! For a source the fingerprint is the digest of the session's rows as the files hold them; for an `as_of` that of the rows that its table
//! has for the session. The table itself is one partition, by whose hash an edit of one row would make every session stale.

use assetctl_graph::{AssetNode, Graph, ReadGroup};
use chrono::NaiveDate;

use crate::hash::Hash128;
use crate::ledger::{DatedRow, PartitionRecord, SegmentRecord};

/// The part of one input's partition in a fingerprint.
pub fn unit(edge: usize, group: &ReadGroup<'_>, segment: &SegmentRecord, record: &PartitionRecord) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(edge as u64).to_le_bytes());
    hasher.update(&group.back.to_le_bytes());
    hasher.update(&chrono::Datelike::num_days_from_ce(&record.session).to_le_bytes());
    hasher.update(&record.key_hash.0);
    match &group.columns {
        None => {
            // A column that only other partitions of the segment have is not there. By name, because the order in which a
            // segment stores its columns is no content: it may differ when a month is written again.
            let there = segment.columns.iter().zip(&record.column_hashes).filter(|(_, hash)| **hash != Hash128::ZERO);
            let mut there: Vec<_> = there.collect();
            there.sort_unstable();
            for (name, hash) in there {
                hasher.update(&(name.len() as u64).to_le_bytes());
                hasher.update(name.as_bytes());
                hasher.update(&hash.0);
            }
        }
        Some(names) => {
            for name in names {
                let hash = segment
                    .columns
                    .iter()
                    .position(|column| column == name)
                    .and_then(|at| record.column_hashes.get(at));
                hasher.update(&hash.copied().unwrap_or(Hash128::ZERO).0);
            }
        }
    }
    u128::from_le_bytes(Hash128::finish(&hasher).0)
}

/// The part of one row of a dated table in a fingerprint.
pub fn row_unit(edge: usize, row: &DatedRow) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"dated").update(&(edge as u64).to_le_bytes()).update(&row.hash.0);
    u128::from_le_bytes(Hash128::finish(&hasher).0)
}

/// The part of the first date of a row, for the sessions that read it too.
pub fn young_unit(edge: usize, row: &DatedRow, first: NaiveDate) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"young").update(&(edge as u64).to_le_bytes()).update(&row.hash.0);
    hasher.update(&chrono::Datelike::num_days_from_ce(&first).to_le_bytes());
    u128::from_le_bytes(Hash128::finish(&hasher).0)
}

/// What the first session of a recursive asset reads of the session before it: nothing, which must differ from something.
pub fn origin() -> u128 {
    u128::from_le_bytes(Hash128::of(b"origin of a recursive asset").0)
}

/// What an asset is connected to: its inputs by name, their calendars and starts, the windows and columns that it reads of them,
/// its own calendar and start.
///
/// It decides nothing: names and starts are no content. But "nothing of the inputs has moved since" is worth nothing when they
/// are not the same inputs, so an asset that was found clean by another wiring is looked at again.
pub fn wiring(graph: &Graph, asset: usize) -> Hash128 {
    let mut hasher = blake3::Hasher::new();
    let mut text = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    let mut place = |node: &AssetNode| {
        text(&format!("{:?}", node.axis));
        text(node.calendar.name());
        text(&node.start_date().to_string());
    };
    place(graph.node(asset));
    for edge in &graph.node(asset).edges {
        place(graph.node(edge.input));
    }
    for edge in &graph.node(asset).edges {
        text(&graph.node(edge.input).name);
        text(&format!("{} {} {:?}", edge.back, edge.key_back, edge.columns));
        if let Some(dated) = &edge.dated {
            text(&format!("{dated:?}"));
        }
    }
    Hash128::finish(&hasher)
}

pub fn to_hash(sum: u128) -> Hash128 {
    Hash128(sum.to_le_bytes())
}
