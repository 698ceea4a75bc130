//! Yahoo's charts: columns side by side, with nulls inside.

use chrono::{DateTime, NaiveTime};
use serde_json::{Value, json};

use super::{Asked, Market, Minute, Minutes, Reply, Server};

pub fn start(market: Market) -> Server {
    Server::start(move |asked| chart(&market, asked))
}

/// Some sessions have no bar: the vendor writes nulls there.
fn chart(market: &Market, asked: &Asked) -> Reply {
    let error = |status: u16, code: &str, description: &str| {
        Reply::new(
            status,
            json!({ "chart": { "result": null, "error": { "code": code, "description": description } } }).to_string(),
        )
    };
    let code = asked.path.trim_start_matches("/v8/finance/chart/");
    if !market.codes.iter().any(|known| known == code) {
        return error(404, "Not Found", "No data found, symbol may be delisted");
    }
    let instant =
        |name: &str| asked.query(name).parse::<i64>().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let (Some(first), Some(last)) = (instant("period1"), instant("period2")) else {
        return error(400, "Bad Request", "Invalid input - start and end date");
    };
    let opens = |session: &chrono::NaiveDate| {
        session.and_time(NaiveTime::MIN).and_utc() + chrono::Duration::minutes(14 * 60 + 30)
    };
    let sessions: Vec<_> = market.sessions.iter().filter(|session| (first..last).contains(&opens(session))).collect();
    if sessions.is_empty() {
        return error(400, "Bad Request", "Data doesn't exist for startDate = 1, endDate = 2");
    }
    let column = |value: fn(&super::Bar) -> Value| -> Value {
        sessions.iter().map(|session| market.bar(code, **session).map_or(Value::Null, |bar| value(&bar))).collect()
    };
    Reply::json(&json!({ "chart": { "result": [{
        "meta": { "symbol": code, "currency": "USD" },
        "timestamp": sessions.iter().map(|session| opens(session).timestamp()).collect::<Vec<_>>(),
        "indicators": {
            "quote": [{
                "open": column(|bar| json!(bar.open as f64 / 100.0)),
                "high": column(|bar| json!(bar.high as f64 / 100.0)),
                "low": column(|bar| json!(bar.low as f64 / 100.0)),
                "close": column(|bar| json!(bar.close as f64 / 100.0)),
                "volume": column(|bar| json!(bar.volume)),
            }],
            "adjclose": [{ "adjclose": column(|bar| json!(bar.close as f64 / 200.0)) }],
        },
    }], "error": null } }))
}

/// The same of bars within sessions, of those of one length. After hours there is a trade all the same.
pub fn minutes(minutes: Minutes) -> Server {
    Server::start(move |asked| {
        let instant = |name: &str| asked.query(name).parse::<i64>().unwrap_or_default();
        let interval = format!("{}m", minutes.every);
        if asked.query("interval") != interval || asked.query("includePrePost") != "false" {
            return Reply::new(422, "this fake has one interval");
        }
        let (first, last) = (instant("period1"), instant("period2"));
        let bars = minutes.bars(asked.path.trim_start_matches("/v8/finance/chart/"));
        let bars: Vec<&Minute> = bars.iter().filter(|minute| (first..last).contains(&minute.at.timestamp())).collect();
        let times = bars.iter().map(|minute| minute.at.timestamp()).chain([last + 1800]);
        let column = |value: fn(&super::Bar) -> Value| -> Value {
            bars.iter().map(|minute| value(&minute.bar)).chain([json!(1)]).collect()
        };
        Reply::json(&json!({ "chart": { "result": [{
            "timestamp": times.collect::<Vec<_>>(),
            "indicators": { "quote": [{
                "open": column(|bar| json!(bar.open as f64 / 100.0)),
                "high": column(|bar| json!(bar.high as f64 / 100.0)),
                "low": column(|bar| json!(bar.low as f64 / 100.0)),
                "close": column(|bar| json!(bar.close as f64 / 100.0)),
                "volume": column(|bar| json!(bar.volume)),
            }] },
        }], "error": null } }))
    })
}
