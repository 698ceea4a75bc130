//! Sum, product, mean and the moments about it. Missing values are skipped, as pandas' `rolling` does.

#![expect(clippy::needless_range_loop, reason = "the compiler makes better vector code of it than of an iterator")]

use super::rolling::{End, Partial, Statistic};
use super::tile::{TILE, Tile};

/// Sums of the first P powers of the values' distances from a pivot, which is one of the values.
///
/// Σd² - (Σd)²/m cancels where the mean is far from the pivot compared with the deviation. But a window that holds its pivot has
/// a sum of squares of at least (mean - pivot)², so that at worst a factor m of precision is lost, whatever the values. And
/// equal values have distances of exactly zero: their mean is that value, and they do not vary.
#[derive(Clone, Copy)]
pub struct Powers<const P: usize> {
    count: Tile,
    /// The value that came first; NaN for none.
    pivot: Tile,
    sums: [Tile; P],
}

impl<const P: usize> Partial<1> for Powers<P> {
    const EMPTY: Self = Self { count: [0.0; TILE], pivot: [f64::NAN; TILE], sums: [[0.0; TILE]; P] };

    #[inline(always)]
    fn push(&mut self, [x]: [&[f64]; 1], _position: f64) {
        for lane in 0..x.len().min(TILE) {
            let missing = x[lane].is_nan();
            let pivot = if self.pivot[lane].is_nan() { x[lane] } else { self.pivot[lane] };
            let d = if missing { 0.0 } else { x[lane] - pivot };
            self.pivot[lane] = pivot;
            self.count[lane] += if missing { 0.0 } else { 1.0 };
            let squared = d * d;
            self.sums[0][lane] += d;
            if P >= 2 {
                self.sums[1][lane] += squared;
            }
            if P >= 3 {
                self.sums[2][lane] += squared * d;
            }
            if P >= 4 {
                self.sums[3][lane] += squared * squared;
            }
        }
    }

    #[inline(always)]
    fn merge(&mut self, older: &Self, newer: &Self, width: usize) {
        for lane in 0..width.min(TILE) {
            let (m, alone) = (older.count[lane], newer.count[lane] == 0.0);
            self.count[lane] = newer.count[lane] + m;
            self.pivot[lane] = if alone { older.pivot[lane] } else { newer.pivot[lane] };
            // the older sums, moved to the newer pivot
            let d = if alone || m == 0.0 { 0.0 } else { older.pivot[lane] - newer.pivot[lane] };
            let s1 = older.sums[0][lane];
            self.sums[0][lane] = newer.sums[0][lane] + (s1 + m * d);
            if P >= 2 {
                let s2 = older.sums[1][lane];
                self.sums[1][lane] = newer.sums[1][lane] + (s2 + d * (2.0 * s1 + m * d));
                if P >= 3 {
                    let s3 = older.sums[2][lane];
                    self.sums[2][lane] = newer.sums[2][lane] + (s3 + d * (3.0 * s2 + d * (3.0 * s1 + m * d)));
                    if P >= 4 {
                        let s4 = older.sums[3][lane];
                        let inner = 6.0 * s2 + d * (4.0 * s1 + m * d);
                        self.sums[3][lane] = newer.sums[3][lane] + (s4 + d * (4.0 * s3 + d * inner));
                    }
                }
            }
        }
    }
}

/// Σx / m over the m valid values of the window.
pub struct Mean;

impl Statistic<1> for Mean {
    type Partial = Powers<1>;

    #[inline(always)]
    fn write(&self, partial: &Powers<1>, end: &End<1>, out: &mut [f64]) {
        let needs = end.span.needs(1);
        for lane in 0..out.len().min(TILE) {
            let count = partial.count[lane];
            let mean = partial.pivot[lane] + partial.sums[0][lane] / count;
            out[lane] = if count >= needs { mean } else { f64::NAN };
        }
    }
}

/// Σ(x - mean)² / (m - `LESS`), or its square root: of the sample with `LESS` = 1, which needs two values, of the
/// population with 0.
pub struct Variance<const LESS: usize, const ROOT: bool>;

impl<const LESS: usize, const ROOT: bool> Statistic<1> for Variance<LESS, ROOT> {
    type Partial = Powers<2>;

    #[inline(always)]
    fn write(&self, partial: &Powers<2>, end: &End<1>, out: &mut [f64]) {
        let needs = end.span.needs(1 + LESS);
        for lane in 0..out.len().min(TILE) {
            let (m, sum, squares) = (partial.count[lane], partial.sums[0][lane], partial.sums[1][lane]);
            // m Σ(x - mean)²
            let squares = m * squares - sum * sum;
            let squares = if squares < 0.0 { 0.0 } else { squares };
            let variance = squares / (m * (m - LESS as f64));
            let value = if ROOT { variance.sqrt() } else { variance };
            out[lane] = if m >= needs { value } else { f64::NAN };
        }
    }
}

/// √m(m-1)/(m-2) · (Σ(x - mean)³/m) / (Σ(x - mean)²/m)^1.5: the skewness as pandas' `skew` corrects it for bias. Needs three
/// values; equal ones have none.
pub struct Skew;

impl Statistic<1> for Skew {
    type Partial = Powers<3>;

    #[inline(always)]
    fn write(&self, partial: &Powers<3>, end: &End<1>, out: &mut [f64]) {
        let needs = end.span.needs(3);
        for lane in 0..out.len().min(TILE) {
            let m = partial.count[lane];
            let (s1, s2, s3) = (partial.sums[0][lane], partial.sums[1][lane], partial.sums[2][lane]);
            let mean = s1 / m;
            let squares = s2 - s1 * mean;
            let cubes = s3 - mean * (3.0 * s2 - 2.0 * s1 * mean);
            let value = m * (m - 1.0).sqrt() / (m - 2.0) * (cubes / (squares * squares.sqrt()));
            out[lane] = if m >= needs { value } else { f64::NAN };
        }
    }
}

/// (m-1)/((m-2)(m-3)) · (m(m+1) Σ(x - mean)⁴ / (Σ(x - mean)²)² - 3(m-1)): the excess kurtosis as pandas' `kurt` corrects it for
/// bias. Needs four values; equal ones have none.
pub struct Kurt;

impl Statistic<1> for Kurt {
    type Partial = Powers<4>;

    #[inline(always)]
    fn write(&self, partial: &Powers<4>, end: &End<1>, out: &mut [f64]) {
        let needs = end.span.needs(4);
        for lane in 0..out.len().min(TILE) {
            let (m, s1, s2) = (partial.count[lane], partial.sums[0][lane], partial.sums[1][lane]);
            let (s3, s4) = (partial.sums[2][lane], partial.sums[3][lane]);
            let mean = s1 / m;
            let squares = s2 - s1 * mean;
            let fourths = s4 - mean * (4.0 * s3 - mean * (6.0 * s2 - 3.0 * s1 * mean));
            let ratio = m * (m + 1.0) * (fourths / (squares * squares));
            let value = (m - 1.0) / ((m - 2.0) * (m - 3.0)) * (ratio - 3.0 * (m - 1.0));
            out[lane] = if m >= needs { value } else { f64::NAN };
        }
    }
}

/// Sum or product of the valid values.
#[derive(Clone, Copy)]
pub struct Total<const PRODUCT: bool> {
    count: Tile,
    total: Tile,
}

impl<const PRODUCT: bool> Partial<1> for Total<PRODUCT> {
    const EMPTY: Self = Self { count: [0.0; TILE], total: [if PRODUCT { 1.0 } else { 0.0 }; TILE] };

    #[inline(always)]
    fn push(&mut self, [x]: [&[f64]; 1], _position: f64) {
        for lane in 0..x.len().min(TILE) {
            let missing = x[lane].is_nan();
            self.count[lane] += if missing { 0.0 } else { 1.0 };
            if PRODUCT {
                self.total[lane] *= if missing { 1.0 } else { x[lane] };
            } else {
                self.total[lane] += if missing { 0.0 } else { x[lane] };
            }
        }
    }

    #[inline(always)]
    fn merge(&mut self, older: &Self, newer: &Self, width: usize) {
        for lane in 0..width.min(TILE) {
            self.count[lane] = older.count[lane] + newer.count[lane];
            if PRODUCT {
                self.total[lane] = older.total[lane] * newer.total[lane];
            } else {
                self.total[lane] = older.total[lane] + newer.total[lane];
            }
        }
    }
}

/// Σx, or Πx, over the valid values of the window.
pub struct TotalOf<const PRODUCT: bool>;

impl<const PRODUCT: bool> Statistic<1> for TotalOf<PRODUCT> {
    type Partial = Total<PRODUCT>;

    #[inline(always)]
    fn write(&self, partial: &Total<PRODUCT>, end: &End<1>, out: &mut [f64]) {
        let needs = end.span.needs(1);
        for lane in 0..out.len().min(TILE) {
            out[lane] = if partial.count[lane] >= needs { partial.total[lane] } else { f64::NAN };
        }
    }
}

#[cfg(test)]
mod tests {
    use assetctl_expr::WindowFn::{self, *};

    use crate::kernels::{Grid, Span, window};

    const NAN: f64 = f64::NAN;

    /// One lane, in both ways of computing it.
    fn of(f: WindowFn, x: &[f64], n: usize, min_periods: usize) -> [Vec<f64>; 2] {
        [None, Some(7)].map(|anchor| {
            let mut out = vec![0.0; x.len()];
            let span = Span { n, min_periods, anchor };
            window(f, &[Grid { data: x, lanes: 1 }], false, 0..x.len(), span, 0.0, &mut out).unwrap();
            out
        })
    }

    #[test]
    fn missing_values_are_skipped() {
        let x = [NAN, 1.0, NAN, 3.0, NAN, NAN, NAN];
        for out in of(Mean, &x, 3, 1) {
            assert!(out[0].is_nan() && out[6].is_nan());
            assert_eq!(out[1..6], [1.0, 1.0, 2.0, 3.0, 3.0]);
        }
        for out in of(Sum, &x, 3, 2) {
            assert_eq!(out.iter().filter(|v| !v.is_nan()).count(), 1);
            assert_eq!(out[3], 4.0);
        }
        for out in of(Product, &[2.0, NAN, 3.0, 4.0], 3, 1) {
            assert_eq!(out, [2.0, 2.0, 6.0, 12.0]);
        }
    }

    #[test]
    fn one_value_has_no_sample_variance_whatever_min_periods_says() {
        for out in of(Var, &[1.0, 3.0], 2, 1) {
            assert!(out[0].is_nan());
            assert_eq!(out[1], 2.0);
        }
        assert_eq!(of(VarPop, &[1.0, 3.0], 2, 1), [[0.0, 1.0], [0.0, 1.0]]);
    }

    #[test]
    fn a_small_deviation_about_a_large_mean_survives() {
        for out in of(Std, &[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0], 3, 2) {
            assert_eq!(out[2], 1.0);
        }
        // an outlier enters and leaves; what is left is as if it had never been
        let x = [1.0, 1e9, 1.0, 2.0, 3.0, 1e9, 1.0, 2.0, 3.0];
        for out in of(Std, &x, 3, 2) {
            assert_eq!((out[4], out[8]), (1.0, 1.0));
        }
    }

    #[test]
    fn shapes_are_corrected_for_bias() {
        // pandas.Series([1, 2, 3, 5, 8]).skew() and .kurt()
        let x = [1.0, 2.0, 3.0, 5.0, 8.0];
        for (f, expected) in [(Skew, 0.926_678_533_058_289_4), (Kurt, 0.129_870_129_870_129_8)] {
            for out in of(f, &x, 5, 1) {
                assert!((out[4] - expected).abs() < 1e-12, "{out:?}");
                assert!(out[1].is_nan());
            }
        }
    }

    #[test]
    fn what_overflows_is_missing() {
        for (f, x) in [(Sum, f64::MAX), (Product, f64::MAX), (Var, -f64::MAX), (Mean, -f64::MAX)] {
            for out in of(f, &[f64::MAX, x, 1.0, 2.0], 2, 2) {
                assert!(out[1].is_nan(), "{f:?}: {out:?}");
                assert!(!out[3].is_nan(), "{f:?}: {out:?}");
            }
        }
    }
}
