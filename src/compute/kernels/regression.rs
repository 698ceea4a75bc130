//! The least-squares line through a window, by the positions that have a value, and the mean weighted by position.

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
    fn push(&mut self, [x]: [&Tile; 1], position: f64) {
        for lane in 0..TILE {
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
    fn merge(older: &Self, newer: &Self) -> Self {
        let mut merged = *newer;
        for lane in 0..TILE {
            let (m, alone) = (older.count[lane], newer.count[lane] == 0.0);
            let shift = if alone || m == 0.0 { 0.0 } else { older.pivot[lane] - newer.pivot[lane] };
            merged.pivot[lane] = if alone { older.pivot[lane] } else { newer.pivot[lane] };
            merged.count[lane] += m;
            merged.p[lane] += older.p[lane];
            merged.pp[lane] += older.pp[lane];
            merged.d[lane] += older.d[lane] + m * shift;
            merged.dd[lane] += older.dd[lane] + shift * (2.0 * older.d[lane] + m * shift);
            merged.pd[lane] += older.pd[lane] + shift * older.p[lane];
        }
        merged
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
    fn of(&self, partial: &Line, end: &End<1>) -> Tile {
        let needs = end.span.needs(2);
        std::array::from_fn(|lane| {
            let fit = partial.fit(lane);
            if fit.m >= needs { fit.pd / fit.pp } else { f64::NAN }
        })
    }
}

/// The value of the line at the window's last position: TA-Lib's `LINEARREG`. Needs two values.
pub struct Fitted;

impl Statistic<1> for Fitted {
    type Partial = Line;

    #[inline(always)]
    fn of(&self, partial: &Line, end: &End<1>) -> Tile {
        let needs = end.span.needs(2);
        std::array::from_fn(|lane| {
            let fitted = partial.pivot[lane] + partial.above_pivot(lane, end.position);
            if partial.count[lane] >= needs { fitted } else { f64::NAN }
        })
    }
}

/// The newest value less what the line says there: Qlib's `Resi`. Needs two values; missing where the newest one is.
pub struct Resid;

impl Statistic<1> for Resid {
    type Partial = Line;

    #[inline(always)]
    fn of(&self, partial: &Line, end: &End<1>) -> Tile {
        let needs = end.span.needs(2);
        std::array::from_fn(|lane| {
            let resid = (end.row[0][lane] - partial.pivot[lane]) - partial.above_pivot(lane, end.position);
            if partial.count[lane] >= needs { resid } else { f64::NAN }
        })
    }
}

/// The share of the values' variance that the line explains: Qlib's `Rsquare`. Needs two values; missing where their
/// standard deviation is zero to within 2e-5.
pub struct RSquare;

impl Statistic<1> for RSquare {
    type Partial = Line;

    #[inline(always)]
    fn of(&self, partial: &Line, end: &End<1>) -> Tile {
        let needs = end.span.needs(2);
        std::array::from_fn(|lane| {
            let fit = partial.fit(lane);
            let squares = fit.m * partial.dd[lane] - partial.d[lane] * partial.d[lane];
            // not the square of `pd`, which overflows first
            let share = (fit.pd / fit.pp) * (fit.pd / squares);
            let share = if share > 1.0 { 1.0 } else { share };
            if (fit.m < needs) | is_flat(squares, fit.m) { f64::NAN } else { share }
        })
    }
}

/// The mean weighted by position in the window, from 1 for its oldest row to n for the newest, over the positions that have a value.
pub struct Wma;

impl Statistic<1> for Wma {
    type Partial = Line;

    #[inline(always)]
    fn of(&self, partial: &Line, end: &End<1>) -> Tile {
        let needs = end.span.needs(1);
        let before_first = end.position - end.span.n as f64;
        std::array::from_fn(|lane| {
            let (count, d) = (partial.count[lane], partial.d[lane]);
            let weights = partial.p[lane] - before_first * count;
            let weighted = partial.pd[lane] - before_first * d;
            if count >= needs { partial.pivot[lane] + weighted / weights } else { f64::NAN }
        })
    }
}
