//! The node tree against a schema: unknown and missing keys, wrong types, values that are no choice, bad dates and numbers.
//!
//! The schema says what is expected, and so what a scalar means: `000001` is text where text is expected and a number where a
//! number is. What passes is JSON that serde takes.

use chrono::NaiveDate;
use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostic, Loc};
use crate::duration::{self, Span};
use crate::names;
use crate::node::{Content, Entry, Node, Scalar, Style};
use crate::scalar::{number_text, number_value, plain_value};
use crate::schema::{SCHEMAS, has_type, types};

/// What is being looked at, for messages.
#[derive(Clone)]
pub(crate) struct Subject {
    /// "`top_k`", "asset `signals`", "item 2 of `tags`"
    pub name: String,
    /// Where to point when the value itself spans many lines: its key.
    pub loc: Loc,
}

/// What a map with known keys holds.
pub(crate) struct Keys {
    /// What is right.
    pub values: Map<String, Value>,
    /// Whether that is all.
    pub whole: bool,
    /// Keys that are not there, but were probably meant by one that is.
    pub meant: Vec<String>,
}

pub(crate) struct Structure<'a> {
    pub problems: &'a mut Vec<Diagnostic>,
}

impl Structure<'_> {
    /// The value that a node is under a schema; `None` when it is none, which has been reported.
    pub fn value(&mut self, node: &Node, schema: &Value, subject: &Subject) -> Option<Value> {
        let forms = forms(schema);
        match &node.content {
            Content::Scalar(scalar) if scalar.unresolved() => None,
            Content::Scalar(scalar) => self.scalar(scalar, node, &forms, subject),
            Content::List(items) => match forms.iter().find(|form| has_type(form, "array")) {
                Some(form) => self.list(items, form.get("items").unwrap_or(&Value::Bool(true)), subject),
                None if forms.iter().any(|form| is_any(form)) => self.list(items, &Value::Bool(true), subject),
                None => self.wrong_type(node, &forms, subject),
            },
            Content::Map(entries) => match forms.iter().find(|form| has_type(form, "object")) {
                Some(form) if form.get("properties").is_some() => self.object(entries, form, subject),
                Some(form) => self.map(entries, form.get("additionalProperties").unwrap_or(&Value::Bool(true))),
                None if forms.iter().any(|form| is_any(form)) => self.map(entries, &Value::Bool(true)),
                None => self.wrong_type(node, &forms, subject),
            },
        }
    }

    fn list(&mut self, items: &[Node], schema: &Value, subject: &Subject) -> Option<Value> {
        let values: Vec<Option<Value>> = items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                let name = format!("item {} of {}", at + 1, subject.name);
                self.value(item, schema, &Subject { name, loc: item.head() })
            })
            .collect();
        values.into_iter().collect::<Option<Vec<Value>>>().map(Value::Array)
    }

    /// A map whose keys are the user's.
    fn map(&mut self, entries: &[Entry], schema: &Value) -> Option<Value> {
        let mut values = Map::new();
        let mut whole = true;
        let mut rest = entries;
        while let Some((Entry { key, value }, behind)) = rest.split_first() {
            let torn = torn(rest);
            rest = behind.get(torn..).unwrap_or_default();
            if torn > 0 {
                whole = false;
                self.comma(value, &behind[..torn]);
                continue;
            }
            let subject = Subject { name: format!("`{}`", key.scalar.shown()), loc: key.loc.clone() };
            match self.value(value, schema, &subject) {
                Some(value) if !key.scalar.unresolved() => {
                    values.insert(key.text().to_owned(), value);
                }
                _ => whole = false,
            }
        }
        whole.then_some(Value::Object(values))
    }

    /// A text that a comma has torn into a value and keys without values.
    fn comma(&mut self, value: &Node, behind: &[Entry]) {
        let (Some(start), Some(last)) = (value.scalar(), behind.last()) else { return };
        let pieces = std::iter::once(start.shown()).chain(behind.iter().map(|entry| entry.key.scalar.shown()));
        let text = pieces.collect::<Vec<_>>().join(", ");
        let loc = Loc { file: value.loc.file, range: value.loc.range.start..last.key.loc.range.end };
        self.problems.push(
            Diagnostic::error("a text with `,` in it must be quoted inside `{ }`")
                .at(loc, "quote this")
                .help(format!("write `\"{text}\"`, or put each key on a line of its own")),
        );
    }

    fn object(&mut self, entries: &[Entry], schema: &Value, subject: &Subject) -> Option<Value> {
        let keys = self.keys(entries, schema, subject);
        keys.whole.then_some(Value::Object(keys.values))
    }

    /// A map whose keys are ours. A key with nothing after it is as good as not there, where it may be left out.
    pub fn keys(&mut self, entries: &[Entry], schema: &Value, subject: &Subject) -> Keys {
        let none = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&none);
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (mut values, mut whole, mut meant) = (Map::new(), true, Vec::new());
        for Entry { key, value } in entries {
            if key.scalar.unresolved() {
                whole = false;
                continue;
            }
            let Some(schema) = properties.get(key.text()) else {
                let key = Subject { name: key.scalar.shown().to_owned(), loc: key.loc.clone() };
                meant.extend(self.unknown_key(&key, properties, subject));
                whole = false;
                continue;
            };
            if value.scalar().is_some_and(Scalar::is_empty) && !required.contains(&key.text()) {
                continue;
            }
            let place = Subject { name: format!("`{}`", key.text()), loc: key.loc.clone() };
            match self.value(value, schema, &place) {
                Some(value) => {
                    values.insert(key.text().to_owned(), value);
                }
                None => whole = false,
            }
        }
        for key in required {
            if entries.iter().all(|entry| entry.key.text() != key) && !meant.iter().any(|meant| meant == key) {
                let description =
                    properties.get(key).and_then(|schema| schema.get("description")).and_then(Value::as_str);
                let mut problem = Diagnostic::error(format!("{} has no `{key}`", subject.name))
                    .at(subject.loc.clone(), format!("`{key}` is missing"));
                if let Some(description) = description {
                    problem = problem.help(format!("`{key}`: {}", first_sentence(description)));
                }
                self.problems.push(problem);
                whole = false;
            }
        }
        Keys { values, whole, meant }
    }

    /// The key that was probably meant.
    fn unknown_key(&mut self, key: &Subject, properties: &Map<String, Value>, subject: &Subject) -> Option<String> {
        let known: Vec<&str> = properties.keys().map(String::as_str).collect();
        let meant = names::did_you_mean(&key.name, known.iter().copied());
        let shared = properties.contains_key("defaults").then(|| defaults_key(&key.name)).flatten();
        let mut problem =
            Diagnostic::error(format!("{} has no key `{}`", subject.name, key.name)).at(key.loc.clone(), "unknown key");
        let owners = kinds_with(&key.name);
        problem = match (meant, shared) {
            (Some(name), _) => problem.help(format!("did you mean `{name}`?")),
            (None, Some(name)) => {
                problem.help(format!("did you mean `{name}` for all assets? that stands under `defaults:`"))
            }
            (None, None) if properties.contains_key("kind") && !owners.is_empty() => problem.help(format!(
                "it is a key of the kinds {}; this asset may have {}",
                names::list(&owners),
                names::list(&known)
            )),
            (None, None) => problem.help(format!("it may have {}", names::list(&known))),
        };
        self.problems.push(problem);
        meant.map(str::to_owned)
    }

    fn scalar(&mut self, scalar: &Scalar, node: &Node, forms: &[&Value], subject: &Subject) -> Option<Value> {
        if forms.iter().any(|form| is_any(form)) {
            return Some(plain_value(scalar));
        }
        if scalar.is_null() && forms.iter().any(|form| has_type(form, "null")) {
            return Some(Value::Null);
        }
        if scalar.is_empty() {
            let expected = expected(forms);
            self.problems.push(
                Diagnostic::error(format!("{} is empty", subject.name))
                    .at(subject.loc.clone(), format!("expected {expected}"))
                    .help("give it a value, or take the key away"),
            );
            return None;
        }
        let choices: Vec<&str> = forms.iter().flat_map(|form| choices(form)).collect();
        if let Some(choice) = choices.iter().find(|choice| **choice == scalar.text) {
            return Some(Value::from(*choice));
        }
        let text = forms.iter().find(|form| has_type(form, "string") && choices_of(form).is_none());
        let number = forms.iter().find(|form| has_type(form, "number") || has_type(form, "integer"));
        let problem = if let Some(form) = text {
            match form.get("format").and_then(Value::as_str) {
                Some("date") => match scalar.text.parse::<NaiveDate>() {
                    Ok(date) => return Some(Value::from(date.to_string())),
                    Err(_) => Diagnostic::error(format!("`{}` is not a date", scalar.shown()))
                        .at(node.loc.clone(), format!("{} is a date", subject.name))
                        .help("dates are written year-month-day: `2024-03-15`"),
                },
                Some(duration::FORMAT) => match scalar.text.parse::<Span>() {
                    Ok(span) => return Some(Value::from(span.to_string())),
                    Err(_) => {
                        let help = match scalar.shown() {
                            text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                                format!("add the unit: `{text}m` or `{text}h`")
                            }
                            _ => "durations are written `90s`, `30m`, `1h30m`, `1d`".to_owned(),
                        };
                        Diagnostic::error(format!("`{}` is not a duration", scalar.shown()))
                            .at(node.loc.clone(), format!("{} is a duration", subject.name))
                            .help(help)
                    }
                },
                _ => return Some(Value::from(scalar.text.clone())),
            }
        } else if let Some(form) = number {
            match number_value(scalar, form) {
                Ok(number) => return Some(number),
                Err(expected) => {
                    let mut problem =
                        Diagnostic::error(format!("{} must be {expected}, not `{}`", subject.name, scalar.shown()))
                            .at(node.loc.clone(), format!("expected {expected}"));
                    if number_text(&scalar.text).is_some() && scalar.style != Style::Plain {
                        problem = problem.help("take the quotes away");
                    }
                    problem
                }
            }
        } else if !choices.is_empty() {
            Diagnostic::error(format!("{} cannot be `{}`", subject.name, scalar.shown()))
                .at(node.loc.clone(), "unknown value")
                .help(names::suggest(&scalar.text, &choices, "it is one of").unwrap_or_default())
        } else if forms.iter().any(|form| has_type(form, "boolean")) && matches!(scalar.text.as_str(), "true" | "false")
        {
            return Some(Value::Bool(scalar.text == "true"));
        } else {
            return self.wrong_type(node, forms, subject);
        };
        self.problems.push(problem);
        None
    }

    fn wrong_type(&mut self, node: &Node, forms: &[&Value], subject: &Subject) -> Option<Value> {
        let expected = expected(forms);
        let (found, loc) = match &node.content {
            Content::Scalar(_) => ("text", node.loc.clone()),
            Content::List(_) => ("a list", subject.loc.clone()),
            Content::Map(_) => ("a map", subject.loc.clone()),
        };
        let mut problem = Diagnostic::error(format!("{} must be {expected}, not {found}", subject.name))
            .at(loc, format!("expected {expected}, found {found}"));
        if let Some(scalar) = node.scalar() {
            if forms.iter().any(|form| has_type(form, "array")) {
                problem = problem.help(format!("a list of one is written `[{}]`", scalar.shown()));
            } else if forms.iter().any(|form| has_type(form, "object")) {
                problem = problem.help(match keys_of(forms).as_slice() {
                    [] => "write `name: value` lines below it".to_owned(),
                    keys => format!("its keys are {}", names::list(keys)),
                });
            }
        }
        self.problems.push(problem);
        None
    }
}

/// How many entries after the first belong to its value: inside `{ }` the commas of `corr(close, open, 5)` part entries, so that
/// a parenthesis stays open until a key without a value closes it.
fn torn(entries: &[Entry]) -> usize {
    let Some((first, behind)) = entries.split_first() else { return 0 };
    let mut depth = first.value.scalar().map_or(0, Scalar::open_parentheses);
    let mut taken = 0;
    while depth > 0 {
        let Some(Entry { key, value }) = behind.get(taken) else { return 0 };
        if !value.scalar().is_some_and(Scalar::is_empty) {
            return 0;
        }
        depth += key.scalar.open_parentheses();
        taken += 1;
    }
    taken
}

/// The alternatives of a schema, references followed.
fn forms(schema: &Value) -> Vec<&Value> {
    let schema = SCHEMAS.resolve(schema);
    let alternatives = ["anyOf", "oneOf"].into_iter().find_map(|key| schema.get(key).and_then(Value::as_array));
    match alternatives {
        Some(all) => all.iter().flat_map(forms).collect(),
        None => vec![schema],
    }
}

/// The kinds of asset that have a key.
fn kinds_with(key: &str) -> Vec<&'static str> {
    let has = |schema: &Value| schema["properties"].get(key).is_some();
    SCHEMAS.assets.iter().filter(|(_, schema)| has(schema)).map(|(kind, _)| *kind).collect()
}

/// The key of every asset that was meant by a key at the top of the file.
fn defaults_key(key: &str) -> Option<&'static str> {
    let properties = SCHEMAS.definitions["Common"]["properties"].as_object()?;
    names::did_you_mean(key, properties.keys().map(String::as_str))
}

/// A schema that says nothing: any value.
fn is_any(form: &Value) -> bool {
    *form == Value::Bool(true)
        || form.as_object().is_some_and(|object| object.keys().all(|key| key == "description" || key == "default"))
}

fn choices_of(form: &Value) -> Option<&Value> {
    form.get("const").or_else(|| form.get("enum"))
}

fn choices(form: &Value) -> impl Iterator<Item = &str> {
    let (one, many) = match choices_of(form) {
        Some(Value::Array(many)) => (None, many.as_slice()),
        Some(one) => (one.as_str(), [].as_slice()),
        None => (None, [].as_slice()),
    };
    one.into_iter().chain(many.iter().filter_map(Value::as_str))
}

fn keys_of<'s>(forms: &[&'s Value]) -> Vec<&'s str> {
    let properties = forms.iter().find_map(|form| form.get("properties").and_then(Value::as_object));
    properties.into_iter().flat_map(Map::keys).map(String::as_str).collect()
}

/// "a name or a list"
fn expected(forms: &[&Value]) -> String {
    let mut words: Vec<&str> = Vec::new();
    for form in forms {
        let format = form.get("format").and_then(Value::as_str);
        for name in form.get("type").into_iter().flat_map(types) {
            let word = match (name, format) {
                ("string", Some("date")) => "a date",
                ("string", Some(duration::FORMAT)) => "a duration",
                ("string", _) => "text",
                ("integer", _) => "a whole number",
                ("number", _) => "a number",
                ("boolean", _) => "`true` or `false`",
                ("array", _) => "a list",
                ("object", _) => "a map",
                _ => continue,
            };
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    words.join(" or ")
}

/// Up to the first full stop, as one clause after a colon.
fn first_sentence(text: &str) -> String {
    let sentence = text.split(". ").next().unwrap_or(text).trim_end_matches('.');
    let mut chars = sentence.chars();
    let first = chars.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    first + chars.as_str()
}

#[cfg(test)]
mod tests {
    use crate::testing::{BARS, load_text, mistakes};
    use crate::{Kind, OneOrMany};

    fn said(more: &str) -> (String, String) {
        mistakes(&format!("{BARS}{more}")).remove(0)
    }

    #[test]
    fn a_scalar_is_what_its_place_says() {
        let project = load_text(&format!(
            "{BARS}    description: 000001\n    owner: no\n    tags: [NAN, TRUE, 1e3, null, '', 2024-01-01]\n    retries: 3\n    timeout: 90s\n    parquet:\n    missing: [~]\n"
        ))
        .unwrap();
        let common = &project.assets[0].common;
        assert_eq!((common.description.as_deref(), common.owner.as_deref()), (Some("000001"), Some("no")));
        assert_eq!(common.tags, ["NAN", "TRUE", "1e3", "null", "", "2024-01-01"]);
        assert_eq!(common.timeout.unwrap().to_std().as_secs(), 90);
        let Kind::Source(spec) = &project.assets[0].kind else { panic!() };
        assert_eq!(
            (&spec.files.parquet, spec.files.missing.as_slice()),
            (&None::<OneOrMany>, ["~".to_owned()].as_slice())
        );
        let names: Vec<(&String, &String)> = spec.files.columns.iter().collect();
        assert_eq!(names, [(&"instrument".into(), &"symbol".into()), (&"session".into(), &"date".into())]);
    }

    #[test]
    fn what_does_not_fit_says_what_would() {
        for (more, message, place) in [
            ("    retries: -1\n", "`retries` must be a whole number of at least 0, not `-1`", "-1"),
            ("    retries: 1.5\n", "`retries` must be a whole number of at least 0, not `1.5`", "1.5"),
            (
                "    retries: 9999999999\n",
                "`retries` must be a whole number of at most 4294967295, not `9999999999`",
                "9999999999",
            ),
            ("    retries: '3'\n", "`retries` must be a whole number, not `3`", "'3'"),
            ("    retries: [3]\n", "`retries` must be a whole number, not a list", "retries"),
            ("    tags: { a: b }\n", "`tags` must be a list, not a map", "tags"),
            ("    tags: [[a]]\n", "item 1 of `tags` must be text, not a list", "a"),
            ("    off_calendar: ignore\n", "`off_calendar` cannot be `ignore`", "ignore"),
            ("    start: 2014-02-30\n", "`2014-02-30` is not a date", "2014-02-30"),
            ("    timeout: 5 minutes\n", "`5 minutes` is not a duration", "5 minutes"),
            ("    checks: [{ range: { column: x, above: .inf } }]\n", "`above` must be a number, not `.inf`", ".inf"),
            ("    checks: [{ range: { above: 0 } }]\n", "`range` has no `column`", "range"),
            ("    checks: [{ nul: x }]\n", "item 1 of `checks` has no key `nul`", "nul"),
            (
                "    types: { x: f(a, b, (c)), y: g(a, b, (c)), z: number }\n",
                "a text with `,` in it must be quoted inside `{ }`",
                "f(a, b, (c))",
            ),
            ("    columns: { a: }\n", "key `columns` is there twice", "columns"),
        ] {
            assert_eq!(said(more), (message.to_owned(), place.to_owned()), "{more}");
        }
    }
}
