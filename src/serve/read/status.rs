//! How far each asset is.

use assetctl_plan::STATIC_SESSION;
use assetctl_store::Store;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::checks::CheckStanding;
use super::error::ReadError;
use super::view::{View, Wish, states};

/// How far an asset is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AssetState {
    pub asset: String,
    pub kind: String,
    /// `stale`, `possibly stale`, `clean`, `never`, `blocked`; an asset can be several of these.
    pub states: Vec<&'static str>,
    /// Partitions that are there, and that there should be.
    pub materialized: u32,
    pub partitions: u32,
    pub first: Option<NaiveDate>,
    pub last: Option<NaiveDate>,
    pub stale: u32,
    /// Partitions that may become stale through what is above them.
    pub possibly_stale: u32,
    pub blocked: u32,
    pub revision: u64,
    /// Sessions that a check, when it was last run on them, was found not to hold for: those with severity `error`, and the others.
    pub checks_failed: u32,
    pub checks_warned: u32,
}

impl View<'_> {
    /// One for each selected asset, inputs first.
    pub fn status(
        self,
        store: Option<&Store>,
        select: &[String],
        exclude: &[String],
        now: DateTime<Utc>,
    ) -> Result<Vec<AssetState>, ReadError> {
        let snapshot = store.map(Store::snapshot).transpose()?;
        let planned = self.plan(store, snapshot.as_ref(), &Wish { select, exclude, ..Wish::default() }, now)?;
        let standings = match store {
            Some(store) => self.standings(&store.check_results()?, None, None),
            None => Vec::new(),
        };
        let selected = planned.plan.assets.iter().filter(|asset| asset.selected);
        Ok(selected
            .map(|asset| {
                let head = snapshot.as_ref().and_then(|snapshot| assetctl_plan::Ledger::head(snapshot, &asset.asset));
                AssetState {
                    asset: asset.asset.clone(),
                    kind: asset.kind.to_owned(),
                    states: states(&planned.plan, &asset.asset),
                    materialized: head.map_or(0, |head| head.partitions),
                    partitions: asset.partitions,
                    first: head.and_then(|head| head.first).filter(|date| *date != STATIC_SESSION),
                    last: head.and_then(|head| head.last).filter(|date| *date != STATIC_SESSION),
                    stale: asset.certain(),
                    possibly_stale: asset.possible(),
                    blocked: asset.blocked.iter().map(|range| range.sessions).sum(),
                    revision: head.map_or(0, |head| head.tip_rev),
                    checks_failed: of_checks(&standings, &asset.asset, |standing| standing.failed),
                    checks_warned: of_checks(&standings, &asset.asset, |standing| standing.warned),
                }
            })
            .collect())
    }
}

/// The sessions of an asset in all its checks.
fn of_checks(standings: &[CheckStanding], asset: &str, count: impl Fn(&CheckStanding) -> u32) -> u32 {
    standings.iter().filter(|standing| standing.asset == asset).map(count).sum()
}
