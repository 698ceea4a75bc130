//! Who may ask: tokens, and hosts.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::state::Api;

/// What whoever may act has to know. Never shown.
#[derive(Clone)]
pub struct Token(Arc<[u8]>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    pub fn new(text: &str) -> Self {
        Self(text.as_bytes().into())
    }

    /// Takes as long whatever the given one has in common with it.
    fn is(&self, given: &[u8]) -> bool {
        let mut difference = self.0.len() ^ given.len();
        for (at, own) in self.0.iter().enumerate() {
            let given = given.get(at).copied().unwrap_or(!own);
            difference |= usize::from(std::hint::black_box(own ^ given));
        }
        std::hint::black_box(difference) == 0
    }
}

/// Whether a request brings the token.
fn brings(token: &Token, headers: &HeaderMap) -> bool {
    let given = headers.get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
    let (scheme, given) = given.split_at(given.len().min("Bearer ".len()));
    scheme.eq_ignore_ascii_case(b"Bearer ") && token.is(given)
}

fn unauthorized() -> Response {
    Problem::new(StatusCode::UNAUTHORIZED, "this needs the token")
        .with_help("send `Authorization: Bearer …` with the token of `api: { token: … }` in schedules.yaml")
        .into_response()
}

/// What changes something needs the token; where none is configured, nothing is changed.
pub async fn acting(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    match &api.settings.token {
        None => Problem::new(StatusCode::FORBIDDEN, "no token is configured: nothing can be done over HTTP")
            .with_help(
                "write `api: { token: { env: ASSETCTL_TOKEN } }` into schedules.yaml, and start `assetctl serve` again",
            )
            .into_response(),
        Some(token) if brings(token, request.headers()) => next.run(request).await,
        Some(_) => unauthorized(),
    }
}

/// What only tells something needs the token where others than this machine's programs can reach it.
pub async fn reading(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let is_open = !api.settings.listen.ip().is_loopback();
    match &api.settings.token {
        Some(token) if is_open && !brings(token, request.headers()) => unauthorized(),
        _ => next.run(request).await,
    }
}

/// On a loopback address only this machine's names for itself are answered: a page of elsewhere, whose name was made to stand for
/// 127.0.0.1, is not.
pub async fn own_host(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    if api.settings.listen.ip().is_loopback() {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
        if !host.is_some_and(is_own) {
            return Problem::new(StatusCode::FORBIDDEN, "this host is not answered")
                .with_help("ask `localhost` or `127.0.0.1`; behind a proxy, let it set `Host`")
                .into_response();
        }
    }
    next.run(request).await
}

/// `localhost`, or a loopback address, with any port.
fn is_own(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_the_token_itself_is_taken() {
        let token = Token::new("hunter2");
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            brings(&token, &headers)
        };
        assert!(with("Bearer hunter2") && with("bearer hunter2"));
        for wrong in
            ["", "hunter2", "Bearer", "Bearer ", "Bearer hunter", "Bearer hunter22", "Bearer Hunter2", "Basic hunter2"]
        {
            assert!(!with(wrong), "{wrong}");
        }
        assert!(!brings(&token, &HeaderMap::new()));
        assert_eq!(format!("{token:?}"), "Token(…)");
    }

    #[test]
    fn own_hosts_are_known() {
        for host in ["localhost", "LOCALHOST:8123", "127.0.0.1", "127.0.0.1:8123", "127.8.8.8", "[::1]", "[::1]:8123"] {
            assert!(is_own(host), "{host}");
        }
        for host in
            ["", "evil.example", "localhost.evil.example:8123", "127.0.0.1.evil.example", "10.0.0.1:8123", "[::2]"]
        {
            assert!(!is_own(host), "{host}");
        }
    }
}
