//! Checks: what each finds, what a failed one keeps from being made, what of them is remembered.

use serde_json::Value;

use crate::support::bars::{FIRST, INSTRUMENTS, LAST};
use crate::support::{Project, assert_same, date, from_on, repository, sessions};

/// Raw bars, a mean of three sessions of them, and completed bars.
const YAML: &str = "\
calendar: XSHG
start: 2015-02-02

assets:
  raw_bars:
    kind: source
    csv: data/source/bars/*.csv
    columns: { instrument: symbol, session: date }
    checks:
      - range: { column: close, above: 0 }

  means:
    kind: indicators
    input: raw_bars
    columns:
      mean_3: mean(close, 3)

  completed_bars:
    kind: complete
    input: raw_bars
";

fn project() -> Project {
    Project::of(&INSTRUMENTS, FIRST, LAST, YAML)
}

/// The project with other checks of its raw bars.
fn with(checks: &str) -> Project {
    let project = project();
    project.edit_yaml("      - range: { column: close, above: 0 }\n", checks);
    project
}

/// The findings of `assetctl checks`, as (asset, check, session, outcome).
fn findings(project: &Project) -> Vec<(String, String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let standings = project.json(&["checks", "--failed"]);
    let all = standings.as_array().unwrap().iter().flat_map(|standing| standing["findings"].as_array().unwrap());
    all.map(|found| (text(&found["asset"]), text(&found["check"]), text(&found["first"]), text(&found["outcome"])))
        .collect()
}

#[test]
fn an_error_keeps_its_session_and_what_reads_it_and_nothing_else() {
    let mut project = project();
    project.edit_close("sh.600028", "2015-05-20", -1.0);
    let failed = project.run(&["materialize", "--format", "json"]).exits(6);
    let (all, bad) = (sessions(FIRST, LAST), date("2015-05-20"));
    let but = |left_out: &[chrono::NaiveDate]| -> Vec<chrono::NaiveDate> {
        all.iter().copied().filter(|session| !left_out.contains(session)).collect()
    };
    let waiting = from_on("2015-05-20", 3);
    failed.ran().assert(&[
        ("raw_bars", &but(&[bad])),
        ("means", &but(&waiting)),
        // Each completed session follows from the one before.
        ("completed_bars", &sessions(FIRST, "2015-05-19")),
    ]);
    let report = failed.json();
    let of = |name: &str| {
        report["run"]["assets"].as_array().unwrap().iter().find(|asset| asset["asset"] == name).unwrap().clone()
    };
    assert_eq!(
        (&of("raw_bars")["status"], &of("raw_bars")["refused"]),
        (&"failed".into(), &serde_json::json!(["2015-05-20"]))
    );
    let waits: Vec<String> = waiting.iter().map(ToString::to_string).collect();
    let of_means = of("means");
    assert_eq!(
        (&of_means["status"], of_means["waits"].as_object().unwrap().keys().collect::<Vec<_>>()),
        (&"ok".into(), waits.iter().collect())
    );
    assert_eq!(of_means["waits"]["2015-05-20"], "a check of `raw_bars` fails");

    // Nothing more can be done until the vendor mends it; then all is as if it had never been.
    project.run(&["materialize"]).exits(6).says(&["check `range` fails", "sh.600028 (-1)", "means waits: 3 sessions"]);
    project.edit_close("sh.600028", "2015-05-20", 6.66);
    project.materialize().assert(&[
        ("raw_bars", &[bad]),
        ("means", &waiting),
        ("completed_bars", &sessions("2015-05-20", LAST)),
    ]);
    assert_same(&project.contents(), &project.rebuilt());
    project.materialize().assert_nothing();
}

#[test]
fn what_was_there_stays_and_what_is_below_does_not_read_it_as_new() {
    let mut project = project();
    project.materialize();
    let before = project.contents();
    project.edit_close("sh.600028", "2015-05-20", -1.0);
    // Another definition, of which the sessions that read the bad one must wait.
    project.edit_yaml("mean(close, 3)", "mean(close, 3) * 2");
    let failed = project.run(&["materialize", "--format", "json"]).exits(6);
    let waiting = from_on("2015-05-20", 3);
    let made: Vec<_> = sessions(FIRST, LAST).into_iter().filter(|session| !waiting.contains(session)).collect();
    failed.ran().assert(&[("means", &made)]);
    let after = project.contents();
    for session in waiting {
        let key = ("means".to_owned(), session);
        assert_eq!(before[&key], after[&key], "{session}");
    }
}

#[test]
fn what_reads_nothing_new_but_what_was_refused_waits_and_says_for_what() {
    let mut project = project();
    project.yaml(&format!(
        "{YAML}\n  doubled:\n    kind: indicators\n    input: means\n    columns: {{ twice: 2 * mean_3 }}\n"
    ));
    project.materialize();
    let before = project.contents();
    let good = project.bars().close("sh.600028", "2015-05-20");
    project.edit_close("sh.600028", "2015-05-20", -1.0);
    let failed = project.run(&["materialize", "--format", "json"]).exits(6);
    failed.ran().assert_nothing();
    let report = failed.json();
    let told: Vec<(&str, &str, Vec<(String, String)>)> = report["run"]["assets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|asset| {
            let waits = asset["waits"].as_object().into_iter().flatten();
            let waits = waits.map(|(session, why)| (session.clone(), why.as_str().unwrap().to_owned()));
            (asset["asset"].as_str().unwrap(), asset["status"].as_str().unwrap(), waits.collect())
        })
        .collect();
    let waiting = |sessions: &[chrono::NaiveDate], why: &str| -> Vec<(String, String)> {
        sessions.iter().map(|session| (session.to_string(), why.to_owned())).collect()
    };
    let three = from_on("2015-05-20", 3);
    assert_eq!(
        told,
        [
            ("raw_bars", "failed", vec![]),
            ("completed_bars", "waits", waiting(&three[..1], "a check of `raw_bars` fails")),
            ("means", "waits", waiting(&three, "a check of `raw_bars` fails")),
            ("doubled", "waits", waiting(&three, "`means` waits too")),
        ]
    );
    project.run(&["materialize"]).exits(6).says(&[
        "means           waits",
        "means waits: 3 sessions (2015-05-20…2015-05-22): a check of `raw_bars` fails",
        "doubled waits: 3 sessions (2015-05-20…2015-05-22): `means` waits too",
    ]);
    assert_same(&before, &project.contents());
    // The vendor takes it back: nobody waits any more, and there was nothing to do.
    project.edit_close("sh.600028", "2015-05-20", good);
    project.materialize().assert_nothing();
    assert_same(&before, &project.contents());
}

#[test]
fn every_check_says_what_it_found() {
    // (check of the raw bars, sessions at fault, words)
    let cases: [(&str, usize, &[&str]); 14] = [
        ("not_null: [open, close]", 0, &[]),
        ("unique: [instrument, close]", 0, &[]),
        ("accepted: { column: instrument, values: [sh.000300] }", 143, &["of 2015-02-02", "sh.600028 (sh.600028)"]),
        ("regex: { column: instrument, pattern: '(sh|sz)[.][0-9]{6}' }", 0, &[]),
        ("regex: { column: instrument, pattern: 'sh.*' }", 140, &["sz.002007 (sz.002007)"]),
        ("expected_rows: { min: 7 }", 0, &["at least 7 expected"]),
        ("expected_rows: { of_previous: 90% }", 0, &["90 % of the"]),
        ("ohlc_sane: {}", 0, &[]),
        ("ohlc_sane: { high: low, low: high }", 143, &["above low", "prices that do not fit together"]),
        ("jump: { column: close, above: 0.12 }", 1, &[]),
        ("jump: { column: close, above: 0.09 }", 0, &["jumps by more than 9 %"]),
        ("monotonic_volume: { time: close }", 0, &[]),
        ("custom_sql: 'select instrument, high, low from {{ this }} where high < low'", 0, &[]),
        (
            "custom_sql: 'select * from {{ this }} where close > 5000'",
            0,
            &["sh.000300 (", "the query returns 1 row on"],
        ),
    ];
    for (check, at_fault, words) in cases {
        let project = with(&format!("      - {check}\n        severity: warn\n"));
        let output = project.run(&["materialize", "--select", "raw_bars"]).ok();
        let found = findings(&project);
        if at_fault > 0 || words.is_empty() {
            assert_eq!(found.len(), at_fault, "{check}\n{output}");
        } else {
            assert!(!found.is_empty(), "{check}");
        }
        if !words.is_empty() {
            project.run(&["checks", "--failed"]).ok().says(words);
        }
    }
}

#[test]
fn a_check_that_looks_back_says_the_same_however_the_work_is_cut() {
    let checks =
        "      - jump: { column: close, above: 0.095, sessions: 10 }\n      - expected_rows: { of_previous: 80% }\n";
    let mut outcomes = Vec::new();
    for batch in ["1", "7", "1000"] {
        let project = with(checks);
        project.run(&["materialize", "--select", "raw_bars", "--batch", batch]).exits(6);
        let found = findings(&project);
        assert!(found.iter().any(|(_, check, ..)| check == "jump"), "{found:?}");
        let there = project.rows("select count(distinct session) as n from raw_bars")[0]["n"].clone();
        outcomes.push((found, there));
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0], outcomes[2]);
}

#[test]
fn rows_are_held_against_those_of_a_month_ago_and_no_longer() {
    let mut project = with("      - { expected_rows: { of_previous: 80% }, severity: warn }\n");
    project.edit_bars(|bars| {
        let kept = [date("2015-02-02"), date("2015-04-01")];
        bars.rows.retain(|bar| kept[..1].contains(&bar.date) || bar.date == kept[1] && bar.symbol == "sh.000300");
    });
    project.run(&["materialize", "--select", "raw_bars"]).ok();
    let found: Vec<String> = findings(&project).into_iter().map(|(_, _, session, _)| session).collect();
    let month: Vec<String> = from_on("2015-02-03", 19).iter().map(ToString::to_string).collect();
    assert_eq!(found, month);
}

#[test]
fn a_session_that_is_refused_is_not_what_the_next_is_held_against() {
    let checks = "      - jump: { column: close, above: 0.6 }\n";
    let mut project = with(checks);
    let close = project.bars().close("sh.600028", "2015-05-20");
    project.edit_close("sh.600028", "2015-05-20", close * 10.0);
    project.run(&["materialize", "--select", "raw_bars"]).exits(6).says(&["jump", "sh.600028", "after", "+894.6 %"]);
    // The day after is right: were it held against the tenfold price, it would be a jump too.
    assert_eq!(findings(&project).len(), 1);
}

#[test]
fn another_check_makes_nothing_stale_and_is_run_on_what_is_there() {
    let project = project();
    project.materialize();
    let checks = "      - range: { column: close, above: 0 }\n      - range: { column: volume, below: 1 }\n        name: no trade\n";
    project.edit_yaml("      - range: { column: close, above: 0 }\n", checks);
    project.run(&["plan", "--exit-code"]).ok();
    project.materialize().assert_nothing();
    let before = project.contents();
    project.run(&["checks"]).ok().says(&["range(close)", "range(no trade)", "never"]);

    let checked = project.run(&["check"]).exits(6);
    checked.says(&["raw_bars", "range(no trade)", "raw_bars@2015-02-02", "`volume` that is not below 1", "more"]);
    assert_same(&before, &project.contents());
    project.run(&["plan", "--exit-code"]).ok();
    project.run(&["check", "--from", "2015-03-02", "--to", "2015-03-03", "--format", "json"]).exits(6);
    let found = findings(&project);
    assert_eq!(found.len(), 143);
    assert!(found.iter().all(|(asset, check, _, outcome)| (asset.as_str(), check.as_str(), outcome.as_str())
        == ("raw_bars", "range", "failed")));

    // The history has the run, and both checks by themselves; SQL shows it.
    let history = project.json(&["checks", "--history", "--from", "2015-03-02", "--to", "2015-03-03"]);
    let runs: Vec<&Value> = history.as_array().unwrap().iter().map(|result| &result["run"]).collect();
    assert_eq!(runs.iter().filter(|run| run.is_null()).count(), 3 + 3, "{history}");
    let rows = project.rows(
        "select outcome, count(*) as n from assetctl.checks where subject = 'no trade' group by all order by all",
    );
    assert_eq!((&rows[0]["outcome"], &rows[0]["n"]), (&"failed".into(), &145.into()));
    let status = project.json(&["status", "--select", "raw_bars"]);
    assert_eq!((&status[0]["checks_failed"], &status[0]["checks_warned"]), (&143.into(), &0.into()));
    project.run(&["status"]).ok().says(&["143 failed"]);

    // It was the check that was wrong.
    project.edit_yaml("below: 1 }", "above: 1 }");
    project.run(&["check"]).ok();
    assert!(findings(&project).is_empty());
    project.run(&["checks", "--failed"]).ok().says(&["everything that was checked holds"]);
}

#[test]
fn what_is_late_is_said_although_nothing_is_stale() {
    let project = with("      - freshness: { sessions: 1 }\n");
    let (on_time, late) = ("2015-09-01T10:00:00Z", "2015-09-02T10:00:00Z");
    project.run_at(on_time, &["materialize"]).ok();
    project.run_at(on_time, &["materialize"]).ok();
    let output = project.run_at(late, &["materialize"]).exits(6);
    output.says(&["error: raw_bars@2015-08-31: freshness", "2 sessions before 2015-09-02"]);
    project.run_at(late, &["check"]).exits(6).says(&["freshness"]);
    assert_eq!(findings(&project), [("raw_bars".into(), "freshness".into(), "2015-08-31".into(), "failed".into())]);
    // Only what is new is written down.
    let history = project.json(&["checks", "--history"]);
    assert_eq!(history.as_array().unwrap().len(), 3);

    // In a run that has something to do, it stops nothing of it.
    project.edit_yaml("mean(close, 3)", "mean(close, 4)");
    let output = project.run_at(late, &["materialize", "--format", "json"]).exits(6);
    assert_eq!(output.ran().of_asset("means"), sessions(FIRST, LAST));
    project.run(&["runs"]).ok().says(&["failed"]);

    project.edit_yaml("freshness: { sessions: 1 }", "freshness: { within: 30d }\n        severity: warn");
    project.run_at("2015-09-29T00:00:00Z", &["materialize"]).ok();
    let output = project.run_at("2015-10-05T00:00:00Z", &["materialize"]).ok();
    output.says(&["warning: raw_bars@2015-08-31: freshness", "which closed 34 days ago; 30d is the limit"]);
}

const TWO_VENDORS: &str = "\
calendar: XSHG
start: 2015-02-02

assets:
  raw_bars:
    kind: source
    csv: data/source/bars/*.csv
    columns: { instrument: symbol, session: date }
    checks:
      - reconcile: { with: other_bars, columns: [close, volume], tolerance: 1e-6 }

  other_bars:
    kind: source
    csv: other/*.csv
    columns: { instrument: symbol, session: date }
";

#[test]
fn two_sources_are_held_against_each_other() {
    let mut project = Project::of(&INSTRUMENTS, FIRST, LAST, TWO_VENDORS);
    let mut other = project.bars().clone();
    project.write("other/bars.csv", other.csv());
    project.materialize();
    let before = project.contents();

    // What the other vendor says changes nothing here, and makes nothing stale.
    let close = other.close("sh.600028", "2015-05-20");
    other.set_close("sh.600028", "2015-05-20", close * 1.01);
    other.remove("sz.002129", "2015-05-21");
    project.write("other/bars.csv", other.csv());
    project.materialize().assert(&[("other_bars", &[date("2015-05-20"), date("2015-05-21")])]);
    let output = project.run(&["check", "--select", "raw_bars"]).exits(6);
    output.says(&[
        "raw_bars@2015-05-20 reconcile(other_bars) (error)",
        "1 row of 2015-05-20 has no equal in `other_bars`",
        "sh.600028 (`close`",
    ]);
    output.says(&["1 row of 2015-05-21 has no equal in `other_bars`: sz.002129 (not in `other_bars`)"]);
    project.run(&["plan", "--exit-code"]).ok();
    let after = project.contents();
    assert!(before.iter().all(|(key, hash)| key.0 == "other_bars" || after[key] == *hash));

    // Both vendors move: the other is made first, also if it was not asked for, and what does not agree is not committed.
    project.edit_close("sh.600028", "2015-05-22", 7.0);
    project.edit_close("sh.600036", "2015-05-25", 18.0);
    other.set_close("sh.600036", "2015-05-25", 18.0);
    project.write("other/bars.csv", other.csv());
    let failed = project.run(&["materialize", "--select", "raw_bars", "--format", "json"]).exits(6);
    failed.ran().assert(&[("other_bars", &[date("2015-05-25")]), ("raw_bars", &[date("2015-05-25")])]);
    project
        .run(&["checks", "--failed"])
        .ok()
        .says(&["raw_bars@2015-05-22 reconcile(other_bars)", "sh.600028 (`close` 7, there"]);
}

#[test]
fn an_asset_that_cannot_be_made_does_not_stop_the_one_that_is_held_against_it() {
    let yaml = "\
calendar: XSHG
start: 2015-02-02

assets:
  raw_bars:
    kind: source
    csv: data/source/bars/*.csv
    columns: { instrument: symbol, session: date }
    checks:
      - reconcile: { with: other_bars, columns: close }
        severity: warn

  same_bars:
    kind: source
    csv: data/source/bars/*.csv
    columns: { instrument: symbol, session: date }

  other_bars:
    kind: sql
    query: select instrument, error('no such vendor')::double as close from {{ ref('same_bars') }}
    columns: { instrument: text, close: number }
";
    let project = Project::of(&INSTRUMENTS, FIRST, "2015-02-04", yaml);
    let output = project.run(&["materialize", "--format", "json"]).exits(5);
    output.says(&["no such vendor"]);
    assert_eq!(output.ran().of_asset("raw_bars"), sessions(FIRST, "2015-02-04"));
    assert_eq!(findings(&project).len(), 3);
    project.run(&["checks", "--failed"]).ok().says(&["`other_bars` has no partition of 2015-02-02 to compare with"]);
}

#[test]
fn a_query_sees_its_session_and_the_windows_that_it_asks_for() {
    let query = "      - name: volume
        severity: warn
        custom_sql: |
          select this.instrument, this.volume, avg(bars.volume) as usual
          from {{ this }} join {{ ref('other_bars', sessions=5) }} as bars using (instrument)
          where (select max(session) from {{ ref('other_bars', sessions=5) }}) = {{ session }}
            and (select count(distinct session) from {{ this }}) = 1
          group by all having this.volume > 100 * avg(bars.volume)
";
    let yaml = TWO_VENDORS
        .replace("      - reconcile: { with: other_bars, columns: [close, volume], tolerance: 1e-6 }\n", query);
    let mut project = Project::of(&INSTRUMENTS, FIRST, LAST, &yaml);
    project.write("other/bars.csv", project.bars().csv());
    project.edit_bars(|bars| bars.bar("sh.600028", "2015-05-20").values[4] = "99999999999".to_owned());
    project
        .run(&["materialize"])
        .ok()
        .says(&["custom_sql", "the query returns 1 row on 2015-05-20: sh.600028 (volume 99999999999"]);
    assert_eq!(findings(&project), [("raw_bars".into(), "custom_sql".into(), "2015-05-20".into(), "warned".into())]);

    // A query that cannot be run is not a check that fails.
    project.edit_yaml("this.volume, avg", "this.turnover, avg");
    project.run(&["check"]).exits(1).says(&["a check of `raw_bars` cannot be run on 2015-02-02", "turnover"]);
    project.edit_yaml("this.turnover, avg", "(select max(close) from 'data/source/bars/bars.csv') as x, avg");
    project.run(&["check"]).exits(1).says(&["declare the file as a `source` or a `table`"]);
}

const US: &str = "\
calendar: XNYS
start: 2015-01-02

assets:
  raw_bars:
    kind: source
    csv: bars.csv
    columns: { instrument: symbol, session: date }
    off_calendar: skip
    checks:
      - ohlc_sane: {}
        severity: warn

  listing:
    kind: table
    csv: listing.csv
    types: { listed: date, delisted: date }
    key: instrument

  completed_bars:
    kind: complete
    input: raw_bars
    listing: listing
    checks:
      - accepted: { column: is_filled, values: [false] }
        severity: warn
      - expected_rows: {}
";

/// Forty US symbols as a vendor left them: 45 bars on Saturdays, 1,228 sessions without a bar, a price below zero.
#[test]
fn the_faults_of_forty_us_symbols_are_found_reported_and_handled() {
    let project = Project::empty();
    project.yaml(US);
    for name in ["bars.csv", "listing.csv"] {
        let path = repository().join("tests/fixtures/us_stooq_mini").join(name);
        project.write(name, std::fs::read(path).unwrap());
    }
    let output = project.run(&["materialize", "--select", "completed_bars"]).ok();
    output.says(&["45 rows of 19 dates not sessions of `XNYS` left out", "2016-02-27, 2016-03-05, 2016-03-12, …"]);
    output.says(&["ohlc_sane", "1 row of 2017-08-10 has prices that do not fit together: HLG (low -1)"]);
    let rows = project.rows("select count(*) as n from raw_bars");
    assert_eq!(rows[0]["n"], 23_191 - 45);
    let missing = project.rows(
        "select sum(violations)::bigint as n from assetctl.checks where asset = 'completed_bars' and name = 'accepted' and outcome = 'warned'",
    );
    assert_eq!(missing[0]["n"], 1_228);
    assert_eq!(project.rows("select count(*) as n from completed_bars where is_filled")[0]["n"], 1_228);
    project.run(&["status", "--select", "raw_bars"]).ok().says(&["1 warned"]);

    // Declared otherwise, each of the three stops what must not pass.
    project.edit_yaml("ohlc_sane: {}\n        severity: warn", "ohlc_sane: {}");
    project.run(&["check", "--select", "raw_bars"]).exits(6).says(&["HLG (low -1)"]);
    project.edit_yaml("[false] }\n        severity: warn", "[false] }");
    project.run(&["check", "--select", "completed_bars"]).exits(6).says(&["a `is_filled` that is none of false"]);
    project.edit_yaml("off_calendar: skip", "off_calendar: error");
    project.run(&["plan"]).exits(5).says(&["a Saturday, is not a session of `XNYS`", "off_calendar: skip"]);
}

/// Bars of a day that are out of order, and one whose volume falls.
#[test]
fn a_running_volume_may_not_fall() {
    let yaml = "\
calendar: XSHG
start: 2015-02-02
assets:
  ticks:
    kind: sql
    query: |
      select instrument, minute, (volume * minute / case when minute = 30 and instrument = 'sh.600028' then 100 else 1 end) as volume
      from {{ ref('raw_bars') }}, (select unnest([10.0, 20.0, 30.0]) as minute)
    key: [instrument, minute]
    columns: { instrument: text, minute: number, volume: number }
    checks:
      - monotonic_volume: { time: minute }
  raw_bars:
    kind: source
    csv: data/source/bars/*.csv
    columns: { instrument: symbol, session: date }
";
    let project = Project::of(&["sh.600028", "sh.000300"], FIRST, "2015-02-03", yaml);
    project.run(&["materialize"]).exits(6).says(&[
        "1 row of 2015-02-02 has a `volume` below that of the bar before: sh.600028 (30: ",
        "1 more session fails too",
    ]);
}
