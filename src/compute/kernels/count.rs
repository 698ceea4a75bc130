//! How many values of a window are there, or are true.

use std::ops::Range;

use super::tile::{Lanes, Results, TILE, TileKernel};
use super::window::Span;

/// The number of values that are not missing, or of those that are true. As in pandas and Qlib every session of the window is
/// an observation, so none valid is 0, and `min_periods` asks for sessions of history.
///
/// Whole numbers are exact, so that this one may slide, however it began.
pub struct Count<const TRUE: bool>;

#[inline(always)]
fn one<const TRUE: bool>(value: f64) -> f64 {
    let counts = if TRUE { value > 0.0 } else { !value.is_nan() };
    if counts { 1.0 } else { 0.0 }
}

impl<const TRUE: bool> TileKernel<1> for Count<TRUE> {
    #[inline(always)]
    fn run(&mut self, lanes: &Lanes<1>, rows: Range<usize>, span: Span, results: &mut Results) {
        let mut spare = [[f64::NAN; TILE]; 1];
        let mut count = [0.0; TILE];
        let mut held = span.rows(rows.start).start..span.rows(rows.start).start;
        for row in rows {
            let window = span.rows(row);
            for at in held.start..window.start {
                let [values] = lanes.row(at, &mut spare);
                for lane in 0..TILE {
                    count[lane] -= one::<TRUE>(values[lane]);
                }
            }
            for at in held.end..window.end {
                let [values] = lanes.row(at, &mut spare);
                for lane in 0..TILE {
                    count[lane] += one::<TRUE>(values[lane]);
                }
            }
            let enough = window.len() >= span.min_periods;
            held = window;
            results.put(row, &if enough { count } else { [f64::NAN; TILE] });
        }
    }
}
