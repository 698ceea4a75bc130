//! Calendar files: CSV with the columns of [`HEADER`] in any order. No field of such a file can hold a comma, so quotes are
//! accepted around a field (spreadsheets write them) and mean nothing.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Timelike, Utc};

use crate::hours::{Hours, seconds_from};
use crate::{Calendar, CalendarFileError, CalendarFileProblem as Problem};

pub(crate) const HEADER: &str = "session,open_utc,break_start_utc,break_end_utc,close_utc,is_half_day";

const SESSION: &str = "session";
const OPEN: &str = "open_utc";
const BREAK_START: &str = "break_start_utc";
const BREAK_END: &str = "break_end_utc";
const CLOSE: &str = "close_utc";
const HALF_DAY: &str = "is_half_day";
const COLUMNS: [&str; 6] = [SESSION, OPEN, BREAK_START, BREAK_END, CLOSE, HALF_DAY];

/// Reads a calendar; blank lines are skipped.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Calendar, CalendarFileError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|e| not_utf8(bytes, e.valid_up_to()))?;
    let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let Some((header, header_line)) = lines.next() else {
        return Err(CalendarFileError { line: 1, column: 1, problem: Problem::Empty });
    };
    let columns = columns(&Row::new(header, header_line))?;

    let mut dates: Vec<NaiveDate> = Vec::new();
    let mut hours = Vec::new();
    let mut distinct = Vec::new();
    let mut index: HashMap<Hours, u32> = HashMap::new();
    let mut last_line = header_line;
    let mut previous: Option<(NaiveDate, DateTime<Utc>)> = None;
    for (line, number) in lines {
        let row = Row::new(line, number);
        let line = Line { row: &row, columns: &columns };
        let (date, of_day, open, close) = line.session()?;
        if let Some((before, closed)) = previous {
            if date <= before {
                return Err(line.error(SESSION, Problem::NotAscending { date, previous: before }));
            }
            if open < closed {
                return Err(line.error(OPEN, Problem::Overlap));
            }
        }
        previous = Some((date, close));
        last_line = number;
        let next = index.len() as u32;
        let position = *index.entry(of_day).or_insert(next);
        if position == next {
            distinct.push(of_day);
        }
        dates.push(date);
        hours.push(position);
    }
    if dates.is_empty() {
        return Err(CalendarFileError { line: last_line + 1, column: 1, problem: Problem::Empty });
    }
    Ok(Calendar { name: name.into(), time_zone: "UTC".into(), dates, hours, distinct, daily: None })
}

/// A line cut into fields.
struct Row<'a> {
    line: usize,
    /// Each field without spaces and quotes around it, and the character it starts at, from 1.
    fields: Vec<(&'a str, usize)>,
}

impl<'a> Row<'a> {
    fn new(text: &'a str, line: usize) -> Row<'a> {
        let mut column = 1;
        let fields = text.split(',').map(|raw| {
            let start = column;
            column += raw.chars().count() + 1;
            let spaces = raw.chars().take_while(|c| c.is_whitespace()).count();
            let field = raw.trim();
            let bare = field.strip_prefix('"').and_then(|f| f.strip_suffix('"'));
            (bare.unwrap_or(field), start + spaces)
        });
        Row { line, fields: fields.collect() }
    }

    fn error(&self, field: usize, problem: Problem) -> CalendarFileError {
        let column = self.fields.get(field).map_or(1, |(_, column)| *column);
        CalendarFileError { line: self.line, column, problem }
    }
}

/// The position of each of [`COLUMNS`] in the file.
fn columns(header: &Row) -> Result<[usize; COLUMNS.len()], CalendarFileError> {
    for (at, (name, _)) in header.fields.iter().enumerate() {
        if !COLUMNS.contains(name) {
            return Err(header.error(at, Problem::UnknownColumn((*name).into())));
        }
        if header.fields[..at].iter().any(|(earlier, _)| earlier == name) {
            return Err(header.error(at, Problem::RepeatedColumn((*name).into())));
        }
    }
    let mut columns = [0; COLUMNS.len()];
    for (column, name) in columns.iter_mut().zip(COLUMNS) {
        let found = header.fields.iter().position(|(field, _)| *field == name);
        *column = found.ok_or_else(|| header.error(0, Problem::MissingColumn(name)))?;
    }
    Ok(columns)
}

/// A line below the header.
struct Line<'a> {
    row: &'a Row<'a>,
    columns: &'a [usize; COLUMNS.len()],
}

impl Line<'_> {
    fn session(&self) -> Result<(NaiveDate, Hours, DateTime<Utc>, DateTime<Utc>), CalendarFileError> {
        let (found, expected) = (self.row.fields.len(), COLUMNS.len());
        if found != expected {
            let past = found.min(expected) - 1;
            return Err(self.row.error(past, Problem::Fields { found, expected }));
        }
        let date = self.date()?;
        let (open, close) = (self.instant(OPEN)?, self.instant(CLOSE)?);
        let lunch = match (self.field(BREAK_START), self.field(BREAK_END)) {
            ("", "") => None,
            ("", _) => return Err(self.error(BREAK_START, Problem::HalfABreak)),
            (_, "") => return Err(self.error(BREAK_END, Problem::HalfABreak)),
            _ => Some((self.instant(BREAK_START)?, self.instant(BREAK_END)?)),
        };
        let mut earlier = (OPEN, open);
        let breaks = lunch.into_iter().flat_map(|(start, end)| [(BREAK_START, start), (BREAK_END, end)]);
        for later in breaks.chain([(CLOSE, close)]) {
            if later.1 <= earlier.1 {
                return Err(self.error(later.0, Problem::OutOfOrder { earlier: earlier.0, later: later.0 }));
            }
            earlier = later;
        }
        let seconds = |column, instant| {
            seconds_from(date, instant).ok_or_else(|| self.error(column, Problem::FarFromDate { column }))
        };
        let lunch = match lunch {
            None => None,
            Some((start, end)) => Some((seconds(BREAK_START, start)?, seconds(BREAK_END, end)?)),
        };
        let hours =
            Hours { open: seconds(OPEN, open)?, close: seconds(CLOSE, close)?, lunch, half_day: self.half_day()? };
        Ok((date, hours, open, close))
    }

    fn position(&self, column: &'static str) -> usize {
        COLUMNS.iter().zip(self.columns).find(|(name, _)| **name == column).map_or(0, |(_, at)| *at)
    }

    fn field(&self, column: &'static str) -> &str {
        self.row.fields[self.position(column)].0
    }

    fn error(&self, column: &'static str, problem: Problem) -> CalendarFileError {
        self.row.error(self.position(column), problem)
    }

    fn date(&self) -> Result<NaiveDate, CalendarFileError> {
        let value = self.field(SESSION);
        // chrono also takes `2024-1-2` and `+2024-01-02`.
        let date = if value.len() == 10 { value.parse().ok() } else { None };
        date.ok_or_else(|| self.error(SESSION, Problem::NotADate { column: SESSION, value: value.into() }))
    }

    /// An RFC 3339 instant of whole seconds; any offset is taken, and means what it says.
    fn instant(&self, column: &'static str) -> Result<DateTime<Utc>, CalendarFileError> {
        let value = self.field(column);
        let instant = DateTime::parse_from_rfc3339(value).ok().filter(|i| i.nanosecond() == 0);
        instant
            .map(|i| i.with_timezone(&Utc))
            .ok_or_else(|| self.error(column, Problem::NotAnInstant { column, value: value.into() }))
    }

    fn half_day(&self) -> Result<bool, CalendarFileError> {
        match self.field(HALF_DAY) {
            "0" => Ok(false),
            "1" => Ok(true),
            value => Err(self.error(HALF_DAY, Problem::NotAFlag { value: value.into() })),
        }
    }
}

fn not_utf8(bytes: &[u8], valid: usize) -> CalendarFileError {
    let before = String::from_utf8_lossy(&bytes[..valid]);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    CalendarFileError { line, column, problem: Problem::NotUtf8 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SessionIx;

    const GOOD: &str =
        "2027-01-04,2027-01-04T01:30:00Z,2027-01-04T03:30:00Z,2027-01-04T05:00:00Z,2027-01-04T07:00:00Z,0";

    fn failure(lines: &str) -> String {
        read("mine", format!("{HEADER}\n{lines}").as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn bom_carriage_returns_quotes_blank_lines_and_column_order_do_not_matter() {
        let plain = read("mine", format!("{HEADER}\n{GOOD}\n").as_bytes()).unwrap();
        let dressed = "\u{feff}\"session\",is_half_day,open_utc, close_utc,break_end_utc,break_start_utc\r\n\r\n\
                       2027-01-04,0,2027-01-04T09:30:00+08:00, 2027-01-04T07:00:00Z,\"2027-01-04T05:00:00Z\",2027-01-04T03:30:00Z\r\n";
        assert_eq!(read("mine", dressed.as_bytes()).unwrap(), plain);
        assert_eq!((plain.name(), plain.time_zone(), plain.len()), ("mine", "UTC", 1));
    }

    #[test]
    fn a_night_session_opens_on_the_evening_before() {
        let night = "2027-01-04,2027-01-03T13:00:00Z,,,2027-01-04T07:00:00Z,1\n";
        let calendar = read("futures", format!("{HEADER}\n{night}").as_bytes()).unwrap();
        let session = calendar.session(SessionIx(0));
        assert_eq!(session.open, "2027-01-03T13:00:00Z".parse::<DateTime<Utc>>().unwrap());
        assert_eq!((session.lunch, session.half_day), (None, true));
    }

    #[test]
    fn every_mistake_names_its_place_and_what_to_do() {
        for (lines, message) in [
            ("", "line 2, column 1: the file has no sessions; add one line per session below the header"),
            ("2027-13-01,,,,,0", "line 2, column 1: `2027-13-01` is not a date; write `session` as YYYY-MM-DD"),
            ("2027-1-04,,,,,0", "line 2, column 1: `2027-1-04` is not a date; write `session` as YYYY-MM-DD"),
            (
                "2027-01-04,2027-01-04 09:30,,,2027-01-04T07:00:00Z,0",
                "line 2, column 12: `2027-01-04 09:30` is not an instant; write `open_utc` as YYYY-MM-DDTHH:MM:SSZ",
            ),
            (
                "2027-01-04,2027-01-04T01:30:00Z,,,,0",
                "line 2, column 35: `` is not an instant; write `close_utc` as YYYY-MM-DDTHH:MM:SSZ",
            ),
            (
                "2027-01-04,2027-01-04T01:30:00Z,,,2027-01-04T07:00:00.5Z,0",
                "line 2, column 35: `2027-01-04T07:00:00.5Z` is not an instant; write `close_utc` as YYYY-MM-DDTHH:MM:SSZ",
            ),
            (
                "2027-01-04,2027-01-04T01:30:00Z,2027-01-04T03:30:00Z,,2027-01-04T07:00:00Z,0",
                "line 2, column 54: a break needs both `break_start_utc` and `break_end_utc`; give both or neither",
            ),
            (
                "2027-01-04,2027-01-04T07:00:00Z,,,2027-01-04T01:30:00Z,0",
                "line 2, column 35: `close_utc` is not after `open_utc`; open, break start, break end and close must ascend",
            ),
            (
                "2027-01-04,2026-01-04T01:30:00Z,,,2027-01-04T07:00:00Z,0",
                "line 2, column 12: `open_utc` is more than a month away from the session's date; correct the one or the other",
            ),
            (
                "2027-01-04,2027-01-04T01:30:00Z,,,2027-01-04T07:00:00Z,no",
                "line 2, column 56: `no` is neither 0 nor 1; write 1 for a half-day, 0 for any other session",
            ),
            (
                "2027-01-04,2027-01-04T01:30:00Z",
                "line 2, column 12: 2 fields where the header has 6; give each column a field, empty where there is no value",
            ),
            (
                &format!("{GOOD}\n\n{GOOD}"),
                "line 4, column 1: session `2027-01-04` does not come after `2027-01-04`, the session of the line before; sort the file and keep each once",
            ),
            (
                &format!("{GOOD}\n2027-01-05,2027-01-04T06:00:00Z,,,2027-01-05T07:00:00Z,0"),
                "line 3, column 12: the session opens before the session of the line before has closed",
            ),
        ] {
            assert_eq!(failure(lines), message);
        }
    }

    #[test]
    fn a_wrong_header_is_refused() {
        let at = |bytes: &[u8]| read("mine", bytes).unwrap_err();
        assert_eq!(at(b"").problem, Problem::Empty);
        let unknown = at(b"session,open\n");
        assert_eq!((unknown.column, unknown.problem), (9, Problem::UnknownColumn("open".into())));
        assert_eq!(at(b"session,open_utc,session\n").problem, Problem::RepeatedColumn("session".into()));
        assert_eq!(at(b"session,open_utc\n").problem, Problem::MissingColumn(BREAK_START));
        let gbk = at(b"session,open_utc\n2027,\xd6\xd0");
        assert_eq!((gbk.line, gbk.column, gbk.problem), (2, 6, Problem::NotUtf8));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(lines in "[0-9TZ:,\"\r\n\u{feff}é+-]{0,200}") {
            let _ = read("any", lines.as_bytes());
            let _ = read("any", format!("{HEADER}\n{lines}").as_bytes());
            let _ = read("any", format!("{HEADER}\n{GOOD}{lines}").as_bytes());
        }
    }
}
