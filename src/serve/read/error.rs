//! Why something cannot be told or done.

use assetctl_execute::ObserveError;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such thing.
    #[error("{message}")]
    Unknown { message: String, help: Option<String> },
    /// What is asked for has a mistake.
    #[error("{message}")]
    Wrong { message: String, help: Option<String> },
    /// As things stand, it cannot be done.
    #[error("{message}")]
    Conflict { message: String, help: Option<String> },
    /// The files of sources cannot be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    #[error(transparent)]
    Store(#[from] assetctl_store::Error),
    /// Everything else: `doing` says what was being done.
    #[error("{doing}")]
    Other { doing: String, source: Box<dyn std::error::Error + Send + Sync> },
}

impl ReadError {
    pub fn unknown(message: impl Into<String>, help: Option<&str>) -> Self {
        Self::Unknown { message: message.into(), help: help.map(str::to_owned) }
    }

    pub fn wrong(message: impl Into<String>, help: Option<&str>) -> Self {
        Self::Wrong { message: message.into(), help: help.map(str::to_owned) }
    }

    pub fn conflict(message: impl Into<String>, help: Option<&str>) -> Self {
        Self::Conflict { message: message.into(), help: help.map(str::to_owned) }
    }

    pub fn other<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        doing: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let doing = doing.into();
        move |source| Self::Other { doing, source: source.into() }
    }
}

/// What there is not, with what was meant.
pub fn unknown(noun: &str, name: &str, known: &[&str]) -> ReadError {
    let help = match assetctl_config::did_you_mean(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "they are declared in `schedules.yaml`, beside `assets.yaml`".to_owned(),
        None => format!("there are `{}`", known.join("`, `")),
    };
    ReadError::Unknown { message: format!("there is no {noun} `{name}`"), help: Some(help) }
}
