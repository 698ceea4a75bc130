//! `assetctl sql`: the assets in DuckDB's SQL, read-only unless told otherwise.

use std::io::{IsTerminal, Read};
use std::path::Path;

use assetctl_store::{AsOf, connect_snapshot, newest_warehouse};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use duckdb::types::{TimeUnit, ValueRef};
use duckdb::{AccessMode, Config, Connection};

use super::shell;
use crate::args::{Format, Sql, SqlOutput};
use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::report::{self, table};

/// Tables of the user's own, with `--write`.
const SCRATCH: &str = "scratch.duckdb";

pub fn run(context: &Context, args: &Sql) -> Result<(), CliError> {
    let query = query(args)?;
    let loaded = context.load()?;
    let connection = connect(&loaded, args)?;
    let output = args.output.unwrap_or(match context.format {
        Format::Json => SqlOutput::Json,
        Format::Human => SqlOutput::Table,
    });
    match query {
        Some(query) => show(&connection, query.trim().trim_end_matches(';'), output, args),
        None => shell::run(&connection, &loaded.data().join("sql_history.txt"), args.rows),
    }
}

/// The query from the command line, a file, or standard input; `None` for a shell.
fn query(args: &Sql) -> Result<Option<String>, CliError> {
    let stdin = || -> Result<String, CliError> {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(CliError::other("reading standard input"))?;
        Ok(text)
    };
    let text = match (&args.query, &args.file) {
        (Some(query), _) => query.clone(),
        (None, Some(file)) if file == Path::new("-") => stdin()?,
        (None, Some(file)) => std::fs::read_to_string(file).map_err(CliError::other(format!("reading `{}`", file.display())))?,
        (None, None) if std::io::stdin().is_terminal() => return Ok(None),
        (None, None) => stdin()?,
    };
    if text.trim().is_empty() {
        return Err(CliError::usage("the query is empty", Some("`assetctl sql \"select * from scores limit 10\"`")));
    }
    Ok(Some(text))
}

fn connect(loaded: &Loaded, args: &Sql) -> Result<Connection, CliError> {
    let nothing = || CliError::usage("nothing was materialized yet", Some("`assetctl materialize` makes everything"));
    if let Some(as_of) = &args.as_of {
        let store = loaded.existing_store()?.ok_or_else(nothing)?;
        let snapshot = store.snapshot_at(instant_or_run(as_of)?)?;
        return Ok(connect_snapshot(&snapshot)?);
    }
    if let Some(store) = loaded.existing_store()? {
        loaded.publish_if_behind(&store)?;
    }
    let warehouse = newest_warehouse(loaded.data())?.ok_or_else(nothing)?;
    let failed = || CliError::other(format!("opening `{}`", warehouse.display()));
    if !args.write {
        let config = Config::default().access_mode(AccessMode::ReadOnly).map_err(failed())?;
        return Connection::open_with_flags(&warehouse, config).map_err(failed());
    }
    let scratch = loaded.data().join(SCRATCH);
    let connection = Connection::open(&scratch).map_err(CliError::other(format!("opening `{}`", scratch.display())))?;
    let attach = format!(
        "ATTACH '{}' AS warehouse (READ_ONLY); SET search_path = 'scratch.main,warehouse.main,warehouse.assetctl'",
        warehouse.display().to_string().replace('\'', "''")
    );
    connection.execute_batch(&attach).map_err(failed())?;
    Ok(connection)
}

/// `12` is a run; `2024-03-15` is the end of that day; `2024-03-15T15:30:00Z` is an instant.
fn instant_or_run(text: &str) -> Result<AsOf, CliError> {
    if let Ok(run) = text.parse() {
        return Ok(AsOf::Run(run));
    }
    if let Ok(instant) = text.parse::<DateTime<Utc>>() {
        return Ok(AsOf::Instant(instant));
    }
    match text.parse::<NaiveDate>().ok().and_then(|date| date.succ_opt()) {
        Some(next) => Ok(AsOf::Instant(next.and_time(NaiveTime::MIN).and_utc() - chrono::Duration::microseconds(1))),
        None => Err(CliError::usage(
            format!("`{text}` is neither a run nor an instant"),
            Some("say a run (`12`), a date (`2024-03-15`) or an instant (`2024-03-15T15:30:00Z`)"),
        )),
    }
}

/// Runs one query and shows what it returns.
pub fn show(connection: &Connection, query: &str, output: SqlOutput, args: &Sql) -> Result<(), CliError> {
    if output == SqlOutput::Parquet {
        let Some(to) = &args.to else {
            return Err(CliError::usage("Parquet goes to a file, not to a terminal", Some("add `--to result.parquet`")));
        };
        let path = to.display().to_string().replace('\'', "''");
        return connection.execute_batch(&format!("COPY ({query}) TO '{path}' (FORMAT parquet)")).map_err(failed);
    }
    let result = rows(connection, query)?;
    let text = match output {
        SqlOutput::Csv => csv(&result)?,
        SqlOutput::Json => json(&result)?,
        SqlOutput::Table | SqlOutput::Parquet => human(&result, args.rows),
    };
    match &args.to {
        Some(to) => Ok(assetctl_store::write_whole(to, text.as_bytes())?),
        None => report::text(&text),
    }
}

fn failed(error: duckdb::Error) -> CliError {
    CliError::usage(error.to_string(), None)
}

/// What a query returns.
pub struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

enum Cell {
    Missing,
    Bool(bool),
    Number(serde_json::Number, String),
    Text(String),
}

impl Cell {
    fn of(value: ValueRef<'_>) -> Self {
        let int = |n: i64| Self::Number(n.into(), n.to_string());
        let float = |x: f64, text: String| match serde_json::Number::from_f64(x) {
            Some(number) => Self::Number(number, text),
            None => Self::Text(text),
        };
        match value {
            ValueRef::Null => Self::Missing,
            ValueRef::Boolean(value) => Self::Bool(value),
            ValueRef::TinyInt(n) => int(n.into()),
            ValueRef::SmallInt(n) => int(n.into()),
            ValueRef::Int(n) => int(n.into()),
            ValueRef::BigInt(n) => int(n),
            ValueRef::UTinyInt(n) => int(n.into()),
            ValueRef::USmallInt(n) => int(n.into()),
            ValueRef::UInt(n) => int(n.into()),
            ValueRef::UBigInt(n) => Self::Number(n.into(), n.to_string()),
            ValueRef::HugeInt(n) => match i64::try_from(n) {
                Ok(n) => int(n),
                Err(_) => Self::Text(n.to_string()),
            },
            ValueRef::Float(x) => float(x.into(), x.to_string()),
            ValueRef::Double(x) => float(x, x.to_string()),
            ValueRef::Date32(days) => {
                let date = NaiveDate::from_num_days_from_ce_opt(days.saturating_add(719_163));
                Self::Text(date.map_or_else(|| days.to_string(), |date| date.to_string()))
            }
            ValueRef::Timestamp(unit, value) => {
                let micros = match unit {
                    TimeUnit::Second => value.saturating_mul(1_000_000),
                    TimeUnit::Millisecond => value.saturating_mul(1_000),
                    TimeUnit::Microsecond => value,
                    TimeUnit::Nanosecond => value / 1_000,
                };
                let instant: Option<NaiveDateTime> = DateTime::from_timestamp_micros(micros).map(|instant| instant.naive_utc());
                Self::Text(instant.map_or_else(|| value.to_string(), |instant| instant.to_string()))
            }
            ValueRef::Text(bytes) => Self::Text(String::from_utf8_lossy(bytes).into_owned()),
            other => Self::Text(rendered(&other.to_owned())),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Missing => "",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Number(_, text) | Self::Text(text) => text,
        }
    }
}

/// Nested and rare values, as DuckDB would write them.
fn rendered(value: &duckdb::types::Value) -> String {
    use duckdb::types::Value;
    match value {
        Value::Null => "NULL".into(),
        Value::Boolean(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::BigInt(value) => value.to_string(),
        Value::UBigInt(value) => value.to_string(),
        Value::Text(value) | Value::Enum(value) => value.clone(),
        Value::Decimal(value) => value.to_string(),
        Value::List(values) | Value::Array(values) => {
            format!("[{}]", values.iter().map(rendered).collect::<Vec<_>>().join(", "))
        }
        Value::Struct(fields) => {
            format!("{{{}}}", fields.iter().map(|(name, value)| format!("{name}: {}", rendered(value))).collect::<Vec<_>>().join(", "))
        }
        Value::Date32(days) => NaiveDate::from_num_days_from_ce_opt(days.saturating_add(719_163)).map_or_else(|| days.to_string(), |date| date.to_string()),
        other => format!("{other:?}"),
    }
}

/// Everything that a query returns.
pub fn rows(connection: &Connection, query: &str) -> Result<Rows, CliError> {
    let mut statement = connection.prepare(query).map_err(failed)?;
    let mut found = statement.query([]).map_err(failed)?;
    let mut rows = Vec::new();
    let columns: Vec<String> = found.as_ref().map(|statement| statement.column_names()).unwrap_or_default();
    while let Some(row) = found.next().map_err(failed)? {
        let cells = (0..columns.len()).map(|at| row.get_ref(at).map(Cell::of)).collect::<Result<_, _>>().map_err(failed)?;
        rows.push(cells);
    }
    Ok(Rows { columns, rows })
}

/// A table; `most` rows of it at most (0 for all).
pub fn human(result: &Rows, most: usize) -> String {
    let most = if most == 0 { result.rows.len() } else { most };
    let numeric = |at: usize| {
        let mut cells = result.rows.iter().map(|row| &row[at]).filter(|cell| !matches!(cell, Cell::Missing)).peekable();
        cells.peek().is_some() && cells.all(|cell| matches!(cell, Cell::Number(..)))
    };
    let headers: Vec<String> =
        result.columns.iter().enumerate().map(|(at, name)| if numeric(at) { format!("{name}#") } else { name.clone() }).collect();
    let mut shown = table::table(&headers.iter().map(String::as_str).collect::<Vec<_>>());
    for row in result.rows.iter().take(most) {
        shown.add_row(row.iter().map(Cell::text));
    }
    let mut text = table::render(&shown);
    if result.rows.len() > most {
        text.push_str(&format!("… {} of {} (`--rows 0` shows all)\n", most, table::count(result.rows.len() as u64, "row")));
    }
    text
}

fn csv(result: &Rows) -> Result<String, CliError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let writing = || CliError::other("writing CSV");
    writer.write_record(&result.columns).map_err(writing())?;
    for row in &result.rows {
        writer.write_record(row.iter().map(Cell::text)).map_err(writing())?;
    }
    let bytes = writer.into_inner().map_err(|error| CliError::other("writing CSV")(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn json(result: &Rows) -> Result<String, CliError> {
    let rows: Vec<serde_json::Value> = result
        .rows
        .iter()
        .map(|row| {
            let fields = result.columns.iter().zip(row).map(|(name, cell)| {
                let value = match cell {
                    Cell::Missing => serde_json::Value::Null,
                    Cell::Bool(value) => (*value).into(),
                    Cell::Number(number, _) => number.clone().into(),
                    Cell::Text(text) => text.clone().into(),
                };
                (name.clone(), value)
            });
            serde_json::Value::Object(fields.collect())
        })
        .collect();
    let mut text = serde_json::to_string_pretty(&rows).map_err(CliError::other("writing JSON"))?;
    text.push('\n');
    Ok(text)
}
