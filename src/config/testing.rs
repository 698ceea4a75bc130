//! What the tests of this crate share.

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{ConfigErrors, Project, load_with};

/// A project of one asset, to whose block lines can be added.
pub(crate) const BARS: &str = "\
calendar: XSHG
start: 2014-01-02
assets:
  raw_bars:
    kind: source
    csv: bars.csv
    columns: { instrument: symbol, session: date }
";

/// Writes `assets.yaml` into a folder that lives as long as what is returned.
pub(crate) fn write(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut file = tempfile::Builder::new().prefix("assets").suffix(".yaml").tempfile_in(folder.path()).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let (_, path) = file.keep().unwrap();
    (folder, path)
}

/// Loads a text as `assets.yaml`, in an empty environment.
pub(crate) fn load_text(text: &str) -> Result<Project, ConfigErrors> {
    let (_folder, path) = write(text);
    load_with(&path, &|_| None)
}

/// What is said about a text, each with what stands at its place.
pub(crate) fn mistakes(text: &str) -> Vec<(String, String)> {
    let Err(errors) = load_text(text) else { panic!("no mistake is found in\n{text}") };
    let place = |problem: &crate::Diagnostic| match &problem.primary {
        Some(label) => errors.sources.text(&label.loc).to_owned(),
        None => String::new(),
    };
    errors.diagnostics.iter().map(|problem| (problem.message.clone(), place(problem))).collect()
}

/// The YAML files of a folder of fixtures, in order.
pub(crate) fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/config").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}
