//! Tokens → expressions, with Python's precedence.
//!
//! From loosest to tightest: comparisons (which do not chain), `|`, `&`, `+ -`, `* /`, unary minus, `**` (from the right).
//! `&` and `|` bind tighter than comparisons: `$a > 1 & $b > 1` is `$a > (1 & $b) > 1`.

use std::ops::Range;

use super::operators::refused;
use super::token::{Spanned, Token, tokens};
use crate::ast::{Arg, Ast, ExprId, ExprKind, Ident};
use crate::error::Mistake;
use crate::program::{BinaryOp, UnaryOp};
use crate::suggest::code;

/// As in our own language.
const MAX_DEPTH: usize = 200;

const COMPARISON: u8 = 1;
const OR: u8 = 2;
const AND: u8 = 3;
const SUM: u8 = 4;
const PRODUCT: u8 = 5;
const NEGATION: u8 = 6;
const POWER: u8 = 7;

/// The expression that `text` is; it is the last of [`Ast::exprs`]. A field is a name, and its place is that of the `$` too.
/// Errors: the first mistake in the text.
pub(crate) fn parse(text: &str) -> Result<Ast, Mistake> {
    let tokens = tokens(text)?;
    let Some(last) = tokens.last() else {
        return Err(Mistake::new(0..0, "the expression is empty")
            .help("write how the column is computed, as in `Ref($close, 5)/$close`"));
    };
    let end = last.span.end;
    let mut parser = Parser { text, tokens: &tokens, at: 0, end, ast: Ast::default(), depth: 0 };
    parser.expression(0)?;
    match parser.peek() {
        None => Ok(parser.ast),
        Some(Spanned { token: Token::RightParen, span }) => {
            Err(Mistake::new(span.clone(), "unbalanced `)`").help("there is no `(` that it closes"))
        }
        Some(_) => Err(parser.unexpected("an operator")),
    }
}

fn infix(token: &Token) -> Option<(BinaryOp, u8)> {
    Some(match token {
        Token::Lt => (BinaryOp::Lt, COMPARISON),
        Token::Le => (BinaryOp::Le, COMPARISON),
        Token::Gt => (BinaryOp::Gt, COMPARISON),
        Token::Ge => (BinaryOp::Ge, COMPARISON),
        Token::Eq => (BinaryOp::Eq, COMPARISON),
        Token::Ne => (BinaryOp::Ne, COMPARISON),
        Token::Or => (BinaryOp::Or, OR),
        Token::And => (BinaryOp::And, AND),
        Token::Plus => (BinaryOp::Add, SUM),
        Token::Minus => (BinaryOp::Sub, SUM),
        Token::Star => (BinaryOp::Mul, PRODUCT),
        Token::Slash => (BinaryOp::Div, PRODUCT),
        Token::Power => (BinaryOp::Pow, POWER),
        _ => return None,
    })
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Spanned],
    at: usize,
    /// Where the last token ends.
    end: usize,
    ast: Ast,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Spanned> {
        self.tokens.get(self.at)
    }

    fn peek_token(&self) -> Option<&'a Token> {
        self.peek().map(|spanned| &spanned.token)
    }

    /// The place of the next token, if it is `token`, which is then read.
    fn take(&mut self, token: &Token) -> Option<Range<usize>> {
        let next = self.peek().filter(|next| next.token == *token)?;
        self.at += 1;
        Some(next.span.clone())
    }

    /// The next token is not what can stand there.
    fn unexpected(&self, expected: &str) -> Mistake {
        let Some(next) = self.peek() else {
            return Mistake::new(self.end..self.end, "unexpected end of expression")
                .help(format!("expected {expected}"));
        };
        let found = code(&self.text[next.span.clone()]);
        let mistake = Mistake::new(next.span.clone(), format!("expected {expected}, found {found}"));
        match next.token {
            Token::Assign => mistake.help("compare with `==`; an argument is named inside a call, as in `N=20`"),
            _ => mistake,
        }
    }

    /// An expression whose operators all bind at least as tightly as `min`.
    fn expression(&mut self, min: u8) -> Result<ExprId, Mistake> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let at = self.peek().map_or(self.end..self.end, |next| next.span.clone());
            return Err(Mistake::new(at, format!("the expression is nested deeper than {MAX_DEPTH} levels"))
                .help("give parts of it a name, as columns of their own before this one"));
        }
        let mut x = self.operand()?;
        while let Some((op, binding)) = self.peek_token().and_then(infix).filter(|(_, binding)| *binding >= min) {
            self.at += 1;
            // Operators of equal strength group from the left, but for powers.
            let y = self.expression(if binding == POWER { POWER } else { binding + 1 })?;
            let span = self.ast.get(x).span.start..self.ast.get(y).span.end;
            x = self.ast.push(ExprKind::Binary { op, x, y }, span);
            let another = self
                .peek()
                .filter(|next| binding == COMPARISON && infix(&next.token).is_some_and(|(_, b)| b == COMPARISON));
            if let Some(next) = another {
                return Err(Mistake::new(next.span.clone(), "comparisons do not chain").help(
                    "`&` and `|` bind tighter than comparisons: put each comparison in parentheses, as in `($close > $open) & ($volume > 0)`",
                ));
            }
        }
        self.depth -= 1;
        Ok(x)
    }

    /// A literal, a field, a call, something in parentheses, or one of them after `-`.
    fn operand(&mut self) -> Result<ExprId, Mistake> {
        const EXPECTED: &str = "a number, a `$field`, an operator or `(`";
        let Some(Spanned { token, span }) = self.peek() else { return Err(self.unexpected(EXPECTED)) };
        match token {
            Token::Number { value, integer } => {
                self.at += 1;
                Ok(self.ast.push(ExprKind::Number { value: *value, integer: *integer }, span.clone()))
            }
            Token::True | Token::False => {
                self.at += 1;
                Ok(self.ast.push(ExprKind::Bool(*token == Token::True), span.clone()))
            }
            Token::Minus => {
                self.at += 1;
                let x = self.expression(NEGATION)?;
                let span = span.start..self.ast.get(x).span.end;
                Ok(self.ast.push(ExprKind::Unary { op: UnaryOp::Neg, x }, span))
            }
            Token::LeftParen => {
                self.at += 1;
                let x = self.expression(0)?;
                let close = self.close(span, "an operator or `)`")?;
                self.ast.exprs[x.0].span = span.start..close.end;
                Ok(x)
            }
            Token::Field(text) => {
                self.at += 1;
                self.field(Ident { text: text.clone(), span: span.clone() })
            }
            Token::Name(text) => {
                self.at += 1;
                let name = Ident { text: text.clone(), span: span.clone() };
                // What is refused is refused before its arguments, which may be text.
                if let Some(reason) = refused(text) {
                    let message = format!("{} is not supported: {}", code(text), reason.why);
                    return Err(Mistake::new(name.span, message).help(reason.instead));
                }
                match self.peek_token() {
                    Some(Token::LeftParen) => self.call(name),
                    _ => Err(Mistake::new(name.span, format!("{} is neither a field nor a call", code(text)))
                        .help(format!("a column is written {}", code(&format!("${text}"))))),
                }
            }
            _ => Err(self.unexpected(EXPECTED)),
        }
    }

    /// `$close`, or `$bars.close`, which says of which input and is ours.
    fn field(&mut self, first: Ident) -> Result<ExprId, Mistake> {
        let span = first.span.clone();
        if self.take(&Token::Dot).is_none() {
            return Ok(self.ast.push(ExprKind::Name { input: None, column: first }, span));
        }
        let Some(Spanned { token: Token::Name(text), span: end }) = self.peek() else {
            return Err(self.unexpected(&format!("a column of {}", code(&first.text))));
        };
        self.at += 1;
        let column = Ident { text: text.clone(), span: end.clone() };
        Ok(self.ast.push(ExprKind::Name { input: Some(first), column }, span.start..end.end))
    }

    /// The arguments of a call and its `)`; a comma may stand after the last.
    fn call(&mut self, function: Ident) -> Result<ExprId, Mistake> {
        let open = self.take(&Token::LeftParen).unwrap_or_else(|| function.span.clone());
        let mut args: Vec<Arg> = Vec::new();
        while self.peek().is_some_and(|next| next.token != Token::RightParen) {
            let name = self.argument_name();
            if name.is_none() && args.last().is_some_and(|arg| arg.name.is_some()) {
                let at = self.peek().map_or(self.end..self.end, |next| next.span.clone());
                return Err(Mistake::new(at, "an argument without a name stands after one with a name")
                    .help("put the arguments with names last"));
            }
            let value = self.expression(0)?;
            args.push(Arg { name, value });
            if self.take(&Token::Comma).is_none() {
                break;
            }
        }
        let close = self.close(&open, "an operator, `,` or `)`")?;
        let span = function.span.start..close.end;
        Ok(self.ast.push(ExprKind::Call { function, args, part: None }, span))
    }

    /// `N` and the `=` after it.
    fn argument_name(&mut self) -> Option<Ident> {
        match self.tokens.get(self.at..self.at + 2)? {
            [Spanned { token: Token::Name(text), span }, Spanned { token: Token::Assign, .. }] => {
                self.at += 2;
                Some(Ident { text: text.clone(), span: span.clone() })
            }
            _ => None,
        }
    }

    /// The `)` that closes `open`.
    fn close(&mut self, open: &Range<usize>, expected: &str) -> Result<Range<usize>, Mistake> {
        match self.take(&Token::RightParen) {
            Some(close) => Ok(close),
            None if self.peek().is_none() => {
                Err(Mistake::new(open.clone(), "unbalanced `(`").help("there is no `)` that closes it"))
            }
            None => Err(self.unexpected(expected)),
        }
    }
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
