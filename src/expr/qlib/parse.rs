//! The grammar of Qlib's expressions: Python's precedence.
//!
//! From loosest to tightest: comparisons (which do not chain), `|`, `&`, `+ -`, `* /`, unary minus, `**` (from the right).
//! `&` and `|` bind tighter than comparisons: `$a > 1 & $b > 1` is `$a > (1 & $b) > 1`.

use super::operators::refused;
use super::token::{Token, tokens};
use crate::ast::{Ast, ExprId, ExprKind, Ident};
use crate::climb::{self, Grammar, Parser};
use crate::error::Mistake;
use crate::program::{BinaryOp, UnaryOp};
use crate::scan::Spanned;
use crate::suggest::code;

const COMPARISON: u8 = 1;
const OR: u8 = 2;
const AND: u8 = 3;
const SUM: u8 = 4;
const PRODUCT: u8 = 5;
const NEGATION: u8 = 6;
const POWER: u8 = 7;

/// The expression that `text` is; it is the last of [`Ast::exprs`]. A field is a name, and its place is that of the `$` too.
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
    const EMPTY: &'static str = "write how the column is computed, as in `Ref($close, 5)/$close`";
    const CHAINED: &'static str = "`&` and `|` bind tighter than comparisons: put each comparison in parentheses, as in `($close > $open) & ($volume > 0)`";

    fn infix(&self) -> Option<(BinaryOp, u8)> {
        Some(match self {
            Self::Lt => (BinaryOp::Lt, COMPARISON),
            Self::Le => (BinaryOp::Le, COMPARISON),
            Self::Gt => (BinaryOp::Gt, COMPARISON),
            Self::Ge => (BinaryOp::Ge, COMPARISON),
            Self::Eq => (BinaryOp::Eq, COMPARISON),
            Self::Ne => (BinaryOp::Ne, COMPARISON),
            Self::Or => (BinaryOp::Or, OR),
            Self::And => (BinaryOp::And, AND),
            Self::Plus => (BinaryOp::Add, SUM),
            Self::Minus => (BinaryOp::Sub, SUM),
            Self::Star => (BinaryOp::Mul, PRODUCT),
            Self::Slash => (BinaryOp::Div, PRODUCT),
            Self::Power => (BinaryOp::Pow, POWER),
            _ => return None,
        })
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Name(text) => Some(text),
            _ => None,
        }
    }

    fn help(&self) -> Option<&'static str> {
        (*self == Self::Assign).then_some("compare with `==`; an argument is named inside a call, as in `N=20`")
    }

    /// A literal, a field, a call, something in parentheses, or one of them after `-`.
    fn operand(parser: &mut Parser<'_, Self>) -> Result<ExprId, Mistake> {
        const EXPECTED: &str = "a number, a `$field`, an operator or `(`";
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
            Self::Minus => {
                parser.advance();
                let x = parser.expression(NEGATION)?;
                let span = span.start..parser.ast.get(x).span.end;
                Ok(parser.ast.push(ExprKind::Unary { op: UnaryOp::Neg, x }, span))
            }
            Self::LeftParen => parser.parenthesized(),
            Self::Field(text) => {
                parser.advance();
                field(parser, Ident { text: text.clone(), span: span.clone() })
            }
            Self::Name(text) => {
                parser.advance();
                let name = Ident { text: text.clone(), span: span.clone() };
                // What is refused is refused before its arguments, which may be text.
                if let Some(reason) = refused(text) {
                    let message = format!("{} is not supported: {}", code(text), reason.why);
                    return Err(Mistake::new(name.span, message).help(reason.instead));
                }
                match parser.peek_token() {
                    Some(Self::LeftParen) => call(parser, name),
                    _ => Err(Mistake::new(name.span, format!("{} is neither a field nor a call", code(text)))
                        .help(format!("a column is written {}", code(&format!("${text}"))))),
                }
            }
            _ => Err(parser.unexpected(EXPECTED)),
        }
    }
}

/// `$close`, or `$bars.close`, which says of which input and is ours.
fn field(parser: &mut Parser<'_, Token>, first: Ident) -> Result<ExprId, Mistake> {
    let span = first.span.clone();
    if parser.take(&Token::Dot).is_none() {
        return Ok(parser.ast.push(ExprKind::Name { input: None, column: first }, span));
    }
    let Some(Spanned { token: Token::Name(text), span: end }) = parser.peek() else {
        return Err(parser.unexpected(&format!("a column of {}", code(&first.text))));
    };
    parser.advance();
    let column = Ident { text: text.clone(), span: end.clone() };
    Ok(parser.ast.push(ExprKind::Name { input: Some(first), column }, span.start..end.end))
}

fn call(parser: &mut Parser<'_, Token>, function: Ident) -> Result<ExprId, Mistake> {
    let (args, close) = parser.arguments(&function)?;
    let span = function.span.start..close.end;
    Ok(parser.ast.push(ExprKind::Call { function, args, part: None }, span))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What was parsed, fully parenthesized.
    fn shown(text: &str) -> String {
        fn write(ast: &Ast, id: ExprId) -> String {
            match &ast.get(id).kind {
                ExprKind::Number { value, .. } => value.to_string(),
                ExprKind::Name { column, .. } => format!("${}", column.text),
                ExprKind::Unary { x, .. } => format!("(-{})", write(ast, *x)),
                ExprKind::Binary { op, x, y } => format!("({} {op:?} {})", write(ast, *x), write(ast, *y)),
                ExprKind::Call { function, args, .. } => {
                    let args: Vec<String> = args.iter().map(|arg| write(ast, arg.value)).collect();
                    format!("{}({})", function.text, args.join(", "))
                }
                other => format!("{other:?}"),
            }
        }
        let ast = parse(text).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"));
        write(&ast, ExprId(ast.exprs.len() - 1))
    }

    #[test]
    fn operators_group_as_in_python() {
        for (text, grouped) in [
            ("-$a ** 2", "(-($a Pow 2))"),
            ("2 ** -1 * 3", "((2 Pow (-1)) Mul 3)"),
            ("$a ** $b ** 2", "($a Pow ($b Pow 2))"),
            ("$a - $b - 3", "(($a Sub $b) Sub 3)"),
            ("$a > 1 & $b", "($a Gt (1 And $b))"),
            ("$a | $b & $c", "($a Or ($b And $c))"),
            ("$a + 1 & $b * 2", "(($a Add 1) And ($b Mul 2))"),
            ("($a > 1) | ($b == 2)", "(($a Gt 1) Or ($b Eq 2))"),
            ("Ref ($close, 5)/$close", "(Ref($close, 5) Div $close)"),
        ] {
            assert_eq!(shown(text), grouped, "{text}");
        }
    }

    #[test]
    fn each_mistake_has_its_place_and_message() {
        for (text, at, message) in [
            ("", "", "the expression is empty"),
            ("Mean($close, 20", "(", "unbalanced `(`"),
            ("$close)", ")", "unbalanced `)`"),
            ("$close +", "", "unexpected end of expression"),
            ("$close $open", "$open", "expected an operator, found `$open`"),
            ("$a > 1 & $b > 2", ">", "comparisons do not chain"),
            ("Mean(N=2, $close)", "$close", "an argument without a name stands after one with a name"),
            ("close / 2", "close", "`close` is neither a field nor a call"),
            ("Mask($close, 'sh000300')", "Mask", "`Mask` is not supported: it reads another instrument's column"),
            ("Mean($close, 'a')", "'a'", "expected a number, a `$field`, an operator or `(`, found `'a'`"),
        ] {
            let mistake = parse(text).unwrap_err();
            assert_eq!((&text[mistake.span.clone()], mistake.message.as_str()), (at, message), "{text}");
        }
    }

    #[test]
    fn depth_is_refused_and_length_is_not() {
        for text in ["(".repeat(10_000), "-".repeat(10_000) + "1", "2**".repeat(10_000) + "1", "Abs(".repeat(10_000)] {
            assert_eq!(parse(&text).unwrap_err().message, "the expression is nested deeper than 200 levels");
        }
        assert_eq!(parse(&("1+".repeat(10_000) + "1")).unwrap().exprs.len(), 20_001);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r"[a-cMR0-9.,()<>=!&|*/$ '_#\n（é-]{0,40}") {
            let _ = parse(&text).map_err(|mistake| text[mistake.span].len());
        }
    }
}
