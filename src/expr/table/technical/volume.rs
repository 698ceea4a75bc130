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
        formula: "line = ad(high, low, close, volume); \
                  where(ema(line, fast, seed=first) - ema(line, slow, seed=first), count(line, 0) >= greater(fast, slow))",
        source: "TA-Lib `ADOSC`",
        missing: "passed over: none there, and the state stays",
        first_valid: "max(fast, slow)",
        ..BASE
    },
    Function {
        name: "cmf",
        params: &[HIGH, LOW, CLOSE, VOLUME, window("n", 1, 20)],
        doc: "Chaikin's money flow: volume weighted by where the close lies in the range, over volume; 0 without volume",
        formula: "flow = if(high > low, (2 * close - low - high) / (high - low) * volume, 0 * (high - low)); \
                  total = sum(volume, n, min_periods=n); \
                  if(total == 0, 0 * total, sum(flow, n, min_periods=n) / total)",
        source: "TA-Lib `CMF`",
        first_valid: "n",
        ..BASE
    },
    Function {
        name: "force_index",
        aliases: &["efi"],
        class: Class::Recursive,
        params: &[CLOSE, VOLUME, window("n", 1, 13)],
        doc: "Elder's force index: exponential mean of the change times the volume",
        formula: "ema(delta(close, 1) * volume, n)",
        source: "TA-Lib `EFI`",
        missing: "passed over: none there, and the state stays",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "eom",
        params: &[HIGH, LOW, VOLUME, window("n", 1, 14), real("divisor", Interval::Positive, 1e8)],
        doc: "ease of movement: how far the middle price moved for the volume it took",
        formula: "price = medprice(high, low); \
                  sma(delta(price, 1) / (volume / divisor / (high - low)), n)",
        source: "pandas-ta `eom`",
        first_valid: "n + 1",
        ..BASE
    },
    Function {
        name: "pvt",
        class: Class::Recursive,
        params: &[CLOSE, VOLUME],
        doc: "price-volume trend: the sum of the volumes, weighted by the relative change; it begins with 0",
        formula: "cumsum(volume * if(count(close, 0) == 1, 0, coalesce(rocp(close, 1), 0)))",
        source: "TA-Lib `PVT`",
        missing: "passed over: none there where `volume` is missing; nothing is added after a missing close",
        first_valid: "1",
        ..BASE
    },
    Function {
        name: "nvi",
        class: Class::Recursive,
        params: &[CLOSE, VOLUME],
        doc: "negative volume index: 1000, compounded by the relative changes of the sessions whose volume fell",
        formula: "1000 * cumprod(if(volume < ref(volume, 1), close / ref(close, 1), 1 + 0 * close))",
        source: "TA-Lib `NVI`",
        missing: "passed over: none there, and the state stays",
        first_valid: "1",
        ..BASE
    },
    Function {
        name: "pvi",
        class: Class::Recursive,
        params: &[CLOSE, VOLUME],
        doc: "positive volume index: 1000, compounded by the relative changes of the sessions whose volume rose",
        formula: "1000 * cumprod(if(volume > ref(volume, 1), close / ref(close, 1), 1 + 0 * close))",
        source: "TA-Lib `PVI`",
        missing: "passed over: none there, and the state stays",
        first_valid: "1",
        ..BASE
    },
    Function {
        name: "wad",
        class: Class::Recursive,
        params: &[HIGH, LOW, CLOSE],
        doc: "Williams' accumulation and distribution: the sum of how far the close went from the true low on sessions that went up, and from the true high on others; it begins with 0",
        formula: "before = ref(close, 1); \
                  cumsum(if(close > before, close - less(low, before), if(close < before, close - greater(high, before), 0 * close)))",
        source: "TA-Lib `WAD`",
        missing: "passed over: none there, and the state stays",
        first_valid: "1",
        ..BASE
    },
    Function {
        name: "rvol",
        params: &[VOLUME, window("n", 1, 20)],
        doc: "volume over its mean of the n sessions before",
        formula: "volume / ref(sma(volume, n), 1)",
        source: "TA-Lib `RVOL`",
        first_valid: "n + 1",
        ..BASE
    },
];
