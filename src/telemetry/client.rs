//! How others are asked.

use std::error::Error;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;

/// How long an answer may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// A client that follows no redirect: what is sent, and the secrets with it, are for the host that was declared.
///
/// # Errors
/// TLS cannot be had on this system.
pub(crate) fn client() -> Result<Client, String> {
    // Fails where another part of the program was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("assetctl/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(TIMEOUT)
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| in_words(&error))
}

/// An error's innermost cause, without the address, which may hold secrets.
pub(crate) fn in_words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let (mut innermost, mut cause) = ("the connection failed".to_owned(), error.source());
    while let Some(error) = cause {
        innermost = error.to_string();
        cause = error.source();
    }
    innermost
}
