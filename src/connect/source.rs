//! What a source is, and the columns it has.

use std::path::Path;

use assetctl_calendar::Calendar;
use assetctl_config::{BarTimes, ColumnType, Files, OffCalendar, TimeFormat};
use chrono::NaiveDate;

use crate::error::ConnectError;
use crate::files::find;
use crate::header::Header;
use crate::load::Loader;
use crate::objects::{has_copies, is_object, refresh};

/// Files of rows, and how to read them.
#[derive(Debug, Clone, Copy)]
pub struct FileSource<'a> {
    /// The folder that patterns are relative to.
    pub base: &'a Path,
    pub files: &'a Files,
    /// The folder for copies of objects, of a source that names any.
    pub copies: Option<&'a Path>,
    /// The pattern of the files' names, where the session of a file's rows stands in its name.
    pub session: Option<&'a str>,
    /// The calendar that sessions are held against; `None` for a `table`, which has no sessions.
    pub calendar: Option<&'a Calendar>,
    /// How the times of rows are written, where rows have any: then the column `time` belongs to the key, and says of which session a row is.
    pub time: Option<&'a BarTimes>,
    /// What becomes of a row whose date is no session.
    pub off_calendar: OffCalendar,
    /// Rows before this date are left out unread.
    pub start: Option<NaiveDate>,
    /// The columns that identify a row of a `table`; none: rows may repeat. A source's rows are identified by session,
    /// instrument and time, whatever stands here.
    pub key: &'a [String],
}

impl<'a> FileSource<'a> {
    /// Files of which only where they lie is of interest.
    pub(crate) fn of_nothing(base: &'a Path, files: &'a Files) -> Self {
        Self {
            base,
            files,
            copies: None,
            session: None,
            calendar: None,
            time: None,
            off_calendar: OffCalendar::Error,
            start: None,
            key: &[],
        }
    }
}

impl FileSource<'_> {
    /// Whether any of its paths is of an object store, of which copies are kept.
    pub fn has_objects(&self) -> bool {
        let forms = [&self.files.csv, &self.files.jsonl, &self.files.parquet];
        forms.into_iter().flatten().flat_map(|paths| paths.as_slice()).any(|path| is_object(path))
    }

    /// Whether the session of a row stands in a column of its file. A time that has a date needs none beside it; if there is one, the
    /// two are held against each other.
    pub(crate) fn has_session_column(&self, header: &Header) -> bool {
        if self.session.is_some() {
            return false;
        }
        let of_day = |times: &BarTimes| times.format.as_deref().and_then(TimeFormat::of) == Some(TimeFormat::OfDay);
        let is_there = header.position("session").is_some() || self.files.columns.get("session").is_some();
        is_there || self.time.is_none_or(of_day)
    }
}

/// The columns of a source by our names: `session`, `instrument` if the files have it, `time` of bars within a session, then the others in the order of
/// the first file. Reads the first file's header and nothing more; objects of which there are no copies are copied first. A column of a CSV file is a number unless `types:`
/// says otherwise; a Parquet file knows its types.
///
/// # Errors
/// No file, an unreadable or ambiguous header, a mapped or typed column that is not there.
pub fn schema(source: &FileSource) -> Result<Vec<(String, ColumnType)>, ConnectError> {
    if !has_copies(source) {
        refresh(source)?;
    }
    let files = find(source)?;
    let layout = Loader::new(source)?.layout(&files)?;
    Ok(layout.columns.into_iter().map(|column| (column.name, column.kind)).collect())
}
