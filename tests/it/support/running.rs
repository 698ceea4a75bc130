//! The program while it runs: started, watched, interrupted, killed.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::output::Output;
use super::project::{NOW, Project};

/// After this long a test gives up waiting, whatever the machine is doing besides.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "waited a minute in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A process of the program. Killed when dropped.
pub struct Running {
    command: String,
    child: Option<Child>,
}

impl Project {
    /// Starts the program at [`NOW`] and does not wait for it.
    pub fn start(&self, args: &[&str]) -> Running {
        self.start_at(NOW, args)
    }

    /// Starts the program as if it were this instant.
    pub fn start_at(&self, now: &str, args: &[&str]) -> Running {
        let all: Vec<&str> = args.iter().copied().chain(["--now", now]).collect();
        let child = self.command(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Running { command: format!("assetctl {}", args.join(" ")), child: Some(child) }
    }

    /// How many segment files an asset has on disk, in the ledger or not.
    pub fn segment_count(&self, asset: &str) -> usize {
        self.segments(asset).iter().filter(|path| is_segment(path)).count()
    }
}

fn is_segment(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    !name.starts_with('.') && name.ends_with(".parquet")
}

impl Running {
    /// Starts a command.
    pub fn new(mut command: std::process::Command, name: &str) -> Self {
        Self { command: format!("assetctl {name}"), child: Some(command.spawn().unwrap()) }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Waits for its end. What it writes must fit into a pipe (64 kB).
    pub fn wait(mut self) -> Output {
        let child = self.child.take().unwrap();
        Output::new(self.command.clone(), &child.wait_with_output().unwrap())
    }

    /// Kills it as an operating system does: no handler runs. Whether it was still running is told by its exit code.
    pub fn kill(mut self) -> Output {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
        }
        self.wait()
    }

    /// Ctrl-C.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    /// What a service manager sends.
    #[cfg(unix)]
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    #[cfg(unix)]
    fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        let sent = std::process::Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
