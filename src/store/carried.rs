//! Carried states of recursive assets: what a commit brings of them, and what it does to a month's files of states.
//!
//! They save work and nothing else. A file of states that is missing or damaged costs a replay from an earlier checkpoint; it makes
//! no data damaged and no commit fail.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_plan::{Hash128, Month};
use chrono::NaiveDate;
use polars::prelude::*;
use rusqlite::Transaction;

use crate::canonical::{Extent, extents};
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::state_file::{self, check_checkpoint, trace_of};
use crate::state_row::{self, StateKind, StateRow};

/// The states of a recursive asset's instruments after the sessions of a commit.
#[derive(Debug, Clone)]
pub struct Carried {
    /// `session` (date), `instrument` (text), `state` (i64: a hash of the instrument's state after that session): all rows of the
    /// commit's partitions.
    pub trace: DataFrame,
    /// The exact states after one session: `instrument` (text) and columns of i64. The newest of each month is kept.
    pub checkpoints: Vec<(NaiveDate, DataFrame)>,
}

/// [`Carried`], checked.
#[derive(Debug)]
pub(crate) struct Prepared {
    trace: DataFrame,
    extents: BTreeMap<NaiveDate, Extent>,
    checkpoints: BTreeMap<Month, (NaiveDate, DataFrame)>,
}

impl Prepared {
    /// `partitions` are those of the commit.
    pub(crate) fn new(asset: &str, carried: &Carried, partitions: &BTreeSet<NaiveDate>) -> Result<Self> {
        let trace = trace_of(asset, &carried.trace)?;
        let extents: BTreeMap<NaiveDate, Extent> =
            extents(asset, &trace, false)?.into_iter().map(|extent| (extent.session, extent)).collect();
        let mut checkpoints: BTreeMap<Month, (NaiveDate, DataFrame)> = BTreeMap::new();
        for (session, frame) in &carried.checkpoints {
            check_checkpoint(asset, frame)?;
            let newest = checkpoints.entry(Month::of(*session)).or_insert_with(|| (*session, frame.clone()));
            if newest.0 < *session {
                *newest = (*session, frame.clone());
            }
        }
        let named = extents.keys().chain(carried.checkpoints.iter().map(|(session, _)| session));
        if let Some(stray) = named.into_iter().find(|session| !partitions.contains(session)) {
            let why = format!("there is a state of {stray}, which is no partition of the commit");
            return Err(Error::State { asset: asset.to_owned(), why });
        }
        Ok(Self { trace, extents, checkpoints })
    }

    /// The trace of one session, which may have no rows.
    fn of(&self, session: NaiveDate) -> DataFrame {
        let extent = self.extents.get(&session);
        self.trace.slice(extent.map_or(0, |extent| extent.offset as i64), extent.map_or(0, |extent| extent.rows))
    }
}

/// What happens to one month's states.
pub(crate) struct StateWork<'a> {
    pub asset: &'a str,
    pub month: Month,
    pub spec: Hash128,
    pub carried: Option<&'a Prepared>,
    /// The files of before, one of a kind at most.
    pub old: &'a [StateRow],
    /// Sessions that the commit computed.
    pub incoming: BTreeSet<NaiveDate>,
    /// Sessions of before that stay as they were.
    pub kept: BTreeSet<NaiveDate>,
}

/// One file of states that comes, goes, or takes the place of another.
#[derive(Debug)]
pub(crate) struct StateChange {
    old: Option<i64>,
    new: Option<StateRow>,
}

impl StateChange {
    pub(crate) fn writes(&self) -> bool {
        self.new.is_some()
    }

    pub(crate) fn record(&self, transaction: &Transaction<'_>, asset: &str, rev: u64) -> rusqlite::Result<()> {
        if let Some(id) = self.old {
            state_row::supersede(transaction, id, rev)?;
        }
        self.new.as_ref().map_or(Ok(()), |row| state_row::insert(transaction, asset, row, rev))
    }
}

impl StateWork<'_> {
    /// Writes the files that the month needs.
    pub(crate) fn carry(&self, layout: &Layout) -> Result<Vec<StateChange>> {
        let mut changes = Vec::new();
        for kind in StateKind::ALL {
            let old = self.old.iter().find(|row| row.kind == kind);
            let new = match kind {
                StateKind::Trace => self.trace(layout, old)?,
                StateKind::Checkpoint => self.checkpoint(old),
            };
            changes.extend(self.write(layout, kind, old, new)?);
        }
        Ok(changes)
    }

    /// The month's trace: of the sessions that stay from the old file, of the others from the commit.
    fn trace(&self, layout: &Layout, old: Option<&StateRow>) -> Result<New> {
        let staying: Vec<NaiveDate> =
            old.iter().flat_map(|row| &row.sessions).copied().filter(|day| self.kept.contains(day)).collect();
        if self.incoming.is_empty() && old.is_none_or(|row| row.sessions == staying) {
            return Ok(New::Same);
        }
        let mut parts: BTreeMap<NaiveDate, DataFrame> = BTreeMap::new();
        if let (Some(row), false) = (old, staying.is_empty())
            && let Some(frame) = state_file::read(&layout.segment(self.asset, &row.file()), row)
        {
            let none = frame.slice(0, 0);
            let mut found: BTreeMap<NaiveDate, DataFrame> = extents(self.asset, &frame, false)?
                .into_iter()
                .map(|extent| (extent.session, frame.slice(extent.offset as i64, extent.rows)))
                .collect();
            parts.extend(staying.iter().map(|day| (*day, found.remove(day).unwrap_or_else(|| none.clone()))));
        }
        if let Some(carried) = self.carried {
            parts.extend(self.incoming.iter().map(|day| (*day, carried.of(*day))));
        }
        let sessions: Vec<NaiveDate> = parts.keys().copied().collect();
        let mut parts = parts.into_values();
        let Some(mut whole) = parts.next() else { return Ok(New::None) };
        for part in parts {
            whole.vstack_mut_owned(part).map_err(Error::frame(self.asset))?;
        }
        whole.rechunk_mut_par();
        Ok(New::Frame { sessions, frame: whole })
    }

    /// The month's checkpoint: the commit's, or the old one as far as the commit says nothing against it.
    fn checkpoint(&self, old: Option<&StateRow>) -> New {
        let holds = |row: &&StateRow| {
            let session = row.sessions.first().copied().unwrap_or(NaiveDate::MAX);
            let stays = self.kept.contains(&session) || self.incoming.contains(&session);
            // Who computes without carrying says nothing of what comes after; nor does who computes by another spec.
            let reached = if self.carried.is_some() {
                self.incoming.contains(&session)
            } else {
                self.incoming.first().is_some_and(|first| *first <= session)
            };
            let foreign = !self.incoming.is_empty() && row.spec != self.spec;
            stays && !reached && !foreign
        };
        let old = old.filter(holds);
        let new = self.carried.and_then(|carried| carried.checkpoints.get(&self.month));
        match (old, new) {
            (Some(row), Some((session, _))) if row.sessions.first().is_some_and(|before| before > session) => New::Same,
            (_, Some((session, frame))) => New::Frame { sessions: vec![*session], frame: frame.clone() },
            (Some(_), None) => New::Same,
            (None, None) => New::None,
        }
    }

    fn write(&self, layout: &Layout, kind: StateKind, old: Option<&StateRow>, new: New) -> Result<Option<StateChange>> {
        let (sessions, frame) = match new {
            New::Same => return Ok(None),
            New::None => return Ok(old.map(|row| StateChange { old: Some(row.id), new: None })),
            New::Frame { sessions, frame } => (sessions, frame),
        };
        let (bytes, content) = state_file::encode(self.asset, &frame)?;
        let mut row = StateRow { id: 0, month: self.month, kind, content, size: 0, spec: self.spec, sessions };
        let path = layout.segment(self.asset, &row.file());
        if let Some(old) = old.filter(|old| old.content == content && old.sessions == row.sessions)
            && (kind == StateKind::Trace || old.spec == self.spec)
            && state_file::is_whole(&path, old)
        {
            return Ok(None);
        }
        row.size = state_file::write(&path, &bytes)?;
        Ok(Some(StateChange { old: old.map(|old| old.id), new: Some(row) }))
    }
}

/// What a month is to have of one kind.
enum New {
    /// What it has.
    Same,
    None,
    Frame {
        sessions: Vec<NaiveDate>,
        frame: DataFrame,
    },
}
