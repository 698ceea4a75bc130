//! How many values of a window are there, or are true.

#![expect(clippy::needless_range_loop, reason = "the compiler makes better vector code of it than of an iterator")]

use std::ops::Range;

use super::tile::{Lanes, Results, TILE, Tile, TileKernel};
use super::window::Span;

/// The number of values of each lane that are not missing, or of those that are true, in a window that slides. Whole numbers
/// are exact, so that it does not matter where it began.
pub struct Sliding<const TRUE: bool> {
    pub count: Tile,
    held: Range<usize>,
}

/// The number of valid values.
pub type ValidCount = Sliding<false>;

impl<const TRUE: bool> Sliding<TRUE> {
    /// Before the window of `row`.
    #[inline(always)]
    pub fn starting(span: Span, row: usize) -> Self {
        let start = span.rows(row).start;
        Self { count: [0.0; TILE], held: start..start }
    }

    /// Moves on to a window that begins and ends later.
    #[inline(always)]
    pub fn slide(&mut self, lanes: &Lanes<1>, window: Range<usize>) {
        for row in self.held.start..window.start {
            self.add(lanes.row(row), -1.0);
        }
        for row in self.held.end..window.end {
            self.add(lanes.row(row), 1.0);
        }
        self.held = window;
    }

    #[inline(always)]
    fn add(&mut self, [values]: [&[f64]; 1], times: f64) {
        for lane in 0..values.len().min(TILE) {
            let counts = if TRUE { values[lane] > 0.0 } else { !values[lane].is_nan() };
            self.count[lane] += if counts { times } else { 0.0 };
        }
    }
}

/// The number of values that are not missing, or of those that are true. As in pandas and Qlib every session of the window is
/// an observation, so none valid is 0, and `min_periods` asks for sessions of history.
pub struct Count<const TRUE: bool>;

impl<const TRUE: bool> TileKernel<1> for Count<TRUE> {
    #[inline(always)]
    fn run(&mut self, lanes: &Lanes<1>, rows: Range<usize>, span: Span, results: &mut Results) {
        let mut counted = Sliding::<TRUE>::starting(span, rows.start);
        for row in rows {
            let window = span.rows(row);
            let enough = window.len() >= span.min_periods;
            counted.slide(lanes, window);
            results.row(row, |out| {
                for lane in 0..out.len().min(TILE) {
                    out[lane] = if enough { counted.count[lane] } else { f64::NAN };
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use assetctl_expr::WindowFn;

    use crate::kernels::{Grid, Span, window};

    #[test]
    fn counts_what_is_there_or_what_is_true() {
        let x = [1.0, f64::NAN, 0.0, f64::NAN, f64::NAN];
        let mut out = [9.0; 5];
        let mut count = |is_bool, min_periods| {
            let span = Span { n: 2, min_periods, anchor: None };
            let args = [Grid { data: &x, lanes: 1 }];
            window(WindowFn::Count, &args, is_bool, 0..5, span, 0.0, &mut out).unwrap();
            out
        };
        assert_eq!(count(false, 1), [1.0, 1.0, 1.0, 1.0, 0.0]);
        assert_eq!(count(true, 1), [1.0, 1.0, 0.0, 0.0, 0.0]);
        let full = count(false, 2);
        assert!(full[0].is_nan());
        assert_eq!(full[1], 1.0);
    }
}
