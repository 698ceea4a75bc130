//! The fields of an event.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// An event as the daemon tells it. What it does not have is empty, or zero.
#[derive(Clone, Copy)]
pub(crate) struct Event<'a>(pub &'a Value);

impl<'a> Event<'a> {
    pub fn kind(self) -> &'a str {
        self.text("kind")
    }

    pub fn text(self, key: &str) -> &'a str {
        self.maybe(key).unwrap_or_default()
    }

    pub fn maybe(self, key: &str) -> Option<&'a str> {
        self.0.get(key).and_then(Value::as_str)
    }

    pub fn count(self, key: &str) -> u64 {
        self.0.get(key).and_then(Value::as_u64).unwrap_or_default()
    }

    pub fn number(self, key: &str) -> Option<f64> {
        self.0.get(key).and_then(Value::as_f64).filter(|number| number.is_finite())
    }

    pub fn request(self) -> Option<u64> {
        self.0.get("request").and_then(Value::as_u64)
    }

    /// When it happened; `None` if it does not say so in a way that can be read.
    pub fn at(self) -> Option<DateTime<Utc>> {
        self.instant("at")
    }

    pub fn instant(self, key: &str) -> Option<DateTime<Utc>> {
        self.maybe(key)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_event_does_not_have_is_empty() {
        let value = json!({ "kind": "run_started", "request": "3", "rows": -1, "at": "yesterday", "seconds": 1.5 });
        let event = Event(&value);
        assert_eq!((event.kind(), event.text("job"), event.request()), ("run_started", "", None));
        assert_eq!((event.count("rows"), event.at(), event.number("seconds")), (0, None, Some(1.5)));
        let other = Event(&Value::Null);
        assert_eq!((other.kind(), other.count("rows")), ("", 0));
    }
}
