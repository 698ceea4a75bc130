//! A backup held against its manifest.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Told;
use super::copying::content_of;
use super::error::Damage;
use super::manifest::{Backup, BackupFile};
use crate::error::Error;
use crate::parallel;

impl Backup {
    /// Reads every file; gives those that are not as they were backed up.
    pub fn damages(&self, told: Told<'_>) -> Vec<Damage> {
        let (done, of) = (AtomicU64::new(0), self.files.len() as u64);
        let found = parallel::map(&self.files, |file| {
            let why = self.damage(file);
            told(done.fetch_add(1, Ordering::Relaxed) + 1, of);
            why.map(|why| Damage { path: file.path.clone(), why })
        });
        found.into_iter().flatten().collect()
    }

    fn damage(&self, file: &BackupFile) -> Option<String> {
        match content_of(&self.path(file)) {
            Ok(found) if found.size != file.size => Some(format!("has {} bytes instead of {}", found.size, file.size)),
            Ok(found) if found.hash != file.hash => Some("has other content than was backed up".to_owned()),
            Ok(_) => None,
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Some("is missing".to_owned())
            }
            Err(Error::Io { source, .. }) => Some(format!("cannot be read: {source}")),
            Err(error) => Some(error.to_string()),
        }
    }
}
