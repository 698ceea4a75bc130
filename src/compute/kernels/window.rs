//! How a window kernel walks a panel: session by session, a tile of neighbouring lanes at a time.

use std::ops::Range;

/// Lanes that are worked on together: their accumulators fit in registers and first-level cache.
pub const TILE: usize = 32;

/// One accumulator per lane of a tile.
pub type Tile = [f64; TILE];

/// A borrowed panel.
#[derive(Debug, Clone, Copy)]
pub struct Grid<'a> {
    /// Row-major values, NaN = missing.
    pub data: &'a [f64],
    /// Values per row.
    pub lanes: usize,
}

impl<'a> Grid<'a> {
    /// The values of some lanes in one row.
    pub fn tile(self, row: usize, lanes: &Range<usize>) -> &'a [f64] {
        &self.data[row * self.lanes + lanes.start..row * self.lanes + lanes.end]
    }

    /// One value.
    pub fn at(self, row: usize, lane: usize) -> f64 {
        self.data[row * self.lanes + lane]
    }
}

/// The window of a function: the last `n` rows, the current one among them.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Number of calendar sessions, at least 1.
    pub n: usize,
    /// Fewer valid values than this give a missing value.
    pub min_periods: usize,
    /// The absolute number of the panel's row 0 among the sessions of its calendar; none where rows have no common number, as
    /// traded bars have not.
    pub anchor: Option<usize>,
}

impl Span {
    /// The rows of the window that ends at `row`, oldest first; cut short at the start of history.
    pub fn rows(self, row: usize) -> Range<usize> {
        (row + 1).saturating_sub(self.n)..row + 1
    }

    /// The number of valid values that a statistic with `at_least` of them by its nature needs.
    pub fn needs(self, at_least: usize) -> f64 {
        self.min_periods.max(at_least) as f64
    }
}

/// Calls `kernel(row, lanes, out)` for every row of `rows` and every tile of lanes; `out` are the values to fill in.
/// `out` as a whole holds `rows`, row-major.
pub fn for_each_tile(
    lanes: usize,
    rows: Range<usize>,
    out: &mut [f64],
    mut kernel: impl FnMut(usize, &Range<usize>, &mut [f64]),
) {
    if lanes == 0 {
        return;
    }
    for (row, out) in rows.zip(out.chunks_exact_mut(lanes)) {
        for (tile, out) in out.chunks_mut(TILE).enumerate() {
            let first = tile * TILE;
            kernel(row, &(first..first + out.len()), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_cut_at_the_start() {
        let span = Span { n: 3, min_periods: 1, anchor: None };
        assert_eq!(span.rows(0), 0..1);
        assert_eq!(span.rows(1), 0..2);
        assert_eq!(span.rows(7), 5..8);
    }

    #[test]
    fn tiles_cover_every_lane_once() {
        let lanes = 2 * TILE + 3;
        let mut out = vec![0.0; 2 * lanes];
        for_each_tile(lanes, 4..6, &mut out, |row, lanes, out| {
            for (lane, out) in lanes.clone().zip(out) {
                *out += (row * 1000 + lane) as f64;
            }
        });
        let expected: Vec<f64> =
            (4..6).flat_map(|row| (0..lanes).map(move |lane| (row * 1000 + lane) as f64)).collect();
        assert_eq!(out, expected);
    }
}
