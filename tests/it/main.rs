//! Stories told to the program itself: each test lays a project down, acts through the command line, and looks at what became
//! of it. One binary for all, so that it is linked once.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and writes the files that a user would"
)]

mod support;

mod actions;
mod api;
mod audit;
mod backup;
mod bad_input;
mod checks;
mod commands;
mod completion;
mod concurrency;
mod config;
mod daemon;
mod damage;
mod definitions;
mod dialect;
mod exactness;
mod exec;
mod fetched;
mod finality;
mod functions;
mod golden;
mod groups;
mod incremental;
mod instruments;
mod intraday;
mod limits;
mod memory;
mod minutes;
mod observers;
mod packages;
mod presets;
mod publishing;
mod qlib;
mod readers;
mod recursive;
mod revisions;
mod schedules;
mod selection;
#[cfg(target_os = "linux")]
mod soak;
mod sources;
mod sql;
mod suspensions;
mod tables;
// Ends daemons as service managers do.
#[cfg(unix)]
mod telemetry;
mod traded;
mod units;
mod vendors;
mod windows;
