//! A 64-bit hash of what an instrument carries from one session into the next.
//!
//! Each recursive function adds a hash of its state (all bits, in the order of its slots). Over traded bars, whose windows
//! reach back a number of sessions that nobody knows beforehand, each column adds one of its newest bars. Sums are of whole
//! numbers modulo 2^64: exact, whatever the order, and a window's slides by one addition and one subtraction.

use std::ops::Range;

/// 2^64 / φ, odd: steps that spread over all bits.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finalizer: each bit of the result depends on each of `x`.
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A hash of three numbers in their order.
pub(crate) fn mix3(a: u64, b: u64, c: u64) -> u64 {
    mix(mix(mix(a.wrapping_add(STEP)).wrapping_add(b)).wrapping_add(c))
}

/// Writes the hash of each lane's state of recursive node number `node`; slot `s` of lane `l` is at `s * lanes + l`.
pub(crate) fn hash_states(node: usize, state: &[f64], out: &mut [u64]) {
    out.fill(mix(STEP.wrapping_mul(node as u64 + 1)));
    for slot in state.chunks_exact(out.len().max(1)) {
        for (out, value) in out.iter_mut().zip(slot) {
            let x = (*out ^ value.to_bits()).wrapping_mul(STEP);
            *out = x ^ (x >> 32);
        }
    }
    out.iter_mut().for_each(|out| *out = mix(*out));
}

/// Adds to each of `sums` the sum of the `length` entries before its place: `sums[i]` gets `entry(p)` for `p` in
/// `at - length..at`, where `at` is the place of `i`; `places` are those of `sums`, and `entries` those that there are.
pub(crate) fn add_sliding(
    sums: &mut [u64],
    places: Range<usize>,
    entries: Range<usize>,
    length: usize,
    entry: impl Fn(usize) -> u64,
) {
    let within = |at: usize| at.clamp(entries.start, entries.end);
    let window = |at: usize| within(at.saturating_sub(length))..within(at);
    let mut have = window(places.start);
    let mut sum = have.clone().map(&entry).fold(0, u64::wrapping_add);
    for (at, out) in places.zip(sums) {
        let want = window(at);
        while have.end < want.end {
            sum = sum.wrapping_add(entry(have.end));
            have.end += 1;
        }
        while have.start < want.start {
            sum = sum.wrapping_sub(entry(have.start));
            have.start += 1;
        }
        *out = out.wrapping_add(sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn any_bit_of_any_slot_tells_states_apart() {
        let state = [1.0, f64::NAN, 0.0, -3.5];
        let hash = |node: usize, state: &[f64]| {
            let mut out = [0];
            hash_states(node, state, &mut out);
            out[0]
        };
        let mut seen = HashSet::from([hash(0, &state), hash(1, &state), hash(0, &[])]);
        for slot in 0..4 {
            for bit in 0..64 {
                let mut other = state;
                other[slot] = f64::from_bits(other[slot].to_bits() ^ (1 << bit));
                seen.insert(hash(0, &other));
            }
        }
        seen.insert(hash(0, &[f64::NAN, 1.0, 0.0, -3.5]));
        assert_eq!(seen.len(), 3 + 4 * 64 + 1);
    }

    #[test]
    fn lanes_are_hashed_each_by_itself() {
        let mut both = [0; 2];
        hash_states(3, &[1.0, 10.0, 2.0, 20.0], &mut both);
        let mut one = [0];
        hash_states(3, &[10.0, 20.0], &mut one);
        assert_eq!(both[1], one[0]);
        assert_ne!(both[0], both[1]);
    }

    #[test]
    fn a_sliding_sum_is_the_sum_of_its_window() {
        let entry = |p: usize| mix(p as u64);
        for (entries, length) in [(0..20, 3), (5..12, 4), (3..3, 2), (0..20, 0), (6..20, 50)] {
            let mut sums = [7; 16];
            add_sliding(&mut sums, 4..20, entries.clone(), length, entry);
            for (at, sum) in (4_usize..20).zip(sums) {
                let window = (at.saturating_sub(length)..at).filter(|p| entries.contains(p));
                assert_eq!(sum, window.map(entry).fold(7, u64::wrapping_add), "{at} {entries:?} {length}");
            }
        }
    }
}
