//! Window functions over all sessions so far. Missing values are skipped, as in a window, and a missing session has the result
//! so far. Moments are Welford's, in the form of Pébay (Sandia report SAND2008-6212): equal values have exactly no deviation,
//! and so no skew. What overflows is missing from there on.

use assetctl_expr::WindowFn;

use super::lanes::slots;
use crate::panel::canonical;

/// How many slots a lane has.
pub fn expanding_len(f: WindowFn) -> usize {
    match f {
        WindowFn::Skew => 4,
        WindowFn::Kurt => 5,
        WindowFn::Std | WindowFn::Var | WindowFn::StdPop | WindowFn::VarPop => 3,
        _ => 2,
    }
}

/// Fewer values than `min_periods` give a missing result, and so do fewer than the formula needs (2 for var and std, 3 for skew,
/// 4 for kurt). `param` is 1 for a `Count` of a Bool, which counts how often it is true, else 0. `Count` is special, as in
/// pandas: it is 0 before the first value, and its `min_periods` asks for sessions since then.
///
/// State: the number of values (for `Count` of sessions since the first value); then the result so far for `Sum`, `Min`, `Max`,
/// `Product` and `Count`, else the mean and as many of Σ(x - mean)², Σ(x - mean)³ and Σ(x - mean)⁴ as the function needs.
pub fn expanding(f: WindowFn, min_periods: f64, param: f64, x: &[f64], state: &mut [f64], out: &mut [f64]) {
    match f {
        WindowFn::Sum => fold(min_periods, x, state, out, 0.0, |sum, x| sum + x),
        WindowFn::Product => fold(min_periods, x, state, out, 1.0, |product, x| product * x),
        WindowFn::Min => fold(min_periods, x, state, out, f64::MAX, |min, x| if x < min { x } else { min }),
        WindowFn::Max => fold(min_periods, x, state, out, f64::MIN, |max, x| if x > max { x } else { max }),
        WindowFn::Count => count(min_periods, param, x, state, out),
        WindowFn::Mean => moments(min_periods, x, state, out, |_, [mean]| mean),
        WindowFn::Var => moments(min_periods.max(2.0), x, state, out, |m, [_, m2]| m2 / (m - 1.0)),
        WindowFn::Std => moments(min_periods.max(2.0), x, state, out, |m, [_, m2]| (m2 / (m - 1.0)).sqrt()),
        WindowFn::VarPop => moments(min_periods, x, state, out, |m, [_, m2]| m2 / m),
        WindowFn::StdPop => moments(min_periods, x, state, out, |m, [_, m2]| (m2 / m).sqrt()),
        WindowFn::Skew => moments(min_periods.max(3.0), x, state, out, |m, [_, m2, m3]| {
            m * (m - 1.0).sqrt() / (m - 2.0) * m3 / (m2 * m2.sqrt())
        }),
        WindowFn::Kurt => moments(min_periods.max(4.0), x, state, out, |m, [_, m2, _, m4]| {
            let pairs = (m - 2.0) * (m - 3.0);
            m * (m + 1.0) * (m - 1.0) / pairs * (m4 / (m2 * m2)) - 3.0 * (m - 1.0) * (m - 1.0) / pairs
        }),
        _ => out.fill(f64::NAN),
    }
}

/// The number of values and what `add` makes of them, beginning with `start`.
fn fold(min_periods: f64, x: &[f64], state: &mut [f64], out: &mut [f64], start: f64, add: impl Fn(f64, f64) -> f64) {
    let lanes = out.len();
    let (x, [count, result]) = (&x[..lanes], slots::<2>(state, lanes));
    let needed = min_periods.max(1.0);
    for lane in 0..lanes {
        let missing = x[lane].is_nan();
        let next = canonical(add(if count[lane] > 0.0 { result[lane] } else { start }, x[lane]));
        count[lane] += if missing { 0.0 } else { 1.0 };
        result[lane] = if missing { result[lane] } else { next };
        out[lane] = if count[lane] >= needed { result[lane] } else { f64::NAN };
    }
}

fn count(min_periods: f64, param: f64, x: &[f64], state: &mut [f64], out: &mut [f64]) {
    let lanes = out.len();
    let (x, [sessions, counted]) = (&x[..lanes], slots::<2>(state, lanes));
    let of_true = param == 1.0;
    for lane in 0..lanes {
        let x = x[lane];
        let begun = sessions[lane] > 0.0 || !x.is_nan();
        sessions[lane] += if begun { 1.0 } else { 0.0 };
        counted[lane] += if if of_true { x > 0.0 } else { !x.is_nan() } { 1.0 } else { 0.0 };
        out[lane] = if sessions[lane].max(1.0) >= min_periods { counted[lane] } else { f64::NAN };
    }
}

/// Keeps the number of values, their mean, and the sums of the 2nd to `N`-th powers of their deviations.
fn moments<const N: usize>(
    min_periods: f64,
    x: &[f64],
    state: &mut [f64],
    out: &mut [f64],
    result: impl Fn(f64, [f64; N]) -> f64,
) {
    let lanes = out.len();
    let (count, sums) = state.split_at_mut(lanes);
    let sums: [&mut [f64]; N] = slots(sums, lanes);
    let (x, needed) = (&x[..lanes], min_periods.max(1.0));
    for lane in 0..lanes {
        let before: [f64; N] = std::array::from_fn(|power| sums[power][lane]);
        let m = count[lane] + 1.0;
        let sum = |power: usize| before.get(power).copied().unwrap_or(0.0);
        let delta = x[lane] - before[0];
        let part = delta / m;
        let square = delta * part * (m - 1.0);
        let mut next = before;
        for (power, next) in next.iter_mut().enumerate() {
            *next += match power {
                0 => part,
                1 => square,
                2 => square * part * (m - 2.0) - 3.0 * part * sum(1),
                _ => square * part * part * (m * m - 3.0 * m + 3.0) + 6.0 * part * part * sum(1) - 4.0 * part * sum(2),
            };
        }
        let missing = x[lane].is_nan();
        count[lane] = if missing { m - 1.0 } else { m };
        let kept = next.map(canonical);
        for power in 0..N {
            sums[power][lane] = if missing { before[power] } else { kept[power] };
        }
        let now = if missing { before } else { kept };
        out[lane] = if count[lane] >= needed { canonical(result(count[lane], now)) } else { f64::NAN };
    }
}
