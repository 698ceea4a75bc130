//! Windows and states over traded bars.

use assetctl_expr::{ColumnKind, InputScope, Program, Source, compile};
use polars::prelude::*;

use crate::evaluate::tests::task;
use crate::frame::tests::{day, panel_frame};
use crate::{EvaluateError, Evaluated, Inputs, Task, WindowAxis, bars_needed, evaluate};

const DAYS: u32 = 30;

fn compiled(columns: &[(&str, &str)]) -> Program {
    let sources: Vec<Source> = columns.iter().map(|(name, text)| Source { name, text }).collect();
    let kinds = [("close", ColumnKind::Number), ("is_suspended", ColumnKind::Bool)];
    let kinds = kinds.map(|(name, kind)| (name.to_owned(), kind));
    compile(&sources, &[InputScope { alias: "bars".into(), columns: Some(kinds.into()) }]).unwrap()
}

/// Closes of two instruments: `a` is suspended on every fourth day with its price carried, `b` has no row on every fifth.
fn bars(change: impl Fn(u32, &str, f64) -> f64) -> DataFrame {
    let keys: Vec<(u32, &str)> =
        (1..=DAYS).flat_map(|d| [(d, "a"), (d, "b")]).filter(|(d, name)| *name == "a" || d % 5 != 0).collect();
    let close: Vec<f64> =
        keys.iter().map(|(d, name)| change(*d, name, 50.0 + f64::from(d * 7919 % 97) / 10.0)).collect();
    let suspended: Vec<bool> = keys.iter().map(|(d, name)| *name == "a" && d % 4 == 0).collect();
    panel_frame(&keys, vec![Column::new("close".into(), close), Column::new("is_suspended".into(), suspended)])
}

fn run(program: &Program, df: &DataFrame, axis: WindowAxis, days: u32) -> Evaluated {
    let sessions: Vec<_> = (1..=days).map(day).collect();
    let inputs = Inputs::from_frames(program, &[df], &sessions, 0..days as usize, 0, None, &[]).unwrap();
    evaluate(&Task { axis, ..task(program, &inputs) }).unwrap()
}

/// Day → value of one instrument; missing where it has no row.
fn series(df: &DataFrame, column: &str, instrument: &str) -> Vec<f64> {
    let mut out = vec![f64::NAN; DAYS as usize];
    let days = crate::frame::sessions(df, "x").unwrap();
    let names = crate::frame::instruments(df, "x").unwrap();
    let values = df.column(column).unwrap().cast(&DataType::Float64).unwrap();
    for ((session, name), value) in days.iter().zip(names).zip(values.f64().unwrap().iter()) {
        if name == instrument {
            out[session.signed_duration_since(day(1)).num_days() as usize] = value.unwrap_or(f64::NAN);
        }
    }
    out
}

#[test]
fn traded_bars_are_a_calendar_of_their_own() {
    let columns = [
        ("mean", "mean(close, 4)"),
        ("change", "close / ref(close, 2) - 1"),
        ("trend", "slope(close, 5) + std(close, 3)"),
        ("smooth", "mean(ema(close, 3), 2)"),
        ("plain", "close * 2"),
    ];
    let (program, df) = (compiled(&columns), bars(|_, _, close| close));
    let found = run(&program, &df, WindowAxis::Traded, DAYS).to_frame().unwrap();
    for (name, traded) in [("a", 4), ("b", 5)] {
        // the same bars, on consecutive days
        let days: Vec<u32> = (1..=DAYS).filter(|d| d % traded != 0).collect();
        let closes = series(&df, "close", name);
        let keys: Vec<(u32, &str)> = (1..=days.len() as u32).map(|d| (d, name)).collect();
        let closes: Vec<f64> = days.iter().map(|d| closes[*d as usize - 1]).collect();
        let alone = panel_frame(&keys, vec![Column::new("close".into(), closes)]);
        let expected = run(&program, &alone, WindowAxis::Calendar, days.len() as u32).to_frame().unwrap();
        for (column, _) in columns {
            let (found, expected) = (series(&found, column, name), series(&expected, column, name));
            for day in 1..=DAYS {
                let value = found[day as usize - 1];
                match days.iter().position(|d| *d == day) {
                    Some(at) if !expected[at].is_nan() => {
                        assert!(
                            (value - expected[at]).abs() < 1e-9,
                            "{column} of {name} on {day}: {value} {expected:?}"
                        );
                    }
                    _ => assert!(value.is_nan(), "{column} of {name} on {day}: {value}"),
                }
            }
        }
    }
}

#[test]
fn a_bar_that_was_not_traded_has_no_values_and_is_never_true() {
    let program = compiled(&[
        ("one", "1"),
        ("up", "close > 0"),
        ("rank", "cs_rank(close)"),
        ("back", "coalesce(cs_rank(close), 0)"),
    ]);
    let found = run(&program, &bars(|_, _, close| close), WindowAxis::Traded, DAYS).to_frame().unwrap();
    for column in ["one", "rank", "back"] {
        let values = series(&found, column, "a");
        assert!((1..=DAYS).all(|d| values[d as usize - 1].is_nan() == (d % 4 == 0)), "{column}");
    }
    let up = series(&found, "up", "a");
    assert!((1..=DAYS).all(|d| up[d as usize - 1] == f64::from(d % 4 != 0)));
    // alone in its session
    assert_eq!(series(&found, "rank", "b")[3], 1.0);
    assert_eq!(series(&found, "rank", "a")[4], 1.0);
}

#[test]
fn the_trace_moves_with_what_later_bars_still_read() {
    let changed_days = |text: &str| {
        let program = compiled(&[("x", text)]);
        let trace =
            |df: &DataFrame| series(&run(&program, df, WindowAxis::Traded, DAYS).trace().unwrap(), "state", "a");
        let before = trace(&bars(|_, _, close| close));
        let after = trace(&bars(|d, name, close| if (d, name) == (10, "a") { close + 1.0 } else { close }));
        (1..=DAYS).filter(|d| before[*d as usize - 1] != after[*d as usize - 1]).collect::<Vec<_>>()
    };
    assert_eq!(changed_days("close + 1"), [] as [u32; 0]);
    // days 10 and 11 are bars, 12 is none
    assert_eq!(changed_days("mean(close, 3)"), [10, 11, 12]);
    assert_eq!(changed_days("last_valid(close)"), [10]);
    assert_eq!(changed_days("mean(last_valid(close), 3)"), [10, 11, 12]);
    assert_eq!(changed_days("cumsum(close)"), (10..=DAYS).collect::<Vec<_>>());
}

#[test]
fn windows_say_how_many_bars_they_need() {
    let needed = |text: &str| bars_needed(&compiled(&[("x", text)]));
    assert_eq!(needed("close + 1"), 1);
    assert_eq!(needed("mean(ref(close, 5), 20)"), 25);
    assert_eq!(needed("ema(mean(close, 3), 5)"), 3);
    assert_eq!(needed("mean(ema(mean(close, 3), 5), 4)"), 6);
    assert_eq!(needed("1"), 1);
}

#[test]
fn windows_over_all_instruments_are_refused() {
    let program = compiled(&[("x", "mean(cs_rank(close), 3)")]);
    let df = bars(|_, _, close| close);
    let sessions: Vec<_> = (1..=DAYS).map(day).collect();
    let inputs = Inputs::from_frames(&program, &[&df], &sessions, 0..5, 0, None, &[]).unwrap();
    let result = evaluate(&Task { axis: WindowAxis::Traded, ..task(&program, &inputs) });
    assert!(matches!(result, Err(EvaluateError::Malformed { .. })));
}

#[test]
fn a_state_begins_with_the_first_row_from_the_origin_on() {
    let program = compiled(&[("rows", "cumsum(if(close > 1000, 2, 1))")]);
    let keys = [(1, "a"), (2, "a"), (2, "b"), (4, "a"), (5, "b"), (5, "a")];
    let df = panel_frame(&keys, vec![Column::new("close".into(), [1.0; 6])]);
    let sessions: Vec<_> = (1..=5).map(day).collect();
    let inputs = Inputs::from_frames(&program, &[&df], &sessions, 1..5, 0, None, &[]).unwrap();
    for (axis, a, b) in
        [(WindowAxis::Calendar, [1.0, 3.0, 4.0], [1.0, 4.0]), (WindowAxis::Traded, [1.0, 2.0, 3.0], [1.0, 2.0])]
    {
        let found = evaluate(&Task { axis, origin: 1, ..task(&program, &inputs) }).unwrap().to_frame().unwrap();
        let valid = |name| series(&found, "rows", name).into_iter().filter(|v| !v.is_nan()).collect::<Vec<_>>();
        assert_eq!(valid("a"), a, "{axis:?}");
        assert_eq!(valid("b"), b, "{axis:?}");
    }
}
