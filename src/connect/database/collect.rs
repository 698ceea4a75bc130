//! The rows of a query, typed by the rules that files are read by.

use std::collections::HashSet;
use std::path::Path;

use assetctl_calendar::Calendar;
use assetctl_config::{BarTimes, ColumnType, Files, OffCalendar, TimeFormat};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use polars::prelude::DataFrame;

use super::zone;
use crate::cell::Value;
use crate::date::{from_days, to_days};
use crate::error::{ConnectError, Field, Place, Problem, Problems};
use crate::fetch::FetchError;
use crate::frame::frame;
use crate::gate::Gate;
use crate::header::Header;
use crate::layout::Layout;
use crate::moments::Moments;
use crate::rows::{RowBuilder, Rows};
use crate::settings::Settings;
use crate::source::FileSource;
use crate::suggest;
use crate::time::{shown, to_micros};
use crate::unique::{duplicates, order};

/// How many duplicates are told.
const MOST_DUPLICATES: usize = 5;

/// A value as a database gives it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Missing,
    Integer(i64),
    /// With all its digits.
    Decimal(String),
    Double(f64),
    Bool(bool),
    Date(NaiveDate),
    /// Without a time zone.
    Time(NaiveDateTime),
    Instant(DateTime<Utc>),
    Text(String),
}

/// What a source declares of its columns and values.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub asset: String,
    pub files: Files,
    pub time: Option<BarTimes>,
    pub off_calendar: OffCalendar,
}

impl Declared {
    fn source<'a>(&'a self, calendar: &'a Calendar) -> FileSource<'a> {
        FileSource {
            base: Path::new(""),
            files: &self.files,
            copies: None,
            session: None,
            calendar: Some(calendar),
            time: self.time.as_ref(),
            off_calendar: self.off_calendar,
            start: None,
            key: &[],
        }
    }

    /// In which times without an offset are written.
    pub fn zone(&self, calendar: &Calendar) -> Tz {
        let written = self.time.as_ref().and_then(|times| times.zone.as_deref());
        written.and_then(|zone| zone.parse().ok()).unwrap_or_else(|| zone::of(calendar))
    }

    fn moments<'a>(&'a self, calendar: &'a Calendar) -> Option<Moments<'a>> {
        self.time.as_ref().map(|times| Moments::new(calendar, times))
    }

    /// The columns as they are declared: `session`, `instrument` if it is named, those of `columns:`, those of `types:`.
    ///
    /// # Errors
    /// Declarations that contradict each other.
    pub fn layout(&self, calendar: &Calendar) -> Result<Layout, ConnectError> {
        let source = self.source(calendar);
        let mut names: Vec<String> = Vec::new();
        let mut add = |name: &str| {
            if names.iter().all(|known| known != name) {
                names.push(name.to_owned());
            }
        };
        // A time says of which session its row is; a time of day does not.
        let needs_session = self
            .time
            .as_ref()
            .is_none_or(|times| times.format.as_deref().and_then(TimeFormat::of) == Some(TimeFormat::OfDay));
        for key in ["session", "instrument", "time"] {
            let needed = match key {
                "session" => needs_session,
                "time" => self.time.is_some(),
                _ => false,
            };
            match self.files.columns.get(key) {
                Some(from) => add(from),
                None if needed || self.files.types.contains_key(key) => add(key),
                None => {}
            }
        }
        self.files.columns.iter().for_each(|(_, from)| add(from));
        let typed = self.files.types.keys().filter(|name| self.files.columns.get(name.as_str()).is_none());
        typed.for_each(|name| add(name));
        let header = Header::new(Place::file(Path::new(&format!("query of {}", self.asset))), names, Vec::new())?;
        Layout::new(&source, Settings::new(&source)?, &header, "the query")
    }
}

/// Takes the rows of one query.
pub(super) struct Collector<'a> {
    declared: &'a Declared,
    layout: &'a Layout,
    builder: RowBuilder<'a>,
    problems: Problems,
    /// For each of the layout's fields, which of the result it is, and its name there.
    binding: Vec<(usize, String)>,
    pub notes: Vec<String>,
    pub rows: u64,
}

impl<'a> Collector<'a> {
    pub fn new(declared: &'a Declared, layout: &'a Layout, calendar: &'a Calendar) -> Self {
        let gate = Gate::new(&declared.source(calendar));
        Self {
            declared,
            layout,
            builder: RowBuilder::new(layout, gate, declared.moments(calendar)),
            problems: Problems::default(),
            binding: Vec::new(),
            notes: Vec::new(),
            rows: 0,
        }
    }

    fn place(&self, row: Option<usize>, field: Option<Field>) -> Place {
        Place { row, field, ..Place::file(Path::new(&format!("query of `{}`", self.declared.asset))) }
    }

    /// The columns of the result, before its rows. Gives what each of the wanted ones is to be, by position in the result.
    ///
    /// # Errors
    /// A declared column is not there.
    pub fn columns(&mut self, names: &[String]) -> Result<Vec<Option<ColumnType>>, FetchError> {
        let mut kinds = vec![None; names.len()];
        let mut problems = Problems::default();
        let mut binding = Vec::new();
        for column in self.layout.fields() {
            match names.iter().position(|name| *name == column.from) {
                Some(at) => {
                    kinds[at] = Some(column.kind);
                    binding.push((at, column.from.clone()));
                }
                None => {
                    let all = suggest::list(names.iter().map(String::as_str), 12);
                    let near = assetctl_config::did_you_mean(&column.from, names.iter().map(String::as_str));
                    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
                    let message = format!("the result has no column `{}`", column.from);
                    problems.push(Problem::new(self.place(None, None), message).help(format!(
                        "{near}the columns are {all}; a name of the query's is mapped in `columns: {{ {}: … }}`",
                        column.name
                    )));
                }
            }
        }
        problems.into_result().map_err(refused)?;
        self.binding = binding;
        let left: Vec<&str> =
            names.iter().enumerate().filter(|(at, _)| kinds[*at].is_none()).map(|(_, name)| name.as_str()).collect();
        if !left.is_empty() {
            self.notes.push(format!(
                "query of `{}`: not read, since neither `columns` nor `types` names them: the columns {}",
                self.declared.asset,
                suggest::list(left, 8)
            ));
        }
        Ok(kinds)
    }

    /// A row of the result, its values by position there; those of columns that are not wanted are not looked at.
    ///
    /// # Errors
    /// There are enough mistakes.
    pub fn row(&mut self, cells: &[Cell]) -> Result<(), FetchError> {
        self.rows += 1;
        let number = usize::try_from(self.rows).unwrap_or(usize::MAX);
        let typed: Vec<Typed<'_>> = self
            .binding
            .iter()
            .zip(self.layout.fields())
            .map(|((at, _), column)| Typed::of(cells.get(*at).unwrap_or(&Cell::Missing), column.kind))
            .collect();
        let (binding, asset, problems) = (&self.binding, &self.declared.asset, &mut self.problems);
        self.builder.row(
            u32::try_from(number).unwrap_or(u32::MAX),
            |column| typed[column].value(),
            |column, fault| {
                problems.push_for(column, || {
                    let (at, name) = &binding[column];
                    let field = Some(Field { number: at + 1, name: name.clone() });
                    fault.at(Place {
                        row: Some(number),
                        field,
                        ..Place::file(Path::new(&format!("query of `{asset}`")))
                    })
                });
            },
        );
        if self.problems.full() { Err(self.refusal()) } else { Ok(()) }
    }

    /// In words, what was left out because its date is no session, or nothing is traded at its time.
    pub fn left_out(&self) -> Vec<String> {
        self.builder.left_out()
    }

    fn refusal(&mut self) -> FetchError {
        match std::mem::take(&mut self.problems).into_result() {
            Err(error) => refused(error),
            Ok(()) => FetchError::Refused { what: "the rows cannot be read".to_owned(), help: None },
        }
    }

    /// # Errors
    /// Values that are not what is declared.
    pub fn finish(mut self) -> Result<Rows, FetchError> {
        std::mem::take(&mut self.problems).into_result().map_err(refused)?;
        Ok(self.builder.finish())
    }
}

/// The rows of all queries as one frame, in canonical order, without those that were not asked for.
///
/// # Errors
/// Two rows of one session and instrument.
pub(super) fn deliver(
    declared: &Declared,
    layout: &Layout,
    parts: &[Rows],
    sessions: &[NaiveDate],
    instruments: &[String],
) -> Result<DataFrame, FetchError> {
    let wanted: HashSet<i32> = sessions.iter().map(|session| to_days(*session)).collect();
    let names: HashSet<&str> = instruments.iter().map(String::as_str).collect();
    let rows: Vec<&Rows> = parts.iter().collect();
    let mut entries = order(&rows, |day| wanted.contains(&day));
    if layout.has_instrument && !names.is_empty() {
        entries.retain(|entry| names.contains(rows[entry.part as usize].instrument(entry.row as usize)));
    }
    let twice = duplicates(&entries, &rows, layout, &[], MOST_DUPLICATES);
    if let Some((_, entry)) = twice.first() {
        let session = from_days(entry.session);
        let instrument = rows[entry.part as usize].instrument(entry.row as usize);
        let (of, help) = if layout.has_instrument {
            let at = if layout.has_time { format!(" at `{}`", shown(entry.time)) } else { format!(" on `{session}`") };
            (
                format!("`{instrument}`{at}"),
                "a source has one row for each session, instrument and time: aggregate in the query",
            )
        } else {
            (format!("`{session}`"), "if a column tells their instruments apart, name it: `columns: { instrument: … }`")
        };
        return Err(FetchError::Refused {
            what: format!("query of `{}`: two rows are of {of}", declared.asset),
            help: Some(help.to_owned()),
        });
    }
    frame(&entries, &rows, layout).map_err(|error| FetchError::Refused {
        what: format!("query of `{}`: the rows do not make a table: {error}", declared.asset),
        help: None,
    })
}

fn refused(error: ConnectError) -> FetchError {
    let help = match error.problems.as_slice() {
        [only] => only.help.clone(),
        _ => None,
    };
    let mut lines: Vec<String> = Vec::new();
    for problem in error.problems {
        let help = problem.help.as_ref().filter(|_| help.is_none()).map(|help| format!("; {help}"));
        lines.push(format!("{}: {}{}", problem.place, problem.message, help.unwrap_or_default()));
    }
    if error.truncated {
        lines.push("there may be more of them".to_owned());
    }
    FetchError::Refused { what: lines.join("\n"), help }
}

/// A cell as its column wants it: numbers of databases are also codes, and dates written as numbers.
enum Typed<'c> {
    Borrowed(&'c Cell),
    Written(String),
    Number(f64),
}

impl<'c> Typed<'c> {
    fn of(cell: &'c Cell, kind: ColumnType) -> Self {
        match (cell, kind) {
            (Cell::Integer(integer), ColumnType::Text | ColumnType::Date | ColumnType::Time) => {
                Self::Written(integer.to_string())
            }
            (Cell::Integer(integer), ColumnType::Number | ColumnType::Bool) => Self::Number(*integer as f64),
            (Cell::Decimal(text), ColumnType::Number | ColumnType::Bool) => match text.parse::<f64>() {
                Ok(number) => Self::Number(number),
                Err(_) => Self::Written(text.clone()),
            },
            (Cell::Decimal(text), ColumnType::Text | ColumnType::Date | ColumnType::Time) => {
                Self::Written(text.clone())
            }
            (Cell::Date(date), ColumnType::Text) => Self::Written(date.to_string()),
            (cell, _) => Self::Borrowed(cell),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Written(text) => Value::Text(text),
            Self::Number(number) => Value::Number(*number),
            Self::Borrowed(cell) => match cell {
                Cell::Missing => Value::Missing,
                Cell::Double(number) => Value::Number(*number),
                Cell::Bool(flag) => Value::Bool(*flag),
                Cell::Date(date) => Value::Date(to_days(*date)),
                Cell::Time(time) => Value::Time(to_micros(*time)),
                Cell::Instant(instant) => Value::Instant(instant.timestamp_micros()),
                Cell::Text(text) | Cell::Decimal(text) => Value::Text(text),
                Cell::Integer(integer) => Value::Number(*integer as f64),
            },
        }
    }
}
