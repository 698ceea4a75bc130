//! Forms that no preset needs, mistakes of a description, and what results depend on.

use assetctl_config::{ColumnType, Kind};

use super::support::vendors::{Asked, Reply, Server};
use super::support::{Source, asset, numbers, sessions};
use crate::fetch::Fetch;
use crate::fetcher;
use crate::http::Vendor;

#[test]
fn pages_are_followed_by_number_offset_and_cursor() {
    for (pagination, query) in [
        ("{ by: page, size: 2, first: 0 }", "page: \"{{ page }}\""),
        ("{ by: offset }", "offset: \"{{ offset }}\""),
        ("{ by: cursor, cursor: $.next }", "cursor: \"{{ cursor }}\""),
        ("{ by: page, more: $.more, first: 0 }", "page: \"{{ page }}\""),
    ] {
        let all = sessions("XSHG", 2023)[..5].to_vec();
        let rows = all.clone();
        let server = Server::start(move |asked: &Asked| {
            let number = |name: &str| asked.query(name).parse::<usize>().ok();
            let start = number("page").map(|page| page * 2).or(number("offset")).or(number("cursor")).unwrap_or(0);
            let end = (start + 2).min(rows.len());
            let page: Vec<_> =
                rows[start.min(end)..end].iter().map(|day| serde_json::json!({ "day": day, "close": 1 })).collect();
            let next = (end < rows.len()).then(|| end.to_string());
            Reply::json(&serde_json::json!({ "rows": page, "next": next, "more": end < rows.len() }))
        });
        let http = format!(
            "url: {}\nquery: {{ {query} }}\nby: instrument\nresponse: {{ rows: $.rows }}\ncolumns: {{ session: day, close: close }}\npagination: {pagination}",
            server.url()
        );
        let source = Source::new("XSHG", &http, &[]);
        assert_eq!(numbers(&source.ask(&all, &["A".to_owned()]).unwrap().frame, &["close"]).len(), 5, "{pagination}");
        assert!((3..=4).contains(&server.count()), "{pagination}: {}", server.count());
    }
}

#[test]
fn columns_are_of_all_types_and_units() {
    let server = Server::start(|_: &Asked| {
        let row = r#"{"d":20230103,"n":"Moutai","v":"1.005","st":1,"listed":996768000000,"x":"n/a","long":187.14999389648438}"#;
        Reply::new(200, format!("[{row}]"))
    });
    let columns = "columns:\n  session: { from: d, format: \"%Y%m%d\" }\n  name: { from: n, type: text }\n  volume: { from: v, times: 1000 }\n  is_st: { from: st, type: bool }\n  listed: { from: listed, type: date, epoch: ms }\n  x: $.x\n  long: long";
    let http = format!("url: {}\nby: instrument\nmissing: [n/a]\n{columns}", server.url());
    let source = Source::new("XSHG", &http, &[]);
    let kinds: Vec<ColumnType> = source.vendor.schema().into_iter().map(|(_, kind)| kind).collect();
    use ColumnType::{Bool, Date, Number, Text};
    assert_eq!(kinds, [Text, Text, Number, Bool, Date, Number, Number]);
    let frame = source.ask(&sessions("XSHG", 2023)[..1], &["A".to_owned()]).unwrap().frame;
    let cell = |name: &str| frame.column(name).unwrap().get(0).unwrap().to_string();
    assert_eq!(
        (cell("name").as_str(), cell("volume").as_str(), cell("is_st").as_str()),
        ("\"Moutai\"", "1005.0", "true")
    );
    // The instant is the 2nd of August in Shanghai, and still the 1st in UTC.
    assert_eq!((cell("listed").as_str(), cell("x").as_str()), ("2001-08-03", "null"));
    assert_eq!(numbers(&frame, &["long"]).into_values().next().unwrap(), [187.149_993_896_484_38]);
}

#[test]
fn mistakes_are_found_before_anybody_is_asked() {
    for (http, said) in [
        (
            "url: \"http://x/{{ session }}\"\nby: instrument\ncolumns: { session: d, close: c }",
            "a name in it stands for nothing here",
        ),
        ("url: \"http://x/{{ first | dat }}\"\nby: instrument\ncolumns: { session: d, close: c }", "dat"),
        ("url: http://x\nby: instrument\ncolumns: { session: d, close: \"$.[\" }", "`$.[` is no JSONPath"),
        (
            "url: http://x\nby: instrument\ncolumns: { session: { from: d, epoch: s, zone: Mars }, close: c }",
            "there is no time zone `Mars`",
        ),
        (
            "url: http://x\nby: instrument\ncolumns: { session: d, close: c }\nsymbols: { theirs: \"{cod}\" }",
            "has no `{code}`",
        ),
        (
            "url: http://x\nby: instrument\ncolumns: { session: d, close: c }\nerrors: [{ json: code, means: refused }]",
            "`code` is no JSONPath",
        ),
    ] {
        let (_folder, asset) = asset("XSHG", http, &[]);
        let problems = match fetcher(&asset) {
            Err(problems) => problems,
            Ok(_) => panic!("no mistake is found in\n{http}"),
        };
        assert_eq!(problems.len(), 1, "{http}: {problems:?}");
        assert!(problems[0].message.contains(said) && problems[0].primary.is_some(), "{http}: {problems:?}");
    }
}

#[test]
fn an_instrument_that_the_vendor_cannot_name_is_refused() {
    let server = Server::start(|_: &Asked| Reply::new(200, "[]"));
    let http = format!("preset: eastmoney\nbase_url: {}", server.url());
    let source = Source::new("XSHG", &http, &[]);
    let day = &sessions("XSHG", 2023)[..1];
    let error = source.ask(day, &["AAPL".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("the instrument `AAPL` is not written like `{code}.{exchange}`"), "{error}");
    let error = source.ask(day, &[]).unwrap_err().to_string();
    assert!(error.contains("one call covers one instrument, and none is named"), "{error}");
    assert_eq!(server.count(), 0);
}

#[test]
fn what_results_depend_on_is_in_the_spec_and_nothing_else() {
    let text = |more: &str| {
        let http = format!("preset: tushare\nbase_url: http://127.0.0.1:1\n{more}");
        let (_folder, asset) = asset("XSHG", &http, &[]);
        let Kind::Source(spec) = &asset.kind else { panic!() };
        Vendor::new(&asset, spec.http.as_ref().unwrap()).unwrap_or_else(|problems| panic!("{problems:?}")).spec_text()
    };
    let plain = text("");
    for same in [
        "rate: { per_second: 1 }",
        "concurrency: 1",
        "timeout: 1s",
        "retries: { times: 1 }",
        "params: { token: { file: x } }",
        "description: x",
        "errors: [{ status: 500, means: refused }]",
    ] {
        assert_eq!(text(same), plain, "{same}");
    }
    for other in [
        "missing: [x]",
        "columns: { close: { from: close, times: 10 } }",
        "method: GET",
        "params: { api: weekly }",
        "symbols: { case: lower }",
    ] {
        assert_ne!(text(other), plain, "{other}");
    }
}
