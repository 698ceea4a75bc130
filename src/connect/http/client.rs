//! Bytes over HTTP.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use assetctl_config::HttpMethod;
use futures::StreamExt;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value as Json;

use super::request::Rendered;
use super::retry;

/// More redirects than this lead nowhere.
const MOST_REDIRECTS: usize = 5;

/// Room is made beforehand for as many bytes as an answer says that it has, up to so many.
const MOST_BELIEVED: u64 = 16 << 20;

/// A client that keeps connections open, and goes through the proxy that the environment names.
///
/// # Errors
/// TLS cannot be had on this system.
pub(super) fn client() -> Result<Client, String> {
    // Fails where another part of the program was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A vendor's secrets are for the vendor: neither another host nor an unencrypted connection gets them.
    let policy = Policy::custom(|attempt| {
        let first = attempt.previous().first();
        let same = first.is_some_and(|first| {
            first.host_str() == attempt.url().host_str()
                && (first.scheme() == attempt.url().scheme() || attempt.url().scheme() == "https")
        });
        if same && attempt.previous().len() <= MOST_REDIRECTS { attempt.follow() } else { attempt.stop() }
    });
    Client::builder()
        .user_agent(concat!("assetctl/", env!("CARGO_PKG_VERSION")))
        .redirect(policy)
        .connect_timeout(Duration::from_secs(10))
        .build()
        .map_err(|error| chain(&error))
}

/// What came back.
pub(super) struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
    /// How long the vendor wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// Why nothing came back.
#[derive(Debug)]
pub(super) enum SendError {
    /// The network, or a server that ends in the middle.
    Network(String),
    /// The request cannot be sent at all.
    Request(String),
    /// More than may come.
    TooLong,
}

/// Sends one request and reads the whole answer.
pub(super) async fn send(
    client: &Client,
    request: &Rendered,
    timeout: Duration,
    most: u64,
    now: SystemTime,
) -> Result<Answer, SendError> {
    let method = match request.method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
    };
    let mut url =
        url::Url::parse(&request.url).map_err(|error| SendError::Request(format!("`{}`: {error}", request.url)))?;
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.query);
    }
    let mut builder = client.request(method, url).timeout(timeout);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    builder = match &request.body {
        None => builder,
        Some(Json::String(text)) => builder.body(text.clone()),
        Some(json) => builder.header(CONTENT_TYPE, "application/json").body(json.to_string()),
    };
    let failed = |error: reqwest::Error| {
        if error.is_builder() { SendError::Request(chain(&error)) } else { SendError::Network(chain(&error)) }
    };
    let response = builder.send().await.map_err(failed)?;
    let status = response.status();
    let retry_after = retry::wanted(response.headers(), now);
    if response.content_length().is_some_and(|length| length > most) {
        return Err(SendError::TooLong);
    }
    let said = response.content_length().unwrap_or_default().min(MOST_BELIEVED);
    let mut body = Vec::with_capacity(said as usize);
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(failed)?;
        if (body.len() + piece.len()) as u64 > most {
            return Err(SendError::TooLong);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Answer { status, body, retry_after })
}

/// An error with its causes, without the address, which may hold secrets.
fn chain(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut causes: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        cause = error.source();
    }
    match causes.as_slice() {
        // The outer ones say only that something went wrong.
        [.., last] => last.clone(),
        [] if error.is_builder() => "the request cannot be made".to_owned(),
        [] => "the connection failed".to_owned(),
    }
}
