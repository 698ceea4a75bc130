//! How fast and how steadily prices move.

use crate::catalogue::{Class, Function, Op};
use crate::table::params::{X, choice, lag, window};

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
        name: "mom",
        aliases: &["momentum"],
        params: &[X, lag("n", 10)],
        doc: "change over n sessions",
        formula: "x - ref(x, n)",
        source: "TA-Lib `MOM`",
        missing: "missing if `x` is missing now or was n sessions ago",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "rocp",
        aliases: &["pct_change"],
        params: &[X, lag("n", 10)],
        doc: "rate of change over n sessions",
        formula: "before = ref(x, n); if(before == 0, 0 * x, (x - before) / before)",
        source: "TA-Lib `ROCP`",
        missing: "missing if `x` is missing now or was n sessions ago",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "rocr",
        params: &[X, lag("n", 10)],
        doc: "ratio to the value n sessions ago",
        formula: "before = ref(x, n); if(before == 0, 0 * x, x / before)",
        source: "TA-Lib `ROCR`",
        missing: "missing if `x` is missing now or was n sessions ago",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "rocr100",
        params: &[X, lag("n", 10)],
        doc: "ratio to the value n sessions ago, in percent",
        formula: "100 * rocr(x, n)",
        source: "TA-Lib `ROCR100`",
        missing: "missing if `x` is missing now or was n sessions ago",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "log_return",
        params: &[X, lag("n", 1)],
        doc: "logarithm of the ratio to the value n sessions ago",
        formula: "log(x / ref(x, n))",
        source: "pandas-ta `log_return`",
        missing: "missing if `x` is missing now or was n sessions ago",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "apo",
        class: Class::Recursive,
        params: &[X, window("fast", 2, 12), window("slow", 2, 26), choice("ma", &["ema", "sma"])],
        doc: "difference of two means",
        formula: "a = less(fast, slow); \
                  b = greater(fast, slow); \
                  if(ma == ema, ema(x, a) - ema(x, b), sma(x, a) - sma(x, b))",
        source: "TA-Lib `APO`",
        missing: "with `ma=ema` passed over; with `ma=sma` none until both windows are full",
        first_valid: "max(fast, slow)",
        ..BASE
    },
    Function {
        name: "ppo",
        class: Class::Recursive,
        params: &[X, window("fast", 2, 12), window("slow", 2, 26), choice("ma", &["ema", "sma"])],
        doc: "difference of two means, in percent of the slow one; of volume it is TA-Lib's `PVO`",
        formula: "b = greater(fast, slow); \
                  m = if(ma == ema, ema(x, b), sma(x, b)); \
                  d = apo(x, fast, slow, ma=ma); \
                  if(abs(m) < 1e-14, 0 * d, 100 * d / m)",
        source: "TA-Lib `PPO`",
        missing: "with `ma=ema` passed over; with `ma=sma` none until both windows are full",
        first_valid: "max(fast, slow)",
        ..BASE
    },
    Function {
        name: "trix",
        class: Class::Recursive,
        params: &[X, window("n", 1, 30)],
        doc: "rate of change of a triple exponential mean, in percent",
        formula: "roc(ema(ema(ema(x, n), n), n), 1)",
        source: "TA-Lib `TRIX`",
        missing: "passed over: none there, and the state stays",
        first_valid: "3n - 1",
        ..BASE
    },
    Function {
        name: "macd",
        class: Class::Recursive,
        params: &[X, window("fast", 2, 12), window("slow", 2, 26), window("signal", 1, 9)],
        parts: &["line", "signal", "hist"],
        doc: "moving average convergence and divergence: the difference of two exponential means, its own mean, and the difference of these",
        formula: "raw = macd_line(x, less(fast, slow), greater(fast, slow)); \
                  signal = ema(raw, signal); \
                  line = if(is_missing(signal), signal, raw); \
                  hist = line - signal",
        source: "TA-Lib `MACD`",
        missing: "passed over: none there, and the state stays",
        first_valid: "max(fast, slow) + signal - 1",
        ..BASE
    },
    Function {
        name: "rsi",
        class: Class::Recursive,
        params: &[X, window("n", 2, 14)],
        doc: "relative strength index: what share of the movement was up, in percent; 0 without movement",
        formula: "change = delta(x, 1); \
                  up = rma(greater(change, 0), n); \
                  down = rma(greater(-change, 0), n); \
                  if(up + down < 1e-14, 0 * up, 100 * up / (up + down))",
        source: "TA-Lib `RSI`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "cmo",
        class: Class::Recursive,
        params: &[X, window("n", 2, 14)],
        doc: "Chande's momentum oscillator: upward less downward movement, in percent of both; 0 without movement",
        formula: "change = delta(x, 1); \
                  up = rma(greater(change, 0), n); \
                  down = rma(greater(-change, 0), n); \
                  if(up + down < 1e-14, 0 * up, 100 * (up - down) / (up + down))",
        source: "TA-Lib `CMO`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "cmou",
        params: &[X, window("n", 1, 14)],
        doc: "Chande's momentum oscillator, without smoothing; 0 without movement",
        formula: "change = delta(x, 1); \
                  gone = sum(abs(change), n, min_periods=n); \
                  if(gone == 0, 0 * gone, 100 * sum(change, n, min_periods=n) / gone)",
        source: "TA-Lib `CMOU`",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "rvi",
        class: Class::Recursive,
        params: &[X, window("n", 1, 14), window("m", 2, 10)],
        doc: "relative volatility index: what share of the deviations of m sessions was on sessions that went up, in percent; 50 without any",
        formula: "way = sign(delta(x, 1)); \
                  deviation = std_pop(x, m, min_periods=m); \
                  up = rma(deviation * greater(way, 0), n); \
                  down = rma(deviation * greater(-way, 0), n); \
                  if(up + down == 0, 0 * up + 50, 100 * up / (up + down))",
        source: "TA-Lib `RVI`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + m - 1",
        ..BASE
    },
    Function {
        name: "tsi",
        class: Class::Recursive,
        params: &[X, window("slow", 1, 25), window("fast", 1, 13)],
        doc: "true strength index: doubly smoothed change over doubly smoothed movement, in percent; 0 without movement",
        formula: "change = delta(x, 1); \
                  gone = ema(ema(abs(change), slow), fast); \
                  if(gone == 0, 0 * gone, 100 * ema(ema(change, slow), fast) / gone)",
        source: "TA-Lib `TSI`",
        missing: "passed over: none there, and the state stays",
        first_valid: "slow + fast",
        ..BASE
    },
    Function {
        name: "kst",
        params: &[X, window("signal", 1, 9)],
        parts: &["line", "signal"],
        doc: "know sure thing: four smoothed rates of change, the longest counted most, and their mean",
        formula: "line = sma(roc(x, 10), 10) + 2 * sma(roc(x, 15), 10) + 3 * sma(roc(x, 20), 10) + 4 * sma(roc(x, 30), 15); \
                  signal = sma(line, signal)",
        source: "pandas-ta `kst`",
        first_valid: "45; `signal` 44 + signal",
        ..BASE
    },
    Function {
        name: "coppock",
        params: &[X, window("n", 1, 10), lag("fast", 11), lag("slow", 14)],
        doc: "Coppock's curve: weighted mean of two rates of change",
        formula: "wma(roc(x, fast) + roc(x, slow), n, min_periods=n)",
        source: "TA-Lib `COPPOCK`",
        first_valid: "max(fast, slow) + n",
        ..BASE
    },
    Function {
        name: "dpo",
        params: &[X, window("n", 1, 20)],
        doc: "detrended price: the value half a window ago, less the mean",
        formula: "ref(x, floor(n / 2) + 1) - sma(x, n)",
        source: "TA-Lib `DPO`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "bias",
        params: &[X, window("n", 1, 26)],
        doc: "distance from the mean, as a share of it",
        formula: "x / sma(x, n) - 1",
        source: "pandas-ta `bias`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "psl",
        params: &[X, window("n", 1, 12)],
        doc: "psychological line: sessions that went up, in percent",
        formula: "100 * sum(greater(sign(delta(x, 1)), 0), n, min_periods=n) / n",
        source: "pandas-ta `psl`",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "efficiency_ratio",
        aliases: &["er"],
        params: &[X, lag("n", 10)],
        doc: "Kaufman's efficiency ratio: the way made over the way gone, from 0 to 1; 1 without movement",
        formula: "gone = sum(abs(delta(x, 1)), n, min_periods=n); \
                  if(gone == 0, 0 * gone + 1, abs(delta(x, n)) / gone)",
        source: "TA-Lib `ER`",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "vhf",
        params: &[X, window("n", 2, 28)],
        doc: "vertical horizontal filter: the window's range over the way gone; 0 without movement",
        formula: "gone = sum(abs(delta(x, 1)), n, min_periods=n); \
                  range = max(x, n, min_periods=n) - min(x, n, min_periods=n); \
                  if(gone == 0, 0 * gone, range / gone)",
        source: "TA-Lib `VHF`",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "fosc",
        params: &[X, window("n", 2, 5)],
        doc: "forecast oscillator: how far the value lies above what `tsf` forecast the session before, in percent",
        formula: "100 * (x - ref(tsf(x, n), 1)) / x",
        source: "TA-Lib `FOSC`",
        first_valid: "n + 1",
        ..BASE
    },
];
