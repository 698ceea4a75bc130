//! The state of recursive functions, to be kept between runs.

use assetctl_expr::{Node, Program};
use polars::prelude::*;

use crate::frame::{self, FrameError, INSTRUMENT};
use crate::kernels::recursive::state_len;

/// What an error calls a kept state.
const FRAME: &str = "carried state";

/// The state of recursive functions after a session, of the instruments whose state has begun by then.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Sorted and unique.
    pub instruments: Vec<String>,
    /// Per recursive node, in the program's order, its numbers: slot `s` of lane `l` at `s * lanes + l`.
    pub nodes: Vec<Vec<f64>>,
}

/// A state to start from: that of the session before row `row`.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    pub row: usize,
    pub state: State,
}

/// Per recursive node of a program, the numbers that one instrument's state has.
pub(crate) fn state_lens(program: &Program) -> Vec<usize> {
    let recursive = program.nodes.iter().filter_map(|node| match node {
        Node::Recursive { f, params, .. } => Some(state_len(*f, params)),
        _ => None,
    });
    recursive.collect()
}

/// Name of the column of a slot.
fn slot_name(node: usize, slot: usize) -> String {
    format!("{node}_{slot}")
}

fn bad(reason: impl Into<String>) -> FrameError {
    FrameError::BadState { reason: reason.into() }
}

impl State {
    /// A row per instrument, and an Int64 column `<node>_<slot>` for each number, which holds its bits.
    ///
    /// # Errors
    /// When `nodes` do not have whole slots.
    pub fn to_frame(&self) -> Result<DataFrame, FrameError> {
        let lanes = self.instruments.len();
        let names = self.instruments.iter().map(String::as_str);
        let mut columns = vec![StringChunked::from_iter_values(INSTRUMENT.into(), names).into_column()];
        for (node, values) in self.nodes.iter().enumerate() {
            if lanes > 0 && values.len() % lanes != 0 {
                return Err(bad(format!("function {node} has {} numbers for {lanes} instruments", values.len())));
            }
            for (slot, values) in values.chunks_exact(lanes.max(1)).enumerate() {
                let bits = values.iter().map(|value| value.to_bits() as i64).collect();
                columns.push(Int64Chunked::from_vec(slot_name(node, slot).into(), bits).into_column());
            }
        }
        Ok(DataFrame::new(lanes, columns)?)
    }

    /// The state of `program` that [`State::to_frame`] wrote.
    ///
    /// # Errors
    /// When the frame is that of another program, or not one that was written so.
    pub fn from_frame(program: &Program, df: &DataFrame) -> Result<Self, FrameError> {
        let instruments: Vec<String> = frame::instruments(df, FRAME)?.into_iter().map(str::to_owned).collect();
        if instruments.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(bad("its instruments do not ascend"));
        }
        let lens = state_lens(program);
        let slots: usize = lens.iter().sum();
        // a state of no instrument has no slots to tell it by
        if df.width() != slots + 1 && !instruments.is_empty() {
            return Err(bad(format!("it has {} numbers, where {slots} are needed", df.width().saturating_sub(1))));
        }
        let mut nodes = Vec::with_capacity(lens.len());
        for (node, len) in lens.into_iter().enumerate() {
            let mut values = Vec::with_capacity(len * instruments.len());
            for slot in 0..if instruments.is_empty() { 0 } else { len } {
                let name = slot_name(node, slot);
                let column = frame::column(df, FRAME, &name)?;
                let bits = column.i64().map_err(|_| bad(format!("`{name}` is not of type Int64")))?;
                for bits in bits.iter() {
                    let bits = bits.ok_or_else(|| bad(format!("`{name}` has a missing value")))?;
                    values.push(f64::from_bits(bits as u64));
                }
            }
            nodes.push(values);
        }
        Ok(Self { instruments, nodes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assetctl_expr::{NodeId, RecursiveFn, Type};

    fn program(n: f64) -> Program {
        let recursive = |f| Node::Recursive { f, args: vec![NodeId(0)], params: vec![n], part: 0 };
        let close = Node::Input { input: 0, column: "close".into(), ty: Type::Number };
        Program { nodes: vec![close, recursive(RecursiveFn::Ema), recursive(RecursiveFn::CumSum)], outputs: vec![] }
    }

    fn state() -> State {
        let lens = state_lens(&program(3.0));
        let values = [f64::NAN, 0.1 + 0.2, 5e-324, f64::MAX, 0.0, 1.0 / 3.0];
        let nodes = lens.iter().map(|len| values.iter().cycle().take(len * 2).copied().collect()).collect();
        State { instruments: vec!["a".into(), "b".into()], nodes }
    }

    fn bits(state: &State) -> Vec<Vec<u64>> {
        state.nodes.iter().map(|node| node.iter().map(|value| value.to_bits()).collect()).collect()
    }

    #[test]
    fn every_bit_comes_back() {
        let back = State::from_frame(&program(3.0), &state().to_frame().unwrap()).unwrap();
        assert_eq!(bits(&back), bits(&state()));
        assert_eq!(back.instruments, ["a", "b"]);
        let nobody = State { instruments: vec![], nodes: vec![vec![], vec![]] };
        assert_eq!(State::from_frame(&program(3.0), &nobody.to_frame().unwrap()).unwrap(), nobody);
    }

    #[test]
    fn what_is_not_the_programs_is_refused() {
        let df = state().to_frame().unwrap();
        let refused = |df: &DataFrame| State::from_frame(&program(3.0), df).unwrap_err().to_string();
        assert!(refused(&df.drop("1_0").unwrap()).contains("numbers, where"));
        let mut more = df.clone();
        more.with_column(Column::new("2_0".into(), [1_i64, 2])).unwrap();
        assert!(refused(&more).contains("numbers, where"));
        let mut other = df.clone();
        other.with_column(Column::new("0_0".into(), [1.0, 2.0])).unwrap();
        assert!(refused(&other).contains("`0_0` is not of type Int64"));
        assert!(refused(&df.reverse()).contains("do not ascend"));
        let mut holes = df.clone();
        holes.with_column(Column::new("0_0".into(), [Some(1_i64), None])).unwrap();
        assert!(refused(&holes).contains("missing value"));
        assert!(State { nodes: vec![vec![1.0]], ..state() }.to_frame().is_err());
    }
}
