//! Batches and servers for tests.

use std::io::Write as _;

use assetctl_config::{DeclaredSink, Secret, Sink};
use assetctl_store::Publishable;
use chrono::{DateTime, NaiveDate, TimeDelta};
use polars::prelude::*;

use crate::batch::{SinkBatch, sessions_of};

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Sessions with their revisions and numbers of rows: instruments `i000`…, and scores that say the revision.
pub(crate) fn batch(asset: &str, sessions: &[(&str, u64, usize)]) -> SinkBatch {
    let height = sessions.iter().map(|(_, _, rows)| rows).sum();
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for &(session, revision, rows) in sessions {
        for row in 0..rows {
            columns.0.push((day(session) - NaiveDate::default()).num_days() as i32);
            columns.1.push(format!("i{row:03}"));
            columns.2.push(if row == 1 { None } else { Some((revision - sessions[0].1) as f64 + row as f64 / 8.0) });
        }
    }
    let frame = DataFrame::new(
        height,
        vec![
            Series::new("session".into(), columns.0).cast(&DataType::Date).unwrap().into(),
            Series::new("instrument".into(), columns.1).into(),
            Series::new("score".into(), columns.2).into(),
        ],
    )
    .unwrap();
    of_frame(asset, sessions, frame)
}

/// A batch of given rows.
pub(crate) fn of_frame(asset: &str, sessions: &[(&str, u64, usize)], rows: DataFrame) -> SinkBatch {
    let partitions: Vec<Publishable> = sessions
        .iter()
        .map(|&(session, rev, rows)| Publishable {
            session: day(session),
            rev,
            rows: rows as u64,
            content: rev.to_le_bytes().repeat(2).try_into().unwrap(),
        })
        .collect();
    SinkBatch {
        asset: asset.to_owned(),
        target: asset.to_owned(),
        key: vec!["instrument".to_owned()],
        is_static: false,
        sessions: sessions_of(&partitions),
        gone: Vec::new(),
        rows,
        with_rows: true,
        again: false,
        at: DateTime::UNIX_EPOCH + TimeDelta::seconds(1_500_000_000),
    }
}

/// A batch that takes sessions away.
pub(crate) fn removal(asset: &str, gone: &[&str]) -> SinkBatch {
    SinkBatch { gone: gone.iter().map(|session| day(session)).collect(), ..of_frame(asset, &[], DataFrame::empty()) }
}

/// The address of a server that tests may ask, from an environment variable. Without one, the test says that it is skipped: on standard error
/// itself, which no harness holds back.
#[expect(clippy::disallowed_methods, reason = "where the servers are is the test run's own")]
pub(crate) fn server(variable: &str) -> Option<String> {
    let address = std::env::var(variable).ok().filter(|address| !address.is_empty());
    if address.is_none() {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {test}: `{variable}` is not set; docs/publishing.md says how to start the servers"
        );
    }
    address
}

/// A name that no other test and no earlier run uses.
pub(crate) fn name_of(test: &str) -> String {
    format!("t{}_{test}", std::process::id())
}

/// A sink as a project declares it.
pub(crate) fn declared(spec: Sink) -> DeclaredSink {
    DeclaredSink { name: "test".to_owned(), spec, base: ".".into() }
}

/// An address that is no secret here.
pub(crate) fn at(url: &str) -> Secret {
    Secret::Text(url.to_owned())
}
