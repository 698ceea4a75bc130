//! The keys of `complete`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PriceLimits;

/// How a column of a suspended session is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// The last session's value.
    Carry,
    /// 0.
    Zero,
    /// No value.
    Missing,
}

/// What a dividend of `d` per share does to the adjustment factor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dividends {
    /// Divides it by `1 - d / previous close`: the close before the ex-date, as exchanges reckon it.
    #[default]
    PreviousClose,
    /// Divides it by `close / (close + d)`: the close of the ex-date itself, as Quandl reckons it.
    SameClose,
}

/// Adjusted columns beside the raw ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adjust {
    /// `adj_close` and the like: raw times the factor so far. A new action changes nothing before its ex-date.
    Back,
}

/// What becomes of a bar that is expected and not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingBars {
    /// The session is not committed, nor any after it.
    #[default]
    Error,
    /// The row is filled, and a warning names it.
    Warn,
    /// The row is filled.
    Carry,
}

/// Gap-free bars: one row for every listed instrument of every session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CompleteSpec {
    /// The raw bars.
    pub input: String,
    /// A table with the columns `instrument`, `listed` and `delisted` (dates; an open end is empty). Without it an instrument is
    /// listed from its first bar on.
    #[serde(default)]
    pub listing: Option<String>,
    /// What columns hold on a suspended session, beyond `close: carry` and `volume: zero`; the rest are missing.
    #[serde(default)]
    pub fill: BTreeMap<String, Fill>,
    /// A table of corporate actions: `instrument`, `ex_date`, and any of `dividend` (cash per share), `split` (new shares per old
    /// one), `rights` (shares offered per old one) with `rights_price`. Adds the columns `factor` and `split_factor`.
    #[serde(default)]
    pub actions: Option<String>,
    /// What a dividend does to the factor: `previous_close` (default) or `same_close`.
    #[serde(default)]
    pub dividends: Option<Dividends>,
    /// `back` adds `adj_open`, `adj_high`, `adj_low`, `adj_close` and `adj_volume`, of those columns that the bars have.
    #[serde(default)]
    pub adjust: Option<Adjust>,
    /// A table of suspensions: `instrument`, `from` and `to` (dates, both suspended; an open end is empty). With it, a bar that is
    /// absent without being suspended is missing.
    #[serde(default)]
    pub suspensions: Option<String>,
    /// What becomes of a bar that is missing: `error` (default), `warn` or `carry`.
    #[serde(default)]
    pub missing: Option<MissingBars>,
    /// Other raw bars, from which one is taken where `input` has none.
    #[serde(default)]
    pub fallback: Option<String>,
    /// The prices between which an instrument may be traded: the name of a set of rules (`cn_a_shares`), or a map of `rules`, `special`
    /// and `tick`. Adds the columns `limit_up`, `limit_down`, `at_limit_up` and `at_limit_down`.
    #[serde(default)]
    pub limits: Option<PriceLimits>,
}

impl CompleteSpec {
    /// The assets that it reads, each with the keys that lead to its name; in the order of the graph's edges.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, &'static [&'static str])> {
        let more: [(Option<&str>, &'static [&'static str]); 5] = [
            (self.listing.as_deref(), &["listing"]),
            (self.actions.as_deref(), &["actions"]),
            (self.suspensions.as_deref(), &["suspensions"]),
            (self.fallback.as_deref(), &["fallback"]),
            (self.limits.as_ref().and_then(PriceLimits::special), &["limits", "special"]),
        ];
        let more = more.into_iter().filter_map(|(name, keys)| name.map(|name| (name, keys)));
        let input: &'static [&'static str] = &["input"];
        std::iter::once((self.input.as_str(), input)).chain(more)
    }
}
