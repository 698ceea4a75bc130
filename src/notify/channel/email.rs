//! E-mail over SMTP, as text and as HTML.

use std::path::Path;
use std::time::{Duration, SystemTime};

use assetctl_config::{EmailTo, EventSeverity, MailTls};
use lettre::address::AddressError;
use lettre::message::{Mailbox, MultiPart, MultiPartKind, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};

use super::{Outgoing, SendError, Sending};
use crate::writing::shortened;

const LONGEST_SUBJECT: usize = 200;

pub(crate) struct Email {
    host: String,
    port: u16,
    tls: Tls,
    login: Option<(SecretString, SecretString)>,
    from: Mailbox,
    to: Vec<Mailbox>,
    cc: Vec<Mailbox>,
}

impl Email {
    /// What is declared, with the secrets that it names.
    ///
    /// # Errors
    /// In words: an address that is none, certificates that cannot be read.
    pub fn new(to: &EmailTo, login: Option<(SecretString, SecretString)>, base: &Path) -> Result<Self, String> {
        let secure = || -> Result<TlsParameters, String> {
            let mut parameters = TlsParameters::builder(to.smtp.clone());
            if let Some(file) = &to.ca {
                let unreadable =
                    |error: &dyn std::fmt::Display| format!("cannot read the certificates in `{file}`: {error}");
                let pem = std::fs::read(base.join(file)).map_err(|error| unreadable(&error))?;
                let certificate = Certificate::from_pem(&pem).map_err(|error| unreadable(&error))?;
                parameters = parameters.add_root_certificate(certificate);
            }
            parameters.build().map_err(|error| error.to_string())
        };
        let (tls, port) = match to.tls {
            MailTls::Starttls => (Tls::Required(secure()?), 587),
            MailTls::Tls => (Tls::Wrapper(secure()?), 465),
            MailTls::None => (Tls::None, 25),
        };
        let all = |texts: &[String]| texts.iter().map(|text| mailbox(text)).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            host: to.smtp.clone(),
            port: to.port.unwrap_or(port),
            tls,
            login,
            from: mailbox(&to.from)?,
            to: all(to.to.as_slice())?,
            cc: all(to.cc.as_ref().map_or(&[][..], |cc| cc.as_slice()))?,
        })
    }

    pub async fn send(&self, message: &Outgoing<'_>, sending: &Sending<'_>) -> Result<String, SendError> {
        let mail = self.mail(message).map_err(|what| SendError { what, permanent: true, retry_after: None })?;
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port)
            .tls(self.tls.clone())
            .timeout(Some(sending.timeout));
        if let Some((user, password)) = &self.login {
            let (user, password) = (user.expose_secret().to_owned(), password.expose_secret().to_owned());
            transport = transport.credentials(Credentials::new(user, password));
        }
        // The timeout above is that of each step; a server may take several.
        let whole = sending.timeout.saturating_mul(4).min(Duration::from_secs(300));
        let sent = tokio::time::timeout(whole, transport.build().send(mail)).await;
        let again = |what: String| SendError { what, permanent: false, retry_after: None };
        match sent {
            Err(_) => Err(again("the mail server is too slow".to_owned())),
            Ok(Ok(answer)) => Ok(format!("{} {}", answer.code(), answer.message().collect::<Vec<_>>().join(" "))),
            Ok(Err(error)) if error.is_permanent() => Err(SendError {
                what: format!("the mail server refuses it: {error}"),
                permanent: true,
                retry_after: None,
            }),
            Ok(Err(error)) => Err(again(format!("the mail server does not take it: {error}"))),
        }
    }

    /// The mail. Nothing in it depends on when it is sent, so that one that comes twice is known by its id.
    fn mail(&self, message: &Outgoing<'_>) -> Result<Message, String> {
        let written = &message.written;
        let host = self.from.email.domain();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(shortened(&written.title, LONGEST_SUBJECT))
            .date(SystemTime::from(message.made_at))
            .message_id(Some(format!("<{}@{host}>", message.id)));
        for mailbox in &self.to {
            builder = builder.to(mailbox.clone());
        }
        for mailbox in &self.cc {
            builder = builder.cc(mailbox.clone());
        }
        let parts = MultiPart::builder()
            .kind(MultiPartKind::Alternative)
            .boundary(format!("=_{}", message.id))
            .singlepart(SinglePart::plain(written.text.clone()))
            .singlepart(SinglePart::html(html(message)));
        builder.multipart(parts).map_err(|error| error.to_string())
    }
}

/// An address, alone or with a name.
pub(crate) fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|error: AddressError| format!("`{text}` is not an e-mail address: {error}"))
}

fn html(message: &Outgoing<'_>) -> String {
    let written = &message.written;
    let color = match written.severity {
        EventSeverity::Error => "#b00020",
        EventSeverity::Warn => "#b26a00",
        EventSeverity::Info => "#1a5fb4",
    };
    format!(
        "<!doctype html><html><body><h3 style=\"color:{color}\">{}</h3><pre style=\"white-space:pre-wrap\">{}</pre></body></html>",
        escaped(&written.title),
        escaped(&written.text)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
