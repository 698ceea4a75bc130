//! Tokens → expressions by precedence climbing (Pratt), for any dialect: its tokens say how tightly its operators bind, and what an
//! operand is.

use std::ops::Range;

use crate::ast::{Arg, Ast, ExprId, ExprKind, Ident};
use crate::error::Mistake;
use crate::program::BinaryOp;
use crate::scan::Spanned;

/// How deep parentheses, calls and operators from the right may nest: far more than anyone reads, far less than a thread's stack.
pub(crate) const MAX_DEPTH: usize = 200;

/// The tokens of a dialect.
pub(crate) trait Grammar: Sized + PartialEq {
    const LEFT_PAREN: Self;
    const RIGHT_PAREN: Self;
    const COMMA: Self;
    const ASSIGN: Self;
    /// How tightly comparisons bind, which do not chain.
    const COMPARISON: u8;
    /// How tightly powers bind, which group from the right.
    const POWER: u8;
    /// What to write instead of nothing, and of comparisons that chain.
    const EMPTY: &'static str;
    const CHAINED: &'static str;

    /// The operator that it is between two operands, and how tightly it binds.
    fn infix(&self) -> Option<(BinaryOp, u8)>;

    /// The name of an argument, or of a function, that it may be.
    fn name(&self) -> Option<&str>;

    /// What to do where it cannot stand.
    fn help(&self) -> Option<&'static str>;

    /// A literal, a name, a call, something in parentheses, or one of them behind an operator.
    fn operand(parser: &mut Parser<'_, Self>) -> Result<ExprId, Mistake>;

    /// That an argument without a name may not stand behind `before`, which has one.
    fn unnamed(parser: &Parser<'_, Self>, _function: &Ident, _before: &Ident) -> Mistake {
        Mistake::new(parser.here(), "an argument without a name stands after one with a name")
            .help("put the arguments with names last")
    }
}

pub(crate) struct Parser<'a, T> {
    text: &'a str,
    tokens: &'a [Spanned<T>],
    at: usize,
    /// Where the last token ends.
    end: usize,
    pub ast: Ast,
    depth: usize,
}

/// The expression that `text` is, of which `tokens` are the tokens; it is the last of [`Ast::exprs`].
///
/// # Errors
/// The first mistake in the text.
pub(crate) fn parse<T: Grammar>(text: &str, tokens: &[Spanned<T>]) -> Result<Ast, Mistake> {
    let Some(last) = tokens.last() else {
        return Err(Mistake::new(0..0, "the expression is empty").help(T::EMPTY));
    };
    let mut parser = Parser { text, tokens, at: 0, end: last.span.end, ast: Ast::default(), depth: 0 };
    parser.expression(0)?;
    match parser.peek() {
        None => Ok(parser.ast),
        Some(Spanned { token, span }) if *token == T::RIGHT_PAREN => {
            Err(Mistake::new(span.clone(), "unbalanced `)`").help("there is no `(` that it closes"))
        }
        Some(_) => Err(parser.unexpected("an operator")),
    }
}

impl<'a, T: Grammar> Parser<'a, T> {
    pub fn peek(&self) -> Option<&'a Spanned<T>> {
        self.tokens.get(self.at)
    }

    pub fn peek_token(&self) -> Option<&'a T> {
        self.peek().map(|spanned| &spanned.token)
    }

    /// The next token is read.
    pub fn advance(&mut self) {
        self.at += 1;
    }

    /// The place of the next token, or of the end.
    pub fn here(&self) -> Range<usize> {
        self.peek().map_or(self.end..self.end, |next| next.span.clone())
    }

    /// The place of the next token, if it is `token`, which is then read.
    pub fn take(&mut self, token: &T) -> Option<Range<usize>> {
        let next = self.peek().filter(|next| next.token == *token)?;
        self.at += 1;
        Some(next.span.clone())
    }

    /// The next token is not what can stand there.
    pub fn unexpected(&self, expected: &str) -> Mistake {
        let Some(next) = self.peek() else {
            return Mistake::new(self.end..self.end, "unexpected end of expression")
                .help(format!("expected {expected}"));
        };
        let found = crate::suggest::code(&self.text[next.span.clone()]);
        let mistake = Mistake::new(next.span.clone(), format!("expected {expected}, found {found}"));
        match next.token.help() {
            Some(help) => mistake.help(help),
            None => mistake,
        }
    }

    /// An expression whose operators all bind at least as tightly as `min`.
    pub fn expression(&mut self, min: u8) -> Result<ExprId, Mistake> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Mistake::new(self.here(), format!("the expression is nested deeper than {MAX_DEPTH} levels"))
                .help("give parts of it a name, as columns of their own before this one"));
        }
        let mut x = T::operand(self)?;
        while let Some((op, binding)) = self.peek_token().and_then(T::infix).filter(|(_, binding)| *binding >= min) {
            self.at += 1;
            // Operators of equal strength group from the left, but for powers.
            let y = self.expression(if binding == T::POWER { T::POWER } else { binding + 1 })?;
            let span = self.ast.get(x).span.start..self.ast.get(y).span.end;
            x = self.ast.push(ExprKind::Binary { op, x, y }, span);
            let is_comparison = |next: &&Spanned<T>| next.token.infix().is_some_and(|(_, b)| b == T::COMPARISON);
            if let Some(next) = self.peek().filter(is_comparison).filter(|_| binding == T::COMPARISON) {
                return Err(Mistake::new(next.span.clone(), "comparisons do not chain").help(T::CHAINED));
            }
        }
        self.depth -= 1;
        Ok(x)
    }

    /// What stands in the parentheses of which the next token is the first.
    pub fn parenthesized(&mut self) -> Result<ExprId, Mistake> {
        let open = self.here();
        self.at += 1;
        let x = self.expression(0)?;
        let close = self.close(&open, "an operator or `)`")?;
        self.ast.exprs[x.0].span = open.start..close.end;
        Ok(x)
    }

    /// The arguments of a call, and the place of its `)`; a comma may stand after the last.
    pub fn arguments(&mut self, function: &Ident) -> Result<(Vec<Arg>, Range<usize>), Mistake> {
        let open = self.take(&T::LEFT_PAREN).unwrap_or_else(|| function.span.clone());
        let mut args: Vec<Arg> = Vec::new();
        while self.peek_token().is_some_and(|next| *next != T::RIGHT_PAREN) {
            let name = self.argument_name();
            if name.is_none()
                && let Some(before) = args.last().and_then(|arg| arg.name.as_ref())
            {
                return Err(T::unnamed(self, function, before));
            }
            let value = self.expression(0)?;
            args.push(Arg { name, value });
            if self.take(&T::COMMA).is_none() {
                break;
            }
        }
        let close = self.close(&open, "an operator, `,` or `)`")?;
        Ok((args, close))
    }

    /// `n` and the `=` after it.
    fn argument_name(&mut self) -> Option<Ident> {
        let [name, assign] = self.tokens.get(self.at..self.at + 2)? else { return None };
        let text = name.token.name().filter(|_| assign.token == T::ASSIGN)?;
        self.at += 2;
        Some(Ident { text: text.to_owned(), span: name.span.clone() })
    }

    /// The `)` that closes `open`.
    fn close(&mut self, open: &Range<usize>, expected: &str) -> Result<Range<usize>, Mistake> {
        match self.take(&T::RIGHT_PAREN) {
            Some(close) => Ok(close),
            None if self.peek().is_none() => {
                Err(Mistake::new(open.clone(), "unbalanced `(`").help("there is no `)` that closes it"))
            }
            None => Err(self.unexpected(expected)),
        }
    }
}
