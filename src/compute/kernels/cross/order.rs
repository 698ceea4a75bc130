//! Order statistics of a group's values.

/// The `q`-quantile by linear interpolation between the two values about position `q (m - 1)`, as numpy and pandas have it by
/// default; NaN for no value. The same as sorting first, in less time. `scratch` is for what it needs.
pub fn quantile(values: &[f64], q: f64, scratch: &mut Vec<f64>) -> f64 {
    let Some(last) = values.len().checked_sub(1) else {
        return f64::NAN;
    };
    scratch.clear();
    scratch.extend_from_slice(values);
    let position = q * last as f64;
    // the cast saturates, so a `q` out of [0, 1] ends at the extremes
    let below = (position.floor() as usize).min(last);
    let (_, low, above) = scratch.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    low + (high - low) * (position - below as f64).clamp(0.0, 1.0)
}

/// The middle value, or the mean of the middle two; NaN for no value.
pub fn median(values: &[f64], scratch: &mut Vec<f64>) -> f64 {
    quantile(values, 0.5, scratch)
}

/// The median, and the median of the absolute deviations from it.
pub fn median_and_deviation(values: &[f64], [scratch, away]: &mut [Vec<f64>; 2]) -> (f64, f64) {
    let middle = median(values, scratch);
    away.clear();
    away.extend(values.iter().map(|value| (value - middle).abs()));
    (middle, median(away, scratch))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::sorted::quantile_of;

    proptest! {
        #[test]
        fn selecting_is_sorting(
            mut values in proptest::collection::vec((-9..9_i32).prop_map(f64::from), 0..40),
            q in -0.1..1.1_f64,
        ) {
            let mut scratch = vec![7.0];
            let out = [quantile(&values, q, &mut scratch), median(&values, &mut scratch)];
            values.sort_unstable_by(f64::total_cmp);
            prop_assert_eq!(out.map(f64::to_bits), [quantile_of(&values, q), quantile_of(&values, 0.5)].map(f64::to_bits));
        }
    }
}
