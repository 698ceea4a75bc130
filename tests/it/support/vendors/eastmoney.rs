//! Eastmoney: lines of fields, in the order open, close, high, low.

use serde_json::json;

use super::market::{compact, decimal};
use super::{Asked, Market, Reply, Server};

pub fn start(market: Market) -> Server {
    Server::start(move |asked| klines(&market, asked))
}

fn klines(market: &Market, asked: &Asked) -> Reply {
    let none = || Reply::json(&json!({ "rc": 0, "rt": 17, "data": null }));
    let Some(code) = asked.query("secid").strip_prefix("1.") else { return none() };
    if asked.path != "/api/qt/stock/kline/get"
        || asked.query("fqt") != "0"
        || !market.codes.iter().any(|known| known == code)
    {
        return none();
    }
    let lines: Vec<String> = market
        .bars(code, compact(asked.query("beg")), compact(asked.query("end")))
        .map(|(session, bar)| {
            let [open, close, high, low] = [bar.open, bar.close, bar.high, bar.low].map(decimal);
            format!(
                "{session},{open},{close},{high},{low},{},{},1.00,-,0.10,0.50",
                bar.volume / 100,
                decimal(bar.amount)
            )
        })
        .collect();
    Reply::json(&json!({ "rc": 0, "rt": 17, "data": { "code": code, "market": 1, "klines": lines } }))
}
