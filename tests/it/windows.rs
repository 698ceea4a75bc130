//! Windows: how far a change reaches, for windows of any length, through chains, and between calendars.

use chrono::NaiveDate;

use crate::support::bars::calendar;
use crate::support::{Project, Ran, assert_same, changes, date, sessions};

const FIRST: &str = "2015-02-02";
const LAST: &str = "2015-08-31";

/// Two instruments that are never suspended in the slice, and indicators on the raw bars.
fn project_of(columns: &str) -> Project {
    let yaml = format!(
        "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: {{ kind: source, csv: 'data/source/bars/*.csv', columns: {{ instrument: symbol, session: date }} }}
  indicators:
    kind: indicators
    input: raw_bars
    columns:
{columns}"
    );
    Project::of(&["sh.000300", "sh.600028"], FIRST, LAST, &yaml)
}

/// `n` sessions from a date on, cut at the slice's end.
fn reach(from: &str, n: usize) -> Vec<NaiveDate> {
    sessions(from, LAST).into_iter().take(n).collect()
}

#[test]
fn a_change_reaches_as_far_as_the_window_is_long() {
    // (expression, sessions that one correction of a close dirties)
    let cases = [
        ("close / open", 1),
        ("cs_rank(close)", 1),
        ("mean(close, 1)", 1),
        ("ref(close, 1)", 2),
        ("delta(close, 3)", 4),
        ("mean(close, 2)", 2),
        ("std(close, 20)", 20),
        ("roc(close, 5)", 6),
        ("slope(close, 10)", 10),
        ("corr(close, volume, 7)", 7),
        ("mean(ref(close, 2), 3)", 5),
        ("mean(mean(close, 5), 3)", 7),
        ("cs_zscore(max(close, 4) - min(close, 9))", 9),
        ("quantile(close, 60, 0.8)", 60),
        ("mean(close, 143)", 143),
        ("mean(close, 5000)", 143),
    ];
    for (expression, sessions) in cases {
        let mut project = project_of(&format!("      x: {expression}\n"));
        project.materialize();
        let days = ["2015-03-04", "2015-08-28"];
        project.edit_bars(|bars| {
            for day in days {
                let close = bars.close("sh.600028", day);
                bars.set_close("sh.600028", day, close + 1.0);
            }
        });
        let mut expected = [reach(days[0], sessions), reach(days[1], sessions)].concat();
        expected.sort_unstable();
        expected.dedup();
        eprintln!("{expression}");
        project.materialize().assert(&[("raw_bars", &days.map(date)), ("indicators", &expected)]);
    }
}

#[test]
fn every_column_of_an_input_has_a_window_of_its_own() {
    let mut project = project_of("      short: mean(close, 2)\n      long: mean(open, 10)\n      far: ref(short, 3)\n");
    project.materialize();
    project.edit_close("sh.600028", "2015-03-04", 6.5);
    let before = project.contents();
    // The open is read over ten sessions, the close over five: `far` sees it three sessions after `short` does.
    project.materialize().assert(&[("raw_bars", &[date("2015-03-04")]), ("indicators", &reach("2015-03-04", 5))]);
    let mut different = reach("2015-03-04", 5);
    different.remove(2);
    assert_eq!(changes(&before, &project.contents())["indicators"], different);
}

#[test]
fn windows_add_up_through_a_chain_of_assets() {
    let yaml = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  first: { kind: indicators, input: raw_bars, columns: { x: 'mean(close, 5)' } }
  second: { kind: indicators, input: first, columns: { y: 'mean(x, 3)' } }
  third: { kind: scores, input: { a: second, b: raw_bars }, columns: { z: 'cs_rank(a.y) + ref(b.open, 1)', w: 'a.y' } }
  moments: { kind: sql, query: \"select instrument, sum(close) as total from {{ ref('raw_bars', sessions=4) }} group by all\" }
";
    let mut project = Project::of(&["sh.000300", "sh.600028"], FIRST, LAST, yaml);
    project.materialize();
    project.edit_close("sh.600028", "2015-03-04", 6.5);
    project.materialize().assert(&[
        ("raw_bars", &[date("2015-03-04")]),
        ("first", &reach("2015-03-04", 5)),
        ("second", &reach("2015-03-04", 7)),
        ("third", &reach("2015-03-04", 7)),
        ("moments", &reach("2015-03-04", 4)),
    ]);
    project.materialize().assert_nothing();

    // A column that only one of them reads, one session back.
    project.edit_bars(|bars| bars.bar("sh.600028", "2015-05-05").values[0] = "6.66".into());
    let ran = project.materialize();
    assert_eq!(ran.of_asset("first"), []);
    assert_eq!(ran.of_asset("third"), reach("2015-05-05", 2));
}

#[test]
fn a_year_of_window() {
    let yaml = "\
calendar: XSHG
start: 2014-01-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  indicators: { kind: indicators, input: raw_bars, columns: { high: 'max(close, 252)' } }
";
    let last = "2017-12-29";
    let mut project = Project::of(&["sh.000300", "sh.600028"], "2014-01-02", last, yaml);
    project.materialize();
    let later = |day: &str| sessions(day, last);
    // Higher than any, so that it is the year's maximum.
    for (day, expected) in [("2015-03-04", 252), ("2017-12-28", 2), ("2017-01-16", 235), ("2014-01-02", 252)] {
        let before = project.contents();
        project.edit_close("sh.600028", day, 99.0);
        let reach: Vec<NaiveDate> = later(day).into_iter().take(252).collect();
        assert_eq!(reach.len(), expected, "{day}");
        project.materialize().assert(&[("raw_bars", &[date(day)]), ("indicators", &reach)]);
        let changed = changes(&before, &project.contents());
        assert!(changed["indicators"].contains(&date(day)), "{day}");
        project.materialize().assert_nothing();
    }
}

#[test]
fn a_window_longer_than_the_history() {
    let mut project = project_of("      x: mean(close, 5000)\n      y: count(close > 0, 5000)\n");
    project.materialize();
    let last = project.rows("select min(y) as y from indicators where session = '2015-08-31'");
    assert_eq!(last[0]["y"], 143.0);
    project.edit_close("sh.600028", FIRST, 6.5);
    project.materialize().assert(&[("raw_bars", &[date(FIRST)]), ("indicators", &sessions(FIRST, LAST))]);
    project.append_session("2015-09-01");
    project.materialize().assert(&[("raw_bars", &[date("2015-09-01")]), ("indicators", &[date("2015-09-01")])]);
}

#[test]
fn windows_are_cut_where_the_input_begins() {
    let columns = "      x: mean(close, 20)\n";
    let project = project_of(columns);
    project.materialize();
    project.edit_yaml("start: 2015-02-02", "start: 2015-03-02");
    let announced = Ran::announced(&project.json(&["plan"]), calendar());
    let ran = project.materialize();
    ran.assert(&[("indicators", &reach("2015-03-02", 19))]);
    ran.assert_within(&announced);
    let fresh = project_of(columns);
    fresh.edit_yaml("start: 2015-02-02", "start: 2015-03-02");
    fresh.materialize();
    assert_same(&fresh.contents(), &project.contents());
    project.materialize().assert_nothing();
}

#[test]
fn what_a_window_is_cut_at_does_not_depend_on_how_the_work_is_split() {
    let columns = "      x: std(close / ref(close, 1) - 1, 30)\n      y: slope(close, 20)\n";
    let whole = project_of(columns);
    whole.materialize();
    let pieces = project_of(columns);
    for (from, to) in [("2015-05-04", "2015-05-20"), ("2015-02-02", "2015-03-31"), ("2015-08-03", "2015-08-31")] {
        pieces.run(&["backfill", "--from", from, "--to", to, "--batch", "7"]).ok();
    }
    pieces.materialize_with(&["--batch", "3"]);
    assert_same(&whole.contents(), &pieces.contents());
}

/// New York's real sessions around two holidays, one there and one in Shanghai: 2015-02-16 is Presidents' Day, and Shanghai is
/// closed from 2015-02-18 to 2015-02-24 for the New Year.
const NEW_YORK: [&str; 14] = [
    "2015-02-09",
    "2015-02-10",
    "2015-02-11",
    "2015-02-12",
    "2015-02-13",
    "2015-02-17",
    "2015-02-18",
    "2015-02-19",
    "2015-02-20",
    "2015-02-23",
    "2015-02-24",
    "2015-02-25",
    "2015-02-26",
    "2015-02-27",
];

/// Shanghai closes at 07:00 UTC and New York at 21:00: a session in Shanghai sees New York's of an earlier date.
fn seen_from_shanghai(day: NaiveDate) -> Option<NaiveDate> {
    NEW_YORK.iter().map(|session| date(session)).rfind(|session| *session < day)
}

fn us_csv(changed: &[(&str, f64)]) -> String {
    let rows = NEW_YORK.iter().enumerate().map(|(at, session)| {
        let close = changed.iter().find(|(day, _)| day == session).map_or(100.0 + at as f64, |(_, close)| *close);
        format!("SPX,{session},{close}\n")
    });
    format!("ticker,date,close\n{}", rows.collect::<String>())
}

fn two_calendars() -> Project {
    let yaml = "\
calendar: XSHG
start: 2015-02-10
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  us_bars:
    kind: source
    calendar: XNYS
    start: 2015-02-09
    csv: data/source/us.csv
    columns: { instrument: ticker, session: date }
  us_mood: { kind: indicators, calendar: XNYS, start: 2015-02-09, input: us_bars, columns: { up: 'close / ref(close, 1) - 1' } }
  seen: { kind: indicators, input: us_mood, columns: { up: up } }
  slow: { kind: indicators, input: us_bars, columns: { two: 'mean(close, 2)' } }
";
    let project = Project::of(&["sh.000300", "sh.600028"], "2015-02-10", "2015-02-27", yaml);
    project.write("data/source/us.csv", us_csv(&[]));
    project
}

#[test]
fn a_session_reads_the_last_one_that_had_closed_elsewhere() {
    let project = two_calendars();
    project.materialize();
    let shanghai = sessions("2015-02-10", "2015-02-27");
    let rows = project.rows("select session, up from seen order by session");
    let seen: Vec<NaiveDate> = rows.iter().map(|row| date(row["session"].as_str().unwrap())).collect();
    // Shanghai's own sessions, and one more than New York's last: its close is seen on the next.
    assert_eq!(seen[..shanghai.len()], shanghai);
    for row in &rows {
        let day = date(row["session"].as_str().unwrap());
        let at = NEW_YORK.iter().position(|session| Some(date(session)) == seen_from_shanghai(day)).unwrap();
        let close = |at: usize| 100.0 + at as f64;
        match row["up"].as_f64() {
            Some(up) => assert!((up - (close(at) / close(at - 1) - 1.0)).abs() < 1e-12, "{day}: {up}"),
            None => assert_eq!(at, 0, "{day}"),
        }
    }
}

#[test]
fn a_change_elsewhere_reaches_the_sessions_that_saw_it() {
    let project = two_calendars();
    project.materialize();
    // After the last session before the New Year: Shanghai sees only 2015-02-24 of New York's four sessions, on 2015-02-25.
    let cases: [(&str, &[&str]); 4] = [
        ("2015-02-19", &[]),
        ("2015-02-24", &["2015-02-25", "2015-02-26"]),
        ("2015-02-13", &["2015-02-16", "2015-02-17"]),
        ("2015-02-25", &["2015-02-26", "2015-02-27"]),
    ];
    for (day, expected) in cases {
        project.write("data/source/us.csv", us_csv(&[(day, 150.0)]));
        let before = project.contents();
        let ran = project.materialize();
        assert_eq!(ran.of_asset("us_bars"), [date(day)]);
        let ny: Vec<NaiveDate> = NEW_YORK.iter().map(|s| date(s)).filter(|s| *s >= date(day)).take(2).collect();
        assert_eq!(ran.of_asset("us_mood"), ny, "{day}");
        let sees = |read: &NaiveDate| -> Vec<NaiveDate> {
            calendar()
                .iter()
                .copied()
                .filter(|day| (date("2015-02-10")..=date("2015-03-02")).contains(day))
                .filter(|day| seen_from_shanghai(*day) == Some(*read))
                .collect()
        };
        let changed = changes(&before, &project.contents());
        let seen: Vec<NaiveDate> = ny.iter().flat_map(sees).filter(|day| *day <= date("2015-02-27")).collect();
        let ran_seen: Vec<NaiveDate> =
            ran.of_asset("seen").iter().copied().filter(|day| *day <= date("2015-02-27")).collect();
        assert_eq!(ran_seen, seen, "{day}");
        for expected in expected {
            assert!(changed["seen"].contains(&date(expected)), "{day}: {expected}");
        }
        project.materialize().assert_nothing();
        project.write("data/source/us.csv", us_csv(&[]));
        project.materialize();
    }
}
