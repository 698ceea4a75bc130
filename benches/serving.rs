//! 200 clients on the HTTP API of a daemon that materializes everything again and again; then one route alone, against FastAPI.
//! See README.md beside this file.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark writes its own input and is told by cargo where things are"
)]

#[path = "support/peers.rs"]
mod peers;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use peers::Peer;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const CLIENTS: usize = 200;
/// Of those, how many ask for what takes a plan or a query.
const HEAVY: usize = 20;
const SECONDS: u64 = 30;
const TOKEN: &str = "bench";

const LOOK_UPS: [(&str, &str); 6] = [
    ("assets", "/api/v1/assets"),
    ("partitions", "/api/v1/assets/scores/partitions?limit=100"),
    ("lineage", "/api/v1/lineage"),
    ("runs", "/api/v1/runs?limit=20"),
    ("queue", "/api/v1/queue"),
    ("schedules/next", "/api/v1/schedules/next"),
];
const PLANS: [(&str, &str); 3] =
    [("plan", "/api/v1/plan"), ("status", "/api/v1/status"), ("explain", "/api/v1/explain/scores/2015-07-20")];
const QUERY: &str =
    r#"{"query":"select session, count(*) as n from scores group by session order by session limit 100"}"#;

fn main() -> Result<(), Failure> {
    let seconds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(SECONDS);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::temp_dir().join(format!("assetctl-serving-{}", std::process::id()));
    let outcome = measure(root, &folder, Duration::from_secs(seconds));
    fs::remove_dir_all(&folder)?;
    outcome
}

fn measure(root: &Path, folder: &Path, time: Duration) -> Result<(), Failure> {
    let daemon = Daemon::start(root, folder)?;
    println!("\n{CLIENTS} clients for {} s, during a materialization\n", time.as_secs());
    let stop = AtomicBool::new(false);
    let (asked, growth) = std::thread::scope(|scope| {
        let working = scope.spawn(|| daemon.keep_busy(&stop));
        let watching = scope.spawn(|| daemon.watch(time));
        let asked = load(&daemon.address, time, true);
        stop.store(true, Ordering::Relaxed);
        let runs = working.join().map_err(|_| "who keeps it busy has failed")??;
        println!("materialized everything {runs} times meanwhile, and once more in part\n");
        let growth = watching.join().map_err(|_| "who watches memory has failed")?;
        Ok::<_, Failure>((asked?, growth))
    })?;
    asked.show(time);
    if let Some((early, late)) = growth {
        println!("\nmemory of the daemon: {early:.0} MB after a fifth of the time, {late:.0} MB at the end");
    }
    println!("{}", if asked.failed.is_empty() { "met: no request failed" } else { "missed: no request failed" });

    println!("\nthe list of assets alone, {CLIENTS} clients for {} s\n", time.as_secs() / 3);
    let third = time / 3;
    let ours = load(&daemon.address, third, false)?;
    ours.show(third);
    let assets = daemon.get("/api/v1/assets")?;
    drop(daemon);
    let packages = [("fastapi", "fastapi"), ("uvicorn", "uvicorn")];
    if let Some(Peer { python, name }) = peers::find(&packages) {
        let given = folder.join("assets.json");
        fs::write(&given, assets)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut peer =
            Command::new(python).arg(peers::script("serving_fastapi.py")).arg(&given).arg(port.to_string()).spawn()?;
        let address = format!("127.0.0.1:{port}");
        let begun = Instant::now();
        while TcpStream::connect(&address).is_err() && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let theirs = load(&address, third, false);
        peer.kill()?;
        peer.wait()?;
        println!("{name}");
        let theirs = theirs?;
        theirs.show(third);
        println!("\nours answers {:.1} times as many", ours.count() as f64 / theirs.count().max(1) as f64);
    }
    Ok(())
}

/// What was asked, and how long each answer took.
#[derive(Default)]
struct Asked {
    took: BTreeMap<&'static str, Vec<f64>>,
    failed: Vec<String>,
}

impl Asked {
    fn count(&self) -> usize {
        self.took.values().map(Vec::len).sum()
    }

    fn show(&self, time: Duration) {
        println!("{:<18} {:>9} {:>9} {:>9} {:>9} {:>9}", "route", "answers", "p50 ms", "p95 ms", "p99 ms", "most ms");
        for (route, took) in &self.took {
            let mut took = took.clone();
            took.sort_by(f64::total_cmp);
            // The nearest rank.
            let rank = |part: f64| {
                let at = (part * took.len() as f64).ceil() as usize;
                took.get(at.saturating_sub(1)).copied().unwrap_or_default()
            };
            println!(
                "{route:<18} {:>9} {:>9.1} {:>9.1} {:>9.1} {:>9.1}",
                took.len(),
                rank(0.5),
                rank(0.95),
                rank(0.99),
                rank(1.0)
            );
        }
        let (count, failed) = (self.count(), self.failed.len());
        println!("{count} answers, {:.0} a second; {failed} failed", count as f64 / time.as_secs_f64());
        for failure in self.failed.iter().take(5) {
            println!("  {failure}");
        }
    }
}

/// All clients at once.
fn load(address: &str, time: Duration, mixed: bool) -> Result<Asked, Failure> {
    let end = Instant::now() + time;
    std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|number| scope.spawn(move || client(address, number, end, mixed))).collect();
        let mut all = Asked::default();
        for client in clients {
            let asked = client.join().map_err(|_| "a client has failed")?;
            all.failed.extend(asked.failed);
            for (route, took) in asked.took {
                all.took.entry(route).or_default().extend(took);
            }
        }
        Ok(all)
    })
}

fn client(address: &str, number: usize, end: Instant, mixed: bool) -> Asked {
    let mut asked = Asked::default();
    let mut connection = None;
    for turn in number.. {
        if Instant::now() >= end {
            break;
        }
        let (route, method, path, body) = match (mixed, number < HEAVY) {
            (false, _) => ("assets", "GET", LOOK_UPS[0].1, ""),
            (true, true) if turn % 4 == 3 => ("sql", "POST", "/api/v1/sql", QUERY),
            (true, true) => (PLANS[turn % 4].0, "GET", PLANS[turn % 4].1, ""),
            (true, false) => {
                let (route, path) = LOOK_UPS[turn % LOOK_UPS.len()];
                (route, "GET", path, "")
            }
        };
        let begun = Instant::now();
        match ask(&mut connection, address, method, path, body) {
            Ok((200, _)) => {
                asked.took.entry(route).or_default().push(begun.elapsed().as_secs_f64() * 1000.0);
            }
            Ok((status, body)) => asked.failed.push(format!("{path}: {status} {body}")),
            Err(error) => {
                connection = None;
                asked.failed.push(format!("{path}: {error}"));
            }
        }
    }
    asked
}

/// One request over a connection that is kept.
fn ask(
    connection: &mut Option<BufReader<TcpStream>>,
    address: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Result<(u16, String), Failure> {
    let reader = match connection {
        Some(reader) => reader,
        None => {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            connection.insert(BufReader::new(stream))
        }
    };
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: \
         {}\r\n\r\n{body}",
        body.len()
    );
    reader.get_mut().write_all(text.as_bytes())?;
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no answer")?;
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}

/// A daemon of a copy of the demo.
struct Daemon {
    child: Child,
    address: String,
}

impl Daemon {
    fn start(root: &Path, folder: &Path) -> Result<Self, Failure> {
        let bars = PathBuf::from("data/source/bars");
        fs::create_dir_all(folder.join(&bars))?;
        for name in ["assets.yaml", "schedules.yaml", "data/source/listing.csv", "data/source/bars/csi_mini.csv"] {
            fs::copy(root.join(name), folder.join(name))?;
        }
        let schedules = folder.join("schedules.yaml");
        let text = fs::read_to_string(&schedules)?;
        fs::write(&schedules, format!("{text}\napi: {{ token: {{ env: ASSETCTL_TOKEN }} }}\n"))?;
        let program = env!("CARGO_BIN_EXE_assetctl");
        let made =
            Command::new(program).current_dir(folder).args(["materialize", "-q"]).stdout(Stdio::null()).status()?;
        if !made.success() {
            return Err("the demo cannot be made".into());
        }
        let said = folder.join("events.jsonl");
        let child = Command::new(program)
            .current_dir(folder)
            .args(["serve", "--format", "json", "--listen", "127.0.0.1:0"])
            .env("ASSETCTL_TOKEN", TOKEN)
            .stdout(fs::File::create(&said)?)
            .stderr(Stdio::null())
            .spawn()?;
        let mut daemon = Self { child, address: String::new() };
        for _ in 0..400 {
            let text = fs::read_to_string(&said)?;
            if let Some(rest) = text.split("\"api\":\"http://").nth(1) {
                daemon.address = rest.split('"').next().unwrap_or_default().to_owned();
                return Ok(daemon);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("the daemon does not answer".into())
    }

    fn get(&self, path: &str) -> Result<String, Failure> {
        Ok(ask(&mut None, &self.address, "GET", path, "")?.1)
    }

    /// One materialization of everything after the other; gives how many there were.
    fn keep_busy(&self, stop: &AtomicBool) -> Result<usize, Failure> {
        let mut runs = 0;
        while !stop.load(Ordering::Relaxed) {
            let (status, queued) = ask(&mut None, &self.address, "POST", "/api/v1/requests", r#"{"force":true}"#)?;
            let queued: serde_json::Value = serde_json::from_str(&queued)?;
            if status != 202 {
                return Err(format!("nothing was queued: {queued}").into());
            }
            loop {
                let row = self.get(&format!("/api/v1/requests/{}", queued["request"]))?;
                let row: serde_json::Value = serde_json::from_str(&row)?;
                match row["status"].as_str() {
                    Some("succeeded") => break,
                    Some("failed" | "cancelled") => return Err(format!("a run has failed: {row}").into()),
                    _ if stop.load(Ordering::Relaxed) => return Ok(runs),
                    _ => std::thread::sleep(Duration::from_millis(50)),
                }
            }
            runs += 1;
        }
        Ok(runs)
    }

    /// What it holds after a fifth of the time and at the end, in MB; `None` where the system does not tell.
    fn watch(&self, time: Duration) -> Option<(f64, f64)> {
        std::thread::sleep(time / 5);
        let early = self.megabytes()?;
        std::thread::sleep(time * 4 / 5);
        Some((early, self.megabytes()?))
    }

    fn megabytes(&self) -> Option<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kilobytes| kilobytes / 1024.0)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
