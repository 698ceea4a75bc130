//! What a sink is reached by, and that no text that leaves has it in it.

use assetctl_config::{DeclaredSink, Secret};
use url::Url;

use crate::error::SinkError;

/// What stands where a secret stood.
const HIDDEN: &str = "***";

/// A secret's value.
///
/// # Errors
/// It is not where it should be.
pub(crate) fn read(sink: &DeclaredSink, secret: &Secret) -> Result<String, SinkError> {
    secret.read(&sink.base).map_err(|error| {
        SinkError::new(format!("sink `{}`: {error}", sink.name)).help("set it where the program is started")
    })
}

/// The same of one that need not be there.
pub(crate) fn read_if(sink: &DeclaredSink, secret: Option<&Secret>) -> Result<Option<String>, SinkError> {
    secret.map(|secret| read(sink, secret)).transpose()
}

/// An address with the password of its own, or the one beside it.
pub(crate) fn address(sink: &DeclaredSink, url: &Secret, password: Option<&Secret>) -> Result<Url, SinkError> {
    let refuse = |what: &str| SinkError::new(format!("the `url` of sink `{}` {what}", sink.name));
    let mut url = Url::parse(&read(sink, url)?).map_err(|error| refuse(&format!("is no address: {error}")))?;
    if let Some(password) = read_if(sink, password)? {
        url.set_password(Some(&password)).map_err(|()| refuse("takes no password"))?;
    }
    Ok(url)
}

/// The text of a part of an address, as it was before it was made fit for one.
pub(crate) fn decoded(part: &str) -> String {
    percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()
}

/// The secrets of a sink.
pub(crate) struct Hidden(Vec<String>);

impl Hidden {
    /// Those that can be had: of the others nothing can be told.
    pub fn of(sink: &DeclaredSink) -> Self {
        let mut known = Vec::new();
        for (_, _, secret) in sink.spec.secrets() {
            let Ok(value) = secret.read(&sink.base) else { continue };
            let password = Url::parse(&value).ok().and_then(|url| url.password().map(str::to_owned));
            known.extend(password.iter().map(|password| decoded(password)));
            known.extend(password);
            known.extend(secret.from().map(|_| value));
        }
        let storage = sink.spec.s3.as_ref().and_then(|s3| s3.storage.as_ref());
        let keys = storage.into_iter().flat_map(|storage| [&storage.secret_key, &storage.session_token]);
        known.extend(keys.flatten().filter_map(|secret| secret.read(&sink.base).ok()));
        let escaped: Vec<String> =
            known.iter().map(|value| url::form_urlencoded::byte_serialize(value.as_bytes()).collect()).collect();
        known.extend(escaped);
        known.retain(|value| !value.is_empty());
        // One may lie within another.
        known.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
        known.dedup();
        Self(known)
    }

    /// The text without secrets.
    pub fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use assetctl_config::{RedisSink, SecretFrom, Sink};

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's own files need no crash safety")]
    fn addresses_are_put_together_and_their_secrets_hidden() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), "sword fish/1\n").unwrap();
        let from = |file: &str| Secret::From(SecretFrom { env: None, file: Some(file.to_owned()) });
        let sink = |password: &str| DeclaredSink {
            name: "cache".to_owned(),
            base: PathBuf::from(folder.path()),
            spec: Sink {
                redis: Some(RedisSink {
                    url: Secret::Text("redis://desk@cache:6379/2".to_owned()),
                    password: Some(from(password)),
                    keep: None,
                }),
                ..Sink::default()
            },
        };
        let declared = sink("password");
        let redis = declared.spec.redis.as_ref().unwrap();
        let url = address(&declared, &redis.url, redis.password.as_ref()).unwrap();
        assert_eq!(decoded(url.password().unwrap()), "sword fish/1");
        let said = Hidden::of(&declared).redact("no `sword fish/1`, no `sword+fish%2F1`");
        assert_eq!(said, "no `***`, no `***`");
        let missing = sink("nothing");
        let redis = missing.spec.redis.as_ref().unwrap();
        let error = address(&missing, &redis.url, redis.password.as_ref()).unwrap_err();
        assert!(error.what.contains("cannot read the secret in `nothing`"), "{error}");
    }
}
