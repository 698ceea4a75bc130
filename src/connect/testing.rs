//! A folder of files to try sources on.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use assetctl_calendar::Calendar;
use assetctl_config::{BarTimes, Files, OffCalendar, OneOrMany};
use chrono::NaiveDate;
use tempfile::TempDir;

use crate::source::FileSource;

/// A source of CSV files on the calendar XSHG, in a folder of its own.
pub(crate) struct Folder {
    _temporary: TempDir,
    base: PathBuf,
    pub calendar: Arc<Calendar>,
    pub files: Files,
    pub time: Option<BarTimes>,
    pub off_calendar: OffCalendar,
    pub start: Option<NaiveDate>,
    pub key: Vec<String>,
    /// The folder for copies of objects.
    pub copies: Option<PathBuf>,
    /// The pattern of the files' names that gives the session.
    pub session: Option<String>,
    pub table: bool,
}

impl Folder {
    pub fn new() -> Self {
        Self::within("")
    }

    /// The source's base is a folder of this name.
    pub fn within(name: &str) -> Self {
        let temporary = TempDir::new().unwrap();
        let base = temporary.path().join(name);
        fs::create_dir_all(&base).unwrap();
        Self {
            _temporary: temporary,
            base,
            calendar: Calendar::builtin("XSHG").unwrap(),
            files: Files { csv: Some(OneOrMany::One("*.csv".into())), ..Files::default() },
            time: None,
            off_calendar: OffCalendar::Error,
            start: None,
            key: Vec::new(),
            copies: None,
            session: None,
            table: false,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own files need no crash safety")]
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn csv(&mut self, patterns: &[&str]) {
        self.files.csv = Some(OneOrMany::Many(patterns.iter().map(|&pattern| pattern.into()).collect()));
    }

    pub fn source(&self) -> FileSource<'_> {
        FileSource {
            base: &self.base,
            files: &self.files,
            copies: self.copies.as_deref(),
            session: self.session.as_deref(),
            calendar: (!self.table).then_some(&*self.calendar),
            time: self.time.as_ref(),
            off_calendar: self.off_calendar,
            start: self.start,
            key: &self.key,
        }
    }
}

/// `columns:` as a user writes it.
pub(crate) fn mapping(pairs: &[(&str, &str)]) -> assetctl_config::Ordered<String> {
    pairs.iter().map(|&(name, from)| (name.to_owned(), from.to_owned())).collect()
}

/// A column as text, cell by cell; `null` for a missing value.
pub(crate) fn cells(frame: &polars::prelude::DataFrame, name: &str) -> Vec<String> {
    let column = frame.column(name).unwrap();
    (0..frame.height()).map(|row| column.get(row).unwrap().to_string().trim_matches('"').to_owned()).collect()
}

/// All rows of a folder's source.
pub(crate) fn read_all(folder: &Folder) -> polars::prelude::DataFrame {
    let source = folder.source();
    let mut scan = crate::scan(&source, &[]).unwrap();
    crate::read(&source, &mut scan, |_| true).unwrap()
}

/// The problems that a scan of a folder's source finds.
pub(crate) fn problems(folder: &Folder) -> Vec<crate::Problem> {
    crate::scan(&folder.source(), &[]).map(|_| ()).unwrap_err().problems
}
