//! Kaufman's adaptive mean.

use super::lanes::{after, slots};
use super::smooth::from_first;

/// The smoothing of TA-Lib's `KAMA`: between those of a 30-bar and a 2-bar exponential mean.
const SLOWEST: f64 = 2.0 / (30.0 + 1.0);
const FASTEST: f64 = 2.0 / (2.0 + 1.0);

/// How many slots a lane has: see [`kama`].
pub fn kama_len(n: usize) -> usize {
    n.saturating_add(2)
}

/// `s + c (x - s)` with `c = (e (2/3 - 2/31) + 2/31)²` and the efficiency ratio `e = |x - x(n before)| / Σ|changes|` over the
/// last `n` changes (1 where all are zero), beginning with the value before the first result: TA-Lib's `KAMA`. First valid
/// at the value number `n + 1`; an `n` of 1 is the value itself (TA-Lib since 0.8). A missing value changes nothing and has none.
///
/// The changes are summed anew from the last `n` values, oldest first; TA-Lib carries a running sum.
///
/// State: how many values were seen (up to `n`); the mean, which is the newest value until then; the last `n` values, newest first.
pub fn kama(n: usize, x: &[f64], state: &mut [f64], out: &mut [f64]) {
    let lanes = out.len();
    let x = &x[..lanes];
    if n == 1 {
        // no mean to keep; the state says that there was a value
        from_first(1.0, None, x, state, out);
        return;
    }
    let (head, past) = state.split_at_mut(2 * lanes);
    let [count, mean] = slots::<2>(head, lanes);
    sum_changes(n, x, past, out);
    let (newest, oldest) = (&past[..lanes], &past[(n - 1) * lanes..n * lanes]);
    let full = n as f64;
    let mut lost = false;
    for lane in 0..lanes {
        let (x, seen, before, changes) = (x[lane], count[lane], mean[lane], out[lane] + (x[lane] - newest[lane]).abs());
        let way = x - oldest[lane];
        let efficiency = if changes <= way || changes == 0.0 { 1.0 } else { (way / changes).abs() };
        let root = efficiency * (FASTEST - SLOWEST) + SLOWEST;
        let next = if seen < full { x } else { before + root * root * (x - before) };
        let (missing, kept) = (x.is_nan(), next.is_finite());
        lost |= !missing && !kept;
        count[lane] = after(missing, kept, seen, full.min(seen + 1.0));
        mean[lane] = after(missing, kept, before, next);
        out[lane] = if !missing && kept && seen >= full { next + 0.0 } else { f64::NAN };
    }
    shift(n, x, past);
    if lost {
        forget(past, count);
    }
}

/// Adds up the sizes of the changes between the last `n` values, oldest first.
fn sum_changes(n: usize, x: &[f64], past: &[f64], out: &mut [f64]) {
    let lanes = x.len();
    let slot = |back: usize| &past[(back - 1) * lanes..back * lanes];
    out.fill(0.0);
    for back in (1..n).rev() {
        for ((sum, newer), older) in out.iter_mut().zip(slot(back)).zip(slot(back + 1)) {
            *sum += (newer - older).abs();
        }
    }
}

/// Makes `x` the newest of the last `n` values, where it is not missing.
fn shift(n: usize, x: &[f64], past: &mut [f64]) {
    let lanes = x.len();
    for back in (1..n).rev() {
        let (newer, older) = past[(back - 1) * lanes..].split_at_mut(lanes);
        for ((older, newer), x) in older.iter_mut().zip(newer).zip(x) {
            *older = if x.is_nan() { *older } else { *newer };
        }
    }
    for (newest, x) in past.iter_mut().zip(x) {
        *newest = if x.is_nan() { *newest } else { *x };
    }
}

/// Clears the values of lanes that have seen none.
fn forget(past: &mut [f64], count: &[f64]) {
    for slot in past.chunks_exact_mut(count.len()) {
        for (value, seen) in slot.iter_mut().zip(count) {
            *value = if *seen == 0.0 { 0.0 } else { *value };
        }
    }
}
