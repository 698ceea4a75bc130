//! `assets.yaml` → typed assets, with the place of everything, and every mistake reported at once.
//!
//! The text goes through typed passes, each of which reports all it finds:
//!
//! 1. [`parse`]: YAML → a tree of [`node`]s that know where they stand
//! 2. [`load`]: the main file and its `include:`s; what they declare, put together
//! 3. [`interpolate`]: `${name}` and `${env.NAME}`; [`expand`]: `for_each:` and `defaults:`
//!    and [`vendors`]: the preset or file under an `http:`
//! 4. [`structure`]: the tree against the JSON Schema of the types in [`spec`] ([`schema`]), then serde, asset by asset ([`assets`])
//! 5. [`validate`]: rules that one asset, or its neighbours' names, can break
//! 6. [`sinks`]: where assets are published to, and what they say of it
//! 7. [`schedules`]: the same for `schedules.yaml`: jobs, schedules, sensors, observers
//!
//! What needs the graph (cycles, columns, expressions) is the next crate's, which says where by [`Asset::locate`].

mod assets;
mod calendars;
mod diagnostic;
mod duration;
mod expand;
mod file_name;
mod interpolate;
mod load;
mod names;
mod node;
mod ordered;
mod parse;
mod place;
mod presets;
mod project;
mod scalar;
mod schedules;
mod schema;
mod sinks;
mod spec;
mod structure;
#[cfg(test)]
mod testing;
mod time_format;
mod validate;
mod vendors;

pub use calendars::{Calendars, calendar_warnings};
pub use diagnostic::{ConfigErrors, Diagnostic, DiagnosticSeverity, FileId, Label, Loc, SourceFile, SourceMap};
pub use duration::{Span, SpanError};
pub use file_name::{FileNameError, FileNamePattern};
pub use interpolate::who;
pub use load::{load, load_with};
pub use names::{NameError, check_name, did_you_mean};
pub use ordered::Ordered;
pub use presets::{PRESETS, Preset};
pub use project::{Asset, Project};
pub use schedules::{
    CronError, Job, JobVar, Observer, Schedule, Schedules, Sensor, Telemetry, Timing, VarError, VarValue, parse_cron,
};
pub use schema::{json_schema, schedules_schema};
pub use sinks::DeclaredSink;
pub use spec::*;
pub use time_format::TimeFormat;
