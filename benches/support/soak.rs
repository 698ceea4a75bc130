//! A daemon that is watched from outside through thousands of small runs: what it holds, and what its store grows by.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};

/// Sessions that are there to begin with.
const DAYS: u64 = 40;

/// What is seen at one time.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Runs that have ended by then.
    pub runs: f64,
    /// Of the processor, since the daemon was started: on a busy machine the wall clock says little.
    pub seconds: f64,
    pub handles: f64,
    pub threads: f64,
    /// What is resident of the process.
    pub kilobytes: f64,
    /// Of the ledger, with its log.
    pub ledger: f64,
    /// Of the logs of runs.
    pub logs: f64,
}

/// Two runs a minute: one that computes and commits a session, one that fails by a check. Once in a while what is past is collected. By the
/// minute, because what is there must stay as much as it is: with each session that is added a run has more to look at.
const SCHEDULES: &str = "\
jobs:
  good: { work: backfill, select: means, force: true, sessions: { last: 1 } }
  bad: { work: backfill, select: broken, only: true, force: true, sessions: { last: 1 } }
  tidy: { work: gc, keep_runs: 1, keep_days: 0 }
schedules:
  full: { job: good, cron: 0 * * * * *, zone: UTC }
  half: { job: bad, cron: 30 * * * * *, zone: UTC }
  hourly: { job: tidy, cron: 15 30 * * * *, zone: UTC }
sensors:
  after: { job: tidy, when: { run: failed, of: good } }
";

const ASSETS: &str = "\
calendar: 24/7
start: 2010-01-01
assets:
  bars: { kind: source, csv: data/source/bars.csv, columns: { instrument: symbol, session: date } }
  means: { kind: indicators, input: bars, columns: { mean: 'mean(close, 5)', slow: 'ema(close, 5)' } }
  broken: { kind: indicators, input: bars, columns: { x: close }, checks: [{ range: { column: x, above: 1000 } }] }
";

/// Lays a project down that has so many runs in the stretch that is given.
///
/// # Errors
/// When a file cannot be written.
pub fn lay_down(folder: &Path, runs: u64) -> std::io::Result<String> {
    let first = NaiveDate::from_ymd_opt(2010, 1, 1).unwrap_or_default();
    let day = |number: u64| first + Days::new(number);
    let mut bars = String::from("symbol,date,close\n");
    for number in 0..DAYS + runs / 1440 {
        for (at, symbol) in ["a", "b", "c"].iter().enumerate() {
            bars.push_str(&format!("{symbol},{},{}\n", day(number), 10 + (number % 7) as usize + at));
        }
    }
    fs::create_dir_all(folder.join("data/source"))?;
    fs::write(folder.join("data/source/bars.csv"), bars)?;
    fs::write(folder.join("assets.yaml"), ASSETS)?;
    fs::write(folder.join("schedules.yaml"), SCHEDULES)?;
    let begin = day(DAYS).and_time(NaiveTime::MIN);
    let end = begin + TimeDelta::seconds(30 * runs as i64);
    Ok(format!("{}Z..{}Z", begin.format("%FT%T"), end.format("%FT%T")))
}

/// Goes through a stretch, and looks after every so many runs. Linux alone tells.
///
/// # Errors
/// When the program cannot be started or ends otherwise than it should.
pub fn watch(program: &Path, folder: &Path, stretch: &str, every: u64) -> std::io::Result<Vec<Sample>> {
    let mut command = Command::new(program);
    command.current_dir(folder).args(["serve", "--format", "json", "--simulate", stretch]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let process = Path::new("/proc").join(child.id().to_string());
    let mut samples = Vec::new();
    let mut runs = 0;
    let lines = child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
    for line in lines {
        let line = line?;
        let is_end = ["run_succeeded", "run_failed"].iter().any(|kind| line.contains(&format!("\"kind\":\"{kind}\"")));
        if !is_end || line.contains("\"job\":\"tidy\"") {
            continue;
        }
        runs += 1;
        if runs % every == 0 {
            samples.push(look(&process, folder, runs)?);
        }
    }
    let status = child.wait()?;
    if status.success() { Ok(samples) } else { Err(std::io::Error::other(format!("the daemon ended with {status}"))) }
}

fn look(process: &Path, folder: &Path, runs: u64) -> std::io::Result<Sample> {
    let status = fs::read_to_string(process.join("status"))?;
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
    };
    // User and system time, in hundredths of a second, behind the name of the program in brackets.
    let stat = fs::read_to_string(process.join("stat"))?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    let size = |name: &str| fs::metadata(folder.join("data").join(name)).map_or(0, |found| found.len()) as f64;
    let logs = fs::read_dir(folder.join("data/logs"))?;
    Ok(Sample {
        runs: runs as f64,
        seconds: ticks / 100.0,
        handles: fs::read_dir(process.join("fd"))?.count() as f64,
        threads: number("Threads:"),
        kilobytes: number("VmRSS:"),
        ledger: size("state.db") + size("state.db-wal"),
        logs: logs.flatten().filter_map(|entry| entry.metadata().ok()).map(|found| found.len() as f64).sum(),
    })
}

/// By how much a value grows with each run, by least squares.
pub fn slope(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (runs, values) = (mean(&|sample| sample.runs), mean(&value));
    let both: f64 = samples.iter().map(|sample| (sample.runs - runs) * (value(sample) - values)).sum();
    let spread: f64 = samples.iter().map(|sample| (sample.runs - runs).powi(2)).sum();
    both / spread
}

/// Processor time of each run in the last quarter, as a multiple of those in the first.
pub fn slowing(samples: &[Sample]) -> f64 {
    let quarter = samples.len() / 4;
    let pace = |samples: &[Sample]| match samples {
        [first, .., last] => (last.seconds - first.seconds) / (last.runs - first.runs),
        _ => f64::NAN,
    };
    pace(&samples[samples.len() - 1 - quarter..]) / pace(&samples[..=quarter])
}
