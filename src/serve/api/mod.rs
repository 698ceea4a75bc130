//! The HTTP API of the daemon.
//!
//! - [`server`]: where it listens, and how it ends; [`routes`]: all routes, and the OpenAPI document made from them
//! - [`state`]: what handlers are given; everything that touches a disk goes through [`state::Api::read`]
//! - [`guard`]: tokens and hosts; [`problem`]: mistakes as RFC 9457 has them; [`tags`]: `ETag` and `If-None-Match`
//! - [`pages`]: long lists; [`ring`]: events that listeners may still have
//! - [`assets`], [`plans`], [`work`], [`schedules`], [`events`], [`sql`], [`health`]: the handlers

mod assets;
mod events;
mod guard;
mod health;
mod pages;
mod plans;
mod problem;
mod ring;
mod routes;
mod schedules;
mod server;
mod sql;
mod state;
mod tags;
mod work;

pub use ring::Events;
pub use routes::openapi;
pub use server::{ApiError, Bound, Serving};
pub use state::{Api, Desk, Settings, SqlLimits};
