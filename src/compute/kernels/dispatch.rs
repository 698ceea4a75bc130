//! One entry for all window functions.

use std::ops::Range;

use assetctl_expr::WindowFn;

use super::count::Count;
use super::direct::{Ewm, Mad};
use super::extreme::{Extreme, Place};
use super::moments::{Kurt, Mean, Skew, TotalOf, Variance};
use super::order::{Quantile, Rank};
use super::pair::{Corr, Cov};
use super::regression::{Fitted, RSquare, Resid, Slope, Wma};
use super::rolling::Rolling;
use super::shift;
use super::tile::run;
use super::window::{Grid, Span};

/// Computes `rows` of a window function into `out`, which holds them row-major and nothing else. Every value is written, in
/// canonical form. `is_bool` says that the operand's values are true or false; `param` is that of the function.
///
/// `args` hold the windows of `rows`, or begin where history does. The bits of a value depend on the values of its
/// window and on its absolute number by `span.anchor`: not on the rows that are computed with it, nor on other lanes.
///
/// None, and nothing written, where `f` takes another number of `args` or `span.n` is 0.
pub fn window(
    f: WindowFn,
    args: &[Grid],
    is_bool: bool,
    rows: Range<usize>,
    span: Span,
    param: f64,
    out: &mut [f64],
) -> Option<()> {
    if span.n == 0 {
        return None;
    }
    match (f, args) {
        (WindowFn::Corr, &[x, y]) => run(&mut Rolling::of(Corr), [x, y], rows, span, out),
        (WindowFn::Cov, &[x, y]) => run(&mut Rolling::of(Cov), [x, y], rows, span, out),
        (WindowFn::Corr | WindowFn::Cov, _) => return None,
        (f, &[x]) => one(f, x, is_bool, rows, span, param, out),
        _ => return None,
    }
    Some(())
}

fn one(f: WindowFn, x: Grid, is_bool: bool, rows: Range<usize>, span: Span, param: f64, out: &mut [f64]) {
    let last = param == 1.0;
    match f {
        WindowFn::Ref => shift::lagged(x, rows, span, out),
        WindowFn::Roc => shift::roc(x, rows, span, out),
        WindowFn::Sum => run(&mut Rolling::of(TotalOf::<false>), [x], rows, span, out),
        WindowFn::Product => run(&mut Rolling::of(TotalOf::<true>), [x], rows, span, out),
        WindowFn::Mean => run(&mut Rolling::of(Mean), [x], rows, span, out),
        WindowFn::Std => run(&mut Rolling::of(Variance::<1, true>), [x], rows, span, out),
        WindowFn::Var => run(&mut Rolling::of(Variance::<1, false>), [x], rows, span, out),
        WindowFn::StdPop => run(&mut Rolling::of(Variance::<0, true>), [x], rows, span, out),
        WindowFn::VarPop => run(&mut Rolling::of(Variance::<0, false>), [x], rows, span, out),
        WindowFn::Skew => run(&mut Rolling::of(Skew), [x], rows, span, out),
        WindowFn::Kurt => run(&mut Rolling::of(Kurt), [x], rows, span, out),
        WindowFn::Min => run(&mut Rolling::of(Extreme::<false>), [x], rows, span, out),
        WindowFn::Max => run(&mut Rolling::of(Extreme::<true>), [x], rows, span, out),
        WindowFn::ArgMax if last => run(&mut Rolling::of(Place::<true, true>), [x], rows, span, out),
        WindowFn::ArgMax => run(&mut Rolling::of(Place::<true, false>), [x], rows, span, out),
        WindowFn::ArgMin if last => run(&mut Rolling::of(Place::<false, true>), [x], rows, span, out),
        WindowFn::ArgMin => run(&mut Rolling::of(Place::<false, false>), [x], rows, span, out),
        WindowFn::Slope => run(&mut Rolling::of(Slope), [x], rows, span, out),
        WindowFn::RSquare => run(&mut Rolling::of(RSquare), [x], rows, span, out),
        WindowFn::Resid => run(&mut Rolling::of(Resid), [x], rows, span, out),
        WindowFn::Fitted => run(&mut Rolling::of(Fitted), [x], rows, span, out),
        WindowFn::Wma => run(&mut Rolling::of(Wma), [x], rows, span, out),
        WindowFn::Mad => run(&mut Mad, [x], rows, span, out),
        WindowFn::EwmWindow => run(&mut Ewm { alpha: param }, [x], rows, span, out),
        WindowFn::Median => run(&mut Quantile { q: 0.5 }, [x], rows, span, out),
        WindowFn::Quantile => run(&mut Quantile { q: param }, [x], rows, span, out),
        WindowFn::Rank => run(&mut Rank, [x], rows, span, out),
        WindowFn::Count if is_bool => run(&mut Count::<true>, [x], rows, span, out),
        WindowFn::Count => run(&mut Count::<false>, [x], rows, span, out),
        WindowFn::Corr | WindowFn::Cov => {}
    }
}
