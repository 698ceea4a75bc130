//! Numbers that are written out: what is read before anything runs.
//!
//! In an expression of a user these are numbers and nothing else, so that a window can be seen in the text. In the formula of a
//! function they may be computed from its parameters: `floor(n / 2)`.

use std::collections::HashMap;

use crate::ast::{Ast, ExprId, ExprKind, Literal};
use crate::builder::Value;
use crate::program::{BinaryOp, UnaryOp};

/// What the names in a formula mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Binding {
    Value(Value),
    Number(f64),
}

/// The names of a formula: the function's parameters, the words of its choices, and the definitions before.
pub(crate) type Bindings = HashMap<String, Binding>;

/// The number that `id` is, if it is one; `bindings` are there in a formula.
pub(crate) fn literal(ast: &Ast, id: ExprId, bindings: Option<&Bindings>) -> Option<Literal> {
    let Some(bindings) = bindings else { return ast.literal(id) };
    let value = number(ast, id, bindings)?;
    let whole = value.fract() == 0.0 && value.abs() < 1e15;
    Some(Literal { value, integer: whole.then_some(value.abs() as u64), negative: value < 0.0 })
}

/// The number that an expression of a formula is, if it follows from the function's arguments that are written out.
pub(crate) fn number(ast: &Ast, id: ExprId, bindings: &Bindings) -> Option<f64> {
    match &ast.get(id).kind {
        ExprKind::Number { value, .. } => Some(*value),
        ExprKind::Name { input: None, column } => match bindings.get(&column.text)? {
            Binding::Number(value) => Some(*value),
            Binding::Value(_) => None,
        },
        ExprKind::Unary { op: UnaryOp::Neg, x } => Some(-number(ast, *x, bindings)?),
        ExprKind::Binary { op, x, y } => {
            let (x, y) = (number(ast, *x, bindings)?, number(ast, *y, bindings)?);
            match op {
                BinaryOp::Add => Some(x + y),
                BinaryOp::Sub => Some(x - y),
                BinaryOp::Mul => Some(x * y),
                BinaryOp::Div => Some(x / y),
                BinaryOp::Pow => Some(x.powf(y)),
                _ => None,
            }
        }
        ExprKind::Call { function, args, part: None } => {
            let values: Option<Vec<f64>> = args.iter().map(|arg| number(ast, arg.value, bindings)).collect();
            match (function.text.as_str(), &values?[..]) {
                ("floor", [x]) => Some(x.floor()),
                ("sqrt", [x]) => Some(x.sqrt()),
                ("exp", [x]) => Some(x.exp()),
                ("log", [x]) => Some(x.ln()),
                ("greater", [x, y]) => Some(x.max(*y)),
                ("less", [x, y]) => Some(x.min(*y)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a condition of a formula holds, if that follows from the function's arguments that are written out.
pub(crate) fn condition(ast: &Ast, id: ExprId, bindings: &Bindings) -> Option<bool> {
    let ExprKind::Binary { op: BinaryOp::Eq, x, y } = &ast.get(id).kind else { return None };
    Some(number(ast, *x, bindings)? == number(ast, *y, bindings)?)
}
