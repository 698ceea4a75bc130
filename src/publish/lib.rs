//! Publishing: what a run committed, written to the databases, caches, brokers and folders that others read. At least once; what is written
//! twice is there once.
//!
//! - [`route`]: what of which asset goes where; [`check`]: whether it has what is to go
//! - [`due`]: which partitions a sink has not, or has otherwise, and which went; [`publisher`]: writes those, batch by batch, and records it
//! - [`batch`]: whole sessions of one asset, as a sink is given them; [`cells`]: their values; [`tabbed`], [`comma`], [`message`]: their forms
//! - [`sink`]: the trait, and the sinks by what they are declared as: [`postgres`], [`clickhouse`], [`redis`], [`rabbitmq`], [`nats`],
//!   [`objects`] (S3 and folders)
//! - [`error`]: why something was not taken; [`secrets`]: what no such text may hold

mod batch;
mod cells;
mod check;
mod clickhouse;
mod comma;
mod due;
mod error;
mod message;
mod nats;
mod objects;
mod postgres;
mod publisher;
mod rabbitmq;
mod redis;
mod route;
mod secrets;
mod sink;
#[cfg(test)]
mod stories;
mod tabbed;
#[cfg(test)]
mod testing;

pub use batch::{SinkBatch, SinkSession};
pub use check::check;
pub use due::{Due, due};
pub use error::SinkError;
pub use publisher::{Published, Publisher, Wanted};
pub use route::{Route, routes};
pub use sink::Sink;
