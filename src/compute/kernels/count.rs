//! How many values of a window are there, or are true.

use std::ops::Range;

use super::window::{Grid, Span, TILE, for_each_tile};

fn count_by(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64], counts: impl Fn(f64) -> bool) {
    for_each_tile(x.lanes, rows, out, |row, lanes, out| {
        let window = span.rows(row);
        let sessions = window.len();
        let mut count = [0.0; TILE];
        for row in window {
            for (lane, &value) in x.tile(row, lanes).iter().enumerate().take(TILE) {
                count[lane] += if counts(value) { 1.0 } else { 0.0 };
            }
        }
        for (lane, out) in out.iter_mut().enumerate() {
            *out = if sessions >= span.min_periods { count[lane] } else { f64::NAN };
        }
    });
}

/// The number of values that are not missing. As in pandas and Qlib every session of the window is an observation, so
/// none valid is 0, and `min_periods` asks for sessions of history.
pub fn count(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    count_by(x, rows, span, out, |value| !value.is_nan());
}

/// The number of sessions on which a Bool is true.
pub fn count_true(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    count_by(x, rows, span, out, |value| value > 0.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_there_or_what_is_true() {
        let x = [1.0, f64::NAN, 0.0, f64::NAN, f64::NAN];
        let grid = Grid { data: &x, lanes: 1 };
        let mut out = [9.0; 5];
        count(grid, 0..5, Span { n: 2, min_periods: 1, anchor: None }, &mut out);
        assert_eq!(out, [1.0, 1.0, 1.0, 1.0, 0.0]);
        count_true(grid, 0..5, Span { n: 2, min_periods: 1, anchor: None }, &mut out);
        assert_eq!(out, [1.0, 1.0, 0.0, 0.0, 0.0]);
        count(grid, 0..5, Span { n: 2, min_periods: 2, anchor: None }, &mut out);
        assert!(out[0].is_nan());
        assert_eq!(out[1], 1.0);
    }
}
