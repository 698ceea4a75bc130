//! Which partitions of one asset are stale, judged from the ledger alone.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_calendar::{SessionIx, SessionRange, SessionSet};
use assetctl_graph::{AssetNode, Edge};
use chrono::{DateTime, NaiveDate, Utc};

use crate::axis::{EdgeMap, date_of, ix_of};
use crate::hash::Hash128;
use crate::ledger::{AssetHead, Ledger, Month};
use crate::records::{Fingerprints, RecordCache};

/// What was seen of a source's files, without reading more of them than had changed; or what the sessions of an `as_of` come to by
/// its table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    /// The last date that the files hold; `None` when they hold no row.
    pub last: Option<NaiveDate>,
    /// Digest of the rows of each session; `None` when no file has changed since the ledger took note of them.
    pub digests: Option<BTreeMap<NaiveDate, Hash128>>,
    /// New, changed or removed files, for the reason.
    pub files: Vec<String>,
    /// Of a source that has to be asked, what is to be asked for again; [`Observation::last`] is then the last session that has closed.
    pub asked: Option<Asked>,
}

/// What the ledger knows of having asked for the sessions of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// How many sessions before the newest final one are asked for again.
    pub lookback: u32,
    /// Those of them that were asked for last before the newest one was final.
    pub due: BTreeSet<NaiveDate>,
    /// Sessions whose answer was not taken, and that have no partition.
    pub vain: BTreeMap<NaiveDate, Vain>,
}

/// An answer that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vain {
    pub at: DateTime<Utc>,
    pub rows: u64,
}

/// A reason, before dates and names are put to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    Never,
    Missing,
    Spec {
        old: Hash128,
    },
    Source,
    /// Asked for before, and nothing was taken.
    Vain,
    /// To be asked for again.
    Refetch,
    Carry,
    /// Something behind this edge.
    Edge(usize),
    /// The fingerprint differs, and no input moved: an edge came or went, or a window was cut elsewhere.
    Windows,
}

/// The stale positions of an asset with their causes, in order; and how much of the ledger was looked at.
#[derive(Debug, Default)]
pub struct Assessment {
    pub stale: Vec<(SessionIx, Cause)>,
    /// Partitions of dates outside the asset's data.
    pub obsolete: Vec<NaiveDate>,
    /// Nothing was opened: the head said that all is clean.
    pub by_head: bool,
}

/// Whether an asset has partitions after the last final session: they were final by another `now` or settlement delay, and will
/// be again. They are not judged meanwhile, so the asset must not be noted as clean.
pub fn reaches_beyond(node: &AssetNode, head: Option<&AssetHead>, available: SessionRange) -> bool {
    head.and_then(|head| head.last).is_some_and(|last| last > date_of(node, available.last))
}

impl Assessment {
    pub fn set(&self) -> SessionSet {
        SessionSet::from_iter(self.stale.iter().map(|(ix, _)| *ix))
    }
}

/// What is asked of one asset.
pub struct Question<'a> {
    pub asset: usize,
    pub spec: Hash128,
    pub wiring: Hash128,
    /// Every position that the asset has data for, and those of them that are final.
    pub data: SessionRange,
    pub available: SessionRange,
    pub observation: Option<&'a Observation>,
}

/// Judges every available position of an asset.
///
/// An asset whose head matches and whose inputs' newest revision has not moved since it was found clean is not opened.
pub fn assess<L: Ledger>(cache: &RecordCache<'_, L>, question: &Question<'_>) -> Result<Assessment, L::Error> {
    let node = cache.graph.node(question.asset);
    let available = question.available;
    let Some(head) = cache.ledger.head(&node.name) else {
        let vain = question.observation.and_then(|seen| seen.asked.as_ref()).map(|asked| &asked.vain);
        let cause = |ix| match vain {
            Some(vain) if vain.contains_key(&date_of(node, ix)) => Cause::Vain,
            _ => Cause::Never,
        };
        return Ok(Assessment { stale: available.iter().map(|ix| (ix, cause(ix))).collect(), ..Assessment::default() });
    };
    let whole = is_whole(cache, question, head);
    let candidates = candidates(cache, question, head)?;
    let digests = question.observation.and_then(|seen| seen.digests.as_ref());
    let asked = question.observation.and_then(|seen| seen.asked.as_ref());
    // Without news from outside only what reads something that moved may have changed.
    let quiet = whole && digests.is_none() && asked.is_none_or(|asked| asked.due.is_empty());
    if quiet && candidates.is_empty() {
        let moved = |edge: &Edge| {
            let of_input = cache.ledger.head(&cache.graph.node(edge.input).name);
            of_input.is_some_and(|of_input| of_input.tip_rev > head.verified_rev)
        };
        return Ok(Assessment { by_head: !node.edges.iter().any(moved), ..Assessment::default() });
    }

    let records = if quiet {
        let (Some(first), Some(last)) = (candidates.first(), candidates.last()) else {
            return Ok(Assessment::default());
        };
        cache.between(question.asset, date_of(node, first), date_of(node, last))?
    } else {
        cache.all(question.asset)?
    };
    let fingerprints = match (candidates.first(), candidates.last()) {
        (Some(first), Some(last)) => Some(Fingerprints::new(cache, question.asset, SessionRange { first, last })?),
        _ => None,
    };
    let mut assessment = Assessment::default();
    let positions = if quiet { candidates.clone() } else { SessionSet::from_range(available) };
    for ix in positions.iter() {
        let session = date_of(node, ix);
        let cause = match records.get(session) {
            None if asked.is_some_and(|asked| asked.vain.contains_key(&session)) => Some(Cause::Vain),
            None => Some(Cause::Never),
            Some(_) if head.damaged.contains(&Month::of(session)) => Some(Cause::Missing),
            Some((_, record)) if record.spec != question.spec => Some(Cause::Spec { old: record.spec }),
            Some((_, record)) if record.dirty => Some(Cause::Carry),
            Some((_, record)) => match (digests, &fingerprints) {
                (Some(digests), _) => {
                    let seen = digests.get(&session).copied().unwrap_or(Hash128::ZERO);
                    // Of a source the rows of its files; of an `as_of` those of its table.
                    let cause = if node.is_as_of() { Cause::Edge(0) } else { Cause::Source };
                    (seen != record.inputs).then_some(cause)
                }
                (None, Some(fingerprints)) if candidates.contains(ix) && fingerprints.of(ix) != record.inputs => {
                    Some(culprit(cache, question.asset, ix, record.built_rev)?)
                }
                _ => asked.is_some_and(|asked| asked.due.contains(&session)).then_some(Cause::Refetch),
            },
        };
        assessment.stale.extend(cause.map(|cause| (ix, cause)));
    }
    if !whole {
        let has_data = |date: NaiveDate| ix_of(node, date).is_some_and(|ix| question.data.contains(ix));
        assessment.obsolete =
            records.iter().map(|(_, record)| record.session).filter(|session| !has_data(*session)).collect();
    }
    Ok(assessment)
}

/// Whether the head alone shows that every partition is there, undamaged and built by the present spec.
fn is_whole<L: Ledger>(cache: &RecordCache<'_, L>, question: &Question<'_>, head: &AssetHead) -> bool {
    let node = cache.graph.node(question.asset);
    let available = question.available;
    head.uniform
        && head.spec == question.spec
        && !head.dirty
        && head.damaged.is_empty()
        && head.partitions as usize == available.len()
        && head.first == Some(date_of(node, available.first))
        && head.last == Some(date_of(node, available.last))
}

/// Positions that read something which moved since the asset was last found clean.
fn candidates<L: Ledger>(
    cache: &RecordCache<'_, L>,
    question: &Question<'_>,
    head: &AssetHead,
) -> Result<SessionSet, L::Error> {
    let node = cache.graph.node(question.asset);
    let is_known = head.verified_rev > 0 && head.wiring == question.wiring;
    if !is_known && (node.recursive || !node.edges.is_empty()) {
        return Ok(SessionSet::from_range(question.available));
    }
    let mut candidates = SessionSet::new();
    for edge in &node.edges {
        let input = cache.graph.node(edge.input);
        let Some(of_input) = cache.ledger.head(&input.name) else { continue };
        if of_input.tip_rev <= head.verified_rev {
            continue;
        }
        if of_input.shrunk_rev > head.verified_rev {
            // Any window may have lost something.
            return Ok(SessionSet::from_range(question.available));
        }
        let records = cache.all(edge.input)?;
        let moved = records.iter().map(|(_, record)| record).filter(|record| record.rev > head.verified_rev);
        let moved = SessionSet::from_iter(moved.filter_map(|record| ix_of(input, record.session)));
        candidates = candidates.union(&EdgeMap::new(node, input, edge).touched(&moved, question.available));
    }
    Ok(candidates)
}

/// The first edge behind which something moved since a partition was built.
fn culprit<L: Ledger>(
    cache: &RecordCache<'_, L>,
    asset: usize,
    ix: SessionIx,
    built_rev: u64,
) -> Result<Cause, L::Error> {
    let node = cache.graph.node(asset);
    for (at, edge) in node.edges.iter().enumerate() {
        let input = cache.graph.node(edge.input);
        let Some(window) = EdgeMap::new(node, input, edge).window(ix) else { continue };
        let records = cache.between(edge.input, date_of(input, window.first), date_of(input, window.last))?;
        let moved =
            window.iter().filter_map(|ix| records.get(date_of(input, ix))).any(|(_, record)| record.rev > built_rev);
        if moved {
            return Ok(Cause::Edge(at));
        }
    }
    Ok(Cause::Windows)
}
