//! The typed form of `assets.yaml`.
//!
//! These types are the one truth of the configuration: `assetctl schema` prints the JSON Schema made from them, the
//! structural pass (`structure.rs`) holds the YAML against that same schema, and serde then fills them. A key that is
//! not here does not exist.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::ordered::Ordered;

mod api;
mod as_of;
mod checks;
mod columns;
mod complete;
mod exec;
mod fetch;
mod http;
mod jobs;
mod limits;
mod observers;
mod query;
mod resample;
mod secret;
mod sensors;
mod session;
mod sinks;
mod storage;
mod telemetry;
mod time;
mod timing;
mod universe;

pub use api::{ApiSpec, Listen, SqlLimits};
pub use as_of::{AsOfSpec, Periods, Reports, Validity};
pub use checks::{
    AcceptedCheck, Check, ExpectedRows, FreshnessCheck, JumpCheck, MonotonicCheck, OhlcCheck, RangeCheck,
    ReconcileCheck, RegexCheck, Severity,
};
pub use columns::{ColumnsSpec, Compat, Dialect, FeatureSet, FeatureSets, WindowAxis};
pub use complete::{Adjust, CompleteSpec, Dividends, Fill, MissingBars};
pub use exec::{ExecInput, ExecSpec};
pub use fetch::{Empty, FetchSpec, InstrumentTable, Instruments, MinRows, OnMissing, RowBound};
pub use http::{
    HttpAtOnce, HttpAuth, HttpBy, HttpCase, HttpColumn, HttpEpoch, HttpField, HttpFormat, HttpLogin, HttpMeaning,
    HttpMethod, HttpPages, HttpPaging, HttpRate, HttpResponse, HttpRetries, HttpRule, HttpShape, HttpSymbols,
    HttpVendor, Statuses,
};
pub use jobs::{
    Concurrency, DeclaredVar, JobBackoff, JobGroup, JobRetries, JobSpec, JobVarSpec, JobWork, ScheduleSpec,
    SchedulesSpec, VarType,
};
pub use limits::{LimitRule, LimitRules, LimitSet, LimitsMap, PriceLimits};
pub use observers::{
    Dedup, EVENT_KINDS, EmailTo, EventSeverity, KeyedDedup, MailTls, MessageRate, MessageRetries, ObserverSpec,
    ObserverTo, ObserverWhere, SignedBotTo, SlackTo, TelegramTo, WebhookTo, WecomTo,
};
pub use query::{DatabaseSpec, DuckdbQuery, Engine, ServerQuery};
pub use resample::{Aggregate, BarLength, Gaps, ResampleSpec, ResampledColumn};
pub use secret::{Secret, SecretError, SecretFrom};
pub use sensors::{HttpPoll, RunEnd, SensorSpec, SensorWhen};
pub use session::SessionFrom;
pub use sinks::{
    ClickhouseSink, FileForm, FilesSink, NatsSink, PostgresSink, Publish, RabbitmqSink, RedisSink, S3Sink, Sink,
    SinkKind, SinkRetries,
};
pub use storage::Storage;
pub use telemetry::{MetricsSpec, OpenlineageSpec, TelemetrySpec, TracesEnvironment, TracesSpec};
pub use time::{BarStamp, BarTimes};
pub use timing::{
    Auto, AutoDeadline, AutoWhen, Blackout, CatchUp, LONGEST as LONGEST_FROM_SESSION, SessionEdge, SessionInstant,
    SessionInstantError, SessionWindow, Skip,
};
pub use universe::{UniverseOf, UniverseRows};

/// One value or a list of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// The assets that an asset reads: a name, a list of names, or short names for them (`bars: completed_bars`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Inputs {
    One(String),
    Many(Vec<String>),
    Named(Ordered<String>),
}

impl Inputs {
    /// (alias, asset) in the order written.
    pub fn pairs(&self) -> Vec<(String, String)> {
        match self {
            Self::One(one) => vec![(one.clone(), one.clone())],
            Self::Many(many) => many.iter().map(|name| (name.clone(), name.clone())).collect(),
            Self::Named(named) => named.iter().map(|(alias, asset)| (alias.clone(), asset.clone())).collect(),
        }
    }

    /// The path in its asset, as [`Asset::locate`](crate::Asset::locate) takes it, of the name that stands `at` that position.
    pub fn path(&self, at: usize) -> Vec<String> {
        let step = match self {
            Self::One(_) => None,
            Self::Many(_) => Some(at.to_string()),
            Self::Named(named) => named.keys().nth(at).cloned(),
        };
        std::iter::once("input".to_owned()).chain(step).collect()
    }
}

/// Top level of the file, without its assets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ProjectSpec {
    /// The exchange calendar of every asset that names none: `XSHG`, `XSHE`, `XNYS`, `XHKG`, `XTKS`, `XLON`, `24/7`, or one
    /// declared under `calendars`.
    pub calendar: Option<String>,
    /// First date of every asset that names none.
    pub start: Option<NaiveDate>,
    /// Folder of everything materialized, relative to this file.
    pub data: Option<String>,
    /// More files with `assets`, `vars` or `calendars`; globs, relative to this file.
    pub include: Option<OneOrMany>,
    /// The file of jobs, schedules and sensors, relative to this one (default: `schedules.yaml` beside an `assets.yaml`).
    pub schedules: Option<String>,
    /// Values for `${name}` anywhere in the project.
    pub vars: BTreeMap<String, serde_json::Value>,
    /// Calendars of your own, by name.
    pub calendars: BTreeMap<String, CalendarSpec>,
    /// Where assets are published to, by name.
    pub sinks: Ordered<Sink>,
    /// What every asset has unless it says otherwise.
    pub defaults: Common,
}

/// A calendar of one's own: a CSV file with the columns `session,open_utc,break_start_utc,break_end_utc,close_utc,is_half_day`, a built-in
/// calendar with other hours, or both.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CalendarSpec {
    /// The CSV file, relative to the file that names it.
    pub file: Option<String>,
    /// A built-in calendar that the file's sessions are added to.
    pub extends: Option<String>,
    /// The exchange's time zone (default: that of `extends`, or UTC).
    pub zone: Option<String>,
    /// The parts of a session in that time zone: `['09:30-11:30', '13:00-15:00']`. Parts before the first of the day are of the evening
    /// before, which belongs to the session that follows: `['21:00-02:30', '09:00-10:15', '10:30-11:30', '13:30-15:00']`.
    pub hours: Vec<String>,
}

/// What every asset takes, whatever its kind. Nothing here but `calendar` and `start` changes a result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Common {
    /// One line for people.
    pub description: Option<String>,
    /// Who to ask.
    pub owner: Option<String>,
    /// Labels for `--select tag:…`.
    pub tags: Vec<String>,
    /// The asset's own exchange calendar.
    pub calendar: Option<String>,
    /// The asset's own first date.
    pub start: Option<NaiveDate>,
    /// How long after the session's close its data is final: `30m`, `2h`.
    pub settlement: Option<Span>,
    /// What must hold for every partition; a failed check keeps the partition, and what is below it, from being committed.
    pub checks: Vec<Check>,
    /// How often a failed batch is tried again.
    pub retries: Option<u32>,
    /// How long one batch may take.
    pub timeout: Option<Span>,
    /// When `assetctl serve` brings it up to date by itself: `on_change`, or `{ deadline: session_close + 2h }`.
    pub auto: Option<Auto>,
    /// Where its rows are written for others to read: `[{ to: warehouse, table: scores }]`, by the names under `sinks:`.
    pub publish: Vec<Publish>,
}

/// The type of a column as a file declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    Number,
    Text,
    Bool,
    Date,
    /// A date and a time of day, without a time zone.
    Time,
}

impl ColumnType {
    /// As written in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Text => "text",
            Self::Bool => "bool",
            Self::Date => "date",
            Self::Time => "time",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// With or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    Gbk,
}

/// What becomes of a row whose date is not a session of the calendar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OffCalendar {
    #[default]
    Error,
    Skip,
}

/// Files of rows and how to read them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Files {
    /// CSV files: a path or glob, or several, relative to this file.
    pub csv: Option<OneOrMany>,
    /// Files of JSON lines, an object each: a path or glob, or several, relative to this file.
    pub jsonl: Option<OneOrMany>,
    /// Parquet files: a path or glob, or several, relative to this file.
    pub parquet: Option<OneOrMany>,
    /// Where `s3://…` paths lead: endpoint, region, keys.
    pub storage: Option<Storage>,
    /// Our name: the file's name. The rest keep their names.
    pub columns: Ordered<String>,
    /// Types of columns that are not numbers. `instrument` is text, `session` a date, and with `time:` so is `time` a time, without being told.
    pub types: BTreeMap<String, ColumnType>,
    /// How dates are written, as `strftime` says it (default `%Y-%m-%d`).
    pub date_format: Option<String>,
    /// How the text is encoded: `utf-8` (default, with or without BOM) or `gbk`.
    pub encoding: Encoding,
    /// What separates fields (default `,`; `tab` for a tab).
    pub delimiter: Option<String>,
    /// What separates thousands in a number, if anything does.
    pub thousands: Option<String>,
    /// What stands for the decimal point (default `.`).
    pub decimal: Option<String>,
    /// Texts that mean a missing number, date or bool, besides the empty one.
    pub missing: Vec<String>,
    /// What one of a column's units is in ours: `100` of a volume in lots of a hundred, `1000` of an amount in thousands.
    pub units: BTreeMap<String, f64>,
}

/// Raw rows per session, as the vendor delivered them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SourceSpec {
    #[serde(flatten)]
    pub files: Files,
    #[serde(flatten)]
    pub fetch: FetchSpec,
    /// Where the session of a row stands, if not in a column: `{ file_name: bars_%Y%m%d.csv }`.
    pub session: Option<SessionFrom>,
    #[serde(flatten)]
    pub database: DatabaseSpec,
    /// A row whose date is not a session of the calendar is an error, or is skipped.
    pub off_calendar: OffCalendar,
    /// Bars within a session: the column `time` belongs to the key.
    pub time: Option<BarTimes>,
    /// A vendor that is asked over HTTP, instead of files: the name of a preset (`assetctl sources`), a YAML file of your own, or a map.
    #[schemars(schema_with = "http::http_key")]
    pub http: Option<Box<HttpVendor>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// 1/k each.
    #[default]
    Equal,
    /// In proportion to `k + 1 - rank`.
    Rank,
}

/// The best instruments of a session by a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TopK {
    /// The column to order by, highest first; ties go to the smaller instrument name.
    pub by: String,
    /// How many instruments to hold; fewer when fewer have a score.
    pub k: u32,
    /// How the capital is split among them.
    #[serde(default)]
    pub weights: Weights,
}

/// From scores to target positions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SignalsSpec {
    /// The scores.
    pub input: String,
    /// Hold the best `k` instruments: `{ by: score, k: 10 }`.
    pub top_k: TopK,
    /// Only these instruments may be held: the name of an asset of members, or `{ asset: …, column: …, equals: … }`.
    #[serde(default)]
    pub universe: Option<UniverseOf>,
}

/// A SELECT in DuckDB's SQL, run for each session on exactly its window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SqlSpec {
    /// A minijinja template: `{{ ref('completed_bars', sessions=20) }}` is the input's last 20 sessions, `{{ session }}` the date.
    pub query: String,
    /// The columns that identify a row within its session (default: `instrument`, if there is such a column).
    #[serde(default)]
    pub key: Option<OneOrMany>,
    /// Names and types of the result, so that assets below can be validated before it has run.
    #[serde(default)]
    pub columns: Ordered<ColumnType>,
}

/// Reference data without a session axis.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TableSpec {
    #[serde(flatten)]
    pub files: Files,
    /// The columns that identify a row.
    pub key: Option<OneOrMany>,
}

/// What an asset is.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there are as many as a project has assets, each once")]
pub enum Kind {
    Source(SourceSpec),
    Table(TableSpec),
    AsOf(AsOfSpec),
    Complete(CompleteSpec),
    Resample(ResampleSpec),
    Indicators(ColumnsSpec),
    Scores(ColumnsSpec),
    Signals(SignalsSpec),
    Sql(SqlSpec),
    Exec(ExecSpec),
}

impl Kind {
    /// As written in YAML.
    pub const NAMES: [&'static str; 10] =
        ["source", "table", "as_of", "complete", "resample", "indicators", "scores", "signals", "sql", "exec"];

    pub fn name(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::Table(_) => "table",
            Self::AsOf(_) => "as_of",
            Self::Complete(_) => "complete",
            Self::Resample(_) => "resample",
            Self::Indicators(_) => "indicators",
            Self::Scores(_) => "scores",
            Self::Signals(_) => "signals",
            Self::Sql(_) => "sql",
            Self::Exec(_) => "exec",
        }
    }

    /// The instruments that take part, where the asset says so.
    pub fn universe(&self) -> Option<&UniverseOf> {
        match self {
            Self::Indicators(spec) | Self::Scores(spec) => spec.universe.as_ref(),
            Self::Signals(spec) => spec.universe.as_ref(),
            _ => None,
        }
    }
}
