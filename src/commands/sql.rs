//! `assetctl sql`: the assets in DuckDB's SQL, read-only unless told otherwise.

use std::io::{IsTerminal, Read};
use std::path::Path;

use assetctl_serve::Rows;
use assetctl_store::{AsOf, connect_known, connect_snapshot, newest_warehouse};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use duckdb::{AccessMode, Config, Connection};

use super::shell;
use crate::args::{Format, Sql, SqlOutput};
use crate::context::{Context, Loaded};
use crate::error::CliError;
use crate::report;

/// Tables of the user's own, with `--write`.
const SCRATCH: &str = "scratch.duckdb";

pub fn run(context: &Context, args: &Sql) -> Result<(), CliError> {
    let query = query(args)?;
    let loaded = context.load()?;
    let connection = connect(context, &loaded, args)?;
    let output = args.output.unwrap_or(match context.format {
        Format::Json => SqlOutput::Json,
        Format::Human | Format::Silent => SqlOutput::Table,
    });
    match query {
        Some(query) => show(&connection, query.trim().trim_end_matches(';'), output, args)
            .map_err(|error| if args.as_known_at.is_some() { of_the_past(error) } else { error }),
        None => shell::run(&connection, &loaded.data().join("sql_history.txt"), args.rows),
    }
}

/// What is not there may not have been made yet of what was known.
fn of_the_past(error: CliError) -> CliError {
    match error {
        CliError::Usage { message, help: None } => {
            let help = "`assetctl materialize --as-known-at … --select scores` makes what would have been made then";
            CliError::usage(message, Some(help))
        }
        other => other,
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
        (None, Some(file)) => {
            std::fs::read_to_string(file).map_err(CliError::other(format!("reading `{}`", file.display())))?
        }
        (None, None) if std::io::stdin().is_terminal() => return Ok(None),
        (None, None) => stdin()?,
    };
    if text.trim_matches(|c: char| c == ';' || c.is_whitespace()).is_empty() {
        return Err(CliError::usage("the query is empty", Some("`assetctl sql \"select * from scores limit 10\"`")));
    }
    Ok(Some(text))
}

fn connect(context: &Context, loaded: &Loaded, args: &Sql) -> Result<Connection, CliError> {
    let nothing = || CliError::usage("nothing was materialized yet", Some("`assetctl materialize` makes everything"));
    if let Some(at) = args.as_known_at {
        let (history, made) = super::known::open(context, loaded, at)?;
        let made = made.as_ref().map(assetctl_store::Store::snapshot).transpose()?;
        return Ok(connect_known(&history, made.as_ref())?);
    }
    if let Some(as_of) = &args.as_of {
        let store = loaded.existing_store()?.ok_or_else(nothing)?;
        let snapshot = store.snapshot_at(instant_or_run(as_of)?).map_err(|error| match error {
            assetctl_store::Error::UnknownRun { .. }
            | assetctl_store::Error::BeforeFirst { .. }
            | assetctl_store::Error::Collected { .. } => {
                CliError::usage(error.to_string(), Some("`assetctl runs` lists the runs"))
            }
            other => CliError::Store(other),
        })?;
        return Ok(connect_snapshot(&snapshot)?);
    }
    if let Some(store) = loaded.existing_store()? {
        loaded.publish_if_behind(&store)?;
    }
    let warehouse = newest_warehouse(loaded.data())?.ok_or_else(nothing)?;
    let failed = || {
        CliError::other(format!(
            "opening `{}` (if it is damaged, remove it: the next command publishes it again)",
            warehouse.display()
        ))
    };
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
fn show(connection: &Connection, query: &str, output: SqlOutput, args: &Sql) -> Result<(), CliError> {
    if output == SqlOutput::Parquet {
        let Some(to) = &args.to else {
            return Err(CliError::usage(
                "Parquet goes to a file, not to a terminal",
                Some("add `--to result.parquet`"),
            ));
        };
        let path = to.display().to_string().replace('\'', "''");
        return connection
            .execute_batch(&format!("COPY (\n{query}\n) TO '{path}' (FORMAT parquet)"))
            .map_err(|error| assetctl_serve::query_failed(error).into());
    }
    let result = Rows::of(connection, query)?;
    let text = match output {
        SqlOutput::Csv => result.csv()?,
        SqlOutput::Json => result.json()?,
        SqlOutput::Table | SqlOutput::Parquet => report::rows::human(&result, args.rows),
    };
    match &args.to {
        Some(to) => Ok(assetctl_store::write_whole(to, text.as_bytes())?),
        None => report::text(&text),
    }
}
