//! The copies of objects, brought up to date by a listing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path as Key;
use object_store::{GetOptions, ObjectMeta, ObjectStore};

use super::address::{Address, copy_path, name};
use super::client;
use super::index::{Copied, Index};
use super::is_object;
use crate::blocking::block_on;
use crate::error::{ConnectError, Place, Problem, Problems};
use crate::source::FileSource;
use crate::suggest;

/// How many objects are fetched at once.
const AT_ONCE: usize = 8;

/// What a refresh did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Objects that the listings showed.
    pub listed: usize,
    pub fetched: usize,
    /// Bytes that were fetched.
    pub bytes: u64,
    /// Copies of objects that are no more.
    pub removed: usize,
}

/// The paths of a source that are of an object store.
fn addresses(source: &FileSource) -> Result<Vec<Address>, ConnectError> {
    let files = source.files;
    let mut problems = Problems::default();
    let mut found = Vec::new();
    for path in [&files.csv, &files.jsonl, &files.parquet].into_iter().flatten().flat_map(|paths| paths.as_slice()) {
        if is_object(path) {
            match Address::parse(path) {
                Ok(address) => found.push(address),
                Err(problem) => problems.push(problem),
            }
        }
    }
    problems.into_result()?;
    Ok(found)
}

/// Lists the objects that a source names, and copies those that are not what was copied before. A source without such paths is left as it
/// is, and nobody is asked.
///
/// # Errors
/// The store does not answer or refuses; no object for a path; the copies cannot be written. What was copied before is still there.
pub fn refresh(source: &FileSource) -> Result<Refreshed, ConnectError> {
    let addresses = addresses(source)?;
    if addresses.is_empty() {
        return Ok(Refreshed::default());
    }
    let folder = folder(source)?;
    let mut index = Index::read(folder);
    let before = index.clone();
    let done = block_on(async || {
        let mut done = Refreshed::default();
        let mut present = BTreeSet::new();
        let mut problems = Problems::default();
        for address in &addresses {
            match bring(source, address, folder, &mut index, &mut present, &mut done).await {
                Ok(()) => {}
                Err(problem) => problems.push(problem),
            }
        }
        problems.into_result().map(|()| (done, present))
    });
    let done = done.map_err(|error| unwritable(folder, &error).into()).and_then(|done| done);
    // What was copied is known, whatever came after it.
    let keep = |index: &Index| {
        if *index == before {
            Ok(())
        } else {
            index.write(folder).map_err(|error| ConnectError::from(unwritable(folder, &error)))
        }
    };
    match done {
        Err(error) => {
            keep(&index)?;
            Err(error)
        }
        Ok((mut done, present)) => {
            let gone: Vec<String> = index.objects.keys().filter(|name| !present.contains(*name)).cloned().collect();
            done.removed = gone.len();
            for name in gone {
                if let Some(copied) = index.objects.remove(&name) {
                    // One that cannot be removed is not in the list, and so is not read.
                    let _ = fs::remove_file(folder.join(&copied.file));
                }
            }
            keep(&index)?;
            if done.fetched + done.removed > 0 {
                tracing::info!(listed = done.listed, fetched = done.fetched, bytes = done.bytes, "objects copied");
            }
            Ok(done)
        }
    }
}

fn folder<'a>(source: &FileSource<'a>) -> Result<&'a Path, Problem> {
    source.copies.ok_or_else(|| Problem::new(Place::file(source.base), "objects have no folder to be copied to"))
}

fn unwritable(folder: &Path, error: &std::io::Error) -> Problem {
    Problem::new(Place::file(folder), format!("the copies of objects cannot be written: {error}"))
}

async fn bring(
    source: &FileSource<'_>,
    address: &Address,
    folder: &Path,
    index: &mut Index,
    present: &mut BTreeSet<String>,
    done: &mut Refreshed,
) -> Result<(), Problem> {
    let store = client::open(source, &address.bucket)?;
    let refuse = |error: &object_store::Error| client::problem(source, address, error);
    let prefix = Key::parse(&address.prefix)
        .map_err(|error| Problem::new(address.place(), format!("`{}` cannot be listed: {error}", address.written)))?;
    let prefix = (!address.prefix.is_empty()).then_some(&prefix);
    let mut listed: Vec<ObjectMeta> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    let mut listing = store.list(prefix);
    while let Some(object) = listing.try_next().await.map_err(|error| refuse(&error))? {
        let key = object.location.as_ref();
        if address.matches(key) {
            listed.push(object);
        } else if others.len() < 100 {
            others.push(key.to_owned());
        }
    }
    if listed.is_empty() {
        let problem = Problem::new(address.place(), format!("no object matches `{}`", address.written));
        return Err(problem.help(match others.as_slice() {
            [] => "there is nothing there".to_owned(),
            others => format!("there are {}", suggest::list(others.iter().map(String::as_str), 8)),
        }));
    }
    done.listed += listed.len();
    let mut wanted: BTreeMap<String, Copied> = BTreeMap::new();
    for object in listed {
        let copied = described(&address.bucket, &object);
        let name = name(&address.bucket, &copied.key);
        present.insert(name.clone());
        let whole = |known: &Copied| {
            *known == copied && fs::metadata(folder.join(&known.file)).is_ok_and(|file| file.len() == known.size)
        };
        if !index.objects.get(&name).is_some_and(whole) {
            wanted.insert(name, copied);
        }
    }
    let mut fetching = futures::stream::iter(wanted)
        .map(|(name, copied)| {
            let store = &store;
            async move { fetch(store, folder, &copied).await.map(|()| (name, copied)) }
        })
        .buffer_unordered(AT_ONCE);
    while let Some(fetched) = fetching.next().await {
        let (name, copied) = fetched.map_err(|error| match error {
            Failed::Store(error) => refuse(&error),
            Failed::Disk(error) => unwritable(folder, &error),
            Failed::Changed(name) => {
                Problem::new(Place::file(Path::new(&name)), "the object changed while it was fetched")
                    .help("run again when whoever writes it is done")
            }
        })?;
        done.fetched += 1;
        done.bytes += copied.size;
        index.objects.insert(name, copied);
    }
    Ok(())
}

/// An object, and the time of its copy: that of the object to the millisecond, and beyond it a mark of its content, since a listing shows
/// two versions of one instant alike.
fn described(bucket: &str, object: &ObjectMeta) -> Copied {
    let key = object.location.as_ref().to_owned();
    let mark = blake3::hash(object.e_tag.as_deref().unwrap_or_default().as_bytes());
    let mut word = [0; 4];
    word.copy_from_slice(&mark.as_bytes()[..4]);
    let mark = i64::from(u32::from_le_bytes(word) % 1_000_000);
    let instant = object.last_modified.timestamp_millis().max(0);
    Copied {
        file: copy_path(bucket, &key),
        bucket: bucket.to_owned(),
        key,
        size: object.size,
        mtime_ns: instant.saturating_mul(1_000_000).saturating_add(mark),
        etag: object.e_tag.clone(),
    }
}

enum Failed {
    Store(object_store::Error),
    Disk(std::io::Error),
    Changed(String),
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error)
    }
}

async fn fetch(store: &AmazonS3, folder: &Path, object: &Copied) -> Result<(), Failed> {
    let changed = || Failed::Changed(name(&object.bucket, &object.key));
    let key = Key::parse(&object.key).map_err(|error| Failed::Store(error.into()))?;
    // The object that was listed, and no later one.
    let options = GetOptions { if_match: object.etag.clone(), ..GetOptions::default() };
    let got = store.get_opts(&key, options).await.map_err(|error| match error {
        object_store::Error::Precondition { .. } | object_store::Error::NotFound { .. } => changed(),
        other => Failed::Store(other),
    })?;
    let path = folder.join(&object.file);
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent)?;
    let mut file = tempfile::Builder::new().prefix(".fetching").tempfile_in(parent)?;
    let mut bytes = got.into_stream();
    let mut size = 0_u64;
    while let Some(part) = bytes.try_next().await.map_err(Failed::Store)? {
        size += part.len() as u64;
        if size > object.size {
            return Err(changed());
        }
        file.write_all(&part)?;
    }
    if size != object.size {
        return Err(changed());
    }
    file.as_file().set_modified(UNIX_EPOCH + Duration::from_nanos(object.mtime_ns.unsigned_abs()))?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| Failed::Disk(error.error))?;
    Ok(())
}

/// Whether every path of an object store that a source names has copies: then its columns are known without asking.
pub(crate) fn has_copies(source: &FileSource) -> bool {
    let (Ok(addresses), Ok(folder)) = (addresses(source), folder(source)) else { return false };
    let index = Index::read(folder);
    addresses.iter().all(|address| !matching(&index, address, folder).is_empty())
}

/// The copies of a path: the objects' full names, and where the copies lie.
///
/// # Errors
/// There are none.
pub(crate) fn copies(source: &FileSource, path: &str) -> Result<Vec<(String, PathBuf)>, Problem> {
    let address = Address::parse(path)?;
    let folder = folder(source)?;
    let found = matching(&Index::read(folder), &address, folder);
    if found.is_empty() {
        return Err(Problem::new(address.place(), format!("no object of `{path}` was copied")).help("run again"));
    }
    Ok(found)
}

fn matching(index: &Index, address: &Address, folder: &Path) -> Vec<(String, PathBuf)> {
    let of_bucket = index.objects.iter().filter(|(_, copied)| copied.bucket == address.bucket);
    of_bucket
        .filter(|(_, copied)| address.matches(&copied.key))
        .map(|(name, copied)| (name.clone(), folder.join(&copied.file)))
        .filter(|(_, path)| File::open(path).is_ok())
        .collect()
}
