//! Vendors that speak their documented protocols on loopback, from a table that is made up, with faults on demand.
//!
//! [`Server`] is a small HTTP server that knows how to fail: it ends connections, cuts bodies off and sends them slowly, and counts what it
//! is asked. One file for each vendor makes answers of [`Market`]'s bars, as the vendor writes them.

pub mod binance;
pub mod eastmoney;
pub mod market;
pub mod minutes;
pub mod rqdata;
pub mod server;
pub mod stooq;
pub mod tushare;
pub mod yahoo;

pub use market::{Bar, Market};
pub use minutes::{Minute, Minutes};
pub use server::{Asked, Fault, Reply, Server};
