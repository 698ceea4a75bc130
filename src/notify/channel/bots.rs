//! Group bots of Feishu, DingTalk and WeCom. All answer 200 whatever happens, with a code in the body.

use assetctl_config::EventSeverity;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Outgoing, SendError, Sending};
use crate::http::{Answer, Request, post};
use crate::sign;
use crate::writing::shortened_bytes;

/// A custom bot of Feishu or Lark (open.feishu.cn/document/client-docs/bot-v3/add-custom-bot): a card.
pub(crate) struct Feishu {
    pub url: SecretString,
    pub secret: Option<SecretString>,
}

/// A request of Feishu's may have 20 KB.
const LONGEST_CARD: usize = 16_000;
/// The body is wrong; the address, its signature, the network or a keyword is.
const FEISHU_HOPELESS: [i64; 6] = [9_499, 19_001, 19_002, 19_021, 19_022, 19_024];

impl Feishu {
    pub async fn send(&self, message: &Outgoing<'_>, sending: &Sending<'_>) -> Result<String, SendError> {
        let written = &message.written;
        let color = match written.severity {
            EventSeverity::Error => "red",
            EventSeverity::Warn => "orange",
            EventSeverity::Info => "blue",
        };
        let card = json!({
            "header": { "title": { "tag": "plain_text", "content": written.title }, "template": color },
            "elements": [{ "tag": "markdown", "content": shortened_bytes(&written.text, LONGEST_CARD) }],
        });
        let mut body = json!({ "msg_type": "interactive", "card": card });
        if let Some(secret) = &self.secret {
            let seconds = sending.now.timestamp();
            body["timestamp"] = Value::from(seconds.to_string());
            body["sign"] = Value::from(sign::feishu(secret.expose_secret(), seconds));
        }
        let answer = ask(self.url.expose_secret(), &body, sending).await?;
        // The older of its two services says `StatusCode`.
        answer.code_is_zero(&["code", "StatusCode"], &FEISHU_HOPELESS)
    }
}

/// A custom bot of DingTalk (open.dingtalk.com/document/robots/custom-robot-access): markdown.
pub(crate) struct Dingtalk {
    pub url: SecretString,
    pub secret: Option<SecretString>,
}

/// A text of DingTalk's may have 20,000 bytes.
const LONGEST_DINGTALK: usize = 16_000;
/// The address or the robot is not there or was stopped; the form is wrong; a keyword, the signature or the network is.
const DINGTALK_HOPELESS: [i64; 9] = [40_035, 43_004, 300_001, 310_000, 400_013, 400_101, 400_102, 400_105, 400_106];

impl Dingtalk {
    pub async fn send(&self, message: &Outgoing<'_>, sending: &Sending<'_>) -> Result<String, SendError> {
        let written = &message.written;
        let mut url = self.url.expose_secret().to_owned();
        if let Some(secret) = &self.secret {
            let millis = sending.now.timestamp_millis();
            let sign = sign::dingtalk(secret.expose_secret(), millis);
            let more = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("timestamp", &millis.to_string())
                .append_pair("sign", &sign)
                .finish();
            url = format!("{url}{}{more}", if url.contains('?') { '&' } else { '?' });
        }
        // A line end alone is no new line in its markdown.
        let text = format!("#### {}\n\n{}", written.title, written.text.replace('\n', "\n\n"));
        let markdown = json!({ "title": written.title, "text": shortened_bytes(&text, LONGEST_DINGTALK) });
        let answer = ask(&url, &json!({ "msgtype": "markdown", "markdown": markdown }), sending).await?;
        answer.code_is_zero(&["errcode"], &DINGTALK_HOPELESS)
    }
}

/// A group bot of WeCom (developer.work.weixin.qq.com/document/path/91770): markdown.
pub(crate) struct Wecom {
    pub url: SecretString,
}

/// Bytes of a markdown message.
const LONGEST_WECOM: usize = 4_096;
/// The address or the robot is not there; the form is wrong.
const WECOM_HOPELESS: [i64; 5] = [40_008, 40_058, 93_000, 93_004, 93_008];

impl Wecom {
    pub async fn send(&self, message: &Outgoing<'_>, sending: &Sending<'_>) -> Result<String, SendError> {
        let written = &message.written;
        let color = if written.severity == EventSeverity::Info { "info" } else { "warning" };
        let text = format!("**<font color=\"{color}\">{}</font>**\n{}", written.title, written.text);
        let markdown = json!({ "content": shortened_bytes(&text, LONGEST_WECOM) });
        let body = json!({ "msgtype": "markdown", "markdown": markdown });
        let answer = ask(self.url.expose_secret(), &body, sending).await?;
        answer.code_is_zero(&["errcode"], &WECOM_HOPELESS)
    }
}

async fn ask(url: &str, body: &Value, sending: &Sending<'_>) -> Result<Answer, SendError> {
    let request =
        Request { url, headers: Vec::new(), content_type: "application/json; charset=utf-8", body: body.to_string() };
    post(sending.client, request, sending.timeout, sending.now).await
}
