//! The keys of observers: who is told of what, and how.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OneOrMany, Secret};
use crate::duration::Span;
use crate::ordered::Ordered;

/// Every kind of event that can be told, each with what has happened then. The daemon has these and some that are told to nobody: what
/// happens many times a second.
pub const EVENT_KINDS: [(&str, &str); 23] = [
    ("run_queued", "a run was asked for"),
    ("run_started", "a run began"),
    ("run_succeeded", "a run ended well"),
    ("run_failed", "a run failed and is not tried again"),
    ("run_retried", "a run failed and is tried again"),
    ("run_cancelled", "somebody cancelled a run"),
    ("run_paused", "somebody paused a run"),
    ("run_requeued", "a run was stopped, or its daemon died, and it is in its place in the queue again"),
    ("asset_started", "work on an asset began"),
    ("asset_finished", "an asset is up to date, or waits"),
    ("asset_failed", "an asset could not be made"),
    ("check_failed", "a check kept sessions from being committed"),
    ("check_warned", "a check with severity `warn` does not hold"),
    ("freshness_violated", "an asset is older than its `freshness` check allows"),
    ("noted", "a run has something to say of an asset"),
    ("tick_decided", "it was decided what becomes of a tick of a schedule"),
    ("sensor_fired", "a sensor starts its job"),
    ("sensor_failed", "a sensor could not look"),
    ("project_loaded", "the files of the project have changed, and are as they should be"),
    ("project_broken", "the files of the project have mistakes: schedules go on as they were"),
    ("daemon_started", "`assetctl serve` began"),
    ("daemon_stopped", "`assetctl serve` ended"),
    ("daemon_failed", "the store, or something else that the daemon itself needs, failed: it goes on"),
];

/// Tells somebody of events. A run never fails because of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObserverSpec {
    /// One line for people.
    #[serde(default)]
    pub description: Option<String>,
    /// The kinds of events: `run_failed`, `[check_failed, freshness_violated]`; `*` stands for any letters: `run_*`.
    pub on: OneOrMany,
    /// Of those, only what fits all of these.
    #[serde(rename = "where", default)]
    pub only: ObserverWhere,
    /// Where the messages go.
    pub to: ObserverTo,
    /// The first line of a message, or an e-mail's subject: a minijinja template over `events`, `event` (the first), `count`, `severity` (the
    /// worst) and `observer`.
    #[serde(default)]
    pub title: Option<String>,
    /// The text of a message, in the markup of where it goes; of a `webhook` the whole body. A template as `title` is.
    #[serde(default)]
    pub template: Option<String>,
    /// Events with the same key are told once in so long: `1h`, or `{ for: 1h, key: "{{ kind }} {{ job }}" }`.
    #[serde(default)]
    pub dedup: Option<Dedup>,
    /// What comes within so long after the first is one message (default: each event is one).
    #[serde(default)]
    pub group: Option<Span>,
    /// What becomes of a message that is not taken: `{ backoff: 10s, at_most: 10m, give_up: 1d }`.
    #[serde(default)]
    pub retries: MessageRetries,
    /// Never more messages than this; the others wait.
    #[serde(default)]
    pub rate: MessageRate,
    /// How long an answer may take (default 10s).
    #[serde(default)]
    pub timeout: Option<Span>,
}

/// Which events; what is not said fits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ObserverWhere {
    /// Of these jobs; `*` stands for any letters.
    pub job: Option<OneOrMany>,
    /// Of these assets; `*` stands for any letters.
    pub asset: Option<OneOrMany>,
    /// Of jobs or assets with one of these tags.
    pub tag: Option<OneOrMany>,
    /// At least so bad.
    pub severity: Option<EventSeverity>,
}

/// How bad an event is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventSeverity {
    #[default]
    Info,
    Warn,
    Error,
}

impl EventSeverity {
    /// As written in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Which events are the same, and for how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Dedup {
    For(Span),
    Keyed(KeyedDedup),
}

/// Events whose key comes out alike are the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyedDedup {
    /// How long.
    #[serde(rename = "for")]
    pub lasts: Span,
    /// A template over the fields of the event (default: its kind, job, asset, check and schedule).
    #[serde(default)]
    pub key: Option<String>,
}

impl Dedup {
    /// How long, and the template of the key.
    pub fn parts(&self) -> (Span, Option<&str>) {
        match self {
            Self::For(lasts) => (*lasts, None),
            Self::Keyed(keyed) => (keyed.lasts, keyed.key.as_deref()),
        }
    }
}

/// How a message that was not taken is tried again: after `backoff`, then twice as long each time, up to `at_most`; or when the server says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MessageRetries {
    /// How often (default: until `give_up`).
    pub times: Option<u32>,
    /// The first wait (default 10s).
    pub backoff: Option<Span>,
    /// The longest (default 10m).
    pub at_most: Option<Span>,
    /// After so long it is given up, with a line in the log (default 1d).
    pub give_up: Option<Span>,
}

/// How many messages go out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct MessageRate {
    /// In any minute.
    #[schemars(range(min = 1))]
    pub per_minute: Option<u32>,
    /// In any hour.
    #[schemars(range(min = 1))]
    pub per_hour: Option<u32>,
}

/// One of these.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ObserverTo {
    /// Any address that takes JSON.
    pub webhook: Option<WebhookTo>,
    /// An incoming webhook of Slack.
    pub slack: Option<SlackTo>,
    /// A custom bot of Feishu or Lark.
    pub feishu: Option<SignedBotTo>,
    /// A custom bot of DingTalk.
    pub dingtalk: Option<SignedBotTo>,
    /// A group bot of WeCom (WeChat Work).
    pub wecom: Option<WecomTo>,
    /// A bot of Telegram.
    pub telegram: Option<TelegramTo>,
    /// E-mail, by an SMTP server.
    pub email: Option<EmailTo>,
}

/// An address that takes the events as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookTo {
    /// `https://…`, or where it is kept if it has a secret in it: `{ env: NAME }` or `{ file: path }`.
    pub url: Secret,
    /// Headers of the request.
    #[serde(default)]
    pub headers: Ordered<Secret>,
    /// Signs each message as Standard Webhooks says: `{ env: NAME }` or `{ file: path }`.
    #[serde(default)]
    pub secret: Option<Secret>,
}

/// An incoming webhook of Slack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SlackTo {
    /// Its address, which is a secret: `{ env: NAME }` or `{ file: path }`.
    pub url: Secret,
}

/// A custom bot whose messages may be signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SignedBotTo {
    /// Its address, which is a secret: `{ env: NAME }` or `{ file: path }`.
    pub url: Secret,
    /// The secret that it signs with, if its security settings ask for a signature.
    #[serde(default)]
    pub secret: Option<Secret>,
}

/// A group bot of WeCom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WecomTo {
    /// Its address, which is a secret: `{ env: NAME }` or `{ file: path }`.
    pub url: Secret,
}

/// A bot of Telegram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TelegramTo {
    /// The bot's token: `{ env: NAME }` or `{ file: path }`.
    pub token: Secret,
    /// The chat's number, or `@channel`.
    pub chat: String,
    /// The topic of a group that has topics.
    #[serde(default)]
    pub thread: Option<u64>,
    /// The address of a Bot API server of your own (default `https://api.telegram.org`).
    #[serde(default)]
    pub api: Option<String>,
}

/// E-mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EmailTo {
    /// The host of the SMTP server.
    pub smtp: String,
    /// Its port (default: 587 with `starttls`, 465 with `tls`, 25 with `none`).
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is made secret.
    #[serde(default)]
    pub tls: MailTls,
    /// A PEM file of certificates that are trusted besides the system's, relative to this file.
    #[serde(default)]
    pub ca: Option<String>,
    /// Who logs in, if anybody does.
    #[serde(default)]
    pub user: Option<Secret>,
    /// The password: `{ env: NAME }` or `{ file: path }`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Who writes: `assetctl <alerts@desk.example>`.
    pub from: String,
    /// Who reads: an address or a list of them.
    pub to: OneOrMany,
    /// Who reads too.
    #[serde(default)]
    pub cc: Option<OneOrMany>,
}

/// How a connection to a mail server is made secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// It begins open and must become secret before anything is said.
    #[default]
    Starttls,
    /// It is secret from the first byte.
    Tls,
    /// It is as open as a postcard.
    None,
}
