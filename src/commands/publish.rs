//! `assetctl publish`, and the same after a run that was asked for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use assetctl_config::{Project, did_you_mean};
use assetctl_plan::STATIC_SESSION;
use assetctl_publish::{Published, Publisher, Route, Wanted, due, routes};
use assetctl_store::Store;
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::args::{Format, Publish, PublishCommand, PublishStatus, Selecting};
use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::report::{self, instant, table};

pub fn run(context: &Context, args: &Publish) -> Result<(), CliError> {
    match &args.command {
        Some(PublishCommand::Status(args)) => status(context, args),
        None => now(context, args),
    }
}

/// `--format json`: what became of one route.
#[derive(Serialize)]
struct Written {
    sink: String,
    asset: String,
    target: String,
    sessions: u64,
    first: Option<NaiveDate>,
    last: Option<NaiveDate>,
    rows: u64,
    removed: u64,
    error: Option<String>,
}

fn now(context: &Context, args: &Publish) -> Result<(), CliError> {
    let loaded = context.load()?;
    let wanted = Wanted {
        sink: known(&loaded.project, args.to.as_ref())?,
        assets: selected(context, &loaded, &args.selecting)?,
        again: args.again,
        patient: false,
    };
    if routes(&loaded.project).is_empty() {
        return Err(CliError::usage(
            "nothing is declared to be published",
            Some("an asset says `publish: [{ to: warehouse }]`, and `sinks:` where that is: docs/publishing.md"),
        ));
    }
    publish(context, &loaded, &wanted)
}

/// Publishes all that is due after a run.
pub fn after_run(context: &Context) -> Result<(), CliError> {
    publish(context, &context.load()?, &Wanted::default())
}

fn publish(context: &Context, loaded: &Loaded, wanted: &Wanted) -> Result<(), CliError> {
    let published = match loaded.existing_store()? {
        Some(store) => {
            let clock = context.clock;
            let publisher = Publisher::new(Arc::new(store), Arc::new(move || clock.wall()));
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .map_err(CliError::other("starting the runtime"))?;
            let published = runtime.block_on(async {
                tokio::select! {
                    published = publisher.publish(&loaded.project, wanted) => published.map_err(CliError::from),
                    signal = tokio::signal::ctrl_c() => match signal {
                        Ok(()) => Err(CliError::Cancelled),
                        Err(error) => Err(CliError::other("waiting for Ctrl-C")(error)),
                    },
                }
            });
            runtime.shutdown_background();
            published?
        }
        None => Vec::new(),
    };
    let failed = published.iter().any(|one| one.error.is_some());
    let written: Vec<Written> = published.into_iter().map(written).collect();
    if context.format != Format::Human {
        for one in &written {
            if let Some(error) = &one.error {
                anstream::eprintln!("error: not published to `{}` of sink `{}`: {error}", one.target, one.sink);
            }
        }
    }
    report::result(context.format, &written, |written| {
        if written.iter().all(|one| one.sessions == 0 && one.removed == 0 && one.error.is_none()) {
            return "everything is published\n".to_owned();
        }
        let mut shown = table::table(&["sink", "asset", "target", "sessions#", "rows#", "removed#", "why not"]);
        for one in written {
            shown.add_row([
                one.sink.clone(),
                one.asset.clone(),
                one.target.clone(),
                table::thousands(one.sessions),
                table::thousands(one.rows),
                table::thousands(one.removed),
                one.error.clone().unwrap_or_default(),
            ]);
        }
        table::render(&shown)
    })?;
    if failed { Err(CliError::RunFailed) } else { Ok(()) }
}

fn written(published: Published) -> Written {
    let Published { route: Route { sink, asset, target, .. }, sessions, range, rows, removed, error, .. } = published;
    let of_session = |session: &NaiveDate| *session != STATIC_SESSION;
    let (first, last) = (range.map(|range| range.0).filter(of_session), range.map(|range| range.1).filter(of_session));
    Written { sink, asset, target, sessions, first, last, rows, removed, error }
}

/// `--format json`: how far one route is.
#[derive(Serialize)]
struct Standing {
    sink: String,
    kind: &'static str,
    asset: String,
    target: String,
    partitions: u64,
    published: u64,
    behind: u64,
    /// The first session that is not published, or not as it is now.
    first_behind: Option<NaiveDate>,
    /// Sessions that the sink has and the asset has no more.
    gone: u64,
    newest: Option<NaiveDate>,
    published_at: Option<DateTime<Utc>>,
    failures: u32,
    failing_since: Option<DateTime<Utc>>,
    next_at: Option<DateTime<Utc>>,
    error: Option<String>,
}

fn status(context: &Context, args: &PublishStatus) -> Result<(), CliError> {
    let loaded = context.load()?;
    let sink = known(&loaded.project, args.to.as_ref())?;
    let assets = selected(context, &loaded, &args.selecting)?;
    let store = loaded.existing_store()?;
    let mut standing = Vec::new();
    for route in routes(&loaded.project) {
        let is_wanted = sink.as_ref().is_none_or(|sink| *sink == route.sink)
            && assets.as_ref().is_none_or(|assets| assets.contains(&route.asset));
        if is_wanted {
            standing.push(stand(store.as_ref(), route)?);
        }
    }
    report::result(context.format, &standing, |standing| {
        if standing.is_empty() {
            return "nothing is declared to be published; docs/publishing.md says how\n".to_owned();
        }
        let headers = ["sink", "asset", "target", "published#", "behind#", "newest", "at", "failing since", "error"];
        let mut shown = table::table(&headers);
        for one in standing {
            shown.add_row([
                one.sink.clone(),
                one.asset.clone(),
                one.target.clone(),
                format!("{} of {}", table::thousands(one.published), table::thousands(one.partitions)),
                table::thousands(one.behind + one.gone),
                one.newest.map(|newest| newest.to_string()).unwrap_or_default(),
                one.published_at.map(instant).unwrap_or_default(),
                one.failing_since.map(instant).unwrap_or_default(),
                one.error.clone().unwrap_or_default(),
            ]);
        }
        table::render(&shown)
    })
}

fn stand(store: Option<&Store>, route: Route) -> Result<Standing, CliError> {
    let (lacks, published, trouble) = match store {
        Some(store) => {
            let snapshot = store.snapshot()?;
            let lacks = due(store, &snapshot, &route, false)?;
            (lacks, store.published(route.key())?, store.publish_trouble(route.key())?)
        }
        None => Default::default(),
    };
    let behind = lacks.sessions();
    // The one partition of an asset without sessions.
    let of_session = |session: &NaiveDate| *session != STATIC_SESSION;
    Ok(Standing {
        kind: route.kind,
        partitions: lacks.partitions,
        published: lacks.partitions - behind,
        behind,
        first_behind: lacks.first().filter(of_session),
        gone: lacks.gone.len() as u64,
        newest: published.keys().next_back().copied().filter(of_session),
        published_at: published.values().map(|row| row.at).max(),
        failures: trouble.as_ref().map_or(0, |trouble| trouble.failures),
        failing_since: trouble.as_ref().map(|trouble| trouble.since),
        next_at: trouble.as_ref().map(|trouble| trouble.next_at),
        error: trouble.map(|trouble| trouble.error),
        sink: route.sink,
        asset: route.asset,
        target: route.target,
    })
}

fn known(project: &Project, name: Option<&String>) -> Result<Option<String>, CliError> {
    let Some(name) = name else { return Ok(None) };
    if project.sink(name).is_some() {
        return Ok(Some(name.clone()));
    }
    let known: Vec<&str> = project.sinks.iter().map(|sink| sink.name.as_str()).collect();
    let help = match did_you_mean(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "sinks are declared under `sinks:`, at the top of the project's file".to_owned(),
        None => format!("there are `{}`", known.join("`, `")),
    };
    Err(CliError::usage(format!("there is no sink `{name}`"), Some(&help)))
}

/// The names of what is selected; `None` for all.
fn selected(context: &Context, loaded: &Loaded, selecting: &Selecting) -> Result<Option<BTreeSet<String>>, CliError> {
    if selecting.select.is_empty() && selecting.exclude.is_empty() {
        return Ok(None);
    }
    let selected = loaded.select_by_state(selecting, context.clock.now())?;
    Ok(Some(selected.into_iter().map(|ix| loaded.graph.node(ix).name.clone()).collect()))
}
