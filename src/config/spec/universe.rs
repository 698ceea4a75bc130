//! `universe:`: which instruments take part.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The instruments that take part on a session: those with a row in an asset, or with a row in which a column has a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum UniverseOf {
    /// Every instrument that has a row in this asset.
    Asset(String),
    Rows(UniverseRows),
}

/// `{ asset: index_members, column: index, equals: "000300" }`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UniverseRows {
    /// An asset with a column `instrument`.
    pub asset: String,
    /// A column of text or of bools.
    pub column: String,
    /// What the column has in the rows that count; of a column of bools `true` or `false`.
    pub equals: String,
}

impl UniverseOf {
    pub fn asset(&self) -> &str {
        match self {
            Self::Asset(asset) => asset,
            Self::Rows(rows) => &rows.asset,
        }
    }

    /// The column that decides, with its value.
    pub fn rule(&self) -> Option<(&str, &str)> {
        match self {
            Self::Asset(_) => None,
            Self::Rows(rows) => Some((&rows.column, &rows.equals)),
        }
    }

    /// The path in its asset of the name of the other asset.
    pub fn path(&self) -> &'static [&'static str] {
        match self {
            Self::Asset(_) => &["universe"],
            Self::Rows(_) => &["universe", "asset"],
        }
    }
}
