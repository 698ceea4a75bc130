//! Rules of assets that are read from files.

use chrono::format::{Item, StrftimeItems};

use super::Rules;
use crate::diagnostic::Diagnostic;
use crate::file_name::FileNamePattern;
use crate::spec::{Files, Secret, SessionFrom, SourceSpec};

/// What paths in an object store begin with.
const OBJECT_STORE: &str = "s3://";

impl Rules<'_> {
    pub(super) fn files(&mut self, files: &Files) {
        let name = &self.draft.name;
        let forms = [("csv", &files.csv), ("jsonl", &files.jsonl), ("parquet", &files.parquet)];
        let given: Vec<&str> = forms.iter().filter(|(_, paths)| paths.is_some()).map(|(form, _)| *form).collect();
        match given.as_slice() {
            [] => self.problems.push(
                Diagnostic::error(format!("asset `{name}` has no files"))
                    .at(self.places.name_loc.clone(), "none of `csv`, `jsonl` and `parquet`")
                    .help("say which files it reads: `csv: data/source/bars/*.csv`"),
            ),
            [first, second, ..] => {
                let problem = Diagnostic::error(format!("asset `{name}` has both `{first}` and `{second}`"))
                    .at(self.places.locate_key(&[second]), "one of the two")
                    .and(self.places.locate_key(&[first]), "and the other")
                    .help("make two assets of it, or keep one");
                self.problems.push(problem);
            }
            [_] => {}
        }
        for (form, paths) in forms {
            if paths.as_ref().is_some_and(|paths| paths.as_slice().iter().all(String::is_empty)) {
                self.error(format!("`{form}` names no file"), &[form], "empty", "give it a path or glob");
            }
        }
        let foreign: (&str, &[&str]) = match given.as_slice() {
            ["parquet"] => ("Parquet", &["date_format", "encoding", "delimiter", "thousands", "decimal", "missing"]),
            ["jsonl"] => ("JSON lines", &["delimiter"]),
            _ => ("", &[]),
        };
        for key in foreign.1 {
            if self.places.node.get(key).is_some() {
                let message = format!("`{key}` is for CSV files, and `{name}` reads {}", foreign.0);
                self.error(message, &[key], "has no meaning here", "take it away");
            }
        }
        self.storage(files);
        for key in files.columns.keys() {
            self.column_name(key, &["columns", key]);
        }
        self.same_but_case(files.columns.keys(), &["columns"]);
        for key in files.types.keys() {
            self.column_name(key, &["types", key]);
        }
        self.marks(files);
        if let Some(format) = &files.date_format
            && let Some(help) = date_format_mistake(format)
        {
            self.error(format!("`{format}` is not a date format"), &["date_format"], "how a date is written", help);
        }
    }

    /// Units multiply what stands in files; who asks for rows says there what they are in.
    pub(super) fn units(&mut self, files: &Files, is_fetched: bool) {
        if is_fetched && !files.units.is_empty() {
            let help = "a query can multiply by itself; a vendor's column says it as `unit: { times: 100 }`";
            self.error("`units` are those of files", &["units"], "this asset reads none", help);
        }
        for (column, unit) in files.units.iter().filter(|(_, unit)| !(**unit > 0.0 && unit.is_finite())) {
            let message = format!("a unit of `{column}` cannot be {unit}");
            self.error(message, &["units", column], "above 0", "lots of a hundred are `100`");
        }
    }

    /// Paths in an object store, and what is said of it.
    fn storage(&mut self, files: &Files) {
        let paths = [("csv", &files.csv), ("jsonl", &files.jsonl), ("parquet", &files.parquet)];
        let paths: Vec<(&str, usize, &String)> = paths
            .into_iter()
            .filter_map(|(form, paths)| Some((form, paths.as_ref()?)))
            .flat_map(|(form, paths)| paths.as_slice().iter().enumerate().map(move |(at, path)| (form, at, path)))
            .collect();
        let remote = |path: &str| path.starts_with(OBJECT_STORE);
        for (form, at, path) in paths.iter().filter(|(_, _, path)| remote(path)) {
            let mut parts = path[OBJECT_STORE.len()..].splitn(2, '/');
            let wild = |text: &str| text.contains(['*', '?', '[']);
            let bucket = parts.next().unwrap_or_default();
            if bucket.is_empty() || wild(bucket) || parts.next().is_none_or(str::is_empty) {
                self.error(
                    format!("`{path}` names no objects of a bucket"),
                    &[form, &at.to_string()],
                    "a bucket, and a path or glob in it",
                    "write `s3://bucket/bars/*.csv.gz`",
                );
            }
        }
        let Some(storage) = &files.storage else { return };
        if paths.iter().all(|(_, _, path)| !remote(path)) {
            let help = "name objects, as `csv: s3://bucket/bars/*.csv.gz`, or take the key away";
            self.error("`storage` is for `s3://` paths, and there is none", &["storage"], "has no meaning here", help);
        }
        if storage.access_key.is_some() != storage.secret_key.is_some() {
            let (there, lacks) =
                if storage.access_key.is_some() { ("access_key", "secret_key") } else { ("secret_key", "access_key") };
            self.error(
                format!("`{there}` is of no use without `{lacks}`"),
                &["storage", there],
                "one half of a key",
                format!("add `{lacks}: {{ env: … }}`"),
            );
        }
        if let Some(Secret::Text(_)) = &storage.secret_key {
            self.error(
                "a secret does not stand in a file that is shared",
                &["storage", "secret_key"],
                "written down here",
                "keep it elsewhere: `secret_key: { env: BARS_SECRET }` or `secret_key: { file: secrets/bars }`",
            );
        }
        if let Some(endpoint) = &storage.endpoint
            && !(endpoint.starts_with("https://") || endpoint.starts_with("http://"))
        {
            let message = format!("`{endpoint}` is not the address of an object store");
            self.error(message, &["storage", "endpoint"], "no scheme", "write `https://minio.internal:9000`, say");
        }
    }

    /// The names that files must have where the session stands in them.
    pub(super) fn session(&mut self, spec: &SourceSpec) {
        let Some(SessionFrom { file_name }) = &spec.session else { return };
        if let Err(mistake) = FileNamePattern::parse(file_name) {
            self.error(
                format!("`{file_name}` is not a file name with a date in it"),
                &["session", "file_name"],
                mistake.to_string(),
                "write the date as `strftime` does: `bars_%Y%m%d.csv` is `bars_20240315.csv`",
            );
        }
        if spec.files.columns.get("session").is_some() {
            let problem = Diagnostic::error("the session is in the file's name, and in a column")
                .at(self.places.locate_key(&["columns", "session"]), "one of the two")
                .and(self.places.locate_key(&["session"]), "and the other")
                .help("keep one");
            self.problems.push(problem);
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
pub(super) fn date_format_mistake(format: &str) -> Option<String> {
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
