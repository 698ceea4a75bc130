//! The keys of a `source` that asks a database.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;
use crate::duration::Span;

/// A database that is asked for rows, instead of files; one of these.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DatabaseSpec {
    /// A query on a DuckDB database, or on files that DuckDB reads.
    pub duckdb: Option<DuckdbQuery>,
    /// A query on a PostgreSQL server.
    pub postgres: Option<ServerQuery>,
    /// A query on a MySQL or MariaDB server.
    pub mysql: Option<ServerQuery>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DuckdbQuery {
    /// The database, relative to this file; it is opened for reading. Without it, the query names files: `from 'ticks/*.parquet'`.
    #[serde(default)]
    pub file: Option<String>,
    /// A SELECT, with `{{ session }}`, or `{{ first }}` and `{{ last }}`, for the dates that are asked for, and `{{ instruments }}`. Each is
    /// bound as a parameter.
    pub query: String,
    /// How long one query may take (default 10 minutes).
    #[serde(default)]
    pub timeout: Option<Span>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerQuery {
    /// Where it is: `postgres://user@host:5432/database`, `mysql://user@host:3306/database`; a text, `{ env: NAME }` or `{ file: path }`.
    pub url: Secret,
    /// The password, if it is not in `url`: `{ env: NAME }` or `{ file: path }`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A SELECT, with `{{ session }}`, or `{{ first }}` and `{{ last }}`, for the dates that are asked for, and `{{ instruments }}`. Each is
    /// bound as a parameter.
    pub query: String,
    /// How long one query may take (default 10 minutes).
    #[serde(default)]
    pub timeout: Option<Span>,
    /// A PEM file with the certificates to trust, relative to this file (default: the system's).
    #[serde(default)]
    pub ca: Option<String>,
}

/// Which database is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Engine<'a> {
    Duckdb(&'a DuckdbQuery),
    Postgres(&'a ServerQuery),
    Mysql(&'a ServerQuery),
}

impl<'a> Engine<'a> {
    /// As the key is written in YAML.
    pub fn key(self) -> &'static str {
        match self {
            Self::Duckdb(_) => "duckdb",
            Self::Postgres(_) => "postgres",
            Self::Mysql(_) => "mysql",
        }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Duckdb(_) => "DuckDB",
            Self::Postgres(_) => "PostgreSQL",
            Self::Mysql(_) => "MySQL",
        }
    }

    pub fn query(self) -> &'a str {
        match self {
            Self::Duckdb(spec) => &spec.query,
            Self::Postgres(spec) | Self::Mysql(spec) => &spec.query,
        }
    }

    pub fn timeout(self) -> Option<&'a Span> {
        match self {
            Self::Duckdb(spec) => spec.timeout.as_ref(),
            Self::Postgres(spec) | Self::Mysql(spec) => spec.timeout.as_ref(),
        }
    }
}

impl DatabaseSpec {
    /// All that are given, in the order of the keys.
    pub fn engines(&self) -> Vec<Engine<'_>> {
        let duckdb = self.duckdb.iter().map(Engine::Duckdb);
        let postgres = self.postgres.iter().map(Engine::Postgres);
        duckdb.chain(postgres).chain(self.mysql.iter().map(Engine::Mysql)).collect()
    }

    /// The one that is given.
    pub fn engine(&self) -> Option<Engine<'_>> {
        self.engines().first().copied()
    }
}
