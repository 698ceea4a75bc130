//! The keys of a source that asks a vendor over HTTP.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BarTimes, ColumnType, Encoding, OneOrMany, Secret};
use crate::duration::Span;
use crate::ordered::Ordered;

/// How a vendor is asked, and how its answers are read. Texts of `url`, `query`, `headers`, `body` and `auth` are minijinja templates over
/// `session`, `first`, `last`, `opens`, `closes`, `minutes`, `instrument`, `instruments`, `fields`, `value_fields`, `page`, `offset`,
/// `cursor`, `zone`, `base_url` and `params`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HttpVendor {
    /// A vendor that the program knows (`assetctl sources`), or a YAML file of your own, relative to this file. What else stands here
    /// overrides it, key by key; a key without a value takes it away.
    pub preset: Option<String>,
    /// One line for people.
    pub description: Option<String>,
    /// Where the vendor documents it.
    pub documentation: Option<String>,
    /// What templates call `base_url`.
    pub base_url: Option<String>,
    /// Values for `{{ params.NAME }}`; `{ env: NAME }` or `{ file: path }` is a secret.
    pub params: Ordered<Value>,
    /// The address to ask (default `{{ base_url }}`).
    pub url: Option<String>,
    /// `GET` (default) or `POST`.
    pub method: HttpMethod,
    /// Behind the `?` of the address. A value that comes out empty is left out.
    pub query: Ordered<String>,
    /// Headers. A value that comes out empty is left out.
    pub headers: Ordered<String>,
    /// What is sent: a text, or any value as JSON, in which a text that is nothing but one `{{ … }}` keeps its type.
    pub body: Option<Value>,
    /// How the vendor knows who asks; nothing here if it does not care, or if it is told by `query` or `body`.
    pub auth: Option<HttpAuth>,
    /// What one call covers: one `session`, one `instrument` over all sessions asked for, or a `range` of both.
    pub by: Option<HttpBy>,
    /// At most so many in one call.
    pub at_once: HttpAtOnce,
    /// How an answer goes on in the next.
    pub pagination: Option<HttpPages>,
    /// How rows stand in an answer.
    pub response: HttpResponse,
    /// Our name: the vendor's field (its name, its position from 0, or a JSONPath), or a map that says more of it.
    pub columns: Ordered<HttpColumn>,
    /// Texts that mean a missing value, besides the empty one.
    pub missing: Vec<String>,
    /// How our names of instruments and the vendor's correspond (default: they are the same).
    pub symbols: Option<HttpSymbols>,
    /// What an answer means that is none: the first rule that fits. Without one, 408, 425 and 5xx are `transient`, 429 is `rate_limited`, and
    /// every other status than 2xx is `refused`.
    pub errors: Vec<HttpRule>,
    /// An answer of exactly so many rows has been cut off by the vendor: the call is divided, or it is an error.
    pub truncated_at: Option<u64>,
    /// Never more calls than this.
    pub rate: Option<HttpRate>,
    /// How many calls at once (default 4).
    pub concurrency: Option<u32>,
    /// How long one call may take (default 30s).
    pub timeout: Option<Span>,
    /// What is tried again, and when.
    pub retries: HttpRetries,
    /// The longest answer taken, in bytes (default 256 MB).
    pub max_bytes: Option<u64>,
    /// What the vendor's times are, if its rows have them: what the source says under `time:` is put over it.
    pub time: Option<BarTimes>,
    /// What is otherwise where the source has `time:`, which is put over the rest before it is read.
    pub intraday: Option<Box<HttpVendor>>,
}

/// The place of `http:` in a source: a preset, a file, or a map of [`HttpVendor`]'s keys.
pub(crate) fn http_key(generator: &mut SchemaGenerator) -> Schema {
    let vendor = generator.subschema_for::<HttpVendor>();
    json_schema!({ "anyOf": [{ "type": "string" }, vendor] })
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    #[default]
    Get,
    Post,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HttpBy {
    Session,
    Instrument,
    Range,
}

/// How much one call may cover.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HttpAtOnce {
    /// So many sessions.
    pub sessions: Option<u32>,
    /// So many instruments.
    pub instruments: Option<u32>,
}

/// A value in a header or behind the `?` of the address.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HttpAuth {
    /// The header's name.
    pub header: Option<String>,
    /// The name behind the `?`.
    pub query: Option<String>,
    /// Its value: a template, or a secret (default, with `login`: `{{ token }}`).
    pub value: Option<Secret>,
    /// A call before all others that gives a token. A rule of `errors` that means `auth` says when it is no longer valid.
    pub login: Option<HttpLogin>,
}

/// How a token is had.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HttpLogin {
    /// The address.
    pub url: String,
    /// `POST` (default) or `GET`.
    #[serde(default = "post")]
    pub method: HttpMethod,
    /// Behind the `?` of the address.
    #[serde(default)]
    pub query: Ordered<String>,
    /// Headers.
    #[serde(default)]
    pub headers: Ordered<String>,
    /// What is sent.
    #[serde(default)]
    pub body: Option<Value>,
    /// JSONPath of the token (default: the whole answer, as text).
    #[serde(default)]
    pub token: Option<String>,
}

fn post() -> HttpMethod {
    HttpMethod::Post
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HttpPaging {
    /// `{{ page }}` counts pages.
    Page,
    /// `{{ offset }}` counts rows.
    Offset,
    /// `{{ cursor }}` is what the last answer says.
    Cursor,
    /// `{{ cursor }}` is a value of the last row.
    LastKey,
}

/// How an answer goes on in the next. An answer without rows is the last in any case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HttpPages {
    /// What tells pages apart.
    pub by: HttpPaging,
    /// Rows of a full page: one with fewer is the last.
    #[serde(default)]
    pub size: Option<u64>,
    /// Number of the first page (default 1).
    #[serde(default)]
    pub first: Option<u64>,
    /// JSONPath of the next cursor; where there is none, or an empty one, the page is the last. For `by: cursor`.
    #[serde(default)]
    pub cursor: Option<String>,
    /// The field of the last row at which the next page starts; for `by: last_key`.
    #[serde(default)]
    pub key: Option<String>,
    /// Added to it, where it is a whole number.
    #[serde(default)]
    pub add: u64,
    /// JSONPath of a flag: the page is the last if it is false.
    #[serde(default)]
    pub more: Option<String>,
    /// More pages than this are an error (default 10000).
    #[serde(default)]
    pub most: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HttpFormat {
    #[default]
    Json,
    /// Fields may be quoted.
    Csv,
    /// Lines of fields, quotes being characters like others.
    Text,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HttpShape {
    /// `[{ "close": 1 }, …]`
    #[default]
    Objects,
    /// `[[1, 2], …]`
    Arrays,
    /// `{ "fields": ["close"], "items": [[1], …] }`
    ColumnsItems,
    /// `{ "close": [1, …], "open": [2, …] }`
    Parallel,
    /// `["1,2", …]`
    Delimited,
}

/// How rows stand in an answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HttpResponse {
    /// `json` (default), `csv`, or `text`.
    pub format: HttpFormat,
    /// JSONPath of the rows (default `$`).
    pub rows: Option<String>,
    /// What rows are made of.
    pub shape: HttpShape,
    /// Names of the fields by position, where the answer has none.
    pub fields: Vec<String>,
    /// Whether the first line names the fields (default: yes, unless `fields` does). For `csv` and `text`.
    pub header: Option<bool>,
    /// What separates fields (default `,`; `tab` for a tab). For `csv`, `text` and `shape: delimited`.
    pub delimiter: Option<String>,
    /// Where `columns_items` has its names (default `fields`).
    pub names: Option<String>,
    /// Where `columns_items` has its rows (default `items`).
    pub items: Option<String>,
    /// How the text is encoded: `utf-8` (default) or `gbk`.
    pub encoding: Encoding,
    /// The instant at which a row's bar closes: bars that had not closed by the time of asking are left out.
    pub closes: Option<HttpField>,
}

/// A field's name, or more about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HttpColumn {
    Name(String),
    Field(HttpField),
}

impl HttpColumn {
    /// The vendor's name, position or path.
    pub fn from(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Field(field) => &field.from,
        }
    }

    /// All that is said of it.
    pub fn field(&self) -> HttpField {
        match self {
            Self::Name(name) => HttpField { from: name.clone(), ..HttpField::default() },
            Self::Field(field) => field.clone(),
        }
    }
}

/// A field of the vendor's, and what its values mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HttpField {
    /// Its name, its position from 0, or a JSONPath that begins with `$`.
    pub from: String,
    /// `number` (default), `text`, `bool`, `date` or `time`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ColumnType>,
    /// The unit: our value is the vendor's, times this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<f64>,
    /// How a date or time is written, as `strftime` says it (default `%Y-%m-%d`, `2024-03-15 09:31:00`). That of a row's own `time` is said
    /// under `time:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// A date or instant as a count of seconds or milliseconds since 1970-01-01 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<HttpEpoch>,
    /// The time zone in which such an instant is a date (default: the calendar's).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HttpEpoch {
    S,
    Ms,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HttpCase {
    /// As our name has it.
    #[default]
    Keep,
    Lower,
    Upper,
}

/// How our names of instruments and the vendor's correspond. A pattern has `{code}`, and `{exchange}` if names tell exchanges.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HttpSymbols {
    /// The pattern of our names (default `{code}.{exchange}` with `exchanges`, `{code}` without).
    pub ours: Option<String>,
    /// The pattern of the vendor's (default: as ours).
    pub theirs: Option<String>,
    /// Our name of an exchange: the vendor's.
    pub exchanges: Ordered<String>,
    /// How the vendor writes codes: `keep` (default), `lower` or `upper`.
    pub case: HttpCase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HttpMeaning {
    /// May go well the next time.
    Transient,
    /// Too many calls: all calls wait.
    RateLimited,
    /// The token is no longer valid: one new login, if there is a login.
    Auth,
    /// Asking again is of no use.
    Refused,
    /// The vendor has no rows of what was asked.
    NoData,
}

/// One status or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Statuses {
    One(u32),
    Many(Vec<u32>),
}

impl Statuses {
    pub fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// What an answer means, if all that is said here is true of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HttpRule {
    /// The HTTP status is one of these.
    #[serde(default)]
    pub status: Option<Statuses>,
    /// JSONPath of the value that `equals`, `not` and `contains` are about; without them there is such a value, and it is not null.
    #[serde(default)]
    pub json: Option<String>,
    /// It is one of these, written as text: `"-1121"`, `"null"`.
    #[serde(default)]
    pub equals: Option<OneOrMany>,
    /// It is none of these.
    #[serde(default)]
    pub not: Option<OneOrMany>,
    /// One of these is in it, whatever the case of letters.
    #[serde(default)]
    pub contains: Option<OneOrMany>,
    /// One of these is in the first 4096 bytes of the answer, whatever the case of letters; `""`: the answer is empty.
    #[serde(default)]
    pub body: Option<OneOrMany>,
    /// What it means.
    pub means: HttpMeaning,
    /// How long to wait before the next call, if the vendor does not say (for `transient` and `rate_limited`).
    #[serde(default)]
    pub wait: Option<Span>,
    /// What a person can do about it.
    #[serde(default)]
    pub help: Option<String>,
}

/// Never more calls than one of these in any second, minute or hour.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HttpRate {
    /// Calls in a second.
    pub per_second: Option<u32>,
    /// Calls in a minute.
    pub per_minute: Option<u32>,
    /// Calls in an hour.
    pub per_hour: Option<u32>,
    /// Calls that may follow each other at once (default 1: evenly spread).
    pub burst: Option<u32>,
}

/// What is tried again, and when: after `from`, then twice as long each time, up to `to`, each made longer by chance, up to
/// twice as long; or when the vendor says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HttpRetries {
    /// How often (default 4).
    pub times: Option<u32>,
    /// The first wait (default 1s).
    pub from: Option<Span>,
    /// The longest (default 60s).
    pub to: Option<Span>,
    /// A vendor that wants a longer wait than this is not waited for (default 5m).
    pub longest: Option<Span>,
}
