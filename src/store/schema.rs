//! The columns of an asset as segments hold them.

use assetctl_plan::Hash128;
use polars::prelude::{DataType, PlSmallStr, Schema, TimeUnit};
use serde::{Deserialize, Serialize};

/// What a column holds. Every type but these is refused by a commit (integers and 32-bit floats become `Number`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Float64; missing is null, never NaN or infinite.
    Number,
    /// Boolean.
    Bool,
    /// String.
    Text,
    /// Date, without a time of day.
    Date,
    /// Datetime in microseconds, without a time zone.
    Time,
}

impl ColumnType {
    /// The type of a polars column, or `None` if segments don't hold such columns.
    pub fn of(dtype: &DataType) -> Option<Self> {
        match dtype {
            DataType::Float64 => Some(Self::Number),
            DataType::Boolean => Some(Self::Bool),
            DataType::String => Some(Self::Text),
            DataType::Date => Some(Self::Date),
            DataType::Datetime(TimeUnit::Microseconds, None) => Some(Self::Time),
            _ => None,
        }
    }

    pub fn dtype(self) -> DataType {
        match self {
            Self::Number => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Text => DataType::String,
            Self::Date => DataType::Date,
            Self::Time => DataType::Datetime(TimeUnit::Microseconds, None),
        }
    }

    /// As configuration files name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Text => "text",
            Self::Date => "date",
            Self::Time => "time",
        }
    }

    /// Enters the hash of a column, so that no two types share one.
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Number => 1,
            Self::Bool => 2,
            Self::Text => 3,
            Self::Date => 4,
            Self::Time => 5,
        }
    }
}

/// The columns of one segment, or of an asset's newest one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetSchema {
    /// Whether the asset has no session axis: its rows have no `session` column of ours.
    #[serde(rename = "static")]
    pub is_static: bool,
    /// Columns that identify a row within its session.
    pub key: Vec<(String, ColumnType)>,
    /// The others, in stored order.
    pub columns: Vec<(String, ColumnType)>,
}

impl AssetSchema {
    /// Type of a column of the key or of the others (`session` is neither).
    pub fn type_of(&self, column: &str) -> Option<ColumnType> {
        self.key.iter().chain(&self.columns).find(|(name, _)| name == column).map(|(_, kind)| *kind)
    }

    pub fn key_names(&self) -> Vec<String> {
        self.key.iter().map(|(name, _)| name.clone()).collect()
    }

    pub fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| name.clone()).collect()
    }

    /// `session` (unless static), the key, the others: the order in files and frames.
    pub fn polars(&self) -> Schema {
        let session = (!self.is_static).then(|| (PlSmallStr::from_static("session"), DataType::Date));
        let rest = self.key.iter().chain(&self.columns).map(|(name, kind)| (PlSmallStr::from_str(name), kind.dtype()));
        session.into_iter().chain(rest).collect()
    }

    /// Enters the name of a segment: two segments of one content but other columns are two files.
    pub(crate) fn hash_into(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&[u8::from(self.is_static)]);
        for part in [&self.key, &self.columns] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            for (name, kind) in part {
                hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(&[kind.tag()]);
            }
        }
    }

    /// Adds the columns of `old` that are not here, as far as `wanted` says so.
    pub(crate) fn extended_by(mut self, old: &Self, wanted: impl Fn(usize) -> bool) -> Self {
        for (at, (name, kind)) in old.columns.iter().enumerate() {
            if wanted(at) && self.type_of(name).is_none() {
                self.columns.push((name.clone(), *kind));
            }
        }
        self
    }
}

/// The hash of a column that a partition does not have, in a segment where others have it.
pub(crate) const ABSENT: Hash128 = Hash128::ZERO;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_columns() {
        let schema = AssetSchema {
            is_static: false,
            key: vec![("instrument".into(), ColumnType::Text)],
            columns: vec![("close".into(), ColumnType::Number)],
        };
        let names: Vec<_> = schema.polars().iter_names().map(|name| name.to_string()).collect();
        assert_eq!(names, ["session", "instrument", "close"]);
        assert_eq!(schema.type_of("close"), Some(ColumnType::Number));
        assert_eq!(schema.type_of("open"), None);
    }
}
