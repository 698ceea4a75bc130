//! Where in a panel the rows of a frame belong.

use std::ops::Range;

use chrono::NaiveDate;
use polars::prelude::{DataFrame, StringChunked};

use crate::axis::Axis;
use crate::frame::{self, FrameError};
use crate::panel::canonical;

/// The frame row of a cell without one.
const NONE: u32 = u32::MAX;

/// Which frame row each cell of a panel takes its value from.
#[derive(Debug, Clone)]
pub(crate) enum Layout {
    /// The frame is the panel, row-major, from session `first` up to but not including `end`; elsewhere no cell has a row.
    Dense { first: usize, end: usize },
    /// Per cell the frame row, or [`NONE`].
    Cells(Vec<u32>),
    /// Per session the frame row of all its lanes, or [`NONE`].
    Sessions(Vec<u32>),
}

impl Layout {
    /// Of `df` (called `frame` in errors) on `axis`. A row of an instrument that is no lane is left out.
    ///
    /// # Errors
    /// When a row has no key, the key of another row, or a session that is not on the axis.
    pub fn of(df: &DataFrame, frame: &str, axis: &Axis, by_instrument: bool) -> Result<Self, FrameError> {
        let whole_rows = !frame::has_instruments(df);
        if !whole_rows && !by_instrument {
            return Err(FrameError::UnexpectedInstruments { frame: frame.to_owned() });
        }
        let days = frame::sessions(df, frame)?;
        if whole_rows {
            let mut at = vec![NONE; axis.sessions.len()];
            let mut row = 0;
            for (of, session) in days.into_iter().enumerate() {
                row = session_row(axis, session, row, frame)?;
                take(&mut at[row], of).ok_or_else(|| duplicate(frame, session, ""))?;
            }
            return Ok(Self::Sessions(at));
        }
        let instruments = frame::texts(frame::column(df, frame, frame::INSTRUMENT)?, frame)?;
        if let Some(dense) = dense(axis, &days, instruments) {
            return Ok(dense);
        }
        let lanes = axis.instruments.len();
        let mut at = vec![NONE; axis.sessions.len() * lanes];
        // frames come sorted by (session, instrument): the next row is mostly the next lane
        let (mut row, mut lane) = (0, 0);
        for (of, (session, instrument)) in days.into_iter().zip(instruments.iter()).enumerate() {
            let instrument = instrument.ok_or_else(|| frame::missing_key(frame, frame::INSTRUMENT))?;
            row = session_row(axis, session, row, frame)?;
            if let Some(found) = axis.lane(instrument, lane) {
                take(&mut at[row * lanes + found], of).ok_or_else(|| duplicate(frame, session, instrument))?;
                lane = if found + 1 < lanes { found + 1 } else { 0 };
            }
        }
        Ok(Self::Cells(at))
    }

    /// Which cells have a row, row-major.
    pub fn presence(&self, rows: usize, lanes: usize) -> Vec<bool> {
        match self {
            Self::Dense { first, end } => {
                let mut present = vec![false; rows * lanes];
                present[first * lanes..end * lanes].fill(true);
                present
            }
            Self::Cells(at) => at.iter().map(|of| *of != NONE).collect(),
            Self::Sessions(at) => at.iter().flat_map(|of| std::iter::repeat_n(*of != NONE, lanes)).collect(),
        }
    }

    /// The part of the frame that is exactly the cells of sessions `from` to `end`, in their order, if the frame has one.
    pub fn slice(&self, from: usize, end: usize, lanes: usize) -> Option<(usize, usize)> {
        match self {
            Self::Dense { first, end: last } if *first <= from && end <= *last => {
                Some(((from - first) * lanes, (end - from) * lanes))
            }
            _ => None,
        }
    }

    /// Fills the cells of `lanes` (of `all` lanes) in the rows from `first` on, as many as `out` has room for, with the `values`
    /// of their frame rows made canonical, or with `missing`.
    pub fn gather(&self, values: &[f64], missing: f64, first: usize, lanes: Range<usize>, all: usize, out: &mut [f64]) {
        let width = lanes.len();
        if width == 0 {
            return;
        }
        for (row, out) in (first..).zip(out.chunks_exact_mut(width)) {
            match self {
                Self::Dense { first, end } => {
                    if row < *first || row >= *end {
                        out.fill(missing);
                        continue;
                    }
                    let from = (row - first) * all + lanes.start;
                    let values = &values[from..from + width];
                    out.iter_mut().zip(values).for_each(|(out, value)| *out = canonical(*value));
                }
                Self::Cells(at) => {
                    let at = &at[row * all + lanes.start..row * all + lanes.end];
                    for (out, of) in out.iter_mut().zip(at) {
                        *out = values.get(*of as usize).map_or(missing, |value| canonical(*value));
                    }
                }
                Self::Sessions(at) => {
                    let value = values.get(at[row] as usize);
                    out.fill(value.map_or(missing, |value| canonical(*value)));
                }
            }
        }
    }
}

/// Notes the frame row of a cell; `None` if it has one already.
fn take(cell: &mut u32, of: usize) -> Option<()> {
    (*cell == NONE).then(|| *cell = of as u32)
}

fn duplicate(frame: &str, session: NaiveDate, instrument: &str) -> FrameError {
    FrameError::DuplicateKey { frame: frame.to_owned(), session, instrument: instrument.to_owned() }
}

fn session_row(axis: &Axis, session: NaiveDate, hint: usize, frame: &str) -> Result<usize, FrameError> {
    axis.row(session, hint).ok_or_else(|| FrameError::SessionNotAsked { frame: frame.to_owned(), session })
}

/// The common case: from some session on every session has every instrument, in order.
fn dense(axis: &Axis, days: &[NaiveDate], instruments: &StringChunked) -> Option<Layout> {
    let lanes = axis.instruments.len();
    if lanes == 0 || days.is_empty() || days.len() % lanes != 0 || instruments.null_count() > 0 {
        return None;
    }
    let first = axis.row(days[0], 0)?;
    let end = first + days.len() / lanes;
    let sessions = axis.sessions.get(first..end)?;
    let in_order = days.chunks_exact(lanes).zip(sessions).all(|(days, session)| days.iter().all(|day| day == session));
    let names = axis.instruments.iter().map(String::as_str).cycle();
    (in_order && instruments.iter().flatten().zip(names).all(|(a, b)| a == b)).then_some(Layout::Dense { first, end })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::{day, panel_frame};

    fn axis() -> Axis {
        Axis { sessions: vec![day(2), day(3), day(4)], instruments: vec!["a".into(), "b".into()] }
    }

    fn gathered(layout: &Layout, values: &[f64], lanes: Range<usize>) -> Vec<f64> {
        let mut out = vec![7.0; 2 * lanes.len()];
        layout.gather(values, 0.5, 1, lanes, 2, &mut out);
        out
    }

    #[test]
    fn a_whole_frame_is_its_own_panel() {
        let df = panel_frame(&[(3, "a"), (3, "b"), (4, "a"), (4, "b")], vec![]);
        let layout = Layout::of(&df, "x", &axis(), true).unwrap();
        assert!(matches!(layout, Layout::Dense { first: 1, end: 3 }));
        assert_eq!(layout.presence(3, 2), [false, false, true, true, true, true]);
        assert_eq!(layout.slice(2, 3, 2), Some((2, 2)));
        assert_eq!(layout.slice(0, 3, 2), None);
        assert_eq!(gathered(&layout, &[1.0, 2.0, 3.0, 4.0], 1..2), [2.0, 4.0]);
    }

    #[test]
    fn a_hole_or_another_order_is_found_cell_by_cell() {
        for keys in [[(3, "a"), (4, "b"), (4, "a")], [(4, "b"), (3, "a"), (4, "a")]] {
            let layout = Layout::of(&panel_frame(&keys, vec![]), "x", &axis(), true).unwrap();
            let values: Vec<f64> =
                keys.iter().map(|(day, name)| f64::from(*day) + f64::from(*name == "b") / 10.0).collect();
            assert_eq!(gathered(&layout, &values, 0..2), [3.0, 0.5, 4.0, 4.1]);
            assert_eq!(layout.presence(3, 2), [false, false, true, false, true, true]);
        }
    }

    #[test]
    fn what_is_gathered_is_canonical() {
        let df = panel_frame(&[(3, "a"), (3, "b"), (4, "a"), (4, "b")], vec![]);
        let layout = Layout::of(&df, "x", &axis(), true).unwrap();
        let out = gathered(&layout, &[f64::INFINITY, -0.0, -f64::NAN, 1.0], 0..2);
        assert_eq!(
            out.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
            [f64::NAN, 0.0, f64::NAN, 1.0].map(f64::to_bits)
        );
    }
}
