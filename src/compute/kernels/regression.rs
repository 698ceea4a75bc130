//! The least-squares line through a window.

use std::ops::Range;

use super::moments::Sums;
use super::window::{Grid, Span, TILE, for_each_tile};

/// Slope of the regression of the values on their positions 1…n in the window, missing values skipped: Qlib's `Slope`
/// without its running sums. Needs two values.
///
/// Positions count from the window's end. That changes no slope, and a window cut short by the start of history has the
/// same bits as one whose first rows are missing.
pub fn slope(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    let needs = span.needs(2);
    for_each_tile(x.lanes, rows, out, |row, lanes, out| {
        let position = |at: usize| span.n as f64 - (row - at) as f64;
        let (mut sums, mut positions) = (Sums::EMPTY, [0.0; TILE]);
        for at in span.rows(row) {
            for (lane, &value) in x.tile(at, lanes).iter().enumerate().take(TILE) {
                sums.add(lane, value);
                positions[lane] += if value.is_nan() { 0.0 } else { position(at) };
            }
        }
        let means = sums.means();
        let middle: [f64; TILE] = std::array::from_fn(|lane| positions[lane] / sums.count[lane]);
        let (mut pp, mut px) = ([0.0; TILE], [0.0; TILE]);
        for at in span.rows(row) {
            for (lane, &value) in x.tile(at, lanes).iter().enumerate().take(TILE) {
                let p = if value.is_nan() { 0.0 } else { position(at) - middle[lane] };
                let d = if value.is_nan() { 0.0 } else { value - means[lane] };
                pp[lane] += p * p;
                px[lane] += p * d;
            }
        }
        for (lane, out) in out.iter_mut().enumerate() {
            *out = if sums.count[lane] >= needs { px[lane] / pp[lane] } else { f64::NAN };
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope_with_holes_and_at_the_start() {
        let x = [f64::NAN, 1.0, 3.0, f64::NAN, 7.0, f64::NAN, f64::NAN];
        let mut out = [0.0; 7];
        slope(Grid { data: &x, lanes: 1 }, 0..7, Span { n: 4, min_periods: 2, anchor: None }, &mut out);
        assert!(out[0].is_nan() && out[1].is_nan() && out[6].is_nan());
        assert!(out[2..6].iter().all(|slope| (slope - 2.0).abs() < 1e-12), "{out:?}");
    }

    #[test]
    fn one_value_has_no_slope_whatever_min_periods_says() {
        let mut out = [0.0];
        slope(Grid { data: &[1.0], lanes: 1 }, 0..1, Span { n: 1, min_periods: 1, anchor: None }, &mut out);
        assert!(out[0].is_nan());
    }
}
