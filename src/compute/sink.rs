//! Where blocks of lanes leave what outlives them: the result's columns, and whole panels.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::inputs::Inputs;
use crate::parallel::locked;

/// Lanes that are evaluated together.
#[derive(Debug, Clone)]
pub(crate) struct Lanes {
    /// Number of the block.
    pub block: usize,
    pub range: Range<usize>,
}

/// Where the rows of the result stand: one per key of the first input in the written sessions.
pub(crate) struct Keys {
    written: Range<usize>,
    blocks: usize,
    /// Per written session and block the first of its runs; then the number of runs.
    starts: Vec<usize>,
    runs: Vec<Stretch>,
    count: usize,
}

/// Neighbouring lanes of a block that all have a key in a session.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// The first of the lanes, counted in the block.
    lane: usize,
    /// Where its key stands.
    place: usize,
    len: usize,
}

impl Keys {
    /// For blocks of `width` lanes.
    pub fn of(inputs: &Inputs, width: usize) -> Self {
        let blocks = inputs.lanes().div_ceil(width);
        let mut keys = Self { written: inputs.written.clone(), blocks, starts: Vec::new(), runs: Vec::new(), count: 0 };
        for row in inputs.written.clone() {
            for present in inputs.present(row).chunks(width) {
                keys.starts.push(keys.runs.len());
                let mut lane = 0;
                for same in present.chunk_by(|a, b| a == b) {
                    if same[0] {
                        keys.runs.push(Stretch { lane, place: keys.count, len: same.len() });
                        keys.count += same.len();
                    }
                    lane += same.len();
                }
            }
        }
        keys.starts.push(keys.runs.len());
        keys
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Calls `f(row, lanes, places)` for each stretch of lanes of a block that have a key in a written session, in order; lanes are
    /// counted in the block.
    pub fn each(&self, lanes: &Lanes, mut f: impl FnMut(usize, Range<usize>, Range<usize>)) {
        for (at, row) in self.written.clone().enumerate() {
            let at = at * self.blocks + lanes.block;
            for run in &self.runs[self.starts[at]..self.starts[at + 1]] {
                f(row, run.lane..run.lane + run.len, run.place..run.place + run.len);
            }
        }
    }
}

/// Values that are looked at together for missing ones.
const SCAN: usize = 512;

/// Whether any value is missing. Without a branch per value, so that it becomes vector code.
fn has_missing(values: &[f64]) -> bool {
    values.iter().map(|value| u64::from(value.is_nan())).sum::<u64>() > 0
}

/// A column of the result while it is filled.
pub(crate) struct Sink {
    values: Mutex<Vec<f64>>,
    may_miss: AtomicBool,
}

impl Sink {
    pub fn new(count: usize) -> Self {
        Self { values: Mutex::new(vec![0.0; count]), may_miss: AtomicBool::new(false) }
    }

    /// Takes the values of a block: `panel` is its rows from `first` on.
    pub fn put(&self, keys: &Keys, lanes: &Lanes, first: usize, panel: &[f64]) {
        let width = lanes.range.len();
        // looked for in the panel, which is still in cache, also where no key is; once found, no more
        let written = &panel[(keys.written.start - first) * width..];
        if !self.may_miss.load(Ordering::Relaxed) && written.chunks(SCAN).any(has_missing) {
            self.may_miss.store(true, Ordering::Relaxed);
        }
        let mut values = locked(&self.values);
        keys.each(lanes, |row, lanes, places| {
            values[places].copy_from_slice(&panel[(row - first) * width..][lanes]);
        });
    }

    /// The values, and whether any may be missing.
    pub fn finish(&self) -> (Vec<f64>, bool) {
        (std::mem::take(&mut *locked(&self.values)), self.may_miss.load(Ordering::Relaxed))
    }
}

/// A panel of all lanes, from some row on.
#[derive(Debug)]
pub(crate) struct Wide {
    pub first: usize,
    lanes: usize,
    values: Mutex<Vec<f64>>,
}

impl Wide {
    pub fn new(rows: Range<usize>, lanes: usize) -> Self {
        Self { first: rows.start, lanes, values: Mutex::new(vec![0.0; rows.len() * lanes]) }
    }

    /// Takes the values of some lanes: `panel` is their rows from this one's first on.
    pub fn put(&self, lanes: &Range<usize>, panel: &[f64]) {
        if lanes.is_empty() {
            return;
        }
        let mut values = locked(&self.values);
        for (out, row) in values.chunks_exact_mut(self.lanes).zip(panel.chunks_exact(lanes.len())) {
            out[lanes.clone()].copy_from_slice(row);
        }
    }

    /// No more is put: the panel.
    pub fn finish(self) -> WidePanel {
        let values = self.values.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        WidePanel { first: self.first, lanes: self.lanes, values }
    }
}

/// A panel of all lanes, from some row on, once it is filled.
#[derive(Debug)]
pub(crate) struct WidePanel {
    pub first: usize,
    pub lanes: usize,
    pub values: Vec<f64>,
}

impl WidePanel {
    /// One session.
    pub fn row(&self, row: usize) -> &[f64] {
        let from = (row - self.first) * self.lanes;
        &self.values[from..from + self.lanes]
    }

    /// Fills `out`, a panel of `lanes` whose first row is `first`.
    pub fn gather(&self, first: usize, lanes: &Range<usize>, out: &mut [f64]) {
        for (row, out) in (first..).zip(out.chunks_exact_mut(lanes.len().max(1))) {
            out.copy_from_slice(&self.row(row)[lanes.clone()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::{day, panel_frame};
    use assetctl_expr::Program;

    #[test]
    fn blocks_leave_their_values_at_the_places_of_their_keys() {
        let df = panel_frame(&[(2, "a"), (3, "a"), (3, "c"), (4, "a"), (4, "b"), (4, "c")], vec![]);
        let sessions = [day(2), day(3), day(4)];
        let inputs = Inputs::from_frames(&Program::default(), &[&df], &sessions, 1..3, 0, None, &[]).unwrap();
        let keys = Keys::of(&inputs, 2);
        assert_eq!(keys.count(), 5);
        let sink = Sink::new(5);
        sink.put(&keys, &Lanes { block: 1, range: 2..3 }, 1, &[33.0, 43.0]);
        assert!(!sink.may_miss.load(Ordering::Relaxed));
        // the missing value of (3, b) has no key
        sink.put(&keys, &Lanes { block: 0, range: 0..2 }, 0, &[0.0, 0.0, 31.0, f64::NAN, 41.0, 42.0]);
        assert_eq!(sink.finish(), (vec![31.0, 33.0, 41.0, 42.0, 43.0], true));
    }

    #[test]
    fn whole_panels_are_put_together_from_blocks() {
        let wide = Wide::new(1..3, 3);
        wide.put(&(2..3), &[12.0, 22.0]);
        wide.put(&(0..2), &[10.0, 11.0, 20.0, 21.0]);
        let wide = wide.finish();
        assert_eq!(wide.row(2), [20.0, 21.0, 22.0]);
        let mut out = [0.0; 2];
        wide.gather(2, &(1..3), &mut out);
        assert_eq!(out, [21.0, 22.0]);
    }
}
