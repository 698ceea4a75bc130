//! One flag that stops a run: asked between batches, between the nodes of a program, between the sessions of a query.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Shared by everyone who works on a run; once set it stays set. A copy may have a deadline of its own.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    flag: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Cancel {
    pub fn set(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed) || self.is_late()
    }

    /// Whether it is the deadline that stops, and not somebody.
    pub fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The same flag, and a deadline.
    pub fn within(&self, time: Option<Duration>) -> Self {
        Self { flag: Arc::clone(&self.flag), deadline: time.and_then(|time| Instant::now().checked_add(time)) }
    }
}
