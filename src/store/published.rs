//! What of each asset is published, where, and how that goes; and what of it would be.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use assetctl_plan::Hash128;
use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::{OptionalExtension, params};

use crate::canonical::{self, days};
use crate::codec;
use crate::database::{instant, micros};
use crate::error::{Error, Result};
use crate::layout::create_folder;
use crate::locks::try_exclusive;
use crate::month::blob;
use crate::schema::ABSENT;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// Raised when what is written of a partition changes: everything is published again then.
const VERSION: u8 = 1;

/// Rows of an asset that go to a sink: the sink's name, the target within it, the asset's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteKey<'a> {
    pub sink: &'a str,
    pub target: &'a str,
    pub asset: &'a str,
}

/// A partition as it could be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publishable {
    pub session: NaiveDate,
    /// The commit at which its content last moved.
    pub rev: u64,
    pub rows: u64,
    /// Of its key and of the columns that are published, with their names.
    pub content: [u8; 16],
}

/// A partition as a sink has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedRow {
    pub session: NaiveDate,
    pub rev: u64,
    pub rows: u64,
    pub content: [u8; 16],
    pub at: DateTime<Utc>,
}

/// What failed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishTrouble {
    /// How often in a row.
    pub failures: u32,
    /// When it failed first.
    pub since: DateTime<Utc>,
    /// When it is tried again.
    pub next_at: DateTime<Utc>,
    pub error: String,
}

/// Held by who publishes to a sink; released when dropped.
#[derive(Debug)]
pub struct SinkLock {
    #[expect(dead_code, reason = "held for its lock, which falls with the file")]
    file: File,
}

impl Snapshot {
    /// Every partition of an asset with what would be published of it: its key and `columns` (all for none). Sorted by session; empty for
    /// an asset that was never made.
    pub fn publishable(&self, asset: &str, columns: &[String]) -> Result<Vec<Publishable>> {
        let mut all = Vec::new();
        for month in self.all_months(asset)? {
            let schema = Arc::clone(&month.schema);
            for record in month.partitions {
                let mut hasher = blake3::Hasher::new();
                hasher.update(&[VERSION]).update(&record.key_hash.0);
                let mut named: Vec<(&str, Hash128)> = schema
                    .columns
                    .iter()
                    .zip(&record.column_hashes)
                    .map(|((name, _), hash)| (name.as_str(), *hash))
                    .filter(|(name, hash)| {
                        *hash != ABSENT && (columns.is_empty() || columns.iter().any(|wanted| wanted == name))
                    })
                    .collect();
                // The order of columns is no content.
                named.sort_unstable_by_key(|(name, _)| *name);
                for (name, hash) in named {
                    hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(&hash.0);
                }
                let (session, rev, rows) = (record.session, record.rev, u64::from(record.rows));
                all.push(Publishable { session, rev, rows, content: Hash128::finish(&hasher).0 });
            }
        }
        Ok(all)
    }
}

impl Store {
    /// Takes the right to publish to a sink; `None` where another has it.
    pub fn lock_sink(&self, sink: &str) -> Result<Option<SinkLock>> {
        create_folder(&self.layout.locks())?;
        Ok(try_exclusive(&self.layout.sink_lock(sink))?.map(|file| SinkLock { file }))
    }

    /// What a sink has of an asset, by session.
    pub fn published(&self, route: RouteKey<'_>) -> Result<BTreeMap<NaiveDate, PublishedRow>> {
        let failed = self.ledger.failed("read");
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached(
                "SELECT session, rev, rows, content, at FROM sink_partitions WHERE sink = ?1 AND target = ?2 AND asset = ?3",
            )
            .map_err(&failed)?;
        let mut found = statement.query(params![route.sink, route.target, route.asset]).map_err(&failed)?;
        let mut all = BTreeMap::new();
        while let Some(row) = found.next().map_err(&failed)? {
            let number: i32 = row.get(0).map_err(&failed)?;
            let session = canonical::date(number).ok_or_else(|| Error::corrupt(format!("day {number}")))?;
            let published = PublishedRow {
                session,
                rev: row.get::<_, i64>(1).map_err(&failed)? as u64,
                rows: row.get::<_, i64>(2).map_err(&failed)? as u64,
                content: codec::hash(blob(row, 3).map_err(&failed)?)?.0,
                at: instant(row.get(4).map_err(&failed)?),
            };
            all.insert(session, published);
        }
        Ok(all)
    }

    /// Records that a sink has these partitions now, and no longer those of the sessions `gone`; what failed before is forgotten.
    pub fn record_published(
        &self,
        route: RouteKey<'_>,
        partitions: &[Publishable],
        gone: &[NaiveDate],
        at: DateTime<Utc>,
    ) -> Result<()> {
        let RouteKey { sink, target, asset } = route;
        self.write("record what is published in", |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO sink_partitions (sink, target, asset, session, rev, content, rows, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            for Publishable { session, rev, rows, content } in partitions {
                insert.execute(params![
                    sink,
                    target,
                    asset,
                    days(*session),
                    *rev as i64,
                    content,
                    *rows as i64,
                    micros(at)
                ])?;
            }
            let mut delete = transaction.prepare_cached(
                "DELETE FROM sink_partitions WHERE sink = ?1 AND target = ?2 AND asset = ?3 AND session = ?4",
            )?;
            for session in gone {
                delete.execute(params![sink, target, asset, days(*session)])?;
            }
            transaction
                .prepare_cached("DELETE FROM sink_troubles WHERE sink = ?1 AND target = ?2 AND asset = ?3")?
                .execute(params![sink, target, asset])?;
            Ok(())
        })
    }

    /// How publishing goes; `None` where nothing is wrong.
    pub fn publish_trouble(&self, route: RouteKey<'_>) -> Result<Option<PublishTrouble>> {
        self.connection()
            .prepare_cached(
                "SELECT failures, since, next_at, error FROM sink_troubles WHERE sink = ?1 AND target = ?2 AND asset = ?3",
            )
            .and_then(|mut statement| {
                let row = statement.query_row(params![route.sink, route.target, route.asset], |row| {
                    Ok(PublishTrouble {
                        failures: row.get(0)?,
                        since: instant(row.get(1)?),
                        next_at: instant(row.get(2)?),
                        error: row.get(3)?,
                    })
                });
                row.optional()
            })
            .map_err(self.ledger.failed("read"))
    }

    /// Records that publishing failed once more, and when it is tried again.
    pub fn record_publish_failure(
        &self,
        route: RouteKey<'_>,
        error: &str,
        at: DateTime<Utc>,
        next_at: DateTime<Utc>,
    ) -> Result<()> {
        self.write("record what is not published in", |transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO sink_troubles (sink, target, asset, failures, since, next_at, error)
                     VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6) ON CONFLICT (sink, target, asset)
                     DO UPDATE SET failures = failures + 1, next_at = ?5, error = ?6",
                )?
                .execute(params![route.sink, route.target, route.asset, micros(at), micros(next_at), error])?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, at, bars_with, commit_of, day};

    const ROUTE: RouteKey<'static> = RouteKey { sink: "warehouse", target: "t", asset: "bars" };

    #[test]
    fn content_is_of_the_columns_that_are_published() {
        let scratch = Scratch::new();
        scratch.run(0);
        scratch
            .commit(
                "bars",
                &["2024-01-02", "2024-01-03"],
                &[("2024-01-02", "a", Some(1.0)), ("2024-01-03", "a", Some(2.0))],
            )
            .unwrap();
        let of = |columns: &[&str]| -> Vec<Publishable> {
            let columns: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
            scratch.store.snapshot().unwrap().publishable("bars", &columns).unwrap()
        };
        let before = (of(&[]), of(&["close"]), of(&["nothing"]));
        assert_eq!(before.0[0].session, day("2024-01-02"));
        assert_eq!(before.0, before.1);
        assert_ne!(before.0[0].content, before.2[0].content);
        scratch.commit("bars", &["2024-01-03"], &[("2024-01-03", "a", Some(3.0))]).unwrap();
        let after = (of(&["close"]), of(&["nothing"]));
        assert_eq!((&after.0[0], &after.1[0].content), (&before.1[0], &before.2[0].content));
        assert_ne!(after.0[1].content, before.1[1].content);
        // The revision moved, but nothing of what would be published did.
        assert_eq!(after.1[1].content, before.2[1].content);
        let renamed = commit_of("other", &["2024-01-02"], bars_with("last", &[("2024-01-02", "a", Some(1.0))]));
        scratch.store.commit(renamed).unwrap();
        assert_ne!(
            scratch.store.snapshot().unwrap().publishable("other", &[]).unwrap()[0].content,
            before.0[0].content
        );
        assert_eq!(scratch.store.snapshot().unwrap().publishable("never", &[]).unwrap(), []);
    }

    #[test]
    fn what_is_published_is_remembered_by_route_and_what_failed_until_it_is() {
        let scratch = Scratch::new();
        let one = |session: &str, rev| Publishable {
            session: day(session),
            rev,
            rows: 3,
            content: Hash128::of(session.as_bytes()).0,
        };
        let store = &scratch.store;
        store.record_published(ROUTE, &[one("2024-01-02", 1), one("2024-01-03", 1)], &[], at(0)).unwrap();
        store.record_publish_failure(ROUTE, "down", at(1), at(6)).unwrap();
        store.record_publish_failure(ROUTE, "still down", at(6), at(16)).unwrap();
        let trouble = store.publish_trouble(ROUTE).unwrap().unwrap();
        assert_eq!((trouble.failures, trouble.since, trouble.next_at), (2, at(1), at(16)));
        assert_eq!(trouble.error, "still down");
        store.record_published(ROUTE, &[one("2024-01-03", 4)], &[day("2024-01-02")], at(20)).unwrap();
        assert_eq!(store.publish_trouble(ROUTE).unwrap(), None);
        let published = store.published(ROUTE).unwrap();
        let shown: Vec<_> = published.values().map(|row| (row.session, row.rev, row.rows, row.at)).collect();
        assert_eq!(shown, [(day("2024-01-03"), 4, 3, at(20))]);
        assert!(store.published(RouteKey { target: "u", ..ROUTE }).unwrap().is_empty());
    }

    #[test]
    fn one_at_a_time_publishes_to_a_sink() {
        let scratch = Scratch::new();
        let held = scratch.store.lock_sink("warehouse").unwrap();
        assert!(held.is_some() && scratch.store.lock_sink("warehouse").unwrap().is_none());
        assert!(scratch.store.lock_sink("other").unwrap().is_some());
        drop(held);
        assert!(scratch.store.lock_sink("warehouse").unwrap().is_some());
    }
}
