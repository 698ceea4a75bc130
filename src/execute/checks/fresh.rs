//! How old the newest session is: a matter of the asset, and of now. It keeps nothing from being made, for what there is, is right.

use assetctl_compute::CheckFailure;
use assetctl_config::FreshnessCheck;
use assetctl_graph::{AssetNode, Axis};
use assetctl_plan::{Ledger, ix_of};
use assetctl_store::Snapshot;
use chrono::{DateTime, NaiveDate, Utc};

use super::{Checked, Finding};

/// Holds the newest session of an asset against its `freshness` checks; `None` if it has none.
pub fn freshness(node: &AssetNode, snapshot: &Snapshot, now: DateTime<Utc>) -> Option<Checked> {
    let mut checked = Checked::default();
    if node.axis == Axis::Static {
        return None;
    }
    let newest = snapshot.head(&node.name).and_then(|head| head.last);
    for (position, check) in node.checks.iter().enumerate() {
        let Some(freshness) = &check.freshness else { continue };
        let session = newest.unwrap_or_else(|| node.start_date());
        checked.judged.insert(position, vec![session]);
        checked.rows.insert(session, 0);
        if let Some(message) = too_old(node, newest, freshness, now) {
            let failure = CheckFailure { session, message, rows: 0, sample: Vec::new() };
            checked.findings.push(Finding { check: position, severity: check.severity, failure });
        }
    }
    (!checked.judged.is_empty()).then_some(checked)
}

/// In words, why the newest session is too old.
fn too_old(
    node: &AssetNode,
    newest: Option<NaiveDate>,
    freshness: &FreshnessCheck,
    now: DateTime<Utc>,
) -> Option<String> {
    // Before the first session is final nothing can be expected.
    let expected = node.calendar.last_closed_by(now - node.settlement).filter(|ix| *ix >= node.start)?;
    let Some((newest, ix)) = newest.and_then(|newest| Some((newest, ix_of(node, newest)?))) else {
        return Some("there is no session yet".to_owned());
    };
    if let Some(most) = freshness.sessions {
        let late = expected.0.saturating_sub(ix.0);
        let final_one = node.calendar.date(expected).date();
        return (late > most).then(|| {
            format!("the newest session is {newest}, {late} sessions before {final_one}, the last that is final; {most} may be missing")
        });
    }
    let within = freshness.within?;
    let age = now - node.calendar.close(ix);
    (age > within.to_chrono()).then(|| {
        let hours = age.num_hours();
        let age = if hours >= 48 { format!("{} days", hours / 24) } else { format!("{hours} hours") };
        format!("the newest session is {newest}, which closed {age} ago; {within} is the limit")
    })
}
