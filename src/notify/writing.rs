//! Events → title and text.

use std::collections::BTreeMap;
use std::fmt::Write;

use assetctl_config::EventSeverity;
use minijinja::{AutoEscape, Environment, Output, UndefinedBehavior, Value};
use serde_json::Value as Json;

use crate::event::{Event, worst};

/// More events than this are counted and not listed.
const MOST_LISTED: usize = 20;
/// Of a message, so many characters are quoted.
const LONGEST_MESSAGE: usize = 600;

/// How a receiver writes bold letters, lists, and the characters that mean something to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Markup {
    Plain,
    /// Slack's `mrkdwn`.
    Slack,
    /// Markdown as Feishu's cards have it, in which `<` begins a tag.
    Card,
    Markdown,
}

impl Markup {
    /// A text that means nothing but itself.
    fn escape(self, text: &str) -> String {
        match self {
            Self::Plain | Self::Markdown => text.to_owned(),
            // The three that Slack asks for, and no others.
            Self::Slack => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
            Self::Card => text.replace('<', "&#60;").replace('>', "&#62;"),
        }
    }

    fn bold(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Slack => format!("*{text}*"),
            Self::Card | Self::Markdown => format!("**{text}**"),
        }
    }

    fn bullet(self) -> &'static str {
        match self {
            Self::Slack => "• ",
            Self::Plain | Self::Card | Self::Markdown => "- ",
        }
    }
}

/// The templates of one observer.
#[derive(Debug, Clone)]
pub(crate) struct Writing {
    pub observer: String,
    pub markup: Markup,
    pub title: Option<String>,
    pub text: Option<String>,
}

/// A message as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// One line, without markup.
    pub title: String,
    pub text: String,
    pub severity: EventSeverity,
}

impl Writing {
    /// A message about some events. A template that cannot be filled in is replaced by the default, which then says why: better a message that
    /// looks other than wished than none.
    pub fn write(&self, events: &[Json]) -> Written {
        let names = names(&self.observer, events);
        let mut mistakes = Vec::new();
        let mut filled = |template: &Option<String>, markup: Markup, default: &dyn Fn() -> String| match template {
            None => default(),
            Some(template) => render(template, &names, markup).unwrap_or_else(|mistake| {
                mistakes.push(mistake);
                default()
            }),
        };
        let title = filled(&self.title, Markup::Plain, &|| default_title(events));
        let mut text = filled(&self.text, self.markup, &|| default_text(events, self.markup));
        for mistake in mistakes {
            let _ = write!(text, "\n(a template cannot be filled in: {})", self.markup.escape(&mistake));
        }
        let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
        Written { title, text, severity: worst(events) }
    }
}

/// The key by which an event is told from others.
pub(crate) fn key(template: Option<&str>, observer: &str, event: &Json) -> String {
    let events = std::slice::from_ref(event);
    template.and_then(|template| render(template, &names(observer, events), Markup::Plain).ok()).unwrap_or_else(|| {
        let fields = ["kind", "job", "asset", "check", "schedule", "sensor"];
        fields.map(|field| Event(event).shown(field).unwrap_or_default()).join("\u{1f}")
    })
}

/// What a template has: all of the first event, and the rest by name.
fn names(observer: &str, events: &[Json]) -> BTreeMap<String, Value> {
    let first = events.first().map(from_json).unwrap_or_default();
    let mut names: BTreeMap<String, Value> = match events.first() {
        Some(Json::Object(fields)) => fields.iter().map(|(key, value)| (key.clone(), from_json(value))).collect(),
        _ => BTreeMap::new(),
    };
    names.insert("event".to_owned(), first);
    names.insert("events".to_owned(), events.iter().map(from_json).collect());
    names.insert("count".to_owned(), Value::from(events.len()));
    names.insert("severity".to_owned(), Value::from(worst(events).name()));
    names.insert("observer".to_owned(), Value::from(observer));
    names
}

/// Makes sure that a text is a template.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn parse(template: &str) -> Result<(), String> {
    environment(Markup::Plain).template_from_str(template).map(drop).map_err(|error| in_words(&error))
}

fn render(template: &str, names: &BTreeMap<String, Value>, markup: Markup) -> Result<String, String> {
    environment(markup).render_str(template, names.clone()).map_err(|error| in_words(&error))
}

/// What an event does not have is empty: an alarm that fails for a field that this kind of event lacks would be worse.
fn environment(markup: Markup) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(move |output: &mut Output, _, value| {
        let text = if value.is_none() || value.is_undefined() { String::new() } else { value.to_string() };
        let text = if value.is_safe() { text } else { markup.escape(&text) };
        output.write_str(&text).map_err(minijinja::Error::from)
    });
    environment.add_filter("tojson", |value: Value| Value::from_safe_string(to_json(&value).to_string()));
    environment
}

fn in_words(error: &minijinja::Error) -> String {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) => format!("line {line}: {what}"),
        None => what,
    }
}

fn from_json(value: &Json) -> Value {
    match value {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(from_json).collect(),
        Json::Object(map) => {
            Value::from(map.iter().map(|(key, value)| (key.clone(), from_json(value))).collect::<BTreeMap<_, _>>())
        }
    }
}

fn to_json(value: &Value) -> Json {
    use minijinja::value::ValueKind;
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => match i64::try_from(value.clone()) {
            Ok(whole) => Json::from(whole),
            Err(_) => f64::try_from(value.clone()).map_or(Json::Null, Json::from),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter().map_or(Json::Null, |items| items.map(|item| to_json(&item)).collect())
        }
        ValueKind::Map => value.try_iter().map_or(Json::Null, |keys| {
            keys.map(|key| (key.to_string(), value.get_item(&key).map_or(Json::Null, |value| to_json(&value))))
                .collect()
        }),
        _ => Json::from(value.to_string()),
    }
}

/// `ERROR run_failed: job sync`, or `ERROR 5 events: 3 run_failed, 2 check_failed`.
fn default_title(events: &[Json]) -> String {
    let severity = worst(events).name().to_uppercase();
    if let [one] = events {
        let event = Event(one);
        return match subject(event).into_iter().next() {
            Some((noun, name)) => format!("{severity} {}: {noun} {name}", event.kind()),
            None => format!("{severity} {}", event.kind()),
        };
    }
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for event in events {
        let kind = Event(event).kind();
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    format!("{severity} {} events: {}", events.len(), kinds.join(", "))
}

/// What an event is about: (noun, name), the most telling first.
fn subject(event: Event<'_>) -> Vec<(&'static str, String)> {
    ["job", "asset", "schedule", "sensor", "check", "session", "run"]
        .into_iter()
        .filter_map(|noun| Some((noun, event.shown(noun)?)))
        .collect()
}

fn default_text(events: &[Json], markup: Markup) -> String {
    let mut lines: Vec<String> =
        events.iter().take(MOST_LISTED).map(|event| line(Event(event), events.len() > 1, markup)).collect();
    if events.len() > MOST_LISTED {
        lines.push(format!("{}and {} more", markup.bullet(), events.len() - MOST_LISTED));
    }
    lines.join("\n")
}

/// `2024-03-15T01:00:07Z run_failed: job sync, run 12: the vendor does not answer`
fn line(event: Event<'_>, listed: bool, markup: Markup) -> String {
    let mut line = String::new();
    if listed {
        line.push_str(markup.bullet());
    }
    if let Some(at) = event.text("at") {
        let _ = write!(line, "{} ", markup.escape(at));
    }
    line.push_str(&markup.bold(&markup.escape(event.kind())));
    let about: Vec<String> = subject(event).into_iter().map(|(noun, name)| format!("{noun} {name}")).collect();
    if !about.is_empty() {
        let _ = write!(line, ": {}", markup.escape(&about.join(", ")));
    }
    if let Some(message) = event.text("message") {
        let _ = write!(line, ": {}", markup.escape(&shortened(message, LONGEST_MESSAGE)));
    }
    if let Some(repeated) = event.shown("repeated") {
        let _ = write!(line, " (and {repeated} times since it was last told)");
    }
    line
}

/// At most so many characters; what was cut off is `…`.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// At most so many bytes of UTF-8; what was cut off is `…`.
pub(crate) fn shortened_bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn writing(markup: Markup, title: Option<&str>, text: Option<&str>) -> Writing {
        Writing { observer: "desk".into(), markup, title: title.map(str::to_owned), text: text.map(str::to_owned) }
    }

    fn failed() -> Json {
        json!({ "at": "2024-03-15T01:00:07Z", "kind": "run_failed", "severity": "error", "run": 12, "job": "sync",
                "message": "a < b & c", "asset": null })
    }

    #[test]
    fn without_templates_a_message_says_what_when_and_why() {
        let warned =
            json!({ "kind": "check_warned", "severity": "warn", "asset": "raw_bars", "check": "jump", "repeated": 2 });
        let one = writing(Markup::Plain, None, None).write(&[failed()]);
        assert_eq!(one.title, "ERROR run_failed: job sync");
        assert_eq!(one.text, "2024-03-15T01:00:07Z run_failed: job sync, run 12: a < b & c");
        assert_eq!(one.severity, EventSeverity::Error);
        let two = writing(Markup::Slack, None, None).write(&[failed(), warned.clone()]);
        assert_eq!(two.title, "ERROR 2 events: 1 run_failed, 1 check_warned");
        assert_eq!(
            two.text,
            "• 2024-03-15T01:00:07Z *run_failed*: job sync, run 12: a &lt; b &amp; c\n\
             • *check_warned*: asset raw_bars, check jump (and 2 times since it was last told)"
        );
        let many: Vec<Json> = std::iter::repeat_n(warned, 25).collect();
        let many = writing(Markup::Card, None, None).write(&many).text;
        assert!(many.ends_with("\n- and 5 more") && many.lines().count() == 21, "{many}");
    }

    #[test]
    fn a_template_has_the_first_event_and_all_of_them() {
        let title = "{{ observer }}:\n {{ kind }} {{ count }} {{ severity }} {{ nothing.at.all }}";
        let text =
            "<!here> {% for event in events %}{{ event.run }} {{ event.message }}{% endfor %} {{ event | tojson }}";
        let written = writing(Markup::Slack, Some(title), Some(text)).write(&[failed()]);
        assert_eq!(written.title, "desk: run_failed 1 error");
        let json = r#"{"asset":null,"at":"2024-03-15T01:00:07Z","job":"sync","kind":"run_failed","message":"a < b & c","run":12,"severity":"error"}"#;
        assert_eq!(written.text, format!("<!here> 12 a &lt; b &amp; c {json}"));
    }

    #[test]
    fn a_template_that_fails_is_no_reason_to_be_silent() {
        let written = writing(Markup::Plain, None, Some("x\n{{ event.run | nothing }}")).write(&[failed()]);
        assert!(written.text.starts_with("2024-03-15T01:00:07Z run_failed"), "{}", written.text);
        assert!(written.text.contains("(a template cannot be filled in: line 2: "), "{}", written.text);
        assert!(parse("{{ open").unwrap_err().starts_with("line 1: "));
    }

    #[test]
    fn keys_tell_events_apart() {
        let other = json!({ "kind": "run_failed", "job": "sync", "run": 13 });
        assert_eq!(key(None, "desk", &failed()), key(None, "desk", &other));
        assert_eq!(key(Some("{{ kind }}/{{ run }}"), "desk", &other), "run_failed/13");
        assert_eq!(key(Some("{{ broken"), "desk", &other), key(None, "desk", &other));
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!((shortened("中文字", 2).as_str(), shortened("中文", 2).as_str()), ("中…", "中文"));
        assert_eq!((shortened_bytes("中文字", 8).as_str(), shortened_bytes("中文", 6).as_str()), ("中…", "中文"));
    }
}
