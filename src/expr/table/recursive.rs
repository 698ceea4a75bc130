//! Functions that carry a state from session to session. An instrument's state begins, empty, at the asset's first session.

use super::params::{
    CLOSE, CONDITION, HIGH, LOW, X, by_name, choice, number, real, real_without_default, sessions, window,
};
use crate::catalogue::{Class, Function, Interval, Op, Param, ParamKind};
use crate::program::RecursiveFn;

const SESSIONS_OF_STATE: Param = sessions("n");

/// What the entries of this file have in common.
const BASE: Function = Function {
    name: "",
    aliases: &[],
    class: Class::Recursive,
    params: &[X],
    parts: &[],
    doc: "",
    formula: "",
    source: "",
    missing: "passed over: none there, and the state stays",
    first_valid: "1",
    version: 1,
    op: Op::Formula,
};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "ema",
        params: &[X, SESSIONS_OF_STATE, choice("seed", &["mean", "first"])],
        doc: "exponential mean, alpha = 2 / (n + 1)",
        formula: "m + alpha * (x - m), m the value before; \
                  at first the mean of the first n values, or with `seed=first` the first value",
        source: "TA-Lib `EMA`",
        first_valid: "n, or 1 with `seed=first`",
        op: Op::Ema,
        ..BASE
    },
    Function {
        name: "rma",
        aliases: &["wilder", "smma"],
        params: &[X, SESSIONS_OF_STATE],
        doc: "Wilder's mean, alpha = 1 / n",
        formula: "m + (x - m) / n, m the value before; at first the mean of the first n values",
        source: "Wilder, \"New Concepts in Technical Trading Systems\"; inside TA-Lib's `RSI` and `ATR`",
        first_valid: "n",
        op: Op::Recursive(RecursiveFn::Rma),
        ..BASE
    },
    Function {
        name: "wilder_sum",
        params: &[X, SESSIONS_OF_STATE],
        doc: "Wilder's sum",
        formula: "s - s / n + x, s the value before; at first the sum of the first n - 1 values",
        source: "inside TA-Lib's `PLUS_DM` and `ADX`",
        first_valid: "n - 1",
        op: Op::Recursive(RecursiveFn::WilderSum),
        ..BASE
    },
    Function {
        name: "ewm",
        params: &[X, by_name(sessions("span"))],
        doc: "exponentially weighted mean of all values so far, alpha = 2 / (span + 1)",
        formula: "ewm(x, alpha=2 / (span + 1))",
        source: "pandas `ewm(span).mean()`; Qlib `EMA`",
        missing: "a missing session has the mean so far, whose weights fade",
        first_valid: "1",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "ewm",
        params: &[X, by_name(real_without_default("alpha", Interval::Share))],
        doc: "exponentially weighted mean of all values so far",
        formula: "sum of w * x / sum of w, w = (1 - alpha)^age",
        source: "pandas `ewm(alpha).mean()`",
        missing: "a missing session has the mean so far, whose weights fade",
        first_valid: "1",
        op: Op::Recursive(RecursiveFn::Ewm),
        ..BASE
    },
    Function {
        name: "ewm",
        params: &[X, by_name(real_without_default("halflife", Interval::Positive))],
        doc: "exponentially weighted mean of all values so far, whose weights halve every `halflife` sessions",
        formula: "ewm(x, alpha=1 - exp(-log(2) / halflife))",
        source: "pandas `ewm(halflife).mean()`",
        missing: "a missing session has the mean so far, whose weights fade",
        first_valid: "1",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "kama",
        params: &[X, window("n", 1, 30)],
        doc: "Kaufman's adaptive mean: fast where prices trend, slow where they do not",
        formula: "m + c * (x - m), c = (e * (2/3 - 2/31) + 2/31)^2, e the efficiency ratio of the last n changes; \
                  at first the value before",
        source: "TA-Lib `KAMA`",
        first_valid: "n + 1",
        op: Op::Recursive(RecursiveFn::Kama),
        ..BASE
    },
    Function {
        name: "macd_line",
        params: &[X, window("fast", 2, 12), window("slow", 2, 26)],
        doc: "difference of two exponential means, the fast one seeded on the sessions that end where the slow one begins",
        formula: "ema(x, fast) - ema(x, slow)",
        source: "inside TA-Lib's `MACD`",
        first_valid: "slow",
        op: Op::Recursive(RecursiveFn::MacdLine),
        ..BASE
    },
    Function {
        name: "sma_tdx",
        aliases: &["tdx_sma"],
        params: &[X, sessions("n"), Param { kind: ParamKind::Whole { least: 1 }, ..real("m", Interval::Any, 1.0) }],
        doc: "Tongdaxin's `SMA(x, n, m)`",
        formula: "(m * x + (n - m) * s) / n, s the value before; at first x",
        source: "Tongdaxin `SMA`",
        first_valid: "1",
        op: Op::Recursive(RecursiveFn::SmaTdx),
        ..BASE
    },
    Function {
        name: "sma_from",
        params: &[X, sessions("n"), real("start", Interval::Any, 50.0)],
        doc: "Wilder's mean that begins at a given value",
        formula: "(x + (n - 1) * s) / n, s the value before; before the first it is `start`",
        source: "the textbook's KDJ, with K = D = 50",
        first_valid: "1",
        op: Op::Recursive(RecursiveFn::SmaFrom),
        ..BASE
    },
    Function {
        name: "cumsum",
        params: &[X],
        doc: "running sum",
        formula: "sum of the valid values so far",
        source: "pandas `cumsum`",
        first_valid: "1",
        op: Op::Recursive(RecursiveFn::CumSum),
        ..BASE
    },
    Function {
        name: "cumprod",
        params: &[X],
        doc: "running product",
        formula: "product of the valid values so far",
        source: "pandas `cumprod`",
        first_valid: "1",
        op: Op::Recursive(RecursiveFn::CumProd),
        ..BASE
    },
    Function {
        name: "cummax",
        class: Class::Expanding,
        params: &[X],
        doc: "greatest value so far",
        formula: "max(x, n=0)",
        source: "pandas `cummax`",
        missing: "skipped: a missing session has the result so far",
        first_valid: "1",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "cummin",
        class: Class::Expanding,
        params: &[X],
        doc: "least value so far",
        formula: "min(x, n=0)",
        source: "pandas `cummin`",
        missing: "skipped: a missing session has the result so far",
        first_valid: "1",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "drawdown",
        class: Class::Expanding,
        params: &[X],
        doc: "fall from the greatest value so far, as a share of it; 0 or below",
        formula: "x / max(x, n=0) - 1",
        source: "pandas `x / x.cummax() - 1`",
        missing: "missing where `x` is",
        first_valid: "1",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "first_valid",
        class: Class::Expanding,
        params: &[X],
        doc: "the first value that was not missing",
        formula: "x at the first session that has it",
        source: "pandas `bfill().iloc[0]`; Qlib's `Ref(x, 0)`",
        missing: "kept: the first value stands at every later session",
        first_valid: "1",
        op: Op::Recursive(RecursiveFn::FirstValid),
        ..BASE
    },
    Function {
        name: "last_valid",
        aliases: &["ffill"],
        params: &[X],
        doc: "the last value that was not missing",
        formula: "x, or the newest before it",
        source: "pandas `ffill`",
        missing: "filled by the value before",
        first_valid: "1",
        op: Op::Recursive(RecursiveFn::LastValid),
        ..BASE
    },
    Function {
        name: "bars_since",
        aliases: &["barslast"],
        params: &[CONDITION],
        doc: "sessions since a condition was last true, 0 where it is",
        formula: "number of sessions after the last one where condition is true",
        source: "Tongdaxin `BARSLAST`",
        missing: "a comparison with a missing value is false; missing until the condition was true once",
        first_valid: "1",
        op: Op::Recursive(RecursiveFn::BarsSince),
        ..BASE
    },
    Function {
        name: "sar",
        params: &[HIGH, LOW, real("step", Interval::NotNegative, 0.02), real("max", Interval::NotNegative, 0.2)],
        doc: "parabolic stop and reverse",
        formula: "s + a * (e - s), e the trend's extreme, a from `step` by `step` to `max` at each new extreme; \
                  beyond the price the trend turns",
        source: "TA-Lib `SAR`",
        first_valid: "2",
        op: Op::Recursive(RecursiveFn::Sar),
        ..BASE
    },
    Function {
        name: "supertrend_of",
        params: &[HIGH, LOW, CLOSE, number("width"), real("k", Interval::Positive, 3.0)],
        parts: &["line", "direction"],
        doc: "trailing line at k widths from the middle of the range, and on which side of it the price is",
        formula: "(high + low) / 2 -/+ k * width, which only moves with the trend until the close crosses it; \
                  direction 1 up, -1 down",
        source: "inside TA-Lib's `SUPERTREND`",
        first_valid: "1",
        op: Op::Recursive(RecursiveFn::Supertrend),
        ..BASE
    },
    Function {
        name: "supertrend",
        params: &[HIGH, LOW, CLOSE, window("n", 1, 10), real("k", Interval::Positive, 3.0)],
        parts: &["line", "direction"],
        doc: "trailing line at k average true ranges from the middle of the range, and on which side of it the price is",
        formula: "width = atr(high, low, close, n); \
                  line = supertrend_of(high, low, close, width, k).line; \
                  direction = supertrend_of(high, low, close, width, k).direction",
        source: "TA-Lib `SUPERTREND`",
        first_valid: "n + 1",
        op: Op::Formula,
        ..BASE
    },
];
