//! `warehouse.duckdb`: one view per asset over its segments, and the ledger as tables.
//!
//! It is written beside the published one and renamed over it. Who has the old file open goes on reading it: the views in it
//! name segments, which stay until `gc`.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use assetctl_plan::{Hash128, PartitionRecord};
use duckdb::types::{TimeUnit, Value};
use duckdb::{Connection, appender_params_from_iter};
use rusqlite::{OptionalExtension, params};

use crate::RunId;
use crate::canonical::days;
use crate::database::micros;
use crate::error::{Error, Result};
use crate::gc::files_in;
use crate::layout::{Layout, TEMPORARY, remove, temporary_beside};
use crate::relation::{quote_name, relation};
use crate::schema::AssetSchema;
use crate::snapshot::Snapshot;
use crate::store::{Store, newest_rev};
use crate::thinned;

const LEDGER_TABLES: &str = "
    CREATE SCHEMA assetctl;
    CREATE TABLE assetctl.partitions (asset VARCHAR, session DATE, rows UBIGINT, revision UBIGINT, run UBIGINT,
        spec VARCHAR, content_hash VARCHAR);
    CREATE TABLE assetctl.segments (asset VARCHAR, month VARCHAR, file VARCHAR, bytes UBIGINT, rows UBIGINT,
        partitions UBIGINT);
";
const RUN_TABLES: &str = "
    CREATE TABLE assetctl.runs (run UBIGINT, command VARCHAR, selection VARCHAR, status VARCHAR, started_at TIMESTAMP,
        finished_at TIMESTAMP, changed UBIGINT);
    CREATE TABLE assetctl.run_assets (run UBIGINT, asset VARCHAR, status VARCHAR, planned UBIGINT, ran UBIGINT,
        changed UBIGINT, rows UBIGINT, bytes UBIGINT, seconds DOUBLE, error VARCHAR);
    CREATE TABLE assetctl.checks (run UBIGINT, checked_at TIMESTAMP, asset VARCHAR, name VARCHAR, subject VARCHAR, severity VARCHAR,
        outcome VARCHAR, first DATE, last DATE, sessions UBIGINT, rows UBIGINT, violations UBIGINT, message VARCHAR, sample VARCHAR);
";

/// What every warehouse has beside the views of its assets.
const FRONT_ADJUSTED: &str = include_str!("front_adjusted.sql");

/// How much of the history is published: a run must not take longer the more have gone before. The ledger has all of it.
const RUNS: usize = 2_000;
const CHECKS: i64 = 50_000;

impl Store {
    /// Publishes the newest snapshot as `warehouse.duckdb`: all assets, or those of `only`. Gives the path that it has, which on
    /// Windows is a numbered one while another program keeps the old file open.
    pub fn publish(&self, only: Option<&[String]>) -> Result<PathBuf> {
        let _lock = self.lock_publishing()?;
        // Taken under the lock, so that an older snapshot never replaces a newer one.
        let snapshot = self.snapshot()?;
        let temporary = temporary_beside(&self.layout.warehouse());
        let published = self.write_warehouse(&snapshot, only, &temporary).and_then(|()| put(&self.layout, &temporary));
        if published.is_err() {
            // The first error is the one worth telling; `gc` finds what is left over.
            let _ = remove(&temporary);
            let _ = remove(&wal_of(&temporary));
        }
        let path = published?;
        self.write("note the publication in", |transaction| {
            let shown = params![snapshot.rev() as i64, self.root(), shown_assets(only)];
            transaction
                .execute("INSERT OR REPLACE INTO published (one, rev, root, assets) VALUES (1, ?1, ?2, ?3)", shown)
        })?;
        Ok(path)
    }

    /// Whether the warehouse shows the newest revision, of this folder, and all assets or those of `only`. It does not when a run
    /// was killed between a commit and its publication, nor when the store was moved or copied: its views name files by their
    /// whole paths; nor when the project has come to name other assets; nor when something has overwritten it.
    pub fn is_published(&self, only: Option<&[String]>) -> Result<bool> {
        let failed = self.ledger.failed("read");
        let (shown, newest) = {
            let connection = self.connection();
            let row =
                |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, String>(1)?, row.get(2)?));
            let query = "SELECT rev, root, assets FROM published";
            let shown = connection.query_row(query, [], row).optional().map_err(&failed)?;
            (shown, newest_rev(&connection).map_err(&failed)?)
        };
        let wanted = (newest, self.root(), shown_assets(only));
        Ok(newest == 0
            || shown == Some(wanted) && newest_warehouse(self.layout.root())?.is_some_and(|path| is_database(&path)))
    }

    fn root(&self) -> String {
        self.layout.root().to_string_lossy().into_owned()
    }

    fn write_warehouse(&self, snapshot: &Snapshot, only: Option<&[String]>, path: &Path) -> Result<()> {
        if path.to_string_lossy().contains('?') {
            // DuckDB takes what follows a `?` for options, and looks for its log under another name.
            let folder = tempfile::tempdir().map_err(Error::io("write", path))?;
            let elsewhere = folder.path().join("warehouse.duckdb");
            self.fill_warehouse(snapshot, only, &elsewhere)?;
            let copied = fs::File::open(&elsewhere).and_then(|mut from| {
                let mut to = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
                std::io::copy(&mut from, &mut to)
            });
            copied.map_err(Error::io("write", path))?;
        } else {
            self.fill_warehouse(snapshot, only, path)?;
        }
        let file = fs::OpenOptions::new().write(true).open(path).map_err(Error::io("open", path))?;
        file.sync_all().map_err(Error::io("sync", path))
    }

    fn fill_warehouse(&self, snapshot: &Snapshot, only: Option<&[String]>, path: &Path) -> Result<()> {
        let failed = |source| Error::Warehouse { action: "write", path: path.to_path_buf(), source };
        // One thread: starting more costs more than these few tables and views take.
        let config = duckdb::Config::default().threads(1).map_err(failed)?;
        let connection = Connection::open_with_flags(path, config).map_err(failed)?;
        // Looking for symbols in hashes, which have none, takes more time than all the rest of a small publication.
        connection.execute_batch("SET disabled_compression_methods = 'fsst,dict_fsst'").map_err(failed)?;
        fill(&connection, snapshot, only, path)?;
        self.fill_runs(&connection, path)?;
        connection.execute_batch("CHECKPOINT").map_err(failed)?;
        connection.close().map_err(|(_, source)| failed(source))
    }

    fn fill_runs(&self, connection: &Connection, path: &Path) -> Result<()> {
        let failed = |source| Error::Warehouse { action: "write", path: path.to_path_buf(), source };
        connection.execute_batch(RUN_TABLES).map_err(failed)?;
        let mut runs = connection.appender_to_db("runs", "assetctl").map_err(failed)?;
        let mut run_assets = connection.appender_to_db("run_assets", "assetctl").map_err(failed)?;
        let at = |instant| Value::Timestamp(TimeUnit::Microsecond, micros(instant));
        let newest = self.runs(RUNS)?;
        let first = newest.iter().map(|run| run.id).min().unwrap_or(RunId(0));
        for run in newest {
            let row = [
                Value::UBigInt(run.id.0),
                Value::Text(run.command),
                Value::Text(run.selection),
                Value::Text(run.status.name().to_owned()),
                at(run.started_at),
                run.finished_at.map_or(Value::Null, at),
                Value::UBigInt(run.changed),
            ];
            runs.append_row(appender_params_from_iter(row)).map_err(failed)?;
        }
        for (run, outcome) in self.outcomes_since(first)? {
            let row = [
                Value::UBigInt(run.0),
                Value::Text(outcome.asset),
                Value::Text(outcome.status.name().to_owned()),
                Value::UBigInt(outcome.planned.into()),
                Value::UBigInt(outcome.ran.len() as u64),
                Value::UBigInt(outcome.changed.into()),
                Value::UBigInt(outcome.rows),
                Value::UBigInt(outcome.bytes),
                Value::Double(outcome.seconds),
                outcome.error.map_or(Value::Null, Value::Text),
            ];
            run_assets.append_row(appender_params_from_iter(row)).map_err(failed)?;
        }
        runs.flush().map_err(failed)?;
        run_assets.flush().map_err(failed)?;
        self.fill_checks(connection, path)
    }

    /// Row by row as the ledger has them: there may be thousands, and they are published with every run.
    fn fill_checks(&self, connection: &Connection, path: &Path) -> Result<()> {
        let failed = |source| Error::Warehouse { action: "write", path: path.to_path_buf(), source };
        let unread = self.ledger.failed("read");
        let mut checks = connection.appender_to_db("checks", "assetctl").map_err(failed)?;
        let ledger = self.connection();
        let mut statement = ledger
            .prepare_cached(
                "SELECT run, at, asset, name, subject, severity, outcome, first, last, sessions, rows, violations, message, sample
                 FROM (SELECT * FROM check_results ORDER BY id DESC LIMIT ?1) ORDER BY id",
            )
            .map_err(&unread)?;
        let mut rows = statement.query([CHECKS]).map_err(&unread)?;
        while let Some(row) = rows.next().map_err(&unread)? {
            let row = check_row(row).map_err(&unread)?;
            checks.append_row(appender_params_from_iter(row)).map_err(failed)?;
        }
        checks.flush().map_err(failed)
    }
}

fn check_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<[Value; 14]> {
    let text = |at: usize| row.get(at).map(Value::Text);
    let count = |at: usize| row.get::<_, i64>(at).map(|count| Value::UBigInt(count as u64));
    let day = |at: usize| row.get(at).map(Value::Date32);
    Ok([
        row.get::<_, Option<i64>>(0)?.map_or(Value::Null, |run| Value::UBigInt(run as u64)),
        Value::Timestamp(TimeUnit::Microsecond, row.get(1)?),
        text(2)?,
        text(3)?,
        text(4)?,
        text(5)?,
        text(6)?,
        day(7)?,
        day(8)?,
        count(9)?,
        count(10)?,
        count(11)?,
        row.get::<_, Option<String>>(12)?.map_or(Value::Null, Value::Text),
        text(13)?,
    ])
}

/// The assets that a warehouse shows, as the ledger notes them: the order in which they are named shows nothing.
fn shown_assets(only: Option<&[String]>) -> String {
    match only {
        None => "*".to_owned(),
        Some(names) => {
            let names: std::collections::BTreeSet<&str> = names.iter().map(String::as_str).collect();
            names.into_iter().collect::<Vec<_>>().join("\n")
        }
    }
}

/// An in-memory DuckDB with the views and the ledger of a snapshot, as the warehouse has them: for states of the past.
pub fn connect_snapshot(snapshot: &Snapshot) -> Result<Connection> {
    let path = Path::new(":memory:");
    let failed = |source| Error::Warehouse { action: "open", path: path.to_path_buf(), source };
    let connection = Connection::open_in_memory().map_err(failed)?;
    fill(&connection, snapshot, None, path)?;
    Ok(connection)
}

/// As [`connect_snapshot`], of two stores: what was made on the assets of `history`, where there is anything, and those themselves.
pub fn connect_known(history: &Snapshot, made: Option<&Snapshot>) -> Result<Connection> {
    let path = Path::new(":memory:");
    let failed = |source| Error::Warehouse { action: "open", path: path.to_path_buf(), source };
    let connection = Connection::open_in_memory().map_err(failed)?;
    let Some(made) = made else {
        fill(&connection, history, None, path)?;
        return Ok(connection);
    };
    fill(&connection, made, None, path)?;
    let there: Vec<&str> = made.assets().collect();
    let rest: Vec<String> = history.assets().filter(|asset| !there.contains(asset)).map(str::to_owned).collect();
    fill_assets(&connection, history, Some(&rest), path)?;
    Ok(connection)
}

/// The warehouse that was published last in the data folder `dir`, if there is one.
pub fn newest_warehouse(dir: &Path) -> Result<Option<PathBuf>> {
    let mut newest = None;
    for path in warehouses(dir)? {
        let written = fs::metadata(&path).and_then(|found| found.modified()).map_err(Error::io("read", &path))?;
        if newest.as_ref().is_none_or(|(before, _)| *before < written) {
            newest = Some((written, path));
        }
    }
    Ok(newest.map(|(_, path)| path))
}

/// Warehouses that a newer one replaced, and what interrupted publications left. The publishing lock is held.
pub(crate) fn replaced(layout: &Layout) -> Result<Vec<PathBuf>> {
    let newest = newest_warehouse(layout.root())?;
    let mut old: Vec<PathBuf> = warehouses(layout.root())?;
    old.retain(|path| Some(path) != newest.as_ref());
    let is_left_over = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(TEMPORARY) && name.contains("warehouse.duckdb")
    };
    old.extend(files_in(layout.root())?.into_iter().filter(is_left_over));
    Ok(old)
}

/// Whether a file begins as DuckDB's do: a checksum of 8 bytes, then `DUCK`.
fn is_database(path: &Path) -> bool {
    let mut start = [0; 12];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start.ends_with(b"DUCK")
}

/// `warehouse.duckdb` and `warehouse.<number>.duckdb`, in the order of their names.
fn warehouses(dir: &Path) -> Result<Vec<PathBuf>> {
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let middle = name.strip_prefix("warehouse.").and_then(|rest| rest.strip_suffix("duckdb"));
        middle.is_some_and(|middle| {
            middle.is_empty() || middle.strip_suffix('.').is_some_and(|number| number.parse::<u64>().is_ok())
        })
    };
    Ok(files_in(dir)?.into_iter().filter(is_ours).collect())
}

/// Moves a finished warehouse to the name that readers open, or to a numbered one where the old file cannot be replaced.
fn put(layout: &Layout, temporary: &Path) -> Result<PathBuf> {
    let target = layout.warehouse();
    let target = match fs::rename(temporary, &target) {
        Ok(()) => target,
        Err(_) if cfg!(windows) => {
            let number = |at: &u64| layout.root().join(format!("warehouse.{at}.duckdb"));
            let free = (1..).map(|at| number(&at)).find(|path| !path.exists()).unwrap_or(target);
            fs::rename(temporary, &free).map_err(Error::io("write", &free))?;
            free
        }
        Err(error) => return Err(Error::io("write", &target)(error)),
    };
    // The log of someone who wrote into the replaced warehouse does not belong to this one.
    remove(&wal_of(&target))?;
    Ok(target)
}

fn wal_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".wal");
    path.with_file_name(name)
}

/// Makes the views and the tables of partitions and segments.
fn fill(connection: &Connection, snapshot: &Snapshot, only: Option<&[String]>, path: &Path) -> Result<()> {
    let failed = |source| Error::Warehouse { action: "write", path: path.to_path_buf(), source };
    connection.execute_batch(LEDGER_TABLES).map_err(failed)?;
    connection.execute_batch(FRONT_ADJUSTED).map_err(failed)?;
    fill_assets(connection, snapshot, only, path)
}

fn fill_assets(connection: &Connection, snapshot: &Snapshot, only: Option<&[String]>, path: &Path) -> Result<()> {
    let failed = |source| Error::Warehouse { action: "write", path: path.to_path_buf(), source };
    let mut partitions = connection.appender_to_db("partitions", "assetctl").map_err(failed)?;
    let mut segments = connection.appender_to_db("segments", "assetctl").map_err(failed)?;
    let is_wanted = |asset: &&str| only.is_none_or(|only| only.iter().any(|name| name == asset));
    for asset in snapshot.assets().filter(is_wanted) {
        let months = snapshot.all_months(asset)?;
        if let Some(rows) = relation(snapshot, asset, &months)?
            && let Err(error) = connection.execute_batch(&format!("CREATE VIEW main.{} AS {rows}", quote_name(asset)))
        {
            // One unreadable file, or two names that differ in case alone, must not cost the views of all others.
            tracing::warn!(asset, %error, "the warehouse has no view of this asset");
        }
        for month in &months {
            let donors = if month.thinned { snapshot.donors(asset, month.month)? } else { Vec::new() };
            let pieces = if month.thinned { thinned::pieces(month, &donors, |_| true)? } else { Vec::new() };
            let whole = (!month.thinned).then_some((month, month.partitions.as_slice()));
            for (of, partitions) in
                whole.into_iter().chain(pieces.iter().map(|piece| (piece.donor, piece.partitions())))
            {
                let file = snapshot.layout().segment(asset, &of.file());
                let row = [
                    Value::Text(asset.to_owned()),
                    Value::Text(if of.schema.is_static { "all".to_owned() } else { of.month.to_string() }),
                    Value::Text(file.to_string_lossy().into_owned()),
                    Value::UBigInt(of.size),
                    Value::UBigInt(partitions.iter().map(|record| u64::from(record.rows)).sum()),
                    Value::UBigInt(partitions.len() as u64),
                ];
                segments.append_row(appender_params_from_iter(row)).map_err(failed)?;
            }
            for record in &month.partitions {
                let session = Value::Date32(days(record.session));
                let row = [
                    Value::Text(asset.to_owned()),
                    if month.schema.is_static { Value::Null } else { session },
                    Value::UBigInt(record.rows.into()),
                    Value::UBigInt(record.rev),
                    Value::UBigInt(record.run),
                    Value::Text(record.spec.to_string()),
                    Value::Text(content_hash(&month.schema, record).to_string()),
                ];
                partitions.append_row(appender_params_from_iter(row)).map_err(failed)?;
            }
        }
    }
    partitions.flush().map_err(failed)?;
    segments.flush().map_err(failed)
}

/// One hash of a partition's content, names of columns included, whatever the order of columns.
pub(crate) fn content_hash(schema: &AssetSchema, record: &PartitionRecord) -> Hash128 {
    let mut named: Vec<_> = schema.columns.iter().map(|(name, _)| name).zip(&record.column_hashes).collect();
    named.retain(|(_, hash)| **hash != crate::schema::ABSENT);
    named.sort();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&record.key_hash.0);
    for (name, hash) in named {
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(&hash.0);
    }
    Hash128::finish(&hasher)
}
