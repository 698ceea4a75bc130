//! Statistics of a window, put together from partial results.
//!
//! A partial result that were carried from row to row, with the oldest value taken out again, would drift in its last bits with
//! the row it began at. So values are only ever added, in one of two ways:
//!
//! - **Anchored**: the calendar is cut into blocks of n sessions at absolute multiples of n. A window of n sessions touches two
//!   of them at most: it is the end of the older one and the start of the newer one. The ends of a block are accumulated
//!   once, backwards from its boundary, its starts once forwards, and each window merges one of each: the cost of a cell
//!   does not depend on n.
//! - **Direct**: every window anew, oldest first.
//!
//! Both read nothing outside the window, and neither knows where a batch begins.

use std::ops::Range;

use super::tile::{Lanes, Results, TileKernel};
use super::window::Span;

/// What is known of some neighbouring rows of K panels, per lane. Loops over lanes are without branches, so that they become
/// vector code.
pub trait Partial<const K: usize>: Copy {
    /// Of no rows.
    const EMPTY: Self;

    /// Takes in the row after those it holds. `position` counts rows from a point common to all partial results of a window.
    fn push(&mut self, row: [&[f64]; K], position: f64);

    /// Takes in the row before those it holds.
    #[inline(always)]
    fn push_before(&mut self, row: [&[f64]; K], position: f64) {
        self.push(row, position);
    }

    /// Becomes that of the rows of both; those of `older` come before those of `newer`.
    fn merge(&mut self, older: &Self, newer: &Self, width: usize);
}

/// A window and the row that it ends with.
pub struct End<'a, const K: usize> {
    /// The values of the row.
    pub row: [&'a [f64]; K],
    /// Its position.
    pub position: f64,
    /// Rows of the window; less than n at the start of history.
    pub rows: usize,
    pub span: Span,
}

/// A number that follows from a partial result of the whole window.
pub trait Statistic<const K: usize> {
    type Partial: Partial<K>;

    /// Writes the result of each lane; what is not finite counts as missing.
    fn write(&self, partial: &Self::Partial, end: &End<K>, out: &mut [f64]);
}

/// Computes a statistic in either way, as the span says.
pub struct Rolling<S, P> {
    statistic: S,
    /// At k: of the last k rows before the boundary between two blocks. Kept from tile to tile for its memory.
    ends: Vec<P>,
}

impl<S, P> Rolling<S, P> {
    pub fn of(statistic: S) -> Self {
        Self { statistic, ends: vec![] }
    }
}

impl<S: Statistic<K, Partial = P>, P: Partial<K>, const K: usize> TileKernel<K> for Rolling<S, P> {
    #[inline(always)]
    fn run(&mut self, lanes: &Lanes<K>, rows: Range<usize>, span: Span, results: &mut Results) {
        match span.anchor {
            Some(anchor) => self.anchored(lanes, rows, span, anchor, results),
            None => self.direct(lanes, rows, span, results),
        }
    }
}

impl<S, P> Rolling<S, P> {
    #[inline(always)]
    fn direct<const K: usize>(&self, lanes: &Lanes<K>, rows: Range<usize>, span: Span, results: &mut Results)
    where
        S: Statistic<K, Partial = P>,
        P: Partial<K>,
    {
        for row in rows {
            let window = span.rows(row);
            let end = End { row: lanes.row(row), position: 0.0, rows: window.len(), span };
            let mut partial = P::EMPTY;
            for at in window {
                partial.push(lanes.row(at), -((row - at) as f64));
            }
            results.row(row, |out| self.statistic.write(&partial, &end, out));
        }
    }

    #[inline(always)]
    fn anchored<const K: usize>(
        &mut self,
        lanes: &Lanes<K>,
        rows: Range<usize>,
        span: Span,
        anchor: usize,
        results: &mut Results,
    ) where
        S: Statistic<K, Partial = P>,
        P: Partial<K>,
    {
        let width = lanes.width();
        let mut whole = P::EMPTY;
        self.ends.resize(span.n.min(rows.end), P::EMPTY);
        let ends = &mut self.ends[..];
        let mut next = rows.start;
        while next < rows.end {
            // the newer block holds the panel's rows from `boundary` on
            let skipped = (anchor + next) % span.n;
            let boundary = next.saturating_sub(skipped);
            let stop = rows.end.min(next + span.n - skipped);
            // counted from the block's first row, which may lie before the panel's
            let position = |row: usize| row as f64 - (next as f64 - skipped as f64);

            for (k, row) in (span.rows(next).start..boundary).rev().enumerate() {
                ends[k + 1] = ends[k];
                ends[k + 1].push_before(lanes.row(row), position(row));
            }
            let mut start = P::EMPTY;
            for row in boundary..next {
                start.push(lanes.row(row), position(row));
            }
            for row in next..stop {
                start.push(lanes.row(row), position(row));
                let window = span.rows(row);
                whole.merge(&ends[boundary.saturating_sub(window.start)], &start, width);
                let end = End { row: lanes.row(row), position: position(row), rows: window.len(), span };
                results.row(row, |out| self.statistic.write(&whole, &end, out));
            }
            next = stop;
        }
    }
}
