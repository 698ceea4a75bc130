//! Wilder's parabolic stop and reverse.

use super::lanes::{load, store};

/// Slots of a lane: what the lane is doing, the bar before (high, low), the stop for the coming bar, the extreme price of
/// the trade, the acceleration.
pub const SAR_LEN: usize = 6;

/// What a lane is doing: the first slot. 0 is nothing yet.
const ONE_BAR: f64 = 1.0;
const LONG: f64 = 2.0;
const SHORT: f64 = 3.0;

/// `lane` is taken over a bar; returns the stop of that bar, if there is one.
///
/// TA-Lib's `SAR`: the first bar gives the first stop. The second decides the direction: short if the low fell by more than
/// the high rose, else long. A stop that is reached turns the trade, and becomes the extreme of the trade that ends. The stop
/// never lies inside the last two bars. An acceleration above the largest is brought down to it.
fn turn(lane: [f64; SAR_LEN], high: f64, low: f64, acceleration: f64, largest: f64) -> ([f64; SAR_LEN], Option<f64>) {
    let [phase, mut high_before, mut low_before, mut stop, mut extreme, mut speed] = lane;
    if phase < ONE_BAR {
        return ([ONE_BAR, high, low, 0.0, 0.0, 0.0], None);
    }
    let acceleration = acceleration.min(largest);
    let mut long = phase == LONG;
    if phase == ONE_BAR {
        let (up, down) = (high - high_before, low_before - low);
        long = !(down > 0.0 && up < down);
        (stop, extreme) = if long { (low_before, high) } else { (high_before, low) };
        speed = acceleration;
        // the first bar was used up as the stop
        (high_before, low_before) = (high, low);
    }
    let below = |stop: f64| stop.min(low_before).min(low);
    let above = |stop: f64| stop.max(high_before).max(high);
    let reached = if long { low <= stop } else { high >= stop };
    if reached {
        stop = if long { above(extreme) } else { below(extreme) };
        long = !long;
        (extreme, speed) = (if long { high } else { low }, acceleration);
    }
    let today = stop;
    let further = if long { high > extreme } else { low < extreme };
    if further && !reached {
        extreme = if long { high } else { low };
        speed = (speed + acceleration).min(largest);
    }
    let moved = stop + speed * (extreme - stop);
    stop = if long { below(moved) } else { above(moved) };
    ([if long { LONG } else { SHORT }, high, low, stop, extreme, speed], Some(today))
}

/// The stop of each bar. First valid at the second bar. A bar with a missing high or low changes nothing and has none.
pub fn sar(acceleration: f64, largest: f64, high: &[f64], low: &[f64], state: &mut [f64], out: &mut [f64]) {
    let lanes = out.len();
    for (lane, out) in out.iter_mut().enumerate() {
        *out = f64::NAN;
        let (high, low) = (high[lane], low[lane]);
        if !high.is_nan() && !low.is_nan() {
            let (next, stop) = turn(load(state, lanes, lane), high, low, acceleration, largest);
            if store(state, lanes, lane, next)
                && let Some(stop) = stop
            {
                *out = stop + 0.0;
            }
        }
    }
}
