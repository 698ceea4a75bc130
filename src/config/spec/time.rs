//! Bars within a session.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OffCalendar;
use crate::duration::Span;

/// What the time of a bar names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BarStamp {
    /// The end of the bar: the first minute of a day that opens at 09:30 is 09:31.
    #[default]
    End,
    /// The start of the bar: the first minute is 09:30.
    Start,
}

/// Rows with a time: the column `time` belongs to the key, and says of which session a row is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BarTimes {
    /// The length of a bar: `1m`, `5m`, `15m`. Then every time must be one of such bars, counted from the opening of each part of the session.
    pub every: Option<Span>,
    /// What the time of a row names: the `end` (default) or the `start` of its bar.
    pub stamp: BarStamp,
    /// How times are written, as `strftime` says it, or `epoch` or `epoch_ms` (default: `2024-03-15 09:31:00`, with or without seconds and
    /// offset). A time without a date, such as `%H:%M`, is of the column `session`.
    pub format: Option<String>,
    /// The time zone in which times are written (default: the calendar's). They are stored in the calendar's.
    pub zone: Option<String>,
    /// A row at a time at which its session does not trade is an error, or is skipped.
    pub outside: OffCalendar,
}
