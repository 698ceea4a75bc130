//! RQData: a login that gives a token as text and ends the one before, then CSV.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::NaiveDate;
use serde_json::Value;

use super::market::{compact, decimal};
use super::{Asked, Bar, Market, Minutes, Reply, Server};

pub const USER: &str = "license-user";
pub const PASSWORD: &str = "pass word/9f3c";

/// Its token is no longer valid after every `lasts` calls, as if somebody else had logged in.
pub fn start(market: Market, lasts: u64) -> Server {
    serve(lasts, move |asked| prices(&market, asked))
}

/// The same of bars within sessions, of those of one length.
pub fn minutes(minutes: Minutes, lasts: u64) -> Server {
    serve(lasts, move |asked| {
        let body = asked.json();
        if body["frequency"] != format!("{}m", minutes.every) {
            return Reply::new(400, "this fake has one frequency");
        }
        let (first, last) = (date(&body, "start_date"), date(&body, "end_date"));
        let mut rows = Vec::new();
        for id in body["order_book_ids"].as_array().into_iter().flatten().filter_map(|id| id.as_str()) {
            let bars = minutes.bars(id.trim_end_matches(".XSHG")).into_iter();
            let inside = bars.filter(|minute| (first..=last).contains(&minute.session));
            rows.extend(inside.map(|minute| (id.to_owned(), minute.local.to_string(), minute.bar)));
        }
        csv(&body, "datetime", rows)
    })
}

fn date(body: &Value, name: &str) -> NaiveDate {
    compact(&body[name].as_i64().unwrap_or_default().to_string())
}

fn serve(lasts: u64, prices: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Server {
    let (login, calls) = (AtomicU64::new(0), AtomicU64::new(0));
    Server::start(move |asked| match asked.path.as_str() {
        "/auth" => {
            let body = asked.json();
            if body["user_name"] != USER || body["password"] != PASSWORD {
                return Reply::new(401, "invalid user or password");
            }
            Reply::new(200, format!("token-number-{}", login.fetch_add(1, Ordering::SeqCst) + 1))
        }
        "/api" => {
            if calls.fetch_add(1, Ordering::SeqCst) % lasts == lasts - 1 {
                login.fetch_add(1, Ordering::SeqCst);
            }
            let token = asked.headers.get("token").cloned().unwrap_or_default();
            if token != format!("token-number-{}", login.load(Ordering::SeqCst)) {
                return Reply::new(401, "invalid token");
            }
            prices(asked)
        }
        _ => Reply::new(404, "not found"),
    })
}

fn prices(market: &Market, asked: &Asked) -> Reply {
    let body = asked.json();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    if text("method") != "get_price" || text("adjust_type") != "none" || body["skip_suspended"] != true {
        return Reply::new(400, "this fake sells unadjusted prices of traded days alone");
    }
    let (first, last) = (date(&body, "start_date"), date(&body, "end_date"));
    let mut rows = Vec::new();
    for id in body["order_book_ids"].as_array().into_iter().flatten().filter_map(|id| id.as_str()) {
        let bars = market.bars(id.trim_end_matches(".XSHG"), first, last);
        rows.extend(bars.map(|(session, bar)| (id.to_owned(), session.to_string(), bar)));
    }
    csv(&body, "date", rows)
}

fn csv(body: &Value, date: &str, rows: Vec<(String, String, Bar)>) -> Reply {
    let fields: Vec<&str> =
        body["fields"].as_array().into_iter().flatten().filter_map(|field| field.as_str()).collect();
    let mut csv = format!("order_book_id,{date},{}\n", fields.join(","));
    for (id, at, bar) in rows {
        csv.push_str(&format!("{id},{at}"));
        for field in &fields {
            csv.push(',');
            csv.push_str(&match *field {
                "open" => decimal(bar.open),
                "high" => decimal(bar.high),
                "low" => decimal(bar.low),
                "close" => decimal(bar.close),
                "volume" => format!("{}.0", bar.volume),
                "total_turnover" => decimal(bar.amount),
                _ => String::new(),
            });
        }
        csv.push('\n');
    }
    Reply::new(200, csv)
}
