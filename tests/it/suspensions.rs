//! Bars that are expected and not there: suspended, taken from another source, or missing.

use serde_json::Value;

use crate::support::{Project, assert_same, date, from_on, sessions, sessions_from};

/// In the slice, `sh.600036` has no bar on 5 sessions from 2015-04-03, and `sh.601727` none on 2015-03-11.
const YAML: &str = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  listing: { kind: table, csv: data/source/listing.csv, types: { listed: date, delisted: date }, key: instrument }
  suspensions: { kind: table, csv: data/source/suspensions.csv, types: { from: date, to: date, why: text }, key: [instrument, from] }
  completed_bars: { kind: complete, input: raw_bars, listing: listing, suspensions: suspensions }
  returns: { kind: indicators, input: completed_bars, columns: { ret: 'close / ref(close, 1) - 1' } }
";

const HEADER: &str = "instrument,from,to,why\n";
const MERCHANTS: &str = "sh.600036,2015-04-03,2015-04-10,plan\n";
const ELECTRIC: &str = "sh.601727,2015-03-11,2015-03-11,news\n";

fn project(yaml: &str, suspensions: &str) -> Project {
    let project = Project::of(&["sh.600028", "sh.600036", "sh.601727"], "2015-02-02", "2015-08-31", yaml);
    project.write("data/source/suspensions.csv", format!("{HEADER}{suspensions}"));
    project
}

#[test]
fn what_is_not_known_to_be_suspended_is_missing_and_stops_its_session() {
    let project = project(YAML, ELECTRIC);
    let failed = project.run(&["materialize", "--format", "json"]).exits(6);
    let ran = failed.ran();
    assert_eq!(ran.of_asset("completed_bars"), sessions("2015-02-02", "2015-04-02"));
    let told =
        failed.json()["run"]["assets"].as_array().unwrap().iter().find(|a| a["asset"] == "completed_bars").cloned();
    let error = told.unwrap()["error"].as_str().unwrap().to_owned();
    assert_eq!(
        error,
        "check `missing` fails: `sh.600036` has no bar and is not known to be suspended on 2015-04-03; 4 more sessions fail too"
    );
    // Nothing of it is forgotten, and the table mended heals it.
    project.run(&["runs", "1"]).ok().says(&["missing", "completed_bars@2015-04-03"]);
    project.write("data/source/suspensions.csv", format!("{HEADER}{ELECTRIC}{MERCHANTS}"));
    let ran = project.materialize();
    assert_eq!(ran.of_asset("completed_bars"), sessions_from("2015-04-03"));
    // That it holds again is remembered too.
    let standing = |select: &[&str]| project.json(&[&["checks", "--select", "completed_bars"], select].concat());
    let healed = &standing(&[])[0];
    let all = sessions_from("2015-02-02").len();
    assert_eq!((&healed["check"], &healed["severity"]), (&"missing".into(), &"error".into()));
    assert_eq!((&healed["passed"], &healed["failed"]), (&all.into(), &0.into()));
    assert!(standing(&["--failed"]).as_array().unwrap().is_empty());
    let history = standing(&["--history"]);
    let told: Vec<(&str, &str, &str)> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|told| {
            (told["outcome"].as_str().unwrap(), told["first"].as_str().unwrap(), told["last"].as_str().unwrap())
        })
        .collect();
    let gap = sessions("2015-04-03", "2015-04-10").into_iter().map(|day| day.to_string()).collect::<Vec<_>>();
    let failed = gap.iter().map(|day| ("failed", day.as_str(), day.as_str()));
    let wanted: Vec<_> = [("passed", "2015-02-02", "2015-04-02")]
        .into_iter()
        .chain(failed)
        .chain([("passed", "2015-04-03", "2015-08-31")])
        .collect();
    assert_eq!(told, wanted);
    project.materialize().assert_nothing();
    assert_same(&project.rebuilt(), &project.contents());
    let rows = project.rows(
        "select session, is_suspended, source, volume from completed_bars where is_filled order by instrument, session",
    );
    assert_eq!(rows.len(), 6);
    assert!(rows.iter().all(|row| row["is_suspended"] == true && row["source"] == "carried" && row["volume"] == 0.0));
}

#[test]
fn a_missing_bar_may_be_filled_and_says_so() {
    let yaml = YAML.replace("suspensions: suspensions }", "suspensions: suspensions, missing: warn }");
    let project = project(&yaml, ELECTRIC);
    let run = project.run(&["materialize"]).ok();
    run.says(&["warning", "completed_bars@2015-04-03", "`sh.600036` has no bar and is not known to be suspended"]);
    let rows = project.rows(
        "select is_suspended, source, close, volume from completed_bars where is_filled and instrument = 'sh.600036'",
    );
    assert_eq!(rows.len(), 5);
    for row in &rows {
        // It was traded, for all that is known: how much, nobody knows.
        assert_eq!((&row["is_suspended"], &row["source"]), (&false.into(), &"carried".into()));
        assert_eq!((&row["volume"], row["close"].is_null()), (&Value::Null, false));
    }
    // To be told nothing is another decision, and changes no row.
    project.edit_yaml("missing: warn", "missing: carry");
    project.materialize().assert_nothing();
    assert_same(&project.rebuilt(), &project.contents());
}

#[test]
fn an_interval_concerns_its_own_sessions() {
    let yaml = YAML.replace("suspensions: suspensions }", "suspensions: suspensions, missing: carry }");
    let project = project(&yaml, &format!("{ELECTRIC}sh.600036,2015-04-03,,plan\n"));
    project.materialize();
    // It is over: what is after it is looked at again, and comes out as it was, for it had been delivered.
    project.write("data/source/suspensions.csv", format!("{HEADER}{ELECTRIC}sh.600036,2015-04-03,2015-04-10,plan\n"));
    let ran = project.materialize();
    assert_eq!(ran.of_asset("completed_bars"), sessions_from("2015-04-13"));
    assert_eq!(ran.of_asset("returns"), []);
    // A reason is not read.
    project.write("data/source/suspensions.csv", format!("{HEADER}{ELECTRIC}sh.600036,2015-04-03,2015-04-10,merger\n"));
    let ran = project.materialize();
    assert_eq!(ran.of_asset("completed_bars"), []);
    // Two sessions less: those two.
    project.write("data/source/suspensions.csv", format!("{HEADER}{ELECTRIC}sh.600036,2015-04-03,2015-04-08,plan\n"));
    let ran = project.materialize();
    assert_eq!(ran.of_asset("completed_bars"), sessions("2015-04-09", "2015-04-10"));
    assert_same(&project.rebuilt(), &project.contents());
}

#[test]
fn another_source_stands_in() {
    let yaml = YAML.replace("suspensions: suspensions }", "suspensions: suspensions, fallback: other_bars }").replace(
        "  listing:",
        "  other_bars: { kind: source, csv: data/source/other.csv, columns: { instrument: symbol, session: date } }\n  listing:",
    );
    let project = project(&yaml, ELECTRIC);
    let last = "sh.600028,2015-08-31,9,9,9,9,9\n";
    let gap = sessions("2015-04-03", "2015-04-10");
    let rows = |close: f64| -> String {
        let row = |day| format!("sh.600036,{day},{close},{close},{close},{close},1000\n");
        gap.iter().map(row).collect()
    };
    let header = "symbol,date,open,high,low,close,volume\n";
    project.write("data/source/other.csv", format!("{header}{}{last}", rows(15.5)));
    project.materialize();
    let query = "select instrument, session, close, volume, source, is_filled from completed_bars
                 where source <> 'raw' order by instrument, session";
    let found = project.rows(query);
    assert_eq!(found.len(), 6);
    for row in &found[..5] {
        assert_eq!((&row["source"], &row["is_filled"]), (&"fallback:other_bars".into(), &false.into()));
        assert_eq!((row["close"].as_f64(), row["volume"].as_f64()), (Some(15.5), Some(1000.0)));
    }
    assert_eq!((&found[5]["instrument"], &found[5]["source"]), (&"sh.601727".into(), &"carried".into()));

    // The other source is a declared input like any other: a correction of it is followed, where it was taken.
    let corrected = format!("{header}{}{last}", rows(15.5)).replacen("15.5,1000", "15.25,1000", 1);
    project.write("data/source/other.csv", &corrected);
    let ran = project.materialize();
    assert_eq!(ran.of_asset("completed_bars"), [date("2015-04-03")]);
    assert_eq!(ran.of_asset("returns"), from_on("2015-04-03", 2));
    project.write("data/source/other.csv", corrected.replace("sh.600028,2015-08-31,9,", "sh.600028,2015-08-31,8,"));
    let ran = project.materialize();
    assert_eq!((ran.of_asset("completed_bars"), ran.of_asset("returns")), (&[date("2015-08-31")][..], &[][..]));
    assert_same(&project.rebuilt(), &project.contents());
}
