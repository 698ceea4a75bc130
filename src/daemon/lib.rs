//! The daemon: decides what has become due, and works the queue of one store. What runs, and what is looked at, is behind traits; the
//! clock is an argument. All that must survive a kill lies in the store.
//!
//! - [`daemon`]: the loop, on a clock that goes by itself or one that is put forward
//! - [`ticks`]: schedules → requests; [`sensing`]: sensors → requests; [`ask`]: a job → a request
//! - [`work`]: requests → attempts, and what becomes of each: its end, another try, its place in the queue
//! - [`backoff`]: whether, and when, what failed is tried again
//! - [`event`]: what happens, as one JSON object each; [`log`]: the events of a run in a file
//! - [`teller`]: how what goes on beside the runs is told
//! - [`outside`]: what the daemon is given: project, runner, eyes, clock

mod ask;
mod backoff;
mod daemon;
mod event;
mod log;
mod outside;
mod sensing;
#[cfg(test)]
mod stories;
mod teller;
mod ticks;
mod work;

pub use ask::{Asked, ask, claims};
pub use daemon::{Daemon, DaemonError, TraceId};
pub use event::{Event, EventKind, Severity};
pub use outside::{Clock, Declared, Declares, Failure, FailureKind, Look, Outcome, Runner, StepClock};
pub use sensing::switches;
pub use teller::Teller;
pub use ticks::tick_row;
