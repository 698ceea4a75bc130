//! `assetctl run`: what becomes of requests in the queue.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use assetctl_store::{NewRequest, Origin, RequestRow, RequestStatus, Store, Wanted};
use serde::Serialize;
use serde_json::Value;

use super::queue::instant;
use crate::args::{Format, Run, RunLogs};
use crate::context::Context;
use crate::error::CliError;
use crate::report;

/// Between two looks of who follows.
const FOLLOW: Duration = Duration::from_millis(100);

/// `--format json`: what became of what was wanted.
#[derive(Serialize)]
struct Told {
    request: u64,
    /// How it stood before, and how it stands now. One that runs is stopped by the daemon, within a second.
    before: RequestStatus,
    status: RequestStatus,
    message: String,
}

pub fn run(context: &Context, command: &Run) -> Result<(), CliError> {
    let store = context.existing_store()?.ok_or_else(|| CliError::usage("nothing was ever queued", None))?;
    match command {
        Run::Show(of) => report::result(context.format, &find(&store, of.request)?, show),
        Run::Cancel(of) => want(context, &store, of.request, Wanted::Cancel),
        Run::Pause(of) => want(context, &store, of.request, Wanted::Pause),
        Run::Resume(of) => resume(context, &store, of.request),
        Run::Retry(of) => retry(context, &store, of.request),
        Run::Logs(args) => logs(context, &store, args),
    }
}

fn find(store: &Store, id: u64) -> Result<RequestRow, CliError> {
    store.request(id)?.ok_or_else(|| unknown(id))
}

fn unknown(id: u64) -> CliError {
    CliError::usage(format!("there is no request {id}"), Some("`assetctl queue` lists them"))
}

fn tell(context: &Context, store: &Store, id: u64, before: RequestStatus, message: String) -> Result<(), CliError> {
    let told = Told { request: id, before, status: find(store, id)?.status, message };
    report::result(context.format, &told, |told| format!("{}\n", told.message))
}

fn want(context: &Context, store: &Store, id: u64, wanted: Wanted) -> Result<(), CliError> {
    let before = store.want(id, wanted, context.clock.now())?.ok_or_else(|| unknown(id))?;
    let (done, verb) = match wanted {
        Wanted::Cancel => ("cancelled", "cancel"),
        Wanted::Pause => ("paused", "pause"),
    };
    let message = match before {
        RequestStatus::Running if store.daemon()?.is_none() => {
            format!("request {id} is {done} as soon as a daemon finds it: the one that ran it is gone")
        }
        RequestStatus::Running => format!("request {id} stops"),
        RequestStatus::Paused if wanted == Wanted::Pause => format!("request {id} was paused before"),
        RequestStatus::Queued | RequestStatus::Paused => format!("request {id} is {done}"),
        ended => {
            let help = "`assetctl run retry` asks for the same again";
            return Err(CliError::usage(
                format!("request {id} has ended ({}): there is nothing to {verb}", ended.name()),
                Some(help),
            ));
        }
    };
    tell(context, store, id, before, message)
}

fn resume(context: &Context, store: &Store, id: u64) -> Result<(), CliError> {
    let was = find(store, id)?;
    let before = store.resume_request(id)?.ok_or_else(|| unknown(id))?;
    let message = match (before, was.wanted) {
        (RequestStatus::Paused, _) => format!("request {id} is in its place in the queue"),
        (RequestStatus::Running, Some(Wanted::Pause)) => format!("request {id} goes on"),
        (other, _) => {
            return Err(CliError::usage(
                format!("request {id} is not paused, it is {}", other.name()),
                Some("`assetctl run retry` asks for the same again"),
            ));
        }
    };
    tell(context, store, id, before, message)
}

/// The same again, under a new number: what was committed meanwhile is not done twice, for it is not stale any more.
fn retry(context: &Context, store: &Store, id: u64) -> Result<(), CliError> {
    let row = find(store, id)?;
    if row.finished_at.is_none() {
        return Err(CliError::usage(
            format!("request {id} has not ended, it is {}", row.status.name()),
            Some("`assetctl run resume` lets a paused one go on"),
        ));
    }
    let before = row.status;
    let again = store.enqueue(&NewRequest {
        origin: Origin::Manual,
        of: assetctl_config::who(),
        why: format!("request {id} again, which was {}", before.name()),
        retry_of: Some(id),
        at: context.clock.now(),
        job: row.job,
        resolved: row.resolved,
        due: None,
        priority: row.priority,
        claims: row.claims,
    })?;
    tell(context, store, again, before, format!("request {again} does again what request {id} was for"))
}

fn show(row: &RequestRow) -> String {
    let mut lines: Vec<(&str, String)> = vec![
        ("request", row.id.to_string()),
        ("job", row.job.clone()),
        ("status", row.status.name().to_owned()),
        ("why", row.why.clone()),
        ("asked by", format!("{} {}", row.origin.name(), row.of.as_deref().unwrap_or_default())),
        ("queued", instant(row.created_at)),
    ];
    let mut line = |key, value: Option<String>| lines.extend(value.map(|text| (key, text)));
    line("again", row.retry_of.map(|id| format!("of request {id}")));
    line("started", row.started_at.map(|at| format!("{}, attempt {}", instant(at), row.attempt)));
    line("ended", row.finished_at.map(instant));
    line("not before", row.not_before.map(instant));
    line("failures", (row.failures > 0).then(|| row.failures.to_string()));
    line("deaths", (row.deaths > 0).then(|| format!("{} of the daemon while it ran", row.deaths)));
    let runs: Vec<String> = row.runs.iter().map(u64::to_string).collect();
    line("runs", (!runs.is_empty()).then(|| runs.join(" ")));
    line("error", row.error.clone());
    let width = lines.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    let indent = format!("\n{:width$}  ", "");
    lines.iter().map(|(key, value)| format!("{key:width$}  {}\n", value.trim().replace('\n', &indent))).collect()
}

/// The events of its runs, in order; of one that is followed, until it has ended.
fn logs(context: &Context, store: &Store, args: &RunLogs) -> Result<(), CliError> {
    let mut read: Vec<(PathBuf, u64)> = Vec::new();
    loop {
        // What is written before it ends is read after it has.
        let row = find(store, args.request)?;
        for run in &row.runs {
            let path = store.layout().run_log(*run);
            if !read.iter().any(|(known, _)| *known == path) {
                read.push((path, 0));
            }
        }
        for (path, from) in &mut read {
            for line in more(path, from)? {
                let line = if context.format == Format::Human { in_words(&line) } else { line };
                report::line(&line)?;
            }
        }
        if !args.follow || row.finished_at.is_some() {
            if read.is_empty() && context.format == Format::Human {
                report::text(&show(&row))?;
            }
            return Ok(());
        }
        std::thread::sleep(FOLLOW);
    }
}

/// The whole lines that came since.
fn more(path: &std::path::Path, from: &mut u64) -> Result<Vec<String>, CliError> {
    let failed = || CliError::other(format!("reading `{}`", path.display()));
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed()(error)),
    };
    file.seek(SeekFrom::Start(*from)).map_err(failed())?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed())?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    *from += whole as u64;
    Ok(String::from_utf8_lossy(&bytes[..whole]).lines().map(str::to_owned).collect())
}

/// `07:30:00 info  raw_bars: 12 sessions committed, 96 rows`.
fn in_words(line: &str) -> String {
    let Ok(event) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    let text = |key: &str| event[key].as_str().unwrap_or_default();
    let asset = if text("asset").is_empty() { String::new() } else { format!("{}: ", text("asset")) };
    format!("{}  {:<5} {:<16} {asset}{}", text("at"), text("severity"), text("kind"), text("message"))
}
