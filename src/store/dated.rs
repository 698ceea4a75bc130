//! The rows of a table by the dates that they are of: what the planner compares session by session.

use assetctl_plan::{Dated, DatedRow, Hash128, STATIC_SESSION};
use chrono::NaiveDate;
use polars::prelude::*;

use crate::error::{Error, Result};
use crate::snapshot::Snapshot;

impl Snapshot {
    /// See [`Ledger::dated`](assetctl_plan::Ledger::dated).
    pub(crate) fn dated_rows(&self, table: &str, dated: &Dated, columns: &[String]) -> Result<Option<Vec<DatedRow>>> {
        if !self.is_static(table) {
            return Ok(None);
        }
        let frame = match self.read(table, STATIC_SESSION, STATIC_SESSION, Some(columns)) {
            Ok(frame) => frame,
            // It is due to be made again, and will be read then.
            Err(Error::Damaged { .. } | Error::UnknownColumn { .. } | Error::UnknownAsset { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        let dates = |name: &String| -> Option<Vec<Option<NaiveDate>>> {
            Some(frame.column(name).ok()?.try_date()?.as_date_iter().collect())
        };
        let last = match &dated.last {
            Some(last) => dates(last),
            None => Some(vec![None; frame.height()]),
        };
        let (Some(first), Some(last)) = (dates(&dated.first), last) else { return Ok(None) };
        let is_date = |name: &str| name == dated.first || dated.last.as_deref() == Some(name);
        let mut values: Vec<&Column> = frame
            .columns()
            .iter()
            .filter(|column| !is_date(column.name()) && columns.iter().any(|name| name == column.name()))
            .collect();
        values.sort_unstable_by_key(|column| column.name().clone());
        let mut rows = Vec::with_capacity(frame.height());
        for (row, (first, last)) in first.into_iter().zip(last).enumerate() {
            let mut hasher = blake3::Hasher::new();
            for column in &values {
                text(&mut hasher, column.name());
                value(&mut hasher, &column.get(row).map_err(Error::frame(table))?);
            }
            rows.push(DatedRow { first, last, hash: Hash128::finish(&hasher) });
        }
        Ok(Some(rows))
    }
}

fn text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
}

/// A value with its type: stored values are canonical, so equal ones have one form.
fn value(hasher: &mut blake3::Hasher, value: &AnyValue<'_>) {
    match value {
        AnyValue::Float64(number) => hasher.update(b"n").update(&number.to_bits().to_le_bytes()),
        AnyValue::Date(days) => hasher.update(b"d").update(&days.to_le_bytes()),
        AnyValue::Boolean(flag) => hasher.update(if *flag { b"t" } else { b"f" }),
        AnyValue::Null => hasher.update(b"0"),
        other => {
            hasher.update(b"s");
            text(hasher, other.get_str().unwrap_or_default());
            return;
        }
    };
}
