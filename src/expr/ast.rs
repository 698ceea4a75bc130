//! Expressions as they were written, before names mean anything.
//!
//! Expressions lie in one list, operands before what uses them, and refer to each other by position. A tree of boxes would
//! overflow the stack where it is walked or dropped, if someone adds up ten thousand terms.

use std::ops::Range;

use crate::program::{BinaryOp, UnaryOp};

/// Position of an expression in [`Ast::exprs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExprId(pub usize);

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ident {
    pub text: String,
    pub span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arg {
    /// `min_periods` in `min_periods=20`.
    pub name: Option<Ident>,
    pub value: ExprId,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExprKind {
    /// `integer` is there if the literal is written in digits alone.
    Number {
        value: f64,
        integer: Option<u64>,
    },
    Bool(bool),
    Name {
        input: Option<Ident>,
        column: Ident,
    },
    Unary {
        op: UnaryOp,
        x: ExprId,
    },
    Binary {
        op: BinaryOp,
        x: ExprId,
        y: ExprId,
    },
    /// `part` is `hist` in `macd(close).hist`.
    Call {
        function: Ident,
        args: Vec<Arg>,
        part: Option<Ident>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expr {
    pub kind: ExprKind,
    /// Bytes of the text, with the parentheses around it.
    pub span: Range<usize>,
    /// Where the expressions below this one begin: it and they are `first..=self`.
    pub first: usize,
}

/// A number written out, with its sign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Literal {
    pub value: f64,
    /// The magnitude, if it is written in digits alone.
    pub integer: Option<u64>,
    pub negative: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Ast {
    pub exprs: Vec<Expr>,
}

impl Ast {
    /// Appends an expression; what it refers to was appended before it.
    pub fn push(&mut self, kind: ExprKind, span: Range<usize>) -> ExprId {
        let first_of = |id: &ExprId| self.exprs[id.0].first;
        let first = match &kind {
            ExprKind::Number { .. } | ExprKind::Bool(_) | ExprKind::Name { .. } => None,
            ExprKind::Unary { x, .. } | ExprKind::Binary { x, .. } => Some(first_of(x)),
            ExprKind::Call { args, .. } => args.first().map(|arg| first_of(&arg.value)),
        };
        let id = ExprId(self.exprs.len());
        self.exprs.push(Expr { kind, span, first: first.unwrap_or(id.0) });
        id
    }

    pub fn get(&self, id: ExprId) -> &Expr {
        &self.exprs[id.0]
    }

    /// The number that `id` is, if it is one written out, with a minus before it or not.
    pub fn literal(&self, id: ExprId) -> Option<Literal> {
        match self.get(id).kind {
            ExprKind::Number { value, integer } => Some(Literal { value, integer, negative: false }),
            ExprKind::Unary { op: UnaryOp::Neg, x } => match self.get(x).kind {
                ExprKind::Number { value, integer } => Some(Literal { value: -value, integer, negative: true }),
                _ => None,
            },
            _ => None,
        }
    }
}
