//! Tables session by session: what of them holds, or is known, on each session.
//!
//! - [`spans`]: rows, each with the sessions that it holds on; every kind of table comes to these
//! - [`validity`]: rows with intervals
//! - [`reports`]: company reports, from the session on that they are known; [`period`]: which periods belong together

mod period;
#[cfg(test)]
mod report_tests;
mod reports;
mod spans;
mod validity;

pub use reports::{ReportColumns, known};
pub use spans::{AsOfError, Spans};
pub use validity::{ValidColumns, valid};
