//! What `gc` looks at: every version of an asset's months, current or superseded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use assetctl_plan::Month;
use rusqlite::params;

use crate::error::{Error, Result};
use crate::layout::{segment_name, state_name};
use crate::month::{self, MonthRow, hash_of};
use crate::snapshot::EVER;
use crate::state_row::StateKind;
use crate::store::Store;
use crate::thinned;

/// One version of a month's segment or of one of its files of states.
pub(super) struct Version {
    pub(super) id: i64,
    pub(super) asset: String,
    /// What it holds stays, whatever is kept: its records then, for as long as its rows are in other files.
    pub(super) row: Option<MonthRow>,
    pub(super) is_state: bool,
    pub(super) file: String,
    /// Not so of a month that `gc` has thinned before.
    pub(super) has_file: bool,
    pub(super) created: u64,
    pub(super) dropped: Option<u64>,
}

impl Store {
    /// Versions of an asset's months, and of the states beside them. Of a history that is `kept`, with their records.
    pub(super) fn versions(&self, asset: &str, kept: bool) -> Result<Vec<Version>> {
        let failed = self.ledger.failed("read");
        let connection = self.connection();
        let mut rows: HashMap<i64, MonthRow> = HashMap::new();
        if kept {
            let all = month::versions_in(&connection, &self.ledger, asset, EVER)?;
            rows.extend(all.into_iter().map(|version| (version.row.id, version.row)));
        }
        let mut statement = connection
            .prepare_cached(
                "SELECT s.id, s.month, s.content, s.created_rev, s.dropped_rev, json_extract(c.json, '$.static'), s.thinned
                 FROM segments s JOIN schemas c ON c.id = s.schema WHERE s.asset = ?1",
            )
            .map_err(&failed)?;
        let mut found = statement.query(params![asset]).map_err(&failed)?;
        let mut versions = Vec::new();
        while let Some(row) = found.next().map_err(&failed)? {
            let month = Month(row.get(1).map_err(&failed)?);
            let content = hash_of(row, 2, &self.ledger)?;
            let id = row.get(0).map_err(&failed)?;
            versions.push(Version {
                id,
                asset: asset.to_owned(),
                row: rows.remove(&id),
                is_state: false,
                file: segment_name(month, row.get(5).map_err(&failed)?, content),
                has_file: !row.get::<_, bool>(6).map_err(&failed)?,
                created: row.get::<_, i64>(3).map_err(&failed)? as u64,
                dropped: row.get::<_, Option<i64>>(4).map_err(&failed)?.map(|rev| rev as u64),
            });
        }
        let mut statement = connection
            .prepare_cached("SELECT id, month, kind, content, created_rev, dropped_rev FROM carried WHERE asset = ?1")
            .map_err(&failed)?;
        let mut found = statement.query(params![asset]).map_err(&failed)?;
        while let Some(row) = found.next().map_err(&failed)? {
            let kind: String = row.get(2).map_err(&failed)?;
            let kind = StateKind::parse(&kind).ok_or_else(|| Error::corrupt(format!("a state of kind `{kind}`")))?;
            versions.push(Version {
                id: row.get(0).map_err(&failed)?,
                asset: asset.to_owned(),
                row: None,
                is_state: true,
                has_file: true,
                file: state_name(Month(row.get(1).map_err(&failed)?), kind, hash_of(row, 3, &self.ledger)?),
                created: row.get::<_, i64>(4).map_err(&failed)? as u64,
                dropped: row.get::<_, Option<i64>>(5).map_err(&failed)?.map(|rev| rev as u64),
            });
        }
        Ok(versions)
    }
}

/// The versions of kept histories whose files may go, because other files hold all that is in them.
pub(super) fn to_thin(versions: &[Version], may_go: impl Fn(&Version) -> bool) -> BTreeSet<i64> {
    let mut by_month: BTreeMap<(&str, Month), Vec<(&Version, &MonthRow)>> = BTreeMap::new();
    for version in versions.iter().filter(|version| version.has_file) {
        if let Some(row) = &version.row {
            by_month.entry((&version.asset, row.month)).or_default().push((version, row));
        }
    }
    let mut thin = BTreeSet::new();
    for of_month in by_month.values_mut() {
        of_month.sort_by_key(|(version, _)| version.created);
        let candidates: Vec<(&MonthRow, bool)> =
            of_month.iter().map(|(version, row)| (*row, may_go(version))).collect();
        let spare = thinned::spare(&candidates);
        thin.extend(of_month.iter().zip(spare).filter(|(_, spare)| *spare).map(|((version, _), _)| version.id));
    }
    thin
}
