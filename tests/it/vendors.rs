//! Vendors over HTTP, through the program: a year by each preset arrives complete, in as many requests as it takes, whatever goes wrong
//! on the way; a killed run goes on; and no secret is written down.

use std::collections::BTreeMap;
use std::time::Duration;

use assetctl_calendar::Calendar;
use chrono::NaiveDate;
use serde_json::Value;

use crate::support::vendors::{Fault, Market, Server, binance, eastmoney, rqdata, stooq, tushare, yahoo};
use crate::support::{Output, Project, files_below, wait_until};

const START: &str = "2016-01-04";
/// Everything of 2016 is final.
const NOW: &str = "2017-01-01T12:00:00Z";

/// The sessions of 2016.
fn sessions(calendar: &str) -> Vec<NaiveDate> {
    let calendar = Calendar::builtin(calendar).unwrap();
    let first: NaiveDate = START.parse().unwrap();
    let last = calendar.at_or_before(NaiveDate::from_ymd_opt(2016, 12, 31).unwrap()).unwrap();
    let range = calendar.range(first, calendar.date(last).date()).unwrap();
    range.iter().map(|ix| calendar.date(ix).date()).collect()
}

/// A project of one source, with the secrets of the fakes in files.
fn project(calendar: &str, preset: &str, server: &Server, instruments: &[String], more: &str) -> Project {
    let project = Project::empty();
    project.write("token.txt", tushare::TOKEN);
    project.write("user.txt", rqdata::USER);
    project.write("password.txt", rqdata::PASSWORD);
    let instruments = match instruments {
        [] => String::new(),
        some => format!("    instruments: ['{}']\n", some.join("', '")),
    };
    project.yaml(&format!(
        "calendar: {calendar}\nstart: {START}\nassets:\n  raw_bars:\n    kind: source\n{instruments}    empty: accept\n    http:\n      preset: {preset}\n      base_url: {}\n      retries: {{ from: 0s, to: 0s }}\n{}",
        server.url(),
        more.lines().map(|line| format!("      {line}\n")).collect::<String>()
    ));
    project
}

/// By session and instrument: open, high, low, close, volume.
type Bars = BTreeMap<(String, String), [f64; 5]>;

fn bars(project: &Project) -> Bars {
    let columns = ["open", "high", "low", "close", "volume"];
    let rows = project.rows("select session, instrument, open, high, low, close, volume from raw_bars");
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let bar = |row: &Value| columns.map(|name| row[name].as_f64().unwrap());
    rows.iter().map(|row| ((text(row, "session"), text(row, "instrument")), bar(row))).collect()
}

fn expected(market: &Market, suffix: &str) -> Bars {
    let mut all = Bars::new();
    for code in &market.codes {
        for (session, bar) in market.bars(code, NaiveDate::MIN, NaiveDate::MAX) {
            let [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(|cents| cents as f64 / 100.0);
            all.insert((session.to_string(), format!("{code}{suffix}")), [open, high, low, close, bar.volume as f64]);
        }
    }
    all
}

fn names(market: &Market, suffix: &str) -> Vec<String> {
    market.codes.iter().map(|code| format!("{code}{suffix}")).collect()
}

#[track_caller]
fn materialize(project: &Project) -> Output {
    project.run_at(NOW, &["materialize"]).ok()
}

/// Faults that pass, spread over the first requests.
fn troubles() -> impl Iterator<Item = (usize, Fault)> {
    let faults = [
        Fault::Instead(429, &[("retry-after", "0")], "slow down"),
        Fault::Instead(429, &[], "Too Many Requests"),
        Fault::Reset,
        Fault::Instead(503, &[], "busy"),
        Fault::Cut,
        Fault::Slow(Duration::from_millis(30)),
    ];
    faults.into_iter().enumerate().map(|(at, fault)| (2 * at, fault))
}

#[test]
fn a_year_of_tushare_arrives_complete_and_leaves_no_secret() {
    let market = Market::numbered(600_000, 12, &sessions("XSHG"));
    let server = tushare::start(market.clone(), 6000);
    server.fail(troubles());
    let more = "params: { token: { file: token.txt } }\nrate: { per_second: 150 }\nerrors: [{ status: 429, means: rate_limited, wait: 0s }]";
    let project = project("XSHG", "tushare", &server, &[], more);
    let said = project.run_at(NOW, &["materialize", "-vv"]).ok();
    assert_eq!(bars(&project), expected(&market, ".XSHG"));
    assert_eq!(bars(&project).len(), market.count());
    // Five of the troubles are made good by one more request each.
    assert_eq!(server.count(), market.sessions.len() + 5);
    server.was_asked_at_most(150);
    materialize(&project);
    assert_eq!(server.count(), market.sessions.len() + 5, "there is nothing to ask for again");

    let plan = project.run_at(NOW, &["plan", "--format", "json"]).ok();
    let shown = [said.stdout, said.stderr, plan.stdout, project.run(&["runs", "--format", "json"]).ok().stdout];
    assert!(shown.iter().all(|text| !text.contains(tushare::TOKEN)));
    let data = files_below(&project.path("data"));
    assert!(data.len() > 12, "{}", data.len());
    for (file, _) in data {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(tushare::TOKEN.len()).any(|part| part == tushare::TOKEN.as_bytes());
        assert!(!found, "{} has the token in it", file.display());
    }
}

#[test]
fn a_killed_backfill_goes_on_without_asking_again() {
    let market = Market::numbered(600_000, 5, &sessions("XSHG"));
    let server = tushare::start(market.clone(), 6000);
    let more = "params: { token: { file: token.txt } }\nrate: { per_second: 100 }\nconcurrency: 4";
    let project = project("XSHG", "tushare", &server, &[], more);
    let running = project.start_at(NOW, &["materialize"]);
    wait_until("half of the year was asked for", || server.count() > market.sessions.len() / 2);
    running.kill();
    let before = server.count();
    assert!(before < market.sessions.len(), "it was killed too late to show anything");
    materialize(&project);
    assert_eq!(bars(&project), expected(&market, ".XSHG"));
    // What was on its way when the run was killed is asked for again, and nothing else.
    assert!(server.count() <= market.sessions.len() + 4, "{} requests, {before} before the kill", server.count());
}

#[test]
fn a_year_of_rqdata_arrives_though_its_token_is_ended_again_and_again() {
    let market = Market::numbered(600_000, 12, &sessions("XSHG"));
    let server = rqdata::start(market.clone(), 5);
    server.fail(troubles());
    let more = "params: { user: { file: user.txt }, password: { file: password.txt } }\nat_once: { instruments: 4, sessions: 50 }\nrate: { per_second: 200 }\nerrors: [{ status: 429, means: rate_limited, wait: 0s }]";
    let project = project("XSHG", "rqdata", &server, &names(&market, ".XSHG"), more);
    materialize(&project);
    assert_eq!(bars(&project), expected(&market, ".XSHG"));
    let logins = server.asked().iter().filter(|asked| asked.path == "/auth").count();
    // 3 groups of instruments, 5 of sessions; and what the troubles and the ended tokens cost.
    assert!(server.count() - logins <= 15 + 5 + 2 * 5 && logins <= 10, "{logins} logins of {}", server.count());
}

#[test]
fn a_year_of_the_vendors_that_are_asked_by_instrument_arrives_complete() {
    let us = sessions("XNYS");
    let chinese = Market::numbered(600_000, 4, &sessions("XSHG"));
    let american = Market::named(&["AAPL", "BRK-B", "MSFT", "KO"], &us);
    let waits = "errors: [{ status: 429, means: rate_limited, wait: 0s }]\nrate: { per_second: 200 }";
    for (preset, server, calendar, market, suffix) in [
        ("eastmoney", eastmoney::start(chinese.clone()), "XSHG", &chinese, ".XSHG"),
        ("yahoo", yahoo::start(american.clone()), "XNYS", &american, ""),
        ("stooq", stooq::start(american.clone()), "XNYS", &american, ""),
    ] {
        server.fail(troubles());
        let project = project(calendar, preset, &server, &names(market, suffix), waits);
        materialize(&project);
        assert_eq!(bars(&project), expected(market, suffix), "{preset}");
        assert!(server.count() <= 4 + 6, "{preset}: {} requests", server.count());
    }
}

#[test]
fn a_year_of_binance_arrives_page_by_page() {
    let market = Market::named(&["BTCUSDT", "ETHUSDT"], &sessions("24/7"));
    let server = binance::start(market.clone(), 100);
    server.fail([(1, Fault::Instead(418, &[("retry-after", "0")], r#"{"code":-1003,"msg":"banned"}"#))]);
    let more = "pagination: { by: last_key, key: \"6\", add: 1, size: 100 }\nrate: { per_second: 200 }";
    let project = project("24/7", "binance", &server, &market.codes, more);
    // At noon of the last day its bar is open, and left out.
    let noon = binance::before_the_last_close(&market).to_rfc3339();
    project.run_at(&noon, &["materialize"]).ok();
    let got = bars(&project);
    assert_eq!(got.len(), 2 * (market.sessions.len() - 1));
    let last = market.sessions.last().unwrap().to_string();
    assert!(expected(&market, "").iter().all(|(key, bar)| key.0 == last || got[key] == *bar));
    assert_eq!(server.count(), 2 * 4 + 1);
}

#[test]
fn an_answer_that_is_wrong_stops_the_source_and_what_came_before_it_stays() {
    let market = Market::numbered(600_000, 5, &sessions("XSHG"));
    let server = tushare::start(market.clone(), 6000);
    let more = "params: { token: { file: token.txt } }\nrate: { per_second: 500 }\nconcurrency: 1";
    let project = project("XSHG", "tushare", &server, &[], more);
    // Broken JSON may be an accident of the way; another type is not.
    server.fail([(3, Fault::Short), (100, Fault::Wrong("\"600003.SH\",", "\"600003.SH\",{},"))]);
    let said = project.run_at(NOW, &["materialize"]).exits(5);
    said.says(&["`raw_bars` from tushare: 2016-0", "field `open` (`open`) is `{}`, which is no number"]);
    let before = bars(&project).len();
    assert!(before > 0 && before < market.count(), "{before} rows");
    materialize(&project);
    assert_eq!(bars(&project), expected(&market, ".XSHG"));
    assert_eq!(server.count(), market.sessions.len() + 2);
}

#[test]
fn a_secret_that_is_not_set_is_named_with_its_line_and_nothing_else_fails() {
    let market = Market::numbered(600_000, 2, &sessions("XSHG")[..3]);
    let server = tushare::start(market.clone(), 6000);
    let project = project("XSHG", "tushare", &server, &[], "params: { token: { env: TUSHARE_TOKEN } }");
    project.run(&["validate"]).ok();
    project.run_at(NOW, &["plan"]).ok();
    let said = project.run_at(NOW, &["materialize", "--to", "2016-01-06"]).exits(5);
    said.says(&["environment variable `TUSHARE_TOKEN` is not set", "assets.yaml:11:"]);
    assert_eq!(server.count(), 0);
    let args = ["materialize", "--to", "2016-01-06", "--now", NOW];
    let output = project.command(&args).env("TUSHARE_TOKEN", tushare::TOKEN).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(bars(&project), expected(&market, ".XSHG"));
}

#[test]
fn a_mistake_in_a_template_is_shown_where_it_stands() {
    let project = Project::empty();
    project.write(
        "vendors/mine.yaml",
        "url: https://api.example.com/{{ day }}\nby: session\ncolumns: { instrument: id, close: c }\n",
    );
    project
        .yaml("calendar: XSHG\nstart: 2016-01-04\nassets:\n  bars:\n    kind: source\n    http: vendors/mine.yaml\n");
    let said = project.run(&["validate"]).exits(3);
    said.says(&["vendors/mine.yaml:1:6", "the template cannot be filled in", "`session`"]);
}
