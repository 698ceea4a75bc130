//! Tushare Pro: one address, errors with status 200, volumes in lots and amounts in thousands, newest first.

use chrono::NaiveDateTime;
use serde_json::{Value, json};

use super::market::compact;
use super::{Asked, Bar, Market, Minutes, Reply, Server};

/// The token that it knows.
pub const TOKEN: &str = "tushare-token-56af";

/// Gives at most `most` rows at once.
pub fn start(market: Market, most: usize) -> Server {
    Server::start(move |asked| answer(&market, most, asked))
}

/// The same of bars within sessions, of those of one length: of one stock between two wall times, newest first, in shares and yuan.
pub fn minutes(minutes: Minutes, most: usize) -> Server {
    Server::start(move |asked| {
        let body = asked.json();
        let text = |name: &str| body["params"][name].as_str().unwrap_or_default();
        let (freq, at) = (format!("{}min", minutes.every), |name| time(text(name)));
        if body["api_name"] != "stk_mins" || text("freq") != freq || body["params"]["trade_date"] != Value::Null {
            return error(40101, "接口名称错误");
        }
        if body["token"] != TOKEN {
            return error(40101, "您的token不对，请确认。");
        }
        let (Some(first), Some(last)) = (at("start_date"), at("end_date")) else { return error(40001, "参数错误") };
        let fields: Vec<&str> = body["fields"].as_str().unwrap_or_default().split(',').collect();
        let bars = minutes.bars(text("ts_code").trim_end_matches(".SH"));
        let inside = bars.iter().rev().filter(|minute| (first..=last).contains(&minute.local));
        let items = inside.take(most).map(|minute| {
            let field = |name: &&str| match *name {
                "ts_code" => json!(text("ts_code")),
                "trade_time" => json!(minute.local.to_string()),
                "vol" => json!(minute.bar.volume),
                "amount" => json!(minute.bar.amount as f64 / 100.0),
                name => price(&minute.bar, name),
            };
            fields.iter().map(field).collect()
        });
        rows(&fields, items.collect())
    })
}

fn time(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()
}

fn error(code: i64, msg: &str) -> Reply {
    Reply::json(&json!({ "request_id": "1", "code": code, "msg": msg, "data": null }))
}

fn rows(fields: &[&str], items: Vec<Value>) -> Reply {
    let data = json!({ "fields": fields, "items": items, "has_more": false });
    Reply::json(&json!({ "request_id": "1", "code": 0, "msg": "", "data": data }))
}

fn price(bar: &Bar, name: &str) -> Value {
    let cents = |cents: i64| json!(cents as f64 / 100.0);
    match name {
        "open" => cents(bar.open),
        "high" => cents(bar.high),
        "low" => cents(bar.low),
        "close" => cents(bar.close),
        _ => Value::Null,
    }
}

fn answer(market: &Market, most: usize, asked: &Asked) -> Reply {
    let body = asked.json();
    if (asked.method.as_str(), asked.path.as_str()) != ("POST", "/") || body["api_name"] != "daily" {
        return error(40101, "接口名称错误");
    }
    if body["token"] != TOKEN {
        return error(40101, "您的token不对，请确认。");
    }
    let session = compact(body["params"]["trade_date"].as_str().unwrap_or_default());
    let wanted: Vec<&str> =
        body["params"]["ts_code"].as_str().unwrap_or_default().split(',').filter(|code| !code.is_empty()).collect();
    let fields: Vec<&str> = body["fields"].as_str().unwrap_or_default().split(',').collect();
    let mut items: Vec<Value> = Vec::new();
    for code in &market.codes {
        let symbol = format!("{code}.SH");
        let Some(bar) = market.bar(code, session).filter(|_| wanted.is_empty() || wanted.contains(&symbol.as_str()))
        else {
            continue;
        };
        let field = |name: &&str| match *name {
            "ts_code" => json!(symbol),
            "trade_date" => json!(session.format("%Y%m%d").to_string()),
            "vol" => json!(bar.volume / 100),
            "amount" => json!(bar.amount as f64 / 100_000.0),
            name => price(&bar, name),
        };
        items.push(fields.iter().map(field).collect());
    }
    items.truncate(most);
    rows(&fields, items)
}
