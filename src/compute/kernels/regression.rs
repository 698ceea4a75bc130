//! The least-squares line through a window, by the positions that have a value, and the mean weighted by position.

#![expect(clippy::needless_range_loop, reason = "the compiler makes better vector code of it than of an iterator")]

use super::pair::is_flat;
use super::rolling::{End, Partial, Statistic};
use super::tile::{TILE, Tile};

/// Sums over positions p (small whole numbers, so that their sums and squares are exact) and over the values' distances d from a
/// pivot, which is one of them, as in [`Powers`](super::moments::Powers).
#[derive(Clone, Copy)]
pub struct Line {
    count: Tile,
    pivot: Tile,
    p: Tile,
    pp: Tile,
    d: Tile,
    dd: Tile,
    pd: Tile,
}

impl Partial<1> for Line {
    const EMPTY: Self = Self {
        count: [0.0; TILE],
        pivot: [f64::NAN; TILE],
        p: [0.0; TILE],
        pp: [0.0; TILE],
        d: [0.0; TILE],
        dd: [0.0; TILE],
        pd: [0.0; TILE],
    };

    #[inline(always)]
    fn push(&mut self, [x]: [&[f64]; 1], position: f64) {
        for lane in 0..x.len().min(TILE) {
            let missing = x[lane].is_nan();
            let pivot = if self.pivot[lane].is_nan() { x[lane] } else { self.pivot[lane] };
            let d = if missing { 0.0 } else { x[lane] - pivot };
            let p = if missing { 0.0 } else { position };
            self.pivot[lane] = pivot;
            self.count[lane] += if missing { 0.0 } else { 1.0 };
            self.p[lane] += p;
            self.pp[lane] += p * p;
            self.d[lane] += d;
            self.dd[lane] += d * d;
            self.pd[lane] += p * d;
        }
    }

    #[inline(always)]
    fn merge(&mut self, older: &Self, newer: &Self, width: usize) {
        for lane in 0..width.min(TILE) {
            let (m, alone) = (older.count[lane], newer.count[lane] == 0.0);
            let shift = if alone || m == 0.0 { 0.0 } else { older.pivot[lane] - newer.pivot[lane] };
            self.pivot[lane] = if alone { older.pivot[lane] } else { newer.pivot[lane] };
            self.count[lane] = newer.count[lane] + m;
            self.p[lane] = newer.p[lane] + older.p[lane];
            self.pp[lane] = newer.pp[lane] + older.pp[lane];
            self.d[lane] = newer.d[lane] + older.d[lane] + m * shift;
            self.dd[lane] = newer.dd[lane] + older.dd[lane] + shift * (2.0 * older.d[lane] + m * shift);
            self.pd[lane] = newer.pd[lane] + older.pd[lane] + shift * older.p[lane];
        }
    }
}

/// The line of one lane: m times the sums about the means, which takes no division; those of positions are exact.
struct Fit {
    m: f64,
    /// m Σ(p - mean p)²
    pp: f64,
    /// m Σ(p - mean p)(x - mean x)
    pd: f64,
}

impl Line {
    #[inline(always)]
    fn fit(&self, lane: usize) -> Fit {
        let (m, p, d) = (self.count[lane], self.p[lane], self.d[lane]);
        Fit { m, pp: m * self.pp[lane] - p * p, pd: m * self.pd[lane] - p * d }
    }

    /// How far the line stands above the pivot at a position.
    #[inline(always)]
    fn above_pivot(&self, lane: usize, position: f64) -> f64 {
        let fit = self.fit(lane);
        let (middle, mean) = (self.p[lane] / fit.m, self.d[lane] / fit.m);
        mean + fit.pd / fit.pp * (position - middle)
    }
}

/// Slope of the regression of the values on their positions, missing values skipped: Qlib's `Slope` without its running
/// sums. Needs two values.
pub struct Slope;

impl Statistic<1> for Slope {
    type Partial = Line;

    #[inline(always)]
    fn write(&self, partial: &Line, end: &End<1>, out: &mut [f64]) {
        let needs = end.span.needs(2);
        for lane in 0..out.len().min(TILE) {
            let fit = partial.fit(lane);
            out[lane] = if fit.m >= needs { fit.pd / fit.pp } else { f64::NAN };
        }
    }
}

/// The value of the line at the window's last position: TA-Lib's `LINEARREG`. Needs two values.
pub struct Fitted;

impl Statistic<1> for Fitted {
    type Partial = Line;

    #[inline(always)]
    fn write(&self, partial: &Line, end: &End<1>, out: &mut [f64]) {
        let needs = end.span.needs(2);
        for lane in 0..out.len().min(TILE) {
            let fitted = partial.pivot[lane] + partial.above_pivot(lane, end.position);
            out[lane] = if partial.count[lane] >= needs { fitted } else { f64::NAN };
        }
    }
}

/// The newest value less what the line says there: Qlib's `Resi`. Needs two values; missing where the newest one is.
pub struct Resid;

impl Statistic<1> for Resid {
    type Partial = Line;

    #[inline(always)]
    fn write(&self, partial: &Line, end: &End<1>, out: &mut [f64]) {
        let needs = end.span.needs(2);
        for lane in 0..out.len().min(TILE) {
            let resid = (end.row[0][lane] - partial.pivot[lane]) - partial.above_pivot(lane, end.position);
            out[lane] = if partial.count[lane] >= needs { resid } else { f64::NAN };
        }
    }
}

/// The share of the values' variance that the line explains: Qlib's `Rsquare`. Needs two values; missing where their
/// standard deviation is zero to within 2e-5.
pub struct RSquare;

impl Statistic<1> for RSquare {
    type Partial = Line;

    #[inline(always)]
    fn write(&self, partial: &Line, end: &End<1>, out: &mut [f64]) {
        let needs = end.span.needs(2);
        for lane in 0..out.len().min(TILE) {
            let fit = partial.fit(lane);
            let squares = fit.m * partial.dd[lane] - partial.d[lane] * partial.d[lane];
            // not the square of `pd`, which overflows first
            let share = (fit.pd / fit.pp) * (fit.pd / squares);
            let share = if share > 1.0 { 1.0 } else { share };
            out[lane] = if (fit.m < needs) | is_flat(squares, fit.m) { f64::NAN } else { share };
        }
    }
}

/// The mean weighted by position in the window, from 1 for its oldest row to n for the newest, over the positions that have a value.
pub struct Wma;

impl Statistic<1> for Wma {
    type Partial = Line;

    #[inline(always)]
    fn write(&self, partial: &Line, end: &End<1>, out: &mut [f64]) {
        let needs = end.span.needs(1);
        let before_first = end.position - end.span.n as f64;
        for lane in 0..out.len().min(TILE) {
            let (count, d) = (partial.count[lane], partial.d[lane]);
            let weights = partial.p[lane] - before_first * count;
            let weighted = partial.pd[lane] - before_first * d;
            out[lane] = if count >= needs { partial.pivot[lane] + weighted / weights } else { f64::NAN };
        }
    }
}

#[cfg(test)]
mod tests {
    use assetctl_expr::WindowFn::{self, *};

    use crate::kernels::{Grid, Span, window};

    fn of(f: WindowFn, x: &[f64], n: usize, anchor: Option<usize>) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        let span = Span { n, min_periods: 1, anchor };
        window(f, &[Grid { data: x, lanes: 1 }], false, 0..x.len(), span, 0.0, &mut out).unwrap();
        out
    }

    #[test]
    fn a_line_has_its_slope_with_holes_and_at_the_start() {
        let x = [f64::NAN, 1.0, 3.0, f64::NAN, 7.0, f64::NAN, f64::NAN];
        for anchor in [None, Some(0), Some(3)] {
            // (function, first value, from the first window of two values on; none after them)
            for (f, first, step) in [(Slope, 2.0, 0.0), (Fitted, 3.0, 2.0), (RSquare, 1.0, 0.0)] {
                let out = of(f, &x, 4, anchor);
                assert!(out[0].is_nan() && out[1].is_nan() && out[6].is_nan(), "{f:?}: {out:?}");
                for (at, out) in out[2..6].iter().enumerate() {
                    assert!((out - (first + step * at as f64)).abs() < 1e-12, "{f:?}: {out} after {at}");
                }
            }
            let out = of(Resid, &x, 4, anchor);
            assert!(out[3].is_nan() && out[5].is_nan());
            assert!(out[2].abs() < 1e-12 && out[4].abs() < 1e-12);
        }
    }

    #[test]
    fn weights_are_positions_and_holes_have_none() {
        let x = [f64::NAN, 3.0, f64::NAN, 6.0];
        for anchor in [None, Some(0), Some(3)] {
            for (n, expected) in [(3, (3.0 + 3.0 * 6.0) / 4.0), (4, (2.0 * 3.0 + 4.0 * 6.0) / 6.0)] {
                assert!((of(Wma, &x, n, anchor)[3] - expected).abs() < 1e-12, "{n} {anchor:?}");
            }
        }
    }
}
