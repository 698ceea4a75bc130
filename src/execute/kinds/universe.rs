//! Which instruments take part.

use std::collections::BTreeSet;

use assetctl_compute::{MemberRule, Members};
use assetctl_graph::{Member, Universe};
use chrono::NaiveDate;
use polars::prelude::DataFrame;

use super::MakeError;
use super::columns::inputs::seen;
use super::reading::Reading;

/// The members of each of some sessions of the asset.
pub fn members(reading: Reading<'_>, universe: &Universe, sessions: &[NaiveDate]) -> Result<Members, MakeError> {
    let rule = universe.rule.as_ref().map(|(column, value)| {
        let rule = match value {
            Member::Text(text) => MemberRule::Text(text),
            Member::Bool(value) => MemberRule::Bool(*value),
        };
        (column.as_str(), rule)
    });
    Ok(Members::of(&seen(reading, universe.edge, sessions)?, rule)?)
}

/// The rows of members, of a frame of the asset's own sessions.
pub fn members_of(reading: Reading<'_>, universe: &Universe, rows: &DataFrame) -> Result<DataFrame, MakeError> {
    if rows.height() == 0 {
        return Ok(rows.clone());
    }
    let dates = rows.column("session")?.date()?;
    let sessions: BTreeSet<NaiveDate> = dates.as_date_iter().flatten().collect();
    let sessions: Vec<NaiveDate> = sessions.into_iter().collect();
    Ok(members(reading, universe, &sessions)?.rows_of(rows)?)
}
