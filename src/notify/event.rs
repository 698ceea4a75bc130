//! What is read of an event: a JSON object `{ "at", "kind", "severity", "message", "job", "asset", "tags", … }`, of which only `kind` must be
//! there.

use assetctl_config::EventSeverity;
use serde_json::Value;

/// An event, as far as observers look at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event<'a>(pub &'a Value);

impl<'a> Event<'a> {
    pub fn text(self, key: &str) -> Option<&'a str> {
        self.0.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A field as people read it: a text as it is, a number as JSON writes it.
    pub fn shown(self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    pub fn kind(self) -> &'a str {
        self.text("kind").unwrap_or("event")
    }

    /// What is not said is `info`.
    pub fn severity(self) -> EventSeverity {
        match self.text("severity") {
            Some("error") => EventSeverity::Error,
            Some("warn") => EventSeverity::Warn,
            _ => EventSeverity::Info,
        }
    }

    /// The texts under `one` and in the list `many`.
    pub fn all(self, one: &str, many: &str) -> Vec<&'a str> {
        let list = self.0.get(many).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        self.text(one).into_iter().chain(list).collect()
    }
}

/// The worst of some events.
pub(crate) fn worst(events: &[Value]) -> EventSeverity {
    events.iter().map(|event| Event(event).severity()).max().unwrap_or_default()
}
