//! Why something could not be published.

use std::error::Error;

/// A sink did not take what it was given. Never holds a secret once it has left [`Hidden::redact`](crate::secrets::Hidden::redact).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
pub struct SinkError {
    pub what: String,
    /// What to do.
    pub help: Option<String>,
}

impl SinkError {
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), help: None }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// An error of a client's, with what was being done, and its innermost cause.
    pub(crate) fn of(doing: impl std::fmt::Display, error: &dyn Error) -> Self {
        Self::new(format!("{doing}: {}", in_words(error)))
    }
}

/// An error and its causes, each once, in one line.
pub(crate) fn in_words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(600).collect()
}
