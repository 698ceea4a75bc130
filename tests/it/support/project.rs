//! A project in a temporary folder, and the program run on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::bars::{Bars, FIRST, INSTRUMENTS, LAST, date};
use super::output::Output;
use super::ran::{Contents, Ran};

/// Long after the demo's last session, so that everything is final.
pub const NOW: &str = "2018-06-01T00:00:00Z";

/// The folder's name holds what a user's may: a space, and letters beyond ASCII.
const FOLDER: &str = "行情 project";

/// The five stages over the slice. The longest window is 21 sessions: 20 changes of one session each.
pub const STAGES: &str = "\
calendar: XSHG
start: 2015-02-02

assets:
  raw_bars:
    kind: source
    csv: data/source/bars/*.csv
    columns: { instrument: symbol, session: date }

  listing:
    kind: table
    csv: data/source/listing.csv
    types: { listed: date, delisted: date }
    key: instrument

  completed_bars:
    kind: complete
    input: raw_bars
    listing: listing
    checks:
      - unique: [session, instrument]
      - not_null: volume
      - range: { column: close, above: 0 }
      - expected_rows: {}

  indicators:
    kind: indicators
    input: completed_bars
    columns:
      ret_1: close / ref(close, 1) - 1
      ret_5: close / ref(close, 5) - 1
      vol_20: std(ret_1, 20)
      busy: mean(volume, 5)

  scores:
    kind: scores
    input: indicators
    columns:
      momentum: cs_zscore(ret_5)
      calm: -cs_zscore(vol_20)
      score: 0.6 * momentum + 0.4 * calm

  signals:
    kind: signals
    input: scores
    top_k: { by: score, k: 3 }
";

pub struct Project {
    folder: tempfile::TempDir,
    bars: Bars,
    instruments: Vec<String>,
}

impl Project {
    /// The slice and [`STAGES`].
    pub fn new() -> Self {
        Self::of(&INSTRUMENTS, FIRST, LAST, STAGES)
    }

    /// Real bars of these instruments between two dates, in `data/source/bars/bars.csv`, with a listing table of them.
    pub fn of(instruments: &[&str], first: &str, last: &str, yaml: &str) -> Self {
        let mut project = Self::empty();
        project.instruments = instruments.iter().map(|&name| name.to_owned()).collect();
        project.edit_bars(|bars| *bars = Bars::slice(instruments, first, last));
        let listing: String = instruments.iter().map(|name| format!("{name},2014-01-02,\n")).collect();
        project.write("data/source/listing.csv", &format!("instrument,listed,delisted\n{listing}"));
        project.yaml(yaml);
        project
    }

    /// A folder with nothing in it.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(FOLDER)).unwrap();
        Self { folder, bars: Bars { rows: Vec::new() }, instruments: Vec::new() }
    }

    /// The demo as it is in the repository: all bars, its configuration, its listing table.
    pub fn demo() -> Self {
        let project = Self::empty();
        for name in ["assets.yaml", "data/source/listing.csv", "data/source/bars/csi_mini.csv"] {
            let text = std::fs::read_to_string(super::bars::repository().join(name)).unwrap();
            project.write(name, &text);
        }
        project
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join(FOLDER)
    }

    /// A path within the project.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Writes a file of the project, with the folders it needs.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Writes `assets.yaml`.
    pub fn yaml(&self, text: &str) {
        self.write("assets.yaml", text);
    }

    /// Replaces text in `assets.yaml`; it must be there.
    #[track_caller]
    pub fn edit_yaml(&self, from: &str, to: &str) {
        let old = self.read("assets.yaml");
        assert!(old.contains(from), "`{from}` is not in assets.yaml:\n{old}");
        self.yaml(&old.replacen(from, to, 1));
    }

    /// Edits the bars and writes their file.
    pub fn edit_bars(&mut self, edit: impl FnOnce(&mut Bars)) {
        edit(&mut self.bars);
        self.write("data/source/bars/bars.csv", self.bars.csv());
    }

    pub fn bars(&self) -> &Bars {
        &self.bars
    }

    /// A correction of one close.
    pub fn edit_close(&mut self, instrument: &str, day: &str, close: f64) {
        self.edit_bars(|bars| bars.set_close(instrument, day, close));
    }

    /// The real bars of one more session.
    pub fn append_session(&mut self, day: &str) {
        let instruments = self.instruments.clone();
        let names: Vec<&str> = instruments.iter().map(String::as_str).collect();
        self.edit_bars(|bars| bars.append(&names, day));
    }

    /// The program in the project's folder, with nothing of our environment but what a process needs. Without `--now`.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assetctl"));
        command.current_dir(self.root()).args(args).env_clear().env("HOME", self.folder.path());
        command.env("USERPROFILE", self.folder.path());
        // Windows finds libraries by PATH, and starts nothing without SystemRoot.
        for name in ["PATH", "SystemRoot", "TEMP", "TMP"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program at [`NOW`].
    pub fn run(&self, args: &[&str]) -> Output {
        self.run_at(NOW, args)
    }

    /// Runs the program as if it were this instant.
    pub fn run_at(&self, now: &str, args: &[&str]) -> Output {
        let all: Vec<&str> = args.iter().copied().chain(["--now", now]).collect();
        let output = self.command(&all).output().unwrap();
        Output::new(format!("assetctl {}", args.join(" ")), &output)
    }

    /// Runs the program with text on standard input.
    pub fn run_with_input(&self, args: &[&str], input: &str) -> Output {
        use std::io::Write as _;
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        Output::new(format!("assetctl {}", args.join(" ")), &output)
    }

    /// Runs a command with `--format json` that must succeed, and gives what it says.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let all: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
        self.run(&all).ok().json()
    }

    /// Brings everything up to date, which must succeed, and gives what ran.
    #[track_caller]
    pub fn materialize(&self) -> Ran {
        self.materialize_with(&[])
    }

    /// As [`materialize`](Self::materialize), with more arguments.
    #[track_caller]
    pub fn materialize_with(&self, args: &[&str]) -> Ran {
        let all: Vec<&str> = ["materialize"].into_iter().chain(args.iter().copied()).collect();
        Ran::of(&self.json(&all))
    }

    /// What a query returns, one object per row.
    #[track_caller]
    pub fn rows(&self, query: &str) -> Vec<Value> {
        match self.json(&["sql", query]) {
            Value::Array(rows) => rows,
            other => panic!("rows expected, not {other}"),
        }
    }

    /// The content hash of every partition, from the published ledger; that of an asset without sessions under 1970-01-01.
    #[track_caller]
    pub fn contents(&self) -> Contents {
        let query =
            "select asset, coalesce(session, date '1970-01-01') as session, content_hash from assetctl.partitions";
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let rows = self.rows(query);
        rows.iter()
            .map(|row| ((text(&row["asset"]), date(&text(&row["session"]))), text(&row["content_hash"])))
            .collect()
    }

    /// What a rebuild from the same files holds: the contents of a fresh project, materialized in one go.
    #[track_caller]
    pub fn rebuilt(&self) -> Contents {
        self.rebuilt_with(&[])
    }

    /// As [`rebuilt`](Self::rebuilt), with more files of the project.
    #[track_caller]
    pub fn rebuilt_with(&self, more: &[&str]) -> Contents {
        self.rebuilt_at(NOW, more)
    }

    /// The same at another time than [`NOW`].
    #[track_caller]
    pub fn rebuilt_at(&self, now: &str, more: &[&str]) -> Contents {
        let fresh = Self::empty();
        for name in more {
            fresh.write(name, self.read(name));
        }
        fresh.yaml(&self.read("assets.yaml"));
        for (path, _) in files_below(&self.path("data/source")) {
            let name = path.strip_prefix(self.root()).unwrap().to_str().unwrap();
            fresh.write(name, std::fs::read(&path).unwrap());
        }
        fresh.run_at(now, &["materialize"]).ok();
        fresh.contents()
    }

    /// The segment files of an asset, by name.
    pub fn segments(&self, asset: &str) -> Vec<PathBuf> {
        files(&self.path("data/lake").join(asset))
    }
}

/// The files of a folder, by name; none if there is no such folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort_unstable();
    files
}

/// Every file below a folder, with its size, by path.
pub fn files_below(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found: Vec<(PathBuf, u64)> = files(folder)
        .into_iter()
        .map(|path| {
            let size = path.metadata().unwrap().len();
            (path, size)
        })
        .collect();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        }
    }
    found.sort_unstable();
    found
}
