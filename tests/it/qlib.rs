//! Qlib's dialect, its feature sets, and the two axes of windows.

use crate::support::Project;

/// The columns of `indicators` in the two languages.
const NATIVE: &str = "\
    columns:
      ret_1: close / ref(close, 1) - 1
      ret_5: close / ref(close, 5) - 1
      vol_20: std(ret_1, 20)
      busy: mean(volume, 5)
";
const QLIB: &str = "\
    dialect: qlib
    columns:
      ret_1: $close/Ref($close, 1) - 1
      ret_5: Sub(Div($close, Ref($close, 5)), 1)
      vol_20: Std($ret_1, 4*5)
      busy: Mean(feature=$volume, N=5)
";

/// The six columns of Alpha158 over the completed bars, and its features.
const ALPHA: &str = "
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

  alpha:
    kind: indicators
    input: bars
    features: alpha158
    columns:
      trend: ROC60 - ROC5
";

fn names(columns: &serde_json::Value) -> Vec<&str> {
    columns.as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap()).collect()
}

#[test]
fn the_same_columns_in_qlibs_words_are_the_same_columns() {
    let project = Project::new();
    project.materialize();
    let before = project.contents();
    project.edit_yaml(NATIVE, QLIB);
    project.materialize().assert_nothing();
    assert_eq!(project.contents(), before);
    // A real change is one, and makes what stands below stale too.
    project.edit_yaml("Mean(feature=$volume, N=5)", "Mean($volume, 6)");
    let ran = project.materialize();
    assert!(!ran.of_asset("indicators").is_empty() && ran.of_asset("completed_bars").is_empty());
}

#[test]
fn a_condition_counts_and_two_inputs_are_told_apart() {
    let project = Project::new();
    project.edit_yaml(
        "\n  scores:\n",
        "\n  counted:\n    kind: indicators\n    input: { bars: completed_bars, more: indicators }\n    dialect: qlib\n    columns:\n      up_5: Mean($bars.close>Ref($bars.close, 1), 5)\n      ret: $ret_1\n\n  scores:\n",
    );
    project.materialize();
    let wrong = project.rows(
        "select count(*) as n from counted c join (
           select instrument, session,
             avg(case when up then 1.0 else 0.0 end) over (partition by instrument order by session rows 4 preceding) as up_5
           from (select *, coalesce(close > lag(close) over (partition by instrument order by session), false) as up from completed_bars)
         ) e using (instrument, session) where abs(c.up_5 - e.up_5) > 1e-12 or c.up_5 is null",
    );
    assert_eq!(wrong[0]["n"], 0);
    assert!(
        project.rows("select count(*) as n from counted where up_5 > 0 and up_5 < 1")[0]["n"].as_u64().unwrap() > 100
    );
}

#[test]
fn a_feature_set_is_one_line() {
    let project = Project::new();
    project.edit_yaml("\n  scores:\n", &format!("{ALPHA}\n  scores:\n"));
    project.run(&["validate"]).ok();
    let listed = project.json(&["ls", "--select", "alpha"]);
    let columns = names(&listed[0]["columns"]);
    assert_eq!(columns.len(), 1 + 158 + 1);
    assert_eq!(columns[..5], ["instrument", "KMID", "KLEN", "KMID2", "KUP"]);
    assert_eq!(columns[155..], ["VSUMD5", "VSUMD10", "VSUMD20", "VSUMD30", "VSUMD60", "trend"][1..]);
    assert_eq!(listed[0]["inputs"], serde_json::json!([{ "asset": "bars", "back": 60 }]));
    project.edit_yaml("features: alpha158", "features: [alpha158, alpha360]");
    // Four prices of today are in both.
    assert_eq!(names(&project.json(&["ls", "--select", "alpha"])[0]["columns"]).len(), 1 + 158 + 360 - 4 + 1);
}

#[test]
fn windows_of_every_column() {
    let project = Project::new();
    let windows = project.json(&["ls", "--windows", "--select", "indicators scores"]);
    let column = |asset: &str, column: &str| {
        let all = windows.as_array().unwrap();
        let found = all.iter().find(|one| one["asset"] == asset && one["column"] == column);
        found.unwrap_or_else(|| panic!("no {asset}.{column} in {windows}"))["reads"].clone()
    };
    let read = |asset: &str, direct: bool, last: u32, carried: bool| serde_json::json!({ "asset": asset, "direct": direct, "last": last, "unit": "sessions", "state": false, "carried": carried });
    assert_eq!(
        column("indicators", "ret_5"),
        serde_json::json!([read("completed_bars", true, 6, false), read("raw_bars", false, 6, true)])
    );
    assert_eq!(
        column("scores", "score"),
        serde_json::json!([
            read("indicators", true, 1, false),
            read("completed_bars", false, 21, false),
            read("raw_bars", false, 21, true)
        ])
    );
    assert_eq!(column("scores", "momentum")[1]["last"], 6, "a column is not held to the widest window of its asset");
    project.run(&["ls", "--windows"]).ok().says(&[
        "completed_bars 21 sessions",
        "indicators 1 session",
        "raw_bars 21 sessions and what was carried into them",
    ]);
    project.run(&["ls", "--windows", "--columns"]).exits(2);
}

#[test]
fn windows_of_states_and_of_traded_bars() {
    let project = Project::new();
    project.edit_yaml("busy: mean(volume, 5)", "busy: ema(volume, 5)");
    project.edit_yaml("    kind: scores\n", "    kind: scores\n    window_axis: traded\n");
    project.edit_yaml("calm: -cs_zscore(vol_20)", "calm: -cs_zscore(mean(vol_20, 3))");
    let said = project.run(&["ls", "--windows"]).ok();
    said.says(&["completed_bars all history (state)", "indicators 3 bars", "completed_bars 23 bars"]);
    let spec = |project: &Project| project.run(&["validate"]).ok().stdout;
    assert!(spec(&project).contains("6 assets valid"));
}
