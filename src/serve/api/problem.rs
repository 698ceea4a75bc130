//! Mistakes as RFC 9457 has them: `application/problem+json`.

use assetctl_execute::ObserveError;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use crate::read::ReadError;

pub const PROBLEM: &str = "application/problem+json";
/// What a response of somebody else may say of a mistake.
const MOST: usize = 4096;

/// What went wrong, as RFC 9457 has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:assetctl:problem:not-found` and the like; what programs go by.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    /// The status of the response.
    pub status: u16,
    /// This mistake in words.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Problem").to_owned();
        let kind = format!("urn:assetctl:problem:{}", title.to_lowercase().replace(' ', "-"));
        Self { kind, title, status: status.as_u16(), detail: detail.into(), help: None }
    }

    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    fn with(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unknown { message, help } => Self::new(StatusCode::NOT_FOUND, message).with(help),
            ReadError::Wrong { message, help } => Self::new(StatusCode::UNPROCESSABLE_ENTITY, message).with(help),
            ReadError::Conflict { message, help } => Self::new(StatusCode::CONFLICT, message).with(help),
            ReadError::Observe(ObserveError::Sources(refused)) => {
                let told = refused.iter().map(|(asset, error)| format!("`{asset}`: {error}"));
                let detail = format!("sources cannot be read: {}", told.collect::<Vec<_>>().join("; "));
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
                    .with_help("`assetctl plan` shows what is wrong, and where")
            }
            ReadError::Observe(ObserveError::Store(error)) | ReadError::Store(error) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, chain(&error))
            }
            error @ ReadError::Other { .. } => Self::new(StatusCode::INTERNAL_SERVER_ERROR, chain(&error)),
        }
    }
}

/// The error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, PROBLEM)], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Whatever refuses a request, does so in one form: also what reads bodies, queries and paths, what knows no such route, and what
/// watches over sizes and times.
pub async fn in_one_form(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|form| form.as_bytes() == PROBLEM.as_bytes());
    if !(status.is_client_error() || status.is_server_error()) || is_problem {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let told = to_bytes(body, MOST).await.unwrap_or_default();
    let told = String::from_utf8_lossy(&told).trim().to_owned();
    let detail = match status {
        StatusCode::NOT_FOUND if told.is_empty() => "there is no such address; `/openapi.json` lists them".to_owned(),
        StatusCode::METHOD_NOT_ALLOWED => "this address is not asked in this way; `Allow` says how".to_owned(),
        StatusCode::PAYLOAD_TOO_LARGE => "the body is larger than any request needs".to_owned(),
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "it took longer than an answer may".to_owned(),
        _ if told.is_empty() => status.canonical_reason().unwrap_or("refused").to_lowercase(),
        _ => told,
    };
    let problem = Problem::new(status, detail).into_response();
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    for (name, value) in problem.headers() {
        parts.headers.insert(name, value.clone());
    }
    Response::from_parts(parts, Body::new(problem.into_body()))
}

/// The mistakes that a route may answer with, for its documentation.
macro_rules! mistakes {
    ($(#[$doc:meta])* $name:ident { $($status:literal = $what:literal,)+ }) => {
        $(#[$doc])*
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, RefOr<utoipa::openapi::Response>> {
                [$(($status, $what),)+].into_iter().map(|(status, what)| (status.to_owned(), mistake(what))).collect()
            }
        }
    };
}

fn mistake(what: &str) -> RefOr<utoipa::openapi::Response> {
    let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    RefOr::T(ResponseBuilder::new().description(what).content(PROBLEM, content).build())
}

mistakes! {
    /// Of everything that is read.
    Reading {
        "400" = "the request has not the form that is described here",
        "401" = "a token is needed and none, or another, was given",
        "403" = "this host is not answered",
        "404" = "there is no such thing",
        "408" = "it took too long",
        "422" = "what is asked for has a mistake in its meaning",
        "500" = "something went wrong here",
        "503" = "the store or the sources cannot be read now",
    }
}

mistakes! {
    /// Of everything that is sent.
    Sending {
        "400" = "the request has not the form that is described here",
        "401" = "a token is needed and none, or another, was given",
        "403" = "no token is configured, so that nothing can be done over HTTP; or this host is not answered",
        "404" = "there is no such thing",
        "408" = "it took too long",
        "409" = "as things stand it cannot be done",
        "413" = "the body is too large",
        "415" = "the body is not JSON",
        "422" = "what is asked for has a mistake in its meaning",
        "500" = "something went wrong here",
        "503" = "the store cannot be read or written now",
    }
}
