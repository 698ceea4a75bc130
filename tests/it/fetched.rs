//! Sources that have to be asked: what is asked for when, what becomes of the answers, and what is known of them afterwards.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde_json::{Value, json};

use crate::support::bars::Bars;
use crate::support::vendor::Vendor;
use crate::support::{Contents, Project, Ran, STAGES, assert_same, date, list, sessions, wait_until};

const INSTRUMENTS: [&str; 4] = ["sh.000300", "sh.600028", "sh.600036", "sz.002129"];
const FIRST: &str = "2015-07-01";
const LAST: &str = "2015-08-31";
const FILES: &str = "    csv: data/source/bars/*.csv\n    columns: { instrument: symbol, session: date }\n";

fn vendor() -> Vendor {
    Vendor::new(&Bars::slice(&INSTRUMENTS, FIRST, LAST))
}

/// The five stages, on bars that the vendor is asked for.
fn project(vendor: &Vendor, keys: &str) -> Project {
    let yaml = STAGES.replace("2015-02-02", FIRST).replace(FILES, &format!("{}{keys}", vendor.yaml()));
    let project = Project::empty();
    let listing: String = INSTRUMENTS.iter().map(|name| format!("{name},2014-01-02,\n")).collect();
    project.write("data/source/listing.csv", format!("instrument,listed,delisted\n{listing}"));
    project.yaml(&yaml);
    project
}

/// An hour after Shanghai's close.
fn evening(day: &str) -> String {
    format!("{day}T08:00:00Z")
}

#[track_caller]
fn materialize(project: &Project, day: &str) -> Value {
    project.run_at(&evening(day), &["materialize", "--format", "json"]).ok().json()
}

fn report<'a>(outcome: &'a Value, asset: &str) -> &'a Value {
    outcome["run"]["assets"].as_array().unwrap().iter().find(|of| of["asset"] == asset).unwrap()
}

fn only(contents: &Contents, assets: &[&str]) -> Contents {
    let of = |((asset, _), _): &(&(String, NaiveDate), &String)| assets.contains(&asset.as_str());
    contents.iter().filter(of).map(|(key, hash)| (key.clone(), hash.clone())).collect()
}

#[test]
fn the_story_of_a_revision() {
    let vendor = vendor();
    let project = project(&vendor, "    lookback: 10\n");
    let ran = Ran::of(&materialize(&project, "2015-08-28"));
    let all = sessions(FIRST, "2015-08-28");
    for asset in ["raw_bars", "completed_bars", "indicators", "scores", "signals"] {
        assert_eq!(ran.of_asset(asset), all, "{asset}");
    }
    assert_eq!(vendor.asked(), all);
    let yesterday = project.contents();
    project.run_at(&evening("2015-08-29"), &["plan", "--exit-code"]).ok();

    // Over the weekend the vendor corrects a close of ten sessions before Monday.
    vendor.edit(|bars| bars.set_close("sh.600028", "2015-08-17", 6.11));
    let monday = evening(LAST);
    let plan = project.run_at(&monday, &["plan"]).ok();
    plan.says(&["2015-08-17…2015-08-28", "asked for again: the look-back is 10 sessions", "never materialized"]);
    assert!(vendor.asked().is_empty(), "who plans asks nobody");
    let outcome = materialize(&project, LAST);
    assert_eq!(vendor.asked(), sessions("2015-08-17", LAST));
    let two = [date("2015-08-17"), date(LAST)];
    let ran = Ran::of(&outcome);
    assert_eq!(ran.of_asset("raw_bars"), sessions("2015-08-17", LAST));
    assert_eq!(report(&outcome, "raw_bars")["changed"], 2);
    assert_eq!(ran.of_asset("completed_bars"), two);
    assert_eq!(ran.of_asset("indicators"), sessions("2015-08-17", LAST));
    project.run_at(&monday, &["plan", "--exit-code"]).ok();

    let explained = project.run_at(&monday, &["explain", "scores@2015-08-20"]).ok();
    explained.says(&[
        "scores@2015-08-20 is clean",
        "raw_bars@2015-08-17",
        "asked for again: the look-back is 10 sessions",
        "asked for last on 2015-08-31 08:00 UTC: 4 rows",
        "it has had 2 contents: `assetctl diff raw_bars@2015-08-17` shows them",
    ]);

    let revisions = project.json(&["diff", "raw_bars@2015-08-17"])["revisions"].clone();
    assert_eq!(revisions.as_array().unwrap().len(), 2);
    let change = &revisions[1]["changes"][0];
    assert_eq!((&change["key"], &change["column"]), (&json!({ "instrument": "sh.600028" }), &json!("close")));
    assert_eq!(change["new"], 6.11);
    assert_eq!(project.json(&["diff", "raw_bars@2015-08-18"])["revisions"].as_array().unwrap().len(), 1);

    // Yesterday's scores, as they were known: also of the sessions that the correction has changed.
    let known_at: DateTime<Utc> = revisions[1]["known_at"].as_str().unwrap().parse().unwrap();
    let then = (known_at - Duration::microseconds(1)).to_rfc3339();
    vendor.asked();
    project.run(&["materialize", "--as-known-at", &then, "--select", "scores"]).ok();
    assert!(vendor.asked().is_empty(), "what was known is not asked for");
    let query = "select asset, coalesce(session, date '1970-01-01') as session, content_hash from assetctl.partitions";
    let rows = project.json(&["sql", "--as-known-at", &then, query]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = rows.as_array().unwrap().iter();
    let made: Contents =
        rows.map(|row| ((text(&row["asset"]), date(&text(&row["session"]))), text(&row["content_hash"]))).collect();
    assert_same(&made, &only(&yesterday, &["raw_bars", "listing", "completed_bars", "indicators", "scores"]));
}

#[test]
fn what_is_fetched_is_what_the_same_rows_in_files_are() {
    let vendor = vendor();
    let fetched = project(&vendor, "    lookback: 100\n    on_missing: remove\n");
    materialize(&fetched, "2015-08-05");
    vendor.edit(|bars| {
        bars.set_close("sh.600036", "2015-07-06", 19.99);
        bars.remove("sz.002129", "2015-07-21");
    });
    materialize(&fetched, LAST);
    let mut files = Project::of(&INSTRUMENTS, FIRST, LAST, &STAGES.replace("2015-02-02", FIRST));
    files.edit_bars(|bars| {
        bars.set_close("sh.600036", "2015-07-06", 19.99);
        bars.remove("sz.002129", "2015-07-21");
    });
    files.materialize();
    assert_same(&fetched.contents(), &files.contents());
}

#[test]
fn a_vendor_that_has_nothing_yet_holds_up_what_reads_it() {
    let vendor = vendor();
    let project = project(&vendor, "    min_rows: 3\n");
    let whole = Bars::slice(&INSTRUMENTS, LAST, LAST).rows;
    vendor.edit(|bars| bars.rows.retain(|bar| bar.date != date(LAST)));
    let before = sessions(FIRST, "2015-08-28");
    let outcome = project.run_at(&evening(LAST), &["materialize"]).ok();
    outcome.says(&[
        "raw_bars waits: 1 session (2015-08-31): no rows came",
        "completed_bars waits: 1 session (2015-08-31): `raw_bars`: no rows came",
        "scores waits: 1 session (2015-08-31): `indicators` waits too",
    ]);
    let rows = project.rows("select count(*) as n from assetctl.partitions where asset = 'signals'");
    assert_eq!(rows[0]["n"], before.len());
    project.run_at(&evening(LAST), &["plan"]).ok().says(&["no rows when asked on 2015-08-31 08:00 UTC"]);
    project.run_at(&evening(LAST), &["explain", "raw_bars@2015-08-31"]).ok().says(&["no rows when asked"]);

    // Two of four.
    vendor.edit(|bars| bars.rows.extend(whole[..2].iter().cloned()));
    vendor.asked();
    let outcome = materialize(&project, LAST);
    assert_eq!(vendor.asked(), [date(LAST)]);
    assert_eq!(report(&outcome, "raw_bars")["status"], "waits");
    assert_eq!(report(&outcome, "raw_bars")["waits"], json!({ LAST: "2 rows came, and there must be 3" }));
    assert_eq!(report(&outcome, "signals")["status"], "waits");

    vendor.edit(|bars| bars.rows.extend(whole[2..].iter().cloned()));
    let ran = Ran::of(&materialize(&project, LAST));
    for asset in ["raw_bars", "completed_bars", "indicators", "scores", "signals"] {
        assert_eq!(ran.of_asset(asset), [date(LAST)], "{asset}");
    }
    project.run_at(&evening(LAST), &["plan", "--exit-code"]).ok();
}

#[test]
fn a_vendor_that_fails_blocks_what_is_below_it_and_nothing_else() {
    let vendor = vendor();
    let project = project(&vendor, "");
    materialize(&project, "2015-08-27");
    vendor.fails_on(&[date("2015-08-28")]);
    project
        .write("data/source/listing.csv", project.read("data/source/listing.csv").replace("2014-01-02", "2014-01-03"));
    let before = project.contents();
    let outcome = project.run_at(&evening(LAST), &["materialize", "--format", "json"]).exits(5).json();
    assert_eq!(report(&outcome, "raw_bars")["status"], "failed");
    assert!(report(&outcome, "raw_bars")["error"].as_str().unwrap().contains("500"), "{outcome}");
    assert_eq!(report(&outcome, "completed_bars")["status"], "blocked");
    assert_eq!(report(&outcome, "listing")["status"], "ok");
    assert_same(&only(&project.contents(), &["raw_bars", "scores"]), &only(&before, &["raw_bars", "scores"]));
    vendor.fails_on(&[]);
    let ran = Ran::of(&materialize(&project, LAST));
    assert_eq!(ran.of_asset("raw_bars"), sessions("2015-08-28", LAST));
    assert_eq!(ran.of_asset("signals").last(), Some(&date(LAST)));
}

#[test]
fn a_run_that_is_killed_goes_on_where_it_was() {
    let vendor = vendor();
    let project = project(&vendor, "");
    let all = sessions(FIRST, LAST);
    vendor.allow(Some(20));
    let running = project.start_at(&evening(LAST), &["materialize", "--batch", "5"]);
    wait_until("the vendor does not answer any more", || vendor.calls() > 20);
    wait_until("three batches are committed", || project.segment_count("raw_bars") >= 3);
    running.kill();
    vendor.allow(None);
    let asked = vendor.asked();
    let committed: Vec<NaiveDate> = project
        .rows("select session from assetctl.partitions where asset = 'raw_bars' order by session")
        .iter()
        .map(|row| date(row["session"].as_str().unwrap()))
        .collect();
    assert!(committed.len() >= 15, "{}", list(&committed));
    vendor.asked();

    let ran = Ran::of(&materialize(&project, LAST));
    let rest: Vec<NaiveDate> = all.iter().copied().filter(|session| !committed.contains(session)).collect();
    assert_eq!(ran.of_asset("raw_bars"), rest);
    let again = vendor.asked();
    assert!(again.iter().all(|session| !committed.contains(session)), "{}", list(&again));
    // Nothing is asked for twice but what was being asked for.
    let twice: Vec<NaiveDate> = again.iter().copied().filter(|session| asked.contains(session)).collect();
    assert!(twice.len() <= 5, "{}", list(&twice));
    assert!(!project.path("data/spool/raw_bars").exists());

    let fresh = self::project(&vendor, "");
    materialize(&fresh, LAST);
    assert_same(&project.contents(), &fresh.contents());
}

#[cfg(unix)]
#[test]
fn a_run_that_waits_for_a_vendor_can_be_stopped() {
    let vendor = vendor();
    let project = project(&vendor, "");
    vendor.allow(Some(7));
    let running = project.start_at(&evening(LAST), &["materialize"]);
    wait_until("the vendor does not answer any more", || vendor.calls() > 7);
    running.interrupt();
    running.wait().exits(130);
    vendor.allow(None);
    materialize(&project, LAST);
    project.run_at(&evening(LAST), &["plan", "--exit-code"]).ok();
}

#[test]
fn a_new_name_in_the_table_fetches_its_history_alone() {
    let vendor = vendor();
    let project = project(&vendor, "    instruments: { table: listing }\n");
    let listing = project.read("data/source/listing.csv");
    project.write("data/source/listing.csv", listing.replace("sz.002129,2014-01-02,\n", ""));
    materialize(&project, LAST);
    vendor.calls_asked();
    project.write("data/source/listing.csv", &listing);
    project.run_at(&evening(LAST), &["plan"]).ok().says(&["raw_bars", "if `listing` comes out different"]);
    let outcome = materialize(&project, LAST);
    let asked = vendor.calls_asked();
    assert_eq!(asked.len(), sessions(FIRST, LAST).len());
    assert!(asked.iter().all(|call| call.instruments == ["sz.002129"]), "{asked:?}");
    let rows = Bars::slice(&["sz.002129"], FIRST, LAST).rows.len();
    assert_eq!(report(&outcome, "raw_bars")["computed"], rows);
    assert_eq!(project.rows("select count(*) as n from raw_bars where instrument = 'sz.002129'")[0]["n"], rows);
    project.run_at(&evening(LAST), &["plan", "--exit-code"]).ok();
}
