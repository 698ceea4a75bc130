//! Qlib's operators: `qlib/data/ops.py`, `OpsList`.

use crate::program::{BinaryOp, UnaryOp, WindowFn};

/// What may be given for a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParamKind {
    Number,
    Condition,
    /// `N`: rows, 0 for all so far, or for some operators a fraction.
    Length,
    /// `qscore`
    Quantile,
}

/// A parameter, by the name that it has in Qlib.
pub(crate) type Param = (&'static str, ParamKind);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning {
    Unary(UnaryOp),
    Not,
    Binary(BinaryOp),
    If,
    Ref,
    Delta,
    Ema,
    Window(WindowFn),
}

#[derive(Debug)]
pub(crate) struct Operator {
    pub name: &'static str,
    pub params: &'static [Param],
    pub meaning: Meaning,
}

impl Operator {
    /// `Mean(feature, N)`
    pub fn signature(&self) -> String {
        let params: Vec<&str> = self.params.iter().map(|(name, _)| *name).collect();
        format!("{}({})", self.name, params.join(", "))
    }
}

const FEATURE: Param = ("feature", ParamKind::Number);
const LEFT: Param = ("feature_left", ParamKind::Number);
const RIGHT: Param = ("feature_right", ParamKind::Number);
const N: Param = ("N", ParamKind::Length);

const fn unary(name: &'static str, op: UnaryOp) -> Operator {
    Operator { name, params: &[FEATURE], meaning: Meaning::Unary(op) }
}

const fn pair(name: &'static str, op: BinaryOp) -> Operator {
    Operator { name, params: &[LEFT, RIGHT], meaning: Meaning::Binary(op) }
}

const fn logic(name: &'static str, op: BinaryOp) -> Operator {
    const PARAMS: [Param; 2] = [("feature_left", ParamKind::Condition), ("feature_right", ParamKind::Condition)];
    Operator { name, params: &PARAMS, meaning: Meaning::Binary(op) }
}

const fn rolling(name: &'static str, meaning: Meaning) -> Operator {
    Operator { name, params: &[FEATURE, N], meaning }
}

const fn window(name: &'static str, f: WindowFn) -> Operator {
    rolling(name, Meaning::Window(f))
}

const fn pair_rolling(name: &'static str, f: WindowFn) -> Operator {
    Operator { name, params: &[LEFT, RIGHT, N], meaning: Meaning::Window(f) }
}

pub(crate) static OPERATORS: &[Operator] = &[
    unary("Abs", UnaryOp::Abs),
    unary("Sign", UnaryOp::Sign),
    unary("Log", UnaryOp::Log),
    Operator { name: "Not", params: &[("feature", ParamKind::Condition)], meaning: Meaning::Not },
    pair("Power", BinaryOp::Pow),
    pair("Add", BinaryOp::Add),
    pair("Sub", BinaryOp::Sub),
    pair("Mul", BinaryOp::Mul),
    pair("Div", BinaryOp::Div),
    pair("Greater", BinaryOp::Max),
    pair("Less", BinaryOp::Min),
    pair("Gt", BinaryOp::Gt),
    pair("Ge", BinaryOp::Ge),
    pair("Lt", BinaryOp::Lt),
    pair("Le", BinaryOp::Le),
    pair("Eq", BinaryOp::Eq),
    pair("Ne", BinaryOp::Ne),
    logic("And", BinaryOp::And),
    logic("Or", BinaryOp::Or),
    Operator { name: "If", params: &[("condition", ParamKind::Condition), LEFT, RIGHT], meaning: Meaning::If },
    rolling("Ref", Meaning::Ref),
    rolling("Delta", Meaning::Delta),
    rolling("EMA", Meaning::Ema),
    window("Mean", WindowFn::Mean),
    window("Sum", WindowFn::Sum),
    window("Std", WindowFn::Std),
    window("Var", WindowFn::Var),
    window("Skew", WindowFn::Skew),
    window("Kurt", WindowFn::Kurt),
    window("Max", WindowFn::Max),
    window("Min", WindowFn::Min),
    window("IdxMax", WindowFn::ArgMax),
    window("IdxMin", WindowFn::ArgMin),
    Operator {
        name: "Quantile",
        params: &[FEATURE, N, ("qscore", ParamKind::Quantile)],
        meaning: Meaning::Window(WindowFn::Quantile),
    },
    window("Med", WindowFn::Median),
    window("Mad", WindowFn::Mad),
    window("Rank", WindowFn::Rank),
    window("Count", WindowFn::Count),
    window("Slope", WindowFn::Slope),
    window("Rsquare", WindowFn::RSquare),
    window("Resi", WindowFn::Resid),
    window("WMA", WindowFn::Wma),
    pair_rolling("Corr", WindowFn::Corr),
    pair_rolling("Cov", WindowFn::Cov),
];

pub(crate) fn operator(name: &str) -> Option<&'static Operator> {
    OPERATORS.iter().find(|operator| operator.name == name)
}

/// Why an operator of Qlib's is not to be had.
pub(crate) struct Refusal {
    pub why: &'static str,
    pub instead: &'static str,
}

/// The operators of Qlib's that are refused.
pub(crate) fn refused(name: &str) -> Option<Refusal> {
    let (why, instead) = match name {
        "Mask" | "ChangeInstrument" => (
            "it reads another instrument's column",
            "take that instrument out by an asset of kind `sql` without the column `instrument`, and name it as an input: its value stands for every instrument",
        ),
        "TResample" => ("it changes the frequency of its operand", "resample in an asset of kind `sql`, and read that"),
        "P" | "PRef" | "PFeature" => (
            "point-in-time data is joined, not computed",
            "join reports as of their announcement in an asset of kind `sql`, and read its columns by `$name`",
        ),
        "Feature" => ("a field is named by its `$`", "write `$close`"),
        "Rolling" => ("it is what other operators are made of", "name the function: `Mean($close, 20)`, say"),
        _ => return None,
    };
    Some(Refusal { why, instead })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_qlibs_and_unique() {
        let names: std::collections::BTreeSet<&str> = OPERATORS.iter().map(|operator| operator.name).collect();
        assert_eq!(names.len(), OPERATORS.len());
        assert!(names.iter().all(|name| refused(name).is_none()));
        let of = |name| operator(name).map(Operator::signature);
        assert_eq!(of("Quantile").as_deref(), Some("Quantile(feature, N, qscore)"));
        assert_eq!(of("Corr").as_deref(), Some("Corr(feature_left, feature_right, N)"));
        assert_eq!(of("mean"), None);
    }
}
