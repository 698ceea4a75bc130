//! Nodes → a program: equal nodes are one, and what no output needs is left away.

use std::collections::HashMap;

use crate::canonical::{Piece, pieces};
use crate::program::{Node, NodeId, Output, Program, Type};

/// A node and the type of what it computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Value {
    pub node: NodeId,
    pub ty: Type,
}

#[derive(Debug, Default)]
pub(crate) struct Builder {
    nodes: Vec<Node>,
    /// Nodes by how they are written: two nodes are equal if their canonical forms are.
    known: HashMap<String, NodeId>,
    outputs: Vec<Output>,
}

impl Builder {
    /// A node that is `node`: a new one, or one that was there.
    pub fn node(&mut self, node: Node, ty: Type) -> Value {
        let key = pieces(&node)
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Operand(id) => format!("%{}", id.0),
            })
            .collect();
        let nodes = &mut self.nodes;
        let node = *self.known.entry(key).or_insert_with(|| {
            nodes.push(node);
            NodeId(nodes.len() as u32 - 1)
        });
        Value { node, ty }
    }

    /// The number that a node is, if it is a constant.
    pub fn constant(&self, id: NodeId) -> Option<f64> {
        match self.nodes[id.0 as usize] {
            Node::Number(value) => Some(value),
            _ => None,
        }
    }

    pub fn output(&mut self, name: &str, value: Value) {
        self.outputs.push(Output { name: name.to_owned(), node: value.node, ty: value.ty });
    }

    /// The nodes that the outputs need, in the order in which the outputs reach them. The order follows from what
    /// is computed alone, so that programs that compute the same are equal.
    pub fn finish(self) -> Program {
        let mut place: Vec<Option<NodeId>> = vec![None; self.nodes.len()];
        let mut nodes = Vec::new();
        let mut stack: Vec<(NodeId, bool)> = Vec::new();
        for output in &self.outputs {
            stack.push((output.node, false));
            while let Some((id, operands_done)) = stack.pop() {
                if place[id.0 as usize].is_some() {
                    continue;
                }
                let node = &self.nodes[id.0 as usize];
                if operands_done {
                    place[id.0 as usize] = Some(NodeId(nodes.len() as u32));
                    nodes.push(node.clone().with_operands(|operand| place[operand.0 as usize].unwrap_or(operand)));
                } else {
                    stack.push((id, true));
                    stack.extend(node.operands().into_iter().rev().map(|operand| (operand, false)));
                }
            }
        }
        let outputs = self
            .outputs
            .into_iter()
            .map(|output| Output { node: place[output.node.0 as usize].unwrap_or(output.node), ..output })
            .collect();
        Program { nodes, outputs }
    }
}
