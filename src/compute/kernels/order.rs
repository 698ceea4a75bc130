//! Order statistics of a window. Missing values are skipped.

use std::ops::Range;

use super::sorted::{SortedWindow, median_of, percent_rank, quantile_of};
use super::window::{Grid, Span, TILE, for_each_tile};

fn extreme(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64], wins: impl Fn(f64, f64) -> bool) {
    let needs = span.needs(1);
    for_each_tile(x.lanes, rows, out, |row, lanes, out| {
        let mut count = [0.0; TILE];
        let mut best = [f64::NAN; TILE];
        for row in span.rows(row) {
            for (lane, &value) in x.tile(row, lanes).iter().enumerate().take(TILE) {
                count[lane] += if value.is_nan() { 0.0 } else { 1.0 };
                best[lane] = if wins(value, best[lane]) || best[lane].is_nan() { value } else { best[lane] };
            }
        }
        for (lane, out) in out.iter_mut().enumerate() {
            *out = if count[lane] >= needs { best[lane] } else { f64::NAN };
        }
    });
}

/// The least value of the window.
pub fn min(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    extreme(x, rows, span, out, |value, best| value < best);
}

/// The greatest value of the window.
pub fn max(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    extreme(x, rows, span, out, |value, best| value > best);
}

/// Slides a sorted window down each lane; `f` is given it and the current value.
fn sorted(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64], f: impl Fn(&SortedWindow, f64) -> f64) {
    let mut window = SortedWindow::default();
    for lane in 0..x.lanes {
        window.clear();
        let mut held = span.rows(rows.start).start..span.rows(rows.start).start;
        for (row, out) in rows.clone().zip(out.iter_mut().skip(lane).step_by(x.lanes)) {
            let wanted = span.rows(row);
            for old in held.start..wanted.start {
                window.remove(x.at(old, lane));
            }
            for new in held.end..wanted.end {
                window.insert(x.at(new, lane));
            }
            held = wanted;
            let valid = window.values().len() >= span.min_periods.max(1);
            *out = if valid { f(&window, x.at(row, lane)) } else { f64::NAN };
        }
    }
}

/// The median of the window.
pub fn median(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    sorted(x, rows, span, out, |window, _| median_of(window.values()));
}

/// The `q`-quantile of the window, 0 ≤ q ≤ 1, by linear interpolation.
pub fn quantile(x: Grid, rows: Range<usize>, span: Span, q: f64, out: &mut [f64]) {
    sorted(x, rows, span, out, |window, _| quantile_of(window.values(), q));
}

/// The percentile rank of the current value in its window: ties averaged, divided by the number of valid values; missing
/// where the current value is. pandas' `rolling.rank(pct=True)`, Qlib's `Rank`.
pub fn rank(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    sorted(x, rows, span, out, |window, value| {
        if value.is_nan() {
            return f64::NAN;
        }
        percent_rank(window.below(value), window.up_to(value), window.values().len())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    #[test]
    fn two_lanes_do_not_mix() {
        let x = [3.0, NAN, 1.0, 5.0, 2.0, 4.0];
        let grid = Grid { data: &x, lanes: 2 };
        let span = Span { n: 2, min_periods: 1, anchor: None };
        let mut out = [0.0; 6];
        min(grid, 0..3, span, &mut out);
        assert_eq!((out[0], out[2], out[4]), (3.0, 1.0, 1.0));
        assert!(out[1].is_nan());
        assert_eq!((out[3], out[5]), (5.0, 4.0));
        max(grid, 0..3, span, &mut out);
        assert_eq!((out[2], out[4], out[5]), (3.0, 2.0, 5.0));
        median(grid, 0..3, span, &mut out);
        assert_eq!((out[0], out[2], out[4], out[3], out[5]), (3.0, 2.0, 1.5, 5.0, 4.5));
        rank(grid, 0..3, span, &mut out);
        assert_eq!((out[2], out[4], out[3]), (0.5, 1.0, 1.0));
        assert!(out[1].is_nan());
    }

    #[test]
    fn a_missing_current_value_has_a_median_but_no_rank() {
        let x = [1.0, 2.0, NAN];
        let grid = Grid { data: &x, lanes: 1 };
        let span = Span { n: 3, min_periods: 2, anchor: None };
        let mut out = [0.0; 3];
        median(grid, 0..3, span, &mut out);
        assert!(out[0].is_nan());
        assert_eq!(out[1..], [1.5, 1.5]);
        rank(grid, 0..3, span, &mut out);
        assert!(out[2].is_nan());
        assert_eq!(out[1], 1.0);
    }
}
