//! Every function gives what its examples in the catalogue say.

use assetctl_expr::{
    Class, ColumnKind, InputScope, SAMPLE_BARS, SAMPLE_GROUPS, SAMPLE_SESSION, Source, compile, functions,
};
use chrono::{Days, NaiveDate};
use polars::prelude::*;

use crate::evaluate::tests::task;
use crate::{Inputs, evaluate};

/// Days from 2024-01-01 on.
fn days(count: u64) -> Vec<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
    (0..count).map(|day| first + Days::new(day)).collect()
}

fn numbers(columns: &[(&str, Vec<f64>)]) -> Vec<Column> {
    let number = |values: &Vec<f64>| values.iter().map(|value| (!value.is_nan()).then_some(*value)).collect::<Vec<_>>();
    columns.iter().map(|(name, values)| Column::new((*name).into(), number(values))).collect()
}

fn frame(sessions: &[NaiveDate], instruments: &[&str], columns: Vec<Column>) -> DataFrame {
    let dates = DateChunked::from_naive_date("session".into(), sessions.iter().copied());
    let mut all = vec![dates.into_column(), Column::new("instrument".into(), instruments)];
    all.extend(columns);
    DataFrame::new(sessions.len(), all).unwrap()
}

/// The bars of one instrument.
pub(crate) fn bars(columns: &[(&str, Vec<f64>)]) -> DataFrame {
    let sessions = days(columns[0].1.len() as u64);
    frame(&sessions, &vec!["a"; sessions.len()], numbers(columns))
}

/// An expression over a frame of consecutive days from 2024-01-01 on.
pub(crate) fn values(expression: &str, rows: &DataFrame) -> Vec<Option<f64>> {
    let kind =
        |column: &Column| if column.dtype() == &DataType::String { ColumnKind::Text } else { ColumnKind::Number };
    let columns = rows.columns().iter().skip(2).map(|column| (column.name().to_string(), kind(column))).collect();
    let inputs = [InputScope { alias: "bars".into(), columns: Some(columns) }];
    let program = compile(&[Source { name: "out", text: expression }], &inputs).unwrap();
    let instruments = rows.column("instrument").unwrap().n_unique().unwrap();
    let sessions = days((rows.height() / instruments) as u64);
    let written = 0..sessions.len();
    let inputs = Inputs::from_frames(&program, &[rows], &sessions, written, 0, None, &[]).unwrap();
    let result = evaluate(&task(&program, &inputs)).unwrap().to_frame().unwrap();
    let out = result.column("out").unwrap().cast(&DataType::Float64).unwrap();
    out.f64().unwrap().iter().collect()
}

fn assert_close(expression: &str, found: &[Option<f64>], expected: &[Option<f64>]) {
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let close = match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() <= 1e-9 * expected.abs().max(1e-3),
            (None, None) => true,
            _ => false,
        };
        assert!(close, "{expression} gives {found:?} at {at}, not {expected:?}");
    }
}

#[test]
fn every_example_gives_what_it_says() {
    let columns: Vec<(&str, Vec<f64>)> = SAMPLE_BARS.iter().map(|(name, values)| (*name, values.to_vec())).collect();
    let bars = bars(&columns);
    let columns: Vec<(&str, Vec<f64>)> = SAMPLE_SESSION.iter().map(|(name, values)| (*name, values.to_vec())).collect();
    let mut columns = numbers(&columns);
    columns.push(Column::new("industry".into(), SAMPLE_GROUPS));
    let names: Vec<String> = (0..SAMPLE_GROUPS.len()).map(|at| format!("i{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let session = frame(&vec![days(1)[0]; names.len()], &names, columns);

    for function in functions() {
        let rows = if function.class == Class::CrossSection { &session } else { &bars };
        for example in function.examples() {
            let found = values(example.expression, rows);
            let first = found.len() - example.expected.len();
            assert_close(example.expression, &found[first..], example.expected);
        }
    }
}
