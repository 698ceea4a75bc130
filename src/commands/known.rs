//! `--as-known-at`: the sources as they were known at an instant, and what is made from them.

use assetctl_serve::Planned;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use assetctl_store::{Layout, Snapshot, Store};
use chrono::{DateTime, Timelike, Utc};

use super::materialize::{execute, show_plan};
use crate::args::Materialize;
use crate::clock::Clock;
use crate::context::{Context, Loaded, Wish};
use crate::error::CliError;

/// `assetctl materialize --as-known-at`: what would have been made from what was known then, in a store of its own. The sources are taken
/// from the history that the main store keeps; nothing is fetched, and no file is read.
pub fn materialize(context: &Context, args: &Materialize, at: DateTime<Utc>) -> Result<(), CliError> {
    let loaded = context.load()?;
    let main = loaded.existing_store()?.ok_or_else(nothing)?;
    let history = history(&loaded, &main, at, context)?;
    let wish = Wish {
        selecting: &args.selecting,
        dates: args.dates.clone(),
        only: args.only,
        force: args.force,
        again: false,
    };
    let selected = loaded.select(&args.selecting, None)?;
    let needed: BTreeSet<usize> = selected.iter().flat_map(|ix| loaded.graph.above(*ix, None)).collect();
    let external = externals(&loaded);
    let taken: BTreeSet<usize> = needed.intersection(&external).copied().collect();
    let folder = folder(loaded.data(), at);
    if args.dry_run && Store::open_existing(&folder)?.is_none() {
        // Nothing was made of it yet: what there is are the sources, and the main store has them.
        let plan = loaded.plan_given(&history, &wish, selected, external, at)?;
        return show_plan(context, Planned { plan, sources: HashMap::new(), observations: HashMap::new() });
    }
    let store = Store::open(&folder)?;
    assetctl_execute::take_over(&loaded.graph, &history, &store, &taken, || Clock::new(None).wall())
        .map_err(CliError::Run)?;
    let snapshot = store.snapshot()?;
    let plan = loaded.plan_given(&snapshot, &wish, selected, external, at)?;
    drop(snapshot);
    let planned = Planned { plan, sources: HashMap::new(), observations: HashMap::new() };
    execute(context, loaded, store, planned, &args.running, args.dry_run)?.outcome
}

/// The sources as they were known, and the store of what was made from them, if anything was.
pub fn open(context: &Context, loaded: &Loaded, at: DateTime<Utc>) -> Result<(Snapshot, Option<Store>), CliError> {
    let main = loaded.existing_store()?.ok_or_else(nothing)?;
    let history = history(loaded, &main, at, context)?;
    Ok((history, Store::open_existing(&folder(loaded.data(), at))?))
}

fn history(loaded: &Loaded, main: &Store, at: DateTime<Utc>, context: &Context) -> Result<Snapshot, CliError> {
    if at > context.clock.wall() {
        let message = format!("what will be known at {} is not known yet", shown(at));
        return Err(CliError::usage(message, Some("name an instant of the past")));
    }
    let names: Vec<String> = externals(loaded).into_iter().map(|ix| loaded.graph.node(ix).name.clone()).collect();
    main.snapshot_known(&names, at).map_err(|error| match error {
        assetctl_store::Error::BeforeFirst { .. } => CliError::usage(
            format!("nothing was known at {}", shown(at)),
            Some("`assetctl runs` says when there were runs, `assetctl diff raw_bars@2024-03-15` when rows came"),
        ),
        assetctl_store::Error::Collected { .. } => CliError::usage(
            format!("what was known at {} was forgotten by `gc --forget-revisions`", shown(at)),
            Some("name a later instant"),
        ),
        other => CliError::Store(other),
    })
}

/// Assets whose rows come from outside.
pub fn externals(loaded: &Loaded) -> BTreeSet<usize> {
    (0..loaded.graph.nodes().len()).filter(|ix| loaded.graph.node(*ix).is_external()).collect()
}

fn folder(data: &Path, at: DateTime<Utc>) -> PathBuf {
    // Without colons, which Windows does not take.
    let name = at.format("%Y-%m-%dT%H-%M-%S").to_string();
    let fraction = match at.nanosecond() / 1_000 {
        0 => String::new(),
        micros => format!(".{micros:06}"),
    };
    Layout::new(data).known().join(format!("{name}{fraction}Z"))
}

fn shown(at: DateTime<Utc>) -> impl std::fmt::Display {
    at.format("%Y-%m-%d %H:%M:%S UTC")
}

fn nothing() -> CliError {
    CliError::usage("nothing was materialized yet", Some("`assetctl materialize` makes everything"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_a_folder_of_its_own() {
        let name = |text: &str| {
            let folder = folder(Path::new("data"), text.parse().unwrap());
            folder.file_name().unwrap().to_string_lossy().into_owned()
        };
        assert_eq!(name("2024-03-15T15:30:00Z"), "2024-03-15T15-30-00Z");
        assert_eq!(name("2024-03-15T15:30:00.000042Z"), "2024-03-15T15-30-00.000042Z");
        assert_eq!(name("2024-03-15T15:30:00+08:00"), "2024-03-15T07-30-00Z");
    }
}
