//! What was copied: the list of objects beside their copies.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

const FILE: &str = "objects.json";
const VERSION: u32 = 1;

/// An object as it was when it was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Copied {
    pub bucket: String,
    pub key: String,
    /// Below the folder of copies, with `/` between its parts.
    pub file: String,
    pub size: u64,
    /// Nanoseconds since 1970: the copy's time of modification.
    pub mtime_ns: i64,
    pub etag: Option<String>,
}

/// All copies, by the object's full name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    version: u32,
    pub objects: BTreeMap<String, Copied>,
}

impl Index {
    /// An empty one where there is none, or none of this version: then everything is copied anew.
    pub fn read(folder: &Path) -> Self {
        let text = fs::read(folder.join(FILE)).unwrap_or_default();
        serde_json::from_slice(&text).ok().filter(|index: &Self| index.version == VERSION).unwrap_or_default()
    }

    /// # Errors
    /// The folder cannot be written to.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".objects").tempfile_in(folder)?;
        file.write_all(&serde_json::to_vec_pretty(&Self { version: VERSION, objects: self.objects.clone() })?)?;
        file.as_file().sync_all()?;
        file.persist(folder.join(FILE))?;
        Ok(())
    }
}
