//! Qlib's words and feature sets are another way to write the same columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::support::{Project, assert_same, changes, repository};

const BARS: &str = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  completed_bars: { kind: complete, input: raw_bars }
  bars:
    kind: indicators
    input: completed_bars
    columns:
      open: open
      high: high
      low: low
      close: close
      volume: volume
      vwap: (high + low + close) / 3
";

fn project(asset: &str) -> Project {
    let project =
        Project::of(&["sh.600028", "sh.600036", "sz.002129"], "2015-02-02", "2015-08-31", &format!("{BARS}{asset}"));
    project.materialize();
    project
}

#[test]
fn a_feature_set_is_its_expressions_written_out() {
    let project = project("  alpha: { kind: indicators, input: bars, features: alpha158 }\n");
    let before = project.contents();
    let path = repository().join("tests/fixtures/golden/alpha158_expr.json");
    let sets: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut columns = String::new();
    for name in project.json(&["ls", "--columns", "--select", "alpha"])[0]["columns"].as_array().unwrap() {
        let name = name["name"].as_str().unwrap();
        if let Some(expression) = sets["alpha158"].get(name) {
            let _ = writeln!(columns, "      {name}: \"{expression}\"");
        }
    }
    assert_eq!(columns.lines().count(), 158);
    let written =
        format!("  alpha:\n    kind: indicators\n    input: bars\n    dialect: qlib\n    columns:\n{columns}");
    project.yaml(&format!("{BARS}{written}"));
    project.materialize().assert_nothing();
    assert_same(&before, &project.contents());
    // Not because nothing is looked at.
    project.edit_yaml("Mean($close, 5)/$close", "Mean($close, 6)/$close");
    let ran = project.materialize();
    assert_eq!(ran.0.keys().collect::<Vec<_>>(), ["alpha"]);
}

#[test]
fn qlibs_words_and_ours_compute_the_same_bits() {
    let ours = "  alpha:
    kind: indicators
    input: bars
    columns:
      roc: ref(close, 5) / close
      middle: quantile(close, 20, 0.8) / close
      up: count(close > ref(close, 1), 10)
      trend: slope(close, 10) / close
      smooth: ema(volume, 5)
";
    let project = project(ours);
    let native = project.rows("select session, instrument, roc, middle, trend from alpha order by all");
    let qlibs = "  alpha:
    kind: indicators
    input: bars
    dialect: qlib
    columns:
      roc: Ref($close, 5)/$close
      middle: Quantile($close, 20, 0.8)/$close
      trend: Slope($close, 10)/$close
";
    project.yaml(&format!("{BARS}{qlibs}"));
    project.materialize();
    assert_eq!(project.rows("select session, instrument, roc, middle, trend from alpha order by all"), native);
}

#[test]
fn defects_only_where_they_are_asked_for() {
    let columns =
        "dialect: qlib, columns: { mean: 'Mean($close, 5)', weighted: 'WMA($close, 5)', place: 'IdxMax($close, 5)' } }";
    let project = project(&format!("  alpha: {{ kind: indicators, input: completed_bars, {columns}\n"));
    let before = project.contents();
    let query = "select session, instrument, mean, weighted from alpha where session >= '2015-02-09' order by all";
    let proper = project.rows(query);
    project.edit_yaml("dialect: qlib", "dialect: qlib, compat: qlib");
    let ran = project.materialize();
    assert_eq!(ran.0.keys().collect::<Vec<_>>(), ["alpha"]);
    let as_qlib = project.rows(query);
    assert_eq!(proper.len(), as_qlib.len());
    for (proper, as_qlib) in proper.iter().zip(&as_qlib) {
        assert_eq!(proper["mean"], as_qlib["mean"]);
        if proper["instrument"] == "sh.600028" {
            let (proper, as_qlib) = (proper["weighted"].as_f64().unwrap(), as_qlib["weighted"].as_f64().unwrap());
            assert!((proper / as_qlib / 5.0 - 1.0).abs() < 1e-12, "{proper} is not five times {as_qlib}");
        }
    }
    assert!(!changes(&before, &project.contents()).is_empty());
    project.edit_yaml("dialect: qlib, compat: qlib", "dialect: qlib");
    project.materialize();
    assert_same(&before, &project.contents());
}
