//! Files and objects: one for each session, named by it, and a manifest that says which there are. Both are replaced as a whole: a reader sees
//! the old or the new.

use std::collections::BTreeMap;
use std::sync::Arc;

use assetctl_config::{DeclaredSink, FileForm, FilesSink, S3Sink};
use chrono::NaiveDate;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use polars::prelude::ParquetWriter;
use serde::{Deserialize, Serialize};

use crate::batch::{SinkBatch, SinkSession};
use crate::cells::Columns;
use crate::comma::csv;
use crate::error::SinkError;
use crate::sink::Sink;

const MANIFEST: &str = "manifest.json";
/// Files that are on their way at once.
const AT_ONCE: usize = 16;
/// The form of the manifest.
const FORMAT: u32 = 1;

pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    form: FileForm,
}

pub(crate) fn open_bucket(sink: &DeclaredSink, spec: &S3Sink) -> Result<Objects, SinkError> {
    let path = spec.path.strip_prefix("s3://").unwrap_or(&spec.path).trim_end_matches('/');
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    let store = assetctl_connect::bucket(&sink.base, spec.storage.as_ref(), bucket)
        .map_err(|error| SinkError::of(format!("bucket `{bucket}` cannot be used"), &error))?;
    let prefix = Key::parse(prefix).map_err(|error| SinkError::of(format!("`{}` is no path", spec.path), &error))?;
    Ok(Objects { store: Arc::new(store), prefix, form: spec.format })
}

pub(crate) fn open_folder(sink: &DeclaredSink, spec: &FilesSink) -> Result<Objects, SinkError> {
    let folder = sink.base.join(&spec.path);
    let refuse = |error: &dyn std::error::Error| {
        SinkError::of(format!("folder `{}` cannot be written", folder.display()), error)
    };
    std::fs::create_dir_all(&folder).map_err(|error| refuse(&error))?;
    let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| refuse(&error))?.with_fsync(true);
    Ok(Objects { store: Arc::new(store), prefix: Key::default(), form: spec.format })
}

/// What is there, by session.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    asset: String,
    /// The columns that identify a row within its session.
    key: Vec<String>,
    /// The whole of an asset without sessions is under 1970-01-01.
    sessions: BTreeMap<NaiveDate, Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    file: String,
    rows: usize,
    bytes: usize,
    revision: u64,
    content: String,
}

impl Sink for Objects {
    fn write<'a>(&'a mut self, batch: &'a SinkBatch) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.replace(batch))
    }
}

impl Objects {
    fn key(&self, batch: &SinkBatch, file: &str) -> Key {
        let folder = batch.target.split('/').fold(self.prefix.clone(), |key, part| key.join(part));
        folder.join(file)
    }

    async fn replace(&self, batch: &SinkBatch) -> Result<(), SinkError> {
        let mut manifest = self.manifest(batch).await?;
        let columns = batch.columns()?;
        let mut superseded = Vec::new();
        let has = |manifest: &Manifest, session: &SinkSession| {
            let entry = manifest.sessions.get(&session.session);
            let extension = format!(".{}", self.form.extension());
            entry.is_some_and(|entry| entry.content == session.content && entry.file.ends_with(&extension))
        };
        let todo = batch.only(|session| batch.again || !has(&manifest, session));
        let mut written: Vec<BoxFuture<'_, Result<(NaiveDate, Entry), SinkError>>> = Vec::with_capacity(todo.len());
        for session in todo {
            written.push(Box::pin(self.session(batch, &columns, session)));
        }
        let written: Vec<(NaiveDate, Entry)> = stream::iter(written).buffer_unordered(AT_ONCE).try_collect().await?;
        for (session, entry) in written {
            let file = entry.file.clone();
            let before = manifest.sessions.insert(session, entry);
            superseded.extend(before.map(|before| before.file).filter(|before| *before != file));
        }
        superseded.extend(batch.gone.iter().filter_map(|gone| Some(manifest.sessions.remove(gone)?.file)));
        manifest.key.clone_from(&batch.key);
        let text =
            serde_json::to_vec_pretty(&manifest).map_err(|error| SinkError::of("writing the manifest", &error))?;
        self.put(batch, MANIFEST, text).await?;
        // Only what the manifest no longer names.
        for file in superseded {
            match self.store.delete(&self.key(batch, &file)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(SinkError::of(format!("deleting `{file}`"), &error)),
            }
        }
        Ok(())
    }

    async fn session(
        &self,
        batch: &SinkBatch,
        columns: &Columns,
        session: &SinkSession,
    ) -> Result<(NaiveDate, Entry), SinkError> {
        let name = if batch.is_static { "table".to_owned() } else { session.session.to_string() };
        let file = format!("{name}.{}", self.form.extension());
        let encoded = self.encoded(batch, columns, session)?;
        let bytes = encoded.len();
        self.put(batch, &file, encoded).await?;
        let (rows, revision, content) = (session.rows, session.revision, session.content.clone());
        Ok((session.session, Entry { file, rows, bytes, revision, content }))
    }

    async fn put(&self, batch: &SinkBatch, file: &str, bytes: Vec<u8>) -> Result<(), SinkError> {
        let key = self.key(batch, file);
        let put = self.store.put(&key, PutPayload::from(bytes)).await;
        put.map(|_| ()).map_err(|error| SinkError::of(format!("`{key}` cannot be written"), &error))
    }

    /// What is there; refused where another asset's is.
    async fn manifest(&self, batch: &SinkBatch) -> Result<Manifest, SinkError> {
        let key = self.key(batch, MANIFEST);
        let none = Manifest { format: FORMAT, asset: batch.asset.clone(), key: Vec::new(), sessions: BTreeMap::new() };
        let failed = |error: object_store::Error| SinkError::of(format!("`{key}` cannot be read"), &error);
        let bytes = match self.store.get(&key).await {
            Ok(found) => found.bytes().await.map_err(failed)?,
            Err(object_store::Error::NotFound { .. }) => return Ok(none),
            Err(error) => return Err(failed(error)),
        };
        let found: Manifest = serde_json::from_slice(&bytes).map_err(|error| {
            SinkError::of(format!("`{key}` is no manifest of assetctl's"), &error).help("name another by `folder:`")
        })?;
        if found.format != FORMAT || found.asset != batch.asset {
            let what = format!("`{key}` is of asset `{}`, in format {}", found.asset, found.format);
            return Err(SinkError::new(what).help("name another by `folder:`, or remove that one"));
        }
        Ok(found)
    }

    fn encoded(&self, batch: &SinkBatch, columns: &Columns, session: &SinkSession) -> Result<Vec<u8>, SinkError> {
        match self.form {
            FileForm::Csv => Ok(csv(columns, session.offset..session.offset + session.rows).into_bytes()),
            FileForm::Parquet => {
                let mut bytes = Vec::new();
                let mut rows = batch.rows.slice(session.offset as i64, session.rows);
                ParquetWriter::new(&mut bytes)
                    .set_parallel(false)
                    .finish(&mut rows)
                    .map_err(|error| SinkError::of("writing Parquet", &error))?;
                Ok(bytes)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{batch, day, removal};

    fn folder(form: FileForm) -> (tempfile::TempDir, Objects) {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        (folder, Objects { store: Arc::new(store), prefix: Key::default(), form })
    }

    fn files(folder: &tempfile::TempDir, asset: &str) -> Vec<String> {
        let entries = std::fs::read_dir(folder.path().join(asset)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn sessions_are_files_and_the_manifest_says_which_there_are() {
        let (folder, mut sink) = folder(FileForm::Csv);
        let first = batch("scores", &[("2015-07-01", 1, 3), ("2015-07-02", 2, 2)]);
        sink.write(&first).await.unwrap();
        assert_eq!(files(&folder, "scores"), ["2015-07-01.csv", "2015-07-02.csv", "manifest.json"]);
        let read = |name: &str| std::fs::read_to_string(folder.path().join("scores").join(name)).unwrap();
        assert_eq!(
            read("2015-07-01.csv"),
            "session,instrument,score\n2015-07-01,i000,0\n2015-07-01,i001,\n2015-07-01,i002,0.25\n"
        );
        // The same again touches nothing; a correction one file.
        std::fs::remove_file(folder.path().join("scores/2015-07-01.csv")).unwrap();
        sink.write(&first).await.unwrap();
        assert_eq!(files(&folder, "scores").len(), 2);
        sink.write(&SinkBatch { again: true, ..first.clone() }).await.unwrap();
        assert_eq!(files(&folder, "scores").len(), 3);
        sink.write(&batch("scores", &[("2015-07-02", 5, 1)])).await.unwrap();
        assert_eq!(read("2015-07-02.csv").lines().count(), 2);
        // Another form takes the place of the first.
        sink.form = FileForm::Parquet;
        sink.write(&first).await.unwrap();
        assert_eq!(files(&folder, "scores"), ["2015-07-01.parquet", "2015-07-02.parquet", "manifest.json"]);
        sink.write(&removal("scores", &["2015-07-01", "2014-01-02"])).await.unwrap();
        assert_eq!(files(&folder, "scores"), ["2015-07-02.parquet", "manifest.json"]);
        let manifest: Manifest = serde_json::from_str(&read("manifest.json")).unwrap();
        assert_eq!(manifest.sessions.keys().copied().collect::<Vec<_>>(), [day("2015-07-02")]);
        let other = SinkBatch { target: "scores".to_owned(), ..batch("other", &[("2015-07-01", 1, 1)]) };
        let refused = sink.write(&other).await.unwrap_err().to_string();
        assert!(refused.contains("is of asset `scores`") && refused.contains("`folder:`"), "{refused}");
    }

    #[tokio::test]
    async fn parquet_reads_back_as_it_was() {
        use polars::prelude::*;
        let (folder, mut sink) = folder(FileForm::Parquet);
        let frame = crate::cells::tests::every_type();
        let batch = crate::testing::of_frame("deep/er", &[("2015-07-01", 1, 2)], frame.clone());
        sink.write(&batch).await.unwrap();
        let file = std::fs::File::open(folder.path().join("deep/er/2015-07-01.parquet")).unwrap();
        assert!(ParquetReader::new(file).finish().unwrap().equals_missing(&frame));
    }
}
