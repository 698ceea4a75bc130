//! JSON lines: an object in each line. A name that an object lacks is a missing value.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use assetctl_config::ColumnType;

use crate::cell::Value;
use crate::error::{Fault, Field, Place, Problem, Problems};
use crate::excerpt;
use crate::header::Header;
use crate::json::{Json, Member, object};
use crate::layout::Layout;
use crate::rows::RowBuilder;

/// Counts problems of whole lines apart from those of columns.
const WHOLE_LINE: usize = usize::MAX;

/// The lines that are not blank: their numbers from 1, and their bytes.
fn lines(text: &str) -> impl Iterator<Item = (usize, Range<usize>)> {
    let mut start = 0;
    let all = text.split_inclusive('\n').enumerate().map(move |(at, line)| {
        let range = start..start + line.len();
        start = range.end;
        (at + 1, range)
    });
    all.filter(|(_, range)| !text[range.clone()].trim_ascii().is_empty())
}

/// Names in the order of their first appearance.
#[derive(Default)]
struct Names {
    names: Vec<String>,
    known: HashMap<String, usize>,
}

impl Names {
    fn see(&mut self, name: &str) -> usize {
        if let Some(&at) = self.known.get(name) {
            return at;
        }
        self.names.push(name.to_owned());
        self.known.insert(name.to_owned(), self.names.len() - 1);
        self.names.len() - 1
    }

    /// `None` if there are none.
    fn header(self, path: &Path) -> Result<Option<Header>, Problem> {
        if self.names.is_empty() { Ok(None) } else { Header::new(Place::file(path), self.names, Vec::new()).map(Some) }
    }
}

/// The names that the objects of a text have; `None` without any.
///
/// # Errors
/// A line that is not a JSON object.
pub(crate) fn header(path: &Path, text: &str) -> Result<Option<Header>, Problem> {
    let mut names = Names::default();
    for (_, range) in lines(text) {
        for member in members(path, text, range)? {
            names.see(&member.name);
        }
    }
    names.header(path)
}

fn members<'t>(path: &Path, text: &'t str, line: Range<usize>) -> Result<Vec<Member<'t>>, Problem> {
    object(&text[line.clone()]).map_err(|mistake| {
        let at = (line.start + mistake.at).min(text.len());
        let problem = Problem::new(excerpt::place(path, text, at..at, None), mistake.message);
        if text[line].trim_ascii_start().starts_with('[') {
            return problem.help("a file that is one list holds no JSON lines; `jq -c '.[]'` makes them of it");
        }
        problem.help("each line is one JSON object by itself")
    })
}

/// Gives every line of a text to the builder. What comes back are the names that the objects have; `None` without rows.
pub(crate) fn read(
    path: &Path,
    text: &str,
    layout: &Layout,
    rows: &mut RowBuilder,
    problems: &mut Problems,
) -> Option<Header> {
    let fields = layout.fields();
    let mut names = Names::default();
    // For each name that was met, the columns that are read from it.
    let mut columns_of: Vec<Vec<usize>> = Vec::new();
    let mut at_of: Vec<Option<usize>> = vec![None; fields.len()];
    for (number, line) in lines(text) {
        if problems.full() {
            return None;
        }
        let start = line.start;
        let members = match members(path, text, line.clone()) {
            Ok(members) => members,
            Err(problem) => {
                problems.push_for(WHOLE_LINE, || problem);
                continue;
            }
        };
        at_of.fill(None);
        let mut twice = None;
        for (at, member) in members.iter().enumerate() {
            let known = names.see(&member.name);
            if known == columns_of.len() {
                let reads = |(_, column): &(usize, &crate::layout::Column)| column.from == member.name;
                columns_of.push(fields.iter().enumerate().filter(reads).map(|(column, _)| column).collect());
            }
            for &column in &columns_of[known] {
                twice = twice.or(at_of[column].is_some().then_some(at));
                at_of[column] = Some(at);
            }
        }
        let shown = |at: Option<usize>| match at {
            Some(at) => start + members[at].range.start..start + members[at].range.end,
            None => line.start..line.start,
        };
        if let Some(at) = twice {
            problems.push_for(WHOLE_LINE, || {
                let place = excerpt::place(path, text, shown(Some(at)), None);
                Problem::new(place, format!("`{}` is there twice in the object", members[at].name)).help("keep one")
            });
            continue;
        }
        rows.row(
            u32::try_from(number).unwrap_or(u32::MAX),
            |column| at_of[column].map_or(Value::Missing, |at| value(&members[at].value, fields[column].kind, layout)),
            |column, fault| {
                problems.push_for(column, || {
                    let at = at_of[column];
                    let fault = match at.map(|at| &members[at].value) {
                        Some(Json::List) => nested(&fields[column].from),
                        _ => fault,
                    };
                    let field = at.map(|at| Field { number: at + 1, name: fields[column].from.clone() });
                    fault.at(excerpt::place(path, text, shown(at), field))
                });
            },
        );
    }
    let header = names.header(path).and_then(|header| {
        // A name that no object has is not a missing value: it is another name.
        header.iter().try_for_each(|header| layout.bind(header).map(|_| ()))?;
        Ok(header)
    });
    header.unwrap_or_else(|problem| {
        problems.push(problem);
        None
    })
}

/// A value as a field of a file: a number stays text where the file's marks or its missing values may have a say.
fn value<'v>(value: &'v Json<'_>, kind: ColumnType, layout: &Layout) -> Value<'v> {
    match value {
        Json::Null => Value::Missing,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Text(text) => Value::Text(text),
        Json::Number(text) if kind == ColumnType::Number && !layout.settings.missing.iter().any(|one| one == text) => {
            text.parse().map_or(Value::Text(text), Value::Number)
        }
        Json::Number(text) => Value::Text(text),
        // No column takes it, whatever its kind: the fault is told by who sees what it is.
        Json::List => Value::Text("["),
    }
}

fn nested(name: &str) -> Fault {
    Fault::new(format!("`{name}` is a list, and a column holds single values"))
        .help("values of objects are named by their path, `bar.close`; a list must be divided before")
}

#[cfg(test)]
mod tests {
    use assetctl_config::{Files, OneOrMany};

    use super::*;
    use crate::testing::{Folder, cells, mapping, problems, read_all};

    fn folder() -> Folder {
        let mut folder = Folder::new();
        folder.files = Files { jsonl: Some(OneOrMany::One("*".into())), ..Files::default() };
        folder
    }

    fn of(text: &str) -> Folder {
        let folder = folder();
        folder.write("a.jsonl", text);
        folder
    }

    #[test]
    fn objects_are_rows() {
        let mut folder = of(concat!(
            "{\"session\": \"2015-01-06\", \"instrument\": \"甲\", \"bar\": {\"close\": 0.1, \"n\": \"1,5\"}}\r\n",
            "\r\n",
            "{\"instrument\": \"a\", \"bar\": {\"close\": -9999}, \"session\": \"2015-01-06\", \"st\": true, \"code\": 5}\r\n",
        ));
        folder.files.columns = mapping(&[("close", "bar.close"), ("n", "bar.n")]);
        folder.files.types.insert("st".into(), ColumnType::Bool);
        folder.files.types.insert("code".into(), ColumnType::Text);
        folder.files.missing = vec!["-9999".into()];
        folder.files.decimal = Some(",".into());
        let frame = read_all(&folder);
        assert_eq!(frame.get_column_names(), ["session", "instrument", "close", "n", "st", "code"]);
        assert_eq!(cells(&frame, "instrument"), ["a", "甲"]);
        assert_eq!(cells(&frame, "close"), ["null", "0.1"]);
        assert_eq!(cells(&frame, "n"), ["null", "1.5"]);
        assert_eq!(cells(&frame, "st"), ["true", "null"]);
        assert_eq!(cells(&frame, "code"), ["5", "null"]);
    }

    #[test]
    fn the_same_rows_as_csv_have_the_same_digest() {
        let mut csv = Folder::new();
        csv.csv(&["a.csv"]);
        csv.write("a.csv", "session,instrument,close\n2015-01-05,a,0.30000000000000004\n2015-01-06,a,\n");
        let json = of(
            "{\"session\":\"2015-01-06\",\"instrument\":\"a\"}\n{\"session\":\"2015-01-05\",\"instrument\":\"a\",\"close\":0.30000000000000004}",
        );
        let digests = |folder: &Folder| crate::scan(&folder.source(), &[]).unwrap().digests();
        assert_eq!(digests(&json), digests(&csv));
    }

    fn only(folder: &Folder) -> Problem {
        let mut problems = problems(folder);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    #[test]
    fn mistakes_name_line_and_column() {
        let good = "{\"session\":\"2015-01-05\",\"instrument\":\"a\",\"close\":1}\n";
        let line =
            |close: &str| format!("{good}{{\"session\":\"2015-01-06\",\"instrument\":\"a\",\"close\": {close}}}\n");
        for (close, message, underlined) in [
            ("\"x\"", "`x` is not a number in column `close`", "\"x\""),
            ("[1, 2]", "`close` is a list, and a column holds single values", "[1, 2]"),
            ("1e999", "an infinite number in column `close`", "1e999"),
            ("1, \"close\": 2", "`close` is there twice in the object", "2"),
            ("Infinity", "expected a value, not `I`", ""),
        ] {
            let problem = only(&of(&line(close)));
            assert_eq!(problem.message, message);
            assert_eq!((problem.place.line, problem.place.column.is_some()), (Some(2), true));
            let shown = problem.place.text.unwrap();
            assert_eq!(&shown.text[shown.span], underlined);
        }
        let missing = only(&of(&format!("{good}{{\"instrument\":\"a\",\"close\":1}}\n")));
        assert_eq!((missing.message.as_str(), missing.place.line), ("the date is missing", Some(2)));
        assert!(only(&of("[{\"session\":1}]\n")).help.unwrap().contains("jq"));
    }

    #[test]
    fn a_name_that_no_object_of_a_file_has_is_refused() {
        let folder = of("{\"session\":\"2015-01-05\",\"instrument\":\"a\",\"close\":1}\n");
        folder.write("b.jsonl", "{\"session\":\"2015-01-06\",\"instrument\":\"a\",\"clse\":1}\n");
        let problem = only(&folder);
        assert_eq!(problem.message, "the file has no column `close`, which `a.jsonl` has");
        assert!(problem.help.unwrap().contains("did you mean `clse`?"));
        // A file without rows has no names, and lacks none.
        folder.write("b.jsonl", "\n");
        assert_eq!(cells(&read_all(&folder), "close"), ["1.0"]);
        folder.write("a.jsonl", "");
        assert!(only(&folder).message.contains("no file of the source has a row"));
        folder.write("b.jsonl", "{\"session\":\"2015-01-05\",\"instrument\":\"a\",\"close\":1}\n");
        assert_eq!(cells(&read_all(&folder), "close"), ["1.0"]);
    }
}
