//! RabbitMQ.

use amqprs::channel::{BasicGetArguments, QueueBindArguments, QueueDeclareArguments};
use amqprs::connection::{Connection, OpenConnectionArguments};
use assetctl_config::{RabbitmqSink, Sink as Spec};
use serde_json::Value;

use crate::batch::SinkBatch;
use crate::rabbitmq::open;
use crate::sink::Sink;
use crate::testing::{at, batch, declared, name_of, removal, server};

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_confirmed_have_lasting_ids_and_are_refused_where_no_queue_takes_them() {
    let Some(url) = server("ASSETCTL_TEST_RABBITMQ") else { return };
    let name = name_of("exchange");
    let spec = RabbitmqSink { url: at(&url), password: None, exchange: Some(name.clone()) };
    let sink = declared(Spec { rabbitmq: Some(spec.clone()), ..Spec::default() });
    let first = SinkBatch {
        target: "desk.scores".to_owned(),
        ..batch("scores", &[("2015-07-01", 1, 3), ("2015-07-02", 2, 2)])
    };
    let mut refused = open(&sink, &spec).await.unwrap();
    let error = refused.write(&first).await.unwrap_err().to_string();
    assert!(error.contains("no queue takes it") && error.contains("bind a queue"), "{error}");
    let address = url::Url::parse(&url).unwrap();
    let arguments = OpenConnectionArguments::new(
        "127.0.0.1",
        address.port().unwrap(),
        address.username(),
        address.password().unwrap(),
    );
    let connection = Connection::open(&arguments).await.unwrap();
    let channel = connection.open_channel(None).await.unwrap();
    channel.queue_declare(QueueDeclareArguments::durable_client_named(&name)).await.unwrap();
    channel.queue_bind(QueueBindArguments::new(&name, &name, "desk.#")).await.unwrap();
    let mut sink = open(&sink, &spec).await.unwrap();
    sink.write(&first).await.unwrap();
    sink.write(&first).await.unwrap();
    sink.write(&SinkBatch { target: "desk.scores".to_owned(), ..removal("scores", &["2015-07-02"]) }).await.unwrap();
    let mut got = Vec::new();
    while let Some((_, properties, body)) =
        channel.basic_get(BasicGetArguments::new(&name).no_ack(true).finish()).await.unwrap()
    {
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(properties.delivery_mode(), Some(2));
        got.push((properties.message_id().cloned().unwrap(), body));
    }
    assert_eq!(got.len(), 5);
    // Sent again, it has the id that it had: at least once, and told apart.
    assert_eq!((&got[0].0, &got[1].0), (&got[2].0, &got[3].0));
    assert_ne!(got[0].0, got[1].0);
    assert_eq!((&got[0].1["rows"][2]["score"], &got[4].1["event"]), (&0.25.into(), &"removed".into()));
}
