//! Checks of bars.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::cell::{Cell, cells};
use super::{AtFault, CheckFailure, EXAMPLES, Rows, Sample, failures, time_of_day};
use crate::frame::FrameError;

/// The columns are open, high, low, close. One reason is given for each row, the first that is found.
pub(super) fn ohlc_sane(rows: &Rows<'_>, columns: [&String; 4]) -> Result<Vec<CheckFailure>, FrameError> {
    let [open, high, low, close] = columns;
    let prices = [rows.numbers(open)?, rows.numbers(high)?, rows.numbers(low)?, rows.numbers(close)?];
    let mut at_fault = AtFault::new();
    for row in 0..rows.sessions.len() {
        let of_row = [0, 1, 2, 3].map(|at: usize| (columns[at], prices[at][row]));
        if let Some(wrong) = wrong(of_row) {
            at_fault.entry(rows.sessions[row]).or_default().push(rows.sample(row, Some(wrong)));
        }
    }
    Ok(failures(at_fault, "prices that do not fit together").collect())
}

/// What is wrong with open, high, low and close, each with its name; NaN is missing.
fn wrong(prices: [(&String, f64); 4]) -> Option<String> {
    if let Some((name, value)) = prices.iter().find(|(_, value)| *value <= 0.0) {
        return Some(format!("{name} {value}"));
    }
    let [_, (high_name, high), (low_name, low), _] = prices;
    if let Some((name, value)) = prices.iter().find(|(_, value)| *value > high) {
        return Some(format!("{name} {value} above {high_name} {high}"));
    }
    let (name, value) = prices.iter().find(|(_, value)| *value < low)?;
    Some(format!("{name} {value} below {low_name} {low}"))
}

/// Rows without a time or a value are passed over.
pub(super) fn monotonic(rows: &Rows<'_>, column: &str, time: &str) -> Result<Vec<CheckFailure>, FrameError> {
    let values = rows.numbers(column)?;
    let times = cells(rows.column(time)?)?;
    let has_instruments = crate::frame::has_instruments(rows.df);
    let mut series: BTreeMap<(NaiveDate, &str), Vec<usize>> = BTreeMap::new();
    for row in 0..values.len() {
        if !values[row].is_nan() && times[row] != Cell::Missing {
            let name = if has_instruments { rows.names[row].as_str() } else { "" };
            series.entry((rows.sessions[row], name)).or_default().push(row);
        }
    }
    let mut at_fault = AtFault::new();
    for ((session, _), mut of_series) in series {
        // Stable: bars of one time stay as they are stored.
        of_series.sort_by(|one, other| in_time(times[*one], times[*other]));
        for pair in of_series.windows(2) {
            let (before, after) = (values[pair[0]], values[pair[1]]);
            if after < before {
                // A time of the key is in the row's name.
                let text = match rows.times {
                    Some(_) => format!("{after} after {before}"),
                    None => format!("{}: {after} after {before}", times[pair[1]]),
                };
                at_fault.entry(session).or_default().push(rows.sample(pair[1], Some(text)));
            }
        }
    }
    Ok(failures(at_fault, &format!("a `{column}` below that of the bar before")).collect())
}

/// The times at which an instrument should have a row and has none. An instrument without any row in a session is not looked for.
pub(super) fn gaps(rows: &Rows<'_>, expected: &BTreeMap<NaiveDate, Vec<i64>>) -> Result<Vec<CheckFailure>, FrameError> {
    let has_instruments = crate::frame::has_instruments(rows.df);
    let mut there: BTreeMap<(NaiveDate, &str), BTreeSet<i64>> = BTreeMap::new();
    for (row, time) in rows.times.iter().flatten().enumerate() {
        let name = if has_instruments { rows.names[row].as_str() } else { "" };
        there.entry((rows.sessions[row], name)).or_default().extend(*time);
    }
    let mut at_fault = AtFault::new();
    for ((session, name), times) in there {
        let missing = expected.get(&session).into_iter().flatten().filter(|time| !times.contains(time));
        let label =
            |time: &i64| if name.is_empty() { time_of_day(*time) } else { format!("{name} {}", time_of_day(*time)) };
        let missing: Vec<Sample> = missing.map(|time| Sample::new(&label(time), None)).collect();
        if !missing.is_empty() {
            at_fault.entry(session).or_default().extend(missing);
        }
    }
    let failure = |(session, missing): (NaiveDate, Vec<Sample>)| {
        let count = missing.len();
        let noun = if count == 1 { "bar is" } else { "bars are" };
        let mut sample = missing;
        sample.truncate(EXAMPLES);
        let examples = sample.iter().map(Sample::to_string).collect::<Vec<_>>().join(", ");
        let more = if count > EXAMPLES { ", …" } else { "" };
        let message = format!("{count} {noun} missing on {session}: {examples}{more}");
        CheckFailure { session, message, rows: count as u64, sample }
    };
    Ok(at_fault.into_iter().map(failure).collect())
}

/// The order of two times of one column.
fn in_time(one: Cell<'_>, other: Cell<'_>) -> std::cmp::Ordering {
    match (one, other) {
        (Cell::Number(one), Cell::Number(other)) => f64::from_bits(one).total_cmp(&f64::from_bits(other)),
        (Cell::Integer(one), Cell::Integer(other)) => one.cmp(&other),
        (Cell::Text(one), Cell::Text(other)) => one.cmp(other),
        (Cell::Date(one), Cell::Date(other)) => one.cmp(&other),
        (Cell::Bool(one), Cell::Bool(other)) => one.cmp(&other),
        (Cell::Time(one), Cell::Time(other)) => one.cmp(&other),
        _ => std::cmp::Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;

    use crate::checks::{Check, run_check};
    use crate::frame::tests::{day, panel_frame};

    fn messages(df: &DataFrame, check: &Check) -> Vec<String> {
        run_check(df, &[day(2), day(3)], check).unwrap().into_iter().map(|failure| failure.message).collect()
    }

    #[test]
    fn prices_fit_together_or_say_which_do_not() {
        let keys = [(2, "a"), (2, "b"), (2, "c"), (2, "d"), (3, "a"), (3, "b")];
        let column = |name: &str, values: [Option<f64>; 6]| Column::new(name.into(), values);
        let df = panel_frame(
            &keys,
            vec![
                column("open", [Some(10.0), Some(10.0), Some(12.0), Some(10.0), None, Some(10.0)]),
                column("high", [Some(11.0), Some(11.0), Some(11.0), Some(11.0), None, None]),
                column("low", [Some(9.0), Some(0.0), Some(9.0), Some(9.5), None, Some(9.0)]),
                column("last", [Some(10.5), Some(10.5), Some(10.5), Some(9.0), Some(8.0), Some(12.0)]),
            ],
        );
        let names = ["open", "high", "low", "last"].map(str::to_owned);
        let [open, high, low, close] = names;
        let check = Check::OhlcSane { open, high, low, close };
        assert_eq!(
            messages(&df, &check),
            ["3 rows of 2024-01-02 have prices that do not fit together: b (low 0), c (open 12 above high 11), \
              d (last 9 below low 9.5)"]
        );
    }

    #[test]
    fn bars_that_are_missing_are_named_by_their_times() {
        let keys = [(2, "a"), (2, "a"), (2, "b"), (3, "a")];
        let minutes = |minutes: i64| minutes * 60_000_000;
        let times = Series::new("time".into(), [570, 571, 570, 571].map(minutes));
        let times = times.cast(&DataType::Datetime(TimeUnit::Microseconds, None)).unwrap();
        let closes = Column::new("close".into(), [1.0, -1.0, 1.0, 1.0]);
        let df = panel_frame(&keys, vec![times.into_column(), closes]);
        let expected = vec![minutes(570), minutes(571), minutes(572)];
        let check = Check::ExpectedBars { times: [(day(2), expected.clone()), (day(3), expected)].into() };
        assert_eq!(
            messages(&df, &check),
            [
                "3 bars are missing on 2024-01-02: a 09:32, b 09:31, b 09:32",
                "2 bars are missing on 2024-01-03: a 09:30, a 09:32"
            ]
        );
        let above = Check::Range { column: "close".into(), above: Some(0.0), min: None, below: None, max: None };
        assert_eq!(messages(&df, &above), ["1 row of 2024-01-02 has a `close` that is not above 0: a 09:31 (-1)"]);
    }

    #[test]
    fn a_running_total_may_not_fall_within_a_session() {
        let keys = [(2, "a"), (2, "a"), (2, "a"), (2, "b"), (3, "a")];
        let df = panel_frame(
            &keys,
            vec![
                Column::new("volume".into(), [Some(100.0), Some(300.0), Some(200.0), Some(5.0), Some(1.0)]),
                Column::new("time".into(), ["10:30", "09:35", "10:00", "09:35", "09:35"]),
            ],
        );
        let check = Check::Monotonic { column: "volume".into(), time: "time".into() };
        assert_eq!(
            messages(&df, &check),
            ["2 rows of 2024-01-02 have a `volume` below that of the bar before: a (10:00: 200 after 300), \
              a (10:30: 100 after 200)"]
        );
    }
}
