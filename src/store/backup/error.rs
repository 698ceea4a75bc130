//! What can go wrong with a backup, and what to do.

use std::path::PathBuf;

use crate::error::Error;

/// A file of a backup that is not as it was backed up.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Damage {
    /// Within the backup, with `/`.
    pub path: String,
    pub why: String,
}

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("`{}` is there already: a backup overwrites nothing", .0.display())]
    Exists(PathBuf),

    #[error("`{}` is not a backup of assetctl: {why}", path.display())]
    NotABackup { path: PathBuf, why: String },

    #[error("the backup `{}` was made by a newer assetctl ({program}): restore it with that", path.display())]
    Newer { path: PathBuf, program: String },

    #[error("the backup `{}` is damaged, and nothing was restored: {}", path.display(), in_words(files))]
    Damaged { path: PathBuf, files: Vec<Damage> },

    #[error("there is a store in `{}` already", .0.display())]
    NotEmpty(PathBuf),

    #[error("the project has other content already in `{}`", .0.join("`, `"))]
    Differs(Vec<String>),

    #[error("{who} is at work in `{}`: stop it first", path.display())]
    Busy { path: PathBuf, who: String },

    #[error("`{}` was made by somebody else meanwhile; what was there before is in `{}`", path.display(), aside.display())]
    Taken { path: PathBuf, aside: PathBuf },

    #[error(transparent)]
    Store(#[from] Error),
}

/// As many as a person reads.
const SHOWN: usize = 5;

fn in_words(files: &[Damage]) -> String {
    let mut words: Vec<String> = files.iter().take(SHOWN).map(|one| format!("`{}` {}", one.path, one.why)).collect();
    if files.len() > SHOWN {
        words.push(format!("and {} more", files.len() - SHOWN));
    }
    words.join("; ")
}
