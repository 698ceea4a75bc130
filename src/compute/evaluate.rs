//! A program on panels.

use assetctl_expr::Program;
use polars::prelude::DataFrame;

use crate::block::{Block, Pool};
use crate::cross_stage::cross;
use crate::frame::FrameError;
use crate::inputs::Inputs;
use crate::outputs;
use crate::parallel::each;
use crate::run::Run;
use crate::sink::Wide;
use crate::state::{Checkpoint, State};
use crate::timeline::Timeline;

/// Which rows a window counts, and a state takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WindowAxis {
    /// Every session of the calendar; one without a row of the instrument, or on which it was suspended, counts like any other.
    #[default]
    Calendar,
    /// Each instrument's own traded bars: the sessions from the asset's first on in which the first input has a row that is not
    /// `is_suspended`. In other sessions every column is missing (a Bool is false), also one that looks at no other row.
    Traded,
}

/// What is to be computed.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    pub program: &'a Program,
    pub inputs: &'a Inputs,
    pub axis: WindowAxis,
    /// The row of the asset's first session: states begin there, empty, and traded bars count from there. Of no matter to a
    /// program without either.
    pub origin: usize,
    /// States that may be started from. What is computed does not depend on which are given, as long as the rows that are read
    /// from there on are.
    pub checkpoints: &'a [Checkpoint],
    /// The rows after which the state is wanted.
    pub states_after: &'a [usize],
    /// On how many threads, at most.
    pub threads: usize,
    /// Asked now and then; true ends the work.
    pub cancel: &'a (dyn Fn() -> bool + Sync),
}

/// Why a program has no result.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    #[error("cancelled")]
    Cancelled,
    #[error("the inputs were laid out for another expression: column `{column}` of input {input} is not among them")]
    UnknownColumn { input: usize, column: String },
    #[error("node {node} of the expression is malformed; compile it anew")]
    Malformed { node: usize },
    #[error("the columns do not make a frame: {0}")]
    Frame(String),
}

/// What a program made of its inputs.
#[derive(Debug, Clone)]
pub struct Evaluated {
    pub(crate) frame: DataFrame,
    pub(crate) trace: Option<DataFrame>,
    pub(crate) states: Vec<(usize, State)>,
}

impl Evaluated {
    /// The rows of the result: the keys of the first input in the written sessions, sorted by (session, instrument), with one
    /// column per output of the program in its order. Numbers are null where missing; Bools never are.
    ///
    /// # Errors
    /// None today; who makes frames may fail.
    pub fn to_frame(&self) -> Result<DataFrame, FrameError> {
        Ok(self.frame.clone())
    }

    /// For the same keys a hash of what the instrument carries into the next session, as an Int64 column `state`: of its states,
    /// and over traded bars also of the bars that windows still read. `None` for a program that carries nothing: one without
    /// a state, over the sessions of a calendar.
    pub fn trace(&self) -> Option<DataFrame> {
        self.trace.clone()
    }

    /// The states after the rows that were asked for, in that order.
    pub fn states(&self) -> &[(usize, State)] {
        &self.states
    }
}

/// Values per panel of a block: few enough for a handful of panels to stay in a core's own cache.
const PANEL: usize = 16 * 1024;

/// The lanes of a block are a multiple of this.
const LANES: usize = 32;

/// Evaluates the outputs of a program.
///
/// The bits of a value depend on its own window (and on the state before it, which depends on the instrument's values since the
/// origin): not on where the inputs begin, as long as they hold the window or begin where history does, nor on the checkpoints, the
/// lanes beside it, or threads.
///
/// A state takes in the sessions from the instrument's first row of the first input on, not before the origin; over traded
/// bars its bars.
///
/// # Errors
/// When `cancel` says so, when `inputs` were not made for the program, or when an output is called as a key is.
pub fn evaluate(task: &Task) -> Result<Evaluated, EvaluateError> {
    let rows = task.inputs.rows().max(1);
    let width = (PANEL / rows).next_multiple_of(LANES).max(LANES);
    // enough blocks for all threads
    let share = task.inputs.lanes().div_ceil(task.threads.max(1)).next_multiple_of(LANES).max(LANES);
    evaluate_in_blocks(task, width.min(share))
}

/// As [`evaluate`], in blocks of `width` lanes.
pub(crate) fn evaluate_in_blocks(task: &Task, width: usize) -> Result<Evaluated, EvaluateError> {
    let mut run = Run::of(task, width)?;
    let calendar = if run.traded.is_some() { Timeline::written(task) } else { Timeline::calendar(task) };
    for stage in 0..run.schedule.stages {
        let crosses: Vec<usize> = run.schedule.crosses(stage).collect();
        for id in crosses {
            cross(&mut run, &calendar, id)?;
        }
        lane_by_lane(&mut run, &calendar, stage)?;
        for id in 0..run.wide.len() {
            if run.schedule.wide_until[id].is_none_or(|until| until <= stage) {
                run.wide[id] = None;
            }
        }
    }
    outputs::finish(&run)
}

/// Evaluates a stage's nodes that work lane by lane.
fn lane_by_lane(run: &mut Run, calendar: &Timeline, stage: usize) -> Result<(), EvaluateError> {
    let (rows, lanes) = (run.task.inputs.rows(), run.task.inputs.lanes());
    for (id, first) in calendar.first.iter().enumerate() {
        if run.schedule.is_in_stage(id, stage) && run.schedule.wide_until[id].is_some() {
            run.making[id] = Some(Wide::new(first.unwrap_or(rows).min(rows)..rows, lanes));
        }
    }
    if run.schedule.has_work(stage) || run.traces(stage) {
        let shared: &Run = run;
        each(shared.task.threads, shared.blocks(), Pool::default, |pool, at| {
            let lanes = shared.lanes(at);
            match &shared.traded {
                Some(traded) if stage == 0 => {
                    let bars = Timeline::bars(shared.task, traded, lanes.range.clone());
                    Block::new(shared, &bars, stage, lanes, pool).evaluate()
                }
                _ => Block::new(shared, calendar, stage, lanes, pool).evaluate(),
            }
        })?;
    }
    for (made, wide) in run.making.iter_mut().zip(&mut run.wide) {
        if let Some(made) = made.take() {
            *wide = Some(made.finish());
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::ops::Range;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use assetctl_expr::{BinaryOp, CrossFn, Node, NodeId, Output, Type, WindowFn};
    use polars::prelude::*;

    use super::*;
    use crate::frame::tests::{day, panel_frame};

    /// A whole program over the sessions of the calendar, on one thread.
    pub(crate) fn task<'a>(program: &'a Program, inputs: &'a Inputs) -> Task<'a> {
        Task {
            program,
            inputs,
            axis: WindowAxis::Calendar,
            origin: 0,
            checkpoints: &[],
            states_after: &[],
            threads: 1,
            cancel: &|| false,
        }
    }

    fn output(name: &str, node: u32, ty: Type) -> Output {
        Output { name: name.into(), node: NodeId(node), ty }
    }

    fn close() -> Node {
        Node::Input { input: 0, column: "close".into(), ty: Type::Number }
    }

    /// Sessions 2, 3 and 4; b has no row on the 3rd.
    fn bars(program: &Program, written: Range<usize>) -> Inputs {
        let keys = [(2, "a"), (2, "b"), (3, "a"), (4, "a"), (4, "b")];
        let df = panel_frame(&keys, vec![Column::new("close".into(), [1.0, 10.0, 2.0, 4.0, 30.0])]);
        Inputs::from_frames(program, &[&df], &[day(2), day(3), day(4)], written, 0, None, &[]).unwrap()
    }

    fn window(f: WindowFn, args: &[u32], n: u32) -> Node {
        Node::Window { f, args: args.iter().map(|id| NodeId(*id)).collect(), n, min_periods: 1, param: 0.0 }
    }

    fn numbers(df: &DataFrame, name: &str) -> Vec<f64> {
        df.column(name).unwrap().f64().unwrap().iter().map(|value| value.unwrap_or(f64::NAN)).collect()
    }

    #[test]
    fn nodes_share_panels_and_windows_count_sessions() {
        // mean(close, 2), close > 3, count(close > 3, 3), cs_rank(close), 2
        let program = Program {
            nodes: vec![
                close(),
                window(WindowFn::Mean, &[0], 2),
                Node::Number(3.0),
                Node::Binary { op: BinaryOp::Gt, x: NodeId(0), y: NodeId(2) },
                window(WindowFn::Count, &[3], 3),
                Node::Cross { f: CrossFn::Rank, args: vec![NodeId(0)], by: None, param: 0.0 },
                Node::Binary { op: BinaryOp::Mul, x: NodeId(5), y: NodeId(1) },
            ],
            outputs: vec![
                output("mean", 1, Type::Number),
                output("above", 3, Type::Bool),
                output("count", 4, Type::Number),
                output("rank", 5, Type::Number),
                output("three", 2, Type::Number),
                output("again", 1, Type::Number),
                output("product", 6, Type::Number),
                output("close", 0, Type::Number),
            ],
        };
        let df = evaluate(&task(&program, &bars(&program, 0..3))).unwrap().to_frame().unwrap();
        assert_eq!(numbers(&df, "mean"), [1.0, 10.0, 1.5, 3.0, 30.0]);
        let above: Vec<_> = df.column("above").unwrap().bool().unwrap().iter().map(Option::unwrap).collect();
        assert_eq!(above, [false, true, false, true, true]);
        assert_eq!(numbers(&df, "count"), [0.0, 1.0, 0.0, 1.0, 2.0]);
        assert_eq!(numbers(&df, "rank"), [0.5, 1.0, 1.0, 0.5, 1.0]);
        assert_eq!(numbers(&df, "three"), [3.0; 5]);
        assert_eq!(numbers(&df, "again"), numbers(&df, "mean"));
        assert_eq!(numbers(&df, "product"), [0.5, 10.0, 1.5, 1.5, 30.0]);
        assert_eq!(numbers(&df, "close"), [1.0, 10.0, 2.0, 4.0, 30.0]);
    }

    #[test]
    fn only_what_is_written_comes_out() {
        let program = Program {
            nodes: vec![close(), window(WindowFn::Sum, &[0], 2)],
            outputs: vec![output("sum", 1, Type::Number)],
        };
        let df = evaluate(&task(&program, &bars(&program, 2..3))).unwrap().to_frame().unwrap();
        assert_eq!(numbers(&df, "sum"), [6.0, 30.0]);
    }

    #[test]
    fn cancelling_stops_between_nodes() {
        let program = Program {
            nodes: vec![close(), window(WindowFn::Sum, &[0], 2), window(WindowFn::Sum, &[1], 2)],
            outputs: vec![output("sum", 2, Type::Number)],
        };
        let inputs = bars(&program, 0..3);
        let asked = AtomicUsize::new(0);
        let cancel = || asked.fetch_add(1, Ordering::Relaxed) == 1;
        let result = evaluate(&Task { cancel: &cancel, ..task(&program, &inputs) });
        assert!(matches!(result, Err(EvaluateError::Cancelled)));
        assert_eq!(asked.into_inner(), 2);
    }

    #[test]
    fn a_malformed_program_is_an_error() {
        let bad = |node: Node| Program { nodes: vec![close(), node], outputs: vec![output("x", 1, Type::Number)] };
        let run = |program: Program| evaluate(&task(&program, &bars(&program, 0..3))).err();
        assert_eq!(run(bad(window(WindowFn::Mean, &[0], 0))), Some(EvaluateError::Malformed { node: 1 }));
        assert_eq!(run(bad(window(WindowFn::Corr, &[0], 5))), Some(EvaluateError::Malformed { node: 1 }));
        assert_eq!(run(bad(window(WindowFn::Mean, &[0, 0], 5))), Some(EvaluateError::Malformed { node: 1 }));
        assert!(run(bad(window(WindowFn::Mean, &[7], 5))).is_some());
        let program = bad(Node::Number(1.0));
        let other = Program { nodes: vec![], outputs: vec![] };
        assert!(evaluate(&task(&program, &bars(&other, 0..3))).is_ok());
        let program = Program { outputs: vec![output("x", 0, Type::Number)], ..program };
        let error = evaluate(&task(&program, &bars(&other, 0..3))).unwrap_err();
        assert!(error.to_string().contains("column `close` of input 1"), "{error}");
    }

    #[test]
    fn an_asset_without_instruments_has_one_lane() {
        let program = Program {
            nodes: vec![close(), window(WindowFn::Ref, &[0], 1)],
            outputs: vec![output("x", 1, Type::Number)],
        };
        let df = panel_frame(&[(2, "-"), (3, "-")], vec![Column::new("close".into(), [1.0, 2.0])]);
        let df = df.drop("instrument").unwrap();
        let inputs = Inputs::from_frames(&program, &[&df], &[day(2), day(3)], 0..2, 0, None, &[]).unwrap();
        let out = evaluate(&task(&program, &inputs)).unwrap().to_frame().unwrap();
        assert_eq!(out.width(), 2);
        assert_eq!(numbers(&out, "x")[1], 1.0);
        let nothing = df.slice(0, 0);
        let inputs = Inputs::from_frames(&program, &[&nothing], &[day(2)], 0..1, 0, None, &[]).unwrap();
        assert_eq!(evaluate(&task(&program, &inputs)).unwrap().to_frame().unwrap().height(), 0);
    }
}
