//! One answer → typed rows of what was asked for.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use assetctl_calendar::Calendar;
use assetctl_config::{BarTimes, ColumnType, HttpEpoch, HttpFormat, HttpMeaning};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use reqwest::StatusCode;
use serde_json::Value as Json;
use serde_json_path::JsonPath;

use super::faults::{Fault, Rules, as_text};
use super::format::{Bound, Cell, Field, Format, Table};
use super::moment::moment;
use super::names::{Names, Reading};
use super::scan;
use super::units::Unit;
use super::values::{Wrong, day, flag, instant, number, text, time, unreadable};
use crate::cell::Cells;
use crate::date::DateReader;
use crate::moments::Moments;
use crate::rows::{Lanes, Rows};

/// One of our columns, and how it comes from the vendor's.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub name: String,
    pub kind: ColumnType,
    pub field: Field,
    pub times: Option<Unit>,
    pub dates: Dates,
}

/// How the vendor writes dates.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Dates {
    Text(Option<String>),
    Epoch(HttpEpoch, Tz),
}

/// How answers go on in the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Pointers {
    pub cursor: Option<JsonPath>,
    pub more: Option<JsonPath>,
    pub key: Option<Field>,
}

/// Reads the answers of one vendor.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub format: Format,
    pub rules: Rules,
    pub session: Option<Column>,
    pub instrument: Option<Column>,
    /// The time of a row, and what it is.
    pub time: Option<(Column, BarTimes)>,
    pub closes: Option<Column>,
    pub values: Vec<Column>,
    pub missing: Vec<String>,
    pub pointers: Pointers,
    /// Where the rows are that [`scan`] can read; see [`scan::path`].
    pub usual: Option<Vec<String>>,
}

/// What was asked for, in all calls of a request.
pub(super) struct Asked {
    /// Days since 1970-01-01.
    pub sessions: HashSet<i32>,
    pub names: Arc<Names>,
    pub now: DateTime<Utc>,
    pub calendar: Arc<Calendar>,
}

/// What the call that is answered covers, where its rows do not say.
#[derive(Debug, Clone)]
pub(super) struct Covered {
    pub session: Option<i32>,
    pub instrument: Option<String>,
}

/// What one answer brings.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    /// Its instruments' names are those of [`Asked`], by code, unless it has one of its own.
    pub rows: Rows,
    /// Rows of the answer, those not asked for too.
    pub count: u64,
    pub cursor: Option<String>,
    pub more: Option<bool>,
    /// The field at which the next page starts, of the last row.
    pub key: Option<String>,
    /// Rows that were left out because nothing is traded at their time.
    pub skipped: u64,
}

/// The fields of one answer, found.
struct Fields<'a> {
    session: Option<Bound<'a>>,
    instrument: Option<Bound<'a>>,
    time: Option<Bound<'a>>,
    closes: Option<Bound<'a>>,
    key: Option<Bound<'a>>,
    values: Vec<Bound<'a>>,
}

impl<'a> Fields<'a> {
    /// The same fields, found otherwise; `None` if one is not.
    fn map<'b>(&self, place: impl Fn(&Bound<'a>) -> Option<Bound<'b>>) -> Option<Fields<'b>> {
        let one = |bound: &Option<Bound<'a>>| match bound {
            Some(bound) => place(bound).map(Some),
            None => Some(None),
        };
        Some(Fields {
            session: one(&self.session)?,
            instrument: one(&self.instrument)?,
            time: one(&self.time)?,
            closes: one(&self.closes)?,
            key: one(&self.key)?,
            values: self.values.iter().map(&place).collect::<Option<_>>()?,
        })
    }
}

impl Reader {
    /// # Errors
    /// What the answer means if it brings no rows, or why they cannot be read.
    pub fn read(&self, status: StatusCode, body: &[u8], covered: &Covered, asked: &Asked) -> Result<Page, Fault> {
        let (text, broken) = self.format.text(body);
        if let Some(page) = self.usual(status, &text, covered, asked).filter(|_| !broken) {
            return Ok(page);
        }
        let wants_json = self.format.kind == HttpFormat::Json;
        let json = (wants_json || self.rules.look_into_json()).then(|| Format::json(&text));
        let parsed = json.as_ref().and_then(|json| json.as_ref().ok());
        if let Some(fault) = self.rules.judge(status, &text, parsed) {
            return Err(fault);
        }
        if broken {
            return Err(refused(
                "the answer is not in the declared encoding".to_owned(),
                "say `response: { encoding: gbk }`, if it is",
            ));
        }
        if let Some(Err(error)) = &json
            && wants_json
        {
            // An answer that was cut off on its way is not JSON either: the next may be whole.
            let what = format!("the answer is not JSON ({error}): {}", super::faults::excerpt(&text));
            return Err(Fault { meaning: HttpMeaning::Transient, what, help: None, wait: None });
        }
        let table = self.format.table(&text, parsed).map_err(|what| {
            refused(
                format!("{what}: {}", super::faults::excerpt(&text)),
                "the vendor's answer is not as `response` says",
            )
        })?;
        Ok(self.pointed(self.rows(&table, covered, asked)?, parsed))
    }

    /// The same for an answer that [`scan`] can read; `None` if it is not one, or if there is anything wrong with it.
    fn usual(&self, status: StatusCode, text: &str, covered: &Covered, asked: &Asked) -> Option<Page> {
        let located = scan::locate(text, self.usual.as_ref()?, self.format.shape)?;
        let rest = Format::json(&located.rest).ok()?;
        if self.rules.judge(status, text, Some(&rest)).is_some() {
            return None;
        }
        let table = self.format.table(&located.rest, Some(&rest)).ok()?;
        let fields = self.bind(&table).ok()?.map(|bound| located.place(bound).map(Bound::At))?;
        let mut builder = Builder::new(self, covered, asked);
        builder.reserve(located.about);
        let (count, last) = located.each(|row, cells| builder.row(&fields, row, |bound| of_row(cells, bound)).ok())?;
        let key = match &fields.key {
            Some(key) => Some(of_row(&last, key).ok()?.shown()),
            None => None,
        };
        let page = builder.page(count, key);
        Some(self.pointed(page, Some(&rest)))
    }

    /// The page with what leads to the next, which stands around the rows.
    fn pointed(&self, mut page: Page, json: Option<&Json>) -> Page {
        let query = |path: &Option<JsonPath>| path.as_ref().zip(json).and_then(|(path, json)| path.query(json).first());
        page.cursor =
            query(&self.pointers.cursor).filter(|value| !value.is_null()).map(as_text).filter(|text| !text.is_empty());
        page.more =
            query(&self.pointers.more).map(|value| !matches!(as_text(value).as_str(), "false" | "0" | "null" | ""));
        page
    }

    fn rows(&self, table: &Table<'_>, covered: &Covered, asked: &Asked) -> Result<Page, Fault> {
        let layout = |what: String| refused(what, "map the fields that the vendor has, under `columns`");
        let time = self.time.as_ref().map(|(column, _)| column);
        let leading = self.session.as_ref().or(time).or(self.values.first());
        if leading.is_some_and(|column| table.lacks(&column.field)) {
            return Ok(Page { rows: self.empty(), ..Page::default() });
        }
        let fields = self.bind(table).map_err(layout)?;
        let all: Vec<&Bound<'_>> =
            fields.session.iter().chain(&fields.time).chain(&fields.closes).chain(&fields.values).collect();
        let count = table.len(&all).map_err(layout)?;
        let mut builder = Builder::new(self, covered, asked);
        for row in 0..count {
            builder.row(&fields, row, |bound| table.cell(row, bound)).map_err(|(what, help)| Fault {
                what: format!("row {}: {what}", row + 1),
                help,
                meaning: HttpMeaning::Refused,
                wait: None,
            })?;
        }
        let last = count.checked_sub(1).zip(fields.key.as_ref());
        let key = last.map(|(row, key)| table.cell(row, key)).transpose().map_err(layout)?.map(|cell| cell.shown());
        Ok(builder.page(count, key))
    }

    fn bind<'f>(&'f self, table: &Table<'f>) -> Result<Fields<'f>, String> {
        let one = |column: &'f Option<Column>| column.as_ref().map(|column| table.bind(&column.field)).transpose();
        Ok(Fields {
            session: one(&self.session)?,
            instrument: one(&self.instrument)?,
            time: self.time.as_ref().map(|(column, _)| table.bind(&column.field)).transpose()?,
            closes: one(&self.closes)?,
            key: self.pointers.key.as_ref().map(|field| table.bind(field)).transpose()?,
            values: self.values.iter().map(|column| table.bind(&column.field)).collect::<Result<_, _>>()?,
        })
    }

    /// No rows.
    pub fn empty(&self) -> Rows {
        Rows {
            lanes: Some(Lanes::default()),
            columns: self.values.iter().map(|column| Cells::new(column.kind)).collect(),
            ..Rows::default()
        }
    }
}

fn refused(what: String, help: &str) -> Fault {
    Fault { meaning: HttpMeaning::Refused, what, help: Some(help.to_owned()), wait: None }
}

/// Makes rows of an answer's.
struct Builder<'a> {
    reader: &'a Reader,
    covered: &'a Covered,
    asked: &'a Asked,
    names: Reading<'a>,
    moments: Option<Moments<'a>>,
    /// The exchange's, in which times are stored.
    zone: Tz,
    /// The session that was asked for last.
    session: Option<i32>,
    dates: Vec<DateReader>,
    session_dates: DateReader,
    rows: Rows,
}

impl<'a> Builder<'a> {
    fn new(reader: &'a Reader, covered: &'a Covered, asked: &'a Asked) -> Self {
        let dates = |dates: &Dates| match dates {
            Dates::Text(format) => DateReader::new(format.as_deref()),
            Dates::Epoch(..) => DateReader::new(None),
        };
        Self {
            reader,
            covered,
            asked,
            names: asked.names.reading(),
            moments: reader.time.as_ref().map(|(_, times)| Moments::new(&asked.calendar, times)),
            zone: asked.calendar.time_zone().parse().unwrap_or(Tz::UTC),
            session: None,
            dates: reader.values.iter().map(|column| dates(&column.dates)).collect(),
            session_dates: reader.session.as_ref().map_or_else(|| DateReader::new(None), |column| dates(&column.dates)),
            rows: reader.empty(),
        }
    }

    /// Room for so many rows more.
    fn reserve(&mut self, rows: usize) {
        self.rows.places.reserve(rows);
        self.rows.sessions.reserve(rows);
        if self.moments.is_some() {
            self.rows.times.reserve(rows);
        }
        self.rows.lanes.iter_mut().for_each(|lanes| lanes.codes.reserve(rows));
        for cells in &mut self.rows.columns {
            match cells {
                Cells::Number(cells) => cells.reserve(rows),
                Cells::Text(cells) => cells.reserve(rows),
                Cells::Bool(cells) => cells.reserve(rows),
                Cells::Date(cells) => cells.reserve(rows),
                Cells::Time(cells) => cells.reserve(rows),
            }
        }
    }

    /// Takes the row of that number, from 0, whose fields `field` gives.
    fn row<'c>(
        &mut self,
        fields: &Fields<'c>,
        row: usize,
        field: impl Fn(&Bound<'c>) -> Result<Cell<'c>, String>,
    ) -> Result<(), Wrong> {
        let cell = |bound: &Bound<'c>| field(bound).map_err(|what| (what, None));
        if let (Some(column), Some(bound)) = (&self.reader.closes, &fields.closes) {
            let value = cell(bound)?;
            let closes = instant(value, column).ok_or_else(|| unreadable(value, column, "instant"))?;
            if closes >= self.asked.now {
                return Ok(());
            }
        }
        let stated = match (&self.reader.session, &fields.session) {
            (Some(column), Some(bound)) => {
                let value = cell(bound)?;
                let day = day(value, column, &mut self.session_dates, &self.reader.missing)?;
                Some(day.ok_or_else(|| (format!("field `{}`, the session, is missing", column.field.text()), None))?)
            }
            _ => None,
        };
        let (session, at_time) = match (&mut self.moments, &self.reader.time, &fields.time) {
            (Some(moments), Some((column, times)), Some(bound)) => {
                match moment(cell(bound)?, column, times, &self.reader.missing, moments, stated, self.covered.session)?
                {
                    Some(moment) => (moment.session, Some(moment.time)),
                    None => return Ok(()),
                }
            }
            _ => {
                let session = stated.or(self.covered.session);
                (session.ok_or_else(|| ("nothing says of which session it is".to_owned(), None))?, None)
            }
        };
        // Most rows are of the session of the row before.
        if self.session != Some(session) {
            if !self.asked.sessions.contains(&session) {
                return Ok(());
            }
            self.session = Some(session);
        }
        let code = match (&self.reader.instrument, &fields.instrument) {
            (Some(column), Some(bound)) => {
                let name = match cell(bound)? {
                    Cell::Missing => {
                        return Err((format!("field `{}`, the instrument, is missing", column.field.text()), None));
                    }
                    Cell::Text(text) => Cow::Borrowed(text),
                    other => Cow::Owned(other.shown()),
                };
                let help = "map it under `symbols: { exchanges: … }`";
                match self.names.code(&name).map_err(|what| (what, Some(help.to_owned())))? {
                    Some(code) => code,
                    None => return Ok(()),
                }
            }
            _ => 0,
        };
        let mut some = false;
        for at in 0..self.reader.values.len() {
            let (reader, value) = (self.reader, cell(&fields.values[at])?);
            let column = &reader.values[at];
            let missing = &reader.missing;
            some |= match &mut self.rows.columns[at] {
                Cells::Number(cells) => {
                    let number = number(value, column, missing)?;
                    cells.push(number);
                    !number.is_nan()
                }
                Cells::Text(cells) => push(cells, text(value, column, missing)?),
                Cells::Bool(cells) => push(cells, flag(value, column, missing)?),
                Cells::Date(cells) => push(cells, day(value, column, &mut self.dates[at], missing)?),
                Cells::Time(cells) => push(cells, time(value, column, self.zone, missing)?),
            };
        }
        if !some {
            // A row in which nothing has a value says nothing.
            for cells in &mut self.rows.columns {
                match cells {
                    Cells::Number(cells) => drop(cells.pop()),
                    Cells::Text(cells) => drop(cells.pop()),
                    Cells::Bool(cells) => drop(cells.pop()),
                    Cells::Date(cells) => drop(cells.pop()),
                    Cells::Time(cells) => drop(cells.pop()),
                }
            }
            return Ok(());
        }
        self.rows.places.push(row as u32 + 1);
        self.rows.sessions.push(session);
        self.rows.times.extend(at_time);
        if let Some(lanes) = &mut self.rows.lanes {
            lanes.codes.push(code);
        }
        Ok(())
    }

    /// The page of so many rows.
    fn page(self, count: usize, key: Option<String>) -> Page {
        let skipped = self.moments.as_ref().map_or(0, Moments::skipped);
        Page { rows: self.finish(), count: count as u64, key, skipped, ..Page::default() }
    }

    fn finish(self) -> Rows {
        let Self { mut rows, names, reader, covered, .. } = self;
        if let Some(lanes) = &mut rows.lanes {
            match (&reader.instrument, &covered.instrument) {
                (None, Some(name)) => lanes.names = Arc::new(vec![name.clone()]),
                _ => names.finish(&mut lanes.codes),
            }
        }
        rows.index();
        rows
    }
}

/// The field of a row that is read already.
fn of_row<'c>(cells: &[Cell<'c>], bound: &Bound<'_>) -> Result<Cell<'c>, String> {
    match bound {
        Bound::At(at) => cells.get(*at).copied().ok_or_else(|| "the row is too short".to_owned()),
        _ => Ok(Cell::Missing),
    }
}

fn push<T>(cells: &mut Vec<Option<T>>, value: Option<T>) -> bool {
    let some = value.is_some();
    cells.push(value);
    some
}
