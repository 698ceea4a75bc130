//! Bad input: each mistake is refused with its place and what to do, and the store stays as it was.

mod files;
mod rows;
mod store;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::support::{Contents, Output, Project};

const YAML: &str = "\
calendar: XSHG
start: 2014-01-02
assets:
  raw_bars:
    kind: source
    csv: bars/*.csv
    columns: { instrument: symbol, session: date }

  completed_bars:
    kind: complete
    input: raw_bars
    checks:
      - range: { column: close, above: 0 }

  means:
    kind: indicators
    input: completed_bars
    columns:
      mean_2: mean(close, 2)

  doubled:
    kind: sql
    query: select instrument, close * 2 as price from {{ ref('completed_bars') }}
    columns: { instrument: text, price: number }
";

const HEADER: &str = "symbol,date,open,high,low,close,volume";

/// Line 4 is what most tests replace.
const BARS: [&str; 7] = [
    HEADER,
    "sh.600000,2014-01-02,9.36,9.42,9.32,9.42,37374356",
    "sz.000001,2014-01-02,12.16,12.24,12.05,12.2,49522787",
    "sh.600000,2014-01-03,9.38,9.39,9.26,9.27,47411364",
    "sz.000001,2014-01-03,12.14,12.15,11.82,11.9,72022430",
    "sh.600000,2014-01-06,9.24,9.25,9.01,9.07,76195690",
    "sz.000001,2014-01-06,11.85,11.87,11.5,11.65,75206600",
];

fn text(lines: &[&str]) -> String {
    format!("{}\n", lines.join("\n"))
}

/// The bars with another line 4.
fn with_line_4(line: &str) -> String {
    let mut lines = BARS;
    lines[3] = line;
    text(&lines)
}

/// A project that is up to date.
fn up_to_date() -> Project {
    let project = Project::empty();
    project.yaml(YAML);
    project.write("bars/a.csv", text(&BARS));
    project.materialize();
    project
}

/// Files of the lake and the warehouse with their sizes, and the contents as a reader of the warehouse sees them, without the
/// program, which may refuse to start.
fn state(project: &Project) -> (BTreeMap<PathBuf, u64>, Contents) {
    let mut files = BTreeMap::new();
    let mut folders = vec![project.path("data/lake")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.clone(), std::fs::metadata(&path).unwrap().len());
            }
        }
    }
    let config = duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly).unwrap();
    let connection = duckdb::Connection::open_with_flags(project.path("data/warehouse.duckdb"), config).unwrap();
    let query = "select asset, session::varchar, content_hash from assetctl.partitions";
    let mut statement = connection.prepare(query).unwrap();
    let rows = statement.query_map([], |row| {
        let session: String = row.get(1)?;
        Ok(((row.get(0)?, crate::support::date(&session)), row.get(2)?))
    });
    (files, rows.unwrap().collect::<Result<_, _>>().unwrap())
}

/// Writes a file, which must be refused with these words; nothing of the store changes, and without it all is up to date.
#[track_caller]
fn refused(project: &Project, name: &str, content: impl AsRef<[u8]>, code: i32, words: &[&str]) -> Output {
    let before = state(project);
    project.write(name, content);
    let output = project.run(&["materialize"]).exits(code);
    output.says(words);
    assert_eq!(state(project), before, "{output}");
    repair(project, name);
    project.materialize().assert_nothing();
    assert_eq!(state(project), before, "{output}");
    output
}

fn repair(project: &Project, name: &str) {
    match name {
        "bars/a.csv" => project.write(name, text(&BARS)),
        "assets.yaml" => project.yaml(YAML),
        other => std::fs::remove_file(project.path(other)).unwrap(),
    }
}

#[track_caller]
fn line_4_refused(project: &Project, line: &str, words: &[&str]) {
    refused(project, "bars/a.csv", with_line_4(line), 5, &[&["bars/a.csv:4"], words].concat())
        .says(&[line, "nothing was changed"]);
}
