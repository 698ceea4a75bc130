//! NATS with JetStream: each message is a request whose answer is the stream's acknowledgement. Its `Nats-Msg-Id` is the same whenever it is sent
//! again, so that the stream drops what it has had within its window of duplicates.

use std::time::Duration;

use assetctl_config::{DeclaredSink, NatsSink};
use async_nats::{Client, ConnectOptions, HeaderMap, RequestErrorKind};
use futures::future::BoxFuture;
use serde::Deserialize;

use crate::batch::SinkBatch;
use crate::error::SinkError;
use crate::message::{Message, messages, removal};
use crate::secrets::{self, decoded};
use crate::sink::Sink;

/// How long the server may take to let in, and a stream to acknowledge one message.
const CONNECT: Duration = Duration::from_secs(10);
const ACKNOWLEDGE: Duration = Duration::from_secs(15);
/// What a message's headers take, at most.
const HEADERS: usize = 1_024;

pub(crate) struct Nats {
    client: Client,
}

/// What a stream answers.
#[derive(Deserialize)]
struct Acknowledged {
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    error: Option<Refused>,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    description: String,
}

pub(crate) async fn open(sink: &DeclaredSink, spec: &NatsSink) -> Result<Nats, SinkError> {
    let mut url = secrets::address(sink, &spec.url, None)?;
    // The client does not take them from there.
    let in_url = |part: &str| (!part.is_empty()).then(|| decoded(part));
    let user = secrets::read_if(sink, spec.user.as_ref())?.or_else(|| in_url(url.username()));
    let password = secrets::read_if(sink, spec.password.as_ref())?.or_else(|| url.password().and_then(in_url));
    if url.set_username("").and_then(|()| url.set_password(None)).is_err() {
        return Err(SinkError::new(format!("the `url` of sink `{}` names no host", sink.name)));
    }
    let token = secrets::read_if(sink, spec.token.as_ref())?;
    let mut options = ConnectOptions::new().name("assetctl").connection_timeout(CONNECT);
    options = options.request_timeout(Some(ACKNOWLEDGE)).max_reconnects(1).ignore_discovered_servers();
    options = match (user, password, token) {
        (Some(user), password, _) => options.user_and_password(user, password.unwrap_or_default()),
        (None, _, Some(token)) => options.token(token),
        _ => options,
    };
    let client = options.connect(url.as_str()).await.map_err(|error| SinkError::of("NATS does not let in", &error))?;
    Ok(Nats { client })
}

impl Sink for Nats {
    fn write<'a>(&'a mut self, batch: &'a SinkBatch) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            let most = self.client.server_info().max_payload.saturating_sub(HEADERS);
            let columns = batch.columns()?;
            for session in &batch.sessions {
                for message in messages(batch, &columns, session, most) {
                    self.send(&batch.target, message).await?;
                }
            }
            for session in &batch.gone {
                self.send(&batch.target, removal(batch, *session)).await?;
            }
            Ok(())
        })
    }
}

impl Nats {
    async fn send(&self, subject: &str, message: Message) -> Result<(), SinkError> {
        let of = |what: String| SinkError::new(format!("NATS, subject `{subject}`: {what}"));
        let nobody = |what: &str| {
            of(what.to_owned()).help(format!(
                "make a stream that takes the subject, as `nats stream add ASSETS --subjects '{subject}'`"
            ))
        };
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", message.id.as_str());
        headers.insert("Content-Type", "application/json");
        let sent = self.client.request_with_headers(subject.to_owned(), headers, message.body.into()).await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) if error.kind() == RequestErrorKind::NoResponders => {
                return Err(nobody("no stream takes it"));
            }
            Err(error) => return Err(of(crate::error::in_words(&error))),
        };
        match serde_json::from_slice::<Acknowledged>(&answer.payload) {
            Ok(Acknowledged { error: Some(refused), .. }) => {
                Err(of(format!("the stream refuses: {}", refused.description)))
            }
            Ok(Acknowledged { stream: Some(_), .. }) => Ok(()),
            // Somebody answers requests there, who keeps nothing.
            _ => Err(nobody("who answers is no stream")),
        }
    }
}
