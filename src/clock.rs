//! The one clock. Everything else takes `now` as an argument.

use chrono::{DateTime, Utc};

/// The wall clock, or an instant that the user asked for.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    fixed: Option<DateTime<Utc>>,
}

impl Clock {
    pub fn new(fixed: Option<DateTime<Utc>>) -> Self {
        Self { fixed }
    }

    /// The instant that decides what is final.
    pub fn now(self) -> DateTime<Utc> {
        self.fixed.unwrap_or_else(|| self.wall())
    }

    /// The instant at which something happened, for records: not to be argued with.
    #[expect(clippy::disallowed_methods, clippy::unused_self, reason = "this is the clock")]
    pub fn wall(self) -> DateTime<Utc> {
        Utc::now()
    }
}
