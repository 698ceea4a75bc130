//! A program, from its start to its end: in a process group of its own, which ends with it, with the run, or when it is told to.
//!
//! On Unix a shell of the same group waits on a pipe from us. When the pipe closes, because the program is done, because the run was cancelled, or
//! because this process was killed and the system closed it, the shell kills the group: so no child of the program outlives the run, even if
//! nobody is left to tell it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::kinds::{Batch, MakeError};

/// Lines of its standard error that are kept for the message.
const KEPT: usize = 12;
/// How often it is looked whether it has ended.
const TICK: Duration = Duration::from_millis(5);

pub struct Process<'a> {
    pub command: &'a [String],
    /// Where it runs.
    pub folder: &'a Path,
    pub env: &'a BTreeMap<String, String>,
    /// Texts that no message may hold.
    pub secrets: &'a [String],
    pub task: &'a Path,
}

/// What a program has said on the way.
#[derive(Debug, Default)]
pub struct Said {
    /// The last value of each.
    pub metrics: BTreeMap<String, f64>,
    /// Why it did not end well.
    pub complaint: Option<String>,
}

/// Runs the words after it, and kills the group when its standard input ends.
#[cfg(unix)]
const GUARD: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- &
child=$!
{ cat <&3; kill -KILL 0; } >/dev/null 2>&1 &
exec 3<&-
wait "$child"
"#;

#[cfg(unix)]
fn command(words: &[String]) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new("sh");
    command.args(["-c", GUARD, "sh"]).args(words).stdin(Stdio::piped()).process_group(0);
    command
}

#[cfg(not(unix))]
fn command(words: &[String]) -> Command {
    let mut command = Command::new(words.first().map_or("", String::as_str));
    command.args(words.get(1..).unwrap_or_default()).stdin(Stdio::null());
    command
}

/// Ends a program and what it has started.
fn end(child: &mut Child) {
    #[cfg(windows)]
    {
        let _ = Command::new("taskkill").args(["/T", "/F", "/PID", &child.id().to_string()]).output();
    }
    // The guard sees the end of its input.
    drop(child.stdin.take());
}

impl Process<'_> {
    /// Runs it to its end.
    ///
    /// # Errors
    /// [`MakeError::Cancelled`], also when its time is over.
    pub fn run(&self, batch: &Batch<'_>) -> Result<Said, MakeError> {
        let asset = batch.node.name.as_str();
        let mut command = command(self.command);
        command.arg(self.task).env("ASSETCTL_TASK", self.task).envs(self.env);
        if !self.folder.as_os_str().is_empty() {
            command.current_dir(self.folder);
        }
        let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => return Ok(Said { complaint: Some(self.not_started(&error)), ..Said::default() }),
        };
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (status, metrics, last) = std::thread::scope(|scope| {
            let metrics = scope.spawn(|| self.listen(out, asset));
            let last = scope.spawn(|| self.keep(err, asset));
            let status = wait(&mut child, batch);
            // What it may have left running holds the pipes open.
            end(&mut child);
            let status = status.and_then(|status| match status {
                Some(status) => Ok(Some(status)),
                None => child.wait().map(|_| None),
            });
            (status, metrics.join().unwrap_or_default(), last.join().unwrap_or_default())
        });
        let Some(status) = status? else { return Err(MakeError::Cancelled) };
        let complaint = (!status.success()).then(|| {
            let how = match status.code() {
                Some(127) => format!("there is no program `{}`", self.program()),
                Some(code) if code > 128 => format!("it was ended by signal {}", code - 128),
                Some(code) => format!("it ended with code {code}"),
                None => "it was ended by a signal".to_owned(),
            };
            if last.is_empty() { how } else { format!("{how}; the last it said:\n  {}", last.join("\n  ")) }
        });
        Ok(Said { metrics, complaint })
    }

    fn program(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }

    fn not_started(&self, error: &std::io::Error) -> String {
        format!("`{}` cannot be started: {error}", self.program())
    }

    /// Reads its standard output: JSON lines are for us, others are shown with `-v`.
    fn listen(&self, out: Option<impl Read>, asset: &str) -> BTreeMap<String, f64> {
        let mut metrics = BTreeMap::new();
        for line in lines(out) {
            let line = self.hidden(&line);
            let Some(said) = serde_json::from_str::<Value>(&line).ok().filter(Value::is_object) else {
                tracing::info!(asset, "{line}");
                continue;
            };
            if let Some(part) = said.get("progress").and_then(Value::as_f64) {
                tracing::info!(asset, "{:.0} % done", part * 100.0);
            }
            if let Some(text) = said.get("log") {
                tracing::info!(asset, "{}", text.as_str().map_or_else(|| text.to_string(), str::to_owned));
            }
            match said.get("metric") {
                Some(Value::String(name)) => {
                    metrics.extend(said.get("value").and_then(Value::as_f64).map(|value| (name.clone(), value)));
                }
                Some(Value::Object(several)) => {
                    metrics.extend(several.iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))));
                }
                _ => {}
            }
        }
        metrics
    }

    /// Reads its standard error; gives the last lines.
    fn keep(&self, err: Option<impl Read>, asset: &str) -> Vec<String> {
        let mut last = VecDeque::new();
        for line in lines(err) {
            let line = self.hidden(&line);
            tracing::info!(asset, "{line}");
            last.push_back(line);
            if last.len() > KEPT {
                last.pop_front();
            }
        }
        last.into()
    }

    fn hidden(&self, line: &str) -> String {
        self.secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .fold(line.to_owned(), |line, secret| line.replace(secret, "***"))
    }
}

/// Lines of whatever encoding, without their ends.
fn lines(from: Option<impl Read>) -> impl Iterator<Item = String> {
    from.map(BufReader::new)
        .into_iter()
        .flat_map(|reader| reader.split(b'\n').map_while(Result::ok))
        .map(|line| String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
}

/// Waits for its end; `None` when it is to be ended.
fn wait(child: &mut Child, batch: &Batch<'_>) -> std::io::Result<Option<std::process::ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if batch.cancel.is_set() {
            return Ok(None);
        }
        std::thread::sleep(TICK);
    }
}
