//! Sources that are queries on a database.
//!
//! - `template`: the query → SQL with placeholders, and what is bound to them
//! - `ask`: which sessions go into one query; cancelling, time limits, tries
//! - `duckdb`, `postgres`, `mysql`: one query → its rows, each by its own protocol
//! - `collect`: rows → typed columns, by the rules that files are read by
//!
//! [`Database`] is what is [`Fetch`](crate::Fetch)ed from.

mod ask;
mod certificates;
mod collect;
mod duckdb;
mod mysql;
mod numeric;
mod postgres;
mod template;
#[cfg(test)]
mod testing;
mod zone;

pub use ask::Database;
pub use certificates::{choose_crypto, client as tls_client};
#[cfg(test)]
pub(crate) use testing::server as test_server;
