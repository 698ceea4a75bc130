//! `window_axis: traded`: windows that count an instrument's own bars.

use chrono::NaiveDate;

use crate::support::{Bars, Project, Ran, assert_same, changes, computed, date};

/// sz.002129 is suspended on the five sessions from 2015-04-16, on 2015-05-25, and on eight sessions from 2015-07-03.
const SUSPENDED: &str = "sz.002129";

const YAML: &str = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  completed_bars: { kind: complete, input: raw_bars }
  technical:
    kind: indicators
    input: completed_bars
    window_axis: traded
    columns:
      price: close
      near: mean(close, 5)
      before: ref(close, 3)
      smooth: ema(close, 4)
      spread: std(close / ref(close, 1) - 1, 10)
  windows:
    kind: indicators
    input: completed_bars
    window_axis: traded
    columns: { near: 'mean(close, 5)' }
";

fn project() -> Project {
    Project::of(&["sh.600028", SUSPENDED], "2015-02-02", "2015-08-31", YAML)
}

/// The sessions on which the instrument has a bar, from a date on.
fn bars_from(project: &Project, first: &str) -> Vec<NaiveDate> {
    let rows = project.bars().rows.iter().filter(|bar| bar.symbol == SUSPENDED && bar.date >= date(first));
    rows.map(|bar| bar.date).collect()
}

#[test]
fn values_are_those_of_the_bars_alone() {
    let project = project();
    project.materialize();
    // The raw rows are the bars; DuckDB's frames count rows.
    let query = "
        with bars as (
          select *, close / lag(close) over w - 1 as change, row_number() over w as number from raw_bars
          window w as (partition by instrument order by session)
        ), expected as (
          select session, instrument, close as price, number, lag(close, 3) over w as before,
            avg(close) over (w rows 4 preceding) as near, stddev_samp(change) over (w rows 9 preceding) as spread
          from bars window w as (partition by instrument order by session)
        )
        select
          count(*) as compared,
          count(*) filter (t.price is distinct from e.price or t.before is distinct from e.before) as other,
          count(*) filter ((t.near is null) <> (e.near is null) or abs(t.near - e.near) > 1e-12 * e.near) as far,
          count(*) filter ((t.spread is null) <> (e.spread is null) or abs(t.spread - e.spread) > 1e-12) as spread,
          count(*) filter ((t.smooth is null) <> (e.number < 4)) as smooth
        from expected e join technical t using (session, instrument)";
    let rows = project.rows(query);
    let expected = project.bars().rows.len();
    assert_eq!(rows[0], serde_json::json!({ "compared": expected, "other": 0, "far": 0, "spread": 0, "smooth": 0 }));
    // On a suspended session there is a row, and nothing in it. (Without a listing table it begins with the first bar.)
    let query = "select count(*) as n, count(price) + count(near) + count(smooth) + count(spread) as there \
                 from technical join completed_bars using (session, instrument) where is_suspended";
    assert_eq!(project.rows(query)[0], serde_json::json!({ "n": 14, "there": 0 }));
}

#[test]
fn a_correction_reaches_as_many_bars_as_the_window_has() {
    let mut project = project();
    project.materialize();
    // The last bar but one before the long suspension, and two bars before the short ones.
    for day in ["2015-07-01", "2015-04-15", "2015-05-22", "2015-03-04"] {
        let bars = bars_from(&project, day);
        let reach = &bars[..5];
        let close = project.bars().close(SUSPENDED, day);
        let before = project.contents();
        project.edit_close(SUSPENDED, day, close + 0.5);
        let outcome = project.json(&["materialize"]);
        let changed = &changes(&before, &project.contents())["windows"];
        assert_eq!(changed, reach, "{day}");
        // Suspended sessions between, which hold nothing, may be looked at; what comes after is not.
        let ran = Ran::of(&outcome);
        let ran = ran.of_asset("windows");
        assert!(ran.first() == reach.first() && ran.last() == reach.last(), "{day}: {ran:?}");
        assert_eq!(computed(&outcome)["windows"], ran.len() as u64, "{day}: the other instrument is left alone");
        project.materialize().assert_nothing();
        assert_same(&project.rebuilt(), &project.contents());
    }
}

#[test]
fn a_bar_more_or_less_moves_the_windows_after_it() {
    let mut project = project();
    project.materialize();
    let before = project.contents();
    let mut removed = None;
    project.edit_bars(|bars| removed = Some(bars.remove(SUSPENDED, "2015-05-26")));
    project.materialize();
    project.materialize().assert_nothing();
    assert_same(&project.rebuilt(), &project.contents());
    project.edit_bars(|bars| bars.rows.extend(removed));
    project.materialize();
    assert_same(&before, &project.contents());
}

#[test]
fn pieces_give_what_the_whole_gives() {
    let whole = project();
    whole.materialize();
    let mut pieces = Project::of(&["sh.600028", SUSPENDED], "2015-02-02", "2015-07-13", YAML);
    // It ends in the suspension; the next days come one by one.
    pieces.materialize_with(&["--batch", "9"]);
    for day in ["2015-07-14", "2015-07-15", "2015-07-16"] {
        pieces.append_session(day);
        let outcome = pieces.json(&["materialize"]);
        assert!(computed(&outcome).values().all(|rows| *rows <= 2), "{day}: {:?}", computed(&outcome));
    }
    assert_same(&pieces.rebuilt(), &pieces.contents());
    pieces.edit_bars(|bars| {
        *bars = Bars::slice(&["sh.600028", SUSPENDED], "2015-02-02", "2015-08-31");
    });
    pieces.materialize();
    assert_same(&whole.contents(), &pieces.contents());
}

#[test]
fn the_axis_is_part_of_what_a_column_is() {
    let project = project();
    project.materialize();
    let traded = project.contents();
    project.edit_yaml("    window_axis: traded\n    columns: { near", "    columns: { near");
    let ran = project.materialize();
    assert_eq!(ran.0.keys().collect::<Vec<_>>(), ["windows"]);
    assert!(!changes(&traded, &project.contents()).is_empty());
}
