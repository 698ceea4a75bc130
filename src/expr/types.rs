//! Types: numbers, conditions and texts, each where it is wanted.

use crate::ast::ExprId;
use crate::builder::Value;
use crate::calls::Bound;
use crate::compile::Column;
use crate::error::Mistake;
use crate::program::Type;
use crate::suggest::code;

const TEXT_IS_FOR_GROUPS: &str = "text tells groups apart, as in `cs_rank(x, by=industry)`, and nothing else";

impl Column<'_> {
    /// The value of a whole column, which is not a text.
    pub(crate) fn result(&mut self, value: Value) -> Option<Value> {
        if value.ty != Type::Category {
            return Some(value);
        }
        let id = ExprId(self.ast.exprs.len() - 1);
        let message = format!("{} is a text column, which cannot be a result", code(&self.shown(id)));
        self.mistakes.push(Mistake::new(self.ast.get(id).span.clone(), message).help(TEXT_IS_FOR_GROUPS));
        None
    }

    pub(crate) fn branches_differ(&mut self, call: &Bound, then: Value, otherwise: Value) {
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
    pub(crate) fn shown(&self, id: ExprId) -> String {
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
    pub(crate) fn not_text(&mut self, id: ExprId, values: &[Option<Value>], who: &str) -> Option<Value> {
        let value = values[id.0]?;
        if value.ty != Type::Category {
            return Some(value);
        }
        let message = format!("{who} cannot compute with {}, which is a text column", code(&self.shown(id)));
        self.mistakes.push(Mistake::new(self.ast.get(id).span.clone(), message).help(TEXT_IS_FOR_GROUPS));
        None
    }

    pub(crate) fn number(&mut self, id: ExprId, values: &[Option<Value>], who: &str) -> Option<Value> {
        let message = |shown: &str| format!("{who} needs numbers, but {shown} is true or false");
        let help = |shown: &str| format!("make it a number: {}", code(&format!("if({shown}, 1, 0)")));
        self.not_text(id, values, who)?;
        self.expect(id, values, Type::Number, message, help)
    }

    pub(crate) fn compared(&mut self, id: ExprId, values: &[Option<Value>], who: &str) -> Option<Value> {
        let message = |shown: &str| format!("{who} compares numbers, but {shown} is true or false");
        let help = |_: &str| "combine conditions by `and`, `or` and `not`".to_owned();
        self.not_text(id, values, who)?;
        self.expect(id, values, Type::Number, message, help)
    }

    pub(crate) fn condition(&mut self, id: ExprId, values: &[Option<Value>], who: &str) -> Option<Value> {
        let message = |shown: &str| format!("{who} needs a condition, but {shown} is a number");
        let help = |shown: &str| format!("compare it, as in {}", code(&format!("{shown} > 0")));
        self.not_text(id, values, who)?;
        self.expect(id, values, Type::Bool, message, help)
    }

    pub(crate) fn group(&mut self, id: ExprId, values: &[Option<Value>], who: &str) -> Option<Value> {
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

#[cfg(test)]
mod tests {
    use crate::compile::compile;
    use crate::names::InputScope;
    use crate::program::Type;
    use crate::testing::{assert_refusals, columns, compile_one};

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
    fn a_long_expression_is_cut_in_its_message() {
        let (_, message, help) = crate::testing::refusal("not (close + close + close + close + close + close)");
        assert_eq!(message, "`not` needs a condition, but `(close + close + close + close + close…` is a number");
        assert_eq!(help, "compare it, as in `x > 0`");
    }
}
