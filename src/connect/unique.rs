//! The canonical order of rows from several files, and rows that are there twice.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::cell::Cells;
use crate::layout::Layout;
use crate::rows::Rows;

/// A row among those of several files, in canonical order: session, instrument, time, file, row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Days since 1970-01-01; 0 for a table.
    pub session: i32,
    /// Position of the instrument among all names in order; 0 for a table.
    rank: u32,
    /// Microseconds since 1970-01-01 00:00 at the exchange; 0 where rows have no time.
    pub time: i64,
    /// Position among the parts.
    pub part: u32,
    pub row: u32,
}

impl Entry {
    /// Whether both rows are of one session, instrument and time.
    pub fn same_key(&self, other: &Self) -> bool {
        (self.session, self.rank, self.time) == (other.session, other.rank, other.time)
    }
}

/// The rows of the wanted sessions in canonical order. Rows of a table are all wanted and keep the order of their files.
pub(crate) fn order(parts: &[&Rows], wanted: impl Fn(i32) -> bool) -> Vec<Entry> {
    // Parts may share their names, by which a list is told.
    let lists: HashMap<*const Vec<String>, &Vec<String>> = parts
        .iter()
        .filter_map(|rows| rows.lanes.as_ref())
        .map(|lanes| (Arc::as_ptr(&lanes.names), &*lanes.names))
        .collect();
    let names: BTreeSet<&str> = lists.values().copied().flatten().map(String::as_str).collect();
    let ranks: HashMap<&str, u32> = names.into_iter().zip(0..).collect();
    let by_code = |names: &Vec<String>| -> Vec<u32> { names.iter().map(|name| ranks[name.as_str()]).collect() };
    let by_code: HashMap<*const Vec<String>, Vec<u32>> =
        lists.iter().map(|(list, names)| (*list, by_code(names))).collect();
    let rows_of = |rows: &&Rows| match rows.sessions.is_empty() {
        true => rows.len(),
        false => rows.by_session.iter().filter(|(session, _)| wanted(**session)).map(|(_, rows)| rows.len()).sum(),
    };
    let mut entries = Vec::with_capacity(parts.iter().map(rows_of).sum());
    for (part, rows) in (0..).zip(parts) {
        let lanes = rows.lanes.as_ref().map(|lanes| (&lanes.codes, &by_code[&Arc::as_ptr(&lanes.names)]));
        let mut take = |session: i32, row: u32| {
            let rank = lanes.map_or(0, |(codes, by_code)| by_code[codes[row as usize] as usize]);
            let time = rows.times.get(row as usize).copied().unwrap_or_default();
            entries.push(Entry { session, rank, time, part, row });
        };
        if rows.sessions.is_empty() {
            (0..).take(rows.len()).for_each(|row| take(0, row));
        }
        for (&session, of_session) in rows.by_session.iter().filter(|(session, _)| wanted(**session)) {
            of_session.iter().for_each(|&row| take(session, row));
        }
    }
    // Most files are sorted already, by session or by instrument: a stable sort finds their runs.
    entries.sort();
    entries
}

/// The pairs of rows that should be one, each with its first: by session and instrument, or for a table by its key.
pub(crate) fn duplicates(
    entries: &[Entry],
    parts: &[&Rows],
    layout: &Layout,
    key: &[String],
    most: usize,
) -> Vec<(Entry, Entry)> {
    if layout.keys > 0 {
        let pairs = entries.windows(2).filter(|pair| pair[0].same_key(&pair[1]));
        return pairs.map(|pair| (pair[0], pair[1])).take(most).collect();
    }
    let columns: Vec<usize> =
        key.iter().filter_map(|key| layout.columns.iter().position(|column| column.name == *key)).collect();
    if columns.is_empty() {
        return Vec::new();
    }
    let mut seen: HashMap<Vec<u8>, Entry> = HashMap::with_capacity(entries.len());
    let mut pairs = Vec::new();
    for &entry in entries {
        let mut bytes = Vec::new();
        for &column in &columns {
            put(&mut bytes, &parts[entry.part as usize].columns[column], entry.row as usize);
        }
        if let Some(&first) = seen.get(&bytes) {
            pairs.push((first, entry));
            if pairs.len() == most {
                break;
            }
        } else {
            seen.insert(bytes, entry);
        }
    }
    pairs
}

/// The canonical bytes of a value: one bit pattern for each, missing ones included.
pub(crate) fn put(bytes: &mut Vec<u8>, cells: &Cells, row: usize) {
    match cells {
        Cells::Number(cells) => {
            let bits = if cells[row].is_nan() { u64::MAX } else { cells[row].to_bits() };
            bytes.extend_from_slice(&bits.to_le_bytes());
        }
        Cells::Text(cells) => put_text(bytes, cells[row].as_deref()),
        Cells::Bool(cells) => bytes.push(cells[row].map_or(2, u8::from)),
        Cells::Date(cells) => bytes.extend_from_slice(&cells[row].unwrap_or(i32::MIN).to_le_bytes()),
        Cells::Time(cells) => bytes.extend_from_slice(&cells[row].unwrap_or(i64::MIN).to_le_bytes()),
    }
}

/// Text with its length before it, so that two texts never run into one.
pub(crate) fn put_text(bytes: &mut Vec<u8>, text: Option<&str>) {
    let length = text.map_or(u64::MAX, |text| text.len() as u64);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Lanes;

    fn rows(keys: &[(i32, &str)]) -> Rows {
        let mut lanes = Lanes::default();
        for (_, name) in keys {
            let code = lanes.names.iter().position(|known| known == name).unwrap_or_else(|| {
                Arc::make_mut(&mut lanes.names).push((*name).to_owned());
                lanes.names.len() - 1
            });
            lanes.codes.push(code as u32);
        }
        let mut rows = Rows {
            places: (1..=keys.len() as u32).collect(),
            sessions: keys.iter().map(|(session, _)| *session).collect(),
            lanes: Some(lanes),
            ..Rows::default()
        };
        rows.index();
        rows
    }

    #[test]
    fn rows_of_several_files_are_in_order_of_session_and_name() {
        let (one, two) = (rows(&[(2, "b"), (1, "z")]), rows(&[(2, "a"), (1, "B"), (3, "a")]));
        let parts = [&one, &two];
        let got: Vec<_> = order(&parts, |session| session < 3)
            .iter()
            .map(|entry| (entry.session, parts[entry.part as usize].instrument(entry.row as usize).to_owned()))
            .collect();
        assert_eq!(got, [(1, "B".into()), (1, "z".into()), (2, "a".into()), (2, "b".into())]);
    }

    #[test]
    fn one_instrument_has_one_rank_in_all_files() {
        let (one, two) = (rows(&[(1, "b"), (1, "a")]), rows(&[(1, "a")]));
        let entries = order(&[&one, &two], |_| true);
        assert!(entries[0].same_key(&entries[1]) && !entries[1].same_key(&entries[2]));
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let bytes = |texts: [Option<&str>; 2]| {
            let mut bytes = Vec::new();
            texts.into_iter().for_each(|text| put_text(&mut bytes, text));
            bytes
        };
        assert_ne!(bytes([Some("ab"), Some("c")]), bytes([Some("a"), Some("bc")]));
        assert_ne!(bytes([None, Some("")]), bytes([Some(""), None]));
    }
}
