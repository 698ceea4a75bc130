//! What whole processes take, measured from outside: wall clock, processor time with all that they started, and memory.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

pub type Failure = Box<dyn Error>;

/// The mean of some runs.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    pub wall: f64,
    /// Seconds of user and system time; `None` where the system does not tell.
    pub cpu: Option<f64>,
    /// Of the largest process at its largest; `None` without GNU `time`.
    pub megabytes: Option<f64>,
}

/// Sums up runs of commands.
///
/// Processor time is what Linux adds up for children that were waited for, theirs included. It counts in hundredths of a
/// second and rounds a sum, not its parts, so that short commands are measured well by running them several times.
#[derive(Debug, Default)]
pub struct Meter {
    runs: u32,
    wall: f64,
    cpu: Option<f64>,
    megabytes: Option<f64>,
}

impl Meter {
    /// Runs a command to its end; gives what it printed.
    ///
    /// # Errors
    /// When it does not start, or fails: with the end of what it said.
    pub fn run(&mut self, command: &Command) -> Result<String, Failure> {
        let report = std::env::temp_dir().join(format!("assetctl-bench-{}.txt", std::process::id()));
        let mut wrapped = wrapped(command, &report);
        let before = cpu_of_children();
        let started = Instant::now();
        let output = wrapped.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
        self.wall += started.elapsed().as_secs_f64();
        self.runs += 1;
        if let (Some(before), Some(after)) = (before, cpu_of_children()) {
            *self.cpu.get_or_insert(0.0) += after - before;
        }
        let kilobytes = fs::read_to_string(&report).ok().and_then(|text| text.trim().parse::<f64>().ok());
        if let Some(kilobytes) = kilobytes {
            self.megabytes = Some(self.megabytes.unwrap_or(0.0).max(kilobytes / 1024.0));
            fs::remove_file(&report)?;
        }
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let lines: Vec<&str> = said.lines().collect();
            let end = lines[lines.len().saturating_sub(20)..].join("\n");
            return Err(format!("{command:?} ended with {}:\n{end}", output.status).into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Per run, except for memory: that is the most of all.
    pub fn taken(&self) -> Taken {
        let runs = f64::from(self.runs.max(1));
        Taken { wall: self.wall / runs, cpu: self.cpu.map(|cpu| cpu / runs), megabytes: self.megabytes }
    }
}

/// One run of a command, and what it printed.
///
/// # Errors
/// As [`Meter::run`].
pub fn measure(command: &Command) -> Result<(Taken, String), Failure> {
    let mut meter = Meter::default();
    let said = meter.run(command)?;
    Ok((meter.taken(), said))
}

/// The same command under GNU `time`, where there is one: it alone tells a child's peak of memory.
fn wrapped(command: &Command, report: &Path) -> Command {
    let time = Path::new("/usr/bin/time");
    let own = std::iter::once(command.get_program()).chain(command.get_args());
    let mut words: Vec<OsString> = Vec::new();
    if cfg!(target_os = "linux") && time.exists() {
        words.extend([time.into(), "-q".into(), "-f".into(), "%M".into(), "-o".into(), report.into()]);
    }
    words.extend(own.map(OsString::from));
    let mut wrapped = Command::new(&words[0]);
    wrapped.args(&words[1..]);
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped
}

/// Seconds of processor time of all children so far, theirs included.
fn cpu_of_children() -> Option<f64> {
    cpu_from(CHILDREN)
}

/// Where `/proc` has `cutime` and `cstime`, behind the name.
const CHILDREN: usize = 13;

/// Seconds of processor time in two neighbouring fields of `/proc/self/stat`.
pub fn cpu_from(field: usize) -> Option<f64> {
    /// What `/proc` counts in: `USER_HZ` is 100 wherever Linux runs today.
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, which may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(field)?.parse::<f64>().ok()? + fields.get(field + 1)?.parse::<f64>().ok()?;
    Some(ticks / TICKS_A_SECOND)
}

/// Where benchmarks keep what they make.
pub fn scratch(bench: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-data").join(bench)
}
