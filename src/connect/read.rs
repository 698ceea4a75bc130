//! The rows of some sessions.

use chrono::NaiveDate;
use polars::prelude::DataFrame;

use crate::date::from_days;
use crate::duplicate::refuse_duplicates;
use crate::error::{ConnectError, Place, Problem, Problems};
use crate::files::read_stable;
use crate::frame::frame;
use crate::load::Loader;
use crate::rows::Rows;
use crate::scan::{Scan, content_hash};
use crate::source::FileSource;

/// The rows of the wanted sessions, from all files that have any, as one frame: `session` (Date), `instrument` (String,
/// if there is such a column), then the other columns in the order of the first file; sorted by session and instrument; with `time:`, `time` (Datetime in µs, on the exchange's clock) follows them.
/// Of a table all rows, in the order of its files, whatever is wanted.
///
/// Files that the scan has parsed are not parsed again, nor those that an earlier `read` on the same scan has.
///
/// # Errors
/// A file that is no longer as it was scanned, or two rows of one session and instrument in different files.
pub fn read(
    source: &FileSource,
    scan: &mut Scan,
    wanted: impl Fn(NaiveDate) -> bool,
) -> Result<DataFrame, ConnectError> {
    let is_table = scan.layout.keys == 0;
    let wanted = |day: i32| is_table || wanted(from_days(day));
    let needed = scan.holding(wanted);

    let mut loader = Loader::new(source)?;
    let mut problems = Problems::default();
    for &at in &needed {
        if scan.parsed.contains_key(&at) || problems.full() {
            continue;
        }
        match parse(&mut loader, scan, at, &mut problems) {
            Ok(Some(rows)) => drop(scan.parsed.insert(at, rows)),
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    let parts: Vec<(usize, &Rows)> =
        needed.iter().filter_map(|at| scan.parsed.get(at).map(|rows| (*at, rows))).collect();
    let entries = refuse_duplicates(&loader, &scan.sources, &parts, &scan.layout, source.key, wanted, &mut problems);
    problems.into_result()?;
    let rows: Vec<&Rows> = parts.into_iter().map(|(_, rows)| rows).collect();
    frame(&entries, &rows, &scan.layout).map_err(|error| {
        Problem::new(Place::file(source.base), format!("the rows do not make a table: {error}")).into()
    })
}

/// Parses a file that the scan did not, and holds it against what the scan knows of it.
fn parse(loader: &mut Loader, scan: &Scan, at: usize, problems: &mut Problems) -> Result<Option<Rows>, Problem> {
    let file = &scan.sources[at];
    let content = read_stable(file)?;
    if content_hash(&content.bytes) != scan.files[at].known.content {
        return Err(
            Problem::new(Place::file(&file.path), "the file has changed since it was looked at").help("run again")
        );
    }
    // What there is to note about the file was noted when it was new.
    Ok(loader.rows(file, &content, &scan.layout, problems, &mut Vec::new()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use assetctl_calendar::Calendar;
    use assetctl_config::{Files, OffCalendar, OneOrMany};

    use super::*;
    use crate::scan;
    use crate::testing::{Folder, cells, mapping};

    const HEAD: &str = "session,instrument,close\n";

    fn three_files() -> Folder {
        let folder = Folder::new();
        folder.write("a.csv", format!("{HEAD}2015-01-06,z,2\n2015-01-05,z,1\n"));
        folder.write("b.csv", format!("{HEAD}2015-01-06,b,3\n2015-01-07,b,4\n"));
        folder.write("c.csv", format!("{HEAD}2015-01-08,c,5\n"));
        folder
    }

    #[test]
    fn only_files_with_wanted_sessions_are_parsed_and_their_rows_are_in_order() {
        let folder = three_files();
        let source = folder.source();
        let known: Vec<_> = scan(&source, &[]).unwrap().files.into_iter().map(|file| file.known).collect();
        let mut second = scan(&source, &known).unwrap();
        assert!(second.parsed.is_empty());
        let frame = read(&source, &mut second, |date| date.to_string() == "2015-01-06").unwrap();
        assert_eq!(frame.get_column_names(), ["session", "instrument", "close"]);
        assert_eq!(cells(&frame, "session"), ["2015-01-06", "2015-01-06"]);
        assert_eq!(cells(&frame, "instrument"), ["b", "z"]);
        assert_eq!(cells(&frame, "close"), ["3.0", "2.0"]);
        let mut parsed: Vec<_> = second.parsed.keys().copied().collect();
        parsed.sort_unstable();
        assert_eq!(parsed, [0, 1]);
        let none = read(&source, &mut second, |_| false).unwrap();
        assert_eq!((none.height(), none.width()), (0, 3));
    }

    #[test]
    fn a_file_that_is_no_longer_what_was_scanned_is_refused() {
        let folder = three_files();
        let source = folder.source();
        let known: Vec<_> = scan(&source, &[]).unwrap().files.into_iter().map(|file| file.known).collect();
        let mut second = scan(&source, &known).unwrap();
        folder.write("c.csv", format!("{HEAD}2015-01-08,c,50\n"));
        let error = read(&source, &mut second, |_| true).unwrap_err();
        assert!(error.to_string().contains("has changed since it was looked at"), "{error}");
    }

    #[test]
    fn a_duplicate_in_a_file_that_was_not_parsed_is_found() {
        let folder = three_files();
        let source = folder.source();
        let known: Vec<_> = scan(&source, &[]).unwrap().files.into_iter().map(|file| file.known).collect();
        folder.write("d.csv", format!("{HEAD}2015-01-08,c,6\n"));
        let mut second = scan(&source, &known).unwrap();
        let error = read(&source, &mut second, |_| true).unwrap_err();
        assert_eq!(error.problems.len(), 1);
        assert!(error.problems[0].place.path.ends_with("d.csv"));
        assert!(error.problems[0].other.as_ref().unwrap().path.ends_with("c.csv"));
    }

    #[test]
    fn real_bars_are_read() {
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        if !base.join("data/source/bars/csi_mini.csv").is_file() {
            return;
        }
        let files = Files {
            csv: Some(OneOrMany::One("data/source/bars/csi_mini.csv".into())),
            columns: mapping(&[("instrument", "symbol"), ("session", "date")]),
            ..Files::default()
        };
        let calendar = Calendar::builtin("XSHG").unwrap();
        let source = FileSource {
            base: &base,
            files: &files,
            copies: None,
            session: None,
            calendar: Some(&calendar),
            time: None,
            off_calendar: OffCalendar::Error,
            start: None,
            key: &[],
        };
        let mut scan = scan(&source, &[]).unwrap();
        let (first, last) = scan.sessions.unwrap();
        assert_eq!((first.to_string().as_str(), last.to_string().as_str()), ("2014-01-02", "2017-12-29"));
        let frame = read(&source, &mut scan, |_| true).unwrap();
        assert_eq!(frame.height(), 30_000);
        let names = ["session", "instrument", "open", "high", "low", "close", "volume"];
        assert_eq!(frame.get_column_names(), names);
        let symbols: std::collections::BTreeSet<String> = cells(&frame, "instrument").into_iter().collect();
        assert_eq!(symbols.len(), 39);
        assert_eq!(cells(&frame.head(Some(1)), "instrument"), ["sh.000300"]);
        assert_eq!(cells(&frame.head(Some(1)), "close"), ["2321.978"]);
    }

    #[test]
    fn a_long_file_is_not_read_whole_for_its_header() {
        let mut folder = Folder::new();
        folder.files.encoding = assetctl_config::Encoding::Gbk;
        let mut bytes = b"session,\"instru\nment\",\"\xca\xd5\"\n".to_vec();
        let names = |folder: &Folder| {
            crate::schema(&folder.source()).map(|columns| columns.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
        };
        while bytes.len() < 200_000 {
            bytes.extend_from_slice(b"2015-01-05,\xbc\xd7,1\n");
        }
        // What is wrong at the end is none of the header's business.
        bytes.push(0xff);
        folder.write("a.csv", &bytes);
        assert_eq!(names(&folder).unwrap(), ["session", "instru\nment", "收"]);
        let wide: String = (0..500).map(|at| format!(",{at}{}", "x".repeat(300))).collect();
        folder.write("a.csv", format!("session{wide}\n"));
        assert_eq!(names(&folder).unwrap().len(), 501);
    }
}
