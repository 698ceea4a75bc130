//! The object that was written last, for who waits for one.

use std::path::Path;

use assetctl_config::{Files, Storage};
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path as Key;

use super::address::Address;
use super::client;
use crate::blocking::block_on;
use crate::error::{ConnectError, Place, Problem};
use crate::source::FileSource;

/// Of the objects that `path` (`s3://bucket/bars/*.csv`) names, the one that was written last: when, its key, its bytes. `base` is the
/// folder that files with secrets are relative to.
///
/// # Errors
/// The store does not answer or refuses.
pub fn newest_object(
    base: &Path,
    storage: Option<&Storage>,
    path: &str,
) -> Result<Option<(chrono::DateTime<chrono::Utc>, String, u64)>, ConnectError> {
    let files = Files { storage: storage.cloned(), ..Files::default() };
    let source = FileSource::of_nothing(base, &files);
    let address = Address::parse(path)?;
    let found = block_on(async || newest(&source, &address).await)
        .map_err(|error| Problem::new(Place::file(base), format!("objects cannot be listed: {error}")))?;
    Ok(found?)
}

async fn newest(
    source: &FileSource<'_>,
    address: &Address,
) -> Result<Option<(chrono::DateTime<chrono::Utc>, String, u64)>, Problem> {
    let store = client::open(source, &address.bucket)?;
    let prefix = Key::parse(&address.prefix)
        .map_err(|error| Problem::new(address.place(), format!("`{}` cannot be listed: {error}", address.written)))?;
    let prefix = (!address.prefix.is_empty()).then_some(&prefix);
    let mut listing = store.list(prefix);
    let mut newest = None;
    while let Some(object) = listing.try_next().await.map_err(|error| client::problem(source, address, &error))? {
        let key = object.location.as_ref();
        if address.matches(key) {
            newest = newest.max(Some((object.last_modified, key.to_owned(), object.size)));
        }
    }
    Ok(newest)
}
