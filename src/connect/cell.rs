//! From one field of a file to one typed value.

use assetctl_config::ColumnType;

use crate::date::{DateReader, to_days};
use crate::error::Fault;
use crate::layout::{Column, Layout};
use crate::time::TimeReader;

/// A field as a file gives it: text, or what a Parquet file has typed already.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Missing,
    Text(&'a str),
    Number(f64),
    Bool(bool),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01 00:00 of no time zone.
    Time(i64),
    /// Microseconds since 1970-01-01 00:00 UTC.
    Instant(i64),
}

/// The values of one column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cells {
    /// NaN is a missing value; no file can give a NaN that means anything else.
    Number(Vec<f64>),
    Text(Vec<Option<String>>),
    Bool(Vec<Option<bool>>),
    /// Days since 1970-01-01.
    Date(Vec<Option<i32>>),
    /// Microseconds since 1970-01-01 00:00 at the exchange.
    Time(Vec<Option<i64>>),
}

impl Cells {
    pub fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Number => Self::Number(Vec::new()),
            ColumnType::Text => Self::Text(Vec::new()),
            ColumnType::Bool => Self::Bool(Vec::new()),
            ColumnType::Date => Self::Date(Vec::new()),
            ColumnType::Time => Self::Time(Vec::new()),
        }
    }

    /// Appends a field's value; after a fault a missing one, so that columns stay of one length.
    pub fn push(&mut self, value: Value, column: &Column, context: &mut Context) -> Result<(), Fault> {
        match self {
            Self::Number(cells) => append(cells, context.number(value, column), f64::NAN),
            Self::Text(cells) => append(cells, text(value, column), None),
            Self::Bool(cells) => append(cells, context.bool(value, column), None),
            Self::Date(cells) => append(cells, context.date(value, column), None),
            Self::Time(cells) => append(cells, context.time(value, column), None),
        }
    }
}

fn append<T>(cells: &mut Vec<T>, value: Result<T, Fault>, missing: T) -> Result<(), Fault> {
    match value {
        Ok(value) => {
            cells.push(value);
            Ok(())
        }
        Err(fault) => {
            cells.push(missing);
            Err(fault)
        }
    }
}

/// How fields are read, and what reading them has learnt.
pub(crate) struct Context<'a> {
    pub layout: &'a Layout,
    pub dates: DateReader,
    times: TimeReader,
}

impl<'a> Context<'a> {
    pub fn new(layout: &'a Layout) -> Self {
        let times = TimeReader::new(None, None, layout.settings.zone);
        Self { layout, dates: DateReader::new(layout.settings.date_format.as_deref()), times }
    }

    /// The date of a row.
    pub fn session(&mut self, value: Value) -> Result<i32, Fault> {
        match value {
            Value::Date(day) => Ok(day),
            Value::Text(text) => self.dates.parse(text.trim_ascii()).map(to_days),
            Value::Missing => Err(Fault::new("the date is missing")),
            Value::Time(micros) | Value::Instant(micros) => Ok(micros.div_euclid(86_400_000_000) as i32),
            Value::Number(_) | Value::Bool(_) => Err(Fault::new("this is not a date")),
        }
    }

    fn is_missing(&self, text: &str) -> bool {
        text.is_empty() || self.layout.settings.missing.iter().any(|missing| missing == text)
    }

    fn number(&self, value: Value, column: &Column) -> Result<f64, Fault> {
        match value {
            Value::Missing => Ok(f64::NAN),
            Value::Number(number) if number.is_infinite() => {
                Err(Fault::new(format!("an infinite number in column `{}`", column.name))
                    .help("only finite numbers are stored; write a missing value instead"))
            }
            Value::Number(number) => Ok(number + 0.0),
            Value::Bool(flag) => Ok(f64::from(u8::from(flag))),
            Value::Date(_) => Err(Fault::new(format!("a date in column `{}`, which is a number", column.name))
                .help(declare(column, "date"))),
            Value::Time(_) | Value::Instant(_) => {
                Err(Fault::new(format!("a time in column `{}`, which is a number", column.name))
                    .help(declare(column, "time")))
            }
            Value::Text(text) => {
                let text = text.trim_ascii();
                if self.is_missing(text) {
                    return Ok(f64::NAN);
                }
                self.layout.settings.numbers.parse(text).map_err(|mut fault| {
                    fault.message = format!("{} in column `{}`", fault.message, column.name);
                    if fault.help.is_none() {
                        fault.help = Some(self.not_a_number(text, column));
                    }
                    fault
                })
            }
        }
    }

    fn not_a_number(&self, text: &str, column: &Column) -> String {
        const INSTRUMENTS: [&str; 10] = [
            "symbol",
            "ticker",
            "code",
            "ts_code",
            "order_book_id",
            "secid",
            "instrument_id",
            "股票代码",
            "代码",
            "证券代码",
        ];
        if self.layout.keys > 0
            && !self.layout.has_instrument
            && INSTRUMENTS.contains(&column.from.to_lowercase().as_str())
        {
            return format!("if the column names the instrument, say so: `columns: {{ instrument: {} }}`", column.from);
        }
        format!(
            "if it stands for a missing value, add it: `missing: [{text:?}]`; if the column is text, declare it: `types: {{ {}: text }}`",
            column.name
        )
    }

    fn bool(&self, value: Value, column: &Column) -> Result<Option<bool>, Fault> {
        let text = match value {
            Value::Missing => return Ok(None),
            Value::Bool(flag) => return Ok(Some(flag)),
            Value::Number(number) if number == 0.0 || number == 1.0 => return Ok(Some(number == 1.0)),
            Value::Number(number) => number.to_string(),
            Value::Date(_) => "a date".to_owned(),
            Value::Time(_) | Value::Instant(_) => "a time".to_owned(),
            Value::Text(text) => text.trim_ascii().to_owned(),
        };
        if self.is_missing(&text) {
            return Ok(None);
        }
        match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => Ok(Some(true)),
            "false" | "f" | "no" | "n" | "0" => Ok(Some(false)),
            _ => Err(Fault::new(format!("`{text}` is neither true nor false in column `{}`", column.name))
                .help("write `true` or `false`, `yes` or `no`, `1` or `0`")),
        }
    }

    fn date(&mut self, value: Value, column: &Column) -> Result<Option<i32>, Fault> {
        match value {
            Value::Missing => Ok(None),
            Value::Text(text) if self.is_missing(text.trim_ascii()) => Ok(None),
            value => self.session(value).map(Some).map_err(|mut fault| {
                fault.message = format!("{} in column `{}`", fault.message, column.name);
                fault
            }),
        }
    }

    fn time(&mut self, value: Value, column: &Column) -> Result<Option<i64>, Fault> {
        match value {
            Value::Missing => Ok(None),
            Value::Text(text) if self.is_missing(text.trim_ascii()) => Ok(None),
            value => self.times.local(value).map(Some).map_err(|mut fault| {
                fault.message = format!("{} in column `{}`", fault.message, column.name);
                fault
            }),
        }
    }
}

/// Text exactly as written, but for white space around it; the empty text is missing.
fn text(value: Value, column: &Column) -> Result<Option<String>, Fault> {
    match value {
        Value::Missing => Ok(None),
        Value::Text(text) => Ok(Some(text.trim_ascii()).filter(|text| !text.is_empty()).map(str::to_owned)),
        Value::Number(_) => {
            Err(Fault::new(format!("a number in column `{}`, which is text", column.name))
                .help(declare(column, "number")))
        }
        Value::Bool(_) | Value::Date(_) | Value::Time(_) | Value::Instant(_) => {
            Err(Fault::new(format!("no text in column `{}`, which is text", column.name)))
        }
    }
}

fn declare(column: &Column, kind: &str) -> String {
    format!("declare it: `types: {{ {}: {kind} }}`", column.name)
}
