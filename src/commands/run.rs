//! `assetctl run`: what becomes of requests in the queue.

use std::path::PathBuf;
use std::time::Duration;

use assetctl_serve::{Asker, more_lines, request};
use assetctl_store::{Origin, RequestRow, Store, Wanted};
use serde_json::Value;

use crate::args::{Format, Run, RunLogs};
use crate::context::Context;
use crate::error::CliError;
use crate::report::{self, instant};

/// Between two looks of who follows.
const FOLLOW: Duration = Duration::from_millis(100);

pub fn run(context: &Context, command: &Run) -> Result<(), CliError> {
    let store = context.existing_store()?.ok_or_else(|| CliError::usage("nothing was ever queued", None))?;
    let now = context.clock.now();
    let told = match command {
        Run::Show(of) => return report::result(context.format, &request(&store, of.request)?, show),
        Run::Logs(args) => return logs(context, &store, args),
        Run::Cancel(of) => assetctl_serve::want(&store, of.request, Wanted::Cancel, now)?,
        Run::Pause(of) => assetctl_serve::want(&store, of.request, Wanted::Pause, now)?,
        Run::Resume(of) => assetctl_serve::resume(&store, of.request)?,
        Run::Retry(of) => {
            let who = assetctl_config::who();
            let asker = Asker { origin: Origin::Manual, who: who.as_deref(), now };
            assetctl_serve::retry(&store, of.request, asker)?
        }
    };
    report::result(context.format, &told, |told| format!("{}\n", told.message))
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
        let row = request(store, args.request)?;
        for run in &row.runs {
            let path = store.layout().run_log(*run);
            if !read.iter().any(|(known, _)| *known == path) {
                read.push((path, 0));
            }
        }
        for (path, from) in &mut read {
            loop {
                let lines = more_lines(path, from)?;
                if lines.is_empty() {
                    break;
                }
                for line in lines {
                    let line = if context.format == Format::Human { in_words(&line) } else { line };
                    report::line(&line)?;
                }
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

/// `07:30:00 info  raw_bars: 12 sessions committed, 96 rows`.
fn in_words(line: &str) -> String {
    let Ok(event) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    let text = |key: &str| event[key].as_str().unwrap_or_default();
    let asset = if text("asset").is_empty() { String::new() } else { format!("{}: ", text("asset")) };
    format!("{}  {:<5} {:<16} {asset}{}", text("at"), text("severity"), text("kind"), text("message"))
}
