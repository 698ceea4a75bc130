//! A change of one instrument computes that instrument's rows alone, where columns work instrument by instrument.

use std::collections::BTreeMap;

use crate::support::{Bars, Project, Ran, assert_same, computed, date, from_on, sessions_from};

const YAML: &str = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  listing: { kind: table, csv: data/source/listing.csv, types: { listed: date, delisted: date }, key: instrument }
  completed_bars: { kind: complete, input: raw_bars, listing: listing }
  windows: { kind: indicators, input: completed_bars, columns: { near: 'mean(close, 5)', far: 'mean(volume, 60)' } }
  states: { kind: indicators, input: completed_bars, columns: { smooth: 'ema(close, 10)' } }
  chain: { kind: indicators, input: states, columns: { slow: 'mean(smooth, 3)' } }
  cross: { kind: scores, input: windows, columns: { score: 'cs_zscore(near)' } }
";

fn project() -> Project {
    let project = Project::of(&["sh.600028", "sh.600036", "sh.601727"], "2015-02-02", "2015-08-31", YAML);
    project.materialize();
    project
}

/// What the run computed, and that nothing is left to do and the contents are a rebuild's.
#[track_caller]
fn assert_computed(project: &Project, expected: &[(&str, u64)]) -> Ran {
    let outcome = project.json(&["materialize"]);
    let expected: BTreeMap<&str, u64> = expected.iter().copied().collect();
    assert_eq!(computed(&outcome), expected, "rows computed, by asset");
    project.materialize().assert_nothing();
    assert_same(&project.rebuilt(), &project.contents());
    Ran::of(&outcome)
}

#[test]
fn a_corrected_close_computes_the_rows_of_its_instrument() {
    let mut project = project();
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    let later = sessions_from("2015-03-04").len() as u64;
    let ran = assert_computed(
        &project,
        // What reads all instruments of a session computes all of its three rows.
        &[
            ("raw_bars", 3),
            ("completed_bars", 3),
            ("windows", 5),
            ("cross", 5 * 3),
            ("states", later),
            ("chain", later),
        ],
    );
    assert_eq!(ran.of_asset("windows"), from_on("2015-03-04", 5));
}

#[test]
fn corrections_of_two_instruments_compute_each_its_own_sessions() {
    let mut project = project();
    project.edit_bars(|bars| {
        bars.bar("sh.600028", "2015-03-04").values[4] = "1000".into();
        bars.bar("sh.600036", "2015-04-20").values[4] = "1000".into();
    });
    let ran = assert_computed(&project, &[("raw_bars", 6), ("completed_bars", 6), ("windows", 60 + 60)]);
    assert!(ran.of_asset("windows").len() < 120, "their windows overlap");
}

#[test]
fn a_column_that_only_a_long_window_reads() {
    let mut project = project();
    project.edit_bars(|bars| bars.bar("sh.600028", "2015-03-04").values[4] = "1000".into());
    let ran = assert_computed(&project, &[("raw_bars", 3), ("completed_bars", 3), ("windows", 60)]);
    assert_eq!(ran.of_asset("windows"), from_on("2015-03-04", 60));
}

#[test]
fn a_new_listing_leaves_the_others_alone() {
    let mut project = project();
    let listing = project.read("data/source/listing.csv");
    project.write("data/source/listing.csv", format!("{listing}sh.600276,2015-07-01,\n"));
    project.edit_bars(|bars| bars.rows.extend(Bars::slice(&["sh.600276"], "2015-07-01", "2015-08-31").rows));
    let new = sessions_from("2015-07-01").len() as u64;
    let ran = assert_computed(
        &project,
        &[
            ("listing", 4),
            ("raw_bars", 4 * new),
            // A session before reads nothing of the new one.
            ("completed_bars", 4 * new),
            ("windows", new),
            ("states", new),
            ("chain", new),
            ("cross", 4 * new),
        ],
    );
    assert_eq!(ran.of_asset("windows").first(), Some(&date("2015-07-01")));
}
