//! One entry for all window functions.

use std::ops::Range;

use assetctl_expr::WindowFn;

use super::window::{Grid, Span};
use super::{count, moments, order, pair, regression, shift};
use crate::panel::canonical;

/// Computes `rows` of a window function into `out`, which holds them row-major and nothing else. Every value is written, in
/// canonical form. `is_bool` says that the operand's values are true or false.
///
/// None, and nothing written, where `f` takes another number of `args`.
pub fn window(
    f: WindowFn,
    args: &[Grid],
    is_bool: bool,
    rows: Range<usize>,
    span: Span,
    param: f64,
    out: &mut [f64],
) -> Option<()> {
    match (f, args) {
        (WindowFn::Corr, [x, y]) => pair::corr(*x, *y, rows, span, out),
        (WindowFn::Cov, [x, y]) => pair::cov(*x, *y, rows, span, out),
        (WindowFn::Quantile, [x]) => order::quantile(*x, rows, span, param, out),
        (_, [x]) => {
            let kernel: fn(Grid, Range<usize>, Span, &mut [f64]) = match f {
                WindowFn::Ref => shift::lagged,
                WindowFn::Roc => shift::roc,
                WindowFn::Sum => moments::sum,
                WindowFn::Mean => moments::mean,
                WindowFn::Std => moments::std,
                WindowFn::Var => moments::var,
                WindowFn::Min => order::min,
                WindowFn::Max => order::max,
                WindowFn::Median => order::median,
                WindowFn::Rank => order::rank,
                WindowFn::Count if is_bool => count::count_true,
                WindowFn::Count => count::count,
                WindowFn::Slope => regression::slope,
                _ => return None,
            };
            kernel(*x, rows, span, out);
        }
        _ => return None,
    }
    out.iter_mut().for_each(|out| *out = canonical(*out));
    Some(())
}
