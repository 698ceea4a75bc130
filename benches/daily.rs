//! One more session of the demo's five daily assets, against the same in Dagster; and a correction of one close a year back.
//! Whole processes, measured from outside. See README.md beside this file.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark writes its own input and is told by cargo where things are"
)]

#[path = "support/measure.rs"]
mod measure;
#[path = "support/peers.rs"]
mod peers;
#[path = "support/table.rs"]
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use measure::{Failure, Meter, Taken, measure, scratch};
use peers::Peer;

/// Sessions at the end that are materialized one by one.
const OURS: usize = 10;
/// Of those, how many Dagster is given: it takes its time.
const DAGSTERS: usize = 3;
/// How far back the correction lies.
const YEAR: usize = 252;
const NOW: &str = "2018-01-01T00:00:00Z";
const BARS: &str = "data/source/bars/csi_mini.csv";
/// Dagster runs every asset in a process of its own unless it is told this.
const IN_PROCESS: &str = r#"{"execution": {"config": {"in_process": {}}}}"#;

fn main() -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = scratch("daily");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let demo = Demo::prepare(root, folder.join("assetctl"))?;

    table::header("the demo: raw_bars, completed_bars, indicators, scores, signals");
    table::section(&format!("one more session (mean of {OURS})"));
    let ours = demo.sessions()?;
    table::ours(ours);
    let packages = ["dagster", "pandas", "pyarrow"].map(|name| (name, name));
    if let Some(Peer { python, name }) = peers::find(&packages) {
        let dagster = Dagster::prepare(root, folder.join("dagster"), python)?;
        let (usual, single) = demo.dates[demo.dates.len() - 2 * DAGSTERS..].split_at(DAGSTERS);
        table::peer(&format!("{name}, a process per asset (usual)"), dagster.sessions(usual, &[])?, ours, Some(100.0));
        let single = dagster.sessions(single, &["--config-json", IN_PROCESS])?;
        table::peer(&format!("{name}, all in one process"), single, ours, None);
    }
    table::section("one close of a year before corrected");
    let corrected = demo.correction()?;
    table::ours(corrected);
    table::peer("assetctl, everything from nothing", demo.everything()?, corrected, None);
    Ok(())
}

/// The demo in a folder of its own, whose file of bars grows.
struct Demo {
    folder: PathBuf,
    header: String,
    /// `symbol,date,…`, in the order of the file.
    lines: Vec<String>,
    /// All sessions that have bars.
    dates: Vec<String>,
}

impl Demo {
    fn prepare(root: &Path, folder: PathBuf) -> Result<Self, Failure> {
        let text = fs::read_to_string(root.join(BARS))?;
        let mut lines = text.lines().map(str::to_owned);
        let header = lines.next().ok_or("the file of bars is empty")?;
        let lines: Vec<String> = lines.collect();
        let dates: BTreeSet<String> = lines.iter().map(|line| date(line).to_owned()).collect();
        fs::create_dir_all(folder.join(BARS).parent().ok_or("no folder")?)?;
        for file in ["assets.yaml", "data/source/listing.csv"] {
            fs::copy(root.join(file), folder.join(file))?;
        }
        Ok(Self { folder, header, lines, dates: dates.into_iter().collect() })
    }

    /// Materializes everything but the last sessions, and then those one by one.
    fn sessions(&self) -> Result<Taken, Failure> {
        let (before, added) = self.dates.split_at(self.dates.len() - OURS);
        self.put(before.last().ok_or("too few sessions")?, None)?;
        measure(&self.materialize())?;
        let mut meter = Meter::default();
        for last in added {
            self.put(last, None)?;
            meter.run(&self.materialize())?;
            self.check(last, before.len() + 1 + added.iter().take_while(|date| *date < last).count())?;
        }
        Ok(meter.taken())
    }

    /// The close of the last instrument, a year before the end, is one percent higher than it was.
    fn correction(&self) -> Result<Taken, Failure> {
        let wrong = &self.dates[self.dates.len() - YEAR];
        let last = self.dates.last().ok_or("no sessions")?;
        self.put(last, Some(wrong))?;
        let (taken, _) = measure(&self.materialize())?;
        self.check(last, self.dates.len())?;
        Ok(taken)
    }

    fn everything(&self) -> Result<Taken, Failure> {
        for entry in fs::read_dir(self.folder.join("data"))? {
            let path = entry?.path();
            match path.is_dir() {
                true if path.ends_with("source") => {}
                true => fs::remove_dir_all(path)?,
                false => fs::remove_file(path)?,
            }
        }
        Ok(measure(&self.materialize())?.0)
    }

    /// Writes the bars up to a session; with the close of one of `corrected` changed.
    fn put(&self, last: &str, corrected: Option<&str>) -> Result<(), Failure> {
        let mut lines: Vec<String> = self.lines.iter().filter(|line| date(line) <= last).cloned().collect();
        if let Some(line) = lines.iter_mut().rev().find(|line| Some(date(line)) == corrected) {
            let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
            let close = self.header.split(',').position(|name| name == "close").ok_or("no column `close`")?;
            cells[close] = format!("{}", cells[close].parse::<f64>()? * 1.01);
            *line = cells.join(",");
        }
        fs::write(self.folder.join(BARS), format!("{}\n{}\n", self.header, lines.join("\n")))?;
        Ok(())
    }

    fn assetctl(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assetctl"));
        command.args(["--now", NOW]).args(words).current_dir(&self.folder);
        command
    }

    fn materialize(&self) -> Command {
        self.assetctl(&["--quiet", "materialize", "--select", "signals"])
    }

    /// That the scores have that many sessions, up to the last: what is measured is the right thing.
    fn check(&self, last: &str, sessions: usize) -> Result<(), Failure> {
        let query = "select max(session)::varchar || ' ' || count(distinct session) as found from scores";
        let (_, found) = measure(&self.assetctl(&["--format", "json", "sql", query]))?;
        let expected = format!("{last} {sessions}");
        if found.contains(&expected) { Ok(()) } else { Err(format!("expected {expected}, found {found}").into()) }
    }
}

/// The date of a line of the file of bars.
fn date(line: &str) -> &str {
    line.split(',').nth(1).unwrap_or_default()
}

/// The same five assets as Dagster has them, with all before the last sessions materialized.
struct Dagster {
    demo: PathBuf,
    home: PathBuf,
    code: PathBuf,
    python: PathBuf,
}

impl Dagster {
    fn prepare(root: &Path, home: PathBuf, python: PathBuf) -> Result<Self, Failure> {
        let (demo, code) = (root.join("data/source"), peers::script("daily_dagster"));
        let mut command = Command::new(&python);
        command.arg(code.join("prepare.py")).args([&demo, &home]).arg((2 * DAGSTERS).to_string());
        measure(&command)?;
        Ok(Self { demo, home, code, python })
    }

    /// Materializes sessions, one run each.
    fn sessions(&self, sessions: &[String], options: &[&str]) -> Result<Taken, Failure> {
        let mut meter = Meter::default();
        for session in sessions {
            let mut command = Command::new(&self.python);
            command.args(["-m", "dagster", "asset", "materialize", "--select", "*", "--partition", session]);
            command.args(["-f", "assets.py"]).args(options).current_dir(&self.code);
            command.env("DAGSTER_HOME", &self.home).env("DEMO", &self.demo);
            meter.run(&command)?;
            let made = self.home.join(format!("lake/signals/{session}.parquet"));
            if !made.exists() {
                return Err(format!("Dagster did not write {}", made.display()).into());
            }
        }
        Ok(meter.taken())
    }
}
