//! Files of carried states: Parquet like segments, but named by the hash of their bytes, which is checked before they are read: a wrong
//! state would spoil every value computed from it.

use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use assetctl_plan::Hash128;
use polars::prelude::*;

use crate::encode;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::state_row::StateRow;

/// The bytes of a file of states, and the hash that names it.
pub(crate) fn encode(asset: &str, frame: &DataFrame) -> Result<(Vec<u8>, Hash128)> {
    let mut bytes = Vec::new();
    encode::encode(&mut bytes, frame, 0, false).map_err(Error::frame(asset))?;
    let hash = Hash128::of(&bytes);
    Ok((bytes, hash))
}

/// Writes a file whole and synced.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<u64> {
    Layout::write_whole(path, |mut file| file.write_all(bytes).map_err(Error::io("write", path)))
}

/// The frame behind a row of the ledger; `None` if its file is missing or not what was written.
pub(crate) fn read(path: &Path, row: &StateRow) -> Option<DataFrame> {
    ParquetReader::new(Cursor::new(bytes_of(path, row)?)).finish().ok()
}

/// Whether the file is there as it was written.
pub(crate) fn is_whole(path: &Path, row: &StateRow) -> bool {
    bytes_of(path, row).is_some()
}

fn bytes_of(path: &Path, row: &StateRow) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    // Not to read more than there should be, whatever took the file's place.
    File::open(path).ok()?.take(row.size + 1).read_to_end(&mut bytes).ok()?;
    (Hash128::of(&bytes) == row.content).then_some(bytes)
}

/// The columns of a trace, checked; rows sorted by session and instrument.
pub(crate) fn trace_of(asset: &str, frame: &DataFrame) -> Result<DataFrame> {
    let expected = [("session", DataType::Date), ("instrument", DataType::String), ("state", DataType::Int64)];
    for (name, dtype) in &expected {
        let found = frame.column(name).map_err(|_| wrong(asset, format!("its trace has no column `{name}`")))?;
        if found.dtype() != dtype || found.null_count() > 0 {
            return Err(wrong(asset, format!("`{name}` of its trace is not of type {dtype}, or has missing values")));
        }
    }
    let names: Vec<PlSmallStr> = expected.iter().map(|(name, _)| PlSmallStr::from_static(name)).collect();
    let frame = frame.select(names.iter().cloned()).map_err(Error::frame(asset))?;
    let leading = ["session".to_owned(), "instrument".to_owned()];
    crate::canonical::sorted(asset, frame, &leading, &names)
}

/// Refuses a checkpoint that is not `instrument` and 64-bit integers.
pub(crate) fn check_checkpoint(asset: &str, frame: &DataFrame) -> Result<()> {
    let instrument = frame.column("instrument").map_err(|_| wrong(asset, "a checkpoint has no column `instrument`"))?;
    if instrument.dtype() != &DataType::String || instrument.null_count() > 0 {
        return Err(wrong(asset, "`instrument` of a checkpoint is not text, or has missing values"));
    }
    let others = frame.columns().iter().filter(|column| column.name() != "instrument");
    match others.into_iter().find(|column| column.dtype() != &DataType::Int64) {
        Some(odd) => Err(wrong(asset, format!("`{}` of a checkpoint is of type {}, not i64", odd.name(), odd.dtype()))),
        None => Ok(()),
    }
}

fn wrong(asset: &str, why: impl Into<String>) -> Error {
    Error::State { asset: asset.to_owned(), why: why.into() }
}
