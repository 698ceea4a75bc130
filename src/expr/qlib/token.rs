//! Text in Qlib's dialect → tokens, each with its place.

use crate::error::Mistake;
use crate::scan::{self, Literal, Scanner, Spanned};
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

/// Punctuation that Qlib lets stand in the name of a field.
const IN_FIELDS: [char; 4] = ['、', '：', '（', '）'];

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
        self.scanner.at += length;
        Ok(token)
    }

    fn unexpected(&self, what: &str, help: &str) -> Mistake {
        let mistake = Mistake::new(self.scanner.at..self.scanner.at + what.len(), format!("unexpected {}", code(what)));
        if help.is_empty() { mistake } else { mistake.help(help) }
    }

    fn field(&mut self) -> Result<Token, Mistake> {
        let start = self.scanner.at;
        self.scanner.at += 1;
        let point_in_time = self.scanner.peek() == Some('$');
        self.scanner.take_while(|c| c == '$');
        let name = self.scanner.take_while(|c| c.is_alphanumeric() || c == '_' || IN_FIELDS.contains(&c)).to_owned();
        let span = start..self.scanner.at;
        if point_in_time {
            return Err(Mistake::new(
                span.clone(),
                format!("{} is point-in-time data", code(&self.scanner.text[span])),
            )
            .help("join reports as of their announcement in an asset of kind `sql`, and read its columns by `$name`"));
        }
        if name.is_empty() {
            return Err(Mistake::new(span, "`$` has no name behind it").help("a column is written `$close`"));
        }
        Ok(Token::Field(name))
    }

    fn quoted(&mut self, quote: char) -> Result<Token, Mistake> {
        let start = self.scanner.at;
        self.scanner.at += 1;
        self.scanner.take_while(|c| c != quote);
        if self.scanner.peek().is_none() {
            return Err(Mistake::new(start..start + 1, "this quote is not closed"));
        }
        self.scanner.at += 1;
        Ok(Token::Text)
    }

    fn word(&mut self) -> Result<Token, Mistake> {
        let start = self.scanner.at;
        let word = self.scanner.take_while(|c| c.is_alphanumeric() || c == '_').to_owned();
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
        let mistake =
            Mistake::new(start..self.scanner.at, format!("{} cannot be used in Qlib's expressions", code(&word)));
        Err(if help.is_empty() { mistake } else { mistake.help(help) })
    }

    /// `20`, `1_000`, `0.5`, `.5`, `1.`, `1e-12`.
    fn number(&mut self) -> Result<Token, Mistake> {
        let Literal { span, whole, .. } = self.scanner.literal();
        let literal = &self.scanner.text[span.clone()];
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
