//! What reading characters into tokens takes in any dialect.

use std::ops::Range;

use crate::error::Mistake;

/// A token with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spanned<T> {
    pub token: T,
    pub span: Range<usize>,
}

/// All tokens of `text`, or the first thing that is none. Space, line ends and `#` comments separate tokens. `token` reads one, of
/// which it is given the first character.
pub(crate) fn tokens<T>(
    text: &str,
    mut token: impl FnMut(&mut Scanner<'_>, char) -> Result<T, Mistake>,
) -> Result<Vec<Spanned<T>>, Mistake> {
    let mut scanner = Scanner { text, at: 0 };
    let mut found = Vec::new();
    while let Some(first) = scanner.skip_to_token() {
        let start = scanner.at;
        let token = token(&mut scanner, first)?;
        found.push(Spanned { token, span: start..scanner.at });
    }
    Ok(found)
}

pub(crate) struct Scanner<'a> {
    pub text: &'a str,
    pub at: usize,
}

/// A number as it is written, with all that stands behind it without a space.
pub(crate) struct Literal {
    pub span: Range<usize>,
    /// Written in digits alone.
    pub whole: bool,
    /// Letters follow that belong to no number.
    pub stray: bool,
}

impl<'a> Scanner<'a> {
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The first character of the next token.
    fn skip_to_token(&mut self) -> Option<char> {
        loop {
            let c = self.peek()?;
            if c == '#' {
                self.take_while(|c| c != '\n');
            } else if c.is_whitespace() {
                self.at += c.len_utf8();
            } else {
                return Some(c);
            }
        }
    }

    pub fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// `20`, `1_000`, `0.5`, `.5`, `1e-3`.
    pub fn literal(&mut self) -> Literal {
        let start = self.at;
        let digit = |c: char| c.is_ascii_digit() || c == '_';
        self.take_while(digit);
        let mut whole = true;
        if self.peek() == Some('.') {
            whole = false;
            self.at += 1;
            self.take_while(digit);
        }
        let mut exponent = self.rest().chars();
        if matches!(exponent.next(), Some('e' | 'E')) {
            let sign = exponent.next();
            let signed = matches!(sign, Some('+' | '-'));
            if if signed { exponent.next() } else { sign }.is_some_and(|c| c.is_ascii_digit()) {
                whole = false;
                self.at += if signed { 2 } else { 1 };
                self.take_while(digit);
            }
        }
        let stray = !self.take_while(|c| c.is_alphanumeric() || c == '_').is_empty();
        Literal { span: start..self.at, whole, stray }
    }
}
