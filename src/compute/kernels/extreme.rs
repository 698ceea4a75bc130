//! The least and the greatest value of a window, and where they stand. Missing values are skipped.

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
    fn push(&mut self, [x]: [&Tile; 1], _position: f64) {
        for lane in 0..TILE {
            self.count[lane] += if x[lane].is_nan() { 0.0 } else { 1.0 };
            self.best[lane] = if beats::<MAX>(x[lane], self.best[lane]) { x[lane] } else { self.best[lane] };
        }
    }

    #[inline(always)]
    fn merge(older: &Self, newer: &Self) -> Self {
        let mut merged = *older;
        for lane in 0..TILE {
            merged.count[lane] += newer.count[lane];
            merged.best[lane] =
                if beats::<MAX>(newer.best[lane], older.best[lane]) { newer.best[lane] } else { older.best[lane] };
        }
        merged
    }
}

/// The greatest (least) value of the window.
pub struct Extreme<const MAX: bool>;

impl<const MAX: bool> Statistic<1> for Extreme<MAX> {
    type Partial = Best<MAX>;

    #[inline(always)]
    fn of(&self, partial: &Best<MAX>, end: &End<1>) -> Tile {
        let needs = end.span.needs(1);
        std::array::from_fn(|lane| if partial.count[lane] >= needs { partial.best[lane] } else { f64::NAN })
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
    fn push(&mut self, [x]: [&Tile; 1], position: f64) {
        for lane in 0..TILE {
            let wins = beats::<MAX>(x[lane], self.best[lane]) | (LAST & (x[lane] == self.best[lane]));
            self.count[lane] += if x[lane].is_nan() { 0.0 } else { 1.0 };
            self.best[lane] = if wins { x[lane] } else { self.best[lane] };
            self.position[lane] = if wins { position } else { self.position[lane] };
        }
    }

    #[inline(always)]
    fn push_before(&mut self, [x]: [&Tile; 1], position: f64) {
        for lane in 0..TILE {
            let wins = beats::<MAX>(x[lane], self.best[lane]) | (!LAST & (x[lane] == self.best[lane]));
            self.count[lane] += if x[lane].is_nan() { 0.0 } else { 1.0 };
            self.best[lane] = if wins { x[lane] } else { self.best[lane] };
            self.position[lane] = if wins { position } else { self.position[lane] };
        }
    }

    #[inline(always)]
    fn merge(older: &Self, newer: &Self) -> Self {
        let mut merged = *older;
        for lane in 0..TILE {
            let tie = newer.best[lane] == older.best[lane];
            let wins = beats::<MAX>(newer.best[lane], older.best[lane]) | (LAST & tie);
            merged.count[lane] += newer.count[lane];
            merged.best[lane] = if wins { newer.best[lane] } else { older.best[lane] };
            merged.position[lane] = if wins { newer.position[lane] } else { older.position[lane] };
        }
        merged
    }
}

/// The place of the greatest (least) value, counted from 1 at the window's oldest row, which at the start of history is the first
/// one there is: Qlib's `IdxMax` and `IdxMin`, but for missing values, which Qlib takes for the greatest and the least.
pub struct Place<const MAX: bool, const LAST: bool>;

impl<const MAX: bool, const LAST: bool> Statistic<1> for Place<MAX, LAST> {
    type Partial = BestAt<MAX, LAST>;

    #[inline(always)]
    fn of(&self, partial: &BestAt<MAX, LAST>, end: &End<1>) -> Tile {
        let needs = end.span.needs(1);
        let before_first = end.position - end.rows as f64;
        std::array::from_fn(
            |lane| {
                if partial.count[lane] >= needs { partial.position[lane] - before_first } else { f64::NAN }
            },
        )
    }
}
