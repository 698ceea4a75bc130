//! The events of a run, one JSON object a line, in a file of the store.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use assetctl_store::{RunId, Store};

use crate::event::Event;

/// Until the run has its number, lines are kept.
#[derive(Debug, Default)]
pub(crate) struct RunLog {
    kept: String,
    file: Option<File>,
}

impl RunLog {
    /// From now on it is this run's.
    pub(crate) fn begin(&mut self, store: &Store, run: RunId) -> io::Result<()> {
        let path = store.layout().run_log(run.0);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        self.file = Some(OpenOptions::new().append(true).create(true).open(path)?);
        let kept = std::mem::take(&mut self.kept);
        self.put(&kept)
    }

    /// Adds a line. Lines are whole, whoever reads meanwhile.
    pub(crate) fn add(&mut self, event: &Event) -> io::Result<()> {
        self.put(&format!("{}\n", event.json()))
    }

    fn put(&mut self, lines: &str) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(lines.as_bytes()),
            None => {
                self.kept.push_str(lines);
                Ok(())
            }
        }
    }
}
