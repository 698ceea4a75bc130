//! What a program has made: taken if it is as declared, and refused in words that its author understands.

use std::path::Path;

use assetctl_config::ColumnType;
use assetctl_graph::Axis;
use chrono::NaiveDate;
use duckdb::Connection;
use polars::prelude::*;

use super::{Exec, task};
use crate::kinds::{Batch, in_quotes};

/// The rows of the sessions, in order.
///
/// # Errors
/// In words, how the result is not as it should be.
pub fn read(exec: &Exec, batch: &Batch<'_>, sessions: &[NaiveDate], folder: &Path) -> Result<DataFrame, String> {
    let (parquet, csv) = (task::parquet(folder), task::csv(folder));
    let (is_text, rows) = match (parquet.is_file(), csv.is_file()) {
        (true, false) => (false, format!("read_parquet({})", in_quotes(&parquet))),
        (false, true) => (
            true,
            format!("read_csv({}, header = true, all_varchar = true, delim = ',', quote = '\"')", in_quotes(&csv)),
        ),
        (true, true) => return Err("it wrote both `output.parquet` and `output.csv`; one is enough".to_owned()),
        (false, false) => {
            return Err("it ended well and wrote neither of the files that `output` of its task names".to_owned());
        }
    };
    let result = Reading { exec, has_sessions: batch.node.axis == Axis::Session, sessions, is_text };
    result.read(&rows, folder)
}

struct Reading<'a> {
    exec: &'a Exec,
    has_sessions: bool,
    sessions: &'a [NaiveDate],
    /// Of CSV every value is a text until it is declared to be more.
    is_text: bool,
}

impl Reading<'_> {
    fn read(&self, rows: &str, folder: &Path) -> Result<DataFrame, String> {
        let connection = Connection::open_in_memory().map_err(in_words)?;
        let run = |sql: &str| connection.execute_batch(sql).map_err(in_words);
        run("SET threads = 1")?;
        run(&format!("CREATE TABLE got AS SELECT * FROM {rows}"))?;
        let found: Vec<(String, String)> = connection
            .prepare("SELECT column_name, column_type FROM (DESCRIBE got)")
            .and_then(|mut statement| statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
            .map_err(in_words)?;
        let selected = self.selected(&found)?;
        run(&format!("CREATE TABLE result AS SELECT {} FROM got", selected.join(", ")))?;
        let one = |sql: &str| -> Result<Option<String>, String> {
            let mut statement = connection.prepare(sql).map_err(in_words)?;
            let mut rows = statement.query([]).map_err(in_words)?;
            match rows.next().map_err(in_words)? {
                Some(row) => row.get(0).map(Some).map_err(in_words),
                None => Ok(None),
            }
        };
        if self.has_sessions {
            let asked: Vec<String> = self.sessions.iter().map(|session| format!("DATE '{session}'")).collect();
            let other = one(&format!(
                "SELECT coalesce(session::VARCHAR, '(none)') FROM result WHERE session IS NULL OR session NOT IN ({}) ORDER BY 1 LIMIT 1",
                asked.join(", ")
            ))?;
            if let Some(other) = other {
                return Err(format!("it made a row of session {other}, which was not asked for"));
            }
        }
        let mut key: Vec<String> = self.has_sessions.then(|| "session".to_owned()).into_iter().collect();
        for column in &self.exec.key {
            if one(&format!("SELECT '' FROM result WHERE {} IS NULL LIMIT 1", quote(column)))?.is_some() {
                return Err(format!("it made a row without `{column}`, which is part of the key"));
            }
            key.push(quote(column));
        }
        let key = key.join(", ");
        if !self.exec.key.is_empty() {
            let twice = format!(
                "SELECT concat_ws(', ', {key}) FROM result GROUP BY {key} HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
            );
            if let Some(twice) = one(&twice)? {
                return Err(format!(
                    "it made two rows with the key ({twice}); say `key:` if rows are identified otherwise"
                ));
            }
        }
        let order = if self.exec.key.is_empty() { "ALL".to_owned() } else { key };
        let taken = folder.join("taken.parquet");
        run(&format!("COPY (SELECT * FROM result ORDER BY {order}) TO {} (FORMAT parquet)", in_quotes(&taken)))?;
        let file = std::fs::File::open(&taken).map_err(|error| error.to_string())?;
        ParquetReader::new(file).finish().map_err(|error| error.to_string())
    }

    /// The select list, `session` first; every column as declared, and no other.
    fn selected(&self, found: &[(String, String)]) -> Result<Vec<String>, String> {
        let type_of = |name: &str| found.iter().find(|(known, _)| known == name).map(|(_, ty)| ty.as_str());
        let mut selected = Vec::new();
        if self.has_sessions {
            match (type_of("session"), self.sessions) {
                (Some(_), _) => selected.push("CAST(session AS DATE) AS session".to_owned()),
                (None, [only]) => selected.push(format!("DATE '{only}' AS session")),
                (None, _) => {
                    return Err("several sessions were asked for, and the result has no column `session`".to_owned());
                }
            }
        }
        let declared = &self.exec.columns;
        if let Some((name, _)) =
            found.iter().find(|(name, _)| name != "session" && declared.iter().all(|(known, _)| known != name))
        {
            return Err(format!("the result has a column `{name}` that `columns:` does not declare"));
        }
        for (name, ty) in declared {
            let Some(is) = type_of(name) else {
                return Err(format!("the result lacks column `{name}`, which `columns:` declares"));
            };
            if !self.is_text && !fits(*ty, is) {
                return Err(format!("column `{name}` is of type {is}, and `columns:` says {}", ty.name()));
            }
            let target = match ty {
                ColumnType::Number => "DOUBLE",
                ColumnType::Text => "VARCHAR",
                ColumnType::Bool => "BOOLEAN",
                ColumnType::Date => "DATE",
                ColumnType::Time => "TIMESTAMP",
            };
            selected.push(format!("CAST({0} AS {target}) AS {0}", quote(name)));
        }
        Ok(selected)
    }
}

/// Whether a type of DuckDB's holds what a column is declared to.
fn fits(ty: ColumnType, is: &str) -> bool {
    let base = is.split('(').next().unwrap_or(is);
    match ty {
        ColumnType::Number => {
            base.ends_with("INT") || matches!(base, "DOUBLE" | "FLOAT" | "DECIMAL" | "INTEGER" | "UINTEGER")
        }
        ColumnType::Text => base == "VARCHAR" || base.starts_with("ENUM"),
        ColumnType::Bool => base == "BOOLEAN",
        ColumnType::Date => base == "DATE" || base.starts_with("TIMESTAMP"),
        // Of an instant the time depends on who looks at it.
        ColumnType::Time => base.starts_with("TIMESTAMP") && base != "TIMESTAMP WITH TIME ZONE",
    }
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn in_words(error: duckdb::Error) -> String {
    let message = error.to_string();
    let first = message.lines().next().unwrap_or_default();
    format!("its result cannot be read: {first}")
}
