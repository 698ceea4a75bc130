//! Metrics: counters of what has happened since the program began, and gauges of how it is now.
//!
//! - [`families`]: metrics with names, labels and help
//! - [`counted`]: all that are counted, by events
//! - [`state`]: how it is now, handed in whenever somebody asks, and its gauges
//! - [`process`]: what the process takes of the machine
//! - [`text`]: the text of Prometheus, from that of OpenMetrics
//! - [`serving`]: the address that is asked

mod counted;
mod families;
mod process;
mod serving;
mod state;
mod text;

use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use serde_json::Value;

use self::counted::Counted;
pub use self::counted::Declared;
pub use self::families::Described;
use self::families::Families;
use self::process::ProcessGauges;
pub use self::serving::{Look, Router, listen, routes};
use self::state::StateGauges;
pub use self::state::{AssetState, Messages, Publishing, State};
pub use self::text::Format;
use crate::event::Event;

/// All metrics of the program.
pub struct Metrics {
    families: Families,
    counted: Counted,
    state: StateGauges,
    process: ProcessGauges,
    /// Who asks waits for who asked before: what is shown is of one instant.
    asked: Mutex<()>,
}

impl Metrics {
    /// `version` of the program.
    pub fn new(version: &str) -> Self {
        let mut families = Families::default();
        let counted = Counted::new(&mut families);
        let state = StateGauges::new(&mut families, version);
        let process = ProcessGauges::new(&mut families);
        Self { families, counted, state, process, asked: Mutex::new(()) }
    }

    /// Begins to count for all that is declared.
    pub fn expect(&self, declared: &Declared) {
        self.counted.expect(declared);
    }

    /// Counts an event of the daemon.
    pub fn observe(&self, event: &Value) {
        self.counted.observe(Event(event));
    }

    /// Counts events that came too fast to be seen.
    pub fn missed(&self, events: u64) {
        self.counted.missed.inc_by(events);
    }

    /// When a job succeeded last, as far as the store knows: so that a daemon that begins does not forget it.
    pub fn remember_success(&self, job: &str, at: chrono::DateTime<chrono::Utc>) {
        self.counted.last_success.of([job]).set(at.timestamp_millis() as f64 / 1e3);
    }

    /// All metrics as text. Without a state those that need one are left out.
    ///
    /// # Errors
    /// None that could be made to happen: it is written to memory.
    pub fn text(&self, state: Option<&State>, format: Format) -> Result<String, std::fmt::Error> {
        let _one_at_a_time = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        self.state.show(state);
        self.process.show();
        let mut open = String::new();
        encode(&mut open, &self.families.registry)?;
        let open = text::tidied(&open);
        Ok(match format {
            Format::OpenMetrics => open,
            Format::Prometheus => text::prometheus(&open),
        })
    }

    /// What there is, in the order of the text.
    pub fn described(&self) -> &[Described] {
        &self.families.described
    }
}

#[cfg(test)]
mod packaging;
#[cfg(test)]
mod tests;
