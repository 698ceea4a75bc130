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
        for row in rows {
            // about the first value, so that equal ones have exactly themselves as mean
            let (mut count, mut pivot, mut sum) = ([0.0; TILE], [f64::NAN; TILE], [0.0; TILE]);
            for at in span.rows(row) {
                let [x] = lanes.row(at);
                for lane in 0..x.len().min(TILE) {
                    let missing = x[lane].is_nan();
                    pivot[lane] = if pivot[lane].is_nan() { x[lane] } else { pivot[lane] };
                    count[lane] += if missing { 0.0 } else { 1.0 };
                    sum[lane] += if missing { 0.0 } else { x[lane] - pivot[lane] };
                }
            }
            let mut deviations = [0.0; TILE];
            let mut means = [0.0; TILE];
            for lane in 0..lanes.width() {
                means[lane] = pivot[lane] + sum[lane] / count[lane];
            }
            for at in span.rows(row) {
                let [x] = lanes.row(at);
                for lane in 0..x.len().min(TILE) {
                    let deviation = if x[lane].is_nan() { 0.0 } else { (x[lane] - means[lane]).abs() };
                    deviations[lane] += deviation;
                }
            }
            results.row(row, |out| {
                for lane in 0..out.len().min(TILE) {
                    out[lane] = if count[lane] >= needs { deviations[lane] / count[lane] } else { f64::NAN };
                }
            });
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
        for row in rows {
            let (mut count, mut mean, mut weight) = ([0.0; TILE], [0.0; TILE], [0.0; TILE]);
            for at in span.rows(row) {
                let [x] = lanes.row(at);
                for lane in 0..x.len().min(TILE) {
                    let missing = x[lane].is_nan();
                    let total = weight[lane] * decay + if missing { 0.0 } else { 1.0 };
                    // by steps towards the new value, so that the mean of equal ones is exactly that
                    let step = if count[lane] == 0.0 { x[lane] } else { (x[lane] - mean[lane]) / total };
                    mean[lane] += if missing { 0.0 } else { step };
                    weight[lane] = total;
                    count[lane] += if missing { 0.0 } else { 1.0 };
                }
            }
            results.row(row, |out| {
                for lane in 0..out.len().min(TILE) {
                    out[lane] = if count[lane] >= needs { mean[lane] } else { f64::NAN };
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use assetctl_expr::WindowFn;

    use crate::kernels::{Grid, Span, window};

    fn of(f: WindowFn, x: &[f64], n: usize, param: f64) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        let span = Span { n, min_periods: 1, anchor: Some(1) };
        window(f, &[Grid { data: x, lanes: 1 }], false, 0..x.len(), span, param, &mut out).unwrap();
        out
    }

    #[test]
    fn deviations_are_about_the_mean() {
        assert_eq!(of(WindowFn::Mad, &[1.0, f64::NAN, 3.0, 8.0], 3, 0.0), [0.0, 0.0, 1.0, 2.5]);
    }

    #[test]
    fn a_mean_of_the_window_alone_forgets_what_is_before_it() {
        let out = of(WindowFn::EwmWindow, &[1e6, 4.0, f64::NAN, 1.0], 3, 0.5);
        // (1 + 4/4) / (1 + 1/4)
        assert!((out[3] - 1.6).abs() < 1e-12);
        // a missing value leaves the mean as it is
        assert_eq!(out[2], out[1]);
    }
}
