//! `assetctl backup` and `assetctl restore`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub struct Backup {
    /// The folder to make; it must not be there yet
    pub target: PathBuf,
    /// An earlier backup: what is in it already is linked and not copied again
    #[arg(long, value_name = "BACKUP")]
    pub onto: Option<PathBuf>,
    /// Copy every file of the store, also where it could be linked
    #[arg(long)]
    pub copy: bool,
    /// Leave out the files that the project reads
    #[arg(long)]
    pub store_only: bool,
}

#[derive(Debug, Args)]
pub struct Restore {
    /// The backup
    pub source: PathBuf,
    /// The project's folder [default: that of the project here, or this folder]
    #[arg(long, value_name = "FOLDER", conflicts_with = "verify")]
    pub to: Option<PathBuf>,
    /// Where there is something already, move it aside
    #[arg(long, conflicts_with = "verify")]
    pub force: bool,
    /// Leave the project's files as they are
    #[arg(long, conflicts_with = "verify")]
    pub store_only: bool,
    /// Only look whether the backup is whole
    #[arg(long)]
    pub verify: bool,
}
