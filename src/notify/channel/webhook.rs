//! Any address that takes JSON. Signed as Standard Webhooks (standardwebhooks.com) says, so that receivers can check it with a library.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{Outgoing, SendError, Sending};
use crate::http::{Request, post};
use crate::sign;

pub(crate) struct Webhook {
    pub url: SecretString,
    pub headers: Vec<(String, SecretString)>,
    pub secret: Option<SecretString>,
}

impl Webhook {
    pub async fn send(&self, message: &Outgoing<'_>, sending: &Sending<'_>) -> Result<String, SendError> {
        let written = &message.written;
        let (body, content_type) = if message.own_text {
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&written.text).is_ok();
            let content_type = if is_json { "application/json" } else { "text/plain; charset=utf-8" };
            (written.text.clone(), content_type)
        } else {
            let body = json!({
                "id": message.id,
                "observer": message.observer,
                "at": message.made_at,
                "severity": written.severity,
                "title": written.title,
                "text": written.text,
                "count": message.events.len(),
                "events": message.events,
            });
            (body.to_string(), "application/json")
        };
        let seconds = sending.now.timestamp();
        let mut headers = vec![("webhook-id", message.id.clone()), ("webhook-timestamp", seconds.to_string())];
        if let Some(secret) = &self.secret {
            let signature = sign::standard_webhook(secret.expose_secret(), &message.id, seconds, &body);
            headers.push(("webhook-signature", signature));
        }
        headers.extend(self.headers.iter().map(|(name, value)| (name.as_str(), value.expose_secret().to_owned())));
        let request = Request { url: self.url.expose_secret(), headers, content_type, body };
        let answer = post(sending.client, request, sending.timeout, sending.now).await?.taken()?;
        Ok(answer.said())
    }
}
