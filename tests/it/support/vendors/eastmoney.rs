//! Eastmoney: lines of fields, in the order open, close, high, low.

use serde_json::json;

use super::market::{compact, decimal};
use super::{Asked, Market, Minutes, Reply, Server};

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

/// The same of bars within sessions, of those of one length: asked by dates, and told by wall time.
pub fn minutes(minutes: Minutes) -> Server {
    Server::start(move |asked| {
        let code = asked.query("secid").trim_start_matches("1.");
        if asked.query("klt") != minutes.every.to_string() || asked.query("fqt") != "0" {
            return Reply::json(&json!({ "rc": 102, "rt": 17, "data": null }));
        }
        let (first, last) = (compact(asked.query("beg")), compact(asked.query("end")));
        let bars = minutes.bars(code);
        let inside = bars.iter().filter(|minute| (first..=last).contains(&minute.local.date()));
        let lines: Vec<String> = inside
            .map(|minute| {
                let (at, bar) = (minute.local.format("%Y-%m-%d %H:%M"), minute.bar);
                let [open, close, high, low] = [bar.open, bar.close, bar.high, bar.low].map(decimal);
                let (lots, amount) = (bar.volume / 100, decimal(bar.amount));
                format!("{at},{open},{close},{high},{low},{lots},{amount},1.00,-,0.10,0.50")
            })
            .collect();
        Reply::json(&json!({ "rc": 0, "rt": 17, "data": { "code": code, "market": 1, "klines": lines } }))
    })
}
