//! Secrets reach the vendor and nobody else.

use super::support::vendors::{Asked, Fault, Market, Reply, Server, rqdata, tushare};
use super::support::{Source, names, sessions, write};
use crate::fetch::{Fetch, FetchError};

fn tushare_source(server: &Server, token: &str) -> Source {
    let http = format!(
        "preset: tushare\nbase_url: {}\nparams: {{ token: {{ file: token.txt }} }}\nrate: {{ per_second: 500 }}\nretries: {{ times: 1, from: 0s, to: 0s }}",
        server.url()
    );
    Source::new("XSHG", &http, &[("token.txt", token)])
}

#[test]
fn a_secret_that_the_vendor_repeats_is_in_no_message_and_no_file() {
    let sessions = sessions("XSHG", 2023)[..3].to_vec();
    let market = Market::numbered(600_000, 3, &sessions);
    let server = tushare::start(market, 6000);
    let source = tushare_source(&server, "wrong/token 77\"x");
    server
        .fail([(0, Fault::Instead(200, &[], r#"{"code":-1,"msg":"token wrong/token 77\"x is unknown","data":null}"#))]);
    let error = source.ask(&sessions[..1], &[]).unwrap_err().to_string();
    assert!(error.contains("token *** is unknown") && !error.contains("77"), "{error}");
    assert!(!source.vendor.spec_text().contains("77"));
    // An answer with rows that has the secret in it is not kept.
    let body = r#"{"code":0,"msg":"for wrong/token 77\"x","data":{"fields":["ts_code","trade_date","open","high","low","close","pre_close","vol","amount"],"items":[]}}"#;
    server.fail([(1, Fault::Instead(200, &[], body))]);
    source.ask(&sessions[..1], &[]).unwrap();
    assert!(source.spooled().is_empty());
    assert!(source.progress.lock().unwrap().iter().all(|progress| !format!("{progress:?}").contains("77")));
}

#[test]
fn a_secret_that_is_not_there_is_said_with_its_name_and_line() {
    let server = Server::start(|_: &Asked| Reply::new(500, ""));
    let http =
        format!("preset: tushare\nbase_url: {}\nparams: {{ token: {{ env: ASSETCTL_NO_SUCH_TOKEN }} }}", server.url());
    let source = Source::new("XSHG", &http, &[]);
    let error = source.ask(&sessions("XSHG", 2023)[..1], &[]).unwrap_err();
    let FetchError::Refused { what, .. } = error else { panic!() };
    assert!(what.starts_with("environment variable `ASSETCTL_NO_SUCH_TOKEN` is not set, which "), "{what}");
    assert!(what.ends_with("assets.yaml:9:17 names"), "{what}");
    assert_eq!(server.count(), 0);
}

#[test]
fn a_login_that_is_refused_says_so_without_the_password() {
    let market = Market::numbered(600_000, 1, &sessions("XSHG", 2023));
    let server = rqdata::start(market.clone(), 1000);
    let http = format!(
        "preset: rqdata\nbase_url: {}\nparams: {{ user: {{ file: user.txt }}, password: {{ file: password.txt }} }}",
        server.url()
    );
    let source = Source::new("XSHG", &http, &[("user.txt", rqdata::USER), ("password.txt", "not the password")]);
    let error = source.ask(&market.sessions[..1], &names(&market.codes, ".XSHG")).unwrap_err().to_string();
    assert!(error.contains("`bars` from rqdata: login: HTTP 401: invalid user or password"), "{error}");
    assert!(!error.contains("not the password"));
    assert_eq!(server.count(), 1);
}

#[test]
fn a_key_goes_where_the_vendor_looks_and_is_not_kept() {
    for (auth, place) in [
        ("auth: { header: X-Api-Key, value: { file: key.txt } }", "header"),
        (
            "auth: { header: Authorization, value: \"Bearer {{ params.key }}\" }\nparams: { key: { file: key.txt } }",
            "bearer",
        ),
        ("auth: { query: apikey, value: { file: key.txt } }", "query"),
    ] {
        let server = Server::start(|asked: &Asked| {
            let header = |name: &str| asked.headers.get(name).cloned().unwrap_or_default();
            let known = ["s3cret{{ k&y }}".to_owned(), "Bearer s3cret{{ k&y }}".to_owned()];
            let given = [header("x-api-key"), header("authorization"), asked.query("apikey").to_owned()];
            match given.iter().any(|given| known.contains(given)) {
                true => Reply::new(200, r#"[{"day":"2023-01-03","close":1.5}]"#),
                false => Reply::new(403, format!("no key in {}", asked.path)),
            }
        });
        let http = format!(
            "url: {}/{{{{ instrument }}}}\nby: instrument\ncolumns: {{ session: day, close: close }}\n{auth}",
            server.url()
        );
        let source = Source::new("XSHG", &http, &[("key.txt", "s3cret{{ k&y }}\n")]);
        let delivery = source.ask(&sessions("XSHG", 2023)[..1], &["A".to_owned()]).unwrap();
        assert_eq!(delivery.frame.height(), 1, "{place}");
        // The key itself is no part of what an answer is known by: with a new one the kept answer still counts.
        write(&source.asset.base, "key.txt", "another key");
        source.ask(&sessions("XSHG", 2023)[..1], &["A".to_owned()]).unwrap();
        assert_eq!(server.count(), 1, "{place}");
    }
}

/// Where a vendor sends one on to another host, the secrets do not go along.
#[test]
fn secrets_do_not_follow_to_another_host() {
    let elsewhere = Server::start(|_: &Asked| Reply::new(200, "[]"));
    let address = elsewhere.url().replace("127.0.0.1", "localhost");
    let server = Server::start(move |_: &Asked| Reply {
        status: 302,
        headers: vec![("location".to_owned(), format!("{address}/"))],
        body: Vec::new(),
    });
    let http = format!(
        "url: {}\nby: instrument\ncolumns: {{ session: day, close: close }}\nauth: {{ header: key, value: x }}",
        server.url()
    );
    let error = Source::new("XSHG", &http, &[]).ask(&sessions("XSHG", 2023)[..1], &["A".to_owned()]).unwrap_err();
    assert!(error.to_string().contains("HTTP 302"), "{error}");
    assert_eq!(elsewhere.count(), 0);
}
