//! A query's template → SQL with placeholders. Whatever stands in `{{ … }}` is bound as a parameter and never becomes part of the SQL.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

/// What is bound to a placeholder.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Param {
    Date(NaiveDate),
    /// An instant, and its time on the clock by which the source writes times.
    Moment(DateTime<Utc>, NaiveDateTime),
    Text(String),
    Integer(i64),
    Double(f64),
}

/// How a database writes its placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholders {
    /// `$1`, `$2`, …
    Numbered,
    /// `?`
    Marks,
}

/// What a query is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub first: NaiveDate,
    pub last: NaiveDate,
    /// From the opening of the first session, its night included, to the close of the last.
    pub hours: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// In which the source writes times.
    pub zone: Tz,
    pub instruments: &'a [String],
}

/// SQL, and what its placeholders stand for, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    pub sql: String,
    pub params: Vec<Param>,
}

/// A query that was looked at.
#[derive(Debug, Clone)]
pub(super) struct Template {
    source: String,
    /// It is of one session, and is asked once for each.
    pub is_of_session: bool,
}

/// What is wrong with a template, and on which line of it (from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TemplateError {
    pub line: Option<usize>,
    pub message: String,
    pub help: Option<String>,
}

/// A date in a template: bound as a date, or written by the filter `date`.
#[derive(Debug, Clone, Copy)]
struct Day(NaiveDate);

impl Object for Day {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An instant in a template: bound as a time, or written by the filters `date`, `epoch` and `epoch_ms`.
#[derive(Debug, Clone, Copy)]
struct Moment(DateTime<Tz>);

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.to_rfc3339())
    }
}

impl Template {
    /// # Errors
    /// A template that cannot be read, or that does not say which sessions it asks for.
    pub fn new(source: &str) -> Result<Self, TemplateError> {
        if let Some(at) = quoted(source) {
            return Err(TemplateError {
                line: Some(source[..at].matches('\n').count() + 1),
                message: "a value stands in quotes".to_owned(),
                help: Some("leave the quotes away: values are bound as parameters, with their type".to_owned()),
            });
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let names = environment
            .template_from_str(source)
            .map(|template| template.undeclared_variables(false))
            .map_err(|error| of_minijinja(&error))?;
        let has = |name: &str| names.contains(name);
        let is_of_session = has("session");
        let is_of_hours = has("opens") && has("closes");
        if is_of_session && (has("first") || has("last")) {
            return Err(TemplateError {
                line: None,
                message: "the query asks for a session and for a range of them".to_owned(),
                help: Some("use `{{ session }}` alone, or `{{ first }}` and `{{ last }}`".to_owned()),
            });
        }
        if !is_of_session && !is_of_hours && !(has("first") && has("last")) {
            return Err(TemplateError {
                line: None,
                message: "the query does not say which sessions it asks for".to_owned(),
                help: Some(
                    "end it with `where session between {{ first }} and {{ last }}`, or with `where session = {{ session }}` to be asked \
                     once for each"
                        .to_owned(),
                ),
            });
        }
        let template = Self { source: source.to_owned(), is_of_session };
        // What only shows when it is rendered, shows now.
        let sample = NaiveDate::default();
        let (instruments, instant) = (["sample".to_owned()], DateTime::UNIX_EPOCH);
        let hours = Some((instant, instant));
        let wanted = Wanted { first: sample, last: sample, hours, zone: Tz::UTC, instruments: &instruments };
        template.render(Placeholders::Marks, wanted)?;
        Ok(template)
    }

    /// The text of it without white space around it, and without the semicolon at its end.
    pub fn source(&self) -> &str {
        trimmed(&self.source)
    }

    /// # Errors
    /// A value of a kind that cannot be bound.
    pub fn render(&self, placeholders: Placeholders, wanted: Wanted<'_>) -> Result<Statement, TemplateError> {
        let params: Arc<Mutex<Vec<Param>>> = Arc::default();
        let bound = Arc::clone(&params);
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_filter("date", |day: Value, format: Option<String>| written(&day, format.as_deref()));
        environment.add_filter("epoch", |at: Value| Ok::<_, Error>(moment(&at, "epoch")?.timestamp()));
        environment.add_filter("epoch_ms", |at: Value| Ok::<_, Error>(moment(&at, "epoch_ms")?.timestamp_millis()));
        environment.add_filter("zone", |at: Value, zone: String| in_zone(&at, &zone));
        environment.set_formatter(move |out, _, value| {
            let mut values = Vec::new();
            flatten(value, &mut values)?;
            let mut params = bound.lock().map_err(|_| invalid("rendering was interrupted"))?;
            for (at, value) in values.into_iter().enumerate() {
                params.push(value);
                let comma = if at == 0 { "" } else { ", " };
                match placeholders {
                    Placeholders::Numbered => write!(out, "{comma}${}", params.len()),
                    Placeholders::Marks => write!(out, "{comma}?"),
                }
                .map_err(|_| invalid("the query is too long"))?;
            }
            Ok(())
        });
        let mut values = std::collections::BTreeMap::new();
        if self.is_of_session {
            values.insert("session", Value::from_object(Day(wanted.first)));
        } else {
            values.insert("first", Value::from_object(Day(wanted.first)));
            values.insert("last", Value::from_object(Day(wanted.last)));
        }
        if let Some((opens, closes)) = wanted.hours {
            values.insert("opens", Value::from_object(Moment(opens.with_timezone(&wanted.zone))));
            values.insert("closes", Value::from_object(Moment(closes.with_timezone(&wanted.zone))));
        }
        values.insert("instruments", Value::from(wanted.instruments.to_vec()));
        let sql = environment.render_str(&self.source, values).map_err(|error| of_minijinja(&error))?;
        let params = params.lock().map(|params| params.clone()).unwrap_or_default();
        Ok(Statement { sql: trimmed(&sql).to_owned(), params })
    }
}

/// The query is run within others, where the semicolon that ends it has no place.
fn trimmed(sql: &str) -> &str {
    sql.trim_start().trim_end_matches(|letter: char| letter == ';' || letter.is_whitespace())
}

/// Where a `{{` stands within quotes of the SQL.
fn quoted(source: &str) -> Option<usize> {
    let mut open = None;
    let mut at = 0;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let past = |end: &str| rest.find(end).map_or(rest.len(), |found| found + end.len());
        at += match (open, rest) {
            (Some(_), rest) if rest.starts_with("{{") => return Some(at),
            (_, rest) if rest.starts_with("{{") => past("}}"),
            (_, rest) if rest.starts_with("{%") => past("%}"),
            (_, rest) if rest.starts_with("{#") => past("#}"),
            (None, rest) if rest.starts_with("--") => past("\n"),
            (None, rest) if rest.starts_with("/*") => past("*/"),
            (_, rest) => {
                let letter = rest.chars().next().unwrap_or_default();
                match open {
                    None if matches!(letter, '\'' | '"') => open = Some(letter),
                    Some(quote) if letter == quote => open = None,
                    _ => {}
                }
                letter.len_utf8().max(1)
            }
        };
    }
    None
}

/// The values of an expression: a list is as many as it has.
fn flatten(value: &Value, into: &mut Vec<Param>) -> Result<(), Error> {
    if let Some(Day(day)) = value.downcast_object_ref::<Day>() {
        into.push(Param::Date(*day));
        return Ok(());
    }
    if let Some(Moment(at)) = value.downcast_object_ref::<Moment>() {
        into.push(Param::Moment(at.to_utc(), at.naive_local()));
        return Ok(());
    }
    match value.kind() {
        ValueKind::String => into.push(Param::Text(value.as_str().unwrap_or_default().to_owned())),
        ValueKind::Number => match value.as_i64() {
            Some(integer) if value.is_integer() => into.push(Param::Integer(integer)),
            _ => into.push(Param::Double(f64::try_from(value.clone())?)),
        },
        ValueKind::Seq | ValueKind::Iterable if value.len() == Some(0) => {
            return Err(invalid(
                "there are no instruments to bind: declare `instruments:`, or put what needs them into `{% if instruments %}`",
            ));
        }
        ValueKind::Seq | ValueKind::Iterable => {
            for item in value.try_iter()? {
                flatten(&item, into)?;
            }
        }
        kind => return Err(invalid(format!("a value of kind `{kind}` cannot be bound"))),
    }
    Ok(())
}

/// The filter `date`: a date as `strftime` writes it, as text.
fn written(day: &Value, format: Option<&str>) -> Result<String, Error> {
    let mut text = String::new();
    let done = if let Some(Day(day)) = day.downcast_object_ref::<Day>() {
        write!(text, "{}", day.format(format.unwrap_or("%Y-%m-%d")))
    } else if let Some(Moment(at)) = day.downcast_object_ref::<Moment>() {
        write!(text, "{}", at.format(format.unwrap_or("%Y-%m-%d %H:%M:%S")))
    } else {
        return Err(invalid("the filter `date` is for `session`, `first`, `last`, `opens` and `closes`"));
    };
    done.map_err(|_| invalid(format!("`{}` is not a date format", format.unwrap_or_default())))?;
    Ok(text)
}

fn moment(value: &Value, filter: &str) -> Result<DateTime<Tz>, Error> {
    let at = value.downcast_object_ref::<Moment>().map(|Moment(at)| *at);
    at.ok_or_else(|| invalid(format!("the filter `{filter}` is for `opens` and `closes`")))
}

/// The filter `zone`: the same instant, on the clock of another zone.
fn in_zone(value: &Value, zone: &str) -> Result<Value, Error> {
    let zone: Tz = zone.parse().map_err(|_| invalid(format!("there is no time zone `{zone}`")))?;
    Ok(Value::from_object(Moment(moment(value, "zone")?.with_timezone(&zone))))
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn of_minijinja(error: &Error) -> TemplateError {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let (message, help) = match error.kind() {
        ErrorKind::UndefinedError => (
            "the template names something that there is not".to_owned(),
            Some(
                "there are `session`, `first`, `last`, `opens`, `closes`, `instruments`, and the filter `date`"
                    .to_owned(),
            ),
        ),
        _ => (detail, None),
    };
    TemplateError { line: error.line(), message, help }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn render(source: &str, placeholders: Placeholders, instruments: &[&str]) -> Statement {
        let instruments: Vec<String> = instruments.iter().map(|&name| name.into()).collect();
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let hours = Some((at("2024-03-13T13:00:00Z"), at("2024-03-15T07:00:00Z")));
        let (first, last, zone) = (day("2024-03-14"), day("2024-03-15"), Tz::Asia__Shanghai);
        let wanted = Wanted { first, last, hours, zone, instruments: &instruments };
        Template::new(source).unwrap().render(placeholders, wanted).unwrap()
    }

    #[test]
    fn values_are_bound_and_never_pasted() {
        let source = "select * from bars where d between {{ first }} and {{ last }} and i in ({{ instruments }});\n";
        let hostile = "'; drop table bars; --";
        let statement = render(source, Placeholders::Numbered, &["a", hostile]);
        assert_eq!(statement.sql, "select * from bars where d between $1 and $2 and i in ($3, $4)");
        let text = |text: &str| Param::Text(text.into());
        let dates = [Param::Date(day("2024-03-14")), Param::Date(day("2024-03-15"))];
        assert_eq!(statement.params, [dates[0].clone(), dates[1].clone(), text("a"), text(hostile)]);
        let marks = render(source, Placeholders::Marks, &["a"]);
        assert_eq!(marks.sql, "select * from bars where d between ? and ? and i in (?)");
    }

    #[test]
    fn dates_may_be_written_otherwise() {
        let statement = render(
            "select {{ session | date('%Y%m%d') }}, {{ session | date('%Y') | int }}, {{ 0.5 }}, {{ session }}",
            Placeholders::Marks,
            &[],
        );
        assert_eq!(
            statement.params,
            [Param::Text("20240314".into()), Param::Integer(2024), Param::Double(0.5), Param::Date(day("2024-03-14"))]
        );
    }

    #[test]
    fn hours_are_bound_as_times() {
        let source = "select * from bars where t >= {{ opens }} and t <= {{ closes | zone('UTC') }} and ms > {{ opens | epoch_ms }} and s < {{ closes | date('%H:%M') }}";
        let statement = render(source, Placeholders::Marks, &[]);
        let moment = |instant: &str, written: &str| Param::Moment(instant.parse().unwrap(), written.parse().unwrap());
        assert_eq!(
            statement.params,
            [
                moment("2024-03-13T13:00:00Z", "2024-03-13T21:00:00"),
                moment("2024-03-15T07:00:00Z", "2024-03-15T07:00:00"),
                Param::Integer(1_710_334_800_000),
                Param::Text("15:00".into()),
            ]
        );
    }

    #[test]
    fn conditions_are_of_the_template() {
        let source = "select 1 where d = {{ session }}{% if instruments %} and i in ({{ instruments }}){% endif %}";
        assert_eq!(render(source, Placeholders::Marks, &[]).sql, "select 1 where d = ?");
        assert_eq!(render(source, Placeholders::Marks, &["a"]).sql, "select 1 where d = ? and i in (?)");
    }

    #[test]
    fn mistakes_are_explained() {
        for (source, line, message) in [
            ("select 1", None, "does not say which sessions"),
            ("select {{ first }}", None, "does not say which sessions"),
            ("select {{ session }}, {{ last }}, {{ first }}", None, "a session and for a range"),
            ("select\n'{{ session }}'", Some(2), "stands in quotes"),
            ("select\n{{ session }}, {{ sesion }}", Some(2), "names something that there is not"),
            ("select {{ session", Some(1), "unexpected"),
            ("select {{ session | date('%Q') }}", Some(1), "is not a date format"),
            ("select {{ session }}, {{ instruments | date }}", Some(1), "the filter `date`"),
            ("select {{ session | epoch }}", Some(1), "the filter `epoch` is for `opens`"),
            ("select {{ opens | zone('Nowhere') }}, {{ closes }}", Some(1), "no time zone `Nowhere`"),
            ("select {{ opens }}", None, "does not say which sessions"),
            ("select {{ session }}, {{ none }}", Some(1), "cannot be bound"),
            ("select {{ session }}, {{ [] }}", Some(1), "no instruments to bind"),
        ] {
            let error = Template::new(source).unwrap_err();
            assert!(error.message.contains(message), "{source}: {error:?}");
            assert_eq!(error.line, line, "{source}: {error:?}");
        }
        for source in [
            "select 'x' as y, d from t where n = 'x' and d = {{ session }}",
            "-- don't\nselect \"d's\" /* it's */ from t where d = {{ session | date('%Y') }} and 'it''s' = {{ session }}",
        ] {
            Template::new(source).unwrap();
        }
    }
}
