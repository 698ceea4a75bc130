//! The value of some sessions ago, and the change since.

use std::ops::Range;

use super::window::{Grid, Span};
use crate::panel::canonical;

fn lag(x: Grid, rows: Range<usize>, n: usize, out: &mut [f64], f: impl Fn(f64, f64) -> f64) {
    if x.lanes == 0 {
        return;
    }
    for (row, out) in rows.zip(out.chunks_exact_mut(x.lanes)) {
        let Some(before) = row.checked_sub(n) else {
            out.fill(f64::NAN);
            continue;
        };
        let lanes = 0..x.lanes;
        for ((out, &now), &then) in out.iter_mut().zip(x.tile(row, &lanes)).zip(x.tile(before, &lanes)) {
            *out = canonical(f(now, then));
        }
    }
}

/// The value `span.n` sessions ago; missing before the start of history.
pub fn lagged(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    lag(x, rows, span.n, out, |_, then| then);
}

/// 100 (x / x[-n] - 1), and 0 where the value of `span.n` sessions ago is 0: TA-Lib's `ROC`. Missing where either value is.
pub fn roc(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    lag(x, rows, span.n, out, |now, then| if then == 0.0 && !now.is_nan() { 0.0 } else { 100.0 * (now / then - 1.0) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_back_and_not_before_the_start() {
        let x = [1.0, 2.0, 0.0, 4.0, 5.0, f64::NAN];
        let grid = Grid { data: &x, lanes: 1 };
        let mut out = [9.0; 6];
        lagged(grid, 0..6, Span { n: 2, min_periods: 1, anchor: None }, &mut out);
        assert!(out[..2].iter().all(|v| v.is_nan()));
        assert_eq!(out[2..], [1.0, 2.0, 0.0, 4.0]);
        roc(grid, 0..6, Span { n: 2, min_periods: 1, anchor: None }, &mut out);
        assert!(out[..2].iter().all(|v| v.is_nan()));
        assert_eq!(out[2..5], [-100.0, 100.0, 0.0]);
        assert!(out[5].is_nan());
        lagged(grid, 0..6, Span { n: 100, min_periods: 1, anchor: None }, &mut out);
        assert!(out.iter().all(|v| v.is_nan()));
    }
}
