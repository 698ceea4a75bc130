//! How kernels walk a panel: a tile of neighbouring lanes at a time, down its rows, in vector code.

use std::ops::Range;

use multiversion::multiversion;

use super::window::{Grid, Span};
use crate::panel::canonical;

/// Lanes that are worked on together, at most.
pub const TILE: usize = 32;

/// One value per lane of a tile. Where the panel ends within the tile, the last ones have no meaning.
pub type Tile = [f64; TILE];

/// The lanes of one tile in the operands of a kernel.
pub struct Lanes<'a, const K: usize> {
    grids: [Grid<'a>; K],
    first: usize,
    width: usize,
}

impl<'a, const K: usize> Lanes<'a, K> {
    /// The values of one row, [`width`](Self::width) of each operand.
    #[inline(always)]
    pub fn row(&self, row: usize) -> [&'a [f64]; K] {
        self.grids.map(|grid| {
            let at = row * grid.lanes + self.first;
            &grid.data[at..at + self.width]
        })
    }

    /// Lanes in this tile, [`TILE`] at most.
    #[inline(always)]
    pub fn width(&self) -> usize {
        self.width.min(TILE)
    }
}

/// Where the results of one tile go.
pub struct Results<'a> {
    out: &'a mut [f64],
    lanes: usize,
    first: usize,
    width: usize,
    first_row: usize,
}

impl Results<'_> {
    /// Has the values of one row written, and brings them into canonical form.
    #[inline(always)]
    pub fn row(&mut self, row: usize, write: impl FnOnce(&mut [f64])) {
        let at = (row - self.first_row) * self.lanes + self.first;
        let out = &mut self.out[at..at + self.width];
        write(out);
        for value in out {
            *value = canonical(*value);
        }
    }
}

/// A function of K panels, one tile at a time. What it computes of a lane must depend on that lane alone.
///
/// Loops over the lanes of a tile must be plain ones over `0..width`, without branches, calls or array constructors: those the
/// compiler turns into vector code, and little else.
pub trait TileKernel<const K: usize> {
    /// Gives a result for each row of `rows`.
    fn run(&mut self, lanes: &Lanes<K>, rows: Range<usize>, span: Span, results: &mut Results);
}

/// Runs a kernel over all lanes of `grids`; `out` holds `rows`, row-major.
pub fn run<T: TileKernel<K>, const K: usize>(
    kernel: &mut T,
    grids: [Grid<'_>; K],
    rows: Range<usize>,
    span: Span,
    out: &mut [f64],
) {
    #[cfg(test)]
    if baseline::is_forced() {
        return each_tile(kernel, grids, rows, span, out);
    }
    run_widest(kernel, grids, rows, span, out);
}

/// Compiled for wider vectors too; the widest that the machine has are chosen at run time. This changes no bit: each lane sees
/// the same operations in the same order, and nothing is contracted to fused ones.
#[multiversion(targets("x86_64+avx2"))]
fn run_widest<T: TileKernel<K>, const K: usize>(
    kernel: &mut T,
    grids: [Grid<'_>; K],
    rows: Range<usize>,
    span: Span,
    out: &mut [f64],
) {
    each_tile(kernel, grids, rows, span, out);
}

#[inline(always)]
fn each_tile<T: TileKernel<K>, const K: usize>(
    kernel: &mut T,
    grids: [Grid<'_>; K],
    rows: Range<usize>,
    span: Span,
    out: &mut [f64],
) {
    let lanes = grids[0].lanes;
    for first in (0..lanes).step_by(TILE) {
        let width = TILE.min(lanes - first);
        let mut results = Results { out, lanes, first, width, first_row: rows.start };
        kernel.run(&Lanes { grids, first, width }, rows.clone(), span, &mut results);
    }
}

/// The code that every machine of the architecture can run, on demand of a test.
#[cfg(test)]
pub mod baseline {
    use std::cell::Cell;

    thread_local! {
        static FORCED: Cell<bool> = const { Cell::new(false) };
    }

    pub fn is_forced() -> bool {
        FORCED.get()
    }

    /// Calls `f` while this thread keeps to the baseline.
    pub fn with<T>(f: impl FnOnce() -> T) -> T {
        FORCED.set(true);
        let value = f();
        FORCED.set(false);
        value
    }
}
