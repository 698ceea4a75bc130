//! Everything that can end a command, and the exit code of each.

use assetctl_config::{Diagnostic, SourceMap};
use assetctl_connect::ConnectError;
use assetctl_execute::ObserveError;
use assetctl_serve::ReadError;
use assetctl_store::BackupError;

/// What went wrong, in the classes that the exit codes tell apart.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Wrong use of the command line; the help says what to do.
    #[error("{message}")]
    Usage { message: String, help: Option<String> },
    /// Mistakes in the configuration, each with its place.
    #[error("the configuration has mistakes")]
    Config { sources: SourceMap, diagnostics: Vec<Diagnostic> },
    /// The files of these sources are not as they should be.
    #[error("the files of the sources cannot be read")]
    Sources(Vec<(String, ConnectError)>),
    /// Nothing is wrong, but something is stale and `--exit-code` was given.
    #[error("stale")]
    Stale,
    /// A run failed; its report has been shown.
    #[error("the run failed")]
    RunFailed,
    /// A check failed; the report has been shown.
    #[error("a check failed")]
    CheckFailed,
    /// A run could not be started or went wrong as a whole.
    #[error("{0}")]
    Run(#[source] assetctl_execute::RunError),
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Store(#[from] assetctl_store::Error),
    /// A backup could not be made or restored.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// Everything else: `doing` says what was being done.
    #[error("{doing}")]
    Other { doing: String, source: Box<dyn std::error::Error + Send + Sync> },
}

impl From<ReadError> for CliError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unknown { message, help }
            | ReadError::Wrong { message, help }
            | ReadError::Conflict { message, help } => Self::Usage { message, help },
            ReadError::Observe(ObserveError::Sources(refused)) => Self::Sources(refused),
            ReadError::Observe(ObserveError::Store(error)) | ReadError::Store(error) => Self::Store(error),
            ReadError::Other { doing, source } => Self::Other { doing, source },
        }
    }
}

impl CliError {
    pub fn usage(message: impl Into<String>, help: Option<&str>) -> Self {
        Self::Usage { message: message.into(), help: help.map(str::to_owned) }
    }

    pub fn other<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        doing: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let doing = doing.into();
        move |source| Self::Other { doing, source: source.into() }
    }

    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Other { .. } | Self::Store(_) | Self::Backup(BackupError::Store(_)) => 1,
            Self::CheckFailed | Self::Backup(BackupError::Damaged { .. }) => 6,
            Self::Usage { .. } | Self::Backup(_) => 2,
            Self::Config { .. } => 3,
            Self::Stale => 4,
            Self::RunFailed | Self::Run(_) | Self::Sources(_) => 5,
            Self::Cancelled => 130,
        }
    }

    /// Whether what went wrong has been shown already.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Stale | Self::RunFailed | Self::CheckFailed)
    }
}
