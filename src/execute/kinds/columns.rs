//! `indicators` and `scores`: a program over panels.

use std::sync::Arc;

use assetctl_calendar::{SessionIx, SessionRange};
use assetctl_compute::{Inputs, Task, WindowAxis, evaluate};
use assetctl_expr::Program;
use assetctl_graph::Axis;
use assetctl_plan::{date_of, ix_of};
use chrono::NaiveDate;
use polars::prelude::*;

use super::{Batch, Made, MakeError, Materializer, instrument_key, of_session};

pub struct Columns {
    pub program: Arc<Program>,
}

impl Materializer for Columns {
    fn make(&self, batch: &Batch<'_>) -> Result<Made, MakeError> {
        let node = batch.node;
        let (Some(first), Some(last)) = (batch.sessions.first(), batch.sessions.last()) else {
            return Ok(Made { frame: DataFrame::empty(), sessions: Vec::new(), dirty: Vec::new(), key: Vec::new() });
        };
        let rows = self.rows(batch, *first, *last);
        let frames: Vec<DataFrame> =
            (0..node.edges.len()).map(|edge| self.input(batch, edge, &rows)).collect::<Result<_, _>>()?;
        let frames: Vec<&DataFrame> = frames.iter().collect();
        let written = rows.partition_point(|row| row < first)..rows.len();
        let anchor = rows.first().and_then(|row| ix_of(node, *row)).map_or(0, |ix| ix.0 as usize);
        let inputs = Inputs::from_frames(&self.program, &frames, &rows, written, anchor, None, &[])?;
        let evaluated = evaluate(&Task {
            program: &self.program,
            inputs: &inputs,
            axis: WindowAxis::Calendar,
            origin: 0,
            checkpoints: &[],
            states_after: &[],
            threads: 1,
            cancel: &|| batch.cancel.is_set(),
        })?;
        batch.check_cancel()?;
        let frame = keep_sessions(evaluated.to_frame()?, batch.sessions, &rows)?;
        let key = instrument_key(&frame);
        Ok(Made { frame, sessions: batch.sessions.to_vec(), dirty: Vec::new(), key })
    }

    fn panels(&self) -> usize {
        self.program.outputs.len() + 8
    }
}

impl Columns {
    /// The sessions that are read, as rows of the panels: from the longest window before the first session, but no earlier than
    /// the history of the inputs, so that a window that history cuts short is cut at the same row however the work is split.
    fn rows(&self, batch: &Batch<'_>, first: NaiveDate, last: NaiveDate) -> Vec<NaiveDate> {
        let node = batch.node;
        let (Some(first), Some(last)) = (ix_of(node, first), ix_of(node, last)) else { return Vec::new() };
        let back = node.edges.iter().map(|edge| edge.back).max().unwrap_or(0);
        let history = node
            .edges
            .iter()
            .map(|edge| batch.input(edge).start_date())
            .min()
            .and_then(|start| node.calendar.at_or_after(start).ok())
            .unwrap_or(node.start)
            .min(node.start);
        let from = SessionIx(first.0.saturating_sub(back).max(history.0));
        SessionRange { first: from, last }.iter().map(|ix| date_of(node, ix)).collect()
    }

    /// An input's rows, each under the session of this asset that reads it as its own.
    fn input(&self, batch: &Batch<'_>, at: usize, rows: &[NaiveDate]) -> Result<DataFrame, MakeError> {
        let node = batch.node;
        let edge = &node.edges[at];
        let input = batch.input(edge);
        let map = batch.map(edge);
        if input.axis == Axis::Session && input.calendar.name() == node.calendar.name() {
            return match (rows.first(), rows.last()) {
                (Some(from), Some(to)) => batch.read(edge, (*from).max(input.start_date()), *to),
                _ => Ok(DataFrame::empty()),
            };
        }
        // On another calendar every session sees the last one that had closed by then.
        let reads: Vec<(NaiveDate, NaiveDate)> = rows
            .iter()
            .filter_map(|row| Some((*row, date_of(input, map.last_read(ix_of(node, *row)?)?))))
            .filter(|(_, read)| *read >= input.start_date())
            .collect();
        let (Some((_, from)), Some((_, to))) = (reads.first(), reads.last()) else {
            return Ok(batch.read(edge, input.start_date(), input.start_date())?.slice(0, 0));
        };
        let window = batch.read(edge, *from, *to)?;
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
}

fn date_column(date: NaiveDate, height: usize) -> Column {
    DateChunked::from_naive_date("session".into(), std::iter::repeat_n(date, height)).into_column()
}

/// Drops the rows of sessions that lie between those asked for.
fn keep_sessions(frame: DataFrame, sessions: &[NaiveDate], rows: &[NaiveDate]) -> Result<DataFrame, MakeError> {
    let (Some(first), Some(last)) = (sessions.first(), sessions.last()) else { return Ok(frame) };
    let between = rows.iter().filter(|row| (first..=last).contains(row)).count();
    if between == sessions.len() {
        return Ok(frame);
    }
    let wanted: std::collections::HashSet<NaiveDate> = sessions.iter().copied().collect();
    let dates = frame.column("session")?.date()?.clone();
    let mask: BooleanChunked = dates
        .as_date_iter()
        .map(|date| Some(date.is_some_and(|date| wanted.contains(&date))))
        .collect_ca("mask".into());
    Ok(frame.filter(&mask)?)
}
