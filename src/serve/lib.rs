//! The HTTP API: what the command line prints, for programs and dashboards, and a token's worth of actions.
//!
//! - [`read`]: what both print, one shape each
//! - [`api`]: the routes, who may use them, and the server

mod api;
mod read;

pub use api::{Api, ApiError, Bound, Desk, Events, Serving, Settings, SqlLimits, openapi};
pub use read::*;
