//! Through each preset a year arrives complete, in as many requests as it takes, and never over the rate.

use super::support::vendors::{Market, Server, binance, eastmoney, rqdata, stooq, tushare, yahoo};
use super::support::{Source, expected, names, numbers, sessions};

const BARS: [&str; 5] = ["open", "high", "low", "close", "volume"];

fn with_amount() -> Vec<&'static str> {
    BARS.into_iter().chain(["amount"]).collect()
}

/// A source of a preset at the fake's address, with more said of it, and no time lost with waiting.
fn source(calendar: &str, preset: &str, server: &Server, more: &str) -> Source {
    let http = format!("preset: {preset}\nbase_url: {}\nretries: {{ from: 0s, to: 0s }}\n{more}", server.url());
    let files = [("token.txt", tushare::TOKEN), ("user.txt", rqdata::USER), ("password.txt", rqdata::PASSWORD)];
    Source::new(calendar, &http, &files)
}

#[test]
fn tushare_brings_a_year_session_by_session() {
    let sessions = sessions("XSHG", 2023);
    let market = Market::numbered(600_000, 30, &sessions);
    let server = tushare::start(market.clone(), 6000);
    let source = source(
        "XSHG",
        "tushare",
        &server,
        "params: { token: { file: token.txt } }\nrate: { per_second: 150 }\nconcurrency: 8",
    );
    let delivery = source.ask(&sessions, &[]).unwrap();
    let amount = |bar: &super::support::vendors::Bar| vec![bar.amount as f64 / 100.0];
    assert_eq!(numbers(&delivery.frame, &with_amount()), expected(&market, ".XSHG", amount));
    assert_eq!(server.count(), sessions.len());
    server.was_asked_at_most(150);
    // A column that the vendor left empty is there, and missing.
    assert_eq!(delivery.frame.column("pre_close").unwrap().null_count(), delivery.frame.height());
}

#[test]
fn tushare_divides_what_is_cut_off() {
    let sessions = sessions("XSHG", 2023)[..5].to_vec();
    let market = Market::numbered(600_000, 50, &sessions);
    let server = tushare::start(market.clone(), 20);
    let more = "params: { token: { file: token.txt } }\nrate: { per_second: 1000 }\ntruncated_at: 20";
    let source = source("XSHG", "tushare", &server, more);
    let delivery = source.ask(&sessions, &names(&market.codes, ".XSHG")).unwrap();
    assert_eq!(numbers(&delivery.frame, &BARS), expected(&market, ".XSHG", |_| Vec::new()));
    // 50, then 25 and 25, each of those in two.
    assert_eq!(server.count(), sessions.len() * 7);
    // Without names a call cannot be divided, and nothing is delivered.
    let error = source.ask(&sessions, &[]).unwrap_err().to_string();
    assert!(
        error.contains("has 20 rows, as many as the vendor gives at once") && error.contains("instruments:"),
        "{error}"
    );
}

#[test]
fn rqdata_brings_a_year_with_one_login_in_flight() {
    let sessions = sessions("XSHG", 2023);
    let market = Market::numbered(600_000, 40, &sessions);
    // Somebody else logs in after every eleven calls.
    let server = rqdata::start(market.clone(), 11);
    let more = "params: { user: { file: user.txt }, password: { file: password.txt } }\nat_once: { instruments: 10, sessions: 60 }\nrate: { per_second: 300 }\nconcurrency: 4";
    let source = source("XSHG", "rqdata", &server, more);
    let instruments = names(&market.codes, ".XSHG");
    let delivery = source.ask(&sessions, &instruments).unwrap();
    let amount = |bar: &super::support::vendors::Bar| vec![bar.amount as f64 / 100.0];
    assert_eq!(numbers(&delivery.frame, &with_amount()), expected(&market, ".XSHG", amount));
    let asked = server.asked();
    let logins = asked.iter().filter(|asked| asked.path == "/auth").count();
    // 4 groups of instruments, 5 of sessions; a token ends three times at most meanwhile, each with up to four calls under way.
    let calls = asked.len() - logins;
    assert!((20..=20 + 3 * 4).contains(&calls), "{calls} calls");
    assert!((2..=6).contains(&logins), "{logins} logins");
}

#[test]
fn binance_brings_a_year_page_by_page_without_the_bar_that_is_open() {
    let sessions = sessions("24/7", 2023);
    let market = Market::named(&["BTCUSDT", "ETHUSDT"], &sessions);
    let server = binance::start(market.clone(), 100);
    let more = "pagination: { by: last_key, key: \"6\", add: 1, size: 100 }\nrate: { per_second: 200 }";
    let mut source = source("24/7", "binance", &server, more);
    source.now = binance::before_the_last_close(&market);
    let delivery = source.ask(&sessions, &market.codes).unwrap();
    let got = numbers(&delivery.frame, &BARS);
    assert_eq!(got.len(), 2 * (sessions.len() - 1));
    for (key, values) in expected(&market, "", |_| Vec::new()) {
        if key.0 != *sessions.last().unwrap() {
            assert_eq!(got[&key], values, "{key:?}");
        }
    }
    assert_eq!(server.count(), 2 * 4);
}

#[test]
fn yahoo_brings_a_year_by_column() {
    let sessions = sessions("XNYS", 2023);
    let market = Market::named(&["AAPL", "BRK-B", "^GSPC"], &sessions);
    let server = yahoo::start(market.clone());
    let source = source("XNYS", "yahoo", &server, "rate: { per_second: 100 }");
    let delivery = source.ask(&sessions, &market.codes).unwrap();
    let columns: Vec<&str> = BARS.into_iter().chain(["adj_close"]).collect();
    // Sessions of which all is null are no rows.
    assert_eq!(numbers(&delivery.frame, &columns), expected(&market, "", |bar| vec![bar.close as f64 / 200.0]));
    assert_eq!(server.count(), 3);
}

#[test]
fn eastmoney_brings_a_year_of_lines_and_nothing_of_what_it_does_not_know() {
    let sessions = sessions("XSHG", 2023);
    let market = Market::numbered(600_000, 3, &sessions);
    let server = eastmoney::start(market.clone());
    let source = source("XSHG", "eastmoney", &server, "rate: { per_second: 100 }");
    let mut instruments = names(&market.codes, ".XSHG");
    instruments.push("000001.XSHE".to_owned());
    let delivery = source.ask(&sessions, &instruments).unwrap();
    let amount = |bar: &super::support::vendors::Bar| vec![bar.amount as f64 / 100.0];
    assert_eq!(numbers(&delivery.frame, &with_amount()), expected(&market, ".XSHG", amount));
    assert_eq!(delivery.notes, ["the vendor has nothing for `000001.XSHE`"]);
}

#[test]
fn stooq_brings_a_year_as_csv() {
    let sessions = sessions("XNYS", 2023);
    let market = Market::named(&["AAPL", "BRK.B"], &sessions);
    let server = stooq::start(market.clone());
    let source = source("XNYS", "stooq", &server, "rate: { per_second: 100 }");
    let delivery = source.ask(&sessions, &market.codes).unwrap();
    assert_eq!(numbers(&delivery.frame, &BARS), expected(&market, "", |_| Vec::new()));
    assert_eq!((server.count(), market.count()), (2, delivery.frame.height()));
}

/// Rows of other sessions and instruments, which a vendor gives along, are left out.
#[test]
fn what_was_not_asked_for_is_left_out() {
    let sessions = sessions("XSHG", 2023);
    let market = Market::numbered(600_000, 10, &sessions);
    let server = tushare::start(market.clone(), 6000);
    let more = "params: { token: { file: token.txt } }\nrate: { per_second: 1000 }\nbody: { params: { ts_code: } }";
    let source = source("XSHG", "tushare", &server, more);
    let two = names(&market.codes[..2], ".XSHG");
    let delivery = source.ask(&sessions[..10], &two).unwrap();
    let mut wanted = expected(&market, ".XSHG", |_| Vec::new());
    wanted.retain(|(session, instrument), _| *session <= sessions[9] && two.contains(instrument));
    assert_eq!(numbers(&delivery.frame, &BARS), wanted);
}

/// A rate is the vendor's, and not a request's: what was asked a moment ago counts.
#[test]
fn the_rate_holds_from_one_request_to_the_next_and_for_all_assets() {
    let market = Market::named(&["AAPL"], &sessions("XNYS", 2023)[..40]);
    let server = stooq::start(market.clone());
    let sources = [0, 1].map(|_| source("XNYS", "stooq", &server, "rate: { per_second: 40, burst: 10 }"));
    for (at, session) in market.sessions.iter().enumerate() {
        sources[at % 2].ask(&[*session], &market.codes).unwrap();
    }
    assert_eq!(server.count(), 40);
    // Ten at once, and from then on thirty a second.
    assert!(server.most_in(std::time::Duration::from_millis(500)) <= 10 + 15 + 5);
}
