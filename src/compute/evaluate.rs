//! A program on panels.

use std::ops::Range;

use assetctl_expr::{BinaryOp, CrossFn, Node, NodeId, Program, Type, UnaryOp, WindowFn};

use crate::inputs::Inputs;
use crate::kernels::{self, Grid, Operand, Span};
use crate::liveness::Liveness;
use crate::panel::{Panel, canonical};

/// Why a program has no result.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    #[error("cancelled")]
    Cancelled,
    #[error("the inputs were laid out for another expression: column `{column}` of input {input} is not among them")]
    UnknownColumn { input: usize, column: String },
    #[error("node {node} of the expression is malformed; compile it anew")]
    Malformed { node: usize },
}

/// The value of a node.
enum Value<'a> {
    /// The same everywhere.
    Scalar(f64),
    Borrowed(&'a Panel),
    Owned(Panel),
}

impl Value<'_> {
    /// The cells from `first` on.
    fn operand(&self, first: usize) -> Operand<'_> {
        match self {
            Value::Scalar(value) => Operand::Scalar(*value),
            Value::Borrowed(panel) => Operand::Cells(&panel.data[first..]),
            Value::Owned(panel) => Operand::Cells(&panel.data[first..]),
        }
    }

    fn panel(self, rows: usize, lanes: usize) -> Panel {
        match self {
            Value::Scalar(value) => Panel::filled(rows, lanes, value),
            Value::Borrowed(panel) => panel.clone(),
            Value::Owned(panel) => panel,
        }
    }
}

/// Evaluates the outputs of `program`, in order; their rows before `inputs.written` hold nothing of meaning.
///
/// Nodes are evaluated one after another, each over the rows that something reads, and their panels dropped after the last
/// use. `cancel` is asked between nodes.
///
/// The bits of a value depend on its window alone: not on where `inputs` begin (as long as they hold the window, or begin
/// where history does), nor on the lanes beside it.
///
/// # Errors
/// When `cancel` says so, or when `inputs` were not made for `program`.
pub fn evaluate(program: &Program, inputs: &Inputs, cancel: &dyn Fn() -> bool) -> Result<Vec<Panel>, EvaluateError> {
    let live =
        Liveness::of(program, inputs.written.start).ok_or(EvaluateError::Malformed { node: program.nodes.len() })?;
    let types = types(program);
    let mut values: Vec<Option<Value>> = Vec::with_capacity(program.nodes.len());
    for (id, node) in program.nodes.iter().enumerate() {
        if cancel() {
            return Err(EvaluateError::Cancelled);
        }
        let value = match live.first_row[id] {
            Some(first) => Some(Evaluation { inputs, values: &values, types: &types, id, first }.value(node)?),
            None => None,
        };
        values.push(value);
        for argument in crate::liveness::arguments(node) {
            if live.last_use[argument.0 as usize] == Some(id) {
                values[argument.0 as usize] = None;
            }
        }
    }
    let (rows, lanes) = (inputs.axis.sessions.len(), inputs.axis.instruments.len());
    let outputs = program.outputs.iter().enumerate().map(|(at, output)| {
        let node = output.node.0 as usize;
        let used_again = program.outputs[at + 1..].iter().any(|later| later.node == output.node);
        let value = if used_again {
            values[node].as_ref().map(|value| match value {
                Value::Scalar(value) => Value::Scalar(*value),
                Value::Borrowed(panel) => Value::Borrowed(panel),
                Value::Owned(panel) => Value::Owned(panel.clone()),
            })
        } else {
            values[node].take()
        };
        value.map(|value| value.panel(rows, lanes)).ok_or(EvaluateError::Malformed { node })
    });
    outputs.collect()
}

/// The type of each node.
fn types(program: &Program) -> Vec<Type> {
    let mut types: Vec<Type> = Vec::with_capacity(program.nodes.len());
    for node in &program.nodes {
        types.push(match node {
            Node::Input { ty, .. } => *ty,
            Node::Bool(_) | Node::Unary { op: UnaryOp::Not | UnaryOp::IsMissing, .. } => Type::Bool,
            Node::Binary { op, .. } => match op {
                BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge | BinaryOp::Eq | BinaryOp::Ne => Type::Bool,
                BinaryOp::And | BinaryOp::Or => Type::Bool,
                BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Pow => Type::Number,
                BinaryOp::Min | BinaryOp::Max | BinaryOp::Coalesce => Type::Number,
            },
            Node::If { then, .. } => types.get(then.0 as usize).copied().unwrap_or(Type::Number),
            Node::Number(_)
            | Node::Unary { .. }
            | Node::Window { .. }
            | Node::Recursive { .. }
            | Node::Cross { .. } => Type::Number,
        });
    }
    types
}

/// One node at its turn.
struct Evaluation<'a, 'v> {
    inputs: &'a Inputs,
    values: &'v [Option<Value<'a>>],
    types: &'v [Type],
    id: usize,
    /// First row that is needed.
    first: usize,
}

impl<'a> Evaluation<'a, '_> {
    fn argument(&self, id: NodeId) -> Result<&Value<'a>, EvaluateError> {
        self.values.get(id.0 as usize).and_then(Option::as_ref).ok_or(EvaluateError::Malformed { node: self.id })
    }

    /// A panel whose rows from `first` on are what `fill` makes of their cells.
    fn filled(&self, fill: impl FnOnce(Range<usize>, &mut [f64])) -> Value<'a> {
        let (rows, lanes) = (self.inputs.axis.sessions.len(), self.inputs.axis.instruments.len());
        let mut panel = Panel::filled(rows, lanes, f64::NAN);
        fill(self.first..rows, &mut panel.data[self.first * lanes..]);
        Value::Owned(panel)
    }

    fn value(&self, node: &Node) -> Result<Value<'a>, EvaluateError> {
        let cell = self.first * self.inputs.axis.instruments.len();
        Ok(match node {
            Node::Input { input, column, .. } => Value::Borrowed(
                self.inputs
                    .panel(*input, column)
                    .ok_or_else(|| EvaluateError::UnknownColumn { input: input + 1, column: column.clone() })?,
            ),
            Node::Number(value) => Value::Scalar(canonical(*value)),
            Node::Bool(value) => Value::Scalar(if *value { 1.0 } else { 0.0 }),
            Node::Unary { op, x } => {
                let x = self.argument(*x)?.operand(cell);
                self.filled(|_, out| kernels::unary(*op, x, out))
            }
            Node::Binary { op, x, y } => {
                let (x, y) = (self.argument(*x)?.operand(cell), self.argument(*y)?.operand(cell));
                self.filled(|_, out| kernels::binary(*op, x, y, out))
            }
            Node::If { condition, then, otherwise } => {
                let condition = self.argument(*condition)?.operand(cell);
                let (then, otherwise) = (self.argument(*then)?.operand(cell), self.argument(*otherwise)?.operand(cell));
                self.filled(|_, out| kernels::select(condition, then, otherwise, out))
            }
            Node::Window { f, args, n, min_periods, param } => {
                let span = Span { n: *n as usize, min_periods: *min_periods as usize, anchor: None };
                self.window(*f, args, span, *param)?
            }
            Node::Recursive { .. } => return Err(EvaluateError::Malformed { node: self.id }),
            Node::Cross { f, args, by, param } => self.cross(*f, args, *by, *param)?,
        })
    }

    fn cross(&self, f: CrossFn, args: &[NodeId], by: Option<NodeId>, param: f64) -> Result<Value<'a>, EvaluateError> {
        let lanes = self.inputs.axis.instruments.len();
        let panel = |id: &NodeId| self.with_grid(*id, |x| x.data.to_vec());
        let args: Vec<Vec<f64>> = args.iter().map(panel).collect::<Result<_, _>>()?;
        let by = by.as_ref().map(panel).transpose()?;
        Ok(self.filled(|rows_needed, out| {
            let mut scratch = kernels::Scratch::default();
            for (row, out) in rows_needed.zip(out.chunks_exact_mut(lanes.max(1))) {
                let cells = row * lanes..(row + 1) * lanes;
                let args: Vec<&[f64]> = args.iter().map(|arg| &arg[cells.clone()]).collect();
                let by = by.as_ref().map(|by| &by[cells.clone()]);
                kernels::cross(f, &args, by, self.inputs.presence.row(row), param, &mut scratch, out);
            }
        }))
    }

    /// Calls `f` with an argument as a whole panel.
    fn with_grid<T>(&self, id: NodeId, f: impl FnOnce(Grid) -> T) -> Result<T, EvaluateError> {
        let (rows, lanes) = (self.inputs.axis.sessions.len(), self.inputs.axis.instruments.len());
        let constant;
        let data = match self.argument(id)? {
            Value::Scalar(value) => {
                constant = vec![*value; rows * lanes];
                &constant
            }
            Value::Borrowed(panel) => &panel.data,
            Value::Owned(panel) => &panel.data,
        };
        Ok(f(Grid { data, lanes }))
    }

    fn window(&self, f: WindowFn, args: &[NodeId], span: Span, param: f64) -> Result<Value<'a>, EvaluateError> {
        let malformed = EvaluateError::Malformed { node: self.id };
        if span.n == 0 {
            return Err(malformed);
        }
        let (rows, lanes) = (self.inputs.axis.sessions.len(), self.inputs.axis.instruments.len());
        let is_bool = args.first().is_some_and(|x| self.types.get(x.0 as usize) == Some(&Type::Bool));
        let constants = args
            .iter()
            .map(|x| match self.argument(*x)? {
                Value::Scalar(value) => Ok(Some(vec![*value; rows * lanes])),
                Value::Borrowed(_) | Value::Owned(_) => Ok(None),
            })
            .collect::<Result<Vec<_>, EvaluateError>>()?;
        let grids = args
            .iter()
            .zip(&constants)
            .map(|(x, constant)| {
                let data = match self.argument(*x)? {
                    Value::Scalar(_) => constant.as_deref().unwrap_or_default(),
                    Value::Borrowed(panel) => &panel.data,
                    Value::Owned(panel) => &panel.data,
                };
                Ok(Grid { data, lanes })
            })
            .collect::<Result<Vec<_>, EvaluateError>>()?;
        let mut known = true;
        let value = self.filled(|rows, out| {
            known = kernels::window(f, &grids, is_bool, rows, span, param, out).is_some();
        });
        if known { Ok(value) } else { Err(malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::{day, panel_frame};
    use assetctl_expr::Output;
    use polars::prelude::*;
    use std::cell::Cell;

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
        Inputs::from_frames(program, &[&df], &[day(2), day(3), day(4)], written).unwrap()
    }

    fn window(f: WindowFn, args: &[u32], n: u32) -> Node {
        Node::Window { f, args: args.iter().map(|id| NodeId(*id)).collect(), n, min_periods: 1, param: 0.0 }
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
            ],
            outputs: vec![
                output("mean", 1, Type::Number),
                output("above", 3, Type::Bool),
                output("count", 4, Type::Number),
                output("rank", 5, Type::Number),
                output("three", 2, Type::Number),
                output("again", 1, Type::Number),
            ],
        };
        let panels = evaluate(&program, &bars(&program, 0..3), &|| false).unwrap();
        assert_eq!(panels[0].data, [1.0, 10.0, 1.5, 10.0, 3.0, 30.0]);
        assert_eq!(panels[1].data, [0.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(panels[2].data, [0.0, 1.0, 0.0, 1.0, 1.0, 2.0]);
        assert_eq!(panels[3].row(2), [0.5, 1.0]);
        assert_eq!(panels[3].data[2], 1.0);
        assert_eq!(panels[4].data, [3.0; 6]);
        assert_eq!(panels[5], panels[0]);
    }

    #[test]
    fn only_what_is_written_is_computed() {
        let program = Program {
            nodes: vec![close(), window(WindowFn::Sum, &[0], 2)],
            outputs: vec![output("sum", 1, Type::Number)],
        };
        let panels = evaluate(&program, &bars(&program, 2..3), &|| false).unwrap();
        assert!(panels[0].row(1).iter().all(|v| v.is_nan()));
        assert_eq!(panels[0].row(2), [6.0, 30.0]);
    }

    #[test]
    fn cancelling_stops_between_nodes() {
        let program = Program { nodes: vec![close(), Node::Number(1.0), Node::Number(2.0)], outputs: vec![] };
        let inputs = bars(&program, 0..3);
        let asked = Cell::new(0);
        let cancel = || {
            asked.set(asked.get() + 1);
            asked.get() == 2
        };
        assert_eq!(evaluate(&program, &inputs, &cancel), Err(EvaluateError::Cancelled));
        assert_eq!(asked.get(), 2);
    }

    #[test]
    fn a_malformed_program_is_an_error() {
        let bad = |node: Node| Program { nodes: vec![close(), node], outputs: vec![output("x", 1, Type::Number)] };
        let run = |program: Program| evaluate(&program, &bars(&program, 0..3), &|| false);
        assert_eq!(run(bad(window(WindowFn::Mean, &[0], 0))), Err(EvaluateError::Malformed { node: 1 }));
        assert_eq!(run(bad(window(WindowFn::Corr, &[0], 5))), Err(EvaluateError::Malformed { node: 1 }));
        assert_eq!(run(bad(window(WindowFn::Mean, &[0, 0], 5))), Err(EvaluateError::Malformed { node: 1 }));
        assert!(run(bad(window(WindowFn::Mean, &[7], 5))).is_err());
        let program = bad(Node::Number(1.0));
        let other = Program { nodes: vec![], outputs: vec![] };
        assert!(evaluate(&program, &bars(&other, 0..3), &|| false).is_ok());
        let program = Program { outputs: vec![output("x", 0, Type::Number)], ..program };
        let error = evaluate(&program, &bars(&other, 0..3), &|| false).unwrap_err();
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
        let inputs = Inputs::from_frames(&program, &[&df], &[day(2), day(3)], 0..2).unwrap();
        assert_eq!(evaluate(&program, &inputs, &|| false).unwrap()[0].data[1], 1.0);
        let nothing = df.slice(0, 0);
        let inputs = Inputs::from_frames(&program, &[&nothing], &[day(2)], 0..1).unwrap();
        assert!(evaluate(&program, &inputs, &|| false).unwrap()[0].data[0].is_nan());
    }
}
