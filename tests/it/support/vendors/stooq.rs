//! Stooq: CSV, and sentences where there is none.

use super::market::{compact, decimal};
use super::{Asked, Market, Reply, Server};

pub fn start(market: Market) -> Server {
    Server::start(move |asked| history(&market, asked))
}

fn history(market: &Market, asked: &Asked) -> Reply {
    let code = asked.query("s").trim_end_matches(".us").to_uppercase();
    if asked.path != "/q/d/l/" || !market.codes.contains(&code) {
        return Reply::new(200, "No data");
    }
    let mut csv = "Date,Open,High,Low,Close,Volume\r\n".to_owned();
    for (session, bar) in market.bars(&code, compact(asked.query("d1")), compact(asked.query("d2"))) {
        let [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(decimal);
        csv.push_str(&format!("{session},{open},{high},{low},{close},{}\r\n", bar.volume));
    }
    Reply::new(200, csv)
}
