//! One request, and what the server said to it.

use std::error::Error as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::channel::SendError;
use crate::writing::shortened;

/// Of an answer, so many bytes are looked at.
const LONGEST_ANSWER: usize = 64 * 1024;
/// Of an answer, so many characters are quoted.
const LONGEST_QUOTE: usize = 200;

/// A client that keeps connections open, and goes through the proxy that the environment names. It follows no redirect: a message, and the secrets
/// of its address, are for the host that was declared.
///
/// # Errors
/// TLS cannot be had on this system.
pub(crate) fn client() -> Result<Client, String> {
    // Fails where another part of the program was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("assetctl/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .build()
        .map_err(|error| in_words(&error))
}

/// What is sent.
pub(crate) struct Request<'a> {
    pub url: &'a str,
    pub headers: Vec<(&'a str, String)>,
    pub content_type: &'static str,
    pub body: String,
}

/// What came back.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub body: String,
    pub retry_after: Option<Duration>,
}

/// Posts a request and reads the answer.
pub(crate) async fn post(
    client: &Client,
    request: Request<'_>,
    timeout: Duration,
    now: DateTime<Utc>,
) -> Result<Answer, SendError> {
    let again = |error: reqwest::Error| SendError {
        what: in_words(&error),
        // An address that is none does not become one.
        permanent: error.is_builder(),
        retry_after: None,
    };
    let mut builder = client.post(request.url).timeout(timeout).header("content-type", request.content_type);
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    let mut response = builder.body(request.body).send().await.map_err(again)?;
    let (status, retry_after) = (response.status(), wanted(response.headers(), now));
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST_ANSWER
        && let Some(piece) = response.chunk().await.map_err(again)?
    {
        bytes.extend_from_slice(&piece);
    }
    bytes.truncate(LONGEST_ANSWER);
    Ok(Answer { status, body: String::from_utf8_lossy(&bytes).into_owned(), retry_after })
}

impl Answer {
    /// The answer, if its status says that the message was taken.
    pub fn taken(self) -> Result<Self, SendError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let again = self.status.is_server_error()
            || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS]
                .contains(&self.status);
        Err(SendError {
            what: format!("the server says {}{}", self.status, self.quoted()),
            permanent: !again,
            retry_after: self.retry_after,
        })
    }

    /// What it says, for people.
    pub fn said(&self) -> String {
        format!("{}{}", self.status, self.quoted())
    }

    fn quoted(&self) -> String {
        let text = self.body.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() { text } else { format!(": {}", shortened(&text, LONGEST_QUOTE)) }
    }

    /// For servers that answer 200 whatever happens: the number under one of `keys` must be 0.
    ///
    /// # Errors
    /// It is another; `hopeless` are those that another try does not mend.
    pub fn code_is_zero(self, keys: &[&str], hopeless: &[i64]) -> Result<String, SendError> {
        let body = serde_json::from_str::<Value>(&self.body).ok();
        let code = body.as_ref().and_then(|body| keys.iter().find_map(|key| body.get(key)?.as_i64()));
        match code {
            Some(0) => self.taken().map(|answer| answer.said()),
            Some(code) => Err(SendError {
                what: format!("the server refuses it with code {code}{}", self.quoted()),
                permanent: hopeless.contains(&code),
                retry_after: self.retry_after,
            }),
            None => {
                let answer = self.taken()?;
                let what = format!("the server's answer says neither yes nor no{}", answer.quoted());
                Err(SendError { what, permanent: false, retry_after: None })
            }
        }
    }
}

/// How long the server wants to be left alone: `Retry-After`, in seconds or as a date, which is measured on the server's own clock where it says
/// what that shows.
fn wanted(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let after = text(RETRY_AFTER)?;
    if let Ok(seconds) = after.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(after).ok()?;
    let now = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now.into());
    Some(until.duration_since(now).unwrap_or_default())
}

/// An error's innermost cause, without the address, which may hold secrets.
fn in_words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let (mut innermost, mut cause) = (None, error.source());
    while let Some(error) = cause {
        innermost = Some(error.to_string());
        cause = error.source();
    }
    match innermost {
        Some(text) => text,
        None if error.is_builder() => "the request cannot be made".to_owned(),
        None => "the connection failed".to_owned(),
    }
}
