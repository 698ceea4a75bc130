//! `assetctl check --look-ahead`: what depends on more than its window holds comes out otherwise when it is made again.

use serde_json::Value;

use crate::support::Project;

const YAML: &str = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  completed_bars: { kind: complete, input: raw_bars }
  smooth: { kind: indicators, input: completed_bars, columns: { fast: 'ema(close, 5)', slow: 'mean(fast, 4)' } }
  ranks: { kind: scores, input: smooth, columns: { rank: cs_rank(slow) } }
  bars: { kind: indicators, input: completed_bars, window_axis: traded, columns: { m: 'mean(close, 5)' } }
  honest: { kind: sql, query: \"select instrument, avg(close) as m from {{ ref('completed_bars', sessions=5) }} group by all\" }
";

fn findings(audited: &Value) -> Vec<(&str, usize)> {
    let of = |asset: &Value| asset["findings"].as_array().unwrap().len();
    audited.as_array().unwrap().iter().map(|asset| (asset["asset"].as_str().unwrap(), of(asset))).collect()
}

#[test]
fn what_keeps_to_its_window_comes_out_the_same() {
    let project = Project::of(&["sh.600028", "sh.600745"], "2015-02-02", "2015-04-30", YAML);
    project.run(&["check", "--look-ahead"]).exits(2).says(&["nothing was materialized yet"]);
    project.materialize();
    let before = project.contents();
    let audited = project.json(&["check", "--look-ahead", "--sessions", "7"]);
    let names = ["completed_bars", "bars", "smooth", "ranks", "honest"];
    let mut found = findings(&audited);
    found.sort_unstable();
    let mut expected = names.map(|name| (name, 0));
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(audited.as_array().unwrap().iter().all(|asset| asset["sessions"].as_array().unwrap().len() == 7));
    assert_eq!(project.contents(), before, "an audit writes nothing");
    project.run(&["check", "--sessions", "3"]).exits(2).says(&["--look-ahead"]);
}

#[test]
fn a_query_that_depends_on_something_else_is_found() {
    let query = "select instrument, close + random() as x, close from {{ ref('completed_bars') }}";
    let project = Project::of(
        &["sh.600028", "sh.600745"],
        "2015-02-02",
        "2015-03-31",
        &format!("{YAML}  dice: {{ kind: sql, query: \"{query}\" }}\n"),
    );
    project.materialize();
    let output = project.run(&["check", "--look-ahead", "--select", "dice", "honest", "--sessions", "3"]).exits(6);
    output.says(&["dice@2015-02-02: `x` differs", "the same, bit for bit", "random()"]);
}

#[test]
fn what_is_stale_is_not_judged() {
    let mut project = Project::of(&["sh.600028", "sh.600745"], "2015-02-02", "2015-02-27", YAML);
    project.materialize();
    project.edit_close("sh.600028", "2015-02-10", 6.5);
    let audited = project.json(&["check", "--look-ahead", "--select", "honest", "--sessions", "100"]);
    let sessions = audited[0]["sessions"].as_array().unwrap().len();
    // From the correction on all may come out different, as far as is known before anything has run.
    assert_eq!((sessions, findings(&audited)), (6, vec![("honest", 0)]));
}
