//! The keys of `limits`: the prices between which a stock may be traded on one day.

use std::sync::LazyLock;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::OneOrMany;
use crate::diagnostic::{FileId, Loc};
use crate::structure::{Structure, Subject};

/// A set of rules that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitSet {
    /// The boards of Shanghai, Shenzhen and Beijing.
    CnAShares,
}

/// One rule; the first that fits a row is the one that holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LimitRule {
    /// Instruments by pattern: `*` is any text, `?` any character, `[03]` one of some. All, if left out.
    pub instruments: Option<OneOrMany>,
    /// How far the price may go from its reference, up and down: `0.1` is ten per cent.
    pub ratio: Option<f64>,
    /// There is no limit.
    pub unlimited: bool,
    /// Only where the table `special` has the instrument.
    pub special: bool,
    /// Only on an instrument's first so many sessions, by the listing.
    pub first_sessions: Option<u32>,
    /// First date on which it holds.
    pub from: Option<NaiveDate>,
    /// Last date on which it holds.
    pub to: Option<NaiveDate>,
}

/// Rules that come with the program, or one's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LimitRules {
    BuiltIn(LimitSet),
    Own(Vec<LimitRule>),
}

/// Rules, and what they need to be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LimitsMap {
    /// The name of a set that comes with the program, or a list of rules, of which the first that fits holds.
    pub rules: LimitRules,
    /// A table of instruments under special treatment (`ST`): `instrument`, `from` and `to` (dates, both included; an open end is
    /// empty).
    #[serde(default)]
    pub special: Option<String>,
    /// The smallest step of a price (default 0.01).
    #[serde(default)]
    pub tick: Option<f64>,
}

/// The prices between which a stock may be traded on one day: a name, or a map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PriceLimits {
    BuiltIn(LimitSet),
    Map(LimitsMap),
}

impl LimitSet {
    /// Its rules, as the file beside this one has them.
    pub fn rules(self) -> &'static [LimitRule] {
        static CN_A_SHARES: LazyLock<Vec<LimitRule>> = LazyLock::new(|| parse(include_str!("cn_a_shares.yaml")));
        match self {
            Self::CnAShares => &CN_A_SHARES,
        }
    }
}

impl LimitRules {
    pub fn as_slice(&self) -> &[LimitRule] {
        match self {
            Self::BuiltIn(set) => set.rules(),
            Self::Own(rules) => rules,
        }
    }
}

impl PriceLimits {
    pub fn rules(&self) -> &[LimitRule] {
        match self {
            Self::BuiltIn(set) => set.rules(),
            Self::Map(map) => map.rules.as_slice(),
        }
    }

    /// The rules that the user wrote himself.
    pub fn own(&self) -> &[LimitRule] {
        match self {
            Self::Map(LimitsMap { rules: LimitRules::Own(rules), .. }) => rules,
            _ => &[],
        }
    }

    /// The name of the table of instruments under special treatment.
    pub fn special(&self) -> Option<&str> {
        match self {
            Self::BuiltIn(_) => None,
            Self::Map(map) => map.special.as_deref(),
        }
    }

    pub fn tick(&self) -> f64 {
        let given = match self {
            Self::BuiltIn(_) => None,
            Self::Map(map) => map.tick,
        };
        given.unwrap_or(0.01)
    }
}

/// The rules of a file of ours, read as a user's would be. A file with a mistake has none: a test sees to it that there is none.
fn parse(text: &str) -> Vec<LimitRule> {
    let mut problems = Vec::new();
    let file = FileId(0);
    let node = crate::parse::parse(file, text, &mut problems);
    let rules = node.as_ref().and_then(|node| node.get("rules")).and_then(|rules| {
        let schema = json!({ "type": "array", "items": { "$ref": "#/definitions/LimitRule" } });
        let subject = Subject { name: "`rules`".to_owned(), loc: Loc { file, range: 0..0 } };
        Structure { problems: &mut problems }.value(rules, &schema, &subject)
    });
    rules.and_then(|rules| serde_json::from_value(rules).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_that_come_with_the_program_are_whole() {
        let rules = LimitSet::CnAShares.rules();
        assert_eq!(rules.len(), 11);
        assert!(rules.iter().all(|rule| rule.ratio.is_some() != rule.unlimited && rule.instruments.is_some()));
        let ratios: Vec<f64> = rules.iter().filter_map(|rule| rule.ratio).collect();
        assert_eq!(ratios, [0.2, 0.2, 0.05, 0.1, 0.3, 0.05, 0.1]);
        let text = include_str!("cn_a_shares.yaml");
        assert_eq!(text.matches("\n  - ").count(), rules.len());
    }
}
