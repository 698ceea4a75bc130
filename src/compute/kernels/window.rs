//! A borrowed panel, and the window of a function in it.

use std::ops::Range;

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
}
