//! What the rows of a block's panels stand for, and from which on each node is evaluated.

use std::collections::HashMap;
use std::ops::Range;

use assetctl_expr::Program;

use crate::evaluate::{Task, WindowAxis};
use crate::inputs::{InputColumn, Inputs};

/// The rows of the panels of a block of lanes: sessions of the calendar, or each lane's own traded bars.
pub(crate) struct Timeline {
    /// How many rows there are.
    pub rows: usize,
    /// The row before which nothing is wanted but what later rows read.
    pub wanted: usize,
    /// Per node the first row that is evaluated; `None` for what no output needs.
    pub first: Vec<Option<usize>>,
    /// Which of `needs` holds for each lane; empty where all have the first.
    need_of: Vec<usize>,
    /// Per node the first row whose value something reads: a recursive function may have to begin earlier.
    needs: Vec<Vec<i64>>,
    /// The absolute number of row 0, where all lanes have one.
    pub anchor: Option<usize>,
    pub bars: Option<Bars>,
}

impl Timeline {
    /// Rows are those of the inputs.
    pub fn calendar(task: &Task) -> Self {
        let wanted = first_wanted(task);
        let start = |needed: i64| {
            let before = task.checkpoints.iter().map(|checkpoint| checkpoint.row as i64);
            before.filter(|row| *row <= needed).max().unwrap_or(task.origin as i64)
        };
        let first = task.program.first_sessions(wanted as i64, &start);
        let needs = vec![needed(task.program, &first, wanted as i64)];
        let first = first.into_iter().map(|row| row.map(|row| usize::try_from(row).unwrap_or(0))).collect();
        Self {
            rows: task.inputs.rows(),
            wanted,
            first,
            need_of: Vec::new(),
            needs,
            anchor: Some(task.inputs.anchor),
            bars: None,
        }
    }

    /// Rows are those of the inputs; of every node only what is written.
    pub fn written(task: &Task) -> Self {
        let wanted = task.inputs.written.start;
        let nodes = task.program.nodes.len();
        let (first, needs) = (vec![Some(wanted); nodes], vec![vec![wanted as i64; nodes]]);
        Self { rows: task.inputs.rows(), wanted, first, need_of: Vec::new(), needs, anchor: None, bars: None }
    }

    /// Rows are the bars of some lanes. `traded` says which cells of the inputs are bars.
    pub fn bars(task: &Task, traded: &[bool], lanes: Range<usize>) -> Self {
        let wanted = first_wanted(task);
        let all = task.inputs.lanes();
        let mut bars = Bars { sessions: vec![Vec::new(); lanes.len()], before: Vec::new(), wanted: 0 };
        for row in 0..task.inputs.rows() {
            for (lane, traded) in traded[row * all..][lanes.clone()].iter().enumerate() {
                if *traded {
                    bars.sessions[lane].push(row as u32);
                }
            }
        }
        let count_before = |sessions: &Vec<u32>, row: usize| sessions.partition_point(|at| (*at as usize) < row);
        bars.before = bars.sessions.iter().map(|sessions| count_before(sessions, wanted)).collect();
        // Relative to the first row that is wanted: a lane's state may begin with the bars of a checkpoint that lies `needed`
        // bars back for this lane, or else with its first bar. So lanes differ in what they need, though most are alike.
        let checkpoints: Vec<usize> = task.checkpoints.iter().map(|c| c.row).filter(|row| *row <= wanted).collect();
        let mut firsts: Vec<Option<i64>> = vec![None; task.program.nodes.len()];
        let (mut need_of, mut needs, mut known) = (Vec::new(), Vec::new(), HashMap::new());
        for (sessions, before) in bars.sessions.iter().zip(&bars.before) {
            let before = *before as i64;
            let mut begins: Vec<i64> =
                checkpoints.iter().map(|row| count_before(sessions, *row) as i64 - before).collect();
            begins.push(-before);
            if !task.program.is_recursive() {
                begins.clear();
            }
            let need = *known.entry(begins).or_insert_with_key(|begins| {
                let start = |needed: i64| match begins.split_last() {
                    Some((origin, begins)) => {
                        begins.iter().copied().filter(|row| *row <= needed).max().unwrap_or(*origin)
                    }
                    None => needed,
                };
                let first = task.program.first_sessions(0, &start);
                needs.push(needed(task.program, &first, 0));
                for (all, first) in firsts.iter_mut().zip(&first) {
                    *all = all.map_or(*first, |all| first.map(|first| first.min(all)));
                }
                needs.len() - 1
            });
            need_of.push(need);
        }
        bars.wanted = firsts.iter().flatten().min().map_or(0, |row| usize::try_from(-row).unwrap_or(0));
        needs.iter_mut().flatten().for_each(|row| *row += bars.wanted as i64);
        let from_top = |row: i64| usize::try_from(row + bars.wanted as i64).unwrap_or(0);
        let first = firsts.iter().map(|row| row.map(from_top)).collect();
        let after = bars.sessions.iter().zip(&bars.before).map(|(sessions, before)| sessions.len() - before);
        let rows = bars.wanted + after.max().unwrap_or(0);
        Self { rows, wanted: bars.wanted, first, need_of, needs, anchor: None, bars: Some(bars) }
    }

    /// The first row of a node whose value something reads in a lane of the block; negative if it stands above the panel.
    pub fn needed(&self, lane: usize, node: usize) -> i64 {
        let need = self.need_of.get(lane).copied().unwrap_or(0);
        self.needs.get(need).map_or(0, |rows| rows[node])
    }
}

/// The first row from which a result or a state is asked for.
pub(crate) fn first_wanted(task: &Task) -> usize {
    let written = task.inputs.written.start;
    task.states_after.iter().fold(written, |first, row| first.min(*row))
}

/// Per node the first row that something reads, where nodes are evaluated from `first` on.
fn needed(program: &Program, first: &[Option<i64>], wanted: i64) -> Vec<i64> {
    let mut needed = vec![wanted; first.len()];
    for (node, first) in program.nodes.iter().zip(first) {
        let Some(first) = first else { continue };
        for operand in node.operands() {
            let needed = &mut needed[operand.0 as usize];
            *needed = (*needed).min(first - i64::from(node.back()));
        }
    }
    needed
}

/// How many bars of an instrument a session's values of `program` are made of, its own among them; of functions with a state
/// beside the state. To be computed from some session on, an instrument needs one bar less before it.
pub fn bars_needed(program: &Program) -> usize {
    backs(program).into_iter().max().map_or(1, |back| back + 1)
}

/// Per node how many rows back it is read, with states known where they are needed; 0 for what is not read.
pub(crate) fn backs(program: &Program) -> Vec<usize> {
    let first = program.first_sessions(0, &|needed| needed);
    first.into_iter().map(|row| row.map_or(0, |row| usize::try_from(-row).unwrap_or(0))).collect()
}

/// The traded bars of some lanes as panel rows: each lane's first wanted bar stands in row `wanted`, its later ones below, its
/// earlier ones above.
pub(crate) struct Bars {
    /// Per lane the calendar rows of its bars, ascending.
    sessions: Vec<Vec<u32>>,
    /// Per lane how many bars it has before the first calendar row that is wanted.
    before: Vec<usize>,
    wanted: usize,
}

impl Bars {
    /// The panel row of a lane's first bar at calendar row `row` or later; negative if it stands above the panel.
    pub fn at_or_after(&self, lane: usize, row: usize) -> i64 {
        let count = self.sessions[lane].partition_point(|at| (*at as usize) < row);
        count as i64 + self.wanted as i64 - self.before[lane] as i64
    }

    /// The panel row of a lane's first bar.
    fn begin(&self, lane: usize) -> i64 {
        self.at_or_after(lane, 0)
    }

    /// A lane's bars from panel row `first` on: panel row and calendar row.
    pub fn of(&self, lane: usize, first: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let begin = self.begin(lane).max(first as i64);
        let bars = self.sessions[lane].iter().skip((begin - self.begin(lane)) as usize);
        bars.enumerate().map(move |(at, row)| (at + begin as usize, *row as usize))
    }

    /// Fills `out`, a panel of bars whose first row is `first`, with a column of `lanes`; missing where there is no bar.
    pub fn gather(
        &self,
        column: &InputColumn,
        inputs: &Inputs,
        lanes: &Range<usize>,
        first: usize,
        scratch: &mut Vec<f64>,
        out: &mut [f64],
    ) {
        let width = lanes.len();
        scratch.resize(inputs.rows() * width, 0.0);
        column.gather(0, lanes.clone(), scratch);
        out.fill(f64::NAN);
        for lane in 0..width {
            for (at, row) in self.of(lane, first) {
                out[(at - first) * width + lane] = scratch[row * width + lane];
            }
        }
    }

    /// Where a lane has no bars yet nothing has a value. `panel`'s first row is `first`.
    pub fn mask(&self, first: usize, panel: &mut [f64]) {
        let width = self.sessions.len();
        for lane in 0..width {
            let none = usize::try_from(self.begin(lane) - first as i64).unwrap_or(0);
            panel.iter_mut().skip(lane).step_by(width).take(none).for_each(|value| *value = f64::NAN);
        }
    }

    /// A panel of bars, whose first row is `first`, as one of calendar rows from `from` on: missing where there is no bar.
    pub fn scatter(&self, first: usize, panel: &[f64], from: usize, rows: usize, out: &mut Vec<f64>) {
        let width = self.sessions.len();
        out.clear();
        out.resize((rows - from) * width, f64::NAN);
        for lane in 0..width {
            for (at, row) in self.of(lane, first).filter(|(_, row)| *row >= from) {
                out[(row - from) * width + lane] = panel[(at - first) * width + lane];
            }
        }
    }
}

/// Whether the task's rows are traded bars, where windows over functions of all instruments make no sense.
pub(crate) fn is_traded(task: &Task) -> bool {
    task.axis == WindowAxis::Traded
}
