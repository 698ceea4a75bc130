//! Databases that are asked session by session: DuckDB always, PostgreSQL where there is one.

use std::fmt::Write as _;

use crate::support::bars::{FIRST, LAST};
use crate::support::{Project, STAGES, assert_same, date, server, sessions};

const FILES: &str = "csv: data/source/bars/*.csv\n    columns: { instrument: symbol, session: date }\n";
const COLUMNS: &str =
    "columns: { session: date, instrument: symbol, open: open, high: high, low: low, close: close, volume: volume }\n";

/// The slice in a table `bars`, as SQL that every database reads.
fn inserts(project: &Project) -> String {
    let mut sql = String::from(
        "create table bars(symbol varchar(20), date date, open double precision, high double precision, low double precision, close double precision, volume double precision);\n",
    );
    for rows in project.bars().rows.chunks(200) {
        let values = rows.iter().map(|bar| {
            let numbers: Vec<&str> =
                bar.values.iter().map(|text| if text.is_empty() { "null" } else { text }).collect();
            format!("('{}', '{}', {})", bar.symbol, bar.date, numbers.join(", "))
        });
        let _ = writeln!(sql, "insert into bars values {};", values.collect::<Vec<_>>().join(", "));
    }
    sql
}

fn duckdb(project: &Project, sql: &str) {
    let connection = duckdb::Connection::open(project.path("research.duckdb")).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// The contents of what is below the source.
fn below(project: &Project) -> crate::support::Contents {
    project.contents().into_iter().filter(|((asset, _), _)| asset != "raw_bars").collect()
}

#[test]
fn bars_of_a_duckdb_database_are_those_of_its_file() {
    let plain = Project::new();
    plain.materialize();
    let project = Project::new();
    duckdb(&project, &inserts(&project));
    std::fs::remove_file(project.path("data/source/bars/bars.csv")).unwrap();
    let query = "select * from bars where date between {{ first }} and {{ last }}";
    project.yaml(&STAGES.replace(
        FILES,
        &format!("duckdb: {{ file: research.duckdb, query: '{query}' }}\n    lookback: 5\n    {COLUMNS}"),
    ));
    let ran = project.materialize_with(&["--to", LAST]);
    assert_eq!(ran.of_asset("raw_bars"), sessions(FIRST, LAST));
    assert_same(&below(&project), &below(&plain));
    project.materialize_with(&["--to", LAST]).assert_nothing();

    // What is asked is part of the spec; where nothing comes out otherwise, nothing below runs.
    project.edit_yaml(query, &query.replace("where", "where symbol is not null and"));
    project.materialize_with(&["--to", LAST]).assert(&[("raw_bars", &sessions(FIRST, LAST))]);

    // Rows that are not what is declared are refused, and leave what was there.
    let contents = project.contents();
    duckdb(
        &project,
        "alter table bars alter close type varchar; update bars set close = 'n.a.' where date = '2015-03-04' and symbol = 'sh.600028'",
    );
    let refused = project
        .run(&["materialize", "--force", "--select", "raw_bars", "--from", "2015-03-02", "--to", "2015-03-06"])
        .exits(5);
    refused.says(&["query of `raw_bars`, row ", "`n.a.` is not a number in column `close`"]);
    assert_same(&project.contents(), &contents);
}

#[test]
fn a_query_that_cannot_be_is_a_mistake_of_the_configuration() {
    let project = Project::new();
    project.yaml(&STAGES.replace(
        FILES,
        &format!("duckdb:\n      query: |\n        select * from bars\n        where date = '{{{{ session }}}}'\n    {COLUMNS}"),
    ));
    let mistake = project.run(&["validate"]).exits(3);
    mistake.says(&["a value stands in quotes", "assets.yaml:9", "leave the quotes away"]);
    project.edit_yaml("'{{ session }}'", "current_date");
    project
        .run(&["validate"])
        .exits(3)
        .says(&["does not say which sessions it asks for", "between {{ first }} and {{ last }}"]);
}

#[test]
fn bars_of_a_postgresql_server() {
    let Some(url) = server("ASSETCTL_TEST_POSTGRES") else { return };
    let execute = |sql: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            let driver = tokio::spawn(connection);
            client.batch_execute(sql).await.unwrap();
            driver.abort();
        });
    };
    let project = Project::new();
    project.materialize();
    let expected = below(&project);
    let sql = inserts(&project).replace("bars(", "story_bars(").replace("into bars", "into story_bars");
    execute(&format!("drop table if exists story_bars; {sql}"));
    std::fs::remove_file(project.path("data/source/bars/bars.csv")).unwrap();
    let (open, password) = (url.replace(":swordfish@", "@"), "swordfish");
    assert_ne!(open, url);
    let source = format!(
        "postgres:\n      url: {open}\n      password: {{ env: BARS_PASSWORD }}\n      \
         query: select * from story_bars where date between {{{{ first }}}} and {{{{ last }}}}\n    {COLUMNS}"
    );
    project.yaml(&STAGES.replace(FILES, &source));
    project.run(&["validate"]).ok();
    let args = ["materialize", "--to", LAST, "--now", crate::support::project::NOW, "--format", "json"];
    let run = |set: bool| {
        let mut command = project.command(&args);
        if set {
            command.env("BARS_PASSWORD", password);
        }
        crate::support::Output::new("assetctl materialize".into(), &command.output().unwrap())
    };
    run(false).exits(5).says(&["environment variable `BARS_PASSWORD` is not set"]);
    let output = run(true).ok();
    assert_eq!(output.ran().of_asset("raw_bars"), sessions(FIRST, LAST));
    assert_same(&below(&project), &expected);
    assert_eq!(run(true).ok().ran().of_asset("raw_bars"), []);
    for (path, _) in crate::support::files_below(&project.path("data")) {
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(password.len()).any(|part| part == password.as_bytes()), "{}", path.display());
    }

    // A correction is fetched when it is asked for again.
    execute("update story_bars set close = 6.11 where date = '2015-03-04' and symbol = 'sh.600028'");
    let force = [
        "materialize",
        "--force",
        "--select",
        "raw_bars",
        "--from",
        "2015-03-04",
        "--to",
        "2015-03-04",
        "--now",
        crate::support::project::NOW,
        "--format",
        "json",
    ];
    let forced = project.command(&force).env("BARS_PASSWORD", password).output().unwrap();
    crate::support::Output::new("assetctl materialize --force".into(), &forced).ok();
    let ran = run(true).ok().ran();
    assert_eq!(ran.of_asset("completed_bars"), [date("2015-03-04")]);
}
