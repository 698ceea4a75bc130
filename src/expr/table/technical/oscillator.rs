//! Oscillators of bars: where the close lies in the range, and which side wins.

use crate::catalogue::{Class, Function, Op};
use crate::table::params::{CLOSE, HIGH, LOW, OPEN, VOLUME, X, choice, window};

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
        name: "imi",
        params: &[OPEN, CLOSE, window("n", 1, 14)],
        doc: "intraday momentum index: what share of the movement from open to close was up, in percent; 50 without movement",
        formula: "change = close - open; \
                  gone = sum(abs(change), n, min_periods=n); \
                  if(gone == 0, 0 * gone + 50, 100 * sum(greater(change, 0), n, min_periods=n) / gone)",
        source: "TA-Lib `IMI`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "qstick",
        params: &[OPEN, CLOSE, window("n", 1, 10)],
        doc: "mean movement from open to close",
        formula: "sma(close - open, n)",
        source: "TA-Lib `QSTICK`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "stochf",
        params: &[HIGH, LOW, CLOSE, window("k", 1, 5), window("d", 1, 3)],
        parts: &["k", "d"],
        doc: "fast stochastic oscillator: where the close lies in the range of k sessions, in percent, and the mean of that; 0 where there is no range",
        formula: "low_k = min(low, k, min_periods=k); \
                  range = max(high, k, min_periods=k) - low_k; \
                  fast = if(range == 0, 0 * range, 100 * (close - low_k) / range); \
                  d = sma(fast, d); \
                  k = if(is_missing(d), d, fast)",
        source: "TA-Lib `STOCHF`",
        first_valid: "k + d - 1",
        ..BASE
    },
    Function {
        name: "stoch",
        params: &[HIGH, LOW, CLOSE, window("k", 1, 5), window("slow_k", 1, 3), window("slow_d", 1, 3)],
        parts: &["k", "d"],
        doc: "slow stochastic oscillator: where the close lies in the range of k sessions, in percent, smoothed once and twice; 0 where there is no range",
        formula: "smooth = sma(stochf(high, low, close, k, 1).k, slow_k); \
                  d = sma(smooth, slow_d); \
                  k = if(is_missing(d), d, smooth)",
        source: "TA-Lib `STOCH`",
        first_valid: "k + slow_k + slow_d - 2",
        ..BASE
    },
    Function {
        name: "stochrsi",
        class: Class::Recursive,
        params: &[X, window("n", 2, 14), window("k", 1, 5), window("d", 1, 3)],
        parts: &["k", "d"],
        doc: "fast stochastic oscillator of the relative strength index",
        formula: "strength = rsi(x, n); \
                  d = stochf(strength, strength, strength, k, d).d; \
                  k = if(is_missing(d), d, stochf(strength, strength, strength, k, 1).k)",
        source: "TA-Lib `STOCHRSI`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + k + d - 1",
        ..BASE
    },
    Function {
        name: "kdj",
        class: Class::Recursive,
        params: &[
            HIGH,
            LOW,
            CLOSE,
            window("n", 1, 9),
            window("m1", 1, 3),
            window("m2", 1, 3),
            choice("seed", &["mean", "first", "fifty"]),
        ],
        parts: &["k", "d", "j"],
        doc: "K, D and J of the stochastic oscillator, smoothed by Wilder's means. They begin with the mean of the first values (TA-Lib), at the first value (Tongdaxin), or at 50 (the textbook)",
        formula: "rsv = stochf(high, low, close, n, 1).k; \
                  smooth = if(seed == mean, rma(rsv, m1), if(seed == first, sma_tdx(rsv, m1), sma_from(rsv, m1, 50))); \
                  d = if(seed == mean, rma(smooth, m2), if(seed == first, sma_tdx(smooth, m2), sma_from(smooth, m2, 50))); \
                  k = if(is_missing(d), d, smooth); \
                  j = 3 * k - 2 * d",
        source: "TA-Lib `KDJ`; Tongdaxin `KDJ`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + m1 + m2 - 2; with another seed n",
        ..BASE
    },
    Function {
        name: "willr",
        params: &[HIGH, LOW, CLOSE, window("n", 2, 14)],
        doc: "Williams' %R: how far the close lies below the top of the range of n sessions, from 0 to -100; 0 where there is no range",
        formula: "top = max(high, n, min_periods=n); \
                  range = top - min(low, n, min_periods=n); \
                  if(range == 0, 0 * range, -100 * (top - close) / range)",
        source: "TA-Lib `WILLR`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "cci",
        params: &[HIGH, LOW, CLOSE, window("n", 2, 14)],
        doc: "commodity channel index: distance of the typical price from its mean, in mean deviations times 0.015; 0 where there is none",
        formula: "price = typprice(high, low, close); \
                  distance = price - sma(price, n); \
                  deviation = mad(price, n, min_periods=n); \
                  if(deviation == 0, 0 * distance, distance / (0.015 * deviation))",
        source: "TA-Lib `CCI`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "mfi",
        params: &[HIGH, LOW, CLOSE, VOLUME, window("n", 2, 14)],
        doc: "money flow index: what share of the money flowed on sessions that went up, in percent; 0 where less than 1 flowed",
        formula: "price = typprice(high, low, close); \
                  way = sign(delta(price, 1)); \
                  up = sum(price * volume * greater(way, 0), n, min_periods=n); \
                  down = sum(price * volume * greater(-way, 0), n, min_periods=n); \
                  if(up + down < 1, 0 * up, 100 * up / (up + down))",
        source: "TA-Lib `MFI`",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "ultosc",
        params: &[HIGH, LOW, CLOSE, window("n1", 1, 7), window("n2", 1, 14), window("n3", 1, 28)],
        doc: "ultimate oscillator: buying pressure over three windows, in percent, the shortest counted most",
        formula: "a = less(n1, less(n2, n3)); \
                  c = greater(n1, greater(n2, n3)); \
                  b = n1 + n2 + n3 - a - c; \
                  before = ref(close, 1); \
                  pressure = close - less(low, before); \
                  range = trange(high, low, close); \
                  ra = sum(range, a, min_periods=a); \
                  rb = sum(range, b, min_periods=b); \
                  rc = sum(range, c, min_periods=c); \
                  pa = if(ra == 0, 0 * ra, sum(pressure, a, min_periods=a) / ra); \
                  pb = if(rb == 0, 0 * rb, sum(pressure, b, min_periods=b) / rb); \
                  pc = if(rc == 0, 0 * rc, sum(pressure, c, min_periods=c) / rc); \
                  100 * (4 * pa + 2 * pb + pc) / 7",
        source: "TA-Lib `ULTOSC`",
        first_valid: "max(n1, n2, n3) + 1",
        ..BASE
    },
    Function {
        name: "aroon",
        params: &[HIGH, LOW, window("n", 2, 14)],
        parts: &["up", "down"],
        doc: "how lately the highest high and the lowest low of n + 1 sessions were, in percent",
        formula: "up = 100 * (argmax(high, n + 1, ties=last, min_periods=n + 1) - 1) / n; \
                  down = 100 * (argmin(low, n + 1, ties=last, min_periods=n + 1) - 1) / n",
        source: "TA-Lib `AROON`",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "aroonosc",
        params: &[HIGH, LOW, window("n", 2, 14)],
        doc: "difference of the two lines of `aroon`",
        formula: "aroon(high, low, n).up - aroon(high, low, n).down",
        source: "TA-Lib `AROONOSC`",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "smi",
        class: Class::Recursive,
        params: &[
            HIGH,
            LOW,
            CLOSE,
            window("n", 1, 13),
            window("fast", 1, 2),
            window("slow", 1, 25),
            window("signal", 1, 9),
        ],
        parts: &["line", "signal"],
        doc: "stochastic momentum index: doubly smoothed distance from the middle of the range, in percent of half the range, and its mean; 0 without range",
        formula: "range = max(high, n, min_periods=n) - min(low, n, min_periods=n); \
                  distance = close - midprice(high, low, n); \
                  gone = ema(ema(range, slow), fast); \
                  raw = if(gone == 0, 0 * gone, 200 * ema(ema(distance, slow), fast) / gone); \
                  signal = ema(raw, signal); \
                  line = if(is_missing(signal), signal, raw)",
        source: "TA-Lib `SMI`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + slow + fast + signal - 3",
        ..BASE
    },
    Function {
        name: "ao",
        params: &[HIGH, LOW, window("fast", 1, 5), window("slow", 1, 34)],
        doc: "awesome oscillator: difference of two means of the middle price",
        formula: "price = medprice(high, low); sma(price, fast) - sma(price, slow)",
        source: "TA-Lib `AO`",
        first_valid: "max(fast, slow)",
        ..BASE
    },
    Function {
        name: "ac",
        params: &[HIGH, LOW, window("fast", 1, 5), window("slow", 1, 34), window("signal", 1, 5)],
        doc: "acceleration oscillator: `ao` less its mean",
        formula: "line = ao(high, low, fast, slow); line - sma(line, signal)",
        source: "TA-Lib `AC`",
        first_valid: "max(fast, slow) + signal - 1",
        ..BASE
    },
    Function {
        name: "eri",
        class: Class::Recursive,
        params: &[HIGH, LOW, CLOSE, window("n", 1, 13)],
        parts: &["bull", "bear"],
        doc: "Elder's ray: how far the high and the low lie above the exponential mean",
        formula: "m = ema(close, n); bull = high - m; bear = low - m",
        source: "TA-Lib `ERI`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n",
        ..BASE
    },
];
