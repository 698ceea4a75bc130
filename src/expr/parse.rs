//! Tokens → expressions, by precedence climbing (Pratt).
//!
//! From loosest to tightest: `or`, `and`, `not`, comparisons (which do not chain), `+ -`, `* /`, unary minus, `^`
//! (from the right; `-x^2` is `-(x^2)` and `2^-1` is a half). `!`, `&&` and `||` are `not`, `and` and `or`.

use std::ops::Range;

use crate::ast::{Arg, Ast, ExprId, ExprKind, Ident};
use crate::catalogue::{Function, overloads};
use crate::error::Mistake;
use crate::program::{BinaryOp, UnaryOp};
use crate::token::{Spanned, Token, tokens};

/// How deep parentheses, calls and operators from the right may nest: far more than anyone reads, far less than a thread's stack.
const MAX_DEPTH: usize = 200;

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const SUM: u8 = 5;
const PRODUCT: u8 = 6;
const NEGATION: u8 = 7;
const POWER: u8 = 8;

/// The expression that `text` is; it is the last of [`Ast::exprs`]. Errors: the first mistake in the text.
pub(crate) fn parse(text: &str) -> Result<Ast, Mistake> {
    let tokens = tokens(text)?;
    let Some(last) = tokens.last() else {
        return Err(Mistake::new(0..0, "the expression is empty")
            .help("write how the column is computed, as in `close / ref(close, 1) - 1`"));
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
        Token::Or => (BinaryOp::Or, OR),
        Token::And => (BinaryOp::And, AND),
        Token::Lt => (BinaryOp::Lt, COMPARISON),
        Token::Le => (BinaryOp::Le, COMPARISON),
        Token::Gt => (BinaryOp::Gt, COMPARISON),
        Token::Ge => (BinaryOp::Ge, COMPARISON),
        Token::Eq => (BinaryOp::Eq, COMPARISON),
        Token::Ne => (BinaryOp::Ne, COMPARISON),
        Token::Plus => (BinaryOp::Add, SUM),
        Token::Minus => (BinaryOp::Sub, SUM),
        Token::Star => (BinaryOp::Mul, PRODUCT),
        Token::Slash => (BinaryOp::Div, PRODUCT),
        Token::Caret => (BinaryOp::Pow, POWER),
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
        let found = crate::suggest::code(&self.text[next.span.clone()]);
        let mistake = Mistake::new(next.span.clone(), format!("expected {expected}, found {found}"));
        match next.token {
            Token::Assign => {
                mistake.help("compare with `==`; an argument is named inside a call, as in `min_periods=20`")
            }
            Token::Name { ref text, quoted: false } if matches!(text.as_str(), "if" | "else") => {
                mistake.help("a choice is written `if(condition, a, b)`")
            }
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
                return Err(Mistake::new(next.span.clone(), "comparisons do not chain")
                    .help("write `a < b and b < c` for `a < b < c`"));
            }
        }
        self.depth -= 1;
        Ok(x)
    }

    /// A literal, a name, a call, something in parentheses, or one of them after `-` or `not`.
    fn operand(&mut self) -> Result<ExprId, Mistake> {
        const EXPECTED: &str = "a number, a name or `(`";
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
            Token::Minus | Token::Not => {
                self.at += 1;
                let (op, binding) = if *token == Token::Minus { (UnaryOp::Neg, NEGATION) } else { (UnaryOp::Not, NOT) };
                let x = self.expression(binding)?;
                let span = span.start..self.ast.get(x).span.end;
                Ok(self.ast.push(ExprKind::Unary { op, x }, span))
            }
            Token::LeftParen => {
                self.at += 1;
                let x = self.expression(0)?;
                let close = self.close(span, "an operator or `)`")?;
                self.ast.exprs[x.0].span = span.start..close.end;
                Ok(x)
            }
            Token::Name { text, quoted } => {
                self.at += 1;
                let name = Ident { text: text.clone(), span: span.clone() };
                match self.peek_token() {
                    Some(Token::LeftParen) if !quoted => self.call(name),
                    _ => self.name(name),
                }
            }
            _ => Err(self.unexpected(EXPECTED)),
        }
    }

    /// `close`, or `bars.close`.
    fn name(&mut self, first: Ident) -> Result<ExprId, Mistake> {
        if self.take(&Token::Dot).is_none() {
            let span = first.span.clone();
            return Ok(self.ast.push(ExprKind::Name { input: None, column: first }, span));
        }
        let Some(Spanned { token: Token::Name { text, .. }, span }) = self.peek() else {
            return Err(self.unexpected(&format!("a column of {}", crate::suggest::quoted(&first.text))));
        };
        self.at += 1;
        if self.peek_token() == Some(&Token::LeftParen) {
            let call = crate::suggest::code(&format!("{text}({}, …)", crate::suggest::written(&first.text)));
            return Err(Mistake::new(
                span.clone(),
                format!("{} is called like a method", crate::suggest::quoted(text)),
            )
            .help(format!("the function stands first: {call}")));
        }
        let whole = first.span.start..span.end;
        let column = Ident { text: text.clone(), span: span.clone() };
        Ok(self.ast.push(ExprKind::Name { input: Some(first), column }, whole))
    }

    /// The arguments of a call and its `)`; a comma may stand after the last.
    fn call(&mut self, function: Ident) -> Result<ExprId, Mistake> {
        let open = self.take(&Token::LeftParen).unwrap_or_else(|| function.span.clone());
        let mut args: Vec<Arg> = Vec::new();
        while self.peek_token() != Some(&Token::RightParen) {
            if self.peek().is_none() {
                break;
            }
            let name = self.argument_name();
            if name.is_none()
                && let Some(before) = args.last().and_then(|arg| arg.name.as_ref())
            {
                let named = |f: &Function| f.params.iter().any(|param| param.name == before.text);
                let function = &function.text;
                if overloads(function).next().is_some() && !overloads(function).any(named) {
                    let (function, name) = (crate::suggest::code(function), crate::suggest::code(&before.text));
                    return Err(Mistake::new(before.span.clone(), format!("{function} has no argument {name}"))
                        .help("`=` gives an argument by its name; compare with `==`"));
                }
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
        let part = self.part(&function)?;
        let span = function.span.start..part.as_ref().map_or(close.end, |part| part.span.end);
        Ok(self.ast.push(ExprKind::Call { function, args, part }, span))
    }

    /// `.hist` after a call.
    fn part(&mut self, function: &Ident) -> Result<Option<Ident>, Mistake> {
        if self.take(&Token::Dot).is_none() {
            return Ok(None);
        }
        let Some(Spanned { token: Token::Name { text, .. }, span }) = self.peek() else {
            return Err(self.unexpected(&format!("a result of {}", crate::suggest::quoted(&function.text))));
        };
        self.at += 1;
        Ok(Some(Ident { text: text.clone(), span: span.clone() }))
    }

    /// `n` and the `=` after it.
    fn argument_name(&mut self) -> Option<Ident> {
        match self.tokens.get(self.at..self.at + 2)? {
            [Spanned { token: Token::Name { text, .. }, span }, Spanned { token: Token::Assign, .. }] => {
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
