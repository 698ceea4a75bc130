//! Covariance and correlation of two columns over a window, by the sessions on which both have a value.

use std::ops::Range;

use super::moments::Sums;
use super::window::{Grid, Span, TILE, Tile, for_each_tile};

/// A standard deviation up to this counts as zero: Qlib's `np.isclose(std, 0, atol=2e-05)`.
const STD_IS_ZERO: f64 = 2e-5;

/// Sums of squares and products about the means, per lane. NaN where a sum overflows.
struct CoMoments {
    count: Tile,
    xx: Tile,
    yy: Tile,
    xy: Tile,
}

impl CoMoments {
    /// In two passes: the means of the pairs, then the products about them.
    fn of(x: Grid, y: Grid, rows: Range<usize>, lanes: &Range<usize>) -> Self {
        let (mut sums_x, mut sums_y) = (Sums::EMPTY, Sums::EMPTY);
        for row in rows.clone() {
            let pairs = x.tile(row, lanes).iter().zip(y.tile(row, lanes));
            for (lane, (&x, &y)) in pairs.enumerate().take(TILE) {
                let half = x.is_nan() || y.is_nan();
                sums_x.add(lane, if half { f64::NAN } else { x });
                sums_y.add(lane, if half { f64::NAN } else { y });
            }
        }
        let (mean_x, mean_y) = (sums_x.means(), sums_y.means());
        let (mut xx, mut yy, mut xy) = ([0.0; TILE], [0.0; TILE], [0.0; TILE]);
        for row in rows {
            let pairs = x.tile(row, lanes).iter().zip(y.tile(row, lanes));
            for (lane, (&x, &y)) in pairs.enumerate().take(TILE) {
                let half = x.is_nan() || y.is_nan();
                let dx = if half { 0.0 } else { x - mean_x[lane] };
                let dy = if half { 0.0 } else { y - mean_y[lane] };
                xx[lane] += dx * dx;
                yy[lane] += dy * dy;
                xy[lane] += dx * dy;
            }
        }
        Self { count: sums_x.count, xx, yy, xy }
    }
}

/// Σ(x - mean x)(y - mean y) / (m - 1) over the m pairs of the window. Needs two pairs.
pub fn cov(x: Grid, y: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    let needs = span.needs(2);
    for_each_tile(x.lanes, rows, out, |row, lanes, out| {
        let moments = CoMoments::of(x, y, span.rows(row), lanes);
        for (lane, out) in out.iter_mut().enumerate() {
            let count = moments.count[lane];
            *out = if count >= needs { moments.xy[lane] / (count - 1.0) } else { f64::NAN };
        }
    });
}

/// Pearson's correlation of the pairs of the window. Needs two pairs; missing where the standard deviation of either
/// side is zero to within 2e-5, as in Qlib's `Corr`.
pub fn corr(x: Grid, y: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    let needs = span.needs(2);
    for_each_tile(x.lanes, rows, out, |row, lanes, out| {
        let moments = CoMoments::of(x, y, span.rows(row), lanes);
        for (lane, out) in out.iter_mut().enumerate() {
            let count = moments.count[lane];
            let flat = |squares: f64| (squares / (count - 1.0)).sqrt() <= STD_IS_ZERO;
            let (xx, yy) = (moments.xx[lane], moments.yy[lane]);
            *out = if count < needs || flat(xx) || flat(yy) {
                f64::NAN
            } else {
                // rounding can leave a perfect correlation a last bit above 1
                (moments.xy[lane] / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0)
            };
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn last(kernel: impl Fn(Grid, Grid, Range<usize>, Span, &mut [f64]), x: &[f64], y: &[f64]) -> f64 {
        let mut out = vec![0.0; x.len()];
        let grid = |data| Grid { data, lanes: 1 };
        kernel(grid(x), grid(y), 0..x.len(), Span { n: x.len(), min_periods: 2, anchor: None }, &mut out);
        out[x.len() - 1]
    }

    #[test]
    fn pairs_with_a_hole_are_left_out() {
        let x = [1.0, 2.0, NAN, 3.0, 100.0];
        let y = [2.0, 4.0, 50.0, 6.0, NAN];
        assert!((last(corr, &x, &y) - 1.0).abs() < 1e-12);
        assert_eq!(last(cov, &x, &y), 2.0);
    }

    #[test]
    fn a_flat_side_has_no_correlation() {
        let x = [1.0, 2.0, 3.0];
        assert!(last(corr, &x, &[5.0, 5.0, 5.0]).is_nan());
        assert!(last(corr, &[0.1, 0.10001, 0.1], &x).is_nan());
        assert_eq!(last(cov, &x, &[5.0, 5.0, 5.0]), 0.0);
        assert!(last(corr, &x, &[3.0, 2.9, 2.8]) < -0.999_999);
    }

    #[test]
    fn one_pair_is_none() {
        assert!(last(cov, &[1.0, NAN], &[1.0, 2.0]).is_nan());
        assert!(last(corr, &[1.0, NAN], &[1.0, 2.0]).is_nan());
    }
}
