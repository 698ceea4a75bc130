//! Filled columns → frame.

use std::sync::Mutex;

use assetctl_expr::{Output, Type};
use polars::prelude::*;

use crate::evaluate::{EvaluateError, Evaluated};
use crate::frame::{self, INSTRUMENT, SESSION};
use crate::parallel::{each, locked};
use crate::run::Run;

/// The name of the trace's column.
const STATE: &str = "state";

/// The result of a run whose stages are done.
///
/// # Errors
/// When an output is called as a key is.
pub(crate) fn finish(run: &Run) -> Result<Evaluated, EvaluateError> {
    let count = run.keys.count();
    let keys = keys(run);
    let columns: Mutex<Vec<Option<Column>>> = Mutex::new(vec![None; run.sinks.len()]);
    each(
        run.task.threads,
        run.sinks.len(),
        || (),
        |(), at| {
            let id = run.schedule.outputs[at];
            let output = run.task.program.outputs.iter().find(|output| output.node.0 as usize == id);
            locked(&columns)[at] = output.map(|output| column(run, at, output));
            Ok::<(), EvaluateError>(())
        },
    )?;
    let columns = locked(&columns);
    let mut all = keys.clone();
    for output in &run.task.program.outputs {
        let made = run.schedule.output[output.node.0 as usize].and_then(|at| columns[at].clone());
        let mut made = made.ok_or(EvaluateError::Malformed { node: output.node.0 as usize })?;
        made.rename(output.name.as_str().into());
        all.push(made);
    }
    let frame = |columns| DataFrame::new(count, columns).map_err(|error| EvaluateError::Frame(error.to_string()));
    let trace = run.trace.as_ref().map(|trace| {
        let hashes = locked(trace).iter().map(|hash| *hash as i64).collect();
        frame(keys.into_iter().chain([Int64Chunked::from_vec(STATE.into(), hashes).into_column()]).collect())
    });
    let states = run.states.iter().map(|state| state.finish(&run.task.inputs.axis.instruments));
    let result = of_members(run, frame(all)?)?;
    Ok(Evaluated { frame: result, trace: trace.transpose()?, states: states.collect() })
}

/// The rows of those that take part. What the others carry is traced all the same: they may come in later.
fn of_members(run: &Run, frame: DataFrame) -> Result<DataFrame, EvaluateError> {
    let inputs = run.task.inputs;
    let Some(members) = inputs.members() else { return Ok(frame) };
    let cells = inputs.written.clone().flat_map(|row| {
        let members = &members[row * inputs.lanes()..(row + 1) * inputs.lanes()];
        inputs.present(row).iter().zip(members)
    });
    let mask: Vec<bool> = cells.filter(|(present, _)| **present).map(|(_, member)| *member).collect();
    let mask = BooleanChunked::from_slice(INSTRUMENT.into(), &mask);
    frame.filter(&mask).map_err(|error| EvaluateError::Frame(error.to_string()))
}

/// The key columns.
fn keys(run: &Run) -> Vec<Column> {
    let inputs = run.task.inputs;
    if let Some(keys) = inputs.keys() {
        return keys.to_vec();
    }
    let axis = &inputs.axis;
    let keys = || {
        inputs.written.clone().flat_map(|row| {
            let present = inputs.present(row).iter().enumerate();
            present.filter(|(_, present)| **present).map(move |(lane, _)| (row, lane))
        })
    };
    let mut columns = vec![frame::date_column(SESSION, keys().map(|(row, _)| Some(axis.sessions[row])))];
    if inputs.by_instrument {
        let instruments = keys().map(|(_, lane)| axis.instruments[lane].as_str());
        columns.push(StringChunked::from_iter_values(INSTRUMENT.into(), instruments).into_column());
    }
    columns
}

/// The column of the output node number `at`.
fn column(run: &Run, at: usize, output: &Output) -> Column {
    let name = output.name.as_str();
    let (mut values, mut may_miss) = run.sinks[at].finish();
    if let Some(value) = run.schedule.constant(run.schedule.outputs[at]) {
        values = constant(run, value);
        may_miss = true;
    }
    match output.ty {
        Type::Number => {
            if !may_miss {
                return Float64Chunked::from_vec(name.into(), values).into_column();
            }
            // two passes over what is in cache, each of them vector code
            let column = Float64Chunked::from_vec(name.into(), values);
            let valid = column.is_not_nan();
            let validity = valid.downcast_iter().next().map(|bits| bits.values().clone());
            let Some(validity) = validity.filter(|bits| bits.unset_bits() > 0) else { return column.into_column() };
            column.with_validity(Some(validity)).into_column()
        }
        // No function makes a Category, and an input cannot be an output as it is: the compiler sees to it.
        Type::Bool | Type::Category => {
            BooleanChunked::from_iter_values(name.into(), values.iter().map(|value| *value > 0.0)).into_column()
        }
    }
}

/// A constant for every key, but those that are no traded bars where only such count.
fn constant(run: &Run, value: f64) -> Vec<f64> {
    let inputs = run.task.inputs;
    let Some(traded) = &run.traded else { return vec![value; run.keys.count()] };
    let cells = inputs.written.clone().flat_map(|row| {
        let traded = &traded[row * inputs.lanes()..(row + 1) * inputs.lanes()];
        inputs.present(row).iter().zip(traded)
    });
    let keys = cells.filter(|(present, _)| **present);
    keys.map(|(_, traded)| if *traded { value } else { f64::NAN }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::tests::task;
    use crate::frame::tests::{day, panel_frame};
    use crate::{Inputs, evaluate};
    use assetctl_expr::{Node, NodeId, Program, UnaryOp};
    use chrono::NaiveDate;
    use std::ops::Range;

    fn program() -> Program {
        let output = |name: &str, node, ty| Output { name: name.into(), node: NodeId(node), ty };
        Program {
            nodes: vec![
                Node::Input { input: 0, column: "x".into(), ty: Type::Number },
                Node::Unary { op: UnaryOp::Log, x: NodeId(0) },
                Node::Bool(true),
            ],
            outputs: vec![
                output("log", 1, Type::Number),
                output("yes", 2, Type::Bool),
                output("again", 1, Type::Number),
            ],
        }
    }

    fn run(df: &DataFrame, sessions: &[NaiveDate], written: Range<usize>) -> DataFrame {
        let program = program();
        let inputs = Inputs::from_frames(&program, &[df], sessions, written, 0, None, &[]).unwrap();
        evaluate(&task(&program, &inputs)).unwrap().to_frame().unwrap()
    }

    #[test]
    fn only_written_keys_come_out_sorted() {
        let keys = [(4, "b"), (2, "a"), (3, "b"), (4, "a")];
        let df = panel_frame(&keys, vec![Column::new("x".into(), [1.0, 1.0, 1.0, 0.0])]);
        let out = run(&df, &[day(2), day(3), day(4)], 1..3);
        let expected = panel_frame(
            &[(3, "b"), (4, "a"), (4, "b")],
            vec![
                Column::new("log".into(), [Some(0.0), None, Some(0.0)]),
                Column::new("yes".into(), [true, true, true]),
                Column::new("again".into(), [Some(0.0), None, Some(0.0)]),
            ],
        );
        assert!(out.equals_missing(&expected), "{out}");
    }

    #[test]
    fn keys_that_are_there_are_not_made_again() {
        let keys = [(3, "a"), (3, "b"), (4, "a"), (4, "b")];
        let df = panel_frame(&keys, vec![Column::new("x".into(), [1.0; 4])]);
        let out = run(&df, &[day(2), day(3), day(4)], 1..3);
        assert!(out.select(["session", "instrument"]).unwrap().equals(&df.select(["session", "instrument"]).unwrap()));
        let out = run(&df, &[day(2), day(3), day(4)], 0..2);
        assert!(out.select(["session", "instrument"]).unwrap().equals(&panel_frame(&keys[..2], vec![])));
    }

    #[test]
    fn an_output_called_like_a_key_is_an_error() {
        let mut program = program();
        program.outputs[0].name = "session".into();
        let df = panel_frame(&[(2, "a")], vec![Column::new("x".into(), [1.0])]);
        let inputs = Inputs::from_frames(&program, &[&df], &[day(2)], 0..1, 0, None, &[]).unwrap();
        assert!(matches!(evaluate(&task(&program, &inputs)), Err(EvaluateError::Frame(_))));
    }

    #[test]
    fn nothing_in_nothing_out() {
        let out = run(&panel_frame(&[], vec![]), &[day(2)], 0..1);
        assert_eq!(out.height(), 0);
        let names: Vec<&str> = out.columns().iter().map(|column| column.name().as_str()).collect();
        assert_eq!(names, ["session", "instrument", "log", "yes", "again"]);
    }
}
