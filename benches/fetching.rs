//! A backfill of 5,000 instruments × 250 sessions from a vendor on loopback, against requests and pandas doing the same. Whole processes,
//! measured from outside. See README.md beside this file.

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

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use assetctl_calendar::Calendar;
use chrono::NaiveDate;
use measure::{Failure, Taken, measure, scratch};
use peers::Peer;

const INSTRUMENTS: u32 = 5000;
const SESSIONS: usize = 250;
const FIRST: &str = "2023-01-03";
const NOW: &str = "2026-01-01T00:00:00Z";
/// Calls at once, of each side.
const CONCURRENCY: usize = 8;

fn main() -> Result<(), Failure> {
    let calendar = Calendar::builtin("XSHG").ok_or("no calendar")?;
    let first = calendar.at_or_after(FIRST.parse()?)?;
    let all = calendar.all().iter().skip_while(|ix| *ix < first);
    let sessions: Vec<NaiveDate> = all.take(SESSIONS).map(|ix| calendar.date(ix).date()).collect();
    let last = *sessions.last().ok_or("no sessions")?;
    // Written beforehand, so that the vendor costs little more than the bytes that it sends.
    let answers: HashMap<String, Vec<u8>> = sessions
        .iter()
        .enumerate()
        .map(|(at, day)| (day.format("%Y%m%d").to_string(), answer(at as u32, *day)))
        .collect();
    let bytes: usize = answers.values().map(Vec::len).sum();
    let url = serve(Arc::new(answers))?;

    let rows = INSTRUMENTS as usize * SESSIONS;
    let megabytes = bytes as f64 / 1e6;
    table::header(&format!(
        "{INSTRUMENTS} instruments × {SESSIONS} sessions: {SESSIONS} calls, {rows} rows, {megabytes:.0} MB of JSON"
    ));
    table::section("all of it, into an empty store");
    let ours = assetctl(&url, last)?;
    table::ours(ours);
    println!("  {:.0} rows a second, {:.0} MB a second", rows as f64 / ours.wall, megabytes / ours.wall);
    let download = download(&url, &sessions)?;
    println!("  the bytes alone, read and thrown away by {CONCURRENCY} connections: {download:.2} s\n");
    if let Some(Peer { python, name }) =
        peers::find(&[("requests", "requests"), ("pandas", "pandas"), ("pyarrow", "pyarrow")])
    {
        let folder = scratch("fetching").join("python");
        fs::create_dir_all(&folder)?;
        let mut command = Command::new(python);
        let days: Vec<String> = sessions.iter().map(|day| day.format("%Y%m%d").to_string()).collect();
        command.arg(peers::script("fetch_pandas.py")).args([&url, &days.join(","), &CONCURRENCY.to_string()]);
        let (taken, said) = measure(command.current_dir(&folder))?;
        if said.trim() != rows.to_string() {
            return Err(format!("the peer has {} rows and not {rows}", said.trim()).into());
        }
        table::peer(&format!("{name}, pandas, threads, one Parquet file"), taken, ours, None);
    }
    Ok(())
}

fn assetctl(url: &str, last: NaiveDate) -> Result<Taken, Failure> {
    let folder = scratch("fetching").join("assetctl");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let yaml = format!(
        "calendar: XSHG\nstart: {FIRST}\nassets:\n  raw_bars:\n    kind: source\n    http:\n      preset: tushare\n      base_url: {url}\n      params: {{ token: none }}\n      rate:\n      concurrency: {CONCURRENCY}\n"
    );
    fs::write(folder.join("assets.yaml"), yaml)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_assetctl"));
    command.current_dir(&folder).args([
        "backfill",
        "--from",
        FIRST,
        "--to",
        &last.to_string(),
        "--now",
        NOW,
        "--quiet",
    ]);
    let (taken, _) = measure(&command)?;
    let mut count = Command::new(env!("CARGO_BIN_EXE_assetctl"));
    count.current_dir(&folder).args(["sql", "select count(*) as n from raw_bars", "--format", "json"]);
    let said = String::from_utf8(count.output()?.stdout)?;
    let rows = INSTRUMENTS as usize * SESSIONS;
    if !said.contains(&rows.to_string()) {
        return Err(format!("{rows} rows expected: {said}").into());
    }
    Ok(taken)
}

/// One session of Tushare's `daily`, as the preset asks for it.
fn answer(at: u32, day: NaiveDate) -> Vec<u8> {
    let day = day.format("%Y%m%d");
    let mut text = String::from(
        r#"{"request_id":"1","code":0,"msg":"","data":{"fields":["trade_date","ts_code","open","high","low","close","pre_close","vol","amount"],"items":["#,
    );
    for instrument in 0..INSTRUMENTS {
        let close = 1000 + (instrument * 7919 + at * 104_729) % 9000;
        let price = |cents: u32| format!("{}.{:02}", cents / 100, cents % 100);
        let comma = if instrument == 0 { "" } else { "," };
        let _ = write!(
            text,
            r#"{comma}["{day}","{:06}.SH",{},{},{},{},{},{}.27,{}.513]"#,
            600_000 + instrument,
            price(close - 5),
            price(close + 20),
            price(close - 20),
            price(close),
            price(close - 9),
            close * 11,
            close * 13,
        );
    }
    text.push_str("]}}");
    text.into_bytes()
}

/// A server that knows nothing but the answers: the session is found in the request's body.
fn serve(answers: Arc<HashMap<String, Vec<u8>>>) -> Result<String, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let url = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = Arc::clone(&answers);
            std::thread::spawn(move || drop(connection(stream, &answers)));
        }
    });
    Ok(url)
}

fn connection(mut stream: TcpStream, answers: &HashMap<String, Vec<u8>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(body) = message(&mut reader)? {
        let text = String::from_utf8_lossy(&body);
        let day = text
            .split("\"trade_date\"")
            .nth(1)
            .unwrap_or_default()
            .chars()
            .filter(char::is_ascii_digit)
            .take(8)
            .collect::<String>();
        let answer = answers.get(&day).map_or(&b"{}"[..], Vec::as_slice);
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        )?;
        stream.write_all(answer)?;
    }
    Ok(())
}

/// The body of the next request or answer; `None` at the end of the connection.
fn message(reader: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let (mut length, mut lines) = (0, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.is_empty() && lines > 0 {
            break;
        }
        lines += 1;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(body))
}

/// Seconds to read all answers and do nothing with them.
fn download(url: &str, sessions: &[NaiveDate]) -> Result<f64, Failure> {
    let address = url.trim_start_matches("http://").to_owned();
    let started = Instant::now();
    let threads: Vec<_> = (0..CONCURRENCY)
        .map(|part| {
            let days: Vec<NaiveDate> = sessions.iter().copied().skip(part).step_by(CONCURRENCY).collect();
            let address = address.clone();
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut stream = TcpStream::connect(address)?;
                let mut reader = BufReader::new(stream.try_clone()?);
                for day in days {
                    let body = format!("{{\"trade_date\":\"{}\"}}", day.format("%Y%m%d"));
                    write!(stream, "POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
                    message(&mut reader)?;
                }
                Ok(())
            })
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "a connection failed")??;
    }
    Ok(started.elapsed().as_secs_f64())
}
