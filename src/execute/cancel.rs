//! One flag that stops a run: asked between batches, between the nodes of a program, between the sessions of a query.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Shared by everyone who works on a run; once set it stays set. A copy may have a deadline of its own.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    flag: Arc<AtomicBool>,
    deadline: Option<Instant>,
    /// How often it may still be asked before it is set.
    #[cfg(test)]
    asks_left: Option<Arc<std::sync::atomic::AtomicUsize>>,
}

impl Cancel {
    /// One that is set once it has been asked so often.
    #[cfg(test)]
    pub fn after_asks(asks: usize) -> Self {
        Self { asks_left: Some(Arc::new(asks.into())), ..Self::default() }
    }

    pub fn set(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        #[cfg(test)]
        if let Some(left) = &self.asks_left
            && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err()
        {
            self.set();
        }
        self.is_wanted()
    }

    /// The same for who looks again and again while others work: it counts as no asking.
    pub fn is_wanted(&self) -> bool {
        self.flag.load(Ordering::Relaxed) || self.is_late()
    }

    /// Whether it is the deadline that stops, and not somebody.
    pub fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The same flag, and a deadline.
    pub fn within(&self, time: Option<Duration>) -> Self {
        Self {
            flag: Arc::clone(&self.flag),
            deadline: time.and_then(|time| Instant::now().checked_add(time)),
            ..self.clone()
        }
    }
}
