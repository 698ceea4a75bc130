//! Sum, mean, variance and standard deviation of a window. Missing values are skipped, as pandas' `rolling` does.

use std::ops::Range;

use super::window::{Grid, Span, TILE, Tile, for_each_tile};

/// Number, sum and bounds of the valid values of a window, per lane.
pub struct Sums {
    pub count: Tile,
    pub sum: Tile,
    low: Tile,
    high: Tile,
}

impl Sums {
    pub const EMPTY: Self =
        Self { count: [0.0; TILE], sum: [0.0; TILE], low: [f64::INFINITY; TILE], high: [f64::NEG_INFINITY; TILE] };

    /// Takes a value in, unless it is missing. Without a branch, so that a loop over lanes becomes vector code.
    #[inline(always)]
    pub fn add(&mut self, lane: usize, value: f64) {
        let missing = value.is_nan();
        self.count[lane] += if missing { 0.0 } else { 1.0 };
        self.sum[lane] += if missing { 0.0 } else { value };
        // a comparison with NaN is false
        self.low[lane] = if value < self.low[lane] { value } else { self.low[lane] };
        self.high[lane] = if value > self.high[lane] { value } else { self.high[lane] };
    }

    fn of(x: Grid, rows: Range<usize>, lanes: &Range<usize>) -> Self {
        let mut sums = Self::EMPTY;
        for row in rows {
            for (lane, &value) in x.tile(row, lanes).iter().enumerate().take(TILE) {
                sums.add(lane, value);
            }
        }
        sums
    }

    /// The means. Rounding can push the quotient past the largest value (three times 0.1 over 3 is not 0.1); a mean lies
    /// within its values, and so the mean of equal values is that value and their deviation exactly zero.
    pub fn means(&self) -> Tile {
        std::array::from_fn(|lane| {
            let mean = self.sum[lane] / self.count[lane];
            if mean.is_finite() { mean.max(self.low[lane]).min(self.high[lane]) } else { f64::NAN }
        })
    }
}

/// Σx over the window.
pub fn sum(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    let needs = span.needs(1);
    for_each_tile(x.lanes, rows, out, |row, lanes, out| {
        let sums = Sums::of(x, span.rows(row), lanes);
        for (lane, out) in out.iter_mut().enumerate() {
            *out = if sums.count[lane] >= needs { sums.sum[lane] } else { f64::NAN };
        }
    });
}

/// Σx / m over the m valid values of the window.
pub fn mean(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    let needs = span.needs(1);
    for_each_tile(x.lanes, rows, out, |row, lanes, out| {
        let sums = Sums::of(x, span.rows(row), lanes);
        let means = sums.means();
        for (lane, out) in out.iter_mut().enumerate() {
            *out = if sums.count[lane] >= needs { means[lane] } else { f64::NAN };
        }
    });
}

/// Σ(x - mean)² / (m - 1): the sample variance, in two passes (the mean, then the squares about it), because Σx² - m·mean²
/// cancels. Needs two values.
pub fn var(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    let needs = span.needs(2);
    for_each_tile(x.lanes, rows, out, |row, lanes, out| {
        let sums = Sums::of(x, span.rows(row), lanes);
        let means = sums.means();
        let mut squares = [0.0; TILE];
        for row in span.rows(row) {
            for (lane, &value) in x.tile(row, lanes).iter().enumerate().take(TILE) {
                let deviation = value - means[lane];
                squares[lane] += if deviation.is_nan() { 0.0 } else { deviation * deviation };
            }
        }
        for (lane, out) in out.iter_mut().enumerate() {
            // an overflowing sum has no mean, and so no deviations to add up
            let valid = sums.count[lane] >= needs && !means[lane].is_nan();
            *out = if valid { squares[lane] / (sums.count[lane] - 1.0) } else { f64::NAN };
        }
    });
}

/// The square root of [`var`].
pub fn std(x: Grid, rows: Range<usize>, span: Span, out: &mut [f64]) {
    var(x, rows, span, out);
    for out in out {
        *out = out.sqrt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn one_lane(kernel: impl Fn(Grid, Range<usize>, Span, &mut [f64]), x: &[f64], span: Span) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        kernel(Grid { data: x, lanes: 1 }, 0..x.len(), span, &mut out);
        out
    }

    #[test]
    fn missing_values_are_skipped() {
        let span = Span { n: 3, min_periods: 1, anchor: None };
        let x = [NAN, 1.0, NAN, 3.0, NAN, NAN, NAN];
        let out = one_lane(mean, &x, span);
        assert!(out[0].is_nan() && out[6].is_nan());
        assert_eq!(out[1..6], [1.0, 1.0, 2.0, 3.0, 3.0]);
        let out = one_lane(sum, &x, Span { n: 3, min_periods: 2, anchor: None });
        assert_eq!(out.iter().filter(|v| !v.is_nan()).count(), 1);
        assert_eq!(out[3], 4.0);
    }

    #[test]
    fn one_value_has_no_variance_whatever_min_periods_says() {
        let out = one_lane(var, &[1.0, 3.0], Span { n: 2, min_periods: 1, anchor: None });
        assert!(out[0].is_nan());
        assert_eq!(out[1], 2.0);
    }

    #[test]
    fn equal_values_have_themselves_as_mean_and_no_deviation() {
        let x = [0.1; 9];
        let span = Span { n: 9, min_periods: 2, anchor: None };
        assert_eq!(one_lane(mean, &x, span)[8], 0.1);
        assert_eq!(one_lane(std, &x, span)[8], 0.0);
    }

    #[test]
    fn a_small_deviation_about_a_large_mean_survives() {
        let x = [1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0];
        assert_eq!(one_lane(std, &x, Span { n: 3, min_periods: 2, anchor: None })[2], 1.0);
    }

    #[test]
    fn what_overflows_is_not_a_number() {
        let x = [f64::MAX, f64::MAX];
        let span = Span { n: 2, min_periods: 2, anchor: None };
        assert!(one_lane(mean, &x, span)[1].is_nan());
        assert!(one_lane(var, &x, span)[1].is_nan());
    }
}
