//! Reports: what is known when, by example and by law.

use chrono::{Days, NaiveDate};
use polars::prelude::*;
use proptest::prelude::*;

use super::{ReportColumns, Spans, known};
use crate::frame::date_column;

const PLAIN: ReportColumns<'_> = ReportColumns {
    period: "period",
    announced: "announced",
    ingested: None,
    lag: 1,
    annual: false,
    fiscal_year_end: 12,
    accumulates: false,
    ttm: &[],
    year_ago: &[],
    previous: &[],
};

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Every weekday of 2015.
fn sessions() -> Vec<NaiveDate> {
    let first = date("2015-01-01");
    let days = (0..365).map(|n| first + Days::new(n));
    days.filter(|day| chrono::Datelike::weekday(day).num_days_from_monday() < 5).collect()
}

/// (instrument, period, announced, ingested or "", value)
type Row = (&'static str, &'static str, &'static str, &'static str, f64);

fn table(rows: &[Row]) -> DataFrame {
    let dates = |name: &str, of: &dyn Fn(&Row) -> &'static str| {
        let all: Vec<_> = rows.iter().map(|row| Some(of(row)).filter(|text| !text.is_empty()).map(date)).collect();
        date_column(name, all.into_iter())
    };
    let columns = vec![
        Column::new("instrument".into(), rows.iter().map(|row| row.0).collect::<Vec<_>>()),
        dates("period", &|row| row.1),
        dates("announced", &|row| row.2),
        dates("ingested", &|row| row.3),
        Column::new("profit".into(), rows.iter().map(|row| row.4).collect::<Vec<_>>()),
    ];
    DataFrame::new(rows.len(), columns).unwrap()
}

fn key() -> [String; 1] {
    ["instrument".to_owned()]
}

fn spans(rows: &[Row], columns: ReportColumns<'_>) -> Spans {
    known("reports", &table(rows), columns, &key(), &sessions()).unwrap()
}

/// From when on a column has which value: (first session, value), NaN where it has none.
fn steps(spans: &Spans, column: &str) -> Vec<(String, f64)> {
    let sessions = sessions();
    let values = spans.rows.column(column).unwrap().f64().unwrap().clone();
    let of = spans.spans.iter().zip(values.iter());
    of.map(|((first, _), value)| (sessions[*first as usize].to_string(), value.unwrap_or(f64::NAN))).collect()
}

fn step(day: &str, value: f64) -> (String, f64) {
    (day.to_owned(), value)
}

#[test]
fn a_report_is_known_after_its_announcement_and_not_before() {
    // 2015-04-24 is a Friday, 2015-05-02 a Saturday.
    let rows: [Row; 2] =
        [("a", "2014-12-31", "2015-04-24", "", 1.0), ("a", "2015-03-31", "2015-05-02", "2015-05-04", 2.0)];
    let of = |columns| steps(&spans(&rows, columns), "profit");
    assert_eq!(of(PLAIN), [step("2015-04-27", 1.0), step("2015-05-04", 2.0)]);
    assert_eq!(of(ReportColumns { lag: 0, ..PLAIN }), [step("2015-04-24", 1.0), step("2015-05-04", 2.0)]);
    assert_eq!(of(ReportColumns { lag: 3, ..PLAIN }), [step("2015-04-29", 1.0), step("2015-05-06", 2.0)]);
    let ingested = ReportColumns { ingested: Some("ingested"), ..PLAIN };
    assert_eq!(of(ingested), [step("2015-04-27", 1.0), step("2015-05-05", 2.0)]);
}

#[test]
fn the_latest_period_counts_and_of_it_the_newest_report() {
    let rows: [Row; 4] = [
        ("a", "2014-12-31", "2015-03-20", "", 1.0),
        ("a", "2015-03-31", "2015-04-20", "", 2.0),
        // Restated: the year before, and then the quarter.
        ("a", "2014-12-31", "2015-05-20", "", 1.5),
        ("a", "2015-03-31", "2015-06-22", "", 2.5),
    ];
    let all = spans(&rows, ReportColumns { previous: &["profit".to_owned()], ..PLAIN });
    let days = ["2015-03-23", "2015-04-21", "2015-05-21", "2015-06-23"];
    let of = |column: &str, values: [f64; 4]| {
        let steps = steps(&all, column);
        for ((day, value), (at, (is, got))) in days.iter().zip(values).zip(steps.iter().enumerate()) {
            assert_eq!((*day, value.to_bits()), (is.as_str(), got.to_bits()), "{column} {at}");
        }
        assert_eq!(steps.len(), 4);
    };
    of("profit", [1.0, 2.0, 2.0, 2.5]);
    of("profit_previous", [f64::NAN, 1.0, 1.5, 1.5]);
    // Where nothing is made of the year before, its restatement changes nothing.
    assert_eq!(spans(&rows, PLAIN).spans.len(), 3);
    // The spans of an instrument follow one another, to the end of the calendar.
    let ends: Vec<u32> = all.spans.iter().map(|(_, last)| last + 1).collect();
    assert_eq!(ends[..3], all.spans[1..].iter().map(|(first, _)| *first).collect::<Vec<_>>());
    assert_eq!(ends[3] as usize, sessions().len());
}

#[test]
fn twelve_months_are_four_quarters_or_a_year_to_date_completed() {
    let quarters: [Row; 5] = [
        ("a", "2014-03-31", "2014-04-20", "", 1.0),
        ("a", "2014-06-30", "2014-07-20", "", 2.0),
        ("a", "2014-09-30", "2014-10-20", "", 4.0),
        ("a", "2014-12-31", "2015-03-20", "", 8.0),
        ("a", "2015-03-31", "2015-04-20", "", 16.0),
    ];
    let profit = ["profit".to_owned()];
    let ttm = ReportColumns { ttm: &profit, year_ago: &profit, ..PLAIN };
    let of = spans(&quarters, ttm);
    assert!(steps(&of, "profit_ttm")[0].1.is_nan());
    assert_eq!(steps(&of, "profit_ttm")[1..], [step("2015-03-23", 15.0), step("2015-04-21", 30.0)]);
    assert_eq!(steps(&of, "profit_year_ago")[2], step("2015-04-21", 1.0));
    // The same company, reporting sums since January.
    let sums = [1.0, 3.0, 7.0, 15.0, 16.0];
    let mut sums_to_date = quarters;
    sums_to_date.iter_mut().zip(sums).for_each(|(row, sum)| row.4 = sum);
    let of = spans(&sums_to_date, ReportColumns { accumulates: true, ..ttm });
    assert_eq!(steps(&of, "profit_ttm")[1..], [step("2015-03-23", 15.0), step("2015-04-21", 30.0)]);
    let annual = spans(&sums_to_date, ReportColumns { annual: true, ..ttm });
    assert_eq!(steps(&annual, "profit"), [step("2015-03-23", 15.0)]);
}

#[test]
fn what_cannot_be_put_in_order_is_refused() {
    let said = |rows: &[Row], columns| known("reports", &table(rows), columns, &key(), &sessions()).unwrap_err();
    let twice: [Row; 2] =
        [("a", "2014-12-31", "2015-03-20", "2015-03-21", 1.0), ("a", "2014-12-31", "2015-03-20", "2015-03-25", 2.0)];
    let error = said(&twice, PLAIN);
    assert_eq!(error.rows(), [0, 1]);
    assert!(error.to_string().contains("two reports of `a` for the period to 2014-12-31"), "{error}");
    let ordered = spans(&twice, ReportColumns { ingested: Some("ingested"), ..PLAIN });
    assert_eq!(steps(&ordered, "profit"), [step("2015-03-23", 1.0), step("2015-03-26", 2.0)]);
    let early = said(&[("a", "2015-03-31", "2015-03-20", "", 1.0)], PLAIN).to_string();
    assert!(early.contains("announced on 2015-03-20, before its period ends on 2015-03-31"), "{early}");
    let nowhere = said(&[("a", "2015-03-31", "", "", 1.0)], PLAIN).to_string();
    assert!(nowhere.contains("a row without `announced`"), "{nowhere}");
}

/// Reports of two companies: quarters of 2013 to 2015, announced up to 200 days after their end, mostly restated.
fn any_reports() -> impl Strategy<Value = DataFrame> {
    let ends = [
        "2013-12-31",
        "2014-03-31",
        "2014-06-30",
        "2014-09-30",
        "2014-12-31",
        "2015-03-31",
        "2015-06-30",
        "2015-09-30",
    ];
    let report = (prop_oneof![Just("a"), Just("b")], 0..ends.len(), 0_u64..200, 0_u64..30, -9..9_i32);
    proptest::collection::vec(report, 0..24).prop_map(move |rows| {
        let mut seen = std::collections::BTreeSet::new();
        let mut all: Vec<(&str, NaiveDate, NaiveDate, NaiveDate, f64)> = Vec::new();
        for (name, end, announced, ingested, value) in rows {
            let period = date(ends[end]);
            let announced = period + Days::new(announced);
            let ingested = announced + Days::new(ingested);
            if seen.insert((name, period, announced, ingested)) {
                all.push((name, period, announced, ingested, f64::from(value)));
            }
        }
        let columns = vec![
            Column::new("instrument".into(), all.iter().map(|row| row.0).collect::<Vec<_>>()),
            date_column("period", all.iter().map(|row| Some(row.1))),
            date_column("announced", all.iter().map(|row| Some(row.2))),
            date_column("ingested", all.iter().map(|row| Some(row.3))),
            Column::new("profit".into(), all.iter().map(|row| row.4).collect::<Vec<_>>()),
        ];
        DataFrame::new(all.len(), columns).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// What a session shows follows from the reports that were known by then, and from no other.
    #[test]
    fn no_session_shows_what_was_announced_later(
        table in any_reports(), at in 0..250_usize, lag in 0..3_u32, accumulates: bool, by_ingest: bool,
    ) {
        let sessions = sessions();
        let profit = ["profit".to_owned()];
        let columns = ReportColumns {
            ingested: by_ingest.then_some("ingested"),
            lag,
            accumulates,
            ttm: &profit,
            year_ago: &profit,
            previous: &profit,
            ..PLAIN
        };
        // Two reports of one day that nothing puts in order are refused.
        prop_assume!(by_ingest || known("reports", &table, columns, &key(), &sessions).is_ok());
        let day = sessions[at];
        let of = |table: &DataFrame| {
            let spans = known("reports", table, columns, &key(), &sessions).unwrap();
            spans.panel(&[(at as u32, day)]).unwrap()
        };
        // Whatever came on that day or before it; with a lag, before it.
        let by = columns.ingested.unwrap_or("announced");
        let known_by = |column: &str| -> Vec<bool> {
            let days = table.column(column).unwrap().date().unwrap().clone();
            days.as_date_iter().map(|known| known.is_some_and(|known| if lag == 0 { known <= day } else { known < day })).collect()
        };
        let mask: Vec<bool> = known_by("announced").into_iter().zip(known_by(by)).map(|(a, b)| a && b).collect();
        let early = table.filter(&BooleanChunked::from_slice("mask".into(), &mask)).unwrap();
        let (whole, known) = (of(&table), of(&early));
        prop_assert!(whole.equals_missing(&known), "{whole}\n{known}");
    }

    /// The order of the file says nothing.
    #[test]
    fn rows_may_come_in_any_order(table in any_reports(), at in 0..250_usize) {
        let sessions = sessions();
        let profit = ["profit".to_owned()];
        let columns = ReportColumns { ttm: &profit, previous: &profit, ingested: Some("ingested"), ..PLAIN };
        let of = |table: &DataFrame| {
            let spans = known("reports", table, columns, &key(), &sessions).unwrap();
            spans.panel(&[(at as u32, sessions[at])]).unwrap()
        };
        prop_assert!(of(&table).equals_missing(&of(&table.reverse())));
    }
}
