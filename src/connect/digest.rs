//! A file's rows in short: one hash per session, so that a scan can tell which sessions of a changed file changed.
//!
//! The blob that is kept for a file: a version byte, the layout's hash (of everything that decides what is read from
//! given bytes; if it differs, the file is read again), then per session its day (i32, since 1970-01-01) and 16 bytes of
//! the sum of its rows' hashes: BLAKE3 over the layout's shape and the row, so that neither the order of rows nor how they
//! are split over files shows. A table is one entry of day 0.

use std::collections::{BTreeSet, HashMap};

use crate::layout::Layout;
use crate::rows::Rows;
use crate::unique::{Entry, order, put, put_text};

const VERSION: u8 = 2;
const HEAD: usize = 1 + 16;
const ENTRY: usize = 4 + 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digest {
    pub layout: [u8; 16],
    /// Sorted by day.
    pub sessions: Vec<(i32, [u8; 16])>,
}

impl Digest {
    /// Of all rows of a file.
    pub fn of(rows: &Rows, layout: &Layout) -> Self {
        let mut sessions = Vec::new();
        let mut bytes = Vec::new();
        for group in order(&[rows], |_| true).chunk_by(|a, b| a.session == b.session) {
            let mut sum: u128 = 0;
            for entry in group {
                bytes.clear();
                bytes.extend_from_slice(&layout.shape);
                put_row(&mut bytes, rows, entry);
                let mut short = [0; 16];
                short.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..16]);
                sum = sum.wrapping_add(u128::from_le_bytes(short));
            }
            sessions.push((group[0].session, sum.to_le_bytes()));
        }
        Self { layout: layout.hash, sessions }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut blob = Vec::with_capacity(HEAD + self.sessions.len() * ENTRY);
        blob.push(VERSION);
        blob.extend_from_slice(&self.layout);
        for (session, hash) in &self.sessions {
            blob.extend_from_slice(&session.to_le_bytes());
            blob.extend_from_slice(hash);
        }
        blob
    }

    /// `None` if another version of the program wrote it, or it is damaged: then the file counts as new.
    pub fn decode(blob: &[u8]) -> Option<Self> {
        let (head, entries) = blob.split_at_checked(HEAD)?;
        let (entries, rest) = entries.as_chunks::<ENTRY>();
        if head[0] != VERSION || !rest.is_empty() {
            return None;
        }
        let sessions: Vec<(i32, [u8; 16])> = entries
            .iter()
            .map(|entry| {
                let (mut session, mut hash) = ([0; 4], [0; 16]);
                session.copy_from_slice(&entry[..4]);
                hash.copy_from_slice(&entry[4..]);
                (i32::from_le_bytes(session), hash)
            })
            .collect();
        let sorted = sessions.is_sorted_by(|a, b| a.0 < b.0);
        sorted.then(|| Self { layout: head[1..].try_into().unwrap_or_default(), sessions })
    }
}

fn put_row(bytes: &mut Vec<u8>, rows: &Rows, entry: &Entry) {
    let row = entry.row as usize;
    if rows.lanes.is_some() {
        put_text(bytes, Some(rows.instrument(row)));
    }
    if let Some(time) = rows.times.get(row) {
        bytes.extend_from_slice(&time.to_le_bytes());
    }
    for cells in &rows.columns {
        put(bytes, cells, row);
    }
}

/// The digests of each session after less those before: where something is left, rows have changed.
#[derive(Default)]
pub(crate) struct Balance(HashMap<i32, u128>);

impl Balance {
    pub fn before(&mut self, digest: Option<&Digest>) {
        for (session, hash) in digest.into_iter().flat_map(|digest| &digest.sessions) {
            let left = self.0.entry(*session).or_default();
            *left = left.wrapping_sub(u128::from_le_bytes(*hash));
        }
    }

    pub fn after(&mut self, digest: &Digest) {
        for (session, hash) in &digest.sessions {
            let left = self.0.entry(*session).or_default();
            *left = left.wrapping_add(u128::from_le_bytes(*hash));
        }
    }

    pub fn days(&self) -> BTreeSet<i32> {
        self.0.iter().filter(|(_, left)| **left != 0).map(|(day, _)| *day).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_blob_reads_back(layout in any::<[u8; 16]>(), sessions in proptest::collection::btree_map(any::<i32>(), any::<[u8; 16]>(), 0..20)) {
            let digest = Digest { layout, sessions: sessions.into_iter().collect() };
            prop_assert_eq!(Digest::decode(&digest.encode()), Some(digest));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Digest::decode(&bytes);
        }
    }

    #[test]
    fn a_cut_blob_is_none() {
        let blob = Digest { layout: [7; 16], sessions: vec![(1, [1; 16])] }.encode();
        assert_eq!(Digest::decode(&blob[..blob.len() - 1]), None);
        assert_eq!(Digest::decode(&[]), None);
    }
}
