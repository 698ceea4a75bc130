//! One JSON object, with the place and the text of every value in it.
//!
//! Numbers stay as they are written, so that they are read as those of a CSV file are, to the last bit; and what is wrong with
//! a value can be shown where it stands. What JSON is, is said by RFC 8259.

use std::borrow::Cow;
use std::ops::Range;

/// How deep objects and lists may lie in one another.
const DEEPEST: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'t> {
    Null,
    Bool(bool),
    /// As written.
    Number(&'t str),
    Text(Cow<'t, str>),
    /// What it holds is not looked at.
    List,
}

/// A value of an object, by its name. Those of an object within it are named `outer.inner`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member<'t> {
    pub name: Cow<'t, str>,
    pub value: Json<'t>,
    /// The bytes of the value in the text.
    pub range: Range<usize>,
}

/// What is wrong with a text, and the byte where it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub at: usize,
    pub message: String,
}

/// The values of an object in the order written; a name that is there twice is there twice.
///
/// # Errors
/// The text is not one JSON object.
pub(crate) fn object(text: &str) -> Result<Vec<Member<'_>>, Mistake> {
    let mut reader = Reader { text, at: 0, members: Vec::new() };
    reader.blank();
    if reader.peek() != Some(b'{') {
        return Err(reader.mistake("a line must be a JSON object: `{\"close\": 12.5, …}`"));
    }
    reader.object("", 0)?;
    reader.blank();
    if reader.at < text.len() {
        return Err(reader.mistake("something follows the object: one to a line"));
    }
    Ok(reader.members)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    members: Vec<Member<'t>>,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake { at: self.at, message: message.into() }
    }

    fn expected(&self, what: &str) -> Mistake {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(letter) => self.mistake(format!("expected {what}, not `{letter}`")),
            None => self.mistake(format!("expected {what}, and the line ends")),
        }
    }

    /// From the `{` on; `prefix` is put before the names.
    fn object(&mut self, prefix: &str, depth: usize) -> Result<(), Mistake> {
        if depth == DEEPEST {
            return Err(self.mistake(format!("objects lie more than {DEEPEST} deep in one another")));
        }
        self.at += 1;
        self.blank();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.blank();
            if self.peek() != Some(b'"') {
                return Err(self.expected("a name in quotes"));
            }
            let own = self.string()?;
            let name = if prefix.is_empty() { own } else { Cow::Owned(format!("{prefix}.{own}")) };
            self.blank();
            if !self.take(b':') {
                return Err(self.expected("`:`"));
            }
            self.blank();
            if self.peek() == Some(b'{') {
                self.object(&name, depth + 1)?;
            } else {
                let start = self.at;
                let value = self.value(depth)?;
                self.members.push(Member { name, value, range: start..self.at });
            }
            self.blank();
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    /// Anything but an object.
    fn value(&mut self, depth: usize) -> Result<Json<'t>, Mistake> {
        match self.peek() {
            Some(b'"') => self.string().map(Json::Text),
            Some(b'[') => {
                self.list(depth)?;
                Ok(Json::List)
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(Json::Number),
            _ => {
                let rest = self.text.get(self.at..).unwrap_or_default();
                for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
                    if rest.starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(self.expected("a value"))
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<(), Mistake> {
        if depth == DEEPEST {
            return Err(self.mistake(format!("lists lie more than {DEEPEST} deep in one another")));
        }
        self.at += 1;
        self.blank();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.blank();
            if self.peek() == Some(b'{') {
                // Its members are of the list and have no name of their own.
                let before = self.members.len();
                self.object("", depth + 1)?;
                self.members.truncate(before);
            } else {
                self.value(depth + 1)?;
            }
            self.blank();
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    fn number(&mut self) -> Result<&'t str, Mistake> {
        let start = self.at;
        self.take(b'-');
        let digits = |reader: &mut Self| {
            let before = reader.at;
            while reader.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                reader.at += 1;
            }
            if reader.at > before { Ok(()) } else { Err(reader.expected("a digit")) }
        };
        if !self.take(b'0') {
            digits(self)?;
        }
        if self.take(b'.') {
            digits(self)?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            digits(self)?;
        }
        if self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return Err(self.expected("the end of the number"));
        }
        Ok(&self.text[start..self.at])
    }

    fn string(&mut self) -> Result<Cow<'t, str>, Mistake> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        self.at += 1;
        loop {
            match bytes.get(self.at) {
                None => return Err(Mistake { at: start, message: "the text is not closed".to_owned() }),
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(0..=0x1f) => return Err(self.mistake("a control character in a text")),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let written = self.text.get(start..self.at).unwrap_or_default();
        if !escaped {
            return Ok(Cow::Borrowed(&written[1..written.len() - 1]));
        }
        serde_json::from_str::<String>(written)
            .map(Cow::Owned)
            .map_err(|_| Mistake { at: start, message: "a text with a wrong `\\`".to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let members = object(text).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"));
        members.into_iter().map(|member| (member.name.into_owned(), text[member.range].to_owned())).collect()
    }

    #[test]
    fn values_know_their_names_and_places() {
        let text = r#" { "a" : 1.50e+3 , "b": {"c": "x\"\u4e2d", "d": {"e": null}}, "f": [1, {"g": [true]}], "h": false , "i": {} } "#;
        let expected = [
            ("a", "1.50e+3"),
            ("b.c", r#""x\"\u4e2d""#),
            ("b.d.e", "null"),
            ("f", "[1, {\"g\": [true]}]"),
            ("h", "false"),
        ];
        let expected: Vec<_> = expected.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        assert_eq!(values(text), expected);
        let members = object(text).unwrap();
        assert_eq!(members[0].value, Json::Number("1.50e+3"));
        assert_eq!(members[1].value, Json::Text("x\"中".into()));
        assert_eq!(members[3].value, Json::List);
    }

    #[test]
    fn mistakes_say_where() {
        for (text, at, message) in [
            ("[1]", 0, "a line must be a JSON object"),
            ("{\"a\": 1} {", 9, "something follows"),
            ("{\"a\" 1}", 5, "expected `:`, not `1`"),
            ("{\"a\": 1,}", 8, "a name in quotes, not `}`"),
            ("{\"a\": 01}", 7, "expected the end of the number"),
            ("{\"a\": 1.}", 8, "expected a digit, not `}`"),
            ("{\"a\": NaN}", 6, "expected a value, not `N`"),
            ("{\"a\": \"x}", 6, "not closed"),
            ("{\"a\": \"\\x\"}", 6, "a wrong `\\`"),
            ("{\"a\": 1", 7, "and the line ends"),
        ] {
            let mistake = object(text).unwrap_err();
            assert_eq!(mistake.at, at, "{text}: {mistake:?}");
            assert!(mistake.message.contains(message), "{text}: {mistake:?}");
        }
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(100), "]".repeat(100));
        assert!(object(&deep).unwrap_err().message.contains("deep"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[{}\\[\\]:,\"\\\\a1.e中 -]{0,40}") {
            let own = object(&text).is_ok();
            let serde: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(&text);
            // Names that are there twice, and numbers beyond f64, are all that the two may differ by.
            prop_assert!(!own || serde.is_ok() || text.contains('e'), "{}", text);
        }
    }
}
