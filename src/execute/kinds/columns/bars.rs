//! How far back an instrument's last traded bars reach.

use std::collections::HashMap;

use assetctl_calendar::SessionIx;
use assetctl_plan::date_of;
use assetctl_store::Lanes;

use super::Columns;
use crate::kinds::{Batch, MakeError};

/// The column that says that a row is no traded bar.
const SUSPENDED: &str = "is_suspended";

impl Columns {
    /// The session from which on every wanted instrument that has a row between `needed` and `last` has `bars - 1` traded bars
    /// before `needed`, or the asset's first session.
    ///
    /// Twice as many sessions as bars are tried first, then four times as many each time: suspensions are mostly short, and a new
    /// listing has no more bars however far one looks.
    pub fn bars_begin(
        &self,
        batch: &Batch<'_>,
        needed: SessionIx,
        last: SessionIx,
        wanted: &Lanes,
        bars: usize,
    ) -> Result<SessionIx, MakeError> {
        let node = batch.node;
        let origin = node.start;
        let before = bars.saturating_sub(1);
        if before == 0 || needed <= origin {
            return Ok(needed);
        }
        let mut reach = 2 * before as u32;
        loop {
            let from = SessionIx(needed.0.saturating_sub(reach).max(origin.0));
            if from == origin {
                return Ok(origin);
            }
            let counts = self.bars_between(batch, from, needed, last)?;
            let is_wanted = |name: &String| match wanted {
                Lanes::All => true,
                Lanes::Some(wanted) => wanted.contains(name),
            };
            if counts.iter().filter(|(name, _)| is_wanted(name)).all(|(_, count)| *count >= before) {
                return Ok(from);
            }
            reach *= 4;
        }
    }

    /// The number of traded bars in `[from, needed)` of each instrument that has a row in `[from, last]`.
    fn bars_between(
        &self,
        batch: &Batch<'_>,
        from: SessionIx,
        needed: SessionIx,
        last: SessionIx,
    ) -> Result<HashMap<String, usize>, MakeError> {
        let node = batch.node;
        let Some(edge) = node.edges.first() else { return Ok(HashMap::new()) };
        let input = batch.input(edge);
        let (first, end) = (date_of(node, from).max(input.start_date()), date_of(node, needed));
        let columns: Vec<String> =
            edge.names().unwrap_or_default().into_iter().filter(|name| name == SUSPENDED).collect();
        let rows = batch.snapshot.read(&input.name, first, date_of(node, last), Some(&columns))?;
        let mut counts: HashMap<String, usize> = HashMap::new();
        if rows.height() == 0 || rows.column("instrument").is_err() {
            return Ok(counts);
        }
        let dates = rows.column("session")?.date()?;
        let names = rows.column("instrument")?.str()?;
        let suspended = rows.column(SUSPENDED).ok().map(|column| column.bool().cloned()).transpose()?;
        for (row, (date, name)) in dates.as_date_iter().zip(names.iter()).enumerate() {
            let is_traded = !suspended.as_ref().is_some_and(|suspended| suspended.get(row) == Some(true));
            let is_before = date.is_some_and(|date| date < end);
            let name = name.unwrap_or_default();
            let count = match counts.get_mut(name) {
                Some(count) => count,
                None => counts.entry(name.to_owned()).or_default(),
            };
            *count += usize::from(is_traded && is_before);
        }
        Ok(counts)
    }
}
