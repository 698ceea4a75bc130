//! CSV: records of text fields.

use std::ops::Range;
use std::path::Path;

use ::csv::{ByteRecord, Reader, ReaderBuilder};

use crate::cell::Value;
use crate::error::{Field, Place, Problem, Problems};
use crate::excerpt;
use crate::header::Header;
use crate::rows::RowBuilder;
use crate::suggest;

/// Counts problems of whole rows apart from those of columns.
const WHOLE_ROW: usize = usize::MAX;

/// The records of a text, and where each starts.
struct Records<'t> {
    text: &'t str,
    reader: Reader<&'t [u8]>,
    record: ByteRecord,
}

impl<'t> Records<'t> {
    fn new(text: &'t str, delimiter: u8) -> Self {
        let reader =
            ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
        Self { text, reader, record: ByteRecord::new() }
    }

    /// Reads the next record; gives its first byte and its line, from 1.
    fn next(&mut self) -> Result<Option<(usize, u64)>, ::csv::Error> {
        if !self.reader.read_byte_record(&mut self.record)? {
            return Ok(None);
        }
        let (byte, line) = self.record.position().map_or((0, 1), |position| (position.byte(), position.line()));
        let mut start = usize::try_from(byte).unwrap_or(usize::MAX).min(self.text.len());
        let mut line = line;
        // The reader's position is that of the end of the record before, ahead of empty lines and of the `\n` of `\r\n`.
        while let Some(&byte @ (b'\n' | b'\r')) = self.text.as_bytes().get(start) {
            line += u64::from(byte == b'\n');
            start += 1;
        }
        Ok(Some((start, line)))
    }

    fn field(&self, at: usize) -> &str {
        // The text is Unicode and is split at ASCII characters only, so that every field is Unicode.
        self.record.get(at).and_then(|field| std::str::from_utf8(field).ok()).unwrap_or_default()
    }

    fn is_blank(&self) -> bool {
        self.record.iter().all(|field| field.trim_ascii().is_empty())
    }
}

/// The names in the first line.
///
/// # Errors
/// There is no first line, or it names a column twice.
pub(crate) fn header(path: &Path, text: &str, delimiter: u8) -> Result<Header, Problem> {
    let mut records = Records::new(text, delimiter);
    let empty = || {
        Problem::new(Place::file(path), "the file is empty")
            .help("the first line must hold the names of the columns; a file without rows is its header alone")
    };
    let start = match records.next() {
        Ok(Some((start, _))) if !text.trim_ascii().is_empty() => start,
        Ok(_) => return Err(empty()),
        Err(error) => return Err(broken(path, &error)),
    };
    let names: Vec<String> = (0..records.record.len()).map(|at| records.field(at).trim_ascii().to_owned()).collect();
    Header::new(excerpt::place(path, text, line_range(text, start), None), names, Vec::new())
}

/// Whether anything follows the first record, which is thereby known to be whole.
pub(crate) fn has_rows(text: &str, delimiter: u8) -> bool {
    let mut records = Records::new(text, delimiter);
    (0..2).all(|_| matches!(records.next(), Ok(Some(_))))
}

/// Gives every row of a text to the builder. `binding` says for each of the layout's columns which field it is.
pub(crate) fn read(
    path: &Path,
    text: &str,
    delimiter: u8,
    header: &Header,
    binding: &[usize],
    rows: &mut RowBuilder,
    problems: &mut Problems,
) {
    let mut records = Records::new(text, delimiter);
    let width = header.names.len();
    // Blank rows are nothing at the end of a file, and a mistake within it.
    let mut blank: Vec<usize> = Vec::new();
    let mut first = true;
    while !problems.full() {
        let (start, line) = match records.next() {
            Ok(Some(at)) => at,
            Ok(None) => return,
            Err(error) => return problems.push(broken(path, &error)),
        };
        if std::mem::take(&mut first) {
            continue;
        }
        if records.is_blank() {
            blank.push(start);
            continue;
        }
        for start in blank.drain(..) {
            problems.push_for(WHOLE_ROW, || {
                Problem::new(excerpt::place(path, text, line_range(text, start), None), "the row is blank")
                    .help("remove it")
            });
        }
        if records.record.len() != width {
            problems.push_for(WHOLE_ROW, || ragged(path, text, delimiter, start, &records.record, header));
            continue;
        }
        let records = &records;
        rows.row(
            u32::try_from(line).unwrap_or(u32::MAX),
            |column| Value::Text(records.field(binding[column])),
            |column, fault| {
                let at = binding[column];
                problems.push_for(at, || {
                    let field = Field { number: at + 1, name: header.names[at].clone() };
                    fault.at(excerpt::place(path, text, locate(text, delimiter, start, at), Some(field)))
                });
            },
        );
    }
}

/// A row of too few or too many fields.
fn ragged(path: &Path, text: &str, delimiter: u8, start: usize, record: &ByteRecord, header: &Header) -> Problem {
    let (width, found) = (header.names.len(), record.len());
    let line = line_range(text, start);
    let range = if found > width {
        locate(text, delimiter, start, width).start..line.end.max(start)
    } else {
        line.end..line.end
    };
    let range = if range.start > range.end { line } else { range };
    let fields = if found == 1 { "field" } else { "fields" };
    let problem = Problem::new(
        excerpt::place(path, text, range, None),
        format!("the row has {found} {fields} where the header has {width}"),
    );
    let delimiter = if delimiter == b'\t' { "tab".to_owned() } else { format!("`{}`", char::from(delimiter)) };
    let over_lines = record.iter().find_map(|field| field.iter().position(|&byte| byte == b'\n')).is_some();
    if over_lines {
        problem.help("a `\"` opens a field here that goes on over the end of the line: close it, or double it if it is part of the text")
    } else if found > width {
        problem.help(format!("a field with a {delimiter} in it must stand in quotes: `\"…\"`"))
    } else {
        let lacking = header.names[found..].iter().map(String::as_str).filter(|name| !name.is_empty());
        problem.help(format!(
            "the row ends before {}; a missing value still needs its {delimiter}",
            suggest::list(lacking, 4)
        ))
    }
}

fn broken(path: &Path, error: &::csv::Error) -> Problem {
    Problem::new(Place::file(path), format!("the file cannot be read as CSV: {error}"))
}

/// The line of byte `start` from there on.
fn line_range(text: &str, start: usize) -> Range<usize> {
    let end = text[start..].find(['\n', '\r']).map_or(text.len(), |at| start + at);
    start..end
}

/// The bytes of a field of the record that starts at `start`, by the same rules that the reader splits by.
fn locate(text: &str, delimiter: u8, start: usize, field: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let mut from = start;
    let mut at = start;
    let mut number = 0;
    loop {
        if bytes.get(at) == Some(&b'"') {
            at += 1;
            while let Some(&byte) = bytes.get(at) {
                at += 1;
                if byte == b'"' {
                    if bytes.get(at) == Some(&b'"') {
                        at += 1;
                    } else {
                        break;
                    }
                }
            }
        }
        while bytes.get(at).is_some_and(|byte| *byte != delimiter && !b"\r\n".contains(byte)) {
            at += 1;
        }
        if number == field || bytes.get(at) != Some(&delimiter) {
            return from..at;
        }
        number += 1;
        at += 1;
        from = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Folder, cells, problems, read_all};

    #[test]
    fn fields_are_found_in_quotes_too() {
        let text = "a,b,c\n\"x, \"\"y\"\"\",\"1\n2\",z\n";
        let start = 6;
        let fields: Vec<&str> = (0..3).map(|field| &text[locate(text, b',', start, field)]).collect();
        assert_eq!(fields, ["\"x, \"\"y\"\"\"", "\"1\n2\"", "z"]);
    }

    #[test]
    fn records_know_their_lines() {
        for (text, lines) in [
            ("a,b\n1,2\n\n\n3,4\n", vec![1, 2, 5]),
            ("a,b\r\n1,2\r\n\r\n3,4\r\n", vec![1, 2, 4]),
            ("\n\na,b\n\"1\n\",2\n3,4", vec![3, 4, 6]),
        ] {
            let mut records = Records::new(text, b',');
            let mut found = Vec::new();
            while let Some((start, line)) = records.next().unwrap() {
                assert_eq!(text[..start].matches('\n').count() as u64 + 1, line, "{text:?}");
                found.push(line);
            }
            assert_eq!(found, lines, "{text:?}");
        }
    }

    const HEAD: &str = "session,instrument,close\n";

    fn bars(rows: &str) -> Folder {
        let folder = Folder::new();
        folder.write("a.csv", format!("{HEAD}{rows}"));
        folder
    }

    fn only(folder: &Folder) -> Problem {
        let mut problems = problems(folder);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    fn underlined(problem: &Problem) -> &str {
        let shown = problem.place.text.as_ref().unwrap();
        &shown.text[shown.span.clone()]
    }

    #[test]
    fn rows_of_too_few_or_too_many_fields() {
        let few = only(&bars("2015-01-05,000001,1\n2015-01-06,000001\n2015-01-07,000001,3\n"));
        assert_eq!(few.message, "the row has 2 fields where the header has 3");
        assert_eq!((few.place.line, few.place.column), (Some(3), Some(18)));
        assert!(few.help.unwrap().contains("ends before `close`"));
        let many = only(&bars("2015-01-05,000001,1,234\n"));
        assert_eq!(many.message, "the row has 4 fields where the header has 3");
        assert_eq!(underlined(&many), "234");
        assert!(many.help.unwrap().contains("must stand in quotes"));
        let open = only(&bars("2015-01-05,\"000001,1\n2015-01-06,000001,2\n"));
        assert_eq!(open.place.line, Some(2));
        assert!(open.help.unwrap().contains("close it"), "an open quote swallows the rest");
    }

    #[test]
    fn text_in_a_number() {
        let problem = only(&bars("2015-01-05,000001,1\n2015-01-06,000001, abc\n"));
        assert_eq!(problem.message, "`abc` is not a number in column `close`");
        assert_eq!((problem.place.line, problem.place.column), (Some(3), Some(19)));
        assert_eq!(problem.place.field, Some(Field { number: 3, name: "close".into() }));
        assert_eq!(underlined(&problem), " abc");
        let help = problem.help.unwrap();
        assert!(help.contains("`missing: [\"abc\"]`") && help.contains("`types: { close: text }`"), "{help}");
        for (text, message) in [("NaN", "is not a number"), ("-inf", "is infinite"), ("1e400", "is too large")] {
            assert!(only(&bars(&format!("2015-01-05,000001,{text}\n"))).message.contains(message));
        }
    }

    #[test]
    fn a_symbol_that_was_not_mapped_is_recognized() {
        let folder = Folder::new();
        folder.write("a.csv", "session,symbol,close\n2015-01-05,sh.600000,1\n");
        assert!(only(&folder).help.unwrap().contains("`columns: { instrument: symbol }`"));
    }

    #[test]
    fn dates_off_the_calendar_or_of_another_format() {
        let saturday = only(&bars("2015-01-10,000001,1\n"));
        assert!(saturday.message.contains("a Saturday") && saturday.message.contains("`2015-01-09` and `2015-01-12`"));
        assert_eq!(underlined(&saturday), "2015-01-10");
        assert!(only(&bars("20150105,000001,1\n")).help.unwrap().contains("%Y%m%d"));
        assert_eq!(only(&bars(",000001,1\n")).message, "the date is missing");
        assert_eq!(only(&bars("2015-01-05, ,1\n")).message, "the instrument is missing");
        assert!(only(&bars("2032-01-05,000001,1\n")).message.contains("after the last known session"));
    }

    #[test]
    fn problems_are_collected_but_not_without_end() {
        let folder = Folder::new();
        let rows: String = (0..30).map(|_| "2015-01-05,x,bad,bad\n").collect();
        folder.write("a.csv", format!("session,instrument,open,close\n2015-01-05,x\n{rows}"));
        folder.write("b.csv", "session,instrument,open,close\n2015-01-10,x,1,1\n");
        let error = crate::scan(&folder.source(), &[]).map(|_| ()).unwrap_err();
        assert!(error.truncated);
        let of = |name: &str| error.problems.iter().filter(|problem| problem.place.path.ends_with(name)).count();
        assert_eq!((of("a.csv"), of("b.csv")), (11, 1));
        for name in 'c'..'z' {
            folder.write(&format!("{name}.csv"), "session,instrument,open,close\n2015-01-10,x,1,1\n");
        }
        assert_eq!(problems(&folder).len(), 20);
    }

    #[test]
    fn files_without_rows() {
        let folder = Folder::new();
        for empty in ["", "\n \r\n", "\u{feff}"] {
            folder.write("a.csv", empty);
            assert_eq!(only(&folder).message, "the file is empty");
        }
        folder.write("a.csv", HEAD.trim_end());
        let mut scan = crate::scan(&folder.source(), &[]).unwrap();
        assert_eq!(scan.notes, ["none of the 1 files of the source has a row"]);
        assert_eq!(scan.sessions, None);
        let frame = crate::read(&folder.source(), &mut scan, |_| true).unwrap();
        assert_eq!((frame.height(), frame.width()), (0, 3));
    }

    #[test]
    fn the_dress_of_a_file_does_not_matter() {
        let plain = read_all(&bars("2015-01-05,甲,1\n2015-01-06,甲,2\n"));
        for dressed in [
            "\u{feff}session,instrument,close\r\n2015-01-05,甲,1\r\n2015-01-06,甲,2\r\n\r\n,,\r\n  \r\n",
            "\"session\", instrument ,close\n2015-01-05,\"甲\",\"1\"\n\n2015-01-06 , 甲 ,2.0",
            "close,session,instrument\n2,2015-01-06,甲\n1,2015-01-05,甲\n",
        ] {
            let folder = Folder::new();
            folder.write("a.csv", dressed);
            assert!(read_all(&folder).equals_missing(&plain), "{dressed:?}");
        }
        let mut folder = Folder::new();
        folder.files.encoding = assetctl_config::Encoding::Gbk;
        folder.files.delimiter = Some("tab".into());
        folder.write("a.csv", b"session\tinstrument\tclose\n2015-01-05\t\xbc\xd7\t1\n2015-01-06\t\xbc\xd7\t2\n");
        assert!(read_all(&folder).equals_missing(&plain));
        assert_eq!(only(&bars("2015-01-05,a,1\n,,\n2015-01-06,a,2\n")).message, "the row is blank");
    }

    #[test]
    fn values_are_typed_as_declared() {
        use assetctl_config::ColumnType;
        let mut folder = Folder::new();
        folder.files.missing = vec!["NaN".into(), "--".into()];
        folder.files.thousands = Some(",".into());
        folder.files.types = [("name", ColumnType::Text), ("st", ColumnType::Bool), ("ex", ColumnType::Date)]
            .map(|(name, kind)| (name.into(), kind))
            .into();
        folder.write(
            "a.csv",
            "session,instrument,close,name,st,ex\n2015-01-05,a,\"1,234.5\",\"x, \"\"y\"\"\n z\",TRUE,2015-01-01\n2015-01-06,a,NaN,NaN,--,\n2015-01-07,a,-0.0,,0,--\n",
        );
        let frame = read_all(&folder);
        assert_eq!(cells(&frame, "close"), ["1234.5", "null", "0.0"]);
        assert!(frame.column("close").unwrap().f64().unwrap().get(2).unwrap().is_sign_positive());
        assert_eq!(cells(&frame, "name"), ["x, \"y\"\n z", "NaN", "null"]);
        assert_eq!(cells(&frame, "st"), ["true", "null", "false"]);
        assert_eq!(cells(&frame, "ex"), ["2015-01-01", "null", "null"]);
        folder.write("a.csv", "session,instrument,close,name,st,ex\n2015-01-05,a,1,x,maybe,soon\n");
        let found = problems(&folder);
        assert_eq!(found[0].message, "`maybe` is neither true nor false in column `st`");
        assert!(found[1].message.contains("`soon` is not a date"));
    }

    #[test]
    fn instruments_stay_as_they_are_written() {
        let frame = read_all(&bars(
            "2015-01-05,NAN,1\n2015-01-05,TRUE,2\n2015-01-05,000001,3\n2015-01-05,1E5,4\n2015-01-05,null,5\n",
        ));
        assert_eq!(cells(&frame, "instrument"), ["000001", "1E5", "NAN", "TRUE", "null"]);
        assert_eq!(frame.column("instrument").unwrap().null_count(), 0);
    }
}
