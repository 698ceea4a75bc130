//! The planner against a world in memory: laws over random histories, and examples of what a person would ask.
//!
//! [`ledger`]: a ledger in memory that commits as the store does · [`world`]: assets, sources and a model of content, with windows and
//! availability worked out by brute force · [`run`]: executes plans as the executor does, and checks each step against the
//! brute force · [`laws`]: random worlds, random edits · [`examples`], [`recursive`] and [`asked`]: cases worth reading.

mod asked;
mod examples;
mod laws;
mod ledger;
mod recursive;
mod run;
mod world;
