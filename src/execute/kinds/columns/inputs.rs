//! What is read of each input, as frames whose sessions are the asset's own.

use std::collections::BTreeSet;

use assetctl_calendar::{SessionIx, SessionRange};
use assetctl_compute::Inputs;
use assetctl_graph::Axis;
use assetctl_plan::{STATIC_SESSION, date_of, ix_of};
use chrono::NaiveDate;
use polars::prelude::*;

use super::Columns;
use crate::kinds::reading::Reading;
use crate::kinds::universe::members;
use crate::kinds::{Batch, MakeError, of_session};

/// The rows of a panel: which sessions they are, and which of them the result is wanted for.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    pub range: SessionRange,
    pub written: SessionIx,
}

impl Rows {
    /// The row of a session, which is one of them.
    pub fn row(self, ix: SessionIx) -> usize {
        (ix.0 - self.range.first.0) as usize
    }
}

impl Columns {
    /// The first session that any input's history, or the asset's own, has: before it there is nothing to read, and a window that
    /// history cuts short is cut there, however the work is split.
    pub fn history(&self, batch: &Batch<'_>) -> SessionIx {
        let node = batch.node;
        let inputs = node.edges.iter().map(|edge| batch.input(edge)).filter(|input| input.axis == Axis::Session);
        let first = inputs.map(|input| input.start_date()).min();
        first.and_then(|start| node.calendar.at_or_after(start).ok()).unwrap_or(node.start).min(node.start)
    }

    /// The inputs laid out over `rows`; of input number `i` nothing is read before session `from[i]`. `only` are the instruments to
    /// work on, `more` those that must be there though no row may name them.
    pub fn lay_out(
        &self,
        batch: &Batch<'_>,
        rows: Rows,
        from: &[SessionIx],
        only: Option<&BTreeSet<String>>,
        more: &[String],
    ) -> Result<Inputs, MakeError> {
        let node = batch.node;
        let sessions: Vec<NaiveDate> = rows.range.iter().map(|ix| date_of(node, ix)).collect();
        let programs = (0..node.edges.len()).filter(|edge| !node.universe.as_ref().is_some_and(|of| of.edge == *edge));
        let frames: Vec<DataFrame> = programs
            .map(|edge| {
                let first = from.get(edge).copied().unwrap_or(rows.range.first).max(rows.range.first);
                seen(batch.reading(), edge, &sessions[rows.row(first)..])
            })
            .collect::<Result<_, _>>()?;
        let frames: Vec<&DataFrame> = frames.iter().collect();
        let written = rows.row(rows.written)..sessions.len();
        let anchor = rows.range.first.0 as usize;
        let inputs = Inputs::from_frames(&self.program, &frames, &sessions, written, anchor, only, more)?;
        let Some(universe) = &node.universe else { return Ok(inputs) };
        let first = from.get(universe.edge).copied().unwrap_or(rows.range.first).max(rows.range.first);
        Ok(inputs.within(&members(batch.reading(), universe, &sessions[rows.row(first)..])?))
    }
}

/// An input's rows, each under the session of this asset that reads it as its own.
pub fn seen(reading: Reading<'_>, at: usize, rows: &[NaiveDate]) -> Result<DataFrame, MakeError> {
    let node = reading.node;
    let edge = &node.edges[at];
    let input = reading.input(edge);
    if input.axis == Axis::Static {
        // The same in every session.
        let table = reading.read(edge, STATIC_SESSION, STATIC_SESSION)?;
        return spread(&table, rows);
    }
    if input.calendar.name() == node.calendar.name() {
        return match (rows.first(), rows.last()) {
            (Some(from), Some(to)) => reading.read(edge, (*from).max(input.start_date()), *to),
            _ => Ok(DataFrame::empty()),
        };
    }
    // On another calendar every session sees the last one that had closed by then.
    let map = reading.map(edge);
    let reads: Vec<(NaiveDate, NaiveDate)> = rows
        .iter()
        .filter_map(|row| Some((*row, date_of(input, map.last_read(ix_of(node, *row)?)?))))
        .filter(|(_, read)| *read >= input.start_date())
        .collect();
    let (Some((_, from)), Some((_, to))) = (reads.first(), reads.last()) else {
        return Ok(reading.read(edge, input.start_date(), input.start_date())?.slice(0, 0));
    };
    let window = reading.read(edge, *from, *to)?;
    let mut seen = window.slice(0, 0);
    for (row, read) in &reads {
        let mut rows = of_session(&window, *read)?;
        if rows.height() > 0 {
            rows.with_column(date_column(*row, rows.height()))?;
            seen.vstack_mut(&rows)?;
        }
    }
    Ok(seen)
}

/// A table's rows, once for every session.
fn spread(table: &DataFrame, sessions: &[NaiveDate]) -> Result<DataFrame, MakeError> {
    let mut all = DataFrame::empty();
    for session in sessions {
        let mut rows = table.clone();
        rows.with_column(date_column(*session, rows.height()))?;
        if all.width() == 0 {
            all = rows;
        } else {
            all.vstack_mut(&rows)?;
        }
    }
    Ok(all)
}

fn date_column(date: NaiveDate, height: usize) -> Column {
    DateChunked::from_naive_date("session".into(), std::iter::repeat_n(date, height)).into_column()
}
