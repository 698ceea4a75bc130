//! What each session reads of a table whose rows are of dates.
//!
//! A table has one partition, and a change of it would make every session of its readers stale. But an action of today says nothing
//! of last year's sessions: of such a table a session's fingerprint has the rows of its date, and so a change makes stale the
//! sessions whose rows it changed.

use assetctl_calendar::{SessionIx, SessionRange};
use assetctl_graph::{AssetNode, Dated};
use chrono::NaiveDate;

use crate::fingerprint::{row_unit, young_unit};
use crate::ledger::DatedRow;

/// The sums of the units of the rows that each position of a range reads.
pub struct DatedSums {
    first: SessionIx,
    sums: Vec<u128>,
}

impl DatedSums {
    /// `edge` is the edge's number among the reader's; `range` are positions of the reader, whose calendar says which session is
    /// the first on or after a date.
    pub fn new(reader: &AssetNode, edge: usize, dated: &Dated, rows: &[DatedRow], range: SessionRange) -> Self {
        // A row counts from its first position on, until the one after its last.
        let mut steps = vec![0_u128; range.len() + 1];
        let mut count = |(first, last): (u32, u32), unit: u128| {
            let (first, last) = (first.max(range.first.0), last.min(range.last.0));
            if first <= last {
                let step = &mut steps[(first - range.first.0) as usize];
                *step = step.wrapping_add(unit);
                let step = &mut steps[(last + 1 - range.first.0) as usize];
                *step = step.wrapping_sub(unit);
            }
        };
        for row in rows {
            if let Some(read) = positions(reader, dated, row) {
                count(read, row_unit(edge, row));
            }
            if let Some((first, young)) = young(reader, dated, row) {
                count(young, young_unit(edge, row, first));
            }
        }
        let mut sum = 0_u128;
        let sums = steps.into_iter().map(|step| {
            sum = sum.wrapping_add(step);
            sum
        });
        Self { first: range.first, sums: sums.collect() }
    }

    /// The sum of a position; 0 outside the range.
    pub fn of(&self, ix: SessionIx) -> u128 {
        let at = ix.0.checked_sub(self.first.0).and_then(|at| self.sums.get(at as usize));
        at.copied().unwrap_or(0)
    }
}

/// The first and last position that read a row; `None` if none does. A row that is a mistake concerns all, for it has to be refused.
fn positions(reader: &AssetNode, dated: &Dated, row: &DatedRow) -> Option<(u32, u32)> {
    let calendar = &reader.calendar;
    let is_reversed = row.first.zip(row.last).is_some_and(|(first, last)| last < first);
    if is_reversed || dated.needs_first && row.first.is_none() {
        return Some((0, END));
    }
    if dated.last.is_none() {
        let at = calendar.at_or_after(row.first?).ok()?.0;
        return Some((at, at));
    }
    // What begins before the calendar does, or ends after it, holds of all between.
    let first = match row.first {
        Some(first) if first > calendar.first().date() => calendar.at_or_after(first).ok()?.0,
        _ => 0,
    };
    let last = match row.last {
        Some(last) if last < calendar.last().date() => calendar.at_or_before(last).ok()?.0,
        _ => END,
    };
    Some((first, last))
}

/// The first session of a row, and the positions that read which one that is.
fn young(reader: &AssetNode, dated: &Dated, row: &DatedRow) -> Option<(NaiveDate, (u32, u32))> {
    // Of what began before the calendar nobody knows how many sessions it had.
    let first = reader.calendar.at_or_after(row.first?).ok().filter(|_| dated.young > 0)?;
    Some((reader.calendar.date(first).date(), (first.0, first.0.saturating_add(dated.young - 1).min(END))))
}

/// The last position, and one to spare.
const END: u32 = u32::MAX - 1;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assetctl_calendar::Calendar;
    use assetctl_config::{ColumnType, WindowAxis};
    use assetctl_graph::{Axis, Body};

    use super::*;
    use crate::hash::Hash128;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn reader() -> AssetNode {
        let calendar: Arc<Calendar> = Calendar::builtin("XSHG").unwrap();
        AssetNode {
            name: "completed".to_owned(),
            kind: "complete",
            asset: 0,
            axis: Axis::Session,
            start: calendar.at_or_after(day("2015-01-01")).unwrap(),
            calendar,
            settlement: chrono::Duration::zero(),
            edges: Vec::new(),
            universe: None,
            intraday: None,
            window_axis: WindowAxis::Calendar,
            recursive: true,
            schema: Some(vec![("instrument".to_owned(), ColumnType::Text)]),
            spec_text: String::new(),
            body: Body::Table,
            checks: Vec::new(),
            check_reads: assetctl_graph::CheckReads::default(),
            tags: Vec::new(),
            owner: None,
            description: None,
        }
    }

    fn between(needs_first: bool, young: u32) -> Dated {
        Dated { first: "from".to_owned(), last: Some("to".to_owned()), needs_first, young }
    }

    fn row(first: Option<&str>, last: Option<&str>, hash: &str) -> DatedRow {
        DatedRow { first: first.map(day), last: last.map(day), hash: Hash128::of(hash.as_bytes()) }
    }

    /// The dates, of the sessions of a week and a half, whose sums differ between two tables.
    fn moved(dated: &Dated, before: &[DatedRow], after: &[DatedRow]) -> Vec<String> {
        let reader = reader();
        let ix = |date| reader.calendar.at_or_after(day(date)).unwrap();
        let range = SessionRange { first: ix("2015-07-01"), last: ix("2015-07-10") };
        let sums = |rows| DatedSums::new(&reader, 0, dated, rows, range);
        let (before, after) = (sums(before), sums(after));
        let differs = |ix: &SessionIx| before.of(*ix) != after.of(*ix);
        range.iter().filter(differs).map(|ix| reader.calendar.date(ix).date().to_string()).collect()
    }

    #[test]
    fn an_event_is_of_the_first_session_on_or_after_its_date() {
        let dated = Dated { first: "ex_date".to_owned(), last: None, needs_first: true, young: 0 };
        let event = |date, hash| row(Some(date), None, hash);
        assert_eq!(moved(&dated, &[], &[event("2015-07-02", "a")]), ["2015-07-02"]);
        // A Saturday.
        assert_eq!(moved(&dated, &[], &[event("2015-07-04", "a")]), ["2015-07-06"]);
        assert_eq!(
            moved(&dated, &[event("2015-07-02", "a")], &[event("2015-07-03", "a")]),
            ["2015-07-02", "2015-07-03"]
        );
        assert_eq!(moved(&dated, &[event("2015-07-02", "a")], &[event("2015-07-02", "b")]), ["2015-07-02"]);
        for outside in ["2015-06-30", "2015-07-13", "2099-01-01"] {
            assert_eq!(moved(&dated, &[], &[event(outside, "a")]), [""; 0], "{outside}");
        }
        // Order is no content; the number of equal rows is.
        let (one, other) = (event("2015-07-02", "a"), event("2015-07-02", "b"));
        assert_eq!(moved(&dated, &[one, other], &[other, one]), [""; 0]);
        assert_eq!(moved(&dated, &[one], &[one, one]), ["2015-07-02"]);
    }

    #[test]
    fn an_interval_is_of_its_sessions() {
        let dated = between(false, 0);
        let suspended = |from, to| row(from, to, "a");
        assert_eq!(
            moved(&dated, &[], &[suspended(Some("2015-07-04"), Some("2015-07-08"))]),
            ["2015-07-06", "2015-07-07", "2015-07-08"]
        );
        // An end that moves changes the sessions between the old one and the new one: dates are not among what is hashed.
        let (open, ended) = (suspended(Some("2015-06-01"), None), suspended(Some("2015-06-01"), Some("2015-07-08")));
        assert_eq!(moved(&dated, &[open], &[suspended(Some("2015-06-02"), None)]), [""; 0]);
        assert_eq!(moved(&dated, &[open], &[ended]), ["2015-07-09", "2015-07-10"]);
        assert_eq!(moved(&dated, &[], &[suspended(None, Some("2015-07-02"))]), ["2015-07-01", "2015-07-02"]);
        // A weekend holds no session.
        assert_eq!(moved(&dated, &[], &[suspended(Some("2015-07-04"), Some("2015-07-05"))]), [""; 0]);
    }
    #[test]
    fn an_interval_may_begin_before_the_calendar_and_end_after_it() {
        let dated = between(false, 0);
        let long_ago = row(Some("1901-01-01"), Some("2015-07-02"), "a");
        assert_eq!(moved(&dated, &[], &[long_ago]), ["2015-07-01", "2015-07-02"]);
        let for_good = row(Some("2015-07-09"), Some("2999-12-31"), "a");
        assert_eq!(moved(&dated, &[], &[for_good]), ["2015-07-09", "2015-07-10"]);
        assert_eq!(moved(&dated, &[for_good], &[row(Some("2015-07-09"), None, "a")]), [""; 0]);
        for outside in [row(Some("1901-01-01"), Some("1902-01-01"), "a"), row(Some("2999-01-01"), None, "a")] {
            assert_eq!(moved(&dated, &[], &[outside]), [""; 0]);
        }
    }

    #[test]
    fn a_mistake_concerns_every_session() {
        let reversed = row(Some("2015-07-03"), Some("2015-07-02"), "a");
        assert_eq!(moved(&between(false, 0), &[], &[reversed]).len(), 8);
        let open = row(None, Some("2015-07-01"), "a");
        assert_eq!(moved(&between(true, 0), &[], &[open]).len(), 8);
        assert_eq!(moved(&between(false, 0), &[], &[open]), ["2015-07-01"]);
    }

    #[test]
    fn the_first_sessions_read_which_is_the_first() {
        let listed = |from| row(Some(from), None, "a");
        // Later by three sessions: those, and the new first two.
        assert_eq!(
            moved(&between(true, 2), &[listed("2015-07-01")], &[listed("2015-07-06")]),
            ["2015-07-01", "2015-07-02", "2015-07-03", "2015-07-06", "2015-07-07"]
        );
        assert_eq!(
            moved(&between(true, 0), &[listed("2015-07-01")], &[listed("2015-07-06")]),
            ["2015-07-01", "2015-07-02", "2015-07-03"]
        );
        // A Saturday, and the Monday after it.
        assert_eq!(moved(&between(true, 2), &[listed("2015-07-04")], &[listed("2015-07-06")]), [""; 0]);
        // An end says nothing of the beginning.
        let ended = row(Some("2015-07-01"), Some("2015-07-08"), "a");
        assert_eq!(moved(&between(true, 2), &[listed("2015-07-01")], &[ended]), ["2015-07-09", "2015-07-10"]);
    }
}
