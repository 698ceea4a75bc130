//! The keys of `resample`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::{Span, SpanError};
use crate::ordered::Ordered;

/// The length of the bars that are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum BarLength {
    /// One row for each instrument of a session.
    Session,
    Span(Span),
}

impl FromStr for BarLength {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        if text == "session" { Ok(Self::Session) } else { text.parse().map(Self::Span) }
    }
}

impl TryFrom<String> for BarLength {
    type Error = SpanError;

    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

impl From<BarLength> for String {
    fn from(length: BarLength) -> Self {
        length.to_string()
    }
}

impl fmt::Display for BarLength {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Session => f.write_str("session"),
            Self::Span(span) => write!(f, "{span}"),
        }
    }
}

impl JsonSchema for BarLength {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BarLength".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r"^(session|(\d+d)?(\d+h)?(\d+m)?(\d+s)?)$",
            "description": "The length of a bar, `5m`, `15m`, `1h`, or `session`: one row for each instrument of a session."
        })
    }
}

/// What becomes of several rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// The first value that is there.
    First,
    /// The last value that is there.
    Last,
    Max,
    Min,
    /// Of the values that are there, in the order of time; missing if none is.
    Sum,
    /// The arithmetic mean of the values that are there; weighted, with `weight`.
    Mean,
    /// How many values are there.
    Count,
}

/// How a column is made: of the input's column of the same name, or of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ResampledColumn {
    By(Aggregate),
    Of {
        /// The input's column.
        of: String,
        by: Aggregate,
        /// The input's column to weigh a `mean` with: `volume`, for a price.
        #[serde(default)]
        weight: Option<String>,
    },
}

impl ResampledColumn {
    /// The input's column, what is done to it, and the column that weighs it.
    pub fn parts<'a>(&'a self, name: &'a str) -> (&'a str, Aggregate, Option<&'a str>) {
        match self {
            Self::By(by) => (name, *by, None),
            Self::Of { of, by, weight } => (of, *by, weight.as_deref()),
        }
    }
}

/// What becomes of a bar in which nothing was traded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gaps {
    /// There is no row.
    #[default]
    Skip,
    /// A row with `is_filled`: prices are the last close of the same session, sums are 0, the rest is missing.
    Carry,
}

/// Longer bars of shorter ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResampleSpec {
    /// An asset whose rows have a `time`.
    pub input: String,
    /// The length of the bars that are made.
    pub every: BarLength,
    /// Name: how it is made. `open`, `high`, `low`, `close`, `volume` and `amount` need not be named.
    #[serde(default)]
    pub columns: Ordered<ResampledColumn>,
    /// What becomes of a bar in which nothing was traded.
    #[serde(default)]
    pub gaps: Gaps,
}

impl ResampleSpec {
    /// What the columns of bars become if nothing is said of them.
    pub fn usual(name: &str) -> Option<Aggregate> {
        Some(match name {
            "open" => Aggregate::First,
            "high" => Aggregate::Max,
            "low" => Aggregate::Min,
            "close" => Aggregate::Last,
            "volume" | "amount" => Aggregate::Sum,
            _ => return None,
        })
    }
}
