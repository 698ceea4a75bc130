//! Sum, product, mean and the moments about it. Missing values are skipped, as pandas' `rolling` does.

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
    fn push(&mut self, [x]: [&Tile; 1], _position: f64) {
        for lane in 0..TILE {
            let missing = x[lane].is_nan();
            let pivot = if self.pivot[lane].is_nan() { x[lane] } else { self.pivot[lane] };
            let d = if missing { 0.0 } else { x[lane] - pivot };
            self.pivot[lane] = pivot;
            self.count[lane] += if missing { 0.0 } else { 1.0 };
            let mut power = d;
            for sum in &mut self.sums {
                sum[lane] += power;
                power *= d;
            }
        }
    }

    #[inline(always)]
    fn merge(older: &Self, newer: &Self) -> Self {
        let mut merged = *newer;
        for lane in 0..TILE {
            let (m, alone) = (older.count[lane], newer.count[lane] == 0.0);
            merged.count[lane] += m;
            merged.pivot[lane] = if alone { older.pivot[lane] } else { newer.pivot[lane] };
            // the older sums, moved to the newer pivot
            let d = if alone || m == 0.0 { 0.0 } else { older.pivot[lane] - newer.pivot[lane] };
            let s: [f64; P] = std::array::from_fn(|p| older.sums[p][lane]);
            if P >= 1 {
                merged.sums[0][lane] += s[0] + m * d;
            }
            if P >= 2 {
                merged.sums[1][lane] += s[1] + d * (2.0 * s[0] + m * d);
            }
            if P >= 3 {
                merged.sums[2][lane] += s[2] + d * (3.0 * s[1] + d * (3.0 * s[0] + m * d));
            }
            if P >= 4 {
                merged.sums[3][lane] += s[3] + d * (4.0 * s[2] + d * (6.0 * s[1] + d * (4.0 * s[0] + m * d)));
            }
        }
        merged
    }
}

/// Σx / m over the m valid values of the window.
pub struct Mean;

impl Statistic<1> for Mean {
    type Partial = Powers<1>;

    #[inline(always)]
    fn of(&self, partial: &Powers<1>, end: &End<1>) -> Tile {
        let needs = end.span.needs(1);
        std::array::from_fn(|lane| {
            let count = partial.count[lane];
            let mean = partial.pivot[lane] + partial.sums[0][lane] / count;
            if count >= needs { mean } else { f64::NAN }
        })
    }
}

/// Σ(x - mean)² / (m - `LESS`), or its square root: of the sample with `LESS` = 1, which needs two values, of the
/// population with 0.
pub struct Variance<const LESS: usize, const ROOT: bool>;

impl<const LESS: usize, const ROOT: bool> Statistic<1> for Variance<LESS, ROOT> {
    type Partial = Powers<2>;

    #[inline(always)]
    fn of(&self, partial: &Powers<2>, end: &End<1>) -> Tile {
        let needs = end.span.needs(1 + LESS);
        std::array::from_fn(|lane| {
            let (m, [sum, squares]) = (partial.count[lane], partial.sums.map(|sum| sum[lane]));
            // m Σ(x - mean)²
            let squares = m * squares - sum * sum;
            let squares = if squares < 0.0 { 0.0 } else { squares };
            let variance = squares / (m * (m - LESS as f64));
            let value = if ROOT { variance.sqrt() } else { variance };
            if m >= needs { value } else { f64::NAN }
        })
    }
}

/// √m(m-1)/(m-2) · (Σ(x - mean)³/m) / (Σ(x - mean)²/m)^1.5: the skewness as pandas' `skew` corrects it for bias. Needs three
/// values; equal ones have none.
pub struct Skew;

impl Statistic<1> for Skew {
    type Partial = Powers<3>;

    #[inline(always)]
    fn of(&self, partial: &Powers<3>, end: &End<1>) -> Tile {
        let needs = end.span.needs(3);
        std::array::from_fn(|lane| {
            let (m, [s1, s2, s3]) = (partial.count[lane], partial.sums.map(|sum| sum[lane]));
            let mean = s1 / m;
            let squares = s2 - s1 * mean;
            let cubes = s3 - mean * (3.0 * s2 - 2.0 * s1 * mean);
            let value = m * (m - 1.0).sqrt() / (m - 2.0) * (cubes / (squares * squares.sqrt()));
            if m >= needs { value } else { f64::NAN }
        })
    }
}

/// (m-1)/((m-2)(m-3)) · (m(m+1) Σ(x - mean)⁴ / (Σ(x - mean)²)² - 3(m-1)): the excess kurtosis as pandas' `kurt` corrects it for
/// bias. Needs four values; equal ones have none.
pub struct Kurt;

impl Statistic<1> for Kurt {
    type Partial = Powers<4>;

    #[inline(always)]
    fn of(&self, partial: &Powers<4>, end: &End<1>) -> Tile {
        let needs = end.span.needs(4);
        std::array::from_fn(|lane| {
            let (m, [s1, s2, s3, s4]) = (partial.count[lane], partial.sums.map(|sum| sum[lane]));
            let mean = s1 / m;
            let squares = s2 - s1 * mean;
            let fourths = s4 - mean * (4.0 * s3 - mean * (6.0 * s2 - 3.0 * s1 * mean));
            let ratio = m * (m + 1.0) * (fourths / (squares * squares));
            let value = (m - 1.0) / ((m - 2.0) * (m - 3.0)) * (ratio - 3.0 * (m - 1.0));
            if m >= needs { value } else { f64::NAN }
        })
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
    fn push(&mut self, [x]: [&Tile; 1], _position: f64) {
        for lane in 0..TILE {
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
    fn merge(older: &Self, newer: &Self) -> Self {
        let mut merged = *older;
        for lane in 0..TILE {
            merged.count[lane] += newer.count[lane];
            if PRODUCT {
                merged.total[lane] *= newer.total[lane];
            } else {
                merged.total[lane] += newer.total[lane];
            }
        }
        merged
    }
}

/// Σx, or Πx, over the valid values of the window.
pub struct TotalOf<const PRODUCT: bool>;

impl<const PRODUCT: bool> Statistic<1> for TotalOf<PRODUCT> {
    type Partial = Total<PRODUCT>;

    #[inline(always)]
    fn of(&self, partial: &Total<PRODUCT>, end: &End<1>) -> Tile {
        let needs = end.span.needs(1);
        std::array::from_fn(|lane| if partial.count[lane] >= needs { partial.total[lane] } else { f64::NAN })
    }
}
