//! What is said to a ClickHouse that is newer than the one that tests can have: a fake of the HTTP interface as it is documented, which answers what
//! the sink asks, and keeps what it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use assetctl_config::{ClickhouseSink, Sink as Spec};
use axum::extract::{Query, State};
use axum::http::StatusCode;

use crate::cells::tests::every_type;
use crate::clickhouse::{Clickhouse, open};
use crate::sink::Sink;
use crate::testing::{at, batch, declared, of_frame};

#[derive(Default)]
struct Kept {
    /// Statement, deduplication token, body.
    told: Vec<(String, Option<String>, String)>,
    /// What is remembered, by session: revision, content, done.
    known: HashMap<String, String>,
    /// The next note of what is done fails.
    fails: bool,
}

type Shared = Arc<Mutex<Kept>>;

async fn answer(
    State(kept): State<Shared>,
    Query(parameters): Query<HashMap<String, String>>,
    body: String,
) -> (StatusCode, String) {
    let mut kept = kept.lock().unwrap();
    let (statement, rows) = match parameters.get("query") {
        Some(query) => (query.clone(), body),
        None => (body, String::new()),
    };
    let says = match statement.as_str() {
        "SELECT version()" => "24.8.4.13\n".to_owned(),
        told if told.starts_with("EXISTS TABLE") => "0\n".to_owned(),
        told if told.contains("sorting_key") => "session, instrument\n".to_owned(),
        told if told.starts_with("SELECT session, revision") => kept.known.values().cloned().collect(),
        told if told.starts_with("INSERT INTO `default`.`assetctl_published`") => {
            if kept.fails && rows.trim_end().split('\t').nth(5) == Some("1") {
                return (StatusCode::INTERNAL_SERVER_ERROR, "Code: 243. DB::Exception: no space\n".to_owned());
            }
            for row in rows.lines() {
                let fields: Vec<&str> = row.split('\t').collect();
                let row = format!("{}\t{}\t{}\t{}\n", fields[2], fields[3], fields[4], fields[5]);
                kept.known.insert(fields[2].to_owned(), row);
            }
            String::new()
        }
        _ => String::new(),
    };
    kept.told.push((statement, parameters.get("insert_deduplication_token").cloned(), rows));
    (StatusCode::OK, says)
}

async fn there() -> (Shared, Clickhouse) {
    assetctl_connect::choose_crypto();
    let kept = Shared::default();
    let router = axum::Router::new().fallback(answer).with_state(kept.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let spec = ClickhouseSink { url: at(&url), user: None, password: None, database: None };
    let sink = declared(Spec { clickhouse: Some(spec.clone()), ..Spec::default() });
    (kept, open(&sink, &spec).await.unwrap())
}

fn inserts(kept: &Shared) -> Vec<(Option<String>, String)> {
    let kept = kept.lock().unwrap();
    let of_rows =
        kept.told.iter().filter(|(statement, ..)| statement.starts_with("INSERT INTO `default`.`scores` (`session`"));
    of_rows.map(|(_, token, rows)| (token.clone(), rows.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_batch_goes_in_again_under_the_same_token() {
    let (kept, mut sink) = there().await;
    let first = batch("scores", &[("2015-07-01", 4, 2), ("2015-07-02", 7, 1)]);
    kept.lock().unwrap().fails = true;
    let failed = sink.write(&first).await.unwrap_err().to_string();
    assert_eq!(failed, "ClickHouse refuses with 500 Internal Server Error: Code: 243. DB::Exception: no space");
    kept.lock().unwrap().fails = false;
    sink.write(&first).await.unwrap();
    let told = inserts(&kept);
    assert_eq!((told.len(), &told[0]), (2, &told[1]));
    assert!(told[0].0.as_ref().unwrap().contains("/7/"));
    assert_eq!(told[0].1, "2015-07-01\ti000\t0\t7\t0\n2015-07-01\ti001\t\\N\t7\t0\n2015-07-02\ti000\t3\t7\t0\n");
    // Done is done; what is other has another token, above what is there.
    sink.write(&first).await.unwrap();
    assert_eq!(inserts(&kept).len(), 2);
    sink.write(&batch("scores", &[("2015-07-02", 5, 1)])).await.unwrap();
    let told = inserts(&kept);
    assert!(told[2].1.ends_with("\t8\t0\n") && told[2].0 != told[1].0, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_server_has_types_for_early_dates_and_times() {
    let (kept, mut sink) = there().await;
    sink.write(&of_frame("kinds", &[("2015-07-01", 1, 2)], every_type())).await.unwrap();
    let told = kept.lock().unwrap();
    let ddl = told.told.iter().find(|(statement, ..)| statement.starts_with("CREATE TABLE `default`.`kinds`")).unwrap();
    for part in [
        "`session` Date, `instrument` String",
        "`listed` Nullable(Date32), `at` Nullable(DateTime64(6, 'UTC'))",
        "PARTITION BY toYYYYMM(session) ORDER BY (`session`, `instrument`) SETTINGS non_replicated_deduplication_window = 1000",
    ] {
        assert!(ddl.0.contains(part), "{}", ddl.0);
    }
}
