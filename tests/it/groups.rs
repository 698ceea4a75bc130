//! Scores within groups: `by=industry`, where a table says which instrument is of which.

use crate::support::{Project, assert_same, computed, sessions};

const FIRST: &str = "2015-02-02";
const LAST: &str = "2015-03-31";

const YAML: &str = "\
calendar: XSHG
start: 2015-02-02
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  industries: { kind: table, csv: data/source/industries.csv, key: instrument, types: { industry: text, note: text } }
  grouped:
    kind: scores
    input: { bars: raw_bars, industries: industries }
    columns:
      score: cs_zscore(close, by=industry)
      place: cs_rank(close, by=industry)
  alone:
    kind: scores
    input: raw_bars
    columns: { score: cs_zscore(close) }
";

const INDUSTRIES: &str = "\
instrument,industry,note
sh.600028,heavy,
sh.601727,heavy,
sz.000066,heavy,
sh.600036,light,
sz.002007,light,
";

fn project() -> Project {
    // sh.000300 is an index, and of no industry.
    let instruments = ["sh.000300", "sh.600028", "sh.601727", "sz.000066", "sh.600036", "sz.002007"];
    let project = Project::of(&instruments, FIRST, LAST, YAML);
    project.write("data/source/industries.csv", INDUSTRIES);
    project.materialize();
    project
}

#[test]
fn scores_are_those_of_each_group() {
    let project = project();
    let query = "
        with expected as (
          select session, instrument, industry,
            (close - avg(close) over w) / stddev_samp(close) over w as score,
            rank() over (partition by session, industry order by close)::double / count(*) over w as place
          from raw_bars join industries using (instrument)
          window w as (partition by session, industry)
        )
        select count(*) as compared,
          count(*) filter (abs(g.score - e.score) > 1e-9 or g.score is null) as score,
          count(*) filter (abs(g.place - e.place) > 1e-9 or g.place is null) as place
        from expected e join grouped g using (session, instrument)";
    let compared = project.bars().rows.iter().filter(|bar| bar.symbol != "sh.000300").count();
    assert_eq!(project.rows(query)[0], serde_json::json!({ "compared": compared, "score": 0, "place": 0 }));
    // Who has no group has no score in it.
    let query =
        "select count(*) as n, count(score) + count(place) as there from grouped where instrument = 'sh.000300'";
    assert_eq!(project.rows(query)[0], serde_json::json!({ "n": sessions(FIRST, LAST).len(), "there": 0 }));
}

#[test]
fn another_industry_computes_the_groups_again() {
    let project = project();
    let all = sessions(FIRST, LAST);
    let before = project.contents();
    // The same in another order, and a column that no expression reads.
    let (header, rows) = INDUSTRIES.split_once('\n').unwrap();
    let reversed: Vec<&str> = rows.lines().rev().collect();
    project.write("data/source/industries.csv", format!("{header}\n{}\n", reversed.join("\n")));
    project.materialize().assert_nothing();
    project.write("data/source/industries.csv", INDUSTRIES.replace("light,\n", "light,new\n"));
    assert_eq!(project.materialize().0.keys().collect::<Vec<_>>(), ["industries"]);

    project.write("data/source/industries.csv", INDUSTRIES.replace("sz.000066,heavy", "sz.000066,light"));
    let ran = project.materialize();
    assert_eq!(ran.of_asset("grouped"), all);
    assert!(ran.of_asset("alone").is_empty());
    assert_same(&project.rebuilt(), &project.contents());
    // A group's name says nothing.
    project.write("data/source/industries.csv", INDUSTRIES.replace("heavy", "leicht").replace("light", "schwer"));
    project.materialize();
    project.write("data/source/industries.csv", INDUSTRIES);
    project.materialize();
    assert_same(&before, &project.contents());
}

#[test]
fn a_correction_computes_all_of_its_session_and_no_other() {
    let mut project = project();
    project.edit_close("sh.600028", "2015-03-04", 6.11);
    let outcome = project.json(&["materialize"]);
    let computed = computed(&outcome);
    assert_eq!((computed["grouped"], computed["alone"]), (6, 6));
    assert_same(&project.rebuilt(), &project.contents());
}
