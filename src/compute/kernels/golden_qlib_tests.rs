//! The window kernels against Qlib's operators on real bars with suspended sessions, each from its instrument's first bar on;
//! `tests/fixtures/golden/make_qlib.py` says how the file was made.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_expr::WindowFn::{self, *};

use super::*;

const BARS: &str = include_str!("../../../data/source/bars/csi_mini.csv");
const GOLDEN: &str = include_str!("../../../tests/fixtures/golden/qlib_ops_f64.csv");

/// Qlib's name, its operand, ours, and how far apart they may be beside 1e-9 of the value: Qlib's running sums carry the rounding
/// of all prices before the window.
const OPERATORS: [(&str, &str, WindowFn, f64); 23] = [
    ("Mean", "close", Mean, 0.0),
    ("Sum", "close", Sum, 0.0),
    ("Std", "close", Std, 1e-9),
    ("Var", "close", Var, 1e-9),
    ("Skew", "close", Skew, 1e-7),
    ("Kurt", "close", Kurt, 1e-7),
    ("Max", "close", Max, 0.0),
    ("Min", "close", Min, 0.0),
    ("Med", "close", Median, 0.0),
    ("Mad", "close", Mad, 0.0),
    ("Rank", "close", Rank, 0.0),
    ("Count", "close", Count, 0.0),
    ("Slope", "close", Slope, 1e-9),
    ("Rsquare", "close", RSquare, 1e-8),
    ("Resi", "close", Resid, 1e-9),
    ("Ref", "close", Ref, 0.0),
    ("Quantile", "close", Quantile, 0.0),
    ("Corr", "close", Corr, 1e-8),
    ("Cov", "close", Cov, 0.0),
    // without Qlib's defects
    ("WMA_proper", "close", Wma, 0.0),
    ("IdxMax_proper", "high", ArgMax, 0.0),
    ("IdxMin_proper", "low", ArgMin, 0.0),
    // as Qlib answers a query that begins with this session
    ("EMA_late", "close", EwmWindow, 0.0),
];
const LATE: &str = "2016-06-01";

/// Column → instrument and session → value; empty fields are left out, and infinities, which Qlib has where it divides by zero.
type Table<'a> = BTreeMap<&'a str, BTreeMap<(&'a str, &'a str), f64>>;

fn table<'a>(text: &'a str, instrument: &str, session: &str) -> Table<'a> {
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let at = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (instrument, session) = (at(instrument), at(session));
    let mut columns = Table::new();
    for line in lines {
        for (name, field) in header.iter().zip(&line) {
            let value = field.parse().unwrap_or(f64::NAN);
            if f64::is_finite(value) {
                columns.entry(name).or_default().insert((line[instrument], line[session]), value);
            }
        }
    }
    columns
}

#[test]
fn windows_agree_with_qlib() {
    let (bars, golden) = (table(BARS, "symbol", "date"), table(GOLDEN, "instrument", "session"));
    let sessions: BTreeSet<&str> = bars["close"].keys().map(|(_, session)| *session).collect();
    // every row has a count
    let instruments: BTreeSet<&str> = golden["Count_5"].keys().map(|(instrument, _)| *instrument).collect();
    for instrument in instruments {
        let of = |name: &str| -> Vec<f64> {
            let values = sessions.iter().map(|session| bars[name].get(&(instrument, *session)).copied());
            values.skip_while(Option::is_none).map(|value| value.unwrap_or(f64::NAN)).collect()
        };
        let volume = of("volume");
        let skipped = sessions.len() - volume.len();
        for ((name, operand, f, slack), n) in OPERATORS.into_iter().flat_map(|operator| [(operator, 5), (operator, 20)])
        {
            let x = of(operand);
            let grid = |data| Grid { data, lanes: 1 };
            let args: &[Grid] = if matches!(f, Corr | Cov) { &[grid(&x), grid(&volume)] } else { &[grid(&x)] };
            let param = match f {
                Quantile => 0.8,
                EwmWindow => 2.0 / (n as f64 + 1.0),
                _ => 0.0,
            };
            let column = &golden[format!("{name}_{n}").as_str()];
            for anchor in [None, Some(skipped)] {
                let mut out = vec![0.0; x.len()];
                window(f, args, false, 0..x.len(), Span { n, min_periods: 1, anchor }, param, &mut out).unwrap();
                for (row, (session, out)) in sessions.iter().skip(skipped).zip(out).enumerate() {
                    // Qlib's weights begin at 1 with the first bar there is, ours with the window
                    let comparable = match f {
                        EwmWindow => *session == LATE,
                        Wma => row >= n,
                        _ => true,
                    };
                    if !comparable || !golden["Count_5"].contains_key(&(instrument, *session)) {
                        continue;
                    }
                    let expected = column.get(&(instrument, *session)).copied().unwrap_or(f64::NAN);
                    let close = (out - expected).abs() <= 1e-9 * expected.abs() + slack;
                    let agree = if expected.is_nan() { out.is_nan() } else { close };
                    assert!(agree, "{name}_{n} of {instrument} on {session}: {out} is not {expected}");
                }
            }
        }
    }
}
