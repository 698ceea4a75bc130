//! Order statistics of a window. Missing values are skipped. They are exact, so that any way to them has the same bits.

use std::ops::Range;

use super::count::ValidCount;
use super::sorted::SortedTile;
use super::tile::{Lanes, Results, TILE, Tile, TileKernel};
use super::window::Span;

/// The `q`-quantile of the window, 0 ≤ q ≤ 1, by linear interpolation.
pub struct Quantile {
    pub q: f64,
}

impl TileKernel<1> for Quantile {
    #[inline(always)]
    fn run(&mut self, lanes: &Lanes<1>, rows: Range<usize>, span: Span, results: &mut Results) {
        let needs = span.needs(1);
        let mut window = SortedTile::new(span.n.min(rows.end));
        let start = span.rows(rows.start).start;
        for row in start..rows.end {
            let [new] = lanes.row(row);
            match row.checked_sub(span.n) {
                Some(old) if old >= start => window.replace(lanes.row(old)[0], new),
                _ => window.insert(new),
            }
            if row >= rows.start {
                results.row(row, |out| window.quantiles(self.q, needs, out));
            }
        }
    }
}

/// The percentile rank of the current value in its window: ties averaged, divided by the number of valid values; missing
/// where the current value is. pandas' `rolling.rank(pct=True)`, Qlib's `Rank`.
///
/// By comparing it with all of them: in vector code that is faster than keeping windows sorted.
pub struct Rank;

impl TileKernel<1> for Rank {
    #[inline(always)]
    fn run(&mut self, lanes: &Lanes<1>, rows: Range<usize>, span: Span, results: &mut Results) {
        let needs = span.needs(1);
        let mut valid = ValidCount::starting(span, rows.start);
        for row in rows {
            let [now] = lanes.row(row);
            valid.slide(lanes, span.rows(row));
            // the values below the current one and those up to it; their mean is its rank but for a half
            let mut twice = [0.0; TILE];
            let window = span.rows(row);
            let few = window.start + window.len() % 4;
            for at in window.start..few {
                let [values] = lanes.row(at);
                for lane in 0..values.len().min(now.len()).min(TILE) {
                    twice[lane] += below_and_up_to(values[lane], now[lane]);
                }
            }
            for at in (few..window.end).step_by(4) {
                let ([a], [b]) = (lanes.row(at), lanes.row(at + 1));
                let ([c], [d]) = (lanes.row(at + 2), lanes.row(at + 3));
                compare_four(&mut twice, now, [a, b, c, d], lanes.width());
            }
            let count = &valid.count;
            results.row(row, |out| {
                for lane in 0..out.len().min(now.len()).min(TILE) {
                    let there = !now[lane].is_nan() & (count[lane] >= needs);
                    out[lane] = if there { (twice[lane] + 1.0) / 2.0 / count[lane] } else { f64::NAN };
                }
            });
        }
    }
}

/// Compares four rows with the current one at once, so that the counts are loaded and stored less often.
#[inline(always)]
fn compare_four(twice: &mut Tile, now: &[f64], [a, b, c, d]: [&[f64]; 4], width: usize) {
    // one length for all: the loop has no bounds to check
    let (twice, now) = (&mut twice[..width], &now[..width]);
    let (a, b, c, d) = (&a[..width], &b[..width], &c[..width], &d[..width]);
    for lane in 0..width {
        let now = now[lane];
        let ab = below_and_up_to(a[lane], now) + below_and_up_to(b[lane], now);
        let cd = below_and_up_to(c[lane], now) + below_and_up_to(d[lane], now);
        twice[lane] += ab + cd;
    }
}

/// 2 for a value below another, 1 for one that equals it, else 0.
#[inline(always)]
fn below_and_up_to(value: f64, other: f64) -> f64 {
    let below = if value < other { 1.0 } else { 0.0 };
    let up_to = if value <= other { 1.0 } else { 0.0 };
    below + up_to
}

#[cfg(test)]
mod tests {
    use assetctl_expr::WindowFn::*;

    use crate::kernels::{Grid, Span, window};

    #[test]
    fn a_missing_current_value_has_a_median_but_no_rank() {
        let x = [1.0, 2.0, f64::NAN, 2.0];
        let span = Span { n: 3, min_periods: 2, anchor: None };
        let mut out = [0.0; 4];
        let mut of = |f| {
            window(f, &[Grid { data: &x, lanes: 1 }], false, 0..4, span, 0.0, &mut out).unwrap();
            assert!(out[0].is_nan());
            (out[1], out[2], out[3])
        };
        assert_eq!(of(Median), (1.5, 1.5, 2.0));
        let (first, missing, tied) = of(Rank);
        assert!(missing.is_nan());
        assert_eq!((first, tied), (1.0, 0.75));
    }
}
