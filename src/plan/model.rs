//! The plan as a value: what is stale, why, and what waits. It serializes as it stands.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::hash::Hash128;
use crate::ledger::STATIC_SESSION;

/// Everything that a materialization will do at most, inputs first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Plan {
    /// The instant that decided which sessions are final.
    pub now: DateTime<Utc>,
    /// The ledger's revision that the plan was made on.
    pub revision: u64,
    pub selection: String,
    pub assets: Vec<AssetPlan>,
}

/// What is to be done for one asset.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AssetPlan {
    pub asset: String,
    pub kind: &'static str,
    /// Whether it was selected itself, or is here because a selected asset needs it.
    pub selected: bool,
    /// Position in the graph.
    #[serde(skip)]
    pub node: usize,
    #[schema(value_type = String)]
    pub spec: Hash128,
    /// See [`wiring`](crate::wiring).
    #[serde(skip)]
    pub wiring: Hash128,
    /// How many partitions it has when it is up to date, and the first and last of them; none for an asset without sessions.
    pub partitions: u32,
    pub first: Option<NaiveDate>,
    pub last: Option<NaiveDate>,
    /// Sorted by date; disjoint.
    pub stale: Vec<StaleRange>,
    pub blocked: Vec<BlockedRange>,
    /// Partitions that no longer belong to the asset: before its start, or of sessions that its source no longer has.
    pub obsolete: Vec<NaiveDate>,
    /// Inputs moved, and nothing of what this asset reads did: a run may note it as clean without computing anything.
    #[serde(skip)]
    pub unmoved: bool,
}

/// Consecutive sessions that are stale for one reason.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StaleRange {
    pub first: NaiveDate,
    pub last: NaiveDate,
    pub sessions: u32,
    /// `false`: stale only if an input that is recomputed first comes out different (from what it was when this was built).
    pub certain: bool,
    pub reason: StaleReason,
}

/// Consecutive sessions that cannot be made yet.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BlockedRange {
    pub first: NaiveDate,
    pub last: NaiveDate,
    pub sessions: u32,
    pub reason: BlockReason,
}

/// Dates of an input, from the first to the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dates {
    pub first: NaiveDate,
    pub last: NaiveDate,
    pub sessions: u32,
}

/// Why a partition is stale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StaleReason {
    NeverMaterialized,
    /// The segment file is gone, or is not as it was written.
    OutputMissing,
    SpecChanged {
        #[schema(value_type = String)]
        old: Hash128,
        #[schema(value_type = String)]
        new: Hash128,
    },
    /// Rows of these sessions differ in the source's files.
    SourceRevised {
        files: Vec<String>,
    },
    /// Somebody was asked for this session, and what came was not taken: nothing, or fewer rows than there must be.
    AskedInVain {
        at: DateTime<Utc>,
        rows: u64,
    },
    /// A newer session has become final since these were asked for: they may have been corrected.
    Refetch {
        lookback: u32,
    },
    /// Something that the partition reads of this input has other content than when it was built.
    InputChanged {
        asset: String,
        dates: Option<Dates>,
    },
    /// A value carried over from the session before has changed.
    CarryChanged,
    /// An input is recomputed first; what comes of it decides.
    InputRecomputed {
        asset: String,
        dates: Dates,
    },
    /// An earlier session of the asset itself is recomputed first; what it carries over decides.
    CarryRecomputed,
    Forced,
}

/// What a partition waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BlockReason {
    /// The session has not closed, or its settlement delay has not passed.
    NotFinal { until: DateTime<Utc> },
    /// An input has no such partition, and is not part of this plan.
    InputMissing { asset: String, dates: Dates },
    /// An input's partition is blocked itself.
    InputBlocked { asset: String },
    /// The source's files end before (`null`: they hold no row).
    NoData { until: Option<NaiveDate> },
}

impl Plan {
    /// Whether there is anything to run.
    pub fn is_empty(&self) -> bool {
        self.assets.iter().all(AssetPlan::is_empty)
    }

    pub fn asset(&self, name: &str) -> Option<&AssetPlan> {
        self.assets.iter().find(|asset| asset.asset == name)
    }

    /// Partitions that are certainly stale.
    pub fn certain(&self) -> u32 {
        self.assets.iter().map(AssetPlan::certain).sum()
    }

    /// Partitions that may turn out to be stale.
    pub fn possible(&self) -> u32 {
        self.assets.iter().map(AssetPlan::possible).sum()
    }
}

impl AssetPlan {
    pub fn is_empty(&self) -> bool {
        self.stale.is_empty() && self.obsolete.is_empty()
    }

    pub fn certain(&self) -> u32 {
        self.stale.iter().filter(|range| range.certain).map(|range| range.sessions).sum()
    }

    pub fn possible(&self) -> u32 {
        self.stale.iter().filter(|range| !range.certain).map(|range| range.sessions).sum()
    }

    /// The input for want of which some partitions cannot be made.
    pub fn blocked_by_input(&self) -> Option<&BlockedRange> {
        self.blocked
            .iter()
            .find(|range| matches!(range.reason, BlockReason::InputMissing { .. } | BlockReason::InputBlocked { .. }))
    }

    /// The range that holds a session.
    pub fn range_of(&self, session: NaiveDate) -> Option<&StaleRange> {
        self.stale.iter().find(|range| (range.first..=range.last).contains(&session))
    }
}

impl fmt::Display for Dates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sessions {
            1 => write!(f, "{}", self.first),
            sessions => write!(f, "{sessions} sessions {}…{}", self.first, self.last),
        }
    }
}

impl fmt::Display for StaleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverMaterialized => f.write_str("never materialized"),
            Self::OutputMissing => f.write_str("output file missing or damaged"),
            Self::SpecChanged { old, new } => write!(f, "spec changed ({} → {})", old.short(8), new.short(8)),
            Self::SourceRevised { files } => match files.as_slice() {
                [] => f.write_str("source revised"),
                [file] => write!(f, "source revised: {file}"),
                [file, rest @ ..] => write!(f, "source revised: {file} and {} more", rest.len()),
            },
            Self::AskedInVain { at, rows: 0 } => write!(f, "no rows when asked on {}", minute(*at)),
            Self::AskedInVain { at, rows } => write!(f, "too few rows ({rows}) when asked on {}", minute(*at)),
            Self::Refetch { lookback: 1 } => f.write_str("asked for again: the look-back is 1 session"),
            Self::Refetch { lookback } => write!(f, "asked for again: the look-back is {lookback} sessions"),
            Self::InputChanged { asset, dates: Some(dates) } if dates.first != STATIC_SESSION => {
                write!(f, "`{asset}` changed on {dates}")
            }
            Self::InputChanged { asset, .. } => write!(f, "`{asset}` changed"),
            Self::CarryChanged => f.write_str("a value carried from the session before changed"),
            Self::InputRecomputed { asset, dates } if dates.first == STATIC_SESSION => {
                write!(f, "if `{asset}` comes out different")
            }
            Self::InputRecomputed { asset, dates } => write!(f, "if `{asset}` comes out different on {dates}"),
            Self::CarryRecomputed => f.write_str("if a carried value comes out different"),
            Self::Forced => f.write_str("forced"),
        }
    }
}

impl fmt::Display for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinal { until } => write!(f, "not final until {}", minute(*until)),
            Self::InputMissing { asset, dates } => write!(f, "`{asset}` has no partition for {dates}"),
            Self::InputBlocked { asset } => write!(f, "`{asset}` waits too"),
            Self::NoData { until: Some(until) } => write!(f, "its files end on {until}"),
            Self::NoData { until: None } => f.write_str("its files hold no row"),
        }
    }
}

fn minute(at: DateTime<Utc>) -> impl fmt::Display {
    at.format("%Y-%m-%d %H:%M UTC")
}
