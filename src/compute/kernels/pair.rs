//! Covariance and correlation of two columns over a window, by the sessions on which both have a value.

use super::rolling::{End, Partial, Statistic};
use super::tile::{TILE, Tile};

/// A standard deviation up to this counts as zero: Qlib's `np.isclose(std, 0, atol=2e-05)`.
const STD_IS_ZERO: f64 = 2e-5;

/// Whether m values hardly differ; `squares` is m times the sum of their squared deviations.
#[inline(always)]
pub fn is_flat(squares: f64, m: f64) -> bool {
    squares <= STD_IS_ZERO * STD_IS_ZERO * (m * (m - 1.0))
}

/// Sums and products of the pairs' distances from a pivot pair, which is one of them: as
/// [`Powers`](super::moments::Powers), and as precise. The squares are kept where `SQUARES` says so.
#[derive(Clone, Copy)]
pub struct Pairs<const SQUARES: bool> {
    count: Tile,
    pivot_x: Tile,
    pivot_y: Tile,
    x: Tile,
    y: Tile,
    xy: Tile,
    xx: Tile,
    yy: Tile,
}

impl<const SQUARES: bool> Pairs<SQUARES> {
    /// m Σ(x - mean x)(y - mean y) of the m pairs of a lane.
    #[inline(always)]
    fn co_moment(&self, lane: usize) -> f64 {
        self.count[lane] * self.xy[lane] - self.x[lane] * self.y[lane]
    }
}

impl<const SQUARES: bool> Partial<2> for Pairs<SQUARES> {
    const EMPTY: Self = Self {
        count: [0.0; TILE],
        pivot_x: [f64::NAN; TILE],
        pivot_y: [f64::NAN; TILE],
        x: [0.0; TILE],
        y: [0.0; TILE],
        xy: [0.0; TILE],
        xx: [0.0; TILE],
        yy: [0.0; TILE],
    };

    #[inline(always)]
    fn push(&mut self, [x, y]: [&[f64]; 2], _position: f64) {
        for lane in 0..x.len().min(y.len()).min(TILE) {
            let half = x[lane].is_nan() | y[lane].is_nan();
            let first = !half & (self.count[lane] == 0.0);
            let pivot_x = if first { x[lane] } else { self.pivot_x[lane] };
            let pivot_y = if first { y[lane] } else { self.pivot_y[lane] };
            let dx = if half { 0.0 } else { x[lane] - pivot_x };
            let dy = if half { 0.0 } else { y[lane] - pivot_y };
            self.pivot_x[lane] = pivot_x;
            self.pivot_y[lane] = pivot_y;
            self.count[lane] += if half { 0.0 } else { 1.0 };
            self.x[lane] += dx;
            self.y[lane] += dy;
            self.xy[lane] += dx * dy;
            if SQUARES {
                self.xx[lane] += dx * dx;
                self.yy[lane] += dy * dy;
            }
        }
    }

    #[inline(always)]
    fn merge(&mut self, older: &Self, newer: &Self, width: usize) {
        for lane in 0..width.min(TILE) {
            let (m, alone) = (older.count[lane], newer.count[lane] == 0.0);
            let (x, y) = (older.x[lane], older.y[lane]);
            let here = alone || m == 0.0;
            let dx = if here { 0.0 } else { older.pivot_x[lane] - newer.pivot_x[lane] };
            let dy = if here { 0.0 } else { older.pivot_y[lane] - newer.pivot_y[lane] };
            self.pivot_x[lane] = if alone { older.pivot_x[lane] } else { newer.pivot_x[lane] };
            self.pivot_y[lane] = if alone { older.pivot_y[lane] } else { newer.pivot_y[lane] };
            self.count[lane] = newer.count[lane] + m;
            self.x[lane] = newer.x[lane] + x + m * dx;
            self.y[lane] = newer.y[lane] + y + m * dy;
            self.xy[lane] = newer.xy[lane] + older.xy[lane] + dx * y + dy * (x + m * dx);
            if SQUARES {
                self.xx[lane] = newer.xx[lane] + older.xx[lane] + dx * (2.0 * x + m * dx);
                self.yy[lane] = newer.yy[lane] + older.yy[lane] + dy * (2.0 * y + m * dy);
            }
        }
    }
}

/// Σ(x - mean x)(y - mean y) / (m - 1) over the m pairs of the window. Needs two pairs.
pub struct Cov;

impl Statistic<2> for Cov {
    type Partial = Pairs<false>;

    #[inline(always)]
    fn write(&self, partial: &Pairs<false>, end: &End<2>, out: &mut [f64]) {
        let needs = end.span.needs(2);
        for lane in 0..out.len().min(TILE) {
            let m = partial.count[lane];
            out[lane] = if m >= needs { partial.co_moment(lane) / (m * (m - 1.0)) } else { f64::NAN };
        }
    }
}

/// Pearson's correlation of the pairs of the window. Needs two pairs; missing where the standard deviation of either
/// side is zero to within 2e-5, as in Qlib's `Corr`.
pub struct Corr;

impl Statistic<2> for Corr {
    type Partial = Pairs<true>;

    #[inline(always)]
    fn write(&self, partial: &Pairs<true>, end: &End<2>, out: &mut [f64]) {
        let needs = end.span.needs(2);
        for lane in 0..out.len().min(TILE) {
            let (m, x, y) = (partial.count[lane], partial.x[lane], partial.y[lane]);
            let xx = m * partial.xx[lane] - x * x;
            let yy = m * partial.yy[lane] - y * y;
            let corr = partial.co_moment(lane) / (xx.sqrt() * yy.sqrt());
            // rounding can leave a perfect correlation a last bit above 1
            let corr = if corr > 1.0 { 1.0 } else { corr };
            let corr = if corr < -1.0 { -1.0 } else { corr };
            out[lane] = if (m < needs) | is_flat(xx, m) | is_flat(yy, m) { f64::NAN } else { corr };
        }
    }
}

#[cfg(test)]
mod tests {
    use assetctl_expr::WindowFn::{self, *};

    use crate::kernels::{Grid, Span, window};

    const NAN: f64 = f64::NAN;

    /// Of all rows, anchored somewhere within them.
    fn last(f: WindowFn, x: &[f64], y: &[f64]) -> f64 {
        let mut out = vec![0.0; x.len()];
        let grid = |data| Grid { data, lanes: 1 };
        let span = Span { n: x.len(), min_periods: 2, anchor: Some(2) };
        window(f, &[grid(x), grid(y)], false, 0..x.len(), span, 0.0, &mut out).unwrap();
        out[x.len() - 1]
    }

    #[test]
    fn pairs_with_a_hole_are_left_out() {
        let x = [1.0, 2.0, NAN, 3.0, 100.0];
        let y = [2.0, 4.0, 50.0, 6.0, NAN];
        assert!((last(Corr, &x, &y) - 1.0).abs() < 1e-12);
        assert_eq!(last(Cov, &x, &y), 2.0);
    }

    #[test]
    fn a_flat_side_has_no_correlation() {
        let x = [1.0, 2.0, 3.0];
        assert!(last(Corr, &x, &[5.0, 5.0, 5.0]).is_nan());
        assert!(last(Corr, &[0.1, 0.10001, 0.1], &x).is_nan());
        assert_eq!(last(Cov, &x, &[5.0, 5.0, 5.0]), 0.0);
        assert!(last(Corr, &x, &[3.0, 2.9, 2.8]) < -0.999_999);
    }

    #[test]
    fn one_pair_is_none() {
        assert!(last(Cov, &[1.0, NAN], &[1.0, 2.0]).is_nan());
        assert!(last(Corr, &[1.0, NAN], &[1.0, 2.0]).is_nan());
    }
}
