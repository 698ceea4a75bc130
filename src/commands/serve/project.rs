//! The project's files, read again when they change.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant, SystemTime};

use assetctl_config::{Project, SourceMap};
use assetctl_daemon::{Declared, Declares};

use crate::context::Context;
use crate::error::CliError;
use crate::report::diagnostics;

/// Where schedules are declared, if the project does not say.
const SCHEDULES: &str = "schedules.yaml";
/// Where what is wrong may lie outside the project's files, they are read again so often.
const AGAIN: Duration = Duration::from_secs(60);

/// A file or folder, as it was when it was last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp {
    /// It was read by somebody who had not looked at it before: it is read again.
    Unknown,
    Absent,
    Written(SystemTime, u64),
}

/// The files of a project as they were when it was read last. They are read on a thread of their own: one that lies on a share which
/// hangs holds nobody up.
pub struct Files {
    context: Context,
    stamps: HashMap<PathBuf, Stamp>,
    /// What stood in them when they were without mistakes last.
    texts: Vec<(PathBuf, String)>,
    reading: Option<Receiver<Read>>,
    /// The mistakes that were told, and when the files are read again although none has changed.
    mistakes: Option<(String, Instant)>,
}

/// What reading brought.
struct Read {
    stamps: HashMap<PathBuf, Stamp>,
    project: Result<(Arc<Declared>, Vec<(PathBuf, String)>), String>,
}

impl Files {
    /// Those of a project that has been read: they are read once more, for nobody looked at them while that was done.
    pub fn new(context: Context, project: &Project) -> Self {
        let stamps = paths(&project.sources, &project.root).into_iter().map(|path| (path, Stamp::Unknown)).collect();
        Self { context, stamps, texts: texts(&project.sources), reading: None, mistakes: None }
    }

    fn has_changed(&self) -> bool {
        self.mistakes.as_ref().is_some_and(|(_, again)| Instant::now() >= *again)
            || self.stamps.iter().any(|(path, known)| stamp(path) != *known)
    }

    fn start_reading(&mut self) {
        let (done, reading) = channel();
        let (context, known) = (self.context.clone(), self.stamps.keys().cloned().collect::<Vec<_>>());
        std::thread::spawn(move || {
            // Who does not wait any more does not need to know.
            let _ = done.send(read(&context, known));
        });
        self.reading = Some(reading);
    }
}

impl Declares for Files {
    fn declared(&mut self) -> Result<Option<Arc<Declared>>, String> {
        let Some(reading) = &self.reading else {
            if self.has_changed() {
                self.start_reading();
            }
            return Ok(None);
        };
        let read = match reading.try_recv() {
            Ok(read) => read,
            Err(TryRecvError::Empty) => return Ok(None),
            Err(TryRecvError::Disconnected) => {
                self.reading = None;
                return Ok(None);
            }
        };
        self.reading = None;
        self.stamps = read.stamps;
        match read.project {
            Ok((declared, texts)) => {
                let were_broken = self.mistakes.take().is_some();
                let is_same = std::mem::replace(&mut self.texts, texts) == self.texts;
                Ok((were_broken || !is_same).then_some(declared))
            }
            Err(mistakes) => {
                let known = self.mistakes.replace((mistakes.clone(), Instant::now() + AGAIN));
                // Told once for each state that they are in.
                if known.is_some_and(|(known, _)| known == mistakes) { Ok(None) } else { Err(mistakes) }
            }
        }
    }
}

/// Reads the project; `known` are the files and folders that it consisted of before.
fn read(context: &Context, known: Vec<PathBuf>) -> Read {
    // From before reading: what is edited meanwhile is read again.
    let before: HashMap<PathBuf, Stamp> = known.into_iter().map(|path| (path.clone(), stamp(&path))).collect();
    let since = |path: PathBuf| {
        let stamp = before.get(&path).copied().unwrap_or(Stamp::Unknown);
        (path, stamp)
    };
    match context.load() {
        Ok(loaded) => {
            let stamps = paths(&loaded.project.sources, &loaded.project.root).into_iter().map(since).collect();
            let texts = texts(&loaded.project.sources);
            let declared = Arc::new(Declared { project: loaded.project, graph: loaded.graph });
            Read { stamps, project: Ok((declared, texts)) }
        }
        Err(error) => {
            let mut stamps = before.clone();
            if let CliError::Config { sources, .. } = &error {
                stamps.extend(sources.files().map(|file| since(file.path.clone())));
            }
            Read { stamps, project: Err(diagnostics::in_words(&error)) }
        }
    }
}

/// What a project is read from: its files, and the folders that others may come to.
fn paths(sources: &SourceMap, root: &Path) -> Vec<PathBuf> {
    let files: Vec<PathBuf> = sources.files().map(|file| file.path.clone()).collect();
    let folders = files.iter().filter_map(|file| file.parent()).map(Path::to_path_buf);
    let mut paths: Vec<PathBuf> = files.iter().cloned().chain(folders).collect();
    // One that is not there yet may come.
    paths.push(root.join(SCHEDULES));
    paths.sort_unstable();
    paths.dedup();
    paths
}

fn texts(sources: &SourceMap) -> Vec<(PathBuf, String)> {
    sources.files().map(|file| (file.path.clone(), file.text.clone())).collect()
}

fn stamp(path: &Path) -> Stamp {
    let Ok(found) = std::fs::metadata(path) else { return Stamp::Absent };
    // The length of a folder says nothing.
    let length = if found.is_dir() { 0 } else { found.len() };
    found.modified().map_or(Stamp::Absent, |at| Stamp::Written(at, length))
}
