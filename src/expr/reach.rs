//! Which columns and sessions of its inputs each output of a program depends on.

use std::collections::BTreeMap;

use crate::program::{Node, Program};

/// What one output depends on of one column of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRead {
    pub input: usize,
    pub column: String,
    /// The sessions `[d - back, d]`.
    pub back: u32,
    /// Whether it also depends on all sessions before them, through the state of a recursive function.
    pub state: bool,
}

impl Program {
    /// What output number `output` depends on, by input and column.
    pub fn output_reads(&self, output: usize) -> Vec<OutputRead> {
        let mut reach: Vec<Option<(u32, bool)>> = vec![None; self.nodes.len()];
        if let Some(output) = self.outputs.get(output) {
            reach[output.node.0 as usize] = Some((0, false));
        }
        let mut reads: BTreeMap<(usize, &str), (u32, bool)> = BTreeMap::new();
        for (at, node) in self.nodes.iter().enumerate().rev() {
            let Some((back, state)) = reach[at] else { continue };
            if let Node::Input { input, column, .. } = node {
                let read = reads.entry((*input, column)).or_default();
                *read = (read.0.max(back), read.1 || state);
            }
            let below = (back.saturating_add(node.back()), state || matches!(node, Node::Recursive { .. }));
            for operand in node.operands() {
                let known = &mut reach[operand.0 as usize];
                *known = Some(known.map_or(below, |known| (known.0.max(below.0), known.1 || below.1)));
            }
        }
        let read = |((input, column), (back, state)): ((usize, &str), (u32, bool))| OutputRead {
            input,
            column: column.to_owned(),
            back,
            state,
        };
        reads.into_iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{compile, compile_in};
    use crate::dialect::Dialect;
    use crate::testing::{bars, columns};

    fn read(column: &str, back: u32, state: bool) -> OutputRead {
        OutputRead { input: 0, column: column.to_owned(), back, state }
    }

    #[test]
    fn each_output_has_its_own_windows() {
        let sources = columns(&[("ret", "close / ref(close, 1) - 1"), ("vol", "std(ret, 20) + open"), ("flat", "1")]);
        let program = compile(&sources, &bars()).unwrap();
        assert_eq!(program.output_reads(0), [read("close", 1, false)]);
        assert_eq!(program.output_reads(1), [read("close", 20, false), read("open", 0, false)]);
        assert_eq!(program.output_reads(2), []);
    }

    #[test]
    fn what_lies_below_a_state_is_all_history() {
        let sources = columns(&[("x", "Mean(EMA(Ref($close, 2), 5), 3) + $close + $open")]);
        let program = compile_in(&sources, &|_| Dialect::Qlib { compat: false }, &bars()).unwrap();
        assert_eq!(program.output_reads(0), [read("close", 4, true), read("open", 0, false)]);
    }
}
