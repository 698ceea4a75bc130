//! Schedules and jobs: what is due, what of it runs, and what becomes of the rest.

use serde_json::{Value, json};

use crate::support::bars::{Bars, FIRST, LAST};
use crate::support::vendor::Vendor;
use crate::support::{Contents, Project, Ran, STAGES, assert_same, date, repository, sessions, wait_until};

/// Jobs over the five stages, each day after the close.
const SCHEDULES: &str = "\
jobs:
  sync: { select: completed_bars, priority: 5 }
  scoring: { select: scores signals }
  repair:
    work: backfill
    vars: { target: [completed_bars], days_back: 5 }
    select: ${target}
    sessions: { last: \"${days_back}\" }
    force: true
    only: true
  verify: { work: check, select: completed_bars }
  tidy: { work: gc }
schedules:
  close: { job: sync, on: session_close + 30m, catch_up: all }
  evening: { job: scoring, cron: 0 18 * * 1-5, zone: Asia/Shanghai, skip: non_sessions }
  nightly: { job: tidy, cron: 0 1 * * *, zone: UTC, paused: true }
sensors:
  after_sync: { job: scoring, when: { run: succeeded, of: sync } }
concurrency: { total: 1 }
";

fn project() -> Project {
    let project = Project::new();
    project.write("schedules.yaml", SCHEDULES);
    project
}

/// What a command at an instant says as JSON.
#[track_caller]
fn json_at(project: &Project, now: &str, args: &[&str]) -> Value {
    let all: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
    project.run_at(now, &all).ok().json()
}

/// `close 2015-07-03T07:30:00Z run on_time`, of each tick.
fn told(ticks: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ticks = ticks.as_array().unwrap().iter();
    ticks.map(|tick| ["schedule", "due", "decision", "code"].map(|key| text(&tick[key])).join(" ")).collect()
}

#[test]
fn what_lies_ahead_is_shown_and_nothing_is_written() {
    let project = project();
    let friday = "2015-07-03T00:00:00Z";
    assert_eq!(
        told(&json_at(&project, friday, &["schedule", "next", "-n", "3"])),
        [
            "close 2015-07-03T07:30:00Z run on_time",
            "evening 2015-07-03T10:00:00Z run on_time",
            "close 2015-07-06T07:30:00Z run on_time"
        ]
    );
    // The exchange was closed for the parade of 3 September.
    assert_eq!(
        told(&json_at(&project, friday, &["schedule", "preview", "--from", "2015-09-02", "--to", "2015-09-04"])),
        [
            "nightly 2015-09-02T01:00:00Z skipped paused",
            "close 2015-09-02T07:30:00Z run on_time",
            "evening 2015-09-02T10:00:00Z run on_time",
            "nightly 2015-09-03T01:00:00Z skipped paused",
            "evening 2015-09-03T10:00:00Z skipped not_a_session",
            "nightly 2015-09-04T01:00:00Z skipped paused",
            "evening 2015-09-04T10:00:00Z skipped not_a_session",
        ]
    );
    project
        .run_at(friday, &["schedule", "preview", "evening", "--from", "2015-09-03", "--to", "2015-09-03"])
        .ok()
        .says(&["Thu 2015-09-03 18:00 CST", "skipped", "2015-09-03 is not a session of XSHG"]);
    let listed = json_at(&project, friday, &["schedule", "list"]);
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["close", "evening", "nightly", "after_sync"]);
    assert_eq!(listed[0]["next"]["due"], "2015-07-03T07:30:00Z");
    assert_eq!(listed[2]["paused"], json!({ "since": null, "who": null, "why": null }));
    assert_eq!((&listed[3]["kind"], &listed[3]["when"]), (&"sensor".into(), &"a run of sync succeeded".into()));
    project.run_at(friday, &["schedule", "list"]).ok().says(&["session_close + 30m of XSHG", "paused"]);
    assert_eq!(json_at(&project, friday, &["schedule", "history"]), json!([]));
    assert!(!project.path("data/state.db").exists());
}

#[test]
fn past_the_end_of_the_calendar_it_is_loud() {
    let project = project();
    let ahead = project.run_at("2026-12-31T12:00:00Z", &["schedule", "next", "close"]).ok();
    ahead.says(&["unknown", "warning: schedule `close`", "the calendar ends on 2026-12-31", "under `calendars:`"]);
    json_at(&project, "2026-12-31T12:00:00Z", &["schedule", "tick"]);
    project.run_at("2027-01-01T00:00:00Z", &["schedule", "tick"]).exits(5).says(&[
        "unknown",
        "warning: schedule `close`: not run",
        "the calendar ends on 2026-12-31",
    ]);
    project.run_at("2027-02-01T12:00:00Z", &["job", "show", "repair"]).exits(2).says(&["2027-02-01", "XSHG"]);
}

#[test]
fn a_day_by_ticks_and_every_tick_once() {
    let project = project();
    // Somebody looks for the first time: what was before is not made up for.
    let tick = |now: &str| json_at(&project, now, &["schedule", "tick"]);
    assert_eq!(told(&tick("2015-07-02T12:00:00Z")), [] as [&str; 0]);

    let at_close = tick("2015-07-03T07:30:20Z");
    assert_eq!(
        told(&at_close),
        ["nightly 2015-07-03T01:00:00Z skipped paused", "close 2015-07-03T07:30:00Z run on_time"]
    );
    assert_eq!((&at_close[1]["run"], &at_close[1]["outcome"]), (&1.into(), &"succeeded".into()));
    assert_eq!(told(&tick("2015-07-03T07:30:40Z")), [] as [&str; 0]);
    // As if the clock had gone back.
    assert_eq!(told(&tick("2015-07-03T07:00:00Z")), [] as [&str; 0]);
    let built = project.rows("select distinct asset from assetctl.partitions order by asset");
    // The sensor has seen the sync, and scoring was run.
    let all = ["completed_bars", "indicators", "listing", "raw_bars", "scores", "signals"];
    assert_eq!(built, all.map(|asset| json!({ "asset": asset })));

    // Nobody looked over the weekend and until Wednesday: each close is caught up, of the evenings the newest.
    let looked = tick("2015-07-08T11:00:00Z");
    assert_eq!(
        told(&looked),
        [
            "evening 2015-07-03T10:00:00Z superseded superseded",
            "nightly 2015-07-04T01:00:00Z skipped paused",
            "nightly 2015-07-05T01:00:00Z skipped paused",
            "nightly 2015-07-06T01:00:00Z skipped paused",
            "close 2015-07-06T07:30:00Z run caught_up",
            "evening 2015-07-06T10:00:00Z superseded superseded",
            "nightly 2015-07-07T01:00:00Z skipped paused",
            "close 2015-07-07T07:30:00Z run caught_up",
            "evening 2015-07-07T10:00:00Z superseded superseded",
            "nightly 2015-07-08T01:00:00Z skipped paused",
            "close 2015-07-08T07:30:00Z run caught_up",
            "evening 2015-07-08T10:00:00Z run caught_up",
        ]
    );
    // The first of the closes brought all up to date, so that the others had nothing to do.
    let runs: Vec<&Value> = [4, 7, 10, 11].iter().map(|at| &looked[*at]["run"]).collect();
    assert_eq!(runs, [&json!(3), &Value::Null, &Value::Null, &json!(4)]);
    assert!([4, 7, 10, 11].iter().all(|at| looked[*at]["outcome"] == "succeeded"), "{looked}");
    assert_eq!(told(&tick("2015-07-08T11:00:00Z")), [] as [&str; 0]);

    let history = json_at(&project, "2015-07-08T12:00:00Z", &["schedule", "history", "close"]);
    assert_eq!(
        told(&history),
        [
            "close 2015-07-08T07:30:00Z run caught_up",
            "close 2015-07-07T07:30:00Z run caught_up",
            "close 2015-07-06T07:30:00Z run caught_up",
            "close 2015-07-03T07:30:00Z run on_time"
        ]
    );
    project.run(&["schedule", "history", "-n", "2"]).ok().says(&[
        "Wed 2015-07-08 18:00 CST",
        "Wed 2015-07-08 15:30 CST",
        "caught up, 3h30m late (`catch_up: all`)",
    ]);
    let by_then = |contents: Contents| contents.into_iter().filter(|(key, _)| key.1 <= date("2015-07-08")).collect();
    assert_same(&project.contents(), &by_then(project.rebuilt()));
}

#[test]
fn a_tick_can_be_looked_at_before_it_is_decided() {
    let project = project();
    json_at(&project, "2015-07-02T12:00:00Z", &["schedule", "tick"]);
    let dry = || json_at(&project, "2015-07-03T07:31:00Z", &["schedule", "tick", "--dry-run"]);
    assert_eq!(told(&dry()).last().unwrap(), "close 2015-07-03T07:30:00Z run on_time");
    assert_eq!(dry(), dry());
    assert_eq!(json_at(&project, "2015-07-03T07:31:00Z", &["schedule", "history"]), json!([]));
    project.run_at("2015-07-03T07:31:00Z", &["schedule", "tick"]).ok().says(&[
        "Fri 2015-07-03 15:30 CST",
        "run_started        #1 `sync`: the tick of `close`",
        "asset_finished     #1 completed_bars:",
        "run_succeeded      #2 `scoring` is done",
        "outcome",
    ]);
}

#[test]
fn who_look_at_the_same_time_decide_each_tick_once() {
    let project = project();
    json_at(&project, "2015-07-02T12:00:00Z", &["schedule", "tick"]);
    let at_once: Vec<_> =
        (0..4).map(|_| project.start_at("2015-07-03T07:30:20Z", &["schedule", "tick", "--format", "json"])).collect();
    let mut all: Vec<String> = at_once.into_iter().flat_map(|one| told(&one.wait().ok().json())).collect();
    all.sort_unstable();
    assert_eq!(all, ["close 2015-07-03T07:30:00Z run on_time", "nightly 2015-07-03T01:00:00Z skipped paused"]);
    let jobs = |queue: &Value| {
        let rows = queue["requests"].as_array().unwrap().iter();
        rows.map(|row| row["job"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(jobs(&project.json(&["queue"])), ["scoring", "sync"]);
}

#[cfg(unix)]
#[test]
fn what_one_call_leaves_the_next_one_goes_on_with() {
    let vendor = Vendor::new(&Bars::slice(&["sh.600028"], "2015-07-01", LAST));
    let project = Project::empty();
    project.yaml(&format!(
        "calendar: XSHG\nassets:\n  asked:\n    kind: source\n    start: 2015-07-01\n{}",
        vendor.yaml()
    ));
    project.write(
        "schedules.yaml",
        "jobs:
  sync: { select: asked, retries: { times: 3, backoff: 10m } }
schedules:
  close: { job: sync, on: session_close + 30m, catch_up: all }
",
    );
    let tick = |now: &str| project.run_at(now, &["schedule", "tick", "--format", "json"]);
    let request = || project.json(&["run", "show", "1"]);
    tick("2015-07-02T12:00:00Z").ok();
    // It dies while it asks.
    vendor.allow(Some(0));
    let dies = project.start_at("2015-07-03T07:30:20Z", &["schedule", "tick"]);
    wait_until("it asks", || vendor.calls() > 0);
    // Who comes meanwhile leaves the work to it.
    let other = tick("2015-07-03T07:31:00Z").ok();
    assert_eq!(other.json(), json!([]));
    other.says(&["the daemon of this store is", "it does the work"]);
    dies.kill();
    vendor.allow(None);
    vendor.fails_on(&[date("2015-07-02")]);
    // The tick is not decided again; its request is tried again, and fails until the vendor is well.
    let failed = tick("2015-07-03T07:32:00Z");
    assert_eq!((failed.code, failed.json()), (Some(5), json!([])));
    let row = request();
    assert_eq!((&row["status"], &row["deaths"], &row["failures"]), (&"queued".into(), &1.into(), &1.into()));
    assert_eq!(row["not_before"], "2015-07-03T07:42:00Z");
    vendor.fails_on(&[]);
    tick("2015-07-03T07:41:00Z").ok();
    assert_eq!(request()["status"], "queued");
    tick("2015-07-03T07:42:00Z").ok();
    assert_eq!((&request()["status"], &request()["attempt"]), (&"succeeded".into(), &3.into()));
    let there = project.rows("select distinct session from asked order by 1");
    assert_eq!(there.len(), sessions("2015-07-01", "2015-07-03").len());
}

#[test]
fn a_job_that_fails_is_told_and_the_others_run() {
    let mut project = project();
    project.edit_bars(|bars| bars.set_close("sh.600036", "2015-07-01", -1.0));
    json_at(&project, "2015-07-02T12:00:00Z", &["schedule", "tick"]);
    let output = project.run_at("2015-07-03T10:00:10Z", &["schedule", "tick", "--format", "json"]);
    assert!(matches!(output.code, Some(5 | 6)), "{output}");
    let ticks = output.json();
    assert_eq!(
        told(&ticks),
        [
            "nightly 2015-07-03T01:00:00Z skipped paused",
            "close 2015-07-03T07:30:00Z run caught_up",
            "evening 2015-07-03T10:00:00Z run on_time"
        ]
    );
    assert_eq!((&ticks[1]["outcome"], &ticks[1]["run"]), (&"failed".into(), &1.into()));
    assert!(ticks[2]["run"].is_number());
    // It was decided, and is not decided again.
    assert_eq!(told(&json_at(&project, "2015-07-03T10:00:20Z", &["schedule", "tick"])), [] as [&str; 0]);
}

#[test]
fn a_pause_says_who_and_why_and_is_not_made_up_for() {
    let project = project();
    let friday = "2015-07-03T00:00:00Z";
    json_at(&project, friday, &["schedule", "tick"]);
    let paused = json_at(&project, friday, &["schedule", "pause", "close", "--why", "vendor moves"]);
    assert_eq!(paused, json!({ "name": "close", "paused": true, "changed": true }));
    project.run_at(friday, &["schedule", "pause", "close"]).ok().says(&["was paused before"]);
    project.run_at(friday, &["schedule", "list"]).ok().says(&["paused since 2015-07-03T00:00:00Z", "vendor moves"]);
    project.run_at(friday, &["schedule", "pause", "after_sync"]).ok();
    let monday = "2015-07-06T08:00:00Z";
    assert_eq!(
        told(&json_at(&project, monday, &["schedule", "tick"]))[1..3],
        [
            "close 2015-07-03T07:30:00Z skipped paused".to_owned(),
            "evening 2015-07-03T10:00:00Z run caught_up".to_owned()
        ]
    );
    json_at(&project, monday, &["schedule", "resume", "close"]);
    project.run_at(monday, &["schedule", "resume", "close"]).ok().says(&["was not paused"]);
    assert_eq!(
        told(&json_at(&project, "2015-07-07T07:31:00Z", &["schedule", "tick", "--dry-run"])).last().unwrap(),
        "close 2015-07-07T07:30:00Z run on_time"
    );
    project.run(&["schedule", "history", "close"]).ok().says(&["paused since 2015-07-03T00:00:00Z", "vendor moves"]);
    // One that the configuration pauses goes on when it is told to.
    assert_eq!(json_at(&project, monday, &["schedule", "resume", "nightly"])["changed"], true);
    assert_eq!(json_at(&project, monday, &["schedule", "list"])[2]["paused"], Value::Null);
}

#[test]
fn a_job_runs_as_the_command_that_it_stands_for() {
    let project = project();
    let listed = project.json(&["job", "list"]);
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["job"].as_str().unwrap()).collect();
    assert_eq!(names, ["sync", "scoring", "repair", "verify", "tidy"]);
    assert_eq!(listed[1]["by"], json!(["evening", "after_sync"]));
    project.run(&["job", "list"]).ok().says(&["target=completed_bars days_back=5", "close", "backfill"]);

    // Like `materialize --select completed_bars`.
    let dry = project.json(&["job", "run", "sync", "--dry-run"]);
    assert_eq!(dry["plan"]["assets"].as_array().unwrap().len(), 3);
    assert!(!project.path("data/state.db").exists());
    let ran = Ran::of(&project.json(&["job", "run", "sync"]));
    assert_eq!(ran.of_asset("completed_bars"), sessions(FIRST, LAST));
    assert_eq!(ran.of_asset("scores"), []);

    // Like `backfill --force --only` of the sessions that had closed by then.
    let show = json_at(&project, "2015-07-06T00:00:00Z", &["job", "show", "repair", "--var", "days_back=3"]);
    assert_eq!((&show["from"], &show["to"]), (&"2015-07-01".into(), &"2015-07-03".into()));
    assert_eq!(show["vars"], json!({ "days_back": "3", "target": ["completed_bars"] }));
    assert_eq!(show["assets"], json!(["completed_bars"]));
    let args = ["job", "run", "repair", "--var", "days_back=3", "--var", "target=raw_bars,listing"];
    let ran = Ran::of(&json_at(&project, "2015-07-06T00:00:00Z", &args));
    let july = ["2015-07-01", "2015-07-02", "2015-07-03"].map(date);
    ran.assert(&[("raw_bars", &july), ("listing", &[date("1970-01-01")])]);
    project.run(&["job", "run", "verify"]).ok().says(&["unique", "expected_rows"]);
    project.run(&["job", "run", "tidy"]).ok().says(&["removed"]);
    project.run_at("2015-07-06T00:00:00Z", &["job", "show", "repair"]).ok().says(&[
        "days_back = 5",
        "2015-06-29…2015-07-03",
        "every partition",
    ]);
}

/// `job run sync --var target=… --var days_back=…`: sources are asked again for these instruments and sessions, and for nothing else.
#[test]
fn a_job_asks_again_for_the_instruments_and_sessions_that_it_is_given() {
    let names = ["sh.600028", "sh.600036", "sz.002129"];
    let vendor = Vendor::new(&Bars::slice(&names, "2015-07-01", LAST));
    let files = "    csv: data/source/bars/*.csv\n    columns: { instrument: symbol, session: date }\n";
    let asked = format!("{}    instruments: {{ table: listing }}\n", vendor.yaml());
    let project = Project::empty();
    project.yaml(&STAGES.replace("2015-02-02", "2015-07-01").replace(files, &asked));
    let listing: String = names.iter().map(|name| format!("{name},2014-01-02,\n")).collect();
    project.write("data/source/listing.csv", format!("instrument,listed,delisted\n{listing}"));
    project.write(
        "schedules.yaml",
        "jobs:
  sync:
    work: backfill
    vars: { target: [], days_back: 60 }
    select: raw_bars listing completed_bars
    instruments: ${target}
    sessions: { last: \"${days_back}\" }
",
    );
    let now = "2015-08-28T12:00:00Z";
    json_at(&project, now, &["materialize"]);
    vendor.calls_asked();
    // Nothing is stale, and nobody is to be asked again.
    assert_eq!(json_at(&project, now, &["job", "run", "sync"])["run"], Value::Null);
    assert_eq!(vendor.calls(), 0);

    vendor.edit(|bars| {
        for (name, day) in [("sh.600036", "2015-08-20"), ("sh.600036", "2015-07-15"), ("sz.002129", "2015-08-21")] {
            bars.set_close(name, day, 20.0);
        }
    });
    let args = ["job", "run", "sync", "--var", "target=sh.600028,sh.600036", "--var", "days_back=10"];
    let shown = json_at(&project, now, &["job", "show", "sync", "--var", "target=sh.600028,sh.600036"]);
    assert_eq!(shown["instruments"], json!(["sh.600028", "sh.600036"]));
    let outcome = json_at(&project, now, &args);
    let ten: Vec<_> = sessions("2015-07-01", "2015-08-28").into_iter().rev().take(10).rev().collect();
    let mut calls = vendor.calls_asked();
    calls.sort_unstable_by_key(|call| call.session);
    assert_eq!(calls.iter().map(|call| call.session).collect::<Vec<_>>(), ten);
    assert!(calls.iter().all(|call| call.instruments == ["sh.600028", "sh.600036"]), "{calls:?}");
    let ran = Ran::of(&outcome);
    assert_eq!(ran.of_asset("raw_bars"), ten);
    // Of what was asked for one session changed: it alone is completed anew. The rest of what the vendor corrected is as it was.
    assert_eq!(ran.of_asset("completed_bars"), [date("2015-08-20")]);
    let twenty = project.rows("select instrument, session from raw_bars where close = 20.0");
    assert_eq!(twenty, [json!({ "instrument": "sh.600036", "session": "2015-08-20" })]);
}

#[test]
fn wrong_names_and_values_say_what_was_meant() {
    let project = project();
    for (args, words) in [
        (&["job", "run", "snyc"][..], &["there is no job `snyc`", "did you mean `sync`?"][..]),
        (&["job", "show", "sync", "--var", "days=3"], &["job `sync` has no variable `days`", "it has none"]),
        (
            &["job", "show", "repair", "--var", "day_back=3"],
            &["has no variable `day_back`", "did you mean `days_back`?"],
        ),
        (&["job", "show", "repair", "--var", "days_back=x"], &["`days_back` must be a whole number, not `x`"]),
        (&["job", "show", "repair", "--var", "days_back"], &["name=value"]),
        (
            &["job", "show", "repair", "--var", "target=scorse"],
            &["no asset matches `scorse`", "did you mean `scores`?"],
        ),
        (&["job", "show", "repair", "--var", "days_back=0"], &["job `repair` is wrong", "at least 1"]),
        (&["schedule", "next", "clsoe"], &["there is no schedule `clsoe`", "did you mean `close`?"]),
        (&["schedule", "history", "clsoe"], &["did you mean `close`?"]),
        (&["schedule", "pause", "after_snyc"], &["there is no schedule or sensor", "did you mean `after_sync`?"]),
        (&["schedule", "preview", "--from", "2015-07-02", "--to", "2015-07-01"], &["is before `--from 2015-07-02`"]),
    ] {
        project.run(args).exits(2).says(words);
    }
    let bare = Project::new();
    bare.run(&["job", "run", "sync"]).exits(2).says(&["there is no job `sync`", "`schedules.yaml`"]);
    bare.run(&["schedule", "list"]).ok().says(&["no schedule is declared"]);
    bare.run(&["job", "list"]).ok().says(&["no job is declared"]);
    bare.run(&["schedule", "next"]).ok().says(&["nothing will run"]);
}

#[test]
fn schedules_and_auto_make_nothing_stale() {
    let project = Project::new();
    project.materialize();
    project.write("schedules.yaml", SCHEDULES);
    project.edit_yaml("    kind: scores\n", "    kind: scores\n    auto: on_change\n");
    project.edit_yaml("    kind: signals\n", "    kind: signals\n    auto: { deadline: session_close + 2h }\n");
    project.run(&["plan", "--exit-code"]).ok();
    project.run(&["validate"]).ok().says(&["6 assets, 7 jobs, 4 schedules, 2 sensors valid"]);
    // What an asset says by `auto:` is a schedule or a sensor like any other.
    assert_eq!(
        told(&json_at(&project, "2015-07-03T08:00:00Z", &["schedule", "next", "auto:signals", "-n", "1"])),
        ["auto:signals 2015-07-03T09:00:00Z run on_time"]
    );
    project.run(&["schedule", "list"]).ok().says(&["scores is stale", "session_close + 2h of XSHG"]);
    project.run(&["job", "run", "auto:scores"]).ok();
    project.run(&["schedule", "pause", "auto:scores"]).ok();
}

#[test]
fn the_demo_has_the_day_of_a_desk() {
    let project = Project::demo();
    project.write("schedules.yaml", std::fs::read_to_string(repository().join("schedules.yaml")).unwrap());
    project.run(&["validate"]).ok().says(&["7 assets, 6 jobs, 6 schedules, 2 sensors valid"]);
    let day = json_at(&project, "2017-12-01T00:00:00Z", &["schedule", "preview", "--to", "2017-12-01"]);
    assert_eq!(
        told(&day),
        [
            "sync_0900 2017-12-01T01:00:00Z run on_time",
            "indicators_1400 2017-12-01T06:00:00Z run on_time",
            "scoring_1500 2017-12-01T07:00:00Z run on_time",
            "pipeline_at_close 2017-12-01T09:00:00Z skipped paused"
        ]
    );
}

#[test]
fn the_schema_of_schedules_is_the_one_that_is_committed() {
    let schema = Project::empty().run(&["schema", "schedules"]).ok();
    let committed = std::fs::read_to_string(repository().join("schedules.schema.json")).unwrap();
    assert!(
        schema.json() == serde_json::from_str::<Value>(&committed).unwrap(),
        "run `assetctl schema schedules > schedules.schema.json`"
    );
}
