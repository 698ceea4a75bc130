//! What a source held when: every revision of a partition, and what would have been made from what was known then.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::support::{Contents, Project, STAGES, assert_same, changes, date, files_below, from_on};

const DAY: &str = "2015-08-17";
const PARTITION: &str = "raw_bars@2015-08-17";
const SOURCES: [&str; 2] = ["raw_bars", "listing"];

/// A slice short enough to be built again and again; the longest window is 21 sessions.
fn project() -> Project {
    let instruments = ["sh.000300", "sh.600028", "sh.600036", "sz.002129"];
    let project = Project::of(&instruments, "2015-07-01", "2015-08-31", &STAGES.replace("2015-02-02", "2015-07-01"));
    project.materialize();
    project
}

/// The instant just before a revision became known.
fn before(revision: &Value) -> String {
    let at: DateTime<Utc> = revision["known_at"].as_str().unwrap().parse().unwrap();
    (at - Duration::microseconds(1)).to_rfc3339()
}

/// The contents of a state of the past, as `--as-known-at` shows them.
fn contents_known_at(project: &Project, at: &str) -> Contents {
    let query = "select asset, coalesce(session, date '1970-01-01') as session, content_hash from assetctl.partitions";
    let rows = project.json(&["sql", "--as-known-at", at, query]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| ((text(&row["asset"]), date(&text(&row["session"]))), text(&row["content_hash"]))).collect()
}

fn only(contents: &Contents, assets: &[&str]) -> Contents {
    let of = |((asset, _), _): &(&(String, chrono::NaiveDate), &String)| assets.contains(&asset.as_str());
    contents.iter().filter(of).map(|(key, hash)| (key.clone(), hash.clone())).collect()
}

#[test]
fn a_corrected_close_and_what_was_known_before() {
    let mut project = project();
    let first = project.contents();
    let was = project.bars().close("sh.600028", DAY);
    project.edit_close("sh.600028", DAY, 6.11);
    let ran = project.materialize();
    assert_eq!(ran.of_asset("raw_bars"), [date(DAY)]);
    assert_eq!(ran.of_asset("indicators"), from_on(DAY, 21));
    let second = project.contents();

    let found = project.json(&["diff", PARTITION]);
    let revisions = found["revisions"].as_array().unwrap();
    assert_eq!((&found["asset"], &found["session"], revisions.len()), (&json!("raw_bars"), &json!(DAY), 2));
    assert_eq!(revisions[0]["changes"], json!([]));
    let change = json!({
        "kind": "changed", "key": { "instrument": "sh.600028" }, "column": "close", "old": was, "new": 6.11
    });
    assert_eq!(revisions[1]["changes"], json!([change]));
    assert_eq!((&revisions[0]["run"], &revisions[1]["run"]), (&json!(1), &json!(2)));
    let close = format!("sh.600028  close  {was} → 6.11");
    project.run(&["diff", PARTITION]).ok().says(&[
        "raw_bars@2015-08-17: 2 revisions",
        "by run 2: 4 rows, 1 value changed",
        &close,
    ]);

    // By number, and by instant.
    let then = before(&revisions[1]);
    let [one, two] = [&revisions[0], &revisions[1]].map(|revision| revision["revision"].to_string());
    let between = project.json(&["diff", PARTITION, "--between", &one, &two]);
    assert_eq!(between["changes"], json!([change]));
    let between = project.json(&["diff", PARTITION, "--between", &then, "2099-01-01"]);
    assert_eq!(between["changes"], json!([change]));
    project.run(&["diff", PARTITION, "--between", &then, &then]).ok().says(&["the same"]);

    // The sources as they were; nothing else was made of them yet.
    let close = "select close from raw_bars where session = '2015-08-17' and instrument = 'sh.600028'";
    assert_eq!(project.json(&["sql", "--as-known-at", &then, close]), json!([{ "close": was }]));
    assert_same(&contents_known_at(&project, &then), &only(&first, &SOURCES));
    project.run(&["sql", "--as-known-at", &then, "from scores"]).exits(2).says(&["--as-known-at"]);

    // And the scores as they would have been made, bit for bit, of the sources of then.
    // What would be made is said without making anything.
    let make = ["materialize", "--as-known-at", &then, "--select", "scores"];
    let announced = project.json(&[&make[..], &["--dry-run"]].concat());
    assert_eq!(announced["plan"]["assets"][0]["stale"][0]["reason"]["kind"], "never_materialized");
    assert!(!project.path("data/known").exists());
    assert_eq!(project.json(&make)["plan"]["assets"], announced["plan"]["assets"]);
    let made = contents_known_at(&project, &then);
    let above = ["raw_bars", "listing", "completed_bars", "indicators", "scores"];
    assert_same(&made, &only(&first, &above));
    assert!(!changes(&only(&first, &above), &only(&second, &above)).is_empty());
    // What is current is as it was, and what was made is there once.
    assert_same(&project.contents(), &second);
    project.materialize().assert_nothing();
    project.materialize_with(&["--as-known-at", &then, "--select", "scores"]).assert_nothing();
}

#[test]
fn what_was_known_can_be_made_of_a_project_that_has_changed_since() {
    let mut project = project();
    let at = before_next(&mut project);
    // Another score, which was not thought of then.
    project.edit_yaml("score: 0.6 * momentum + 0.4 * calm", "score: 0.5 * momentum + 0.5 * calm");
    let with_new_spec = {
        let copy = Project::of(
            &["sh.000300", "sh.600028", "sh.600036", "sz.002129"],
            "2015-07-01",
            "2015-08-31",
            &project.read("assets.yaml"),
        );
        copy.materialize();
        copy.contents()
    };
    project.run(&["materialize", "--as-known-at", &at]).ok();
    assert_same(&contents_known_at(&project, &at), &with_new_spec);
}

/// Corrects a close, and gives the instant before that was known.
fn before_next(project: &mut Project) -> String {
    project.edit_close("sh.600028", DAY, 6.11);
    project.materialize();
    before(project.json(&["diff", PARTITION])["revisions"].as_array().unwrap().last().unwrap())
}

#[test]
fn revisions_of_sources_outlive_gc_unless_they_are_to_be_forgotten() {
    let mut project = project();
    let first = project.contents();
    let then = before_next(&mut project);
    project.edit_bars(|bars| bars.rows.retain(|bar| !(bar.symbol == "sz.002129" && bar.date == date(DAY))));
    project.materialize();
    let gc = ["gc", "--keep-runs", "0", "--keep-days", "0"];
    project.run(&gc).ok();
    project.run(&["sql", "--as-of", "1", "from raw_bars"]).exits(2);
    let revisions = project.json(&["diff", PARTITION]);
    let kinds: Vec<_> =
        revisions["revisions"].as_array().unwrap().iter().map(|r| r["changes"][0]["kind"].clone()).collect();
    assert_eq!(kinds, [Value::Null, json!("changed"), json!("removed")]);
    project.run(&["materialize", "--as-known-at", &then, "--select", "scores"]).ok();
    let made = contents_known_at(&project, &then);
    assert_same(&only(&made, &["scores"]), &only(&first, &["scores"]));

    // What was made of the past goes when it was not used for long, and copies of objects with their asset.
    project.write("data/cache/gone/bars.csv", "symbol\n");
    let files = |folder: &str| files_below(&project.path(folder)).len();
    assert_eq!(project.json(&["gc", "--dry-run"])["leftovers"], 1);
    project.run(&["gc"]).ok();
    assert_eq!((project.path("data/cache/gone").exists(), files("data/known") > 3), (false, true));
    let there = files("data/known");
    assert_eq!(project.json(&gc)["leftovers"], there);
    assert_eq!(files("data/known"), 0);

    project.run(&[&gc[..], &["--forget-revisions"]].concat()).ok();
    assert_eq!(project.json(&["diff", PARTITION])["revisions"].as_array().unwrap().len(), 1);
    project
        .run(&["sql", "--as-known-at", &then, "from raw_bars"])
        .exits(2)
        .says(&["forgotten by `gc --forget-revisions`"]);
    project.run(&["materialize", "--as-known-at", &then]).exits(2);
    project.run(&["plan", "--exit-code"]).ok();
}

#[test]
fn what_cannot_be_asked_of_the_past_is_refused_with_what_to_do() {
    let project = project();
    project
        .run(&["sql", "--as-known-at", "1999-12-31", "from raw_bars"])
        .exits(2)
        .says(&["nothing was known at 1999-12-31"]);
    project.run(&["sql", "--as-known-at", "2999-12-31", "from raw_bars"]).exits(2).says(&["is not known yet"]);
    project.run(&["sql", "--as-known-at", "yesterday", "from raw_bars"]).exits(2);
    project.run(&["diff", "raw_bars"]).exits(2).says(&["of which session", "raw_bars@2024-03-15"]);
    project.run(&["diff", "raw_bars@2015-08-16"]).exits(2).says(&["not a session"]);
    project.run(&["diff", "raw_bars@2016-08-16"]).exits(2).says(&["there is no partition raw_bars@2016-08-16"]);
    project.run(&["diff", "no_bars@2015-08-17"]).exits(2);
    project.run(&["diff", "listing"]).ok().says(&["listing: 1 revision", "4 rows"]);
    project.run(&["diff", "scores@2015-08-17"]).ok().says(&["1 revision"]);
}
