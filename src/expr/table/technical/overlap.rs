//! Means, bands and lines through prices.

use crate::catalogue::{Class, Function, Op};
use crate::catalogue::{Interval, Param, ParamKind};
use crate::table::params::{CLOSE, HIGH, LOW, VOLUME, X, real, window};

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
        name: "sma",
        params: &[X, window("n", 1, 30)],
        doc: "mean of the last n sessions, all of them",
        formula: "mean(x, n, min_periods=n)",
        source: "TA-Lib `SMA`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "dema",
        class: Class::Recursive,
        params: &[X, window("n", 1, 30)],
        doc: "double exponential mean, which lags less",
        formula: "e = ema(x, n); 2 * e - ema(e, n)",
        source: "TA-Lib `DEMA`",
        missing: "passed over: none there, and the state stays",
        first_valid: "2n - 1",
        ..BASE
    },
    Function {
        name: "tema",
        class: Class::Recursive,
        params: &[X, window("n", 1, 30)],
        doc: "triple exponential mean, which lags less still",
        formula: "a = ema(x, n); b = ema(a, n); c = ema(b, n); 3 * a - 3 * b + c",
        source: "TA-Lib `TEMA`",
        missing: "passed over: none there, and the state stays",
        first_valid: "3n - 2",
        ..BASE
    },
    Function {
        name: "trima",
        params: &[X, window("n", 1, 30)],
        doc: "mean that counts the middle of the window most",
        formula: "sma(sma(x, floor((n + 1) / 2)), floor(n / 2) + 1)",
        source: "TA-Lib `TRIMA`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "t3",
        class: Class::Recursive,
        params: &[X, window("n", 1, 5), real("v", Interval::Unit, 0.7)],
        doc: "Tillson's T3: six exponential means, weighted by the volume factor v",
        formula: "a = ema(x, n); \
                  b = ema(a, n); \
                  c = ema(b, n); \
                  d = ema(c, n); \
                  e = ema(d, n); \
                  f = ema(e, n); \
                  -v ^ 3 * f + 3 * (v ^ 2 + v ^ 3) * e - (6 * v ^ 2 + 3 * (v + v ^ 3)) * d + (1 + 3 * v + v ^ 3 + 3 * v ^ 2) * c",
        source: "TA-Lib `T3`",
        missing: "passed over: none there, and the state stays",
        first_valid: "6n - 5",
        ..BASE
    },
    Function {
        name: "hma",
        params: &[X, window("n", 2, 20)],
        doc: "Hull's mean: weighted means that lag little",
        formula: "a = wma(x, floor(n / 2), min_periods=floor(n / 2)); \
                  b = wma(x, n, min_periods=n); \
                  m = floor(sqrt(n)); \
                  wma(2 * a - b, m, min_periods=m)",
        source: "TA-Lib `HMA`",
        first_valid: "n + floor(sqrt(n)) - 1",
        ..BASE
    },
    Function {
        name: "zlema",
        aliases: &["zlma"],
        class: Class::Recursive,
        params: &[X, window("n", 1, 30)],
        doc: "exponential mean of prices from which the lag is taken off",
        formula: "lag = floor((n - 1) / 2); ema(2 * x - ref(x, lag), n)",
        source: "TA-Lib `ZLEMA`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + floor((n - 1) / 2)",
        ..BASE
    },
    Function {
        name: "vwma",
        params: &[X, VOLUME, window("n", 1, 30)],
        doc: "mean of the last n sessions, weighted by volume",
        formula: "sum(x * volume, n, min_periods=n) / sum(volume, n, min_periods=n)",
        source: "TA-Lib `VWMA`",
        missing: "none until the window is full, nor while a value in it is missing; nor without volume",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "vwap",
        params: &[
            HIGH,
            LOW,
            CLOSE,
            VOLUME,
            Param { kind: ParamKind::Sessions { least: 1, expanding: true }, ..window("n", 1, 14) },
        ],
        doc: "volume-weighted typical price of the last n sessions; with `n=0` of all so far",
        formula: "m = greater(n, 1); \
                  price = typprice(high, low, close); \
                  sum(price * volume, n, min_periods=m) / sum(volume, n, min_periods=m)",
        source: "TA-Lib `VWAP`, which is of all sessions so far",
        missing: "none until the window is full, nor while a value in it is missing; nor without volume (TA-Lib: 0); with `n=0` skipped",
        first_valid: "n; 1 with `n=0`",
        ..BASE
    },
    Function {
        name: "midpoint",
        params: &[X, window("n", 2, 14)],
        doc: "middle between the greatest and the least value",
        formula: "(max(x, n, min_periods=n) + min(x, n, min_periods=n)) / 2",
        source: "TA-Lib `MIDPOINT`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "midprice",
        params: &[HIGH, LOW, window("n", 2, 14)],
        doc: "middle between the highest high and the lowest low",
        formula: "(max(high, n, min_periods=n) + min(low, n, min_periods=n)) / 2",
        source: "TA-Lib `MIDPRICE`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "bbands",
        params: &[X, window("n", 1, 20), real("k", Interval::Positive, 2.0)],
        parts: &["upper", "middle", "lower", "width", "percent"],
        doc: "Bollinger bands: k population standard deviations about the mean",
        formula: "middle = sma(x, n); \
                  deviation = k * std_pop(x, n, min_periods=n); \
                  upper = middle + deviation; \
                  lower = middle - deviation; \
                  width = (upper - lower) / middle; \
                  percent = (x - lower) / (upper - lower)",
        source: "TA-Lib `BBANDS`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "donchian",
        params: &[HIGH, LOW, window("n", 1, 20)],
        parts: &["upper", "middle", "lower"],
        doc: "Donchian channel: highest high and lowest low",
        formula: "upper = max(high, n, min_periods=n); \
                  lower = min(low, n, min_periods=n); \
                  middle = (upper + lower) / 2",
        source: "TA-Lib `DONCHIAN`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "accbands",
        params: &[HIGH, LOW, CLOSE, window("n", 1, 20)],
        parts: &["upper", "middle", "lower"],
        doc: "acceleration bands: means of prices drawn apart by the session's range",
        formula: "width = if(high + low == 0, 0 * high, 4 * (high - low) / (high + low)); \
                  upper = sma(high * (1 + width), n); \
                  middle = sma(close, n); \
                  lower = sma(low * (1 - width), n)",
        source: "TA-Lib `ACCBANDS`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "keltner",
        aliases: &["kc"],
        class: Class::Recursive,
        params: &[HIGH, LOW, CLOSE, window("n", 1, 20), window("m", 1, 10), real("k", Interval::Positive, 2.0)],
        parts: &["upper", "middle", "lower"],
        doc: "Keltner channel: k average true ranges of m sessions about the exponential mean of the typical price; both are seeded on the sessions that end where the channel begins",
        formula: "price = typprice(high, low, close); \
                  range = trange(high, low, close); \
                  first = greater(n - 1, m); \
                  middle = ema(where(price, count(price, 0) > first + 1 - n), n); \
                  width = k * rma(where(range, count(range, 0) > first - m), m); \
                  upper = middle + width; \
                  lower = middle - width",
        source: "TA-Lib `KC`",
        missing: "passed over: none there, and the state stays",
        first_valid: "max(n, m + 1)",
        ..BASE
    },
    Function {
        name: "linearreg_slope",
        params: &[X, window("n", 2, 14)],
        doc: "slope of the line through the last n sessions",
        formula: "slope(x, n, min_periods=n)",
        source: "TA-Lib `LINEARREG_SLOPE`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "linearreg_angle",
        params: &[X, window("n", 2, 14)],
        doc: "angle of the line through the last n sessions, in degrees",
        formula: "atan(slope(x, n, min_periods=n)) * 180 / 3.141592653589793",
        source: "TA-Lib `LINEARREG_ANGLE`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "linearreg_intercept",
        params: &[X, window("n", 2, 14)],
        doc: "value of the line through the last n sessions, at the oldest",
        formula: "linearreg(x, n) - (n - 1) * slope(x, n, min_periods=n)",
        source: "TA-Lib `LINEARREG_INTERCEPT`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "tsf",
        params: &[X, window("n", 2, 14)],
        doc: "value of the line through the last n sessions, one session on",
        formula: "linearreg(x, n) + slope(x, n, min_periods=n)",
        source: "TA-Lib `TSF`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "ichimoku",
        params: &[HIGH, LOW, window("n1", 1, 9), window("n2", 1, 26), window("n3", 1, 52)],
        parts: &["tenkan", "kijun", "span_a", "span_b"],
        doc: "Ichimoku's lines; the spans are those drawn at this session, from the values n2 - 1 sessions ago",
        formula: "tenkan = midprice(high, low, n1); \
                  kijun = midprice(high, low, n2); \
                  span_a = ref((tenkan + kijun) / 2, n2 - 1); \
                  span_b = ref(midprice(high, low, n3), n2 - 1)",
        source: "pandas-ta `ichimoku`",
        first_valid: "n1; `kijun` n2; `span_a` max(n1, n2) + n2 - 1; `span_b` n3 + n2 - 1",
        ..BASE
    },
];
