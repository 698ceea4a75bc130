//! Slack, Feishu, DingTalk, WeCom, Telegram: what they get, and answers of 200 that mean no.

use serde_json::{Value, json};

use crate::testing::{Fake, Got, Reply, START, failed, good, notifier};

const TOKEN: &str = "T0KEN-that-nobody-may-see";

/// Tells one event to a bot at a path of a server, and gives what the server got.
async fn told(to: &str, path: &str, reply: Reply) -> Got {
    let server = Fake::new([reply]).await;
    let yaml = format!("  desk:\n    on: run_failed\n    to: {}\n", to.replace("API", &server.url));
    let (url, files) = (format!("{}{path}", server.url), [("key", "demo"), ("token", TOKEN)]);
    let files: Vec<(&str, &str)> = files.into_iter().chain([("url", url.as_str())]).collect();
    let (notifier, _hand) = notifier(good(&yaml, &files));
    notifier.observe(&failed(12));
    assert_eq!(notifier.step().await, None, "it was taken");
    let [got] = server.got().try_into().unwrap();
    got
}

#[tokio::test]
async fn slack_gets_blocks() {
    let got = told("{ slack: { url: { file: url } } }", "/services/T/B/x", Reply::new(200, "ok")).await;
    assert_eq!(got.path, "/services/T/B/x");
    let text = "2024-03-15T01:00:00Z *run_failed*: job sync, run 12: the vendor says &lt;no&gt; &amp; hangs up";
    let expected = json!({
        "text": "ERROR run_failed: job sync",
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": "ERROR run_failed: job sync" } },
            { "type": "section", "text": { "type": "mrkdwn", "text": text } },
        ],
    });
    assert_eq!(got.body, expected.to_string());
}

#[tokio::test]
async fn feishu_gets_a_signed_card() {
    let ok = Reply::new(200, r#"{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}"#);
    let got = told("{ feishu: { url: { file: url }, secret: { file: key } } }", "/open-apis/bot/v2/hook/x", ok).await;
    // Made by Python's hmac and base64, in the way that the vendor's document shows.
    let sign = "2+dEt64mWsUJP0NBk8zKmoL47rsu1kOS/HwwTuSTwKY=";
    let text = "2024-03-15T01:00:00Z **run_failed**: job sync, run 12: the vendor says &#60;no&#62; & hangs up";
    let expected = json!({
        "msg_type": "interactive",
        "card": {
            "header": { "title": { "tag": "plain_text", "content": "ERROR run_failed: job sync" }, "template": "red" },
            "elements": [{ "tag": "markdown", "content": text }],
        },
        "timestamp": START.to_string(),
        "sign": sign,
    });
    assert_eq!(got.body, expected.to_string());
}

#[tokio::test]
async fn dingtalk_gets_its_signature_in_the_address() {
    let ok = Reply::new(200, r#"{"errcode":0,"errmsg":"ok"}"#);
    let got =
        told("{ dingtalk: { url: { file: url }, secret: { file: key } } }", "/robot/send?access_token=x", ok).await;
    assert_eq!(
        got.path,
        format!("/robot/send?access_token=x&timestamp={START}000&sign=qL6bOPi8UZud6x5gPKVqi2slZwXJz3GIP2uztaGfmYk%3D")
    );
    let line = "2024-03-15T01:00:00Z **run_failed**: job sync, run 12: the vendor says <no> & hangs up";
    let expected = json!({
        "msgtype": "markdown",
        "markdown": { "title": "ERROR run_failed: job sync", "text": format!("#### ERROR run_failed: job sync\n\n{line}") },
    });
    assert_eq!(got.body, expected.to_string());
}

#[tokio::test]
async fn wecom_gets_markdown_of_4096_bytes_at_most() {
    let ok = Reply::new(200, r#"{"errcode":0,"errmsg":"ok"}"#);
    let got = told(
        "{ wecom: { url: { file: url } } }\n    template: '{{ message * 500 }}字'",
        "/cgi-bin/webhook/send?key=x",
        ok,
    )
    .await;
    assert_eq!(got.path, "/cgi-bin/webhook/send?key=x");
    let content = got.json()["markdown"]["content"].as_str().unwrap().to_owned();
    assert!(content.starts_with("**<font color=\"warning\">ERROR run_failed: job sync</font>**\nthe vendor says <no>"));
    assert!(content.ends_with('…') && content.len() <= 4096 && content.len() > 4090, "{}", content.len());
}

#[tokio::test]
async fn telegram_gets_a_text_with_a_bold_title() {
    let ok = Reply::new(200, r#"{"ok":true,"result":{"message_id":1}}"#);
    let to =
        "{ telegram: { token: { file: token }, chat: -100123, thread: 7, api: 'API/' } }\n    title: '🚨 {{ job }}'";
    let got = told(to, "", ok).await;
    assert_eq!(got.path, format!("/bot{TOKEN}/sendMessage"));
    let line = "2024-03-15T01:00:00Z run_failed: job sync, run 12: the vendor says <no> & hangs up";
    let expected = json!({
        "chat_id": "-100123",
        "text": format!("🚨 sync\n{line}"),
        // In units of UTF-16, of which the siren is two.
        "entities": [{ "type": "bold", "offset": 0, "length": 7 }],
        "link_preview_options": { "is_disabled": true },
        "message_thread_id": 7,
    });
    assert_eq!(got.body, expected.to_string());
}

#[tokio::test]
async fn an_answer_of_200_may_be_a_no() {
    let file = "{ url: { file: url } }";
    let telegram = "{ telegram: { token: { file: token }, chat: '@desk', api: API } }".to_owned();
    let slow = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 44","parameters":{"retry_after":44}}"#;
    // (receiver, status, answer, seconds until it is tried again)
    let cases: Vec<(String, u16, &'static str, Option<i64>)> = vec![
        (format!("{{ slack: {file} }}"), 200, "no_text", Some(10)),
        (format!("{{ slack: {file} }}"), 404, "no_service", None),
        (format!("{{ feishu: {file} }}"), 200, r#"{"code":11232,"msg":"frequency limited"}"#, Some(10)),
        (format!("{{ feishu: {file} }}"), 200, r#"{"code":19021,"msg":"sign match fail"}"#, None),
        (format!("{{ feishu: {file} }}"), 400, r#"{"code":9499,"msg":"Bad Request"}"#, None),
        (format!("{{ feishu: {file} }}"), 200, "<html>captive portal</html>", Some(10)),
        (format!("{{ dingtalk: {file} }}"), 200, r#"{"errcode":130101,"errmsg":"send too fast"}"#, Some(10)),
        (format!("{{ dingtalk: {file} }}"), 200, r#"{"errcode":310000,"errmsg":"keywords not in content"}"#, None),
        (format!("{{ wecom: {file} }}"), 200, r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#, Some(10)),
        (format!("{{ wecom: {file} }}"), 200, r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#, None),
        (format!("{{ wecom: {file} }}"), 502, "", Some(10)),
        (telegram.clone(), 429, slow, Some(44)),
        (telegram.clone(), 200, r#"{"ok":false}"#, Some(10)),
        (telegram, 401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#, None),
    ];
    for (to, status, body, wait) in cases {
        let server = Fake::new([Reply::new(status, body)]).await;
        let yaml = format!("  desk:\n    on: run_failed\n    to: {}\n", to.replace("API", &server.url));
        let url = format!("{}/hook", server.url);
        let (notifier, _hand) = notifier(good(&yaml, &[("url", url.as_str()), ("token", TOKEN)]));
        notifier.observe(&failed(1));
        let next = notifier.step().await.map(|next| (next - crate::testing::at(0)).num_seconds());
        assert_eq!((next, server.count()), (wait, 1), "{to} {status} {body}");
    }
}

#[tokio::test]
async fn what_a_bot_cannot_take_is_cut() {
    let slack = Reply::new(200, "ok");
    let got = told(
        "{ slack: { url: { file: url } } }\n    title: '{{ job * 100 }}'\n    template: '{{ message * 200 }}'",
        "/x",
        slack,
    )
    .await;
    let body: Value = got.json();
    let length = |path: &str| body.pointer(path).unwrap().as_str().unwrap().chars().count();
    assert_eq!((length("/blocks/0/text/text"), length("/blocks/1/text/text")), (150, 3000));
}
