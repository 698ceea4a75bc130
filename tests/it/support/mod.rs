//! The harness: a project in a temporary folder, the real binary, and assertions that say what differs.
//!
//! [`Project`] lays down a small slice of real bars and a configuration of the five stages, edits both, and runs the program
//! in a cleared environment at a fixed `--now`. [`Ran`] says which sessions a run recomputed. The sessions a test expects come
//! from [`bars::sessions`], the dates of the index in the demo's CSV, and not from the program.

pub mod bars;
#[cfg(target_os = "linux")]
pub mod disk;
pub mod output;
pub mod project;
pub mod ran;
pub mod receiver;
pub mod running;
mod servers;
pub mod vendor;
pub mod vendors;

pub use bars::{Bars, date, from_on, repository, sessions, sessions_from};
pub use output::Output;
pub use project::{Project, STAGES, files_below};
pub use ran::{Contents, Ran, assert_same, changes, computed, list};
pub use running::wait_until;
pub use servers::server;
