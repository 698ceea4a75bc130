//! `assetctl status`: how far each asset is.

use chrono::NaiveDate;
use serde::Serialize;

use crate::args::Status;
use crate::context::{Context, Wish, states};
use crate::error::CliError;
use crate::report::{self, table};

/// `--format json`: one per asset, inputs first.
#[derive(Serialize)]
struct AssetState {
    asset: String,
    kind: &'static str,
    /// `stale`, `possibly stale`, `clean`, `never`, `blocked`; an asset can be several of these.
    states: Vec<&'static str>,
    /// Partitions that are there, and that there should be.
    materialized: u32,
    partitions: u32,
    first: Option<NaiveDate>,
    last: Option<NaiveDate>,
    stale: u32,
    /// Partitions that may become stale through what is above them.
    possibly_stale: u32,
    blocked: u32,
    revision: u64,
    /// Sessions that a check, when it was last run on them, was found not to hold for: those with severity `error`, and the others.
    checks_failed: u32,
    checks_warned: u32,
}

pub fn run(context: &Context, args: &Status) -> Result<(), CliError> {
    let loaded = context.load()?;
    let store = loaded.existing_store()?;
    let snapshot = store.as_ref().map(assetctl_store::Store::snapshot).transpose()?;
    let wish = Wish::of_stale(&args.selecting);
    let planned = loaded.plan(store.as_ref(), snapshot.as_ref(), &wish, context.clock.now())?;
    let standings = match &store {
        Some(store) => super::checks::standings(&loaded, &store.check_results()?, None, None),
        None => Vec::new(),
    };
    let rows: Vec<AssetState> = planned
        .plan
        .assets
        .iter()
        .filter(|asset| asset.selected)
        .map(|asset| {
            let head = snapshot.as_ref().and_then(|snapshot| assetctl_plan::Ledger::head(snapshot, &asset.asset));
            AssetState {
                asset: asset.asset.clone(),
                kind: asset.kind,
                states: states(&planned.plan, &asset.asset),
                materialized: head.map_or(0, |head| head.partitions),
                partitions: asset.partitions,
                first: head.and_then(|head| head.first).filter(|date| *date != assetctl_plan::STATIC_SESSION),
                last: head.and_then(|head| head.last).filter(|date| *date != assetctl_plan::STATIC_SESSION),
                stale: asset.certain(),
                possibly_stale: asset.possible(),
                blocked: asset.blocked.iter().map(|range| range.sessions).sum(),
                revision: head.map_or(0, |head| head.tip_rev),
                checks_failed: of_checks(&standings, &asset.asset, |standing| standing.failed),
                checks_warned: of_checks(&standings, &asset.asset, |standing| standing.warned),
            }
        })
        .collect();
    report::result(context.format, &rows, |rows| {
        let mut shown =
            table::table(&["asset", "kind", "state", "partitions#", "first", "last", "stale#", "blocked#", "checks"]);
        for row in rows {
            let date = |date: Option<NaiveDate>| date.map_or_else(String::new, |date| date.to_string());
            let stale = match row.possibly_stale {
                0 => row.stale.to_string(),
                more => format!("{} (+ ≤ {more})", row.stale),
            };
            shown.add_row([
                row.asset.clone(),
                row.kind.to_owned(),
                row.states.join(", "),
                format!("{}/{}", row.materialized, row.partitions),
                date(row.first),
                date(row.last),
                stale,
                row.blocked.to_string(),
                match (row.checks_failed, row.checks_warned) {
                    (0, 0) => String::new(),
                    (0, warned) => format!("{warned} warned"),
                    (failed, 0) => format!("{failed} failed"),
                    (failed, warned) => format!("{failed} failed, {warned} warned"),
                },
            ]);
        }
        table::render(&shown)
    })
}

/// The sessions of an asset in all its checks.
fn of_checks(
    standings: &[super::checks::Standing],
    asset: &str,
    count: impl Fn(&super::checks::Standing) -> u32,
) -> u32 {
    standings.iter().filter(|standing| standing.asset == asset).map(count).sum()
}
