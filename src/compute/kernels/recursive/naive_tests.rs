//! The kernels against the same formulas as a textbook has them: from all of an instrument's history, newest bar last.

use assetctl_expr::{RecursiveFn, WindowFn};
use proptest::prelude::*;

use super::testing::{CASES, Case, value};

/// Operands of one instrument, session by session.
type Bars = Vec<Vec<f64>>;

/// The value after the last of some bars.
type Naive = fn(&[Vec<f64>], &[f64]) -> f64;

const NAN: f64 = f64::NAN;

fn naive(f: RecursiveFn) -> Option<Naive> {
    Some(match f {
        RecursiveFn::Ema => |bars, p| seeded(bars, p[0], 2.0 / (p[0] + 1.0)),
        RecursiveFn::Rma => |bars, p| seeded(bars, p[0], 1.0 / p[0]),
        RecursiveFn::EmaFirst => |bars, p| from(bars, p[0], None),
        RecursiveFn::SmaTdx => |bars, p| from(bars, p[1] / p[0], None),
        RecursiveFn::SmaFrom => |bars, p| from(bars, 1.0 / p[0], Some(p[1])),
        RecursiveFn::WilderSum => wilder_sum,
        RecursiveFn::Ewm => ewm,
        RecursiveFn::Kama => kama,
        RecursiveFn::MacdLine => macd_line,
        RecursiveFn::CumSum => |bars, _| known(bars).map_or(NAN, |values| values.iter().sum()),
        RecursiveFn::CumProd => |bars, _| known(bars).map_or(NAN, |values| values.iter().product()),
        RecursiveFn::LastValid => |bars, _| valid(bars).last().copied().unwrap_or(NAN),
        RecursiveFn::FirstValid => |bars, _| valid(bars).first().copied().unwrap_or(NAN),
        RecursiveFn::BarsSince => |bars, _| {
            let since = |values: Vec<f64>| values.iter().rev().position(|value| *value > 0.0);
            known(bars).and_then(since).map_or(NAN, |since| since as f64)
        },
        RecursiveFn::Expanding(WindowFn::Sum) => |bars, _| of_some(bars, 1, |values| values.iter().sum()),
        RecursiveFn::Expanding(WindowFn::Product) => |bars, _| of_some(bars, 1, |values| values.iter().product()),
        RecursiveFn::Expanding(WindowFn::Mean) => |bars, _| of_some(bars, 1, mean),
        RecursiveFn::Expanding(WindowFn::Min) => {
            |bars, _| of_some(bars, 1, |values| values.iter().copied().fold(f64::MAX, f64::min))
        }
        RecursiveFn::Expanding(WindowFn::Max) => {
            |bars, _| of_some(bars, 1, |values| values.iter().copied().fold(f64::MIN, f64::max))
        }
        RecursiveFn::Expanding(WindowFn::Count) => |bars, _| valid(bars).len() as f64,
        RecursiveFn::Expanding(WindowFn::Var) => |bars, _| of_some(bars, 2, |v| power(v, 2) / (v.len() - 1) as f64),
        RecursiveFn::Expanding(WindowFn::Std) => {
            |bars, _| of_some(bars, 2, |v| (power(v, 2) / (v.len() - 1) as f64).sqrt())
        }
        RecursiveFn::Expanding(WindowFn::VarPop) => |bars, _| of_some(bars, 1, |v| power(v, 2) / v.len() as f64),
        RecursiveFn::Expanding(WindowFn::StdPop) => {
            |bars, _| of_some(bars, 1, |v| (power(v, 2) / v.len() as f64).sqrt())
        }
        RecursiveFn::Expanding(WindowFn::Skew) => |bars, _| of_some(bars, 3, skew),
        RecursiveFn::Expanding(WindowFn::Kurt) => |bars, _| of_some(bars, 4, kurt),
        _ => return None,
    })
}

/// The values of the first operand that are not missing.
fn valid(bars: &[Vec<f64>]) -> Vec<f64> {
    bars.iter().map(|bar| bar[0]).filter(|x| !x.is_nan()).collect()
}

/// The same, if the last bar has one.
fn known(bars: &[Vec<f64>]) -> Option<Vec<f64>> {
    bars.last().is_some_and(|bar| !bar[0].is_nan()).then(|| valid(bars))
}

fn of_some(bars: &[Vec<f64>], least: usize, of: impl Fn(&[f64]) -> f64) -> f64 {
    let values = valid(bars);
    if values.len() >= least { of(&values) } else { NAN }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn power(values: &[f64], power: i32) -> f64 {
    let mean = mean(values);
    if values.iter().all(|value| *value == values[0]) {
        return 0.0;
    }
    values.iter().map(|value| (value - mean).powi(power)).sum()
}

fn skew(values: &[f64]) -> f64 {
    let (n, deviation) = (values.len() as f64, (power(values, 2) / values.len() as f64).sqrt());
    (n * (n - 1.0)).sqrt() / (n - 2.0) * (power(values, 3) / n) / deviation.powi(3)
}

fn kurt(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let excess = n * power(values, 4) / power(values, 2).powi(2) - 3.0;
    (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * excess + 6.0)
}

/// `first` fading by `1 - alpha` with each of `values`, of which each has the weight alpha when new.
fn fading(first: f64, values: &[f64], alpha: f64) -> f64 {
    let weights = (0..values.len() as i32).rev().map(|age| alpha * (1.0 - alpha).powi(age));
    first * (1.0 - alpha).powi(values.len() as i32) + values.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>()
}

fn seeded(bars: &[Vec<f64>], n: f64, alpha: f64) -> f64 {
    let n = n as usize;
    known(bars).filter(|v| v.len() >= n).map_or(NAN, |values| fading(mean(&values[..n]), &values[n..], alpha))
}

fn from(bars: &[Vec<f64>], alpha: f64, seed: Option<f64>) -> f64 {
    known(bars).map_or(NAN, |values| fading(seed.unwrap_or(values[0]), &values, alpha))
}

fn wilder_sum(bars: &[Vec<f64>], params: &[f64]) -> f64 {
    let (n, first) = (params[0], params[0] as usize - 1);
    let of = |values: Vec<f64>| n * fading(values[..first].iter().sum::<f64>() / n, &values[first..], 1.0 / n);
    known(bars).filter(|values| values.len() >= first).map_or(NAN, of)
}

fn ewm(bars: &[Vec<f64>], params: &[f64]) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    // of several sessions the newest counts whole; where its value is missing, the ages are the same
    let last = bars.iter().rposition(|bar| !bar[0].is_nan());
    for (age, bar) in bars[..last.map_or(0, |last| last + 1)].iter().rev().enumerate() {
        let weight = if bar[0].is_nan() { 0.0 } else { (1.0 - params[0]).powi(age as i32) };
        sum += if weight > 0.0 { weight * bar[0] } else { 0.0 };
        weights += weight;
    }
    sum / weights
}

fn kama(bars: &[Vec<f64>], params: &[f64]) -> f64 {
    let n = params[0] as usize;
    let Some(values) = known(bars) else { return NAN };
    if n == 1 {
        return values[values.len() - 1];
    }
    if values.len() <= n {
        return NAN;
    }
    values.windows(n + 1).fold(values[n - 1], |before, window| {
        let way = (window[n] - window[0]).abs();
        let changes: f64 = window.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum();
        let efficiency = if changes == 0.0 { 1.0 } else { way / changes };
        let smoothing = (efficiency * (2.0 / 3.0 - 2.0 / 31.0) + 2.0 / 31.0).powi(2);
        before + smoothing * (window[n] - before)
    })
}

fn macd_line(bars: &[Vec<f64>], params: &[f64]) -> f64 {
    let (fast, slow) = (params[0].min(params[1]) as usize, params[0].max(params[1]) as usize);
    let alpha = |n: usize| 2.0 / (n as f64 + 1.0);
    let of = |values: Vec<f64>| {
        let (seed, rest) = values.split_at(slow);
        fading(mean(&seed[slow - fast..]), rest, alpha(fast)) - fading(mean(seed), rest, alpha(slow))
    };
    known(bars).filter(|values| values.len() >= slow).map_or(NAN, of)
}

/// Bars of four operands; `size` is by how much errors may be greater than that of a value of 1.
fn assert_agree(case: &Case, bars: &Bars, of: Naive) -> Result<(), TestCaseError> {
    let size = bars.iter().map(|bar| bar[0].abs()).filter(|x| !x.is_nan()).fold(1.0, f64::max);
    // sums of powers cancel by the power of the size
    let scale = match case.f {
        RecursiveFn::Expanding(WindowFn::Var | WindowFn::VarPop) => size * size,
        _ => size,
    };
    for (row, out) in case.one(bars).into_iter().enumerate() {
        let expected = of(&bars[..=row], case.params);
        let near = (out - expected).abs() <= 1e-9 * expected.abs() || (out - expected).abs() <= 1e-12 * scale;
        let agree = near || out.is_nan() && !expected.is_finite();
        prop_assert!(agree, "{:?} in row {}: {} is not {} for {:?}", case, row, out, expected, bars);
    }
    Ok(())
}

fn bars(value: impl Strategy<Value = f64>) -> impl Strategy<Value = Bars> {
    proptest::collection::vec(proptest::collection::vec(value, 1), 1..40)
}

/// Higher moments of values of very different size have no digits to compare.
fn is_moment(case: &Case) -> bool {
    matches!(case.f, RecursiveFn::Expanding(WindowFn::Skew | WindowFn::Kurt))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn naive_forms_agree(bars in bars(value())) {
        for case in CASES.iter().filter(|case| !is_moment(case)) {
            if let Some(of) = naive(case.f) {
                assert_agree(case, &bars, of)?;
            }
        }
    }

    #[test]
    fn naive_moments_agree(bars in bars(prop_oneof![1 => Just(NAN), 4 => (-50..50_i32).prop_map(|x| f64::from(x) + 1000.0)])) {
        for case in CASES.iter().filter(|case| is_moment(case)) {
            if let Some(of) = naive(case.f) {
                assert_agree(case, &bars, of)?;
            }
        }
    }

    /// The stop stays clear of the bar and of the one before, unless it was just reached, and never lets go of what it has.
    #[test]
    fn a_stop_follows_its_trade(moves in proptest::collection::vec((-2.0..2.0_f64, 0.1..2.0_f64, 0.1..2.0_f64), 2..60)) {
        let mut middle = 100.0;
        let bars: Vec<(f64, f64)> = moves
            .iter()
            .map(|(change, up, down)| {
                middle += change;
                (middle + up, middle - down)
            })
            .collect();
        let case = CASES.iter().find(|case| case.f == RecursiveFn::Sar).unwrap();
        let stops = case.one(&bars.iter().map(|(high, low)| vec![*high, *low]).collect::<Vec<_>>());
        prop_assert!(stops[0].is_nan() && stops[1..].iter().all(|stop| stop.is_finite()));
        for row in 2..bars.len() {
            let ((high, low), (before, stop)) = (bars[row], (stops[row - 1], stops[row]));
            prop_assert!(stop <= low || stop >= high, "row {}: {} in {:?}", row, stop, bars[row]);
            // on the same side as before it moves towards the price only
            let long = stop <= low && before <= bars[row - 1].1;
            let short = stop >= high && before >= bars[row - 1].0;
            prop_assert!(!long || stop >= before || stop >= bars[row - 1].1.min(bars[row - 2].1), "row {}", row);
            prop_assert!(!short || stop <= before || stop <= bars[row - 1].0.max(bars[row - 2].0), "row {}", row);
        }
    }
}

#[test]
fn a_close_beyond_the_line_turns_the_trend() {
    // middle 10, bands at 8 and 12 about it
    let bar = |close: f64| vec![close + 1.0, close - 1.0, close, 1.0];
    let bars: Vec<Vec<f64>> = [10.0, 10.0, 13.0, 12.0, 10.9, 12.9, 13.0].into_iter().map(bar).collect();
    let [line, direction] = [0, 1].map(|part| {
        let case = CASES.iter().find(|case| case.f == RecursiveFn::Supertrend && case.part == part).unwrap();
        case.one(&bars)
    });
    // up to 11 with the 13; the 10.9 is below that and turns it to the upper band
    assert_eq!(direction, [1.0, 1.0, 1.0, 1.0, -1.0, -1.0, 1.0]);
    assert_eq!(line, [8.0, 8.0, 11.0, 11.0, 12.9, 12.9, 11.0]);
}
