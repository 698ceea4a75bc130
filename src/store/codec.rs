//! Compact forms of what the ledger keeps by the thousand: partition records, manifests, dates. Little-endian throughout.

use assetctl_plan::{Hash128, Month, PartitionRecord};
use chrono::NaiveDate;

use crate::canonical::{date, days};
use crate::error::{Error, Result};

/// First byte of packed partitions, to be raised when their form changes.
const PARTITIONS_FORM: u8 = 1;

/// Bytes of a packed manifest entry.
pub(crate) const MANIFEST_ENTRY: usize = 28;

/// One segment file as a head lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ManifestEntry {
    pub month: Month,
    pub content: Hash128,
    pub size: u64,
}

pub(crate) fn pack_partitions(columns: usize, partitions: &[PartitionRecord]) -> Vec<u8> {
    let mut bytes = vec![PARTITIONS_FORM];
    bytes.extend_from_slice(&(partitions.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(columns as u32).to_le_bytes());
    for record in partitions {
        bytes.extend_from_slice(&days(record.session).to_le_bytes());
        bytes.extend_from_slice(&record.rows.to_le_bytes());
        for number in [record.rev, record.built_rev, record.run] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.push(u8::from(record.dirty));
        for hash in [record.spec, record.inputs, record.key_hash].iter().chain(&record.column_hashes) {
            bytes.extend_from_slice(&hash.0);
        }
    }
    bytes
}

pub(crate) fn unpack_partitions(bytes: &[u8]) -> Result<Vec<PartitionRecord>> {
    let mut reader = Reader { bytes, what: "packed partitions" };
    if reader.byte()? != PARTITIONS_FORM {
        return Err(reader.wrong());
    }
    let (count, columns) = (reader.u32()? as usize, reader.u32()? as usize);
    let record = 4 + 4 + 3 * 8 + 1 + 16 * 3;
    if reader.bytes.len() != count * (record + 16 * columns) {
        return Err(reader.wrong());
    }
    let one = |_| {
        Ok(PartitionRecord {
            session: reader.date()?,
            rows: reader.u32()?,
            rev: reader.u64()?,
            built_rev: reader.u64()?,
            run: reader.u64()?,
            dirty: reader.byte()? != 0,
            spec: reader.hash()?,
            inputs: reader.hash()?,
            key_hash: reader.hash()?,
            column_hashes: (0..columns).map(|_| reader.hash()).collect::<Result<_>>()?,
        })
    };
    (0..count).map(one).collect()
}

pub(crate) fn pack_manifest(entries: &[ManifestEntry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * MANIFEST_ENTRY);
    for entry in entries {
        bytes.extend_from_slice(&entry.month.0.to_le_bytes());
        bytes.extend_from_slice(&entry.size.to_le_bytes());
        bytes.extend_from_slice(&entry.content.0);
    }
    bytes
}

pub(crate) fn unpack_manifest(bytes: &[u8]) -> Result<Vec<ManifestEntry>> {
    let mut reader = Reader { bytes, what: "a packed manifest" };
    let mut entries = Vec::with_capacity(bytes.len() / MANIFEST_ENTRY);
    while !reader.bytes.is_empty() {
        let month = Month(i32::from_le_bytes(reader.take()?));
        entries.push(ManifestEntry { month, size: reader.u64()?, content: reader.hash()? });
    }
    Ok(entries)
}

pub(crate) fn pack_dates(dates: &[NaiveDate]) -> Vec<u8> {
    dates.iter().flat_map(|date| days(*date).to_le_bytes()).collect()
}

pub(crate) fn unpack_dates(bytes: &[u8]) -> Result<Vec<NaiveDate>> {
    let mut reader = Reader { bytes, what: "packed dates" };
    (0..bytes.len() / 4).map(|_| reader.date()).collect()
}

pub(crate) fn hash(bytes: &[u8]) -> Result<Hash128> {
    Reader { bytes, what: "a hash" }.hash()
}

struct Reader<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl Reader<'_> {
    fn wrong(&self) -> Error {
        Error::corrupt(self.what)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk::<N>().ok_or_else(|| self.wrong())?;
        self.bytes = rest;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    fn hash(&mut self) -> Result<Hash128> {
        Ok(Hash128(self.take()?))
    }

    fn date(&mut self) -> Result<NaiveDate> {
        let days = i32::from_le_bytes(self.take()?);
        date(days).ok_or_else(|| self.wrong())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn partitions_round_trip(columns in 0usize..4, seeds in prop::collection::vec(any::<(i16, u32, u64, bool)>(), 0..5)) {
            let record = |(day, rows, number, dirty): &(i16, u32, u64, bool)| PartitionRecord {
                session: date((*day).into()).unwrap(),
                rows: *rows,
                rev: *number,
                built_rev: number.wrapping_mul(3),
                run: number.wrapping_mul(5),
                spec: Hash128::of(&number.to_le_bytes()),
                key_hash: Hash128::of(b"key"),
                column_hashes: (0..columns).map(|at| Hash128::of(&[at as u8])).collect(),
                inputs: Hash128::of(b"inputs"),
                dirty: *dirty,
            };
            let records: Vec<_> = seeds.iter().map(record).collect();
            let packed = pack_partitions(columns, &records);
            prop_assert_eq!(unpack_partitions(&packed).unwrap(), records);
            prop_assert!(unpack_partitions(&packed[..packed.len() - 1]).is_err());
        }
    }

    #[test]
    fn manifests_and_dates_round_trip() {
        let entries = [(24_000, 17), (24_001, u64::MAX)].map(|(month, size)| ManifestEntry {
            month: Month(month),
            content: Hash128::of(&[1]),
            size,
        });
        let packed = pack_manifest(&entries);
        assert_eq!(unpack_manifest(&packed).unwrap(), entries);
        assert!(unpack_manifest(&packed[1..]).is_err());
        let dates = [date(-5).unwrap(), date(20_000).unwrap()];
        assert_eq!(unpack_dates(&pack_dates(&dates)).unwrap(), dates);
    }
}
