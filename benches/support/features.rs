//! Alpha158, all of it or as much as polars has functions for.

use assetctl_expr::{Feature, FeatureSet};

/// The families that polars has no functions for.
const NOT_IN_POLARS: [&str; 6] = ["BETA", "RSQR", "RESI", "IMAX", "IMIN", "IMXD"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// All 158.
    All,
    /// The 128 that polars has functions for.
    InPolars,
}

impl Set {
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::InPolars => "in-polars",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        [Self::All, Self::InPolars].into_iter().find(|set| set.name() == name)
    }

    /// Names and expressions, in Qlib's order and Qlib's dialect.
    pub fn features(self) -> Vec<Feature> {
        let mut features = FeatureSet::Alpha158.features();
        if self == Self::InPolars {
            features.retain(|feature| {
                !NOT_IN_POLARS.contains(&feature.name.trim_end_matches(|c: char| c.is_ascii_digit()))
            });
        }
        features
    }
}
