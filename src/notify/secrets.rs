//! Secrets, taken out of every text that leaves.

use secrecy::{ExposeSecret, SecretString};

/// What stands where a secret stood.
const HIDDEN: &str = "***";
/// A part of an address that is shorter than this is a word, and no secret.
const SHORTEST_PART: usize = 12;

/// The secrets of one observer.
#[derive(Default)]
pub(crate) struct Secrets {
    known: Vec<SecretString>,
}

impl Secrets {
    pub fn add(&mut self, secret: &str) {
        let in_address: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let in_json = serde_json::Value::from(secret).to_string().trim_matches('"').to_owned();
        for form in [secret.to_owned(), in_address, in_json] {
            if !form.is_empty() && self.known.iter().all(|known| known.expose_secret() != form) {
                self.known.push(SecretString::from(form));
            }
        }
        // One may lie within another.
        self.known.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
    }

    /// An address that is a secret, and those parts of it that may be named alone.
    pub fn add_address(&mut self, address: &str) {
        self.add(address);
        let Ok(url) = url::Url::parse(address) else { return };
        let segments = url.path_segments().into_iter().flatten().map(str::to_owned);
        let values = url.query_pairs().map(|(_, value)| value.into_owned());
        let password = url.password().map(str::to_owned);
        for part in segments.chain(values).chain(password).collect::<Vec<_>>() {
            if part.len() >= SHORTEST_PART {
                self.add(&part);
            }
        }
    }

    /// The text without secrets.
    pub fn redact(&self, text: &str) -> String {
        self.known.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose_secret(), HIDDEN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_hidden_with_each_part_that_could_be_a_key() {
        let mut secrets = Secrets::default();
        secrets
            .add_address("https://hooks.example/services/T0123456789AB/s3cr3t-key-of-hook?access_token=abcdefghijkl");
        secrets.add("a b\"c");
        for text in [
            "POST /services/T0123456789AB failed",
            "key s3cr3t-key-of-hook",
            "token abcdefghijkl",
            "a+b%22c",
            "a b\\\"c",
        ] {
            assert!(secrets.redact(text).contains(HIDDEN), "{text}");
        }
        assert_eq!(secrets.redact("no service at hooks.example"), "no service at hooks.example");
    }
}
