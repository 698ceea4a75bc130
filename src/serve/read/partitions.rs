//! The partitions of an asset, as the ledger has them.

use assetctl_graph::Axis;
use assetctl_plan::Ledger;
use assetctl_store::Store;
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ReadError;
use super::view::View;

/// A partition that is there.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Partition {
    /// `null` for an asset without sessions.
    pub session: Option<NaiveDate>,
    pub rows: u32,
    /// The commit at which the content last moved.
    pub revision: u64,
    /// The run that built it.
    pub run: u64,
    /// The definition that it was built by, as a hash.
    pub spec: String,
    /// Something that it read of its own asset's past has changed since: it is stale.
    pub dirty: bool,
}

/// Which partitions.
#[derive(Debug, Clone, Copy)]
pub struct Partitions {
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    /// Only those after it.
    pub after: Option<NaiveDate>,
    /// At most so many.
    pub limit: usize,
}

impl View<'_> {
    /// The partitions of an asset by session, and whether there are more.
    pub fn partitions(
        self,
        store: Option<&Store>,
        name: &str,
        which: &Partitions,
    ) -> Result<(Vec<Partition>, bool), ReadError> {
        let (_, node) = self.asset(name)?;
        let nothing = (Vec::new(), false);
        let Some(store) = store else { return Ok(nothing) };
        let snapshot = store.snapshot()?;
        let Some((first, last)) = snapshot.head(name).and_then(|head| head.first.zip(head.last)) else {
            return Ok(nothing);
        };
        let first = which.from.into_iter().chain(which.after).fold(first, NaiveDate::max);
        let last = which.to.map_or(last, |to| to.min(last));
        if first > last {
            return Ok(nothing);
        }
        let mut partitions = Vec::new();
        for segment in snapshot.segments(name, first, last)? {
            for record in segment.partitions {
                let is_after = which.after.is_none_or(|after| record.session > after);
                if !(first..=last).contains(&record.session) || !is_after {
                    continue;
                }
                if partitions.len() == which.limit {
                    return Ok((partitions, true));
                }
                partitions.push(Partition {
                    session: (node.axis == Axis::Session).then_some(record.session),
                    rows: record.rows,
                    revision: record.rev,
                    run: record.run,
                    spec: record.spec.to_string(),
                    dirty: record.dirty,
                });
            }
        }
        Ok((partitions, false))
    }
}
