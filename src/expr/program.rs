//! A compiled set of columns: a directed acyclic graph of operations on panels.
//!
//! The compiler shares equal sub-expressions, so a node is evaluated once however often it is written.
//! Nodes stand in evaluation order: a node only refers to nodes before it.

/// The type of a value. Dates and text can be carried by an asset but not computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    Number,
    Bool,
}

/// Position of a node in [`Program::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    Neg,
    Not,
    Abs,
    Log,
    Exp,
    Sqrt,
    Sign,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Min,
    Max,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Or,
}

/// Functions of the last `n` sessions of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WindowFn {
    /// The value `n` sessions ago; reads `n + 1` sessions.
    Ref,
    /// `100 * (x / ref(x, n) - 1)`; a previous value of zero gives zero (TA-Lib); reads `n + 1` sessions.
    Roc,
    Sum,
    Mean,
    Std,
    Var,
    Min,
    Max,
    Median,
    Quantile,
    Rank,
    Count,
    Slope,
    Corr,
    Cov,
}

/// Functions of all instruments of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CrossFn {
    Rank,
    ZScore,
    Demean,
    Winsorize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A column of the asset's input number `input`.
    Input {
        input: usize,
        column: String,
        ty: Type,
    },
    Number(f64),
    Bool(bool),
    Unary {
        op: UnaryOp,
        x: NodeId,
    },
    Binary {
        op: BinaryOp,
        x: NodeId,
        y: NodeId,
    },
    If {
        condition: NodeId,
        then: NodeId,
        otherwise: NodeId,
    },
    /// `args` are one panel, or two for `Corr` and `Cov`. `n` is at least 1 (0 for `Ref` of the day itself is
    /// compiled away). `param` is the quantile for `Quantile`, else 0. Fewer valid values than `min_periods`
    /// in the window give a missing value.
    Window {
        f: WindowFn,
        args: Vec<NodeId>,
        n: u32,
        min_periods: u32,
        param: f64,
    },
    /// `param` is `k` for `Winsorize`, else 0.
    Cross {
        f: CrossFn,
        x: NodeId,
        param: f64,
    },
}

impl Node {
    /// The nodes this one is computed from, in the order of its operands.
    pub fn operands(&self) -> Vec<NodeId> {
        match self {
            Node::Input { .. } | Node::Number(_) | Node::Bool(_) => Vec::new(),
            Node::Unary { x, .. } | Node::Cross { x, .. } => vec![*x],
            Node::Binary { x, y, .. } => vec![*x, *y],
            Node::If { condition, then, otherwise } => vec![*condition, *then, *otherwise],
            Node::Window { args, .. } => args.clone(),
        }
    }

    /// The same operation on other nodes: `map` says which node stands for each operand.
    pub(crate) fn with_operands(mut self, map: impl Fn(NodeId) -> NodeId) -> Node {
        match &mut self {
            Node::Input { .. } | Node::Number(_) | Node::Bool(_) => {}
            Node::Unary { x, .. } | Node::Cross { x, .. } => *x = map(*x),
            Node::Binary { x, y, .. } => (*x, *y) = (map(*x), map(*y)),
            Node::If { condition, then, otherwise } => {
                (*condition, *then, *otherwise) = (map(*condition), map(*then), map(*otherwise));
            }
            Node::Window { args, .. } => args.iter_mut().for_each(|arg| *arg = map(*arg)),
        }
        self
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    pub name: String,
    pub node: NodeId,
    pub ty: Type,
}

/// What one partition reads of an input, in sessions relative to its own: `[d - back, d]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Window {
    pub back: u32,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Program {
    pub nodes: Vec<Node>,
    pub outputs: Vec<Output>,
}
