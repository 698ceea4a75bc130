//! Text in Qlib's dialect → tokens, each with its place.

use std::ops::Range;

use crate::error::Mistake;
use crate::suggest::code;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// `integer` is there if the literal is written in digits alone, saturated at `u64::MAX`.
    Number {
        value: f64,
        integer: Option<u64>,
    },
    /// `$close`, without its `$`.
    Field(String),
    /// An operator, or the name of an argument.
    Name(String),
    True,
    False,
    /// Text in quotes.
    Text,
    LeftParen,
    RightParen,
    Comma,
    Dot,
    Assign,
    Plus,
    Minus,
    Star,
    Slash,
    Power,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Or,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spanned {
    pub token: Token,
    pub span: Range<usize>,
}

/// Punctuation that Qlib lets stand in the name of a field.
const IN_FIELDS: [char; 4] = ['、', '：', '（', '）'];

/// All tokens of `text`, or the first thing that is none. Space, line ends and `#` comments separate tokens.
pub(crate) fn tokens(text: &str) -> Result<Vec<Spanned>, Mistake> {
    let mut lexer = Lexer { text, at: 0 };
    let mut found = Vec::new();
    while let Some(first) = lexer.skip_to_token() {
        let start = lexer.at;
        let token = lexer.token(first)?;
        found.push(Spanned { token, span: start..lexer.at });
    }
    Ok(found)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
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

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &str {
        let length = self.rest().find(|c| !belongs(c)).unwrap_or(self.rest().len());
        let start = self.at;
        self.at += length;
        &self.text[start..self.at]
    }

    fn token(&mut self, first: char) -> Result<Token, Mistake> {
        let second = self.rest().chars().nth(1);
        if first.is_ascii_digit() || (first == '.' && second.is_some_and(|c| c.is_ascii_digit())) {
            return self.number();
        }
        if first == '$' {
            return self.field();
        }
        if first == '\'' || first == '"' {
            return self.quoted(first);
        }
        if first.is_alphabetic() || first == '_' {
            return self.word();
        }
        let (token, length) = match (first, second) {
            ('*', Some('*')) => (Token::Power, 2),
            ('<', Some('=')) => (Token::Le, 2),
            ('>', Some('=')) => (Token::Ge, 2),
            ('=', Some('=')) => (Token::Eq, 2),
            ('!', Some('=')) => (Token::Ne, 2),
            ('&', Some('&')) => return Err(self.unexpected("&&", "write `&`")),
            ('|', Some('|')) => return Err(self.unexpected("||", "write `|`")),
            ('<', Some('>')) => return Err(self.unexpected("<>", "write `!=`, or `Ne(a, b)`")),
            ('/', Some('/')) => return Err(self.unexpected("//", "Qlib has no division without remainder")),
            ('(', _) => (Token::LeftParen, 1),
            (')', _) => (Token::RightParen, 1),
            (',', _) => (Token::Comma, 1),
            ('.', _) => (Token::Dot, 1),
            ('=', _) => (Token::Assign, 1),
            ('+', _) => (Token::Plus, 1),
            ('-', _) => (Token::Minus, 1),
            ('*', _) => (Token::Star, 1),
            ('/', _) => (Token::Slash, 1),
            ('<', _) => (Token::Lt, 1),
            ('>', _) => (Token::Gt, 1),
            ('&', _) => (Token::And, 1),
            ('|', _) => (Token::Or, 1),
            (other, _) => return Err(self.unexpected(other.encode_utf8(&mut [0; 4]), remedy(other))),
        };
        self.at += length;
        Ok(token)
    }

    fn unexpected(&self, what: &str, help: &str) -> Mistake {
        let mistake = Mistake::new(self.at..self.at + what.len(), format!("unexpected {}", code(what)));
        if help.is_empty() { mistake } else { mistake.help(help) }
    }

    fn field(&mut self) -> Result<Token, Mistake> {
        let start = self.at;
        self.at += 1;
        let point_in_time = self.peek() == Some('$');
        self.take_while(|c| c == '$');
        let name = self.take_while(|c| c.is_alphanumeric() || c == '_' || IN_FIELDS.contains(&c)).to_owned();
        let span = start..self.at;
        if point_in_time {
            return Err(Mistake::new(span.clone(), format!("{} is point-in-time data", code(&self.text[span]))).help(
                "join reports as of their announcement in an asset of kind `sql`, and read its columns by `$name`",
            ));
        }
        if name.is_empty() {
            return Err(Mistake::new(span, "`$` has no name behind it").help("a column is written `$close`"));
        }
        Ok(Token::Field(name))
    }

    fn quoted(&mut self, quote: char) -> Result<Token, Mistake> {
        let start = self.at;
        self.at += 1;
        self.take_while(|c| c != quote);
        if self.peek().is_none() {
            return Err(Mistake::new(start..start + 1, "this quote is not closed"));
        }
        self.at += 1;
        Ok(Token::Text)
    }

    fn word(&mut self) -> Result<Token, Mistake> {
        let start = self.at;
        let word = self.take_while(|c| c.is_alphanumeric() || c == '_').to_owned();
        let help = match word.as_str() {
            "True" => return Ok(Token::True),
            "False" => return Ok(Token::False),
            "and" => "write `&`, with parentheses around each comparison",
            "or" => "write `|`, with parentheses around each comparison",
            "not" => "write `Not(…)`",
            "if" | "else" => "a choice is written `If(condition, a, b)`",
            "in" | "is" | "lambda" | "None" => "",
            _ => return Ok(Token::Name(word)),
        };
        let mistake = Mistake::new(start..self.at, format!("{} cannot be used in Qlib's expressions", code(&word)));
        Err(if help.is_empty() { mistake } else { mistake.help(help) })
    }

    /// `20`, `1_000`, `0.5`, `.5`, `1.`, `1e-12`.
    fn number(&mut self) -> Result<Token, Mistake> {
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
        self.take_while(|c| c.is_alphanumeric() || c == '_');
        let span = start..self.at;
        let literal = &self.text[span.clone()];
        let well_formed = !literal.contains("__") && !literal.ends_with('_');
        match literal.replace('_', "").parse::<f64>() {
            Ok(value) if value.is_finite() && well_formed => {
                // Digits alone can only fail to parse by being too many.
                let integer = whole.then(|| literal.replace('_', "").parse().unwrap_or(u64::MAX));
                Ok(Token::Number { value, integer })
            }
            Ok(value) if value.is_infinite() => Err(Mistake::new(span, format!("{} is too large", code(literal)))
                .help(format!("the largest number is about {:e}", f64::MAX))),
            _ => Err(Mistake::new(span, format!("{} is not a number", code(literal)))),
        }
    }
}

/// What to write instead of a character that is not of the language.
fn remedy(c: char) -> &'static str {
    match c {
        '^' => "a power is written `Power(x, y)`, or `x**y`",
        '~' | '!' => "write `Not(…)`",
        '%' => "Qlib has no remainder",
        '@' => "Qlib's `$close@5min` is not supported: read an asset of the other frequency",
        '[' | ']' => "the value of an earlier session is written `Ref($close, 1)`",
        '（' | '）' | '，' | '＋' | '－' | '＊' | '／' | '＜' | '＞' | '＝' => {
            "write it with the half-width character"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Token {
        let found = tokens(text).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].token.clone()
    }

    #[test]
    fn numbers_are_pythons() {
        for (text, value, integer) in [
            ("20", 20.0, Some(20)),
            ("1_000", 1000.0, Some(1000)),
            ("1e-12", 1e-12, None),
            (".5", 0.5, None),
            ("1.", 1.0, None),
            ("1.5E+2", 150.0, None),
        ] {
            assert_eq!(one(text), Token::Number { value, integer }, "{text}");
        }
        for text in ["5min", "1__0", "1_", "0x10", "1e999"] {
            assert_eq!(tokens(text).unwrap_err().span, 0..text.len(), "{text}");
        }
    }

    #[test]
    fn fields_are_words_behind_a_dollar() {
        assert_eq!(one("$close"), Token::Field("close".into()));
        assert_eq!(one("$收盘（元）"), Token::Field("收盘（元）".into()));
        let spans: Vec<_> = tokens("$a+$b # more").unwrap().into_iter().map(|token| token.span).collect();
        assert_eq!(spans, [0..2, 2..3, 3..5]);
        for (text, message) in [
            ("$$roewa_q", "`$$roewa_q` is point-in-time data"),
            ("$ close", "`$` has no name behind it"),
            ("'SH000300", "this quote is not closed"),
            ("$a and $b", "`and` cannot be used in Qlib's expressions"),
            ("$a ^ 2", "unexpected `^`"),
            ("$a && $b", "unexpected `&&`"),
        ] {
            assert_eq!(tokens(text).unwrap_err().message, message, "{text}");
        }
    }
}
