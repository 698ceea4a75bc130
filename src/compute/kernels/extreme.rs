//! The least and the greatest value of a window, and where they stand. Missing values are skipped.

#![expect(clippy::needless_range_loop, reason = "the compiler makes better vector code of it than of an iterator")]

use super::rolling::{End, Partial, Statistic};
use super::tile::{TILE, Tile};

/// Whether a value wins over the best so far. A comparison with NaN is false.
#[inline(always)]
fn beats<const MAX: bool>(value: f64, best: f64) -> bool {
    if MAX { value > best } else { value < best }
}

/// What every value wins over.
const fn worst(max: bool) -> f64 {
    if max { f64::NEG_INFINITY } else { f64::INFINITY }
}

/// The greatest (least) of the valid values.
#[derive(Clone, Copy)]
pub struct Best<const MAX: bool> {
    count: Tile,
    best: Tile,
}

impl<const MAX: bool> Partial<1> for Best<MAX> {
    const EMPTY: Self = Self { count: [0.0; TILE], best: [worst(MAX); TILE] };

    #[inline(always)]
    fn push(&mut self, [x]: [&[f64]; 1], _position: f64) {
        for lane in 0..x.len().min(TILE) {
            self.count[lane] += if x[lane].is_nan() { 0.0 } else { 1.0 };
            self.best[lane] = if beats::<MAX>(x[lane], self.best[lane]) { x[lane] } else { self.best[lane] };
        }
    }

    #[inline(always)]
    fn merge(&mut self, older: &Self, newer: &Self, width: usize) {
        for lane in 0..width.min(TILE) {
            self.count[lane] = older.count[lane] + newer.count[lane];
            self.best[lane] =
                if beats::<MAX>(newer.best[lane], older.best[lane]) { newer.best[lane] } else { older.best[lane] };
        }
    }
}

/// The greatest (least) value of the window.
pub struct Extreme<const MAX: bool>;

impl<const MAX: bool> Statistic<1> for Extreme<MAX> {
    type Partial = Best<MAX>;

    #[inline(always)]
    fn write(&self, partial: &Best<MAX>, end: &End<1>, out: &mut [f64]) {
        let needs = end.span.needs(1);
        for lane in 0..out.len().min(TILE) {
            out[lane] = if partial.count[lane] >= needs { partial.best[lane] } else { f64::NAN };
        }
    }
}

/// The greatest (least) of the valid values and its position: of several the first, or the last.
#[derive(Clone, Copy)]
pub struct BestAt<const MAX: bool, const LAST: bool> {
    count: Tile,
    best: Tile,
    position: Tile,
}

impl<const MAX: bool, const LAST: bool> Partial<1> for BestAt<MAX, LAST> {
    const EMPTY: Self = Self { count: [0.0; TILE], best: [worst(MAX); TILE], position: [f64::NAN; TILE] };

    #[inline(always)]
    fn push(&mut self, [x]: [&[f64]; 1], position: f64) {
        for lane in 0..x.len().min(TILE) {
            let wins = beats::<MAX>(x[lane], self.best[lane]) | (LAST & (x[lane] == self.best[lane]));
            self.count[lane] += if x[lane].is_nan() { 0.0 } else { 1.0 };
            self.best[lane] = if wins { x[lane] } else { self.best[lane] };
            self.position[lane] = if wins { position } else { self.position[lane] };
        }
    }

    #[inline(always)]
    fn push_before(&mut self, [x]: [&[f64]; 1], position: f64) {
        for lane in 0..x.len().min(TILE) {
            let wins = beats::<MAX>(x[lane], self.best[lane]) | (!LAST & (x[lane] == self.best[lane]));
            self.count[lane] += if x[lane].is_nan() { 0.0 } else { 1.0 };
            self.best[lane] = if wins { x[lane] } else { self.best[lane] };
            self.position[lane] = if wins { position } else { self.position[lane] };
        }
    }

    #[inline(always)]
    fn merge(&mut self, older: &Self, newer: &Self, width: usize) {
        for lane in 0..width.min(TILE) {
            let tie = newer.best[lane] == older.best[lane];
            let wins = beats::<MAX>(newer.best[lane], older.best[lane]) | (LAST & tie);
            self.count[lane] = older.count[lane] + newer.count[lane];
            self.best[lane] = if wins { newer.best[lane] } else { older.best[lane] };
            self.position[lane] = if wins { newer.position[lane] } else { older.position[lane] };
        }
    }
}

/// The place of the greatest (least) value, counted from 1 at the window's oldest row, which at the start of history is the first
/// one there is: Qlib's `IdxMax` and `IdxMin`, but for missing values, which Qlib takes for the greatest and the least.
pub struct Place<const MAX: bool, const LAST: bool>;

impl<const MAX: bool, const LAST: bool> Statistic<1> for Place<MAX, LAST> {
    type Partial = BestAt<MAX, LAST>;

    #[inline(always)]
    fn write(&self, partial: &BestAt<MAX, LAST>, end: &End<1>, out: &mut [f64]) {
        let needs = end.span.needs(1);
        let before_first = end.position - end.rows as f64;
        for lane in 0..out.len().min(TILE) {
            out[lane] = if partial.count[lane] >= needs { partial.position[lane] - before_first } else { f64::NAN };
        }
    }
}

#[cfg(test)]
mod tests {
    use assetctl_expr::WindowFn::*;

    use crate::kernels::{Grid, Span, window};

    #[test]
    fn places_count_from_the_first_row_there_is() {
        let x = [1.0, 3.0, f64::NAN, 3.0, 2.0, f64::NAN, f64::NAN, f64::NAN, f64::NAN];
        // (function, of several, places with a window of four)
        let cases = [
            (ArgMax, 0.0, [1.0, 2.0, 2.0, 2.0, 1.0, 2.0, 1.0, 1.0]),
            (ArgMax, 1.0, [1.0, 2.0, 2.0, 4.0, 3.0, 2.0, 1.0, 1.0]),
            (ArgMin, 0.0, [1.0, 1.0, 1.0, 1.0, 4.0, 3.0, 2.0, 1.0]),
        ];
        for anchor in [None, Some(0), Some(2), Some(5)] {
            let span = Span { n: 4, min_periods: 1, anchor };
            for (f, last, expected) in cases {
                let mut out = [0.0; 9];
                window(f, &[Grid { data: &x, lanes: 1 }], false, 0..9, span, last, &mut out).unwrap();
                assert_eq!(out[..8], expected, "{f:?} {last} {anchor:?}");
                assert!(out[8].is_nan());
            }
        }
    }

    #[test]
    fn two_lanes_do_not_mix() {
        let x = [3.0, f64::NAN, 1.0, 5.0, 2.0, 4.0];
        let mut out = [0.0; 6];
        for anchor in [None, Some(1)] {
            let mut of = |f| {
                let span = Span { n: 2, min_periods: 1, anchor };
                window(f, &[Grid { data: &x, lanes: 2 }], false, 0..3, span, 0.0, &mut out).unwrap();
                assert!(out[1].is_nan());
                [out[0], out[2], out[4], out[3], out[5]]
            };
            assert_eq!(of(Min), [3.0, 1.0, 1.0, 5.0, 4.0]);
            assert_eq!(of(Max), [3.0, 3.0, 2.0, 5.0, 5.0]);
        }
    }
}
