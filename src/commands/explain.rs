//! `assetctl explain`: the whole chain of causes of one partition.

use std::collections::HashSet;

use assetctl_graph::Axis;
use assetctl_plan::{EdgeMap, PartitionRecord, Plan, STATIC_SESSION, StaleReason, date_of, ix_of};
use assetctl_store::{RunId, Snapshot, Store};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::args::{Explain, Selecting};
use crate::context::{Context, Loaded, Wish};
use crate::error::CliError;
use crate::report::{self, rows::Rows, table::count};

/// `--format json`.
#[derive(Serialize)]
struct Explanation {
    asset: String,
    /// `null` for an asset without sessions.
    session: Option<NaiveDate>,
    /// `clean`, `stale`, `possibly stale`, `blocked` or `not part of the asset`.
    state: &'static str,
    why: String,
    /// For a changed spec: what only the old one says, and only the new one.
    spec: Option<SpecChange>,
    built: Option<Built>,
    /// Of a source or table: how many contents the partition has had.
    #[serde(skip_serializing_if = "Option::is_none")]
    revisions: Option<usize>,
    /// Of a source that has to be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<LastAsked>,
    reads: Vec<Read>,
    /// What this is a consequence of.
    causes: Vec<Explanation>,
    /// With `--instrument`: its row, as a list of one object.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct SpecChange {
    old: Vec<String>,
    new: Vec<String>,
}

/// What the ledger knows of the partition.
#[derive(Serialize)]
struct Built {
    run: u64,
    /// Why that run built it, as its plan said.
    why: Option<String>,
    rows: u32,
    /// The commit at which the content last moved.
    revision: u64,
    spec: String,
}

/// When somebody was asked for a session last, and what came.
#[derive(Serialize)]
struct LastAsked {
    at: DateTime<Utc>,
    rows: u64,
    /// Whether it became the partition.
    taken: bool,
}

/// What the partition reads of one input.
#[derive(Serialize)]
struct Read {
    asset: String,
    columns: Option<Vec<String>>,
    first: Option<NaiveDate>,
    last: Option<NaiveDate>,
    sessions: u32,
    newest_revision: u64,
}

/// Deep enough for any project, and an end to every walk.
const MOST_DEPTH: usize = 32;

pub fn run(context: &Context, args: &Explain) -> Result<(), CliError> {
    let loaded = context.load()?;
    let (name, date) = partition(&args.partition)?;
    let selecting = Selecting { select: vec![name.to_owned()], exclude: Vec::new() };
    let selected = loaded.select(&selecting, None)?;
    let &[ix] = selected.iter().collect::<Vec<_>>().as_slice() else {
        return Err(CliError::usage(
            format!("`{name}` is more than one asset"),
            Some("name one: `assetctl explain scores@2024-03-15`"),
        ));
    };
    let store = loaded.existing_store()?;
    let snapshot = store.as_ref().map(Store::snapshot).transpose()?;
    let wish = Wish::of_stale(&selecting);
    let planned = loaded.plan(store.as_ref(), snapshot.as_ref(), &wish, context.clock.now())?;
    let explainer =
        Explainer { loaded: &loaded, plan: &planned.plan, store: store.as_ref(), snapshot: snapshot.as_ref() };
    let session = explainer.session(*ix, date)?;
    let mut explanation = explainer.explain(*ix, session, &mut HashSet::from([(*ix, session)]), 0)?;
    let row = match (&args.instrument, &snapshot) {
        (Some(instrument), Some(snapshot)) => Some(explainer.row(snapshot, *ix, session, instrument)?),
        _ => None,
    };
    explanation.row = row.as_ref().map(Rows::values);
    report::result(context.format, &explanation, |explanation| {
        let row = match (&row, &args.instrument) {
            (Some(row), Some(instrument)) if row.is_empty() => format!("\nthere is no row of `{instrument}`\n"),
            (Some(row), _) => format!("\n{}", row.human(0)),
            (None, _) => String::new(),
        };
        human(explanation, 0) + &row
    })
}

/// `scores@2024-03-15` in two.
pub fn partition(text: &str) -> Result<(&str, Option<NaiveDate>), CliError> {
    match text.split_once('@') {
        None => Ok((text, None)),
        Some((name, date)) => match date.parse() {
            Ok(date) => Ok((name, Some(date))),
            Err(_) => Err(CliError::usage(
                format!("`{date}` is not a date"),
                Some("a partition is written `scores@2024-03-15`"),
            )),
        },
    }
}

struct Explainer<'a> {
    loaded: &'a Loaded,
    plan: &'a Plan,
    store: Option<&'a Store>,
    snapshot: Option<&'a Snapshot>,
}

impl Explainer<'_> {
    /// The session asked for, or the first stale one, or the newest.
    fn session(&self, ix: usize, date: Option<NaiveDate>) -> Result<NaiveDate, CliError> {
        let node = self.loaded.graph.node(ix);
        if node.axis == Axis::Static {
            return Ok(STATIC_SESSION);
        }
        if let Some(date) = date {
            node.calendar.ix(date).map_err(|error| CliError::usage(error.to_string(), None))?;
            return Ok(date);
        }
        let plan = self.plan.asset(&node.name);
        let stale = plan.and_then(|plan| plan.stale.first()).map(|range| range.first);
        stale
            .or_else(|| plan.and_then(|plan| plan.last))
            .ok_or_else(|| CliError::usage(format!("`{}` has no partition yet", node.name), None))
    }

    fn explain(
        &self,
        ix: usize,
        session: NaiveDate,
        seen: &mut HashSet<(usize, NaiveDate)>,
        depth: usize,
    ) -> Result<Explanation, CliError> {
        let node = self.loaded.graph.node(ix);
        let plan = self.plan.asset(&node.name);
        let stale = plan.and_then(|plan| plan.range_of(session));
        let record = match self.snapshot {
            Some(snapshot) => snapshot.partition(&node.name, session)?,
            None => None,
        };
        let blocked =
            plan.and_then(|plan| plan.blocked.iter().find(|range| (range.first..=range.last).contains(&session)));
        let (state, why) = match (stale, blocked, &record) {
            (Some(range), _, _) if range.certain => ("stale", range.reason.to_string()),
            (Some(range), _, _) => ("possibly stale", range.reason.to_string()),
            (None, Some(range), _) => ("blocked", range.reason.to_string()),
            (None, None, Some(_)) => ("clean", "nothing that it reads has changed since it was built".to_owned()),
            (None, None, None) => {
                let extent = plan.map(report::plan::extent).unwrap_or_default();
                ("not part of the asset", format!("the asset has {extent}"))
            }
        };
        let causes = match self.cause(ix, session, stale.is_some(), record.as_ref())? {
            Some(cause) if depth < MOST_DEPTH && seen.insert(cause) => {
                vec![self.explain(cause.0, cause.1, seen, depth + 1)?]
            }
            _ => Vec::new(),
        };
        let built = match &record {
            Some(record) => {
                Some(self.built(record, &node.name, session, causes.first().filter(|_| state == "clean"))?)
            }
            None => None,
        };
        Ok(Explanation {
            asset: node.name.clone(),
            session: (node.axis == Axis::Session).then_some(session),
            state,
            why,
            spec: self.spec_change(ix, stale.map(|range| &range.reason))?,
            built,
            revisions: self.revisions(ix, session)?,
            asked: self.asked(ix, session)?,
            reads: self.reads(ix, session)?,
            causes,
            row: None,
        })
    }

    /// The partition of an input behind a partition's state: for a stale one what moved, or will, since it was built; for a clean one
    /// what moved in the run that built it.
    fn cause(
        &self,
        ix: usize,
        session: NaiveDate,
        stale: bool,
        record: Option<&PartitionRecord>,
    ) -> Result<Option<(usize, NaiveDate)>, CliError> {
        let graph = &self.loaded.graph;
        let node = graph.node(ix);
        let (Some(snapshot), Some(record)) = (self.snapshot, record) else { return Ok(None) };
        let began = if stale { record.built_rev } else { self.start_of(record.run) };
        for edge in &node.edges {
            let input = graph.node(edge.input);
            let Some(window) = ix_of(node, session).and_then(|at| EdgeMap::new(node, input, edge).window(at)) else {
                continue;
            };
            let plan = self.plan.asset(&input.name);
            let (first, last) = (date_of(input, window.first), date_of(input, window.last));
            let segments = assetctl_plan::Ledger::segments(snapshot, &input.name, first, last)?;
            let records = segments.iter().flat_map(|segment| &segment.partitions);
            let moved = records.filter(|read| (first..=last).contains(&read.session)).find(|read| {
                if stale {
                    read.rev > began
                        || plan.is_some_and(|plan| plan.range_of(read.session).is_some_and(|range| range.certain))
                } else {
                    read.run == record.run && read.rev > began
                }
            });
            if let Some(moved) = moved {
                return Ok(Some((edge.input, moved.session)));
            }
        }
        // Nothing is certain: follow what may be.
        let possible = node.edges.iter().find_map(|edge| {
            let input = graph.node(edge.input);
            let window = EdgeMap::new(node, input, edge).window(ix_of(node, session)?)?;
            let plan = self.plan.asset(&input.name)?;
            let dates = window.iter().map(|at| date_of(input, at));
            dates.filter(|date| plan.range_of(*date).is_some()).map(|date| (edge.input, date)).next()
        });
        Ok(possible.filter(|_| stale))
    }

    /// The revision that a run began at.
    fn start_of(&self, run: u64) -> u64 {
        let detail = self.store.and_then(|store| store.run(RunId(run)).ok().flatten());
        detail.map_or(u64::MAX, |detail| detail.run.start_rev)
    }

    /// The lines in which two specs differ.
    fn spec_change(&self, ix: usize, reason: Option<&StaleReason>) -> Result<Option<SpecChange>, CliError> {
        let node = self.loaded.graph.node(ix);
        let (Some(StaleReason::SpecChanged { old, .. }), Some(store)) = (reason, self.store) else { return Ok(None) };
        let Some(old) = store.spec_text(&node.name, *old)? else { return Ok(None) };
        let (old, new) = (spec_lines(&old), spec_lines(&node.spec_text));
        let only = |these: &[String], others: &[String]| -> Vec<String> {
            these.iter().filter(|line| !others.contains(line)).cloned().collect()
        };
        Ok(Some(SpecChange { old: only(&old, &new), new: only(&new, &old) }))
    }

    /// What the ledger knows of a partition. A reason that was only possible when it was planned has become a fact.
    fn built(
        &self,
        record: &PartitionRecord,
        asset: &str,
        session: NaiveDate,
        cause: Option<&Explanation>,
    ) -> Result<Built, CliError> {
        let recorded = self.recorded_reason(record.run, asset, session)?;
        let why = match (recorded, cause) {
            (Some(StaleReason::InputRecomputed { .. }), Some(cause)) => {
                let when = cause.session.map(|session| format!(" on {session}")).unwrap_or_default();
                Some(format!("`{}` came out different{when}", cause.asset))
            }
            (Some(StaleReason::InputRecomputed { asset, .. }), None) => Some(format!("`{asset}` came out different")),
            (Some(StaleReason::CarryRecomputed), _) => Some("a carried value came out different".to_owned()),
            (reason, _) => reason.map(|reason| reason.to_string()),
        };
        Ok(Built { run: record.run, why, rows: record.rows, revision: record.rev, spec: record.spec.short(8) })
    }

    /// Why a run built a partition, as its plan said.
    fn recorded_reason(&self, run: u64, asset: &str, session: NaiveDate) -> Result<Option<StaleReason>, CliError> {
        let detail = match self.store {
            Some(store) => store.run(RunId(run))?,
            None => None,
        };
        let Some(detail) = detail else { return Ok(None) };
        let date = |value: &serde_json::Value| value.as_str().and_then(|text| text.parse::<NaiveDate>().ok());
        let holds = |range: &&serde_json::Value| match (date(&range["first"]), date(&range["last"])) {
            (Some(first), Some(last)) => (first..=last).contains(&session),
            _ => false,
        };
        let of_asset =
            detail.plan["assets"].as_array().and_then(|assets| assets.iter().find(|plan| plan["asset"] == asset));
        let range = of_asset.and_then(|plan| plan["stale"].as_array()).and_then(|ranges| ranges.iter().find(holds));
        Ok(range.and_then(|range| serde_json::from_value(range["reason"].clone()).ok()))
    }

    fn reads(&self, ix: usize, session: NaiveDate) -> Result<Vec<Read>, CliError> {
        let graph = &self.loaded.graph;
        let node = graph.node(ix);
        let mut reads = Vec::new();
        for edge in &node.edges {
            let input = graph.node(edge.input);
            let window = ix_of(node, session).and_then(|at| EdgeMap::new(node, input, edge).window(at));
            let dates = window.map(|window| (date_of(input, window.first), date_of(input, window.last)));
            let mut newest_revision = 0;
            if let (Some(snapshot), Some((first, last))) = (self.snapshot, dates) {
                let segments = assetctl_plan::Ledger::segments(snapshot, &input.name, first, last)?;
                newest_revision = segments
                    .iter()
                    .flat_map(|segment| &segment.partitions)
                    .filter(|record| (first..=last).contains(&record.session))
                    .map(|record| record.rev)
                    .max()
                    .unwrap_or(0);
            }
            let dates = dates.filter(|_| input.axis == Axis::Session);
            reads.push(Read {
                asset: input.name.clone(),
                columns: edge.names(),
                first: dates.map(|(first, _)| first),
                last: dates.map(|(_, last)| last),
                sessions: window.map_or(0, |window| window.len() as u32),
                newest_revision,
            });
        }
        Ok(reads)
    }

    fn revisions(&self, ix: usize, session: NaiveDate) -> Result<Option<usize>, CliError> {
        let node = self.loaded.graph.node(ix);
        let Some(store) = self.store.filter(|_| node.is_external()) else { return Ok(None) };
        Ok(Some(store.revisions(&node.name, session)?.len()))
    }

    fn asked(&self, ix: usize, session: NaiveDate) -> Result<Option<LastAsked>, CliError> {
        let node = self.loaded.graph.node(ix);
        let Some(store) = self.store.filter(|_| node.is_fetched()) else { return Ok(None) };
        let row = store.fetches(&node.name, session, session)?.remove(&session);
        Ok(row.map(|row| LastAsked { at: row.asked_at, rows: row.rows, taken: row.taken }))
    }

    /// One instrument's row.
    fn row(&self, snapshot: &Snapshot, ix: usize, session: NaiveDate, instrument: &str) -> Result<Rows, CliError> {
        let node = self.loaded.graph.node(ix);
        let instrument = instrument.replace('\'', "''");
        let of_session =
            if node.axis == Axis::Session { format!(" and session = DATE '{session}'") } else { String::new() };
        let query = format!("select * from \"{}\" where instrument = '{instrument}'{of_session}", node.name);
        Rows::of(&assetctl_store::connect_snapshot(snapshot)?, &query)
    }
}

/// A spec as lines of `key: value`; a program is one line per column already.
fn spec_lines(text: &str) -> Vec<String> {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    let lines = |(key, value): (String, serde_json::Value)| match value {
        serde_json::Value::String(text) if text.contains('\n') => text.lines().map(str::to_owned).collect(),
        value => vec![format!("{key}: {value}")],
    };
    fields.into_iter().flat_map(lines).collect()
}

fn human(explanation: &Explanation, depth: usize) -> String {
    let lead = "  ".repeat(depth);
    let name = match explanation.session {
        Some(session) => format!("{}@{session}", explanation.asset),
        None => explanation.asset.clone(),
    };
    let mut text = format!("{lead}{name} is {}: {}\n", explanation.state, explanation.why);
    if let Some(spec) = &explanation.spec {
        text.extend(spec.old.iter().map(|line| format!("{lead}  - {line}\n")));
        text.extend(spec.new.iter().map(|line| format!("{lead}  + {line}\n")));
    }
    if let Some(built) = &explanation.built {
        let why = built.why.as_deref().map(|why| format!(", because: {why}")).unwrap_or_default();
        text.push_str(&format!("{lead}  built by run {}{why}\n", built.run));
        text.push_str(&format!(
            "{lead}  {} rows, content of revision {}, spec {}\n",
            built.rows, built.revision, built.spec
        ));
    }
    if let Some(LastAsked { at, rows, taken }) = &explanation.asked {
        let taken = if *taken { "" } else { ", which were not taken" };
        let at = at.format("%Y-%m-%d %H:%M UTC");
        text.push_str(&format!("{lead}  asked for last on {at}: {}{taken}\n", count(*rows, "row")));
    }
    if let Some(revisions) = explanation.revisions.filter(|revisions| *revisions > 1) {
        text.push_str(&format!("{lead}  it has had {revisions} contents: `assetctl diff {name}` shows them\n"));
    }
    for read in &explanation.reads {
        let columns = read.columns.as_ref().map(|columns| format!(" ({})", columns.join(", "))).unwrap_or_default();
        let dates = match (read.first, read.last) {
            (Some(first), Some(last)) if first == last => format!(" {first}"),
            (Some(first), Some(last)) => format!(" {first}…{last}, {} sessions", read.sessions),
            _ => String::new(),
        };
        text.push_str(&format!(
            "{lead}  reads {}{columns}{dates}; newest change: revision {}\n",
            read.asset, read.newest_revision
        ));
    }
    for cause in &explanation.causes {
        text.push_str(&format!("{lead}  └ because of\n"));
        text.push_str(&human(cause, depth + 2));
    }
    text
}
