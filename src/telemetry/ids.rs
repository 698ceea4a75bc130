//! What a run is called in other systems. Made of what the store knows of it, so that whoever comes after a kill calls it the same.

use chrono::{DateTime, Utc};

/// The trace of an attempt of a request, as 32 hexadecimal digits (W3C Trace Context).
pub fn trace_id(request: u64, attempt: u32, started: DateTime<Utc>) -> String {
    format!("{:032x}", trace_number(request, attempt, started))
}

/// The same as a number; never 0, which is no trace.
pub(crate) fn trace_number(request: u64, attempt: u32, started: DateTime<Utc>) -> u128 {
    let parts = [request.to_le_bytes(), u64::from(attempt).to_le_bytes(), started.timestamp_micros().to_le_bytes()];
    mixed(parts.as_flattened()).max(1)
}

/// A UUID of version 8 (RFC 9562: made as one likes) of some text.
pub(crate) fn uuid(text: &str) -> String {
    let number = mixed(text.as_bytes());
    let versioned = number & !(0xf << 76) | 0x8 << 76;
    let hex = format!("{:032x}", versioned & !(0x3 << 62) | 0x2 << 62);
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// FNV-1a of 128 bits, then the finalizer of SplitMix64 over both halves: samplers take the last bits of a trace for random.
fn mixed(bytes: &[u8]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME));
    let low = finished(hash as u64 ^ (hash >> 64) as u64);
    let high = finished((hash >> 64) as u64 ^ low.rotate_left(32));
    u128::from(high) << 64 | u128::from(low)
}

fn finished(mut half: u64) -> u64 {
    half = (half ^ (half >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    half = (half ^ (half >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    half ^ (half >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn attempts_have_traces_of_their_own_that_are_always_the_same() {
        let at: DateTime<Utc> = "2017-12-27T01:00:00.123456Z".parse().unwrap();
        let other: DateTime<Utc> = "2017-12-27T01:00:00.123457Z".parse().unwrap();
        let mut known = BTreeSet::new();
        for (request, attempt) in (1..200).flat_map(|request| (1..5).map(move |attempt| (request, attempt))) {
            assert!(known.insert(trace_id(request, attempt, at)));
            assert!(known.insert(trace_id(request, attempt, other)));
        }
        assert!(known.iter().all(|id| id.len() == 32));
        assert_eq!(trace_id(12, 1, at), trace_id(12, 1, at));
    }

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        let id = uuid("desk 12");
        assert_eq!(id.len(), 36);
        assert_eq!(id.chars().filter(|letter| *letter == '-').count(), 4);
        assert_eq!(id.as_bytes()[14], b'8');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
        assert_ne!(id, uuid("desk 13"));
    }
}
