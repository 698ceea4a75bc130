//! `/sql`: one query over the warehouse, that reads and does nothing else.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use assetctl_store::{Store, newest_warehouse};
use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use duckdb::{AccessMode, Config, Connection};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::problem::{Problem, Sending};
use super::state::{Api, SqlLimits};
use crate::read::{ReadError, Rows, query_failed};

/// An answer is not larger than this.
const MOST_BYTES: usize = 32 << 20;

/// Functions that make rows of nothing but their arguments, and those that every warehouse has.
const TABLE_FUNCTIONS: [&str; 5] = ["range", "generate_series", "unnest", "repeat", "front_adjusted"];

/// A query in DuckDB's SQL.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlQuery {
    /// One `select`; the assets are its tables.
    query: String,
}

/// Answers one query over the assets
///
/// It may read the assets and nothing else: no files, no network, no settings. What it may take is limited by `api: { sql: … }`. With
/// `Accept: text/csv` the answer is CSV.
#[utoipa::path(post, path = "/api/v1/sql", tag = "assets", request_body = SqlQuery, security((), ("token" = [])),
    responses((status = 200, description = "a list of rows, each a map from column to value",
        content((Vec<Object> = "application/json"), (String = "text/csv"))), Sending))]
pub async fn query(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Json(SqlQuery { query }): Json<SqlQuery>,
) -> Result<Response, Problem> {
    let is_csv = headers.get(ACCEPT).and_then(|form| form.to_str().ok()).is_some_and(|form| form.contains("text/csv"));
    let turns = api.queries.clone();
    let limits = api.settings.sql.clone();
    let answer = api.with_turn(turns, move |api, _| Ok(answer(&api.store, &query, &limits, is_csv))).await??;
    let form = if is_csv { "text/csv" } else { "application/json" };
    Ok(([(CONTENT_TYPE, form)], answer).into_response())
}

fn answer(store: &Store, query: &str, limits: &SqlLimits, is_csv: bool) -> Result<String, Problem> {
    let root = store.layout().root();
    let warehouse = newest_warehouse(root).map_err(ReadError::from)?.ok_or_else(|| {
        ReadError::unknown("nothing was materialized yet", Some("`assetctl materialize` makes everything"))
    })?;
    let query = query.trim().trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    let connection = open(&warehouse, &store.layout().lake(), limits)?;
    let rows = within(&connection, limits.timeout, || {
        only_reads(&connection, query)?;
        // One more than may be given says that there are too many.
        Rows::of(&connection, &format!("SELECT * FROM (\n{query}\n) LIMIT {}", limits.rows + 1))
    })?;
    if rows.cells().len() > limits.rows {
        return Err(refused(format!("the query gives more than {} rows", limits.rows)).with_help(
            "add `limit`, or ask for a part at a time; `api: { sql: { rows: … } }` in schedules.yaml allows more",
        ));
    }
    let answer = if is_csv { rows.csv()? } else { rows.values().to_string() };
    if answer.len() > MOST_BYTES {
        return Err(
            refused(format!("the answer is larger than {} MB", MOST_BYTES >> 20)).with_help("ask for less at a time")
        );
    }
    Ok(answer)
}

fn refused(detail: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

/// Where queries can read the assets' files, and nothing else in the world; nor change that.
fn open(warehouse: &Path, lake: &Path, limits: &SqlLimits) -> Result<Connection, ReadError> {
    let failed = || ReadError::other(format!("opening `{}`", warehouse.display()));
    let config = Config::default()
        .access_mode(AccessMode::ReadOnly)
        .and_then(|config| config.enable_autoload_extension(false))
        .and_then(|config| config.max_memory(&limits.memory))
        .and_then(|config| config.threads(2))
        .map_err(failed())?;
    let connection = Connection::open_with_flags(warehouse, config).map_err(failed())?;
    let lake = lake.display().to_string().replace('\'', "''");
    let closed = format!(
        "SET temp_directory = ''; SET autoinstall_known_extensions = false; SET allowed_directories = ['{lake}/'];
         SET enable_external_access = false; SET lock_configuration = true"
    );
    connection.execute_batch(&closed).map_err(failed())?;
    Ok(connection)
}

/// Does something with a connection, for so long at most.
fn within<T>(
    connection: &Connection,
    timeout: Duration,
    work: impl FnOnce() -> Result<T, ReadError>,
) -> Result<T, Problem> {
    let interrupt = connection.interrupt_handle();
    let (done, waiting) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let is_late = waiting.recv_timeout(timeout) == Err(mpsc::RecvTimeoutError::Timeout);
        if is_late {
            interrupt.interrupt();
        }
        is_late
    });
    let result = work();
    drop(done);
    match (result, watch.join().unwrap_or(false)) {
        (Ok(value), _) => Ok(value),
        (Err(_), true) => {
            let detail = format!("the query took longer than {} s", timeout.as_secs());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
                .with_help("`api: { sql: { timeout: … } }` in schedules.yaml allows more"))
        }
        (Err(error), false) => Err(error.into()),
    }
}

/// That it is one query, by the database's own parser, and names no function that could reach further than the assets.
fn only_reads(connection: &Connection, query: &str) -> Result<(), ReadError> {
    let parsed: String = connection
        .query_row("SELECT json_serialize_sql(CAST(? AS VARCHAR))::VARCHAR", [query], |row| row.get(0))
        .map_err(query_failed)?;
    let parsed: Value = serde_json::from_str(&parsed).map_err(ReadError::other("reading a parsed query"))?;
    if parsed["error"] == true {
        let message = parsed["error_message"].as_str().unwrap_or("it cannot be read");
        let help = "only a `select` is answered here";
        return Err(ReadError::wrong(format!("the query cannot be answered: {message}"), Some(help)));
    }
    match parsed["statements"].as_array().map(Vec::as_slice) {
        Some([statement]) => no_reach(statement),
        _ => Err(ReadError::wrong("more than one statement", Some("send one `select` at a time"))),
    }
}

fn no_reach(node: &Value) -> Result<(), ReadError> {
    if node["type"] == "TABLE_FUNCTION" {
        let name = node["function"]["function_name"].as_str().unwrap_or_default();
        if !TABLE_FUNCTIONS.contains(&name) {
            let help = "the assets are tables: `select * from scores`";
            return Err(ReadError::wrong(format!("`{name}` is not to be used here"), Some(help)));
        }
    }
    match node {
        Value::Array(nodes) => nodes.iter().try_for_each(no_reach),
        Value::Object(fields) => fields.values().try_for_each(no_reach),
        _ => Ok(()),
    }
}
