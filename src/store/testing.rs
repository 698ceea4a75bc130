//! Small stores for tests.

use std::path::PathBuf;

use assetctl_plan::Hash128;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use polars::prelude::*;

use crate::canonical::days;
use crate::{Commit, CommitReceipt, NewPartition, NewRun, Result, RunId, Store};

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The n-th second of 2024.
pub(crate) fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_704_067_200, 0).unwrap() + TimeDelta::seconds(second)
}

/// A store in a folder of its own, whose name has in it what paths may have.
pub(crate) struct Scratch {
    pub store: Store,
    pub dir: PathBuf,
    _folder: tempfile::TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self::named("it's [数据] 1")
    }

    pub(crate) fn named(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join(name);
        Self { store: Store::open(&dir).unwrap(), dir, _folder: folder }
    }

    pub(crate) fn run(&self, second: i64) -> RunId {
        let plan = serde_json::json!({ "assets": [] });
        self.store
            .begin_run(&NewRun { command: "materialize".into(), selection: "*".into(), at: at(second), plan })
            .unwrap()
    }

    /// The one file of an asset's month, which must exist.
    pub(crate) fn file(&self, asset: &str, month: &str) -> PathBuf {
        let files = self.store.snapshot().unwrap().files(asset);
        files.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with(month)).unwrap()
    }
}

/// Rows (session, instrument, close) with their columns.
pub(crate) type Bar<'a> = (&'a str, &'a str, Option<f64>);

pub(crate) fn bars(rows: &[Bar<'_>]) -> DataFrame {
    bars_with("close", rows)
}

pub(crate) fn bars_with(column: &str, rows: &[Bar<'_>]) -> DataFrame {
    let sessions: Vec<i32> = rows.iter().map(|row| days(day(row.0))).collect();
    let session = Series::new("session".into(), sessions).cast(&DataType::Date).unwrap();
    let instrument = Series::new("instrument".into(), rows.iter().map(|row| row.1).collect::<Vec<_>>());
    let value = Series::new(column.into(), rows.iter().map(|row| row.2).collect::<Vec<_>>());
    DataFrame::new(rows.len(), vec![session.into(), instrument.into(), value.into()]).unwrap()
}

/// A commit of `frame` to a panel; `sessions` are its partitions.
pub(crate) fn commit_of<'a>(asset: &'a str, sessions: &[&str], frame: DataFrame) -> Commit<'a> {
    let partition = |session: &&str| NewPartition { session: day(session), inputs: Hash128::of(b"inputs") };
    Commit {
        run: RunId(1),
        asset,
        spec: Hash128::of(b"spec"),
        wiring: Hash128::of(b"wiring"),
        spec_text: "{}",
        key: vec!["instrument".into()],
        frame,
        partitions: sessions.iter().map(partition).collect(),
        dirty: Vec::new(),
        drop: Vec::new(),
        read_rev: 0,
        verified: None,
        is_static: false,
        sources: None,
        fetches: None,
        carried: None,
        at: at(0),
    }
}

impl Scratch {
    pub(crate) fn commit(&self, asset: &str, sessions: &[&str], rows: &[Bar<'_>]) -> Result<CommitReceipt> {
        self.store.commit(commit_of(asset, sessions, bars(rows)))
    }

    pub(crate) fn read(&self, asset: &str) -> DataFrame {
        self.store.snapshot().unwrap().read(asset, NaiveDate::MIN, NaiveDate::MAX, None).unwrap()
    }
}

/// The numbers of a column, in order.
pub(crate) fn numbers(frame: &DataFrame, column: &str) -> Vec<Option<f64>> {
    frame.column(column).unwrap().f64().unwrap().iter().collect()
}
