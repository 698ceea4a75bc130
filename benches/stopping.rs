//! How soon a cancel and a pause take hold, in each state that a request can be in: from before the command that tells it until the ledger
//! has it. See README.md beside this file.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark writes its own input and is told by cargo where things are"
)]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::types::FromSql;

type Failure = Box<dyn std::error::Error>;

const ROUNDS: usize = 10;
const NOW: &str = "2015-07-03T12:00:00Z";
/// What is promised in docs/daemon.md.
const LIMIT: Duration = Duration::from_secs(1);

fn main() -> Result<(), Failure> {
    let bench = Bench::new()?;
    bench.assetctl(&["materialize", "--select", "raw_bars", "--quiet"])?;
    let mut daemon = bench.command(&["serve", "--quiet", "--listen", "off"]).stdout(Stdio::null()).spawn()?;
    let measured = bench.measure();
    // Whatever has happened, it does not outlive the benchmark.
    daemon.kill()?;
    daemon.wait()?;
    let measured = measured?;
    println!("\nfrom the start of `assetctl run cancel|pause` until the request is so, seconds, {ROUNDS} times each\n");
    println!("{:<44} {:>9} {:>9}", "", "median", "longest");
    let mut longest = Duration::ZERO;
    for (what, mut taken) in measured {
        taken.sort_unstable();
        let last = taken[taken.len() - 1];
        longest = longest.max(last);
        println!("{what:<44} {:>9.3} {:>9.3}", taken[taken.len() / 2].as_secs_f64(), last.as_secs_f64());
    }
    let verdict = if longest < LIMIT { "all within a second" } else { "NOT all within a second" };
    println!("\n{verdict}");
    Ok(())
}

/// States, in each of which a request is brought: the job that does it, and when it is there.
const STATES: [(&str, &str); 5] = [
    ("queued", "queued"),
    ("waiting for a lock", "waits"),
    ("computing", "slow"),
    ("fetching", "asks"),
    ("backing off", "breaks"),
];

struct Bench {
    folder: PathBuf,
    /// Calls that the vendor has not answered.
    asked: Arc<AtomicUsize>,
}

impl Bench {
    fn new() -> Result<Self, Failure> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-data/stopping");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(folder.join("data"))?;
        let asked = Arc::new(AtomicUsize::new(0));
        let url = silent(Arc::clone(&asked))?;
        fs::write(
            folder.join("bars.csv"),
            "session,instrument,close\n2015-07-01,a,1\n2015-07-02,a,2\n2015-07-03,a,3\n",
        )?;
        fs::write(
            folder.join("assets.yaml"),
            format!(
                "calendar: XSHG
start: 2015-07-01
assets:
  raw_bars:
    kind: source
    csv: bars.csv
  slow:
    kind: sql
    query: select instrument, close + 0 * (select sum(range) from range(40000000000)) as slow from {{{{ ref('raw_bars') }}}}
  breaks:
    kind: sql
    query: select instrument, case when close > 0 then error('broken') else 1.0 end as price from {{{{ ref('raw_bars') }}}}
    columns: {{ instrument: text, price: number }}
    retries: 0
  asks:
    kind: source
    http:
      by: session
      url: {url}/bars
      query: {{ date: '{{{{ session }}}}' }}
      response: {{ format: csv }}
      retries: {{ times: 0 }}
      columns: {{ instrument: instrument, close: close }}
"
            ),
        )?;
        fs::write(
            folder.join("schedules.yaml"),
            "jobs:
  slow: { select: slow }
  waits: { select: slow }
  asks: { select: asks }
  breaks: { select: breaks, retries: { times: 5, backoff: 1h } }
  one: { select: slow, tags: [one] }
  queued: { select: raw_bars, tags: [one] }
concurrency: { by_tag: { one: 1 } }
",
        )?;
        let bench = Self { folder, asked };
        bench.assetctl(&["validate"])?;
        Ok(bench)
    }

    fn measure(&self) -> Result<Vec<(String, Vec<Duration>)>, Failure> {
        let mut measured = Vec::new();
        for what in ["cancel", "pause"] {
            for (state, job) in STATES {
                let mut taken = Vec::new();
                for _ in 0..ROUNDS {
                    taken.push(self.once(what, state, job)?);
                }
                measured.push((format!("{what} while {state}"), taken));
            }
        }
        Ok(measured)
    }

    /// Brings a request into a state, and tells it to leave it.
    fn once(&self, what: &str, state: &str, job: &str) -> Result<Duration, Failure> {
        // What holds the lock, or the tag, that the request waits for.
        let holder = match state {
            "queued" => Some(self.queue("one")?),
            "waiting for a lock" => Some(self.queue("slow")?),
            _ => None,
        };
        if let Some(holder) = holder {
            until("the holder runs", || Ok(self.has_run(holder)?))?;
        }
        let asked = self.asked.load(Ordering::SeqCst);
        let id = self.queue(job)?;
        until(state, || match state {
            "queued" => Ok(self.status(id)? == "queued"),
            "fetching" => Ok(self.asked.load(Ordering::SeqCst) > asked),
            "backing off" => Ok(self.one::<Option<i64>>("not_before", id)?.is_some()),
            _ => self.has_run(id),
        })?;
        let then = if what == "cancel" { "cancelled" } else { "paused" };
        let told = Instant::now();
        self.assetctl(&["run", what, &id.to_string()])?;
        until(then, || Ok(self.status(id)? == then))?;
        let taken = told.elapsed();
        for left in [Some(id).filter(|_| what == "pause"), holder].into_iter().flatten() {
            self.assetctl(&["run", "cancel", &left.to_string()])?;
            until("it is over", || Ok(self.status(left)? == "cancelled"))?;
        }
        Ok(taken)
    }

    fn queue(&self, job: &str) -> Result<i64, Failure> {
        let said: serde_json::Value =
            serde_json::from_str(&self.assetctl(&["job", "run", job, "--queue", "--format", "json"])?)?;
        said["request"].as_i64().ok_or_else(|| format!("no request: {said}").into())
    }

    fn status(&self, id: i64) -> Result<String, Failure> {
        self.one("status", id)
    }

    fn has_run(&self, id: i64) -> Result<bool, Failure> {
        Ok(self.one::<String>("runs", id)? != "[]")
    }

    /// From the ledger itself: the program takes longer to start than what is to be seen may last.
    fn one<T: FromSql>(&self, column: &str, id: i64) -> Result<T, Failure> {
        let ledger = Connection::open(self.folder.join("data/state.db"))?;
        ledger.busy_timeout(Duration::from_secs(60))?;
        Ok(ledger.query_row(&format!("SELECT {column} FROM requests WHERE id = ?1"), [id], |row| row.get(0))?)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assetctl"));
        command.current_dir(&self.folder).args(args).args(["--now", NOW]);
        command
    }

    fn assetctl(&self, args: &[&str]) -> Result<String, Failure> {
        let output = self.command(args).output()?;
        if !output.status.success() {
            return Err(format!("{args:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Waits, looking often; gives up after a minute.
fn until(what: &str, mut is_so: impl FnMut() -> Result<bool, Failure>) -> Result<(), Failure> {
    let started = Instant::now();
    while !is_so()? {
        if started.elapsed() > Duration::from_secs(60) {
            return Err(format!("waited a minute: {what}").into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// A vendor that takes every call and answers none; `asked` counts them.
fn silent(asked: Arc<AtomicUsize>) -> Result<String, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let url = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming().flatten() {
            open.push(stream);
            asked.fetch_add(1, Ordering::SeqCst);
        }
    });
    Ok(url)
}
