//! A query reads the assets, within its limits, and does nothing else.

use serde_json::json;

use super::{Answer, Served, project};
use crate::support::Project;

fn query(served: &Served, query: &str) -> Answer {
    served.ask("POST", "/api/v1/sql", &[], &json!({ "query": query }).to_string())
}

#[test]
fn it_reads_the_assets() {
    let project = project("");
    let served = Served::new(&project);
    for text in [
        "select count(*) as n from scores",
        "select count(*) as n from scores; ",
        "with best as (select * from scores order by score desc, instrument limit 3) select * from best -- three",
        "from signals select * order by session, instrument limit 3",
        "select asset, count(*) as n from assetctl.partitions group by asset order by asset",
        "select range as n from range(3) union all select unnest([7, 8])",
    ] {
        assert_eq!(query(&served, text).is(200).json(), project.json(&["sql", text]), "{text}");
    }
    let body = json!({ "query": "select 1 as a, 'x,y' as b" }).to_string();
    let csv = served.ask("POST", "/api/v1/sql", &[("Accept", "text/csv"), ("Connection", "close")], &body).is(200);
    assert_eq!((csv.header("content-type"), csv.body.as_str()), ("text/csv", "a,b\n1,\"x,y\"\n"));
    query(&served, "select nothing from scores").is_problem(422, "nothing");
    query(&served, "").is_problem(422, "");
}

#[test]
fn it_can_do_nothing_else() {
    let project = project("");
    let secret = project.path("secret.csv");
    project.write("secret.csv", "a\nhunter2\n");
    let secret = secret.display().to_string().replace('\'', "''");
    let out = project.path("out.csv").display().to_string().replace('\'', "''");
    let lake = project.path("data/lake").display().to_string().replace('\'', "''");
    let served = Served::new(&project);
    let before = std::fs::read(project.path("data/warehouse.duckdb")).unwrap();
    for text in [
        "drop view scores".to_owned(),
        "insert into assetctl.runs select * from assetctl.runs".to_owned(),
        "create table mine as select 1".to_owned(),
        format!("copy (select 1) to '{out}'"),
        format!("copy (select 1) to '{lake}/out.csv'"),
        format!("attach '{out}' as other"),
        format!("select * from read_csv('{secret}')"),
        format!("select * from read_csv_auto('{secret}')"),
        format!("select * from read_text('{secret}')"),
        format!("select * from read_blob('{secret}')"),
        format!("select * from '{secret}'"),
        format!("select (select count(*) from '{secret}')"),
        format!("select * from query('select * from read_csv(''{secret}'')')"),
        format!("select * from query_table('{secret}')"),
        format!("select * from front_adjusted('{secret}', '2015-08-05')"),
        format!("select * from glob('{lake}/*')"),
        format!("select * from parquet_metadata('{lake}/scores/*.parquet')"),
        "select * from 'https://example.com/a.parquet'".to_owned(),
        "select * from 's3://bucket/a.parquet'".to_owned(),
        "select * from sqlite_scan('data/state.db', 'runs')".to_owned(),
        "install httpfs".to_owned(),
        "load httpfs".to_owned(),
        "set enable_external_access = true".to_owned(),
        "set memory_limit = '100GB'".to_owned(),
        "pragma database_list".to_owned(),
        "call pragma_version()".to_owned(),
        "select * from duckdb_settings()".to_owned(),
        "select 1; select 2".to_owned(),
        "select 1; drop view scores".to_owned(),
        "select 1) ; copy (select 1".to_owned(),
        "explain analyze select 1".to_owned(),
        "checkpoint".to_owned(),
        "begin".to_owned(),
        "prepare q as select 1".to_owned(),
    ] {
        let answer = query(&served, &text);
        assert!(!answer.body.contains("hunter2"), "{text}: {answer:?}");
        answer.is_problem(422, "");
    }
    assert!(!project.path("out.csv").exists() && !project.path("data/lake/out.csv").exists());
    assert_eq!(std::fs::read(project.path("data/warehouse.duckdb")).unwrap(), before);
    query(&served, "select count(*) as n from scores").is(200);
}

#[test]
fn it_takes_no_more_than_it_may() {
    let project = project("api: { sql: { timeout: 1s, rows: 10, memory: 64MB, at_once: 1 } }\n");
    let served = Served::new(&project);
    assert_eq!(query(&served, "select * from range(10)").is(200).json().as_array().unwrap().len(), 10);
    query(&served, "select * from range(11)").is_problem(422, "more than 10 rows");
    let long = "select sum(a.range * b.range) as n from range(1000000) a, range(1000000) b";
    query(&served, long).is_problem(408, "took longer than 1 s");
    query(&served, "select count(*) as n from (select distinct random() as r from range(100000000))")
        .is_problem_of(&[(422, "memory"), (408, "took longer")]);
    // Whoever asks meanwhile waits for a turn, and whoever asks for something else does not.
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..3).map(|_| scope.spawn(|| query(&served, "select 1 as one").status)).collect();
        assert!(asked.into_iter().all(|one| one.join().unwrap() == 200));
    });
}

#[test]
fn of_nothing_there_is_nothing_to_ask() {
    let project = Project::new();
    let served = Served::new(&project);
    query(&served, "select 1").is_problem(404, "assetctl materialize");
    assert_eq!(served.get("/api/v1/assets/scores/partitions").is(200).json()["items"], json!([]));
    assert_eq!(served.get("/api/v1/status").is(200).json()[0]["materialized"], 0);
}
