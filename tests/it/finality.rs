//! Finality: a session exists once it has closed and its settlement delay has passed; and what that means between calendars.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::support::{Project, assert_same, date, files_below, sessions};

/// The last session of the slice. Shanghai closes at 15:00 of its time, which is 07:00 UTC all year.
const TODAY: &str = "2015-08-31";
const ASSETS: [&str; 5] = ["raw_bars", "completed_bars", "indicators", "scores", "signals"];

/// A slice short enough to be built again and again.
fn project() -> Project {
    Project::of(
        &["sh.000300", "sh.600028", "sh.600036", "sz.002129"],
        "2015-07-01",
        TODAY,
        &crate::support::STAGES.replace("2015-02-02", "2015-07-01"),
    )
}

#[track_caller]
fn plan_at(project: &Project, now: &str) -> Value {
    project.run_at(now, &["plan", "--format", "json"]).ok().json()
}

/// What waits, of one asset.
fn blocked(plan: &Value, asset: &str) -> Value {
    plan["assets"].as_array().unwrap().iter().find(|planned| planned["asset"] == asset).unwrap()["blocked"].clone()
}

/// Materializes as if it were `now`, and says which sessions ran of each of the five.
#[track_caller]
fn ran_at(project: &Project, now: &str) -> [Vec<NaiveDate>; 5] {
    let ran = project.run_at(now, &["materialize", "--format", "json"]).ok().ran();
    ASSETS.map(|asset| ran.of_asset(asset).to_vec())
}

fn not_final(first: &str, last: &str, sessions: u32, until: &str) -> Value {
    json!([{ "first": first, "last": last, "sessions": sessions, "reason": { "kind": "not_final", "until": until } }])
}

#[test]
fn a_session_is_made_at_its_close_and_not_a_second_before() {
    let project = project();
    let before = "2015-08-31T06:59:59Z";
    let plan = plan_at(&project, before);
    assert_eq!(blocked(&plan, "raw_bars"), not_final(TODAY, TODAY, 1, "2015-08-31T07:00:00Z"));
    project.run_at(before, &["plan"]).ok().says(&["raw_bars waits", TODAY, "not final until 2015-08-31 07:00 UTC"]);
    let closed = sessions("2015-07-01", "2015-08-28");
    assert_eq!(ran_at(&project, before), ASSETS.map(|_| closed.clone()));
    // What waits is not stale.
    project.run_at(before, &["plan", "--exit-code"]).ok();
    assert_eq!(ran_at(&project, before), ASSETS.map(|_| Vec::new()));
    let status = project.run_at(before, &["status", "--format", "json", "--select", "raw_bars"]).ok().json();
    assert_eq!((&status[0]["states"], &status[0]["blocked"]), (&json!(["blocked"]), &json!(1)));
    let listed = project.run_at(before, &["ls", "--format", "json", "--select", "state:blocked"]).ok().json();
    assert_eq!(listed.as_array().unwrap().len(), 5, "{listed}");
    project
        .run_at(before, &["explain", &format!("raw_bars@{TODAY}")])
        .ok()
        .says(&["not final until 2015-08-31 07:00 UTC"]);

    // At the close, said in Shanghai's own time.
    let close = "2015-08-31T15:00:00+08:00";
    project.run_at(close, &["plan", "--exit-code"]).exits(4);
    assert_eq!(blocked(&plan_at(&project, close), "raw_bars"), json!([]));
    assert_eq!(ran_at(&project, close), ASSETS.map(|_| vec![date(TODAY)]));
}

#[test]
fn several_sessions_wait_for_the_first_of_them() {
    let project = project();
    // Thursday evening; Friday and Monday are in the file already.
    let plan = plan_at(&project, "2015-08-27T12:00:00Z");
    assert_eq!(blocked(&plan, "raw_bars"), not_final("2015-08-28", TODAY, 2, "2015-08-28T07:00:00Z"));
    for now in ["2015-08-27T12:00:00Z", "2015-08-29T12:00:00Z", "2015-08-30T23:59:59Z"] {
        ran_at(&project, now);
    }
    let last = project.rows("select max(session) as last from signals");
    assert_eq!(last[0]["last"], "2015-08-28");
}

#[test]
fn before_the_first_close_there_is_nothing() {
    let project = project();
    let now = "2015-07-01T06:00:00Z";
    let plan = plan_at(&project, now);
    assert_eq!(blocked(&plan, "raw_bars"), not_final("2015-07-01", TODAY, 44, "2015-07-01T07:00:00Z"));
    assert_eq!(ran_at(&project, now), ASSETS.map(|_| Vec::new()));
    assert_eq!(ran_at(&project, "2015-07-01T07:00:00Z"), ASSETS.map(|_| vec![date("2015-07-01")]));
}

#[test]
fn settlement_is_waited_for() {
    let project = project();
    project.edit_yaml("assets:\n", "defaults: { settlement: 1h30m }\nassets:\n");
    let before = "2015-08-31T08:29:59Z";
    assert_eq!(blocked(&plan_at(&project, before), "raw_bars"), not_final(TODAY, TODAY, 1, "2015-08-31T08:30:00Z"));
    assert_eq!(ran_at(&project, before), ASSETS.map(|_| sessions("2015-07-01", "2015-08-28")));
    assert_eq!(ran_at(&project, "2015-08-31T08:30:00Z"), ASSETS.map(|_| vec![date(TODAY)]));
}

#[test]
fn settlement_of_one_asset_holds_up_what_is_below_it() {
    let project = project();
    project.edit_yaml("    input: raw_bars\n", "    input: raw_bars\n    settlement: 1d\n");
    let (closed, today) = (sessions("2015-07-01", "2015-08-28"), vec![date(TODAY)]);
    let now = "2015-08-31T12:00:00Z";
    let plan = plan_at(&project, now);
    assert_eq!(blocked(&plan, "raw_bars"), json!([]));
    assert_eq!(blocked(&plan, "completed_bars"), not_final(TODAY, TODAY, 1, "2015-09-01T07:00:00Z"));
    for (asset, input) in [("indicators", "completed_bars"), ("scores", "indicators"), ("signals", "scores")] {
        let reason = json!({ "kind": "input_blocked", "asset": input });
        let waits = json!([{ "first": TODAY, "last": TODAY, "sessions": 1, "reason": reason }]);
        assert_eq!(blocked(&plan, asset), waits, "{asset}");
    }
    let [raw, below @ ..] = ran_at(&project, now);
    assert_eq!(raw, sessions("2015-07-01", TODAY));
    assert_eq!(below, [(); 4].map(|()| closed.clone()));
    let [raw, below @ ..] = ran_at(&project, "2015-09-01T07:00:00Z");
    assert_eq!((raw, below), (Vec::new(), [(); 4].map(|()| today.clone())));
}

#[test]
fn what_stands_for_a_session_before_its_close_counts_for_nothing() {
    let mut project = project();
    let (during, after) = ("2015-08-31T05:00:00Z", "2015-08-31T08:00:00Z");
    ran_at(&project, during);
    let built = project.contents();
    project.edit_close("sh.600028", TODAY, 5.55);
    assert_eq!(ran_at(&project, during), ASSETS.map(|_| Vec::new()));
    assert_same(&built, &project.contents());
    project.edit_close("sh.600028", TODAY, 5.66);
    assert_eq!(ran_at(&project, after), ASSETS.map(|_| vec![date(TODAY)]));
    let close =
        project.rows("select close from completed_bars where instrument = 'sh.600028' and session = '2015-08-31'");
    assert_eq!(close[0]["close"], 5.66);
}

#[test]
fn a_clock_that_goes_back_takes_nothing_away() {
    let mut project = project();
    project.materialize();
    let built = project.contents();
    let files = files_below(&project.path("data/lake"));
    for earlier in ["2015-08-31T06:00:00Z", "2015-08-10T12:00:00Z", "2015-06-30T12:00:00Z"] {
        project.run_at(earlier, &["plan", "--exit-code"]).ok();
        assert_eq!(ran_at(&project, earlier), ASSETS.map(|_| Vec::new()), "{earlier}");
        assert_same(&built, &project.contents());
    }
    assert_eq!(files_below(&project.path("data/lake")), files);
    // A correction of the last session waits for its close, and is not forgotten.
    project.edit_close("sh.600028", TODAY, 5.55);
    assert_eq!(ran_at(&project, "2015-08-31T06:00:00Z"), ASSETS.map(|_| Vec::new()));
    assert_eq!(project.materialize().of_asset("completed_bars"), [date(TODAY)]);
    project.materialize().assert_nothing();
}

/// New York reads Shanghai: both trade on 2015-08-31…09-02; Shanghai rests on 09-03 and 09-04, New York on 09-07.
const NEW_YORK: [(&str, &str); 6] = [
    ("2015-08-31", "2015-08-31"),
    ("2015-09-01", "2015-09-01"),
    ("2015-09-02", "2015-09-02"),
    ("2015-09-03", "2015-09-02"),
    ("2015-09-04", "2015-09-02"),
    ("2015-09-08", "2015-09-08"),
];

fn new_york_reads_shanghai() -> Project {
    let yaml = "\
calendar: XSHG
start: 2015-08-31
assets:
  raw_bars: { kind: source, csv: 'data/source/bars/*.csv', columns: { instrument: symbol, session: date } }
  seen: { kind: indicators, calendar: XNYS, start: 2015-08-31, input: raw_bars, columns: { close: close } }
";
    Project::of(&["sh.000300", "sh.600028"], "2015-08-31", "2015-09-08", yaml)
}

#[test]
fn a_holiday_elsewhere_is_seen_as_the_session_before_it() {
    let mut project = new_york_reads_shanghai();
    let days = NEW_YORK.map(|(day, _)| date(day));
    project.materialize().assert(&[("raw_bars", &sessions("2015-08-31", "2015-09-08")), ("seen", &days)]);
    let rows = project.rows("select session, close from seen where instrument = 'sh.600028' order by session");
    let seen: Vec<(&str, f64)> =
        rows.iter().map(|row| (row["session"].as_str().unwrap(), row["close"].as_f64().unwrap())).collect();
    let expected = NEW_YORK.map(|(day, read)| (day, project.bars().close("sh.600028", read)));
    assert_eq!(seen, expected);

    for (corrected, reach) in [
        ("2015-09-01", &["2015-09-01"][..]),
        ("2015-09-02", &["2015-09-02", "2015-09-03", "2015-09-04"]),
        // Labor Day: by the next close in New York there is a newer one.
        ("2015-09-07", &[]),
        ("2015-09-08", &["2015-09-08"]),
    ] {
        project.edit_close("sh.600028", corrected, 9.87);
        let reach: Vec<NaiveDate> = reach.iter().map(|day| date(day)).collect();
        project.materialize().assert(&[("raw_bars", &[date(corrected)]), ("seen", &reach)]);
    }
}

#[test]
fn each_calendar_closes_by_itself() {
    let project = new_york_reads_shanghai();
    let both = |now: &str| {
        let ran = project.run_at(now, &["materialize", "--format", "json"]).ok().ran();
        (ran.of_asset("raw_bars").to_vec(), ran.of_asset("seen").to_vec())
    };
    let days = |texts: &[&str]| -> Vec<NaiveDate> { texts.iter().map(|day| date(day)).collect() };
    // Shanghai has closed on the 1st and New York has not.
    let now = "2015-09-01T08:00:00Z";
    let plan = plan_at(&project, now);
    let waits = blocked(&plan, "seen");
    assert_eq!(waits[0]["first"], "2015-09-01");
    assert_eq!(waits[0]["reason"], json!({ "kind": "not_final", "until": "2015-09-01T20:00:00Z" }));
    assert_eq!(both(now), (days(&["2015-08-31", "2015-09-01"]), days(&["2015-08-31"])));
    assert_eq!(both("2015-09-01T19:59:59Z"), (days(&[]), days(&[])));
    assert_eq!(both("2015-09-01T20:00:00Z"), (days(&[]), days(&["2015-09-01"])));
    // Shanghai's holidays: New York's closes alone count.
    assert_eq!(both("2015-09-02T07:00:00Z"), (days(&["2015-09-02"]), days(&[])));
    assert_eq!(both("2015-09-03T20:00:00Z"), (days(&[]), days(&["2015-09-02", "2015-09-03"])));
    assert_eq!(both("2015-09-07T23:00:00Z"), (days(&["2015-09-07"]), days(&["2015-09-04"])));
    assert_eq!(both("2015-09-08T20:00:00Z"), (days(&["2015-09-08"]), days(&["2015-09-08"])));
}

#[test]
fn a_late_settlement_elsewhere_holds_up_who_reads_it() {
    let project = new_york_reads_shanghai();
    project.edit_yaml("  raw_bars: { kind: source,", "  raw_bars: { kind: source, settlement: 1d,");
    // New York has closed on the 8th; Shanghai's bars of that day settle on the 9th.
    let now = "2015-09-08T21:00:00Z";
    let plan = plan_at(&project, now);
    assert_eq!(blocked(&plan, "raw_bars"), not_final("2015-09-08", "2015-09-08", 1, "2015-09-09T07:00:00Z"));
    assert_eq!(blocked(&plan, "seen")[0]["reason"], json!({ "kind": "input_blocked", "asset": "raw_bars" }));
    let ran = project.run_at(now, &["materialize", "--format", "json"]).ok().ran();
    assert_eq!(ran.of_asset("seen"), NEW_YORK[..5].iter().map(|(day, _)| date(day)).collect::<Vec<_>>());
    let ran = project.run_at("2015-09-09T07:00:00Z", &["materialize", "--format", "json"]).ok().ran();
    ran.assert(&[("raw_bars", &[date("2015-09-08")]), ("seen", &[date("2015-09-08")])]);
}
