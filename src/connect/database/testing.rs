//! A source that asks a database, as a user declares it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use assetctl_calendar::Calendar;
use chrono::{DateTime, NaiveDate};
use tempfile::TempDir;

use crate::fetch::{Delivery, Fetch, FetchError, Request};

/// The address of a server that tests may ask, from an environment variable. Without one, the test says that it is skipped: on standard
/// error itself, which no harness holds back.
#[expect(clippy::disallowed_methods, reason = "where a test's server is, is no part of the program's configuration")]
pub(crate) fn server(variable: &str) -> Option<String> {
    use std::io::Write;
    let address = std::env::var(variable).ok().filter(|address| !address.is_empty());
    if address.is_none() {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {test}: `{variable}` is not set; docs/sources-databases.md says how to start the servers"
        );
    }
    address
}

/// The asset `bars` of a project in a folder of its own.
pub(crate) struct Source {
    folder: Arc<TempDir>,
    keys: String,
    progress: Mutex<Vec<(u64, u64)>>,
}

impl Source {
    /// The keys of the source, as lines of YAML.
    pub fn new(keys: &str) -> Self {
        Self { folder: Arc::new(TempDir::new().unwrap()), keys: keys.to_owned(), progress: Mutex::default() }
    }

    /// The same in the same folder, but for one text in its keys.
    pub fn with(&self, from: &str, to: &str) -> Self {
        assert!(self.keys.contains(from), "`{from}` is not in {}", self.keys);
        let keys = self.keys.replace(from, to);
        Self { folder: Arc::clone(&self.folder), keys, progress: Mutex::default() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own files need no crash safety")]
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs SQL on `bars.duckdb` in the folder.
    pub fn fill(&self, sql: &str) {
        let connection = duckdb::Connection::open(self.path("bars.duckdb")).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    /// What is wrong with the declaration, if anything is.
    pub fn fetcher(&self) -> Result<Box<dyn Fetch>, String> {
        let keys: String = self.keys.lines().map(|line| format!("    {line}\n")).collect();
        self.write(
            "assets.yaml",
            &format!("calendar: XSHG\nstart: 2015-01-05\nassets:\n  bars:\n    kind: source\n{keys}"),
        );
        let project = assetctl_config::load(&self.path("assets.yaml")).map_err(|errors| errors.to_string())?;
        let messages = |problems: Vec<assetctl_config::Diagnostic>| {
            let lines: Vec<String> = problems
                .iter()
                .map(|problem| {
                    let at = problem.primary.as_ref().map(|label| project.sources.text(&label.loc).to_owned());
                    format!("{} at {at:?}", problem.message)
                })
                .collect();
            lines.join("\n")
        };
        crate::fetcher(&project.assets[0]).map(Option::unwrap).map_err(messages)
    }

    pub fn fetch(&self, sessions: &[&str]) -> Result<Delivery, FetchError> {
        self.ask(sessions, &[], &|| false)
    }

    pub fn fetch_of(&self, sessions: &[&str], instruments: &[&str]) -> Result<Delivery, FetchError> {
        self.ask(sessions, instruments, &|| false)
    }

    /// Cancelled soon after it began.
    pub fn cancelled(&self, sessions: &[&str]) -> Result<Delivery, FetchError> {
        let asked = AtomicUsize::new(0);
        self.ask(sessions, &[], &|| asked.fetch_add(1, Ordering::Relaxed) > 3)
    }

    fn ask(
        &self,
        sessions: &[&str],
        instruments: &[&str],
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Delivery, FetchError> {
        let sessions: Vec<NaiveDate> = sessions.iter().map(|session| session.parse().unwrap()).collect();
        let instruments: Vec<String> = instruments.iter().map(|&name| name.to_owned()).collect();
        let calendar = Calendar::builtin("XSHG").unwrap();
        self.fetcher().unwrap().fetch(&Request {
            sessions: &sessions,
            calendar: &calendar,
            instruments: &instruments,
            now: DateTime::UNIX_EPOCH,
            spool: self.folder.path(),
            is_cancelled,
            progress: &|progress| self.progress.lock().unwrap().push((progress.done, progress.of)),
        })
    }

    /// How far it had come, each time that it said so.
    pub fn progress(&self) -> Vec<(u64, u64)> {
        self.progress.lock().unwrap().clone()
    }
}
