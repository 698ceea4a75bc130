//! `assetctl gc`.

use assetctl_store::{Forget, Forgotten, GcPolicy, GcReport, Leftovers};
use serde::Serialize;

use super::known::externals;
use crate::args::Gc;
use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, table::count};

/// `--format json`.
#[derive(Serialize)]
struct Collected {
    dry_run: bool,
    /// Superseded segments, files, files of dead runs, replaced warehouses that went; `bytes` of all that did.
    segments: u32,
    files: u32,
    orphans: u32,
    warehouses: u32,
    /// Copies of objects and files of stores of what was known that nobody uses any more.
    leftovers: u32,
    bytes: u64,
    /// Superseded segments that a kept snapshot needs.
    kept: u32,
    /// Assets left alone because a run was writing them.
    busy: Vec<String>,
    /// What happened long ago and is forgotten: requests, ticks, runs that changed nothing, logs.
    requests: u64,
    ticks: u64,
    runs: u64,
    logs: u64,
    /// Nothing of the lake was removed, because a backup is being made.
    held_off: bool,
}

pub fn run(context: &Context, args: &Gc) -> Result<(), CliError> {
    let loaded = context.load()?;
    let Some(store) = loaded.existing_store()? else {
        return report::line("nothing was ever materialized here");
    };
    let policy = GcPolicy {
        keep_runs: args.keep_runs,
        keep_since: Some(context.clock.wall() - chrono::Duration::days(i64::from(args.keep_days))),
        dry_run: args.dry_run,
    };
    // What a vendor said at some time cannot be had again.
    let histories: Vec<String> = if args.forget_revisions {
        Vec::new()
    } else {
        externals(&loaded).into_iter().map(|ix| loaded.graph.node(ix).name.clone()).collect()
    };
    let copied = assetctl_execute::copied(&loaded.project);
    let since = policy.keep_since.unwrap_or_default();
    let leftovers = store.discard_leftovers(Leftovers { copied: &copied, since, dry_run: args.dry_run })?;
    let GcReport { segments, files, orphans, warehouses, bytes, kept, busy, held_off } =
        store.gc_except(policy, &histories)?;
    let history = chrono::Duration::days(i64::from(args.keep_history));
    let Forgotten { requests, ticks, runs, logs, bytes: of_logs } = store.forget(Forget {
        asked_before: context.clock.now() - history,
        run_before: context.clock.wall() - history,
        dry_run: args.dry_run,
    })?;
    let collected = Collected {
        dry_run: args.dry_run,
        segments,
        files,
        orphans,
        warehouses,
        leftovers: leftovers.files,
        bytes: bytes + leftovers.bytes + of_logs,
        kept,
        busy,
        requests,
        ticks,
        runs,
        logs,
        held_off,
    };
    report::result(context.format, &collected, |found| {
        let verb = if found.dry_run { "would remove" } else { "removed" };
        let total = u64::from(found.files + found.orphans + found.warehouses + found.leftovers) + found.logs;
        let mut text = format!(
            "{verb} {} ({:.1} MB); {} kept for earlier snapshots and revisions\n",
            count(total, "file"),
            found.bytes as f64 / 1e6,
            count(found.kept, "segment")
        );
        let past = [(found.requests, "request"), (found.ticks, "tick"), (found.runs, "idle run")];
        for (number, what) in past.into_iter().filter(|(number, _)| *number > 0) {
            text.push_str(&format!(
                "{} {}\n",
                if found.dry_run { "would forget" } else { "forgot" },
                count(number, what)
            ));
        }
        if found.held_off {
            text.push_str("a backup is being made: its files stay until it is done\n");
        }
        for asset in &found.busy {
            text.push_str(&format!("left `{asset}` alone: a run is writing it\n"));
        }
        text
    })
}
