//! What the sources' files hold now: the first, effectful step of every plan.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use assetctl_config::{Asset, Diagnostic, Kind, OffCalendar, Project};
use assetctl_connect::{ConnectError, FileSource, FileState, KnownFile, Scan};
use assetctl_graph::{Fetched, Graph, SchemaSource};
use assetctl_plan::{Hash128, Observation, STATIC_SESSION};
use assetctl_store::{SourceFileRow, Store};
use chrono::{DateTime, Utc};

use crate::asked;
use crate::kinds::as_of;

/// The scans of the sources and tables of a plan, by position in the graph.
pub type Sources = HashMap<usize, Arc<Mutex<Scan>>>;

#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// What is wrong with the files of which assets; at least one.
    #[error("the files of {} cannot be read", .0.iter().map(|(asset, _)| format!("`{asset}`")).collect::<Vec<_>>().join(", "))]
    Sources(Vec<(String, ConnectError)>),
    #[error(transparent)]
    Store(#[from] assetctl_store::Error),
}

/// Where the copies of an asset's objects lie, in the folder of everything materialized.
pub fn copies(data: &Path, asset: &str) -> PathBuf {
    assetctl_store::Layout::new(data).copies().join(asset)
}

/// The assets of which there are copies of objects.
pub fn copied(project: &Project) -> Vec<String> {
    let has_objects = |asset: &&Asset| file_source(asset, None).is_some_and(|source| source.has_objects());
    project.assets.iter().filter(has_objects).map(|asset| asset.name.clone()).collect()
}

/// How an asset's files are read; `None` for an asset that is not read from files. `copies` is for looking at files anew: those that a
/// scan has found are known.
pub fn file_source<'a>(asset: &'a Asset, copies: Option<&'a Path>) -> Option<FileSource<'a>> {
    match &asset.kind {
        Kind::Source(spec) if spec.is_fetched() => None,
        Kind::Source(spec) => Some(FileSource {
            base: &asset.base,
            files: &spec.files,
            copies,
            session: spec.session.as_ref().map(|session| session.file_name.as_str()),
            calendar: Some(&asset.calendar),
            time: spec.time.as_ref(),
            off_calendar: spec.off_calendar,
            start: Some(asset.start),
            key: &[],
        }),
        Kind::Table(spec) => Some(FileSource {
            base: &asset.base,
            files: &spec.files,
            copies,
            session: None,
            calendar: None,
            time: None,
            off_calendar: OffCalendar::Error,
            start: None,
            key: spec.key.as_ref().map_or(&[], |key| key.as_slice()),
        }),
        _ => None,
    }
}

/// Looks at the files of the needed sources, and at what the ledger knows of those that have to be asked. Files that look as the ledger
/// knows them are not opened, and nobody is asked.
pub fn observe(
    project: &Project,
    graph: &Graph,
    needed: &BTreeSet<usize>,
    store: Option<&Store>,
    now: DateTime<Utc>,
) -> Result<(Sources, HashMap<usize, Observation>), ObserveError> {
    let mut sources = Sources::new();
    let mut observations = HashMap::new();
    let mut refused = Vec::new();
    let snapshot = store.map(Store::snapshot).transpose()?;
    for &ix in needed {
        let node = graph.node(ix);
        if let Some(snapshot) = &snapshot {
            observations.extend(as_of::observe(graph, ix, snapshot)?.map(|seen| (ix, seen)));
        }
        if node.is_fetched() {
            observations.insert(ix, asked::observe(&project.assets[node.asset], node, store, now)?);
            continue;
        }
        let folder = copies(&project.data_dir, &node.name);
        let Some(source) = file_source(&project.assets[node.asset], Some(&folder)) else { continue };
        let known: Vec<KnownFile> = match store {
            Some(store) => store.sources(&node.name)?.into_iter().map(known_file).collect(),
            None => Vec::new(),
        };
        let scanned = assetctl_connect::refresh(&source).and_then(|_| assetctl_connect::scan(&source, &known));
        let scan = match scanned {
            Ok(scan) => scan,
            Err(error) => {
                refused.push((node.name.clone(), error));
                continue;
            }
        };
        for note in &scan.notes {
            tracing::warn!(asset = node.name, "{note}");
        }
        observations.insert(ix, observation(&scan));
        sources.insert(ix, Arc::new(Mutex::new(scan)));
    }
    if refused.is_empty() { Ok((sources, observations)) } else { Err(ObserveError::Sources(refused)) }
}

fn observation(scan: &Scan) -> Observation {
    let mut files: Vec<String> =
        scan.files.iter().filter(|file| is_new(file.state)).map(|file| file.known.path.clone()).collect();
    files.extend(scan.removed.iter().map(|file| file.path.clone()));
    Observation {
        last: scan.sessions.map(|(_, last)| last),
        digests: (!files.is_empty()).then(|| digests(scan)),
        files,
        asked: None,
    }
}

/// The digest of each session's rows over all files: what a source's partitions are built from.
pub fn digests(scan: &Scan) -> BTreeMap<chrono::NaiveDate, Hash128> {
    scan.digests().into_iter().map(|(session, digest)| (session.unwrap_or(STATIC_SESSION), Hash128(digest))).collect()
}

/// The manifest of a scan, as the ledger keeps it.
pub fn manifest(scan: &Scan) -> Vec<SourceFileRow> {
    scan.files
        .iter()
        .map(|scanned| SourceFileRow {
            path: scanned.known.path.clone(),
            size: scanned.known.size,
            mtime_ns: scanned.known.mtime_ns,
            content: Hash128(scanned.known.content),
            digest: scanned.known.digest.clone(),
        })
        .collect()
}

/// What the ledger is to know of the files between the first commit of a scan's rows and the last: of those that differ from
/// what it knew, nothing but their names. A run that ends between them, or does not want all sessions, leaves partitions of
/// both states; whatever becomes of the files then (they may go back to what they were), they are read again. `None` if no
/// file differs.
pub fn unsettled(scan: &Scan) -> Option<Vec<SourceFileRow>> {
    is_changed(scan).then(|| {
        let unread = |path: &str| SourceFileRow {
            path: path.to_owned(),
            size: 0,
            mtime_ns: 0,
            content: Hash128::ZERO,
            digest: Vec::new(),
        };
        let mut rows = manifest(scan);
        for (row, file) in rows.iter_mut().zip(&scan.files) {
            if is_new(file.state) {
                *row = unread(&row.path);
            }
        }
        rows.extend(scan.removed.iter().map(|file| unread(&file.path)));
        rows
    })
}

fn is_new(state: FileState) -> bool {
    matches!(state, FileState::New | FileState::Changed)
}

/// Whether any file has other bytes than the ledger knows, is new, or is gone.
pub fn is_changed(scan: &Scan) -> bool {
    !scan.removed.is_empty() || scan.files.iter().any(|file| is_new(file.state))
}

/// Whether the ledger's manifest says something else than the scan: a file was touched, though nothing in it changed.
pub fn is_touched(scan: &Scan) -> bool {
    !scan.removed.is_empty() || scan.files.iter().any(|file| file.state != FileState::Unchanged)
}

fn known_file(row: SourceFileRow) -> KnownFile {
    KnownFile { path: row.path, size: row.size, mtime_ns: row.mtime_ns, content: row.content.0, digest: row.digest }
}

/// The columns of what comes from outside: of files by their headers, of others by what is declared of them.
#[derive(Debug)]
pub struct FileSchemas<'a> {
    data: &'a Path,
}

impl<'a> FileSchemas<'a> {
    pub fn new(project: &'a Project) -> Self {
        Self { data: &project.data_dir }
    }
}

impl SchemaSource for FileSchemas<'_> {
    fn pattern(&self, pattern: &str) -> Result<(), String> {
        crate::checks::check_pattern(pattern)
    }

    fn content(&self, file: &std::path::Path) -> Option<String> {
        std::fs::read(file).ok().map(|bytes| Hash128::of(&bytes).to_string())
    }

    fn schema(&self, asset: &Asset) -> Result<assetctl_graph::Schema, Vec<Diagnostic>> {
        let folder = copies(self.data, &asset.name);
        let Some(source) = file_source(asset, Some(&folder)) else { return Ok(Vec::new()) };
        let forms = [("csv", &source.files.csv), ("jsonl", &source.files.jsonl)];
        let at = forms.iter().find(|(_, paths)| paths.is_some()).map_or("parquet", |(form, _)| form);
        match assetctl_connect::schema(&source) {
            Ok(schema) => Ok(schema.into_iter().filter(|(name, _)| name != "session").collect()),
            Err(error) => Err(error
                .problems
                .into_iter()
                .map(|problem| {
                    let place = problem.place.to_string();
                    let declared: Vec<&str> = problem.declared.iter().map(String::as_str).collect();
                    let loc = match declared.as_slice() {
                        [] => asset.locate(&[at]),
                        // What is declared of a column names the column by its key.
                        path @ ["types", ..] => asset.locate_key(path),
                        path => asset.locate(path),
                    };
                    let mut diagnostic = Diagnostic::error(problem.message).at(loc, place);
                    diagnostic.help.extend(problem.help);
                    diagnostic
                })
                .collect()),
        }
    }

    fn fetched(&self, asset: &Asset) -> Result<Fetched, Vec<Diagnostic>> {
        let Some(fetcher) = assetctl_connect::fetcher(asset)? else {
            let problem = Diagnostic::error(format!("nothing says where the rows of `{}` come from", asset.name));
            return Err(vec![problem.at(asset.name_loc(), "neither files nor somebody to ask")]);
        };
        let schema = fetcher.schema().into_iter().filter(|(name, _)| name != "session").collect();
        Ok(Fetched { schema, request: fetcher.spec_text() })
    }
}
