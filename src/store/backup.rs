//! Backups of a store while it is used, and restoring them.
//!
//! A backup is a folder: `data/` has the ledger and the files that it refers to, `project/` the files that the project reads, and
//! `backup.json` says what there is, with a hash of each. It is written under another name and renamed once it is whole.
//!
//! The ledger is copied first, as one consistent state (`VACUUM INTO`). What it refers to stays where it is until `gc` removes it, and `gc` is
//! held off meanwhile; so that runs may go on: what they commit is not in the copy.

mod copying;
mod error;
mod lake;
mod make;
mod manifest;
mod restore;
mod verify;

pub use error::{BackupError, Damage};
pub use make::{Backed, NewBackup, ProjectFile};
pub use manifest::{Backup, BackupFile, LeftOut, LeftOutWhy};
pub use restore::{Restored, Restoring, restore};

/// How far something is: files done, of how many, as far as that is known.
pub type Told<'a> = &'a (dyn Fn(u64, u64) + Sync);

#[cfg(test)]
mod tests;
