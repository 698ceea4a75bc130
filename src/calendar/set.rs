use crate::{SessionIx, SessionRange};

/// A set of sessions of one calendar, kept as ascending ranges with at least one session between any two of them, so that
/// equal sets are equal values. Costs by the number of ranges, not of sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionSet {
    ranges: Vec<SessionRange>,
}

impl SessionSet {
    /// The empty set.
    pub fn new() -> SessionSet {
        SessionSet::default()
    }

    /// The sessions of one range.
    pub fn from_range(range: SessionRange) -> SessionSet {
        SessionSet { ranges: if range.is_empty() { Vec::new() } else { vec![range] } }
    }

    /// Adds the sessions of a range.
    pub fn insert(&mut self, range: SessionRange) {
        if range.is_empty() {
            return;
        }
        // The ranges that overlap the new one or touch it are `from..to`; they and it become one.
        let from = self.ranges.partition_point(|r| r.last.0.saturating_add(1) < range.first.0);
        let to = self.ranges.partition_point(|r| r.first.0 <= range.last.0.saturating_add(1));
        let merged = self.ranges[from..to]
            .iter()
            .fold(range, |a, b| SessionRange { first: a.first.min(b.first), last: a.last.max(b.last) });
        self.ranges.splice(from..to, [merged]);
    }

    /// The sessions in either set.
    pub fn union(&self, other: &SessionSet) -> SessionSet {
        let mut all: Vec<SessionRange> = self.ranges.iter().chain(&other.ranges).copied().collect();
        all.sort_unstable();
        SessionSet::from_sorted(all)
    }

    /// The sessions in both sets.
    pub fn intersection(&self, other: &SessionSet) -> SessionSet {
        let (mut a, mut b) = (0, 0);
        let mut ranges = Vec::new();
        while let (Some(x), Some(y)) = (self.ranges.get(a), other.ranges.get(b)) {
            ranges.extend(x.intersect(*y));
            if x.last < y.last { a += 1 } else { b += 1 }
        }
        SessionSet { ranges }
    }

    /// The sessions in this set and not in the other.
    pub fn difference(&self, other: &SessionSet) -> SessionSet {
        let mut ranges = Vec::new();
        let mut taken = other.ranges.as_slice();
        for range in &self.ranges {
            // No later range of ours reaches back to these.
            taken = &taken[taken.partition_point(|t| t.last < range.first)..];
            let mut left = Some(*range);
            for cut in taken.iter().take_while(|t| t.first <= range.last) {
                let Some(rest) = left else { break };
                if cut.first > rest.first {
                    ranges.push(SessionRange { first: rest.first, last: SessionIx(cut.first.0 - 1) });
                }
                left =
                    (cut.last < rest.last).then(|| SessionRange { first: SessionIx(cut.last.0 + 1), last: rest.last });
            }
            ranges.extend(left);
        }
        SessionSet { ranges }
    }

    /// Holds this session.
    pub fn contains(&self, ix: SessionIx) -> bool {
        let at = self.ranges.partition_point(|r| r.last < ix);
        self.ranges.get(at).is_some_and(|r| r.contains(ix))
    }

    /// The ranges, ascending, with at least one session between any two.
    pub fn ranges(&self) -> &[SessionRange] {
        &self.ranges
    }

    /// The sessions, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = SessionIx> + Clone + '_ {
        self.ranges.iter().flat_map(|r| r.iter())
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.ranges.iter().map(|r| r.len()).sum()
    }

    /// Holds no session.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The first session.
    pub fn first(&self) -> Option<SessionIx> {
        self.ranges.first().map(|r| r.first)
    }

    /// The last session.
    pub fn last(&self) -> Option<SessionIx> {
        self.ranges.last().map(|r| r.last)
    }

    /// Each session `s` becomes `[s - back, s + forward]`. Positions stop at 0; a calendar's end is not known here, so
    /// [`clamp`](SessionSet::clamp) the result to it.
    ///
    /// With a window that reads `[d - n, d]`, `dilate(0, n)` of what changed is what became stale, and `dilate(n, 0)` of
    /// what is wanted is what is read.
    pub fn dilate(&self, back: u32, forward: u32) -> SessionSet {
        let wider = self.ranges.iter().map(|r| SessionRange {
            first: SessionIx(r.first.0.saturating_sub(back)),
            last: SessionIx(r.last.0.saturating_add(forward)),
        });
        SessionSet::from_sorted(wider)
    }

    /// The sessions within `range`.
    pub fn clamp(&self, range: SessionRange) -> SessionSet {
        SessionSet { ranges: self.ranges.iter().filter_map(|r| r.intersect(range)).collect() }
    }

    /// From ranges that are not empty and ascend by their first session.
    fn from_sorted(sorted: impl IntoIterator<Item = SessionRange>) -> SessionSet {
        let mut ranges: Vec<SessionRange> = Vec::new();
        for range in sorted {
            match ranges.last_mut() {
                Some(end) if range.first.0 <= end.last.0.saturating_add(1) => end.last = end.last.max(range.last),
                _ => ranges.push(range),
            }
        }
        SessionSet { ranges }
    }
}

impl FromIterator<SessionRange> for SessionSet {
    fn from_iter<I: IntoIterator<Item = SessionRange>>(ranges: I) -> SessionSet {
        let mut all: Vec<SessionRange> = ranges.into_iter().filter(|r| !r.is_empty()).collect();
        all.sort_unstable();
        SessionSet::from_sorted(all)
    }
}

impl FromIterator<SessionIx> for SessionSet {
    fn from_iter<I: IntoIterator<Item = SessionIx>>(sessions: I) -> SessionSet {
        sessions.into_iter().map(|ix| SessionRange { first: ix, last: ix }).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    type Oracle = BTreeSet<u32>;

    fn range(first: u32, last: u32) -> SessionRange {
        SessionRange { first: SessionIx(first), last: SessionIx(last) }
    }

    fn set(oracle: &Oracle) -> SessionSet {
        oracle.iter().copied().map(SessionIx).collect()
    }

    fn oracle(set: &SessionSet) -> Oracle {
        set.iter().map(|ix| ix.0).collect()
    }

    /// Equal to the oracle, and in the one form that a set of sessions has.
    fn check(set: &SessionSet, expected: &Oracle) {
        assert_eq!(oracle(set), *expected);
        assert!(set.ranges().iter().all(|r| r.first <= r.last), "{set:?}");
        assert!(set.ranges().windows(2).all(|r| r[0].last.0 + 1 < r[1].first.0), "{set:?}");
        assert_eq!((set.len(), set.is_empty()), (expected.len(), expected.is_empty()));
        assert_eq!(set.first().map(|ix| ix.0), expected.first().copied());
        assert_eq!(set.last().map(|ix| ix.0), expected.last().copied());
    }

    fn sessions() -> impl Strategy<Value = Oracle> {
        prop::collection::btree_set(0u32..60, 0..40)
    }

    /// Sets of few long ranges, which single sessions seldom make.
    fn ranges() -> impl Strategy<Value = Vec<(u32, u32)>> {
        prop::collection::vec((0u32..60, 0u32..60), 0..6)
    }

    proptest! {
        #[test]
        fn operations_agree_with_a_set_of_numbers(a in sessions(), b in sessions()) {
            let (x, y) = (set(&a), set(&b));
            check(&x, &a);
            check(&x.union(&y), &a.union(&b).copied().collect());
            check(&x.intersection(&y), &a.intersection(&b).copied().collect());
            check(&x.difference(&y), &a.difference(&b).copied().collect());
            for n in 0..61 {
                assert_eq!(x.contains(SessionIx(n)), a.contains(&n));
            }
        }

        #[test]
        fn operations_on_long_ranges_agree(a in ranges(), b in ranges()) {
            let numbers = |r: &[(u32, u32)]| r.iter().flat_map(|(f, l)| *f..=*l).collect::<Oracle>();
            let inserted = |r: &[(u32, u32)]| {
                let mut set = SessionSet::new();
                r.iter().for_each(|(f, l)| set.insert(range(*f, *l)));
                set
            };
            let (x, y, p, q) = (inserted(&a), inserted(&b), numbers(&a), numbers(&b));
            check(&x, &p);
            assert_eq!(x, a.iter().map(|(f, l)| range(*f, *l)).collect());
            check(&x.union(&y), &p.union(&q).copied().collect());
            check(&x.intersection(&y), &p.intersection(&q).copied().collect());
            check(&x.difference(&y), &p.difference(&q).copied().collect());
        }

        #[test]
        fn dilation_widens_each_session(a in sessions(), back in 0u32..9, forward in 0u32..9) {
            let expected: Oracle = a.iter().flat_map(|s| s.saturating_sub(back)..=s + forward).collect();
            check(&set(&a).dilate(back, forward), &expected);
        }

        #[test]
        fn clamping_keeps_what_is_within(a in sessions(), first in 0u32..60, last in 0u32..60) {
            let expected: Oracle = a.iter().copied().filter(|s| first <= *s && *s <= last).collect();
            check(&set(&a).clamp(range(first, last)), &expected);
        }
    }

    #[test]
    fn the_ends_of_the_numbers_do_not_wrap() {
        let top = range(u32::MAX - 1, u32::MAX);
        let mut set = SessionSet::from_range(range(0, 0));
        set.insert(top);
        set.insert(top);
        assert_eq!(set.ranges(), [range(0, 0), top]);
        assert_eq!(set.dilate(2, 2).ranges(), [range(0, 2), range(u32::MAX - 3, u32::MAX)]);
        assert_eq!(set.difference(&SessionSet::from_range(top)).ranges(), [range(0, 0)]);
    }

    #[test]
    fn an_empty_range_adds_nothing() {
        let mut set = SessionSet::from_range(range(5, 4));
        set.insert(range(9, 3));
        assert!(set.is_empty());
    }
}
