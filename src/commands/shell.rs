//! The SQL shell: several lines until `;`, history, completion of assets, columns and key words.

use std::path::Path;

use assetctl_serve::Rows;
use duckdb::Connection;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, Helper};

use crate::error::CliError;
use crate::report;

const HELP: &str = "\
end a query with `;`
  .tables    assets and other tables
  .help      this
  .quit      leave (also Ctrl-D)
";

const KEYWORDS: [&str; 24] = [
    "select",
    "from",
    "where",
    "group by",
    "order by",
    "having",
    "limit",
    "join",
    "left join",
    "using",
    "on",
    "with",
    "as",
    "and",
    "or",
    "not",
    "between",
    "in",
    "is null",
    "case",
    "when",
    "then",
    "else",
    "summarize",
];

/// Completes words from what the database knows.
struct Words {
    words: Vec<String>,
}

impl Helper for Words {}
impl Highlighter for Words {}
impl Validator for Words {}

impl Hinter for Words {
    type Hint = String;
}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..at];
        let start = before
            .rfind(|c: char| !c.is_alphanumeric() && c != '_')
            .map_or(0, |i| i + before[i..].chars().next().map_or(1, char::len_utf8));
        let typed = &before[start..];
        if typed.is_empty() {
            return Ok((at, Vec::new()));
        }
        let fits = self.words.iter().filter(|word| word.starts_with(typed));
        Ok((start, fits.map(|word| Pair { display: word.clone(), replacement: word.clone() }).collect()))
    }
}

/// Reads and runs queries until the end of input.
pub fn run(connection: &Connection, history: &Path, most_rows: usize) -> Result<(), CliError> {
    let failed = || CliError::other("starting the shell");
    let config = Config::builder().auto_add_history(true).build();
    let mut editor: Editor<Words, FileHistory> = Editor::with_config(config).map_err(failed())?;
    editor.set_helper(Some(Words { words: words(connection) }));
    // No history yet is no error.
    let _ = editor.load_history(history);
    report::text("DuckDB SQL over the assets; `.help` for help\n")?;
    let mut pending = String::new();
    loop {
        match editor.readline(if pending.is_empty() { "sql> " } else { "...> " }) {
            Ok(line) => match (pending.is_empty(), line.trim()) {
                (true, "") => {}
                (true, ".quit" | ".exit" | "quit" | "exit") => break,
                (true, ".help") => report::text(HELP)?,
                (true, ".tables") => {
                    query(connection, "select table_name from information_schema.tables order by 1", most_rows)?
                }
                _ => {
                    pending.push_str(&line);
                    pending.push('\n');
                    if line.trim_end().ends_with(';') {
                        let whole = std::mem::take(&mut pending);
                        query(connection, whole.trim().trim_end_matches(';'), most_rows)?;
                    }
                }
            },
            Err(ReadlineError::Interrupted) => pending.clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(CliError::other("reading a line")(error)),
        }
    }
    editor.save_history(history).map_err(CliError::other(format!("writing `{}`", history.display())))
}

/// A query that fails says so, and the shell goes on.
fn query(connection: &Connection, query: &str, most_rows: usize) -> Result<(), CliError> {
    match Rows::of(connection, query) {
        Ok(rows) => report::text(&report::rows::human(&rows, most_rows)),
        Err(error) => {
            report::diagnostics::show(&error.into());
            Ok(())
        }
    }
}

fn words(connection: &Connection) -> Vec<String> {
    let known =
        "select table_name from information_schema.tables union select column_name from information_schema.columns";
    let mut words: Vec<String> = connection
        .prepare(known)
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .unwrap_or_default();
    words.extend(KEYWORDS.map(str::to_owned));
    words.sort();
    words.dedup();
    words
}
