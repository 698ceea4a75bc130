//! The rows of all calls → one frame.

use polars::prelude::DataFrame;

use super::read::Reader;
use crate::cell::Cells;
use crate::date::from_days;
use crate::frame::{Keys, keyed};
use crate::rows::Rows;
use crate::unique::{Entry, order, put};

/// All rows in canonical order, each once.
///
/// # Errors
/// Two rows of one session, instrument and time that differ, in words.
pub(super) fn frame(reader: &Reader, parts: &[Rows]) -> Result<DataFrame, String> {
    let parts: Vec<&Rows> = parts.iter().collect();
    let mut entries = order(&parts, |_| true);
    let mut differ = None;
    entries.dedup_by(|again, first| {
        if !again.same_key(first) {
            return false;
        }
        if differ.is_none() {
            differ = difference(reader, &parts, first, again);
        }
        true
    });
    if let Some(what) = differ {
        return Err(what);
    }
    let values = reader.values.iter().map(|column| (column.name.as_str(), column.kind));
    keyed(&entries, &parts, Keys { session: true, instrument: true, time: reader.time.is_some() }, values)
        .map_err(|error| error.to_string())
}

/// The first column in which two rows differ.
fn difference(reader: &Reader, parts: &[&Rows], first: &Entry, again: &Entry) -> Option<String> {
    let cells = |entry: &Entry, at: usize| (&parts[entry.part as usize].columns[at], entry.row as usize);
    let bytes = |entry: &Entry, at: usize| {
        let ((cells, row), mut bytes) = (cells(entry, at), Vec::new());
        put(&mut bytes, cells, row);
        bytes
    };
    let column = (0..reader.values.len()).find(|&at| bytes(first, at) != bytes(again, at))?;
    let shown = |entry: &Entry| {
        let (cells, row) = cells(entry, column);
        match cells {
            Cells::Number(cells) => cells[row].to_string(),
            Cells::Text(cells) => cells[row].clone().unwrap_or_else(|| "nothing".to_owned()),
            Cells::Bool(cells) => cells[row].map_or_else(|| "nothing".to_owned(), |flag| flag.to_string()),
            Cells::Date(cells) => cells[row].map_or_else(|| "nothing".to_owned(), |day| from_days(day).to_string()),
            Cells::Time(cells) => cells[row].map_or_else(|| "nothing".to_owned(), crate::time::shown),
        }
    };
    let instrument = parts[first.part as usize].instrument(first.row as usize);
    let at = match &reader.time {
        Some(_) => crate::time::shown(first.time),
        None => from_days(first.session).to_string(),
    };
    Some(format!(
        "two rows for `{instrument}` on {at}: `{}` is {} in one and {} in the other",
        reader.values[column].name,
        shown(first),
        shown(again)
    ))
}
