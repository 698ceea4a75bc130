//! Rows as CSV (RFC 4180): the names of the columns, then a line each; what is missing is empty.

use crate::cells::{Cell, Columns};

/// The rows of a range, with the names above them.
pub(crate) fn csv(columns: &Columns, rows: std::ops::Range<usize>) -> String {
    let mut text = String::new();
    let names: Vec<String> = columns.names().map(quoted).collect();
    text.push_str(&names.join(","));
    text.push('\n');
    for row in rows {
        for (at, cell) in columns.row(row).enumerate() {
            if at > 0 {
                text.push(',');
            }
            match cell {
                // Quoted, so that it is not taken for a missing one.
                Cell::Text("") => text.push_str("\"\""),
                Cell::Text(value) => text.push_str(&quoted(value)),
                other => text.push_str(&other.text().unwrap_or_default()),
            }
        }
        text.push('\n');
    }
    text
}

fn quoted(value: &str) -> String {
    if value.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::tests::every_type;

    #[test]
    fn values_are_quoted_where_they_must_be() {
        let text = csv(&Columns::of(&every_type()).unwrap(), 0..2);
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap(), "session,instrument,number,tiny,text,flag,listed,at");
        assert_eq!(
            lines.next().unwrap().replace(&5e-324_f64.to_string(), "tiny"),
            "2015-07-01,\"甲\t\"\"1\"\"\\N\",0.30000000000000004,tiny,\"\",true,1900-01-01,2015-07-01 09:30:00.000001"
        );
        assert!(text.contains("2015-07-01,\"b\nc,'x'\",,-1797"));
        assert!(text.ends_with(",,,,\n"));
    }
}
