//! How a source's files are read: its columns by our names, where each comes from, and how values are written.

use assetctl_calendar::SessionIx;
use assetctl_config::{ColumnType, Encoding, Files, OffCalendar};

use crate::date::to_days;
use crate::error::{ConnectError, Problem, Problems};
use crate::header::Header;
use crate::moments;
use crate::settings::Settings;
use crate::source::FileSource;
use crate::suggest;

/// Rises when the same bytes come to be read otherwise: then everything is read again.
const READER_VERSION: u32 = 1;

/// One column by our name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub name: String,
    pub kind: ColumnType,
    /// The files' name of it.
    pub from: String,
}

/// The columns of a source, as its first file has them.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// For a source the keys first: `session`, then `instrument` if there is such a column, then `time` if rows have one.
    pub columns: Vec<Column>,
    /// How many of the columns are keys: 0 for a table.
    pub keys: usize,
    pub has_instrument: bool,
    /// The last of the keys is `time`.
    pub has_time: bool,
    /// The session is a column of the files. Otherwise it is in their names or follows from the time, and the first column is none of theirs.
    pub has_session: bool,
    pub settings: Settings,
    /// The name of the file that the columns are those of.
    pub first: String,
    /// Of everything that decides what is read from given bytes.
    pub hash: [u8; 16],
    /// Of the columns' names and types.
    pub shape: [u8; 16],
}

impl Layout {
    /// # Errors
    /// Columns that are mapped or typed but not there, two columns of one name, a source without `session`.
    pub fn new(source: &FileSource, settings: Settings, header: &Header, first: &str) -> Result<Self, ConnectError> {
        let mut problems = Problems::default();
        let mut columns = columns(source.files, source.time.is_some(), header, &mut problems);
        let (has_session, has_time) = (source.has_session_column(header), source.time.is_some());
        if !has_session && source.calendar.is_some() {
            add_session(&mut columns, source, header, &mut problems);
        }
        check_types(source, &columns, header, &mut problems);
        let (mut keys, mut has_instrument) = (0, false);
        if source.calendar.is_some() {
            match columns.iter().position(|column| column.name == "session") {
                // A wrong name in `columns:` has been reported.
                None if source.files.columns.get("session").is_some() => {}
                None => problems.push(no_session(header, &settings)),
                Some(at) => {
                    columns[..=at].rotate_right(1);
                    keys = 1;
                    has_instrument = lead(&mut columns, &mut keys, "instrument");
                    if has_time && !lead(&mut columns, &mut keys, "time") && source.files.columns.get("time").is_none()
                    {
                        problems.push(no_time(header));
                    }
                }
            }
        } else {
            for key in source.key.iter().filter(|key| columns.iter().all(|column| column.name != **key)) {
                let names = || columns.iter().map(|column| column.name.as_str());
                let help = meant(key, names());
                problems.push(
                    Problem::new(header.place.clone(), format!("there is no column `{key}` for `key:`")).help(help),
                );
            }
        }
        problems.into_result()?;
        let shape = shape(&columns, keys);
        let hash = hash(source, &settings, &columns, &shape);
        let has_session = has_session || source.calendar.is_none();
        Ok(Self {
            columns,
            keys,
            has_instrument,
            has_time,
            has_session,
            settings,
            first: first.to_owned(),
            hash,
            shape,
        })
    }

    /// The columns that are in the files.
    pub fn fields(&self) -> &[Column] {
        &self.columns[usize::from(!self.has_session)..]
    }

    /// The columns that are no keys.
    pub fn values(&self) -> &[Column] {
        &self.columns[self.keys..]
    }

    /// Where each of the `fields()` is in a file.
    ///
    /// # Errors
    /// The file lacks a column that the first file has.
    pub fn bind(&self, header: &Header) -> Result<Vec<usize>, Problem> {
        self.fields()
            .iter()
            .map(|column| {
                header.position(&column.from).ok_or_else(|| {
                    Problem::new(
                        header.place.clone(),
                        format!("the file has no column `{}`, which `{}` has", column.from, self.first),
                    )
                    .help(format!(
                        "all files of a source have the same columns; {}",
                        meant(&column.from, header.named())
                    ))
                })
            })
            .collect()
    }

    /// The columns of a file that the first file does not have, and that are therefore not read.
    pub fn ignored<'h>(&self, header: &'h Header) -> Vec<&'h str> {
        header.named().filter(|name| self.fields().iter().all(|column| column.from != *name)).collect()
    }
}

/// The columns in the order of the file.
fn columns(files: &Files, is_timed: bool, header: &Header, problems: &mut Problems) -> Vec<Column> {
    for (name, from) in files.columns.iter() {
        if header.position(from).is_none() {
            let message = format!("there is no column `{from}` in the file, which `columns:` maps to `{name}`");
            let problem = Problem::new(header.place.clone(), message).help(meant(from, header.named()));
            problems.push(problem.declared(["columns", name]));
        }
    }
    let mut columns: Vec<Column> = Vec::with_capacity(header.names.len());
    for (at, from) in header.names.iter().enumerate().filter(|(_, from)| !from.is_empty()) {
        let mapped: Vec<&str> = files
            .columns
            .iter()
            .filter(|(_, target)| target.as_str() == from.as_str())
            .map(|(name, _)| name.as_ref())
            .collect();
        let names = if mapped.is_empty() { vec![from.as_str()] } else { mapped };
        for name in names {
            let kind = match (name, files.types.get(name)) {
                (_, Some(&kind)) => kind,
                ("session", None) => ColumnType::Date,
                ("instrument", None) => ColumnType::Text,
                ("time", None) if is_timed => ColumnType::Time,
                (_, None) => header.kinds.get(at).copied().unwrap_or(ColumnType::Number),
            };
            if let Some(other) = columns.iter().find(|column| column.name == name) {
                let message =
                    format!("the columns `{}` and `{from}` of the file would both be called `{name}`", other.from);
                let own = if other.from == name { &other.from } else { from };
                let help = format!("give the other a name as well, in `columns:`: `{own}_2: {own}`");
                problems.push(Problem::new(header.place.clone(), message).help(help));
                continue;
            }
            columns.push(Column { name: name.to_owned(), kind, from: from.clone() });
        }
    }
    columns
}

/// Brings a column to the place behind the keys, if it is there, and makes it one of them.
fn lead(columns: &mut [Column], keys: &mut usize, name: &str) -> bool {
    let Some(at) = columns.iter().position(|column| column.name == name) else { return false };
    columns[*keys..=at].rotate_right(1);
    *keys += 1;
    true
}

/// The session as a column that is in no file.
fn add_session(columns: &mut Vec<Column>, source: &FileSource, header: &Header, problems: &mut Problems) {
    if source.session.is_some() && columns.iter().any(|column| column.name == "session") {
        let message = "the session is in the file's name, and the file has a column `session`";
        let help = "take `session:` away, or give the column another name, in `columns:`: `session_2: session`";
        problems.push(Problem::new(header.place.clone(), message).help(help).declared(["session", "file_name"]));
        return;
    }
    columns.insert(0, Column { name: "session".to_owned(), kind: ColumnType::Date, from: String::new() });
}

fn check_types(source: &FileSource, columns: &[Column], header: &Header, problems: &mut Problems) {
    for (name, kind) in &source.files.types {
        if columns.iter().all(|column| column.name != *name) {
            let problem =
                Problem::new(header.place.clone(), format!("there is no column `{name}`, which `types:` declares"))
                    .declared(["types", name]);
            problems.push(match columns.iter().find(|column| column.from == *name) {
                Some(renamed) => problem.help(format!("it is called `{}` by `columns:`; use that name", renamed.name)),
                None => problem.help(meant(name, columns.iter().map(|column| column.name.as_str()))),
            });
        }
        let fixed = match name.as_str() {
            "session" => ColumnType::Date,
            "instrument" => ColumnType::Text,
            "time" if source.time.is_some() => ColumnType::Time,
            _ => continue,
        };
        if source.calendar.is_some() && *kind != fixed {
            let what = match fixed {
                ColumnType::Date => "a date",
                ColumnType::Time => "a time",
                _ => "text",
            };
            problems.push(
                Problem::new(header.place.clone(), format!("`{name}` of a source is always {what}"))
                    .help(format!("remove `{name}` from `types:`"))
                    .declared(["types", name]),
            );
        }
    }
}

fn meant<'a>(name: &str, candidates: impl Iterator<Item = &'a str> + Clone) -> String {
    let all = suggest::list(candidates.clone(), 12);
    match assetctl_config::did_you_mean(name, candidates) {
        Some(near) => format!("did you mean `{near}`? The columns are {all}"),
        None => format!("the columns are {all}"),
    }
}

fn no_session(header: &Header, settings: &Settings) -> Problem {
    let problem = Problem::new(header.place.clone(), "there is no column `session`");
    if let [only] = header.names.as_slice()
        && let Some(delimiter) =
            [',', ';', '\t', '|'].into_iter().find(|&mark| only.contains(mark) && settings.delimiter != mark as u8)
    {
        let named = if delimiter == '\t' { "tab".to_owned() } else { format!("\"{delimiter}\"") };
        return problem.help(format!(
            "the header is one field with `{}` in it: try `delimiter: {named}`",
            delimiter.escape_debug()
        ));
    }
    const USUAL: [&str; 12] = [
        "date",
        "trade_date",
        "trading_date",
        "tradedate",
        "datetime",
        "day",
        "timestamp",
        "time",
        "dt",
        "日期",
        "交易日期",
        "时间",
    ];
    let usual = header.named().find(|name| USUAL.contains(&name.to_lowercase().as_str()));
    let likely = usual.or_else(|| assetctl_config::did_you_mean("session", header.named()));
    problem.help(match likely {
        Some(name) => format!("if `{name}` holds the date, say so: `columns: {{ session: {name} }}`"),
        None => format!(
            "say which column holds the date: `columns: {{ session: … }}`; the columns are {}",
            suggest::list(header.named(), 12)
        ),
    })
}

fn no_time(header: &Header) -> Problem {
    const USUAL: [&str; 10] =
        ["datetime", "date_time", "trade_time", "timestamp", "bar_time", "open_time", "dt", "date", "时间", "交易时间"];
    let usual = header.named().find(|name| USUAL.contains(&name.to_lowercase().as_str()));
    Problem::new(header.place.clone(), "there is no column `time`, which `time:` is about").help(
        match usual.or_else(|| assetctl_config::did_you_mean("time", header.named())) {
            Some(name) => format!("if `{name}` holds it, say so: `columns: {{ time: {name} }}`"),
            None => format!(
                "say which column holds it: `columns: {{ time: … }}`; the columns are {}",
                suggest::list(header.named(), 12)
            ),
        },
    )
}

/// Bytes to hash: every part tells its own length, so that no two lists of parts give the same bytes.
#[derive(Default)]
struct Parts(blake3::Hasher);

impl Parts {
    fn text(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    fn option(&mut self, text: Option<&str>) {
        self.0.update(&[u8::from(text.is_some())]);
        self.text(text.unwrap_or_default());
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn finish(&self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        short
    }
}

fn shape(columns: &[Column], keys: usize) -> [u8; 16] {
    let mut parts = Parts::default();
    parts.number(keys as u64);
    for column in columns {
        parts.text(&column.name);
        parts.number(match column.kind {
            ColumnType::Number => 0,
            ColumnType::Text => 1,
            ColumnType::Bool => 2,
            ColumnType::Date => 3,
            ColumnType::Time => 4,
        });
    }
    parts.finish()
}

fn hash(source: &FileSource, settings: &Settings, columns: &[Column], shape: &[u8; 16]) -> [u8; 16] {
    let mut parts = Parts::default();
    parts.number(u64::from(READER_VERSION));
    parts.0.update(shape);
    for column in columns {
        parts.text(&column.from);
    }
    parts.number(u64::from(settings.delimiter));
    parts.number(u64::from(settings.encoding == Encoding::Gbk));
    parts.option(settings.numbers.thousands.as_deref());
    parts.option(settings.numbers.decimal.as_deref());
    parts.option(settings.date_format.as_deref());
    parts.number(settings.missing.len() as u64);
    for missing in &settings.missing {
        parts.text(missing);
    }
    for key in source.key {
        parts.text(key);
    }
    if let Some(pattern) = source.session {
        parts.text("session in the name");
        parts.text(pattern);
    }
    if let (Some(times), Some(calendar)) = (source.time, source.calendar) {
        // The hours of a session decide which rows are there, and of which session they are.
        parts.text(&moments::spec(calendar, times).to_string());
    }
    if let Some(calendar) = source.calendar {
        parts.number(u64::from(source.off_calendar == OffCalendar::Skip));
        parts.option(source.start.map(|start| start.to_string()).as_deref());
        parts.text(calendar.time_zone());
        // Which dates are sessions decides which rows are there.
        let mut days = Vec::with_capacity(calendar.len() * 4);
        for ix in 0..u32::try_from(calendar.len()).unwrap_or(u32::MAX) {
            days.extend_from_slice(&to_days(calendar.date(SessionIx(ix)).date()).to_le_bytes());
        }
        parts.0.update(&days);
    }
    parts.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Place;
    use crate::testing::{Folder, mapping};

    fn header(names: &[&str]) -> Header {
        Header::new(Place::default(), names.iter().map(|&name| name.into()).collect(), vec![]).unwrap()
    }

    fn layout(folder: &Folder, names: &[&str]) -> Result<Layout, ConnectError> {
        let source = folder.source();
        Layout::new(&source, Settings::new(&source)?, &header(names), "a.csv")
    }

    fn refused(folder: &Folder, names: &[&str]) -> String {
        layout(folder, names).unwrap_err().to_string()
    }

    #[test]
    fn keys_come_first_and_the_rest_keep_their_order() {
        let mut folder = Folder::new();
        folder.files.columns = mapping(&[("instrument", "symbol"), ("session", "date")]);
        folder.files.types.insert("name".into(), ColumnType::Text);
        let layout = layout(&folder, &["open", "symbol", "", "name", "date", "close"]).unwrap();
        let got: Vec<_> = layout.columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
        use ColumnType::{Date, Number, Text};
        let wanted = [("session", Date), ("instrument", Text), ("open", Number), ("name", Text), ("close", Number)];
        assert_eq!(got, wanted);
        assert_eq!(layout.bind(&header(&["date", "close", "symbol", "name", "open"])), Ok(vec![0, 2, 4, 3, 1]));
        let lacking = layout.bind(&header(&["date", "clos", "symbol", "name", "open"])).unwrap_err();
        assert_eq!(lacking.message, "the file has no column `close`, which `a.csv` has");
        assert!(lacking.help.unwrap().contains("did you mean `clos`?"));
        assert_eq!(layout.ignored(&header(&["date", "close", "symbol", "name", "open", "x"])), ["x"]);
    }

    #[test]
    fn mistakes_are_explained() {
        let mut folder = Folder::new();
        assert!(refused(&folder, &["symbol", "date"]).contains("say so: `columns: { session: date }`"));
        assert!(refused(&folder, &["session;close"]).contains("try `delimiter: \";\"`"));
        folder.files.columns = mapping(&[("close", "Clse")]);
        assert!(refused(&folder, &["session", "Close"]).contains("did you mean `Close`?"));
        folder.files.columns = mapping(&[("close", "Close")]);
        let both = refused(&folder, &["session", "close", "Close"]);
        assert!(both.contains("`close` and `Close` of the file would both be called `close`"), "{both}");
        assert!(both.contains("`close_2: close`"), "{both}");
        folder.files.types.insert("Close".into(), ColumnType::Text);
        assert!(refused(&folder, &["session", "Close"]).contains("it is called `close` by `columns:`"));
        folder.files.types = [("session".to_owned(), ColumnType::Text)].into();
        assert!(refused(&folder, &["session", "Close"]).contains("`session` of a source is always a date"));
    }

    #[test]
    fn a_table_needs_no_session_but_its_key() {
        let mut folder = Folder::new();
        folder.table = true;
        folder.key = vec!["symbl".into()];
        assert!(refused(&folder, &["symbol", "name"]).contains("did you mean `symbol`?"));
        folder.key = vec!["symbol".into()];
        assert_eq!(layout(&folder, &["symbol", "name"]).unwrap().keys, 0);
    }

    #[test]
    fn the_hash_covers_what_decides_the_rows() {
        let names = ["session", "instrument", "close", "date"];
        let plain = Folder::new();
        let before = layout(&plain, &names).unwrap();
        assert_eq!(layout(&plain, &names).unwrap().hash, before.hash);
        let changes: [fn(&mut Folder); 6] = [
            |folder| folder.files.columns = mapping(&[("last", "close")]),
            |folder| folder.files.date_format = Some("%Y%m%d".into()),
            |folder| folder.files.missing = vec!["NA".into()],
            |folder| folder.files.thousands = Some(",".into()),
            |folder| folder.start = chrono::NaiveDate::from_ymd_opt(2015, 1, 1),
            |folder| folder.off_calendar = OffCalendar::Skip,
        ];
        for change in changes {
            let mut folder = Folder::new();
            change(&mut folder);
            let after = layout(&folder, &names).unwrap();
            assert_ne!(after.hash, before.hash);
        }
        let mut renamed = Folder::new();
        renamed.files.columns = mapping(&[("last", "close")]);
        assert_ne!(layout(&renamed, &names).unwrap().shape, before.shape);
    }
}
