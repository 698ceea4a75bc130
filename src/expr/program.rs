//! A compiled set of columns: a directed acyclic graph of operations on panels.
//!
//! The compiler shares equal sub-expressions, so a node is evaluated once however often it is written.
//! Nodes stand in evaluation order: a node only refers to nodes before it.

/// The type of a value. Dates can be carried by an asset but not computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    Number,
    Bool,
    /// Text that tells groups apart: what `by=` takes, and nothing else.
    Category,
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
    Floor,
    Ceil,
    /// To the nearest whole number, halves to the even one.
    Round,
    Tanh,
    /// In radians.
    Atan,
    /// True where the operand is missing; the one operation that makes a Bool of a number.
    IsMissing,
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
    /// The first operand, or the second where it is missing.
    Coalesce,
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
    /// Bias-corrected, as pandas' `skew` and `kurt`.
    Skew,
    Kurt,
    /// Mean absolute deviation from the window's mean.
    Mad,
    /// Population forms: divided by the count.
    StdPop,
    VarPop,
    Product,
    /// Place of the greatest (least) value in the window, counted from 1 at its oldest row; of several the first, or the
    /// last where `param` is 1.
    ArgMax,
    ArgMin,
    /// Linearly weighted mean, weights 1…n by position, over the positions that have a value.
    Wma,
    /// Regression on positions 1…n, missing values skipped: R², the residual of the newest value, and the value of the line
    /// at the window's last position.
    RSquare,
    Resid,
    Fitted,
    /// The exponentially weighted mean of the window alone, `param` = alpha, oldest first: pandas'
    /// `ewm(alpha, adjust=True, ignore_na=False)` of `n` rows, which is what Qlib's `EMA` computes for a query of one day.
    EwmWindow,
}

impl WindowFn {
    /// Whether it can be taken over all sessions so far: what [`RecursiveFn::Expanding`] accepts.
    pub fn has_expanding(self) -> bool {
        use WindowFn::{Count, Kurt, Max, Mean, Min, Product, Skew, Std, StdPop, Sum, Var, VarPop};
        matches!(self, Sum | Mean | Std | Var | StdPop | VarPop | Min | Max | Count | Product | Skew | Kurt)
    }
}

/// Functions that carry a state of one instrument from session to session. The state of an instrument begins, empty, at the
/// asset's first session. Where an operand is missing the state stays and the value is missing, unless said otherwise. A state
/// that overflows is forgotten, and begins anew at the next value; a sum, product or moment over all sessions that overflows is
/// missing from there on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecursiveFn {
    /// `params = [n]`: alpha = 2/(n+1), seeded with the mean of the first `n` values (TA-Lib).
    Ema,
    /// `params = [alpha]`: seeded with the first value.
    EmaFirst,
    /// `params = [n]`: Wilder's mean, alpha = 1/n, seeded with the mean of the first `n` values.
    Rma,
    /// `params = [n]`: Wilder's sum: the sum of the first `n - 1` values (which is the first result), from then on `s - s/n + x`
    /// (TA-Lib's DM and ADX).
    WilderSum,
    /// `params = [alpha]`: pandas' `ewm(alpha, adjust=True, ignore_na=False)`; at a missing value the mean so far, whose weights fade.
    Ewm,
    /// `params = [n]`: Kaufman's adaptive mean (TA-Lib: fast 2, slow 30); first valid at the value number `n + 1`. An `n` of 1 is the
    /// operand itself.
    Kama,
    /// `params = [fast, slow]`: the difference of two EMAs, the fast one seeded on the bars that end at the slow one's first (TA-Lib).
    MacdLine,
    /// Running sum and product; a missing value leaves them as they are and has none itself.
    CumSum,
    CumProd,
    /// The last value that was not missing; a missing session has it too.
    LastValid,
    /// The first value that was not missing; once it was there every session has it.
    FirstValid,
    /// Sessions with a value since the operand (a Bool) was last true; 0 where it is, missing until it was.
    BarsSince,
    /// `args = [high, low]`, `params = [step, max]`: parabolic stop and reverse (TA-Lib).
    Sar,
    /// `args = [high, low, close, atr]`, `params = [multiplier]`; `part` 0 is the line, 1 the direction (1 up, -1 down). The first
    /// bar with an `atr` is up (TA-Lib).
    Supertrend,
    /// `params = [n, m]`: Tongdaxin's `SMA(x, n, m)`: `(m * x + (n - m) * before) / n`, seeded with the first value.
    SmaTdx,
    /// `params = [n, seed]`: as `SmaTdx` with m = 1 and a given value before the first (KDJ's K = D = 50).
    SmaFrom,
    /// A window function over all sessions so far (one that [`WindowFn::has_expanding`]). `params = [min_periods, param]`, where
    /// `param` is 1 for `Count` of a Bool (how often it was true), else 0. At a missing value the result so far.
    Expanding(WindowFn),
}

/// Functions of all instruments of one session, or of each group by itself. They see the instruments with a row and a value. `Mean`,
/// `Std`, `Sum`, `Min`, `Max`, `Median`, `Quantile` and `Count`, which say something of the group as a whole, give it to all its rows,
/// also to those without a value (so that `coalesce(x, cs_median(x))` fills); the others give nothing to those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CrossFn {
    Rank,
    ZScore,
    Demean,
    Winsorize,
    /// `(x - median) / (1.4826 * MAD)`, clipped to ±`param`; 0 where the deviation is 0.
    RobustZScore,
    /// The quantile `param` of the values.
    Quantile,
    /// Scaled so that absolute values sum to `param`; 0 where all are 0.
    Scale,
    Mean,
    Std,
    Sum,
    Min,
    Max,
    Median,
    Count,
    /// Which of `param` groups of equal size by rank: 1 is the lowest. pandas' `qcut`; equal values share the mean of their ranks, and
    /// so a group.
    Bucket,
    /// Residual of the ordinary least squares regression of the first operand on the others, with one intercept per group and
    /// slopes of the whole session: what dummy variables for the groups give. Without others, the deviation from the group's mean.
    /// A regressor that is the sum of others is dropped.
    Neutralize,
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
    /// compiled away). `param` is the quantile for `Quantile`, which of equal extremes for `ArgMax` and `ArgMin`, alpha for
    /// `EwmWindow`, else 0.
    /// Fewer valid values than `min_periods` in the window give a missing value.
    Window {
        f: WindowFn,
        args: Vec<NodeId>,
        n: u32,
        min_periods: u32,
        param: f64,
    },
    /// A function of several results is several nodes, one for each `part` that is used.
    Recursive {
        f: RecursiveFn,
        args: Vec<NodeId>,
        params: Vec<f64>,
        part: u8,
    },
    /// `args` are one panel, and the regressors for `Neutralize`; `by` is a Category, whose groups are worked on each by
    /// itself: an instrument without a group has no value. `param` is what the function says of it, else 0.
    Cross {
        f: CrossFn,
        args: Vec<NodeId>,
        by: Option<NodeId>,
        param: f64,
    },
}

impl Node {
    /// The nodes this one is computed from, in the order of its operands.
    pub fn operands(&self) -> Vec<NodeId> {
        match self {
            Node::Input { .. } | Node::Number(_) | Node::Bool(_) => Vec::new(),
            Node::Unary { x, .. } => vec![*x],
            Node::Binary { x, y, .. } => vec![*x, *y],
            Node::If { condition, then, otherwise } => vec![*condition, *then, *otherwise],
            Node::Window { args, .. } | Node::Recursive { args, .. } => args.clone(),
            Node::Cross { args, by, .. } => args.iter().chain(by).copied().collect(),
        }
    }

    /// The same operation on other nodes: `map` says which node stands for each operand.
    pub(crate) fn with_operands(mut self, map: impl Fn(NodeId) -> NodeId) -> Node {
        match &mut self {
            Node::Input { .. } | Node::Number(_) | Node::Bool(_) => {}
            Node::Unary { x, .. } => *x = map(*x),
            Node::Binary { x, y, .. } => (*x, *y) = (map(*x), map(*y)),
            Node::If { condition, then, otherwise } => {
                (*condition, *then, *otherwise) = (map(*condition), map(*then), map(*otherwise));
            }
            Node::Window { args, .. } | Node::Recursive { args, .. } => {
                args.iter_mut().for_each(|arg| *arg = map(*arg));
            }
            Node::Cross { args, by, .. } => args.iter_mut().chain(by).for_each(|arg| *arg = map(*arg)),
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

/// What one partition reads of one column of an input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnRead {
    pub column: String,
    pub back: u32,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Program {
    pub nodes: Vec<Node>,
    pub outputs: Vec<Output>,
}
