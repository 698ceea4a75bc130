//! ClickHouse, by its HTTP interface. The table is a `ReplacingMergeTree`: a row of a newer `_revision` takes the place of one with the same key, and
//! one with `_deleted` stands for none. `FINAL` reads it so, and so does the view `…_current`. A table of its own notes what is about to be written,
//! and what is: a batch that is written again does nothing, and one that was interrupted goes in under the same revision, and under the same
//! `insert_deduplication_token` where the server knows that.

use std::collections::HashMap;

use assetctl_config::{ClickhouseSink, DeclaredSink};
use assetctl_store::ColumnType;
use chrono::{Datelike, NaiveDate};
use futures::future::BoxFuture;
use reqwest::Client;

use crate::batch::{SinkBatch, SinkSession};
use crate::cells::{Cell, Columns};
use crate::error::{SinkError, in_words};
use crate::secrets;
use crate::sink::Sink;
use crate::tabbed::{Bools, line};

/// The table that remembers what was published.
const REMEMBERS: &str = "assetctl_published";
/// Years that the type `Date` has in every version.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2105;
/// Of what a server says, so many letters are told.
const SAID: usize = 400;

pub(crate) struct Clickhouse {
    client: Client,
    url: String,
    user: String,
    password: Option<String>,
    database: String,
    version: (u32, u32),
}

pub(crate) async fn open(sink: &DeclaredSink, spec: &ClickhouseSink) -> Result<Clickhouse, SinkError> {
    let client = Client::builder()
        .user_agent(concat!("assetctl/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| SinkError::of("ClickHouse cannot be asked", &error))?;
    let mut opened = Clickhouse {
        client,
        url: secrets::read(sink, &spec.url)?,
        user: secrets::read_if(sink, spec.user.as_ref())?.unwrap_or_else(|| "default".to_owned()),
        password: secrets::read_if(sink, spec.password.as_ref())?,
        database: spec.database.clone().unwrap_or_else(|| "default".to_owned()),
        version: (0, 0),
    };
    let version = opened.ask("SELECT version()").await?;
    let mut numbers = version.trim().split('.').map(|part| part.parse().unwrap_or(0));
    opened.version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Ok(opened)
}

impl Sink for Clickhouse {
    fn write<'a>(&'a mut self, batch: &'a SinkBatch) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.replace(batch))
    }
}

/// What is remembered of a session.
struct Known {
    version: u64,
    content: String,
    done: bool,
}

impl Clickhouse {
    async fn replace(&self, batch: &SinkBatch) -> Result<(), SinkError> {
        let table = Table::of(&self.database, &batch.target);
        let columns = batch.columns()?;
        self.ask(&format!(
            "CREATE TABLE IF NOT EXISTS {} (target String, asset String, session Date, revision UInt64, content String, \
             done UInt8, seq UInt64) ENGINE = ReplacingMergeTree(seq) ORDER BY (target, session)",
            table.remembers
        ))
        .await?;
        let is_there = self.ask(&format!("EXISTS TABLE {}", table.quoted)).await?.trim() == "1";
        if !is_there && batch.sessions.is_empty() {
            return Ok(());
        }
        if is_there {
            self.own(&table, batch).await?;
            self.fit(&table, &columns, batch).await?;
        } else {
            self.create(&table, &columns, batch).await?;
        }
        let known = self.known(&table, batch).await?;
        let is_done = |session: &SinkSession| {
            known.get(&session.session).is_some_and(|known| known.done && known.content == session.content)
        };
        let todo = batch.only(|session| batch.again || !is_done(session));
        if todo.is_empty() && batch.gone.is_empty() {
            return Ok(());
        }
        let version = version(&todo, &batch.gone, &known);
        if !todo.is_empty() {
            self.note(&table, batch, &todo, &[], version, false).await?;
            self.insert(&table, batch, &columns, &todo, version).await?;
        }
        self.bury(&table, batch, &todo, version).await?;
        self.note(&table, batch, &todo, &batch.gone, version, true).await
    }

    async fn insert(
        &self,
        table: &Table,
        batch: &SinkBatch,
        columns: &Columns,
        todo: &[&SinkSession],
        version: u64,
    ) -> Result<(), SinkError> {
        let mut names: Vec<String> = columns.names().map(quoted).collect();
        names.extend(["`_revision`", "`_deleted`"].map(str::to_owned));
        let by_row = batch.key.is_empty();
        if by_row {
            names.push("`_row`".to_owned());
        }
        let statement = format!("INSERT INTO {} ({}) FORMAT TabSeparated", table.quoted, names.join(", "));
        let number = version.to_string();
        let mut text = String::new();
        for session in todo {
            for (place, row) in (session.offset..session.offset + session.rows).enumerate() {
                self.check_dates(columns, row)?;
                let place = place.to_string();
                let more: &[&str] = if by_row { &[&number, "0", &place] } else { &[&number, "0"] };
                line(columns, row, Bools::Digits, more, &mut text);
            }
        }
        if text.is_empty() {
            return Ok(());
        }
        let first_and_last = (todo.first().map(|one| one.session), todo.last().map(|one| one.session));
        let contents: String = todo.iter().map(|session| session.content.as_str()).collect();
        let token = format!("{}/{first_and_last:?}/{version}/{contents}", batch.target);
        // Older ones refuse what they do not know.
        let token = (self.version >= (22, 2)).then_some(token);
        self.send(&statement, text, token).await.map(|_| ())
    }

    /// Marks what is there of the sessions, and is older, as deleted.
    async fn bury(
        &self,
        table: &Table,
        batch: &SinkBatch,
        todo: &[&SinkSession],
        version: u64,
    ) -> Result<(), SinkError> {
        let key = self
            .ask(&format!(
                "SELECT sorting_key FROM system.tables WHERE database = '{}' AND name = '{}' FORMAT TabSeparatedRaw",
                table.database, table.name
            ))
            .await?;
        let key = key.trim();
        let dates: Vec<NaiveDate> = todo.iter().map(|one| one.session).chain(batch.gone.iter().copied()).collect();
        let of = if batch.is_static { String::new() } else { format!("session IN ({}) AND ", listed(&dates)) };
        self.ask(&format!(
            "INSERT INTO {table} ({key}, _revision, _deleted) SELECT {key}, toUInt64({version}), toUInt8(1) FROM {table} FINAL \
             WHERE {of}_revision < {version} AND _deleted = 0",
            table = table.quoted
        ))
        .await
        .map(|_| ())
    }

    async fn note(
        &self,
        table: &Table,
        batch: &SinkBatch,
        todo: &[&SinkSession],
        gone: &[NaiveDate],
        version: u64,
        done: bool,
    ) -> Result<(), SinkError> {
        let done = u64::from(done);
        let gone = gone.iter().map(|session| (*session, ""));
        let all = todo.iter().map(|session| (session.session, session.content.as_str())).chain(gone);
        let rows: String = all
            .map(|(session, content)| {
                let seq = version * 2 + done;
                format!("{}\t{}\t{session}\t{version}\t{content}\t{done}\t{seq}\n", batch.target, batch.asset)
            })
            .collect();
        let statement = format!(
            "INSERT INTO {} (target, asset, session, revision, content, done, seq) FORMAT TabSeparated",
            table.remembers
        );
        self.send(&statement, rows, None).await.map(|_| ())
    }

    async fn known(&self, table: &Table, batch: &SinkBatch) -> Result<HashMap<NaiveDate, Known>, SinkError> {
        let answer = self
            .ask(&format!(
                "SELECT session, revision, content, done FROM {} FINAL WHERE target = '{}' AND session IN ({})",
                table.remembers,
                batch.target,
                listed(&batch.touched())
            ))
            .await?;
        let mut known = HashMap::new();
        for row in answer.lines() {
            let fields: Vec<&str> = row.split('\t').collect();
            if let [session, version, content, done] = fields.as_slice()
                && let (Ok(session), Ok(version)) = (session.parse::<NaiveDate>(), version.parse())
            {
                known.insert(session, Known { version, content: (*content).to_owned(), done: *done == "1" });
            }
        }
        Ok(known)
    }

    /// Refuses a table whose rows are not ours: they would be marked as deleted.
    async fn own(&self, table: &Table, batch: &SinkBatch) -> Result<(), SinkError> {
        let query = format!("SELECT asset FROM {} WHERE target = '{}' LIMIT 1", table.remembers, batch.target);
        let owner = self.ask(&query).await?.trim().to_owned();
        if owner == batch.asset {
            return Ok(());
        }
        if !owner.is_empty() {
            let what = format!("table `{}` has the rows of asset `{owner}`", batch.target);
            return Err(SinkError::new(what)
                .help(format!("name another by `table:`; or drop it, and what `{REMEMBERS}` has of it")));
        }
        if self.ask(&format!("SELECT count() FROM {}", table.quoted)).await?.trim() != "0" {
            let what = format!("table `{}` has rows that were not published by assetctl", batch.target);
            return Err(SinkError::new(what)
                .help("empty it, or name another by `table:`: published sessions replace what is there of them"));
        }
        Ok(())
    }

    /// Refuses a table that does not fit.
    async fn fit(&self, table: &Table, columns: &Columns, batch: &SinkBatch) -> Result<(), SinkError> {
        let found = self
            .ask(&format!(
                "SELECT name, type FROM system.columns WHERE database = '{}' AND table = '{}' FORMAT TabSeparatedRaw",
                table.database, table.name
            ))
            .await?;
        let found: HashMap<&str, &str> = found.lines().filter_map(|row| row.split_once('\t')).collect();
        let mut own = vec!["_revision", "_deleted"];
        if batch.key.is_empty() && !batch.sessions.is_empty() {
            own.push("_row");
        }
        for name in own {
            if !found.contains_key(name) {
                let what = format!("table `{}` has no column `{name}`", batch.target);
                return Err(SinkError::new(what)
                    .help("name one by `table:` that is not there yet: it is made as docs/publishing.md says"));
            }
        }
        for (name, kind) in columns.typed() {
            let wanted = self.typed(kind);
            let Some(is) = found.get(name.as_str()) else {
                let what = format!("table `{}` has no column `{name}`", batch.target);
                return Err(SinkError::new(what).help(format!(
                    "add it: `ALTER TABLE {} ADD COLUMN {} Nullable({wanted})`; or name the columns that it has by `columns:`",
                    table.quoted,
                    quoted(&name)
                )));
            };
            if !fits(kind, plain(is)) {
                let what = format!(
                    "column `{name}` of table `{}` is of type `{is}`, and the asset's is a {}",
                    batch.target,
                    kind.name()
                );
                return Err(
                    SinkError::new(what).help(format!("make it a `{wanted}`, or name another table by `table:`"))
                );
            }
        }
        Ok(())
    }

    async fn create(&self, table: &Table, columns: &Columns, batch: &SinkBatch) -> Result<(), SinkError> {
        let mut keys: Vec<&str> = Vec::new();
        keys.extend((!batch.is_static).then_some("session"));
        keys.extend(batch.key.iter().map(String::as_str));
        let mut parts: Vec<String> = columns
            .typed()
            .iter()
            .map(|(name, kind)| match name.as_str() {
                "session" if !batch.is_static => "`session` Date".to_owned(),
                name if keys.contains(&name) => format!("{} {}", quoted(name), self.typed(*kind)),
                name => format!("{} Nullable({})", quoted(name), self.typed(*kind)),
            })
            .collect();
        parts.extend(["`_revision` UInt64", "`_deleted` UInt8"].map(str::to_owned));
        if batch.key.is_empty() {
            parts.push("`_row` UInt32".to_owned());
            keys.push("_row");
        }
        let keys: Vec<String> = keys.into_iter().map(quoted).collect();
        let by_month = if batch.is_static { "" } else { " PARTITION BY toYYYYMM(session)" };
        let window = if self.version >= (22, 2) { " SETTINGS non_replicated_deduplication_window = 1000" } else { "" };
        self.ask(&format!(
            "CREATE TABLE {} ({}) ENGINE = ReplacingMergeTree(`_revision`){by_month} ORDER BY ({}){window}",
            table.quoted,
            parts.join(", "),
            keys.join(", ")
        ))
        .await?;
        let names: Vec<String> = columns.names().map(quoted).collect();
        let view = format!("{}.{}", quoted(&table.database), quoted(&format!("{}_current", table.name)));
        self.ask(&format!(
            "CREATE VIEW IF NOT EXISTS {view} AS SELECT {} FROM {} FINAL WHERE _deleted = 0",
            names.join(", "),
            table.quoted
        ))
        .await
        .map(|_| ())
    }

    /// The type that holds a column's values.
    fn typed(&self, kind: ColumnType) -> &'static str {
        match kind {
            ColumnType::Number => "Float64",
            ColumnType::Text => "String",
            ColumnType::Bool => "UInt8",
            ColumnType::Date if self.version >= (21, 9) => "Date32",
            ColumnType::Date => "Date",
            ColumnType::Time if self.version >= (20, 8) => "DateTime64(6, 'UTC')",
            ColumnType::Time => "String",
        }
    }

    /// A `Date` would turn what it cannot hold into something else.
    fn check_dates(&self, columns: &Columns, row: usize) -> Result<(), SinkError> {
        if self.version >= (21, 9) {
            return Ok(());
        }
        for (name, cell) in columns.named(row) {
            if let Cell::Date(date) = cell
                && !YEARS.contains(&date.year())
            {
                let what = format!("column `{name}` has {date}, which no `Date` of this server holds");
                return Err(
                    SinkError::new(what).help("leave the column out by `columns:`; version 21.9 has a wider type")
                );
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub fn version(&self) -> (u32, u32) {
        self.version
    }

    /// A statement without data.
    pub async fn ask(&self, statement: &str) -> Result<String, SinkError> {
        self.post(&[("database", &self.database)], statement.to_owned()).await
    }

    /// A statement with rows.
    async fn send(&self, statement: &str, rows: String, token: Option<String>) -> Result<String, SinkError> {
        let mut parameters = vec![("database", self.database.as_str()), ("query", statement)];
        parameters.extend(token.as_deref().map(|token| ("insert_deduplication_token", token)));
        self.post(&parameters, rows).await
    }

    async fn post(&self, parameters: &[(&str, &str)], body: String) -> Result<String, SinkError> {
        let mut url = url::Url::parse(&self.url).map_err(|error| SinkError::of("`url` is no address", &error))?;
        url.query_pairs_mut().extend_pairs(parameters);
        // The address may hold secrets.
        let failed = |error: reqwest::Error| {
            SinkError::new(format!("ClickHouse does not answer: {}", in_words(&error.without_url())))
        };
        let request = self.client.post(url).basic_auth(&self.user, self.password.as_deref()).body(body);
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let text = answer.text().await.map_err(failed)?;
        if status.is_success() {
            return Ok(text);
        }
        let said: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SAID).collect();
        Err(SinkError::new(format!("ClickHouse refuses with {status}: {said}")))
    }
}

/// Above what is there of every session; that of an interrupted try of the same.
fn version(todo: &[&SinkSession], gone: &[NaiveDate], known: &HashMap<NaiveDate, Known>) -> u64 {
    let above = |session: &NaiveDate| known.get(session).map_or(0, |known| known.version + 1);
    let of = |session: &&SinkSession| match known.get(&session.session) {
        Some(known) if !known.done && known.content == session.content => known.version,
        _ => session.revision.max(above(&session.session)),
    };
    todo.iter().map(of).chain(gone.iter().map(above)).max().unwrap_or(0)
}

struct Table {
    database: String,
    name: String,
    quoted: String,
    remembers: String,
}

impl Table {
    fn of(database: &str, target: &str) -> Self {
        let (database_of_table, name) = target.split_once('.').unwrap_or((database, target));
        Self {
            database: database_of_table.to_owned(),
            name: name.to_owned(),
            quoted: format!("{}.{}", quoted(database_of_table), quoted(name)),
            remembers: format!("{}.{}", quoted(database), quoted(REMEMBERS)),
        }
    }
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

fn listed(dates: &[NaiveDate]) -> String {
    dates.iter().map(|date| format!("'{date}'")).collect::<Vec<_>>().join(", ")
}

/// A type without what is around it.
fn plain(kind: &str) -> &str {
    let mut kind = kind;
    for around in ["LowCardinality(", "Nullable("] {
        kind = kind.strip_prefix(around).and_then(|rest| rest.strip_suffix(')')).unwrap_or(kind);
    }
    kind
}

/// Whether a column's values are held without loss.
fn fits(kind: ColumnType, is: &str) -> bool {
    match kind {
        ColumnType::Number => is == "Float64",
        ColumnType::Text => is == "String",
        ColumnType::Bool => is == "UInt8" || is == "Bool",
        ColumnType::Date => is == "Date" || is == "Date32",
        ColumnType::Time => is.starts_with("DateTime64(6") || is == "String",
    }
}
