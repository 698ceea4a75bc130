//! Functions of all instruments of one session. They see those that have a row and a value; sums run in lane order, which
//! is the order of instrument names, so neither absent lanes nor other sessions touch the bits.

use assetctl_expr::CrossFn;

use super::sorted::{median_of, percent_rank};
use crate::panel::canonical;

/// Makes the median absolute deviation of normal values estimate their standard deviation: 1 / Φ⁻¹(3/4).
const MAD_TO_STD: f64 = 1.4826;

/// Applies `f` to one session. `param` is `k` for [`CrossFn::Winsorize`]. `scratch` is kept between calls to save
/// allocations; what it holds does not matter.
pub fn cross(f: CrossFn, x: &[f64], present: &[bool], param: f64, scratch: &mut Vec<f64>, out: &mut [f64]) {
    scratch.clear();
    scratch.extend(x.iter().zip(present).filter(|(x, present)| **present && !x.is_nan()).map(|(x, _)| *x));
    let mut fill = |value: &dyn Fn(f64) -> f64| {
        for ((out, &x), &present) in out.iter_mut().zip(x).zip(present) {
            *out = if present && !x.is_nan() { canonical(value(x)) } else { f64::NAN };
        }
    };
    match f {
        CrossFn::Rank => {
            scratch.sort_unstable_by(f64::total_cmp);
            let count = scratch.len();
            fill(&|x| percent_rank(scratch.partition_point(|&v| v < x), scratch.partition_point(|&v| v <= x), count));
        }
        CrossFn::Demean => {
            let mean = mean(scratch);
            fill(&|x| x - mean);
        }
        CrossFn::ZScore => {
            let mean = mean(scratch);
            let squares: f64 = scratch.iter().map(|x| (x - mean) * (x - mean)).sum();
            // one value alone: 0 / 0, no deviation to measure by
            let std = (squares / (scratch.len() as f64 - 1.0)).sqrt();
            fill(&|x| if std == 0.0 { 0.0 } else { (x - mean) / std });
        }
        CrossFn::Winsorize => {
            scratch.sort_unstable_by(f64::total_cmp);
            let median = median_of(scratch);
            scratch.iter_mut().for_each(|x| *x = (*x - median).abs());
            scratch.sort_unstable_by(f64::total_cmp);
            let reach = param * MAD_TO_STD * median_of(scratch);
            fill(&|x| x.max(median - reach).min(median + reach));
        }
        _ => fill(&|_| f64::NAN),
    }
}

/// The mean, held within its values as a window's is (see `moments`); NaN for none.
fn mean(values: &[f64]) -> f64 {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    if mean.is_finite() { mean.max(low).min(high) } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn session(f: CrossFn, x: &[f64], present: &[bool], param: f64) -> Vec<f64> {
        let mut out = vec![9.0; x.len()];
        cross(f, x, present, param, &mut vec![1.0], &mut out);
        out
    }

    #[test]
    fn only_present_lanes_with_values_are_seen() {
        let x = [1.0, 100.0, NAN, 3.0, 3.0];
        let present = [true, false, true, true, true];
        let out = session(CrossFn::Rank, &x, &present, 0.0);
        assert_eq!((out[0], out[3], out[4]), (1.0 / 3.0, 2.5 / 3.0, 2.5 / 3.0));
        assert!(out[1].is_nan() && out[2].is_nan());
        let out = session(CrossFn::Demean, &[1.0, 100.0, NAN, 3.0, 5.0], &present, 0.0);
        assert_eq!((out[0], out[3], out[4]), (-2.0, 0.0, 2.0));
        assert!(out[1].is_nan() && out[2].is_nan());
    }

    #[test]
    fn z_scores_of_equal_values_are_zero_and_of_one_value_missing() {
        assert_eq!(session(CrossFn::ZScore, &[0.1, 0.1, 0.1], &[true; 3], 0.0), [0.0; 3]);
        assert!(session(CrossFn::ZScore, &[0.1], &[true], 0.0)[0].is_nan());
        assert_eq!(session(CrossFn::ZScore, &[1.0, 2.0, 3.0], &[true; 3], 0.0), [-1.0, 0.0, 1.0]);
    }

    #[test]
    fn winsorizing_pulls_in_what_is_far_out() {
        // median 3, median absolute deviation 1
        let out = session(CrossFn::Winsorize, &[1.0, 2.0, 3.0, 4.0, 100.0], &[true; 5], 3.0);
        assert_eq!(out[..4], [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(out[4], 3.0 + 3.0 * 1.4826);
    }

    #[test]
    fn a_session_without_values_stays_empty() {
        for f in [CrossFn::Rank, CrossFn::ZScore, CrossFn::Demean, CrossFn::Winsorize] {
            assert!(session(f, &[NAN, 1.0], &[true, false], 3.0).iter().all(|v| v.is_nan()));
            assert!(session(f, &[], &[], 3.0).is_empty());
        }
    }
}
