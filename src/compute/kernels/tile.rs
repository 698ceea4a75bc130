//! How kernels walk a panel: a tile of neighbouring lanes at a time, down its rows, in vector code.

use std::ops::Range;

use multiversion::multiversion;

use super::window::{Grid, Span};
use crate::panel::canonical;

/// Lanes that are worked on together.
pub const TILE: usize = 16;

/// One value per lane of a tile.
pub type Tile = [f64; TILE];

/// The lanes of one tile in the operands of a kernel.
pub struct Lanes<'a, const K: usize> {
    grids: [Grid<'a>; K],
    first: usize,
    width: usize,
}

impl<const K: usize> Lanes<'_, K> {
    /// The values of one row. Where the panel ends within the tile, the lanes past it are missing; `spare` holds such a row.
    #[inline(always)]
    pub fn row<'s>(&'s self, row: usize, spare: &'s mut [Tile; K]) -> [&'s Tile; K] {
        if self.width < TILE {
            for (grid, spare) in self.grids.iter().zip(spare.iter_mut()) {
                spare[..self.width].copy_from_slice(grid.tile(row, &(self.first..self.first + self.width)));
                spare[self.width..].fill(f64::NAN);
            }
        }
        let spare = &*spare;
        std::array::from_fn(|k| {
            let grid = self.grids[k];
            match grid.data[row * grid.lanes + self.first..].first_chunk() {
                Some(row) if self.width == TILE => row,
                _ => &spare[k],
            }
        })
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
    /// Writes the values of one row, in canonical form.
    #[inline(always)]
    pub fn put(&mut self, row: usize, values: &Tile) {
        let mut clean = *values;
        for value in &mut clean {
            *value = canonical(*value);
        }
        let at = (row - self.first_row) * self.lanes + self.first;
        let out = &mut self.out[at..at + self.width];
        match out.as_mut_array::<TILE>() {
            Some(out) => *out = clean,
            None => out.copy_from_slice(&clean[..self.width]),
        }
    }
}

/// A function of K panels, one tile at a time. What it computes of a lane must depend on that lane alone.
pub trait TileKernel<const K: usize> {
    /// Puts a result for each row of `rows`.
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
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn run_widest<T: TileKernel<K>, const K: usize>(
    kernel: &mut T,
    grids: [Grid<'_>; K],
    rows: Range<usize>,
    span: Span,
    out: &mut [f64],
) {
    each_tile(kernel, grids, rows, span, out);
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
