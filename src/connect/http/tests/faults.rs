//! All that can go wrong on the way, and what becomes of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::support::vendors::{Asked, Fault, Market, Reply, Server, stooq, yahoo};
use super::support::{Source, expected, numbers, sessions};
use crate::fetch::FetchError;

const BARS: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// Stooq in a vendor's file of its own, with no time lost with waiting.
fn source(server: &Server, more: &str) -> Source {
    let http = format!(
        "preset: stooq\nbase_url: {}\nrate: {{ per_second: 500 }}\nconcurrency: 1\nretries: {{ times: 3, from: 0s, to: 0s }}\n{more}",
        server.url()
    );
    Source::new("XNYS", &http, &[])
}

fn market() -> Market {
    Market::named(&["AAPL", "MSFT"], &sessions("XNYS", 2023)[..20])
}

#[test]
fn what_passes_is_tried_again_and_nothing_is_lost() {
    for (fault, requests) in [
        (Fault::Instead(503, &[], "busy"), 3),
        (Fault::Instead(429, &[], "Too Many Requests"), 3),
        (Fault::Instead(429, &[("retry-after", "0")], ""), 3),
        (Fault::Instead(408, &[], ""), 3),
        (Fault::Cut, 3),
        (Fault::Reset, 3),
        (Fault::Slow(Duration::from_millis(50)), 2),
    ] {
        let (market, shown) = (market(), format!("{fault:?}"));
        let server = stooq::start(market.clone());
        server.fail([(0, fault)]);
        let delivery = source(&server, "").ask(&market.sessions, &market.codes).unwrap();
        assert_eq!(numbers(&delivery.frame, &BARS), expected(&market, "", |_| Vec::new()), "{shown}");
        assert_eq!(server.count(), requests, "{shown}");
    }
}

#[test]
fn a_vendor_that_names_a_time_is_left_alone_until_then() {
    let market = market();
    let server = stooq::start(market.clone());
    server.fail([
        (0, Fault::Instead(429, &[("retry-after", "1")], "")),
        (
            2,
            Fault::Instead(
                503,
                &[("date", "Fri, 15 Mar 2024 10:00:00 GMT"), ("retry-after", "Fri, 15 Mar 2024 10:00:01 GMT")],
                "",
            ),
        ),
    ]);
    let source = source(&server, "");
    let begin = Instant::now();
    let delivery = source.ask(&market.sessions, &market.codes).unwrap();
    assert_eq!(numbers(&delivery.frame, &BARS), expected(&market, "", |_| Vec::new()));
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
    let waits: Vec<String> =
        source.progress.lock().unwrap().iter().filter_map(|progress| progress.waits.clone()).collect();
    assert!(waits.contains(&"again in 1 s after HTTP 429".to_owned()), "{waits:?}");
    let last = source.progress.lock().unwrap().last().cloned().unwrap();
    assert_eq!((last.done, last.of, last.rows), (2, 2, delivery.frame.height() as u64));
}

#[test]
fn a_vendor_that_is_asked_too_often_is_left_alone_by_all_calls() {
    let names: Vec<String> = ('A'..='P').map(String::from).collect();
    let market = Market::named(&names.iter().map(String::as_str).collect::<Vec<_>>(), &sessions("XNYS", 2023)[..5]);
    let server = stooq::start(market.clone());
    server.fail([(0, Fault::Instead(429, &[("retry-after", "1")], ""))]);
    let http = format!(
        "preset: stooq\nbase_url: {}\nrate: {{ per_second: 500 }}\nconcurrency: 2\nretries: {{ times: 3, from: 0s, to: 0s }}\n",
        server.url()
    );
    Source::new("XNYS", &http, &[]).ask(&market.sessions, &market.codes).unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 17);
    // Had the others gone on, the one that was told to wait would be the last to come again.
    assert_ne!(asked[16].query("s"), asked[0].query("s"));
}

#[test]
fn a_vendor_that_wants_to_be_left_alone_for_long_ends_the_request() {
    for fault in
        [Fault::Instead(418, &[("retry-after", "7200")], ""), Fault::Instead(200, &[], "Exceeded the daily hits limit")]
    {
        let (market, shown) = (market(), format!("{fault:?}"));
        let server = stooq::start(market.clone());
        server.fail([(0, fault)]);
        let more = "errors: [{ status: 418, means: rate_limited }]";
        let error = source(&server, more).ask(&market.sessions, &market.codes).unwrap_err();
        let FetchError::Transient { what } = &error else { panic!("{error}") };
        assert!(what.contains("is to be left alone for"), "{what}");
        assert_eq!(server.count(), 1, "{shown}");
    }
}

#[test]
fn what_does_not_pass_ends_after_as_many_times_as_declared() {
    let market = market();
    let server = stooq::start(market.clone());
    server.fail((0..10).map(|at| (at, Fault::Instead(502, &[], "<html>bad gateway</html>"))));
    let error = source(&server, "").ask(&market.sessions, &market.codes).unwrap_err();
    let what = "`bars` from stooq: `AAPL`, 2023-01-03…2023-01-31: HTTP 502: <html>bad gateway</html>; asked 4 times";
    assert_eq!(error, FetchError::Transient { what: what.to_owned() });
    assert_eq!(server.count(), 4);
}

#[test]
fn an_answer_that_is_not_as_declared_is_refused_with_its_place() {
    for (fault, said) in [
        (Fault::Instead(404, &[], "no such page"), "HTTP 404: no such page"),
        (
            Fault::Wrong("Close", "close"),
            "the answer has no field `Close`; it has `Date`, `Open`, `High`, `Low`, `close`, `Volume`",
        ),
        (
            Fault::Wrong("2023-01-04,", "2023/01/04,"),
            "row 2: field `Date` (`session`) is `2023/01/04`, which is no date",
        ),
        (Fault::Wrong("Volume\r\n2023-01-03,", "Volume\r\n2023-01-03,x"), "row 1: field `Open` (`open`) is `x"),
        (Fault::Wrong("2023-01-03,", "2023-01-03,1,"), "line 2 of the answer has 7 fields, and the first has 6"),
        (Fault::Instead(200, &[], "<html>we moved</html>\n"), "the answer has no field `Date`"),
    ] {
        let (market, shown) = (market(), format!("{fault:?}"));
        let server = stooq::start(market.clone());
        server.fail([(0, fault)]);
        let error = source(&server, "").ask(&market.sessions, &market.codes).unwrap_err();
        let FetchError::Refused { what, .. } = &error else { panic!("{shown}: {error}") };
        assert!(
            what.starts_with("`bars` from stooq: `AAPL`, 2023-01-03…2023-01-31: ") && what.contains(said),
            "{shown}: {what}"
        );
        assert_eq!(server.count(), 1, "{shown}");
    }
}

#[test]
fn broken_json_is_tried_again_and_then_said() {
    let market = market();
    let server = yahoo::start(market.clone());
    server.fail([(0, Fault::Short)]);
    let http = format!(
        "preset: yahoo\nbase_url: {}\nrate: {{ per_second: 500 }}\nretries: {{ times: 1, from: 0s, to: 0s }}",
        server.url()
    );
    let source = Source::new("XNYS", &http, &[]);
    let delivery = source.ask(&market.sessions, &market.codes).unwrap();
    assert_eq!(numbers(&delivery.frame, &BARS), expected(&market, "", |_| Vec::new()));
    let server_of_halves = yahoo::start(market.clone());
    server_of_halves.fail((0..10).map(|at| (at, Fault::Short)));
    let http = http.replace(&server.url(), &server_of_halves.url());
    let error = Source::new("XNYS", &http, &[]).ask(&market.sessions, &market.codes).unwrap_err();
    assert!(matches!(&error, FetchError::Transient { what } if what.contains("the answer is not JSON")), "{error}");
}

#[test]
fn two_different_rows_of_one_key_are_refused_and_two_alike_are_one() {
    let body = |second: &str| {
        format!("Date,Open,High,Low,Close,Volume\n2023-01-03,1,2,0.5,1.5,100\n2023-01-03,1,2,0.5,{second},100\n")
    };
    let first = market().sessions[..1].to_vec();
    let twice = body("1.5");
    let server = Server::start(move |_: &Asked| Reply::new(200, twice.clone()));
    let delivery = source(&server, "").ask(&first, &["AAPL".to_owned()]).unwrap();
    assert_eq!(delivery.frame.height(), 1);
    let other = body("1.6");
    let server = Server::start(move |_: &Asked| Reply::new(200, other.clone()));
    let error = source(&server, "").ask(&first, &["AAPL".to_owned()]).unwrap_err();
    let what = "`bars` from stooq: two rows for `AAPL` on 2023-01-03: `close` is 1.5 in one and 1.6 in the other";
    assert_eq!(error, FetchError::Refused { what: what.to_owned(), help: None });
}

#[test]
fn answers_that_are_too_long_or_too_slow_are_not_waited_for() {
    let market = market();
    let server = stooq::start(market.clone());
    let error = source(&server, "max_bytes: 100").ask(&market.sessions, &market.codes).unwrap_err().to_string();
    assert!(error.contains("the answer is longer than 100 bytes"), "{error}");
    let server = stooq::start(market.clone());
    server.fail([(0, Fault::Slow(Duration::from_millis(1500)))]);
    let delivery = source(&server, "timeout: 1s").ask(&market.sessions, &market.codes).unwrap();
    assert_eq!(delivery.frame.height(), market.count());
    assert_eq!(server.count(), 3);
}

#[test]
fn a_request_ends_when_it_is_cancelled_while_waiting_too() {
    let market = market();
    let server = stooq::start(market.clone());
    server.fail([(0, Fault::Instead(429, &[("retry-after", "60")], ""))]);
    let cancelled = AtomicBool::new(false);
    let source = source(&server, "");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while server.count() == 0 {
                std::thread::sleep(Duration::from_millis(10));
            }
            cancelled.store(true, Ordering::SeqCst);
        });
        let answer = source.ask_until(&market.sessions, &market.codes, &|| cancelled.load(Ordering::SeqCst));
        assert_eq!(answer.map(|_| ()), Err(FetchError::Cancelled));
    });
    assert_eq!(server.count(), 1);
}

#[test]
fn an_answer_that_was_kept_is_not_asked_for_again() {
    let market = market();
    let server = stooq::start(market.clone());
    let source = source(&server, "");
    // The second call fails: nothing is delivered, and the first answer waits in the spool.
    server.fail([(1, Fault::Instead(400, &[], "no"))]);
    source.ask(&market.sessions, &market.codes).unwrap_err();
    assert_eq!((server.count(), source.spooled().len()), (2, 1));
    let delivery = source.ask(&market.sessions, &market.codes).unwrap();
    assert_eq!(numbers(&delivery.frame, &BARS), expected(&market, "", |_| Vec::new()));
    assert_eq!(server.count(), 3);
    // What is asked differently is asked again.
    source.ask(&market.sessions[..5], &market.codes).unwrap();
    assert_eq!(server.count(), 5);
}
