//! Receivers: one file for each sort, by its documented protocol.

mod bots;
mod email;
mod slack;
mod telegram;
mod webhook;

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Client;
use serde_json::Value;
use thiserror::Error;

pub(crate) use bots::{Dingtalk, Feishu, Wecom};
pub(crate) use email::{Email, mailbox};
pub(crate) use slack::Slack;
pub(crate) use telegram::Telegram;
pub(crate) use webhook::Webhook;

use crate::writing::{Markup, Written};

/// Why a message was not taken. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct SendError {
    pub what: String,
    /// It would not be taken another time either.
    pub permanent: bool,
    /// How long the server wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// One message, ready to go.
pub(crate) struct Outgoing<'a> {
    pub observer: &'a str,
    /// Tells it from every other; the same whenever it is tried.
    pub id: String,
    pub made_at: DateTime<Utc>,
    pub events: &'a [Value],
    pub written: Written,
    /// Whether `written.text` is the observer's own.
    pub own_text: bool,
}

/// What sending takes.
pub(crate) struct Sending<'a> {
    pub client: &'a Client,
    pub timeout: Duration,
    /// The instant that signatures hold for.
    pub now: DateTime<Utc>,
}

/// Where messages go, with its secrets.
pub(crate) enum Channel {
    Webhook(Webhook),
    Slack(Slack),
    Feishu(Feishu),
    Dingtalk(Dingtalk),
    Wecom(Wecom),
    Telegram(Telegram),
    Email(Box<Email>),
}

impl Channel {
    pub fn markup(&self) -> Markup {
        match self {
            Self::Webhook(_) | Self::Telegram(_) | Self::Email(_) => Markup::Plain,
            Self::Slack(_) => Markup::Slack,
            Self::Feishu(_) => Markup::Card,
            Self::Dingtalk(_) | Self::Wecom(_) => Markup::Markdown,
        }
    }

    /// Sends a message once. Gives what the server said.
    pub async fn send(&self, message: &Outgoing<'_>, sending: &Sending<'_>) -> Result<String, SendError> {
        match self {
            Self::Webhook(to) => to.send(message, sending).await,
            Self::Slack(to) => to.send(message, sending).await,
            Self::Feishu(to) => to.send(message, sending).await,
            Self::Dingtalk(to) => to.send(message, sending).await,
            Self::Wecom(to) => to.send(message, sending).await,
            Self::Telegram(to) => to.send(message, sending).await,
            Self::Email(to) => to.send(message, sending).await,
        }
    }
}
