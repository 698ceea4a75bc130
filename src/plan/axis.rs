//! Sessions of assets as positions, and how the sessions of one asset map to those of another.

use assetctl_calendar::{SessionIx, SessionRange, SessionSet};
use assetctl_graph::{AssetNode, Axis, Edge};
use chrono::NaiveDate;

use crate::ledger::STATIC_SESSION;

/// The date of a position; an asset without sessions has the one position 0.
pub fn date_of(node: &AssetNode, ix: SessionIx) -> NaiveDate {
    match node.axis {
        Axis::Session => node.calendar.date(ix).date(),
        Axis::Static => STATIC_SESSION,
    }
}

/// The position of a date, if it is one of the asset's sessions.
pub fn ix_of(node: &AssetNode, date: NaiveDate) -> Option<SessionIx> {
    match node.axis {
        Axis::Session => node.calendar.ix(date).ok(),
        Axis::Static => (date == STATIC_SESSION).then_some(SessionIx(0)),
    }
}

/// The dates of a set, in order.
pub fn dates_of(node: &AssetNode, sessions: &SessionSet) -> Vec<NaiveDate> {
    sessions.iter().map(|ix| date_of(node, ix)).collect()
}

/// Every position that an asset could ever have: its calendar from its start on.
pub fn universe(node: &AssetNode) -> SessionRange {
    match node.axis {
        Axis::Static => SessionRange { first: SessionIx(0), last: SessionIx(0) },
        Axis::Session => SessionRange { first: node.start, last: SessionIx(node.calendar.len() as u32 - 1) },
    }
}

/// How positions of a reader map to those of its input.
pub struct EdgeMap<'a> {
    reader: &'a AssetNode,
    input: &'a AssetNode,
    back: u32,
    identity: bool,
}

impl<'a> EdgeMap<'a> {
    pub fn new(reader: &'a AssetNode, input: &'a AssetNode, edge: &Edge) -> Self {
        Self::with_window(reader, input, edge.back)
    }

    /// For some of an edge's columns, whose window is narrower.
    pub fn with_window(reader: &'a AssetNode, input: &'a AssetNode, back: u32) -> Self {
        let identity = reader.axis == Axis::Session
            && input.axis == Axis::Session
            && reader.calendar.name() == input.calendar.name();
        Self { reader, input, back, identity }
    }

    /// The last session of the input that is known when the reader's session closes.
    ///
    /// On another calendar that is the last one that had closed by then; `None` before the input's calendar begins.
    pub fn last_read(&self, ix: SessionIx) -> Option<SessionIx> {
        match self.input.axis {
            Axis::Static => Some(SessionIx(0)),
            Axis::Session if self.identity => Some(ix),
            Axis::Session => self.input.calendar.last_closed_by(self.reader.calendar.close(ix)),
        }
    }

    /// The positions of the input that one partition of the reader reads, cut at the input's first session.
    pub fn window(&self, ix: SessionIx) -> Option<SessionRange> {
        self.windows(SessionRange { first: ix, last: ix })
    }

    /// The union of the windows of a range of the reader.
    ///
    /// Between calendars a window of `back` sessions is the longer of that many sessions of the reader and of the input.
    pub fn windows(&self, range: SessionRange) -> Option<SessionRange> {
        let last = self.last_read(range.last)?;
        let floor = if self.input.axis == Axis::Static { 0 } else { self.input.start.0 };
        let of_input = self.last_read(range.first).map_or(0, |ix| ix.0.saturating_sub(self.back));
        let first = if self.identity || self.input.axis == Axis::Static {
            of_input
        } else {
            let of_reader = self.last_read(SessionIx(range.first.0.saturating_sub(self.back))).map_or(0, |ix| ix.0);
            of_reader.min(of_input)
        };
        let first = first.max(floor);
        (first <= last.0).then_some(SessionRange { first: SessionIx(first), last })
    }

    /// The positions of the reader, within `within`, whose windows touch `changed` positions of the input.
    pub fn touched(&self, changed: &SessionSet, within: SessionRange) -> SessionSet {
        if changed.is_empty() {
            return SessionSet::new();
        }
        if self.input.axis == Axis::Static {
            return SessionSet::from_range(within);
        }
        if self.identity {
            return changed.dilate(0, self.back).intersection(&SessionSet::from_range(within));
        }
        SessionSet::from_iter(within.iter().filter(|ix| {
            self.window(*ix).is_some_and(|window| !changed.intersection(&SessionSet::from_range(window)).is_empty())
        }))
    }

    /// The newest position of the reader, within `within`, for which all that it reads is at or before `last` of the input.
    pub fn reach(&self, last: SessionIx, within: SessionRange) -> Option<SessionIx> {
        if self.input.axis == Axis::Static {
            return Some(within.last);
        }
        if self.identity {
            return (last >= within.first).then_some(last.min(within.last));
        }
        // `last_read` never falls as the session moves on, so the answer is where it crosses `last`.
        let (mut low, mut high) = (within.first.0, within.last.0 + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.last_read(SessionIx(middle)) {
                Some(read) if read > last => high = middle,
                _ => low = middle + 1,
            }
        }
        (low > within.first.0).then(|| SessionIx(low - 1))
    }
}
