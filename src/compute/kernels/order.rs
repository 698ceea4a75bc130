//! Order statistics of a window. Missing values are skipped. They are exact, so that any way to them has the same bits.

use std::ops::Range;

use super::sorted::SortedTile;
use super::tile::{Lanes, Results, TILE, TileKernel};
use super::window::Span;

/// The `q`-quantile of the window, 0 ≤ q ≤ 1, by linear interpolation.
pub struct Quantile {
    pub q: f64,
}

impl TileKernel<1> for Quantile {
    #[inline(always)]
    fn run(&mut self, lanes: &Lanes<1>, rows: Range<usize>, span: Span, results: &mut Results) {
        let needs = span.needs(1);
        let (mut spare, mut spare_old) = ([[f64::NAN; TILE]; 1], [[f64::NAN; TILE]; 1]);
        let mut window = SortedTile::new(span.n.min(rows.end));
        let start = span.rows(rows.start).start;
        for row in start..rows.end {
            let [new] = lanes.row(row, &mut spare);
            match row.checked_sub(span.n) {
                Some(old) if old >= start => window.replace(lanes.row(old, &mut spare_old)[0], new),
                _ => window.insert(new),
            }
            if row >= rows.start {
                results.put(row, &window.quantiles(self.q, needs));
            }
        }
    }
}

/// The percentile rank of the current value in its window: ties averaged, divided by the number of valid values; missing
/// where the current value is. pandas' `rolling.rank(pct=True)`, Qlib's `Rank`.
pub struct Rank;

impl TileKernel<1> for Rank {
    #[inline(always)]
    fn run(&mut self, lanes: &Lanes<1>, rows: Range<usize>, span: Span, results: &mut Results) {
        let needs = span.needs(1);
        let (mut spare, mut spare_now) = ([[f64::NAN; TILE]; 1], [[f64::NAN; TILE]; 1]);
        for row in rows {
            let [now] = lanes.row(row, &mut spare_now);
            // the values below the current one and those up to it; their mean is its rank but for a half
            let (mut twice, mut count) = ([0.0; TILE], [0.0; TILE]);
            for at in span.rows(row) {
                let [values] = lanes.row(at, &mut spare);
                for lane in 0..TILE {
                    twice[lane] += if values[lane] < now[lane] { 1.0 } else { 0.0 };
                    twice[lane] += if values[lane] <= now[lane] { 1.0 } else { 0.0 };
                    count[lane] += if values[lane].is_nan() { 0.0 } else { 1.0 };
                }
            }
            let ranks = std::array::from_fn(|lane| {
                let there = !now[lane].is_nan() & (count[lane] >= needs);
                if there { (twice[lane] + 1.0) / 2.0 / count[lane] } else { f64::NAN }
            });
            results.put(row, &ranks);
        }
    }
}
