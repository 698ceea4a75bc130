//! `as_of`: what of a table holds, or is known, on each session.
//!
//! The table is one partition, so that by it an edit of one row would make every session stale. Therefore such an asset is not
//! judged by the fingerprint of what it reads, but, as a source is, by a digest of each session's rows: they follow from the
//! table at little cost, without making the sessions.

use std::sync::{Arc, Mutex, PoisonError};

use assetctl_calendar::SessionIx;
use assetctl_compute::{AsOfError, ReportColumns, Spans, ValidColumns, known, valid};
use assetctl_config::{Periods, Project};
use assetctl_connect::ConnectError;
use assetctl_graph::{AsOfRows, AssetNode, Body, Graph};
use assetctl_plan::{Hash128, Ledger, Observation, STATIC_SESSION, date_of, ix_of, wiring};
use assetctl_store::Snapshot;
use chrono::NaiveDate;
use polars::prelude::*;

use super::{Batch, Made, MakeError, Materializer};
use crate::observe::{copies, file_source};

pub struct AsOf {
    kind: AsOfRows,
    key: Vec<String>,
    /// By the revision of the table that it was made of.
    panel: Mutex<Option<(u64, Arc<Panel>)>>,
}

/// All sessions of the asset, as spans of them.
struct Panel {
    /// Positions count from the asset's first session.
    spans: Spans,
    /// Per position.
    digests: Vec<u128>,
}

impl AsOf {
    pub fn new(kind: &AsOfRows, key: &[String]) -> Self {
        Self { kind: kind.clone(), key: key.to_vec(), panel: Mutex::new(None) }
    }

    /// Of the table as the batch's snapshot has it; once for all batches that find the same.
    fn panel(&self, batch: &Batch<'_>) -> Result<Arc<Panel>, MakeError> {
        let table = &batch.input(&batch.node.edges[0]).name;
        let revision = batch.snapshot.head(table).map_or(0, |head| head.tip_rev);
        let mut last = self.panel.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, panel)) = &*last
            && *of == revision
        {
            return Ok(Arc::clone(panel));
        }
        let rows = batch.snapshot.read(table, STATIC_SESSION, STATIC_SESSION, None)?;
        let panel = Arc::new(Panel::of(batch.node, table, &self.kind, &self.key, &rows)?);
        *last = Some((revision, Arc::clone(&panel)));
        Ok(panel)
    }
}

impl Materializer for AsOf {
    fn make(&self, batch: &Batch<'_>) -> Result<Made, MakeError> {
        let panel = self.panel(batch)?;
        batch.check_cancel()?;
        let position =
            |session: &NaiveDate| ix_of(batch.node, *session).map(|ix| (ix.0 - batch.node.start.0, *session));
        let wanted: Vec<(u32, NaiveDate)> = batch.sessions.iter().filter_map(position).collect();
        let digest = |at: u32| panel.digests.get(at as usize).map_or(Hash128::ZERO, |sum| Hash128(sum.to_le_bytes()));
        Ok(Made {
            frame: panel.spans.panel(&wanted)?,
            sessions: batch.sessions.to_vec(),
            key: self.key.clone(),
            inputs: Some(wanted.iter().map(|(at, session)| (*session, digest(*at))).collect()),
            ..Made::default()
        })
    }
}

impl Panel {
    fn of(node: &AssetNode, table: &str, kind: &AsOfRows, key: &[String], rows: &DataFrame) -> Result<Self, AsOfError> {
        let sessions: Vec<NaiveDate> =
            (node.start.0..node.calendar.len() as u32).map(|ix| date_of(node, SessionIx(ix))).collect();
        let spans = match kind {
            AsOfRows::Valid(columns) => {
                let columns =
                    ValidColumns { from: &columns.from, to: columns.to.as_deref(), to_exclusive: columns.to_exclusive };
                valid(table, rows, columns, key, &sessions)?
            }
            AsOfRows::Reports(columns) => {
                let columns = ReportColumns {
                    period: &columns.period,
                    announced: &columns.announced,
                    ingested: columns.ingested.as_deref(),
                    lag: columns.lag,
                    annual: columns.periods == Periods::Annual,
                    fiscal_year_end: columns.fiscal_year_end,
                    accumulates: columns.accumulates,
                    ttm: &columns.ttm,
                    year_ago: &columns.year_ago,
                    previous: &columns.previous,
                };
                known(table, rows, columns, key, &sessions)?
            }
        };
        let hashes = row_hashes(&spans.rows)?;
        let digests = spans.sums(sessions.len(), |row| hashes[row]);
        Ok(Self { spans, digests })
    }
}

/// A hash of each row: of the names and values of its columns.
fn row_hashes(rows: &DataFrame) -> PolarsResult<Vec<u128>> {
    let mut bytes: Vec<Vec<u8>> = vec![Vec::new(); rows.height()];
    for column in rows.columns() {
        let name = column.name().as_bytes();
        for (row, bytes) in bytes.iter_mut().enumerate() {
            bytes.extend((name.len() as u64).to_le_bytes());
            bytes.extend(name);
            match column.get(row)? {
                AnyValue::Float64(value) => {
                    bytes.push(1);
                    bytes.extend((value + 0.0).to_bits().to_le_bytes());
                }
                AnyValue::Boolean(value) => bytes.extend([2, u8::from(value)]),
                AnyValue::Date(days) => {
                    bytes.push(3);
                    bytes.extend(days.to_le_bytes());
                }
                AnyValue::Null => bytes.push(0),
                other => {
                    let text = other.get_str().map_or_else(|| other.to_string(), str::to_owned);
                    bytes.push(4);
                    bytes.extend((text.len() as u64).to_le_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
        }
    }
    Ok(bytes.iter().map(|bytes| u128::from_le_bytes(Hash128::of(bytes).0)).collect())
}

/// What the sessions of an `as_of` would be made from, as the snapshot has its table. `None` for another kind, where nothing has
/// moved since it was last found clean, and where the table is not there or cannot be used, which making it will say.
pub fn observe(graph: &Graph, ix: usize, snapshot: &Snapshot) -> Result<Option<Observation>, assetctl_store::Error> {
    let node = graph.node(ix);
    let Body::AsOf { rows: kind, key } = &node.body else { return Ok(None) };
    let table = &graph.node(node.edges[0].input).name;
    let (Some(head), Some(of_table)) = (snapshot.head(&node.name), snapshot.head(table)) else { return Ok(None) };
    if of_table.tip_rev <= head.verified_rev && head.wiring == wiring(graph, ix) {
        return Ok(None);
    }
    let rows = match snapshot.read(table, STATIC_SESSION, STATIC_SESSION, None) {
        Ok(rows) => rows,
        Err(assetctl_store::Error::Damaged { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Ok(panel) = Panel::of(node, table, kind, key, &rows) else { return Ok(None) };
    let digests = panel
        .digests
        .iter()
        .enumerate()
        .map(|(at, sum)| (date_of(node, SessionIx(node.start.0 + at as u32)), Hash128(sum.to_le_bytes())));
    Ok(Some(Observation { digests: Some(digests.collect()), ..Observation::default() }))
}

/// The same mistake of a table with the places of its rows, where the table is read from files that still hold them.
pub fn placed(project: &Project, graph: &Graph, ix: usize) -> Option<ConnectError> {
    let node = graph.node(ix);
    let Body::AsOf { rows: kind, key } = &node.body else { return None };
    let table = graph.node(node.edges[0].input);
    let copies = copies(&project.data_dir, &table.name);
    let source = file_source(&project.assets[table.asset], Some(&copies))?;
    let mut scan = assetctl_connect::scan(&source, &[]).ok()?;
    let rows = assetctl_connect::read(&source, &mut scan, |_| true).ok()?;
    let mistake = Panel::of(node, &table.name, kind, key, &rows).err()?;
    let text = mistake.to_string();
    let (message, help) = match text.split_once("; ") {
        Some((message, help)) => (message, Some(help)),
        None => (text.as_str(), None),
    };
    assetctl_connect::problem_of_rows(&source, &scan, mistake.rows(), message, help)
}
