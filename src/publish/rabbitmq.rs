//! RabbitMQ: persistent messages to a durable exchange, each confirmed by the server, and refused where no queue takes it. Its `message_id` is
//! the same whenever it is sent again: by it a receiver knows what it has had.

use std::collections::BTreeSet;
use std::pin::Pin;

use amqprs::callbacks::ChannelCallback;
use amqprs::channel::{BasicPublishArguments, Channel, ConfirmSelectArguments, ExchangeDeclareArguments};
use amqprs::connection::{Connection, OpenConnectionArguments};
use amqprs::{Ack, BasicProperties, Cancel, CloseChannel, Nack, Return};
use assetctl_config::{DeclaredSink, RabbitmqSink};
use futures::future::BoxFuture;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::batch::SinkBatch;
use crate::error::SinkError;
use crate::message::{Message, messages, removal};
use crate::secrets::{self, decoded};
use crate::sink::Sink;

/// Most bytes of a message.
const MESSAGE: usize = 1 << 20;
/// Messages that may be on their way without being confirmed.
const AHEAD: usize = 64;
const EXCHANGE: &str = "assetctl";
const PORT: u16 = 5_672;

pub(crate) struct Rabbitmq {
    /// Closes when dropped.
    channel: Channel,
    #[expect(dead_code, reason = "the channel lives as long as it")]
    connection: Connection,
    told: UnboundedReceiver<Told>,
    exchange: String,
    /// The number of the message that was sent last.
    sent: u64,
}

pub(crate) async fn open(sink: &DeclaredSink, spec: &RabbitmqSink) -> Result<Rabbitmq, SinkError> {
    let url = secrets::address(sink, &spec.url, spec.password.as_ref())?;
    let host = url.host_str().unwrap_or("localhost");
    let user = if url.username().is_empty() { "guest" } else { url.username() };
    let password = url.password().unwrap_or("guest");
    let port = url.port().unwrap_or(PORT);
    let mut arguments = OpenConnectionArguments::new(host, port, &decoded(user), &decoded(password));
    // `amqp://host` and `amqp://host/` are the default one, as most clients have it.
    if let Some(vhost) = url.path().strip_prefix('/').filter(|vhost| !vhost.is_empty()) {
        arguments.virtual_host(&decoded(vhost));
    }
    let refuse = |error: amqprs::error::Error| SinkError::of("RabbitMQ does not let in", &error);
    let connection = Connection::open(&arguments).await.map_err(refuse)?;
    let channel = connection.open_channel(None).await.map_err(refuse)?;
    let (tell, told) = unbounded_channel();
    channel.register_callback(Listener(tell)).await.map_err(refuse)?;
    channel.confirm_select(ConfirmSelectArguments::new(false)).await.map_err(refuse)?;
    let exchange = spec.exchange.clone().unwrap_or_else(|| EXCHANGE.to_owned());
    let declare = ExchangeDeclareArguments::new(&exchange, "topic").durable(true).finish();
    channel.exchange_declare(declare).await.map_err(|error| {
        SinkError::of(format!("RabbitMQ, exchange `{exchange}`"), &error)
            .help("it has to be durable and of type `topic`; name another by `exchange:`")
    })?;
    Ok(Rabbitmq { channel, connection, told, exchange, sent: 0 })
}

impl Sink for Rabbitmq {
    fn write<'a>(&'a mut self, batch: &'a SinkBatch) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            let columns = batch.columns()?;
            let mut open = BTreeSet::new();
            for session in &batch.sessions {
                for message in messages(batch, &columns, session, MESSAGE) {
                    self.send(&batch.target, message, &mut open).await?;
                }
            }
            for session in &batch.gone {
                self.send(&batch.target, removal(batch, *session), &mut open).await?;
            }
            self.confirmed(&batch.target, &mut open, 0).await
        })
    }
}

impl Rabbitmq {
    async fn send(&mut self, key: &str, message: Message, open: &mut BTreeSet<u64>) -> Result<(), SinkError> {
        let arguments = BasicPublishArguments::new(&self.exchange, key).mandatory(true).finish();
        let properties = BasicProperties::default()
            .with_content_type("application/json")
            .with_message_id(&message.id)
            .with_persistence(true)
            .with_app_id("assetctl")
            .finish();
        let sent = self.channel.basic_publish(properties, message.body.into_bytes(), arguments).await;
        sent.map_err(|error| SinkError::of(format!("RabbitMQ, routing key `{key}`"), &error))?;
        self.sent += 1;
        open.insert(self.sent);
        self.confirmed(key, open, AHEAD).await
    }

    /// Waits until at most so many are not confirmed.
    async fn confirmed(&mut self, key: &str, open: &mut BTreeSet<u64>, most: usize) -> Result<(), SinkError> {
        let of =
            |what: &str| SinkError::new(format!("RabbitMQ, exchange `{}`, routing key `{key}`: {what}", self.exchange));
        while open.len() > most {
            match self.told.recv().await {
                Some(Told::Taken { tag, multiple }) => {
                    open.retain(|sent| if multiple { *sent > tag } else { *sent != tag })
                }
                Some(Told::Refused) => return Err(of("the server refuses the message")),
                Some(Told::Returned(why)) => {
                    return Err(of(&format!("no queue takes it ({why})"))
                        .help("bind a queue to the exchange: its messages would be lost"));
                }
                Some(Told::Closed(why)) => return Err(of(&why)),
                None => return Err(of("the connection is lost")),
            }
        }
        Ok(())
    }
}

/// What the server tells of messages.
#[derive(Debug)]
enum Told {
    Taken {
        tag: u64,
        /// All up to it.
        multiple: bool,
    },
    Refused,
    Returned(String),
    Closed(String),
}

struct Listener(UnboundedSender<Told>);

impl Listener {
    fn tell(&self, told: Told) {
        // Who does not wait any more does not need to know.
        let _ = self.0.send(told);
    }
}

type Answer<'f, T> = Pin<Box<dyn Future<Output = T> + Send + 'f>>;

impl ChannelCallback for Listener {
    fn close<'s, 'c, 'f>(
        &'s mut self,
        _: &'c Channel,
        close: CloseChannel,
    ) -> Answer<'f, Result<(), amqprs::error::Error>>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        self.tell(Told::Closed(format!("the server closes the channel: {close}")));
        Box::pin(async { Ok(()) })
    }

    fn cancel<'s, 'c, 'f>(&'s mut self, _: &'c Channel, _: Cancel) -> Answer<'f, Result<(), amqprs::error::Error>>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        Box::pin(async { Ok(()) })
    }

    fn flow<'s, 'c, 'f>(&'s mut self, _: &'c Channel, active: bool) -> Answer<'f, Result<bool, amqprs::error::Error>>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        Box::pin(async move { Ok(active) })
    }

    fn publish_ack<'s, 'c, 'f>(&'s mut self, _: &'c Channel, ack: Ack) -> Answer<'f, ()>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        self.tell(Told::Taken { tag: ack.delivery_tag(), multiple: ack.mutiple() });
        Box::pin(async {})
    }

    fn publish_nack<'s, 'c, 'f>(&'s mut self, _: &'c Channel, _: Nack) -> Answer<'f, ()>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        self.tell(Told::Refused);
        Box::pin(async {})
    }

    fn publish_return<'s, 'c, 'f>(
        &'s mut self,
        _: &'c Channel,
        returned: Return,
        _: BasicProperties,
        _: Vec<u8>,
    ) -> Answer<'f, ()>
    where
        's: 'f,
        'c: 'f,
        Self: 'f,
    {
        self.tell(Told::Returned(returned.reply_text().clone()));
        Box::pin(async {})
    }
}
