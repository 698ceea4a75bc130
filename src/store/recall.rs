//! Carried states as a snapshot sees them.

use std::collections::BTreeSet;

use assetctl_plan::{Hash128, Month};
use chrono::NaiveDate;
use polars::prelude::*;

use crate::canonical::days;
use crate::error::{Error, Result};
use crate::parallel;
use crate::snapshot::{EVER, Snapshot};
use crate::state_file;
use crate::state_row::{self, StateKind, StateRow};

impl Snapshot {
    /// The traces that there are of the asset's partitions in `[from, to]`: `session`, `instrument`, `state` (i64), sorted by the first
    /// two; and the sessions that they cover: of the others none was kept, or its file is lost or damaged.
    pub fn traces(&self, asset: &str, from: NaiveDate, to: NaiveDate) -> Result<(DataFrame, BTreeSet<NaiveDate>)> {
        let mut whole = DataFrame::empty();
        let mut covered = BTreeSet::new();
        if from > to {
            return Ok((whole, covered));
        }
        let rows = self.states(asset, (Month::of(from), Month::of(to)), StateKind::Trace)?;
        let parts = parallel::map(&rows, |row| {
            let frame = state_file::read(&self.layout().segment(asset, &row.file()), row)?;
            Some(within(asset, &frame, from, to))
        });
        for (row, part) in rows.iter().zip(parts) {
            let Some(part) = part else { continue };
            covered.extend(row.sessions.iter().copied().filter(|day| (from..=to).contains(day)));
            let part = part?;
            if whole.width() == 0 {
                whole = part;
            } else {
                whole.vstack_mut_owned(part).map_err(Error::frame(asset))?;
            }
        }
        whole.rechunk_mut_par();
        Ok((whole, covered))
    }

    /// The sessions of the checkpoints that commits by `spec` made, ascending. No file is looked at.
    pub fn checkpoints(&self, asset: &str, spec: Hash128) -> Result<Vec<NaiveDate>> {
        let rows = self.states(asset, EVER, StateKind::Checkpoint)?;
        Ok(rows.into_iter().filter(|row| row.spec == spec).flat_map(|row| row.sessions).collect())
    }

    /// The states after `session`, as they were committed; `None` if there is no checkpoint of it, or its file is missing or damaged:
    /// who asks goes on to an earlier one.
    pub fn checkpoint(&self, asset: &str, session: NaiveDate) -> Result<Option<DataFrame>> {
        let month = Month::of(session);
        let rows = self.states(asset, (month, month), StateKind::Checkpoint)?;
        let row = rows.iter().find(|row| row.sessions == [session]);
        Ok(row.and_then(|row| state_file::read(&self.layout().segment(asset, &row.file()), row)))
    }

    fn states(&self, asset: &str, range: (Month, Month), kind: StateKind) -> Result<Vec<StateRow>> {
        let mut rows = state_row::load(&self.connection(), self.ledger(), asset, range, self.rev())?;
        rows.retain(|row| row.kind == kind);
        Ok(rows)
    }
}

/// The rows of a trace whose sessions are in `[from, to]`.
fn within(asset: &str, trace: &DataFrame, from: NaiveDate, to: NaiveDate) -> Result<DataFrame> {
    let sessions = trace.column("session").and_then(Column::date).map_err(Error::frame(asset))?;
    let sessions: Vec<i32> = sessions.physical().iter().flatten().collect();
    let start = sessions.partition_point(|day| *day < days(from));
    let end = sessions.partition_point(|day| *day <= days(to));
    Ok(trace.slice(start as i64, end.saturating_sub(start)))
}
