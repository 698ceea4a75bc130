//! Columns → a program: names get their meaning, types are checked, equal parts are shared.

use crate::ast::{Ast, ExprId, ExprKind, Ident};
use crate::builder::{Builder, Value};
use crate::calls::{Bound, Context, bind};
use crate::catalogue::{Op, ParamKind};
use crate::constants::{Binding, Bindings, condition, number};
use crate::dialect::Dialect;
use crate::error::{ExprError, Mistake};
use crate::names::{InputScope, Meaning, Scope, Source};
use crate::parse::parse;
use crate::program::{BinaryOp, CrossFn, Node, Program, RecursiveFn, Type, UnaryOp, WindowFn};
use crate::qlib;
use crate::suggest::code;

/// Compiles the columns of one asset over its inputs. A column may use earlier columns by their names.
///
/// # Errors
///
/// Every mistake of every column, in the order of the columns and of their text; of a column that is not well-formed the first alone.
/// What uses a column with mistakes is not reported for it.
pub fn compile(columns: &[Source], inputs: &[InputScope]) -> Result<Program, Vec<ExprError>> {
    compile_in(columns, &|_| Dialect::Native, inputs)
}

/// As [`compile`], where `dialect` says in which language column number so and so is written.
///
/// # Errors
///
/// Those of [`compile`].
pub fn compile_in(
    columns: &[Source],
    dialect: &dyn Fn(usize) -> Dialect,
    inputs: &[InputScope],
) -> Result<Program, Vec<ExprError>> {
    let mut builder = Builder::default();
    let mut scope = Scope::new(columns, inputs);
    let mut errors = Vec::new();
    for (index, source) in columns.iter().enumerate() {
        let mut mistakes = Vec::new();
        let value = match dialect(index) {
            Dialect::Native => compile_native(source.text, &scope, &mut builder, &mut mistakes),
            Dialect::Qlib { compat } => {
                qlib::compile_column(source.text, compat, None, &scope, &mut builder, &mut mistakes)
            }
            Dialect::Feature { compat } => {
                let first = inputs.first().map(|input| input.alias.as_str());
                qlib::compile_column(source.text, compat, first, &scope, &mut builder, &mut mistakes)
            }
        };
        if let Some(value) = value {
            builder.output(source.name, value);
        }
        scope.define(value);
        mistakes.sort_by_key(|mistake| mistake.span.start);
        errors.extend(mistakes.into_iter().map(|mistake| mistake.in_column(index)));
    }
    if errors.is_empty() { Ok(builder.finish()) } else { Err(errors) }
}

fn compile_native(text: &str, scope: &Scope<'_>, builder: &mut Builder, mistakes: &mut Vec<Mistake>) -> Option<Value> {
    match parse(text) {
        Ok(ast) => {
            let names = Names::Scope(scope);
            let mut column = Column { text, ast: &ast, names, builder, mistakes: Vec::new() };
            let value = column.compile().and_then(|value| column.result(value));
            mistakes.append(&mut column.mistakes);
            value
        }
        Err(mistake) => {
            mistakes.push(mistake);
            None
        }
    }
}

/// What names mean.
#[derive(Clone, Copy)]
pub(crate) enum Names<'a> {
    Scope(&'a Scope<'a>),
    /// In the formula of a function.
    Formula(&'a Bindings),
}

/// One column on its way, or one definition of a formula. A value is `None` where a mistake was reported.
pub(crate) struct Column<'a> {
    pub text: &'a str,
    pub ast: &'a Ast,
    pub names: Names<'a>,
    pub builder: &'a mut Builder,
    pub mistakes: Vec<Mistake>,
}

impl<'a> Column<'a> {
    fn bindings(&self) -> Option<&'a Bindings> {
        match self.names {
            Names::Scope(_) => None,
            Names::Formula(bindings) => Some(bindings),
        }
    }

    /// Compiles the expressions in the order in which they lie, operands first, which leads to the whole.
    pub fn compile(&mut self) -> Option<Value> {
        let ast = self.ast;
        let context = Context { ast, text: self.text, bindings: self.bindings() };
        let mut calls: Vec<Option<Bound>> = ast.exprs.iter().map(|_| None).collect();
        let mut literals = Vec::new();
        for (expr, call) in ast.exprs.iter().zip(&mut calls) {
            if let ExprKind::Call { function, args, part } = &expr.kind {
                *call = bind(context, function, args, part.as_ref(), &mut literals, &mut self.mistakes);
            }
        }
        // What was read as a number written out is no panel, and a mistake in it was reported.
        let mut is_read = vec![false; ast.exprs.len()];
        for literal in literals {
            is_read[ast.get(literal).first..=literal.0].fill(true);
        }
        let mut values: Vec<Option<Value>> = vec![None; ast.exprs.len()];
        let groups: Vec<ExprId> = calls.iter().flatten().filter_map(|call| call.by).collect();
        for at in (0..ast.exprs.len()).filter(|at| !is_read[*at]) {
            let id = ExprId(at);
            values[at] = match self.bindings().and_then(|bindings| number(ast, id, bindings)) {
                Some(value) => Some(self.builder.node(Node::Number(value), Type::Number)),
                None => self.expression(id, groups.contains(&id), calls[at].as_ref(), &values),
            };
        }
        values.pop().flatten()
    }

    /// What a name means; `is_group`: where a column of groups is wanted.
    fn name(&mut self, input: Option<&Ident>, column: &Ident, is_group: bool) -> Option<Value> {
        let scope = match self.names {
            Names::Scope(scope) => scope,
            Names::Formula(bindings) => {
                return match bindings.get(&column.text).filter(|_| input.is_none()) {
                    Some(Binding::Value(value)) => Some(*value),
                    Some(Binding::Number(value)) => Some(self.builder.node(Node::Number(*value), Type::Number)),
                    None => {
                        let message = format!("unknown name {}", code(&column.text));
                        self.mistakes.push(Mistake::new(column.span.clone(), message));
                        None
                    }
                };
            }
        };
        match scope.resolve(input, column) {
            Ok(Meaning::Column(value)) => value,
            Ok(Meaning::Input { input, ty }) => {
                let ty = ty.unwrap_or(if is_group { Type::Category } else { Type::Number });
                Some(self.builder.node(Node::Input { input, column: column.text.clone(), ty }, ty))
            }
            Err(mistake) => {
                self.mistakes.push(mistake);
                None
            }
        }
    }

    fn expression(
        &mut self,
        id: ExprId,
        is_group: bool,
        call: Option<&Bound>,
        values: &[Option<Value>],
    ) -> Option<Value> {
        match &self.ast.get(id).kind {
            ExprKind::Number { value, .. } => Some(self.builder.node(Node::Number(*value), Type::Number)),
            ExprKind::Bool(value) => Some(self.builder.node(Node::Bool(*value), Type::Bool)),
            ExprKind::Name { input, column } => self.name(input.as_ref(), column, is_group),
            ExprKind::Unary { op: UnaryOp::Not, x } => {
                let x = self.condition(*x, values, "`not`")?;
                Some(self.builder.node(Node::Unary { op: UnaryOp::Not, x: x.node }, Type::Bool))
            }
            ExprKind::Unary { op, x } => {
                let x = self.number(*x, values, "`-`")?;
                // A negative number is a number: `-3` is not computed at each session.
                match self.builder.constant(x.node) {
                    Some(value) if *op == UnaryOp::Neg => Some(self.builder.node(Node::Number(-value), Type::Number)),
                    _ => Some(self.builder.node(Node::Unary { op: *op, x: x.node }, Type::Number)),
                }
            }
            ExprKind::Binary { op, x, y } => self.binary(*op, *x, *y, values),
            ExprKind::Call { function, .. } => self.call(function, call?, values),
        }
    }

    fn binary(&mut self, op: BinaryOp, x: ExprId, y: ExprId, values: &[Option<Value>]) -> Option<Value> {
        let who = code(symbol(op));
        let ((x, y), ty) = match op {
            BinaryOp::And | BinaryOp::Or => {
                ((self.condition(x, values, &who), self.condition(y, values, &who)), Type::Bool)
            }
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge | BinaryOp::Eq | BinaryOp::Ne => {
                // `halted == true` is one mistake, not two.
                let x = self.compared(x, values, &who);
                ((x, x.and_then(|_| self.compared(y, values, &who))), Type::Bool)
            }
            _ => ((self.number(x, values, &who), self.number(y, values, &who)), Type::Number),
        };
        Some(self.builder.node(Node::Binary { op, x: x?.node, y: y?.node }, ty))
    }

    fn call(&mut self, name: &Ident, call: &Bound, values: &[Option<Value>]) -> Option<Value> {
        let who = code(call.function.name);
        let mut operands = Vec::with_capacity(call.operands.len());
        for (param, id) in &call.operands {
            operands.push(match param.kind {
                ParamKind::Bool => self.condition(*id, values, &who),
                ParamKind::Countable | ParamKind::Branch => self.not_text(*id, values, &who),
                _ => self.number(*id, values, &who),
            });
        }
        let by = call.by.map(|id| self.group(id, values, &who));
        let operands: Vec<Value> = operands.into_iter().collect::<Option<_>>()?;
        let by = match by {
            Some(by) => Some(by?.node),
            None => None,
        };
        let args = || operands.iter().map(|value| value.node).collect::<Vec<_>>();
        let recursive = |f, params| Node::Recursive { f, args: args(), params, part: call.part as u8 };
        let (n, min_periods, param) = (call.sessions(), call.min_periods(), call.param());
        let node = match (call.function.op, &operands[..]) {
            (Op::Unary(UnaryOp::IsMissing), [x]) => {
                return Some(self.builder.node(Node::Unary { op: UnaryOp::IsMissing, x: x.node }, Type::Bool));
            }
            (Op::Unary(op), [x]) => Node::Unary { op, x: x.node },
            (Op::Binary(op), [x, y]) => Node::Binary { op, x: x.node, y: y.node },
            (Op::If, [condition, then, otherwise]) => return self.choose(call, *condition, *then, *otherwise),
            // The value of the day itself.
            (Op::Window(WindowFn::Ref), [x]) if n == 0 => return Some(*x),
            (Op::Window(f), [x, ..]) if n == 0 => {
                // Of a condition, what is counted is how often it was true.
                let param = if f == WindowFn::Count && x.ty == Type::Bool { 1.0 } else { param };
                recursive(RecursiveFn::Expanding(f), vec![f64::from(min_periods), param])
            }
            (Op::Window(f), _) => Node::Window { f, args: args(), n, min_periods, param },
            (Op::Cross(f), _) => {
                if f == CrossFn::Neutralize && operands.len() == 1 && by.is_none() {
                    let mistake = Mistake::new(name.span.clone(), "`cs_neutralize` has nothing to neutralize by");
                    self.mistakes.push(mistake.help("give `by=` a text column, or `on=` numbers, or both"));
                    return None;
                }
                Node::Cross { f, args: args(), by, param }
            }
            (Op::Recursive(f), _) => recursive(f, call.numbers.iter().map(|(_, number)| *number).collect()),
            (Op::Ema, _) if param == 0.0 => recursive(RecursiveFn::Ema, vec![f64::from(n)]),
            (Op::Ema, _) => recursive(RecursiveFn::EmaFirst, vec![2.0 / (f64::from(n) + 1.0)]),
            (Op::Formula, _) => return self.formula(name, call, &operands),
            // The catalogue gives each operation as many expressions as it has here, and what looks ahead was refused.
            _ => return None,
        };
        Some(self.builder.node(node, Type::Number))
    }

    /// `if`: one of two values of the same type.
    fn choose(&mut self, call: &Bound, wanted: Value, then: Value, otherwise: Value) -> Option<Value> {
        // In a formula it may be known which, from an argument that is written out.
        let known = self.bindings().and_then(|bindings| condition(self.ast, call.operands.first()?.1, bindings));
        if let Some(holds) = known {
            return Some(if holds { then } else { otherwise });
        }
        if then.ty != otherwise.ty {
            self.branches_differ(call, then, otherwise);
            return None;
        }
        let node = Node::If { condition: wanted.node, then: then.node, otherwise: otherwise.node };
        Some(self.builder.node(node, then.ty))
    }
}

/// An operator as it is written.
fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Pow => "^",
        BinaryOp::Min => "less",
        BinaryOp::Max => "greater",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
        BinaryOp::Coalesce => "coalesce",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::NodeId;
    use crate::testing::{bars, columns, compile_one};

    #[test]
    fn equal_parts_are_one_node_across_columns() {
        let sources = columns(&[
            ("ret", "close / ref(close, 1) - 1"),
            ("vol", "std(close / ref(close, 1) - 1, 20)"),
            ("both", "ret + vol + (bars.close / ref(bars.close, 1))"),
        ]);
        let program = compile(&sources, &bars()).unwrap();
        // close, ref, /, 1, -, std, +, +
        assert_eq!(program.nodes.len(), 8);
        for (at, node) in program.nodes.iter().enumerate() {
            assert!(node.operands().iter().all(|operand| (operand.0 as usize) < at), "{node:?} at {at}");
        }
        let names: Vec<_> = program.outputs.iter().map(|output| output.name.as_str()).collect();
        assert_eq!(names, ["ret", "vol", "both"]);
    }

    #[test]
    fn what_no_output_needs_is_left_away() {
        let program = compile_one("-3 * mean(close, 20, min_periods=20)").unwrap();
        assert_eq!(
            program.nodes,
            [
                Node::Number(-3.0),
                Node::Input { input: 0, column: "close".into(), ty: Type::Number },
                Node::Window { f: WindowFn::Mean, args: vec![NodeId(1)], n: 20, min_periods: 20, param: 0.0 },
                Node::Binary { op: BinaryOp::Mul, x: NodeId(0), y: NodeId(2) },
            ]
        );
    }

    #[test]
    fn what_functions_are_made_of() {
        let same = |text: &str, other: &str| assert_eq!(compile_one(text).unwrap(), compile_one(other).unwrap());
        same("delta(close, 5)", "close - ref(close, 5)");
        same("clip(close, 1, open)", "less(greater(close, 1), open)");
        let counted = |text: &str| compile_one(text).unwrap().canonical();
        assert_eq!(counted("count(halted, 5)"), "`out`=count#1($0.`halted`:bool,5,1,0)\n");
        assert_eq!(counted("count(close, 5)"), "`out`=count#1($0.`close`,5,1,0)\n");
    }

    #[test]
    fn regressors_are_given_in_a_row_or_by_name() {
        let canonical = |text: &str| compile_one(text).unwrap().canonical();
        let expected = "`out`=cs_neutralize#1($0.`close`,$0.`open`,$0.`adj close`,$0.`industry`:text,0)\n";
        assert_eq!(canonical("cs_neutralize(close, open, `adj close`, by=industry)"), expected);
        assert_eq!(canonical("cs_neutralize(close, on=open, on=`adj close`, by=industry)"), expected);
        assert_eq!(canonical("cs_neutralize(close, open)"), "`out`=cs_neutralize#1($0.`close`,$0.`open`,0)\n");
    }

    #[test]
    fn a_window_of_all_sessions_is_a_state() {
        let canonical = |text: &str| compile_one(text).unwrap().canonical();
        assert_eq!(canonical("std(close, 0)"), "`out`=all.std#1($0.`close`,2,0)\n");
        assert_eq!(canonical("max(close, n=0, min_periods=5)"), "`out`=all.max#1($0.`close`,5,0)\n");
        assert_eq!(canonical("count(close, 0)"), "`out`=all.count#1($0.`close`,1,0)\n");
        assert_eq!(canonical("count(halted, 0)"), "`out`=all.count#1($0.`halted`:bool,1,1)\n");
    }

    #[test]
    fn all_mistakes_of_all_columns_are_reported_in_their_order() {
        let sources = columns(&[("a", "meen(clse, 2) + median(opn, 0)"), ("b", "close"), ("c", "b +"), ("d", "not b")]);
        let errors = compile(&sources, &bars()).unwrap_err();
        let found: Vec<_> =
            errors.iter().map(|error| (error.column, &sources[error.column].text[error.span.clone()])).collect();
        assert_eq!(found, [(0, "meen"), (0, "clse"), (0, "opn"), (0, "0"), (2, ""), (3, "b")]);
        assert_eq!(errors[0].to_string(), "unknown function `meen`");
    }

    #[test]
    fn ten_thousand_terms_compile() {
        let text = "close + ".repeat(10_000) + "open";
        let program = compile_one(&text).unwrap();
        assert_eq!(program.nodes.len(), 10_002);
        assert_eq!(program.window(0).back, 0);
        assert!(program.canonical().len() > 100_000);
    }
}
