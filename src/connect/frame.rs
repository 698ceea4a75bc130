//! Rows as a polars frame.

use assetctl_config::ColumnType;
use polars::prelude::{
    BooleanChunked, Column, DataFrame, Float64Chunked, Int32Chunked, Int64Chunked, IntoColumn, NewChunkedArray,
    PolarsResult, StringChunked, TimeUnit,
};

use crate::cell::Cells;
use crate::layout::Layout;
use crate::rows::Rows;
use crate::unique::Entry;

/// The rows that `entries` name, in their order, with the layout's columns in theirs.
pub(crate) fn frame(entries: &[Entry], parts: &[&Rows], layout: &Layout) -> PolarsResult<DataFrame> {
    let values = layout.values().iter().map(|column| (column.name.as_str(), column.kind));
    let keys = Keys { session: layout.keys > 0, instrument: layout.has_instrument, time: layout.has_time };
    keyed(entries, parts, keys, values)
}

/// The keys that rows have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keys {
    pub session: bool,
    pub instrument: bool,
    pub time: bool,
}

/// The same, of these keys and of values by name and type.
pub(crate) fn keyed<'c>(
    entries: &[Entry],
    parts: &[&Rows],
    keys: Keys,
    values: impl Iterator<Item = (&'c str, ColumnType)>,
) -> PolarsResult<DataFrame> {
    let mut columns = Vec::new();
    if keys.session {
        let days = Int32Chunked::from_iter_values("session".into(), entries.iter().map(|entry| entry.session));
        columns.push(days.into_date().into_column());
    }
    if keys.instrument {
        let names = entries.iter().map(|entry| parts[entry.part as usize].instrument(entry.row as usize));
        columns.push(StringChunked::from_iter_values("instrument".into(), names).into_column());
    }
    if keys.time {
        let times = Int64Chunked::from_iter_values("time".into(), entries.iter().map(|entry| entry.time));
        columns.push(times.into_datetime(TimeUnit::Microseconds, None).into_column());
    }
    for (at, (name, kind)) in values.enumerate() {
        columns.push(gather(name, kind, at, entries, parts));
    }
    DataFrame::new(entries.len(), columns)
}

fn gather(name: &str, kind: ColumnType, at: usize, entries: &[Entry], parts: &[&Rows]) -> Column {
    let name = name.into();
    let cells = |entry: &Entry| (&parts[entry.part as usize].columns[at], entry.row as usize);
    // A column is of its kind in every part: both come from the layout.
    match kind {
        ColumnType::Number => Float64Chunked::from_iter_options(
            name,
            entries.iter().map(|entry| match cells(entry) {
                (Cells::Number(cells), row) => Some(cells[row]).filter(|value| !value.is_nan()),
                _ => None,
            }),
        )
        .into_column(),
        ColumnType::Text => StringChunked::from_iter_options(
            name,
            entries.iter().map(|entry| match cells(entry) {
                (Cells::Text(cells), row) => cells[row].as_deref(),
                _ => None,
            }),
        )
        .into_column(),
        ColumnType::Bool => BooleanChunked::from_iter_options(
            name,
            entries.iter().map(|entry| match cells(entry) {
                (Cells::Bool(cells), row) => cells[row],
                _ => None,
            }),
        )
        .into_column(),
        ColumnType::Date => Int32Chunked::from_iter_options(
            name,
            entries.iter().map(|entry| match cells(entry) {
                (Cells::Date(cells), row) => cells[row],
                _ => None,
            }),
        )
        .into_date()
        .into_column(),
        ColumnType::Time => Int64Chunked::from_iter_options(
            name,
            entries.iter().map(|entry| match cells(entry) {
                (Cells::Time(cells), row) => cells[row],
                _ => None,
            }),
        )
        .into_datetime(TimeUnit::Microseconds, None)
        .into_column(),
    }
}
