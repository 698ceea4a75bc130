//! How long `assetctl plan` takes, and how much memory: 1,000 assets × 5,000 sessions, with nothing stale and with one session
//! changed. Whole process, measured from outside. See README.md beside this file.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark writes its own input and is told by cargo where things are"
)]

use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use assetctl_calendar::{Calendar, SessionIx};

const ASSETS: usize = 1_000;
const SESSIONS: u32 = 5_000;
/// Assets of one layer read assets of the layer before.
const LAYER: usize = 111;
const WINDOWS: [u32; 9] = [1, 2, 5, 10, 20, 40, 60, 120, 252];
const LAST_SESSION: &str = "2024-12-31";
const NOW: &str = "2025-01-01T00:00:00Z";
const TIMES: usize = 7;
const MOST_SECONDS: f64 = 0.3;
const MOST_MEGABYTES: f64 = 150.0;
const PEER: &str = "benches/planning_peer.py";

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_assetctl"));
    let project = Project::prepare(&root.join("target/bench-data/planning"), &binary)?;

    let mut rows = vec![project.measure("nothing stale", &project.plan(&binary))?];
    project.check(&binary, "up to date")?;
    project.put(Some(SESSIONS / 2))?;
    rows.push(project.measure("one session changed", &project.plan(&binary))?);
    project.check(&binary, "more if what they read comes out different")?;
    project.put(None)?;
    rows.push(project.measure("--version", &words(&[&binary, Path::new("--version")]))?);
    rows.extend(project.peer(root)?);

    let peer = rows.iter().find(|row| row.what.starts_with("peer")).map(|row| row.seconds);
    println!("{ASSETS} assets × {SESSIONS} sessions; median of {TIMES} runs, whole process\n");
    println!("{:<24} {:>8} {:>8} {:>8} {:>9}", "", "wall s", "user s", "peak MB", "× peer");
    for row in &rows {
        let ratio = peer.map_or("-".to_owned(), |peer| format!("{:.2}", row.seconds / peer));
        println!(
            "{:<24} {:>8.3} {:>8} {:>8} {ratio:>9}",
            row.what,
            row.seconds,
            shown(row.user, 3),
            shown(row.megabytes, 0)
        );
    }
    println!("\ntarget: {MOST_SECONDS} s and {MOST_MEGABYTES} MB for each of the first two");
    let missed = |row: &&Row| row.seconds > MOST_SECONDS || row.megabytes.is_some_and(|peak| peak > MOST_MEGABYTES);
    for row in rows.iter().take(2).filter(missed) {
        println!("missed: {}", row.what);
    }
    Ok(())
}

struct Row {
    what: String,
    seconds: f64,
    user: Option<f64>,
    megabytes: Option<f64>,
}

fn shown(number: Option<f64>, digits: usize) -> String {
    number.map_or("-".to_owned(), |number| format!("{number:.digits$}"))
}

fn words(words: &[&Path]) -> Vec<PathBuf> {
    words.iter().map(|word| word.to_path_buf()).collect()
}

struct Project {
    dir: PathBuf,
    dates: Vec<String>,
}

impl Project {
    /// The materialized project in `dir`, which is made (a few minutes) unless it is there as it should be.
    fn prepare(dir: &Path, binary: &Path) -> Result<Self, Failure> {
        let calendar = Calendar::builtin("XSHG").ok_or("there is no calendar `XSHG`")?;
        let last = calendar.ix(LAST_SESSION.parse()?)?.0;
        let dates: Vec<String> =
            (last + 1 - SESSIONS..=last).map(|ix| calendar.date(SessionIx(ix)).to_string()).collect();
        let project = Self { dir: dir.to_owned(), dates };
        let config = project.config()?;
        let ready = dir.join("ready");
        if fs::read_to_string(&ready).ok().as_deref() != Some(&config) {
            eprintln!("making {} (once; a few minutes)", dir.display());
            if dir.exists() {
                fs::remove_dir_all(dir)?;
            }
            fs::create_dir_all(dir)?;
            fs::write(dir.join("assets.yaml"), &config)?;
            fs::write(project.bars(), project.rows(None))?;
            let started = Instant::now();
            project.succeed(Command::new(binary).args(["--quiet", "--now", NOW, "materialize"]))?;
            eprintln!("made in {:.0} s", started.elapsed().as_secs_f64());
            fs::write(ready, &config)?;
        }
        project.put(None)?;
        // Notes the touched file as seen, so that every measured plan finds it as it was.
        project.succeed(Command::new(binary).args(["--quiet", "--now", NOW, "materialize"]))?;
        Ok(project)
    }

    /// One source, and layers of moving averages with windows of 1 to 252 sessions.
    fn config(&self) -> Result<String, Failure> {
        let start = &self.dates[0];
        let mut text =
            format!("calendar: XSHG\nstart: {start}\nassets:\n  bars:\n    kind: source\n    csv: bars.csv\n");
        for at in 0..ASSETS - 1 {
            let window = WINDOWS[at % WINDOWS.len()];
            let (input, column) = match at.checked_sub(LAYER) {
                None => ("bars".to_owned(), "close"),
                Some(above) => (format!("mean_{above:03}"), "value"),
            };
            write!(text, "  mean_{at:03}:\n    kind: indicators\n    input: {input}\n")?;
            write!(text, "    columns: {{ value: 'mean({column}, {window})' }}\n")?;
        }
        Ok(text)
    }

    fn bars(&self) -> PathBuf {
        self.dir.join("bars.csv")
    }

    /// One row a session; `changed` is a session whose price differs.
    fn rows(&self, changed: Option<u32>) -> String {
        let mut text = "session,instrument,close\n".to_owned();
        for (at, date) in self.dates.iter().enumerate() {
            let cents = (at * 7919) % 1000 + if changed == Some(at as u32) { 5_000 } else { 1_000 };
            text.push_str(&format!("{date},600519.XSHG,{}.{:02}\n", cents / 100, cents % 100));
        }
        text
    }

    /// Writes the file of bars. Unchanged, it keeps one time of modification.
    fn put(&self, changed: Option<u32>) -> Result<(), Failure> {
        fs::write(self.bars(), self.rows(changed))?;
        if changed.is_none() {
            let time = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
            File::options().write(true).open(self.bars())?.set_modified(time)?;
        }
        Ok(())
    }

    fn plan(&self, binary: &Path) -> Vec<PathBuf> {
        words(&[binary, Path::new("--now"), Path::new(NOW), Path::new("plan")])
    }

    fn succeed(&self, command: &mut Command) -> Result<String, Failure> {
        let output = command.current_dir(&self.dir).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("{command:?} ended with {}", output.status).into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// That a plan says what it should: what is measured is the right thing.
    fn check(&self, binary: &Path, part: &str) -> Result<(), Failure> {
        let text = self.succeed(Command::new(binary).args(["--now", NOW, "plan"]))?;
        if text.contains(part) { Ok(()) } else { Err(format!("the plan does not say `{part}`:\n{text}").into()) }
    }

    /// Runs a command some times in the project's folder; GNU `time`, where it is, tells more than the wall clock.
    fn measure(&self, what: &str, words: &[PathBuf]) -> Result<Row, Failure> {
        let time = Path::new("/usr/bin/time");
        let report = self.dir.join("time.txt");
        let mut runs = Vec::new();
        for _ in 0..TIMES {
            let mut command = if cfg!(target_os = "linux") && time.exists() {
                let mut command = Command::new(time);
                command.args(["-f", "%U %M", "-o"]).arg(&report).args(words);
                command
            } else {
                let mut command = Command::new(&words[0]);
                command.args(&words[1..]);
                command
            };
            let started = Instant::now();
            self.succeed(&mut command)?;
            let seconds = started.elapsed().as_secs_f64();
            let text = fs::read_to_string(&report).unwrap_or_default();
            let mut numbers = text.split_whitespace().map_while(|word| word.parse::<f64>().ok());
            runs.push((seconds, numbers.next(), numbers.next().map(|kilobytes| kilobytes / 1024.0)));
        }
        runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (seconds, user, megabytes) = runs[TIMES / 2];
        Ok(Row { what: what.to_owned(), seconds, user, megabytes })
    }

    /// The same question asked by a script with pandas, if there is a Python that has it.
    fn peer(&self, root: &Path) -> Result<Option<Row>, Failure> {
        let python = Path::new("python3");
        let has_pandas = Command::new(python).args(["-c", "import pandas"]).stderr(Stdio::null()).status();
        if !has_pandas.is_ok_and(|status| status.success()) {
            eprintln!("no Python with pandas: the peer is left out");
            return Ok(None);
        }
        self.measure("peer: pandas", &words(&[python, &root.join(PEER), &self.dir])).map(Some)
    }
}
