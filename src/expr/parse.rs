//! The grammar of our own language.
//!
//! From loosest to tightest: `or`, `and`, `not`, comparisons (which do not chain), `+ -`, `* /`, unary minus, `^`
//! (from the right; `-x^2` is `-(x^2)` and `2^-1` is a half). `!`, `&&` and `||` are `not`, `and` and `or`.

use crate::ast::{Ast, ExprId, ExprKind, Ident};
use crate::catalogue::{Function, overloads};
use crate::climb::{self, Grammar, Parser};
use crate::error::Mistake;
use crate::program::{BinaryOp, UnaryOp};
use crate::scan::Spanned;
use crate::suggest::{code, quoted, written};
use crate::token::{Token, tokens};

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const SUM: u8 = 5;
const PRODUCT: u8 = 6;
const NEGATION: u8 = 7;
const POWER: u8 = 8;

/// The expression that `text` is; it is the last of [`Ast::exprs`].
///
/// # Errors
/// The first mistake in the text.
pub(crate) fn parse(text: &str) -> Result<Ast, Mistake> {
    climb::parse(text, &tokens(text)?)
}

impl Grammar for Token {
    const LEFT_PAREN: Self = Self::LeftParen;
    const RIGHT_PAREN: Self = Self::RightParen;
    const COMMA: Self = Self::Comma;
    const ASSIGN: Self = Self::Assign;
    const COMPARISON: u8 = COMPARISON;
    const POWER: u8 = POWER;
    const EMPTY: &'static str = "write how the column is computed, as in `close / ref(close, 1) - 1`";
    const CHAINED: &'static str = "write `a < b and b < c` for `a < b < c`";

    fn infix(&self) -> Option<(BinaryOp, u8)> {
        Some(match self {
            Self::Or => (BinaryOp::Or, OR),
            Self::And => (BinaryOp::And, AND),
            Self::Lt => (BinaryOp::Lt, COMPARISON),
            Self::Le => (BinaryOp::Le, COMPARISON),
            Self::Gt => (BinaryOp::Gt, COMPARISON),
            Self::Ge => (BinaryOp::Ge, COMPARISON),
            Self::Eq => (BinaryOp::Eq, COMPARISON),
            Self::Ne => (BinaryOp::Ne, COMPARISON),
            Self::Plus => (BinaryOp::Add, SUM),
            Self::Minus => (BinaryOp::Sub, SUM),
            Self::Star => (BinaryOp::Mul, PRODUCT),
            Self::Slash => (BinaryOp::Div, PRODUCT),
            Self::Caret => (BinaryOp::Pow, POWER),
            _ => return None,
        })
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Name { text, .. } => Some(text),
            _ => None,
        }
    }

    fn help(&self) -> Option<&'static str> {
        match self {
            Self::Assign => Some("compare with `==`; an argument is named inside a call, as in `min_periods=20`"),
            Self::Name { text, quoted: false } if matches!(text.as_str(), "if" | "else") => {
                Some("a choice is written `if(condition, a, b)`")
            }
            _ => None,
        }
    }

    /// A literal, a name, a call, something in parentheses, or one of them after `-` or `not`.
    fn operand(parser: &mut Parser<'_, Self>) -> Result<ExprId, Mistake> {
        const EXPECTED: &str = "a number, a name or `(`";
        let Some(Spanned { token, span }) = parser.peek() else { return Err(parser.unexpected(EXPECTED)) };
        match token {
            Self::Number { value, integer } => {
                parser.advance();
                Ok(parser.ast.push(ExprKind::Number { value: *value, integer: *integer }, span.clone()))
            }
            Self::True | Self::False => {
                parser.advance();
                Ok(parser.ast.push(ExprKind::Bool(*token == Self::True), span.clone()))
            }
            Self::Minus | Self::Not => {
                parser.advance();
                let (op, binding) = if *token == Self::Minus { (UnaryOp::Neg, NEGATION) } else { (UnaryOp::Not, NOT) };
                let x = parser.expression(binding)?;
                let span = span.start..parser.ast.get(x).span.end;
                Ok(parser.ast.push(ExprKind::Unary { op, x }, span))
            }
            Self::LeftParen => parser.parenthesized(),
            Self::Name { text, quoted } => {
                parser.advance();
                let name = Ident { text: text.clone(), span: span.clone() };
                match parser.peek_token() {
                    Some(Self::LeftParen) if !quoted => call(parser, name),
                    _ => column(parser, name),
                }
            }
            _ => Err(parser.unexpected(EXPECTED)),
        }
    }

    /// Where no function of that name has such an argument, a comparison is meant.
    fn unnamed(parser: &Parser<'_, Self>, function: &Ident, before: &Ident) -> Mistake {
        let named = |f: &Function| f.params.iter().any(|param| param.name == before.text);
        let function = &function.text;
        if overloads(function).next().is_some() && !overloads(function).any(named) {
            let (function, name) = (code(function), code(&before.text));
            return Mistake::new(before.span.clone(), format!("{function} has no argument {name}"))
                .help("`=` gives an argument by its name; compare with `==`");
        }
        Mistake::new(parser.here(), "an argument without a name stands after one with a name")
            .help("put the arguments with names last")
    }
}

/// `close`, or `bars.close`.
fn column(parser: &mut Parser<'_, Token>, first: Ident) -> Result<ExprId, Mistake> {
    if parser.take(&Token::Dot).is_none() {
        let span = first.span.clone();
        return Ok(parser.ast.push(ExprKind::Name { input: None, column: first }, span));
    }
    let Some(Spanned { token: Token::Name { text, .. }, span }) = parser.peek() else {
        return Err(parser.unexpected(&format!("a column of {}", quoted(&first.text))));
    };
    parser.advance();
    if parser.peek_token() == Some(&Token::LeftParen) {
        let call = code(&format!("{text}({}, …)", written(&first.text)));
        return Err(Mistake::new(span.clone(), format!("{} is called like a method", quoted(text)))
            .help(format!("the function stands first: {call}")));
    }
    let whole = first.span.start..span.end;
    let column = Ident { text: text.clone(), span: span.clone() };
    Ok(parser.ast.push(ExprKind::Name { input: Some(first), column }, whole))
}

fn call(parser: &mut Parser<'_, Token>, function: Ident) -> Result<ExprId, Mistake> {
    let (args, close) = parser.arguments(&function)?;
    let part = part(parser, &function)?;
    let span = function.span.start..part.as_ref().map_or(close.end, |part| part.span.end);
    Ok(parser.ast.push(ExprKind::Call { function, args, part }, span))
}

/// `.hist` after a call.
fn part(parser: &mut Parser<'_, Token>, function: &Ident) -> Result<Option<Ident>, Mistake> {
    if parser.take(&Token::Dot).is_none() {
        return Ok(None);
    }
    let Some(Spanned { token: Token::Name { text, .. }, span }) = parser.peek() else {
        return Err(parser.unexpected(&format!("a result of {}", quoted(&function.text))));
    };
    parser.advance();
    Ok(Some(Ident { text: text.clone(), span: span.clone() }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::climb::MAX_DEPTH;
    use crate::testing::{Tree, any_tree};

    /// What was parsed, in the form of the tests.
    fn tree(ast: &Ast, id: ExprId) -> Tree {
        let below = |id: &ExprId| Box::new(tree(ast, *id));
        // The names of the generated trees are static; here they are found again by their text.
        let known = |text: String| {
            ["close", "_x1", "收盘价", "bars.close", "`adj close`", "`a``b`.`and`", "f", "mean"]
                .into_iter()
                .find(|name| *name == text)
                .unwrap()
        };
        match &ast.get(id).kind {
            ExprKind::Number { value, .. } => Tree::Number(*value),
            ExprKind::Bool(value) => Tree::Bool(*value),
            ExprKind::Name { input, column } => {
                let written = |ident: &Ident| crate::suggest::written(&ident.text);
                let input = input.as_ref().map_or(String::new(), |input| written(input) + ".");
                Tree::Name(known(input + &written(column)))
            }
            ExprKind::Unary { op, x } => Tree::Prefix(if *op == UnaryOp::Neg { "-" } else { "not" }, below(x)),
            ExprKind::Binary { op, x, y } => {
                let symbol = match op {
                    BinaryOp::Or => "or",
                    BinaryOp::Coalesce => "coalesce",
                    BinaryOp::And => "and",
                    BinaryOp::Lt => "<",
                    BinaryOp::Le => "<=",
                    BinaryOp::Gt => ">",
                    BinaryOp::Ge => ">=",
                    BinaryOp::Eq => "==",
                    BinaryOp::Ne => "!=",
                    BinaryOp::Add => "+",
                    BinaryOp::Sub => "-",
                    BinaryOp::Mul => "*",
                    BinaryOp::Div => "/",
                    BinaryOp::Pow => "^",
                    BinaryOp::Min | BinaryOp::Max => panic!("never parsed"),
                };
                Tree::Infix(below(x), symbol, below(y))
            }
            ExprKind::Call { function, args, .. } => {
                Tree::Call(known(function.text.clone()), args.iter().map(|arg| *below(&arg.value)).collect())
            }
        }
    }

    fn parsed(text: &str) -> Tree {
        let ast = parse(text).unwrap();
        tree(&ast, ExprId(ast.exprs.len() - 1))
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_to_what_it_was(expected in any_tree()) {
            prop_assert_eq!(&parsed(&expected.words(true).join(" ")), &expected);
            prop_assert_eq!(&parsed(&expected.words(false).join(" ")), &expected);
        }

        #[test]
        fn no_text_panics(text in r"[a-c0-9.,()<>=!&|*/^ `_#\n$（é-]{0,40}") {
            let _ = parse(&text).map_err(|mistake| text[mistake.span].len());
        }

        #[test]
        fn the_expressions_below_one_are_those_before_it(expected in any_tree()) {
            let ast = parse(&expected.text()).unwrap();
            prop_assert_eq!(ast.exprs.last().unwrap().first, 0);
            for (at, expr) in ast.exprs.iter().enumerate() {
                prop_assert!(expr.first <= at);
            }
        }
    }

    #[test]
    fn operators_group_as_in_mathematics() {
        for (text, grouped) in [
            ("-close ^ 2", "-(close ^ 2)"),
            ("2 ^ -1 * 3", "(2 ^ (-1)) * 3"),
            ("2 ** 3 ** 2", "2 ^ (3 ^ 2)"),
            ("1 - 2 - 3", "(1 - 2) - 3"),
            ("1 / 2 * 3", "(1 / 2) * 3"),
            ("-1 + 2", "(-1) + 2"),
            ("not close < 2 and true", "(not (close < 2)) and true"),
            ("! close < 2 || true && false", "(not (close < 2)) or (true and false)"),
            ("1 + 2 < 3 * 4", "(1 + 2) < (3 * 4)"),
        ] {
            assert_eq!(parsed(text), parsed(grouped), "{text}");
        }
    }

    #[test]
    fn spans_cover_the_parentheses() {
        let text = "( 1 + 2 ) * 收盘价";
        let ast = parse(text).unwrap();
        let shown: Vec<&str> = ast.exprs.iter().map(|expr| &text[expr.span.clone()]).collect();
        assert_eq!(shown, ["1", "2", "( 1 + 2 )", "收盘价", text]);
    }

    #[test]
    fn arguments_may_have_names_and_a_comma_after_the_last() {
        let ast = parse("mean(\n  close, 20,\n  min_periods=5,\n)").unwrap();
        let ExprKind::Call { args, .. } = &ast.exprs.last().unwrap().kind else { panic!() };
        let names: Vec<_> = args.iter().map(|arg| arg.name.as_ref().map(|name| name.text.as_str())).collect();
        assert_eq!(names, [None, None, Some("min_periods")]);
    }

    #[test]
    fn each_mistake_has_its_place_and_message() {
        for (text, at, message) in [
            ("", "", "the expression is empty"),
            ("  # only a comment", "", "the expression is empty"),
            ("close +", "", "unexpected end of expression"),
            ("not", "", "unexpected end of expression"),
            ("mean(close, 20", "(", "unbalanced `(`"),
            ("mean(close, (20)", "(", "unbalanced `(`"),
            ("mean(", "(", "unbalanced `(`"),
            ("close)", ")", "unbalanced `)`"),
            ("close open", "open", "expected an operator, found `open`"),
            ("(close open)", "open", "expected an operator or `)`, found `open`"),
            ("mean(close 20)", "20", "expected an operator, `,` or `)`, found `20`"),
            ("close + * 2", "*", "expected a number, a name or `(`, found `*`"),
            ("mean(, 2)", ",", "expected a number, a name or `(`, found `,`"),
            ("()", ")", "expected a number, a name or `(`, found `)`"),
            ("bars.", "", "unexpected end of expression"),
            ("bars.+", "+", "expected a column of `bars`, found `+`"),
            ("close = 2", "=", "expected an operator, found `=`"),
            ("1 < close < 2", "<", "comparisons do not chain"),
            ("mean(n=2, close)", "close", "an argument without a name stands after one with a name"),
            ("`mean`(close)", "(", "expected an operator, found `(`"),
        ] {
            let mistake = parse(text).unwrap_err();
            assert_eq!((&text[mistake.span.clone()], mistake.message.as_str()), (at, message), "{text}");
        }
        assert_eq!(parse("1 < close < 2").unwrap_err().span, 10..11);
        assert_eq!(parse("close + # more\n").unwrap_err().span, 7..7);
    }

    #[test]
    fn depth_is_refused_and_length_is_not() {
        let nested = |depth: usize| "(".repeat(depth) + "1" + &")".repeat(depth);
        assert!(parse(&nested(MAX_DEPTH - 1)).is_ok());
        for text in [nested(10_000), "-".repeat(10_000) + "1", "2^".repeat(10_000) + "1", "f(".repeat(10_000)] {
            assert_eq!(parse(&text).unwrap_err().message, "the expression is nested deeper than 200 levels");
        }
        assert_eq!(parse(&("1+".repeat(10_000) + "1")).unwrap().exprs.len(), 20_001);
    }
}
