//! Values that must not be written down: where they are kept, and how they are read.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::interpolate::process_environment;
use crate::load::{join, reason};

/// A value, or where it is kept: `{ env: NAME }` or `{ file: path }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Secret {
    /// As it stands in the file, for what is no secret.
    Text(String),
    From(SecretFrom),
}

/// Where a secret is kept: exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecretFrom {
    /// The name of an environment variable.
    pub env: Option<String>,
    /// A file that holds it and nothing else, relative to the file with the asset. A line end after it does not count.
    pub file: Option<String>,
}

/// Why a secret cannot be had. Never holds one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SecretError {
    #[error("environment variable `{name}` is not set")]
    NotSet { name: String },
    #[error("environment variable `{name}` is empty")]
    EmptyVariable { name: String },
    #[error("cannot read the secret in `{file}`: {reason}")]
    Unreadable { file: String, reason: String },
    #[error("the secret's file `{file}` is empty")]
    EmptyFile { file: String },
    #[error("a secret is either `{{ env: NAME }}` or `{{ file: path }}`")]
    Neither,
}

impl Secret {
    /// The value itself, from the process's environment or a file of folder `base`.
    ///
    /// # Errors
    /// [`SecretError`], which names the variable or file.
    pub fn read(&self, base: &Path) -> Result<String, SecretError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::From(from) => from.read_with(base, &process_environment),
        }
    }

    /// Where it is kept, if it does not stand in the file.
    pub fn from(&self) -> Option<&SecretFrom> {
        match self {
            Self::Text(_) => None,
            Self::From(from) => Some(from),
        }
    }
}

impl SecretFrom {
    /// What a value of any form says, if it is a map of `env` or `file` and nothing else.
    pub fn of(value: &Value) -> Option<Self> {
        let map = value.as_object()?;
        if map.is_empty() {
            return None;
        }
        serde_json::from_value(Value::Object(map.clone())).ok()
    }

    /// As [`Secret::read`].
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn read(&self, base: &Path) -> Result<String, SecretError> {
        self.read_with(base, &process_environment)
    }

    pub(crate) fn read_with(
        &self,
        base: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String, SecretError> {
        match self {
            Self { env: Some(name), file: None } => match environment(name) {
                Some(value) if value.is_empty() => Err(SecretError::EmptyVariable { name: name.clone() }),
                Some(value) => Ok(value),
                None => Err(SecretError::NotSet { name: name.clone() }),
            },
            Self { env: None, file: Some(file) } => {
                let text = std::fs::read_to_string(join(base, file))
                    .map_err(|error| SecretError::Unreadable { file: file.clone(), reason: reason(&error) })?;
                let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
                if text.is_empty() {
                    return Err(SecretError::EmptyFile { file: file.clone() });
                }
                Ok(text.to_owned())
            }
            _ => Err(SecretError::Neither),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_read_from_where_it_is_kept() {
        let environment = |name: &str| (name == "TOKEN").then(|| "hunter2".to_owned());
        let read = |value: Value| SecretFrom::of(&value).unwrap().read_with(Path::new("."), &environment);
        assert_eq!(read(json!({ "env": "TOKEN" })).unwrap(), "hunter2");
        assert_eq!(read(json!({ "env": "OTHER" })).unwrap_err().to_string(), "environment variable `OTHER` is not set");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"swordfish\r\n").unwrap();
        let (folder, name) = (file.path().parent().unwrap(), file.path().file_name().unwrap().to_str().unwrap());
        let kept = SecretFrom { file: Some(name.to_owned()), env: None };
        assert_eq!(kept.read(folder).unwrap(), "swordfish");
        let none = SecretFrom { file: Some("nothing.txt".into()), env: None };
        assert_eq!(
            none.read(folder).unwrap_err().to_string(),
            "cannot read the secret in `nothing.txt`: there is no such file"
        );
    }

    #[test]
    fn only_a_map_of_env_or_file_is_a_secret() {
        for value in [json!("env"), json!({}), json!({ "env": "A", "x": 1 }), json!({ "env": ["A"] }), json!(["env"])] {
            assert_eq!(SecretFrom::of(&value), None, "{value}");
        }
        let both = SecretFrom::of(&json!({ "env": "A", "file": "b" })).unwrap();
        assert_eq!(both.read(Path::new(".")), Err(SecretError::Neither));
    }
}
