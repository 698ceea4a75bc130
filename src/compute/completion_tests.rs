//! Completion with all that is known beyond the bars.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use chrono::NaiveDate;
use polars::prelude::*;
use proptest::prelude::*;

use crate::frame::tests::{day, panel_frame};
use crate::{Actions, Adjustment, Completed, Completion, DividendRule, Fallback, FillRules, Intervals, Listing, frame};

fn bars(rows: &[(u32, &str, f64, f64)]) -> DataFrame {
    let keys: Vec<(u32, &str)> = rows.iter().map(|row| (row.0, row.1)).collect();
    let column = |name: &str, of: fn(&(u32, &str, f64, f64)) -> f64| {
        frame::number_column(name, rows.iter().map(of).collect::<Vec<_>>().into_iter())
    };
    panel_frame(&keys, vec![column("open", |row| row.2), column("close", |row| row.2), column("volume", |row| row.3)])
}

/// Rows of (instrument, ex-date, dividend, split).
fn adjustment(rows: &[(&str, u32, f64, f64)], dividends: DividendRule) -> Adjustment {
    let columns = vec![
        Column::new("instrument".into(), rows.iter().map(|row| row.0).collect::<Vec<_>>()),
        frame::date_column("ex_date", rows.iter().map(|row| Some(day(row.1)))),
        Column::new("dividend".into(), rows.iter().map(|row| row.2).collect::<Vec<_>>()),
        Column::new("split".into(), rows.iter().map(|row| row.3).collect::<Vec<_>>()),
    ];
    let table = DataFrame::new(rows.len(), columns).unwrap();
    Adjustment { actions: Actions::from_frame("acts", &table).unwrap(), dividends, back: true }
}

fn intervals(rows: &[(&str, u32, u32)]) -> Intervals {
    let columns = vec![
        Column::new("instrument".into(), rows.iter().map(|row| row.0).collect::<Vec<_>>()),
        frame::date_column("from", rows.iter().map(|row| Some(day(row.1)))),
        frame::date_column("to", rows.iter().map(|row| Some(day(row.2)))),
    ];
    Intervals::from_frame("halts", &DataFrame::new(rows.len(), columns).unwrap()).unwrap()
}

fn numbers(df: &DataFrame, name: &str) -> Vec<Option<f64>> {
    df.column(name).unwrap().f64().unwrap().iter().collect()
}

fn texts<'a>(df: &'a DataFrame, name: &str) -> Vec<Option<&'a str>> {
    df.column(name).unwrap().str().unwrap().iter().collect()
}

fn bools(df: &DataFrame, name: &str) -> Vec<bool> {
    df.column(name).unwrap().bool().unwrap().iter().map(|value| value.unwrap()).collect()
}

fn plain() -> Completion<'static> {
    static USUAL: LazyLock<FillRules> = LazyLock::new(|| FillRules::new([]));
    Completion { fill: &USUAL, listing: None, suspensions: None, adjustment: None, fallback: None, limits: None }
}

fn complete(completion: &Completion<'_>, raw: &DataFrame, sessions: &[u32]) -> Completed {
    let sessions: Vec<NaiveDate> = sessions.iter().map(|d| day(*d)).collect();
    completion.complete(None, None, raw, &sessions).unwrap()
}

#[test]
fn a_carried_close_falls_on_an_ex_date_and_the_factor_rises() {
    // Suspended on the 3rd and 4th; two shares for one and a dividend of 1 on the 3rd, another dividend of 0.5 on the 4th.
    let raw = bars(&[(2, "a", 10.0, 100.0), (5, "a", 4.2, 210.0), (8, "a", 4.0, 10.0)]);
    let adjustment =
        adjustment(&[("a", 3, 1.0, 2.0), ("a", 4, 0.5, 1.0), ("a", 6, 0.0, 0.5)], DividendRule::PreviousClose);
    let completion = Completion { adjustment: Some(&adjustment), ..plain() };
    let made = complete(&completion, &raw, &[2, 3, 4, 5, 8]).frame;
    assert_eq!(numbers(&made, "close"), [10.0, 4.5, 4.0, 4.2, 4.0].map(Some));
    // The 6th is a Saturday: what was due then is due on the 8th.
    let factors: Vec<f64> = numbers(&made, "factor").into_iter().flatten().collect();
    let expected =
        [1.0, 10.0 / 4.5, 10.0 / 4.5 * (4.5 / 4.0), 10.0 / 4.5 * (4.5 / 4.0), 10.0 / 4.5 * (4.5 / 4.0) * 0.5];
    assert_eq!(factors, expected);
    assert_eq!(numbers(&made, "split_factor"), [1.0, 2.0, 2.0, 2.0, 1.0].map(Some));
    let adjusted = numbers(&made, "adj_close");
    // Who holds a carried close has neither won nor lost.
    assert!((adjusted[1].unwrap() - 10.0).abs() < 1e-12 && (adjusted[2].unwrap() - 10.0).abs() < 1e-12);
    assert_eq!(adjusted[3], Some(4.2 * expected[3]));
    assert_eq!((numbers(&made, "adj_open")[1], numbers(&made, "adj_volume")[3]), (None, Some(105.0)));
    assert_eq!(texts(&made, "source"), ["raw", "carried", "carried", "raw", "raw"].map(Some));
}

#[test]
fn before_the_first_close_there_is_nothing_to_adjust() {
    let listing = Listing::new("listing", [("a".to_owned(), day(2), None)]).unwrap();
    let raw = bars(&[(4, "a", 10.0, 1.0), (5, "a", 9.0, 1.0)]);
    let adjustment = adjustment(&[("a", 3, 1.0, 1.0), ("a", 5, 1.0, 1.0)], DividendRule::PreviousClose);
    let completion = Completion { listing: Some(&listing), adjustment: Some(&adjustment), ..plain() };
    let made = complete(&completion, &raw, &[2, 3, 4, 5]).frame;
    assert_eq!(numbers(&made, "factor"), [1.0, 1.0, 1.0, 10.0 / 9.0].map(Some));
    assert_eq!(texts(&made, "source"), [None, None, Some("raw"), Some("raw")]);
}

#[test]
fn an_action_that_leaves_nothing_is_refused() {
    let raw = bars(&[(2, "a", 10.0, 1.0), (3, "a", 9.0, 1.0)]);
    let adjustment = adjustment(&[("a", 3, 10.0, 1.0)], DividendRule::PreviousClose);
    let completion = Completion { adjustment: Some(&adjustment), ..plain() };
    let error = completion.complete(None, None, &raw, &[day(2), day(3)]).unwrap_err().to_string();
    assert_eq!(error, "`acts` takes 10 off a share of `a` on 2024-01-03, whose last close is 10; correct one of them");
}

#[test]
fn what_is_neither_there_nor_suspended_is_missing() {
    let raw = bars(&[(2, "a", 1.0, 5.0), (2, "b", 2.0, 5.0), (3, "a", 1.5, 0.0)]);
    let halts = intervals(&[("b", 3, 3)]);
    let completion = Completion { suspensions: Some(&halts), ..plain() };
    let made = complete(&completion, &raw, &[2, 3, 4]);
    let named: Vec<(NaiveDate, &str)> = made.missing.iter().map(|(session, name)| (*session, name.as_str())).collect();
    assert_eq!(named, [(day(4), "a"), (day(4), "b")]);
    assert_eq!(bools(&made.frame, "is_filled"), [false, false, false, true, true, true]);
    // A delivered bar of volume 0 is a suspended one; a missing bar is not, and how much was traded nobody knows.
    assert_eq!(bools(&made.frame, "is_suspended"), [false, false, true, true, false, false]);
    assert_eq!(numbers(&made.frame, "volume"), [Some(5.0), Some(5.0), Some(0.0), Some(0.0), None, None]);
    assert_eq!(numbers(&made.frame, "close")[4..], [Some(1.5), Some(2.0)]);
}

#[test]
fn another_source_stands_in_for_what_is_expected() {
    let raw = bars(&[(2, "a", 1.0, 5.0), (2, "b", 2.0, 5.0), (2, "c", 3.0, 5.0), (3, "a", 1.1, 5.0)]);
    let others = bars(&[(3, "a", 9.0, 9.0), (3, "b", 2.2, 9.0), (3, "c", 3.3, 9.0), (3, "z", 9.0, 9.0)]);
    // The fallback knows less of a bar, and has its columns in another order.
    let others = others.drop("open").unwrap().select(["volume", "close", "session", "instrument"]).unwrap();
    let halts = intervals(&[("c", 3, 3)]);
    let fallback = Fallback { asset: "other", bars: &others };
    let completion = Completion { suspensions: Some(&halts), fallback: Some(fallback), ..plain() };
    let made = complete(&completion, &raw, &[2, 3]);
    assert_eq!(made.missing, []);
    let frame = made.frame.tail(Some(3));
    // `a` was delivered, `c` suspended, and of `z` nobody has heard.
    assert_eq!(texts(&frame, "instrument"), ["a", "b", "c"].map(Some));
    assert_eq!(texts(&frame, "source"), ["raw", "fallback:other", "carried"].map(Some));
    assert_eq!(numbers(&frame, "close"), [1.1, 2.2, 3.0].map(Some));
    assert_eq!(numbers(&frame, "open"), [Some(1.1), None, None]);
    assert_eq!(bools(&frame, "is_filled"), [false, false, true]);

    // A listing says who is expected, whether or not there was ever a bar.
    let listing = ["a", "b", "c", "z"].map(|name| (name.to_owned(), day(2), None));
    let listing = Listing::new("listing", listing).unwrap();
    let completion = Completion { listing: Some(&listing), ..completion };
    let made = complete(&completion, &raw, &[2, 3]);
    assert_eq!(texts(&made.frame.tail(Some(1)), "source"), [Some("fallback:other")]);
}

proptest! {
    /// Law 1: any split into batches gives the rows of one batch.
    #[test]
    fn batches_do_not_matter(
        present in proptest::collection::vec(any::<(bool, bool)>(), 40),
        events in proptest::collection::vec((0_usize..4, 2_u32..12, 0_u32..3, 1_u32..4), 0..8),
        halts in proptest::collection::vec((0_usize..4, 2_u32..12, 0_u32..4), 0..4),
        cuts in proptest::collection::vec(2_u32..12, 0..5),
        same_close in any::<bool>(),
    ) {
        let names = ["a", "b", "c", "d"];
        let keys: Vec<(u32, &str)> = (2..12).flat_map(|d| names.map(|name| (d, name))).collect();
        let price = |d: u32, name: &str| 50.0 + f64::from(d * 7 % 5) + f64::from(name.as_bytes()[0] % 7);
        let of = |pick: fn(&(bool, bool)) -> bool| {
            let rows: Vec<(u32, &str, f64, f64)> = keys.iter().zip(&present)
                .filter(|(_, present)| pick(present))
                .map(|((d, name), _)| (*d, *name, price(*d, name), f64::from(d % 3)))
                .collect();
            bars(&rows)
        };
        let (raw, others) = (of(|present| present.0), of(|present| present.1));
        let events: Vec<(&str, u32, f64, f64)> =
            events.iter().map(|(at, d, dividend, split)| (names[*at], *d, f64::from(*dividend), f64::from(*split))).collect();
        let rule = if same_close { DividendRule::SameClose } else { DividendRule::PreviousClose };
        let adjustment = adjustment(&events, rule);
        let halts: Vec<(&str, u32, u32)> = halts.iter().map(|(at, d, n)| (names[*at], *d, d + n)).collect();
        let halts = intervals(&halts);
        let completion = Completion {
            suspensions: Some(&halts),
            adjustment: Some(&adjustment),
            fallback: Some(Fallback { asset: "other", bars: &others }),
            ..plain()
        };
        let days: Vec<NaiveDate> = (2..12).map(day).collect();
        // So many splits may make a dividend exceed the price: what is refused in one piece is refused in several.
        let whole = completion.complete(None, None, &raw, &days);

        let mut parts: Option<DataFrame> = None;
        let mut previous: Option<DataFrame> = None;
        let edges: BTreeSet<u32> = cuts.into_iter().chain([2, 12]).collect();
        let mut failed = false;
        for (from, to) in edges.iter().zip(edges.iter().skip(1)) {
            let sessions: Vec<NaiveDate> = (*from..*to).map(day).collect();
            let between = |df: &DataFrame| {
                let dates = frame::sessions(df, "x").unwrap();
                let mask: BooleanChunked = dates.iter().map(|date| sessions.contains(date)).collect();
                df.filter(&mask).unwrap()
            };
            let others = between(&others);
            let completion = Completion { fallback: Some(Fallback { asset: "other", bars: &others }), ..completion };
            let before = (*from > 2).then(|| day(from - 1));
            let Ok(Completed { frame: part, .. }) = completion.complete(before, previous.as_ref(), &between(&raw), &sessions) else {
                failed = true;
                break;
            };
            let dates = frame::sessions(&part, "part").unwrap();
            let last = dates.iter().filter(|date| **date == day(to - 1)).count();
            previous = Some(part.tail(Some(last)));
            parts = Some(match parts {
                None => part,
                Some(parts) => parts.vstack(&part).unwrap(),
            });
        }
        prop_assert_eq!(whole.is_err(), failed);
        if let Ok(whole) = whole {
            prop_assert!(parts.unwrap().equals_missing(&whole.frame));
        }
    }
}

#[test]
fn factors_are_the_products_of_their_steps() {
    let raw = bars(&[(2, "a", 10.0, 1.0), (3, "a", 10.5, 1.0), (4, "a", 5.0, 1.0), (5, "a", 5.5, 1.0)]);
    let events = [("a", 3, 0.5, 1.0), ("a", 4, 0.0, 2.0), ("a", 5, 0.2, 1.0)];
    let factors = |rule| {
        let adjustment = adjustment(&events, rule);
        let completion = Completion { adjustment: Some(&adjustment), ..plain() };
        numbers(&complete(&completion, &raw, &[2, 3, 4, 5]).frame, "factor")
    };
    let first = 10.0 / 9.5;
    let all = [1.0, first, first * 2.0, first * 2.0 * (5.0 / (5.0 - 0.2))];
    assert_eq!(factors(DividendRule::PreviousClose), all.map(Some));
    let first = (10.5 + 0.5) / 10.5;
    let all = [1.0, first, first * 2.0, first * 2.0 * ((5.5 + 0.2) / 5.5)];
    assert_eq!(factors(DividendRule::SameClose), all.map(Some));
}
