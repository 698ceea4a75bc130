//! `assetctl serve`, `assetctl queue` and `assetctl run`.

use assetctl_config::Listen;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use super::{Running, instant};

#[derive(Debug, Args)]
pub struct Serve {
    /// Where another daemon is there already, wait for its end and take over
    #[arg(long)]
    pub standby: bool,
    /// Go through a stretch of the past, as fast as it can be worked: `2024-03-01..2024-03-31`; go on where an earlier one stopped
    #[arg(long, value_name = "FROM..TO", value_parser = stretch)]
    pub simulate: Option<Stretch>,
    /// Where the HTTP API listens, in place of `api: { listen: … }`: `127.0.0.1:8123`, or `off`
    #[arg(long, value_name = "ADDRESS", value_parser = listen, conflicts_with = "simulate")]
    pub listen: Option<Listen>,
    #[command(flatten)]
    pub running: Running,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

#[derive(Debug, Args)]
pub struct Queue {
    /// How many that have ended to list besides
    #[arg(long, short = 'n', default_value_t = 10, value_name = "N")]
    pub limit: u32,
}

#[derive(Debug, Subcommand)]
pub enum Run {
    /// Show a request: the job as it runs, its attempts, how it ended
    Show(RunOf),
    /// Stop it, wherever it is, and do not run it again
    Cancel(RunOf),
    /// Stop it, and keep its place in the queue until it is resumed
    Pause(RunOf),
    /// Let a paused one go on from what was committed
    Resume(RunOf),
    /// Ask for the same again
    Retry(RunOf),
    /// Print what happened in it
    Logs(RunLogs),
}

#[derive(Debug, Args)]
pub struct RunOf {
    /// Its number, as `assetctl queue` shows it
    pub request: u64,
}

#[derive(Debug, Args)]
pub struct RunLogs {
    /// Its number, as `assetctl queue` shows it
    pub request: u64,
    /// Go on until it has ended
    #[arg(long, short)]
    pub follow: bool,
}

/// `off`, or an address with a port.
fn listen(text: &str) -> Result<Listen, String> {
    Listen::parse(text).ok_or_else(|| "say `127.0.0.1:8123`, `[::1]:8123`, or `off`".to_owned())
}

/// `2024-03-01..2024-03-31`: from the first instant of a date, or an instant, to the last instant of a date, or an instant.
fn stretch(text: &str) -> Result<Stretch, String> {
    let (from, to) = text.split_once("..").ok_or("say `FROM..TO`, as `2024-03-01..2024-03-31`")?;
    let first = match from.parse::<chrono::NaiveDate>() {
        Ok(date) => date.and_time(chrono::NaiveTime::MIN).and_utc(),
        Err(_) => instant(from)?,
    };
    let to = instant(to)?;
    if first > to { Err(format!("`{text}` ends before it begins")) } else { Ok(Stretch { from: first, to }) }
}
