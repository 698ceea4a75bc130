//! Files from one place to another, with the hash of what arrived.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::gc::folders_in;
use crate::layout::{create_folder, sync_folder};

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;
/// How often a file that changes while it is read is read again.
const TRIES: usize = 5;

/// Size and hash of what is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub size: u64,
    /// BLAKE3, in hexadecimal digits.
    pub hash: String,
}

pub(super) fn content_of(path: &Path) -> Result<Content> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    pass(file, path, |_| Ok(()))
}

/// Copies what there is of an open file to a new one, which is synced.
pub(super) fn copy_open(from: &File, name: &Path, to: &Path) -> Result<Content> {
    if let Some(folder) = to.parent() {
        create_folder(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(to).map_err(Error::io("create", to))?;
    let content = pass(from, name, |piece| file.write_all(piece).map_err(Error::io("write", to)))?;
    file.sync_all().map_err(Error::io("write", to))?;
    Ok(content)
}

pub(super) fn copy(from: &Path, to: &Path) -> Result<Content> {
    let file = File::open(from).map_err(Error::io("read", from))?;
    copy_open(&file, from, to)
}

/// Copies a file that somebody may edit, as it was at one time; gives also when it was last written.
pub(super) fn copy_stable(from: &Path, to: &Path) -> Result<(Content, Option<u64>)> {
    for _ in 0..TRIES {
        let before = stamp(from)?;
        let content = copy(from, to)?;
        if stamp(from)? == before && content.size == before.0 {
            return Ok((content, before.1));
        }
        fs::remove_file(to).map_err(Error::io("remove", to))?;
    }
    let changing = std::io::Error::other("it changes all the time");
    Err(Error::io("read", from)(changing))
}

fn stamp(path: &Path) -> Result<(u64, Option<u64>)> {
    let found = fs::metadata(path).map_err(Error::io("read", path))?;
    let since = found.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Ok((found.len(), since.and_then(|since| u64::try_from(since.as_nanos()).ok())))
}

/// Gives a file the time that it was last written at elsewhere.
pub(super) fn set_modified(path: &Path, modified_ns: u64) -> Result<()> {
    let file = OpenOptions::new().write(true).open(path).map_err(Error::io("write", path))?;
    let at = UNIX_EPOCH + Duration::from_nanos(modified_ns);
    file.set_modified(at).and_then(|()| file.sync_all()).map_err(Error::io("write", path))
}

/// The same file under another name; `false` where that cannot be, as on another file system.
pub(super) fn link(from: &Path, to: &Path) -> Result<bool> {
    if let Some(folder) = to.parent() {
        create_folder(folder)?;
    }
    Ok(fs::hard_link(from, to).is_ok())
}

fn pass(mut from: impl Read, name: &Path, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<Content> {
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; PIECE];
    let mut size = 0;
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => return Ok(Content { size, hash: hasher.finalize().to_hex().to_string() }),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("read", name)(error)),
        };
        hasher.update(&piece[..read]);
        take(&piece[..read])?;
        size += read as u64;
    }
}

/// Makes everything in a folder, and in those below, survive a power loss; the files are synced.
pub(super) fn sync_all_below(folder: &Path) -> Result<()> {
    for below in folders_in(folder)? {
        sync_all_below(&below)?;
    }
    sync_folder(folder)
}

/// `path` relative to `base`, with `/`; `None` if it is not below it.
pub(super) fn relative(path: &Path, base: &Path) -> Option<String> {
    let below = path.strip_prefix(base).ok()?;
    let parts: Vec<&str> = below.components().map(|part| part.as_os_str().to_str()).collect::<Option<_>>()?;
    (!parts.is_empty()).then(|| parts.join("/"))
}
