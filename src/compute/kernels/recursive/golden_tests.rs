//! The kernels against TA-Lib on real bars and pandas on real closes with holes; the scripts under tests/fixtures/golden say
//! how the files were made.

use assetctl_expr::{RecursiveFn, WindowFn};

use super::{advance, state_len};
use crate::kernels::golden_tests::Golden;

/// The instruments' bars and what TA-Lib makes of them.
struct Bars {
    bars: Golden,
    golden: Golden,
}

impl Bars {
    fn liquid() -> Self {
        Self {
            bars: Golden::read(include_str!("../../../../tests/fixtures/golden/talib_bars.csv")),
            golden: Golden::read(include_str!("../../../../tests/fixtures/golden/talib.csv")),
        }
    }

    /// One that hardly trades.
    fn thin() -> Self {
        Self {
            bars: Golden::read(include_str!("../../../../tests/fixtures/golden/talib_thin_bars.csv")),
            golden: Golden::read(include_str!("../../../../tests/fixtures/golden/talib_thin.csv")),
        }
    }

    fn column(&self, name: &str) -> &[f64] {
        self.bars.column(name)
    }

    fn run(&self, f: RecursiveFn, params: &[f64], part: u8, args: &[&[f64]]) -> Vec<f64> {
        run(f, params, part, args, self.bars.lanes())
    }

    fn one(&self, f: RecursiveFn, n: f64, x: &[f64]) -> Vec<f64> {
        self.run(f, &[n], 0, &[x])
    }

    /// A panel of what `of` says of each bar (high, low, close) and the one before; missing at the first.
    fn step(&self, of: impl Fn([f64; 3], [f64; 3]) -> f64) -> Vec<f64> {
        let lanes = self.bars.lanes();
        let bar = |cell: usize| ["high", "low", "close"].map(|name| self.column(name)[cell]);
        let cells = 0..self.column("close").len();
        cells.map(|cell| if cell < lanes { f64::NAN } else { of(bar(cell), bar(cell - lanes)) }).collect()
    }

    fn true_range(&self) -> Vec<f64> {
        self.step(|[high, low, _], [_, _, before]| (high - low).max((before - high).abs()).max((before - low).abs()))
    }

    /// The moves up and down that ADX is made of.
    fn directional(&self) -> [Vec<f64>; 2] {
        let plus = self.step(|[high, low, _], [high_before, low_before, _]| {
            let (up, down) = (high - high_before, low_before - low);
            if up > 0.0 && up > down { up } else { 0.0 }
        });
        let minus = self.step(|[high, low, _], [high_before, low_before, _]| {
            let (up, down) = (high - high_before, low_before - low);
            if down > 0.0 && up < down { down } else { 0.0 }
        });
        [plus, minus]
    }
}

/// A panel, session by session from an empty state.
fn run(f: RecursiveFn, params: &[f64], part: u8, args: &[&[f64]], lanes: usize) -> Vec<f64> {
    let mut state = vec![0.0; state_len(f, params) * lanes];
    let mut out = vec![9.0; args[0].len()];
    for (row, out) in out.chunks_exact_mut(lanes).enumerate() {
        let rows: Vec<&[f64]> = args.iter().map(|arg| &arg[row * lanes..(row + 1) * lanes]).collect();
        advance(f, params, part, &rows, &mut state, out);
    }
    out
}

fn map(x: &[f64], y: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| f(*x, *y)).collect()
}

/// 100 x/y, 0 where y is 0.
fn percent(x: &[f64], y: &[f64]) -> Vec<f64> {
    map(x, y, |x, y| if y == 0.0 { 0.0 } else { 100.0 * (x / y) })
}

/// `x` where the golden column has a value: TA-Lib gives some results later than we do.
fn where_golden(bars: &Bars, name: &str, x: &[f64]) -> Vec<f64> {
    map(x, bars.golden.column(name), |x, golden| if golden.is_nan() { f64::NAN } else { x })
}

fn talib(bars: &Bars) {
    let close = bars.column("close");
    let check = |name: &str, out: &[f64]| bars.golden.assert_close(name, out);
    check("ema_5", &bars.one(RecursiveFn::Ema, 5.0, close));
    check("ema_30", &bars.one(RecursiveFn::Ema, 30.0, close));
    check("kama_10", &bars.one(RecursiveFn::Kama, 10.0, close));
    check("kama_30", &bars.one(RecursiveFn::Kama, 30.0, close));
    let (high, low) = (bars.column("high"), bars.column("low"));
    check("sar_0.02_0.2", &bars.run(RecursiveFn::Sar, &[0.02, 0.2], 0, &[high, low]));
    check("sar_0.05_0.1", &bars.run(RecursiveFn::Sar, &[0.05, 0.1], 0, &[high, low]));

    for (fast, slow, signal, name) in [(12.0, 26.0, 9.0, "macd_12_26_9"), (5.0, 10.0, 4.0, "macd_5_10_4")] {
        let line = bars.run(RecursiveFn::MacdLine, &[fast, slow], 0, &[close]);
        let signals = bars.one(RecursiveFn::Ema, signal, &line);
        let part = |part| format!("{name}.{part}");
        check(&part("line"), &where_golden(bars, &part("signal"), &line));
        check(&part("signal"), &signals);
        let first = line.iter().position(|line| !line.is_nan()).map(|cell| cell / bars.bars.lanes());
        assert_eq!(first, Some(slow as usize - 1));
    }

    let gains = bars.step(|[.., now], [.., before]| (now - before).max(0.0));
    let losses = bars.step(|[.., now], [.., before]| (before - now).max(0.0));
    let (up, down) = (bars.one(RecursiveFn::Rma, 14.0, &gains), bars.one(RecursiveFn::Rma, 14.0, &losses));
    check("rsi_14", &percent(&up, &map(&up, &down, |up, down| up + down)));
    let range = bars.true_range();
    check("atr_14", &bars.one(RecursiveFn::Rma, 14.0, &range));
    check("atr_5", &bars.one(RecursiveFn::Rma, 5.0, &range));

    let [plus, minus] = bars.directional();
    let sums = [&plus, &minus, &range].map(|x| bars.one(RecursiveFn::WilderSum, 14.0, x));
    let [plus, minus, range] = sums;
    check("plus_dm_14", &plus);
    check("minus_dm_14", &minus);
    let (plus, minus) = (percent(&plus, &range), percent(&minus, &range));
    check("plus_di_14", &where_golden(bars, "plus_di_14", &plus));
    check("minus_di_14", &where_golden(bars, "minus_di_14", &minus));
    let apart = map(&plus, &minus, |plus, minus| (plus - minus).abs());
    let dx = percent(&apart, &map(&plus, &minus, |plus, minus| plus + minus));
    check("dx_14", &where_golden(bars, "dx_14", &dx));
}

#[test]
fn indicators_agree_with_ta_lib() {
    let bars = Bars::liquid();
    talib(&bars);
    // the sums' first value belongs to the seed; DX begins with the second
    let [plus, minus] = bars.directional();
    let range = bars.true_range();
    for n in [5.0, 14.0] {
        let [plus, minus, range] = [&plus, &minus, &range].map(|x| bars.one(RecursiveFn::WilderSum, n, x));
        let (plus, minus) = (percent(&plus, &range), percent(&minus, &range));
        let apart = map(&plus, &minus, |plus, minus| (plus - minus).abs());
        let mut dx = percent(&apart, &map(&plus, &minus, |plus, minus| plus + minus));
        dx[..n as usize * bars.bars.lanes()].fill(f64::NAN);
        bars.golden.assert_close(&format!("adx_{n}"), &bars.one(RecursiveFn::Rma, n, &dx));
    }
    let volume = bars.column("volume");
    let mut flow = map(&bars.step(|[.., now], [.., before]| now - before), volume, |change, volume| {
        if change == 0.0 { 0.0 } else { change.signum() * volume }
    });
    let lanes = bars.bars.lanes();
    flow[..lanes].copy_from_slice(&volume[..lanes]);
    bars.golden.assert_close("obv", &bars.run(RecursiveFn::CumSum, &[], 0, &[&flow]));
}

#[test]
fn indicators_of_flat_bars_agree_with_ta_lib() {
    talib(&Bars::thin());
}

#[test]
fn newer_indicators_agree_with_ta_lib() {
    let bars = Bars {
        bars: Bars::liquid().bars,
        golden: Golden::read(include_str!("../../../../tests/fixtures/golden/talib_more.csv")),
    };
    // one instrument, and fewer sessions
    let lane = bars.bars.lane("GE");
    let lanes = bars.bars.lanes();
    let only = |x: &[f64]| -> Vec<f64> {
        x.chunks_exact(lanes).map(|row| row[lane]).take(bars.golden.column("cumsum").len()).collect()
    };
    let check = |name: &str, out: &[f64]| bars.golden.assert_close(name, &only(out));
    let close = bars.column("close");
    check("rma_30", &bars.one(RecursiveFn::Rma, 30.0, close));
    check("cumsum", &bars.run(RecursiveFn::CumSum, &[], 0, &[close]));
    let atr = bars.one(RecursiveFn::Rma, 10.0, &bars.true_range());
    let args = [bars.column("high"), bars.column("low"), close, &atr];
    check("supertrend_10_3.line", &bars.run(RecursiveFn::Supertrend, &[3.0], 0, &args));
    check("supertrend_10_3.trend", &bars.run(RecursiveFn::Supertrend, &[3.0], 1, &args));
}

#[test]
fn means_and_expanding_windows_agree_with_pandas() {
    let golden = Golden::read(include_str!("../../../../tests/fixtures/golden/recursive.csv"));
    let check = |name: &str, f: RecursiveFn, params: &[f64], x: &str| {
        golden.assert_close(name, &run(f, params, 0, &[golden.column(x)], golden.lanes()));
    };
    check("ewm_12", RecursiveFn::Ewm, &[2.0 / 13.0], "close");
    check("ema_first_12", RecursiveFn::EmaFirst, &[2.0 / 13.0], "close");
    check("cumsum", RecursiveFn::CumSum, &[], "volume");
    check("cumprod", RecursiveFn::CumProd, &[], "change");
    check("ffill", RecursiveFn::LastValid, &[], "close");
    for (name, f, x) in [
        ("sum_0", WindowFn::Sum, "close"),
        ("mean_0", WindowFn::Mean, "close"),
        ("min_0", WindowFn::Min, "close"),
        ("max_0", WindowFn::Max, "close"),
        ("count_0", WindowFn::Count, "close"),
        ("var_0", WindowFn::Var, "close"),
        ("std_0", WindowFn::Std, "close"),
        ("var_pop_0", WindowFn::VarPop, "close"),
        ("std_pop_0", WindowFn::StdPop, "close"),
        ("skew_0", WindowFn::Skew, "close"),
        ("kurt_0", WindowFn::Kurt, "close"),
        ("prod_0", WindowFn::Product, "change"),
    ] {
        check(name, RecursiveFn::Expanding(f), &[1.0, 0.0], x);
    }
    check("mean_0_15", RecursiveFn::Expanding(WindowFn::Mean), &[15.0, 0.0], "close");
}
