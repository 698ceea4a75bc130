//! NATS with JetStream.

use assetctl_config::{NatsSink, Sink as Spec};
use serde_json::{Value, json};

use crate::batch::SinkBatch;
use crate::nats::{Nats, open};
use crate::sink::Sink;
use crate::testing::{at, batch, declared, name_of, removal, server};

async fn there() -> Option<(async_nats::Client, Nats)> {
    let url = server("ASSETCTL_TEST_NATS")?;
    assetctl_connect::choose_crypto();
    let spec = NatsSink { url: at(&url), user: None, password: None, token: None };
    let sink = declared(Spec { nats: Some(spec.clone()), ..Spec::default() });
    let address = url::Url::parse(&url).unwrap();
    let (user, password) = (address.username().to_owned(), address.password().unwrap().to_owned());
    let options = async_nats::ConnectOptions::with_user_and_password(user, password);
    let host = format!("127.0.0.1:{}", address.port().unwrap());
    Some((options.connect(host).await.unwrap(), open(&sink, &spec).await.unwrap()))
}

/// A request to JetStream itself.
async fn ask(client: &async_nats::Client, subject: String, body: Value) -> Value {
    let answer = client.request(subject, body.to_string().into()).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert!(answer.get("error").is_none(), "{answer}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_acknowledged_by_a_stream_and_dropped_there_when_sent_again() {
    let Some((client, mut sink)) = there().await else { return };
    let name = name_of("stream");
    let subject = format!("{name}.scores");
    let of = |sessions: &[(&str, u64, usize)]| SinkBatch { target: subject.clone(), ..batch("scores", sessions) };
    let refused = sink.write(&of(&[("2015-07-01", 1, 3)])).await.unwrap_err().to_string();
    assert!(refused.contains("no stream takes it") && refused.contains("nats stream add"), "{refused}");
    let stream = json!({ "name": name, "subjects": [format!("{name}.>")], "storage": "memory" });
    ask(&client, format!("$JS.API.STREAM.CREATE.{name}"), stream).await;
    let first = of(&[("2015-07-01", 1, 3), ("2015-07-02", 2, 2)]);
    sink.write(&first).await.unwrap();
    sink.write(&first).await.unwrap();
    let count =
        async || ask(&client, format!("$JS.API.STREAM.INFO.{name}"), json!({})).await["state"]["messages"].clone();
    assert_eq!(count().await, 2);
    // There and back again is something new.
    sink.write(&of(&[("2015-07-01", 5, 3)])).await.unwrap();
    sink.write(&SinkBatch { again: true, ..first.clone() }).await.unwrap();
    assert_eq!(count().await, 5);
    sink.write(&SinkBatch { target: subject.clone(), ..removal("scores", &["2015-07-02"]) }).await.unwrap();
    let read = json!({ "seq": 6 });
    let last = ask(&client, format!("$JS.API.STREAM.MSG.GET.{name}"), read).await;
    assert_eq!((count().await, &last["message"]["subject"]), (json!(6), &json!(subject)));
    // More than a message holds goes in parts.
    let many = of(&[("2015-07-03", 6, 40_000)]);
    sink.write(&many).await.unwrap();
    assert!(count().await.as_u64().unwrap() > 7);
}
