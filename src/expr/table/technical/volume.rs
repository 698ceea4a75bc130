//! What volume says about prices.

use crate::catalogue::Interval;
use crate::catalogue::{Class, Function, Op};
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
        name: "obv",
        class: Class::Recursive,
        params: &[CLOSE, VOLUME],
        doc: "on-balance volume: the sum of the volumes, those of sessions that went down taken off; it begins with the first volume",
        formula: "cumsum(volume * if(count(close, 0) == 1, 1, coalesce(sign(delta(close, 1)), 0)))",
        source: "TA-Lib `OBV`",
        missing: "passed over: none there where `volume` is missing; nothing is added after a missing close",
        first_valid: "1",
        ..BASE
    },
    Function {
        name: "ad",
        class: Class::Recursive,
        params: &[HIGH, LOW, CLOSE, VOLUME],
        doc: "accumulation and distribution: the sum of the volumes, weighted by where the close lies in the range",
        formula: "cumsum(if(high > low, (2 * close - low - high) / (high - low) * volume, 0 * (high - low)))",
        source: "TA-Lib `AD`",
        missing: "passed over: none there, and the state stays",
        first_valid: "1",
        ..BASE
    },
    Function {
        name: "adosc",
        class: Class::Recursive,
        params: &[HIGH, LOW, CLOSE, VOLUME, window("fast", 2, 3), window("slow", 2, 10)],
        doc: "Chaikin's oscillator: difference of two exponential means of `ad`, which begin at its first value",
        formula: "line = ad(high, low, close, volume); where(ema(line, fast, seed=first) - ema(line, slow, seed=first), count(line, 0) >= greater(fast, slow))",
        source: "TA-Lib `ADOSC`",
        missing: "passed over: none there, and the state stays",
        first_valid: "max(fast, slow)",
        ..BASE
    },
    Function {
        name: "cmf",
        params: &[HIGH, LOW, CLOSE, VOLUME, window("n", 1, 20)],
        doc: "Chaikin's money flow: volume weighted by where the close lies in the range, over volume",
        formula: "sum(if(high > low, (2 * close - low - high) / (high - low) * volume, 0 * (high - low)), n, min_periods=n) / sum(volume, n, min_periods=n)",
        source: "pandas-ta `cmf`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "force_index",
        class: Class::Recursive,
        params: &[CLOSE, VOLUME, window("n", 1, 13)],
        doc: "Elder's force index: exponential mean of the change times the volume",
        formula: "ema(delta(close, 1) * volume, n)",
        source: "pandas-ta `efi`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "eom",
        params: &[HIGH, LOW, VOLUME, window("n", 1, 14), real("divisor", Interval::Positive, 1e8)],
        doc: "ease of movement: how far the middle price moved for the volume it took",
        formula: "price = medprice(high, low); sma(delta(price, 1) / (volume / divisor / (high - low)), n)",
        source: "pandas-ta `eom`",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "pvt",
        class: Class::Recursive,
        params: &[CLOSE, VOLUME],
        doc: "price-volume trend: the sum of the volumes, weighted by the relative change",
        formula: "cumsum(volume * rocp(close, 1))",
        source: "pandas-ta `pvt`",
        missing: "passed over: none there, and the state stays",
        first_valid: "2",
        ..BASE
    },
];
