//! Run events of OpenLineage: what ran, what it read and what it wrote, for catalogues of data.
//!
//! - [`datasets`]: assets as datasets
//! - [`facets`]: what is said of runs, jobs and datasets, each with the address of its schema
//! - [`run_events`]: events → run events
//! - [`sending`]: run events → a receiver, in order, by a bounded queue

mod datasets;
mod facets;
mod run_events;
mod sending;

use std::sync::{Mutex, PoisonError};

use serde_json::Value;

pub use self::datasets::{Dataset, Origin};
use self::run_events::RunEvents;
pub use self::sending::LineageError;
use self::sending::Sender;
use crate::Tell;
use crate::event::Event;

/// Where run events go.
#[derive(Clone)]
pub struct LineageTo {
    /// The address of a receiver: `http://localhost:5000`. `/api/v1/lineage` is put behind it unless it has a path.
    pub url: String,
    /// What jobs and datasets belong to.
    pub namespace: String,
    /// Shown to the receiver as a bearer.
    pub token: Option<String>,
}

/// Makes run events of events and posts them.
pub struct Lineage {
    events: Mutex<RunEvents>,
    sender: Sender,
}

impl Lineage {
    /// Begins to post; must be called within a runtime of tokio, which does it.
    ///
    /// # Errors
    /// [`LineageError`]: the address is none.
    pub fn new(to: &LineageTo, version: &str, tell: Tell) -> Result<Self, LineageError> {
        let events = Mutex::new(RunEvents::new(&to.namespace, version));
        Ok(Self { events, sender: Sender::new(to, tell)? })
    }

    /// The assets as they are declared from now on.
    pub fn know(&self, datasets: Vec<Dataset>) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).know(datasets);
    }

    /// Takes an event of the daemon. Never waits: where the receiver does not answer, the oldest run events are dropped.
    pub fn observe(&self, event: &Value) {
        for made in self.events.lock().unwrap_or_else(PoisonError::into_inner).observe(Event(event)) {
            self.sender.send(made);
        }
    }

    /// Posts what is left, for two seconds at most.
    pub async fn end(&self) {
        self.sender.end().await;
    }
}
