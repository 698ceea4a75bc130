//! Schedules and sensors, decided: what is due by now, what of it runs, and why not the rest. Pure: `now` and what was seen are
//! arguments, nothing is read and nothing is started.
//!
//! - [`zoned`]: wall-clock times of a zone → instants, through both daylight-saving changes
//! - [`occurrences`]: when a schedule ticks
//! - [`blackout`]: times in which no tick runs
//! - [`tick`]: a tick with its decision and the reason in words
//! - [`decide`]: ticks that are ready at one instant → decisions, by the catch-up policy
//! - [`due()`]: what is due since it was last asked; [`preview()`]: what a stretch of time would bring
//! - [`sensor`]: what was seen → whether the job runs
//! - [`queue`]: requests that wait, those that run, and limits → which start now
//! - [`job`]: a job with its variables → what there is to do
//! - [`check`]: what jobs select, against the graph

mod blackout;
mod check;
mod decide;
mod due;
mod job;
mod occurrences;
mod preview;
mod queue;
mod sensor;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod testing;
mod tick;
mod zoned;

pub use check::check;
pub use due::{Due, ScheduleState, due};
pub use job::{JobError, ResolvedJob, given, resolve};
pub use preview::{next, preview};
pub use queue::{Claims, Waiting, choose};
pub use sensor::{Seen, SensorDecision, SensorMemory, evaluate};
pub use tick::{Decision, Note, Switch, Tick, Why, paused};
pub use zoned::midnight;
