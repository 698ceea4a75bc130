//! Bars within sessions from databases: a night is asked for with its session, whatever type times have.

use crate::support::{Project, server};

/// A project of one source. Its session of the 18th begins on the evening of the 15th.
fn project(source: &str, zone: &str) -> Project {
    let project = Project::empty();
    project.yaml(&format!(
        "calendar: FUT\nstart: 2024-03-18\ncalendars:\n  FUT: {{ extends: XSHG, hours: ['21:00-02:30', '09:00-11:30', '13:30-15:00'] }}\nassets:\n  bars:\n    kind: source\n    {source}\n    columns: {{ instrument: code, time: t, close: close }}\n    time: {{ every: 5m{zone} }}\n"
    ));
    project
}

/// Rows of three sessions, with times as a type writes them.
fn inserts(table: &str, kind: &str, zone: &str) -> String {
    let times = [
        "2024-03-15 14:55:00",
        "2024-03-15 21:05:00",
        "2024-03-16 00:30:00",
        "2024-03-18 15:00:00",
        "2024-03-18 21:05:00",
    ];
    let rows: Vec<String> =
        times.iter().enumerate().map(|(at, time)| format!("('{time}{zone}', 'AU', {at})")).collect();
    format!(
        "drop table if exists {table}; create table {table}(t {kind}, code varchar(20), close double precision); insert into {table} values {};",
        rows.join(", ")
    )
}

#[track_caller]
fn assert_night(project: &Project) {
    project.run_at("2024-03-18T12:00:00Z", &["materialize"]).ok();
    let rows = project
        .rows("select session::text || ' ' || time::text || ' ' || close::integer as bar from bars order by time");
    let shown: Vec<&str> = rows.iter().map(|row| row["bar"].as_str().unwrap()).collect();
    assert_eq!(
        shown,
        ["2024-03-18 2024-03-15 21:05:00 1", "2024-03-18 2024-03-16 00:30:00 2", "2024-03-18 2024-03-18 15:00:00 3",]
    );
}

fn query(table: &str) -> String {
    format!("query: \"select * from {table} where t between {{{{ opens }}}} and {{{{ closes }}}}\"")
}

/// Types of times, what is written behind a time of them, and what is said of them.
const TYPES: [(&str, &str, &str); 3] =
    [("timestamp", "", ""), ("timestamptz", "+08:00", ""), ("timestamptz", "+08:00", ", zone: Asia/Shanghai")];

#[test]
fn a_night_of_a_duckdb_database() {
    for (kind, offset, zone) in TYPES {
        let project = project(&format!("duckdb: {{ file: bars.duckdb, {} }}", query("bars")), zone);
        let database = duckdb::Connection::open(project.path("bars.duckdb")).unwrap();
        database.execute_batch(&inserts("bars", kind, offset)).unwrap();
        drop(database);
        assert_night(&project);
    }
    // Times in UTC, and as counts.
    let project = project(&format!("duckdb: {{ file: bars.duckdb, {} }}", query("bars")), ", zone: UTC");
    let database = duckdb::Connection::open(project.path("bars.duckdb")).unwrap();
    let shifted = "update bars set t = t - interval 8 hour";
    database.execute_batch(&format!("{}{shifted}", inserts("bars", "timestamp", ""))).unwrap();
    drop(database);
    assert_night(&project);
    let database = duckdb::Connection::open(project.path("bars.duckdb")).unwrap();
    database.execute_batch("alter table bars alter t type bigint using epoch_ms(t)").unwrap();
    drop(database);
    project.edit_yaml("zone: UTC", "format: epoch_ms");
    project.edit_yaml("{{ opens }} and {{ closes }}", "{{ opens | epoch_ms }} and {{ closes | epoch_ms }}");
    assert_night(&project);
}

#[test]
fn a_night_of_a_postgresql_server() {
    let Some(url) = server("ASSETCTL_TEST_POSTGRES") else { return };
    for (at, (kind, offset, zone)) in TYPES.into_iter().enumerate() {
        let table = format!("night_bars_{at}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            let driver = tokio::spawn(connection);
            client.batch_execute(&inserts(&table, kind, offset)).await.unwrap();
            driver.abort();
        });
        let project = project(&format!("postgres: {{ url: \"{url}\", {} }}", query(&table)), zone);
        assert_night(&project);
    }
}
