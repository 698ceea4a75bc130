//! Incoming webhooks of Slack (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks): blocks, and a text for where blocks are not shown.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{Outgoing, SendError, Sending};
use crate::http::{Request, post};
use crate::writing::shortened;

/// Of a header block.
const LONGEST_TITLE: usize = 150;
/// Of a section block.
const LONGEST_TEXT: usize = 3_000;

pub(crate) struct Slack {
    pub url: SecretString,
}

impl Slack {
    pub async fn send(&self, message: &Outgoing<'_>, sending: &Sending<'_>) -> Result<String, SendError> {
        let title = shortened(&message.written.title, LONGEST_TITLE);
        let mut blocks = vec![json!({ "type": "header", "text": { "type": "plain_text", "text": title } })];
        // A section without a text is refused.
        if !message.written.text.trim().is_empty() {
            let text = shortened(&message.written.text, LONGEST_TEXT);
            blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } }));
        }
        let body = json!({ "text": title, "blocks": blocks }).to_string();
        let request =
            Request { url: self.url.expose_secret(), headers: Vec::new(), content_type: "application/json", body };
        let answer = post(sending.client, request, sending.timeout, sending.now).await?.taken()?;
        if answer.body.trim() != "ok" {
            let what = format!("the server does not say `ok` but {}", answer.said());
            return Err(SendError { what, permanent: false, retry_after: None });
        }
        Ok(answer.said())
    }
}
