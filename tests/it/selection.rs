//! What is asked for: the selection language, `--only`, `--force`, ranges of dates, and plans that are only shown.

use chrono::NaiveDate;
use serde_json::Value;

use crate::support::bars::calendar;
use crate::support::{Project, Ran, STAGES, assert_same, date, files_below, sessions};

const FIRST: &str = "2015-02-02";
const LAST: &str = "2015-08-31";

fn all() -> Vec<NaiveDate> {
    sessions(FIRST, LAST)
}

fn selected(project: &Project, args: &[&str]) -> String {
    let listed = project.json(&[&["ls"], args].concat());
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|asset| asset["asset"].as_str().unwrap()).collect();
    names.join(" ")
}

/// The bars of two instruments that are never suspended, and a mean of five sessions: no carried values.
fn mean_of_five() -> Project {
    let yaml = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  means: { kind: indicators, input: raw_bars, columns: { x: 'mean(close, 5)' } }
  ranks: { kind: scores, input: means, columns: { y: cs_rank(x) } }
";
    Project::of(&["sh.000300", "sh.600028"], FIRST, LAST, yaml)
}

#[test]
fn the_selection_language() {
    let project = Project::new();
    project.edit_yaml("    kind: indicators\n", "    kind: indicators\n    tags: [daily, core]\n    owner: research\n");
    project.edit_yaml("    kind: scores\n", "    kind: scores\n    tags: [daily]\n");
    let everything = "raw_bars listing completed_bars indicators scores signals";
    let cases: [(&[&str], &str); 16] = [
        (&[], everything),
        (&["--select", "scores"], "scores"),
        (&["--select", "s*"], "scores signals"),
        (&["--select", "*_bars"], "raw_bars completed_bars"),
        (&["--select", "+scores"], "raw_bars listing completed_bars indicators scores"),
        (&["--select", "1+scores"], "indicators scores"),
        (&["--select", "completed_bars+"], "completed_bars indicators scores signals"),
        (&["--select", "1+indicators+1"], "completed_bars indicators scores"),
        (&["--select", "tag:daily"], "indicators scores"),
        (&["--select", "kind:source kind:table"], "raw_bars listing"),
        (&["--select", "kind:source", "kind:table"], "raw_bars listing"),
        (&["--select", "owner:research"], "indicators"),
        (&["--select", "tag:daily,kind:scores"], "scores"),
        (&["--select", "+signals", "--exclude", "tag:daily", "listing"], "raw_bars completed_bars signals"),
        (&["--exclude", "completed_bars+"], "raw_bars listing"),
        (&["--select", "scores,signals"], ""),
    ];
    for (args, expected) in cases {
        assert_eq!(selected(&project, args), expected, "{args:?}");
    }
}

#[test]
fn a_selection_that_names_nothing_is_a_mistake() {
    let project = Project::new();
    let cases: [(&[&str], &[&str]); 6] = [
        (&["ls", "--select", "scorse"], &["no asset matches `scorse`", "did you mean `scores`?"]),
        (&["plan", "--select", "kind:indicator"], &["kind:indicator", "did you mean `indicators`?"]),
        (&["materialize", "--select", "state:old"], &["`old` is not a state", "stale", "never"]),
        (&["status", "--select", "colour:red"], &["`colour:`", "tag:"]),
        (&["materialize", "--exclude", "signal"], &["`signal`", "did you mean `signals`?"]),
        (&["plan", "--select", "+"], &["names no asset"]),
    ];
    for (args, words) in cases {
        let output = project.run(args).exits(2);
        output.says(words);
        assert_eq!(output.stdout, "", "{args:?}");
    }
    assert!(!project.path("data/state.db").exists());
}

#[test]
fn a_selection_brings_what_it_needs_and_nothing_else() {
    let project = Project::new();
    let ran = project.materialize_with(&["--select", "indicators"]);
    let (all, table) = (all(), [date("1970-01-01")]);
    ran.assert(&[("listing", &table), ("raw_bars", &all), ("completed_bars", &all), ("indicators", &all)]);
    let ran = project.materialize_with(&["--exclude", "signals"]);
    ran.assert(&[("scores", &all)]);
    project.materialize().assert(&[("signals", &all)]);
}

#[test]
fn the_plan_says_what_was_selected() {
    let project = Project::new();
    let plan = project.json(&["plan", "--select", "indicators"]);
    let flags: Vec<(&str, bool)> = plan["assets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|asset| (asset["asset"].as_str().unwrap(), asset["selected"].as_bool().unwrap()))
        .collect();
    let expected = [("raw_bars", false), ("listing", false), ("completed_bars", false), ("indicators", true)];
    assert_eq!(flags.len(), expected.len(), "{flags:?}");
    assert!(expected.iter().all(|flag| flags.contains(flag)), "{flags:?}");
    let asset = &plan["assets"][0];
    let keys: Vec<&str> = asset.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["asset", "kind", "selected", "spec", "partitions", "first", "last", "stale", "blocked", "obsolete"]
    );
    let keys: Vec<&str> = plan.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["now", "revision", "selection", "assets"]);
    let stale = plan["assets"].as_array().unwrap().iter().find(|asset| asset["asset"] == "raw_bars").unwrap();
    let expected = serde_json::json!([{
        "first": FIRST, "last": LAST, "sessions": 143, "certain": true, "reason": { "kind": "never_materialized" },
    }]);
    assert_eq!(stale["stale"], expected);
    assert_eq!(
        (&plan["now"], &plan["selection"], &plan["revision"]),
        (&"2018-06-01T00:00:00Z".into(), &"indicators".into(), &0.into())
    );
}

#[test]
fn only_leaves_out_what_is_needed() {
    let mut project = Project::new();
    // Nothing to read yet: it waits, and says for what.
    let nothing = project.run(&["materialize", "--select", "indicators", "--only", "--format", "json"]).ok();
    nothing.ran().assert_nothing();
    project.run(&["plan", "--select", "indicators", "--only"]).ok().says(&["indicators waits", "completed_bars"]);
    project.materialize();

    project.edit_close("sh.600028", "2015-03-04", 6.11);
    let ran = project.materialize_with(&["--select", "indicators", "--only"]);
    ran.assert_nothing();
    let ran = project.materialize_with(&["--select", "raw_bars completed_bars", "--only"]);
    ran.assert(&[("raw_bars", &[date("2015-03-04")]), ("completed_bars", &[date("2015-03-04")])]);
    let window: Vec<NaiveDate> = sessions("2015-03-04", LAST).into_iter().take(21).collect();
    project.materialize_with(&["--select", "indicators", "--only"]).assert(&[("indicators", &window)]);
    project.run(&["plan", "--select", "+indicators", "--exit-code"]).ok();
    project.run(&["plan", "--exit-code"]).exits(4);
}

#[test]
fn only_makes_what_its_inputs_allow() {
    let project = mean_of_five();
    project.run(&["backfill", "--select", "raw_bars", "--from", FIRST, "--to", "2015-03-31"]).ok();
    let ran = project.materialize_with(&["--select", "means", "--only"]);
    ran.assert(&[("means", &sessions(FIRST, "2015-03-31"))]);
    let rest = sessions("2015-04-01", LAST);
    project.materialize().assert(&[("raw_bars", &rest), ("means", &rest), ("ranks", &all())]);
}

#[test]
fn force_recomputes_the_selected_and_nothing_else() {
    let project = Project::new();
    project.materialize();
    let before = project.contents();
    let plan = project.json(&["plan", "--select", "indicators", "--force"]);
    let all = all();
    Ran::announced(&plan, calendar()).assert(&[("indicators", &all)]);
    let ran = project.materialize_with(&["--select", "indicators", "--force"]);
    ran.assert(&[("indicators", &all)]);
    project.materialize().assert_nothing();
    let march = ["--from", "2015-03-01", "--to", "2015-03-31"];
    let ran = project.materialize_with(&[&["--select", "scores", "--force"], &march[..]].concat());
    ran.assert(&[("scores", &sessions("2015-03-01", "2015-03-31"))]);
    // Of everything: whoever is below would run anyway, and what comes out is what was there.
    let ran = project.materialize_with(&["--force"]);
    assert_eq!(
        ran.0.keys().collect::<Vec<_>>(),
        ["completed_bars", "indicators", "listing", "raw_bars", "scores", "signals"]
    );
    assert!(ran.0.iter().all(|(asset, dates)| asset == "listing" || *dates == all));
    project.materialize().assert_nothing();
    assert_same(&before, &project.contents());
}

#[test]
fn a_range_of_dates_brings_what_its_windows_read() {
    let project = mean_of_five();
    let (from, to) = ("2015-03-11", "2015-03-20");
    let ran = project.materialize_with(&["--select", "ranks", "--from", from, "--to", to]);
    let range = sessions(from, to);
    // Four sessions before the first, for a mean of five.
    ran.assert(&[("raw_bars", &sessions("2015-03-05", to)), ("means", &range), ("ranks", &range)]);
    // The same dates again, with ends that are no sessions.
    project.materialize_with(&["--select", "ranks", "--from", "2015-03-14", "--to", "2015-03-15"]).assert_nothing();
    let ran = project.materialize_with(&["--select", "ranks", "--from", "2015-03-14", "--to", "2015-03-22"]);
    ran.assert_nothing();
    // One end alone.
    let ran = project.materialize_with(&["--select", "means", "--to", "2015-02-06"]);
    let week = sessions(FIRST, "2015-02-06");
    ran.assert(&[("raw_bars", &week), ("means", &week)]);
    let ran = project.materialize_with(&["--select", "means", "--from", "2015-08-28"]);
    ran.assert(&[("raw_bars", &sessions("2015-08-24", LAST)), ("means", &sessions("2015-08-28", LAST))]);

    let rest = |done: &[Vec<NaiveDate>]| -> Vec<NaiveDate> {
        all().into_iter().filter(|day| !done.iter().flatten().any(|done| done == day)).collect()
    };
    let tail = sessions("2015-08-24", LAST);
    let raw = rest(&[week.clone(), sessions("2015-03-05", to), tail]);
    let means = rest(&[week, range.clone(), sessions("2015-08-28", LAST)]);
    project.materialize().assert(&[("raw_bars", &raw), ("means", &means), ("ranks", &rest(&[range]))]);
    let whole = mean_of_five();
    whole.materialize();
    assert_same(&whole.contents(), &project.contents());
}

#[test]
fn ranges_that_make_no_sense() {
    let project = mean_of_five();
    let output = project.run(&["plan", "--from", "2015-03-20", "--to", "2015-03-10"]).exits(2);
    output.says(&["2015-03-20", "2015-03-10"]);
    project.run(&["backfill", "--from", "2015-03-20"]).exits(2).says(&["--to"]);
    project.run(&["backfill", "--from", "2015-02-30", "--to", "2015-03-20"]).exits(2).says(&["2015-02-30"]);
    // Before the start there is nothing; after the files' end it is said where they end.
    project.materialize_with(&["--to", "2014-12-31"]).assert_nothing();
    let plan = project.run(&["plan", "--from", "2015-08-31", "--to", "2015-09-02"]).ok();
    plan.says(&["raw_bars waits: 2 sessions (2015-09-01…2015-09-02)", "its files end on 2015-08-31"]);
}

#[test]
fn a_backfill_in_pieces_and_then_the_rest() {
    let project = Project::new();
    let piece = |args: &[&str]| {
        let all = [&["backfill", "--format", "json"], args].concat();
        project.run(&all).ok().ran()
    };
    let april = sessions("2015-04-01", "2015-04-30");
    let ran =
        piece(&["--select", "signals", "--from", "2015-04-01", "--to", "2015-04-30", "--batch", "7", "--jobs", "1"]);
    // Completed bars carry closes on, so that they are made from the start.
    let to_april = sessions(FIRST, "2015-04-30");
    assert_eq!(ran.of_asset("completed_bars"), to_april);
    assert_eq!((ran.of_asset("scores"), ran.of_asset("signals")), (&april[..], &april[..]));
    assert_eq!(ran.of_asset("indicators"), april);
    // An earlier piece that overlaps does what is left of it.
    let ran = piece(&["--select", "signals", "--from", "2015-03-16", "--to", "2015-04-10", "--batch", "3"]);
    let march = sessions("2015-03-16", "2015-03-31");
    ran.assert(&[("indicators", &march), ("scores", &march), ("signals", &march)]);
    piece(&["--select", "signals", "--from", "2015-03-16", "--to", "2015-04-30"]).assert_nothing();

    let rest: Vec<NaiveDate> = [sessions(FIRST, "2015-03-13"), sessions("2015-05-01", LAST)].concat();
    let from_may = sessions("2015-05-01", LAST);
    project.materialize().assert(&[
        ("raw_bars", &from_may),
        ("completed_bars", &from_may),
        ("indicators", &rest),
        ("scores", &rest),
        ("signals", &rest),
    ]);
    project.materialize().assert_nothing();
    let whole = Project::new();
    whole.materialize();
    assert_same(&whole.contents(), &project.contents());
}

#[test]
fn what_is_asked_for_is_announced_and_stays_within_it() {
    let mut project = Project::new();
    project.materialize();
    let cases: [&[&str]; 6] = [
        &["--select", "signals"],
        &["--select", "scores", "--only"],
        &["--select", "indicators", "--from", "2015-03-10", "--to", "2015-03-20"],
        &["--select", "completed_bars+", "--exclude", "signals"],
        &["--select", "scores", "--force", "--to", "2015-03-10"],
        &["--select", "state:stale+"],
    ];
    for (at, args) in cases.into_iter().enumerate() {
        project.edit_close("sh.600028", "2015-03-04", 6.0 + at as f64 / 8.0);
        let plan = project.json(&[&["plan"], args].concat());
        assert_eq!(project.json(&[&["plan"], args].concat()), plan, "{args:?}");
        let outcome = project.json(&[&["materialize"], args].concat());
        assert_eq!(outcome["plan"], plan, "{args:?}");
        Ran::of(&outcome).assert_within(&Ran::announced(&plan, calendar()));
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let mut project = Project::new();
    let files = |project: &Project| files_below(&project.root());
    let untouched = files(&project);
    let dry = project.run(&["materialize", "--dry-run", "--format", "json"]).ok();
    assert_eq!(dry.json()["run"], Value::Null);
    let plan = project.json(&["plan"]);
    assert_eq!(dry.json()["plan"], plan);
    assert_eq!(files(&project), untouched);
    assert!(!project.path("data/state.db").exists());

    project.materialize();
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    let (contents, runs) = (project.contents(), project.json(&["runs"]));
    let dry = project.run(&["materialize", "--dry-run"]).ok();
    dry.says(&["raw_bars", "2015-03-04", "source revised"]);
    assert_same(&contents, &project.contents());
    assert_eq!(project.json(&["runs"]), runs);
    assert!(!project.materialize().0.is_empty());
}

#[test]
fn the_exit_code_of_a_plan() {
    let mut project = Project::new();
    project.run(&["plan", "--exit-code"]).exits(4);
    project.run(&["plan"]).ok();
    project.materialize_with(&["--select", "indicators"]);
    project.run(&["plan", "--exit-code", "--select", "indicators"]).ok();
    project.run(&["plan", "--exit-code", "--select", "scores"]).exits(4);
    project.run(&["plan", "--exit-code"]).exits(4);
    project.materialize();
    project.run(&["plan", "--exit-code"]).ok();
    // Shown all the same.
    let shown = project.run(&["plan", "--exit-code", "--force", "--format", "json"]).exits(4);
    assert_eq!(Ran::announced(&shown.json(), calendar()).of_asset("scores"), all());
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    project.run(&["plan", "--exit-code", "--select", "signals"]).exits(4);
    project.run(&["plan", "--exit-code", "--select", "listing"]).ok();
    project.run(&["plan", "--exit-code", "--to", "2015-03-03"]).ok();
}

#[test]
fn selecting_by_state() {
    let mut project = Project::new();
    let everything = "raw_bars listing completed_bars indicators scores signals";
    let by = |project: &Project, selection: &str| selected(project, &["--select", selection]);
    assert_eq!(by(&project, "state:never"), everything);
    assert_eq!(by(&project, "state:clean"), "");
    project.materialize_with(&["--select", "completed_bars"]);
    assert_eq!(by(&project, "state:never"), "indicators scores signals");
    assert_eq!(by(&project, "state:clean"), "raw_bars listing completed_bars");
    project.materialize_with(&["--select", "state:never"]);
    assert_eq!(by(&project, "state:clean"), everything);
    assert_eq!(by(&project, "state:stale"), "");
    project.materialize_with(&["--select", "state:stale"]).assert_nothing();

    project.yaml(&STAGES.replace("mean(volume, 5)", "mean(volume, 8)"));
    assert_eq!(by(&project, "state:stale"), "indicators");
    assert_eq!(by(&project, "state:stale+1"), "indicators scores");
    // What may come to be stale is not clean either.
    assert_eq!(by(&project, "state:clean"), "raw_bars listing completed_bars");
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    assert_eq!(by(&project, "state:stale,kind:source"), "raw_bars");
    let ran = project.materialize_with(&["--select", "state:stale", "--exclude", "state:never"]);
    assert_eq!(ran.of_asset("raw_bars"), [date("2015-03-04")]);
    assert_eq!(ran.of_asset("indicators"), all());
    assert_eq!(ran.of_asset("scores"), []);
    project.materialize();
    assert_eq!(by(&project, "state:clean"), everything);
}
