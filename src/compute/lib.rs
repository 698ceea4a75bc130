//! Panels in, panels out: what the asset kinds compute.
//!
//! A [`Panel`] is a column laid out session by session (row = session, lane = instrument). The kernels work on plain
//! slices; polars frames appear only where rows come in ([`Inputs`], [`complete_frame`], [`top_k`], [`run_check`]) and
//! where they go out ([`to_frame`]).
//!
//! Everything here is a pure function, and start-independent: a value depends on its own window and on nothing else, so
//! that any split of the work into batches, threads or lanes gives the same bits.

mod axis;
#[cfg(test)]
mod batch_tests;
mod checks;
mod complete;
mod complete_frame;
mod evaluate;
mod frame;
mod inputs;
mod kernels;
mod listing;
mod liveness;
#[cfg(test)]
mod oracle_tests;
mod outputs;
mod panel;
mod top_k;

pub use axis::{Axis, Presence};
pub use checks::{Check, CheckFailure, run_check};
pub use complete::{Bar, CompletedRow, complete_session};
pub use complete_frame::{CompleteError, Fill, FillRules, affected_by_carry, complete_frame};
pub use evaluate::{EvaluateError, evaluate};
pub use frame::FrameError;
pub use inputs::Inputs;
pub use listing::{Listing, ListingError};
pub use outputs::to_frame;
pub use panel::Panel;
pub use top_k::{TopKError, Weights, top_k};
