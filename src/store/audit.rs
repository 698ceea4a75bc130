//! A partition made a second time, held against what is kept of it.

use assetctl_plan::STATIC_SESSION;
use chrono::NaiveDate;
use polars::prelude::DataFrame;

use crate::canonical::{canonicalize, content_hashes, extents};
use crate::error::Result;
use crate::schema::ABSENT;
use crate::snapshot::Snapshot;

/// How a partition differs from its rows made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// There are other rows.
    Rows,
    /// The rows are the same, and these columns differ, or only one of the two has them.
    Columns(Vec<String>),
}

impl Snapshot {
    /// How `frame`, the rows of `session` made again, differs from the partition; `None` if it is the same, bit for bit, or if there
    /// is no such partition. `key` are the columns that identify a row.
    pub fn difference(
        &self,
        asset: &str,
        session: NaiveDate,
        frame: &DataFrame,
        key: &[String],
    ) -> Result<Option<Difference>> {
        let is_static = session == STATIC_SESSION;
        let months = self.months(asset, session, session)?;
        let found = months.iter().find_map(|month| {
            let record = month.partitions.iter().find(|record| record.session == session)?;
            Some((month, record))
        });
        let Some((month, record)) = found else { return Ok(None) };
        if frame.height() == 0 {
            return Ok((record.rows > 0).then_some(Difference::Rows));
        }
        let (frame, schema) = canonicalize(asset, frame, key, is_static)?;
        let extents = extents(asset, &frame, is_static)?;
        let hashes = content_hashes(asset, &frame, &schema, &extents)?;
        let [of_session] = &hashes[..] else { return Ok(Some(Difference::Rows)) };
        if of_session.key != record.key_hash {
            return Ok(Some(Difference::Rows));
        }
        let kept = |name: &str| {
            let at = month.schema.columns.iter().position(|(known, _)| known == name)?;
            record.column_hashes.get(at).filter(|hash| **hash != ABSENT)
        };
        let mut differ: Vec<String> = schema
            .columns
            .iter()
            .zip(&of_session.columns)
            .filter(|((name, _), hash)| kept(name) != Some(*hash))
            .map(|((name, _), _)| name.clone())
            .collect();
        let gone = month.schema.columns.iter().map(|(name, _)| name);
        differ.extend(gone.filter(|name| kept(name).is_some() && schema.type_of(name).is_none()).cloned());
        Ok((!differ.is_empty()).then_some(Difference::Columns(differ)))
    }
}
