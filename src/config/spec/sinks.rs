//! The keys of publishing: where to (`sinks:`), and of each asset what (`publish:`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Secret, Storage};
use crate::duration::Span;

/// Where what was committed is written for others to read. One of the sorts, and how it is asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sink {
    /// One line for people.
    pub description: Option<String>,
    /// Tables of a PostgreSQL server.
    pub postgres: Option<PostgresSink>,
    /// Tables of a ClickHouse server, by its HTTP interface.
    pub clickhouse: Option<ClickhouseSink>,
    /// A stream, and the latest values, of a Redis server.
    pub redis: Option<RedisSink>,
    /// Messages to an exchange of a RabbitMQ server.
    pub rabbitmq: Option<RabbitmqSink>,
    /// Messages to a JetStream stream of a NATS server.
    pub nats: Option<NatsSink>,
    /// Objects of a store that speaks S3's protocol.
    pub s3: Option<S3Sink>,
    /// Files in a folder.
    pub files: Option<FilesSink>,
    /// How long one batch may take to be written (default 60s).
    pub timeout: Option<Span>,
    /// When `assetctl serve` tries again what failed: `{ backoff: 5s, at_most: 5m }`.
    pub retries: SinkRetries,
}

/// What failed is tried again after `backoff`, then after twice as long each time, up to `at_most`, until it is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SinkRetries {
    /// The first wait (default 5s).
    pub backoff: Option<Span>,
    /// The longest (default 5m).
    pub at_most: Option<Span>,
}

/// A PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PostgresSink {
    /// Where it is: `postgres://user@host:5432/database`; a text, `{ env: NAME }` or `{ file: path }`.
    pub url: Secret,
    /// The password, if it is not in `url`: `{ env: NAME }` or `{ file: path }`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The schema of tables that name none, and of the table that remembers what was published (default `public`).
    #[serde(default)]
    pub schema: Option<String>,
    /// A PEM file with the certificates to trust, relative to this file (default: the system's); used with `sslmode=require` in `url`.
    #[serde(default)]
    pub ca: Option<String>,
}

/// A ClickHouse server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClickhouseSink {
    /// Its HTTP interface: `http://host:8123`; a text, `{ env: NAME }` or `{ file: path }`.
    pub url: Secret,
    /// Who logs in (default `default`).
    #[serde(default)]
    pub user: Option<Secret>,
    /// The password: `{ env: NAME }` or `{ file: path }`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The database of tables that name none (default `default`).
    #[serde(default)]
    pub database: Option<String>,
}

/// A Redis server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RedisSink {
    /// Where it is: `redis://user@host:6379/0`, `rediss://…` for an encrypted connection; a text, `{ env: NAME }` or `{ file: path }`.
    pub url: Secret,
    /// The password, if it is not in `url`: `{ env: NAME }` or `{ file: path }`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// About how many messages a stream keeps (default 1000): the oldest go.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub keep: Option<u32>,
}

/// A RabbitMQ server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RabbitmqSink {
    /// Where it is: `amqp://user@host:5672/vhost`; a text, `{ env: NAME }` or `{ file: path }`.
    pub url: Secret,
    /// The password, if it is not in `url`: `{ env: NAME }` or `{ file: path }`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The exchange that messages go to (default `assetctl`): a durable one of type `topic`, made if it is not there.
    #[serde(default)]
    pub exchange: Option<String>,
}

/// A NATS server with JetStream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NatsSink {
    /// Where it is: `nats://host:4222`, `tls://…` for an encrypted connection; a text, `{ env: NAME }` or `{ file: path }`.
    pub url: Secret,
    /// Who logs in.
    #[serde(default)]
    pub user: Option<Secret>,
    /// The password: `{ env: NAME }` or `{ file: path }`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A token, in place of user and password: `{ env: NAME }` or `{ file: path }`.
    #[serde(default)]
    pub token: Option<Secret>,
}

/// Objects below a prefix of a bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct S3Sink {
    /// `s3://bucket/prefix`.
    pub path: String,
    /// Endpoint, region, keys.
    #[serde(default)]
    pub storage: Option<Storage>,
    /// How the rows are written.
    #[serde(default)]
    pub format: FileForm,
}

/// Files below a folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FilesSink {
    /// The folder, relative to this file; made if it is not there.
    pub path: String,
    /// How the rows are written.
    #[serde(default)]
    pub format: FileForm,
}

/// How rows are written into files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileForm {
    #[default]
    Parquet,
    Csv,
}

impl FileForm {
    /// As files are called.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }
}

/// An asset's rows, written to a sink whenever they have changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Publish {
    /// The name of the sink, under `sinks:` of the project.
    pub to: String,
    /// The table of a database: `scores`, `research.scores` (default: the asset's name).
    #[serde(default)]
    pub table: Option<String>,
    /// The stream of Redis, with which its other keys begin (default: the asset's name).
    #[serde(default)]
    pub stream: Option<String>,
    /// The routing key of RabbitMQ (default: the asset's name).
    #[serde(default)]
    pub routing_key: Option<String>,
    /// The subject of NATS (default: the asset's name).
    #[serde(default)]
    pub subject: Option<String>,
    /// The folder of files or objects, below the sink's (default: the asset's name).
    #[serde(default)]
    pub folder: Option<String>,
    /// These columns, besides the session and the key (default: all).
    #[serde(default)]
    pub columns: Vec<String>,
    /// Whether messages of Redis, RabbitMQ and NATS carry the rows (default), or only tell of the session.
    #[serde(default)]
    pub rows: Option<bool>,
}

/// What a sink is, by its key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SinkKind<'a> {
    Postgres(&'a PostgresSink),
    Clickhouse(&'a ClickhouseSink),
    Redis(&'a RedisSink),
    Rabbitmq(&'a RabbitmqSink),
    Nats(&'a NatsSink),
    S3(&'a S3Sink),
    Files(&'a FilesSink),
}

impl SinkKind<'_> {
    /// As written in YAML, in the order of [`Sink::kinds`].
    pub const KEYS: [&'static str; 7] = ["postgres", "clickhouse", "redis", "rabbitmq", "nats", "s3", "files"];

    /// As written in YAML.
    pub fn key(self) -> &'static str {
        match self {
            Self::Postgres(_) => "postgres",
            Self::Clickhouse(_) => "clickhouse",
            Self::Redis(_) => "redis",
            Self::Rabbitmq(_) => "rabbitmq",
            Self::Nats(_) => "nats",
            Self::S3(_) => "s3",
            Self::Files(_) => "files",
        }
    }

    /// The key of `publish:` that says where within it.
    pub fn target_key(self) -> &'static str {
        match self {
            Self::Postgres(_) | Self::Clickhouse(_) => "table",
            Self::Redis(_) => "stream",
            Self::Rabbitmq(_) => "routing_key",
            Self::Nats(_) => "subject",
            Self::S3(_) | Self::Files(_) => "folder",
        }
    }

    /// Whether it takes messages, which may go without rows.
    pub fn takes_messages(self) -> bool {
        matches!(self, Self::Redis(_) | Self::Rabbitmq(_) | Self::Nats(_))
    }
}

impl Sink {
    /// All sorts that are given.
    pub fn kinds(&self) -> Vec<SinkKind<'_>> {
        let first =
            self.postgres.iter().map(SinkKind::Postgres).chain(self.clickhouse.iter().map(SinkKind::Clickhouse));
        let brokers = self.redis.iter().map(SinkKind::Redis).chain(self.rabbitmq.iter().map(SinkKind::Rabbitmq));
        let stores = self.s3.iter().map(SinkKind::S3).chain(self.files.iter().map(SinkKind::Files));
        first.chain(brokers).chain(self.nats.iter().map(SinkKind::Nats)).chain(stores).collect()
    }

    /// Everything that may be a secret: its sort, its key, and what stands there.
    pub fn secrets(&self) -> Vec<(&'static str, &'static str, &Secret)> {
        let postgres = self.postgres.as_ref();
        let clickhouse = self.clickhouse.as_ref();
        let redis = self.redis.as_ref();
        let rabbitmq = self.rabbitmq.as_ref();
        let nats = self.nats.as_ref();
        let all = [
            ("postgres", "url", postgres.map(|sink| &sink.url)),
            ("postgres", "password", postgres.and_then(|sink| sink.password.as_ref())),
            ("clickhouse", "url", clickhouse.map(|sink| &sink.url)),
            ("clickhouse", "password", clickhouse.and_then(|sink| sink.password.as_ref())),
            ("redis", "url", redis.map(|sink| &sink.url)),
            ("redis", "password", redis.and_then(|sink| sink.password.as_ref())),
            ("rabbitmq", "url", rabbitmq.map(|sink| &sink.url)),
            ("rabbitmq", "password", rabbitmq.and_then(|sink| sink.password.as_ref())),
            ("nats", "url", nats.map(|sink| &sink.url)),
            ("nats", "password", nats.and_then(|sink| sink.password.as_ref())),
            ("nats", "token", nats.and_then(|sink| sink.token.as_ref())),
        ];
        all.into_iter().filter_map(|(sort, key, secret)| Some((sort, key, secret?))).collect()
    }
}

impl Publish {
    /// Every key that says where within a sink, with its value.
    pub fn targets(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("table", self.table.as_deref()),
            ("stream", self.stream.as_deref()),
            ("routing_key", self.routing_key.as_deref()),
            ("subject", self.subject.as_deref()),
            ("folder", self.folder.as_deref()),
        ]
    }

    /// Where within a sink: what is said, or the asset's name.
    pub fn target<'a>(&'a self, asset: &'a str) -> &'a str {
        self.targets().into_iter().find_map(|(_, target)| target).unwrap_or(asset)
    }
}
