//! E-mail: the whole dialogue, the parts of the mail, and what becomes of one that is not taken.

use super::smtp::Catcher;
use crate::sign::base64;
use crate::testing::{START, at, declared, failed, good, notifier};

fn mail(port: u16, more: &str) -> String {
    format!(
        "  desk:\n    on: run_failed\n    title: 'Störung: {{{{ job }}}}'\n    to:\n      email:\n        smtp: 127.0.0.1\n        port: {port}\n        tls: none\n        \
         from: assetctl <alerts@desk.example>\n        to: [one@desk.example, Two <two@desk.example>]\n        cc: boss@desk.example\n{more}"
    )
}

const LOGIN: &str = "        user: alerts\n        password: { file: password }\n";

#[tokio::test]
async fn all_recipients_get_text_and_html() {
    let server = Catcher::new(("never", ""), 0).await;
    let (notifier, _hand) = notifier(good(&mail(server.port, LOGIN), &[("password", "hunter2")]));
    notifier.observe(&failed(12));
    assert_eq!(notifier.step().await, None);
    let mail = server.got(1).await.remove(0);
    let login = format!("AUTH PLAIN {}", base64(b"\0alerts\0hunter2"));
    assert!(mail.commands[0].starts_with("EHLO "));
    assert_eq!(
        mail.commands[1..7],
        [
            login.as_str(),
            "MAIL FROM:<alerts@desk.example>",
            "RCPT TO:<one@desk.example>",
            "RCPT TO:<two@desk.example>",
            "RCPT TO:<boss@desk.example>",
            "DATA",
        ]
    );
    let (head, body) = mail.data.split_once("\n\n").unwrap();
    let head = head.replace("\n ", " ");
    let header = |name: &str| {
        let found = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        found.unwrap_or_else(|| panic!("no {name} in {head}")).to_owned()
    };
    assert_eq!(header("From"), "assetctl <alerts@desk.example>");
    assert_eq!(header("To"), "one@desk.example, Two <two@desk.example>");
    assert_eq!(header("Cc"), "boss@desk.example");
    // RFC 2047.
    assert_eq!(header("Subject"), format!("=?utf-8?b?{}?= sync", base64("Störung:".as_bytes())));
    assert_eq!(header("Date"), "Fri, 15 Mar 2024 01:00:00 +0000");
    let id = format!("desk-1-{START}000000");
    assert_eq!(header("Message-ID"), format!("<{id}@desk.example>"));
    assert_eq!(header("Content-Type"), format!("multipart/alternative; boundary=\"=_{id}\""));
    let parts: Vec<&str> = body.split(&format!("--=_{id}")).collect();
    let [_, text, html, end] = parts.as_slice() else { panic!("{body}") };
    let text = text.replace("=\n", "");
    assert!(text.contains("Content-Type: text/plain; charset=utf-8"), "{text}");
    assert!(
        text.contains("2024-03-15T01:00:00Z run_failed: job sync, run 12: the vendor says <no> & hangs up"),
        "{text}"
    );
    let html = html.replace("=\n", "").replace("=3D", "=").replace("=C3=B6", "ö");
    assert!(html.contains("Content-Type: text/html; charset=utf-8"), "{html}");
    assert!(html.contains("<h3 style=\"color:#b00020\">Störung: sync</h3>"), "{html}");
    assert!(html.contains("the vendor says &lt;no&gt; &amp; hangs up"), "{html}");
    assert_eq!(end.trim(), "--");
}

#[tokio::test]
async fn a_mail_that_is_not_taken_now_comes_later() {
    let server = Catcher::new(("RCPT", "451 greylisted"), 1).await;
    let (notifier, hand) = notifier(good(&mail(server.port, ""), &[]));
    notifier.observe(&failed(1));
    assert_eq!(notifier.step().await, Some(at(10)));
    hand.set(10);
    assert_eq!(notifier.step().await, None);
    let got = server.got(2).await;
    assert!(got[0].data.is_empty() && got[1].data.contains("run 1"), "{got:?}");
    // Without a login nobody logs in.
    assert!(got.iter().all(|mail| !mail.commands.iter().any(|command| command.starts_with("AUTH"))));
}

#[tokio::test]
async fn a_mail_that_is_refused_is_given_up() {
    let server = Catcher::new(("MAIL", "550 go away"), 9).await;
    let (notifier, _hand) = notifier(good(&mail(server.port, ""), &[]));
    notifier.observe(&failed(1));
    assert_eq!(notifier.step().await, None);
    assert_eq!(server.got(1).await.len(), 1);
}

#[tokio::test]
async fn what_is_to_be_secret_is_not_sent_in_the_open() {
    let server = Catcher::new(("STARTTLS", "502 not here"), 9).await;
    let yaml = mail(server.port, LOGIN).replace("tls: none", "tls: starttls");
    let (notifier, _hand) = notifier(good(&yaml, &[("password", "hunter2")]));
    notifier.observe(&failed(1));
    assert!(notifier.step().await.is_some());
    let mail = server.got(1).await.remove(0);
    assert!(!mail.commands.iter().any(|command| command.starts_with("AUTH") || command == "DATA"), "{mail:?}");
}

#[test]
fn certificates_that_cannot_be_read_are_said() {
    let yaml = mail(25, "        ca: ca.pem\n").replace("tls: none", "tls: tls");
    let said = |files: &[(&str, &str)]| declared(&yaml, files).1.remove(0).to_string();
    assert!(said(&[]).starts_with("observer `desk`: cannot read the certificates in `ca.pem`: "), "{}", said(&[]));
}
