//! Functions with a state: a day costs a day, a correction runs as long as states differ, and what is lost is made good.

use std::path::PathBuf;

use crate::support::{Project, Ran, assert_same, changes, computed, sessions, sessions_from, wait_until};

/// `quick` forgets a close within weeks, the others never do.
const YAML: &str = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  completed_bars: { kind: complete, input: raw_bars }
  quick: { kind: indicators, input: completed_bars, columns: { x: 'ema(close, 2)' } }
  states:
    kind: indicators
    input: completed_bars
    columns:
      smooth: ema(close, 10)
      strength: rsi(close, 14)
      hist: macd(close, 3, 7, 4).hist
      total: cumsum(volume)
";

const FIRST: &str = "2015-02-02";
const LAST: &str = "2015-06-30";

fn project() -> Project {
    Project::of(&["sh.600028", "sh.600036"], FIRST, LAST, YAML)
}

/// The files that hold what is carried from session to session.
fn carried(project: &Project) -> Vec<PathBuf> {
    let files = ["quick", "states"].into_iter().flat_map(|asset| project.segments(asset));
    files.filter(|path| path.extension().is_some_and(|end| end == "checkpoint" || end == "trace")).collect()
}

#[test]
fn one_more_session_is_one_partition() {
    let mut project = project();
    project.materialize();
    project.append_session("2015-07-01");
    let outcome = project.json(&["materialize"]);
    assert_eq!(outcome["run"]["assets"].as_array().unwrap().len(), 4);
    assert!(computed(&outcome).values().all(|rows| *rows == 2), "two instruments: {:?}", computed(&outcome));
    assert_same(&project.rebuilt(), &project.contents());
}

#[test]
fn a_correction_runs_until_the_state_agrees_again() {
    let mut project = project();
    project.materialize();
    let before = project.contents();
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    let outcome = project.json(&["materialize"]);
    let ran = Ran::of(&outcome);
    // Each session leaves a third of the difference: after some thirty it is below the last bit of the state.
    let quick = ran.of_asset("quick");
    assert!((25..50).contains(&quick.len()), "{} sessions", quick.len());
    assert_eq!(quick, &sessions_from("2015-03-04")[..quick.len()]);
    let changed = &changes(&before, &project.contents())["quick"];
    assert!(changed.len() < quick.len(), "the last one that ran came out as it was");
    assert_eq!(ran.of_asset("states"), sessions("2015-03-04", LAST), "a sum forgets nothing");
    assert_eq!(computed(&outcome)["quick"], quick.len() as u64, "the other instrument is left alone");
    project.materialize().assert_nothing();
    assert_same(&project.rebuilt(), &project.contents());

    // A correction of what no state reads.
    project.edit_bars(|bars| bars.bar("sh.600028", "2015-03-05").values[0] = "6.05".into());
    let ran = project.materialize();
    assert!(ran.of_asset("quick").is_empty() && ran.of_asset("states").is_empty());
}

#[test]
fn a_correction_across_a_suspension() {
    // sh.600036 is suspended on the five sessions from 2015-04-03.
    let mut project = project();
    project.materialize();
    project.edit_close("sh.600036", "2015-04-02", 15.55);
    let ran = project.materialize();
    assert_eq!(ran.of_asset("states"), sessions("2015-04-02", LAST));
    project.materialize().assert_nothing();
    assert_same(&project.rebuilt(), &project.contents());
}

#[test]
fn batches_of_any_size_carry_the_same_states() {
    let whole = project();
    whole.materialize();
    let project = project();
    // Out of order too: what is asked for needs the sessions before it.
    project.run(&["backfill", "--from", "2015-04-01", "--to", "2015-04-10", "--batch", "3"]).ok();
    project.materialize_with(&["--batch", "1"]);
    assert_same(&whole.contents(), &project.contents());
}

#[test]
fn killed_between_two_states() {
    for files in [3, 9, 20] {
        let mut project = project();
        project.materialize_with(&["--select", "completed_bars"]);
        let mut running = project.start(&["materialize", "--batch", "1"]);
        wait_until("there are files of states", || carried(&project).len() >= files || !running.is_running());
        running.kill();
        project.edit_close("sh.600028", "2015-02-05", 6.11);
        project.materialize();
        project.materialize().assert_nothing();
        assert_same(&project.rebuilt(), &project.contents());
    }
}

#[test]
fn lost_states_are_computed_again() {
    let endings: [&[&str]; 3] = [&["checkpoint"], &["trace"], &["checkpoint", "trace"]];
    for lost in endings {
        let mut project = project();
        project.materialize();
        let gone: Vec<PathBuf> = carried(&project)
            .into_iter()
            .filter(|path| lost.iter().any(|end| path.extension().is_some_and(|is| is == *end)))
            .collect();
        assert!(gone.len() >= 5, "{gone:?}");
        gone.iter().for_each(|path| std::fs::remove_file(path).unwrap());
        project.materialize().assert_nothing();
        project.edit_close("sh.600028", "2015-05-04", 6.11);
        project.append_session("2015-07-01");
        project.materialize();
        project.materialize().assert_nothing();
        assert_same(&project.rebuilt(), &project.contents());
    }
}

#[test]
fn another_expression_begins_anew() {
    let project = project();
    project.materialize();
    let before = project.contents();
    project.edit_yaml("ema(close, 2)", "ema( close, n=2 )");
    project.materialize().assert_nothing();
    project.edit_yaml("ema( close, n=2 )", "ema(close, 3)");
    project.materialize().assert(&[("quick", &sessions(FIRST, LAST))]);
    assert_same(&project.rebuilt(), &project.contents());
    // And back: the states of the first expression are not those of the second.
    project.edit_yaml("ema(close, 3)", "ema(close, 2)");
    project.materialize();
    assert_same(&before, &project.contents());
    // An earlier or later start is another series.
    project.edit_yaml("start: 2015-02-02", "start: 2015-03-02");
    project.materialize();
    assert_same(&project.rebuilt(), &project.contents());
}
