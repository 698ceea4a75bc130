//! A bot of Telegram (core.telegram.org/bots/api#sendmessage). The text goes as it is, the title made bold by an entity: no character of either can
//! be taken for markup.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Outgoing, SendError, Sending};
use crate::http::{Request, post};
use crate::writing::shortened;

/// Characters of a message; those beyond the basic plane count twice there, so fewer are sent.
const LONGEST: usize = 4_000;
const LONGEST_TITLE: usize = 200;

pub(crate) struct Telegram {
    /// `https://api.telegram.org`
    pub api: String,
    pub token: SecretString,
    pub chat: String,
    pub thread: Option<u64>,
}

impl Telegram {
    pub async fn send(&self, message: &Outgoing<'_>, sending: &Sending<'_>) -> Result<String, SendError> {
        let title = shortened(&message.written.title, LONGEST_TITLE);
        let bold = title.encode_utf16().count();
        let text = shortened(format!("{title}\n{}", message.written.text).trim_end(), LONGEST);
        let mut body = json!({
            "chat_id": self.chat,
            "text": text,
            "entities": [{ "type": "bold", "offset": 0, "length": bold }],
            "link_preview_options": { "is_disabled": true },
        });
        if let Some(thread) = self.thread {
            body["message_thread_id"] = Value::from(thread);
        }
        let url = format!("{}/bot{}/sendMessage", self.api.trim_end_matches('/'), self.token.expose_secret());
        let request =
            Request { url: &url, headers: Vec::new(), content_type: "application/json", body: body.to_string() };
        let answer = post(sending.client, request, sending.timeout, sending.now).await?;
        let said = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
        if said["ok"] == Value::Bool(true) {
            return Ok(answer.said());
        }
        let wanted = said["parameters"]["retry_after"].as_u64().map(Duration::from_secs);
        let mut error = match answer.taken() {
            Ok(answer) => SendError {
                what: format!("the server does not say `ok` but {}", answer.said()),
                permanent: false,
                retry_after: None,
            },
            Err(error) => error,
        };
        error.retry_after = wanted.or(error.retry_after);
        Err(error)
    }
}
