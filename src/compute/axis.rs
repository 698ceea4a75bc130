//! What the rows and lanes of a batch stand for.

use chrono::NaiveDate;

/// The sessions and instruments of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// Every calendar session of the read range, oldest first, also those without a row.
    pub sessions: Vec<NaiveDate>,
    /// Sorted and unique. One lane called `""` where the key is the session alone.
    pub instruments: Vec<String>,
}

impl Axis {
    /// Row of a session. `hint` is where to look first: rows come sorted, so the answer is mostly there.
    pub(crate) fn row(&self, session: NaiveDate, hint: usize) -> Option<usize> {
        if self.sessions.get(hint) == Some(&session) {
            return Some(hint);
        }
        self.sessions.binary_search(&session).ok()
    }

    /// Lane of an instrument. `hint` is where to look first.
    pub(crate) fn lane(&self, instrument: &str, hint: usize) -> Option<usize> {
        if self.instruments.get(hint).is_some_and(|name| name == instrument) {
            return Some(hint);
        }
        self.instruments.binary_search_by(|name| name.as_str().cmp(instrument)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups_work_with_any_hint() {
        let day = |d| NaiveDate::from_ymd_opt(2024, 1, d).unwrap();
        let axis = Axis { sessions: vec![day(2), day(3), day(5)], instruments: vec!["a".into(), "b".into()] };
        for hint in 0..5 {
            assert_eq!(axis.row(day(3), hint), Some(1));
            assert_eq!(axis.row(day(4), hint), None);
            assert_eq!(axis.lane("b", hint), Some(1));
            assert_eq!(axis.lane("c", hint), None);
        }
    }
}
