//! Panels in, panels out: what the asset kinds compute.
//!
//! A panel is a column laid out session by session (row = session, lane = instrument). The kernels work on plain slices;
//! polars frames appear only where rows come in ([`Inputs`], [`complete_frame`], [`top_k`], [`run_check`]) and where they go
//! out ([`Evaluated::to_frame`]).
//!
//! [`evaluate`] takes a program stage by stage (`schedule`, `run`), a block of lanes at a time on each thread (`block`,
//! `recursion`); what outlives a block goes into a `sink`. `timeline` says what the rows of a block stand for.
//!
//! Everything here is a pure function, and start-independent: a value depends on its own window and on nothing else, so
//! that any split of the work into batches, threads or lanes gives the same bits.

mod actions;
mod adjust;
mod as_of;
mod axis;
#[cfg(test)]
mod batch_tests;
mod block;
mod checks;
mod complete;
mod complete_frame;
mod completion;
#[cfg(test)]
mod completion_tests;
mod cross_stage;
mod evaluate;
#[cfg(test)]
mod example_tests;
mod fallback;
mod frame;
mod inputs;
mod intervals;
mod kernels;
mod layout;
mod limits;
mod listing;
mod members;
#[cfg(test)]
mod oracle_tests;
mod outputs;
mod panel;
mod parallel;
#[cfg(test)]
mod random_programs;
mod recursion;
mod resample;
mod run;
mod schedule;
mod sink;
#[cfg(test)]
mod split_tests;
mod state;
#[cfg(test)]
mod talib_tests;
mod timeline;
mod top_k;
mod trace;
#[cfg(test)]
mod traded_tests;
#[cfg(test)]
mod universe_tests;

pub use actions::{Action, ActionError, Actions, DividendRule};
pub use adjust::Adjustment;
pub use as_of::{AsOfError, ReportColumns, Spans, ValidColumns, known, valid};
pub use axis::Axis;
pub use checks::{Check, CheckFailure, Jump, LastValues, Reconcile, Sample, reconcile, run_check};
pub use complete::{Bar, CompletedRow, complete_session};
pub use complete_frame::{CompleteError, Fill, FillRules, affected_by_carry, complete_frame};
pub use completion::{Completed, Completion};
pub use evaluate::{EvaluateError, Evaluated, Task, WindowAxis, evaluate};
pub use fallback::Fallback;
pub use frame::FrameError;
pub use inputs::Inputs;
pub use intervals::{IntervalError, Intervals};
pub use limits::{Instruments, LimitRule, PriceLimits};
pub use listing::{Listing, ListingError};
pub use members::{MemberRule, Members};
pub use resample::{Aggregate, Group, Resampled, aggregate, groups};
pub use state::{Checkpoint, State};
pub use timeline::bars_needed;
pub use top_k::{TopKError, Weights, top_k};
