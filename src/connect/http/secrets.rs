//! Secrets: had when the vendor is first asked, and taken out of every text that leaves.

use std::sync::{PoisonError, RwLock};

use assetctl_config::{Asset, HttpVendor, Secret, SecretError, SecretFrom};
use minijinja::Value;
use secrecy::{ExposeSecret, SecretString};

use super::template::{Names, from_json};
use crate::fetch::FetchError;

/// What stands where a secret stood.
const HIDDEN: &str = "***";

/// The secrets of one vendor, those of its description and the tokens that it has given.
#[derive(Default)]
pub(super) struct Secrets {
    known: RwLock<Vec<SecretString>>,
}

impl Secrets {
    pub fn add(&self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // As it stands in addresses, and in JSON, too.
        let in_address: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let in_path = in_address.replace('+', "%20");
        let in_json = serde_json::Value::from(secret).to_string().trim_matches('"').to_owned();
        for form in [secret.to_owned(), in_address, in_path, in_json] {
            if known.iter().all(|known| known.expose_secret() != form) {
                known.push(SecretString::from(form));
            }
        }
        // One may lie within another.
        known.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
    }

    /// Whether any of them is in a text.
    pub fn are_in(&self, text: &str) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|secret| text.contains(secret.expose_secret()))
    }

    /// The text without secrets.
    pub fn redact(&self, text: &str) -> String {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.expose_secret()) { text.replace(secret.expose_secret(), HIDDEN) } else { text }
        })
    }
}

/// Values for templates: as they are, and as they may be shown.
pub(super) struct Params {
    pub real: Names,
    pub shown: Names,
    pub auth: Option<AuthValue>,
}

/// `auth: { value: … }`.
pub(super) enum AuthValue {
    Template(String),
    /// No template, whatever braces it has.
    Secret(SecretString),
}

impl Params {
    /// Reads all secrets of a description, and lets `secrets` know them.
    ///
    /// # Errors
    /// A secret that cannot be had, with the place that names it.
    pub fn read(vendor: &HttpVendor, asset: &Asset, secrets: &Secrets) -> Result<Self, FetchError> {
        let (mut real, mut shown) = (Names::new(), Names::new());
        for (name, value) in vendor.params.iter() {
            match SecretFrom::of(value) {
                Some(from) => {
                    let secret = had(from.read(&asset.base), asset, &["http", "params", name])?;
                    secrets.add(&secret);
                    real.insert(name.clone(), Value::from(secret));
                    shown.insert(name.clone(), Value::from(HIDDEN));
                }
                None => {
                    real.insert(name.clone(), from_json(value));
                    shown.insert(name.clone(), from_json(value));
                }
            }
        }
        let auth = match vendor.auth.as_ref().and_then(|auth| auth.value.as_ref()) {
            None => None,
            Some(Secret::Text(template)) => Some(AuthValue::Template(template.clone())),
            Some(Secret::From(from)) => {
                let secret = had(from.read(&asset.base), asset, &["http", "auth", "value"])?;
                secrets.add(&secret);
                Some(AuthValue::Secret(SecretString::from(secret)))
            }
        };
        Ok(Self { real, shown, auth })
    }
}

fn had(read: Result<String, SecretError>, asset: &Asset, path: &[&str]) -> Result<String, FetchError> {
    read.map_err(|error| FetchError::Refused {
        what: format!("{error}, which {} names", asset.place_of(path)),
        help: Some("a vendor is asked only with all its secrets: `assetctl sources` lists them".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_in_every_form_that_they_have() {
        let secrets = Secrets::default();
        secrets.add("a b\"c/d");
        secrets.add("token");
        secrets.add("token-longer");
        let text = r#"https://x/?k=a+b%22c%2Fd&l=a%20b%22c%2Fd {"k":"a b\"c/d"} token token-longer a b"c/d"#;
        assert_eq!(secrets.redact(text), r#"https://x/?k=***&l=*** {"k":"***"} *** *** ***"#);
        assert_eq!(Secrets::default().redact("nothing"), "nothing");
    }
}
