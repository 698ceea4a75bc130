//! Completed bars against the oracle, and the checks that guard them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::support::bars::{self, Bar};
use crate::support::{Project, assert_same, date, sessions};

type Key = (String, NaiveDate);

/// The demo's bars with a row for each suspended session too, by an independent source: see its README.
fn oracle() -> BTreeMap<Key, Bar> {
    let rows = bars::read(&bars::repository().join("tests/fixtures/oracle/bars_full.csv"));
    rows.into_iter().map(|bar| ((bar.symbol.clone(), bar.date), bar)).collect()
}

/// A completed bar as it is stored; numbers as the CSV output writes them, which reads back to the same bits.
struct Completed {
    open_high_low: [Option<f64>; 3],
    close: Option<f64>,
    volume: f64,
    is_suspended: bool,
    is_filled: bool,
}

fn completed(project: &Project) -> BTreeMap<Key, Completed> {
    let query =
        "select instrument, session, open, high, low, close, volume, is_suspended, is_filled from completed_bars";
    let output = project.run(&["sql", query, "--output", "csv"]).ok();
    let number = |text: &str| (!text.is_empty()).then(|| text.parse::<f64>().unwrap());
    let rows = output.stdout.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let row = Completed {
            open_high_low: [number(fields[2]), number(fields[3]), number(fields[4])],
            close: number(fields[5]),
            volume: number(fields[6]).unwrap(),
            is_suspended: fields[7] == "true",
            is_filled: fields[8] == "true",
        };
        ((fields[0].to_owned(), date(fields[1])), row)
    });
    rows.collect()
}

#[test]
fn the_demo_against_the_oracle() {
    let oracle = oracle();
    assert_eq!(oracle.len(), 35_083);
    let project = Project::demo();
    project.materialize_with(&["--select", "completed_bars"]);
    let completed = completed(&project);
    let keys = |rows: &BTreeSet<&Key>| rows.len();
    let (ours, theirs): (BTreeSet<&Key>, BTreeSet<&Key>) = (completed.keys().collect(), oracle.keys().collect());
    assert_eq!((keys(&ours), ours == theirs), (35_083, true));

    let (mut suspended, mut equal, mut different, mut never) = (0, 0, 0, 0);
    let mut symbols = BTreeSet::new();
    for (key, row) in &completed {
        let theirs = oracle[key].values.each_ref().map(|text| text.parse::<f64>().unwrap());
        let is_suspended = theirs[4] == 0.0;
        assert_eq!((row.is_suspended, row.is_filled), (is_suspended, is_suspended), "{key:?}");
        if !is_suspended {
            assert_eq!(
                (row.open_high_low, row.close),
                ([theirs[0], theirs[1], theirs[2]].map(Some), Some(theirs[3])),
                "{key:?}"
            );
            assert_eq!(row.volume, theirs[4], "{key:?}");
            continue;
        }
        suspended += 1;
        // A suspended session has no price of its own, and no volume.
        assert_eq!((row.open_high_low, row.volume), ([None; 3], 0.0), "{key:?}");
        match row.close {
            None => never += 1,
            Some(close) if close == theirs[3] => equal += 1,
            Some(_) => {
                different += 1;
                symbols.insert(key.0.as_str());
            }
        }
    }
    // The closes that differ are those after an ex-date inside a suspension, which bars alone cannot know; sz.002602 is suspended on
    // the first 14 sessions and has no close to carry.
    assert_eq!((suspended, equal, different, never), (5_083, 3_971, 1_098, 14));
    assert_eq!(symbols.len(), 13, "{symbols:?}");
}

#[test]
fn a_carried_close_is_the_last_traded_one() {
    let project = Project::demo();
    project.materialize_with(&["--select", "completed_bars"]);
    let mut last: BTreeMap<&str, Option<f64>> = BTreeMap::new();
    let completed = completed(&project);
    let traded: BTreeMap<Key, f64> =
        bars::demo().iter().map(|bar| ((bar.symbol.clone(), bar.date), bar.values[3].parse().unwrap())).collect();
    for (key, row) in &completed {
        let last = last.entry(&key.0).or_default();
        if let Some(close) = traded.get(key) {
            *last = Some(*close);
        }
        assert_eq!(row.close, *last, "{key:?}");
    }
}

#[test]
fn without_a_listing_table_an_instrument_begins_with_its_first_bar() {
    let project = Project::demo();
    project.edit_yaml("    listing: listing\n", "");
    project.materialize_with(&["--select", "completed_bars"]);
    let ours: BTreeSet<Key> = completed(&project).into_keys().collect();
    let missing: Vec<Key> = oracle().into_keys().filter(|key| !ours.contains(key)).collect();
    assert_eq!((ours.len(), missing.len()), (35_069, 14));
    assert!(missing.iter().all(|(symbol, _)| symbol == "sz.002602"));
    assert_eq!(missing.iter().map(|(_, day)| *day).collect::<Vec<_>>(), sessions("2014-01-02", "2014-01-21"));
}

/// The slice with a close of -1, which the check `range: { column: close, above: 0 }` does not let pass.
fn broken() -> Project {
    let mut project = Project::new();
    project.edit_close("sh.600028", "2015-05-20", -1.0);
    project
}

#[test]
fn a_failed_check_stops_what_is_below_and_keeps_what_came_before() {
    let mut project = broken();
    let failed = project.run(&["materialize", "--format", "json"]).exits(6);
    let ran = failed.ran();
    let good = sessions("2015-02-02", "2015-05-19");
    assert_eq!(ran.of_asset("raw_bars"), sessions("2015-02-02", "2015-08-31"));
    assert_eq!(ran.of_asset("completed_bars"), good);
    for asset in ["indicators", "scores", "signals"] {
        assert_eq!(ran.of_asset(asset), good, "{asset}");
    }
    let outcome = failed.json();
    let report = |name: &str| {
        let assets = outcome["run"]["assets"].as_array().unwrap();
        assets.iter().find(|asset| asset["asset"] == name).unwrap().clone()
    };
    let completed = report("completed_bars");
    assert_eq!((&completed["status"], &completed["check_failed"]), (&"failed".into(), &true.into()));
    let error = completed["error"].as_str().unwrap();
    for words in ["range", "close", "sh.600028", "2015-05-20", "-1"] {
        assert!(error.contains(words), "`{words}` is not in `{error}`");
    }
    assert_eq!(report("indicators")["status"], "ok");
    assert_eq!(report("indicators")["waits"].as_object().unwrap().len(), sessions("2015-05-20", "2015-08-31").len());

    // It is in the record of the run, and what was committed can be read.
    project.run(&["runs", "1"]).ok().says(&["failed", "range", "sh.600028", "completed_bars@2015-05-20"]);
    let last = project.rows("select max(session) as last from completed_bars");
    assert_eq!(last[0]["last"], "2015-05-19");

    // Tried again it fails again, and the data mended heals it.
    project.run(&["materialize"]).exits(6).says(&["range", "sh.600028"]);
    project.edit_close("sh.600028", "2015-05-20", 6.66);
    let ran = project.materialize();
    assert_eq!(ran.of_asset("raw_bars"), [date("2015-05-20")]);
    assert_eq!(ran.of_asset("completed_bars"), sessions("2015-05-20", "2015-08-31"));
    assert_eq!(ran.of_asset("signals"), sessions("2015-05-20", "2015-08-31"));
    project.materialize().assert_nothing();
    let mut whole = Project::new();
    whole.edit_close("sh.600028", "2015-05-20", 6.66);
    whole.materialize();
    assert_same(&whole.contents(), &project.contents());
}

#[test]
fn a_failed_check_leaves_what_was_good_as_it_was() {
    let mut project = Project::new();
    project.materialize();
    let before = project.contents();
    let close = project.bars().close("sh.600028", "2015-05-20");
    project.edit_close("sh.600028", "2015-05-20", -1.0);
    project.run(&["materialize"]).exits(6);
    let after = project.contents();
    for (key, hash) in before.iter().filter(|((asset, _), _)| asset != "raw_bars") {
        assert_eq!(after.get(key), Some(hash), "{key:?}");
    }
    project.run(&["explain", "completed_bars@2015-05-20"]).ok().says(&["stale", "raw_bars"]);
    // The vendor takes it back.
    project.edit_close("sh.600028", "2015-05-20", close);
    project.materialize().assert(&[("raw_bars", &[date("2015-05-20")])]);
    assert_same(&before, &project.contents());
    project.run(&["plan", "--exit-code"]).ok();
}

#[test]
fn a_check_that_only_warns_lets_everything_pass() {
    let project = broken();
    project
        .edit_yaml("- range: { column: close, above: 0 }", "- { range: { column: close, above: 0 }, severity: warn }");
    let ran = project.run(&["materialize"]).ok();
    ran.says(&["warning", "completed_bars@2015-05-20", "range"]);
    project.run(&["runs", "1"]).ok().says(&["warn", "range", "completed_bars@2015-05-20"]);
    project.materialize().assert_nothing();
}

#[test]
fn the_other_checks() {
    // (the check, whether it holds, words of the message if not)
    let cases: [(&str, bool, &[&str]); 7] = [
        ("not_null: close", false, &["not_null", "close", "2015-02-02"]),
        ("not_null: [volume, is_suspended]", true, &[]),
        ("unique: instrument", true, &[]),
        ("expected_rows: {}", true, &[]),
        ("expected_rows: { min: 8, max: 8 }", true, &[]),
        ("expected_rows: { min: 9 }", false, &["expected_rows", "8", "9"]),
        ("range: { column: volume, min: 0, max: 1000000 }", false, &["range", "volume", "1000000"]),
    ];
    for (check, holds, words) in cases {
        let project = Project::new();
        project.edit_yaml("      - not_null: volume\n", &format!("      - {check}\n"));
        let output = project.run(&["materialize", "--select", "completed_bars"]);
        if holds {
            output.ok();
        } else {
            output.exits(6).says(words);
        }
    }
}
