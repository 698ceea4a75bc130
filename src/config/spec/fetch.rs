//! The keys of a `source` that has to be asked: for whom, how often again, and what becomes of an answer.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::SourceSpec;

/// Names, or a column of a table that holds them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Instruments {
    Names(Vec<String>),
    Table(InstrumentTable),
}

/// A table whose rows say which instruments there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InstrumentTable {
    /// An asset of kind `table`.
    pub table: String,
    /// The column of names (default `instrument`).
    #[serde(default = "instrument")]
    pub column: String,
}

fn instrument() -> String {
    "instrument".to_owned()
}

/// What becomes of a row that is there and that asking again does not bring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// It stays, and the run says so.
    #[default]
    Keep,
    /// It goes; the revision before has it.
    Remove,
}

/// What a session without rows means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Empty {
    /// The vendor does not have it yet: it is asked again by the next run, and what reads it waits.
    #[default]
    Wait,
    /// There is nothing: a partition without rows.
    Accept,
}

/// The fewest rows that an answer must have: `30`, or `80%` of the session before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct MinRows(String);

/// [`MinRows`], read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowBound {
    Count(u64),
    /// In hundredths of the rows of the session before.
    Percent(u8),
}

impl MinRows {
    pub fn text(&self) -> &str {
        &self.0
    }

    /// `None` for what is neither a number nor a percentage from `1%` to `100%`.
    pub fn bound(&self) -> Option<RowBound> {
        match self.0.strip_suffix('%') {
            Some(number) => {
                number.trim_end().parse().ok().filter(|percent| (1..=100).contains(percent)).map(RowBound::Percent)
            }
            None => self.0.parse().ok().map(RowBound::Count),
        }
    }
}

impl RowBound {
    /// The number of rows, where the session before has `before`; no bound where nothing came before.
    pub fn rows(self, before: Option<u64>) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => before.map_or(0, |before| (before * u64::from(percent)).div_ceil(100)),
        }
    }
}

impl<'de> Deserialize<'de> for MinRows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Text(String),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Number(number) => Self(number.to_string()),
            Form::Text(text) => Self(text),
        })
    }
}

impl JsonSchema for MinRows {
    fn schema_name() -> Cow<'static, str> {
        "MinRows".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of rows: `30`, or `80%` of the session before.",
            "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+%?$" }],
        })
    }
}

/// What a source that has to be asked says of asking. Only `instruments` changes a result; the rest say when an answer is asked for,
/// and when it is taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FetchSpec {
    /// The instruments to ask for: a list, or `{ table: listing }` for the column `instrument` of a table. Without it, all that there is.
    pub instruments: Option<Instruments>,
    /// How many sessions are asked for again whenever a newer one has become final (default 0).
    pub lookback: Option<u32>,
    /// What becomes of a row that asking again does not bring: `keep` (default) or `remove`.
    pub on_missing: Option<OnMissing>,
    /// With fewer rows than this an answer is not taken: `30`, or `80%` of the session before.
    pub min_rows: Option<MinRows>,
    /// What a session without rows means: `wait` (default) or `accept`.
    pub empty: Option<Empty>,
}

impl FetchSpec {
    /// The keys that are given, as written in YAML.
    pub fn given(&self) -> Vec<&'static str> {
        let all = [
            ("instruments", self.instruments.is_some()),
            ("lookback", self.lookback.is_some()),
            ("on_missing", self.on_missing.is_some()),
            ("min_rows", self.min_rows.is_some()),
            ("empty", self.empty.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
    }
}

impl SourceSpec {
    /// Whether somebody has to be asked for its rows.
    pub fn is_fetched(&self) -> bool {
        self.http.is_some() || self.database.engine().is_some()
    }

    /// The table that says which instruments to ask for.
    pub fn instrument_table(&self) -> Option<&InstrumentTable> {
        match &self.fetch.instruments {
            Some(Instruments::Table(table)) => Some(table),
            Some(Instruments::Names(_)) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_rows() {
        let bound = |text: &str| MinRows(text.to_owned()).bound();
        assert_eq!(bound("30"), Some(RowBound::Count(30)));
        assert_eq!(bound("80%"), Some(RowBound::Percent(80)));
        assert_eq!(bound("80 %"), Some(RowBound::Percent(80)));
        for wrong in ["", "%", "0%", "101%", "-1", "eighty", "0.8"] {
            assert_eq!(bound(wrong), None, "{wrong}");
        }
        assert_eq!(RowBound::Count(30).rows(None), 30);
        assert_eq!(RowBound::Percent(80).rows(None), 0);
        assert_eq!((RowBound::Percent(80).rows(Some(39)), RowBound::Percent(100).rows(Some(39))), (32, 39));
    }
}
