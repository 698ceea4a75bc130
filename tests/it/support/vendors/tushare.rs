//! Tushare Pro: one address, errors with status 200, volumes in lots and amounts in thousands, newest first.

use serde_json::{Value, json};

use super::market::compact;
use super::{Asked, Market, Reply, Server};

/// The token that it knows.
pub const TOKEN: &str = "tushare-token-56af";

/// Gives at most `most` rows at once.
pub fn start(market: Market, most: usize) -> Server {
    Server::start(move |asked| answer(&market, most, asked))
}

fn answer(market: &Market, most: usize, asked: &Asked) -> Reply {
    let body = asked.json();
    let error =
        |code: i64, msg: &str| Reply::json(&json!({ "request_id": "1", "code": code, "msg": msg, "data": null }));
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
        let cents = |cents: i64| json!(cents as f64 / 100.0);
        let field = |name: &&str| match *name {
            "ts_code" => json!(symbol),
            "trade_date" => json!(session.format("%Y%m%d").to_string()),
            "open" => cents(bar.open),
            "high" => cents(bar.high),
            "low" => cents(bar.low),
            "close" => cents(bar.close),
            "pre_close" => Value::Null,
            "vol" => json!(bar.volume / 100),
            "amount" => json!(bar.amount as f64 / 100_000.0),
            _ => Value::Null,
        };
        items.push(fields.iter().map(field).collect());
    }
    items.truncate(most);
    Reply::json(
        &json!({ "request_id": "1", "code": 0, "msg": "", "data": { "fields": fields, "items": items, "has_more": false } }),
    )
}
