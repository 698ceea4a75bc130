//! Rows as PostgreSQL's `COPY` and ClickHouse's `TabSeparated` take them: a line each, tabs between the values, `\N` for none, and a backslash
//! before what would end a value.

use crate::cells::{Cell, Columns};

/// How a truth value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bools {
    /// `true`, `false`
    Words,
    /// `1`, `0`
    Digits,
}

/// Adds a row of the columns, then `more` values, to a text.
pub(crate) fn line(columns: &Columns, row: usize, bools: Bools, more: &[&str], to: &mut String) {
    for (at, cell) in columns.row(row).enumerate() {
        if at > 0 {
            to.push('\t');
        }
        match (cell, bools) {
            (Cell::Bool(flag), Bools::Digits) => to.push(if flag { '1' } else { '0' }),
            (Cell::Text(text), _) => escaped(text, to),
            (cell, _) => to.push_str(cell.text().as_deref().unwrap_or("\\N")),
        }
    }
    for value in more {
        to.push('\t');
        to.push_str(value);
    }
    to.push('\n');
}

fn escaped(text: &str, to: &mut String) {
    for letter in text.chars() {
        match letter {
            '\\' => to.push_str("\\\\"),
            '\t' => to.push_str("\\t"),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            // PostgreSQL has no such letter.
            '\0' => {}
            other => to.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::tests::every_type;

    #[test]
    fn what_would_end_a_value_is_escaped_and_what_is_missing_is_marked() {
        let columns = Columns::of(&every_type()).unwrap();
        let mut text = String::new();
        line(&columns, 0, Bools::Words, &[], &mut text);
        let values: Vec<&str> = text.trim_end_matches('\n').split('\t').collect();
        assert_eq!(values[1], "甲\\t\"1\"\\\\N");
        assert_eq!((values[4], values[5]), ("", "true"));
        text.clear();
        line(&columns, 1, Bools::Digits, &["7"], &mut text);
        let values: Vec<&str> = text.trim_end_matches('\n').split('\t').collect();
        assert_eq!((values[1], values[2], values[5], values[8]), ("b\\nc,'x'", "\\N", "\\N", "7"));
    }
}
