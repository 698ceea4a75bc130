//! What must hold for the partitions of an asset. Nothing here changes a result, so nothing of it is in a spec hash.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OneOrMany;
use crate::duration::Span;

/// One check: exactly one of the forms `not_null`, `unique`, `range`, `accepted`, `regex`, `freshness`, `expected_rows`, `ohlc_sane`,
/// `jump`, `monotonic_volume`, `custom_sql`, `reconcile`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Check {
    /// No missing value in these columns.
    pub not_null: Option<OneOrMany>,
    /// No two rows of a session alike in these columns.
    pub unique: Option<OneOrMany>,
    /// Every value of a column within bounds; missing values pass.
    pub range: Option<RangeCheck>,
    /// Every value of a column one of a list; missing values pass.
    pub accepted: Option<AcceptedCheck>,
    /// Every text of a column as a regular expression says; missing values pass.
    pub regex: Option<RegexCheck>,
    /// The newest session not older than so long.
    pub freshness: Option<FreshnessCheck>,
    /// The number of rows of a session.
    pub expected_rows: Option<ExpectedRows>,
    /// Prices of a bar that fit together: above 0, `low` the lowest, `high` the highest; missing values pass.
    pub ohlc_sane: Option<OhlcCheck>,
    /// No value too far from the instrument's last one.
    pub jump: Option<JumpCheck>,
    /// A running total that does not fall from bar to bar of a session.
    pub monotonic_volume: Option<MonotonicCheck>,
    /// A SELECT in DuckDB's SQL whose rows are violations: `select instrument from {{ this }} where high < low`. `{{ this }}` is the
    /// session's rows, `{{ ref('completed_bars', sessions=20) }}` the last 20 sessions of another asset.
    pub custom_sql: Option<String>,
    /// The same values as another asset has, row by row.
    pub reconcile: Option<ReconcileCheck>,
    /// `error` (the default) keeps the partition from being committed; `warn` only says so.
    pub severity: Severity,
    /// What reports call it, beside its form.
    pub name: Option<String>,
}

impl Check {
    /// Every form, as written in YAML.
    pub const FORMS: [&'static str; 12] = [
        "not_null",
        "unique",
        "range",
        "accepted",
        "regex",
        "freshness",
        "expected_rows",
        "ohlc_sane",
        "jump",
        "monotonic_volume",
        "custom_sql",
        "reconcile",
    ];

    /// The forms that it has: one, in a valid configuration.
    pub fn forms(&self) -> Vec<&'static str> {
        let given = [
            self.not_null.is_some(),
            self.unique.is_some(),
            self.range.is_some(),
            self.accepted.is_some(),
            self.regex.is_some(),
            self.freshness.is_some(),
            self.expected_rows.is_some(),
            self.ohlc_sane.is_some(),
            self.jump.is_some(),
            self.monotonic_volume.is_some(),
            self.custom_sql.is_some(),
            self.reconcile.is_some(),
        ];
        Self::FORMS.into_iter().zip(given).filter(|(_, given)| *given).map(|(form, _)| form).collect()
    }

    /// Its form.
    pub fn form(&self) -> &'static str {
        self.forms().first().copied().unwrap_or_default()
    }

    /// What it is about: its `name`, or else its columns, or what it is held against. With the form it tells an asset's checks apart.
    pub fn subject(&self) -> String {
        let columns = |columns: &OneOrMany| columns.as_slice().join(", ");
        if let Some(name) = &self.name {
            return name.clone();
        }
        if let Some(list) = self.not_null.as_ref().or(self.unique.as_ref()) {
            return columns(list);
        }
        let one = [
            self.range.as_ref().map(|check| &check.column),
            self.accepted.as_ref().map(|check| &check.column),
            self.regex.as_ref().map(|check| &check.column),
            self.jump.as_ref().map(|check| &check.column),
            self.monotonic_volume.as_ref().map(|check| &check.column),
            self.reconcile.as_ref().map(|check| &check.with),
        ];
        if let Some(one) = one.into_iter().flatten().next() {
            return one.clone();
        }
        match &self.custom_sql {
            Some(query) => shortened(&query.split_whitespace().collect::<Vec<_>>().join(" ")),
            None => String::new(),
        }
    }

    /// Whether a session's outcome depends on sessions before it, of the asset itself.
    pub fn reads_back(&self) -> bool {
        self.jump.is_some() || self.expected_rows.as_ref().is_some_and(|rows| rows.of_previous.is_some())
    }
}

const LONGEST_SUBJECT: usize = 60;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_SUBJECT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    #[default]
    Error,
    Warn,
}

impl Severity {
    /// As written in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RangeCheck {
    /// The column of numbers.
    pub column: String,
    /// Greater than.
    #[serde(default)]
    pub above: Option<f64>,
    /// Greater than or equal to.
    #[serde(default)]
    pub min: Option<f64>,
    /// Less than.
    #[serde(default)]
    pub below: Option<f64>,
    /// Less than or equal to.
    #[serde(default)]
    pub max: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedCheck {
    /// The column, of any type.
    pub column: String,
    /// The values that it may have, as they would stand in a file: `main`, `0.1`, `true`, `2024-03-15`.
    pub values: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RegexCheck {
    /// The column of texts.
    pub column: String,
    /// What the whole of each text matches, in the syntax of RE2: `[0-9]{6}\.(XSHG|XSHE)`.
    pub pattern: String,
}

/// One of `within` and `sessions`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FreshnessCheck {
    /// The longest time that may have passed since the close of the newest session: `2d`, `12h`. Holidays count.
    pub within: Option<Span>,
    /// How many sessions may have become final after the newest one.
    pub sessions: Option<u32>,
}

/// Without bounds: for `complete`, the instruments listed on the session (by its listing table, or else all seen so far).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ExpectedRows {
    /// At least so many.
    pub min: Option<u64>,
    /// At most so many.
    pub max: Option<u64>,
    /// At least this part of the rows of the session before: `80%`.
    pub of_previous: Option<String>,
}

impl ExpectedRows {
    /// Whether it says itself how many.
    pub fn is_bounded(&self) -> bool {
        self.min.is_some() || self.max.is_some() || self.of_previous.is_some()
    }

    /// `of_previous` as a fraction, above 0 and at most 1.
    pub fn part_of_previous(&self) -> Option<f64> {
        let text = self.of_previous.as_deref()?.trim();
        let part = match text.strip_suffix('%') {
            Some(percent) => percent.trim_end().parse::<f64>().ok()? / 100.0,
            None => text.parse::<f64>().ok()?,
        };
        (part > 0.0 && part <= 1.0).then_some(part)
    }
}

/// What the columns of a bar are called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OhlcCheck {
    /// The opening price.
    pub open: String,
    /// The highest price.
    pub high: String,
    /// The lowest price.
    pub low: String,
    /// The closing price.
    pub close: String,
}

impl Default for OhlcCheck {
    fn default() -> Self {
        Self { open: "open".into(), high: "high".into(), low: "low".into(), close: "close".into() }
    }
}

/// Sessions that a jump is looked for in, unless it says otherwise.
const JUMP_SESSIONS: u32 = 20;

fn jump_sessions() -> u32 {
    JUMP_SESSIONS
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JumpCheck {
    /// The column of numbers.
    pub column: String,
    /// The largest change that passes, up or down, as a part of the last value: `0.11` for 11 %.
    pub above: f64,
    /// Columns of `true` and `false`: a row passes where one of them is true.
    #[serde(default)]
    pub except: Option<OneOrMany>,
    /// How far back the last value is looked for: in so many sessions, the session itself counted (default 20).
    #[serde(default = "jump_sessions")]
    pub sessions: u32,
}

fn volume() -> String {
    "volume".to_owned()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MonotonicCheck {
    /// The running total (default `volume`).
    #[serde(default = "volume")]
    pub column: String,
    /// The column that orders the rows of a session and instrument.
    pub time: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReconcileCheck {
    /// The other asset.
    pub with: String,
    /// The columns that both have and that must agree.
    pub columns: OneOrMany,
    /// The columns that say which rows belong together, besides the session (default `instrument`).
    #[serde(default)]
    pub on: Option<OneOrMany>,
    /// How far two numbers may differ, as a part of the larger one (default 0: not at all).
    #[serde(default)]
    pub tolerance: f64,
}

impl ReconcileCheck {
    /// The columns that say which rows belong together: if nothing is said, the key of bars, which within sessions have a time.
    pub fn on(&self, has_time: bool) -> Vec<String> {
        match &self.on {
            Some(on) => on.as_slice().to_vec(),
            None => ["instrument"].into_iter().chain(has_time.then_some("time")).map(str::to_owned).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Check {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn form_and_subject_tell_checks_apart() {
        for (json, form, subject) in [
            (r#"{"not_null": ["open", "close"]}"#, "not_null", "open, close"),
            (r#"{"range": {"column": "close", "above": 0}}"#, "range", "close"),
            (r#"{"expected_rows": {}}"#, "expected_rows", ""),
            (r#"{"ohlc_sane": {}, "name": "raw prices"}"#, "ohlc_sane", "raw prices"),
            (r#"{"custom_sql": "select *\n  from {{ this }}"}"#, "custom_sql", "select * from {{ this }}"),
            (r#"{"reconcile": {"with": "other", "columns": "close"}}"#, "reconcile", "other"),
        ] {
            assert_eq!((check(json).forms(), check(json).subject().as_str()), (vec![form], subject));
        }
        let long = check(&format!(r#"{{"custom_sql": "{}"}}"#, "é".repeat(100))).subject();
        assert_eq!(long.chars().count(), LONGEST_SUBJECT + 1);
    }

    #[test]
    fn a_part_is_a_percentage_or_a_fraction() {
        let part =
            |text: &str| ExpectedRows { of_previous: Some(text.into()), ..Default::default() }.part_of_previous();
        assert_eq!((part("80%"), part("0.8"), part("100 %")), (Some(0.8), Some(0.8), Some(1.0)));
        for text in ["", "80", "0%", "-5%", "101%", "most", "NaN", "%"] {
            assert_eq!(part(text), None, "{text}");
        }
    }

    #[test]
    fn what_may_be_left_out_has_its_value() {
        let jump = check(r#"{"jump": {"column": "close", "above": 0.11}}"#).jump.unwrap();
        assert_eq!((jump.sessions, jump.except), (20, None));
        assert_eq!(check(r#"{"monotonic_volume": {"time": "time"}}"#).monotonic_volume.unwrap().column, "volume");
        assert_eq!(check(r#"{"ohlc_sane": {"close": "last"}}"#).ohlc_sane.unwrap().low, "low");
        let reconcile = check(r#"{"reconcile": {"with": "b", "columns": "close"}}"#).reconcile.unwrap();
        assert_eq!((reconcile.on(false), reconcile.tolerance), (vec!["instrument".to_owned()], 0.0));
    }
}
