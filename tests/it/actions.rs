//! Corporate actions: adjustment factors, what a new action changes, and two vendors' own numbers.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::support::{Project, assert_same, bars, date, repository, sessions_from};

/// The rows of a CSV, by its header.
fn csv(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let named = header.iter().zip(line.split(','));
        named.map(|(name, value)| ((*name).to_owned(), value.to_owned())).collect()
    };
    lines.map(row).collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap()
}

const AMERICAN: &str = "\
calendar: XNYS
start: 2014-01-02
assets:
  raw_bars:
    kind: source
    csv: data/source/bars.csv
    columns:
      {
        instrument: ticker, session: date, ex_dividend: ex-dividend, their_open: adj_open, their_high: adj_high,
        their_low: adj_low, their_close: adj_close, their_volume: adj_volume,
      }
  actions:
    kind: table
    csv: data/source/bars.csv
    columns: { instrument: ticker, ex_date: date, dividend: ex-dividend, split: split_ratio }
    types: { ex_date: date }
    key: [instrument, ex_date]
  completed_bars:
    kind: complete
    input: raw_bars
    actions: actions
    adjust: back
";

/// The American bars, completed; the rows of what comes out.
fn american(dividends: &str) -> Vec<BTreeMap<String, String>> {
    let project = Project::empty();
    project.write("data/source/bars.csv", read("tests/fixtures/us_corp_actions/bars.csv"));
    project.yaml(&format!("{AMERICAN}{dividends}"));
    project.materialize();
    let output = project.run(&["sql", "select * from completed_bars order by instrument, session", "--output", "csv"]);
    csv(&output.ok().stdout)
}

#[test]
fn back_adjusted_columns_are_the_vendors_up_to_a_constant() {
    let rows = american("    dividends: same_close\n");
    assert_eq!(rows.len(), 916);
    let mut compared = 0;
    for column in ["open", "high", "low", "close", "volume"] {
        // Theirs hold what happened after 2014 too: a constant of each symbol.
        let mut constants: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for row in &rows {
            let ratio = number(row, &format!("adj_{column}")) / number(row, &format!("their_{column}"));
            let (least, most) = constants.entry(&row["instrument"]).or_insert((ratio, ratio));
            (*least, *most) = (least.min(ratio), most.max(ratio));
            compared += 1;
        }
        for (symbol, (least, most)) in constants {
            assert!(most / least - 1.0 < 1e-9, "adj_{column} of {symbol} is off by {}", most / least - 1.0);
        }
    }
    assert_eq!(compared, 5 * 916);
}

#[test]
fn the_usual_convention_of_dividends_differs_by_two_ten_thousandths() {
    let (usual, theirs) = (american(""), american("    dividends: same_close\n"));
    let mut furthest: BTreeMap<&str, f64> = BTreeMap::new();
    for (one, other) in usual.iter().zip(&theirs) {
        let off = (number(one, "factor") / number(other, "factor") - 1.0).abs();
        let furthest = furthest.entry(&one["instrument"]).or_default();
        *furthest = furthest.max(off);
        assert_eq!(one["split_factor"], other["split_factor"]);
    }
    assert!((2.0e-4..2.2e-4).contains(&furthest["MSFT"]), "{furthest:?}");
    assert!((3.0e-5..4.0e-5).contains(&furthest["AAPL"]), "{furthest:?}");
    assert_eq!((furthest["BRK_A"], furthest["ZEN"]), (0.0, 0.0));

    // By hand: Microsoft paid 0.28 on the 18th of February 2014, after a close of 37.62.
    let before_and_after = |rows: &[BTreeMap<String, String>]| -> Vec<f64> {
        let days = ["2014-02-14", "2014-02-18"];
        let of = |day: &str| rows.iter().find(|row| row["instrument"] == "MSFT" && row["session"] == day).unwrap();
        days.map(|day| number(of(day), "factor")).to_vec()
    };
    assert_eq!(before_and_after(&usual), [1.0, 37.62 / (37.62 - 0.28)]);
    assert_eq!(before_and_after(&theirs), [1.0, (37.42 + 0.28) / 37.42]);
    // Apple split seven for one.
    let apple = usual.iter().filter(|row| row["instrument"] == "AAPL");
    let splits: Vec<f64> = apple.map(|row| number(row, "split_factor")).collect();
    assert_eq!((splits[0], splits[splits.len() - 1]), (1.0, 7.0));
}

/// With the actions that the oracle implies, the closes carried over an ex-date are the oracle's.
#[test]
fn the_demo_with_its_corporate_actions_against_the_oracle() {
    let project = Project::demo();
    project.write("data/source/actions.csv", read("tests/fixtures/oracle/actions.csv"));
    project.edit_yaml("  completed_bars:\n", "  actions: { kind: table, csv: data/source/actions.csv, types: { ex_date: date }, key: [instrument, ex_date] }\n\n  completed_bars:\n");
    project.edit_yaml("    listing: listing\n", "    listing: listing\n    actions: actions\n");
    project.materialize_with(&["--select", "completed_bars"]);
    let query = "select instrument, session, close, is_filled, source, factor from completed_bars";
    let ours = csv(&project.run(&["sql", query, "--output", "csv"]).ok().stdout);
    let oracle: BTreeMap<(String, NaiveDate), f64> =
        bars::read(&repository().join("tests/fixtures/oracle/bars_full.csv"))
            .into_iter()
            .map(|bar| ((bar.symbol, bar.date), bar.values[3].parse().unwrap()))
            .collect();
    assert_eq!((ours.len(), oracle.len()), (35_083, 35_083));
    let raw: BTreeMap<(String, NaiveDate), f64> =
        bars::demo().iter().map(|bar| ((bar.symbol.clone(), bar.date), bar.values[3].parse().unwrap())).collect();
    let mut last: BTreeMap<&str, f64> = BTreeMap::new();
    let (mut traded, mut carried, mut adjusted, mut never) = (0, 0, 0, 0);
    let mut ordered: Vec<&BTreeMap<String, String>> = ours.iter().collect();
    ordered.sort_by_key(|row| date(&row["session"]));
    for row in ordered {
        let key = (row["instrument"].clone(), date(&row["session"]));
        if let Some(close) = raw.get(&key) {
            traded += 1;
            last.insert(&row["instrument"], *close);
            assert_eq!((number(row, "close"), row["source"].as_str()), (*close, "raw"), "{key:?}");
            assert_eq!(*close, oracle[&key], "{key:?}");
        } else if row["close"].is_empty() {
            never += 1;
            assert_eq!(row["source"], "", "{key:?}");
        } else {
            let close = number(row, "close");
            assert!((close - oracle[&key]).abs() <= 0.01, "{key:?}: {close} is not {}", oracle[&key]);
            assert_eq!((row["source"].as_str(), row["is_filled"].as_str()), ("carried", "true"), "{key:?}");
            carried += 1;
            adjusted += usize::from(close != last[row["instrument"].as_str()]);
        }
    }
    assert_eq!((traded, carried, adjusted, never), (30_000, 3_971 + 1_098, 1_098, 14));
}

const YAML: &str = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  listing: { kind: table, csv: data/source/listing.csv, types: { listed: date, delisted: date }, key: instrument }
  actions: { kind: table, csv: data/source/actions.csv, types: { ex_date: date, note: text }, key: [instrument, ex_date] }
  completed_bars: { kind: complete, input: raw_bars, listing: listing, actions: actions, adjust: back }
  returns: { kind: indicators, input: completed_bars, columns: { ret: 'adj_close / ref(adj_close, 1) - 1' } }
  raw_returns: { kind: indicators, input: completed_bars, columns: { ret: 'close / ref(close, 1) - 1' } }
";

const HEADER: &str = "instrument,ex_date,dividend,split,note\nsh.600028,2015-03-02,0.09,,\n";

/// Three instruments, one of them suspended from the 18th of June on, and an action long ago.
fn project() -> Project {
    let project = Project::of(&["sh.600028", "sh.600036", "sz.000066"], "2015-02-02", "2015-08-31", YAML);
    project.write("data/source/actions.csv", HEADER);
    project.materialize();
    project
}

fn table() -> NaiveDate {
    date("1970-01-01")
}

#[test]
fn a_new_action_runs_from_its_ex_date_on() {
    let project = project();
    let before = project.contents();
    // A dividend of a traded stock.
    project.write("data/source/actions.csv", format!("{HEADER}sh.600036,2015-07-03,0.67,,\n"));
    let ran = project.materialize();
    let later = sessions_from("2015-07-03");
    ran.assert(&[("actions", &[table()]), ("completed_bars", &later), ("returns", &later)]);
    assert_same(&project.rebuilt(), &project.contents());
    let rows = project.rows(
        "select session, close, factor, adj_close from completed_bars
         where instrument = 'sh.600036' and session between '2015-07-02' and '2015-07-03' order by session",
    );
    let of = |at: usize, column: &str| rows[at][column].as_f64().unwrap();
    assert_eq!((of(0, "factor"), of(0, "adj_close")), (1.0, of(0, "close")));
    assert_eq!(of(1, "factor"), of(0, "close") / (of(0, "close") - 0.67));
    project.run(&["explain", "completed_bars@2015-07-03"]).ok().says(&["actions"]);

    // Something that is not read of an action changes nothing that is made of it.
    project.write("data/source/actions.csv", format!("{HEADER}sh.600036,2015-07-03,0.67,,interim\n"));
    project.materialize().assert(&[("actions", &[table()])]);
    // Taken back, all is as it was.
    project.write("data/source/actions.csv", HEADER);
    project.materialize();
    assert_same(&before, &project.contents());
}

#[test]
fn an_action_within_a_suspension_lowers_what_is_carried() {
    let project = project();
    project.write("data/source/actions.csv", format!("{HEADER}sz.000066,2015-07-11,0.05,1.5,on a Saturday\n"));
    let later = sessions_from("2015-07-13");
    let ran = project.materialize();
    assert_eq!(ran.of_asset("completed_bars"), later);
    // The carried close is a raw price: it fell on that day, and was equal ever after.
    assert_eq!(ran.of_asset("raw_returns"), sessions_from("2015-07-13"));
    let rows = project.rows(
        "select distinct close, factor from completed_bars
         where instrument = 'sz.000066' and session >= '2015-07-10' order by close desc",
    );
    let of = |at: usize, column: &str| rows[at][column].as_f64().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(of(1, "close"), (of(0, "close") - 0.05) / 1.5);
    assert_eq!((of(0, "factor"), of(1, "factor")), (1.0, of(0, "close") / of(1, "close")));
    assert_same(&project.rebuilt(), &project.contents());
}

#[test]
fn a_corrected_close_goes_on_only_where_an_action_is_reckoned_from_it() {
    let mut project = project();
    project.write("data/source/actions.csv", format!("{HEADER}sh.600036,2015-07-03,0.67,,\n"));
    project.materialize();
    // Any day: that day.
    project.edit_close("sh.600036", "2015-05-20", 17.5);
    let ran = project.materialize();
    assert_eq!(ran.of_asset("completed_bars"), [date("2015-05-20")]);
    // The day before the ex-date: all that follows has another factor.
    project.edit_close("sh.600036", "2015-07-02", 18.0);
    let ran = project.materialize();
    assert_eq!(ran.of_asset("completed_bars"), sessions_from("2015-07-02"));
    // The day before another one's ex-date: that day.
    project.edit_close("sh.600028", "2015-07-02", 6.9);
    let ran = project.materialize();
    assert_eq!(ran.of_asset("completed_bars"), [date("2015-07-02")]);
    assert_same(&project.rebuilt(), &project.contents());
}

#[test]
fn what_no_action_can_be_stops_before_its_session() {
    let project = project();
    project.write("data/source/actions.csv", format!("{HEADER}sh.600036,2015-07-03,67,,\n"));
    let failed = project.run(&["materialize"]).exits(5);
    failed.says(&["`actions` takes 67 off a share of `sh.600036` on 2015-07-03"]);
    project.write("data/source/actions.csv", format!("{HEADER}sh.600036,2015-07-03,,-2,\n"));
    project.run(&["materialize"]).exits(5).says(&["a split into -2 shares", "sh.600036"]);
    project.write("data/source/actions.csv", HEADER);
    project.materialize();
    project.materialize().assert_nothing();
}

#[test]
fn front_adjusted_prices_name_their_date() {
    let project = project();
    project
        .write("data/source/actions.csv", format!("{HEADER}sh.600036,2015-07-03,0.67,,\nsh.600036,2015-07-06,,2,\n"));
    project.materialize();
    let front = |as_of: &str| {
        let query = format!(
            "select session, as_of, close, front_close, volume, front_volume
             from front_adjusted('completed_bars', date '{as_of}') where instrument = 'sh.600036' order by session"
        );
        project.rows(&query)
    };
    let before = front("2015-07-02");
    assert_eq!(before[before.len() - 1]["session"], "2015-07-02", "nothing after the date");
    assert!(before.iter().all(|row| row["close"] == row["front_close"] && row["as_of"] == "2015-07-02"));
    let after = front("2015-07-06");
    let row = |rows: &[serde_json::Value], day: &str| rows.iter().find(|row| row["session"] == day).unwrap().clone();
    let of = |row: &serde_json::Value, column: &str| row[column].as_f64().unwrap();
    let last = row(&after, "2015-07-06");
    assert_eq!(last["close"], last["front_close"], "the date itself is as it was traded");
    let eve = row(&after, "2015-07-02");
    let expected = (of(&eve, "close") - 0.67) / 2.0;
    assert!((of(&eve, "front_close") / expected - 1.0).abs() < 1e-12);
    assert_eq!(of(&eve, "front_volume"), 2.0 * of(&eve, "volume"));
    // The past too can be seen so.
    let query = "select count(*) as n from front_adjusted('completed_bars', '2015-07-02')";
    let as_of = project.json(&["sql", "--as-of", "1", query]);
    assert_eq!(as_of[0]["n"].as_u64(), Some(3 * bars::sessions("2015-02-02", "2015-07-02").len() as u64));
}
