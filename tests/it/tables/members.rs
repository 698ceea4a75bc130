//! Membership as `universe:`, an industry as `by=`: rows with intervals.

use serde_json::json;

use crate::support::{Project, assert_same, computed, date, sessions};

const FIRST: &str = "2015-02-02";
const LAST: &str = "2015-04-30";

const INSTRUMENTS: [&str; 6] = ["sh.000300", "sh.600028", "sh.600036", "sh.601727", "sz.002007", "sz.002129"];

const YAML: &str = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  members:
    kind: table
    csv: data/source/members.csv
    types: { index: text, joined: date, left: date }
  index_members:
    kind: as_of
    input: members
    key: [index, instrument]
    valid: { from: joined, to: left }
  indicators:
    kind: indicators
    input: raw_bars
    columns: { ret_5: 'close / ref(close, 5) - 1', smooth: 'ema(close, 4)' }
  scores:
    kind: scores
    input: indicators
    universe: { asset: index_members, column: index, equals: '300' }
    columns:
      place: cs_rank(ret_5)
      places: mean(place, 3)
  smoothed:
    kind: scores
    input: raw_bars
    universe: { asset: index_members, column: index, equals: '300' }
    columns: { slow: 'ema(close, 4)' }
  signals:
    kind: signals
    input: indicators
    universe: { asset: index_members, column: index, equals: '50' }
    top_k: { by: ret_5, k: 2 }
";

const MEMBERS: &str = "\
index,instrument,joined,left
300,sh.600028,2014-01-02,2015-04-30
300,sh.600036,2014-01-02,2015-03-13
300,sz.002007,2015-03-16,2015-04-30
300,sz.002129,2014-01-02,2015-04-30
50,sh.600028,2014-01-02,2015-04-30
50,sh.601727,2014-01-02,2015-04-30
50,sz.002129,2014-01-02,2015-04-30
50,gone,2014-01-02,2015-04-30
";

fn project() -> Project {
    let project = Project::of(&INSTRUMENTS, FIRST, LAST, YAML);
    project.write("data/source/members.csv", MEMBERS);
    project.materialize();
    project
}

/// As a user may have written it in SQL: who is a member on each session.
const MEMBERS_OF_300: &str = "select b.session, b.instrument, i.ret_5
    from raw_bars b join indicators i using (session, instrument)
    join members m on m.instrument = b.instrument and m.index = '300' and b.session between m.joined and m.left";

#[test]
fn members_of_the_day_are_compared_and_nobody_else_is_there() {
    let project = project();
    let query = format!(
        "with expected as (
          select session, instrument, case when ret_5 is not null then
            (rank() over w + (count(*) over same - 1) / 2.0) / count(ret_5) over (partition by session) end as place
          from ({MEMBERS_OF_300})
          window w as (partition by session order by ret_5 nulls last), same as (partition by session, ret_5)
        )
        select count(*) as n, count(*) filter (s.session is null or e.session is null) as alone,
          count(*) filter (s.place is distinct from e.place and abs(s.place - e.place) > 1e-12) as other
        from expected e full join scores s using (session, instrument)"
    );
    let found = project.rows(&query);
    let n = found[0]["n"].as_u64().unwrap();
    assert_eq!(found[0], json!({ "n": n, "alone": 0, "other": 0 }));
    assert!(n > 100);
    // What an instrument was before it came in is read: by its first day it has a return over five sessions, and a state.
    let first = "select s.place is not null as scored, m.slow = i.smooth as same
        from scores s join smoothed m using (session, instrument) join indicators i using (session, instrument)
        where instrument = 'sz.002007' and session = date '2015-03-16'";
    assert_eq!(project.rows(first), [json!({ "scored": true, "same": true })]);
    // Its place of the sessions before is nobody's: there it was compared with no one.
    let one = "select places = place as only_today from scores where instrument = 'sz.002007' and session = date '2015-03-16'";
    assert_eq!(project.rows(one), [json!({ "only_today": true })]);
    let held = "select distinct instrument from signals order by all";
    let names: Vec<String> =
        project.rows(held).iter().map(|row| row["instrument"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["sh.600028", "sh.601727", "sz.002129"]);
    project.run(&["check", "--look-ahead", "--sessions", "9"]).ok();
}

#[test]
fn an_edit_of_an_interval_computes_the_sessions_whose_members_changed() {
    let project = project();
    // A row in another order, and one that is split without another day being in it: nothing.
    let (header, rows) = MEMBERS.split_once('\n').unwrap();
    let reversed: Vec<&str> = rows.lines().rev().collect();
    project.write("data/source/members.csv", format!("{header}\n{}\n", reversed.join("\n")));
    project.materialize().assert_nothing();
    let split = "300,sh.600028,2014-01-02,2015-03-02\n300,sh.600028,2015-03-03,2015-04-30\n";
    let table = [date("1970-01-01")];
    project.write("data/source/members.csv", MEMBERS.replace("300,sh.600028,2014-01-02,2015-04-30\n", split));
    project.materialize().assert(&[("members", &table)]);
    project.write("data/source/members.csv", MEMBERS);
    project.materialize().assert(&[("members", &table)]);

    // Leaves a week earlier: those sessions, and two more of what looks back three; the signals are of another index.
    project.write("data/source/members.csv", MEMBERS.replace("2015-03-13", "2015-03-06"));
    let plan = project.json(&["plan"]);
    let ran = project.materialize();
    let days = sessions("2015-03-09", "2015-03-13");
    let places = sessions("2015-03-09", "2015-03-17");
    assert_eq!(places.len(), days.len() + 2);
    ran.assert(&[
        ("members", &table),
        ("index_members", &days),
        ("scores", &places),
        ("smoothed", &days),
        ("signals", &days),
    ]);
    let announced = crate::support::Ran::announced(&plan, crate::support::bars::calendar());
    ran.assert_within(&announced);
    assert_same(&project.rebuilt(), &project.contents());
    project.materialize().assert_nothing();
    project.write("data/source/members.csv", MEMBERS);
    project.materialize();
    assert_same(&project.rebuilt(), &project.contents());
}

#[test]
fn of_what_takes_instruments_one_by_one_the_new_member_alone_is_computed() {
    let project = project();
    project.write("data/source/members.csv", MEMBERS.replace("300,sz.002007,2015-03-16", "300,sz.002007,2015-03-09"));
    let outcome = project.json(&["materialize", "--select", "smoothed"]);
    assert_eq!(computed(&outcome)["smoothed"], 5);
    project.materialize();
    assert_same(&project.rebuilt(), &project.contents());
}

#[test]
fn a_member_that_leaves_keeps_its_state_for_when_it_comes_back() {
    let mut project = project();
    let twice = "300,sz.002007,2015-02-02,2015-02-27\n300,sz.002007,2015-04-07,2015-04-30\n";
    project.write("data/source/members.csv", MEMBERS.replace("300,sz.002007,2015-03-16,2015-04-30\n", twice));
    project.materialize();
    assert_same(&project.rebuilt(), &project.contents());
    // A correction while it is away reaches it when it is back.
    let before = project.contents();
    project.edit_close("sz.002007", "2015-04-02", 30.0);
    project.materialize();
    let changed = crate::support::changes(&before, &project.contents());
    assert_eq!(changed["smoothed"].first(), Some(&date("2015-04-07")));
    assert_same(&project.rebuilt(), &project.contents());
}

const INDUSTRIES: &str = "\
instrument,industry,from_day,to_day
sh.600028,energy,2014-01-02,2017-12-29
sh.600036,finance,2014-01-02,2017-12-29
sh.601727,energy,2014-01-02,2017-12-29
sz.002007,health,2014-01-02,2015-03-31
sz.002007,finance,2015-04-01,2017-12-29
sz.002129,health,2014-01-02,2017-12-29
";

#[test]
fn an_industry_is_that_of_the_day() {
    let yaml = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  industries: { kind: table, csv: data/source/industries.csv, types: { industry: text, from_day: date, to_day: date } }
  industry: { kind: as_of, input: industries, valid: { from: from_day, to: to_day } }
  scores:
    kind: scores
    input: [raw_bars, industry]
    columns: { place: 'cs_rank(close, by=industry)', same: 'cs_mean(close, by=industry)' }
";
    let project = Project::of(&INSTRUMENTS, FIRST, LAST, yaml);
    project.write("data/source/industries.csv", INDUSTRIES);
    project.materialize();
    let query = "
        with expected as (
          select b.session, b.instrument, avg(close) over (partition by b.session, industry) as same
          from raw_bars b join industries i on i.instrument = b.instrument and b.session between from_day and to_day
        )
        select count(*) as n, count(*) filter (abs(s.same - e.same) > 1e-9 or s.same is null) as other
        from expected e join scores s using (session, instrument)";
    let found = project.rows(query);
    assert_eq!(found[0]["other"], 0, "{found:?}");
    // It is reclassified a week later than was thought.
    project.write(
        "data/source/industries.csv",
        INDUSTRIES.replace("2015-03-31", "2015-04-09").replace("2015-04-01", "2015-04-10"),
    );
    let days = sessions("2015-04-01", "2015-04-09");
    project.materialize().assert(&[("industries", &[date("1970-01-01")]), ("industry", &days), ("scores", &days)]);
    assert_same(&project.rebuilt(), &project.contents());
    let explained = project.run(&["explain", "industry@2015-04-01"]).ok();
    explained.says(&["industries"]);
}

#[test]
fn two_rows_of_one_day_are_refused_with_both_places() {
    let project = project();
    let before = project.contents();
    let twice = MEMBERS.replace("50,gone,2014-01-02,2015-04-30\n", "300,sh.600036,2015-03-13,2015-03-20\n");
    project.write("data/source/members.csv", twice);
    let output = project.run(&["materialize", "--select", "scores"]).exits(5);
    output.says(&[
        "`members` has two rows of `300`, `sh.600036` for 2015-03-13",
        "from 2014-01-02 to 2015-03-13",
        "`to_exclusive: true`",
        "members.csv:3",
        "members.csv:9",
    ]);
    // The table is as it was written; what is made of it stays as it was.
    let after = project.contents();
    let changed = crate::support::changes(&before, &after);
    assert_eq!(changed.keys().collect::<Vec<_>>(), ["members"]);
    project.write("data/source/members.csv", MEMBERS);
    project.materialize();
    assert_same(&before, &project.contents());
}
