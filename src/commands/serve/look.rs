//! What sensors wait for, looked at.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use assetctl_config::{Sensor, SensorWhen};
use assetctl_daemon::{Declared, Look};
use assetctl_plan::{AssetPlan, Ledger as _, StaleRange, StaleReason};
use assetctl_schedule::Seen;
use assetctl_serve::Planned;
use assetctl_store::{Snapshot, Store, newest_warehouse};
use chrono::{DateTime, TimeDelta, Utc};
use duckdb::{AccessMode, Config, Connection};

use crate::args::{Dates, Selecting};
use crate::context::{Context, Loaded, Wish};
use crate::error::CliError;
use crate::report::diagnostics;

/// How long a query may take.
const QUERY: Duration = Duration::from_secs(20);

pub struct Eyes {
    context: Context,
}

impl Eyes {
    pub fn new(context: Context) -> Self {
        Self { context: context.silent() }
    }
}

impl Look for Eyes {
    fn look(&self, declared: &Declared, store: &Store, sensor: &Sensor, now: DateTime<Utc>) -> Seen {
        let when = &sensor.spec.when;
        let seen = match when {
            SensorWhen { stale: Some(asset), .. } => stale(&self.context, store, asset, now),
            SensorWhen { late: Some(asset), .. } => late(&self.context, declared, store, asset, now),
            SensorWhen { file: Some(paths), .. } => newest_file(sensor, paths.as_slice()),
            SensorWhen { sql: Some(query), .. } => holds(&declared.project.data_dir, query),
            SensorWhen { http: Some(spec), .. } => assetctl_connect::poll(&sensor.base, spec).map(Seen::Holds),
            // The daemon itself looks at runs and updates.
            _ => Ok(Seen::Newest(None)),
        };
        seen.unwrap_or_else(Seen::Failed)
    }
}

fn words(error: &CliError) -> String {
    diagnostics::in_words(error)
}

/// What of an asset, and of what it needs, is stale.
fn stale(context: &Context, store: &Store, asset: &str, now: DateTime<Utc>) -> Result<Seen, String> {
    let loaded = context.load().map_err(|error| words(&error))?;
    let selecting = Selecting { select: vec![asset.to_owned()], exclude: Vec::new() };
    let dates = Dates { from: None, to: None };
    let wish = Wish { selecting: &selecting, dates, only: false, force: false, again: false };
    let snapshot = store.snapshot().map_err(|error| error.to_string())?;
    let planned = loaded.plan(Some(store), Some(&snapshot), &wish, now).map_err(|error| words(&error))?;
    Ok(Seen::So(way(&loaded, &planned, &snapshot, now).map(|way| format!("{way:016x}"))))
}

/// What was asked for in vain is asked for again after so long.
const PACE: TimeDelta = TimeDelta::hours(1);

/// Tells one way of being stale from another; `None` where nothing is to be done. A run that has been at it and could mend nothing leaves it
/// as it was; what is edited, revised or committed meanwhile does not. What was asked for in vain of late is waited for, and so is what is
/// made from it.
fn way(loaded: &Loaded, planned: &Planned, snapshot: &Snapshot, now: DateTime<Utc>) -> Option<u64> {
    let stale: Vec<&AssetPlan> = planned.plan.assets.iter().filter(|asset| !asset.is_empty()).collect();
    let in_vain = |range: &StaleRange| matches!(range.reason, StaleReason::AskedInVain { at, .. } if now - at < PACE);
    let awaited = |asset: &AssetPlan, range: &StaleRange| {
        let above = loaded.graph.above(asset.node, None);
        let of_inputs = stale.iter().filter(|input| above.contains(&input.node)).flat_map(|input| &input.stale);
        let mut vain = of_inputs.filter(|range| in_vain(range));
        in_vain(range) || is_absent(range) && vain.any(|vain| vain.first <= range.first && range.last <= vain.last)
    };
    let mut hasher = DefaultHasher::new();
    let mut is_nothing = true;
    for asset in &stale {
        let ranges: Vec<&StaleRange> =
            asset.stale.iter().filter(|range| range.certain && !awaited(asset, range)).collect();
        if ranges.is_empty() && asset.obsolete.is_empty() {
            continue;
        }
        is_nothing = false;
        (&asset.asset, asset.spec.to_string(), asset.obsolete.len()).hash(&mut hasher);
        let digests = planned.observations.get(&asset.node).and_then(|observed| observed.digests.as_ref());
        for range in ranges {
            (range.first, range.last, is_absent(range)).hash(&mut hasher);
            for (session, digest) in digests.iter().flat_map(|digests| digests.range(range.first..=range.last)) {
                (session, digest.to_string()).hash(&mut hasher);
            }
        }
        for input in loaded.graph.inputs(asset.node) {
            let input = &loaded.graph.node(input).name;
            if !stale.iter().any(|asset| asset.asset == *input) {
                snapshot.head(input).map(|head| head.tip_rev).hash(&mut hasher);
            }
        }
    }
    (!is_nothing).then(|| hasher.finish())
}

fn is_absent(range: &StaleRange) -> bool {
    matches!(range.reason, StaleReason::NeverMaterialized | StaleReason::AskedInVain { .. })
}

/// Whether an asset breaks its `freshness` check.
fn late(
    context: &Context,
    declared: &Declared,
    store: &Store,
    asset: &str,
    now: DateTime<Utc>,
) -> Result<Seen, String> {
    let node = declared.graph.find(asset).ok_or_else(|| format!("there is no asset `{asset}`"))?;
    let wall = context.clock.wall();
    let late = assetctl_execute::judge_freshness(store, &declared.graph, &[node], now, None, wall);
    Ok(Seen::Holds(!late.map_err(|error| error.to_string())?.is_empty()))
}

/// The file or object that was written last: its path, when, and how long it is.
fn newest_file(sensor: &Sensor, paths: &[String]) -> Result<Seen, String> {
    let mut newest: Option<(DateTime<Utc>, String, u64)> = None;
    for path in paths {
        if path.starts_with("s3://") {
            let found = assetctl_connect::newest_object(&sensor.base, sensor.spec.when.storage.as_ref(), path);
            newest = newest.max(found.map_err(|error| error.to_string())?);
            continue;
        }
        let pattern = sensor.base.join(path);
        let pattern = pattern.to_str().ok_or_else(|| format!("`{path}` is not UTF-8"))?;
        let found = glob::glob(pattern).map_err(|error| format!("`{path}` is not a pattern: {error}"))?;
        for file in found {
            let file = file.map_err(|error| error.to_string())?;
            // One that went meanwhile was not there.
            let Ok(metadata) = std::fs::metadata(&file) else { continue };
            let Ok(modified) = metadata.modified() else { continue };
            if metadata.is_file() {
                newest = newest.max(Some((modified.into(), file.display().to_string(), metadata.len())));
            }
        }
    }
    Ok(Seen::Newest(newest.map(|(at, path, length)| {
        format!("{path} ({length} bytes, {})", at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
    })))
}

/// Whether the first value of a query over the assets is true.
fn holds(data: &Path, query: &str) -> Result<Seen, String> {
    // Before anything is made, nothing is so.
    let Some(warehouse) = newest_warehouse(data).map_err(|error| error.to_string())? else {
        return Ok(Seen::Holds(false));
    };
    let config = Config::default().access_mode(AccessMode::ReadOnly).map_err(|error| error.to_string())?;
    let connection = Connection::open_with_flags(&warehouse, config).map_err(|error| error.to_string())?;
    let interrupt = connection.interrupt_handle();
    let (done, waiting) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let is_late = waiting.recv_timeout(QUERY) == Err(mpsc::RecvTimeoutError::Timeout);
        if is_late {
            interrupt.interrupt();
        }
        is_late
    });
    let value = connection.query_row(query, [], |row| row.get::<_, Option<bool>>(0));
    drop(done);
    let is_late = watch.join().unwrap_or(false);
    match value {
        Ok(value) => Ok(Seen::Holds(value.unwrap_or(false))),
        Err(duckdb::Error::QueryReturnedNoRows) => Ok(Seen::Holds(false)),
        Err(_) if is_late => Err(format!("its query took longer than {} s", QUERY.as_secs())),
        Err(error) => Err(format!("its query fails: {error}")),
    }
}
