//! Text → tokens, each with its place.

use crate::error::Mistake;
use crate::scan::{self, Literal, Scanner, Spanned};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// `integer` is there if the literal is written in digits alone, saturated at `u64::MAX`.
    Number {
        value: f64,
        integer: Option<u64>,
    },
    /// `quoted`: written in backticks.
    Name {
        text: String,
        quoted: bool,
    },
    LeftParen,
    RightParen,
    Comma,
    Dot,
    Assign,
    Plus,
    Minus,
    Star,
    Slash,
    Caret,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Or,
    Not,
    True,
    False,
}

/// The words of the language, which a column must be quoted to be called.
pub(crate) fn is_reserved(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "true" | "false")
}

/// All tokens of `text`, or the first thing that is none.
pub(crate) fn tokens(text: &str) -> Result<Vec<Spanned<Token>>, Mistake> {
    scan::tokens(text, |scanner, first| Lexer { scanner }.token(first))
}

struct Lexer<'a, 't> {
    scanner: &'a mut Scanner<'t>,
}

impl Lexer<'_, '_> {
    fn token(&mut self, first: char) -> Result<Token, Mistake> {
        let second = self.scanner.rest().chars().nth(1);
        if first.is_ascii_digit() || (first == '.' && second.is_some_and(|c| c.is_ascii_digit())) {
            return self.number();
        }
        if first == '`' {
            return self.quoted_name();
        }
        if first.is_alphabetic() || first == '_' {
            return Ok(self.word());
        }
        let (token, length) = match (first, second) {
            ('*', Some('*')) => (Token::Caret, 2),
            ('<', Some('=')) => (Token::Le, 2),
            ('>', Some('=')) => (Token::Ge, 2),
            ('=', Some('=')) => (Token::Eq, 2),
            ('!', Some('=')) => (Token::Ne, 2),
            ('&', Some('&')) => (Token::And, 2),
            ('|', Some('|')) => (Token::Or, 2),
            ('<', Some('>')) => return Err(self.unexpected("<>", Some("write `!=` for \"not equal\"".into()))),
            ('/', Some('/')) => return Err(self.unexpected("//", Some("a comment begins with `#`".into()))),
            ('(', _) => (Token::LeftParen, 1),
            (')', _) => (Token::RightParen, 1),
            (',', _) => (Token::Comma, 1),
            ('.', _) => (Token::Dot, 1),
            ('=', _) => (Token::Assign, 1),
            ('+', _) => (Token::Plus, 1),
            ('-', _) => (Token::Minus, 1),
            ('*', _) => (Token::Star, 1),
            ('/', _) => (Token::Slash, 1),
            ('^', _) => (Token::Caret, 1),
            ('<', _) => (Token::Lt, 1),
            ('>', _) => (Token::Gt, 1),
            ('!', _) => (Token::Not, 1),
            (other, _) => return Err(self.unexpected(other.encode_utf8(&mut [0; 4]), remedy(other))),
        };
        self.scanner.at += length;
        Ok(token)
    }

    fn unexpected(&self, what: &str, help: Option<String>) -> Mistake {
        Mistake::new(self.scanner.at..self.scanner.at + what.len(), format!("unexpected `{what}`")).maybe_help(help)
    }

    fn word(&mut self) -> Token {
        let start = self.scanner.at;
        self.scanner.take_while(|c| c.is_alphanumeric() || c == '_');
        match &self.scanner.text[start..self.scanner.at] {
            "and" => Token::And,
            "or" => Token::Or,
            "not" => Token::Not,
            "true" => Token::True,
            "false" => Token::False,
            name => Token::Name { text: name.to_owned(), quoted: false },
        }
    }

    /// `` `adj close` ``; two backticks inside stand for one.
    fn quoted_name(&mut self) -> Result<Token, Mistake> {
        let start = self.scanner.at;
        let mut name = String::new();
        self.scanner.at += 1;
        loop {
            let from = self.scanner.at;
            self.scanner.take_while(|c| c != '`');
            name.push_str(&self.scanner.text[from..self.scanner.at]);
            if self.scanner.rest().starts_with("``") {
                name.push('`');
                self.scanner.at += 2;
            } else if self.scanner.rest().starts_with('`') {
                self.scanner.at += 1;
                break;
            } else {
                return Err(Mistake::new(start..start + 1, "this backtick is not closed")
                    .help("a name with odd characters stands between two backticks"));
            }
        }
        if name.is_empty() {
            return Err(Mistake::new(start..self.scanner.at, "a name between backticks is empty"));
        }
        Ok(Token::Name { text: name, quoted: true })
    }

    /// `20`, `1_000`, `0.5`, `.5`, `1e-3`.
    fn number(&mut self) -> Result<Token, Mistake> {
        let Literal { span, whole, stray } = self.scanner.literal();
        let literal = &self.scanner.text[span.clone()];
        if stray {
            return Err(Mistake::new(span, format!("`{literal}` is not a number"))
                .help(format!("a name that begins with a digit is written in backticks: `` `{literal}` ``")));
        }
        let bytes = literal.as_bytes();
        let between_digits = |at: usize| {
            at > 0 && bytes[at - 1].is_ascii_digit() && bytes.get(at + 1).is_some_and(|next| next.is_ascii_digit())
        };
        if (0..bytes.len()).any(|at| bytes[at] == b'_' && !between_digits(at)) {
            return Err(Mistake::new(span, format!("`{literal}` is not a number"))
                .help("an underscore in a number stands between two digits: `1_000`"));
        }
        let digits = literal.replace('_', "");
        match digits.parse::<f64>() {
            Ok(value) if value.is_finite() => {
                // Digits alone can only fail to parse by being too many.
                let integer = whole.then(|| digits.parse().unwrap_or(u64::MAX));
                Ok(Token::Number { value, integer })
            }
            Ok(_) => Err(Mistake::new(span, format!("`{literal}` is too large"))
                .help(format!("the largest number is about {:e}", f64::MAX))),
            Err(_) => Err(Mistake::new(span, format!("`{literal}` is not a number"))),
        }
    }
}

/// What to write instead of a character that is not of the language.
fn remedy(c: char) -> Option<String> {
    let instead = match c {
        '$' => {
            return Some(
                "columns are written without `$`: `close`; with `dialect: qlib` Qlib's own strings are read".into(),
            );
        }
        '&' => return Some("write `and` (or `&&`)".into()),
        '|' => return Some("write `or` (or `||`)".into()),
        '"' | '\'' => {
            return Some("there is no text in expressions; a name with odd characters stands in backticks".into());
        }
        '%' => return Some("there is no remainder or percent; for percent, divide by 100".into()),
        '[' | ']' => {
            return Some("group with `(` and `)`; `ref(x, 1)` is the value of the session before".into());
        }
        '{' | '}' => return Some("group with `(` and `)`".into()),
        ';' => return Some("a column is one expression; arguments are separated by `,`".into()),
        '×' | '∗' => "*",
        '÷' => "/",
        '−' | '–' | '—' => "-",
        '≤' => "<=",
        '≥' => ">=",
        '≠' => "!=",
        '、' => ",",
        // Full-width forms, which an input method for Chinese or Japanese leaves behind.
        '\u{ff01}'..='\u{ff5e}' => {
            let ascii = u8::try_from(u32::from(c) - 0xfee0).ok()?;
            return Some(format!("this is the full-width form; write `{}`", char::from(ascii)));
        }
        _ => return None,
    };
    Some(format!("write `{instead}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Token> {
        tokens(text).unwrap().into_iter().map(|spanned| spanned.token).collect()
    }

    fn number(value: f64, integer: Option<u64>) -> Token {
        Token::Number { value, integer }
    }

    fn name(text: &str, quoted: bool) -> Token {
        Token::Name { text: text.into(), quoted }
    }

    #[test]
    fn numbers() {
        assert_eq!(kinds("20 1_000"), [number(20.0, Some(20)), number(1000.0, Some(1000))]);
        assert_eq!(kinds("0.5 .5 5. 1e-3 2E6"), [0.5, 0.5, 5.0, 1e-3, 2e6].map(|value| number(value, None)));
        assert_eq!(kinds("99999999999999999999"), [number(1e20, Some(u64::MAX))]);
        for (text, message) in [
            ("20d", "`20d` is not a number"),
            ("1__0", "`1__0` is not a number"),
            ("1_", "`1_` is not a number"),
            ("1_.5", "`1_.5` is not a number"),
            ("2e", "`2e` is not a number"),
            ("1e999", "`1e999` is too large"),
        ] {
            let mistake = tokens(text).unwrap_err();
            assert_eq!((mistake.message.as_str(), mistake.span), (message, 0..text.len()), "{text}");
        }
    }

    #[test]
    fn names_and_words() {
        assert_eq!(kinds("收盘价"), [name("收盘价", false)]);
        assert_eq!(kinds("bars.close_2"), [name("bars", false), Token::Dot, name("close_2", false)]);
        assert_eq!(kinds("`adj close` `and` `a``b`"), ["adj close", "and", "a`b"].map(|text| name(text, true)));
        assert_eq!(kinds("and && or || not !"), [Token::And, Token::And, Token::Or, Token::Or, Token::Not, Token::Not]);
        assert_eq!(tokens("x + `open").unwrap_err().span, 4..5);
        assert_eq!(tokens("``").unwrap_err().message, "a name between backticks is empty");
    }

    #[test]
    fn spans_are_bytes_and_comments_are_skipped() {
        let found = tokens("收 # a comment ) \n + x").unwrap();
        assert_eq!(found.iter().map(|spanned| spanned.span.clone()).collect::<Vec<_>>(), [0..3, 20..21, 22..23]);
    }

    #[test]
    fn what_is_no_token_says_what_to_write() {
        for (text, message, help) in [
            ("a & b", "unexpected `&`", "write `and` (or `&&`)"),
            ("a | b", "unexpected `|`", "write `or` (or `||`)"),
            (
                "$close",
                "unexpected `$`",
                "columns are written without `$`: `close`; with `dialect: qlib` Qlib's own strings are read",
            ),
            ("a <> b", "unexpected `<>`", "write `!=` for \"not equal\""),
            ("（a", "unexpected `（`", "this is the full-width form; write `(`"),
            ("a − b", "unexpected `−`", "write `-`"),
        ] {
            let mistake = tokens(text).unwrap_err();
            assert_eq!((mistake.message.as_str(), mistake.help.as_deref()), (message, Some(help)), "{text}");
        }
        assert_eq!(tokens("a ? b").unwrap_err().help, None);
    }
}
