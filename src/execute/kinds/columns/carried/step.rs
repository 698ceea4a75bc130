//! Some sessions computed: what they start from, and what they leave to start from.

use std::collections::{BTreeMap, BTreeSet};

use assetctl_calendar::{SessionIx, SessionRange};
use assetctl_compute::{Checkpoint, Evaluated, State, Task, WindowAxis, bars_needed, evaluate};
use assetctl_expr::{Node, Program};
use assetctl_plan::{Month, date_of};
use assetctl_store::Lanes;
use chrono::NaiveDate;

use super::walk::Walk;
use crate::kinds::MakeError;
use crate::kinds::columns::inputs::Rows;
use crate::kinds::columns::states;

/// Some sessions, computed.
pub(super) struct Step {
    pub(super) range: SessionRange,
    pub(super) rows: Rows,
    pub(super) wanted: Lanes,
    pub(super) evaluated: Evaluated,
}

/// What a step is computed from.
struct Base {
    /// Per node of the program the first session that it is computed for.
    firsts: Vec<Option<i64>>,
    /// The exact states that functions start from.
    states: BTreeMap<SessionIx, State>,
}

impl Step {
    /// The states after sessions of the range.
    pub(super) fn states(&self) -> impl Iterator<Item = (SessionIx, &State)> {
        let first = self.rows.range.first.0;
        self.evaluated.states().iter().map(move |(row, state)| (SessionIx(first + *row as u32), state))
    }
}

impl Walk<'_> {
    /// Computes the sessions of a range for some instruments.
    pub(super) fn evaluate(&mut self, range: SessionRange, wanted: Lanes) -> Result<Step, MakeError> {
        let base = self.base(range, &wanted)?;
        let (node, program) = (self.batch.node, &self.columns.program);
        let origin = node.start;
        let (mut windows, mut start) = self.reads(range, &base.firsts);
        if self.columns.axis == WindowAxis::Traded {
            start =
                self.columns.bars_begin(self.batch, start.max(origin), range.last, &wanted, bars_needed(program))?;
            windows.fill(start);
        }
        let rows = Rows { range: SessionRange { first: start, last: range.last }, written: range.first };
        let only = match &wanted {
            Lanes::All => None,
            Lanes::Some(only) => Some(only),
        };
        let mut more: Vec<String> = base.states.values().flat_map(|state| state.instruments.iter().cloned()).collect();
        more.sort_unstable();
        more.dedup();
        let inputs = self.columns.lay_out(self.batch, rows, &windows, only, &more)?;
        let checkpoints: Vec<Checkpoint> = base
            .states
            .into_iter()
            .filter(|(at, _)| at.0 + 1 >= start.0)
            .map(|(at, state)| Checkpoint { row: (at.0 + 1 - start.0) as usize, state })
            .collect();
        let states_after: Vec<usize> = self.kept_after(range).into_iter().map(|at| rows.row(at)).collect();
        let evaluated = evaluate(&Task {
            program,
            inputs: &inputs,
            axis: self.columns.axis,
            origin: if origin > start { rows.row(origin) } else { 0 },
            checkpoints: &checkpoints,
            states_after: &states_after,
            threads: self.batch.threads,
            cancel: &|| self.batch.cancel.is_set(),
        })?;
        self.batch.check_cancel()?;
        Ok(Step { range, rows, wanted, evaluated })
    }

    /// The newest states that a range can be computed from for some instruments.
    fn base(&mut self, range: SessionRange, wanted: &Lanes) -> Result<Base, MakeError> {
        let (node, program) = (self.batch.node, &self.columns.program);
        let holds = match (&self.reached_of, wanted) {
            (Lanes::All, _) => true,
            (Lanes::Some(reached), Lanes::Some(wanted)) => wanted.is_subset(reached),
            (Lanes::Some(_), Lanes::All) => false,
        };
        let reached: &[(SessionIx, State)] = if holds { &self.reached } else { &[] };
        let origin = i64::from(node.start.0);
        let replays = self.columns.axis == WindowAxis::Traded && program.carry_back().is_some_and(|back| back > 0);
        let mut states: BTreeMap<SessionIx, State> = BTreeMap::new();
        loop {
            let start = |needed: i64| {
                let before = |at: &SessionIx| i64::from(at.0) < needed;
                let stored = self.usable.iter().copied().filter(before).max();
                let of_walk = reached.iter().map(|(at, _)| *at).filter(before).max();
                let newest = if replays { None } else { stored.max(of_walk) };
                newest.map_or(origin, |at| i64::from(at.0) + 1).max(origin)
            };
            let firsts = program.first_sessions(i64::from(range.first.0), &start);
            let begins = of_recursive(program, &firsts).filter(|first| *first > origin);
            let used: BTreeSet<SessionIx> =
                begins.map(|first| SessionIx(u32::try_from(first - 1).unwrap_or_default())).collect();
            let mut lost = None;
            for at in used.iter().filter(|at| !states.contains_key(at)).copied().collect::<Vec<_>>() {
                if let Some((_, state)) = reached.iter().find(|(reached, _)| *reached == at) {
                    states.insert(at, state.clone());
                } else if let Some(frame) = self.batch.snapshot.checkpoint(&node.name, date_of(node, at))? {
                    states.insert(at, State::from_frame(program, &frame)?);
                } else {
                    lost = Some(at);
                }
            }
            match lost {
                // Its file is gone: an earlier one will do.
                Some(at) => self.usable.retain(|usable| *usable != at),
                None => {
                    states.retain(|at, _| used.contains(at));
                    return Ok(Base { firsts, states });
                }
            }
        }
    }

    /// The first session that is read through each edge, and the first of all.
    fn reads(&self, range: SessionRange, firsts: &[Option<i64>]) -> (Vec<SessionIx>, SessionIx) {
        let program = &self.columns.program;
        let history = i64::from(self.columns.history(self.batch).0);
        let floor = |first: Option<i64>| match first {
            None => range.first,
            Some(first) => SessionIx(u32::try_from(first.max(history)).unwrap_or_default().min(range.first.0)),
        };
        let first_of = |edge: usize| {
            let reads = program.nodes.iter().zip(firsts).filter_map(|(node, first)| match node {
                Node::Input { input, .. } if *input == edge => *first,
                _ => None,
            });
            floor(reads.min())
        };
        let mut windows: Vec<SessionIx> = (0..self.batch.node.edges.len()).map(first_of).collect();
        // The rows of the result are those of the first input, and so is who takes part in a cross-section, within the universe.
        let presence = floor(firsts.iter().flatten().copied().min());
        if let Some(universe) = &self.batch.node.universe {
            windows[universe.edge] = if program.is_cross_sectional() { presence } else { range.first };
        }
        // So is from where on an instrument has a state, wherever the functions with a state read from.
        let begins = floor(of_recursive(program, firsts).min());
        if let Some(first) = windows.first_mut() {
            *first = (*first).min(if program.is_cross_sectional() { presence } else { begins });
        }
        let start = windows.iter().copied().min().unwrap_or(range.first).min(presence);
        (windows, start)
    }

    /// Sessions of a range after which the states are wanted: those of known checkpoints, the last, the one from which the next
    /// range reads values of the past, and those that end a month.
    fn kept_after(&self, range: SessionRange) -> BTreeSet<SessionIx> {
        let mut after: BTreeSet<SessionIx> = self.known.range(range.first..=range.last).copied().collect();
        after.insert(range.last);
        if range.last.0 >= range.first.0 + self.back {
            after.insert(SessionIx(range.last.0 - self.back));
        }
        let month = |ix: SessionIx| Month::of(date_of(self.batch.node, ix));
        after.extend(range.iter().filter(|ix| *ix < range.last && month(*ix) != month(SessionIx(ix.0 + 1))));
        after
    }

    /// The states that the next step, later batches and later runs start from.
    pub(super) fn keep_states(
        &mut self,
        step: &Step,
        end: SessionIx,
        taken: &BTreeMap<NaiveDate, Lanes>,
    ) -> Result<(), MakeError> {
        let node = self.batch.node;
        self.reached.clear();
        self.reached_of = step.wanted.clone();
        for (ix, state) in step.states().filter(|(ix, _)| *ix <= end) {
            self.reached.push((ix, state.clone()));
            let session = date_of(node, ix);
            if !taken.contains_key(&session) || ix < step.range.first {
                continue;
            }
            if matches!(step.wanted, Lanes::All) {
                self.yields.checkpoints.insert(ix, state.to_frame()?);
            } else if self.known.contains(&ix)
                && let Some(old) = self.batch.snapshot.checkpoint(&node.name, session)?
            {
                let old = State::from_frame(&self.columns.program, &old)?;
                self.yields.checkpoints.insert(ix, states::replaced(&old, state, &step.wanted).to_frame()?);
            }
        }
        Ok(())
    }
}

/// The sessions at which the functions with a state begin.
fn of_recursive<'f>(program: &'f Program, firsts: &'f [Option<i64>]) -> impl Iterator<Item = i64> + 'f {
    let is_recursive = |node: &Node| matches!(node, Node::Recursive { .. });
    program.nodes.iter().zip(firsts).filter(move |(node, _)| is_recursive(node)).filter_map(|(_, first)| *first)
}
