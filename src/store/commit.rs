//! Commits: new partitions of one asset become part of the store, all or none of them.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_plan::{Hash128, Month, PartitionRecord, STATIC_SESSION};
use chrono::{DateTime, NaiveDate, Utc};
use polars::prelude::DataFrame;
use rusqlite::{Transaction, params};

use crate::canonical::{Extent, canonicalize, content_hashes, extents, is_large};
use crate::carried::{self, Carried, StateChange};
use crate::database::micros;
use crate::error::{Error, Result};
use crate::fetches::{Fetches, write_fetches};
use crate::head::{self, HeadChange};
use crate::layout::{self, create_folder, sync_folder};
use crate::manifest::{SourceFileRow, write_sources, write_spec};
use crate::month::{self, MonthRow};
use crate::parallel;
use crate::rewrite::{Incoming, MonthWork, NewSegment, Rewritten, Rows, rewrite};
use crate::runs::RunId;
use crate::schema::AssetSchema;
use crate::snapshot::EVER;
use crate::state_row;
use crate::store::{Store, newest_rev};

/// What is to become of one asset.
#[derive(Debug)]
pub struct Commit<'a> {
    pub run: RunId,
    pub asset: &'a str,
    pub spec: Hash128,
    /// What the asset is connected to ([`assetctl_plan::wiring`]). Where it is not what it was, nothing counts as found clean.
    pub wiring: Hash128,
    /// The spec as JSON, kept so that a later change can be explained.
    pub spec_text: &'a str,
    /// Columns that identify a row within its session.
    pub key: Vec<String>,
    /// All rows of `partitions`, in any order. Not looked at if there are none.
    pub frame: DataFrame,
    /// The partitions that were computed. One may have no rows and is a partition nevertheless.
    pub partitions: Vec<NewPartition>,
    /// Partitions to mark dirty, if they exist and are not among `partitions`.
    pub dirty: Vec<NaiveDate>,
    /// Partitions to remove, unless they are among `partitions`.
    pub drop: Vec<NaiveDate>,
    /// The revision of the snapshot that the inputs were read from.
    pub read_rev: u64,
    /// The head's new `verified_rev`, if this commit leaves every partition clean as of that revision.
    pub verified: Option<u64>,
    /// Whether the asset has no session axis: its one partition is [`STATIC_SESSION`].
    pub is_static: bool,
    /// What to know of the source's files from now on.
    pub sources: Option<Vec<SourceFileRow>>,
    /// What came of asking for the partitions, of a source that has to be asked.
    pub fetches: Option<Fetches>,
    /// The states after the partitions' sessions, of an asset that carries any.
    pub carried: Option<Carried>,
    pub at: DateTime<Utc>,
}

/// One computed partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewPartition {
    pub session: NaiveDate,
    /// Sum of everything that was read for it.
    pub inputs: Hash128,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitReceipt {
    pub rev: u64,
    /// Partitions whose content is new or moved, ascending.
    pub changed: Vec<NaiveDate>,
    /// Partitions that came out as they were.
    pub unchanged: Vec<NaiveDate>,
    /// Partitions that were not part of the commit and had to be dropped, because the file they were in is missing, damaged
    /// or has the same column in another type: they are to be materialized again.
    pub lost: Vec<NaiveDate>,
    /// Rows of the committed partitions.
    pub rows: u64,
    /// Bytes of the files written.
    pub bytes: u64,
}

impl Store {
    /// Commits. The caller holds the asset's lock ([`Store::lock_assets`]).
    ///
    /// Files are written first, then one transaction moves the snapshot: an error, or a kill, before its end leaves the
    /// asset as it was.
    ///
    /// # Errors
    /// [`Error::Rows`] if the frame does not fit what the commit says of it; [`Error::Io`] and [`Error::WriteSegment`] if the
    /// disk is full or refuses; [`Error::Superseded`] if another commit of the asset came between.
    pub fn commit(&self, commit: Commit<'_>) -> Result<CommitReceipt> {
        let asset = commit.asset;
        let prepared = prepare(&commit)?;
        let mut months = by_month(&commit, &prepared.incoming);
        let version = self.load_old(&commit, &mut months)?;

        let folder = self.layout.asset(asset);
        create_folder(&folder)?;
        let rows = Rows {
            asset,
            spec: commit.spec,
            frame: &prepared.frame,
            schema: prepared.schema.as_ref(),
            carried: prepared.carried.as_ref(),
            cache: &self.cache,
            spread: months.len() < parallel::threads() && is_large(&prepared.frame),
        };
        let months: Vec<(Month, MonthWork)> = months.into_iter().collect();
        let work = |(month, work): &(Month, MonthWork)| rewrite(&self.layout, &rows, *month, work);
        let rewritten: Vec<Rewritten> = parallel::map(&months, work).into_iter().collect::<Result<_>>()?;
        let is_written = |month: &&Rewritten| {
            matches!(month.segment, NewSegment::Written(_)) || month.states.iter().any(StateChange::writes)
        };
        let mut folder_mtime = None;
        if rewritten.iter().any(|month| is_written(&month)) {
            sync_folder(&folder)?;
            sync_folder(&self.layout.lake())?;
            folder_mtime = layout::folder_mtime(&folder);
        }

        let rev = self.transact("commit to", |transaction| {
            let current = head::identity(transaction, asset).map_err(self.ledger.failed("read"))?;
            if current.map_or(0, |(version, _)| version) != version {
                return Err(Error::Superseded { asset: asset.to_owned() });
            }
            self.record(transaction, &commit, &rewritten, folder_mtime)
        })?;
        Ok(receipt(rev, &prepared, &rewritten))
    }

    /// Notes that the asset was found clean, connected as `wiring` says, as of the snapshot of revision `rev`. No new content, no new
    /// revision.
    pub fn mark_verified(&self, asset: &str, rev: u64, wiring: Hash128) -> Result<()> {
        self.write("update", |transaction| head::mark_verified(transaction, asset, rev, wiring))
    }

    /// Fills in what the ledger has of the months; gives the version of the head that it was read at.
    fn load_old(&self, commit: &Commit<'_>, months: &mut BTreeMap<Month, MonthWork>) -> Result<i64> {
        let failed = self.ledger.failed("read");
        let mut connection = self.connection();
        let transaction = connection.transaction().map_err(&failed)?;
        let head = head::identity(&transaction, commit.asset).map_err(&failed)?;
        let turns = head.is_some_and(|(_, is_static)| is_static != commit.is_static);
        let range = months.keys().next().copied().zip(months.keys().next_back().copied());
        // Months between the first and the last that the commit does not touch are few: batches are contiguous.
        if let Some(range) = if turns { Some(EVER) } else { range } {
            let rev = newest_rev(&transaction).map_err(&failed)?;
            for row in month::load(&transaction, &self.ledger, commit.asset, range, rev)? {
                if turns {
                    // An asset that gains or loses its session axis shares nothing with what it was.
                    let work = months.entry(row.month).or_default();
                    work.drop.extend(row.partitions.iter().map(|record| record.session));
                }
                if let Some(work) = months.get_mut(&row.month) {
                    work.old = Some(row);
                }
            }
            for row in state_row::load(&transaction, &self.ledger, commit.asset, range, rev)? {
                if let Some(work) = months.get_mut(&row.month) {
                    work.old_states.push(row);
                }
            }
        }
        Ok(head.map_or(0, |(version, _)| version))
    }

    fn record(
        &self,
        transaction: &Transaction<'_>,
        commit: &Commit<'_>,
        months: &[Rewritten],
        folder_mtime: Option<i64>,
    ) -> Result<u64> {
        let failed = self.ledger.failed("commit to");
        let asset = commit.asset;
        transaction
            .prepare_cached("INSERT INTO commits (asset, run, at) VALUES (?1, ?2, ?3)")
            .and_then(|mut insert| insert.execute(params![asset, commit.run.0 as i64, micros(commit.at)]))
            .map_err(&failed)?;
        let rev = transaction.last_insert_rowid() as u64;
        for month in months {
            record_month(transaction, asset, rev, month).map_err(&failed)?;
            month.states.iter().try_for_each(|change| change.record(transaction, asset, rev)).map_err(&failed)?;
        }
        write_spec(transaction, asset, commit.spec, commit.spec_text, commit.at).map_err(&failed)?;
        if let Some(sources) = &commit.sources {
            write_sources(transaction, asset, sources).map_err(&failed)?;
        }
        if let Some(fetches) = &commit.fetches {
            write_fetches(transaction, commit.run, asset, fetches).map_err(&failed)?;
        }
        let lost = months.iter().any(|month| !month.lost.is_empty());
        let shrunk = lost || months.iter().any(|month| !month.dropped.is_empty());
        let moved = shrunk || months.iter().any(|month| !month.changed.is_empty());
        let change = HeadChange {
            asset,
            is_static: commit.is_static,
            spec: commit.spec,
            wiring: commit.wiring,
            moved: moved.then_some(rev),
            shrunk: shrunk.then_some(rev),
            // With partitions lost the asset is not what the planner took it for: it has to look again.
            verified: if lost { Some(0) } else { commit.verified },
            folder_mtime,
        };
        head::refresh(transaction, &self.ledger, &change)?;
        Ok(rev)
    }
}

fn record_month(transaction: &Transaction<'_>, asset: &str, rev: u64, month: &Rewritten) -> rusqlite::Result<()> {
    let with_revs = |row: &MonthRow| {
        let mut row = row.clone();
        for record in row.partitions.iter_mut().filter(|record| month.changed.contains(&record.session)) {
            record.rev = rev;
        }
        row
    };
    match &month.segment {
        NewSegment::Same(row) => month::update(transaction, &with_revs(row)),
        NewSegment::Written(row) => {
            if let Some(id) = month.old_id {
                month::supersede(transaction, id, rev)?;
            }
            // A superseded segment of the same content shares the file, which was just written anew.
            transaction
                .prepare_cached("UPDATE segments SET size = ?3 WHERE asset = ?1 AND month = ?4 AND content = ?2")?
                .execute(params![asset, row.content.0, row.size as i64, row.month.0])?;
            let schema = month::schema_id(transaction, &row.schema)?;
            month::insert(transaction, asset, schema, &with_revs(row), rev)
        }
        NewSegment::Gone => match month.old_id {
            Some(id) => month::supersede(transaction, id, rev),
            None => Ok(()),
        },
    }
}

/// A commit's rows in canonical form, by partition.
struct Prepared {
    frame: DataFrame,
    schema: Option<AssetSchema>,
    incoming: Vec<Incoming>,
    carried: Option<carried::Prepared>,
}

fn prepare(commit: &Commit<'_>) -> Result<Prepared> {
    let asset = commit.asset;
    if commit.partitions.is_empty() {
        return if commit.frame.height() == 0 {
            Ok(Prepared { frame: DataFrame::empty(), schema: None, incoming: Vec::new(), carried: None })
        } else {
            Err(Error::rows(asset, "they belong to no partition of the commit"))
        };
    }
    let inputs: BTreeMap<NaiveDate, Hash128> =
        commit.partitions.iter().map(|partition| (partition.session, partition.inputs)).collect();
    if inputs.len() != commit.partitions.len() {
        return Err(Error::rows(asset, "a partition is named twice"));
    }
    if commit.is_static && !inputs.keys().eq([&STATIC_SESSION]) {
        return Err(Error::rows(asset, "an asset without sessions has one partition, the static one"));
    }
    let sessions: BTreeSet<NaiveDate> = inputs.keys().copied().collect();
    let carried = commit.carried.as_ref().filter(|_| !commit.is_static);
    let carried = carried.map(|carried| carried::Prepared::new(asset, carried, &sessions)).transpose()?;
    let (frame, schema) = canonicalize(asset, &commit.frame, &commit.key, commit.is_static)?;
    let with_rows: BTreeMap<NaiveDate, Extent> =
        extents(asset, &frame, commit.is_static)?.into_iter().map(|extent| (extent.session, extent)).collect();
    if let Some(stray) = with_rows.keys().find(|session| !inputs.contains_key(session)) {
        return Err(Error::rows(asset, format!("there are rows of {stray}, which is no partition of the commit")));
    }
    let none = |session| Extent { session, offset: 0, rows: 0 };
    let extents: Vec<Extent> =
        inputs.keys().map(|session| with_rows.get(session).copied().unwrap_or_else(|| none(*session))).collect();
    let hashes = content_hashes(asset, &frame, &schema, &extents)?;
    let mut incoming = Vec::with_capacity(extents.len());
    for ((extent, hashes), inputs) in extents.into_iter().zip(hashes).zip(inputs.into_values()) {
        let rows = u32::try_from(extent.rows)
            .map_err(|_| Error::rows(asset, format!("{} has more than four billion of them", extent.session)))?;
        let record = PartitionRecord {
            session: extent.session,
            rows,
            rev: 0,
            built_rev: commit.read_rev,
            run: commit.run.0,
            spec: commit.spec,
            key_hash: hashes.key,
            column_hashes: Vec::new(),
            inputs,
            dirty: false,
        };
        incoming.push(Incoming { extent, hashes, record });
    }
    Ok(Prepared { frame, schema: Some(schema), incoming, carried })
}

fn by_month(commit: &Commit<'_>, incoming: &[Incoming]) -> BTreeMap<Month, MonthWork> {
    let mut months: BTreeMap<Month, MonthWork> = BTreeMap::new();
    for part in incoming {
        months.entry(Month::of(part.record.session)).or_default().incoming.push(part.clone());
    }
    for session in &commit.drop {
        months.entry(Month::of(*session)).or_default().drop.insert(*session);
    }
    for session in &commit.dirty {
        months.entry(Month::of(*session)).or_default().dirty.insert(*session);
    }
    months
}

fn receipt(rev: u64, prepared: &Prepared, months: &[Rewritten]) -> CommitReceipt {
    let changed: Vec<NaiveDate> = months.iter().flat_map(|month| month.changed.iter().copied()).collect();
    let is_unchanged = |session: &NaiveDate| changed.binary_search(session).is_err();
    let written = |month: &Rewritten| match &month.segment {
        NewSegment::Written(row) => row.size,
        NewSegment::Same(_) | NewSegment::Gone => 0,
    };
    CommitReceipt {
        rev,
        unchanged: prepared.incoming.iter().map(|part| part.record.session).filter(is_unchanged).collect(),
        changed,
        lost: months.iter().flat_map(|month| month.lost.iter().copied()).collect(),
        rows: prepared.incoming.iter().map(|part| u64::from(part.record.rows)).sum(),
        bytes: months.iter().map(written).sum(),
    }
}
