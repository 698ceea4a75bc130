//! Redis.

use std::collections::BTreeMap;

use assetctl_config::{RedisSink, Sink as Spec};
use redis::aio::MultiplexedConnection;
use serde_json::Value;

use crate::batch::SinkBatch;
use crate::redis::{Redis, open};
use crate::sink::Sink;
use crate::testing::{at, batch, declared, name_of, removal, server};

async fn there() -> Option<(MultiplexedConnection, Redis)> {
    let url = server("ASSETCTL_TEST_REDIS")?;
    let client = redis::Client::open(url.as_str()).unwrap();
    let spec = RedisSink { url: at(&url), password: None, keep: None };
    let sink = declared(Spec { redis: Some(spec.clone()), ..Spec::default() });
    Some((client.get_multiplexed_async_connection().await.unwrap(), open(&sink, &spec).await.unwrap()))
}

async fn ask<T: redis::FromRedisValue>(connection: &mut MultiplexedConnection, command: &[&str]) -> T {
    let mut asked = redis::cmd(command[0]);
    asked.arg(&command[1..]);
    asked.query_async(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_told_once_and_the_latest_values_are_those_of_the_newest() {
    let Some((mut redis, mut sink)) = there().await else { return };
    let stream = name_of("latest");
    let of = |sessions: &[(&str, u64, usize)]| SinkBatch { target: stream.clone(), ..batch("scores", sessions) };
    sink.write(&of(&[("2015-07-01", 1, 3), ("2015-07-02", 2, 2)])).await.unwrap();
    sink.write(&of(&[("2015-07-01", 1, 3), ("2015-07-02", 2, 2)])).await.unwrap();
    let told: Vec<(String, BTreeMap<String, String>)> = ask(&mut redis, &["XRANGE", &stream, "-", "+"]).await;
    assert_eq!(told.len(), 2);
    let message: Value = serde_json::from_str(&told[0].1["message"]).unwrap();
    assert_eq!((&message["session"], &message["rows"][2]["score"]), (&"2015-07-01".into(), &0.25.into()));
    let latest = format!("{{{stream}}}:latest");
    let key = |name: &str| format!("{latest}:{name}");
    let first: BTreeMap<String, String> = ask(&mut redis, &["HGETALL", &key("i000")]).await;
    assert_eq!((first["session"].as_str(), first["score"].as_str()), ("2015-07-02", "1"));
    // What is missing is left out; what the newest session does not have is the one's before.
    let second: BTreeMap<String, String> = ask(&mut redis, &["HGETALL", &key("i001")]).await;
    assert_eq!(second.keys().collect::<Vec<_>>(), ["instrument", "session"]);
    let third: BTreeMap<String, String> = ask(&mut redis, &["HGETALL", &key("i002")]).await;
    assert_eq!(third["session"], "2015-07-01");
    // A correction of the past tells, and changes only what is latest there.
    sink.write(&of(&[("2015-07-01", 5, 1)])).await.unwrap();
    let names: Vec<String> = ask(&mut redis, &["ZRANGE", &latest, "0", "-1"]).await;
    assert_eq!(names, ["i000", "i001"]);
    let first: BTreeMap<String, String> = ask(&mut redis, &["HGETALL", &key("i000")]).await;
    assert_eq!(first["session"], "2015-07-02");
    for _ in 0..2 {
        let gone = SinkBatch { target: stream.clone(), ..removal("scores", &["2015-07-02"]) };
        sink.write(&gone).await.unwrap();
    }
    let names: Vec<String> = ask(&mut redis, &["ZRANGE", &latest, "0", "-1"]).await;
    assert_eq!(names, [] as [String; 0]);
    let entries: u64 = ask(&mut redis, &["XLEN", &stream]).await;
    assert_eq!(entries, 4);
    let noted: BTreeMap<String, String> = ask(&mut redis, &["HGETALL", &format!("{{{stream}}}:published")]).await;
    assert_eq!(noted.keys().collect::<Vec<_>>(), ["2015-07-01"]);
}
