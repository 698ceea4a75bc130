//! The result of a query as a table.

use assetctl_serve::{Cell, Rows};

/// A table; `most` rows of it at most (0 for all).
pub fn human(rows: &Rows, most: usize) -> String {
    let (columns, rows) = (rows.columns(), rows.cells());
    let most = if most == 0 { rows.len() } else { most };
    let numeric = |at: usize| {
        let mut cells = rows.iter().map(|row| &row[at]).filter(|cell| !matches!(cell, Cell::Missing)).peekable();
        cells.peek().is_some() && cells.all(|cell| matches!(cell, Cell::Number(..)))
    };
    let headers: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, name)| if numeric(at) { format!("{name}#") } else { name.clone() })
        .collect();
    let mut shown = super::table::table(&headers.iter().map(String::as_str).collect::<Vec<_>>());
    for row in rows.iter().take(most) {
        shown.add_row(row.iter().map(Cell::text));
    }
    let mut text = super::table::render(&shown);
    if rows.len() > most {
        text.push_str(&format!(
            "… {} of {} (`--rows 0` shows all)\n",
            most,
            super::table::count(rows.len() as u64, "row")
        ));
    }
    text
}
