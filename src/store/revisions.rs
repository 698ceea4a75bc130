//! The revisions of one partition: what it held when, and how one differs from another.

use std::collections::BTreeMap;

use assetctl_plan::{Month, PartitionRecord};
use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::*;
use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::database::instant;
use crate::error::{Error, Result};
use crate::month::{self, MonthRow};
use crate::segment::Cut;
use crate::snapshot::rev_before;
use crate::store::Store;
use crate::thinned;

/// One content of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Revision {
    /// The commit that brought it.
    pub revision: u64,
    /// The instant of that commit: from then on it was known.
    pub known_at: DateTime<Utc>,
    pub run: u64,
    /// `null` where the partition was taken away.
    pub rows: Option<u32>,
}

/// One difference between two contents of a partition.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// A value of a row that both have.
    Changed { key: Map<String, Value>, column: String, old: Value, new: Value },
    /// A row that only the new content has.
    Added { key: Map<String, Value>, values: Map<String, Value> },
    /// A row that only the old content has.
    Removed { key: Map<String, Value>, values: Map<String, Value> },
}

/// A version of a month's segment, and the revisions it was current in: from `created` to before `dropped`.
pub(crate) struct Version {
    pub row: MonthRow,
    pub created: u64,
    pub dropped: Option<u64>,
}

impl Version {
    fn record(&self, session: NaiveDate) -> Option<&PartitionRecord> {
        self.row.partitions.iter().find(|record| record.session == session)
    }
}

impl Store {
    /// The revisions of a partition that are still kept, oldest first; [`assetctl_plan::STATIC_SESSION`] for an asset without sessions.
    /// Empty if it never had any, or `gc` removed them.
    pub fn revisions(&self, asset: &str, session: NaiveDate) -> Result<Vec<Revision>> {
        let versions = self.versions_of(asset, session)?;
        let mut revisions: Vec<Revision> = Vec::new();
        for (at, version) in versions.iter().enumerate() {
            let (revision, rows) = match version.record(session) {
                Some(record) => (record.rev, Some(record.rows)),
                None if revisions.last().is_some_and(|last| last.rows.is_some()) => (version.created, None),
                None => continue,
            };
            if revisions.last().is_none_or(|last| last.revision < revision) {
                revisions.push(self.revision(revision, rows)?);
            }
            let next = versions.get(at + 1).map(|next| next.created);
            if let (Some(dropped), Some(_)) = (version.dropped, rows)
                && next.is_none_or(|next| next > dropped)
                && self.is_of(asset, dropped)?
                && !self.is_collected(asset, dropped)?
            {
                // The month went altogether.
                revisions.push(self.revision(dropped, None)?);
            }
        }
        Ok(revisions)
    }

    /// How the content that was current at revision `old` differs from the one at `new`, in the order of the keys.
    ///
    /// # Errors
    /// [`Error::Collected`] where either was removed by `gc`.
    pub fn changes(&self, asset: &str, session: NaiveDate, old: u64, new: u64) -> Result<Vec<Change>> {
        let versions = self.versions_of(asset, session)?;
        let at = |rev: u64| -> Result<Option<(DataFrame, Vec<String>)>> {
            let current =
                |version: &&Version| version.created <= rev && version.dropped.is_none_or(|dropped| rev < dropped);
            let Some(version) = versions.iter().find(current) else {
                return if self.is_collected(asset, rev)? { Err(Error::Collected { rev }) } else { Ok(None) };
            };
            self.content(asset, version, session)
        };
        let (before, now) = (at(old)?, at(new)?);
        let key = now.as_ref().or(before.as_ref()).map(|(_, key)| key.clone()).unwrap_or_default();
        let rows = |content: Option<(DataFrame, Vec<String>)>| -> Result<Rows> {
            content.map_or_else(|| Ok(Rows::default()), |(frame, _)| rows_of(asset, &frame, &key))
        };
        Ok(differences(&rows(before)?, &rows(now)?))
    }

    /// The newest revision that was committed at an instant; 0 before the first.
    pub fn revision_at(&self, at: DateTime<Utc>) -> Result<u64> {
        rev_before(&self.connection(), at).map_err(self.ledger.failed("read"))
    }

    fn versions_of(&self, asset: &str, session: NaiveDate) -> Result<Vec<Version>> {
        month::versions(&self.connection(), &self.ledger, asset, Month::of(session))
    }

    fn revision(&self, revision: u64, rows: Option<u32>) -> Result<Revision> {
        let found: Option<(i64, i64)> = self
            .connection()
            .query_row("SELECT at, run FROM commits WHERE rev = ?1", params![revision as i64], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(self.ledger.failed("read"))?;
        let (at, run) = found.ok_or_else(|| Error::corrupt(format!("revision {revision}")))?;
        Ok(Revision { revision, known_at: instant(at), run: run as u64, rows })
    }

    fn is_of(&self, asset: &str, rev: u64) -> Result<bool> {
        self.connection()
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM commits WHERE rev = ?1 AND asset = ?2)",
                params![rev as i64, asset],
                |row| row.get(0),
            )
            .map_err(self.ledger.failed("read"))
    }

    /// Whether something of what the asset held at a revision was removed by `gc`.
    pub(crate) fn is_collected(&self, asset: &str, rev: u64) -> Result<bool> {
        self.connection()
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM collected_assets
                 WHERE asset IN ('', ?2) AND created_rev <= ?1 AND dropped_rev > ?1)",
                params![rev as i64, asset],
                |row| row.get(0),
            )
            .map_err(self.ledger.failed("read"))
    }

    /// The rows of one partition as a version has them, with the names of its key; `None` if it does not have the partition.
    fn content(&self, asset: &str, version: &Version, session: NaiveDate) -> Result<Option<(DataFrame, Vec<String>)>> {
        let Some(record) = version.record(session) else { return Ok(None) };
        let row = &version.row;
        let wanted = |name: &str| row.schema.is_static || name != "session";
        let frame = if row.thinned {
            let donors = self.versions_of(asset, session)?.into_iter().map(|version| version.row).collect::<Vec<_>>();
            let pieces = thinned::pieces(row, &donors, |of| of == session)?;
            let read = pieces.first().map(|piece| piece.read(&self.layout, &self.cache, asset, wanted));
            // The other file may have columns that this one had not.
            let of_row = |name: &PlSmallStr| wanted(name) && row.schema.polars().contains(name);
            let read = read.transpose()?.unwrap_or_default();
            let names: Vec<PlSmallStr> = read.get_column_names_owned().into_iter().filter(of_row).collect();
            read.select(names).map_err(Error::frame(asset))?
        } else {
            let before = row.partitions.iter().take_while(|record| record.session < session);
            let offset = before.map(|record| record.rows as usize).sum();
            let cut = Cut { offset, rows: record.rows as usize, ..Cut::whole(&self.layout, asset, row) };
            cut.read(&self.cache, wanted)?
        };
        let key = row.schema.key.iter().map(|(name, _)| name.clone()).collect();
        Ok(Some((frame, key)))
    }
}

/// Rows by their keys as text, and by how many rows of the same key stand before: key and values in the order of columns.
type Rows = BTreeMap<(Vec<String>, usize), (Map<String, Value>, Map<String, Value>)>;

fn rows_of(asset: &str, frame: &DataFrame, key: &[String]) -> Result<Rows> {
    let columns: Vec<(&str, Vec<Value>)> = frame
        .columns()
        .iter()
        .map(|column| Ok((column.name().as_str(), values(column).map_err(Error::frame(asset))?)))
        .collect::<Result<_>>()?;
    let mut rows = Rows::new();
    for at in 0..frame.height() {
        let (mut keys, mut rest, mut texts) = (Map::new(), Map::new(), Vec::new());
        for (name, values) in &columns {
            let value = values[at].clone();
            if key.iter().any(|key| key == name) {
                texts.push(value.to_string());
                keys.insert((*name).to_owned(), value);
            } else {
                rest.insert((*name).to_owned(), value);
            }
        }
        let same = rows.range((texts.clone(), 0)..=(texts.clone(), usize::MAX)).count();
        rows.insert((texts, same), (keys, rest));
    }
    Ok(rows)
}

/// A column as JSON: numbers, texts, bools, dates as texts, missing values as null.
fn values(column: &Column) -> PolarsResult<Vec<Value>> {
    let number = |value: f64| serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number);
    Ok(match column.dtype() {
        DataType::Float64 => column.f64()?.iter().map(|value| value.map_or(Value::Null, number)).collect(),
        DataType::Boolean => column.bool()?.iter().map(|value| value.map_or(Value::Null, Value::Bool)).collect(),
        DataType::Date => {
            let dates = column.date()?.as_date_iter();
            dates.map(|date| date.map_or(Value::Null, |date| Value::String(date.to_string()))).collect()
        }
        _ => {
            let texts = column.as_materialized_series().iter();
            texts.map(|value| if value.is_null() { Value::Null } else { Value::String(text(&value)) }).collect()
        }
    })
}

fn text(value: &AnyValue<'_>) -> String {
    value.get_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn differences(before: &Rows, now: &Rows) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut keys: Vec<_> = before.keys().chain(now.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        match (before.get(key), now.get(key)) {
            (Some((key, values)), None) => {
                changes.push(Change::Removed { key: key.clone(), values: values.clone() });
            }
            (None, Some((key, values))) => changes.push(Change::Added { key: key.clone(), values: values.clone() }),
            (Some((key, old)), Some((_, new))) => {
                let gone = old.keys().filter(|column| !new.contains_key(*column));
                for column in new.keys().chain(gone) {
                    let value = |values: &Map<String, Value>| values.get(column).cloned().unwrap_or(Value::Null);
                    let (old, new) = (value(old), value(new));
                    if old != new {
                        changes.push(Change::Changed { key: key.clone(), column: column.clone(), old, new });
                    }
                }
            }
            (None, None) => {}
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Scratch, at, bars, commit_of, day};
    use crate::{GcPolicy, RunStatus};

    const D: &str = "2024-01-30";
    const NOTHING_KEPT: GcPolicy = GcPolicy { keep_runs: 0, keep_since: None, dry_run: false };

    /// x is 1, then 2; then y comes, and x goes; then the partition goes.
    fn story() -> Scratch {
        let scratch = Scratch::new();
        let states: [&[(&str, &str, Option<f64>)]; 3] =
            [&[(D, "x", Some(1.0))], &[(D, "x", Some(2.0))], &[(D, "y", None)]];
        for (n, rows) in (1..).zip(states) {
            let run = scratch.run(10 * n);
            let mut commit = commit_of("bars", &[D], bars(rows));
            (commit.run, commit.at) = (run, at(10 * n));
            scratch.store.commit(commit).unwrap();
            // The month goes on: no new revision of this partition.
            let mut commit = commit_of("bars", &["2024-01-31"], bars(&[("2024-01-31", "x", Some(n as f64))]));
            (commit.run, commit.at) = (run, at(10 * n + 1));
            scratch.store.commit(commit).unwrap();
            scratch.store.finish_run(run, RunStatus::Succeeded, at(10 * n + 2)).unwrap();
        }
        let mut commit = commit_of("bars", &[], DataFrame::empty());
        (commit.drop, commit.at) = (vec![day(D)], at(40));
        scratch.store.commit(commit).unwrap();
        scratch
    }

    #[test]
    fn every_content_of_a_partition_is_told_with_its_instant() {
        let scratch = story();
        let revisions = scratch.store.revisions("bars", day(D)).unwrap();
        let got: Vec<_> = revisions.iter().map(|r| (r.revision, r.known_at, r.rows)).collect();
        assert_eq!(got, [(1, at(10), Some(1)), (3, at(20), Some(1)), (5, at(30), Some(1)), (7, at(40), None)]);
        assert!(scratch.store.revisions("bars", day("2024-02-01")).unwrap().is_empty());
        let key = |name: &str| -> Map<String, Value> { [("instrument".to_owned(), json!(name))].into_iter().collect() };
        let changes = scratch.store.changes("bars", day(D), 2, 3).unwrap();
        let wanted = Change::Changed { key: key("x"), column: "close".into(), old: json!(1.0), new: json!(2.0) };
        assert_eq!(changes, [wanted]);
        let values = |close: Value| -> Map<String, Value> { [("close".to_owned(), close)].into_iter().collect() };
        let wanted = [
            Change::Removed { key: key("x"), values: values(json!(2.0)) },
            Change::Added { key: key("y"), values: values(Value::Null) },
        ];
        assert_eq!(scratch.store.changes("bars", day(D), 4, 6).unwrap(), wanted);
        assert!(scratch.store.changes("bars", day(D), 3, 4).unwrap().is_empty());
        assert_eq!(scratch.store.changes("bars", day(D), 6, 7).unwrap().len(), 1);
        assert_eq!((scratch.store.revision_at(at(5)).unwrap(), scratch.store.revision_at(at(25)).unwrap()), (0, 4));
    }

    #[test]
    fn a_history_that_is_kept_outlives_gc_and_one_that_is_forgotten_says_so() {
        let scratch = story();
        let history = ["bars".to_owned()];
        scratch.store.gc_except(NOTHING_KEPT, &history).unwrap();
        assert_eq!(scratch.store.revisions("bars", day(D)).unwrap().len(), 4);
        let known = scratch.store.snapshot_known(&history, at(25)).unwrap();
        let read = known.read("bars", day(D), day(D), None).unwrap();
        assert_eq!(read.column("close").unwrap().f64().unwrap().get(0), Some(2.0));

        scratch.store.gc(NOTHING_KEPT).unwrap();
        assert!(scratch.store.revisions("bars", day(D)).unwrap().is_empty());
        assert!(matches!(scratch.store.changes("bars", day(D), 2, 3), Err(Error::Collected { rev: 2 })));
        assert!(matches!(scratch.store.snapshot_known(&history, at(25)), Err(Error::Collected { .. })));
        let now = scratch.store.snapshot_known(&history, at(99)).unwrap();
        assert_eq!(now.contents("bars").unwrap().len(), 1);
    }
}
