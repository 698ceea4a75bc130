//! Ranks of a group's values.

use crate::kernels::sorted::percent_rank;

/// Puts in place of each value what `of` makes of how many values are below it, and how many below it or equal to it.
fn by_rank(values: &mut [f64], scratch: &mut Vec<(f64, u32)>, of: impl Fn(usize, usize) -> f64) {
    scratch.clear();
    scratch.extend(values.iter().zip(0..).map(|(value, at)| (*value, at)));
    // equal values get the same, so their order among themselves does not matter
    scratch.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut below = 0;
    for ties in scratch.chunk_by(|a, b| a.0 == b.0) {
        let up_to = below + ties.len();
        for (_, at) in ties {
            values[*at as usize] = of(below, up_to);
        }
        below = up_to;
    }
}

/// The rank as a share of the number of values; ties share the mean of the ranks they take.
pub fn percent_ranks(values: &mut [f64], scratch: &mut Vec<(f64, u32)>) {
    let count = values.len();
    by_rank(values, scratch, |below, up_to| percent_rank(below, up_to, count));
}

/// Which of `count` groups, 1 being the lowest: the least g with `(rank - 1) / (m - 1) <= g / count` among m values, where ties
/// have the mean of the ranks they take and so stay together. For distinct values this is pandas' `qcut(x, count)`; sizes
/// differ by one at most. One value alone is in group 1.
pub fn buckets(values: &mut [f64], count: f64, scratch: &mut Vec<(f64, u32)>) {
    let steps = 2 * values.len().saturating_sub(1) as u64;
    let count = count as u64;
    // twice the rank less one is a whole number, so nothing is rounded
    by_rank(values, scratch, |below, up_to| {
        let place = (below + up_to - 1) as u64;
        if steps == 0 { 1.0 } else { place.saturating_mul(count).div_ceil(steps).max(1) as f64 }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets_of(values: &[f64], count: f64) -> Vec<f64> {
        let mut values = values.to_vec();
        buckets(&mut values, count, &mut vec![]);
        values
    }

    #[test]
    fn buckets_are_of_equal_size_and_keep_ties_together() {
        assert_eq!(buckets_of(&[5.0, 1.0, 3.0, 2.0, 4.0, 6.0], 3.0), [3.0, 1.0, 2.0, 1.0, 2.0, 3.0]);
        assert_eq!(buckets_of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 3.0), [1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
        assert_eq!(buckets_of(&[1.0, 2.0, 2.0, 2.0, 3.0], 5.0), [1.0, 3.0, 3.0, 3.0, 5.0]);
        assert_eq!(buckets_of(&[4.0, 4.0], 2.0), [1.0, 1.0]);
        assert_eq!(buckets_of(&[4.0], 5.0), [1.0]);
        assert!(buckets_of(&[], 5.0).is_empty());
    }

    #[test]
    fn ties_share_their_ranks() {
        let mut values = [4.0, 2.0, 2.0, 1.0];
        percent_ranks(&mut values, &mut vec![(0.0, 7)]);
        assert_eq!(values, [1.0, 0.625, 0.625, 0.25]);
    }
}
