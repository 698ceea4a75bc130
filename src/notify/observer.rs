//! An observer of `schedules.yaml`, with its secrets.

use std::time::Duration;

use assetctl_config::{Observer as Declared, ObserverWhere, OneOrMany, Schedules, Secret, SecretError, Span};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Client;
use secrecy::SecretString;
use serde_json::Value;
use thiserror::Error;

use crate::channel::{Channel, Dingtalk, Email, Feishu, Outgoing, SendError, Sending, Slack, Telegram, Webhook, Wecom};
use crate::event::Event;
use crate::pace::Limits;
use crate::secrets::Secrets;
use crate::writing::{Writing, key};

/// How long an answer may take, unless an observer says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who is told of what, and how.
pub struct Observer {
    pub name: String,
    on: Vec<String>,
    only: ObserverWhere,
    dedup: Option<(TimeDelta, Option<String>)>,
    group: TimeDelta,
    pub(crate) limits: Limits,
    timeout: Duration,
    writing: Writing,
    channel: Channel,
    secrets: Secrets,
}

/// Why an observer cannot work. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ObserverError {
    #[error("observer `{observer}`: {source}")]
    Secret { observer: String, source: SecretError },
    #[error("observer `{observer}`: {why}")]
    Wrong { observer: String, why: String },
}

/// All observers of a project, and what is wrong with those that cannot work: the others tell all the same.
pub fn observers(schedules: &Schedules) -> (Vec<Observer>, Vec<ObserverError>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for declared in &schedules.observers {
        match Observer::new(declared) {
            Ok(observer) => good.push(observer),
            Err(error) => bad.push(error),
        }
    }
    (good, bad)
}

impl Observer {
    /// An observer as it is declared. Its secrets are read now.
    ///
    /// # Errors
    /// [`ObserverError`]: a secret that cannot be had, an address that is none.
    pub fn new(declared: &Declared) -> Result<Self, ObserverError> {
        let spec = &declared.spec;
        let mut secrets = Secrets::default();
        let channel = channel(declared, &mut secrets)?;
        Ok(Self {
            name: declared.name.clone(),
            on: spec.on.as_slice().to_vec(),
            only: spec.only.clone(),
            dedup: spec.dedup.as_ref().and_then(|dedup| {
                let (lasts, key) = dedup.parts();
                (lasts != Span::default()).then(|| (lasts.to_chrono(), key.map(str::to_owned)))
            }),
            group: spec.group.unwrap_or_default().to_chrono(),
            limits: Limits::new(&spec.retries, &spec.rate),
            timeout: spec.timeout.map_or(TIMEOUT, |timeout| timeout.to_std().max(Duration::from_secs(1))),
            writing: Writing {
                observer: declared.name.clone(),
                markup: channel.markup(),
                title: spec.title.clone(),
                text: spec.template.clone(),
            },
            channel,
            secrets,
        })
    }

    /// Whether it tells an event of this kind, job, asset, tag and severity.
    pub fn wants(&self, event: &Value) -> bool {
        let event = Event(event);
        let fits = |patterns: &[String], names: &[&str]| {
            patterns.iter().any(|pattern| names.iter().any(|name| Declared::fits(pattern, name)))
        };
        let asked = |wanted: &Option<OneOrMany>, names: Vec<&str>| {
            wanted.as_ref().is_none_or(|wanted| fits(wanted.as_slice(), &names))
        };
        fits(&self.on, &[event.kind()])
            && asked(&self.only.job, event.all("job", "jobs"))
            && asked(&self.only.asset, event.all("asset", "assets"))
            && asked(&self.only.tag, event.all("tag", "tags"))
            && self.only.severity.is_none_or(|least| event.severity() >= least)
    }

    /// What tells an event from others, and for how long one like it is not told; `None` if each is told.
    pub(crate) fn key(&self, event: &Value) -> (String, Option<TimeDelta>) {
        let (lasts, template) = match &self.dedup {
            Some((lasts, template)) => (Some(*lasts), template.as_deref()),
            None => (None, None),
        };
        (key(template, &self.name, event), lasts)
    }

    /// How long events are gathered; zero if each is a message.
    pub(crate) fn group(&self) -> TimeDelta {
        self.group
    }

    /// For how long its keys and messages matter.
    pub(crate) fn remembers(&self) -> TimeDelta {
        let dedup = self.dedup.as_ref().map_or(TimeDelta::zero(), |(lasts, _)| *lasts);
        dedup.max(self.limits.give_up + self.group)
    }

    /// Sends a message about some events once. Gives what the server said.
    pub(crate) async fn send(
        &self,
        client: &Client,
        id: i64,
        made_at: DateTime<Utc>,
        now: DateTime<Utc>,
        events: &[Value],
    ) -> Result<String, SendError> {
        let message = Outgoing {
            observer: &self.name,
            id: format!("{}-{id}-{}", self.name, made_at.timestamp_micros()),
            made_at,
            events,
            written: self.writing.write(events),
            own_text: self.writing.text.is_some(),
        };
        let sent = self.channel.send(&message, &Sending { client, timeout: self.timeout, now }).await;
        sent.map(|said| self.secrets.redact(&said))
            .map_err(|error| SendError { what: self.secrets.redact(&error.what), ..error })
    }
}

/// Reads the secrets of one observer, and remembers them.
struct Reader<'a> {
    declared: &'a Declared,
    secrets: &'a mut Secrets,
}

impl Reader<'_> {
    fn read(&self, secret: &Secret) -> Result<String, ObserverError> {
        secret
            .read(&self.declared.base)
            .map_err(|source| ObserverError::Secret { observer: self.declared.name.clone(), source })
    }

    fn text(&mut self, secret: &Secret) -> Result<SecretString, ObserverError> {
        let text = self.read(secret)?;
        // What stands in the file is no secret.
        if secret.from().is_some() {
            self.secrets.add(&text);
        }
        Ok(SecretString::from(text))
    }

    fn address(&mut self, secret: &Secret) -> Result<SecretString, ObserverError> {
        let address = self.read(secret)?.trim().to_owned();
        if secret.from().is_some() {
            self.secrets.add_address(&address);
        }
        let scheme = url::Url::parse(&address).ok().map(|url| url.scheme().to_owned());
        if !matches!(scheme.as_deref(), Some("https" | "http")) {
            let why = "its address does not begin with `https://` or `http://`".to_owned();
            return Err(self.wrong(why));
        }
        Ok(SecretString::from(address))
    }

    fn maybe(&mut self, secret: &Option<Secret>) -> Result<Option<SecretString>, ObserverError> {
        secret.as_ref().map(|secret| self.text(secret)).transpose()
    }

    fn wrong(&self, why: String) -> ObserverError {
        ObserverError::Wrong { observer: self.declared.name.clone(), why }
    }
}

fn channel(declared: &Declared, secrets: &mut Secrets) -> Result<Channel, ObserverError> {
    let mut reader = Reader { declared, secrets };
    let to = &declared.spec.to;
    if let Some(to) = &to.webhook {
        let mut headers = Vec::with_capacity(to.headers.len());
        for (name, value) in to.headers.iter() {
            headers.push((name.clone(), reader.text(value)?));
        }
        let (url, secret) = (reader.address(&to.url)?, reader.maybe(&to.secret)?);
        return Ok(Channel::Webhook(Webhook { url, headers, secret }));
    }
    if let Some(to) = &to.slack {
        return Ok(Channel::Slack(Slack { url: reader.address(&to.url)? }));
    }
    if let Some(to) = &to.feishu {
        let (url, secret) = (reader.address(&to.url)?, reader.maybe(&to.secret)?);
        return Ok(Channel::Feishu(Feishu { url, secret }));
    }
    if let Some(to) = &to.dingtalk {
        let (url, secret) = (reader.address(&to.url)?, reader.maybe(&to.secret)?);
        return Ok(Channel::Dingtalk(Dingtalk { url, secret }));
    }
    if let Some(to) = &to.wecom {
        return Ok(Channel::Wecom(Wecom { url: reader.address(&to.url)? }));
    }
    if let Some(to) = &to.telegram {
        return Ok(Channel::Telegram(Telegram {
            api: to.api.clone().unwrap_or_else(|| "https://api.telegram.org".to_owned()),
            token: reader.text(&to.token)?,
            chat: to.chat.clone(),
            thread: to.thread,
        }));
    }
    if let Some(to) = &to.email {
        let login = reader.maybe(&to.user)?.zip(reader.maybe(&to.password)?);
        let email = Email::new(to, login, &declared.base).map_err(|why| reader.wrong(why))?;
        return Ok(Channel::Email(Box::new(email)));
    }
    Err(reader.wrong("it has no destination".to_owned()))
}
