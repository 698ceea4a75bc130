//! Columns of segments in memory: what was just written or read need not be decoded again. Bounded in bytes, the longest unused goes
//! first. Shared by all snapshots of a store.
//!
//! A segment's content hash covers its columns and rows, so what is found under it is right whatever became of the asset since.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use assetctl_plan::Hash128;
use polars::prelude::*;

/// What a store keeps until it is told otherwise.
const DEFAULT_LIMIT: u64 = 256 << 20;

#[derive(Debug)]
pub(crate) struct SegmentCache(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    limit: u64,
    used: u64,
    /// Counts uses.
    now: u64,
    columns: HashMap<(Hash128, PlSmallStr), Kept>,
    /// By last use.
    order: BTreeMap<u64, (Hash128, PlSmallStr)>,
}

#[derive(Debug)]
struct Kept {
    column: Column,
    bytes: u64,
    used_at: u64,
}

impl Default for SegmentCache {
    fn default() -> Self {
        Self(Mutex::new(Inner { limit: DEFAULT_LIMIT, ..Inner::default() }))
    }
}

impl SegmentCache {
    /// Sets the most bytes to hold; what is above goes at once.
    pub(crate) fn set_limit(&self, bytes: u64) {
        let mut inner = self.lock();
        inner.limit = bytes;
        inner.shrink();
    }

    /// Whether a segment column of so many bytes can be kept at all.
    pub(crate) fn takes(&self, bytes: u64) -> bool {
        bytes <= self.lock().limit
    }

    /// A column of the segment with this content: all its rows.
    pub(crate) fn get(&self, content: Hash128, name: &PlSmallStr) -> Option<Column> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let key = (content, name.clone());
        let kept = inner.columns.get_mut(&key)?;
        inner.now += 1;
        inner.order.remove(&kept.used_at);
        kept.used_at = inner.now;
        inner.order.insert(inner.now, key);
        Some(kept.column.clone())
    }

    /// Keeps a column of all rows of the segment. Its buffers should be its own: those of a slice would hold the whole in memory.
    pub(crate) fn put(&self, content: Hash128, column: Column) {
        let bytes = column.as_materialized_series().estimated_size() as u64;
        let mut inner = self.lock();
        if bytes > inner.limit {
            return;
        }
        let key = (content, column.name().clone());
        inner.now += 1;
        let used_at = inner.now;
        inner.forget(&key);
        inner.used += bytes;
        inner.order.insert(used_at, key.clone());
        inner.columns.insert(key, Kept { column, bytes, used_at });
        inner.shrink();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that can panic stands between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn used(&self) -> u64 {
        self.lock().used
    }
}

impl Inner {
    fn forget(&mut self, key: &(Hash128, PlSmallStr)) {
        if let Some(kept) = self.columns.remove(key) {
            self.order.remove(&kept.used_at);
            self.used -= kept.bytes;
        }
    }

    fn shrink(&mut self) {
        while self.used > self.limit {
            let Some((_, oldest)) = self.order.pop_first() else { return };
            self.forget(&oldest);
        }
    }
}

/// A copy of a canonical column whose buffers hold its rows and nothing else.
pub(crate) fn own(column: &Column) -> PolarsResult<Column> {
    let name = column.name().clone();
    Ok(match column.dtype() {
        DataType::Float64 => {
            let numbers = column.f64()?.rechunk();
            let mut chunks = numbers.downcast_iter();
            let chunk = chunks.next();
            let values = chunk.map(|chunk| chunk.values().as_slice().to_vec()).unwrap_or_default();
            let validity = chunk.and_then(|chunk| Some(chunk.validity()?.iter().collect()));
            Float64Chunked::from_vec_validity(name, values, validity).into_column()
        }
        DataType::Date => {
            let days = Int32Chunked::from_iter_options(name, column.date()?.physical().iter());
            days.into_date().into_column()
        }
        DataType::Datetime(unit, _) => {
            let times = Int64Chunked::from_iter_options(name, column.datetime()?.physical().iter());
            times.into_datetime(*unit, None).into_column()
        }
        DataType::Boolean => BooleanChunked::from_iter_options(name, column.bool()?.iter()).into_column(),
        _ => StringChunked::from_iter_options(name, column.str()?.iter()).into_column(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(name: &str, value: f64) -> Column {
        Column::new(name.into(), [value; 100])
    }

    #[test]
    fn the_longest_unused_goes_first() {
        let cache = SegmentCache::default();
        cache.set_limit(3 * 800);
        let content = Hash128::of(b"a");
        let has = |name: &str| cache.get(content, &name.into()).is_some();
        for (name, value) in [("a", 1.0), ("b", 2.0), ("c", 3.0)] {
            cache.put(content, numbers(name, value));
        }
        assert!(has("a"));
        cache.put(content, numbers("d", 4.0));
        assert_eq!([has("a"), has("b"), has("c"), has("d")], [true, false, true, true]);
        assert_eq!(cache.used(), 2400);
        // The same again takes no more.
        cache.put(content, numbers("a", 1.0));
        assert_eq!(cache.used(), 2400);
        assert!(cache.get(Hash128::of(b"b"), &"a".into()).is_none());
        cache.set_limit(900);
        assert_eq!(([has("a"), has("c"), has("d")], cache.used()), ([true, false, false], 800));
        // What is larger than all of it is not kept, and drives nothing out.
        cache.put(content, Column::new("e".into(), vec![0.0; 1000]));
        assert_eq!((has("e"), has("a")), (false, true));
        cache.set_limit(0);
        assert_eq!((has("a"), cache.used()), (false, 0));
    }

    #[test]
    fn copies_are_equal_and_small() {
        let whole = DataFrame::new(
            4000,
            vec![
                Column::new("full".into(), vec![1.5; 4000]),
                Column::new("holes".into(), [Some(1.5), None].repeat(2000)),
                Column::new("bool".into(), [Some(true), None].repeat(2000)),
                Column::new("text".into(), ["a text of more than twelve bytes"].repeat(4000)),
                Column::new("day".into(), vec![19_000i32; 4000]).cast(&DataType::Date).unwrap(),
                Column::new("time".into(), vec![Some(1i64), None].repeat(2000))
                    .cast(&DataType::Datetime(TimeUnit::Microseconds, None))
                    .unwrap(),
            ],
        )
        .unwrap();
        for column in whole.slice(100, 7).columns() {
            let copy = own(column).unwrap();
            assert!(copy.as_materialized_series().equals_missing(column.as_materialized_series()));
            assert!(copy.as_materialized_series().estimated_size() < 500, "{}", column.name());
        }
    }
}
