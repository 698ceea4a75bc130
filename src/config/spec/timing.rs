//! When something is to happen: instants of a session, what becomes of ticks that were missed, times at which nothing runs.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, TimeDelta};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

use crate::duration::Span;

/// An end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionEdge {
    Open,
    Close,
}

/// An instant of every session of a calendar: `session_close + 30m`. Half-days and daylight saving move it with the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionInstant {
    pub edge: SessionEdge,
    /// Seconds after the edge; before it when negative.
    pub seconds: i64,
}

/// Why a text is no instant of a session.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SessionInstantError {
    #[error("begin with `session_open` or `session_close`")]
    Edge,
    #[error("after `{0}` comes `+` or `-` and a duration, as in `{0} + 30m`")]
    Sign(&'static str),
    #[error("`{0}` is not a duration: write `30m`, `1h30m`")]
    Duration(String),
    #[error("more than {LONGEST} days from the session is another session's affair")]
    TooFar,
}

/// In days. Ticks are looked for among the sessions so near to an instant.
pub const LONGEST: i64 = 7;

impl SessionEdge {
    /// As written in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "session_open",
            Self::Close => "session_close",
        }
    }
}

impl FromStr for SessionInstant {
    type Err = SessionInstantError;

    fn from_str(text: &str) -> Result<Self, SessionInstantError> {
        let text = text.trim();
        let (edge, rest) = [SessionEdge::Open, SessionEdge::Close]
            .into_iter()
            .find_map(|edge| text.strip_prefix(edge.name()).map(|rest| (edge, rest.trim())))
            .ok_or(SessionInstantError::Edge)?;
        if rest.is_empty() {
            return Ok(Self { edge, seconds: 0 });
        }
        let (sign, length) = match (rest.strip_prefix('+'), rest.strip_prefix('-')) {
            (Some(length), _) => (1, length),
            (_, Some(length)) => (-1, length),
            _ => return Err(SessionInstantError::Sign(edge.name())),
        };
        let length = length.trim();
        let span: Span = length.parse().map_err(|_| SessionInstantError::Duration(length.to_owned()))?;
        let length = span.to_chrono();
        if length > TimeDelta::days(LONGEST) {
            return Err(SessionInstantError::TooFar);
        }
        Ok(Self { edge, seconds: sign * length.num_seconds() })
    }
}

impl fmt::Display for SessionInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.edge.name())?;
        let sign = match self.seconds {
            0 => return Ok(()),
            1.. => '+',
            _ => '-',
        };
        let length = u32::try_from(self.seconds.unsigned_abs()).map(Span::from_seconds).unwrap_or_default();
        write!(f, " {sign} {length}")
    }
}

impl Serialize for SessionInstant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What becomes of ticks whose time went by while nothing was there to run them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// Each of them runs, in order.
    All,
    /// The newest of them runs; it stands for those before it.
    #[default]
    Last,
    /// None of them runs.
    None,
}

impl CatchUp {
    /// As written in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Last => "last",
            Self::None => "none",
        }
    }
}

/// What a cron schedule leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// Ticks on dates that are not sessions of the schedule's `calendar`.
    NonSessions,
}

/// A time in which no tick runs: from date to date, or a while from each time of a cron expression on. Both are meant in the
/// schedule's zone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Blackout {
    /// First date.
    pub from: Option<NaiveDate>,
    /// Last date (default: the first).
    pub to: Option<NaiveDate>,
    /// When it begins, again and again: `0 22 * * *`.
    pub cron: Option<String>,
    /// How long it then lasts: `4h`; 31 days at most.
    #[serde(rename = "for")]
    pub lasts: Option<Span>,
    /// One line for people, shown with every tick that it holds.
    pub why: Option<String>,
}

/// Sessions counted back from the instant at which a job is due, or from date to date.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SessionWindow {
    /// The newest so many sessions that have closed, on the calendar of each selected asset; where these differ, the earliest date
    /// counts.
    #[schemars(range(min = 1))]
    pub last: Option<u32>,
    /// First date.
    pub from: Option<NaiveDate>,
    /// Last date (default: the newest session).
    pub to: Option<NaiveDate>,
}

/// When an asset is brought up to date by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Auto {
    When(AutoWhen),
    By(AutoDeadline),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AutoWhen {
    /// As soon as an asset that it reads has changed.
    OnChange,
}

/// Once each session, so that it is up to date from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AutoDeadline {
    /// An instant of each session of the asset's calendar: `session_close + 2h`.
    pub deadline: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_of_a_session_read_and_write_alike() {
        for (text, written, seconds) in [
            ("session_close", "session_close", 0),
            ("session_close + 30m", "session_close + 30m", 1800),
            (" session_open-1h30m ", "session_open - 1h30m", -5400),
            ("session_open +0s", "session_open", 0),
        ] {
            let instant: SessionInstant = text.parse().unwrap();
            assert_eq!((instant.to_string().as_str(), instant.seconds), (written, seconds), "{text}");
        }
        for (text, mistake) in [
            ("close + 30m", SessionInstantError::Edge),
            ("session_close 30m", SessionInstantError::Sign("session_close")),
            ("session_close + 30", SessionInstantError::Duration("30".into())),
            ("session_close +", SessionInstantError::Duration(String::new())),
            ("session_close + 8d", SessionInstantError::TooFar),
        ] {
            assert_eq!(text.parse::<SessionInstant>().unwrap_err(), mistake, "{text}");
        }
    }
}
