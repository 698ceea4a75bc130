//! `assetctl diff`: what a partition held when, and how one content differs from another.

use assetctl_graph::Axis;
use assetctl_plan::STATIC_SESSION;
use assetctl_store::{Change, Revision, Store};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

use super::explain::partition;
use crate::args::{Diff, Point, Selecting};
use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::report::{self, table::count};

/// Differences that are shown of one revision before the rest are counted.
const MOST_CHANGES: usize = 40;

/// `--format json`.
#[derive(Serialize)]
struct Revisions {
    asset: String,
    /// `null` for an asset without sessions.
    session: Option<NaiveDate>,
    /// Oldest first.
    revisions: Vec<Known>,
}

/// One revision, and how it differs from the one before; the first differs from nothing.
#[derive(Serialize)]
struct Known {
    #[serde(flatten)]
    revision: Revision,
    changes: Vec<Change>,
}

/// `--between … --format json`.
#[derive(Serialize)]
struct Between {
    asset: String,
    session: Option<NaiveDate>,
    /// The revisions that are compared: numbers of commits.
    old: u64,
    new: u64,
    changes: Vec<Change>,
}

pub fn run(context: &Context, args: &Diff) -> Result<(), CliError> {
    let loaded = context.load()?;
    let (name, date) = partition(&args.partition)?;
    let (asset, session) = locate(&loaded, name, date)?;
    let Some(store) = loaded.existing_store()? else {
        return Err(CliError::usage("nothing was materialized yet", Some("`assetctl materialize` makes everything")));
    };
    let shown = (session != STATIC_SESSION).then_some(session);
    let found = store.revisions(&asset, session)?;
    if found.is_empty() {
        let message = format!("there is no partition {}", label(&asset, shown));
        return Err(CliError::usage(message, Some("`assetctl status` says which sessions there are")));
    }
    if let [old, new] = args.between[..] {
        let (old, new) = (revision_at(&store, old)?, revision_at(&store, new)?);
        let changes = changes(&store, &asset, session, old, new)?;
        let between = Between { asset, session: shown, old, new, changes };
        return report::result(context.format, &between, human_between);
    }
    let mut revisions: Vec<Known> = Vec::with_capacity(found.len());
    for revision in found {
        let changes = match revisions.last() {
            Some(before) => changes(&store, &asset, session, before.revision.revision, revision.revision)?,
            None => Vec::new(),
        };
        revisions.push(Known { revision, changes });
    }
    report::result(context.format, &Revisions { asset, session: shown, revisions }, human)
}

/// The asset that a partition is named of, and its session.
fn locate(loaded: &Loaded, name: &str, date: Option<NaiveDate>) -> Result<(String, NaiveDate), CliError> {
    let selecting = Selecting { select: vec![name.to_owned()], exclude: Vec::new() };
    let selected = loaded.select(&selecting, None)?;
    let [ix] = selected.iter().copied().collect::<Vec<_>>()[..] else {
        return Err(CliError::usage(
            format!("`{name}` is more than one asset"),
            Some("name one: `assetctl diff raw_bars@2024-03-15`"),
        ));
    };
    let node = loaded.graph.node(ix);
    let session = match (node.axis, date) {
        (Axis::Static, _) => STATIC_SESSION,
        (Axis::Session, Some(date)) => {
            node.calendar.ix(date).map_err(|error| CliError::usage(error.to_string(), None))?;
            date
        }
        (Axis::Session, None) => {
            return Err(CliError::usage(
                format!("of which session of `{name}`?"),
                Some("name one: `assetctl diff raw_bars@2024-03-15`"),
            ));
        }
    };
    Ok((node.name.clone(), session))
}

fn revision_at(store: &Store, point: Point) -> Result<u64, CliError> {
    Ok(match point {
        Point::Revision(revision) => revision,
        Point::Instant(at) => store.revision_at(at)?,
    })
}

fn changes(store: &Store, asset: &str, session: NaiveDate, old: u64, new: u64) -> Result<Vec<Change>, CliError> {
    store.changes(asset, session, old, new).map_err(|error| match error {
        assetctl_store::Error::Collected { rev } => {
            CliError::usage(format!("what `{asset}` held at revision {rev} was removed by `gc`"), None)
        }
        other => CliError::Store(other),
    })
}

fn label(asset: &str, session: Option<NaiveDate>) -> String {
    session.map_or_else(|| asset.to_owned(), |session| format!("{asset}@{session}"))
}

fn human(found: &Revisions) -> String {
    let name = label(&found.asset, found.session);
    let mut text = format!("{name}: {}\n", count(found.revisions.len() as u64, "revision"));
    for (at, Known { revision, changes }) in found.revisions.iter().enumerate() {
        let Revision { revision, known_at, run, rows } = revision;
        let what = match (rows, at) {
            (None, _) => "taken away".to_owned(),
            (Some(rows), 0) => count(*rows, "row"),
            (Some(rows), _) => format!("{}, {}", count(*rows, "row"), summary(changes)),
        };
        text.push_str(&format!("\nrevision {revision}, known at {}, by run {run}: {what}\n", instant(*known_at)));
        if rows.is_some() {
            text.push_str(&lines(changes));
        }
    }
    text
}

fn human_between(found: &Between) -> String {
    let name = label(&found.asset, found.session);
    let what = if found.changes.is_empty() { "the same".to_owned() } else { summary(&found.changes) };
    format!("{name}, revision {} → {}: {what}\n{}", found.old, found.new, lines(&found.changes))
}

/// `2 values changed, 1 row added`.
fn summary(changes: &[Change]) -> String {
    let number = |is: fn(&Change) -> bool| changes.iter().filter(|change| is(change)).count() as u64;
    let parts = [
        (number(|change| matches!(change, Change::Changed { .. })), "value", "changed"),
        (number(|change| matches!(change, Change::Added { .. })), "row", "added"),
        (number(|change| matches!(change, Change::Removed { .. })), "row", "removed"),
    ];
    let given = parts.iter().filter(|(n, ..)| *n > 0);
    let parts: Vec<String> = given.map(|(n, noun, verb)| format!("{} {verb}", count(*n, noun))).collect();
    if parts.is_empty() { "the same rows".to_owned() } else { parts.join(", ") }
}

fn lines(changes: &[Change]) -> String {
    let mut text: String = changes.iter().take(MOST_CHANGES).map(|change| format!("  {}\n", line(change))).collect();
    if changes.len() > MOST_CHANGES {
        text.push_str(&format!("  … and {} more (--format json shows all)\n", changes.len() - MOST_CHANGES));
    }
    text
}

fn line(change: &Change) -> String {
    match change {
        Change::Changed { key, column, old, new } => {
            format!("{}  {column}  {} → {}", names(key), cell(old), cell(new))
        }
        Change::Added { key, values } => format!("{}  added: {}", names(key), fields(values)),
        Change::Removed { key, values } => format!("{}  removed: {}", names(key), fields(values)),
    }
}

fn names(key: &Map<String, Value>) -> String {
    if key.is_empty() { "the row".to_owned() } else { key.values().map(cell).collect::<Vec<_>>().join(" ") }
}

fn fields(values: &Map<String, Value>) -> String {
    values.iter().map(|(name, value)| format!("{name} {}", cell(value))).collect::<Vec<_>>().join(", ")
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "missing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn instant(at: DateTime<Utc>) -> impl std::fmt::Display {
    at.format("%Y-%m-%d %H:%M:%S UTC")
}
