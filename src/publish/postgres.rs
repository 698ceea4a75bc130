//! PostgreSQL: a transaction for each batch deletes what is there of its sessions, copies their rows in, and notes in a table of its own what it has
//! done. So a batch that is written again does nothing.

use std::io::Cursor;

use assetctl_config::{DeclaredSink, PostgresSink};
use assetctl_store::ColumnType;
use chrono::NaiveDate;
use futures::SinkExt;
use futures::future::BoxFuture;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::batch::{SinkBatch, SinkSession};
use crate::cells::Columns;
use crate::error::{SinkError, in_words};
use crate::secrets;
use crate::sink::Sink;
use crate::tabbed::{Bools, line};

/// The table that remembers what was published.
const REMEMBERS: &str = "assetctl_published";
/// Bytes that are sent at once.
const PIECE: usize = 1 << 18;

pub(crate) struct Postgres {
    client: Client,
    driver: tokio::task::JoinHandle<()>,
    schema: String,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

pub(crate) async fn open(sink: &DeclaredSink, spec: &PostgresSink) -> Result<Postgres, SinkError> {
    let url = secrets::read(sink, &spec.url)?;
    let mut config: Config = url.parse().map_err(|_| {
        SinkError::new(format!("the `url` of sink `{}` is no address of PostgreSQL's", sink.name))
            .help("write `postgres://user@host:5432/database`")
    })?;
    if let Some(password) = secrets::read_if(sink, spec.password.as_ref())? {
        config.password(password);
    }
    config.application_name("assetctl");
    let refuse = |error: tokio_postgres::Error| SinkError::of("PostgreSQL does not let in", &error);
    let (client, driver) = if config.get_ssl_mode() == SslMode::Require {
        let ca = spec.ca.as_ref().map(|ca| sink.base.join(ca));
        let trusted = assetctl_connect::tls_client(ca.as_deref()).map_err(|error| SinkError::new(error.to_string()))?;
        let (client, connection) = config.connect(MakeRustlsConnect::new(trusted)).await.map_err(refuse)?;
        (client, tokio::spawn(async move { drop(connection.await) }))
    } else {
        // Without certificates to hold it against, encryption promises nothing: it is asked for or it is not there.
        config.ssl_mode(SslMode::Disable);
        let (client, connection) = config.connect(NoTls).await.map_err(refuse)?;
        (client, tokio::spawn(async move { drop(connection.await) }))
    };
    Ok(Postgres { client, driver, schema: spec.schema.clone().unwrap_or_else(|| "public".to_owned()) })
}

impl Sink for Postgres {
    fn write<'a>(&'a mut self, batch: &'a SinkBatch) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            let transaction = self.client.transaction().await.map_err(|error| refusal(&batch.target, &error))?;
            let table = Table::of(&self.schema, &batch.target);
            write(&transaction, &table, batch).await?;
            transaction.commit().await.map_err(|error| refusal(&batch.target, &error))
        })
    }
}

/// A table and the one that remembers.
struct Table {
    /// As the sink declares it, for messages.
    target: String,
    schema: String,
    name: String,
    quoted: String,
    remembers: String,
}

impl Table {
    fn of(schema: &str, target: &str) -> Self {
        let (schema_of_table, name) = target.split_once('.').unwrap_or((schema, target));
        Self {
            target: target.to_owned(),
            schema: schema_of_table.to_owned(),
            name: name.to_owned(),
            quoted: format!("{}.{}", quoted(schema_of_table), quoted(name)),
            remembers: format!("{}.{}", quoted(schema), quoted(REMEMBERS)),
        }
    }
}

async fn write(transaction: &Transaction<'_>, table: &Table, batch: &SinkBatch) -> Result<(), SinkError> {
    let failed = |error: tokio_postgres::Error| refusal(&table.target, &error);
    // Two machines that publish the same take turns.
    transaction
        .execute("SELECT pg_advisory_xact_lock(hashtext($1))", &[&format!("assetctl {}", table.quoted)])
        .await
        .map_err(failed)?;
    // `IF NOT EXISTS` asks for the right to make one even where there is one.
    let is_there = transaction
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&table.remembers])
        .await
        .map_err(failed)?
        .get::<_, bool>(0);
    if !is_there {
        let ddl = format!(
            "CREATE TABLE {} (target text NOT NULL, asset text NOT NULL, session date NOT NULL, revision bigint NOT NULL, \
             content text NOT NULL, published_at timestamptz NOT NULL, PRIMARY KEY (target, session))",
            table.remembers
        );
        transaction.batch_execute(&ddl).await.map_err(failed)?;
    }
    let columns = batch.columns()?;
    let is_new = if batch.sessions.is_empty() { false } else { fit(transaction, table, &columns, batch).await? };
    own(transaction, table, batch, is_new).await?;
    let known = transaction
        .query(
            &format!("SELECT session, content FROM {} WHERE target = $1 AND session = ANY($2)", table.remembers),
            &[&table.target, &batch.touched()],
        )
        .await
        .map_err(failed)?;
    let is_known = |session: &SinkSession| {
        known.iter().any(|row| {
            row.get::<_, NaiveDate>(0) == session.session && row.get::<_, &str>(1) == session.content.as_str()
        })
    };
    let sessions = batch.only(|session| batch.again || !is_known(session));
    delete(transaction, table, batch, &sessions).await.map_err(failed)?;
    if sessions.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = columns.names().map(quoted).collect();
    let statement = format!("COPY {} ({}) FROM STDIN", table.quoted, names.join(", "));
    let copied = transaction.copy_in::<_, Cursor<Vec<u8>>>(&statement).await.map_err(failed)?;
    let mut copied = std::pin::pin!(copied);
    let mut piece = String::with_capacity(PIECE + 1024);
    for row in sessions.iter().flat_map(|session| session.offset..session.offset + session.rows) {
        line(&columns, row, Bools::Words, &[], &mut piece);
        if piece.len() >= PIECE {
            copied.send(Cursor::new(std::mem::take(&mut piece).into_bytes())).await.map_err(failed)?;
        }
    }
    if !piece.is_empty() {
        copied.send(Cursor::new(piece.into_bytes())).await.map_err(failed)?;
    }
    copied.as_mut().finish().await.map_err(failed)?;
    let note = format!(
        "INSERT INTO {} (target, asset, session, revision, content, published_at) VALUES ($1, $2, $3, $4, $5, $6)",
        table.remembers
    );
    let note = transaction.prepare(&note).await.map_err(failed)?;
    for session in sessions {
        transaction
            .execute(
                &note,
                &[
                    &table.target,
                    &batch.asset,
                    &session.session,
                    &(session.revision as i64),
                    &session.content,
                    &batch.at,
                ],
            )
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// Makes the table if it is not there, and refuses one that does not fit. Whether it was made.
async fn fit(
    transaction: &Transaction<'_>,
    table: &Table,
    columns: &Columns,
    batch: &SinkBatch,
) -> Result<bool, SinkError> {
    let failed = |error: tokio_postgres::Error| refusal(&table.target, &error);
    let found = transaction
        .query(
            "SELECT a.attname::text, t.typname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid \
             WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped",
            &[&table.schema, &table.name],
        )
        .await
        .map_err(failed)?;
    if found.is_empty() {
        // Rows that nothing tells apart may repeat within a session.
        let key = if batch.key.is_empty() { Vec::new() } else { keys(batch) };
        let key: Vec<String> = key.into_iter().map(quoted).collect();
        let typed = columns.typed();
        let mut parts: Vec<String> = typed
            .iter()
            .map(|(name, kind)| {
                let null = if keys(batch).contains(&name.as_str()) { " NOT NULL" } else { "" };
                format!("{} {}{null}", quoted(name), types(*kind)[0].1)
            })
            .collect();
        if !key.is_empty() {
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        let ddl = format!("CREATE TABLE {} ({})", table.quoted, parts.join(", "));
        transaction.batch_execute(&ddl).await.map_err(failed)?;
        return Ok(true);
    }
    for (name, kind) in columns.typed() {
        let there = found.iter().find(|row| row.get::<_, &str>(0) == name);
        let Some(there) = there else {
            return Err(SinkError::new(format!("table `{}` has no column `{name}`", table.target)).help(format!(
                "add it: `ALTER TABLE {} ADD COLUMN {} {}`; or name the columns that it has by `columns:`",
                table.quoted,
                quoted(&name),
                types(kind)[0].1
            )));
        };
        let is: &str = there.get(1);
        if !types(kind).iter().any(|(fits, _)| *fits == is) {
            let what = format!(
                "column `{name}` of table `{}` is of type `{is}`, and the asset's is a {}",
                table.target,
                kind.name()
            );
            return Err(SinkError::new(what).help(format!(
                "change it: `ALTER TABLE {} ALTER COLUMN {} TYPE {}`; or name another table",
                table.quoted,
                quoted(&name),
                types(kind)[0].1
            )));
        }
    }
    Ok(false)
}

/// Refuses a table whose rows are not ours: they would be deleted.
async fn own(transaction: &Transaction<'_>, table: &Table, batch: &SinkBatch, is_new: bool) -> Result<(), SinkError> {
    let failed = |error: tokio_postgres::Error| refusal(&table.target, &error);
    if is_new || batch.sessions.is_empty() {
        return Ok(());
    }
    let query = format!("SELECT asset FROM {} WHERE target = $1 LIMIT 1", table.remembers);
    if let Some(row) = transaction.query_opt(&query, &[&table.target]).await.map_err(failed)? {
        let owner: &str = row.get(0);
        if owner == batch.asset {
            return Ok(());
        }
        let what = format!("table `{}` has the rows of asset `{owner}`", table.target);
        return Err(SinkError::new(what).help(format!(
            "name another table; or, if this one is to have others now: `TRUNCATE {}; DELETE FROM {} WHERE target = '{}'`",
            table.quoted, table.remembers, table.target
        )));
    }
    let query = format!("SELECT EXISTS (SELECT 1 FROM {})", table.quoted);
    let is_filled: bool = transaction.query_one(&query, &[]).await.map_err(failed)?.get(0);
    if is_filled {
        let what = format!("table `{}` has rows that were not published by assetctl", table.target);
        return Err(SinkError::new(what)
            .help("empty it, or name another by `table:`: published sessions replace what is there of them"));
    }
    Ok(())
}

/// Takes away what is there of the sessions that are written, and of those that went.
async fn delete(
    transaction: &Transaction<'_>,
    table: &Table,
    batch: &SinkBatch,
    sessions: &[&SinkSession],
) -> Result<(), tokio_postgres::Error> {
    let mut dates: Vec<NaiveDate> = sessions.iter().map(|session| session.session).collect();
    dates.extend(&batch.gone);
    if dates.is_empty() {
        return Ok(());
    }
    let is_there: bool = transaction.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table.quoted]).await?.get(0);
    if is_there && batch.is_static {
        transaction.execute(&format!("DELETE FROM {}", table.quoted), &[]).await?;
    } else if is_there {
        transaction.execute(&format!("DELETE FROM {} WHERE session = ANY($1)", table.quoted), &[&dates]).await?;
    }
    let forget = format!("DELETE FROM {} WHERE target = $1 AND session = ANY($2)", table.remembers);
    transaction.execute(&forget, &[&table.target, &dates]).await?;
    Ok(())
}

fn keys(batch: &SinkBatch) -> Vec<&str> {
    let session = (!batch.is_static).then_some("session");
    session.into_iter().chain(batch.key.iter().map(String::as_str)).collect()
}

/// The types that hold a column without loss: as the server's catalogue calls them, and as they are written. The first is what is made.
fn types(kind: ColumnType) -> &'static [(&'static str, &'static str)] {
    match kind {
        ColumnType::Number => &[("float8", "double precision"), ("numeric", "numeric")],
        ColumnType::Text => &[("text", "text"), ("varchar", "varchar")],
        ColumnType::Bool => &[("bool", "boolean")],
        ColumnType::Date => &[("date", "date")],
        ColumnType::Time => &[("timestamp", "timestamp")],
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What the server says, or the driver.
fn refusal(target: &str, error: &tokio_postgres::Error) -> SinkError {
    let text = match error.as_db_error() {
        Some(error) => match error.detail() {
            Some(detail) => format!("{} ({detail})", error.message()),
            None => error.message().to_owned(),
        },
        None => in_words(error),
    };
    SinkError::new(format!("PostgreSQL, table `{target}`: {text}"))
}
