//! The dispatcher: assets in the order of their inputs, independent ones at once.
//!
//! It holds the locks of all assets it may write, so two runs on the same assets never meet; runs on others go on beside it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use assetctl_config::Project;
use assetctl_graph::Graph;
use assetctl_plan::{AssetPlan, Observation, Plan};
use assetctl_store::{AssetOutcome, LockError, NewRun, RunId, RunStatus, Store};
use chrono::{DateTime, Utc};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use crate::asked::Fetchers;
use crate::asset::{Job, Missing};
use crate::cancel::Cancel;
use crate::event::{AssetReport, AssetStatus, RunEvent, RunReport};
use crate::fresh::{self, judge_freshness};
use crate::observe::{self, Sources};

/// How long a cancelled run waits for what is being computed, before it leaves it behind uncommitted.
const GRACE: Duration = Duration::from_millis(600);

/// How a plan is to be executed.
#[derive(Debug, Clone)]
pub struct Options {
    /// As the user typed it, for the record.
    pub command: String,
    /// Assets that are computed at once.
    pub jobs: usize,
    /// Sessions per batch at most.
    pub batch: Option<usize>,
    /// Bytes that the run works in, about.
    pub memory: u64,
    /// Threads that one asset's work is spread over.
    pub threads: usize,
    /// Wait for another run on the same assets, rather than refuse.
    pub wait: bool,
    /// Who is asked for where a session that was asked for before is forced: these instruments alone; none for all.
    pub instruments: Vec<String>,
    /// The instant that goes into records.
    pub clock: fn() -> DateTime<Utc>,
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Store(#[from] assetctl_store::Error),
    #[error("`{asset}` is being written by {}: let it end, or say `--wait`", .run.map_or_else(|| "another process".to_owned(), |run| format!("run {run}")))]
    Busy { asset: String, run: Option<u64> },
    #[error("the assets are committed, but `warehouse.duckdb` could not be published: {0}")]
    Publish(#[source] assetctl_store::Error),
    #[error("a worker stopped unexpectedly: {0}")]
    Worker(String),
}

/// What a run works on.
pub struct Work {
    pub project: Arc<Project>,
    pub graph: Arc<Graph>,
    pub store: Arc<Store>,
    pub plan: Plan,
    pub sources: Sources,
    pub observations: HashMap<usize, Observation>,
    pub fetchers: Fetchers,
}

/// Executes a plan: at most what it announces, less what turns out not to be stale once its inputs are up to date.
///
/// A failed asset stops what is below it and nothing else. The report says what became of each asset.
pub async fn materialize(
    work: Work,
    options: Options,
    cancel: Cancel,
    events: UnboundedSender<RunEvent>,
) -> Result<RunReport, RunError> {
    let clock = options.clock;
    note_clean(&work.store, &work.plan, &work.sources)?;
    let plan_json = serde_json::to_value(&work.plan).unwrap_or_default();
    let run = work.store.begin_run(&NewRun {
        command: options.command.clone(),
        selection: work.plan.selection.clone(),
        at: clock(),
        plan: plan_json,
    })?;
    let _ = events.send(RunEvent::RunStarted { run: run.0 });
    let store = Arc::clone(&work.store);
    let graph = Arc::clone(&work.graph);
    let (planned, now): (Vec<usize>, _) = (work.plan.assets.iter().map(|asset| asset.node).collect(), work.plan.now);
    let names = work.graph.names();
    let cancelled = cancel.clone();
    let outcome = execute(work, options, run, cancel, events.clone()).await;
    let outcome = outcome.and_then(|mut report| {
        if !report.cancelled {
            let late = judge_freshness(&store, &graph, &planned, now, Some(run), clock())?;
            fresh::report(&mut report, late, &events, &store, run)?;
        }
        Ok(report)
    });
    let status = match &outcome {
        Ok(report) if report.cancelled => RunStatus::Cancelled,
        Ok(report) if report.failed() => RunStatus::Failed,
        Ok(_) => RunStatus::Succeeded,
        // It was stopped while it waited for another run.
        Err(RunError::Busy { .. }) if cancelled.is_set() => RunStatus::Cancelled,
        Err(_) => RunStatus::Failed,
    };
    store.finish_run(run, status, clock())?;
    let report = outcome?;
    if !report.cancelled {
        store.publish(Some(&names)).map_err(RunError::Publish)?;
    }
    Ok(report)
}

/// Assets whose inputs moved without touching what they read are noted as clean; files that were touched and not changed, as seen.
pub fn note_clean(store: &Store, plan: &Plan, sources: &Sources) -> Result<(), RunError> {
    for asset in plan.assets.iter().filter(|asset| asset.is_empty()) {
        if asset.unmoved && asset.blocked_by_input().is_none() {
            store.mark_verified(&asset.asset, plan.revision, asset.wiring)?;
        }
        if let Some(scan) = sources.get(&asset.node) {
            let scan = scan.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            // Where something changed, nothing may be stale anywhere: the plan may be of a few sessions only.
            if observe::is_touched(&scan) && (asset.unmoved || !observe::is_changed(&scan)) {
                store.replace_sources(&asset.asset, &observe::manifest(&scan))?;
            }
        }
    }
    Ok(())
}

async fn execute(
    work: Work,
    options: Options,
    run: RunId,
    cancel: Cancel,
    events: UnboundedSender<RunEvent>,
) -> Result<RunReport, RunError> {
    let planned: Vec<AssetPlan> = work.plan.assets.iter().filter(|asset| !asset.is_empty()).cloned().collect();
    let names: Vec<String> = planned.iter().map(|asset| asset.asset.clone()).collect();
    // Whoever writes has them, also one that is left behind: nobody else writes, and nobody cleans up, before it has ended.
    let locks = Arc::new(lock(&work, &names, run, options.wait, &cancel).await?);

    let mut dispatch = Dispatch::new(&work.graph, &planned);
    let mut jobs: JoinSet<(usize, AssetReport)> = JoinSet::new();
    let mut reports: BTreeMap<usize, AssetReport> = BTreeMap::new();
    loop {
        while jobs.len() < options.jobs.max(1) && !cancel.is_set() {
            let Some(at) = dispatch.next() else { break };
            let plan = planned[at].clone();
            let job = Job {
                project: Arc::clone(&work.project),
                graph: Arc::clone(&work.graph),
                store: Arc::clone(&work.store),
                run,
                scan: work.sources.get(&plan.node).cloned(),
                observation: work.observations.get(&plan.node).cloned(),
                fetcher: work.fetchers.get(&plan.node).cloned(),
                now: work.plan.now,
                missing: missing(&work.graph, &planned, &reports, plan.node),
                plan,
                asked_batch: options.batch,
                instruments: options.instruments.clone(),
                // Assets that are computed at once share it.
                memory: options.memory / options.jobs.max(1) as u64,
                threads: options.threads,
                cancel: cancel.clone(),
                events: events.clone(),
                clock: options.clock,
                locks: Arc::clone(&locks),
            };
            jobs.spawn_blocking(move || (at, job.run()));
        }
        let Some(finished) = next_finished(&mut jobs, &cancel).await else { break };
        let (at, report) = finished.map_err(|error| RunError::Worker(error.to_string()))?;
        dispatch.done(at, &report);
        for (at, report) in std::iter::once((at, report)).chain(dispatch.blocked(&planned)) {
            record(&work.store, run, &planned[at], &report)?;
            let _ = events.send(RunEvent::AssetFinished(report.clone()));
            reports.insert(at, report);
        }
    }
    jobs.detach_all();
    let cancelled = cancel.is_set() && reports.len() < planned.len()
        || reports.values().any(|report| report.status == AssetStatus::Cancelled);
    for (at, asset) in planned.iter().enumerate() {
        if let std::collections::btree_map::Entry::Vacant(entry) = reports.entry(at) {
            let report = entry.insert(AssetReport::new(&asset.asset, AssetStatus::Cancelled));
            record(&work.store, run, asset, report)?;
        }
    }
    Ok(RunReport { run: run.0, cancelled, assets: reports.into_values().collect() })
}

/// What the inputs of an asset could not make yet, or made and must not keep.
fn missing(
    graph: &Graph,
    planned: &[AssetPlan],
    reports: &BTreeMap<usize, AssetReport>,
    reader: usize,
) -> Vec<Missing> {
    let inputs: BTreeSet<usize> = graph.node(reader).edges.iter().map(|edge| edge.input).collect();
    let of_input = |(at, report): (&usize, &AssetReport)| {
        let input = planned[*at].node;
        let waits = inputs.contains(&input) && !(report.waits.is_empty() && report.refused.is_empty());
        waits.then(|| {
            let reason = match (graph.node(input).is_external(), report.waits.values().next()) {
                _ if !report.refused.is_empty() => format!("a check of `{}` fails", report.asset),
                (true, Some(why)) => format!("`{}`: {why}", report.asset),
                _ => format!("`{}` waits too", report.asset),
            };
            let sessions = report.waits.keys().chain(&report.refused).copied().collect();
            Missing { input, sessions, reason }
        })
    };
    reports.iter().filter_map(of_input).collect()
}

/// The next asset that finished; `None` when none is left, or when a cancelled run has waited long enough.
async fn next_finished(
    jobs: &mut JoinSet<(usize, AssetReport)>,
    cancel: &Cancel,
) -> Option<Result<(usize, AssetReport), tokio::task::JoinError>> {
    let mut grace = GRACE;
    let tick = Duration::from_millis(20);
    loop {
        match tokio::time::timeout(tick, jobs.join_next()).await {
            Ok(finished) => return finished,
            Err(_) if cancel.is_set() => {
                grace = grace.saturating_sub(tick);
                if grace.is_zero() {
                    return None;
                }
            }
            Err(_) => {}
        }
    }
}

async fn lock(
    work: &Work,
    names: &[String],
    run: RunId,
    wait: bool,
    cancel: &Cancel,
) -> Result<assetctl_store::AssetLocks, RunError> {
    let (store, names, cancel) = (Arc::clone(&work.store), names.to_vec(), cancel.clone());
    let locked =
        tokio::task::spawn_blocking(move || store.lock_assets_wait(&names, run, |_, _| wait && !cancel.is_set()));
    match locked.await.map_err(|error| RunError::Worker(error.to_string()))? {
        Ok(locks) => Ok(locks),
        Err(LockError::Held { asset, run }) => Err(RunError::Busy { asset, run }),
        Err(LockError::Failed(error)) => Err(error.into()),
    }
}

fn record(store: &Store, run: RunId, plan: &AssetPlan, report: &AssetReport) -> Result<(), RunError> {
    let status = match report.status {
        AssetStatus::Ok => assetctl_store::AssetStatus::Ok,
        AssetStatus::Unchanged => assetctl_store::AssetStatus::Unchanged,
        AssetStatus::Failed => assetctl_store::AssetStatus::Failed,
        AssetStatus::Waits | AssetStatus::Blocked => assetctl_store::AssetStatus::Blocked,
        AssetStatus::Cancelled => assetctl_store::AssetStatus::Cancelled,
    };
    store.record_asset(
        run,
        &AssetOutcome {
            asset: report.asset.clone(),
            status,
            planned: plan.certain() + plan.possible(),
            ran: report.ran.clone(),
            changed: report.changed,
            rows: report.rows,
            bytes: report.bytes,
            seconds: report.seconds,
            error: report.error.clone(),
        },
    )?;
    Ok(())
}

/// Which assets may start: a value, so that it can be tested without running anything.
struct Dispatch {
    /// Positions in the plan of each asset's planned inputs that are not done.
    waits: Vec<BTreeSet<usize>>,
    started: Vec<bool>,
    /// Inputs that failed: what reads them is blocked.
    failed: Vec<usize>,
    readers: Vec<Vec<usize>>,
    /// Whether the one is made from the other, and does not only wait for it because a check reads it.
    made_from: Vec<BTreeSet<usize>>,
}

impl Dispatch {
    fn new(graph: &Graph, planned: &[AssetPlan]) -> Self {
        let at: HashMap<usize, usize> = planned.iter().enumerate().map(|(at, asset)| (asset.node, at)).collect();
        // An input may reach an asset through assets that have nothing to do.
        let waits: Vec<BTreeSet<usize>> = planned
            .iter()
            .map(|asset| {
                graph
                    .above(asset.node, None)
                    .into_iter()
                    .filter(|ix| *ix != asset.node)
                    .filter_map(|ix| at.get(&ix).copied())
                    .collect()
            })
            .collect();
        let made_from = planned
            .iter()
            .map(|asset| graph.made_from(asset.node).into_iter().filter_map(|ix| at.get(&ix).copied()).collect())
            .collect();
        let mut readers = vec![Vec::new(); planned.len()];
        for (reader, inputs) in waits.iter().enumerate() {
            for input in inputs {
                readers[*input].push(reader);
            }
        }
        Self { started: vec![false; planned.len()], failed: Vec::new(), waits, readers, made_from }
    }

    /// An asset that waits for nothing, in the order of the plan.
    fn next(&mut self) -> Option<usize> {
        let at = (0..self.waits.len()).find(|at| !self.started[*at] && self.waits[*at].is_empty())?;
        self.started[at] = true;
        Some(at)
    }

    /// An asset in which a check failed has made the rest of its sessions, and one that waits, what it could.
    fn done(&mut self, at: usize, report: &AssetReport) {
        match report.status {
            AssetStatus::Cancelled => {}
            AssetStatus::Failed if !report.check_failed => self.failed.push(at),
            AssetStatus::Ok
            | AssetStatus::Unchanged
            | AssetStatus::Waits
            | AssetStatus::Blocked
            | AssetStatus::Failed => {
                for reader in &self.readers[at] {
                    self.waits[*reader].remove(&at);
                }
            }
        }
    }

    /// Assets below one that failed and were not reported yet. A check that reads it does not stop an asset: it will say what is missing.
    fn blocked(&mut self, planned: &[AssetPlan]) -> Vec<(usize, AssetReport)> {
        let mut blocked = Vec::new();
        for failed in std::mem::take(&mut self.failed) {
            let mut gone = vec![failed];
            for reader in self.readers[failed].clone() {
                if self.made_from[reader].contains(&failed) && !self.started[reader] {
                    self.started[reader] = true;
                    let mut report = AssetReport::new(&planned[reader].asset, AssetStatus::Blocked);
                    report.error = Some(format!("waits for `{}`, which failed", planned[failed].asset));
                    blocked.push((reader, report));
                    gone.push(reader);
                }
            }
            for (reader, waits) in self.waits.iter_mut().enumerate() {
                waits.retain(|input| !gone.contains(input) || self.made_from[reader].contains(input));
            }
        }
        blocked
    }
}
