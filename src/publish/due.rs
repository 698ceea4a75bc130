//! What a sink has not.

use assetctl_store::{Publishable, Snapshot, Store};
use chrono::NaiveDate;

use crate::route::Route;

/// Most rows of a batch, unless a single session has more: what is held in memory.
const ROWS: u64 = 50_000;
/// Most sessions of a batch.
const SESSIONS: usize = 63;

/// What is to be done for one route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// How many partitions the asset has.
    pub partitions: u64,
    /// Those that the sink has not, or has with other content: runs of neighbours, each ascending.
    pub runs: Vec<Vec<Publishable>>,
    /// Sessions that the sink has and the asset has no more.
    pub gone: Vec<NaiveDate>,
}

impl Due {
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.gone.is_empty()
    }

    /// How many partitions are to be written.
    pub fn sessions(&self) -> u64 {
        self.runs.iter().map(|run| run.len() as u64).sum()
    }

    /// The first session that is to be written.
    pub fn first(&self) -> Option<NaiveDate> {
        self.runs.first().and_then(|run| run.first()).map(|partition| partition.session)
    }

    /// The runs, cut into what is written at once.
    pub(crate) fn batches(&self) -> Vec<&[Publishable]> {
        let mut batches = Vec::new();
        for run in &self.runs {
            let (mut start, mut rows) = (0, 0);
            for (at, partition) in run.iter().enumerate() {
                if at > start && (rows + partition.rows > ROWS || at - start == SESSIONS) {
                    batches.push(&run[start..at]);
                    (start, rows) = (at, 0);
                }
                rows += partition.rows;
            }
            batches.push(&run[start..]);
        }
        batches
    }
}

/// What a route's sink lacks of what a snapshot has; with `again` all of it.
///
/// # Errors
/// The ledger cannot be read.
pub fn due(store: &Store, snapshot: &Snapshot, route: &Route, again: bool) -> Result<Due, assetctl_store::Error> {
    let all = snapshot.publishable(&route.asset, &route.columns)?;
    let mut published = store.published(route.key())?;
    let mut due = Due { partitions: all.len() as u64, ..Due::default() };
    let mut is_neighbour = false;
    for partition in all {
        let known = published.remove(&partition.session);
        if known.is_some_and(|known| known.content == partition.content) && !again {
            is_neighbour = false;
            continue;
        }
        match due.runs.last_mut().filter(|_| is_neighbour) {
            Some(run) => run.push(partition),
            None => due.runs.push(vec![partition]),
        }
        is_neighbour = true;
    }
    due.gone = published.into_keys().collect();
    Ok(due)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::day;

    fn run(rows: &[u64]) -> Vec<Publishable> {
        let first = day("2015-01-01");
        let one = |(at, rows): (usize, &u64)| Publishable {
            session: first + chrono::TimeDelta::days(at as i64),
            rev: 1,
            rows: *rows,
            content: [0; 16],
        };
        rows.iter().enumerate().map(one).collect()
    }

    #[test]
    fn runs_are_cut_by_rows_and_by_sessions_and_lose_nothing() {
        for (rows, sizes) in [
            (vec![1; 3], vec![3]),
            (vec![20_000; 5], vec![2, 2, 1]),
            (vec![80_000, 1, 80_000], vec![1, 1, 1]),
            (vec![1; 130], vec![63, 63, 4]),
            (vec![0; 2], vec![2]),
        ] {
            let due = Due { runs: vec![run(&rows), run(&[7])], ..Due::default() };
            let batches = due.batches();
            let found: Vec<usize> = batches.iter().map(|batch| batch.len()).collect();
            assert_eq!(found, [sizes, vec![1]].concat());
            let all: Vec<Publishable> = batches.concat();
            assert_eq!(all, due.runs.concat());
        }
    }
}
