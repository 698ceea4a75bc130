//! Whether the loop goes on.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When the queue was last looked at with success, for who watches over the daemon.
#[derive(Debug)]
pub struct Pulse(Mutex<Instant>);

impl Pulse {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    pub(crate) fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// How long ago that was.
    pub fn age(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}
