//! A tick with its decision and the reason in words.

use std::fmt;

use assetctl_config::{CatchUp, Schedule};
use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// What becomes of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The job runs.
    Run,
    /// It does not, and was not to.
    Skipped,
    /// It was missed, and a later tick stands for it.
    Superseded,
    /// It was missed, and nothing stands for it.
    Missed,
    /// Nobody can say whether it was to run: the calendar has ended.
    Unknown,
    /// It waits for the end of a blackout: not decided yet.
    Held,
}

impl Decision {
    /// As it is shown and stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Skipped => "skipped",
            Self::Superseded => "superseded",
            Self::Missed => "missed",
            Self::Unknown => "unknown",
            Self::Held => "held",
        }
    }
}

/// What was special about the time of a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The wall-clock time does not exist on that day; it became this one.
    Gap { wall: NaiveDateTime, to: NaiveDateTime },
    /// The wall-clock time exists twice on that day; this is the first.
    Twice { wall: NaiveDateTime },
    /// The session closes early.
    HalfDay,
}

/// Why a tick is decided as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    OnTime,
    /// It runs after all.
    CaughtUp {
        late: TimeDelta,
        policy: CatchUp,
    },
    /// It runs after a blackout.
    AfterBlackout {
        why: Option<String>,
        policy: CatchUp,
    },
    /// It waits for the end of a blackout.
    Blackout {
        until: DateTime<Utc>,
        zone: Tz,
        why: Option<String>,
    },
    /// It lies in blackouts that do not end.
    NoEnd {
        why: Option<String>,
    },
    NotASession {
        calendar: String,
        date: NaiveDate,
    },
    Paused {
        since: Option<DateTime<Utc>>,
        who: Option<String>,
        why: Option<String>,
    },
    SupersededBy {
        due: DateTime<Utc>,
        zone: Tz,
    },
    Missed {
        late: TimeDelta,
    },
    /// As `Missed`, in a blackout.
    MissedInBlackout {
        why: Option<String>,
    },
    /// The calendar does not know the date.
    PastCalendar {
        calendar: String,
        date: NaiveDate,
        last: NaiveDate,
    },
    BeforeCalendar {
        calendar: String,
        date: NaiveDate,
        first: NaiveDate,
    },
}

impl Why {
    /// The same as one word, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OnTime => "on_time",
            Self::CaughtUp { .. } => "caught_up",
            Self::AfterBlackout { .. } => "after_blackout",
            Self::Blackout { .. } | Self::NoEnd { .. } => "blackout",
            Self::NotASession { .. } => "not_a_session",
            Self::Paused { .. } => "paused",
            Self::SupersededBy { .. } => "superseded",
            Self::Missed { .. } => "missed",
            Self::MissedInBlackout { .. } => "missed_in_blackout",
            Self::PastCalendar { .. } => "past_calendar",
            Self::BeforeCalendar { .. } => "before_calendar",
        }
    }
}

/// One time at which a schedule is due, decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tick {
    pub schedule: String,
    /// With the schedule, what tells ticks apart.
    pub due: DateTime<Utc>,
    pub decision: Decision,
    /// When it was decided; in a preview, when it would be.
    pub decided_at: DateTime<Utc>,
    /// The decision's reason as one word.
    #[serde(rename = "code", serialize_with = "code")]
    #[schema(value_type = String)]
    pub why: Why,
    /// The reason in words.
    pub reason: String,
}

fn code<S: Serializer>(why: &Why, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(why.code())
}

impl Tick {
    pub(crate) fn new(
        schedule: &Schedule,
        due: DateTime<Utc>,
        note: Option<&Note>,
        decided_at: DateTime<Utc>,
        decision: Decision,
        why: Why,
    ) -> Self {
        let note = note.map(|note| format!("; {note}")).unwrap_or_default();
        let reason = format!("{why}{note}");
        Self { schedule: schedule.name.clone(), due, decision, decided_at, why, reason }
    }
}

/// A schedule was paused, or set going again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Switch {
    pub at: DateTime<Utc>,
    pub paused: bool,
    pub who: Option<String>,
    pub why: Option<String>,
}

/// Whether it is paused at an instant, and by what: by the last switch until then, or by the configuration where there is none.
/// `switches` ascend.
pub fn paused(configured: bool, switches: &[Switch], at: DateTime<Utc>) -> Option<Why> {
    match switches.iter().rev().find(|switch| switch.at <= at) {
        Some(Switch { at, paused: true, who, why }) => {
            Some(Why::Paused { since: Some(*at), who: who.clone(), why: why.clone() })
        }
        Some(_) => None,
        None => configured.then_some(Why::Paused { since: None, who: None, why: None }),
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { wall, to } => {
                write!(
                    f,
                    "{} does not exist that day: {} is the first time after it",
                    wall.format("%H:%M:%S"),
                    to.format("%H:%M:%S")
                )
            }
            Self::Twice { wall } => write!(f, "{} is there twice that day: this is the first", wall.format("%H:%M:%S")),
            Self::HalfDay => f.write_str("a half-day"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = |why: &Option<String>| why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        match self {
            Self::OnTime => f.write_str("due"),
            Self::CaughtUp { late, policy } => {
                write!(f, "caught up, {} late (`catch_up: {}`)", span(*late), policy.name())
            }
            Self::AfterBlackout { why, policy } => {
                write!(f, "after a blackout{} (`catch_up: {}`)", because(why), policy.name())
            }
            Self::Blackout { until, zone, why } => {
                write!(f, "until {} by a blackout{}", local(*until, *zone), because(why))
            }
            Self::NoEnd { why } => write!(f, "in a blackout that does not end{}", because(why)),
            Self::NotASession { calendar, date } => write!(f, "{date} is not a session of {calendar}"),
            Self::Paused { since, who, why } => {
                f.write_str("paused")?;
                match since {
                    Some(since) => write!(f, " since {}", since.to_rfc3339_opts(SecondsFormat::Secs, true))?,
                    None => f.write_str(" by the configuration")?,
                }
                if let Some(who) = who {
                    write!(f, " by {who}")?;
                }
                f.write_str(&because(why))
            }
            Self::SupersededBy { due, zone } => write!(f, "by the tick of {} (`catch_up: last`)", local(*due, *zone)),
            Self::Missed { late } => write!(f, "{} late (`catch_up: none`)", span(*late)),
            Self::MissedInBlackout { why } => write!(f, "in a blackout{} (`catch_up: none`)", because(why)),
            Self::PastCalendar { calendar, date, last } => write!(
                f,
                "not run: whether {date} is a session of {calendar} is not known, the calendar ends on {last}; extend it with a file \
                 under `calendars:`"
            ),
            Self::BeforeCalendar { calendar, date, first } => {
                write!(
                    f,
                    "not run: whether {date} is a session of {calendar} is not known, the calendar begins on {first}"
                )
            }
        }
    }
}

/// `2024-10-08 00:00 CST`.
pub(crate) fn local(at: DateTime<Utc>, zone: Tz) -> String {
    let at = at.with_timezone(&zone);
    let form = if at.format("%S").to_string() == "00" { "%Y-%m-%d %H:%M %Z" } else { "%Y-%m-%d %H:%M:%S %Z" };
    at.format(form).to_string()
}

/// `3d4h`, `5m`; to the minute where it is more than that.
fn span(length: TimeDelta) -> String {
    let seconds = u32::try_from(length.num_seconds().max(0)).unwrap_or(u32::MAX);
    let seconds = if seconds >= 60 { seconds / 60 * 60 } else { seconds };
    assetctl_config::Span::from_seconds(seconds).to_string()
}
