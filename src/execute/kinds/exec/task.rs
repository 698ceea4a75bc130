//! What a program is told.

use std::path::{Path, PathBuf};

use assetctl_graph::Axis;
use assetctl_plan::STATIC_SESSION;
use chrono::NaiveDate;
use serde::Serialize;

use super::{Exec, refuse};
use crate::kinds::{Batch, MakeError};

/// The version of this file's form: it moves when a program would have to be changed.
const FORM: u32 = 1;

/// The task, as the program reads it. `docs/exec.md` describes it.
#[derive(Serialize)]
struct Task<'a> {
    form: u32,
    asset: &'a str,
    /// To be made, ascending; empty for an asset without sessions.
    sessions: &'a [NaiveDate],
    inputs: serde_json::Map<String, serde_json::Value>,
    params: &'a std::collections::BTreeMap<String, serde_json::Value>,
    columns: serde_json::Map<String, serde_json::Value>,
    key: &'a [String],
    output: Output<'a>,
}

/// Where the result is looked for: one of the two.
#[derive(Serialize)]
struct Output<'a> {
    parquet: &'a Path,
    csv: &'a Path,
}

pub fn parquet(folder: &Path) -> PathBuf {
    folder.join("output.parquet")
}

pub fn csv(folder: &Path) -> PathBuf {
    folder.join("output.csv")
}

/// Lays out the windows of the inputs, and the task beside them; gives the path of the task.
pub fn write(exec: &Exec, batch: &Batch<'_>, sessions: &[NaiveDate], folder: &Path) -> Result<PathBuf, MakeError> {
    let mut inputs = serde_json::Map::new();
    for (at, edge) in batch.node.edges.iter().enumerate() {
        let input = batch.input(edge);
        let path = folder.join(format!("input_{at}.parquet"));
        let window = match (input.axis, sessions.first(), sessions.last()) {
            (Axis::Session, Some(first), Some(last)) => batch.window(edge, *first, *last),
            _ => Some((STATIC_SESSION, STATIC_SESSION)),
        };
        let read = match window {
            Some((from, to)) => batch.read(edge, from, to),
            // Before the input's calendar begins there is nothing to see: no rows, and the columns that there are.
            None => batch.read(edge, NaiveDate::MIN, NaiveDate::MIN),
        };
        let frame = match read {
            Err(MakeError::Store(assetctl_store::Error::UnknownAsset { asset })) => {
                return Err(refuse(batch, None, format!("`{asset}` has no rows, and so no columns, yet")));
            }
            read => read?,
        };
        assetctl_store::write_segment(&path, &frame, 0, false)?;
        let of_input = serde_json::json!({
            "asset": input.name,
            "path": path,
            "first": window.map(|(from, _)| from).filter(|_| input.axis == Axis::Session),
            "last": window.map(|(_, to)| to).filter(|_| input.axis == Axis::Session),
        });
        inputs.insert(edge.alias.clone(), of_input);
    }
    let columns = exec.columns.iter().map(|(name, ty)| (name.clone(), ty.name().into())).collect();
    let task = Task {
        form: FORM,
        asset: &batch.node.name,
        sessions: if batch.node.axis == Axis::Session { sessions } else { &[] },
        inputs,
        params: &exec.spec.params,
        columns,
        key: &exec.key,
        output: Output { parquet: &parquet(folder), csv: &csv(folder) },
    };
    let path = folder.join("task.json");
    let text = serde_json::to_vec_pretty(&task).map_err(|error| refuse(batch, None, error.to_string()))?;
    assetctl_store::write_whole(&path, &text)?;
    Ok(path)
}
