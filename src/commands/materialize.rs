//! `assetctl materialize` and `assetctl backfill`.

use std::sync::Arc;
use std::time::Duration;

use assetctl_config::Severity;
use assetctl_execute::{AssetStatus, Options, RunEvent, RunReport, Work};
use assetctl_serve::Planned;
use serde::Serialize;

use crate::args::{Backfill, Dates, Format, Materialize, Running};
use crate::clock::Clock;
use crate::context::{Context, Loaded, Wish};
use crate::error::CliError;
use crate::report::{self, progress::Progress};

/// How long a cancelled run may still take to stop by itself.
const STOP_WITHIN: Duration = Duration::from_millis(900);

/// `--format json`: what was announced, and what became of it (`null` for `--dry-run` and when nothing was stale).
#[derive(Serialize)]
struct Outcome {
    plan: assetctl_plan::Plan,
    run: Option<RunReport>,
}

/// How what was to be done has ended.
pub struct Ended {
    /// Why assets failed, each with its name.
    pub failures: Vec<String>,
    /// A run that failed has been shown.
    pub outcome: Result<(), CliError>,
}

impl Ended {
    /// Well.
    pub fn without_failures((): ()) -> Self {
        Self { failures: Vec::new(), outcome: Ok(()) }
    }
}

pub fn materialize(context: &Context, args: &Materialize) -> Result<(), CliError> {
    if let Some(at) = args.as_known_at {
        return super::known::materialize(context, args, at);
    }
    let wish = Wish {
        selecting: &args.selecting,
        dates: args.dates.clone(),
        only: args.only,
        force: args.force,
        again: false,
    };
    start(context, &wish, &args.running, args.dry_run)?.outcome
}

pub fn backfill(context: &Context, args: &Backfill) -> Result<(), CliError> {
    let dates = Dates { from: Some(args.from), to: Some(args.to) };
    let again = !args.instruments.is_empty();
    let wish = Wish { selecting: &args.selecting, dates, only: args.only, force: args.force, again };
    let running = Running { instruments: args.instruments.clone(), ..args.running.clone() };
    start(context, &wish, &running, false)?.outcome
}

/// Plans and executes, or only shows the plan.
pub fn start(context: &Context, wish: &Wish<'_>, running: &Running, dry_run: bool) -> Result<Ended, CliError> {
    let loaded = context.load()?;
    let existing = loaded.existing_store()?;
    let snapshot = existing.as_ref().map(assetctl_store::Store::snapshot).transpose()?;
    let planned = loaded.plan(existing.as_ref(), snapshot.as_ref(), wish, context.clock.now())?;
    drop(snapshot);
    if context.cancel().is_set() {
        return Err(CliError::Cancelled);
    }
    if dry_run {
        return show_plan(context, planned).map(Ended::without_failures);
    }
    // Made only now: a wrong selection, or a source that is refused, leaves no empty store behind.
    drop(existing);
    let store = loaded.store()?;
    execute(context, loaded, store, planned, running, false)
}

pub fn show_plan(context: &Context, planned: Planned) -> Result<(), CliError> {
    let outcome = Outcome { plan: planned.plan, run: None };
    report::result(context.format, &outcome, |outcome| report::plan::human(&outcome.plan))
}

/// Executes a plan on a store, or only shows it.
pub fn execute(
    context: &Context,
    loaded: Loaded,
    store: assetctl_store::Store,
    planned: Planned,
    running: &Running,
    dry_run: bool,
) -> Result<Ended, CliError> {
    if dry_run {
        return show_plan(context, planned).map(Ended::without_failures);
    }
    if planned.plan.is_empty() {
        return nothing_to_do(context, &loaded, &store, planned);
    }
    if context.format == Format::Human && !context.quiet {
        anstream::eprint!("{}", report::plan::human(&planned.plan));
    }
    run(context, loaded, store, planned, running)
}

/// Everything is up to date; what was only touched is noted, and the warehouse is published if a killed run had not come to it.
fn nothing_to_do(
    context: &Context,
    loaded: &Loaded,
    store: &assetctl_store::Store,
    planned: Planned,
) -> Result<Ended, CliError> {
    assetctl_execute::note_clean(store, &planned.plan, &planned.sources).map_err(CliError::Run)?;
    loaded.publish_if_behind(store)?;
    let assets: Vec<usize> = planned.plan.assets.iter().map(|asset| asset.node).collect();
    let late =
        assetctl_execute::judge_freshness(store, &loaded.graph, &assets, planned.plan.now, None, context.clock.wall())?;
    show_plan(context, planned)?;
    let mut ended = Ended::without_failures(());
    for late in late {
        context.tell(late.event());
        let fails = late.severity == Severity::Error;
        if fails || !context.quiet {
            let severity = if fails { "error" } else { "warning" };
            anstream::eprintln!("{severity}: {}@{}: freshness: {}", late.asset, late.session, late.message);
        }
        if fails {
            ended.failures.push(format!("`{}`: check `freshness` fails: {}", late.asset, late.message));
            ended.outcome = Err(CliError::CheckFailed);
        }
    }
    Ok(ended)
}

fn run(
    context: &Context,
    loaded: Loaded,
    store: assetctl_store::Store,
    planned: Planned,
    running: &Running,
) -> Result<Ended, CliError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let options = Options {
        command: match &context.supervised {
            Some(by) => by.command.clone(),
            None => std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        },
        jobs: running.jobs.map_or(cores, usize::from),
        batch: running.batch.map(usize::from),
        memory: running.memory.as_u64() / 4 * 3,
        threads: cores,
        wait: running.wait,
        instruments: running.instruments.clone(),
        clock: || Clock::new(None).wall(),
    };
    let Planned { plan, sources, observations } = planned;
    let fetchers = match assetctl_execute::fetchers(&loaded.project, &loaded.graph, &plan) {
        Ok(fetchers) => fetchers,
        Err(diagnostics) => return Err(CliError::Config { sources: loaded.project.sources, diagnostics }),
    };
    // A quarter for what assets hand to each other, the rest for what is being made.
    store.set_memory(running.memory.as_u64() / 4);
    let work = Work {
        project: Arc::new(loaded.project),
        graph: Arc::new(loaded.graph),
        store: Arc::new(store),
        plan: plan.clone(),
        sources,
        observations,
        fetchers,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::other("starting the runtime"))?;
    let mut progress = Progress::new(&plan, context.quiet || context.format != Format::Human);
    let cancel = context.cancel();
    let mut on = |event: RunEvent| {
        progress.on(&event);
        context.tell(event);
    };
    let report = runtime.block_on(async {
        let (events, mut listening) = tokio::sync::mpsc::unbounded_channel();
        let run = assetctl_execute::materialize(work, options, cancel.clone(), events);
        tokio::pin!(run);
        loop {
            tokio::select! {
                Some(event) = listening.recv() => on(event),
                report = &mut run => {
                    while let Ok(event) = listening.try_recv() {
                        on(event);
                    }
                    break report;
                }
                signal = tokio::signal::ctrl_c(), if context.supervised.is_none() && !cancel.is_set() => {
                    if signal.is_ok() {
                        cancel.set();
                    }
                }
            }
        }
    });
    progress.finish();
    runtime.shutdown_timeout(if cancel.is_set() { Duration::ZERO } else { STOP_WITHIN });
    let report = report.map_err(CliError::Run)?;
    let result = if report.cancelled {
        Err(CliError::Cancelled)
    } else if report.only_checks_failed() {
        Err(CliError::CheckFailed)
    } else if report.failed() {
        Err(CliError::RunFailed)
    } else {
        Ok(())
    };
    let failed = report.assets.iter().filter(|asset| asset.status == AssetStatus::Failed);
    let failures = failed.filter_map(|asset| Some(format!("`{}`: {}", asset.asset, asset.error.as_ref()?))).collect();
    let summary = report::run::summary(&report);
    let outcome = Outcome { plan, run: Some(report) };
    report::result(context.format, &outcome, |outcome| {
        outcome.run.as_ref().map(report::run::human).unwrap_or_default()
    })?;
    if !context.quiet {
        anstream::eprintln!("{summary}");
    }
    Ok(Ended { failures, outcome: result })
}
