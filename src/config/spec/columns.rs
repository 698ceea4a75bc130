//! The keys of `indicators` and `scores`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Inputs, UniverseOf};
use crate::ordered::Ordered;

/// The language of an asset's expressions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// `close / ref(close, 5)`
    #[default]
    Native,
    /// Qlib's expression strings, unchanged: `$close/Ref($close, 5)`.
    Qlib,
}

/// Whose defects are reproduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compat {
    /// Those of Qlib's operators that are functions of the data.
    Qlib,
}

/// A built-in set of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeatureSet {
    /// Qlib's 158 features of bars.
    Alpha158,
    /// Qlib's 360 features: the last 60 values of six columns.
    Alpha360,
}

impl FeatureSet {
    /// As written in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alpha158 => "alpha158",
            Self::Alpha360 => "alpha360",
        }
    }
}

/// One feature set or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FeatureSets {
    One(FeatureSet),
    Many(Vec<FeatureSet>),
}

impl FeatureSets {
    pub fn as_slice(&self) -> &[FeatureSet] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// What a window counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowAxis {
    /// Sessions of the calendar; one on which an instrument was not traded counts, with missing values.
    #[default]
    Calendar,
    /// The bars of each instrument; sessions on which it was not traded are left out.
    Traded,
}

/// Columns by expression over one or several inputs; `indicators` and `scores`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ColumnsSpec {
    /// The assets that the expressions read. Rows are those of the first.
    pub input: Inputs,
    /// Built-in columns, made of the first input's `open`, `high`, `low`, `close`, `volume` and `vwap`; they stand before `columns`.
    #[serde(default)]
    pub features: Option<FeatureSets>,
    /// Name: expression. An expression may use columns above it.
    #[serde(default)]
    pub columns: Ordered<String>,
    /// The language of the expressions.
    #[serde(default)]
    pub dialect: Dialect,
    /// Reproduces defects too, for who must have the same numbers; only with `dialect: qlib` or `features`.
    #[serde(default)]
    pub compat: Option<Compat>,
    /// What windows count: sessions of the calendar (default), or bars of each instrument.
    #[serde(default)]
    pub window_axis: WindowAxis,
    /// Only these instruments take part: the name of an asset of members, or `{ asset: …, column: …, equals: … }`. Windows read
    /// what was before an instrument came in, too.
    #[serde(default)]
    pub universe: Option<UniverseOf>,
}
