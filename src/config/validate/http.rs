//! Rules of sources that ask a vendor over HTTP. Templates and paths are looked at where they are used, in the next crates.

use super::Rules;
use super::files::date_format_mistake;
use crate::diagnostic::Diagnostic;
use crate::names;
use crate::spec::{
    ColumnType, Files, HttpAuth, HttpBy, HttpField, HttpFormat, HttpPages, HttpPaging, HttpRate, HttpRule, HttpShape,
    HttpVendor,
};

/// Keys of files, which say nothing of a vendor.
const OF_FILES: [&str; 13] = [
    "csv",
    "jsonl",
    "parquet",
    "session",
    "storage",
    "columns",
    "types",
    "date_format",
    "encoding",
    "delimiter",
    "thousands",
    "decimal",
    "missing",
];

impl Rules<'_> {
    /// A source is read from files or asks a vendor.
    pub(super) fn source(&mut self, files: &Files, http: Option<&HttpVendor>) {
        let Some(vendor) = http else { return self.files(files) };
        let given: Vec<&str> = OF_FILES.into_iter().filter(|key| self.places.node.get(key).is_some()).collect();
        for key in given {
            let name = &self.draft.name;
            let problem = Diagnostic::error(format!("asset `{name}` has both `http` and `{key}`"))
                .at(self.places.locate_key(&[key]), "a key of sources that are files")
                .and(self.places.locate_key(&["http"]), "a vendor is asked")
                .help(match key {
                    "columns" | "missing" => format!("put it under `http:`, as `http: {{ preset: …, {key}: … }}`"),
                    "types" => {
                        "say it of the column: `http: { columns: { name: { from: name, type: text } } }`".to_owned()
                    }
                    _ => "take one of them away".to_owned(),
                });
            self.problems.push(problem);
        }
        self.http(vendor);
    }

    fn http(&mut self, vendor: &HttpVendor) {
        let name = self.draft.name.clone();
        if vendor.by.is_none() {
            let message = format!("nothing says what one call of `{name}` covers");
            self.error(message, &["http"], "`by` is missing", "add `by: session`, `by: instrument` or `by: range`");
        }
        if vendor.url.is_none() && vendor.base_url.is_none() {
            let message = format!("nothing says where `{name}` asks");
            self.error(message, &["http"], "neither `url` nor `base_url`", "add `url: https://…`");
        }
        self.http_columns(vendor);
        self.http_response(vendor);
        if let Some(pages) = &vendor.pagination {
            self.http_pages(pages, vendor);
        }
        if let Some(auth) = &vendor.auth {
            self.http_auth(auth);
        }
        for (at, rule) in vendor.errors.iter().enumerate() {
            self.http_rule(rule, &at.to_string());
        }
        if let Some(rate) = &vendor.rate {
            self.http_rate(rate);
        }
        let counts = [
            (vendor.concurrency.map(u64::from), &["http", "concurrency"][..]),
            (vendor.at_once.sessions.map(u64::from), &["http", "at_once", "sessions"]),
            (vendor.at_once.instruments.map(u64::from), &["http", "at_once", "instruments"]),
            (vendor.truncated_at, &["http", "truncated_at"]),
            (vendor.max_bytes, &["http", "max_bytes"]),
            (vendor.timeout.map(|timeout| timeout.to_std().as_secs()), &["http", "timeout"]),
        ];
        for (count, path) in counts {
            if count == Some(0) {
                let key = path.last().copied().unwrap_or_default();
                self.error(
                    format!("`{key}` is 0: nothing could be asked"),
                    path,
                    "at least 1",
                    "give it a number, or take it away",
                );
            }
        }
    }

    fn http_columns(&mut self, vendor: &HttpVendor) {
        let name = self.draft.name.clone();
        let is_key = |name: &str| ["session", "instrument"].contains(&name) || (name == "time" && self.has_time());
        let values = vendor.columns.keys().filter(|name| !is_key(name)).count();
        if values == 0 {
            let message = format!("asset `{name}` has no columns");
            self.error(
                message,
                &["http", "columns"],
                "no values",
                "write `columns: { close: c }`: our name, then the vendor's",
            );
        }
        for (key, by, what) in
            [("session", HttpBy::Session, "by: session"), ("instrument", HttpBy::Instrument, "by: instrument")]
        {
            let has_time = key == "session" && self.has_time();
            if vendor.columns.get(key).is_none() && !has_time && vendor.by.is_some_and(|given| given != by) {
                let message = format!("nothing says of which {key} a row of `{name}` is");
                let help = format!("map it, as `columns: {{ {key}: … }}`, or ask `{what}`");
                self.error(message, &["http", "columns"], format!("`{key}` is missing"), help);
            }
        }
        self.http_time(vendor);
        self.same_but_case(vendor.columns.keys(), &["http", "columns"]);
        for (name, column) in vendor.columns.iter() {
            self.column_name(name, &["http", "columns", name]);
            let field = column.field();
            let path = ["http", "columns", name];
            if field.from.trim().is_empty() {
                self.error(format!("column `{name}` comes from nowhere"), &path, "empty", "name the vendor's field");
            }
            match (name.as_str(), field.kind) {
                ("session", Some(kind)) if kind != ColumnType::Date => {
                    self.error(
                        "`session` is a date",
                        &["http", "columns", name, "type"],
                        "another type",
                        "take it away",
                    );
                }
                ("instrument", Some(kind)) if kind != ColumnType::Text => {
                    self.error(
                        "`instrument` is text",
                        &["http", "columns", name, "type"],
                        "another type",
                        "take it away",
                    );
                }
                _ => {}
            }
            if name != "time" || !self.has_time() {
                self.http_field(&field, name, &path);
            }
        }
        if let Some(closes) = &vendor.response.closes {
            self.http_field(closes, "session", &["http", "response", "closes"]);
        }
    }

    fn http_field(&mut self, field: &HttpField, name: &str, path: &[&str]) {
        let with = |key| path.iter().copied().chain([key]).collect::<Vec<&str>>();
        let kind = match name {
            "session" => ColumnType::Date,
            "instrument" => ColumnType::Text,
            _ => field.kind.unwrap_or(ColumnType::Number),
        };
        if let Some(format) = &field.format {
            if kind == ColumnType::Time {
                self.http_time_format(format, &with("format"));
            } else if let Some(help) = date_format_mistake(format) {
                self.error(format!("`{format}` is not a date format"), &with("format"), "how a date is written", help);
            }
        }
        if field.format.is_some() && field.epoch.is_some() {
            let message = format!("`{name}` has both `format` and `epoch`");
            self.error(message, &with("epoch"), "one of the two", "a date is a text or a count, not both");
        }
        for (key, given) in [("format", field.format.is_some()), ("epoch", field.epoch.is_some())] {
            if given && !matches!(kind, ColumnType::Date | ColumnType::Time) {
                let message = format!("`{key}` is for dates, and `{name}` is a {}", kind.name());
                self.error(message, &with(key), "has no meaning here", "add `type: date`, or take it away");
            }
        }
        if let Some(times) = field.times {
            if kind != ColumnType::Number {
                let message = format!("`times` is for numbers, and `{name}` is a {}", kind.name());
                self.error(message, &with("times"), "has no meaning here", "take it away");
            } else if times == 0.0 || !times.is_finite() {
                self.error(
                    format!("`{name}` times {times} says nothing"),
                    &with("times"),
                    "a unit",
                    "`times: 100` for lots of 100",
                );
            }
        }
    }

    fn http_response(&mut self, vendor: &HttpVendor) {
        let response = &vendor.response;
        let json = response.format == HttpFormat::Json;
        let delimited = !json || response.shape == HttpShape::Delimited;
        let misplaced = [
            ("rows", response.rows.is_some() && !json, "`format: json`"),
            ("shape", response.shape != HttpShape::Objects && !json, "`format: json`"),
            ("header", response.header.is_some() && json, "`format: csv` and `text`"),
            ("delimiter", response.delimiter.is_some() && !delimited, "`csv`, `text` and `shape: delimited`"),
            ("names", response.names.is_some() && response.shape != HttpShape::ColumnsItems, "`shape: columns_items`"),
            ("items", response.items.is_some() && response.shape != HttpShape::ColumnsItems, "`shape: columns_items`"),
        ];
        for (key, _, place) in misplaced.into_iter().filter(|(_, wrong, _)| *wrong) {
            let message = format!("`{key}` is for {place}");
            self.error(message, &["http", "response", key], "has no meaning here", "take it away, or change the form");
        }
        if let Some(delimiter) = &response.delimiter
            && delimiter != "tab"
            && !(delimiter.len() == 1 && delimiter.is_ascii())
        {
            let message = format!("`delimiter` must be one mark, not `{delimiter}`");
            self.error(message, &["http", "response", "delimiter"], "one character", "such as `;`, `|` or `tab`");
        }
    }

    fn http_pages(&mut self, pages: &HttpPages, vendor: &HttpVendor) {
        let path = ["http", "pagination"];
        match pages.by {
            HttpPaging::Cursor if pages.cursor.is_none() => self.error(
                "`pagination` does not say where the next cursor stands",
                &path,
                "`cursor` is missing",
                "add `cursor: $.next`, the JSONPath of it",
            ),
            HttpPaging::LastKey if pages.key.is_none() => self.error(
                "`pagination` does not say which field of the last row the next page starts at",
                &path,
                "`key` is missing",
                "add `key: close_time`, the vendor's field",
            ),
            _ => {}
        }
        if vendor.truncated_at.is_some() {
            self.error(
                "both `pagination` and `truncated_at`",
                &["http", "truncated_at"],
                "a full page is not cut off",
                "keep one: `pagination: { size: … }` says how many rows a full page has",
            );
        }
        if pages.size == Some(0) {
            self.error("a page of 0 rows", &["http", "pagination", "size"], "at least 1", "take it away");
        }
    }

    fn http_auth(&mut self, auth: &HttpAuth) {
        let path = ["http", "auth"];
        if auth.header.is_some() == auth.query.is_some() {
            let (label, message) = if auth.header.is_some() {
                ("both `header` and `query`", "`auth` is put into two places")
            } else {
                ("neither `header` nor `query`", "`auth` is put nowhere")
            };
            self.error(
                message,
                &path,
                label,
                "say where the vendor looks: `header: Authorization`, or `query: apikey`",
            );
        }
        if auth.value.is_none() && auth.login.is_none() {
            self.error("`auth` has no value", &path, "neither `value` nor `login`", "add `value: { env: VENDOR_KEY }`");
        }
    }

    fn http_rule(&mut self, rule: &HttpRule, at: &str) {
        let path = ["http", "errors", at];
        let about_json = rule.equals.is_some() || rule.not.is_some() || rule.contains.is_some();
        if rule.json.is_none() && about_json {
            self.error(
                "`equals`, `not` and `contains` are about the value at `json`",
                &path,
                "`json` is missing",
                "add `json: $.code`, or use `body: text`",
            );
        } else if rule.status.is_none() && rule.json.is_none() && rule.body.is_none() {
            self.error(
                "a rule for errors must say which answers it is about",
                &path,
                "fits every answer",
                names::list(&["status", "json", "body"]) + " say it",
            );
        }
    }

    fn http_rate(&mut self, rate: &HttpRate) {
        let path = ["http", "rate"];
        let given: Vec<(&str, u32)> =
            [("per_second", rate.per_second), ("per_minute", rate.per_minute), ("per_hour", rate.per_hour)]
                .into_iter()
                .filter_map(|(key, count)| Some((key, count?)))
                .collect();
        match given.as_slice() {
            [(key, 0)] => self.error(
                format!("`{key}` is 0: nothing could be asked"),
                &["http", "rate", key],
                "at least 1",
                "take it away",
            ),
            [(_, count)] => {
                if rate.burst.is_some_and(|burst| burst == 0 || burst > *count) {
                    let message = format!("`burst` must be between 1 and {count}");
                    self.error(message, &["http", "rate", "burst"], "more than the rate itself", "make it smaller");
                }
            }
            _ => self.error(
                "`rate` has one of `per_second`, `per_minute` and `per_hour`",
                &path,
                "none, or several",
                "keep one",
            ),
        }
    }
}
