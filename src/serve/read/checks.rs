//! What checks have found, as far as it still stands.

use assetctl_calendar::{SessionRange, SessionSet};
use assetctl_config::Severity;
use assetctl_graph::AssetNode;
use assetctl_plan::ix_of;
use assetctl_store::{CheckOutcome, StoredCheck};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::View;

/// How one check stands: the newest outcome of every session.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckStanding {
    pub asset: String,
    pub check: String,
    pub subject: String,
    /// `error` or `warn`.
    pub severity: String,
    /// Sessions, by the newest outcome of each.
    pub passed: u32,
    pub warned: u32,
    pub failed: u32,
    /// When it was last run; `null` if it never was.
    pub at: Option<DateTime<Utc>>,
    /// What does not hold, by session.
    pub findings: Vec<StoredCheck>,
}

impl View<'_> {
    /// How every check of the project stands, for the sessions between two dates; in the order of assets and of their checks, what making is by
    /// itself first.
    pub fn standings(
        self,
        results: &[StoredCheck],
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
    ) -> Vec<CheckStanding> {
        let of_asset = |node: &AssetNode| -> Vec<(CheckStanding, bool)> {
            let of_making = node
                .check_of_making()
                .map(|(check, severity)| (CheckStanding::new(&node.name, check, String::new(), severity), false));
            let declared = node.checks.iter().map(|check| {
                (
                    CheckStanding::new(&node.name, check.form(), check.subject(), check.severity),
                    check.freshness.is_some(),
                )
            });
            of_making.into_iter().chain(declared).collect()
        };
        let all = self.graph.nodes().iter().flat_map(|node| of_asset(node).into_iter().map(move |check| (node, check)));
        all.map(|(node, (mut standing, fresh))| {
            let mut covered = SessionSet::new();
            let is_asked = |date: NaiveDate| from.is_none_or(|from| date >= from) && to.is_none_or(|to| date <= to);
            // The newest first: what is older does not count where there is something newer.
            for stored in results.iter().rev() {
                let result = &stored.result;
                if result.asset != standing.asset
                    || result.check != standing.check
                    || result.subject != standing.subject
                {
                    continue;
                }
                standing.at = standing.at.max(Some(stored.at));
                let (Some(first), Some(last)) = (ix_of(node, result.first), ix_of(node, result.last)) else { continue };
                let of_result = SessionSet::from_range(SessionRange { first, last }).difference(&covered);
                covered.insert(SessionRange { first, last });
                let asked = of_result.iter().filter(|ix| is_asked(assetctl_plan::date_of(node, *ix))).count() as u32;
                match result.outcome {
                    _ if asked == 0 => {}
                    CheckOutcome::Passed => standing.passed += asked,
                    CheckOutcome::Warned => standing.warned += asked,
                    CheckOutcome::Failed => standing.failed += asked,
                }
                if asked > 0 && result.outcome != CheckOutcome::Passed {
                    standing.findings.push(stored.clone());
                }
                if fresh {
                    // It is about the asset: only the newest says how it is.
                    break;
                }
            }
            standing.findings.sort_by_key(|stored| stored.result.first);
            standing
        })
        .collect()
    }
}

impl CheckStanding {
    fn new(asset: &str, check: &str, subject: String, severity: Severity) -> Self {
        Self {
            asset: asset.to_owned(),
            check: check.to_owned(),
            subject,
            severity: severity.name().to_owned(),
            passed: 0,
            warned: 0,
            failed: 0,
            at: None,
            findings: Vec::new(),
        }
    }
}
