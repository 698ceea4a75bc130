//! Kaufman's adaptive mean.

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
    let full = n as f64;
    for (lane, &x) in x.iter().enumerate().take(lanes) {
        out[lane] = f64::NAN;
        if x.is_nan() {
            continue;
        }
        let (seen, before) = (state[lane], state[lanes + lane]);
        let past = |back: usize| state[(1 + back) * lanes + lane];
        let next = if n == 1 || seen < full {
            x
        } else {
            let older = (1..n).rev().map(|back| (past(back) - past(back + 1)).abs());
            let changes = older.sum::<f64>() + (x - past(1)).abs();
            let way = x - past(n);
            let efficiency = if changes <= way || changes == 0.0 { 1.0 } else { (way / changes).abs() };
            let root = efficiency * (FASTEST - SLOWEST) + SLOWEST;
            before + root * root * (x - before)
        };
        if !next.is_finite() {
            (0..kama_len(n)).for_each(|slot| state[slot * lanes + lane] = 0.0);
            continue;
        }
        if n == 1 || seen >= full {
            out[lane] = next + 0.0;
        }
        for back in (2..=n).rev() {
            state[(1 + back) * lanes + lane] = state[back * lanes + lane];
        }
        state[2 * lanes + lane] = x;
        state[lanes + lane] = next + 0.0;
        state[lane] = full.min(seen + 1.0);
    }
}
