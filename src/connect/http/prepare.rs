//! A vendor's description, checked as far as it can be without asking: templates, paths, zones, patterns.

use assetctl_calendar::SessionIx;
use assetctl_config::{Asset, BarTimes, ColumnType, Diagnostic, HttpBy, HttpField, HttpVendor, Kind, SecretFrom};
use chrono_tz::Tz;
use minijinja::Value;

use super::faults::Rules;
use super::format::{Field, Format, json_path};
use super::read::{Column, Dates, Pointers, Reader};
use super::request::{CallNames, Parts, TemplateFault};
use super::scan;
use super::symbols::Symbols;
use super::template::{Names, Templates, from_json};
use super::units::Unit;
use crate::moments;

/// A description that can be asked by.
pub(super) struct Prepared {
    pub by: HttpBy,
    pub templates: Templates,
    pub symbols: Symbols,
    pub reader: Reader,
    /// The exchange's.
    pub zone: Tz,
    /// What templates may say whatever the call: `base_url`, `zone`, `fields`, `value_fields`, `minutes`.
    pub names: Names,
}

/// # Errors
/// Everything that is wrong, each with its place.
pub(super) fn prepare(asset: &Asset, spec: &HttpVendor) -> Result<Prepared, Vec<Diagnostic>> {
    let mut problems = Problems { asset, found: Vec::new() };
    let columns = problems.columns(spec);
    let format = problems.ok(Format::new(&spec.response), &["response", "rows"], "no JSONPath");
    let rules = match Rules::new(&spec.errors) {
        Ok(rules) => Some(rules),
        Err((at, error)) => {
            problems.add(error, &["errors", &at.to_string(), "json"], "no JSONPath");
            None
        }
    };
    let symbols = problems.ok(Symbols::new(spec.symbols.as_ref()), &["symbols"], "cannot be translated");
    let pointers = problems.pointers(spec);
    let names = names(asset, spec);
    let templates = Templates::new();
    problems.templates(spec, &templates, &names);
    let Problems { found, .. } = problems;
    match (columns, format, rules, symbols, pointers) {
        (Some(columns), Some(format), Some(rules), Some(symbols), Some(pointers)) if found.is_empty() => {
            let Columns { session, instrument, time, closes, values } = columns;
            let time = time.zip(times(asset).cloned());
            let (missing, usual) = (spec.missing.clone(), scan::path(spec));
            let reader = Reader { format, rules, session, instrument, time, closes, values, missing, pointers, usual };
            let zone = zone(asset);
            Ok(Prepared { by: spec.by.unwrap_or(HttpBy::Session), templates, symbols, reader, zone, names })
        }
        _ => Err(found),
    }
}

/// What is said of the times of an asset's rows, if they have any.
pub(super) fn times(asset: &Asset) -> Option<&BarTimes> {
    match &asset.kind {
        Kind::Source(spec) => spec.time.as_ref(),
        _ => None,
    }
}

fn zone(asset: &Asset) -> Tz {
    asset.calendar.time_zone().parse().unwrap_or(Tz::UTC)
}

struct Columns {
    session: Option<Column>,
    instrument: Option<Column>,
    time: Option<Column>,
    closes: Option<Column>,
    values: Vec<Column>,
}

struct Problems<'a> {
    asset: &'a Asset,
    found: Vec<Diagnostic>,
}

impl Problems<'_> {
    fn add(&mut self, message: impl Into<String>, path: &[&str], label: &str) {
        let path: Vec<&str> = std::iter::once("http").chain(path.iter().copied()).collect();
        self.found.push(Diagnostic::error(message).at(self.asset.locate(&path), label));
    }

    fn ok<T>(&mut self, result: Result<T, String>, path: &[&str], label: &str) -> Option<T> {
        result.map_err(|error| self.add(error, path, label)).ok()
    }

    fn columns(&mut self, spec: &HttpVendor) -> Option<Columns> {
        let mut columns = Columns { session: None, instrument: None, time: None, closes: None, values: Vec::new() };
        let has_time = times(self.asset).is_some();
        let mut whole = true;
        for (name, column) in spec.columns.iter() {
            let kind = match name.as_str() {
                "session" => Some(ColumnType::Date),
                "instrument" => Some(ColumnType::Text),
                "time" if has_time => Some(ColumnType::Time),
                _ => None,
            };
            let Some(column) = self.column(name, kind, &column.field(), &["columns", name]) else {
                whole = false;
                continue;
            };
            match name.as_str() {
                "session" => columns.session = Some(column),
                "instrument" => columns.instrument = Some(column),
                "time" if has_time => columns.time = Some(column),
                _ => columns.values.push(column),
            }
        }
        if let Some(closes) = &spec.response.closes {
            columns.closes = self.column("closes", Some(ColumnType::Date), closes, &["response", "closes"]);
            if columns.closes.as_ref().is_some_and(|column| matches!(column.dates, Dates::Text(_))) {
                self.add("`closes` is an instant", &["response", "closes"], "add `epoch: s` or `epoch: ms`");
            }
            whole &= columns.closes.is_some();
        }
        whole.then_some(columns)
    }

    fn column(&mut self, name: &str, kind: Option<ColumnType>, field: &HttpField, path: &[&str]) -> Option<Column> {
        let from = self.ok(Field::new(&field.from), path, "no JSONPath")?;
        let dates = match field.epoch {
            None => Dates::Text(field.format.clone()),
            Some(epoch) => {
                let zone = field.zone.as_deref().unwrap_or_else(|| self.asset.calendar.time_zone());
                let parsed: Result<Tz, _> = zone.parse();
                let parsed = parsed.map_err(|_| format!("there is no time zone `{zone}`"));
                Dates::Epoch(epoch, self.ok(parsed, path, "write it like `Asia/Shanghai`")?)
            }
        };
        let kind = kind.or(field.kind).unwrap_or(ColumnType::Number);
        Some(Column { name: name.to_owned(), kind, field: from, times: field.times.map(Unit::new), dates })
    }

    fn pointers(&mut self, spec: &HttpVendor) -> Option<Pointers> {
        let Some(pages) = &spec.pagination else { return Some(Pointers::default()) };
        let mut path = |key: &str, text: &Option<String>| match text {
            None => Some(None),
            Some(text) => {
                let parsed = json_path(text);
                self.ok(parsed, &["pagination", key], "no JSONPath").map(Some)
            }
        };
        let (cursor, more) = (path("cursor", &pages.cursor), path("more", &pages.more));
        let key = match &pages.key {
            None => Some(None),
            Some(key) => self.ok(Field::new(key), &["pagination", "key"], "no JSONPath").map(Some),
        };
        Some(Pointers { cursor: cursor?, more: more?, key: key? })
    }

    /// Fills all templates in for a call that is made up, so that a name that stands for nothing is found before anybody is asked.
    fn templates(&mut self, spec: &HttpVendor, templates: &Templates, names: &Names) {
        let first = self.asset.start.to_string();
        let calendar = &self.asset.calendar;
        let some = calendar.date(SessionIx(0)).date();
        let example = ["EXAMPLE".to_owned()];
        let by_session = spec.by == Some(HttpBy::Session);
        let call = CallNames {
            session: by_session.then(|| first.clone()),
            first: first.clone(),
            last: first,
            hours: moments::hours(calendar, some, some),
            zone: zone(self.asset),
            instrument: (spec.by == Some(HttpBy::Instrument)).then_some("EXAMPLE"),
            instruments: &example,
            page: 1,
            offset: 0,
            cursor: "",
        };
        let names = call.over(names);
        self.template(Parts::of_call(spec).render(templates, &names).map(drop), &[]);
        let Some(auth) = &spec.auth else { return };
        let mut with_token = names;
        with_token.insert("token".to_owned(), Value::from("example"));
        if let Some(assetctl_config::Secret::Text(value)) = &auth.value {
            let filled = templates.text(value, &with_token);
            self.template(
                filled.map(drop).map_err(|message| TemplateFault { path: vec!["value".into()], message }),
                &["auth"],
            );
        }
        if let Some(login) = &auth.login {
            self.template(Parts::of_login(login).render(templates, &with_token).map(drop), &["auth", "login"]);
            if let Some(token) = &login.token {
                let parsed = json_path(token);
                self.ok(parsed, &["auth", "login", "token"], "no JSONPath");
            }
        }
    }

    fn template(&mut self, rendered: Result<(), TemplateFault>, under: &[&str]) {
        if let Err(TemplateFault { path, message }) = rendered {
            let path: Vec<&str> = under.iter().copied().chain(path.iter().map(String::as_str)).collect();
            self.add(format!("the template cannot be filled in: {message}"), &path, "in this template");
            if times(self.asset).is_some_and(|times| times.every.is_none())
                && let Some(problem) = self.found.last_mut()
            {
                problem.help.push("`minutes` is the length of a bar: `time: { every: 5m }` says it".to_owned());
            }
        }
    }
}

/// What templates may say whatever the call. Parameters are put over it when the vendor is asked: secrets are made up here.
fn names(asset: &Asset, spec: &HttpVendor) -> Names {
    let times = times(asset);
    let minutes = times.and_then(|times| times.every).map(|every| every.to_std().as_secs());
    let minutes = minutes.filter(|seconds| seconds % 60 == 0).map(|seconds| ("minutes", Value::from(seconds / 60)));
    let made_up = |value| SecretFrom::of(value).map_or_else(|| from_json(value), |_| Value::from("example"));
    let params = spec.params.iter().map(|(name, value)| (name.clone(), made_up(value))).collect::<Names>();
    let fields = |keys: bool| {
        let mut fields: Vec<&str> = Vec::new();
        for (name, column) in spec.columns.iter() {
            let is_key = ["session", "instrument"].contains(&name.as_str()) || (name == "time" && times.is_some());
            if (keys || !is_key) && !fields.contains(&column.from()) {
                fields.push(column.from());
            }
        }
        fields.into_iter().collect::<Value>()
    };
    [
        ("base_url", Value::from(spec.base_url.as_deref().unwrap_or_default().trim_end_matches('/'))),
        ("zone", Value::from(asset.calendar.time_zone())),
        ("fields", fields(true)),
        ("value_fields", fields(false)),
        ("params", Value::from(params)),
    ]
    .into_iter()
    .chain(minutes)
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
