//! Direction, range and how numbers vary together.

use crate::catalogue::{Class, Function, Op};
use crate::table::params::{CLOSE, HIGH, LOW, OPEN, X, Y, lag, window};

/// What the entries of this file have in common.
const BASE: Function = Function {
    name: "",
    aliases: &[],
    class: Class::Window,
    params: &[X],
    parts: &[],
    doc: "",
    formula: "",
    source: "",
    missing: "none until the window is full, nor while a value in it is missing",
    first_valid: "n",
    version: 1,
    op: Op::Formula,
};

pub(in crate::table) static FUNCTIONS: &[Function] = &[
    Function {
        name: "trange",
        params: &[HIGH, LOW, CLOSE],
        doc: "true range: the range of the session, from the close before",
        formula: "greater(high - low, greater(abs(high - ref(close, 1)), abs(low - ref(close, 1))))",
        source: "TA-Lib `TRANGE`",
        missing: "missing if an argument is, or if `close` was missing the session before",
        first_valid: "2",
        ..BASE
    },
    Function {
        name: "atr",
        class: Class::Recursive,
        params: &[HIGH, LOW, CLOSE, window("n", 1, 14)],
        doc: "average true range, by Wilder's mean",
        formula: "rma(trange(high, low, close), n)",
        source: "TA-Lib `ATR`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "natr",
        class: Class::Recursive,
        params: &[HIGH, LOW, CLOSE, window("n", 1, 14)],
        doc: "average true range, in percent of the close; 0 where the close is 0",
        formula: "range = atr(high, low, close, n); if(close == 0, 0 * range, 100 * range / close)",
        source: "TA-Lib `NATR`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "plus_dm",
        class: Class::Recursive,
        params: &[HIGH, LOW, window("n", 2, 14)],
        doc: "Wilder's sum of upward movement: how much the high rose, where it rose more than the low fell",
        formula: "up = delta(high, 1); \
                  down = -delta(low, 1); \
                  wilder_sum(greater(up, 0) * greater(sign(up - down), 0), n)",
        source: "TA-Lib `PLUS_DM`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "minus_dm",
        class: Class::Recursive,
        params: &[HIGH, LOW, window("n", 2, 14)],
        doc: "Wilder's sum of downward movement: how much the low fell, where it fell more than the high rose",
        formula: "up = delta(high, 1); \
                  down = -delta(low, 1); \
                  wilder_sum(greater(down, 0) * greater(sign(down - up), 0), n)",
        source: "TA-Lib `MINUS_DM`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "plus_di",
        class: Class::Recursive,
        params: &[HIGH, LOW, CLOSE, window("n", 2, 14)],
        doc: "upward movement, in percent of the true range; 0 without range",
        formula: "range = wilder_sum(trange(high, low, close), n); \
                  way = plus_dm(high, low, n); \
                  where(if(range < 1e-14, 0 * way, 100 * way / range), count(range, 0) > 1)",
        source: "TA-Lib `PLUS_DI`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "minus_di",
        class: Class::Recursive,
        params: &[HIGH, LOW, CLOSE, window("n", 2, 14)],
        doc: "downward movement, in percent of the true range; 0 without range",
        formula: "range = wilder_sum(trange(high, low, close), n); \
                  way = minus_dm(high, low, n); \
                  where(if(range < 1e-14, 0 * way, 100 * way / range), count(range, 0) > 1)",
        source: "TA-Lib `MINUS_DI`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "dx",
        class: Class::Recursive,
        params: &[HIGH, LOW, CLOSE, window("n", 2, 14)],
        doc: "directional index: difference of upward and downward movement, in percent of both; 0 without movement",
        formula: "plus = plus_di(high, low, close, n); \
                  minus = minus_di(high, low, close, n); \
                  if(plus + minus < 1e-14, 0 * plus, 100 * abs(plus - minus) / (plus + minus))",
        source: "TA-Lib `DX`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "adx",
        class: Class::Recursive,
        params: &[HIGH, LOW, CLOSE, window("n", 2, 14)],
        doc: "average directional index: Wilder's mean of `dx`",
        formula: "rma(dx(high, low, close, n), n)",
        source: "TA-Lib `ADX`",
        missing: "passed over: none there, and the state stays",
        first_valid: "2n",
        ..BASE
    },
    Function {
        name: "adxr",
        class: Class::Recursive,
        params: &[HIGH, LOW, CLOSE, window("n", 2, 14)],
        doc: "mean of `adx` now and n - 1 sessions ago",
        formula: "strength = adx(high, low, close, n); (strength + ref(strength, n - 1)) / 2",
        source: "TA-Lib `ADXR`",
        missing: "passed over: none there, and the state stays",
        first_valid: "3n - 1",
        ..BASE
    },
    Function {
        name: "dmi",
        class: Class::Recursive,
        params: &[HIGH, LOW, CLOSE, window("n", 2, 14)],
        parts: &["plus", "minus", "adx"],
        doc: "the directional movement system: both indicators and their average index",
        formula: "plus = plus_di(high, low, close, n); \
                  minus = minus_di(high, low, close, n); \
                  adx = adx(high, low, close, n)",
        source: "TA-Lib `PLUS_DI`, `MINUS_DI`, `ADX`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + 1; `adx` 2n",
        ..BASE
    },
    Function {
        name: "vortex",
        params: &[HIGH, LOW, CLOSE, window("n", 1, 14)],
        parts: &["plus", "minus"],
        doc: "vortex indicator: upward and downward movement over the true range; 0 without range",
        formula: "range = sum(trange(high, low, close), n, min_periods=n); \
                  plus = if(range == 0, 0 * range, sum(abs(high - ref(low, 1)), n, min_periods=n) / range); \
                  minus = if(range == 0, 0 * range, sum(abs(low - ref(high, 1)), n, min_periods=n) / range)",
        source: "TA-Lib `VORTEX`",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "adr",
        params: &[HIGH, LOW, window("n", 1, 14)],
        doc: "average range of the session",
        formula: "sma(high - low, n)",
        source: "TA-Lib `ADR`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "cvi",
        class: Class::Recursive,
        params: &[HIGH, LOW, window("n", 1, 10), lag("m", 10)],
        doc: "Chaikin's volatility: rate of change over m sessions of the range's exponential mean, in percent",
        formula: "roc(ema(high - low, n), m)",
        source: "TA-Lib `CVI`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + m",
        ..BASE
    },
    Function {
        name: "choppiness",
        params: &[HIGH, LOW, CLOSE, window("n", 2, 14)],
        doc: "choppiness index: 100 where prices go nowhere, low where they trend",
        formula: "100 * log(sum(trange(high, low, close), n, min_periods=n) / (max(high, n, min_periods=n) - min(low, n, min_periods=n))) / log(n)",
        source: "pandas-ta `chop`",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "mass_index",
        aliases: &["massi"],
        class: Class::Recursive,
        params: &[HIGH, LOW, window("fast", 1, 9), window("slow", 1, 25)],
        doc: "mass index: sum of the ratio of the range's exponential mean to the mean of that",
        formula: "m = ema(high - low, fast); \
                  ratio = if(ema(m, fast) == 0, 0 * m + 1, m / ema(m, fast)); \
                  sum(ratio, slow, min_periods=slow)",
        source: "TA-Lib `MASSI`",
        missing: "passed over: none there, and the state stays",
        first_valid: "2 * fast + slow - 2",
        ..BASE
    },
    Function {
        name: "zscore",
        params: &[X, window("n", 2, 30)],
        doc: "distance from the mean of the last n sessions, in standard deviations",
        formula: "(x - sma(x, n)) / std(x, n, min_periods=n)",
        source: "pandas-ta `zscore`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "beta",
        params: &[X, Y, window("n", 2, 5)],
        doc: "slope of the regression of the changes of y on the changes of x, both relative",
        formula: "a = rocp(x, 1); \
                  b = rocp(y, 1); \
                  v = var_pop(a, n, min_periods=n); \
                  if(v < 1e-14, 0 * b, cov(a, b, n, min_periods=n) * (n - 1) / n / v)",
        source: "TA-Lib `BETA`",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "correl",
        params: &[X, Y, window("n", 2, 30)],
        doc: "Pearson correlation of the last n sessions, all of them; 0 where one does not vary",
        formula: "d = std(x, n, min_periods=n) * std(y, n, min_periods=n); \
                  if(d == 0, 0 * d, cov(x, y, n, min_periods=n) / d)",
        source: "TA-Lib `CORREL`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "ulcer_index",
        params: &[X, window("n", 1, 14)],
        doc: "ulcer index: root mean square of the falls from the window's greatest value, in percent",
        formula: "fall = 100 * (x / max(x, n, min_periods=n) - 1); sqrt(sma(fall * fall, n))",
        source: "pandas-ta `ui`",
        first_valid: "2n - 1",
        ..BASE
    },
    Function {
        name: "parkinson",
        params: &[HIGH, LOW, window("n", 1, 20)],
        doc: "volatility per session by Parkinson, from the session's range",
        formula: "sqrt(sma(log(high / low) ^ 2, n) / (4 * log(2)))",
        source: "Parkinson 1980",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "garman_klass",
        params: &[OPEN, HIGH, LOW, CLOSE, window("n", 1, 20)],
        doc: "volatility per session by Garman and Klass, from the four prices",
        formula: "sqrt(sma(0.5 * log(high / low) ^ 2 - (2 * log(2) - 1) * log(close / open) ^ 2, n))",
        source: "Garman and Klass 1980",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "cross_above",
        params: &[X, Y],
        doc: "whether x rose above y at this session",
        formula: "x > y and ref(x, 1) <= ref(y, 1)",
        source: "charting programs' `CROSS`",
        missing: "false if a value is missing, now or the session before",
        first_valid: "2",
        ..BASE
    },
    Function {
        name: "cross_below",
        params: &[X, Y],
        doc: "whether x fell below y at this session",
        formula: "x < y and ref(x, 1) >= ref(y, 1)",
        source: "charting programs' `CROSS`",
        missing: "false if a value is missing, now or the session before",
        first_valid: "2",
        ..BASE
    },
];
