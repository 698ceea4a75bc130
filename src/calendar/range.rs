use crate::SessionIx;

/// The sessions from `first` to `last`, both included. Empty when `first` is after `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionRange {
    pub first: SessionIx,
    pub last: SessionIx,
}

impl SessionRange {
    /// Number of sessions.
    pub fn len(self) -> usize {
        if self.is_empty() { 0 } else { (self.last.0 - self.first.0) as usize + 1 }
    }

    /// Holds no session.
    pub fn is_empty(self) -> bool {
        self.first > self.last
    }

    /// Holds this session.
    pub fn contains(self, ix: SessionIx) -> bool {
        self.first <= ix && ix <= self.last
    }

    /// The sessions, ascending.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = SessionIx> + Clone {
        (self.first.0..=self.last.0).map(SessionIx)
    }

    /// The sessions in both; `None` when there is none.
    pub fn intersect(self, other: SessionRange) -> Option<SessionRange> {
        let both = SessionRange { first: self.first.max(other.first), last: self.last.min(other.last) };
        (!both.is_empty()).then_some(both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u32, last: u32) -> SessionRange {
        SessionRange { first: SessionIx(first), last: SessionIx(last) }
    }

    #[test]
    fn both_ends_are_included() {
        assert_eq!(range(3, 5).len(), 3);
        assert_eq!(range(3, 3).len(), 1);
        assert_eq!(range(3, 5).iter().collect::<Vec<_>>(), [SessionIx(3), SessionIx(4), SessionIx(5)]);
        assert!(range(3, 5).contains(SessionIx(3)) && range(3, 5).contains(SessionIx(5)));
        assert!(!range(3, 5).contains(SessionIx(2)) && !range(3, 5).contains(SessionIx(6)));
    }

    #[test]
    fn a_reversed_range_is_empty() {
        assert!(range(5, 4).is_empty());
        assert_eq!((range(5, 4).len(), range(5, 4).iter().count()), (0, 0));
        assert_eq!(range(5, 4).intersect(range(0, 9)), None);
    }

    #[test]
    fn the_intersection_is_what_both_hold() {
        assert_eq!(range(0, 5).intersect(range(3, 9)), Some(range(3, 5)));
        assert_eq!(range(0, 5).intersect(range(5, 9)), Some(range(5, 5)));
        assert_eq!(range(0, 5).intersect(range(6, 9)), None);
    }
}
