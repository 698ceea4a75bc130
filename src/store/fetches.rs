//! What a source that has to be asked was asked for, and when.

use std::collections::BTreeMap;

use assetctl_plan::Hash128;
use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use crate::canonical::{date, days};
use crate::codec;
use crate::database::{instant, micros};
use crate::error::{Error, Result};
use crate::runs::RunId;
use crate::store::Store;

/// One session as it was asked for last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRow {
    /// By the clock that decides which sessions are final.
    pub asked_at: DateTime<Utc>,
    /// Rows of the last answer.
    pub rows: u64,
    pub run: RunId,
    /// Whether the last answer became the partition.
    pub taken: bool,
    /// What the partition was made of; `None` before any answer was taken.
    pub made_of: Option<MadeOf>,
}

/// What was asked for to make a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MadeOf {
    /// Hash of the request but for its instruments.
    pub request: Hash128,
    /// See [`Store::instrument_set`].
    pub instruments: Hash128,
}

/// What came of asking for some sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetches {
    pub at: DateTime<Utc>,
    pub request: Hash128,
    /// The instruments whose rows the partitions hold, sorted; none for all that there are.
    pub instruments: Vec<String>,
    pub sessions: BTreeMap<NaiveDate, Fetched>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// The answer became the partition.
    Taken { rows: u64 },
    /// The answer was not taken.
    Refused { rows: u64 },
    /// The partition was asked for in part, or only cut: as a whole it is as old as it was.
    InPart,
}

impl Store {
    /// What the sessions of a source between two dates, both included, were asked for last.
    pub fn fetches(&self, asset: &str, from: NaiveDate, to: NaiveDate) -> Result<BTreeMap<NaiveDate, FetchRow>> {
        let failed = self.ledger.failed("read");
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached(
                "SELECT session, asked_at, rows, run, taken, request, instruments FROM fetches
                 WHERE asset = ?1 AND session BETWEEN ?2 AND ?3",
            )
            .map_err(&failed)?;
        let mut rows = statement.query(params![asset, days(from), days(to)]).map_err(&failed)?;
        let mut fetches = BTreeMap::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            let hash = |column| -> Result<Option<Hash128>> {
                let bytes: Option<Vec<u8>> = row.get(column).map_err(&failed)?;
                bytes.map(|bytes| codec::hash(&bytes)).transpose()
            };
            let session =
                date(row.get(0).map_err(&failed)?).ok_or_else(|| Error::corrupt("the date of a session asked for"))?;
            let made_of = hash(5)?.zip(hash(6)?).map(|(request, instruments)| MadeOf { request, instruments });
            let fetch = FetchRow {
                asked_at: instant(row.get(1).map_err(&failed)?),
                rows: row.get::<_, i64>(2).map_err(&failed)? as u64,
                run: RunId(row.get::<_, i64>(3).map_err(&failed)? as u64),
                taken: row.get(4).map_err(&failed)?,
                made_of,
            };
            fetches.insert(session, fetch);
        }
        Ok(fetches)
    }

    /// The instruments of a set, sorted; none for all that there are. `None` if there is no such set.
    pub fn instrument_set(&self, hash: Hash128) -> Result<Option<Vec<String>>> {
        let connection = self.connection();
        let names: Option<String> = connection
            .prepare_cached("SELECT names FROM instrument_sets WHERE hash = ?1")
            .and_then(|mut statement| statement.query_row(params![hash.0], |row| row.get(0)).optional())
            .map_err(self.ledger.failed("read"))?;
        Ok(names.map(|names| names.lines().map(str::to_owned).collect()))
    }

    /// Records what came of asking where no partition is committed with it.
    pub fn record_fetches(&self, run: RunId, asset: &str, fetches: &Fetches) -> Result<()> {
        self.write("record what was asked for in", |transaction| write_fetches(transaction, run, asset, fetches))
    }
}

pub(crate) fn write_fetches(
    connection: &Connection,
    run: RunId,
    asset: &str,
    fetches: &Fetches,
) -> rusqlite::Result<()> {
    let names = fetches.instruments.join("\n");
    let set = Hash128::of(names.as_bytes());
    connection
        .prepare_cached("INSERT OR IGNORE INTO instrument_sets (hash, names) VALUES (?1, ?2)")?
        .execute(params![set.0, names])?;
    for (session, fetched) in &fetches.sessions {
        let (session, at, run) = (days(*session), micros(fetches.at), run.0 as i64);
        match fetched {
            Fetched::Taken { rows } => connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO fetches (asset, session, asked_at, rows, run, taken, request, instruments)
                     VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7)",
                )?
                .execute(params![asset, session, at, *rows as i64, run, fetches.request.0, set.0])?,
            Fetched::Refused { rows } => connection
                .prepare_cached(
                    "INSERT INTO fetches (asset, session, asked_at, rows, run, taken) VALUES (?1, ?2, ?3, ?4, ?5, 0)
                     ON CONFLICT (asset, session) DO UPDATE SET asked_at = ?3, rows = ?4, run = ?5, taken = 0",
                )?
                .execute(params![asset, session, at, *rows as i64, run])?,
            Fetched::InPart => connection
                .prepare_cached("UPDATE fetches SET request = ?3, instruments = ?4 WHERE asset = ?1 AND session = ?2")?
                .execute(params![asset, session, fetches.request.0, set.0])?,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, at, bars, commit_of, day};

    #[test]
    fn an_answer_that_is_not_taken_leaves_what_the_partition_is_made_of() {
        let scratch = Scratch::new();
        let session = day("2024-01-30");
        let fetches = |second, names: &[&str], fetched| Fetches {
            at: at(second),
            request: Hash128::of(b"request"),
            instruments: names.iter().map(|&name| name.to_owned()).collect(),
            sessions: [(session, fetched)].into(),
        };
        let fetches_of = |asset| scratch.store.fetches(asset, NaiveDate::MIN, NaiveDate::MAX).unwrap();
        let run = scratch.run(1);
        let mut commit = commit_of("bars", &["2024-01-30"], bars(&[("2024-01-30", "x", Some(1.0))]));
        commit.fetches = Some(fetches(10, &["x", "y"], Fetched::Taken { rows: 1 }));
        scratch.store.commit(commit).unwrap();
        let made_of = fetches_of("bars")[&session].made_of.unwrap();
        assert_eq!(scratch.store.instrument_set(made_of.instruments).unwrap().unwrap(), ["x", "y"]);

        scratch.store.record_fetches(run, "bars", &fetches(20, &["x"], Fetched::Refused { rows: 0 })).unwrap();
        let row = fetches_of("bars")[&session].clone();
        assert_eq!((row.asked_at, row.rows, row.taken, row.made_of), (at(20), 0, false, Some(made_of)));

        scratch.store.record_fetches(run, "bars", &fetches(30, &[], Fetched::InPart)).unwrap();
        let row = fetches_of("bars")[&session].clone();
        assert_eq!(row.asked_at, at(20));
        let all = scratch.store.instrument_set(row.made_of.unwrap().instruments).unwrap();
        assert_eq!(all, Some(Vec::new()));
        assert!(fetches_of("other").is_empty());
    }
}
