//! Which kernel a function is.

use assetctl_expr::RecursiveFn;

use super::carry::{bars_since, first_valid, last_valid};
use super::cumulate::{cum_prod, cum_sum};
use super::expanding::{expanding, expanding_len};
use super::kama::{kama, kama_len};
use super::macd::macd_line;
use super::sar::{SAR_LEN, sar};
use super::smooth::{ewm, from_first, seeded, wilder_sum};
use super::supertrend::{SUPERTREND_LEN, supertrend};

/// How many numbers the state of one instrument has.
///
/// ```text
/// state_len(RecursiveFn::Ema, &[12.0]) = 2    state_len(RecursiveFn::Kama, &[10.0]) = 12
/// ```
pub fn state_len(f: RecursiveFn, params: &[f64]) -> usize {
    match f {
        RecursiveFn::CumSum | RecursiveFn::BarsSince => 1,
        RecursiveFn::Ema
        | RecursiveFn::EmaFirst
        | RecursiveFn::Rma
        | RecursiveFn::WilderSum
        | RecursiveFn::CumProd
        | RecursiveFn::LastValid
        | RecursiveFn::FirstValid
        | RecursiveFn::SmaTdx
        | RecursiveFn::SmaFrom => 2,
        RecursiveFn::Ewm | RecursiveFn::MacdLine => 3,
        RecursiveFn::Supertrend => SUPERTREND_LEN,
        RecursiveFn::Sar => SAR_LEN,
        RecursiveFn::Kama => kama_len(length(params)),
        RecursiveFn::Expanding(window) => expanding_len(window),
    }
}

/// The whole number that a parameter stands for.
fn length(params: &[f64]) -> usize {
    params.first().map_or(0, |n| *n as usize)
}

/// Takes all lanes over one session.
///
/// `args` is the session's row of each operand, one value per lane (NaN = missing). `state` holds slot `s` of lane `l` at
/// `s * lanes + l`, where `lanes` is the length of `out`; all zeros before the first session. `out` gets the session's values.
/// Parameters and operands are what [`RecursiveFn`] says of `f`; any others, or a window function that has no expanding
/// form, give missing values and leave the state as it is.
///
/// # Panics
/// When an operand has fewer values than `out`, or `state` fewer than `state_len(f, params)` times as many.
pub fn advance(f: RecursiveFn, params: &[f64], part: u8, args: &[&[f64]], state: &mut [f64], out: &mut [f64]) {
    match (f, params, args) {
        (RecursiveFn::Ema, &[n], &[x]) => seeded(n, 2.0 / (n + 1.0), x, state, out),
        (RecursiveFn::Rma, &[n], &[x]) => seeded(n, 1.0 / n, x, state, out),
        (RecursiveFn::EmaFirst, &[alpha], &[x]) => from_first(alpha, None, x, state, out),
        (RecursiveFn::SmaTdx, &[n, m], &[x]) => from_first(m / n, None, x, state, out),
        (RecursiveFn::SmaFrom, &[n, seed], &[x]) => from_first(1.0 / n, Some(seed), x, state, out),
        (RecursiveFn::WilderSum, &[n], &[x]) => wilder_sum(n, x, state, out),
        (RecursiveFn::Ewm, &[alpha], &[x]) => ewm(alpha, x, state, out),
        (RecursiveFn::Kama, &[n], &[x]) if n >= 1.0 => kama(length(params), x, state, out),
        (RecursiveFn::MacdLine, &[fast, slow], &[x]) => macd_line([fast, slow], x, state, out),
        (RecursiveFn::CumSum, &[], &[x]) => cum_sum(x, state, out),
        (RecursiveFn::CumProd, &[], &[x]) => cum_prod(x, state, out),
        (RecursiveFn::LastValid, &[], &[x]) => last_valid(x, state, out),
        (RecursiveFn::FirstValid, &[], &[x]) => first_valid(x, state, out),
        (RecursiveFn::BarsSince, &[], &[condition]) => bars_since(condition, state, out),
        (RecursiveFn::Sar, &[acceleration, largest], &[high, low]) => {
            sar(acceleration, largest, high, low, state, out);
        }
        (RecursiveFn::Supertrend, &[multiplier], &[high, low, close, atr]) => {
            supertrend(multiplier, part, [high, low, close, atr], state, out);
        }
        (RecursiveFn::Expanding(window), &[min_periods, param], &[x]) => {
            expanding(window, min_periods, param, x, state, out);
        }
        _ => out.fill(f64::NAN),
    }
}
