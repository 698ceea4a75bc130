//! Whole answers, kept until their rows are committed.
//!
//! A file holds the bodies of all pages of one call, each compressed and behind its length, behind the BLAKE3 hash of what follows: one that a
//! kill left behind half written, or that a disk has changed, is as good as none.

use std::io::Write;
use std::path::{Path, PathBuf};

/// How hard to compress: answers are read once, if at all.
const LEVEL: i32 = 1;

fn path(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.zst"))
}

/// The name of a request's answer: of all that decides it, without secrets.
pub(super) fn key(spec: &str, request: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(spec.len() as u64).to_le_bytes()).update(spec.as_bytes()).update(request.as_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Keeps the bodies of a call's pages.
///
/// # Errors
/// The folder cannot be written to.
pub(super) fn keep(folder: &Path, key: &str, bodies: &[Vec<u8>]) -> std::io::Result<()> {
    let mut packed = Vec::new();
    for body in bodies {
        let body = zstd::bulk::compress(body, LEVEL)?;
        packed.extend_from_slice(&(body.len() as u64).to_le_bytes());
        packed.extend_from_slice(&body);
    }
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(blake3::hash(&packed).as_bytes())?;
    file.write_all(&packed)?;
    file.persist(path(folder, key)).map_err(|error| error.error)?;
    Ok(())
}

/// The bodies that were kept, if they are whole.
pub(super) fn kept(folder: &Path, key: &str) -> Option<Vec<Vec<u8>>> {
    let bytes = std::fs::read(path(folder, key)).ok()?;
    let (hash, packed) = bytes.split_at_checked(blake3::OUT_LEN)?;
    if blake3::hash(packed).as_bytes() != hash {
        return None;
    }
    let (mut bodies, mut rest) = (Vec::new(), packed);
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<8>()?;
        let (body, behind) = behind.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        bodies.push(zstd::decode_all(body).ok()?);
        rest = behind;
    }
    Some(bodies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_comes_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, key) = (folder.path().join("spool"), key("spec", "request"));
        assert_eq!(kept(&inside, &key), None);
        let bodies = vec![b"one".to_vec(), Vec::new(), b"three".repeat(1000)];
        keep(&inside, &key, &bodies).unwrap();
        assert_eq!(kept(&inside, &key), Some(bodies));
        let file = inside.join(format!("{key}.zst"));
        let mut bytes = std::fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let mut half = tempfile::NamedTempFile::new_in(&inside).unwrap();
        half.write_all(&bytes).unwrap();
        half.persist(&file).unwrap();
        assert_eq!(kept(&inside, &key), None);
        assert_ne!(super::key("specr", "equest"), key);
    }
}
