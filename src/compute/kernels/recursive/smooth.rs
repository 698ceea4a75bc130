//! Exponential means. A missing value changes nothing and has none, but for [`ewm`].

use super::lanes::{after, slots, step};

/// The mean of the first `n` values, and from then on `s + alpha (x - s)`: TA-Lib's `EMA` with alpha = 2/(n+1), Wilder's mean
/// (in TA-Lib's `RSI`, `ATR`, `ADX`) with alpha = 1/n. First valid at the `n`-th value.
///
/// State: how many values were seen (up to `n`); their sum, and from the `n`-th on the mean.
pub fn seeded(n: f64, alpha: f64, x: &[f64], state: &mut [f64], out: &mut [f64]) {
    let lanes = out.len();
    let (x, [count, mean]) = (&x[..lanes], slots::<2>(state, lanes));
    for lane in 0..lanes {
        let (x, seen, before) = (x[lane], count[lane], mean[lane]);
        let seeding = seen < n;
        let now = if seeding { seen + 1.0 } else { seen };
        let sum = before + x;
        let seed = if now == n { sum / n } else { sum };
        let next = if seeding { seed } else { step(before, x, alpha) };
        let (missing, kept) = (x.is_nan(), next.is_finite());
        count[lane] = after(missing, kept, seen, now);
        mean[lane] = after(missing, kept, before, next);
        out[lane] = if !missing && kept && now >= n { next + 0.0 } else { f64::NAN };
    }
}

/// `s + alpha (x - s)`, where before the first value s is `seed`, or that value itself: pandas' `ewm(alpha, adjust=False,
/// ignore_na=True)`, and Tongdaxin's `SMA(x, n, m)` with alpha = m/n. First valid at the first value.
///
/// State: whether a value was seen; the mean.
pub fn from_first(alpha: f64, seed: Option<f64>, x: &[f64], state: &mut [f64], out: &mut [f64]) {
    let lanes = out.len();
    let (x, [seen, mean]) = (&x[..lanes], slots::<2>(state, lanes));
    for lane in 0..lanes {
        let (x, begun, before) = (x[lane], seen[lane], mean[lane]);
        let first = seed.unwrap_or(x);
        let next = step(if begun > 0.0 { before } else { first }, x, alpha);
        let (missing, kept) = (x.is_nan(), next.is_finite());
        seen[lane] = after(missing, kept, begun, 1.0);
        mean[lane] = after(missing, kept, before, next);
        out[lane] = if !missing && kept { next + 0.0 } else { f64::NAN };
    }
}

/// The mean of all values so far with weights (1 - alpha)^k, k counting sessions back: pandas' `ewm(alpha, adjust=True,
/// ignore_na=False)`, and with alpha = 2/(n+1) Qlib's `EMA`. A missing session lets the weights fade and has the mean so far.
///
/// State: whether a value was seen; the mean; the sum of the weights.
pub fn ewm(alpha: f64, x: &[f64], state: &mut [f64], out: &mut [f64]) {
    let lanes = out.len();
    let (x, [seen, mean, weight]) = (&x[..lanes], slots::<3>(state, lanes));
    for lane in 0..lanes {
        let (x, begun, before) = (x[lane], seen[lane], mean[lane]);
        let faded = weight[lane] * (1.0 - alpha);
        let missing = x.is_nan();
        // the mean moves by its share of the way, so that equal values have exactly themselves
        let moved = before + (x - before) / (faded + 1.0);
        let next = if missing {
            before
        } else if begun > 0.0 {
            moved
        } else {
            x
        };
        let kept = next.is_finite();
        let now = if !kept {
            0.0
        } else if missing {
            begun
        } else {
            1.0
        };
        seen[lane] = now;
        mean[lane] = if kept { next + 0.0 } else { 0.0 };
        weight[lane] = if !kept {
            0.0
        } else if missing {
            faded
        } else {
            faded + 1.0
        };
        out[lane] = if now > 0.0 { next + 0.0 } else { f64::NAN };
    }
}

/// Wilder's sum (in TA-Lib's `PLUS_DM`, `PLUS_DI`, `ADX`): the sum of the first `n - 1` values, and from then on
/// `s - s/n + x`. First valid at the value number `n - 1` (at the first for an `n` of 1, which is the value itself).
///
/// State: how many values were seen (up to `n - 1`); the sum.
pub fn wilder_sum(n: f64, x: &[f64], state: &mut [f64], out: &mut [f64]) {
    let lanes = out.len();
    let (x, [count, sum]) = (&x[..lanes], slots::<2>(state, lanes));
    for lane in 0..lanes {
        let (x, seen, before) = (x[lane], count[lane], sum[lane]);
        let seeding = seen < n - 1.0;
        let now = if seeding { seen + 1.0 } else { seen };
        let next = if seeding { before + x } else { before - before / n + x };
        let (missing, kept) = (x.is_nan(), next.is_finite());
        count[lane] = after(missing, kept, seen, now);
        sum[lane] = after(missing, kept, before, next);
        out[lane] = if !missing && kept && now >= n - 1.0 { next + 0.0 } else { f64::NAN };
    }
}
