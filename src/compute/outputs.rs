//! Panels → frame.

use assetctl_expr::{Program, Type};
use polars::prelude::*;

use crate::frame::{self, FrameError, INSTRUMENT, SESSION};
use crate::inputs::Inputs;
use crate::panel::Panel;

/// The rows of the result: the keys of the first input in the written sessions, sorted by (session, instrument), with one
/// column per output of `program` in its order. `panels` are what [`crate::evaluate`] made of `program` and `inputs`.
///
/// Numbers are null where missing; Bools never are.
///
/// # Errors
/// When `panels` are not of that program and those inputs, or an output is called as a key is.
pub fn to_frame(inputs: &Inputs, program: &Program, panels: &[Panel]) -> Result<DataFrame, FrameError> {
    let axis = &inputs.axis;
    let (rows, lanes) = (axis.sessions.len(), axis.instruments.len());
    let keys: Vec<(usize, usize)> = inputs
        .written
        .clone()
        .flat_map(|row| {
            let present = inputs.presence.row(row).iter().enumerate();
            present.filter(|(_, present)| **present).map(move |(lane, _)| (row, lane))
        })
        .collect();

    let mut columns = vec![frame::date_column(SESSION, keys.iter().map(|(row, _)| Some(axis.sessions[*row])))];
    if inputs.by_instrument {
        let instruments = keys.iter().map(|(_, lane)| axis.instruments[*lane].as_str());
        columns.push(StringChunked::from_iter_values(INSTRUMENT.into(), instruments).into_column());
    }
    for (at, output) in program.outputs.iter().enumerate() {
        let panel = panels
            .get(at)
            .filter(|panel| (panel.rows, panel.lanes) == (rows, lanes))
            .ok_or_else(|| FrameError::MissingOutput { column: output.name.clone() })?;
        let values = keys.iter().map(|(row, lane)| panel.data[row * lanes + lane]);
        columns.push(match output.ty {
            Type::Number => frame::number_column(&output.name, values),
            // No function makes a Category, and an input cannot be an output as it is: the compiler sees to it.
            Type::Bool | Type::Category => {
                let values: Vec<bool> = values.map(|value| value > 0.0).collect();
                Column::new(output.name.as_str().into(), values)
            }
        });
    }
    Ok(DataFrame::new(keys.len(), columns)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate;
    use crate::frame::tests::{day, panel_frame};
    use assetctl_expr::{Node, NodeId, Output, UnaryOp};

    fn program() -> Program {
        let output = |name: &str, node, ty| Output { name: name.into(), node: NodeId(node), ty };
        Program {
            nodes: vec![
                Node::Input { input: 0, column: "x".into(), ty: Type::Number },
                Node::Unary { op: UnaryOp::Log, x: NodeId(0) },
                Node::Bool(true),
            ],
            outputs: vec![output("log", 1, Type::Number), output("yes", 2, Type::Bool)],
        }
    }

    #[test]
    fn only_written_keys_come_out_sorted() {
        let keys = [(4, "b"), (2, "a"), (3, "b"), (4, "a")];
        let df = panel_frame(&keys, vec![Column::new("x".into(), [1.0, 1.0, 1.0, 0.0])]);
        let inputs = Inputs::from_frames(&program(), &[&df], &[day(2), day(3), day(4)], 1..3).unwrap();
        let panels = evaluate(&program(), &inputs, &|| false).unwrap();
        let out = to_frame(&inputs, &program(), &panels).unwrap();
        let expected = panel_frame(
            &[(3, "b"), (4, "a"), (4, "b")],
            vec![
                Column::new("log".into(), [Some(0.0), None, Some(0.0)]),
                Column::new("yes".into(), [true, true, true]),
            ],
        );
        assert!(out.equals_missing(&expected), "{out}");
        assert!(to_frame(&inputs, &program(), &panels[..1]).is_err());
    }

    #[test]
    fn nothing_in_nothing_out() {
        let df = panel_frame(&[], vec![]);
        let inputs = Inputs::from_frames(&program(), &[&df], &[day(2)], 0..1).unwrap();
        let panels = evaluate(&program(), &inputs, &|| false).unwrap();
        let out = to_frame(&inputs, &program(), &panels).unwrap();
        assert_eq!(out.height(), 0);
        let names: Vec<&str> = out.columns().iter().map(|column| column.name().as_str()).collect();
        assert_eq!(names, ["session", "instrument", "log", "yes"]);
    }
}
