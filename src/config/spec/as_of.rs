//! The keys of `as_of`: what of a table is known on each session.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OneOrMany;

/// A table's rows session by session: those valid on it, or the newest report known by then. Exactly one of `valid`, `reports`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AsOfSpec {
    /// The table.
    pub input: String,
    /// The columns that tell rows of one session apart (default: `instrument`, if there is such a column).
    #[serde(default)]
    pub key: Option<OneOrMany>,
    /// Rows with intervals: index members, industries.
    #[serde(default)]
    pub valid: Option<Validity>,
    /// Rows that become known on a day: company reports.
    #[serde(default)]
    pub reports: Option<Reports>,
}

/// Which columns say from when to when a row is valid. They are not among the columns of the result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Validity {
    /// The column of a row's first day; where it is empty, the row is valid from the beginning.
    pub from: String,
    /// The column of a row's last day; where it is empty, the row is valid until further notice.
    #[serde(default)]
    pub to: Option<String>,
    /// `to` is the first day on which the row is no longer valid.
    #[serde(default)]
    pub to_exclusive: bool,
}

/// Which reporting periods are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Periods {
    /// Whatever was reported last.
    #[default]
    All,
    /// Full fiscal years alone.
    Annual,
}

/// Company reports, all revisions of them, and when each became known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reports {
    /// The column of the last day of the period that a report is about.
    pub period: String,
    /// The column of the day on which it was announced.
    pub announced: String,
    /// The column of the day on which it came into the table; where there is one, a report is not known before it.
    #[serde(default)]
    pub ingested: Option<String>,
    /// Sessions after the day of the announcement: 1 (default) is the first session after it, 0 the day itself.
    #[serde(default = "next_session")]
    pub lag: u32,
    /// `all` (default) or `annual`.
    #[serde(default)]
    pub periods: Periods,
    /// The month in which the fiscal year ends, 1 to 12 (default 12).
    #[serde(default = "december")]
    pub fiscal_year_end: u32,
    /// Numbers are sums since the start of the fiscal year, as Chinese companies report them.
    #[serde(default)]
    pub accumulates: bool,
    /// Columns whose sum over the last twelve months is wanted too, as `NAME_ttm`.
    #[serde(default)]
    pub ttm: Vec<String>,
    /// Columns whose value of the same period a year before is wanted too, as `NAME_year_ago`.
    #[serde(default)]
    pub year_ago: Vec<String>,
    /// Columns whose value of the period before is wanted too, as `NAME_previous`.
    #[serde(default)]
    pub previous: Vec<String>,
}

fn next_session() -> u32 {
    1
}

fn december() -> u32 {
    12
}

impl Reports {
    /// The columns that are made of others: (how it is called in YAML, the column that it is made of, its name).
    pub fn derived(&self) -> Vec<(&'static str, &str, String)> {
        let lists = [("ttm", &self.ttm), ("year_ago", &self.year_ago), ("previous", &self.previous)];
        lists
            .into_iter()
            .flat_map(|(kind, columns)| {
                columns.iter().map(move |column| (kind, column.as_str(), format!("{column}_{kind}")))
            })
            .collect()
    }
}
