//! What a path in an object store says.

use std::fmt::Write as _;

use glob::{MatchOptions, Pattern};

use crate::error::{Place, Problem};

const SCHEME: &str = "s3://";
/// As those of files: a `*` stays within its folder, and names with a leading dot are not meant.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Whether a path is of an object store.
pub(crate) fn is_object(path: &str) -> bool {
    path.starts_with(SCHEME)
}

/// Objects of one bucket.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// As written.
    pub written: String,
    pub bucket: String,
    /// What all keys begin with: whole folders, without `/` at the end. Empty for none.
    pub prefix: String,
    pattern: Pattern,
    key: String,
}

impl Address {
    /// # Errors
    /// No bucket, nothing in it, or a glob that is none.
    pub fn parse(written: &str) -> Result<Self, Problem> {
        let refuse =
            |message: String| Problem::new(place(written), message).help("write `s3://bucket/bars/*.csv.gz`, say");
        let (bucket, key) = written
            .strip_prefix(SCHEME)
            .and_then(|rest| rest.split_once('/'))
            .filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
            .ok_or_else(|| refuse(format!("`{written}` names no objects of a bucket")))?;
        let pattern =
            Pattern::new(key).map_err(|error| refuse(format!("`{written}` is not a pattern: {}", error.msg)))?;
        let literal = key.find(['*', '?', '[']).map_or(key, |wild| &key[..wild]);
        let prefix = literal.rsplit_once('/').map_or("", |(folder, _)| folder);
        Ok(Self {
            written: written.to_owned(),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            pattern,
            key: key.to_owned(),
        })
    }

    /// A name is meant as it is written, brackets and all.
    pub fn matches(&self, key: &str) -> bool {
        key == self.key || self.pattern.matches_with(key, OPTIONS)
    }

    pub fn place(&self) -> Place {
        place(&self.written)
    }
}

fn place(written: &str) -> Place {
    Place::file(std::path::Path::new(written))
}

/// The full name of an object.
pub(crate) fn name(bucket: &str, key: &str) -> String {
    format!("{SCHEME}{bucket}/{key}")
}

/// Where the copy of an object lies below the folder of copies, with `/` between its parts: readable, and a path on every system.
pub(crate) fn copy_path(bucket: &str, key: &str) -> String {
    let mut path = safe(bucket);
    for part in key.split('/') {
        path.push('/');
        path.push_str(&safe(part));
    }
    path
}

fn safe(part: &str) -> String {
    let only_dots = part.bytes().all(|byte| byte == b'.');
    let mut safe = String::with_capacity(part.len());
    for letter in part.chars() {
        let plain = letter.is_alphanumeric() || "-_=+@,~()[]".contains(letter) || (letter == '.' && !only_dots);
        if plain {
            safe.push(letter);
        } else {
            let mut bytes = [0; 4];
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                let _ = write!(safe, "%{byte:02X}");
            }
        }
    }
    if safe.is_empty() { "%".to_owned() } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_bucket_and_keys() {
        let address = Address::parse("s3://market/bars/2024/*.csv.gz").unwrap();
        assert_eq!((address.bucket.as_str(), address.prefix.as_str()), ("market", "bars/2024"));
        assert!(address.matches("bars/2024/a.csv.gz"));
        for other in ["bars/2024/a.csv", "bars/2024/x/a.csv.gz", "bars/2025/a.csv.gz", "bars/2024/.a.csv.gz"] {
            assert!(!address.matches(other), "{other}");
        }
        let literal = Address::parse("s3://market/a[1].csv").unwrap();
        assert!(literal.matches("a[1].csv") && literal.matches("a1.csv"));
        assert_eq!(literal.prefix, "");
        assert_eq!(Address::parse("s3://market/da*/x/*.csv").unwrap().prefix, "");
        for wrong in ["s3://market", "s3://market/", "s3:///a", "s3://market/[a"] {
            Address::parse(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_copy_stays_in_its_folder() {
        for (key, path) in [
            ("bars/a 甲.csv", "b/bars/a%20甲.csv"),
            ("../../x", "b/%2E%2E/%2E%2E/x"),
            ("/x//y", "b/%/x/%/y"),
            ("a\\b:c%2E", "b/a%5Cb%3Ac%252E"),
        ] {
            assert_eq!(copy_path("b", key), path);
        }
    }
}
