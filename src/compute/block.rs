//! One stage of a program on a block of lanes: few enough that the panels stay in cache from node to node.

use assetctl_expr::{Node, NodeId};

use crate::evaluate::EvaluateError;
use crate::kernels::{self, Grid, Operand, Span};
use crate::recursion::{Recursion, Series};
use crate::run::Run;
use crate::sink::Lanes;
use crate::timeline::Timeline;
use crate::trace::{add_sliding, mix3};

/// The value of a node.
enum Slot {
    Empty,
    /// The same everywhere.
    Constant(f64),
    /// Rows from the node's first on, row-major.
    Panel(Vec<f64>),
}

/// Memory that a thread reuses from block to block.
#[derive(Default)]
pub(crate) struct Pool {
    free: Vec<Vec<f64>>,
    scratch: Vec<f64>,
}

impl Pool {
    /// Room for `len` numbers; what they are is left open.
    fn take(&mut self, len: usize) -> Vec<f64> {
        let mut panel = self.free.pop().unwrap_or_default();
        panel.resize(len, 0.0);
        panel
    }
}

/// A block at a stage.
pub(crate) struct Block<'r, 'a> {
    run: &'r Run<'a>,
    timeline: &'r Timeline,
    stage: usize,
    lanes: Lanes,
    pool: &'r mut Pool,
    slots: Vec<Slot>,
    /// The first row before which the hash of what is carried is wanted, and those hashes.
    hashed: usize,
    hashes: Vec<u64>,
}

impl<'r, 'a> Block<'r, 'a> {
    pub fn new(run: &'r Run<'a>, timeline: &'r Timeline, stage: usize, lanes: Lanes, pool: &'r mut Pool) -> Self {
        let nodes = run.schedule.nodes.len();
        let slots = (0..nodes).map(|id| run.schedule.constant(id).map_or(Slot::Empty, Slot::Constant)).collect();
        let hashed = timeline.wanted;
        let hashes = vec![0; if run.traces(stage) { (timeline.rows - hashed + 1) * lanes.range.len() } else { 0 }];
        Self { run, timeline, stage, lanes, pool, slots, hashed, hashes }
    }

    /// Evaluates the nodes of the stage, and leaves what others need where they find it.
    ///
    /// # Errors
    /// When the run is cancelled, or a function does not take its operands.
    pub fn evaluate(mut self) -> Result<(), EvaluateError> {
        let schedule = &self.run.schedule;
        for (id, node) in schedule.nodes.iter().enumerate() {
            if !schedule.is_in_stage(id, self.stage) || matches!(self.slots[id], Slot::Constant(_)) {
                continue;
            }
            if (self.run.task.cancel)() {
                return Err(EvaluateError::Cancelled);
            }
            for operand in node.operands() {
                self.load(operand.0 as usize);
            }
            if matches!(node, Node::Input { .. }) {
                if schedule.output[id].is_some() {
                    self.load(id);
                }
            } else {
                let panel = self.value(id, node)?;
                self.slots[id] = Slot::Panel(panel);
            }
            self.leave(id);
            for operand in node.operands() {
                self.release(operand.0 as usize, id);
            }
            self.release(id, id);
        }
        if !self.hashes.is_empty() {
            self.hash_columns();
            self.run.put_trace(&self.lanes, self.timeline, &self.hashes);
        }
        for slot in self.slots {
            if let Slot::Panel(panel) = slot {
                self.pool.free.push(panel);
            }
        }
        Ok(())
    }

    fn width(&self) -> usize {
        self.lanes.range.len()
    }

    fn first(&self, id: usize) -> usize {
        self.timeline.first[id].unwrap_or(self.timeline.rows).min(self.timeline.rows)
    }

    /// Brings in what was not made in this stage: an input, or what another stage made.
    fn load(&mut self, id: usize) {
        if !matches!(self.slots[id], Slot::Empty) {
            return;
        }
        let first = self.first(id);
        let mut panel = self.pool.take((self.timeline.rows - first) * self.lanes.range.len());
        match (&self.run.schedule.columns[id], &self.timeline.bars, &self.run.wide[id]) {
            (Some(column), None, _) => column.gather(first, self.lanes.range.clone(), &mut panel),
            (Some(column), Some(bars), _) => {
                let inputs = self.run.task.inputs;
                bars.gather(column, inputs, &self.lanes.range, first, &mut self.pool.scratch, &mut panel);
            }
            (None, _, Some(wide)) => wide.gather(first, &self.lanes.range, &mut panel),
            (None, _, None) => panel.fill(f64::NAN),
        }
        self.slots[id] = Slot::Panel(panel);
    }

    /// Gives a panel's memory back once the last node of the stage that reads it is done.
    fn release(&mut self, id: usize, done: usize) {
        let over = self.run.schedule.last_use[self.stage][id] <= done;
        if over && let Slot::Panel(panel) = std::mem::replace(&mut self.slots[id], Slot::Empty) {
            self.pool.free.push(panel);
        }
    }

    /// Copies a node's panel to the result and to where other stages find it.
    fn leave(&mut self, id: usize) {
        let wide = self.run.making[id].as_ref();
        if self.run.schedule.output[id].is_none() && wide.is_none() {
            return;
        }
        let (first, rows) = (self.first(id), self.run.task.inputs.rows());
        let width = self.lanes.range.len();
        let Slot::Panel(panel) = &mut self.slots[id] else { return };
        let (first, panel) = match &self.timeline.bars {
            None => {
                // of a later stage over traded bars; a value without a bar counts for nothing there
                self.run.mask(&self.lanes, first, panel);
                (first, &panel[..])
            }
            Some(bars) => {
                let from = self.run.task.inputs.written.start;
                bars.scatter(first, panel, from, rows, &mut self.pool.scratch);
                (from, &self.pool.scratch[..])
            }
        };
        if let Some(wide) = wide {
            wide.put(&self.lanes.range, &panel[(wide.first - first) * width..]);
        }
        self.run.put_output(id, &self.lanes, first, panel);
    }

    /// The cells of a node from row `first` on.
    fn operand(&self, id: NodeId, first: usize) -> Operand<'_> {
        let id = id.0 as usize;
        match &self.slots[id] {
            Slot::Constant(value) => Operand::Scalar(*value),
            Slot::Panel(panel) => Operand::Cells(&panel[(first - self.first(id)) * self.width()..]),
            Slot::Empty => Operand::Scalar(f64::NAN),
        }
    }

    fn value(&mut self, id: usize, node: &Node) -> Result<Vec<f64>, EvaluateError> {
        let first = self.first(id);
        let mut out = self.pool.take((self.timeline.rows - first) * self.width());
        match node {
            Node::Unary { op, x } => kernels::unary(*op, self.operand(*x, first), &mut out),
            Node::Binary { op, x, y } => {
                kernels::binary(*op, self.operand(*x, first), self.operand(*y, first), &mut out);
            }
            Node::If { condition, then, otherwise } => {
                let [condition, then, otherwise] = [condition, then, otherwise].map(|x| self.operand(*x, first));
                kernels::select(condition, then, otherwise, &mut out);
            }
            Node::Window { args, .. } => {
                let is_bool = self.run.schedule.is_bool[args[0].0 as usize];
                self.window(first, node, is_bool, &mut out).ok_or(EvaluateError::Malformed { node: id })?;
            }
            Node::Recursive { .. } => self.recursive(id, node, &mut out),
            Node::Input { .. } | Node::Number(_) | Node::Bool(_) | Node::Cross { .. } => {
                return Err(EvaluateError::Malformed { node: id });
            }
        }
        if let Some(bars) = &self.timeline.bars
            && !matches!(node, Node::Recursive { .. })
        {
            bars.mask(first, &mut out);
        }
        Ok(out)
    }

    fn window(&mut self, first: usize, node: &Node, is_bool: bool, out: &mut [f64]) -> Option<()> {
        let Node::Window { f, args, n, min_periods, param } = node else { return None };
        let width = self.width();
        // all operands from the same row on
        let base = args.iter().map(|arg| self.first(arg.0 as usize)).max()?.min(first);
        let constants: Vec<Option<Vec<f64>>> = args
            .iter()
            .map(|arg| match self.slots[arg.0 as usize] {
                Slot::Constant(value) => {
                    let mut panel = vec![value; (self.timeline.rows - base) * width];
                    if let Some(bars) = &self.timeline.bars {
                        bars.mask(base, &mut panel);
                    }
                    Some(panel)
                }
                _ => None,
            })
            .collect();
        let grids: Option<Vec<Grid>> = args
            .iter()
            .zip(&constants)
            .map(|(arg, constant)| match (constant, self.operand(*arg, base)) {
                (Some(panel), _) => Some(Grid { data: panel, lanes: width }),
                (None, Operand::Cells(data)) => Some(Grid { data, lanes: width }),
                (None, Operand::Scalar(_)) => None,
            })
            .collect();
        let anchor = self.timeline.anchor.map(|anchor| anchor + base);
        let span = Span { n: *n as usize, min_periods: *min_periods as usize, anchor };
        kernels::window(*f, &grids?, is_bool, first - base..self.timeline.rows - base, span, *param, out)
    }

    fn recursive(&mut self, id: usize, node: &Node, out: &mut [f64]) {
        let Node::Recursive { f, args, params, part } = node else { return };
        let (first, width) = (self.first(id), self.width());
        let mut hashes = std::mem::take(&mut self.hashes);
        // over bars, the states behind the values that a later bar's window still reads are carried too
        let back = if self.timeline.bars.is_some() { self.run.backs[id].saturating_sub(1) } else { 0 };
        let hashed = self.hashed.saturating_sub(back).max(first);
        let mut own = vec![0; (self.timeline.rows + 1 - hashed) * width];
        let series: Vec<Series> = args
            .iter()
            .map(|arg| match self.operand(*arg, first) {
                Operand::Cells(cells) => Series::Cells(cells),
                Operand::Scalar(value) => Series::Constant(vec![value; width]),
            })
            .collect();
        let recursion = Recursion {
            task: self.run.task,
            timeline: self.timeline,
            lanes: self.lanes.range.clone(),
            places: &self.run.places,
            f: *f,
            params,
            part: *part,
            node: self.run.schedule.recursive[id].unwrap_or(0),
            first,
            id,
        };
        recursion.run(&series, &self.run.states, hashed, &mut own, out);
        drop(series);
        for (at, out) in hashes.chunks_exact_mut(width.max(1)).enumerate() {
            let row = self.hashed + at;
            for row in row.saturating_sub(back).max(hashed)..=row {
                let own = &own[(row - hashed) * width..][..width];
                let age = (self.hashed + at - row) as u64;
                out.iter_mut().zip(own).for_each(|(out, own)| *out = out.wrapping_add(own.rotate_left(age as u32)));
            }
        }
        self.hashes = hashes;
    }

    /// Over bars: adds the newest bars of each column that a later bar's windows still read.
    fn hash_columns(&mut self) {
        let Some(bars) = &self.timeline.bars else { return };
        let (width, run) = (self.width(), self.run);
        for (id, back) in run.backs.iter().copied().enumerate() {
            let (Some(column), true) = (&run.schedule.columns[id], back > 0) else { continue };
            let first = self.hashed.saturating_sub(back);
            let mut panel = self.pool.take((self.timeline.rows - first) * width);
            bars.gather(column, run.task.inputs, &self.lanes.range, first, &mut self.pool.scratch, &mut panel);
            for lane in 0..width {
                let sessions: Vec<(usize, usize)> = bars.of(lane, first).collect();
                let Some((begin, _)) = sessions.first().copied() else { continue };
                let entry = |row: usize| {
                    let value = panel[(row - first) * width + lane].to_bits();
                    mix3(id as u64, run.days[sessions[row - begin].1], value)
                };
                let mut sums = vec![0; self.timeline.rows + 1 - self.hashed];
                add_sliding(&mut sums, self.hashed..self.timeline.rows + 1, begin..begin + sessions.len(), back, entry);
                for (out, sum) in self.hashes.iter_mut().skip(lane).step_by(width).zip(sums) {
                    *out = out.wrapping_add(sum);
                }
            }
            self.pool.free.push(panel);
        }
    }
}
