//! DuckDB: a database in a file, or files that it reads.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use assetctl_config::ColumnType;
use chrono::DateTime;
use duckdb::arrow::array::{Array, BooleanArray, Date32Array, Float64Array, StringArray, TimestampMicrosecondArray};
use duckdb::arrow::datatypes::DataType;
use duckdb::types::{TimeUnit, Value};
use duckdb::{AccessMode, Config, Connection, params_from_iter};

use super::ask::{Asking, Stopped};
use super::collect::Cell;
use super::template::{Param, Statement};
use crate::date::{from_days, to_days};
use crate::fetch::FetchError;
use crate::time::to_micros;

/// How often it is looked whether to go on.
const TICK: Duration = Duration::from_millis(20);

pub(super) struct Place {
    /// `None` where the query names files itself.
    pub file: Option<PathBuf>,
    /// The folder that paths in the query are relative to.
    pub base: PathBuf,
}

/// # Errors
/// The database cannot be opened or asked, or gives what is not declared.
pub(super) fn ask(place: &Place, statements: &[Statement], asking: &mut Asking<'_>) -> Result<(), FetchError> {
    let connection = open(place, asking)?;
    for statement in statements {
        answer(&connection, statement, asking)?;
    }
    Ok(())
}

fn open(place: &Place, asking: &Asking<'_>) -> Result<Connection, FetchError> {
    if let Some(file) = place.file.as_ref().filter(|file| !file.is_file()) {
        let message = format!("there is no database `{}`", file.display());
        return Err(asking.error(false, &message, Some("say where it is, relative to the project's file: `file:`")));
    }
    let config = || {
        // One thread: sums of several are not the same twice.
        let config = Config::default().enable_autoload_extension(false)?.threads(1)?;
        if place.file.is_some() { config.access_mode(AccessMode::ReadOnly) } else { Ok(config) }
    };
    let zone = asking.calendar().time_zone();
    let open = || -> duckdb::Result<Connection> {
        let connection = match &place.file {
            Some(file) => Connection::open_with_flags(file, config()?)?,
            None => Connection::open_in_memory_with_flags(config()?)?,
        };
        let quoted = |text: &str| text.replace('\'', "''");
        connection.execute_batch(&format!(
            "SET TimeZone = '{}'; SET file_search_path = '{}'",
            quoted(zone),
            quoted(&place.base.display().to_string())
        ))?;
        Ok(connection)
    };
    open().map_err(|error| {
        let text = first_line(&error);
        // Somebody writes to it: one process may have it open then.
        let is_busy = text.contains("lock") || text.contains("being used by another process");
        asking.error(is_busy, &format!("the database cannot be opened: {text}"), None)
    })
}

fn answer(connection: &Connection, statement: &Statement, asking: &mut Asking<'_>) -> Result<(), FetchError> {
    let params = || params_from_iter(statement.params.iter().map(bound));
    let ask = |error: &duckdb::Error| asking.error(false, &first_line(error), help(error));
    // What columns there are, and of which types, is known without reading a row.
    let look = format!("SELECT * FROM ({}\n) LIMIT 0", statement.sql);
    let fields: Vec<(String, Family)> = {
        let mut prepared = connection.prepare(&look).map_err(|error| ask(&error))?;
        let schema = prepared.query_arrow(params()).map_err(|error| ask(&error))?.get_schema();
        schema.fields().iter().map(|field| (field.name().clone(), Family::of(field.data_type()))).collect()
    };
    let names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
    let mut collector = asking.begin();
    let kinds = collector.columns(&names)?;
    let casts: Vec<String> = fields
        .iter()
        .zip(&kinds)
        .map(|((name, family), kind)| {
            let name = name.replace('"', "\"\"");
            match (kind, family) {
                (None, _) => "NULL::VARCHAR".to_owned(),
                (Some(ColumnType::Number), Family::Number | Family::Bool) => format!("CAST(\"{name}\" AS DOUBLE)"),
                (Some(ColumnType::Bool), Family::Bool) => format!("\"{name}\""),
                (Some(ColumnType::Date), Family::Date | Family::Time | Family::Instant) => {
                    format!("CAST(\"{name}\" AS DATE)")
                }
                (Some(ColumnType::Time), Family::Time) => format!("CAST(\"{name}\" AS TIMESTAMP)"),
                (Some(ColumnType::Time), Family::Instant) => format!("CAST(\"{name}\" AS TIMESTAMPTZ)"),
                (Some(_), _) => format!("CAST(\"{name}\" AS VARCHAR)"),
            }
        })
        .collect();
    let query = format!("SELECT {} FROM ({}\n)", casts.join(", "), statement.sql);
    let mut prepared = connection.prepare(&query).map_err(|error| ask(&error))?;
    let batches: Vec<_> =
        match interruptible(connection, asking, || prepared.query_arrow(params()).map(Iterator::collect)) {
            Ok(batches) => batches.map_err(|error| ask(&error))?,
            Err(stopped) => return Err(stopped.error(asking)),
        };
    let mut cells = vec![Cell::Missing; names.len()];
    for batch in &batches {
        if asking.is_cancelled() {
            return Err(FetchError::Cancelled);
        }
        for row in 0..batch.num_rows() {
            for (cell, array) in cells.iter_mut().zip(batch.columns()) {
                *cell = read(array.as_ref(), row);
            }
            collector.row(&cells)?;
        }
    }
    asking.end(collector)
}

/// Runs a query that is interrupted when the run is cancelled, or when it takes too long.
fn interruptible<T>(connection: &Connection, asking: &Asking<'_>, work: impl FnOnce() -> T) -> Result<T, Stopped> {
    let handle = connection.interrupt_handle();
    let done = AtomicBool::new(false);
    let (is_cancelled, timeout) = (asking.request.is_cancelled, asking.timeout);
    let started = Instant::now();
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                let stopped = if is_cancelled() {
                    Some(Stopped::Cancelled)
                } else {
                    (started.elapsed() >= timeout).then_some(Stopped::TimedOut(timeout))
                };
                if stopped.is_some() {
                    // Until the query is really over: an interrupt before it begins is lost.
                    while !done.load(Ordering::Acquire) {
                        handle.interrupt();
                        std::thread::sleep(TICK);
                    }
                    return stopped;
                }
                std::thread::sleep(TICK);
            }
            None
        });
        let result = work();
        done.store(true, Ordering::Release);
        match watcher.join() {
            Ok(Some(stopped)) => Err(stopped),
            _ => Ok(result),
        }
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Number,
    Bool,
    Date,
    /// Without a time zone.
    Time,
    Instant,
    Other,
}

impl Family {
    fn of(kind: &DataType) -> Self {
        match kind {
            kind if kind.is_numeric() => Self::Number,
            DataType::Boolean => Self::Bool,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(_, None) => Self::Time,
            DataType::Timestamp(_, Some(_)) => Self::Instant,
            _ => Self::Other,
        }
    }
}

fn read(array: &dyn Array, row: usize) -> Cell {
    if array.is_null(row) {
        return Cell::Missing;
    }
    let any = array.as_any();
    if let Some(array) = any.downcast_ref::<Float64Array>() {
        Cell::Double(array.value(row))
    } else if let Some(array) = any.downcast_ref::<BooleanArray>() {
        Cell::Bool(array.value(row))
    } else if let Some(array) = any.downcast_ref::<Date32Array>() {
        Cell::Date(from_days(array.value(row)))
    } else if let Some(array) = any.downcast_ref::<TimestampMicrosecondArray>() {
        let time = DateTime::from_timestamp_micros(array.value(row));
        let is_instant = matches!(array.data_type(), DataType::Timestamp(_, Some(_)));
        time.map_or(Cell::Missing, |time| if is_instant { Cell::Instant(time) } else { Cell::Time(time.naive_utc()) })
    } else if let Some(array) = any.downcast_ref::<StringArray>() {
        Cell::Text(array.value(row).to_owned())
    } else {
        // The casts leave no other.
        Cell::Missing
    }
}

fn bound(param: &Param) -> Value {
    match param {
        Param::Date(date) => Value::Date32(to_days(*date)),
        Param::Moment(_, written) => Value::Timestamp(TimeUnit::Microsecond, to_micros(*written)),
        Param::Text(text) => Value::Text(text.clone()),
        Param::Integer(integer) => Value::BigInt(*integer),
        Param::Double(number) => Value::Double(*number),
    }
}

fn first_line(error: &duckdb::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn help(error: &duckdb::Error) -> Option<&'static str> {
    let text = error.to_string();
    let is_of_dates = text.contains("Cannot compare values of type") || text.contains("Could not convert");
    is_of_dates
        .then_some("a date is bound as a date; write it as the column has it: `{{ session | date(\"%Y%m%d\") }}`")
}

#[cfg(test)]
mod tests {
    use super::super::testing::Source;
    use super::*;
    use crate::testing::cells;

    fn database() -> Source {
        let source = Source::new(
            "duckdb: { file: bars.duckdb, query: 'select * from bars where d between {{ first }} and {{ last }}' }\n\
             columns: { session: d, instrument: code, close: px }\n\
             types: { st: bool, name: text, listed: date, volume: number }\n",
        );
        source.fill(
            "create table bars(d date, code integer, px decimal(12, 3), volume hugeint, st boolean, name varchar, listed timestamptz, extra json);
             insert into bars values
               ('2015-01-05', 600519, 12.345, 1000000, true, '甲', '2001-08-26 16:30:00+00', '{}'),
               ('2015-01-06', 600519, null, null, null, null, null, null),
               ('2015-01-07', 600519, 1, 1, false, '', null, null);",
        );
        source
    }

    #[test]
    fn every_plain_type_is_read() {
        let source = database();
        let delivery = source.fetch(&["2015-01-05", "2015-01-06"]).unwrap();
        let frame = &delivery.frame;
        let names: Vec<&str> = frame.get_column_names().into_iter().map(|name| name.as_str()).collect();
        assert_eq!(names, ["session", "instrument", "close", "listed", "name", "st", "volume"]);
        assert_eq!(cells(frame, "session"), ["2015-01-05", "2015-01-06"]);
        assert_eq!(cells(frame, "instrument"), ["600519", "600519"]);
        assert_eq!(cells(frame, "close"), ["12.345", "null"]);
        assert_eq!(cells(frame, "volume"), ["1e6", "null"]);
        assert_eq!(cells(frame, "st"), ["true", "null"]);
        assert_eq!(cells(frame, "name"), ["甲", "null"]);
        // Half past midnight in Shanghai.
        assert_eq!(cells(frame, "listed"), ["2001-08-27", "null"]);
        assert_eq!(delivery.notes.len(), 1);
        assert!(delivery.notes[0].contains("`extra`"), "{:?}", delivery.notes);
    }

    #[test]
    fn only_sessions_that_are_asked_for_come() {
        let source = database();
        assert_eq!(
            cells(&source.fetch(&["2015-01-05", "2015-01-07"]).unwrap().frame, "session"),
            ["2015-01-05", "2015-01-07"]
        );
        assert_eq!(source.progress(), [(1, 2), (2, 2)]);
        assert_eq!(source.fetch(&["2015-01-08"]).unwrap().frame.height(), 0);
    }

    #[test]
    fn only_instruments_that_are_asked_for_come() {
        let source = database();
        source.fill("insert into bars values ('2015-01-05', 1, 1, 1, true, 'x', null, null), ('2015-01-05', 2, 1, 1, true, 'x', null, null)");
        let of =
            |source: &Source| cells(&source.fetch_of(&["2015-01-05"], &["600519", "2"]).unwrap().frame, "instrument");
        assert_eq!(of(&source), ["2", "600519"]);
        let bound = source.with("and {{ last }}", "and {{ last }} and code in ({{ instruments }})");
        assert_eq!(of(&bound), ["2", "600519"]);
        let none = bound.fetch(&["2015-01-05"]).unwrap_err().to_string();
        assert!(none.contains("there are no instruments to bind"), "{none}");
    }

    #[test]
    fn mistakes_name_asset_column_and_row() {
        let source = database();
        let refused =
            |source: &Source| source.fetch(&["2015-01-05", "2015-01-06", "2015-01-07"]).unwrap_err().to_string();
        source.fill("insert into bars values ('2015-01-07', 600519, 2, 2, true, 'x', null, null)");
        assert!(refused(&source).contains("query of `bars`: two rows are of `600519` on `2015-01-07`"));
        source.fill("delete from bars where px = 2; update bars set px = 9 where px = 1");
        let text = source.with("st: bool", "st: number").with("name: text", "name: number");
        let text = refused(&text);
        assert!(text.contains("query of `bars`, row 1: `甲` is not a number in column `name`"), "{text}");
        let text = refused(&source.with("px", "price"));
        assert!(text.contains("the result has no column `price`") && text.contains("`px`"), "{text}");
        let text = refused(&source.with("from bars", "from bar"));
        assert!(text.starts_with("query of `bars`: ") && text.contains("bar does not exist"), "{text}");
        let text = refused(&source.with("bars.duckdb", "none.duckdb"));
        assert!(text.contains("there is no database"), "{text}");
    }

    #[test]
    fn a_query_ends_when_it_is_cancelled_or_takes_too_long() {
        let endless = "select d, code, px, volume, st, name, listed from bars, range(100000000) a, range(100000000) b where d between {{ first }} and {{ last }}";
        let source = database().with("select * from bars where d between {{ first }} and {{ last }}", endless);
        let cancelled = source.cancelled(&["2015-01-05"]).unwrap_err();
        assert_eq!(cancelled, FetchError::Cancelled);
        let text = source.with("query:", "timeout: 1s, query:").fetch(&["2015-01-05"]).unwrap_err().to_string();
        assert!(text.contains("no answer within 1 s"), "{text}");
    }

    #[test]
    fn files_are_asked_without_a_database() {
        let source = Source::new(
            "duckdb: { query: \"select * from 'ticks/*.csv' where session = {{ session }}\" }\ntypes: { instrument: text, close: number }\n",
        );
        source.write("ticks/a.csv", "session,instrument,close\n2015-01-05,a,1\n2015-01-06,a,2\n");
        let frame = source.fetch(&["2015-01-05", "2015-01-06"]).unwrap().frame;
        assert_eq!(cells(&frame, "close"), ["1.0", "2.0"]);
        assert_eq!(source.progress(), [(1, 2), (2, 2)]);
    }
}
