//! Which rows of each node are needed, and until when its panel is.

use assetctl_expr::{Node, NodeId, Program, WindowFn};

/// The nodes that a node reads.
pub(crate) fn arguments(node: &Node) -> Vec<NodeId> {
    match node {
        Node::Input { .. } | Node::Number(_) | Node::Bool(_) => vec![],
        Node::Unary { x, .. } => vec![*x],
        Node::Binary { x, y, .. } => vec![*x, *y],
        Node::If { condition, then, otherwise } => vec![*condition, *then, *otherwise],
        Node::Window { args, .. } | Node::Recursive { args, .. } => args.clone(),
        Node::Cross { args, by, .. } => args.iter().chain(by).copied().collect(),
    }
}

/// How many sessions before its own a node reads of its arguments.
fn reach(node: &Node) -> usize {
    match node {
        Node::Window { f: WindowFn::Ref | WindowFn::Roc, n, .. } => *n as usize,
        Node::Window { n, .. } => (*n as usize).saturating_sub(1),
        _ => 0,
    }
}

/// Per node of a program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Liveness {
    /// First row that something reads; `None` where nothing does, so that a day's update does not compute the history of
    /// what it reads.
    pub first_row: Vec<Option<usize>>,
    /// The node after which the panel can go; `None` for what is an output.
    pub last_use: Vec<Option<usize>>,
}

impl Liveness {
    /// Of a program whose outputs are wanted from row `written` on. `None` if a node refers to one that is not before it.
    pub fn of(program: &Program, written: usize) -> Option<Self> {
        let mut first_row = vec![None; program.nodes.len()];
        let mut last_use: Vec<Option<usize>> = (0..program.nodes.len()).map(Some).collect();
        for output in &program.outputs {
            *first_row.get_mut(output.node.0 as usize)? = Some(written);
        }
        for (id, node) in program.nodes.iter().enumerate().rev() {
            for argument in arguments(node) {
                let argument = argument.0 as usize;
                if argument >= id {
                    return None;
                }
                if let Some(row) = first_row[id] {
                    let read = row.saturating_sub(reach(node));
                    first_row[argument] = Some(first_row[argument].map_or(read, |other: usize| other.min(read)));
                    last_use[argument] = last_use[argument].max(Some(id));
                }
            }
        }
        for output in &program.outputs {
            last_use[output.node.0 as usize] = None;
        }
        Some(Self { first_row, last_use })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assetctl_expr::{Output, Type};

    #[test]
    fn needs_compose_through_windows() {
        let input = Node::Input { input: 0, column: "close".into(), ty: Type::Number };
        let window = |f, of, n| Node::Window { f, args: vec![NodeId(of)], n, min_periods: 1, param: 0.0 };
        let program = Program {
            nodes: vec![input, window(WindowFn::Ref, 0, 5), window(WindowFn::Mean, 1, 20), Node::Number(1.0)],
            outputs: vec![Output { name: "m".into(), node: NodeId(2), ty: Type::Number }],
        };
        let live = Liveness::of(&program, 100).unwrap();
        assert_eq!(live.first_row, [Some(76), Some(81), Some(100), None]);
        assert_eq!(live.last_use, [Some(1), Some(2), None, Some(3)]);
        assert_eq!(Liveness::of(&program, 10).unwrap().first_row[0], Some(0));
    }

    #[test]
    fn a_node_that_looks_ahead_in_the_list_is_refused() {
        let program = Program {
            nodes: vec![Node::Cross { f: assetctl_expr::CrossFn::Rank, args: vec![NodeId(0)], by: None, param: 0.0 }],
            outputs: vec![],
        };
        assert_eq!(Liveness::of(&program, 0), None);
    }
}
