//! One column in Qlib's dialect → nodes.
//!
//! Where Qlib works on pandas' and numpy's values, what comes of it is written out: a condition counts as 1 or 0 where a number is
//! needed, and `a != b` is true where a value is missing, being no more than `not (a == b)`.

use super::bind::{Call, Length, bind, least};
use super::extent::rows_loaded;
use super::operators::{Meaning, ParamKind};
use super::parse::parse;
use crate::ast::{Ast, ExprId, ExprKind, Ident};
use crate::builder::{Builder, Value};
use crate::error::Mistake;
use crate::names::{Meaning as Named, Scope};
use crate::program::{BinaryOp, Node, RecursiveFn, Type, UnaryOp, WindowFn};
use crate::suggest::code;

/// Compiles one column. With `compat` some of Qlib's defects are reproduced; `only` is the alias of the one input whose columns names
/// mean, if not of all. A value is `None` where a mistake was reported.
pub(crate) fn compile_column(
    text: &str,
    compat: bool,
    only: Option<&str>,
    scope: &Scope<'_>,
    builder: &mut Builder,
    mistakes: &mut Vec<Mistake>,
) -> Option<Value> {
    let ast = match parse(text) {
        Ok(ast) => ast,
        Err(mistake) => {
            mistakes.push(mistake);
            return None;
        }
    };
    let mut literals = Vec::new();
    let calls: Vec<Option<Call>> = ast
        .exprs
        .iter()
        .map(|expr| match &expr.kind {
            ExprKind::Call { function, args, .. } => bind(&ast, text, function, args, &mut literals, mistakes),
            _ => None,
        })
        .collect();
    let mut is_read = vec![false; ast.exprs.len()];
    for literal in literals {
        is_read[ast.get(literal).first..=literal.0].fill(true);
    }
    let rows = if compat { rows_loaded(&ast, &calls) } else { Vec::new() };
    let mut column = Column { text, ast: &ast, compat, only, rows, scope, builder, mistakes };
    let mut values: Vec<Option<Value>> = vec![None; ast.exprs.len()];
    for at in (0..ast.exprs.len()).filter(|at| !is_read[*at]) {
        values[at] = column.expression(at, calls[at].as_ref(), &values);
    }
    values.pop().flatten()
}

struct Column<'a> {
    text: &'a str,
    ast: &'a Ast,
    compat: bool,
    only: Option<&'a str>,
    /// With `compat`, the rows that a query of one day loads for each expression.
    rows: Vec<Option<u32>>,
    scope: &'a Scope<'a>,
    builder: &'a mut Builder,
    mistakes: &'a mut Vec<Mistake>,
}

impl Column<'_> {
    fn expression(&mut self, at: usize, call: Option<&Call>, values: &[Option<Value>]) -> Option<Value> {
        match &self.ast.exprs[at].kind {
            ExprKind::Number { value, .. } => Some(self.number(Node::Number(*value))),
            ExprKind::Bool(value) => Some(self.condition(Node::Bool(*value))),
            ExprKind::Name { input, column } => self.name(input.as_ref(), column),
            ExprKind::Unary { x, .. } => {
                let x = self.as_number(*x, values, "`-`")?;
                // A negative number is a number: `-3` is not computed at each session.
                Some(match self.builder.constant(x.node) {
                    Some(value) => self.number(Node::Number(-value)),
                    None => self.number(Node::Unary { op: UnaryOp::Neg, x: x.node }),
                })
            }
            ExprKind::Binary { op, x, y } => self.binary(*op, [*x, *y], values, &code(symbol(*op))),
            _ => self.call(at, call?, values),
        }
    }

    fn number(&mut self, node: Node) -> Value {
        self.builder.node(node, Type::Number)
    }

    fn condition(&mut self, node: Node) -> Value {
        self.builder.node(node, Type::Bool)
    }

    fn name(&mut self, input: Option<&Ident>, column: &Ident) -> Option<Value> {
        let only = self.only.map(|alias| Ident { text: alias.to_owned(), span: column.span.clone() });
        match self.scope.resolve(input.or(only.as_ref()), column) {
            Ok(Named::Column(value)) => value,
            Ok(Named::Input { input, ty }) => {
                let ty = ty.unwrap_or(Type::Number);
                Some(self.builder.node(Node::Input { input, column: column.text.clone(), ty }, ty))
            }
            Err(mistake) => {
                self.mistakes.push(mistake);
                None
            }
        }
    }

    fn binary(&mut self, op: BinaryOp, [x, y]: [ExprId; 2], values: &[Option<Value>], who: &str) -> Option<Value> {
        if matches!(op, BinaryOp::And | BinaryOp::Or) {
            let (x, y) = (self.as_condition(x, values, who), self.as_condition(y, values, who));
            return Some(self.condition(Node::Binary { op, x: x?.node, y: y?.node }));
        }
        let (left, right) = (values[x.0]?, values[y.0]?);
        if matches!(op, BinaryOp::Add | BinaryOp::Sub) && left.ty == Type::Bool && right.ty == Type::Bool {
            let span = self.ast.get(x).span.start..self.ast.get(y).span.end;
            let message = format!("{who} of two conditions does not count them in Qlib");
            let help = "multiply one by 1 to count, as in `1*($close > $open)`; combine conditions by `&` and `|`";
            self.mistakes.push(Mistake::new(span, message).help(help));
            return None;
        }
        let (x, y) = (self.as_number(x, values, who), self.as_number(y, values, who));
        let (x, y) = (x?.node, y?.node);
        Some(match op {
            BinaryOp::Ne => {
                let equal = self.condition(Node::Binary { op: BinaryOp::Eq, x, y });
                self.condition(Node::Unary { op: UnaryOp::Not, x: equal.node })
            }
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge | BinaryOp::Eq => {
                self.condition(Node::Binary { op, x, y })
            }
            _ => self.number(Node::Binary { op, x, y }),
        })
    }

    fn call(&mut self, at: usize, call: &Call, values: &[Option<Value>]) -> Option<Value> {
        let who = code(call.operator.name);
        match (call.operator.meaning, &call.operands[..]) {
            (Meaning::Binary(op), [x, y]) => return self.binary(op, [*x, *y], values, &who),
            (Meaning::If, [condition, a, b]) => return self.choice([*condition, *a, *b], values, &who),
            _ => {}
        }
        let kinds = call.operator.params.iter().map(|(_, kind)| *kind);
        let kinds = kinds.filter(|kind| matches!(kind, ParamKind::Number | ParamKind::Condition));
        let operands: Vec<Option<Value>> = kinds
            .zip(&call.operands)
            .map(|(kind, id)| match kind {
                ParamKind::Condition => self.as_condition(*id, values, &who),
                _ => self.as_number(*id, values, &who),
            })
            .collect();
        let operands: Vec<Value> = operands.into_iter().collect::<Option<_>>()?;
        let x = operands.first()?.node;
        match (call.operator.meaning, call.length) {
            (Meaning::Unary(op), _) => Some(self.number(Node::Unary { op, x })),
            (Meaning::Not, _) => Some(self.condition(Node::Unary { op: UnaryOp::Not, x })),
            (Meaning::Ref, Some(length)) => Some(self.before(&operands, length)),
            (Meaning::Delta, Some(length)) => {
                let before = self.before(&operands, length).node;
                Some(self.number(Node::Binary { op: BinaryOp::Sub, x, y: before }))
            }
            (Meaning::Ema, Some(Length::Rows(n))) => self.ewm(at, &operands, 2.0 / (f64::from(n) + 1.0)),
            (Meaning::Ema | Meaning::Window(_), Some(Length::Alpha(alpha))) => self.ewm(at, &operands, alpha),
            (Meaning::Window(f), Some(Length::Rows(n))) => Some(self.window(f, &operands, n, call.quantile)),
            (Meaning::Window(f), Some(Length::All)) => {
                let params = vec![f64::from(least(f)), call.quantile];
                Some(self.recursive(RecursiveFn::Expanding(f), &operands, params))
            }
            // Each operator has the arguments that its entry says, and `bind` has seen to their lengths.
            _ => None,
        }
    }

    fn recursive(&mut self, f: RecursiveFn, operands: &[Value], params: Vec<f64>) -> Value {
        let args = operands.iter().map(|value| value.node).collect();
        self.number(Node::Recursive { f, args, params, part: 0 })
    }

    fn plain_window(&mut self, f: WindowFn, operands: &[Value], n: u32, param: f64) -> Value {
        let args = operands.iter().map(|value| value.node).collect();
        self.number(Node::Window { f, args, n, min_periods: least(f), param })
    }

    /// The value so many rows ago, or the first of all.
    fn before(&mut self, operands: &[Value], length: Length) -> Value {
        match length {
            Length::Rows(n) => self.plain_window(WindowFn::Ref, operands, n, 0.0),
            _ => self.recursive(RecursiveFn::FirstValid, operands, Vec::new()),
        }
    }

    fn ewm(&mut self, at: usize, operands: &[Value], alpha: f64) -> Option<Value> {
        if !self.compat {
            return Some(self.recursive(RecursiveFn::Ewm, operands, vec![alpha]));
        }
        let Some(rows) = self.rows.get(at).copied().flatten() else {
            let message = "`compat: qlib` cannot reproduce an exponentially weighted mean inside another window";
            let help = "Qlib computes it there from another number of rows on each row, which depends on the query; without `compat: qlib` it is computed from all rows so far";
            self.mistakes.push(Mistake::new(self.ast.exprs[at].span.clone(), message).help(help));
            return None;
        };
        Some(self.plain_window(WindowFn::EwmWindow, operands, rows, alpha))
    }

    fn window(&mut self, f: WindowFn, operands: &[Value], n: u32, param: f64) -> Value {
        let value = self.plain_window(f, operands, n, param);
        match (f, operands) {
            (WindowFn::Wma, [x]) if self.compat => self.divided_twice(*x, n, value),
            (WindowFn::ArgMax | WindowFn::ArgMin, [x]) if self.compat => self.first_missing(*x, n, value),
            _ => value,
        }
    }

    /// Qlib's `WMA` divides by the sum of all weights, and then takes the mean over the valid values, not their sum:
    /// `np.nanmean(w / w.sum() * x)`.
    fn divided_twice(&mut self, x: Value, n: u32, wma: Value) -> Value {
        let is_valid = self.indicator(x, [0.0, 1.0]);
        // The part of all weights that stands at valid values.
        let weight = self.plain_window(WindowFn::Wma, &[is_valid], n, 0.0).node;
        let count = self.plain_window(WindowFn::Count, &[x], n, 0.0).node;
        let sum = self.number(Node::Binary { op: BinaryOp::Mul, x: wma.node, y: weight }).node;
        self.number(Node::Binary { op: BinaryOp::Div, x: sum, y: count })
    }

    /// Qlib's `IdxMax` and `IdxMin` are numpy's `argmax` and `argmin`, for which a missing value is the greatest and the least.
    fn first_missing(&mut self, x: Value, n: u32, place: Value) -> Value {
        let is_missing = self.indicator(x, [1.0, 0.0]);
        let first = self.plain_window(WindowFn::ArgMax, &[is_missing], n, 0.0).node;
        let zero = self.number(Node::Number(0.0)).node;
        let any = self.plain_window(WindowFn::Max, &[is_missing], n, 0.0).node;
        let valid = self.plain_window(WindowFn::Count, &[x], n, 0.0).node;
        let any = self.condition(Node::Binary { op: BinaryOp::Gt, x: any, y: zero }).node;
        let valid = self.condition(Node::Binary { op: BinaryOp::Gt, x: valid, y: zero }).node;
        let condition = self.condition(Node::Binary { op: BinaryOp::And, x: any, y: valid }).node;
        self.number(Node::If { condition, then: first, otherwise: place.node })
    }

    /// One number where `x` is missing, another where it is not.
    fn indicator(&mut self, x: Value, [missing, valid]: [f64; 2]) -> Value {
        let condition = self.condition(Node::Unary { op: UnaryOp::IsMissing, x: x.node }).node;
        let then = self.number(Node::Number(missing)).node;
        let otherwise = self.number(Node::Number(valid)).node;
        self.number(Node::If { condition, then, otherwise })
    }

    /// `np.where`: a number is true unless it is 0, also a missing one.
    fn choice(&mut self, [condition, a, b]: [ExprId; 3], values: &[Option<Value>], who: &str) -> Option<Value> {
        let condition = match values[condition.0] {
            Some(Value { node, ty: Type::Number }) => {
                let zero = self.number(Node::Number(0.0)).node;
                let equal = self.condition(Node::Binary { op: BinaryOp::Eq, x: node, y: zero }).node;
                Some(self.condition(Node::Unary { op: UnaryOp::Not, x: equal }))
            }
            _ => self.as_condition(condition, values, who),
        };
        if let (Some(Value { node: then, ty: Type::Bool }), Some(Value { node: otherwise, ty: Type::Bool })) =
            (values[a.0], values[b.0])
        {
            return Some(self.condition(Node::If { condition: condition?.node, then, otherwise }));
        }
        let (a, b) = (self.as_number(a, values, who), self.as_number(b, values, who));
        Some(self.number(Node::If { condition: condition?.node, then: a?.node, otherwise: b?.node }))
    }

    /// The value of an expression as a number: a condition is 1 or 0.
    fn as_number(&mut self, id: ExprId, values: &[Option<Value>], who: &str) -> Option<Value> {
        let value = values[id.0]?;
        match value.ty {
            Type::Number => Some(value),
            Type::Bool => {
                let (then, otherwise) = (self.number(Node::Number(1.0)).node, self.number(Node::Number(0.0)).node);
                Some(self.number(Node::If { condition: value.node, then, otherwise }))
            }
            Type::Category => {
                let message = format!("{who} needs numbers, but {} is text", self.shown(id));
                self.mistakes.push(Mistake::new(self.ast.get(id).span.clone(), message));
                None
            }
        }
    }

    fn as_condition(&mut self, id: ExprId, values: &[Option<Value>], who: &str) -> Option<Value> {
        let value = values[id.0]?;
        if value.ty == Type::Bool {
            return Some(value);
        }
        let what = if value.ty == Type::Category { "text" } else { "a number" };
        let message = format!("{who} needs a condition, but {} is {what}", self.shown(id));
        let mistake = Mistake::new(self.ast.get(id).span.clone(), message);
        self.mistakes.push(mistake.help(
            "compare it, and put the comparison in parentheses, which `&` and `|` need: `($close > 0) & ($volume > 0)`",
        ));
        None
    }

    /// The text of an expression, on one line.
    fn shown(&self, id: ExprId) -> String {
        code(&self.text[self.ast.get(id).span.clone()].split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// An operator as it is written in Qlib.
fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Pow => "**",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::And => "&",
        BinaryOp::Or => "|",
        BinaryOp::Min => "Less",
        BinaryOp::Max => "Greater",
        BinaryOp::Coalesce => "coalesce",
    }
}
