//! An asset's rows as a relation of DuckDB's.

use std::fs;
use std::sync::Arc;

use crate::error::Result;
use crate::month::MonthRow;
use crate::schema::{AssetSchema, ColumnType};
use crate::snapshot::Snapshot;
use crate::thinned;

impl Snapshot {
    /// A SELECT, in DuckDB's SQL, of all rows of an asset; `None` if it has none.
    pub fn relation(&self, asset: &str) -> Result<Option<String>> {
        relation(self, asset, &self.all_months(asset)?)
    }
}

/// A SELECT of all rows of an asset from its segments; `None` if it has none, or none whose file is whole.
pub(crate) fn relation(snapshot: &Snapshot, asset: &str, months: &[MonthRow]) -> Result<Option<String>> {
    let Some(newest) = months.last().map(|month| month.schema.as_ref()) else { return Ok(None) };
    let agrees = |month: &MonthRow| {
        let typed = month.schema.key.iter().chain(&month.schema.columns);
        typed.into_iter().all(|(name, kind)| newest.type_of(name).is_none_or(|new| new == *kind))
    };
    let file = |month: &MonthRow| {
        let path = snapshot.layout().segment(asset, &month.file());
        let is_whole = fs::metadata(&path).is_ok_and(|found| found.len() == month.size);
        is_whole.then(|| quote_file(&path.to_string_lossy()))
    };
    // A month whose column has another type than now is due to be rebuilt; one whose file is gone or cut off would
    // break the view of all others.
    let mut schemas: Vec<Arc<AssetSchema>> = Vec::new();
    let mut files: Vec<String> = Vec::new();
    let mut parts: Vec<(String, Vec<String>)> = Vec::new();
    for month in months.iter().filter(|month| agrees(month)) {
        if !month.thinned {
            if let Some(file) = file(month) {
                schemas.push(Arc::clone(&month.schema));
                files.push(file);
            }
            continue;
        }
        let donors = snapshot.donors(asset, month.month)?;
        for piece in thinned::pieces(month, &donors, |_| true)?.iter().filter(|piece| agrees(piece.donor)) {
            if let Some(file) = file(piece.donor) {
                // The other file may have columns that this month had not.
                schemas.push(Arc::clone(&month.schema));
                let sessions = piece.partitions().iter().map(|record| format!("DATE '{}'", record.session));
                parts.push((file, sessions.collect()));
            }
        }
    }
    let mut union = newest.clone();
    for schema in &schemas {
        union = union.extended_by(schema, |_| true);
    }
    let alike = schemas.iter().all(|schema| *schema == schemas[0] && **schema == union);
    let columns: Vec<String> = union.polars().iter_names().map(|name| quote_name(name)).collect();
    let columns = columns.join(", ");
    let read = |files: &[String]| {
        let options = if alike { "" } else { ", union_by_name = true" };
        format!("read_parquet([{}]{options}, hive_partitioning = false)", files.join(", "))
    };
    let mut selects: Vec<String> = Vec::new();
    if !parts.is_empty() {
        // Or have fewer than it, where it had no values.
        let session = (!union.is_static).then_some(("session", "DATE"));
        let typed = union.key.iter().chain(&union.columns).map(|(name, kind)| (name.as_str(), sql_type(*kind)));
        let columns = session.into_iter().chain(typed).map(|(name, ty)| format!("NULL::{ty} AS {}", quote_name(name)));
        selects.push(format!("SELECT {} WHERE false", columns.collect::<Vec<_>>().join(", ")));
    }
    if !files.is_empty() {
        selects.push(format!("SELECT {} FROM {}", if parts.is_empty() { &columns } else { "*" }, read(&files)));
    }
    for (file, sessions) in &parts {
        let sessions = sessions.join(", ");
        selects.push(format!("SELECT * FROM {} WHERE session IN ({sessions})", read(std::slice::from_ref(file))));
    }
    Ok(match selects.as_slice() {
        [] => None,
        [one] if parts.is_empty() => Some(one.clone()),
        several => Some(format!("SELECT {columns} FROM ({})", several.join(" UNION ALL BY NAME "))),
    })
}

fn sql_type(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Number => "DOUBLE",
        ColumnType::Bool => "BOOLEAN",
        ColumnType::Text => "VARCHAR",
        ColumnType::Date => "DATE",
        ColumnType::Time => "TIMESTAMP",
    }
}

pub(crate) fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A file for `read_parquet`, which takes `*`, `?` and `[` for patterns unless they stand in brackets.
fn quote_file(path: &str) -> String {
    let mut quoted = String::with_capacity(path.len() + 2);
    quoted.push('\'');
    for letter in path.chars() {
        match letter {
            '\'' => quoted.push_str("''"),
            '*' | '?' | '[' => quoted.extend(['[', letter, ']']),
            _ => quoted.push(letter),
        }
    }
    quoted.push('\'');
    quoted
}
