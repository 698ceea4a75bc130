//! What runs again after the configuration changed: what changes results, and nothing that does not.

use chrono::NaiveDate;

use crate::support::bars::calendar;
use crate::support::{Project, Ran, assert_same, changes, sessions};

fn all() -> Vec<NaiveDate> {
    sessions("2015-02-02", "2015-08-31")
}

#[test]
fn what_changes_no_result_runs_nothing() {
    let project = Project::new();
    project.materialize();
    // (what it is, before, after)
    let edits = [
        ("a comment", "  indicators:\n", "  # the numbers of the last month\n  indicators: # here\n"),
        ("a description", "    kind: scores\n", "    kind: scores\n    description: how attractive each is\n"),
        ("an owner", "    kind: scores\n", "    kind: scores\n    owner: research\n"),
        ("tags", "    kind: scores\n", "    kind: scores\n    tags: [daily, core]\n"),
        ("retries and a timeout", "    kind: scores\n", "    kind: scores\n    retries: 2\n    timeout: 5m\n"),
        ("settlement", "    kind: source\n", "    kind: source\n    settlement: 30m\n"),
        ("a check", "    kind: signals\n", "    kind: signals\n    checks: [{ not_null: rank }]\n"),
        ("a check gone", "      - not_null: volume\n", ""),
        ("a check that only warns", "      - expected_rows: {}\n", "      - { expected_rows: {}, severity: warn }\n"),
        ("whitespace", "close / ref(close, 5) - 1", "close/ref( close,5 )  -  1"),
        ("parentheses", "close/ref( close,5 )  -  1", "((close / (ref((close), 5))) - (1))"),
        ("another way to write a number", "close / ref(close, 1) - 1", "close / ref(close, 1) - 1.0"),
        ("quotes", "busy: mean(volume, 5)", "busy: 'mean(volume, 5)'"),
        ("a block", "      calm: -cs_zscore(vol_20)\n", "      calm: >-\n        -cs_zscore(vol_20)\n"),
        ("a variable", "calendar: XSHG\n", "calendar: XSHG\nvars: { days: 20 }\n"),
        ("a variable in use", "vol_20: std(ret_1, 20)", "vol_20: std(ret_1, ${days})"),
        ("an input by alias", "    input: indicators\n", "    input: { numbers: indicators }\n"),
        ("another alias", "{ numbers: indicators }", "{ signs: indicators }"),
        ("a column by its input", "cs_zscore(ret_5)", "cs_zscore(signs.ret_5)"),
        ("a pattern for the files", "data/source/bars/*.csv", "data/source/bars/b*.csv"),
    ];
    for (what, from, to) in edits {
        project.edit_yaml(from, to);
        eprintln!("{what}");
        project.run(&["validate"]).ok();
        project.materialize().assert_nothing();
    }
    let explained = project.run(&["plan", "--exit-code"]).ok();
    explained.says(&["6 assets up to date"]);
}

#[test]
fn the_order_of_assets_runs_nothing() {
    let project = Project::new();
    project.materialize();
    let yaml = project.read("assets.yaml");
    let (head, assets) = yaml.split_once("assets:\n").unwrap();
    let blocks: Vec<&str> = assets.trim_start().split("\n\n").collect();
    assert_eq!(blocks.len(), 6);
    let reversed: Vec<String> = blocks.iter().rev().map(|block| format!("  {}\n", block.trim())).collect();
    project.yaml(&format!("{head}assets:\n{}", reversed.join("\n")));
    project.materialize().assert_nothing();
}

#[test]
fn one_expression_changed() {
    let project = Project::new();
    project.materialize();
    let before = project.contents();
    project.edit_yaml("close / ref(close, 5) - 1", "close / ref(close, 6) - 1");
    let ran = project.materialize();
    let changed = changes(&before, &project.contents());
    ran.assert(&[("indicators", &all()), ("scores", &changed["indicators"]), ("signals", &changed["scores"])]);
    assert!(changed["indicators"].len() > 100);
    project.materialize().assert_nothing();

    // And back: what was, bit for bit.
    project.edit_yaml("close / ref(close, 6) - 1", "close / ref(close, 5) - 1");
    project.materialize();
    assert_same(&before, &project.contents());
}

#[test]
fn an_expression_that_nobody_below_reads_changed() {
    let project = Project::new();
    project.materialize();
    project.edit_yaml("busy: mean(volume, 5)", "busy: mean(volume, 10)");
    project.materialize().assert(&[("indicators", &all())]);
    project.materialize().assert_nothing();
}

#[test]
fn an_expression_changed_that_comes_out_the_same() {
    let project = Project::new();
    project.materialize();
    let before = project.contents();
    // Prices are positive.
    project.edit_yaml("ret_5: close / ref(close, 5) - 1", "ret_5: abs(close) / ref(close, 5) - 1");
    project.materialize().assert(&[("indicators", &all())]);
    assert_same(&before, &project.contents());
    project.materialize().assert_nothing();
}

#[test]
fn a_column_added_and_removed() {
    let project = Project::new();
    project.materialize();
    let before = project.contents();
    project.edit_yaml("      busy: ", "      gap: open / ref(close, 1) - 1\n      busy: ");
    project.materialize().assert(&[("indicators", &all())]);
    let filled = project.rows("select count(gap) as n from indicators where session = '2015-08-31'");
    assert_eq!(filled[0]["n"], 6);
    project.materialize().assert_nothing();

    project.edit_yaml("      gap: open / ref(close, 1) - 1\n", "");
    project.materialize().assert(&[("indicators", &all())]);
    assert_same(&before, &project.contents());
    let columns = project.rows("select column_name from (describe indicators)");
    assert_eq!(columns.len(), 6);
}

#[test]
fn a_column_of_the_source_added() {
    let project = Project::new();
    project.materialize();
    let csv = project.read("data/source/bars/bars.csv");
    let wider: String = csv
        .lines()
        .enumerate()
        .map(|(at, line)| format!("{line},{}\n", if at == 0 { "turnover" } else { "1" }))
        .collect();
    project.write("data/source/bars/bars.csv", wider);
    let before = project.contents();
    let ran = project.materialize();
    // `complete` takes every column of its input; the indicators name those they read.
    ran.assert(&[("raw_bars", &all()), ("completed_bars", &all())]);
    assert_eq!(changes(&before, &project.contents()).len(), 2);
    project.materialize().assert_nothing();
}

#[test]
fn a_column_renamed() {
    let project = Project::new();
    project.materialize();
    project.edit_yaml("busy: mean(volume, 5)", "activity: mean(volume, 5)");
    project.materialize().assert(&[("indicators", &all())]);
    project.materialize().assert_nothing();

    // One that the scores read: their expression changes with it, their content does not.
    project.edit_yaml("ret_5: ", "week: ");
    project.edit_yaml("cs_zscore(ret_5)", "cs_zscore(week)");
    let ran = project.materialize();
    assert_eq!(ran.of_asset("indicators"), all());
    assert_eq!(ran.of_asset("signals"), []);
    project.materialize().assert_nothing();
}

#[test]
fn an_asset_renamed() {
    let project = Project::new();
    project.materialize();
    let before = project.contents();
    project.edit_yaml("  indicators:\n", "  features:\n");
    project.edit_yaml("    input: indicators\n", "    input: features\n");
    project.materialize().assert(&[("features", &all())]);
    let after = project.contents();
    for ((asset, session), hash) in &before {
        let name = if asset == "indicators" { "features" } else { asset };
        assert_eq!(after.get(&(name.to_owned(), *session)), Some(hash), "{name}@{session}");
    }
    // The project no longer names the old one: readers do not see it.
    project.run(&["sql", "select * from indicators"]).exits(2).says(&["indicators"]);
    project.materialize().assert_nothing();

    // Back under its name it is as it was left.
    project.edit_yaml("  features:\n", "  indicators:\n");
    project.edit_yaml("    input: features\n", "    input: indicators\n");
    project.materialize().assert_nothing();
    assert_same(&project.contents(), &before);
}

#[test]
fn an_asset_taken_out_and_put_back() {
    let project = Project::new();
    project.materialize();
    let yaml = project.read("assets.yaml");
    let count = "select count(*) as n from signals";
    let rows = project.rows(count);
    let (without, _) = yaml.split_once("  signals:\n").unwrap();
    project.yaml(without);
    project.materialize().assert_nothing();
    project.run(&["sql", count]).exits(2).says(&["signals"]);
    project.yaml(&yaml);
    assert_eq!(project.rows(count), rows);
    project.materialize().assert_nothing();
}

#[test]
fn another_listing_for_the_same_bars() {
    let project = Project::new();
    project.materialize();
    let before = project.contents();
    // Without a table an instrument is listed from its first bar on: those suspended at the start lose their rows until then.
    project.edit_yaml("    listing: listing\n", "");
    let ran = project.materialize();
    let changed = changes(&before, &project.contents());
    assert_eq!(ran.of_asset("completed_bars"), all());
    assert_eq!(changed["completed_bars"], sessions("2015-02-02", "2015-04-15"));
    // Beyond, volumes of 0 have gone from the means that the scores do not read.
    assert!(changed["indicators"].len() > changed["completed_bars"].len());
    assert_eq!(ran.of_asset("scores"), changed["completed_bars"]);
    project.materialize().assert_nothing();
}

#[test]
fn a_later_start_and_an_earlier_one() {
    // sh.600036 is suspended on the five sessions from 2015-04-03: begun amid them, there is no close to carry.
    for (start, last_before) in [("2015-03-02", "2015-02-27"), ("2015-04-08", "2015-04-07")] {
        let project = Project::new();
        project.materialize();
        let before = project.contents();
        project.edit_yaml("start: 2015-02-02", &format!("start: {start}"));
        let announced = Ran::announced(&project.json(&["plan"]), calendar());
        let ran = project.materialize();
        ran.assert_within(&announced);
        let after = project.contents();
        let first = after.keys().filter(|(asset, _)| asset != "listing").map(|(_, session)| *session).min();
        assert_eq!(first, sessions(start, start).first().copied());
        assert_eq!(ran.of_asset("raw_bars"), []);
        let seen_by = |more: usize| sessions(start, "2015-08-31")[..more].to_vec();
        let (carried, windows) = if start == "2015-03-02" { (1, 20) } else { (3, 23) };
        assert_eq!(ran.of_asset("completed_bars"), seen_by(carried));
        // Windows are cut at the new start: twenty sessions read less than before.
        assert_eq!(ran.of_asset("indicators"), seen_by(windows));
        project.materialize().assert_nothing();

        let fresh = Project::new();
        fresh.edit_yaml("start: 2015-02-02", &format!("start: {start}"));
        fresh.materialize();
        assert_same(&fresh.contents(), &after);

        // And back: the sessions before, and those that see them.
        project.edit_yaml(&format!("start: {start}"), "start: 2015-02-02");
        let ran = project.materialize();
        let gone = sessions("2015-02-02", last_before);
        assert_eq!(ran.of_asset("raw_bars"), gone);
        assert_eq!(ran.of_asset("completed_bars"), [gone.clone(), seen_by(carried)].concat());
        assert_eq!(ran.of_asset("indicators"), [gone, seen_by(windows)].concat());
        assert_same(&project.contents(), &before);
        project.materialize().assert_nothing();
    }
}

#[test]
fn one_asset_with_a_later_start() {
    let project = Project::new();
    project.materialize();
    project.edit_yaml("    kind: signals\n", "    kind: signals\n    start: 2015-03-02\n");
    project.materialize().assert_nothing();
    let first = project.rows("select min(session) as first from signals");
    assert_eq!(first[0]["first"], "2015-03-02");
    project.edit_yaml("    kind: signals\n    start: 2015-03-02\n", "    kind: signals\n");
    project.materialize().assert(&[("signals", &sessions("2015-02-02", "2015-02-27"))]);
}
