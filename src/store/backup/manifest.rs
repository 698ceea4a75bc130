//! `backup.json`: what a backup holds.

use std::path::{Component, Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::BackupError;
use crate::error::{Error, Result};
use crate::layout::write_whole;

/// The manifest's name, in the backup's folder.
pub(super) const MANIFEST: &str = "backup.json";
/// The form of backups that this program makes, and the newest that it can restore.
const FORMAT: u32 = 1;
/// The key of the hash over all the rest.
const DIGEST: &str = "digest";

/// What a backup holds, as `backup.json` says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backup {
    /// Where it lies.
    #[serde(skip)]
    pub folder: PathBuf,
    pub format: u32,
    /// The program that made it.
    pub program: String,
    pub at: DateTime<Utc>,
    /// The newest commit in it.
    pub revision: u64,
    /// The newest run in it.
    pub run: Option<u64>,
    /// The data folder as the project names it: relative to the project's folder, or absolute.
    pub data: PathBuf,
    /// By path.
    pub files: Vec<BackupFile>,
    /// What the project or the ledger names, and is not here.
    pub left_out: Vec<LeftOut>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// With `/`: below `data/` what the store wrote, below `project/` what the project reads.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of all bytes, in hexadecimal digits.
    pub hash: String,
    /// When it was last written, in nanoseconds since 1970: of the project's files, so that the program knows them again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_ns: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOutWhy {
    /// A file of the store is gone, or not as it was written. Its partitions are made again by the next run.
    Damaged,
    /// A file that the project reads lies outside of its folder.
    Outside,
    /// Another program writes to it.
    Busy,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    pub path: String,
    pub why: LeftOutWhy,
}

impl Backup {
    /// Reads what a backup says of itself, and no more.
    ///
    /// # Errors
    /// [`BackupError::NotABackup`], [`BackupError::Newer`]; [`BackupError::Damaged`] where the manifest itself is not as it was written.
    pub fn open(folder: &Path) -> Result<Self, BackupError> {
        let path = folder.join(MANIFEST);
        let wrong = |why: &str| BackupError::NotABackup { path: folder.to_path_buf(), why: why.to_owned() };
        let damaged = |why: &str| BackupError::Damaged {
            path: folder.to_path_buf(),
            files: vec![super::Damage { path: MANIFEST.to_owned(), why: why.to_owned() }],
        };
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                return Err(wrong("it has no `backup.json`"));
            }
            Err(error) => return Err(Error::io("read", &path)(error).into()),
        };
        let mut value: Value = serde_json::from_slice(&text).map_err(|_| damaged("is not JSON any more"))?;
        let Some(fields) = value.as_object_mut() else { return Err(damaged("is not as it was written")) };
        let digest = fields.remove(DIGEST);
        // What a newer program wrote may have another form in everything but this.
        match fields.get("format").and_then(Value::as_u64) {
            Some(format) if format > u64::from(FORMAT) => {
                let program = fields.get("program").and_then(Value::as_str).unwrap_or("?").to_owned();
                return Err(BackupError::Newer { path: folder.to_path_buf(), program });
            }
            Some(_) => {}
            None => return Err(damaged("is not as it was written")),
        }
        if digest.as_ref().and_then(Value::as_str) != Some(digest_of(&value).as_str()) {
            return Err(damaged("is not as it was written"));
        }
        let backup: Self = serde_json::from_value(value).map_err(|_| damaged("is not as it was written"))?;
        if !backup.files.iter().all(|file| is_within(&file.path)) {
            return Err(wrong("it names files outside of its folder"));
        }
        Ok(Self { folder: folder.to_path_buf(), ..backup })
    }

    /// Writes the manifest.
    pub(super) fn write(&self) -> Result<()> {
        let corrupt = |error: serde_json::Error| Error::corrupt(format!("a manifest: {error}"));
        let mut value = serde_json::to_value(self).map_err(corrupt)?;
        let digest = digest_of(&value);
        if let Some(fields) = value.as_object_mut() {
            fields.insert(DIGEST.to_owned(), digest.into());
        }
        let mut text = serde_json::to_string_pretty(&value).map_err(corrupt)?;
        text.push('\n');
        write_whole(&self.folder.join(MANIFEST), text.as_bytes())
    }

    /// Of a new backup.
    pub(super) fn new(folder: &Path, at: DateTime<Utc>, data: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            at,
            revision: 0,
            run: None,
            data: data.to_path_buf(),
            files: Vec::new(),
            left_out: Vec::new(),
        }
    }

    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    pub(super) fn path(&self, file: &BackupFile) -> PathBuf {
        self.folder.join(&file.path)
    }
}

fn digest_of(value: &Value) -> String {
    blake3::hash(value.to_string().as_bytes()).to_hex().to_string()
}

/// Whether a path stays in the folder that it is relative to, in one of the two that there are.
fn is_within(path: &str) -> bool {
    (path.starts_with("data/") || path.starts_with("project/"))
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(folder: &Path) -> Backup {
        let mut backup = Backup::new(folder, crate::testing::at(5), Path::new("data"));
        let file = BackupFile { path: "data/state.db".into(), size: 3, hash: "00".into(), modified_ns: Some(1) };
        backup.files.push(file);
        backup
    }

    #[test]
    fn what_was_written_is_read_and_any_other_byte_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let written = backup(folder.path());
        written.write().unwrap();
        assert_eq!(Backup::open(folder.path()).unwrap(), written);
        let path = folder.path().join(MANIFEST);
        let text = std::fs::read(&path).unwrap();
        for at in 0..text.len() {
            let mut other = text.clone();
            other[at] ^= 1;
            write_whole(&path, &other).unwrap();
            // Between tokens another blank says the same.
            let same = Backup::open(folder.path()).is_ok_and(|read| read == written);
            assert!(Backup::open(folder.path()).is_err() || same, "byte {at}");
            assert!(!same || text[at].is_ascii_whitespace(), "byte {at}");
        }
    }

    #[test]
    fn a_newer_form_and_paths_that_lead_out_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let newer = Backup { format: 2, program: "9.9".into(), ..backup(folder.path()) };
        newer.write().unwrap();
        let error = Backup::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("made by a newer assetctl (9.9)"), "{error}");
        for path in ["data/../../x", "/etc/x", "x", "project/a/../../../b"] {
            let mut other = backup(folder.path());
            other.files[0].path = path.into();
            other.write().unwrap();
            assert!(matches!(Backup::open(folder.path()), Err(BackupError::NotABackup { .. })), "{path}");
        }
        let none = Backup::open(&folder.path().join("none")).unwrap_err().to_string();
        assert!(none.contains("it has no `backup.json`"), "{none}");
    }
}
