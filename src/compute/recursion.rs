//! Functions with a state, on a block of lanes.

use std::ops::Range;
use std::sync::Mutex;

use assetctl_expr::RecursiveFn;

use crate::evaluate::Task;
use crate::kernels::recursive::{advance, state_len};
use crate::parallel::locked;
use crate::state::{Checkpoint, State};
use crate::timeline::{Timeline, first_wanted};
use crate::trace::hash_states;

/// Recursive functions have no more operands than this.
const OPERANDS: usize = 4;

/// Where and with what the state of each lane of a block begins, for a node that is evaluated from some row on.
struct Begin {
    /// Per lane the panel row that its state is before; past the last row for a lane that never begins.
    row: Vec<usize>,
    /// Per lane the checkpoint and the lane in it that the state comes from; `None` for an empty one.
    from: Vec<Option<(usize, usize)>>,
}

/// Whether an instrument's state exists, and what it is, after a session.
pub(crate) struct StateSink {
    /// The calendar row of the session.
    pub row: usize,
    started: Mutex<Vec<bool>>,
    nodes: Vec<Mutex<Vec<f64>>>,
}

impl StateSink {
    /// For nodes whose states have `lens` numbers per lane.
    pub fn new(row: usize, lens: &[usize], lanes: usize) -> Self {
        let nodes = lens.iter().map(|len| Mutex::new(vec![0.0; len * lanes])).collect();
        Self { row, started: Mutex::new(vec![false; lanes]), nodes }
    }

    fn put(&self, node: usize, lane: usize, started: bool, state: impl Iterator<Item = f64>) {
        let mut all = locked(&self.started);
        let lanes = all.len();
        all[lane] |= started;
        drop(all);
        let mut values = locked(&self.nodes[node]);
        values.iter_mut().skip(lane).step_by(lanes).zip(state).for_each(|(out, value)| *out = value);
    }

    /// The state of the instruments that had one.
    pub fn finish(&self, instruments: &[String]) -> (usize, State) {
        let started = locked(&self.started);
        let kept = |values: &Mutex<Vec<f64>>| {
            let values = locked(values);
            values.iter().zip(started.iter().cycle()).filter(|(_, kept)| **kept).map(|(value, _)| *value).collect()
        };
        let names = instruments.iter().zip(started.iter()).filter(|(_, kept)| **kept).map(|(name, _)| name.clone());
        let state = State { instruments: names.collect(), nodes: self.nodes.iter().map(kept).collect() };
        (self.row, state)
    }
}

/// For each checkpoint the place of every lane in it.
pub(crate) fn places(checkpoints: &[Checkpoint], instruments: &[String]) -> Vec<Vec<Option<usize>>> {
    let place = |checkpoint: &Checkpoint| {
        let of = &checkpoint.state.instruments;
        instruments.iter().map(|name| of.binary_search(name).ok()).collect()
    };
    checkpoints.iter().map(place).collect()
}

/// A recursive node of a block.
pub(crate) struct Recursion<'a> {
    pub task: &'a Task<'a>,
    pub timeline: &'a Timeline,
    pub lanes: Range<usize>,
    /// Per checkpoint the place of every lane of the task in it.
    pub places: &'a [Vec<Option<usize>>],
    pub f: RecursiveFn,
    pub params: &'a [f64],
    pub part: u8,
    /// The number of the node among the recursive ones.
    pub node: usize,
    /// The first row that is evaluated.
    pub first: usize,
    /// The place of the node in the program.
    pub id: usize,
}

/// An operand of a recursive node.
pub(crate) enum Series<'a> {
    /// The cells from the node's first row on.
    Cells(&'a [f64]),
    /// One row, which is the same in every session.
    Constant(Vec<f64>),
}

impl Recursion<'_> {
    /// Computes the node's rows from its first on, into `out`. Hashes of the states before the rows from the timeline's `hashed` on,
    /// and after the last, go into `hashes`.
    pub fn run(&self, args: &[Series], states: &[StateSink], hashed: usize, hashes: &mut [u64], out: &mut [f64]) {
        let width = self.lanes.len();
        let len = state_len(self.f, self.params);
        let begin = self.begin();
        let mut state = vec![0.0; len * width];
        let mut starts: Vec<usize> = (0..width).collect();
        starts.sort_by_key(|lane| begin.row[*lane]);
        let mut starts = starts.into_iter().peekable();
        let mut captures = self.captures(states);
        captures.sort_unstable();
        let mut captures = captures.into_iter().peekable();

        for row in self.first..=self.timeline.rows {
            while let Some(lane) = starts.next_if(|lane| begin.row[*lane] <= row) {
                self.load(begin.from[lane], lane, &mut state);
            }
            while let Some((_, lane, at)) = captures.next_if(|capture| capture.0 <= row) {
                let known = begin.from[lane].is_some();
                if known || row > begin.row[lane] {
                    let slots = state.iter().skip(lane).step_by(width).copied();
                    states[at].put(self.node, self.lanes.start + lane, true, slots);
                }
            }
            if row >= hashed && width > 0 {
                let hashes = &mut hashes[(row - hashed) * width..][..width];
                hash_states(self.node, &state, hashes);
                // before it begins there is no state
                starts.clone().for_each(|lane| hashes[lane] = 0);
            }
            if row < self.timeline.rows {
                let at = (row - self.first) * width;
                let out = &mut out[at..at + width];
                // no state has begun yet: all values are missing
                if starts.len() == width {
                    continue;
                }
                let mut operands: [&[f64]; OPERANDS] = [&[]; OPERANDS];
                for (operand, arg) in operands.iter_mut().zip(args) {
                    *operand = match arg {
                        Series::Cells(cells) => &cells[at..at + width],
                        Series::Constant(row) => row,
                    };
                }
                let args = &operands[..args.len().min(OPERANDS)];
                advance(self.f, self.params, self.part, args, &mut state, out);
            }
        }
        for (lane, begin) in begin.row.iter().enumerate() {
            let none = begin.saturating_sub(self.first);
            out.iter_mut().skip(lane).step_by(width).take(none).for_each(|value| *value = f64::NAN);
        }
    }

    /// Where the states begin: at the latest checkpoint before the first value that is needed, or else at the origin; in both
    /// cases not before the instrument's first row. Without checkpoint of it, an instrument has none between.
    fn begin(&self) -> Begin {
        let width = self.lanes.len();
        let mut begin = Begin { row: vec![self.timeline.rows + 1; width], from: vec![None; width] };
        match &self.timeline.bars {
            None => {
                let rows = self.task.checkpoints.iter().map(|checkpoint| checkpoint.row);
                let needed = self.timeline.needed(0, self.id);
                let latest = rows.enumerate().filter(|(_, row)| *row as i64 <= needed).max_by_key(|(_, row)| *row);
                let checkpoint = latest.map(|(at, _)| at);
                let after = latest.map_or(self.task.origin, |(_, row)| row);
                let mut waiting = 0;
                for lane in 0..width {
                    let place = checkpoint.and_then(|at| Some((at, self.places[at][self.lanes.start + lane]?)));
                    begin.from[lane] = place;
                    match place {
                        Some(_) => begin.row[lane] = after,
                        None => waiting += 1,
                    }
                }
                for row in after..self.timeline.rows {
                    if waiting == 0 {
                        break;
                    }
                    for (lane, present) in self.task.inputs.present(row)[self.lanes.clone()].iter().enumerate() {
                        if *present && begin.row[lane] > self.timeline.rows {
                            begin.row[lane] = row;
                            waiting -= 1;
                        }
                    }
                }
            }
            Some(bars) => {
                for lane in 0..width {
                    let checkpoints = self.task.checkpoints.iter().enumerate();
                    // a lane may have no bars up to a later checkpoint, which is not to be known yet
                    let earlier = checkpoints.filter(|(_, checkpoint)| checkpoint.row <= first_wanted(self.task));
                    let rows = earlier.map(|(at, checkpoint)| (at, bars.at_or_after(lane, checkpoint.row)));
                    let needed = self.timeline.needed(lane, self.id);
                    let latest = rows.filter(|(_, row)| *row <= needed).max_by_key(|(_, row)| *row);
                    let origin = || bars.at_or_after(lane, self.task.origin).max(0);
                    let (at, row) = latest.map_or_else(|| (None, origin()), |(at, row)| (Some(at), row));
                    begin.from[lane] = at.and_then(|at| Some((at, self.places[at][self.lanes.start + lane]?)));
                    begin.row[lane] = usize::try_from(row).unwrap_or(0);
                }
            }
        }
        begin
    }

    /// The panel rows before which states are asked for: row, lane, which of the asked.
    fn captures(&self, states: &[StateSink]) -> Vec<(usize, usize, usize)> {
        let capture = |at: usize, lane: usize| {
            let row = states[at].row + 1;
            let row = self.timeline.bars.as_ref().map_or(row as i64, |bars| bars.at_or_after(lane, row));
            (usize::try_from(row).unwrap_or(0), lane, at)
        };
        (0..states.len()).flat_map(|at| (0..self.lanes.len()).map(move |lane| capture(at, lane))).collect()
    }

    fn load(&self, from: Option<(usize, usize)>, lane: usize, state: &mut [f64]) {
        let width = self.lanes.len();
        let slots = state.iter_mut().skip(lane).step_by(width);
        match from {
            Some((checkpoint, place)) => {
                let kept = &self.task.checkpoints[checkpoint].state;
                let values = kept.nodes.get(self.node).map(Vec::as_slice).unwrap_or_default();
                let values = values.iter().skip(place).step_by(kept.instruments.len().max(1));
                slots.zip(values).for_each(|(slot, value)| *slot = *value);
            }
            None => slots.for_each(|slot| *slot = 0.0),
        }
    }
}
