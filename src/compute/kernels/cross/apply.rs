//! One function over one session.

use assetctl_expr::CrossFn;

use super::groups::Groups;
use super::mean::{mean, std};
use super::neutralize::{Columns, neutralize};
use super::order::{median, median_and_deviation, quantile};
use super::rank::{buckets, percent_ranks};
use crate::panel::canonical;

/// Makes the median absolute deviation of normal values estimate their standard deviation: 1 / Φ⁻¹(3/4).
const MAD_TO_STD: f64 = 1.4826;

/// Working memory, kept from session to session to save allocations and the sorting of groups. What it holds does not matter.
#[derive(Debug, Default)]
pub struct Scratch {
    groups: Groups,
    /// The lanes of one group that are seen, and their values.
    lanes: Vec<u32>,
    values: Vec<f64>,
    selected: [Vec<f64>; 2],
    ranked: Vec<(f64, u32)>,
    columns: Columns,
}

/// Applies `f` to one session.
///
/// `args` is the session's row of each operand (several for [`CrossFn::Neutralize`] alone), `by` a group's code per lane (NaN =
/// no group, and so no value), `present` which lanes have a row, `param` what [`CrossFn`] says of it; one value per lane each.
/// Only lanes with a row and a value are seen. What describes the whole group (`Mean`, `Std`, `Sum`, `Min`, `Max`, `Median`,
/// `Quantile`, `Count`) is given to all its lanes with a row, also to one without a value of its own; the rest only to lanes
/// that are seen. `Count` of none is 0, and so are `ZScore`, `RobustZScore` and `Scale` where all values are equal, or zero.
///
/// # Panics
/// When an operand, `by` or `present` has fewer values than `out`.
pub fn cross(
    f: CrossFn,
    args: &[&[f64]],
    by: Option<&[f64]>,
    present: &[bool],
    param: f64,
    scratch: &mut Scratch,
    out: &mut [f64],
) {
    out.fill(f64::NAN);
    let Some(x) = args.first() else {
        return;
    };
    let Scratch { groups, lanes, values, selected, ranked, columns } = scratch;
    groups.sort(by, out.len());
    if f == CrossFn::Neutralize {
        neutralize(args, groups, present, columns, out);
        return;
    }
    for group in groups.iter() {
        lanes.clear();
        lanes.extend(group.iter().filter(|lane| present[**lane as usize] && !x[**lane as usize].is_nan()));
        values.clear();
        values.extend(lanes.iter().map(|lane| x[*lane as usize]));
        if let Some(whole) = of_group(f, values, param, &mut selected[0]) {
            group.iter().filter(|lane| present[**lane as usize]).for_each(|lane| out[*lane as usize] = whole);
        } else {
            of_each(f, values, param, selected, ranked);
            lanes.iter().zip(values.iter()).for_each(|(lane, value)| out[*lane as usize] = canonical(*value));
        }
    }
}

/// What a function says of a group as a whole; `None` for a function that says something of each value.
fn of_group(f: CrossFn, values: &[f64], param: f64, selected: &mut Vec<f64>) -> Option<f64> {
    let some = |value: f64| if values.is_empty() { f64::NAN } else { canonical(value) };
    match f {
        CrossFn::Mean => Some(some(mean(values))),
        CrossFn::Std => Some(some(std(values, mean(values)))),
        CrossFn::Sum => Some(some(values.iter().sum())),
        CrossFn::Min => Some(some(values.iter().copied().fold(f64::INFINITY, f64::min))),
        CrossFn::Max => Some(some(values.iter().copied().fold(f64::NEG_INFINITY, f64::max))),
        CrossFn::Median => Some(some(median(values, selected))),
        CrossFn::Quantile => Some(some(quantile(values, param, selected))),
        CrossFn::Count => Some(values.len() as f64),
        CrossFn::Rank
        | CrossFn::ZScore
        | CrossFn::Demean
        | CrossFn::Winsorize
        | CrossFn::RobustZScore
        | CrossFn::Scale
        | CrossFn::Bucket
        | CrossFn::Neutralize => None,
    }
}

/// Puts a function's results in place of a group's values.
fn of_each(f: CrossFn, values: &mut [f64], param: f64, selected: &mut [Vec<f64>; 2], ranked: &mut Vec<(f64, u32)>) {
    match f {
        CrossFn::Rank => percent_ranks(values, ranked),
        CrossFn::Bucket => buckets(values, param, ranked),
        CrossFn::Demean => {
            let mean = mean(values);
            each(values, |x| x - mean);
        }
        CrossFn::ZScore => {
            let mean = mean(values);
            // one value alone has no deviation to measure by, and NaN is not zero
            let std = std(values, mean);
            each(values, |x| if std == 0.0 { 0.0 } else { (x - mean) / std });
        }
        CrossFn::Winsorize => {
            let (median, deviation) = median_and_deviation(values, selected);
            let reach = param * MAD_TO_STD * deviation;
            each(values, |x| x.max(median - reach).min(median + reach));
        }
        CrossFn::RobustZScore => {
            let (median, deviation) = median_and_deviation(values, selected);
            let unit = MAD_TO_STD * deviation;
            each(values, |x| if unit == 0.0 { 0.0 } else { ((x - median) / unit).max(-param).min(param) });
        }
        CrossFn::Scale => {
            let size: f64 = values.iter().map(|x| x.abs()).sum();
            each(values, |x| if size == 0.0 { 0.0 } else { x / size * param });
        }
        // the rest is of_group's
        _ => {}
    }
}

fn each(values: &mut [f64], of: impl Fn(f64) -> f64) {
    values.iter_mut().for_each(|x| *x = of(*x));
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn session(f: CrossFn, x: &[f64], present: &[bool], param: f64) -> Vec<f64> {
        let mut out = vec![9.0; x.len()];
        cross(f, &[x], None, present, param, &mut Scratch::default(), &mut out);
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
    fn what_describes_the_whole_is_given_to_every_row() {
        let present = [true, false, true, true];
        for (f, param, whole) in [
            (CrossFn::Mean, 0.0, 2.0),
            (CrossFn::Std, 0.0, 2.0_f64.sqrt()),
            (CrossFn::Sum, 0.0, 4.0),
            (CrossFn::Min, 0.0, 1.0),
            (CrossFn::Max, 0.0, 3.0),
            (CrossFn::Median, 0.0, 2.0),
            (CrossFn::Quantile, 0.75, 2.5),
            (CrossFn::Count, 0.0, 2.0),
        ] {
            let out = session(f, &[1.0, 100.0, NAN, 3.0], &present, param);
            assert_eq!([out[0], out[2], out[3]], [whole; 3], "{f:?}");
            assert!(out[1].is_nan(), "{f:?}");
        }
        assert!(session(CrossFn::Std, &[0.1], &[true], 0.0)[0].is_nan());
        assert_eq!(session(CrossFn::Count, &[NAN], &[true], 0.0), [0.0]);
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
    fn robust_z_scores_are_clipped_and_zero_without_a_deviation() {
        let out = session(CrossFn::RobustZScore, &[1.0, 2.0, 3.0, 4.0, 100.0], &[true; 5], 3.0);
        assert_eq!(out, [-2.0 / 1.4826, -1.0 / 1.4826, 0.0, 1.0 / 1.4826, 3.0]);
        assert_eq!(session(CrossFn::RobustZScore, &[3.0, 3.0, 3.0, 100.0], &[true; 4], 3.0), [0.0; 4]);
    }

    #[test]
    fn scaling_makes_sizes_add_up() {
        assert_eq!(session(CrossFn::Scale, &[1.0, -3.0, NAN], &[true; 3], 2.0)[..2], [0.5, -1.5]);
        assert_eq!(session(CrossFn::Scale, &[0.0, 0.0], &[true; 2], 1.0), [0.0; 2]);
    }

    #[test]
    fn groups_are_worked_on_each_by_itself() {
        let (x, by) = ([1.0, 10.0, 3.0, 20.0, 7.0], [4.0, 2.0, 4.0, 2.0, NAN]);
        let mut out = [9.0; 5];
        cross(CrossFn::Demean, &[&x], Some(&by), &[true; 5], 0.0, &mut Scratch::default(), &mut out);
        assert_eq!(out[..4], [-1.0, -5.0, 1.0, 5.0]);
        assert!(out[4].is_nan());
    }

    #[test]
    fn a_session_without_values_stays_empty() {
        for f in [CrossFn::Rank, CrossFn::ZScore, CrossFn::Mean, CrossFn::Winsorize, CrossFn::Neutralize, CrossFn::Min]
        {
            assert!(session(f, &[NAN, 1.0], &[true, false], 3.0).iter().all(|v| v.is_nan()));
            assert!(session(f, &[], &[], 3.0).is_empty());
        }
    }

    fn residuals(args: &[&[f64]], by: Option<&[f64]>) -> Vec<f64> {
        let mut out = vec![9.0; args[0].len()];
        cross(CrossFn::Neutralize, args, by, &vec![true; out.len()], 0.0, &mut Scratch::default(), &mut out);
        out
    }

    #[test]
    fn neutralizing_leaves_what_the_line_does_not_explain() {
        // y = 2 x + 1 but for ±1, which is orthogonal to x and to the constant
        let (x, y) = ([1.0, 2.0, 3.0, 4.0], [4.0, 4.0, 6.0, 10.0]);
        let out = residuals(&[&y, &x], None);
        assert!(out.iter().zip([1.0, -1.0, -1.0, 1.0]).all(|(out, left)| (out - left).abs() < 1e-14), "{out:?}");
        // a missing operand leaves the instrument out
        let out = residuals(&[&[4.0, 4.0, 77.0, 6.0, 10.0], &[1.0, 2.0, NAN, 3.0, 4.0]], None);
        assert!(out[2].is_nan() && (out[4] - 1.0).abs() < 1e-14, "{out:?}");
    }

    #[test]
    fn what_is_explained_in_full_leaves_zero() {
        let (x, y) = ([0.1, 0.2, 0.3, 0.7], [1.2, 1.4, 1.6, 2.4]);
        assert_eq!(residuals(&[&y, &x], None), [0.0; 4]);
        assert_eq!(residuals(&[&y, &x], Some(&[1.0, 2.0, 3.0, 4.0])), [0.0; 4]);
        assert_eq!(residuals(&[&[0.1; 3]], None), [0.0; 3]);
    }

    #[test]
    fn regressors_that_say_nothing_new_are_dropped() {
        let (x, z, y) = ([1.0, 2.0, 4.0, 8.0, 3.0], [3.0, 1.0, 4.0, 1.0, 5.0], [2.0, 7.0, 1.0, 8.0, 2.0]);
        let sum: Vec<f64> = x.iter().zip(z).map(|(x, z)| 0.3 * x - 1.7 * z + 5.0).collect();
        let alone = residuals(&[&y, &x, &z], None);
        assert_eq!(residuals(&[&y, &x, &z, &sum, &[6.0; 5]], None), alone);
    }
}
