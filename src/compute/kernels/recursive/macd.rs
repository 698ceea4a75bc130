//! The line of MACD.

use super::lanes::{after, slots, step};

/// The difference of two exponential means, the shorter minus the longer (TA-Lib's `MACD` swaps lengths that were given the
/// wrong way round). Both begin at the `slow`-th value: the slow one with the mean of all values until then, the fast one with
/// that of the newest `fast` of them. A missing value changes nothing and has none.
///
/// State: how many values were seen (up to `slow`); for each mean the sum, and from the `slow`-th value on the mean.
pub fn macd_line(lengths: [f64; 2], x: &[f64], state: &mut [f64], out: &mut [f64]) {
    let (fast, slow) = (lengths[0].min(lengths[1]), lengths[0].max(lengths[1]));
    let lanes = out.len();
    let (x, [count, quick, long]) = (&x[..lanes], slots::<3>(state, lanes));
    let (quick_alpha, long_alpha) = (2.0 / (fast + 1.0), 2.0 / (slow + 1.0));
    for lane in 0..lanes {
        let (x, seen) = (x[lane], count[lane]);
        let (quick_before, long_before) = (quick[lane], long[lane]);
        let seeding = seen < slow;
        let now = if seeding { seen + 1.0 } else { seen };
        let last = now == slow;
        let quick_sum = if now > slow - fast { quick_before + x } else { quick_before };
        let long_sum = long_before + x;
        let quick_seed = if last { quick_sum / fast } else { quick_sum };
        let long_seed = if last { long_sum / slow } else { long_sum };
        let quick_next = if seeding { quick_seed } else { step(quick_before, x, quick_alpha) };
        let long_next = if seeding { long_seed } else { step(long_before, x, long_alpha) };
        let line = quick_next - long_next;
        let missing = x.is_nan();
        // finite only if both are
        let kept = line.is_finite();
        count[lane] = after(missing, kept, seen, now);
        quick[lane] = after(missing, kept, quick_before, quick_next);
        long[lane] = after(missing, kept, long_before, long_next);
        out[lane] = if !missing && kept && last { line + 0.0 } else { f64::NAN };
    }
}
