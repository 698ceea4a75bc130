//! The technical indicators against TA-Lib on real bars, first rows included. tests/fixtures/golden/README.md says how the files
//! were made; talib.json says which of our calls is which of TA-Lib's.

use polars::prelude::DataFrame;

use crate::example_tests::{bars, values};

const COLUMNS: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// A file's rows by instrument, in the file's order: the header, and each row's fields.
struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<&'static str>>,
}

impl Table {
    fn read(text: &'static str) -> Self {
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        Self { header: lines.next().unwrap(), rows: lines.collect() }
    }

    fn of(&self, instrument: &str, column: &str) -> Option<Vec<f64>> {
        let at = self.header.iter().position(|name| *name == column)?;
        let rows = self.rows.iter().filter(|row| row[1] == instrument);
        // What is not finite is missing with us.
        let number = |text: &str| text.parse().ok().filter(|x: &f64| x.is_finite()).unwrap_or(f64::NAN);
        Some(rows.map(|row| number(row[at])).collect())
    }

    fn bars(&self, instrument: &str, rows: usize) -> DataFrame {
        let column = |name: &&'static str| (*name, self.of(instrument, name).unwrap()[..rows].to_vec());
        bars(&COLUMNS.iter().map(column).collect::<Vec<_>>())
    }
}

/// (column, our call) of those that have a name with us.
fn calls() -> Vec<(&'static str, &'static str)> {
    let field = |line: &'static str, key: &str| {
        let (_, rest) = line.split_once(&format!("\"{key}\": \""))?;
        rest.split('"').next()
    };
    let lines = include_str!("../../tests/fixtures/golden/talib.json").lines();
    lines.filter_map(|line| Some((field(line, "column")?, field(line, "ours")?))).collect()
}

/// What of a file's columns is not as TA-Lib has it; how many were compared.
fn compare(table: &Table, bars: &Table, instrument: &str) -> (usize, Vec<String>) {
    let (mut compared, mut wrong) = (0, Vec::new());
    for (column, ours) in calls() {
        let Some(expected) = table.of(instrument, column) else { continue };
        compared += 1;
        let found = values(ours, &bars.bars(instrument, expected.len()));
        // Near zero TA-Lib's running sums leave noise on the scale of what they were made of, more in a slope than elsewhere.
        let share = if column.starts_with("slope") || column.starts_with("linearreg_angle") { 1e-2 } else { 1e-3 };
        let scale = share * expected.iter().copied().filter(|x| x.is_finite()).fold(0.0, |a: f64, b| a.max(b.abs()));
        for (row, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let found = found.unwrap_or(f64::NAN);
            let close = (found - expected).abs() <= 1e-9 * expected.abs().max(scale);
            if !close && !(found.is_nan() && expected.is_nan()) {
                wrong.push(format!("{instrument}: {ours} is {found:e} in row {row}, TA-Lib has {expected:e}"));
                break;
            }
        }
    }
    (compared, wrong)
}

#[test]
fn indicators_agree_on_liquid_bars() {
    let bars = Table::read(include_str!("../../tests/fixtures/golden/talib_bars.csv"));
    let classic = Table::read(include_str!("../../tests/fixtures/golden/talib.csv"));
    let more = Table::read(include_str!("../../tests/fixtures/golden/talib_more.csv"));
    for (table, instrument, least) in
        [(&classic, "GE", 95), (&classic, "KO", 95), (&classic, "MSFT", 95), (&more, "GE", 48)]
    {
        let (compared, wrong) = compare(table, &bars, instrument);
        assert!(compared >= least, "{compared} of {instrument}");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// Where there is no movement, no range or no volume to divide by.
#[test]
fn indicators_agree_on_bars_that_hardly_move() {
    let bars = Table::read(include_str!("../../tests/fixtures/golden/talib_thin_bars.csv"));
    let table = Table::read(include_str!("../../tests/fixtures/golden/talib_thin.csv"));
    let (compared, mut wrong) = compare(&table, &bars, "KEMP");
    assert!(compared >= 143, "{compared}");
    // TA-Lib says 0 before any volume, where we say nothing. Its range of a relative strength that stands still is rounding.
    wrong.retain(|wrong| !wrong.contains(" vwap(") && !wrong.contains(" stochrsi("));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
