//! Whether an address answers, for who waits for that.

use std::path::Path;
use std::time::Duration;

use assetctl_config::HttpPoll;
use futures::StreamExt;
use reqwest::StatusCode;

use super::client;
use crate::blocking::block_on;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Of a longer answer the beginning is looked at.
const MOST: usize = 4 << 20;

/// Whether an address answers with a 200 that has the text in it. One that cannot be reached does not. `base` is the folder that files
/// with secrets are relative to.
///
/// # Errors
/// The request cannot be made: a secret is not where it should be, the address or a header is none.
pub fn poll(base: &Path, spec: &HttpPoll) -> Result<bool, String> {
    let client = client::client()?;
    let mut request = client.get(&spec.url).timeout(TIMEOUT);
    for (name, secret) in spec.headers.iter() {
        request = request.header(name, secret.read(base).map_err(|error| error.to_string())?);
    }
    let request =
        request.build().map_err(|_| "the request cannot be made: look at its `url` and `headers`".to_owned())?;
    let answers = async || -> reqwest::Result<bool> {
        let response = client.execute(request).await?;
        if response.status() != StatusCode::OK {
            return Ok(false);
        }
        let Some(text) = &spec.contains else { return Ok(true) };
        let mut body = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(piece) = stream.next().await {
            body.extend_from_slice(&piece?);
            if body.len() >= MOST {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&body).contains(text.as_str()))
    };
    let answers = block_on(answers).map_err(|error| format!("the system gives no network: {error}"))?;
    Ok(answers.unwrap_or(false))
}
