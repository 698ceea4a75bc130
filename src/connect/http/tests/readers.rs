//! Two readers of JSON, the one for usual answers and the one for any: whatever an answer is, they say the same of it.

use assetctl_calendar::Calendar;
use assetctl_config::{HttpVendor, Kind};
use proptest::prelude::*;
use reqwest::StatusCode;

use super::super::names::Names;
use super::super::prepare::prepare;
use super::super::read::{Asked, Covered, Reader};
use super::super::scan;
use super::super::symbols::{Back, Symbols};
use super::support::asset;
use crate::date::to_days;

const SHAPES: [&str; 3] = [
    "{ rows: $.data, shape: columns_items }",
    "{ rows: $.data.items, shape: arrays, fields: [d, i, open, vol, name, st] }",
    "{ rows: $.data.items }",
];

fn described(http: &str) -> (HttpVendor, Reader) {
    let (_folder, asset) = asset("XSHG", http, &[]);
    let Kind::Source(spec) = &asset.kind else { panic!() };
    let vendor = *spec.http.clone().unwrap();
    let reader = prepare(&asset, &vendor).unwrap_or_else(|problems| panic!("{problems:?}")).reader;
    (vendor, reader)
}

fn reader(shape: &str) -> Reader {
    let columns = "columns:\n  session: { from: d, format: \"%Y%m%d\" }\n  instrument: i\n  open: open\n  volume: { from: vol, times: 100 }\n  name: { from: name, type: text }\n  st: { from: st, type: bool }";
    let symbols = "symbols:\n  theirs: \"{code}.{exchange}\"\n  exchanges: { XSHG: SH, XSHE: SZ }";
    let rules = "errors:\n  - { json: $.code, not: \"0\", means: refused }\n  - { json: $.data.code, equals: \"7\", means: auth }";
    let pages =
        "pagination: { by: cursor, cursor: $.next, more: $.data.more, key: vol }\nquery: { at: \"{{ cursor }}\" }";
    described(&format!(
        "url: http://x\nby: range\nmissing: [n/a]\nresponse: {shape}\n{columns}\n{symbols}\n{rules}\n{pages}"
    ))
    .1
}

/// What a reader says of an answer. As text: a missing number is not equal to itself.
fn said(reader: &Reader, answer: &str) -> String {
    let day = |day: &str| to_days(day.parse().unwrap());
    let asked = Asked {
        sessions: [day("2023-01-03"), day("2023-01-04")].into(),
        names: Names::new(Back::new(&Symbols::new(None).unwrap(), &[]).unwrap()).into(),
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
        calendar: Calendar::builtin("XSHG").unwrap(),
    };
    let covered = Covered { session: None, instrument: None };
    let page = reader.read(StatusCode::OK, answer.as_bytes(), &covered, &asked);
    // Of an answer that is refused, nobody asks for the names.
    let names = page.is_ok().then(|| asked.names.ours());
    format!("{page:?} {names:?}")
}

/// A field as it is in most answers, and as it may be in any.
fn field(is_odd: bool) -> BoxedStrategy<String> {
    let usual = prop_oneof![
        8 => "-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,4})?",
        2 => "-?(0|[1-9][0-9]{0,5})\\.[0-9]{10,18}",
        1 => Just("null".to_owned()),
        1 => prop_oneof![Just("1"), Just("0"), Just("true"), Just("false")].prop_map(str::to_owned),
        1 => "\"-?[1-9][0-9]{0,5}(\\.[0-9]{1,3})?\"",
        1 => Just("\"n/a\"".to_owned()),
    ];
    let odd = prop_oneof![
        "-?[0-9]{0,20}(\\.[0-9]{0,18})?([eE][+-]?[0-9]{0,3})?",
        "\"[a-z\u{e9} ]{0,6}\"",
        "\"(\\\\u0041|\\\\n|\\\\|\t|1e5)?\"",
        prop_oneof![Just("[1]"), Just("{\"a\":1}"), Just("-0"), Just("-0.0"), Just("nul"), Just("")]
            .prop_map(str::to_owned),
    ];
    if is_odd { prop_oneof![12 => usual, 1 => odd].boxed() } else { usual.boxed() }
}

/// A row's fields, in the order `d i open vol name st`.
fn row(is_odd: bool) -> impl Strategy<Value = Vec<String>> {
    let session = prop_oneof![6 => Just("\"20230103\""), 2 => Just("20230104"), 1 => Just("\"20230105\"")];
    let session = session.prop_map(str::to_owned);
    let name = "\"(600|000)00[0-4]\\.(SH|SZ)\"";
    let text = prop_oneof![Just("\"ST\u{534e}\""), Just("null"), Just("\" x \""), Just("17"), Just("2.50")];
    let flag = prop_oneof![Just("true"), Just("\"N\""), Just("0"), Just("null")];
    let some =
        (session, name, field(is_odd), field(is_odd), text.prop_map(str::to_owned), flag.prop_map(str::to_owned));
    let odd = (0usize..7, field(true), 0u32..10);
    (some, odd).prop_map(move |((d, i, open, vol, name, st), (at, field, how))| {
        let mut row = vec![d, i, open, vol, name, st];
        match how {
            0 if is_odd => drop(row.remove(at % 6)),
            1 if is_odd => row.insert(at, field),
            2 if is_odd => row[at % 6] = field,
            _ => {}
        }
        row
    })
}

fn answer(shape: usize) -> impl Strategy<Value = String> {
    let rows = any::<bool>().prop_flat_map(|is_odd| prop::collection::vec(row(is_odd), 0..6));
    let tail = prop_oneof![
        8 => Just(""), 1 => Just(",\"more\":true"), 1 => Just(",\"items\":[]"), 1 => Just(",\"code\":7"),
        1 => Just(",\"x\":{\"items\":[[1]]}"), 1 => Just(",\"\\u0069tems\":[[2]]"),
    ];
    let space = prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\n\t")];
    let broken = prop::option::weighted(0.2, (any::<prop::sample::Index>(), "[,\\]}\"\\[{:1e\\\\-]?"));
    (rows, tail, space, any::<bool>(), broken).prop_map(move |(rows, tail, space, names_first, broken)| {
        const NAMES: [&str; 6] = ["d", "i", "open", "vol", "name", "st"];
        let comma = format!("{space},{space}");
        let row = |row: &Vec<String>| match shape {
            2 => {
                let names = NAMES.into_iter().chain(["more"]);
                let pairs: Vec<_> = names.zip(row).map(|(name, field)| format!("\"{name}\":{space}{field}")).collect();
                format!("{{{}}}", pairs.join(&comma))
            }
            _ => format!("[{space}{}{space}]", row.join(&comma)),
        };
        let rows: Vec<String> = rows.iter().map(row).collect();
        let items = format!("\"items\"{space}:{space}[{space}{}]", rows.join(&comma));
        let names = format!("\"fields\":[\"{}\"]", NAMES.join("\",\""));
        let data = if names_first { format!("{names},{items}") } else { format!("{items}{space},{names}") };
        let mut text = format!("{{\"code\":0,\"data\":{{{data}{tail}}}{space},\"next\":\"n\"}}");
        if let Some((at, instead)) = broken {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let at = places[at.index(places.len())];
            let end =
                if instead.len() % 2 == 0 { at + text[at..].chars().next().map_or(0, char::len_utf8) } else { at };
            text.replace_range(at..end, &instead);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn both_readers_say_the_same((shape, answer) in (0usize..3).prop_flat_map(|shape| (Just(shape), answer(shape)))) {
        thread_local! {
            static READERS: Vec<[Reader; 2]> = SHAPES.iter().map(|shape| {
                let usual = reader(shape);
                assert!(usual.usual.is_some());
                [Reader { usual: None, ..usual.clone() }, usual]
            }).collect();
        }
        READERS.with(|readers| {
            let [any, usual] = &readers[shape];
            prop_assert_eq!(said(usual, &answer), said(any, &answer));
            Ok(())
        })?;
    }
}

/// How many rows are read in one pass.
fn scanned(reader: &Reader, answer: &str, path: &[String]) -> Option<usize> {
    scan::locate(answer, path, reader.format.shape)?.each(|_, _| Some(())).map(|(rows, _)| rows)
}

#[test]
fn the_answers_of_vendors_are_read_in_one_pass() {
    let (tushare, reader) = described("preset: tushare\nbase_url: http://x\nparams: { token: none }");
    let answer = r#"{"request_id":"1","code":0,"msg":"","data":{"fields":["trade_date","ts_code","open"],"items":[["20230103","600519.SH",1731.2],["20230103","000001.SZ",null]],"has_more":false}}"#;
    let path = scan::path(&tushare).unwrap();
    assert_eq!(path, ["data", "items"]);
    assert_eq!(scanned(&reader, answer, &path), Some(2));
    let (binance, reader) = described("preset: binance");
    let answer = r#"[[1672704000000,"16672.78","16778.40","16605.28","16675.18","178730.54",1672790399999,"2986331.7",4660000,"88815.4","1483999.1","0"]]"#;
    assert_eq!(scanned(&reader, answer, &scan::path(&binance).unwrap()), Some(1));
}

#[test]
fn what_asks_for_the_rows_themselves_is_given_them_as_a_tree() {
    let columns = "columns: { session: d, close: c }\nby: instrument";
    for (is_usual, more) in [
        (true, "response: { rows: $.data }"),
        (true, "response: { rows: $.data }\nerrors: [{ json: $.data.code, means: refused }]"),
        (false, "response: { rows: $.data }\nerrors: [{ json: $.data, equals: \"null\", means: no_data }]"),
        (false, "response: { rows: $.data }\nerrors: [{ json: \"$.data[0].code\", means: refused }]"),
        (false, "response: { rows: $.data.x }\nerrors: [{ json: $.data, equals: \"null\", means: no_data }]"),
        (false, "response: { rows: \"$.data[*]\" }"),
        (
            false,
            "response: { rows: $.data }\npagination: { by: cursor, cursor: \"$.data[-1].id\" }\nquery: { at: \"{{ cursor }}\" }",
        ),
        (false, "response: { shape: parallel }"),
        (false, "response: { format: csv }"),
    ] {
        let (vendor, _) = described(&format!("url: http://x\n{columns}\n{more}"));
        assert_eq!(scan::path(&vendor).is_some(), is_usual, "{more}");
    }
    let (vendor, _) = described("url: http://x\nby: instrument\ncolumns: { session: d, close: $.c }");
    assert_eq!(scan::path(&vendor), None);
}
