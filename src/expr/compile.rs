//! Columns → a program: names get their meaning, types are checked, equal parts are shared.

use crate::ast::{Ast, ExprId, ExprKind, Ident};
use crate::builder::{Builder, Value};
use crate::calls::{Bound, Context, bind};
use crate::catalogue::{Op, ParamKind};
use crate::constants::{Binding, Bindings, condition, number};
use crate::error::{ExprError, Mistake};
use crate::formula::definitions;
use crate::names::{InputScope, Meaning, Scope, Source};
use crate::parse::parse;
use crate::program::{BinaryOp, CrossFn, Node, Program, RecursiveFn, Type, UnaryOp, WindowFn};
use crate::suggest::code;

/// Compiles the columns of one asset over its inputs. A column may use earlier columns by their names.
///
/// # Errors
///
/// Every mistake of every column, in the order of the columns and of their text; of a column that is not well-formed the first alone.
/// What uses a column with mistakes is not reported for it.
pub fn compile(columns: &[Source], inputs: &[InputScope]) -> Result<Program, Vec<ExprError>> {
    let mut builder = Builder::default();
    let mut scope = Scope::new(columns, inputs);
    let mut errors = Vec::new();
    for (index, source) in columns.iter().enumerate() {
        let mut mistakes = Vec::new();
        let value = match parse(source.text) {
            Ok(ast) => {
                let names = Names::Scope(&scope);
                let mut column = Column { text: source.text, ast: &ast, names, builder: &mut builder, mistakes };
                let value = column.compile().and_then(|value| column.result(value));
                mistakes = column.mistakes;
                value
            }
            Err(mistake) => {
                mistakes.push(mistake);
                None
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

/// What names mean.
#[derive(Clone, Copy)]
enum Names<'a> {
    Scope(&'a Scope<'a>),
    /// In the formula of a function.
    Formula(&'a Bindings),
}

const TEXT_IS_FOR_GROUPS: &str = "text tells groups apart, as in `cs_rank(x, by=industry)`, and nothing else";

/// One column on its way, or one definition of a formula. A value is `None` where a mistake was reported.
struct Column<'a> {
    text: &'a str,
    ast: &'a Ast,
    names: Names<'a>,
    builder: &'a mut Builder,
    mistakes: Vec<Mistake>,
}

impl<'a> Column<'a> {
    fn bindings(&self) -> Option<&'a Bindings> {
        match self.names {
            Names::Scope(_) => None,
            Names::Formula(bindings) => Some(bindings),
        }
    }

    /// Compiles the expressions in the order in which they lie, operands first, which leads to the whole.
    fn compile(&mut self) -> Option<Value> {
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

    /// The value of a whole column, which is not a text.
    fn result(&mut self, value: Value) -> Option<Value> {
        if value.ty != Type::Category {
            return Some(value);
        }
        let id = ExprId(self.ast.exprs.len() - 1);
        let message = format!("{} is a text column, which cannot be a result", code(&self.shown(id)));
        self.mistakes.push(Mistake::new(self.ast.get(id).span.clone(), message).help(TEXT_IS_FOR_GROUPS));
        None
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
        let by = match call.by {
            Some(id) => Some(self.group(id, values, &who)),
            None => None,
        };
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

    /// What a function is that is defined in the language: its definitions, one after the other.
    fn formula(&mut self, name: &Ident, call: &Bound, operands: &[Value]) -> Option<Value> {
        let function = call.function;
        let wrong = |mistake: Mistake| {
            let message =
                format!("{} cannot be computed with these arguments: {}", code(function.name), mistake.message);
            Mistake::new(name.span.clone(), message).maybe_help(mistake.help)
        };
        let mut bindings = Bindings::new();
        for (param, number) in &call.numbers {
            bindings.insert(param.name.to_owned(), Binding::Number(*number));
            if let ParamKind::Choice(words) = param.kind {
                let words = words.iter().enumerate();
                bindings.extend(words.map(|(place, word)| ((*word).to_owned(), Binding::Number(place as f64))));
            }
        }
        for ((param, _), value) in call.operands.iter().zip(operands) {
            bindings.insert(param.name.to_owned(), Binding::Value(*value));
        }
        let definitions = match definitions(function) {
            Ok(definitions) => definitions,
            Err(mistake) => {
                self.mistakes.push(wrong(mistake));
                return None;
            }
        };
        let mut last = None;
        for definition in definitions {
            let id = ExprId(definition.ast.exprs.len() - 1);
            if let Some(constant) = number(&definition.ast, id, &bindings) {
                bindings.insert(definition.name.to_owned(), Binding::Number(constant));
                continue;
            }
            let names = Names::Formula(&bindings);
            let mistakes = Vec::new();
            let mut inner =
                Column { text: definition.text, ast: &definition.ast, names, builder: self.builder, mistakes };
            let value = inner.compile();
            if let Some(mistake) = inner.mistakes.into_iter().next() {
                self.mistakes.push(wrong(mistake));
                return None;
            }
            bindings.insert(definition.name.to_owned(), Binding::Value(value?));
            last = value;
        }
        let Some(part) = function.parts.get(call.part) else { return last };
        match bindings.get(*part)? {
            Binding::Value(value) => Some(*value),
            Binding::Number(_) => None,
        }
    }

    fn branches_differ(&mut self, call: &Bound, then: Value, otherwise: Value) {
        let [_, (_, a), (_, b)] = call.operands[..] else { return };
        let message = format!(
            "the branches of `if` differ: {} is {}, {} is {}",
            code(&self.shown(a)),
            noun(then.ty),
            code(&self.shown(b)),
            noun(otherwise.ty)
        );
        let span = self.ast.get(a).span.start..self.ast.get(b).span.end;
        self.mistakes.push(Mistake::new(span, message).help("give it two numbers, or two conditions"));
    }

    /// The text of an expression, on one line and not too long.
    fn shown(&self, id: ExprId) -> String {
        const LONGEST: usize = 40;
        let text = self.text[self.ast.get(id).span.clone()].split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().count() <= LONGEST {
            text
        } else {
            text.chars().take(LONGEST - 1).collect::<String>().trim_end().to_owned() + "…"
        }
    }

    fn expect(
        &mut self,
        id: ExprId,
        values: &[Option<Value>],
        ty: Type,
        message: impl Fn(&str) -> String,
        help: impl Fn(&str) -> String,
    ) -> Option<Value> {
        let value = values[id.0]?;
        if value.ty == ty {
            return Some(value);
        }
        let shown = self.shown(id);
        // An example of what to write must be one that can be written.
        let example = if shown.ends_with('…') { "x" } else { without_parentheses(&shown) };
        let (message, help) = (message(&code(&shown)), help(example));
        self.mistakes.push(Mistake::new(self.ast.get(id).span.clone(), message).help(help));
        None
    }

    /// Reports a text where something is computed.
    fn not_text(&mut self, id: ExprId, values: &[Option<Value>], who: &str) -> Option<Value> {
        let value = values[id.0]?;
        if value.ty != Type::Category {
            return Some(value);
        }
        let message = format!("{who} cannot compute with {}, which is a text column", code(&self.shown(id)));
        self.mistakes.push(Mistake::new(self.ast.get(id).span.clone(), message).help(TEXT_IS_FOR_GROUPS));
        None
    }

    fn number(&mut self, id: ExprId, values: &[Option<Value>], who: &str) -> Option<Value> {
        let message = |shown: &str| format!("{who} needs numbers, but {shown} is true or false");
        let help = |shown: &str| format!("make it a number: {}", code(&format!("if({shown}, 1, 0)")));
        self.not_text(id, values, who)?;
        self.expect(id, values, Type::Number, message, help)
    }

    fn compared(&mut self, id: ExprId, values: &[Option<Value>], who: &str) -> Option<Value> {
        let message = |shown: &str| format!("{who} compares numbers, but {shown} is true or false");
        let help = |_: &str| "combine conditions by `and`, `or` and `not`".to_owned();
        self.not_text(id, values, who)?;
        self.expect(id, values, Type::Number, message, help)
    }

    fn condition(&mut self, id: ExprId, values: &[Option<Value>], who: &str) -> Option<Value> {
        let message = |shown: &str| format!("{who} needs a condition, but {shown} is a number");
        let help = |shown: &str| format!("compare it, as in {}", code(&format!("{shown} > 0")));
        self.not_text(id, values, who)?;
        self.expect(id, values, Type::Bool, message, help)
    }

    fn group(&mut self, id: ExprId, values: &[Option<Value>], who: &str) -> Option<Value> {
        let message = |shown: &str| format!("`by` of {who} must be a text column, but {shown} is not");
        let help = |_: &str| "give it a column of names, such as `industry`".to_owned();
        self.expect(id, values, Type::Category, message, help)
    }
}

/// `(a > b)` without the parentheses around all of it, which an argument does not need.
fn without_parentheses(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) else { return text };
    let mut depth = 0_i32;
    let whole = inner.chars().all(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth >= 0
    });
    if whole { inner.trim() } else { text }
}

fn noun(ty: Type) -> &'static str {
    match ty {
        Type::Number => "a number",
        Type::Bool => "true or false",
        Type::Category => "text",
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
    use crate::testing::{assert_refusals, bars, columns, compile_one};

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
    fn types_of_outputs() {
        for (text, ty) in [
            ("close > open and not halted", Type::Bool),
            ("if(halted, close, open)", Type::Number),
            ("if(halted, close > 1, true)", Type::Bool),
            ("halted", Type::Bool),
            ("1", Type::Number),
            ("is_missing(close)", Type::Bool),
            ("between(close, 1, open)", Type::Bool),
            ("where(close, halted)", Type::Number),
            ("supertrend(open, open, close).direction", Type::Number),
        ] {
            assert_eq!(compile_one(text).unwrap().outputs[0].ty, ty, "{text}");
        }
    }

    #[test]
    fn types_are_checked() {
        assert_refusals(&[
            (
                "1 + (close > open)",
                "(close > open)",
                "`+` needs numbers, but `(close > open)` is true or false",
                "make it a number: `if(close > open, 1, 0)`",
            ),
            (
                "-halted",
                "halted",
                "`-` needs numbers, but `halted` is true or false",
                "make it a number: `if(halted, 1, 0)`",
            ),
            (
                "mean(halted, 5)",
                "halted",
                "`mean` needs numbers, but `halted` is true or false",
                "make it a number: `if(halted, 1, 0)`",
            ),
            (
                "ref(halted, 1)",
                "halted",
                "`ref` needs numbers, but `halted` is true or false",
                "make it a number: `if(halted, 1, 0)`",
            ),
            (
                "cs_rank(halted)",
                "halted",
                "`cs_rank` needs numbers, but `halted` is true or false",
                "make it a number: `if(halted, 1, 0)`",
            ),
            (
                "close and halted",
                "close",
                "`and` needs a condition, but `close` is a number",
                "compare it, as in `close > 0`",
            ),
            (
                "not `adj close`",
                "`adj close`",
                "`not` needs a condition, but `` `adj close` `` is a number",
                "compare it, as in `` `adj close` > 0 ``",
            ),
            (
                "halted == true",
                "halted",
                "`==` compares numbers, but `halted` is true or false",
                "combine conditions by `and`, `or` and `not`",
            ),
            (
                "if(close, 1, 2)",
                "close",
                "`if` needs a condition, but `close` is a number",
                "compare it, as in `close > 0`",
            ),
            (
                "if(halted, close, close > open)",
                "close, close > open",
                "the branches of `if` differ: `close` is a number, `close > open` is true or false",
                "give it two numbers, or two conditions",
            ),
        ]);
    }

    #[test]
    fn text_is_for_groups_alone() {
        let help = "text tells groups apart, as in `cs_rank(x, by=industry)`, and nothing else";
        assert_refusals(&[
            ("industry", "industry", "`industry` is a text column, which cannot be a result", help),
            ("industry + 1", "industry", "`+` cannot compute with `industry`, which is a text column", help),
            ("count(industry, 5)", "industry", "`count` cannot compute with `industry`, which is a text column", help),
            ("not industry", "industry", "`not` cannot compute with `industry`, which is a text column", help),
            ("industry == industry", "industry", "`==` cannot compute with `industry`, which is a text column", help),
            (
                "cs_rank(close, by=open)",
                "open",
                "`by` of `cs_rank` must be a text column, but `open` is not",
                "give it a column of names, such as `industry`",
            ),
            (
                "cs_neutralize(close)",
                "cs_neutralize",
                "`cs_neutralize` has nothing to neutralize by",
                "give `by=` a text column, or `on=` numbers, or both",
            ),
        ]);
    }

    #[test]
    fn a_column_of_unknown_type_is_text_where_groups_are_wanted() {
        let open = [InputScope { alias: "query".into(), columns: None }];
        let program = compile(&columns(&[("a", "cs_rank(score, by=sector)")]), &open).unwrap();
        assert_eq!(program.canonical(), "`a`=cs_rank#1($0.`score`,$0.`sector`:text,0)\n");
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
    fn a_long_expression_is_cut_in_its_message() {
        let (_, message, help) = crate::testing::refusal("not (close + close + close + close + close + close)");
        assert_eq!(message, "`not` needs a condition, but `(close + close + close + close + close…` is a number");
        assert_eq!(help, "compare it, as in `x > 0`");
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
