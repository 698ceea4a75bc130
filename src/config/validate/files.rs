//! Rules of assets that are read from files.

use chrono::format::{Item, StrftimeItems};

use super::Rules;
use crate::diagnostic::Diagnostic;
use crate::spec::Files;

impl Rules<'_> {
    pub(super) fn files(&mut self, files: &Files) {
        let name = &self.draft.name;
        match (&files.csv, &files.parquet) {
            (None, None) => self.problems.push(
                Diagnostic::error(format!("asset `{name}` has no files"))
                    .at(self.places.name_loc.clone(), "neither `csv` nor `parquet`")
                    .help("say which files it reads: `csv: data/source/bars/*.csv`"),
            ),
            (Some(_), Some(_)) => {
                let problem = Diagnostic::error(format!("asset `{name}` has both `csv` and `parquet`"))
                    .at(self.places.locate_key(&["parquet"]), "one of the two")
                    .and(self.places.locate_key(&["csv"]), "and the other")
                    .help("make two assets of it, or keep one");
                self.problems.push(problem);
            }
            _ => {}
        }
        for (form, paths) in [("csv", &files.csv), ("parquet", &files.parquet)] {
            if paths.as_ref().is_some_and(|paths| paths.as_slice().iter().all(String::is_empty)) {
                self.error(format!("`{form}` names no file"), &[form], "empty", "give it a path or glob");
            }
        }
        if files.parquet.is_some() && files.csv.is_none() {
            for key in ["date_format", "encoding", "delimiter", "thousands", "decimal", "missing"] {
                if self.places.node.get(key).is_some() {
                    let message = format!("`{key}` is for CSV files, and `{name}` reads Parquet");
                    self.error(message, &[key], "has no meaning here", "take it away");
                }
            }
        }
        for key in files.columns.keys() {
            self.column_name(key, &["columns", key]);
        }
        self.same_but_case(files.columns.keys(), "columns");
        for key in files.types.keys() {
            self.column_name(key, &["types", key]);
        }
        for (column, unit) in files.units.iter().filter(|(_, unit)| !(**unit > 0.0 && unit.is_finite())) {
            let message = format!("a unit of `{column}` cannot be {unit}");
            self.error(message, &["units", column], "above 0", "lots of a hundred are `100`");
        }
        self.marks(files);
        if let Some(format) = &files.date_format
            && let Some(help) = date_format_mistake(format)
        {
            self.error(format!("`{format}` is not a date format"), &["date_format"], "how a date is written", help);
        }
    }

    /// The characters that structure a CSV file and its numbers must differ.
    fn marks(&mut self, files: &Files) {
        let given = [
            ("delimiter", files.delimiter.as_deref().map(|text| if text == "tab" { "\t" } else { text }), ","),
            ("thousands", files.thousands.as_deref(), ""),
            ("decimal", files.decimal.as_deref(), "."),
        ];
        for (key, mark, _) in given {
            let Some(mark) = mark else { continue };
            let mut chars = mark.chars();
            let usable =
                |c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '"' | '\n' | '\r' | '-' | '+');
            let narrow_space = key == "thousands" && matches!(mark, "\u{a0}" | "\u{202f}" | "\u{2019}");
            if !narrow_space && !matches!((chars.next(), chars.next()), (Some(c), None) if usable(c)) {
                let help = if key == "delimiter" { "such as `;`, `|` or `tab`" } else { "such as `,` or `.`" };
                self.error(format!("`{key}` must be one mark, not `{mark}`"), &[key], "one character", help);
            }
        }
        for (at, (key, mark, default)) in given.iter().enumerate() {
            for (other, other_mark, other_default) in &given[..at] {
                let (a, b) = (mark.unwrap_or(default), other_mark.unwrap_or(other_default));
                // Thousands as `1,234` may be quoted in a file that is separated by commas.
                let quoted = (*other, *key) == ("delimiter", "thousands") || (*other, *key) == ("delimiter", "decimal");
                if a == b && !a.is_empty() && !quoted && (mark.is_some() || other_mark.is_some()) {
                    let path = if mark.is_some() { key } else { other };
                    let message = format!("`{other}` and `{key}` are both `{a}`");
                    self.error(
                        message,
                        &[path],
                        "cannot be told apart",
                        "say which mark each has, as `thousands: '.'` with `decimal: ','`",
                    );
                }
            }
        }
    }
}

/// What to do about a `strftime` format that gives no date; `None` when it gives one.
fn date_format_mistake(format: &str) -> Option<String> {
    let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
    if items.iter().any(|item| matches!(item, Item::Error)) {
        return Some("`%Y-%m-%d` is 2024-03-15, `%Y%m%d` is 20240315, `%d/%m/%Y` is 15/03/2024".to_owned());
    }
    let sample = chrono::NaiveDate::from_ymd_opt(2024, 3, 15)?;
    let mut written = String::new();
    let whole = std::fmt::Write::write_fmt(&mut written, format_args!("{}", sample.format_with_items(items.iter())));
    match whole.ok().and_then(|()| chrono::NaiveDate::parse_from_str(&written, format).ok()) {
        Some(date) if date == sample => None,
        _ => Some("it must have year, month and day: `%Y-%m-%d`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_formats_that_make_dates() {
        for format in ["%Y-%m-%d", "%Y%m%d", "%d/%m/%Y", "%d.%m.%y", "%b %d, %Y", "%Y年%m月%d日"] {
            assert_eq!(date_format_mistake(format), None, "{format}");
        }
        for format in ["", "%Y", "%Y-%m", "%H:%M", "%Q"] {
            assert!(date_format_mistake(format).is_some(), "{format}");
        }
    }
}
