//! Binance spot: arrays of twelve with prices as texts, pages by start time, and a bar that has not closed at the end.

use chrono::{DateTime, NaiveTime, Utc};
use serde_json::{Value, json};

use super::market::decimal;
use super::{Asked, Market, Minutes, Reply, Server};

const DAY: i64 = 86_400_000;

/// Gives at most `most` bars at once; the market's last session has not closed yet.
pub fn start(market: Market, most: usize) -> Server {
    Server::start(move |asked| klines(&market, most, asked))
}

fn klines(market: &Market, most: usize, asked: &Asked) -> Reply {
    let error = |code: i64, msg: &str| Reply::new(400, json!({ "code": code, "msg": msg }).to_string());
    let number = |name: &str| asked.query(name).parse::<i64>().ok();
    if asked.path != "/api/v3/klines" {
        return Reply::new(404, "");
    }
    if !market.codes.iter().any(|code| code == asked.query("symbol")) {
        return error(-1121, "Invalid symbol.");
    }
    let (Some(start), Some(end)) = (number("startTime"), number("endTime")) else {
        return error(-1102, "Mandatory parameter was not sent.");
    };
    let limit = number("limit").map_or(500, |limit| limit as usize).min(most);
    let mut rows: Vec<Value> = Vec::new();
    for session in &market.sessions {
        let opens = session.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
        if opens < start || opens > end || rows.len() == limit {
            continue;
        }
        // A pair is never suspended: where the made-up market is, it was quiet.
        let bar = market.bar(asked.query("symbol"), *session).map_or_else(
            || ["1.00", "1.00", "1.00", "1.00", "0.00", "0.00"].map(str::to_owned),
            |bar| [bar.open, bar.high, bar.low, bar.close, bar.volume * 100, bar.amount].map(decimal),
        );
        let [open, high, low, close, volume, amount] = bar;
        rows.push(json!([opens, open, high, low, close, volume, opens + DAY - 1, amount, 7, "0", "0", "0"]));
    }
    Reply::json(&Value::Array(rows))
}

/// The same of bars within days, of those of one length.
pub fn minutes(minutes: Minutes, most: usize) -> Server {
    Server::start(move |asked| {
        let number = |name: &str| asked.query(name).parse::<i64>().unwrap_or_default();
        let interval = format!("{}m", minutes.every);
        if asked.path != "/api/v3/klines" || asked.query("interval") != interval || asked.query("startTime").is_empty()
        {
            return Reply::new(400, json!({ "code": -1120, "msg": "Invalid interval." }).to_string());
        }
        let (first, last) = (number("startTime"), number("endTime"));
        let bars = minutes.bars(asked.query("symbol"));
        let inside = bars.iter().filter(|minute| (first..=last).contains(&minute.at.timestamp_millis()));
        let rows = inside.take(most.min(number("limit") as usize)).map(|minute| {
            let (opens, bar) = (minute.at.timestamp_millis(), minute.bar);
            let [open, high, low, close, volume, amount] =
                [bar.open, bar.high, bar.low, bar.close, bar.volume * 100, bar.amount].map(decimal);
            json!([opens, open, high, low, close, volume, opens + minutes.every * 60_000 - 1, amount, 7, "0", "0", "0"])
        });
        Reply::json(&rows.collect())
    })
}

/// The instant in the middle of the market's last session.
pub fn before_the_last_close(market: &Market) -> DateTime<Utc> {
    market.sessions.last().unwrap().and_hms_opt(12, 0, 0).unwrap().and_utc()
}
