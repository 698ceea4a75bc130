//! The completion of real bars against the vendor's own rows for suspended days.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::NaiveDate;
use polars::prelude::*;

use crate::{Actions, Adjustment, Completion, DividendRule, FillRules, Listing, complete_frame, frame};

/// The fields of a CSV file of the repository, without its header.
fn fields(path: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn frame_of(rows: &[Vec<String>]) -> DataFrame {
    let number = |at: usize, name: &str| frame::number_column(name, rows.iter().map(|row| row[at].parse().unwrap()));
    let columns = vec![
        Column::new("instrument".into(), rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>()),
        frame::date_column("session", rows.iter().map(|row| Some(date(&row[1])))),
        number(2, "open"),
        number(5, "close"),
        number(6, "volume"),
    ];
    DataFrame::new(rows.len(), columns).unwrap()
}

/// Carried prices are those last traded. The oracle's differ where an ex-date fell inside a suspension: its prices are
/// unadjusted, and bars alone do not say that there was one.
#[test]
fn completed_bars_agree_with_the_vendors_full_rows() {
    let full = fields("tests/fixtures/oracle/bars_full.csv");
    let oracle: BTreeMap<(NaiveDate, &str), (f64, f64)> = full
        .iter()
        .map(|row| ((date(&row[1]), row[0].as_str()), (row[5].parse().unwrap(), row[6].parse().unwrap())))
        .collect();
    let listing = fields("data/source/listing.csv");
    let listing = listing.iter().map(|row| (row[0].clone(), date(&row[1]), None));
    let listing = Listing::new("listing", listing).unwrap();
    let sessions: Vec<NaiveDate> = oracle.keys().map(|key| key.0).collect::<BTreeSet<_>>().into_iter().collect();
    let raw = frame_of(&fields("data/source/bars/csi_mini.csv"));
    let out = complete_frame(None, &raw, &sessions, Some(&listing), &FillRules::new([])).unwrap();

    let numbers = |name| frame::numbers(out.column(name).unwrap(), name).unwrap();
    let (close, volume) = (numbers("close"), numbers("volume"));
    let suspended = out.column("is_suspended").unwrap().bool().unwrap();
    let keys: Vec<_> =
        frame::sessions(&out, "x").unwrap().into_iter().zip(frame::instruments(&out, "x").unwrap()).collect();
    assert!(keys.iter().eq(oracle.keys()), "the keys are not the oracle's");
    assert_eq!(keys.len(), 35_083);

    let (mut carried, mut never_traded) = (0, 0);
    let mut differ: BTreeMap<&str, usize> = BTreeMap::new();
    for (row, key) in keys.iter().enumerate() {
        let (oracle_close, oracle_volume) = oracle[key];
        assert_eq!(suspended.get(row), Some(oracle_volume == 0.0), "{key:?}");
        assert_eq!(volume[row], oracle_volume, "{key:?}");
        if oracle_volume > 0.0 {
            assert_eq!(close[row], oracle_close, "{key:?}");
        } else if close[row].is_nan() {
            never_traded += 1;
        } else if close[row] == oracle_close {
            carried += 1;
        } else {
            *differ.entry(key.1).or_default() += 1;
        }
    }
    assert_eq!((carried, differ.values().sum(), differ.len(), never_traded), (3_971, 1_098, 13, 14));

    // With the corporate actions that the oracle implies, all do.
    let actions = fields("tests/fixtures/oracle/actions.csv");
    let columns = vec![
        Column::new("instrument".into(), actions.iter().map(|row| row[0].as_str()).collect::<Vec<_>>()),
        frame::date_column("ex_date", actions.iter().map(|row| Some(date(&row[1])))),
        frame::number_column("dividend", actions.iter().map(|row| row[2].parse().unwrap())),
        frame::number_column("split", actions.iter().map(|row| row[3].parse().unwrap())),
    ];
    let table = DataFrame::new(actions.len(), columns).unwrap();
    let adjustment = Adjustment {
        actions: Actions::from_frame("actions", &table).unwrap(),
        dividends: DividendRule::PreviousClose,
        back: false,
    };
    let completion = Completion {
        fill: &FillRules::new([]),
        listing: Some(&listing),
        suspensions: None,
        adjustment: Some(&adjustment),
        fallback: None,
        limits: None,
    };
    let made = completion.complete(None, None, &raw, &sessions).unwrap().frame;
    let adjusted = frame::numbers(made.column("close").unwrap(), "close").unwrap();
    let (mut exact, mut within_a_cent, mut moved) = (0, 0, 0);
    for (row, key) in keys.iter().enumerate() {
        let oracle_close = oracle[key].0;
        if adjusted[row].is_nan() {
            continue;
        }
        if adjusted[row] == oracle_close {
            exact += 1;
        } else {
            assert!((adjusted[row] - oracle_close).abs() <= 0.01, "{key:?}: {} and {oracle_close}", adjusted[row]);
            within_a_cent += 1;
        }
        moved += usize::from(adjusted[row] != close[row]);
    }
    assert_eq!((exact + within_a_cent, moved), (35_069, 1_098));
}
