//! The progress bar: one for the run, in sessions; it knows from the plan how many there can be, and takes back those that turn
//! out not to be stale, so that it never claims more than is so.

use std::collections::HashMap;
use std::time::Duration;

use assetctl_execute::{AssetStatus, RunEvent};
use assetctl_plan::Plan;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub struct Progress {
    bar: ProgressBar,
    quiet: bool,
    /// Sessions of each asset that are still counted in the bar's length.
    open: HashMap<String, u64>,
    running: Vec<String>,
    /// How far those are that ask somebody.
    asking: HashMap<String, String>,
}

impl Progress {
    pub fn new(plan: &Plan, quiet: bool) -> Self {
        let open: HashMap<String, u64> = plan
            .assets
            .iter()
            .map(|asset| (asset.asset.clone(), u64::from(asset.certain() + asset.possible())))
            .collect();
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(open.values().sum()), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} partitions {elapsed} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, quiet, open, running: Vec::new(), asking: HashMap::new() }
    }

    pub fn on(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunStarted { .. } => {}
            RunEvent::AssetStarted { asset, sessions } => {
                self.resize(asset, u64::from(*sessions));
                self.running.push(asset.clone());
            }
            RunEvent::BatchCommitted { asset, sessions, .. } => {
                let open = self.open.entry(asset.clone()).or_default();
                let done = u64::from(*sessions);
                if done > *open {
                    self.bar.inc_length(done - *open);
                }
                *open = open.saturating_sub(done);
                self.bar.inc(done);
            }
            RunEvent::Asking { asset, done, of, waits, .. } => {
                let waits = waits.as_ref().map(|waits| format!(", {waits}")).unwrap_or_default();
                self.asking.insert(asset.clone(), format!("{asset} ({done}/{of} calls{waits})"));
            }
            RunEvent::Noted { asset, note } => self.say(&format!("warning: {asset}: {note}")),
            RunEvent::CheckWarned { asset, session, check, message } => {
                self.say(&format!("warning: {asset}@{session}: {check}: {message}"));
            }
            RunEvent::Late { asset, session, warns: true, message } => {
                self.say(&format!("warning: {asset}@{session}: freshness: {message}"));
            }
            // The report of the run says it.
            RunEvent::Late { warns: false, .. } | RunEvent::CheckFailed { .. } => {}
            RunEvent::AssetFinished(report) => {
                self.resize(&report.asset, 0);
                self.running.retain(|asset| *asset != report.asset);
                if report.status == AssetStatus::Failed
                    && let Some(error) = &report.error
                {
                    self.say(&format!("{}: {error}", report.asset));
                }
            }
        }
        let shown = |asset: &String| self.asking.get(asset).unwrap_or(asset).clone();
        self.bar.set_message(self.running.iter().map(shown).collect::<Vec<_>>().join(", "));
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Sessions of an asset that are still to come.
    fn resize(&mut self, asset: &str, now: u64) {
        let open = self.open.entry(asset.to_owned()).or_default();
        let length = self.bar.length().unwrap_or_default() + now;
        self.bar.set_length(length.saturating_sub(*open));
        *open = now;
    }

    fn say(&self, message: &str) {
        if !self.quiet {
            self.bar.suspend(|| anstream::eprintln!("{message}"));
        }
    }
}
