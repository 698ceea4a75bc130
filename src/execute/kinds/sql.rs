//! `sql`: a SELECT in DuckDB, once per session, on exactly its windows.
//!
//! Exactness: the inputs lie in tables ordered by session and key, each query runs on one thread, and a `ref()` is a table of
//! the session's window, copied from them; so a result depends on its window alone, down to the last bit. A view of the
//! window is not enough: DuckDB chooses which side of a join to build, and so the order in which `sum` adds, by how large the
//! tables behind the views are, that is, by the batch.
//!
//! Files are closed to a query: what it read of them would be no input, and a change of it would not be seen.

use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use assetctl_calendar::SessionIx;
use assetctl_config::ColumnType;
use assetctl_graph::{Axis, SqlRef};
use assetctl_plan::{STATIC_SESSION, date_of, ix_of};
use chrono::NaiveDate;
use duckdb::Connection;
use polars::prelude::*;

use super::{Batch, Made, MakeError, Materializer};

pub struct Sql {
    pub sql: String,
    pub refs: Vec<SqlRef>,
    pub key: Option<Vec<String>>,
}

/// Sessions that a thread of its own is worth.
const SESSIONS_PER_WORKER: usize = 16;
/// How often it is looked whether queries are to stop.
const WATCH: Duration = Duration::from_millis(20);

impl Materializer for Sql {
    fn make(&self, batch: &Batch<'_>) -> Result<Made, MakeError> {
        let sessions = batch.sessions.to_vec();
        let (Some(first), Some(last)) = (sessions.first(), sessions.last()) else {
            return Ok(Made { sessions, ..Made::default() });
        };
        let folder = tempfile::tempdir()?;
        let shared =
            Query { sql: &self.sql, refs: &self.refs, batch, connection: connect(batch)?, folder: folder.path() };
        shared.lay_out_inputs(*first, *last)?;
        shared.close_files()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = cores.min(sessions.len().div_ceil(SESSIONS_PER_WORKER)).max(1);
        let parts: Vec<(Query<'_>, &[NaiveDate])> = sessions
            .chunks(sessions.len().div_ceil(workers))
            .map(|part| Ok((shared.another()?, part)))
            .collect::<Result<_, MakeError>>()?;
        // Each query runs on the thread that asks, so the number of threads changes no bit.
        let interrupts: Vec<_> = parts.iter().map(|(query, _)| query.connection.interrupt_handle()).collect();
        let is_over = AtomicBool::new(false);
        let made: Vec<Result<(DataFrame, Vec<String>), MakeError>> = std::thread::scope(|scope| {
            let running: Vec<_> = parts
                .into_iter()
                .map(|(query, part)| scope.spawn(move || query.make(part, self.key.as_deref())))
                .collect();
            let watch = scope.spawn(|| {
                while !is_over.load(Ordering::Acquire) {
                    if batch.cancel.is_wanted() {
                        interrupts.iter().for_each(|query| query.interrupt());
                    }
                    std::thread::park_timeout(WATCH);
                }
            });
            let gone = || Err(MakeError::Io(std::io::Error::other("a query's thread stopped unexpectedly")));
            let made = running.into_iter().map(|worker| worker.join().unwrap_or_else(|_| gone())).collect();
            is_over.store(true, Ordering::Release);
            watch.thread().unpark();
            made
        });
        if batch.cancel.is_wanted() {
            // Whatever a query says that was interrupted.
            return Err(MakeError::Cancelled);
        }
        let mut made = made.into_iter();
        let (mut frame, key) = made.next().transpose()?.unwrap_or_default();
        for more in made {
            frame.vstack_mut(&more?.0)?;
        }
        Ok(Made { frame, sessions, key, ..Made::default() })
    }

    fn columns(&self) -> usize {
        24
    }
}

struct Query<'a> {
    sql: &'a str,
    refs: &'a [SqlRef],
    batch: &'a Batch<'a>,
    connection: Connection,
    /// The one place for files: where results are written.
    folder: &'a Path,
}

/// A column of the result, and the SQL that gives it one of our types.
struct Column {
    name: String,
    ty: ColumnType,
}

impl Column {
    /// Whether it belongs to the key if none is declared.
    fn identifies(&self) -> bool {
        self.name == "instrument" || (self.name == "time" && self.ty == ColumnType::Time)
    }

    fn cast(&self) -> String {
        let ty = match self.ty {
            ColumnType::Number => "DOUBLE",
            ColumnType::Text => "VARCHAR",
            ColumnType::Bool => "BOOLEAN",
            ColumnType::Date => "DATE",
            ColumnType::Time => "TIMESTAMP",
        };
        format!("CAST({0} AS {ty}) AS {0}", quote(&self.name))
    }
}

fn connect(batch: &Batch<'_>) -> Result<Connection, MakeError> {
    let failed = |error: duckdb::Error| MakeError::Sql {
        asset: batch.node.name.clone(),
        session: None,
        message: error.to_string(),
    };
    let connection = Connection::open_in_memory().map_err(failed)?;
    connection.execute_batch("SET threads = 1").map_err(failed)?;
    Ok(connection)
}

impl Query<'_> {
    /// The same on a connection of its own: variables, views and results are a connection's.
    fn another(&self) -> Result<Self, MakeError> {
        let connection = self.connection.try_clone().map_err(self.failed(None))?;
        Ok(Self { connection, ..*self })
    }

    /// The rows of some sessions, and their key.
    fn make(&self, sessions: &[NaiveDate], key: Option<&[String]>) -> Result<(DataFrame, Vec<String>), MakeError> {
        let Some(first) = sessions.first() else { return Ok((DataFrame::empty(), Vec::new())) };
        self.make_views()?;
        self.lay_out_windows(*first)?;
        let columns = self.prepare(*first)?;
        for session in sessions {
            self.batch.check_cancel()?;
            self.lay_out_windows(*session)?;
            self.run(*session, &columns)?;
        }
        let key = match key {
            Some(key) => key.to_vec(),
            None => columns.iter().filter(|column| column.identifies()).map(|column| column.name.clone()).collect(),
        };
        self.check_key(&key, &columns)?;
        Ok((self.take()?, key))
    }

    fn failed(&self, session: Option<NaiveDate>) -> impl FnOnce(duckdb::Error) -> MakeError {
        let asset = self.batch.node.name.clone();
        move |error| {
            let mut message = error.to_string();
            if message.starts_with("Permission Error") {
                message.push_str("; declare the file as a `source` or a `table`, and read that by `ref()`");
            }
            MakeError::Sql { asset, session, message }
        }
    }

    fn refuse(&self, session: Option<NaiveDate>, message: String) -> MakeError {
        MakeError::Sql { asset: self.batch.node.name.clone(), session, message }
    }

    fn execute(&self, sql: &str, session: Option<NaiveDate>) -> Result<(), MakeError> {
        self.connection.execute_batch(sql).map_err(self.failed(session))
    }

    /// What the batch reads of each input, as a table in the order of its key.
    fn lay_out_inputs(&self, first: NaiveDate, last: NaiveDate) -> Result<(), MakeError> {
        let batch = self.batch;
        for (at, edge) in batch.node.edges.iter().enumerate() {
            let input = batch.input(edge);
            let (Some(rows), Some(schema)) =
                (batch.snapshot.relation(&input.name)?, batch.snapshot.schema(&input.name)?)
            else {
                return Err(self.refuse(None, format!("`{}` has no rows, and so no columns, yet", input.name)));
            };
            let mut sql = format!("CREATE TABLE \"assetctl input {at}\" AS SELECT * FROM ({rows})");
            let mut order: Vec<String> = schema.key_names().iter().map(|name| quote(name)).collect();
            if input.axis == Axis::Session {
                order.insert(0, "session".to_owned());
                match batch.window(edge, first, last) {
                    Some((from, to)) => {
                        let _ = write!(sql, " WHERE session BETWEEN DATE '{from}' AND DATE '{to}'");
                    }
                    None => sql.push_str(" WHERE false"),
                }
            }
            // Rows that no key tells apart are ordered by everything.
            let order = if schema.key.is_empty() { "ALL".to_owned() } else { order.join(", ") };
            let _ = write!(sql, " ORDER BY {order}");
            self.execute(&sql, None)?;
        }
        Ok(())
    }

    /// From here on, only results are written, and nothing is read.
    fn close_files(&self) -> Result<(), MakeError> {
        let folder = in_quotes(self.folder);
        self.execute(&format!("SET allowed_directories = [{folder}]; SET enable_external_access = false"), None)
    }

    /// Makes the view of each `ref()` of an input without sessions: all its rows, for every session.
    fn make_views(&self) -> Result<(), MakeError> {
        for reference in self.refs.iter().filter(|reference| !self.has_window(reference)) {
            let view =
                format!("CREATE TEMP VIEW {} AS SELECT * FROM \"assetctl input {}\"", reference.name, reference.edge);
            self.execute(&view, None)?;
        }
        Ok(())
    }

    fn has_window(&self, reference: &SqlRef) -> bool {
        self.batch.input(&self.batch.node.edges[reference.edge]).axis == Axis::Session
    }

    /// Makes the tables of all `ref()`s for the windows of one session.
    fn lay_out_windows(&self, session: NaiveDate) -> Result<(), MakeError> {
        let batch = self.batch;
        let mut sql = format!("SET VARIABLE session = DATE '{session}';\n");
        for reference in self.refs.iter().filter(|reference| self.has_window(reference)) {
            let edge = &batch.node.edges[reference.edge];
            let input = batch.input(edge);
            // Before the input's calendar begins there is nothing to see.
            let (from, to) = match ix_of(batch.node, session).and_then(|ix| batch.map(edge).last_read(ix)) {
                Some(last) => {
                    let first = last.0.saturating_sub(reference.sessions - 1).max(input.start.0);
                    (date_of(input, SessionIx(first.min(last.0))), date_of(input, last))
                }
                None => (session, session.pred_opt().unwrap_or(session)),
            };
            let _ = writeln!(
                sql,
                "CREATE OR REPLACE TEMP TABLE {} AS SELECT * FROM \"assetctl input {}\" WHERE session BETWEEN DATE '{from}' AND DATE '{to}';",
                reference.name, reference.edge
            );
        }
        self.execute(&sql, Some(session))
    }

    /// Finds out the columns of the result and makes the table of results. The names of our own tables are such that no query
    /// hits on them.
    fn prepare(&self, session: NaiveDate) -> Result<Vec<Column>, MakeError> {
        self.execute(
            &format!("CREATE TEMP TABLE \"assetctl shape\" AS SELECT * FROM (\n{}\n) LIMIT 0", self.sql),
            Some(session),
        )?;
        let failed = self.failed(Some(session));
        let found: Vec<(String, String)> = self
            .connection
            .prepare("SELECT column_name, column_type FROM (DESCRIBE \"assetctl shape\")")
            .and_then(|mut statement| statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
            .map_err(failed)?;
        let mut columns = Vec::with_capacity(found.len());
        for (name, ty) in found {
            columns.push(Column { ty: self.column_type(&name, &ty)?, name });
        }
        self.check_declared(&columns)?;
        let casts: Vec<String> = self.casts(&columns, STATIC_SESSION);
        self.execute(
            &format!("CREATE TEMP TABLE \"assetctl results\" AS SELECT {} FROM \"assetctl shape\"", casts.join(", ")),
            Some(session),
        )?;
        Ok(columns)
    }

    /// The select list of the stored rows: `session` first, if the asset has sessions.
    fn casts(&self, columns: &[Column], session: NaiveDate) -> Vec<String> {
        let makes_session =
            self.batch.node.axis == Axis::Session && columns.iter().all(|column| column.name != "session");
        makes_session
            .then(|| format!("DATE '{session}' AS session"))
            .into_iter()
            .chain(columns.iter().map(Column::cast))
            .collect()
    }

    fn column_type(&self, name: &str, ty: &str) -> Result<ColumnType, MakeError> {
        let base = ty.split('(').next().unwrap_or(ty);
        Ok(match base {
            "DOUBLE" | "FLOAT" | "DECIMAL" | "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "HUGEINT" | "UTINYINT"
            | "USMALLINT" | "UINTEGER" | "UBIGINT" | "UHUGEINT" => ColumnType::Number,
            "VARCHAR" | "ENUM" => ColumnType::Text,
            "BOOLEAN" => ColumnType::Bool,
            "DATE" => ColumnType::Date,
            _ if name == "session" && base.starts_with("TIMESTAMP") => ColumnType::Date,
            "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS" | "TIMESTAMP_NS" => ColumnType::Time,
            _ => {
                return Err(self.refuse(
                    None,
                    format!("column `{name}` is of type {ty}; cast it to DOUBLE, VARCHAR, BOOLEAN, DATE or TIMESTAMP"),
                ));
            }
        })
    }

    fn check_declared(&self, columns: &[Column]) -> Result<(), MakeError> {
        let Some(schema) = &self.batch.node.schema else { return Ok(()) };
        for (name, ty) in schema {
            match columns.iter().find(|column| column.name == *name) {
                Some(column) if column.ty == *ty => {}
                Some(column) => {
                    let (is, declared) = (column.ty.name(), ty.name());
                    return Err(self.refuse(None, format!("column `{name}` is a {is}, and `columns:` says {declared}")));
                }
                None => {
                    return Err(
                        self.refuse(None, format!("the result lacks column `{name}`, which `columns:` declares"))
                    );
                }
            }
        }
        match columns
            .iter()
            .find(|column| column.name != "session" && schema.iter().all(|(name, _)| *name != column.name))
        {
            Some(column) => Err(self
                .refuse(None, format!("the result has a column `{}` that `columns:` does not declare", column.name))),
            None => Ok(()),
        }
    }

    fn run(&self, session: NaiveDate, columns: &[Column]) -> Result<(), MakeError> {
        let checks_session =
            self.batch.node.axis == Axis::Session && columns.iter().any(|column| column.name == "session");
        let before = if checks_session { self.count("SELECT count(*) FROM \"assetctl results\"", session)? } else { 0 };
        let casts = self.casts(columns, session).join(", ");
        self.execute(
            &format!("INSERT INTO \"assetctl results\" SELECT {casts} FROM (\n{}\n)", self.sql),
            Some(session),
        )?;
        if checks_session {
            let others = format!(
                "SELECT count(*) FROM \"assetctl results\" WHERE rowid >= {before} AND session IS DISTINCT FROM DATE '{session}'"
            );
            let others = self.count(&others, session)?;
            if others > 0 {
                let hint = "add `where session = {{ session }}`, or leave the column out";
                return Err(self.refuse(Some(session), format!("it returns {others} rows of other sessions; {hint}")));
            }
        }
        Ok(())
    }

    fn count(&self, sql: &str, session: NaiveDate) -> Result<i64, MakeError> {
        self.connection.query_row(sql, [], |row| row.get(0)).map_err(self.failed(Some(session)))
    }

    /// A key column must be there, and tell rows apart.
    fn check_key(&self, key: &[String], columns: &[Column]) -> Result<(), MakeError> {
        if let Some(absent) = key.iter().find(|name| columns.iter().all(|column| column.name != **name)) {
            return Err(self.refuse(None, format!("the result lacks its key column `{absent}`")));
        }
        if key.is_empty() {
            return Ok(());
        }
        let session = (self.batch.node.axis == Axis::Session).then_some("session");
        let names: Vec<String> = session.into_iter().chain(key.iter().map(String::as_str)).map(quote).collect();
        let names = names.join(", ");
        let twice = format!(
            "SELECT concat_ws(', ', {names}) FROM \"assetctl results\" GROUP BY {names} HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
        );
        let found: Vec<String> = self
            .connection
            .prepare(&twice)
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .map_err(self.failed(None))?;
        match found.first() {
            Some(row) => Err(self.refuse(
                None,
                format!("it returns two rows with the key ({row}); say `key:` if rows are identified otherwise"),
            )),
            None => Ok(()),
        }
    }

    fn take(&self) -> Result<DataFrame, MakeError> {
        let folder = tempfile::tempdir_in(self.folder)?;
        let file = folder.path().join("results.parquet");
        self.execute(&format!("COPY \"assetctl results\" TO {} (FORMAT parquet)", in_quotes(&file)), None)?;
        Ok(ParquetReader::new(std::fs::File::open(&file)?).finish()?)
    }
}

/// A path as a text of SQL.
pub fn in_quotes(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "''"))
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
