//! Freshness, judged once all is made: whether the newest session of an asset is too old. Also where nothing was stale, for that is when
//! a source has brought nothing new.

use assetctl_config::Severity;
use assetctl_graph::Graph;
use assetctl_store::{CheckResult, RunId, Store};
use chrono::{DateTime, NaiveDate, Utc};
use tokio::sync::mpsc::UnboundedSender;

use crate::checks::{freshness, results};
use crate::event::{AssetReport, AssetStatus, RunEvent, RunReport};

/// An asset whose newest session is too old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    pub asset: String,
    /// The newest session, or the asset's first if it has none.
    pub session: NaiveDate,
    pub severity: Severity,
    pub message: String,
}

impl Late {
    /// As it is told.
    pub fn event(&self) -> RunEvent {
        let Self { asset, session, severity, message } = self.clone();
        RunEvent::Late { asset, session, warns: severity == Severity::Warn, message }
    }
}

/// Holds the assets at these positions against their `freshness` checks, and records what is new of it.
pub fn judge_freshness(
    store: &Store,
    graph: &Graph,
    assets: &[usize],
    now: DateTime<Utc>,
    run: Option<RunId>,
    at: DateTime<Utc>,
) -> assetctl_store::Result<Vec<Late>> {
    let asked = |ix: &&usize| graph.node(**ix).checks.iter().any(|check| check.freshness.is_some());
    let asked: Vec<usize> = assets.iter().filter(asked).copied().collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let snapshot = store.snapshot()?;
    let mut late = Vec::new();
    let mut news: Vec<CheckResult> = Vec::new();
    for node in asked.into_iter().map(|ix| graph.node(ix)) {
        let Some(checked) = freshness(node, &snapshot, now) else { continue };
        for result in results(node, &checked, |_| true) {
            let known = store.newest_check(&result.asset, &result.check, &result.subject)?;
            let is_same = |known: &CheckResult| known.outcome == result.outcome && known.message == result.message;
            if known.is_none_or(|known| !is_same(&known.result) || known.result.last != result.last) {
                news.push(result);
            }
        }
        late.extend(checked.findings.into_iter().map(|finding| Late {
            asset: node.name.clone(),
            session: finding.failure.session,
            severity: finding.severity,
            message: finding.failure.message,
        }));
    }
    store.record_checks(run, at, &news)?;
    Ok(late)
}

/// Puts what is late into the report of a run. An asset that failed otherwise keeps its own error.
pub fn report(
    report: &mut RunReport,
    late: Vec<Late>,
    events: &UnboundedSender<RunEvent>,
    store: &Store,
    run: RunId,
) -> assetctl_store::Result<()> {
    for one in late {
        let _ = events.send(one.event());
        let Late { asset, severity, message, .. } = one;
        if severity == Severity::Warn {
            continue;
        }
        let at = match report.assets.iter().position(|known| known.asset == asset) {
            Some(at) => at,
            None => {
                report.assets.push(AssetReport::new(&asset, AssetStatus::Unchanged));
                report.assets.len() - 1
            }
        };
        let of_asset = &mut report.assets[at];
        if !matches!(of_asset.status, AssetStatus::Ok | AssetStatus::Unchanged) {
            continue;
        }
        of_asset.status = AssetStatus::Failed;
        of_asset.check_failed = true;
        of_asset.error = Some(format!("check `freshness` fails: {message}"));
        store.fail_asset(run, &asset, of_asset.error.as_deref().unwrap_or_default())?;
    }
    Ok(())
}
