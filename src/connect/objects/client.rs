//! An object store that speaks S3's protocol.

use std::path::Path;
use std::time::Duration;

use assetctl_config::{Files, Secret, Storage};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use super::address::Address;
use crate::error::{ConnectError, Place, Problem};
use crate::source::FileSource;

const REGION: &str = "us-east-1";
/// How often a request is tried again, and for how long at most.
const RETRIES: usize = 4;
const RETRY_FOR: Duration = Duration::from_secs(60);
/// How long the first answer of a server may take, and one object.
const CONNECT: Duration = Duration::from_secs(10);
const OBJECT: Duration = Duration::from_secs(900);

/// A bucket that is written to. `base` is the folder that files with secrets are relative to.
///
/// # Errors
/// A secret is not where it should be; an endpoint that is none.
pub fn bucket(base: &Path, storage: Option<&Storage>, bucket: &str) -> Result<AmazonS3, ConnectError> {
    let files = Files { storage: storage.cloned(), ..Files::default() };
    Ok(open(&FileSource::of_nothing(base, &files), bucket)?)
}

/// # Errors
/// A secret is not where it should be; an endpoint that is none.
pub(super) fn open(source: &FileSource, bucket: &str) -> Result<AmazonS3, Problem> {
    // Whoever came first has chosen the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let refuse =
        |message: String, key: &'static str| Problem::new(Place::file(source.base), message).declared(["storage", key]);
    let none = Storage::default();
    let storage = source.files.storage.as_ref().unwrap_or(&none);
    let secret = |secret: &Option<Secret>, key: &'static str| {
        let read = secret.as_ref().map(|secret| secret.read(source.base));
        read.transpose().map_err(|error| refuse(error.to_string(), key).help("set it where the program is started"))
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(storage.region.as_deref().unwrap_or(REGION))
        .with_virtual_hosted_style_request(storage.virtual_host.unwrap_or(storage.endpoint.is_none()))
        .with_retry(RetryConfig {
            backoff: BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() },
            max_retries: RETRIES,
            retry_timeout: RETRY_FOR,
        });
    let mut options = ClientOptions::new().with_connect_timeout(CONNECT).with_timeout(OBJECT);
    if let Some(endpoint) = &storage.endpoint {
        let endpoint = endpoint.trim_end_matches('/');
        options = options.with_allow_http(endpoint.starts_with("http://"));
        builder = match (storage.virtual_host, endpoint.split_once("://")) {
            // The builder takes the address of the bucket then.
            (Some(true), Some((scheme, host))) => builder.with_endpoint(format!("{scheme}://{bucket}.{host}")),
            _ => builder.with_endpoint(endpoint),
        };
    }
    builder = builder.with_client_options(options);
    let keys = (secret(&storage.access_key, "access_key")?, secret(&storage.secret_key, "secret_key")?);
    builder = match keys {
        (Some(access), Some(secret)) => builder.with_access_key_id(access).with_secret_access_key(secret),
        _ => builder.with_skip_signature(true),
    };
    if let Some(token) = secret(&storage.session_token, "session_token")? {
        builder = builder.with_token(token);
    }
    builder.build().map_err(|error| refuse(format!("the object store cannot be used: {error}"), "endpoint"))
}

/// What a refusal means, and what to do.
pub(super) fn problem(source: &FileSource, address: &Address, error: &object_store::Error) -> Problem {
    let bucket = &address.bucket;
    let endpoint = source.files.storage.as_ref().and_then(|storage| storage.endpoint.as_deref());
    let at = endpoint
        .map_or_else(|| "Amazon's object store".to_owned(), |endpoint| format!("the object store `{endpoint}`"));
    let (message, help) = match status(error) {
        Some(404) => (format!("there is no bucket `{bucket}` in {at}"), "correct the path"),
        Some(401 | 403) => (
            format!("{at} does not let us read `{bucket}`"),
            "look at `storage: { access_key: …, secret_key: …, region: … }`, and at what the key is allowed",
        ),
        Some(status) if status < 500 => (
            format!("{at} refuses: {}", cause(error)),
            "look at `storage:`; nothing was changed, and what is materialized stays",
        ),
        _ => (
            format!("{at} does not answer: {}", cause(error)),
            "look at the network and at `storage: { endpoint: … }`; nothing was changed, and what is materialized stays",
        ),
    };
    Problem::new(address.place(), message).help(help)
}

/// The status of an answer that is an error. Of listings it is in the text alone.
fn status(error: &object_store::Error) -> Option<u16> {
    use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
    match error {
        NotFound { .. } => Some(404),
        Unauthenticated { .. } => Some(401),
        PermissionDenied { .. } => Some(403),
        other => {
            let text = other.to_string();
            let after = text.split_once("status code: ").map(|(_, after)| after)?;
            after.get(..3)?.parse().ok()
        }
    }
}

/// The innermost reason, in one line.
fn cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string().lines().next().unwrap_or_default().chars().take(300).collect()
}
