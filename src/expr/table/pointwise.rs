//! Functions of the same session and instrument.

use super::params::{CLOSE, CONDITION, HIGH, LOW, OPEN, X, Y, number};
use crate::catalogue::{Class, Function, Op, Param, ParamKind};
use crate::program::{BinaryOp, UnaryOp};

const A: Param = Param { name: "a", kind: ParamKind::Branch, default: None, named_only: false };
const B: Param = Param { name: "b", ..A };

/// What the entries of this file have in common.
const BASE: Function = Function {
    name: "",
    aliases: &[],
    class: Class::Pointwise,
    params: &[X],
    parts: &[],
    doc: "",
    formula: "",
    source: "",
    missing: "missing if `x` is",
    first_valid: "1",
    version: 1,
    op: Op::Formula,
};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "if",
        params: &[CONDITION, A, B],
        doc: "one of two values, by a condition",
        formula: "a where condition is true, else b",
        source: "Qlib `qlib/data/ops.py`, `If`",
        missing: "missing if the chosen value is; a comparison with a missing value is false",
        op: Op::If,
        ..BASE
    },
    Function {
        name: "abs",
        params: &[X],
        doc: "absolute value",
        formula: "|x|",
        source: "Qlib `qlib/data/ops.py`, `Abs`",
        op: Op::Unary(UnaryOp::Abs),
        ..BASE
    },
    Function {
        name: "sign",
        params: &[X],
        doc: "sign",
        formula: "-1, 0 or 1 as x is below, at or above 0",
        source: "Qlib `qlib/data/ops.py`, `Sign`",
        op: Op::Unary(UnaryOp::Sign),
        ..BASE
    },
    Function {
        name: "log",
        aliases: &["ln"],
        params: &[X],
        doc: "natural logarithm",
        formula: "ln(x)",
        source: "Qlib `qlib/data/ops.py`, `Log`",
        missing: "missing if `x` is, or is not above 0",
        op: Op::Unary(UnaryOp::Log),
        ..BASE
    },
    Function {
        name: "exp",
        params: &[X],
        doc: "exponential",
        formula: "e^x",
        source: "numpy `exp`",
        missing: "missing if `x` is, or if the result is too large",
        op: Op::Unary(UnaryOp::Exp),
        ..BASE
    },
    Function {
        name: "sqrt",
        params: &[X],
        doc: "square root",
        formula: "x^0.5",
        source: "numpy `sqrt`",
        missing: "missing if `x` is, or is below 0",
        op: Op::Unary(UnaryOp::Sqrt),
        ..BASE
    },
    Function {
        name: "floor",
        params: &[X],
        doc: "the greatest whole number that is not above it",
        formula: "the greatest whole number <= x",
        source: "numpy `floor`",
        op: Op::Unary(UnaryOp::Floor),
        ..BASE
    },
    Function {
        name: "ceil",
        params: &[X],
        doc: "the least whole number that is not below it",
        formula: "the least whole number >= x",
        source: "numpy `ceil`",
        op: Op::Unary(UnaryOp::Ceil),
        ..BASE
    },
    Function {
        name: "round",
        params: &[X],
        doc: "the nearest whole number, halves to the even one",
        formula: "the whole number nearest to x",
        source: "numpy `round`",
        op: Op::Unary(UnaryOp::Round),
        ..BASE
    },
    Function {
        name: "tanh",
        params: &[X],
        doc: "hyperbolic tangent, which draws any number in to -1 to 1",
        formula: "(e^x - e^-x) / (e^x + e^-x)",
        source: "numpy `tanh`",
        op: Op::Unary(UnaryOp::Tanh),
        ..BASE
    },
    Function {
        name: "atan",
        aliases: &["arctan"],
        params: &[X],
        doc: "inverse tangent, in radians",
        formula: "the angle whose tangent is x",
        source: "numpy `arctan`",
        op: Op::Unary(UnaryOp::Atan),
        ..BASE
    },
    Function {
        name: "sigmoid",
        params: &[X],
        doc: "logistic function, which draws any number in to 0 to 1",
        formula: "1 / (1 + exp(-x))",
        source: "logistic function",
        missing: "missing if `x` is, or is below about -709",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "power",
        aliases: &["pow"],
        params: &[X, Y],
        doc: "power; the same as `x ^ y`",
        formula: "x^y",
        source: "Qlib `qlib/data/ops.py`, `Power`",
        missing: "missing if an argument is, or if the result is not finite",
        op: Op::Binary(BinaryOp::Pow),
        ..BASE
    },
    Function {
        name: "signed_power",
        aliases: &["signedpower"],
        params: &[X, Y],
        doc: "power of the magnitude, with the sign of the number",
        formula: "sign(x) * abs(x) ^ y",
        source: "Kakushadze, \"101 Formulaic Alphas\"",
        missing: "missing if an argument is",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "greater",
        aliases: &["maximum"],
        params: &[X, Y],
        doc: "the greater of two numbers",
        formula: "x if x >= y, else y",
        source: "Qlib `qlib/data/ops.py`, `Greater`",
        missing: "missing if an argument is",
        op: Op::Binary(BinaryOp::Max),
        ..BASE
    },
    Function {
        name: "less",
        aliases: &["minimum"],
        params: &[X, Y],
        doc: "the lesser of two numbers",
        formula: "x if x <= y, else y",
        source: "Qlib `qlib/data/ops.py`, `Less`",
        missing: "missing if an argument is",
        op: Op::Binary(BinaryOp::Min),
        ..BASE
    },
    Function {
        name: "max",
        params: &[X, Y],
        doc: "the greater of two numbers; a number written out as `y` means a window: for that, use `greater`",
        formula: "x if x >= y, else y",
        source: "Qlib `qlib/data/ops.py`, `Greater`",
        missing: "missing if an argument is",
        op: Op::Binary(BinaryOp::Max),
        ..BASE
    },
    Function {
        name: "min",
        params: &[X, Y],
        doc: "the lesser of two numbers; a number written out as `y` means a window: for that, use `less`",
        formula: "x if x <= y, else y",
        source: "Qlib `qlib/data/ops.py`, `Less`",
        missing: "missing if an argument is",
        op: Op::Binary(BinaryOp::Min),
        ..BASE
    },
    Function {
        name: "clip",
        params: &[X, number("lo"), number("hi")],
        doc: "a number held between two bounds",
        formula: "less(greater(x, lo), hi)",
        source: "numpy `clip`",
        missing: "missing if an argument is",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "between",
        params: &[X, number("lo"), number("hi")],
        doc: "whether a number lies between two bounds, or on one",
        formula: "x >= lo and x <= hi",
        source: "pandas `Series.between`",
        missing: "false if an argument is missing",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "is_missing",
        aliases: &["isna", "isnull"],
        params: &[X],
        doc: "whether there is no value",
        formula: "true where x is missing",
        source: "pandas `isna`",
        missing: "never missing",
        op: Op::Unary(UnaryOp::IsMissing),
        ..BASE
    },
    Function {
        name: "coalesce",
        aliases: &["fillna"],
        params: &[X, Y],
        doc: "a value, or another where it is missing",
        formula: "x, or y where x is missing",
        source: "SQL `coalesce`",
        missing: "missing if both arguments are",
        op: Op::Binary(BinaryOp::Coalesce),
        ..BASE
    },
    Function {
        name: "where",
        params: &[X, CONDITION],
        doc: "a value where a condition holds, and nothing elsewhere",
        formula: "if(condition, x, x / 0)",
        source: "pandas `Series.where`",
        missing: "missing if `x` is, or where the condition does not hold",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "avgprice",
        aliases: &["ohlc4"],
        params: &[OPEN, HIGH, LOW, CLOSE],
        doc: "mean of the four prices",
        formula: "(open + high + low + close) / 4",
        source: "TA-Lib `AVGPRICE`",
        missing: "missing if an argument is",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "medprice",
        aliases: &["hl2"],
        params: &[HIGH, LOW],
        doc: "middle of the session's range",
        formula: "(high + low) / 2",
        source: "TA-Lib `MEDPRICE`",
        missing: "missing if an argument is",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "typprice",
        aliases: &["hlc3"],
        params: &[HIGH, LOW, CLOSE],
        doc: "typical price",
        formula: "(high + low + close) / 3",
        source: "TA-Lib `TYPPRICE`",
        missing: "missing if an argument is",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "wclprice",
        params: &[HIGH, LOW, CLOSE],
        doc: "mean price that counts the close twice",
        formula: "(high + low + 2 * close) / 4",
        source: "TA-Lib `WCLPRICE`",
        missing: "missing if an argument is",
        op: Op::Formula,
        ..BASE
    },
    Function {
        name: "bop",
        params: &[OPEN, HIGH, LOW, CLOSE],
        doc: "balance of power: what of the range the close won over the open",
        formula: "if(high - low < 1e-14, 0 * (open + close), (close - open) / (high - low))",
        source: "TA-Lib `BOP`",
        missing: "missing if an argument is",
        op: Op::Formula,
        ..BASE
    },
];
