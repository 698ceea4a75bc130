//! Real bars, as rows of text that can be edited, and the real calendar.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use chrono::NaiveDate;

/// What a slice of bars begins and ends with unless a test says otherwise: 143 sessions, with the halt of July 2015.
pub const FIRST: &str = "2015-02-02";
pub const LAST: &str = "2015-08-31";

/// The instruments of the slice. Suspended within it: sh.600036 on 5 sessions from 2015-04-03; sh.600745 from the start to
/// 2015-04-15 and twice more; sh.601727 on 2015-03-11; sz.000066 from 2015-06-18 to the end; sz.002007 on 3 sessions from
/// 2015-07-08; sz.002129 on the first two sessions and three times more. sh.000300 is an index and never is.
pub const INSTRUMENTS: [&str; 8] =
    ["sh.000300", "sh.600028", "sh.600036", "sh.600745", "sh.601727", "sz.000066", "sz.002007", "sz.002129"];

/// The folder of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A date as the tests write it.
pub fn date(text: &str) -> NaiveDate {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is not a date"))
}

/// One row of the CSV.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub symbol: String,
    pub date: NaiveDate,
    /// open, high, low, close, volume: as the file has them.
    pub values: [String; 5],
}

/// All bars of a CSV of the demo's form.
pub fn read(path: &Path) -> Vec<Bar> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        Bar {
            symbol: fields[0].to_owned(),
            date: date(fields[1]),
            values: std::array::from_fn(|at| fields[2 + at].to_owned()),
        }
    });
    rows.collect()
}

pub fn demo_csv() -> PathBuf {
    repository().join("data/source/bars/csi_mini.csv")
}

/// The demo's bars, read once.
pub fn demo() -> &'static [Bar] {
    static DEMO: OnceLock<Vec<Bar>> = OnceLock::new();
    DEMO.get_or_init(|| read(&demo_csv()))
}

/// Every session of the demo: the dates of the index, which is never suspended.
pub fn calendar() -> &'static [NaiveDate] {
    static CALENDAR: OnceLock<Vec<NaiveDate>> = OnceLock::new();
    CALENDAR.get_or_init(|| demo().iter().filter(|bar| bar.symbol == "sh.000300").map(|bar| bar.date).collect())
}

/// The sessions between two dates, both included.
pub fn sessions(first: &str, last: &str) -> Vec<NaiveDate> {
    let (first, last) = (date(first), date(last));
    calendar().iter().copied().filter(|session| (first..=last).contains(session)).collect()
}

/// The sessions of the slice from a date on.
pub fn sessions_from(first: &str) -> Vec<NaiveDate> {
    sessions(first, LAST)
}

/// `n` sessions from `first` on, cut at the end of the slice: what a window of `n` sessions makes of a change on `first`.
pub fn from_on(first: &str, n: usize) -> Vec<NaiveDate> {
    sessions_from(first).into_iter().take(n).collect()
}

/// A file of bars, edited row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    pub rows: Vec<Bar>,
}

impl Bars {
    /// The bars of some instruments between two dates, both included, in the order of the demo's file.
    pub fn slice(instruments: &[&str], first: &str, last: &str) -> Self {
        let dates = date(first)..=date(last);
        let rows = demo()
            .iter()
            .filter(|bar| instruments.contains(&bar.symbol.as_str()) && dates.contains(&bar.date))
            .cloned()
            .collect();
        Self { rows }
    }

    pub fn csv(&self) -> String {
        let mut text = String::from("symbol,date,open,high,low,close,volume\n");
        for bar in &self.rows {
            let _ = writeln!(text, "{},{},{}", bar.symbol, bar.date, bar.values.join(","));
        }
        text
    }

    fn at(&self, instrument: &str, day: &str) -> usize {
        let day = date(day);
        let found = self.rows.iter().position(|bar| bar.symbol == instrument && bar.date == day);
        found.unwrap_or_else(|| panic!("there is no bar of {instrument} on {day}"))
    }

    pub fn bar(&mut self, instrument: &str, day: &str) -> &mut Bar {
        let at = self.at(instrument, day);
        &mut self.rows[at]
    }

    pub fn set_close(&mut self, instrument: &str, day: &str, close: f64) {
        self.bar(instrument, day).values[3] = close.to_string();
    }

    pub fn close(&self, instrument: &str, day: &str) -> f64 {
        self.rows[self.at(instrument, day)].values[3].parse().unwrap()
    }

    pub fn remove(&mut self, instrument: &str, day: &str) -> Bar {
        let at = self.at(instrument, day);
        self.rows.remove(at)
    }

    /// Adds the real bars of these instruments on one more session.
    pub fn append(&mut self, instruments: &[&str], day: &str) {
        let day = date(day);
        let before = self.rows.len();
        let more = demo().iter().filter(|bar| bar.date == day && instruments.contains(&bar.symbol.as_str()));
        self.rows.extend(more.cloned());
        assert!(self.rows.len() > before, "{day} is no session of the demo");
    }
}
