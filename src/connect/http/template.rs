//! Texts with `{{ … }}` in them, filled in for one call.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde_json::{Map, Number, Value as Json};

/// What names stand for in a template.
pub(super) type Names = BTreeMap<String, Value>;

/// Renders templates. Names that stand for nothing are errors.
pub(super) struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    pub fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_filter("date", format_date);
        environment.add_filter("plus_days", plus_days);
        environment.add_filter("epoch", |date: String, zone: Option<String>| epoch(&date, zone.as_deref()));
        environment.add_filter("epoch_ms", |date: String, zone: Option<String>| {
            epoch(&date, zone.as_deref()).map(|seconds| seconds * 1000)
        });
        environment.add_filter("urlencode", |text: String| {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
        });
        Self { environment }
    }

    /// A text with its `{{ … }}` filled in.
    ///
    /// # Errors
    /// What is wrong with the template, in words.
    pub fn text(&self, template: &str, names: &Names) -> Result<String, String> {
        if !template.contains('{') {
            return Ok(template.to_owned());
        }
        self.environment.render_str(template, names.clone()).map_err(|error| in_words(&error, names))
    }

    /// A value in which texts are templates. A text that is nothing but one `{{ … }}` becomes what stands there: a list, a number.
    ///
    /// # Errors
    /// As [`Templates::text`].
    pub fn json(&self, value: &Json, names: &Names) -> Result<Json, String> {
        Ok(match value {
            Json::String(text) => match alone(text) {
                Some(expression) => {
                    let evaluated =
                        self.environment.compile_expression(expression).and_then(|all| all.eval(names.clone()));
                    to_json(&evaluated.map_err(|error| in_words(&error, names))?)
                }
                None => Json::String(self.text(text, names)?),
            },
            Json::Array(items) => {
                Json::Array(items.iter().map(|item| self.json(item, names)).collect::<Result<_, _>>()?)
            }
            Json::Object(map) => {
                let mut filled = Map::with_capacity(map.len());
                for (key, value) in map {
                    filled.insert(key.clone(), self.json(value, names)?);
                }
                Json::Object(filled)
            }
            other => other.clone(),
        })
    }
}

/// The expression of a text that is nothing but one `{{ expression }}`.
fn alone(text: &str) -> Option<&str> {
    let inside = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inside.contains("{{") && !inside.contains("}}")).then_some(inside)
}

fn in_words(error: &Error, names: &Names) -> String {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    if error.kind() == ErrorKind::UndefinedError {
        let known: Vec<&str> = names.keys().map(String::as_str).collect();
        return format!("a name in it stands for nothing here; there are `{}`", known.join("`, `"));
    }
    detail
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn parse(date: &str) -> Result<NaiveDate, Error> {
    date.parse().map_err(|_| wrong(format!("`{date}` is not a date")))
}

/// A date, or an instant (`opens`, `closes`), as `strftime` writes it; of an instant on the exchange's clock, or in a zone.
fn format_date(date: String, format: String, zone: Option<String>) -> Result<String, Error> {
    let mut text = String::new();
    let written = match (DateTime::parse_from_rfc3339(&date), zone) {
        (Ok(instant), None) => write!(text, "{}", instant.format(&format)),
        (Ok(instant), Some(zone)) => write!(text, "{}", instant.with_timezone(&parse_zone(&zone)?).format(&format)),
        (Err(_), _) => write!(text, "{}", parse(&date)?.format(&format)),
    };
    written.map_err(|_| wrong(format!("`{format}` is not a date format")))?;
    Ok(text)
}

fn parse_zone(zone: &str) -> Result<Tz, Error> {
    zone.parse().map_err(|_| wrong(format!("there is no time zone `{zone}`")))
}

fn plus_days(date: String, days: i64) -> Result<String, Error> {
    let moved = chrono::Duration::try_days(days).and_then(|days| parse(&date).ok()?.checked_add_signed(days));
    moved.map(|date| date.to_string()).ok_or_else(|| wrong(format!("there is no date {days} days after `{date}`")))
}

/// Seconds from 1970-01-01T00:00Z to an instant, or to a date's midnight in a zone (default UTC).
fn epoch(date: &str, zone: Option<&str>) -> Result<i64, Error> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(date) {
        return Ok(instant.timestamp());
    }
    let midnight = parse(date)?.and_time(NaiveTime::MIN);
    let Some(zone) = zone else { return Ok(Utc.from_utc_datetime(&midnight).timestamp()) };
    let zone = parse_zone(zone)?;
    // A midnight that summer time leaves out is the instant at which the day begins.
    let instant = zone
        .from_local_datetime(&midnight)
        .earliest()
        .or_else(|| zone.from_local_datetime(&(midnight + chrono::Duration::hours(1))).earliest());
    instant.map(|instant| instant.timestamp()).ok_or_else(|| wrong(format!("`{date}` has no midnight in {zone}")))
}

/// A value for templates.
pub(super) fn from_json(value: &Json) -> Value {
    match value {
        Json::Null => Value::from(""),
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
    match value.kind() {
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => match i64::try_from(value.clone()) {
            Ok(whole) => Json::from(whole),
            Err(_) => f64::try_from(value.clone()).ok().and_then(Number::from_f64).map_or(Json::Null, Json::Number),
        },
        ValueKind::String => Json::from(value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Iterable => match value.try_iter() {
            Ok(items) => Json::Array(items.map(|item| to_json(&item)).collect()),
            Err(_) => Json::Null,
        },
        ValueKind::Map => {
            let keys = value.try_iter().map(|keys| keys.collect::<Vec<_>>()).unwrap_or_default();
            let pair = |key: &Value| (key.to_string(), value.get_item(key).map_or(Json::Null, |item| to_json(&item)));
            Json::Object(keys.iter().map(pair).collect())
        }
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names() -> Names {
        let symbols: Value = ["600519.SH", "000001.SZ"].into_iter().collect();
        let opens = ("opens", Value::from("2024-03-08T21:00:00+08:00"));
        [opens, ("session", Value::from("2024-03-11")), ("instruments", symbols), ("cursor", Value::from(""))]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    #[test]
    fn dates_are_written_as_vendors_want_them() {
        let text = |template: &str| Templates::new().text(template, &names()).unwrap();
        assert_eq!(text("{{ session | date('%Y%m%d') }}"), "20240311");
        assert_eq!(text("{{ session | plus_days(-11) }}"), "2024-02-29");
        assert_eq!(text("{{ (session | plus_days(1) | epoch_ms) - 1 }}"), "1710201599999");
        // The day after summer time begins in New York: midnight is at 04:00 in UTC, two days before at 05:00.
        assert_eq!(text("{{ session | epoch('America/New_York') }}"), "1710129600");
        assert_eq!(text("{{ session | plus_days(-1) | epoch('America/New_York') }}"), "1710046800");
        assert_eq!(text("{{ opens | date('%Y%m%d %H:%M') }}"), "20240308 21:00");
        assert_eq!(text("{{ opens | date('%Y%m%d %H:%M', 'UTC') }}"), "20240308 13:00");
        assert_eq!(text("{{ opens | epoch_ms }} {{ opens | epoch('UTC') }}"), "1709902800000 1709902800");
        assert_eq!(text("{{ cursor or (session | epoch) }}"), "1710115200");
        assert_eq!(text("{{ instruments | join(',') }}"), "600519.SH,000001.SZ");
        assert_eq!(text("{{ '^GS PC/x' | urlencode }}"), "%5EGS%20PC%2Fx");
    }

    #[test]
    fn a_body_keeps_the_types_of_what_stands_alone() {
        let body = json!({ "ids": "{{ instruments }}", "day": "{{ session | date('%Y%m%d') | int }}", "text": "on {{ session }}", "n": 1 });
        let filled = Templates::new().json(&body, &names()).unwrap();
        let expected = json!({ "ids": ["600519.SH", "000001.SZ"], "day": 20240311, "text": "on 2024-03-11", "n": 1 });
        assert_eq!(filled, expected);
    }

    #[test]
    fn mistakes_are_said_in_words() {
        let said = |template: &str| Templates::new().text(template, &names()).unwrap_err();
        assert!(said("{{ instrument }}").contains("there are `cursor`, `instruments`, `opens`, `session`"));
        assert!(said("{{ session | dat }}").contains("dat"));
        assert_eq!(said("{{ session | date('%Q') }}"), "`%Q` is not a date format");
        assert_eq!(said("{{ session | epoch('Nowhere') }}"), "there is no time zone `Nowhere`");
    }
}
