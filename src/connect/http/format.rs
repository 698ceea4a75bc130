//! An answer's text → rows of fields.

use std::borrow::Cow;

use assetctl_config::{Encoding, HttpFormat, HttpResponse, HttpShape};
use csv::{ReaderBuilder, StringRecord};
use serde_json::Value as Json;
use serde_json_path::JsonPath;

use super::num::Num;
use super::units::quote_long_numbers;
use crate::suggest::list;

/// Which field of a row.
#[derive(Debug, Clone)]
pub(super) enum Field {
    /// By name, or by position from 0.
    Named(String),
    Path(String, JsonPath),
}

/// # Errors
/// The text is no JSONPath.
pub(super) fn json_path(text: &str) -> Result<JsonPath, String> {
    JsonPath::parse(text).map_err(|error| format!("`{text}` is no JSONPath: {error}"))
}

impl Field {
    /// # Errors
    /// It begins as a JSONPath and is none.
    pub fn new(from: &str) -> Result<Self, String> {
        match from.starts_with('$') {
            true => json_path(from).map(|path| Self::Path(from.to_owned(), path)),
            false => Ok(Self::Named(from.to_owned())),
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Self::Named(text) | Self::Path(text, _) => text,
        }
    }
}

/// How answers are laid out.
#[derive(Debug, Clone)]
pub(super) struct Format {
    pub kind: HttpFormat,
    pub shape: HttpShape,
    rows: (String, JsonPath),
    fields: Vec<String>,
    header: bool,
    delimiter: u8,
    names: String,
    items: String,
    encoding: Encoding,
}

impl Format {
    /// # Errors
    /// `rows` is no JSONPath.
    pub fn new(spec: &HttpResponse) -> Result<Self, String> {
        let rows = spec.rows.as_deref().unwrap_or("$");
        let path = json_path(rows)?;
        let delimiter = match spec.delimiter.as_deref() {
            None => b',',
            Some("tab") => b'\t',
            Some(text) => text.bytes().next().unwrap_or(b','),
        };
        Ok(Self {
            kind: spec.format,
            shape: spec.shape,
            rows: (rows.to_owned(), path),
            fields: spec.fields.clone(),
            header: spec.header.unwrap_or(spec.fields.is_empty()),
            delimiter,
            names: spec.names.clone().unwrap_or_else(|| "fields".to_owned()),
            items: spec.items.clone().unwrap_or_else(|| "items".to_owned()),
            encoding: spec.encoding,
        })
    }

    /// The text of an answer; what is not in the declared encoding is replaced, and the flag says so.
    pub fn text<'b>(&self, bytes: &'b [u8]) -> (Cow<'b, str>, bool) {
        if let (Encoding::Utf8, Ok(text)) = (self.encoding, std::str::from_utf8(bytes)) {
            return (Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)), false);
        }
        let encoding = match self.encoding {
            Encoding::Utf8 => encoding_rs::UTF_8,
            Encoding::Gbk => encoding_rs::GBK,
        };
        let (text, _, broken) = encoding.decode(bytes);
        (text, broken)
    }

    /// A text as JSON, with no digit of a number lost.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn json(text: &str) -> Result<Json, String> {
        let text = text.trim_start_matches('\u{feff}');
        let quoted = quote_long_numbers(text);
        serde_json::from_str(quoted.as_deref().unwrap_or(text)).map_err(|error| error.to_string())
    }

    /// The rows of an answer. `json` is the text's, for `format: json`.
    ///
    /// # Errors
    /// The answer is not laid out as declared.
    pub fn table<'a>(&'a self, text: &'a str, json: Option<&'a Json>) -> Result<Table<'a>, String> {
        match (self.kind, json) {
            (HttpFormat::Json, Some(json)) => self.json_table(json),
            (HttpFormat::Json, None) => Err("the answer is not JSON".to_owned()),
            (HttpFormat::Csv | HttpFormat::Text, _) => self.records(text),
        }
    }

    fn json_table<'a>(&'a self, json: &'a Json) -> Result<Table<'a>, String> {
        let (text, path) = &self.rows;
        let found = path.query(json).all();
        let node = match found.as_slice() {
            [] => return Err(format!("the answer has nothing at `{text}`")),
            [Json::Null] => return Ok(Table { names: Vec::new(), rows: Rows::Objects(Vec::new()) }),
            [one] => Some(*one),
            _ => None,
        };
        if self.shape == HttpShape::Parallel {
            let node = node.filter(|node| node.is_object());
            let node = node.ok_or_else(|| format!("the answer has no object at `{text}`"))?;
            return Ok(Table { names: Vec::new(), rows: Rows::Parallel(node) });
        }
        if self.shape == HttpShape::ColumnsItems {
            let part = |key: &str| {
                let part = node.and_then(|node| node.get(key)).and_then(Json::as_array);
                part.ok_or_else(|| format!("the answer has no list `{key}` at `{text}`"))
            };
            let names = part(&self.names)?.iter().map(super::faults::as_text).collect();
            return Ok(Table { names, rows: Rows::Arrays(arrays(part(&self.items)?.iter())?) });
        }
        let rows: Vec<&Json> = match node {
            Some(Json::Array(rows)) => rows.iter().collect(),
            Some(other) if self.shape == HttpShape::Objects && other.is_object() => vec![other],
            Some(_) => return Err(format!("the answer has no list at `{text}`")),
            None => found,
        };
        let names = self.fields.clone();
        let rows = match self.shape {
            HttpShape::Arrays => Rows::Arrays(arrays(rows.into_iter())?),
            HttpShape::Delimited => {
                let delimiter = char::from(self.delimiter);
                let split = |(at, row): (usize, &'a Json)| {
                    let text = row.as_str().ok_or_else(|| format!("row {} is not a text", at + 1))?;
                    Ok(text.split(delimiter).collect())
                };
                Rows::Texts(rows.into_iter().enumerate().map(split).collect::<Result<_, String>>()?)
            }
            HttpShape::Objects | HttpShape::ColumnsItems | HttpShape::Parallel => {
                if let Some(at) = rows.iter().position(|row| !row.is_object()) {
                    return Err(format!("row {} is not an object", at + 1));
                }
                Rows::Objects(rows)
            }
        };
        Ok(Table { names, rows })
    }

    fn records<'a>(&self, text: &'a str) -> Result<Table<'a>, String> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .delimiter(self.delimiter)
            .quoting(self.kind == HttpFormat::Csv)
            .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let mut records = Vec::new();
        for record in reader.records() {
            records.push(record.map_err(|error| match error.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    let line = records.len() + 1;
                    format!("line {line} of the answer has {len} fields, and the first has {expected_len}")
                }
                _ => format!("the answer is not CSV: {error}"),
            })?);
        }
        let mut names = self.fields.clone();
        if self.header {
            if records.is_empty() {
                return Err("the answer is empty, and its first line should name the fields".to_owned());
            }
            let header = records.remove(0);
            if names.is_empty() {
                names = header.iter().map(|name| name.trim().to_owned()).collect();
            }
        }
        Ok(Table { names, rows: Rows::Records(records) })
    }
}

fn arrays<'a>(rows: impl Iterator<Item = &'a Json>) -> Result<Vec<&'a [Json]>, String> {
    let array = |(at, row): (usize, &'a Json)| {
        row.as_array().map(Vec::as_slice).ok_or_else(|| format!("row {} is not a list", at + 1))
    };
    rows.enumerate().map(array).collect()
}

/// The rows of an answer.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// By position, where fields have names.
    names: Vec<String>,
    rows: Rows<'a>,
}

#[derive(Debug)]
enum Rows<'a> {
    Objects(Vec<&'a Json>),
    Arrays(Vec<&'a [Json]>),
    Texts(Vec<Vec<&'a str>>),
    Records(Vec<StringRecord>),
    Parallel(&'a Json),
}

/// Where a field is in the rows of one answer.
#[derive(Debug)]
pub(super) enum Bound<'a> {
    Key(&'a str),
    Path(&'a JsonPath),
    At(usize),
    Column(&'a [Json]),
}

/// A field of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'a> {
    Missing,
    Text(&'a str),
    Number(Num),
    Bool(bool),
    /// A list or a map.
    Other(&'a Json),
}

impl<'a> Table<'a> {
    /// The number of rows; `bound` are all fields that are read.
    ///
    /// # Errors
    /// Columns side by side are not of one length.
    pub fn len(&self, bound: &[&Bound<'_>]) -> Result<usize, String> {
        Ok(match &self.rows {
            Rows::Objects(rows) => rows.len(),
            Rows::Arrays(rows) => rows.len(),
            Rows::Texts(rows) => rows.len(),
            Rows::Records(rows) => rows.len(),
            Rows::Parallel(_) => {
                let mut lengths = bound.iter().filter_map(|bound| match bound {
                    Bound::Column(column) => Some(column.len()),
                    _ => None,
                });
                let first = lengths.next().unwrap_or(0);
                if let Some(other) = lengths.find(|length| *length != first) {
                    return Err(format!("columns of {first} and of {other} values stand side by side"));
                }
                first
            }
        })
    }

    /// Whether there are no rows, so that fields need not be there either; for columns side by side, whether that of `field` is not.
    pub fn lacks(&self, field: &Field) -> bool {
        match &self.rows {
            Rows::Parallel(node) => parallel(node, field).is_none(),
            Rows::Objects(rows) => rows.is_empty(),
            Rows::Arrays(rows) => rows.is_empty(),
            Rows::Texts(rows) => rows.is_empty(),
            // The first line names them, rows or not.
            Rows::Records(_) => false,
        }
    }

    /// # Errors
    /// There is no such field.
    pub fn bind<'f>(&self, field: &'f Field) -> Result<Bound<'f>, String>
    where
        'a: 'f,
    {
        let name = match (&self.rows, field) {
            (Rows::Parallel(node), field) => {
                let column = parallel(node, field);
                return column.map(Bound::Column).ok_or_else(|| format!("the answer has no list `{}`", field.text()));
            }
            (Rows::Objects(_), Field::Path(_, path)) => return Ok(Bound::Path(path)),
            (_, Field::Path(text, _)) => {
                return Err(format!("the rows are no objects in which `{text}` could be looked up"));
            }
            (Rows::Objects(rows), Field::Named(name)) => {
                let Some(first) = rows.first() else { return Ok(Bound::Key(name)) };
                if rows.iter().any(|row| row.get(name).is_some()) {
                    return Ok(Bound::Key(name));
                }
                return Err(absent(name, first.as_object().into_iter().flat_map(|row| row.keys()).map(String::as_str)));
            }
            (_, Field::Named(name)) => name,
        };
        if let Some(at) = self.names.iter().position(|known| known == name) {
            return Ok(Bound::At(at));
        }
        match name.parse::<usize>() {
            Ok(at) if self.names.is_empty() || at < self.names.len() => Ok(Bound::At(at)),
            _ => Err(absent(name, self.names.iter().map(String::as_str))),
        }
    }

    /// # Errors
    /// The row is too short.
    pub fn cell<'c>(&'c self, row: usize, bound: &Bound<'c>) -> Result<Cell<'c>, String> {
        let short = |at: usize, length: usize| format!("it has {length} fields, and no field {at}");
        Ok(match (&self.rows, bound) {
            (_, Bound::Column(column)) => column.get(row).map_or(Cell::Missing, of_json),
            (Rows::Objects(rows), Bound::Key(key)) => rows[row].get(*key).map_or(Cell::Missing, of_json),
            (Rows::Objects(rows), Bound::Path(path)) => path.query(rows[row]).first().map_or(Cell::Missing, of_json),
            (Rows::Arrays(rows), Bound::At(at)) => {
                of_json(rows[row].get(*at).ok_or_else(|| short(*at, rows[row].len()))?)
            }
            (Rows::Texts(rows), Bound::At(at)) => {
                Cell::Text(rows[row].get(*at).ok_or_else(|| short(*at, rows[row].len()))?)
            }
            (Rows::Records(rows), Bound::At(at)) => {
                Cell::Text(rows[row].get(*at).ok_or_else(|| short(*at, rows[row].len()))?)
            }
            // A field is bound to the rows that it is read from.
            _ => Cell::Missing,
        })
    }
}

fn parallel<'a>(node: &'a Json, field: &Field) -> Option<&'a [Json]> {
    let found = match field {
        Field::Named(name) => node.get(name),
        Field::Path(_, path) => path.query(node).first(),
    };
    found.and_then(Json::as_array).map(Vec::as_slice)
}

fn absent<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    format!("the answer has no field `{name}`; it has {}", list(known, 20))
}

fn of_json(value: &Json) -> Cell<'_> {
    match value {
        Json::Null => Cell::Missing,
        Json::Bool(flag) => Cell::Bool(*flag),
        Json::Number(number) => Cell::Number(number.into()),
        Json::String(text) => Cell::Text(text),
        Json::Array(_) | Json::Object(_) => Cell::Other(value),
    }
}

impl Cell<'_> {
    /// As messages show it, and as a cursor.
    pub fn shown(&self) -> String {
        match self {
            Cell::Missing => "nothing".to_owned(),
            Cell::Text(text) => (*text).to_owned(),
            Cell::Number(number) => number.to_string(),
            Cell::Bool(flag) => flag.to_string(),
            Cell::Other(json) => super::faults::excerpt(&json.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All rows of an answer under the fields `a` and `b`.
    fn rows(spec: &str, fields: [&str; 2], text: &str) -> Result<Vec<[String; 2]>, String> {
        let spec: HttpResponse = serde_json::from_str(spec).unwrap();
        let format = Format::new(&spec)?;
        let json = (format.kind == HttpFormat::Json).then(|| Format::json(text)).transpose()?;
        let fields = fields.map(|field| Field::new(field).unwrap());
        let table = format.table(text, json.as_ref())?;
        if table.lacks(&fields[0]) {
            return Ok(Vec::new());
        }
        let bound = [table.bind(&fields[0])?, table.bind(&fields[1])?];
        let cell = |row: usize, at: usize| table.cell(row, &bound[at]).map(|cell| cell.shown());
        (0..table.len(&[&bound[0], &bound[1]])?).map(|row| Ok([cell(row, 0)?, cell(row, 1)?])).collect()
    }

    #[test]
    fn all_shapes_of_the_same_rows_are_the_same() {
        let expected = vec![["1".to_owned(), "x".to_owned()], ["2.5".to_owned(), "nothing".to_owned()]];
        for (spec, fields, text) in [
            (r#"{"rows":"$.data"}"#, ["a", "b"], r#"{"data":[{"a":1,"b":"x"},{"a":2.5}]}"#),
            (r#"{"rows":"$.data[*]"}"#, ["$.a", "$.b"], r#"{"data":[{"a":1,"b":"x"},{"a":2.5}]}"#),
            (r#"{"shape":"arrays"}"#, ["0", "1"], r#"[[1,"x"],[2.5,null]]"#),
            (r#"{"shape":"arrays","fields":["b","a"]}"#, ["a", "b"], r#"[["x",1],[null,2.5]]"#),
            (
                r#"{"shape":"columns_items","rows":"$.data"}"#,
                ["a", "b"],
                r#"{"data":{"fields":["b","a"],"items":[["x",1],[null,2.5]]}}"#,
            ),
            (
                r#"{"shape":"parallel","rows":"$.r[0]"}"#,
                ["a", "$.q[0].b"],
                r#"{"r":[{"a":[1,2.5],"q":[{"b":["x",null]}]}]}"#,
            ),
        ] {
            assert_eq!(rows(spec, fields, text).unwrap(), expected, "{spec}");
        }
        let expected = vec![["1".to_owned(), "x".to_owned()], ["2.5".to_owned(), String::new()]];
        for (spec, fields, text) in [
            (r#"{"shape":"delimited","fields":["a","b"]}"#, ["a", "b"], r#"["1,x","2.5,"]"#),
            (r#"{"format":"csv"}"#, ["a", "b"], "\u{feff}b,a\nx,1\n,2.5\n"),
            (r#"{"format":"csv","header":false,"delimiter":"tab"}"#, ["1", "0"], "\"x\"\t1\n\t2.5"),
            (r#"{"format":"text","fields":["a","b"],"delimiter":";"}"#, ["a", "b"], "1;x\n2.5;\n"),
        ] {
            assert_eq!(rows(spec, fields, text).unwrap(), expected, "{spec}");
        }
    }

    #[test]
    fn nothing_is_no_rows_and_something_else_is_a_mistake() {
        assert_eq!(rows(r#"{"rows":"$.data"}"#, ["a", "b"], r#"{"data":null}"#).unwrap().len(), 0);
        assert_eq!(rows(r#"{"shape":"parallel"}"#, ["a", "b"], "{}").unwrap().len(), 0);
        assert_eq!(rows(r#"{"format":"csv"}"#, ["a", "b"], "a,b\n").unwrap().len(), 0);
        for (spec, text, said) in [
            (r#"{"rows":"$.data"}"#, r#"{"dat":[]}"#, "the answer has nothing at `$.data`"),
            (r#"{"rows":"$.data"}"#, r#"{"data":7}"#, "the answer has no list at `$.data`"),
            (r#"{}"#, r#"[{"a":1},{"c":1}]"#, "the answer has no field `b`; it has `a`"),
            (r#"{}"#, r#"[{"a":1},7]"#, "row 2 is not an object"),
            (r#"{"shape":"arrays"}"#, r#"[[1]]"#, "the answer has no field `a`; it has "),
            (r#"{"shape":"parallel"}"#, r#"{"a":[1],"b":[1,2]}"#, "columns of 1 and of 2 values stand side by side"),
            (r#"{"format":"csv"}"#, "a,b\n1\n", "line 2 of the answer has 1 fields, and the first has 2"),
            (r#"{"format":"csv"}"#, "a,c\n1,2\n", "the answer has no field `b`; it has `a`, `c`"),
        ] {
            assert_eq!(rows(spec, ["a", "b"], text).unwrap_err(), said, "{spec}");
        }
        assert_eq!(
            rows(r#"{"shape":"arrays"}"#, ["0", "1"], "[[1,2],[1]]").unwrap_err(),
            "it has 1 fields, and no field 1"
        );
    }
}
