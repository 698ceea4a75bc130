//! What was, carried on.

use super::lanes::slots;

/// The newest value, which a missing session takes over. State: whether a value was seen; the value.
pub fn last_valid(x: &[f64], state: &mut [f64], out: &mut [f64]) {
    keep(x, state, out, |_, missing| !missing);
}

/// The first value of all; missing sessions have it too once it was there. State: whether a value was seen; the value.
pub fn first_valid(x: &[f64], state: &mut [f64], out: &mut [f64]) {
    keep(x, state, out, |seen, missing| !seen && !missing);
}

/// `takes` says whether the session's value is to be kept, knowing whether there is one already and whether it is missing.
fn keep(x: &[f64], state: &mut [f64], out: &mut [f64], takes: impl Fn(bool, bool) -> bool) {
    let lanes = out.len();
    let (x, [seen, kept]) = (&x[..lanes], slots::<2>(state, lanes));
    for lane in 0..lanes {
        let take = takes(seen[lane] > 0.0, x[lane].is_nan());
        kept[lane] = if take { x[lane] } else { kept[lane] };
        seen[lane] = if take { 1.0 } else { seen[lane] };
        out[lane] = if seen[lane] > 0.0 { kept[lane] } else { f64::NAN };
    }
}

/// How many sessions with a value ago a Bool was last true; missing before it ever was, and where the Bool itself is missing.
///
/// State: 0 until it was true, then one more than the result.
pub fn bars_since(condition: &[f64], state: &mut [f64], out: &mut [f64]) {
    let lanes = out.len();
    let (condition, [since]) = (&condition[..lanes], slots::<1>(state, lanes));
    for lane in 0..lanes {
        let (is, before) = (condition[lane], since[lane]);
        let passed = if before > 0.0 { before + 1.0 } else { 0.0 };
        let next = if is > 0.0 { 1.0 } else { passed };
        let missing = is.is_nan();
        since[lane] = if missing { before } else { next };
        out[lane] = if missing || next == 0.0 { f64::NAN } else { next - 1.0 };
    }
}
