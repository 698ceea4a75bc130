//! In which order the nodes of a program are evaluated: stages of nodes that work lane by lane, and between them the functions of
//! all instruments.
//!
//! Stage `s` are the nodes with `s` functions of all instruments on the longest path below them. Such a function of level `s`
//! is evaluated between stages `s - 1` and `s`, from whole sessions; the nodes of a stage are evaluated a block of lanes at a
//! time, and a panel leaves its block only if another stage, a function of all instruments or the result reads it.

use assetctl_expr::{BinaryOp, CrossFn, Node, Program, RecursiveFn, Type, UnaryOp, WindowFn};

use crate::evaluate::EvaluateError;
use crate::inputs::{InputColumn, Inputs};

/// What is known of a program before it is evaluated; per node unless said otherwise.
pub(crate) struct Schedule<'a> {
    pub nodes: &'a [Node],
    /// How many functions of all instruments are on the longest path that ends here.
    pub level: Vec<usize>,
    /// Whether an output needs it.
    pub live: Vec<bool>,
    pub is_bool: Vec<bool>,
    /// Where an input's values come from.
    pub columns: Vec<Option<InputColumn<'a>>>,
    /// The number of a recursive node among the recursive ones.
    pub recursive: Vec<Option<usize>>,
    /// The place of a node among those that are outputs.
    pub output: Vec<Option<usize>>,
    /// The last stage that reads it as a whole panel; `None` if its panels need not leave their blocks.
    pub wide_until: Vec<Option<usize>>,
    /// Per stage and node the last node of the stage that reads it; 0 if none does.
    pub last_use: Vec<Vec<usize>>,
    /// The nodes that are outputs, each once.
    pub outputs: Vec<usize>,
    /// How many stages there are.
    pub stages: usize,
}

impl<'a> Schedule<'a> {
    /// # Errors
    /// When a node refers to one that is not before it, has another number of operands than its function, or reads a column
    /// that `inputs` do not have.
    pub fn of(program: &'a Program, inputs: &'a Inputs) -> Result<Self, EvaluateError> {
        let nodes = &program.nodes[..];
        let count = nodes.len();
        let mut level = vec![0; count];
        let mut recursive = vec![None; count];
        let mut states = 0;
        for (id, node) in nodes.iter().enumerate() {
            if node.operands().iter().any(|operand| operand.0 as usize >= id) || !well_formed(node) {
                return Err(EvaluateError::Malformed { node: id });
            }
            let below = node.operands().iter().map(|operand| level[operand.0 as usize]).max().unwrap_or(0);
            level[id] = below + usize::from(matches!(node, Node::Cross { .. }));
            if matches!(node, Node::Recursive { .. }) {
                recursive[id] = Some(states);
                states += 1;
            }
        }
        let mut live = vec![false; count];
        let (mut output, mut outputs) = (vec![None; count], Vec::new());
        for of in &program.outputs {
            let node = of.node.0 as usize;
            *live.get_mut(node).ok_or(EvaluateError::Malformed { node })? = true;
            if output[node].is_none() {
                output[node] = Some(outputs.len());
                outputs.push(node);
            }
        }
        for (id, node) in nodes.iter().enumerate().rev() {
            if live[id] {
                node.operands().iter().for_each(|operand| live[operand.0 as usize] = true);
            }
        }
        let stages = (0..count).filter(|id| live[*id]).map(|id| level[id] + 1).max().unwrap_or(1);
        let mut schedule = Self {
            nodes,
            is_bool: types(nodes).into_iter().map(|ty| ty == Type::Bool).collect(),
            columns: vec![None; count],
            wide_until: vec![None; count],
            last_use: vec![vec![0; count]; stages],
            level,
            live,
            recursive,
            output,
            outputs,
            stages,
        };
        schedule.find_columns(inputs)?;
        schedule.find_uses();
        Ok(schedule)
    }

    fn find_columns(&mut self, inputs: &'a Inputs) -> Result<(), EvaluateError> {
        for (id, node) in self.nodes.iter().enumerate() {
            if let Node::Input { input, column, .. } = node
                && self.live[id]
            {
                let found = inputs.column(*input, column);
                let unknown = || EvaluateError::UnknownColumn { input: input + 1, column: column.clone() };
                self.columns[id] = Some(found.ok_or_else(unknown)?);
            }
        }
        Ok(())
    }

    fn find_uses(&mut self) {
        for (id, node) in self.nodes.iter().enumerate().filter(|(id, _)| self.live[*id]) {
            let is_cross = matches!(node, Node::Cross { .. });
            let stage = self.level[id];
            for operand in node.operands() {
                let operand = operand.0 as usize;
                if !is_cross {
                    self.last_use[stage][operand] = id;
                }
                // Inputs are gathered where they are needed, and a constant is no panel.
                let computed = !matches!(self.nodes[operand], Node::Input { .. } | Node::Number(_) | Node::Bool(_));
                let made_whole = matches!(self.nodes[operand], Node::Cross { .. });
                if computed && (is_cross || made_whole || self.level[operand] < stage) {
                    self.wide_until[operand] = self.wide_until[operand].max(Some(stage));
                }
            }
            if is_cross && self.output[id].is_some() {
                self.wide_until[id] = self.wide_until[id].max(Some(stage));
            }
        }
    }

    /// Whether a node is evaluated lane by lane in a stage.
    pub fn is_in_stage(&self, id: usize, stage: usize) -> bool {
        self.live[id] && self.level[id] == stage && !matches!(self.nodes[id], Node::Cross { .. })
    }

    /// The functions of all instruments that are evaluated before a stage.
    pub fn crosses(&self, stage: usize) -> impl Iterator<Item = usize> + '_ {
        let is_cross = |id: &usize| matches!(self.nodes[*id], Node::Cross { .. });
        (0..self.nodes.len()).filter(is_cross).filter(move |id| self.live[*id] && self.level[*id] == stage)
    }

    /// Whether a stage has anything to do.
    pub fn has_work(&self, stage: usize) -> bool {
        let constant = |id: usize| matches!(self.nodes[id], Node::Number(_) | Node::Bool(_));
        let wanted = |id: usize| !matches!(self.nodes[id], Node::Input { .. }) || self.output[id].is_some();
        (0..self.nodes.len()).any(|id| self.is_in_stage(id, stage) && !constant(id) && wanted(id))
    }

    /// The constant that a node is.
    pub fn constant(&self, id: usize) -> Option<f64> {
        match self.nodes[id] {
            Node::Number(value) => Some(crate::panel::canonical(value)),
            Node::Bool(value) => Some(f64::from(value)),
            _ => None,
        }
    }
}

/// Whether a node has the operands that its function takes.
fn well_formed(node: &Node) -> bool {
    match node {
        Node::Window { f: WindowFn::Corr | WindowFn::Cov, args, n, .. } => args.len() == 2 && *n > 0,
        Node::Window { args, n, .. } => args.len() == 1 && *n > 0,
        Node::Recursive { f, args, .. } => {
            args.len()
                == match f {
                    RecursiveFn::Sar => 2,
                    RecursiveFn::Supertrend => 4,
                    _ => 1,
                }
        }
        Node::Cross { f: CrossFn::Neutralize, args, .. } => !args.is_empty(),
        Node::Cross { args, .. } => args.len() == 1,
        _ => true,
    }
}

/// The type of each node.
fn types(nodes: &[Node]) -> Vec<Type> {
    let mut types: Vec<Type> = Vec::with_capacity(nodes.len());
    for node in nodes {
        types.push(match node {
            Node::Input { ty, .. } => *ty,
            Node::Bool(_) | Node::Unary { op: UnaryOp::Not | UnaryOp::IsMissing, .. } => Type::Bool,
            Node::Binary { op, .. } => match op {
                BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge | BinaryOp::Eq | BinaryOp::Ne => Type::Bool,
                BinaryOp::And | BinaryOp::Or => Type::Bool,
                BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Pow => Type::Number,
                BinaryOp::Min | BinaryOp::Max | BinaryOp::Coalesce => Type::Number,
            },
            Node::If { then, .. } => types[then.0 as usize],
            Node::Number(_)
            | Node::Unary { .. }
            | Node::Window { .. }
            | Node::Recursive { .. }
            | Node::Cross { .. } => Type::Number,
        });
    }
    types
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::{day, panel_frame};
    use assetctl_expr::{NodeId, Output};
    use polars::prelude::Column;

    #[test]
    fn stages_lie_between_functions_of_all_instruments() {
        let window = |of| Node::Window { f: WindowFn::Mean, args: vec![NodeId(of)], n: 2, min_periods: 1, param: 0.0 };
        let cross = |of| Node::Cross { f: CrossFn::Rank, args: vec![NodeId(of)], by: None, param: 0.0 };
        let add = |x, y| Node::Binary { op: BinaryOp::Add, x: NodeId(x), y: NodeId(y) };
        let nodes = vec![
            Node::Input { input: 0, column: "close".into(), ty: Type::Number },
            window(0),
            cross(1),
            window(2),
            add(1, 3),
            cross(4),
            add(5, 0),
            window(1),
        ];
        let output = |node| Output { name: format!("x{node}"), node: NodeId(node), ty: Type::Number };
        let program = Program { nodes, outputs: vec![output(6), output(2), output(6)] };
        let df = panel_frame(&[(2, "a")], vec![Column::new("close".into(), [1.0])]);
        let inputs = Inputs::from_frames(&program, &[&df], &[day(2)], 0..1, 0, None, &[]).unwrap();
        let schedule = Schedule::of(&program, &inputs).unwrap();
        assert_eq!(schedule.level, [0, 0, 1, 1, 1, 2, 2, 0]);
        assert_eq!(schedule.stages, 3);
        // node 7 is not needed; node 1 is read by a function of all instruments and by stage 1, inputs are read anew
        assert_eq!(schedule.live, [true, true, true, true, true, true, true, false]);
        assert_eq!(schedule.wide_until, [None, Some(1), Some(1), None, Some(2), Some(2), None, None]);
        assert_eq!(schedule.outputs, [6, 2]);
        assert_eq!(schedule.last_use[0], [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(schedule.last_use[1], [0, 4, 3, 4, 0, 0, 0, 0]);
        assert_eq!(schedule.last_use[2], [6, 0, 0, 0, 0, 6, 0, 0]);
        assert_eq!(
            (0..3).map(|stage| schedule.crosses(stage).collect::<Vec<_>>()).collect::<Vec<_>>(),
            [vec![], vec![2], vec![5]]
        );
    }
}
