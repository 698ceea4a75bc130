//! PostgreSQL.

use assetctl_config::{PostgresSink, Sink as Spec};
use tokio_postgres::{Client, NoTls};

use crate::batch::SinkBatch;
use crate::cells::tests::every_type;
use crate::postgres::{Postgres, open};
use crate::sink::Sink;
use crate::testing::{at, batch, declared, name_of, of_frame, removal, server};

async fn there(schema: &str) -> Option<(Client, Postgres)> {
    let url = server("ASSETCTL_TEST_POSTGRES")?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")).await.unwrap();
    let spec = PostgresSink { url: at(&url), password: None, schema: Some(schema.to_owned()), ca: None };
    let sink = declared(Spec { postgres: Some(spec.clone()), ..Spec::default() });
    Some((client, open(&sink, &spec).await.unwrap()))
}

async fn texts(client: &Client, query: &str) -> Vec<String> {
    client.query(query, &[]).await.unwrap().iter().map(|row| row.get::<_, String>(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_there_once_whatever_is_written_again() {
    let schema = name_of("once");
    let Some((client, mut sink)) = there(&schema).await else { return };
    let first = batch("scores", &[("2015-07-01", 1, 3), ("2015-07-02", 2, 2)]);
    sink.write(&first).await.unwrap();
    let rows = format!("SELECT concat_ws('|', session, instrument, score) FROM {schema}.scores ORDER BY 1");
    let all = ["2015-07-01|i000|0", "2015-07-01|i001", "2015-07-01|i002|0.25", "2015-07-02|i000|1", "2015-07-02|i001"];
    assert_eq!(texts(&client, &rows).await, all);
    // The same again writes nothing: what somebody has changed since stays so; unless it is wanted.
    client.batch_execute(&format!("UPDATE {schema}.scores SET score = 7 WHERE session = '2015-07-02'")).await.unwrap();
    sink.write(&first).await.unwrap();
    assert_eq!(texts(&client, &rows).await[3], "2015-07-02|i000|7");
    sink.write(&SinkBatch { again: true, ..first.clone() }).await.unwrap();
    assert_eq!(texts(&client, &rows).await, all);
    // A correction replaces its session and no other.
    sink.write(&batch("scores", &[("2015-07-01", 5, 1)])).await.unwrap();
    assert_eq!(texts(&client, &rows).await, ["2015-07-01|i000|0", "2015-07-02|i000|1", "2015-07-02|i001"]);
    sink.write(&removal("scores", &["2015-07-02"])).await.unwrap();
    assert_eq!(texts(&client, &rows).await, ["2015-07-01|i000|0"]);
    let noted = format!("SELECT concat_ws('|', target, asset, session, revision) FROM {schema}.assetctl_published");
    assert_eq!(texts(&client, &noted).await, ["scores|scores|2015-07-01|5"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_reads_back_as_it_was() {
    let schema = name_of("types");
    let Some((client, mut sink)) = there(&schema).await else { return };
    sink.write(&of_frame("kinds", &[("2015-07-01", 1, 2)], every_type())).await.unwrap();
    let rows = format!(
        "SELECT concat_ws('|', instrument, number, tiny, '<' || text || '>', flag, listed, at) FROM {schema}.kinds ORDER BY number"
    );
    assert_eq!(
        texts(&client, &rows).await,
        [
            "甲\t\"1\"\\N|0.30000000000000004|5e-324|<>|t|1900-01-01|2015-07-01 09:30:00.000001",
            "b\nc,'x'|-1.7976931348623157e+308"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_does_not_fit_is_left_as_it_is() {
    let schema = name_of("fit");
    let Some((client, mut sink)) = there(&schema).await else { return };
    let scores = batch("scores", &[("2015-07-01", 1, 1)]);
    for (columns, rows, said) in [
        ("session date, instrument text", "", "ADD COLUMN \"score\" double precision"),
        ("session date, instrument text, score real", "", "of type `float4`, and the asset's is a number"),
        (
            "session date, instrument text, score float8",
            "INSERT INTO scores VALUES ('2015-07-01', 'mine', 1)",
            "has rows that were not published by assetctl",
        ),
    ] {
        let ddl =
            format!("SET search_path = {schema}; DROP TABLE IF EXISTS scores; CREATE TABLE scores ({columns}); {rows}");
        client.batch_execute(&ddl).await.unwrap();
        let error = sink.write(&scores).await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    client.batch_execute("TRUNCATE scores; ALTER TABLE scores ADD COLUMN note text").await.unwrap();
    sink.write(&scores).await.unwrap();
    let other = SinkBatch { target: "scores".to_owned(), ..batch("ranks", &[("2015-07-01", 1, 1)]) };
    let error = sink.write(&other).await.unwrap_err().to_string();
    assert!(error.contains("has the rows of asset `scores`"), "{error}");
    assert_eq!(texts(&client, "SELECT instrument FROM scores").await, ["i000"]);
}
