//! What the blocks of an evaluation share.

use std::sync::Mutex;

use assetctl_expr::Node;

use crate::evaluate::{EvaluateError, Task};
use crate::parallel::locked;
use crate::recursion::{StateSink, places};
use crate::schedule::Schedule;
use crate::sink::{Keys, Lanes, Sink, Wide, WidePanel};
use crate::state::state_lens;
use crate::timeline::{Timeline, backs, is_traded};

/// An evaluation under way.
pub(crate) struct Run<'a> {
    pub task: &'a Task<'a>,
    pub schedule: Schedule<'a>,
    /// Lanes per block.
    pub width: usize,
    pub keys: Keys,
    /// Per node that is an output, in the schedule's order.
    pub sinks: Vec<Sink>,
    /// Per node the whole panel, if an earlier stage left one that is still needed.
    pub wide: Vec<Option<WidePanel>>,
    /// Per node the whole panel that the stage in hand fills.
    pub making: Vec<Option<Wide>>,
    /// Per key the hash of what is carried.
    pub trace: Option<Mutex<Vec<u64>>>,
    pub states: Vec<StateSink>,
    /// Per checkpoint the place of each lane.
    pub places: Vec<Vec<Option<usize>>>,
    /// Per node how many rows back it is read.
    pub backs: Vec<usize>,
    /// The days of the sessions, as numbers.
    pub days: Vec<u64>,
    /// Which cells are bars, if rows are traded bars.
    pub traded: Option<Vec<bool>>,
    /// Which cells functions of all instruments compare, where those are not all that have a row.
    pub compared: Option<Vec<bool>>,
}

impl<'a> Run<'a> {
    /// # Errors
    /// When the program is malformed, or looks back over traded bars at a function of all instruments.
    pub fn of(task: &'a Task<'a>, width: usize) -> Result<Self, EvaluateError> {
        let schedule = Schedule::of(task.program, task.inputs)?;
        let traded = is_traded(task).then(|| task.inputs.traded(task.origin));
        for (id, node) in schedule.nodes.iter().enumerate() {
            let looks_back = matches!(node, Node::Window { .. } | Node::Recursive { .. });
            if traded.is_some() && looks_back && schedule.level[id] > 0 {
                return Err(EvaluateError::Malformed { node: id });
            }
        }
        let compared = match (&traded, task.inputs.members()) {
            (Some(traded), Some(members)) => Some(traded.iter().zip(members).map(|(a, b)| *a && *b).collect()),
            (traded, members) => traded.clone().or(members.map(<[bool]>::to_vec)),
        };
        let keys = Keys::of(task.inputs, width);
        let lanes = task.inputs.lanes();
        let lens = state_lens(task.program);
        let carries = traded.is_some() || !lens.is_empty();
        let epoch_days = |session: &chrono::NaiveDate| i64::from(session.to_epoch_days()) as u64;
        Ok(Self {
            width,
            sinks: schedule.outputs.iter().map(|_| Sink::new(keys.count())).collect(),
            wide: schedule.nodes.iter().map(|_| None).collect(),
            making: schedule.nodes.iter().map(|_| None).collect(),
            trace: carries.then(|| Mutex::new(vec![0; keys.count()])),
            states: task.states_after.iter().map(|row| StateSink::new(*row, &lens, lanes)).collect(),
            places: places(task.checkpoints, &task.inputs.axis.instruments),
            backs: backs(task.program),
            days: task.inputs.axis.sessions.iter().map(epoch_days).collect(),
            traded,
            compared,
            keys,
            schedule,
            task,
        })
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.task.inputs.lanes().div_ceil(self.width)
    }

    pub fn lanes(&self, block: usize) -> Lanes {
        let first = block * self.width;
        Lanes { block, range: first..(first + self.width).min(self.task.inputs.lanes()) }
    }

    /// Whether a stage has a part in the trace.
    pub fn traces(&self, stage: usize) -> bool {
        let carries = |id: &usize| self.schedule.recursive[*id].is_some() && self.schedule.is_in_stage(*id, stage);
        self.trace.is_some()
            && ((self.traded.is_some() && stage == 0) || (0..self.schedule.nodes.len()).any(|id| carries(&id)))
    }

    /// Takes a block of an output: `panel` is its calendar rows from `first` on.
    pub fn put_output(&self, id: usize, lanes: &Lanes, first: usize, panel: &[f64]) {
        if let Some(at) = self.schedule.output[id] {
            self.sinks[at].put(&self.keys, lanes, first, panel);
        }
    }

    /// Where rows are traded bars, a session without a bar has no value, whatever the expression says. `panel` is calendar
    /// rows from `first` on.
    pub fn mask(&self, lanes: &Lanes, first: usize, panel: &mut [f64]) {
        let Some(traded) = &self.traded else { return };
        let all = self.task.inputs.lanes();
        for (row, values) in (first..).zip(panel.chunks_exact_mut(lanes.range.len().max(1))) {
            let traded = &traded[row * all..][lanes.range.clone()];
            values.iter_mut().zip(traded).filter(|(_, traded)| !**traded).for_each(|(value, _)| *value = f64::NAN);
        }
    }

    /// Takes the hashes of a block: `hashes` are those before the timeline's rows from the first wanted on, and after the last.
    pub fn put_trace(&self, lanes: &Lanes, timeline: &Timeline, hashes: &[u64]) {
        let Some(trace) = &self.trace else { return };
        let width = lanes.range.len();
        let mut trace = locked(trace);
        self.keys.each(lanes, |row, lanes, places| {
            for (place, lane) in places.zip(lanes) {
                let after = match &timeline.bars {
                    None => row + 1,
                    Some(bars) => usize::try_from(bars.at_or_after(lane, row + 1)).unwrap_or(0),
                };
                let hash = hashes[(after - timeline.wanted) * width + lane];
                trace[place] = trace[place].wrapping_add(hash);
            }
        });
    }
}
