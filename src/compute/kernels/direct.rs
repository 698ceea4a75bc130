//! Statistics that have no partial results to put together: every window anew, oldest first.

use std::ops::Range;

use super::tile::{Lanes, Results, TILE, TileKernel};
use super::window::Span;

/// Σ|x - mean| / m over the m valid values of the window: the mean absolute deviation about the mean. In two passes.
pub struct Mad;

impl TileKernel<1> for Mad {
    #[inline(always)]
    fn run(&mut self, lanes: &Lanes<1>, rows: Range<usize>, span: Span, results: &mut Results) {
        let needs = span.needs(1);
        let mut spare = [[f64::NAN; TILE]; 1];
        for row in rows {
            // about the first value, so that equal ones have exactly themselves as mean
            let (mut count, mut pivot, mut sum) = ([0.0; TILE], [f64::NAN; TILE], [0.0; TILE]);
            for at in span.rows(row) {
                let [x] = lanes.row(at, &mut spare);
                for lane in 0..TILE {
                    let missing = x[lane].is_nan();
                    pivot[lane] = if pivot[lane].is_nan() { x[lane] } else { pivot[lane] };
                    count[lane] += if missing { 0.0 } else { 1.0 };
                    sum[lane] += if missing { 0.0 } else { x[lane] - pivot[lane] };
                }
            }
            let mut deviations = [0.0; TILE];
            let means: [f64; TILE] = std::array::from_fn(|lane| pivot[lane] + sum[lane] / count[lane]);
            for at in span.rows(row) {
                let [x] = lanes.row(at, &mut spare);
                for lane in 0..TILE {
                    let deviation = if x[lane].is_nan() { 0.0 } else { (x[lane] - means[lane]).abs() };
                    deviations[lane] += deviation;
                }
            }
            let values =
                std::array::from_fn(
                    |lane| {
                        if count[lane] >= needs { deviations[lane] / count[lane] } else { f64::NAN }
                    },
                );
            results.put(row, &values);
        }
    }
}

/// Σ(1-α)^k x / Σ(1-α)^k over the valid values of the window, k sessions old: the exponentially weighted mean of the window
/// alone, as pandas' `ewm(alpha, adjust=True, ignore_na=False)` of its rows.
pub struct Ewm {
    pub alpha: f64,
}

impl TileKernel<1> for Ewm {
    #[inline(always)]
    fn run(&mut self, lanes: &Lanes<1>, rows: Range<usize>, span: Span, results: &mut Results) {
        let needs = span.needs(1);
        let decay = 1.0 - self.alpha;
        let mut spare = [[f64::NAN; TILE]; 1];
        for row in rows {
            let (mut count, mut mean, mut weight) = ([0.0; TILE], [0.0; TILE], [0.0; TILE]);
            for at in span.rows(row) {
                let [x] = lanes.row(at, &mut spare);
                for lane in 0..TILE {
                    let missing = x[lane].is_nan();
                    let total = weight[lane] * decay + if missing { 0.0 } else { 1.0 };
                    // by steps towards the new value, so that the mean of equal ones is exactly that
                    let step = if count[lane] == 0.0 { x[lane] } else { (x[lane] - mean[lane]) / total };
                    mean[lane] += if missing { 0.0 } else { step };
                    weight[lane] = total;
                    count[lane] += if missing { 0.0 } else { 1.0 };
                }
            }
            let values = std::array::from_fn(|lane| if count[lane] >= needs { mean[lane] } else { f64::NAN });
            results.put(row, &values);
        }
    }
}
