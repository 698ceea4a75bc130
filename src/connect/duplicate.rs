//! Rows that are there twice, told with both their places.

use crate::date::from_days;
use crate::error::{MOST_PROBLEMS, Problem, Problems};
use crate::files::SourceFile;
use crate::layout::Layout;
use crate::load::Loader;
use crate::rows::Rows;
use crate::suggest;
use crate::time::shown;
use crate::unique::{Entry, duplicates, order};

/// Finds rows that are there twice, and gives the canonical order of all.
pub(crate) fn refuse_duplicates(
    loader: &Loader,
    sources: &[SourceFile],
    parts: &[(usize, &Rows)],
    layout: &Layout,
    key: &[String],
    wanted: impl Fn(i32) -> bool,
    problems: &mut Problems,
) -> Vec<Entry> {
    let rows: Vec<&Rows> = parts.iter().map(|(_, rows)| *rows).collect();
    let entries = order(&rows, wanted);
    for (one, two) in duplicates(&entries, &rows, layout, key, MOST_PROBLEMS) {
        if problems.full() {
            break;
        }
        let place = |entry: &Entry| {
            let (file, rows) = parts[entry.part as usize];
            loader.place(&sources[file], rows, entry.row as usize)
        };
        let instrument = rows[two.part as usize].instrument(two.row as usize);
        let session = from_days(two.session);
        let (message, help) = match layout.keys {
            0 => (
                format!("two rows have the same {}", suggest::list(key.iter().map(String::as_str), 8)),
                "remove one of them, or name more columns under `key:`",
            ),
            _ if layout.has_time => (
                match layout.has_instrument {
                    true => format!("two rows are of `{instrument}` at `{}`", shown(two.time)),
                    false => format!("two rows are of `{}`", shown(two.time)),
                },
                "a source has one row for each session, instrument and time: remove one of them",
            ),
            1 => (
                format!("two rows are of `{session}`"),
                "if a column tells their instruments apart, name it: `columns: { instrument: … }`; otherwise remove one of them",
            ),
            _ => (
                format!("two rows are of `{instrument}` on `{session}`"),
                "a source has one row for each session and instrument: remove one of them",
            ),
        };
        problems.push(Problem { other: Some(Box::new(place(&one))), ..Problem::new(place(&two), message).help(help) });
    }
    entries
}
