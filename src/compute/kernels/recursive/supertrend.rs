//! The supertrend.

use super::lanes::{load, store};

/// Slots of a lane: the direction (0 before the first bar), the upper and the lower band, the close.
pub const SUPERTREND_LEN: usize = 4;

/// `(high + low) / 2 ± multiplier * atr` are the bands. The upper band does not rise unless the close before was above it, the
/// lower one does not fall unless the close before was below it. An upward trend (1), whose line is the lower band, turns
/// when the close is below it; a downward one (-1), whose line is the upper band, when the close is above it. The first bar is
/// up. TA-Lib's `SUPERTREND`.
///
/// `part` 0 is the line, any other the direction. First valid at the first bar of which all four operands are there; a bar of
/// which one is missing changes nothing and has no value.
pub fn supertrend(multiplier: f64, part: u8, bar: [&[f64]; 4], state: &mut [f64], out: &mut [f64]) {
    let lanes = out.len();
    for (lane, out) in out.iter_mut().enumerate() {
        *out = f64::NAN;
        let bar = bar.map(|row| row[lane]);
        if bar.iter().any(|value| value.is_nan()) {
            continue;
        }
        let next = turn(load(state, lanes, lane), bar, multiplier);
        let [direction, upper, lower, _] = next;
        if store(state, lanes, lane, next) {
            let line = if direction > 0.0 { lower } else { upper };
            *out = if part == 0 { line + 0.0 } else { direction };
        }
    }
}

fn turn(before: [f64; SUPERTREND_LEN], bar: [f64; 4], multiplier: f64) -> [f64; SUPERTREND_LEN] {
    let [direction, upper_before, lower_before, close_before] = before;
    let [high, low, close, atr] = bar;
    let (middle, reach) = ((high + low) / 2.0, multiplier * atr);
    let (mut upper, mut lower) = (middle + reach, middle - reach);
    if direction == 0.0 {
        return [1.0, upper, lower, close];
    }
    if upper >= upper_before && close_before <= upper_before {
        upper = upper_before;
    }
    if lower <= lower_before && close_before >= lower_before {
        lower = lower_before;
    }
    let turns = if direction > 0.0 { close < lower } else { close > upper };
    [if turns { -direction } else { direction }, upper, lower, close]
}
