//! What DuckDB answers: queries whose rows are violations, and patterns.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use assetctl_calendar::SessionIx;
use assetctl_compute::{CheckFailure, Sample};
use assetctl_graph::{Axis, CheckEdge};
use assetctl_plan::{EdgeMap, date_of, ix_of};
use chrono::NaiveDate;
use duckdb::{Connection, appender_params_from_iter, params};

use super::Checking;
use crate::kinds::{MakeError, in_quotes};

/// Violations that a message shows.
const EXAMPLES: usize = 5;

/// The queries of an asset's checks, over the rows of one batch.
pub struct Queries<'a> {
    checking: Checking<'a>,
    connection: Connection,
    /// Where the rows lie for DuckDB to read.
    _folder: tempfile::TempDir,
}

impl<'a> Queries<'a> {
    /// Lays out the rows to be checked, and what the queries read besides. From then on files are closed.
    pub fn new(checking: Checking<'a>) -> Result<Self, MakeError> {
        let folder = tempfile::tempdir()?;
        let connection = Connection::open_in_memory().map_err(|error| refuse(&checking, None, &error))?;
        let queries = Self { checking, connection, _folder: folder };
        let rows = queries._folder.path().join("rows.parquet");
        queries.execute("SET threads = 1", None)?;
        queries.lay_out(&rows)?;
        queries.execute("SET enable_external_access = false", None)?;
        Ok(queries)
    }

    fn lay_out(&self, rows: &Path) -> Result<(), MakeError> {
        if self.checking.frame.width() == 0 {
            return Ok(());
        }
        assetctl_store::write_segment(rows, self.checking.frame, 0, false)?;
        let rows = in_quotes(rows);
        self.execute(&format!("CREATE TABLE \"assetctl rows\" AS SELECT * FROM read_parquet({rows})"), None)?;
        let checking = &self.checking;
        let mut done: BTreeMap<usize, (NaiveDate, NaiveDate)> = BTreeMap::new();
        for edge in checking.node.check_reads.edges.iter().filter(|edge| edge.view.is_some()) {
            // The widest of all windows of an input; a static one has none.
            let window = checking.window_of_check(edge);
            let known = done.get(&edge.input).copied();
            let (from, to) = match (window, known) {
                (Some((a, b)), Some((c, d))) => (a.min(c), b.max(d)),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => (NaiveDate::MAX, NaiveDate::MIN),
            };
            done.insert(edge.input, (from, to));
        }
        for (input, (from, to)) in done {
            let node = checking.graph.node(input);
            let Some(relation) = checking.snapshot.relation(&node.name)? else {
                let message = format!("`{}` has no rows, and so no columns, yet", node.name);
                return Err(MakeError::Check { asset: checking.node.name.clone(), session: None, message });
            };
            let within = match node.axis {
                Axis::Static => String::new(),
                Axis::Session if from > to => " WHERE false".to_owned(),
                Axis::Session => format!(" WHERE session BETWEEN DATE '{from}' AND DATE '{to}'"),
            };
            let table =
                format!("CREATE TABLE \"assetctl input {input}\" AS SELECT * FROM ({relation}){within} ORDER BY ALL");
            self.execute(&table, None)?;
        }
        Ok(())
    }

    /// Runs the query of the check at a position for every session.
    pub fn run(&self, position: usize) -> Result<Vec<CheckFailure>, MakeError> {
        if self.checking.frame.width() == 0 {
            // Sessions without rows have no columns either.
            return Ok(Vec::new());
        }
        let reads = &self.checking.node.check_reads;
        let Some(query) = reads.queries.get(&position) else { return Ok(Vec::new()) };
        let mut failures = Vec::new();
        for session in self.checking.sessions {
            self.checking.check_cancel()?;
            self.look_at(*session, reads.edges.iter().filter(|edge| edge.check == position))?;
            self.execute(
                &format!("CREATE OR REPLACE TEMP TABLE \"assetctl violations\" AS SELECT * FROM (\n{query}\n)"),
                Some(*session),
            )?;
            failures.extend(self.violations(*session)?);
        }
        Ok(failures)
    }

    /// Makes `this`, the tables of all `ref()`s, and the variable, for one session.
    fn look_at<'e>(&self, session: NaiveDate, edges: impl Iterator<Item = &'e CheckEdge>) -> Result<(), MakeError> {
        let checking = &self.checking;
        let of_session = match checking.node.axis {
            Axis::Static => String::new(),
            Axis::Session => format!(" WHERE session = DATE '{session}'"),
        };
        let mut sql = format!(
            "SET VARIABLE session = DATE '{session}';\n\
             CREATE OR REPLACE TEMP TABLE this AS SELECT * FROM \"assetctl rows\"{of_session};\n"
        );
        for edge in edges {
            let Some(view) = &edge.view else { continue };
            let input = checking.graph.node(edge.input);
            let last = ix_of(checking.node, session)
                .and_then(|ix| EdgeMap::with_window(checking.node, input, edge.back).last_read(ix));
            let within = match (input.axis, last) {
                (Axis::Static, _) => String::new(),
                (Axis::Session, None) => " WHERE false".to_owned(),
                (Axis::Session, Some(last)) => {
                    let first = SessionIx(last.0.saturating_sub(edge.back).max(input.start.0).min(last.0));
                    let (from, to) = (date_of(input, first), date_of(input, last));
                    format!(" WHERE session BETWEEN DATE '{from}' AND DATE '{to}'")
                }
            };
            sql.push_str(&format!(
                "CREATE OR REPLACE TEMP TABLE {view} AS SELECT * FROM \"assetctl input {}\"{within};\n",
                edge.input
            ));
        }
        self.execute(&sql, Some(session))
    }

    fn violations(&self, session: NaiveDate) -> Result<Option<CheckFailure>, MakeError> {
        let failed = |error: duckdb::Error| refuse(&self.checking, Some(session), &error);
        let count: u64 = self
            .connection
            .query_row("SELECT count(*) FROM \"assetctl violations\"", [], |row| row.get(0))
            .map_err(failed)?;
        if count == 0 {
            return Ok(None);
        }
        let shown = format!("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM \"assetctl violations\" LIMIT {EXAMPLES}");
        let mut statement = self.connection.prepare(&shown).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let names: Vec<String> = rows.as_ref().map(|statement| statement.column_names()).unwrap_or_default();
        let mut sample = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let values = (0..names.len()).map(|at| row.get::<_, Option<String>>(at)).collect::<Result<Vec<_>, _>>();
            sample.push(of_violation(&names, values.map_err(failed)?));
        }
        let rows = if count == 1 { "1 row" } else { &format!("{count} rows") };
        let examples = sample.iter().map(Sample::to_string).collect::<Vec<_>>().join(", ");
        let more = if count as usize > EXAMPLES { ", …" } else { "" };
        let message = format!("the query returns {rows} on {session}: {examples}{more}");
        Ok(Some(CheckFailure { session, message, rows: count, sample }))
    }

    fn execute(&self, sql: &str, session: Option<NaiveDate>) -> Result<(), MakeError> {
        self.connection.execute_batch(sql).map_err(|error| refuse(&self.checking, session, &error))
    }
}

/// A row of a query: its instrument, or else its first value, and the others by name.
fn of_violation(names: &[String], values: Vec<Option<String>>) -> Sample {
    let at = names.iter().position(|name| name == "instrument").unwrap_or(0);
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(missing)".to_owned());
    let others: Vec<String> = names
        .iter()
        .zip(&values)
        .enumerate()
        .filter(|(other, (name, _))| *other != at && *name != "session")
        .map(|(_, (name, value))| format!("{name} {}", shown(value)))
        .collect();
    let row = values.get(at).map(shown).unwrap_or_default();
    Sample { row, value: (!others.is_empty()).then(|| others.join(", ")) }
}

fn refuse(checking: &Checking<'_>, session: Option<NaiveDate>, error: &duckdb::Error) -> MakeError {
    let mut message = error.to_string();
    if message.starts_with("Permission Error") {
        message.push_str("; declare the file as a `source` or a `table`, and read that by `ref()`");
    }
    MakeError::Check { asset: checking.node.name.clone(), session, message }
}

/// The texts of a column that a pattern does not match as a whole.
pub fn not_matching(checking: &Checking<'_>, column: &str, pattern: &str) -> Result<BTreeSet<String>, MakeError> {
    if checking.frame.height() == 0 {
        return Ok(BTreeSet::new());
    }
    let values = checking.frame.column(column)?.str()?.clone();
    let distinct: BTreeSet<&str> = values.iter().flatten().collect();
    let find = || -> duckdb::Result<BTreeSet<String>> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch("CREATE TABLE texts (text VARCHAR)")?;
        let mut appender = connection.appender("texts")?;
        for text in &distinct {
            appender.append_row(appender_params_from_iter([*text]))?;
        }
        appender.flush()?;
        let mut statement = connection.prepare("SELECT text FROM texts WHERE NOT regexp_full_match(text, ?)")?;
        statement.query_map(params![pattern], |row| row.get(0))?.collect()
    };
    find().map_err(|error| refuse(checking, None, &error))
}

/// Whether a text is a regular expression, in the syntax that [`not_matching`] matches by.
///
/// # Errors
/// In words, what is wrong with it.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    let try_it = || -> duckdb::Result<bool> {
        let connection = Connection::open_in_memory()?;
        connection.query_row(&format!("SELECT regexp_full_match('', {})", text(pattern)), [], |row| row.get(0))
    };
    try_it().map(|_| ()).map_err(|error| {
        let message = error.to_string();
        let first = message.lines().next().unwrap_or_default();
        first.strip_prefix("Invalid Input Error: ").unwrap_or(first).to_owned()
    })
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_tried_before_anything_runs() {
        assert_eq!(check_pattern(r"[0-9]{6}\.(XSHG|XSHE)"), Ok(()));
        assert_eq!(check_pattern("it's"), Ok(()));
        let mistake = check_pattern("[a-z").unwrap_err();
        assert!(mistake.contains("missing ]"), "{mistake}");
    }

    #[test]
    fn a_violation_is_named_by_its_instrument() {
        let names = ["session", "close", "instrument"].map(str::to_owned);
        let values = vec![Some("2024-01-02".to_owned()), None, Some("a".to_owned())];
        assert_eq!(of_violation(&names, values).to_string(), "a (close (missing))");
        assert_eq!(of_violation(&["n".to_owned()], vec![Some("3".to_owned())]).to_string(), "3");
    }
}
