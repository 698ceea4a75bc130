//! Bars within sessions from vendors: some weeks by each preset arrive complete, each at its time and in its session, whatever goes wrong on the
//! way; a killed run goes on; nights are asked for; and what is delivered late or corrected is told minute by minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assetctl_calendar::Stamp;
use chrono::NaiveDateTime;
use serde_json::{Value, json};

use crate::support::vendors::{Fault, Minutes, Reply, Server, binance, eastmoney, rqdata, tushare, yahoo};
use crate::support::{Project, assert_same, date, wait_until};

const NOW: &str = "2025-01-10T12:00:00Z";
/// Rules that do not wait, as the vendors' own do.
const AT_ONCE: &str = "errors: [{ status: 429, means: rate_limited, wait: 0s }]\nrate: { per_second: 300 }";

fn project(calendar: &str, start: &str, preset: &str, server: &Server, minutes: &Minutes, more: &str) -> Project {
    let project = Project::empty();
    project.write("token.txt", tushare::TOKEN);
    project.write("user.txt", rqdata::USER);
    project.write("password.txt", rqdata::PASSWORD);
    let suffix = if calendar == "XSHG" { ".XSHG" } else { "" };
    let names: Vec<String> = minutes.codes.iter().map(|code| format!("{code}{suffix}")).collect();
    project.yaml(&format!(
        "calendar: {calendar}\nstart: {start}\nassets:\n  bars:\n    kind: source\n    time: {{ every: {}m }}\n    instruments: ['{}']\n    empty: accept\n    http:\n      preset: {preset}\n      base_url: {}\n      retries: {{ from: 0s, to: 0s }}\n{}",
        minutes.every,
        names.join("', '"),
        server.url(),
        more.lines().map(|line| format!("      {line}\n")).collect::<String>()
    ));
    project
}

/// By session, instrument and time: open, high, low, close, volume.
type Bars = BTreeMap<(String, String, String), [f64; 5]>;

fn bars(project: &Project) -> Bars {
    let columns = ["open", "high", "low", "close", "volume"];
    let rows = project.rows(
        "select session::text as session, instrument, time::text as at, open, high, low, close, volume from bars",
    );
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let bar = |row: &Value| columns.map(|name| row[name].as_f64().unwrap());
    rows.iter().map(|row| ((text(row, "session"), text(row, "instrument"), text(row, "at")), bar(row))).collect()
}

fn expected(minutes: &Minutes, suffix: &str) -> Bars {
    let mut all = Bars::new();
    for code in &minutes.codes {
        for minute in minutes.bars(code) {
            let bar = minute.bar;
            let [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(|cents| cents as f64 / 100.0);
            let key = (minute.session.to_string(), format!("{code}{suffix}"), minute.local.to_string());
            all.insert(key, [open, high, low, close, bar.volume as f64]);
        }
    }
    assert_eq!(all.len(), minutes.count());
    all
}

/// Faults that pass, spread over the first requests.
fn troubles() -> impl Iterator<Item = (usize, Fault)> {
    let faults = [
        Fault::Instead(429, &[("retry-after", "0")], "slow down"),
        Fault::Cut,
        Fault::Instead(503, &[], "busy"),
        Fault::Reset,
        Fault::Slow(Duration::from_millis(30)),
    ];
    faults.into_iter().enumerate().map(|(at, fault)| (2 * at, fault))
}

#[test]
fn minutes_of_tushare_are_divided_where_they_are_cut_off() {
    let all = Minutes::new("XSHG", ("2024-03-04", "2024-03-29"), &["600000", "600001"], 1, Stamp::End);
    // 20 sessions of 240 minutes in one call are more than the vendor gives.
    let server = tushare::minutes(all.clone(), 2000);
    server.fail(troubles());
    let more = format!("params: {{ token: {{ file: token.txt }} }}\ntruncated_at: 2000\n{AT_ONCE}");
    let project = project("XSHG", "2024-03-04", "tushare", &server, &all, &more);
    project.run_at("2024-03-29T12:00:00Z", &["materialize"]).ok();
    assert_eq!(bars(&project), expected(&all, ".XSHG"));
    // 20 sessions, halved to 5: seven calls for each stock, and what the troubles cost.
    assert!(server.count() <= 2 * 7 + 4, "{} requests", server.count());
    let asked = &server.asked()[0].json()["params"];
    assert_eq!(
        (&asked["start_date"], &asked["end_date"]),
        (&json!("2024-03-04 09:30:00"), &json!("2024-03-29 15:00:00"))
    );
    let count = server.count();
    project.run_at("2024-03-29T12:00:00Z", &["materialize"]).ok();
    assert_eq!(server.count(), count, "there is nothing to ask for again");
}

#[test]
fn minutes_of_chinese_vendors_arrive_complete() {
    let fives = Minutes::new("XSHG", ("2024-09-18", "2024-10-18"), &["600000", "600001", "600002"], 5, Stamp::End);
    let quarters = Minutes { every: 15, ..fives.clone() };
    let secrets = "params: { user: { file: user.txt }, password: { file: password.txt } }\nat_once: { instruments: 2, sessions: 5 }\n";
    for (preset, server, minutes, more) in [
        ("rqdata", rqdata::minutes(fives.clone(), 3), &fives, secrets),
        ("eastmoney", eastmoney::minutes(quarters.clone()), &quarters, ""),
    ] {
        server.fail(troubles());
        let project = project("XSHG", "2024-09-18", preset, &server, minutes, &format!("{more}{AT_ONCE}"));
        project.run_at("2024-10-18T12:00:00Z", &["materialize"]).ok();
        assert_eq!(bars(&project), expected(minutes, ".XSHG"), "{preset}");
    }
}

#[test]
fn minutes_of_yahoo_follow_the_clocks_and_a_half_day_is_short() {
    // Clocks are put back on the 3rd; the day after Thanksgiving ends at 13:00.
    let all = Minutes::new("XNYS", ("2024-10-28", "2024-12-02"), &["AAPL", "KO"], 5, Stamp::Start);
    let server = yahoo::minutes(all.clone());
    server.fail(troubles());
    let project = project("XNYS", "2024-10-28", "yahoo", &server, &all, AT_ONCE);
    let said = project.run_at("2024-12-03T12:00:00Z", &["materialize"]).ok();
    let got = bars(&project);
    assert_eq!(got, expected(&all, ""));
    said.says(&["2 rows outside the hours of `XNYS` left out"]);
    let of = |session: &str| -> Vec<&str> {
        let rows = got.keys().filter(|(day, name, _)| day == session && name == "AAPL");
        rows.map(|(_, _, at)| &at[11..16]).collect()
    };
    assert!(of("2024-11-29").iter().all(|at| *at < "13:00"), "{:?}", of("2024-11-29"));
    for session in ["2024-11-01", "2024-11-04"] {
        let times = of(session);
        assert!(times[0] <= "09:40" && *times.last().unwrap() >= "15:45", "{session}: {times:?}");
    }
    // What is too long ago is said by the vendor.
    server.fail([(server.count(), Fault::Instead(422, &[], r#"{"chart":{"result":null,"error":{"code":"Unprocessable Entity","description":"5m data not available. The requested range must be within the last 60 days."}}}"#))]);
    let refused = project
        .run_at("2024-12-03T12:00:00Z", &["materialize", "--force", "--from", "2024-10-28", "--to", "2024-10-28"])
        .exits(5);
    refused.says(&["The requested range must be within the last 60 days", "let `start` be later"]);
}

#[test]
fn minutes_of_binance_come_round_the_clock_page_by_page() {
    let all = Minutes::new("24/7", ("2024-12-29", "2025-01-04"), &["BTCUSDT", "ETHUSDT"], 5, Stamp::Start);
    let server = binance::minutes(all.clone(), 1000);
    server.fail(troubles());
    let project = project("24/7", "2024-12-29", "binance", &server, &all, AT_ONCE);
    project.run_at("2025-01-05T12:00:00Z", &["materialize"]).ok();
    let got = bars(&project);
    assert_eq!(got, expected(&all, ""));
    // A day has 288 bars of which some are missing: seven days are two pages.
    assert!(server.count() <= 2 * 2 + 4, "{} requests", server.count());
    // The name of the interval follows from the length of a bar.
    project.edit_yaml("every: 5m", "every: 2h");
    project.run_at("2025-01-05T12:00:00Z", &["materialize"]).exits(5);
    assert_eq!(server.asked().last().unwrap().query("interval"), "2h");
}

#[test]
fn a_killed_backfill_of_minutes_asks_for_nothing_twice() {
    let all =
        Minutes::new("XSHG", ("2024-01-02", "2024-12-31"), &["600000", "600001", "600002", "600003"], 15, Stamp::End);
    let server = tushare::minutes(all.clone(), 8000);
    let more =
        "params: { token: { file: token.txt } }\nat_once: { sessions: 10 }\nrate: { per_second: 60 }\nconcurrency: 2";
    let project = project("XSHG", "2024-01-02", "tushare", &server, &all, more);
    let calls = 4 * all.sessions.len().div_ceil(10);
    let running = project.start_at(NOW, &["materialize"]);
    wait_until("half of the year was asked for", || server.count() > calls / 2);
    running.kill();
    let before = server.count();
    assert!(before < calls, "it was killed too late to show anything");
    project.run_at(NOW, &["materialize"]).ok();
    assert_eq!(bars(&project), expected(&all, ".XSHG"));
    let mut asked: Vec<Vec<u8>> = server.asked().into_iter().map(|asked| asked.body).collect();
    let count = asked.len();
    asked.sort();
    asked.dedup();
    // What was on its way when the run was killed is asked for again, and nothing else.
    assert!(count <= asked.len() + 2, "{count} requests, {} of them different", asked.len());
}

/// A vendor of one's own: rows of `t`, its date `d`, `i` and `close`.
#[derive(Clone, Default)]
struct Own {
    rows: Arc<Mutex<BTreeMap<String, f64>>>,
}

impl Own {
    fn set(&self, session: &str, times: &[(&str, f64)]) {
        self.rows.lock().unwrap().extend(times.iter().map(|(at, close)| (format!("{session} {at}:00"), *close)));
    }

    fn serve(&self) -> Server {
        let rows = Arc::clone(&self.rows);
        Server::start(move |asked| {
            let at =
                |name: &str| NaiveDateTime::parse_from_str(asked.query(name), "%Y-%m-%d %H:%M:%S").unwrap().to_string();
            let (first, last) = (at("from"), at("to"));
            let rows = rows.lock().unwrap();
            let inside = rows.range(first..=last);
            Reply::json(
                &inside.map(|(at, close)| json!({ "t": at, "d": at[..10], "i": "AU", "close": close })).collect(),
            )
        })
    }
}

fn own(server: &Server, calendar: &str, more: &str) -> String {
    format!(
        "calendar: {calendar}\nstart: 2024-03-14\ncalendars:\n  FUT: {{ extends: XSHG, hours: ['21:00-23:00', '09:00-11:30', '13:30-15:00'] }}\nassets:\n  bars:\n    kind: source\n    time: {{ every: 30m }}\n{more}    http:\n      url: {}\n      by: range\n      query: {{ from: \"{{{{ opens | date('%Y-%m-%d %H:%M:%S') }}}}\", to: \"{{{{ closes | date('%Y-%m-%d %H:%M:%S') }}}}\" }}\n      columns: {{ instrument: i, time: t, close: close }}\n",
        server.url()
    )
}

#[test]
fn a_night_is_asked_for_with_the_session_that_it_belongs_to() {
    let vendor = Own::default();
    let server = vendor.serve();
    vendor.set("2024-03-14", &[("14:30", 1.0), ("21:30", 2.0)]);
    vendor.set("2024-03-15", &[("09:30", 3.0), ("15:00", 4.0), ("22:00", 5.0)]);
    vendor.set("2024-03-18", &[("10:00", 6.0), ("21:30", 7.0)]);
    let project = Project::empty();
    project.yaml(&own(&server, "FUT", "").replace("start: 2024-03-14", "start: 2024-03-18"));
    project.run_at("2024-03-18T12:00:00Z", &["materialize"]).ok();
    let asked = &server.asked()[0];
    assert_eq!((asked.query("from"), asked.query("to")), ("2024-03-15 21:00:00", "2024-03-18 15:00:00"));
    let rows = project.rows("select session::text as session, time::text as at, close from bars order by time");
    let shown: Vec<String> =
        rows.iter().map(|row| format!("{} {} {}", row["session"], row["at"], row["close"])).collect();
    assert_eq!(shown, ["\"2024-03-18\" \"2024-03-15 22:00:00\" 5.0", "\"2024-03-18\" \"2024-03-18 10:00:00\" 6.0"]);
    // A vendor that says of which session a row is must mean the same.
    project.edit_yaml("columns: { instrument: i,", "columns: { session: d, instrument: i,");
    let refused = project.run_at("2024-03-18T12:00:00Z", &["materialize"]).exits(5);
    refused.says(&["row 1: field `t`, the time: `2024-03-15 22:00` is traded on the session 2024-03-18, and the row says 2024-03-15"]);
}

#[test]
fn late_and_corrected_minutes_are_told_one_by_one() {
    let vendor = Own::default();
    let server = vendor.serve();
    let project = Project::empty();
    project.yaml(&own(&server, "XSHG", "    lookback: 2\n"));
    let morning = [("10:00", 1.0), ("10:30", 1.1), ("11:00", 1.2), ("11:30", 1.3)];
    let afternoon = [("13:30", 1.4), ("14:00", 1.5), ("14:30", 1.6), ("15:00", 1.7)];
    vendor.set("2024-03-14", &morning);
    project.run_at("2024-03-14T12:00:00Z", &["materialize"]).ok();
    assert_eq!(project.rows("select * from bars").len(), 4);
    // The rest of the day comes a day later.
    vendor.set("2024-03-14", &afternoon);
    vendor.set("2024-03-15", &morning);
    vendor.set("2024-03-15", &afternoon);
    let ran = project.run_at("2024-03-15T12:00:00Z", &["materialize", "--format", "json"]).ok().ran();
    assert_eq!(ran.of_asset("bars"), [date("2024-03-14"), date("2024-03-15")]);
    assert_eq!(project.rows("select * from bars").len(), 16);
    // One minute is corrected, and one does not come again.
    vendor.set("2024-03-14", &[("14:00", 9.9)]);
    vendor.rows.lock().unwrap().remove("2024-03-14 10:30:00");
    vendor.set("2024-03-18", &morning);
    let said = project.run_at("2024-03-18T12:00:00Z", &["materialize"]).ok();
    said.says(&["1 row of 2024-03-14 did not come again and stays"]);
    let rows = project.rows("select close from bars where session = '2024-03-14' order by time");
    let closes: Vec<f64> = rows.iter().map(|row| row["close"].as_f64().unwrap()).collect();
    assert_eq!(closes, [1.0, 1.1, 1.2, 1.3, 1.4, 9.9, 1.6, 1.7]);
    let revisions = project.json(&["diff", "bars@2024-03-14"])["revisions"].clone();
    let changes = |at: usize| revisions[at]["changes"].as_array().unwrap().clone();
    assert_eq!(revisions.as_array().unwrap().len(), 3);
    assert_eq!(changes(1).len(), 4);
    let [change] = changes(2).try_into().unwrap();
    assert_eq!((&change["column"], &change["old"], &change["new"]), (&json!("close"), &json!(1.5), &json!(9.9)));
    assert_eq!(change["key"]["instrument"], "AU");
    assert!(change["key"]["time"].as_str().unwrap().contains("14:00"), "{change}");
    // What does not come again goes, if that is declared; and then it is what a vendor without it gives at once.
    project.edit_yaml("lookback: 2", "lookback: 3\n    on_missing: remove");
    project
        .run_at("2024-03-19T12:00:00Z", &["materialize"])
        .ok()
        .says(&["1 row of 2024-03-14 did not come again and goes"]);
    let fresh = Project::empty();
    fresh.yaml(&own(&server, "XSHG", ""));
    fresh.run_at("2024-03-19T12:00:00Z", &["materialize"]).ok();
    assert_same(&project.contents(), &fresh.contents());
}

#[test]
fn two_bars_of_one_minute_must_be_alike() {
    let server = Server::start(|_| {
        Reply::json(&json!([
            { "t": "2024-03-14 10:00:00", "i": "AU", "close": 1.0 },
            { "t": "2024-03-14 10:30:00", "i": "AU", "close": 2.0 },
            { "t": "2024-03-14 10:30:00", "i": "AU", "close": 3.0 },
        ]))
    });
    let project = Project::empty();
    project.yaml(&own(&server, "XSHG", ""));
    let refused = project.run_at("2024-03-14T12:00:00Z", &["materialize"]).exits(5);
    refused.says(&["two rows for `AU` on 2024-03-14 10:30: `close` is 2 in one and 3 in the other"]);
    // The time of no bar.
    project.edit_yaml("every: 30m", "every: 1h");
    let refused = project.run_at("2024-03-14T12:00:00Z", &["materialize"]).exits(5);
    refused.says(&["row 1: field `t`, the time: `2024-03-14 10:00` is not the time of a bar of 60 minutes"]);
}

#[test]
fn a_vendor_of_one_session_may_leave_the_date_away() {
    let server = Server::start(|_| Reply::json(&json!([["AU", "1000", 2], ["AU", "2130", 1]])));
    let project = Project::empty();
    project.yaml(&format!(
        "calendar: FUT\nstart: 2024-03-15\ncalendars:\n  FUT: {{ extends: XSHG, hours: ['21:00-23:00', '09:00-11:30', '13:30-15:00'] }}\nassets:\n  bars:\n    kind: source\n    time: {{ every: 30m, format: '%H%M' }}\n    http:\n      url: {}\n      by: session\n      query: {{ day: \"{{{{ session }}}}\" }}\n      response: {{ shape: arrays }}\n      columns: {{ instrument: '0', time: '1', close: '2' }}\n",
        server.url()
    ));
    project.run_at("2024-03-18T12:00:00Z", &["materialize"]).ok();
    let rows = project.rows("select session::text || ' ' || time::text as at from bars order by time");
    let shown: Vec<&str> = rows.iter().map(|row| row["at"].as_str().unwrap()).collect();
    assert_eq!(
        shown,
        [
            "2024-03-15 2024-03-14 21:30:00",
            "2024-03-15 2024-03-15 10:00:00",
            "2024-03-18 2024-03-15 21:30:00",
            "2024-03-18 2024-03-18 10:00:00",
        ]
    );
}
