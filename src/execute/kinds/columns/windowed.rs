//! Every session from its windows alone.

use std::collections::BTreeMap;

use assetctl_calendar::{SessionIx, SessionRange};
use assetctl_compute::{Task, evaluate};
use assetctl_plan::ix_of;
use assetctl_store::Lanes;
use chrono::NaiveDate;
use polars::prelude::DataFrame;

use super::Columns;
use super::inputs::Rows;
use crate::kinds::{Batch, Made, MakeError, instrument_key};
use crate::lanes;

impl Columns {
    /// The batch's sessions: of each the instruments for which something has changed, the others as they were.
    pub fn windowed(&self, batch: &Batch<'_>) -> Result<Made, MakeError> {
        let mut of_stale: BTreeMap<NaiveDate, Lanes> = if self.program.is_cross_sectional() {
            batch.sessions.iter().map(|session| (*session, Lanes::All)).collect()
        } else {
            lanes::of_stale(batch, &Default::default())?
        };
        let some = |lanes: &Lanes| matches!(lanes, Lanes::Some(_));
        let first = of_stale.iter().find(|(_, lanes)| some(lanes)).map(|(session, _)| *session);
        let last = of_stale.iter().rfind(|(_, lanes)| some(lanes)).map(|(session, _)| *session);
        let old = match first.zip(last).map(|(first, last)| batch.read_own(first, last)).transpose() {
            Ok(old) => old.unwrap_or_default(),
            // The file with the rows of before is no longer readable: then all of them are made anew.
            Err(MakeError::Store(assetctl_store::Error::Damaged { .. })) => {
                of_stale.values_mut().for_each(|lanes| *lanes = Lanes::All);
                DataFrame::empty()
            }
            Err(error) => return Err(error),
        };
        let wanted = lanes::union(of_stale.values());
        let new = if lanes::is_none(&wanted) { DataFrame::empty() } else { self.evaluate_windows(batch, &wanted)? };
        let (frame, computed) = lanes::merge(new, || Ok(old), &of_stale)?;
        let key = instrument_key(&frame);
        Ok(Made { frame, sessions: batch.sessions.to_vec(), key, computed: Some(computed), ..Made::default() })
    }

    fn evaluate_windows(&self, batch: &Batch<'_>, wanted: &Lanes) -> Result<DataFrame, MakeError> {
        let node = batch.node;
        let positions = batch.sessions.first().zip(batch.sessions.last());
        let Some((first, last)) = positions.and_then(|(first, last)| ix_of(node, *first).zip(ix_of(node, *last)))
        else {
            return Ok(DataFrame::empty());
        };
        let history = self.history(batch);
        let from = |back: u32| SessionIx(first.0.saturating_sub(back).max(history.0));
        let windows: Vec<SessionIx> = node.edges.iter().map(|edge| from(edge.back)).collect();
        let start = windows.iter().copied().min().unwrap_or(first);
        let rows = Rows { range: SessionRange { first: start, last }, written: first };
        let only = match wanted {
            Lanes::All => None,
            Lanes::Some(only) => Some(only),
        };
        let inputs = self.lay_out(batch, rows, &windows, only, &[])?;
        let evaluated = evaluate(&Task {
            program: &self.program,
            inputs: &inputs,
            axis: self.axis,
            origin: 0,
            checkpoints: &[],
            states_after: &[],
            threads: batch.threads,
            cancel: &|| batch.cancel.is_set(),
        })?;
        batch.check_cancel()?;
        Ok(evaluated.to_frame()?)
    }
}
