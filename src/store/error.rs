//! What can go wrong in the store, with what was kept and what to do.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk is full, a permission is missing, a device failed.
    #[error("cannot {action} `{}`: {source}; everything committed before is kept", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },

    #[error("cannot {action} the ledger `{}`: {source}; everything committed before is kept", path.display())]
    Ledger { action: &'static str, path: PathBuf, source: rusqlite::Error },

    #[error(
        "the store `{}` has format {found}, made by a newer assetctl; this one knows formats up to {known}: use the newer program",
        path.display()
    )]
    NewerFormat { path: PathBuf, found: i64, known: i64 },

    #[error("`{}` is not a store of assetctl: {why}", path.display())]
    NotAStore { path: PathBuf, why: String },

    /// A segment file that is in the ledger cannot be read.
    #[error("segment `{}` of `{asset}` is damaged: {why}; delete the file and materialize `{asset}` again", path.display())]
    Damaged { asset: String, path: PathBuf, why: String },

    #[error("cannot write segment `{}`: {source}; nothing of this commit is kept, everything before it is", path.display())]
    WriteSegment { path: PathBuf, source: polars::error::PolarsError },

    /// The rows handed to a commit don't fit what it says of them.
    #[error("cannot store the rows of `{asset}`: {why}")]
    Rows { asset: String, why: String },

    /// The carried state handed to a commit doesn't fit what the commit says of its rows.
    #[error("cannot store the state of `{asset}`: {why}")]
    State { asset: String, why: String },

    #[error("`{asset}` was committed by another run meanwhile; plan again")]
    Superseded { asset: String },

    #[error("`{asset}` has no column `{column}`")]
    UnknownColumn { asset: String, column: String },

    #[error("`{asset}` has nothing materialized")]
    UnknownAsset { asset: String },

    #[error(
        "column `{column}` of `{asset}` changes its type from {before} to {after} at {session}: materialize `{asset}` again"
    )]
    MixedTypes { asset: String, column: String, before: &'static str, after: &'static str, session: NaiveDate },

    #[error("there is no run {run}")]
    UnknownRun { run: u64 },

    #[error("nothing was committed at or before {instant}")]
    BeforeFirst { instant: chrono::DateTime<chrono::Utc> },

    #[error("the snapshot of revision {rev} was removed by `gc`: choose a later run or instant")]
    Collected { rev: u64 },

    #[error("an entry of the ledger does not have the form it should: {what}")]
    Corrupt { what: String },

    #[error("cannot handle the rows of `{asset}`: {source}")]
    Frame { asset: String, source: polars::error::PolarsError },

    #[error("cannot {action} the warehouse `{}`: {source}; the one published before is kept", path.display())]
    Warehouse { action: &'static str, path: PathBuf, source: duckdb::Error },
}

impl Error {
    /// Whether another process has the ledger for longer than this one waits: it passes.
    pub fn is_busy(&self) -> bool {
        let Self::Ledger { source: rusqlite::Error::SqliteFailure(error, _), .. } = self else { return false };
        matches!(error.code, rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }

    pub(crate) fn frame(asset: &str) -> impl FnOnce(polars::error::PolarsError) -> Self {
        let asset = asset.to_owned();
        move |source| Self::Frame { asset, source }
    }

    pub(crate) fn rows(asset: &str, why: impl Into<String>) -> Self {
        Self::Rows { asset: asset.to_owned(), why: why.into() }
    }
}
