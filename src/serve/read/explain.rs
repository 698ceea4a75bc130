//! The whole chain of causes of one partition.

use std::collections::HashSet;

use assetctl_graph::Axis;
use assetctl_plan::{AssetPlan, EdgeMap, PartitionRecord, Plan, STATIC_SESSION, StaleReason, date_of, ix_of};
use assetctl_store::{RunId, Snapshot, Store};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ReadError;
use super::rows::Rows;
use super::view::{View, Wish};

/// Why a partition is as it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explanation {
    pub asset: String,
    /// `null` for an asset without sessions.
    pub session: Option<NaiveDate>,
    /// `clean`, `stale`, `possibly stale`, `blocked` or `not part of the asset`.
    pub state: &'static str,
    pub why: String,
    /// For a changed spec: what only the old one says, and only the new one.
    pub spec: Option<SpecChange>,
    pub built: Option<PartitionBuilt>,
    /// Of a source or table: how many contents the partition has had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revisions: Option<usize>,
    /// Of a source that has to be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<LastAsked>,
    pub reads: Vec<PartitionRead>,
    /// What this is a consequence of.
    #[schema(no_recursion)]
    pub causes: Vec<Explanation>,
    /// With `--instrument`: its row, as a list of one object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<serde_json::Value>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SpecChange {
    pub old: Vec<String>,
    pub new: Vec<String>,
}

/// What the ledger knows of the partition.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartitionBuilt {
    pub run: u64,
    /// Why that run built it, as its plan said.
    pub why: Option<String>,
    pub rows: u32,
    /// The commit at which the content last moved.
    pub revision: u64,
    pub spec: String,
}

/// When somebody was asked for a session last, and what came.
#[derive(Debug, Serialize, ToSchema)]
pub struct LastAsked {
    pub at: DateTime<Utc>,
    pub rows: u64,
    /// Whether it became the partition.
    pub taken: bool,
}

/// What the partition reads of one input.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartitionRead {
    pub asset: String,
    pub columns: Option<Vec<String>>,
    pub first: Option<NaiveDate>,
    pub last: Option<NaiveDate>,
    pub sessions: u32,
    pub newest_revision: u64,
}

/// Deep enough for any project, and an end to every walk.
const MOST_DEPTH: usize = 32;

impl View<'_> {
    /// Explains a partition of an asset: of the session asked for, or the first that is stale, or the newest. With an instrument its row
    /// besides, if anything was ever made.
    pub fn explain(
        self,
        store: Option<&Store>,
        name: &str,
        date: Option<NaiveDate>,
        instrument: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(Explanation, Option<Rows>), ReadError> {
        let (ix, node) = self.asset(name)?;
        let snapshot = store.map(Store::snapshot).transpose()?;
        let select = [node.name.clone()];
        let planned = self.plan(store, snapshot.as_ref(), &Wish { select: &select, ..Wish::default() }, now)?;
        let explainer = Explainer { view: self, plan: &planned.plan, store, snapshot: snapshot.as_ref() };
        let session = explainer.session(ix, date)?;
        let mut explanation = explainer.explain(ix, session, &mut HashSet::from([(ix, session)]), 0)?;
        let row = match (instrument, &snapshot) {
            (Some(instrument), Some(snapshot)) => Some(explainer.row(snapshot, ix, session, instrument)?),
            _ => None,
        };
        explanation.row = row.as_ref().map(Rows::values);
        Ok((explanation, row))
    }
}

/// `977 sessions 2014-01-02…2017-12-29`.
fn extent(asset: &AssetPlan) -> String {
    let sessions = match asset.partitions {
        1 => "1 session".to_owned(),
        n if n < 1000 => format!("{n} sessions"),
        n => format!("{},{:03} sessions", n / 1000, n % 1000),
    };
    match (asset.first, asset.last) {
        (Some(first), Some(last)) => format!("{sessions} {first}…{last}"),
        _ if asset.partitions == 1 => "table".into(),
        _ => "nothing yet".into(),
    }
}

struct Explainer<'a> {
    view: View<'a>,
    plan: &'a Plan,
    store: Option<&'a Store>,
    snapshot: Option<&'a Snapshot>,
}

impl Explainer<'_> {
    /// The session asked for, or the first stale one, or the newest.
    fn session(&self, ix: usize, date: Option<NaiveDate>) -> Result<NaiveDate, ReadError> {
        let node = self.view.graph.node(ix);
        if node.axis == Axis::Static {
            return Ok(STATIC_SESSION);
        }
        if let Some(date) = date {
            node.calendar.ix(date).map_err(|error| ReadError::wrong(error.to_string(), None))?;
            return Ok(date);
        }
        let plan = self.plan.asset(&node.name);
        let stale = plan.and_then(|plan| plan.stale.first()).map(|range| range.first);
        stale
            .or_else(|| plan.and_then(|plan| plan.last))
            .ok_or_else(|| ReadError::wrong(format!("`{}` has no partition yet", node.name), None))
    }

    fn explain(
        &self,
        ix: usize,
        session: NaiveDate,
        seen: &mut HashSet<(usize, NaiveDate)>,
        depth: usize,
    ) -> Result<Explanation, ReadError> {
        let node = self.view.graph.node(ix);
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
                let extent = plan.map(extent).unwrap_or_default();
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
    ) -> Result<Option<(usize, NaiveDate)>, ReadError> {
        let graph = self.view.graph;
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
    fn spec_change(&self, ix: usize, reason: Option<&StaleReason>) -> Result<Option<SpecChange>, ReadError> {
        let node = self.view.graph.node(ix);
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
    ) -> Result<PartitionBuilt, ReadError> {
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
        Ok(PartitionBuilt { run: record.run, why, rows: record.rows, revision: record.rev, spec: record.spec.short(8) })
    }

    /// Why a run built a partition, as its plan said.
    fn recorded_reason(&self, run: u64, asset: &str, session: NaiveDate) -> Result<Option<StaleReason>, ReadError> {
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

    fn reads(&self, ix: usize, session: NaiveDate) -> Result<Vec<PartitionRead>, ReadError> {
        let graph = self.view.graph;
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
            reads.push(PartitionRead {
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

    fn revisions(&self, ix: usize, session: NaiveDate) -> Result<Option<usize>, ReadError> {
        let node = self.view.graph.node(ix);
        let Some(store) = self.store.filter(|_| node.is_external()) else { return Ok(None) };
        Ok(Some(store.revisions(&node.name, session)?.len()))
    }

    fn asked(&self, ix: usize, session: NaiveDate) -> Result<Option<LastAsked>, ReadError> {
        let node = self.view.graph.node(ix);
        let Some(store) = self.store.filter(|_| node.is_fetched()) else { return Ok(None) };
        let row = store.fetches(&node.name, session, session)?.remove(&session);
        Ok(row.map(|row| LastAsked { at: row.asked_at, rows: row.rows, taken: row.taken }))
    }

    /// One instrument's row.
    fn row(&self, snapshot: &Snapshot, ix: usize, session: NaiveDate, instrument: &str) -> Result<Rows, ReadError> {
        let node = self.view.graph.node(ix);
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
