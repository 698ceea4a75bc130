//! The rows of a JSON answer that is laid out as most are, without a tree of all values.
//!
//! A list of lists, or of objects that all have the same keys, with texts, numbers and the like in them, is read in one pass over the
//! text. What stands around it (codes, messages, names of fields, cursors) is given back with an empty list in the place of the rows, to be read as
//! any JSON is. Everything else is left to the reader of any answer: texts with escapes, lists within rows, rows of different keys,
//! numbers that a float cannot simply hold, and whatever is no JSON. So nothing is ever refused here, and what is read here is what that reader
//! would read (a property that `tests/readers.rs` holds).

use assetctl_config::{HttpFormat, HttpShape, HttpVendor};

use super::format::{Bound, Cell};
use super::num::Num;
use super::units::POWERS;

/// Digits of a decimal that is read exactly: below 2^53, whatever they are.
const EXACT_DIGITS: usize = 15;

/// Digits of a whole number that 64 bits hold, whatever they are.
const WHOLE_DIGITS: usize = 18;

/// However short the first row is.
const MOST_EXPECTED: usize = 10_000;

/// The rows of an answer, found but not read.
#[derive(Debug)]
pub(super) struct Located<'a> {
    /// The answer with an empty list where the rows were.
    pub rest: String,
    /// The keys of every row, where rows are objects.
    keys: Option<Vec<&'a str>>,
    /// The list of rows, of at least one.
    rows: &'a str,
    /// About so many; no more than room should be made for before any of them is read.
    pub about: usize,
}

impl<'a> Located<'a> {
    /// Gives each row's fields in their order to `take`, which may end it; gives the number of rows, and the fields of the last.
    pub fn each(&self, mut take: impl FnMut(usize, &[Cell<'a>]) -> Option<()>) -> Option<(usize, Vec<Cell<'a>>)> {
        let mut scanner = Scanner::new(self.rows);
        let (mut count, mut cells) = (0, Vec::new());
        scanner.take(b'[')?;
        loop {
            cells.clear();
            match &self.keys {
                Some(keys) => scanner.object(keys, &mut cells)?,
                None => scanner.array(&mut cells)?,
            }
            take(count, &cells)?;
            count += 1;
            scanner.space();
            if scanner.take(b',').is_none() {
                break;
            }
        }
        (scanner.peek() == b']' && scanner.at + 1 == self.rows.len()).then_some((count, cells))
    }

    /// Where a field is in every row, which is bound to rows of the same form.
    pub fn place(&self, bound: &Bound<'_>) -> Option<usize> {
        match (bound, &self.keys) {
            (Bound::At(at), None) => Some(*at),
            (Bound::Key(key), Some(keys)) => keys.iter().position(|known| known == key),
            _ => None,
        }
    }
}

/// Where a vendor's rows stand, if its answers can be read here: the keys on the way to them. Nothing that is asked of an answer may need the
/// rows as a tree.
pub(super) fn path(spec: &HttpVendor) -> Option<Vec<String>> {
    let response = &spec.response;
    let mut path = plain(response.rows.as_deref().unwrap_or("$"))?;
    match (response.format, response.shape) {
        (HttpFormat::Json, HttpShape::Objects | HttpShape::Arrays) => {}
        (HttpFormat::Json, HttpShape::ColumnsItems) => {
            path.push(response.items.clone().unwrap_or_else(|| "items".to_owned()));
        }
        _ => return None,
    }
    let pages = spec.pagination.as_ref();
    let asked = spec.errors.iter().filter_map(|rule| rule.json.as_deref());
    let asked = asked
        .chain(pages.into_iter().flat_map(|pages| [&pages.cursor, &pages.more]).filter_map(|path| path.as_deref()));
    // What is asked of the rows' place, or of what they are a part of, sees more than an empty list.
    let beside = |text: &str| plain(text).is_some_and(|asked| !path.starts_with(&asked));
    let fields = spec.columns.iter().map(|(_, column)| column.field().from.clone());
    let fields = fields.chain(response.closes.iter().map(|field| field.from.clone()));
    let mut fields = fields.chain(pages.and_then(|pages| pages.key.clone()));
    (asked.into_iter().all(beside) && fields.all(|from| !from.starts_with('$'))).then_some(path)
}

/// The keys of a JSONPath that is nothing but keys: `$.data.items`.
fn plain(path: &str) -> Option<Vec<String>> {
    let rest = path.strip_prefix('$')?;
    if rest.is_empty() {
        return Some(Vec::new());
    }
    let is_plain = |key: &str| {
        key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && key.bytes().next().is_some_and(|first| !first.is_ascii_digit())
    };
    let mut keys = rest.strip_prefix('.')?.split('.');
    keys.clone().all(is_plain).then(|| keys.by_ref().map(str::to_owned).collect())
}

/// The rows at `path` of `text`; `None` where they cannot be read here, and where there are none.
pub(super) fn locate<'a>(text: &'a str, path: &[String], shape: HttpShape) -> Option<Located<'a>> {
    let mut scanner = Scanner::new(text);
    scanner.space();
    for key in path {
        scanner.enter(key)?;
    }
    let start = scanner.at;
    scanner.take(b'[')?;
    let first = scanner.at;
    let keys = match shape {
        HttpShape::Objects => Some(scanner.keys()?),
        _ if scanner.peek() == b'[' => None,
        _ => return None,
    };
    scanner.at = first;
    scanner.skip()?;
    let row = scanner.at - first + 1;
    scanner.at = start;
    scanner.skip()?;
    let end = scanner.at;
    // Of a key that is there twice the last counts.
    path.iter().rev().try_for_each(|key| scanner.leave(key))?;
    let rest = format!("{}[]{}", &text[..start], &text[end..]);
    Some(Located { rest, keys, rows: &text[start..end], about: ((end - start) / row + 1).min(MOST_EXPECTED) })
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0 }
    }

    /// The byte that is next; none is 0, at the end.
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or_default()
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// Goes past a byte and the space behind it.
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == byte).then(|| {
            self.at += 1;
            self.space();
        })
    }

    /// From the start of an object to the value of a key.
    fn enter(&mut self, wanted: &str) -> Option<()> {
        self.take(b'{')?;
        loop {
            if self.key()? == wanted {
                return Some(());
            }
            self.skip()?;
            self.space();
            self.take(b',')?;
        }
    }

    /// From behind the value of a key to the end of its object; `None` if the key is there again.
    fn leave(&mut self, entered: &str) -> Option<()> {
        self.space();
        while self.take(b',').is_some() {
            if self.key()? == entered {
                return None;
            }
            self.skip()?;
            self.space();
        }
        self.end(b'}')
    }

    fn key(&mut self) -> Option<&'a str> {
        let key = self.string()?;
        self.space();
        self.take(b':')?;
        Some(key)
    }

    /// Past a value of any kind. Right for JSON only; what is skipped is read later.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    loop {
                        match self.bytes.get(self.at)? {
                            b'"' => break,
                            b'\\' => self.at += 2,
                            _ => self.at += 1,
                        }
                    }
                }
                b'[' | b'{' => depth += 1,
                b']' | b'}' if depth == 1 => {
                    self.at += 1;
                    return Some(());
                }
                b']' | b'}' if depth > 0 => depth -= 1,
                b',' | b']' | b'}' if depth == 0 => return Some(()),
                _ => {}
            }
            self.at += 1;
        }
    }

    /// A text without escapes.
    fn string(&mut self) -> Option<&'a str> {
        if self.peek() != b'"' {
            return None;
        }
        let start = self.at + 1;
        let length = self.bytes[start..].iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        self.at = start + length + 1;
        (self.bytes[start + length] == b'"').then(|| &self.text[start..start + length])
    }

    fn array(&mut self, cells: &mut Vec<Cell<'a>>) -> Option<()> {
        self.take(b'[')?;
        while self.peek() != b']' || !cells.is_empty() {
            cells.push(self.value()?);
            self.space();
            if self.take(b',').is_none() {
                break;
            }
        }
        self.end(b']')
    }

    /// An object with these keys, in their order.
    fn object(&mut self, keys: &[&str], cells: &mut Vec<Cell<'a>>) -> Option<()> {
        self.take(b'{')?;
        for (at, key) in keys.iter().enumerate() {
            if at > 0 {
                self.take(b',')?;
            }
            if self.key()? != *key {
                return None;
            }
            cells.push(self.value()?);
            self.space();
        }
        self.end(b'}')
    }

    /// The keys of an object; `None` if it has one twice, or none.
    fn keys(&mut self) -> Option<Vec<&'a str>> {
        self.take(b'{')?;
        let mut keys = Vec::new();
        loop {
            let key = self.key()?;
            if keys.contains(&key) {
                return None;
            }
            keys.push(key);
            self.value()?;
            self.space();
            if self.take(b',').is_none() {
                break;
            }
        }
        self.end(b'}').map(|()| keys)
    }

    fn end(&mut self, byte: u8) -> Option<()> {
        (self.peek() == byte).then(|| self.at += 1)
    }

    fn value(&mut self) -> Option<Cell<'a>> {
        match self.peek() {
            b'"' => self.string().map(Cell::Text),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Cell::Bool(true)),
            b'f' => self.word("false", Cell::Bool(false)),
            b'n' => self.word("null", Cell::Missing),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, cell: Cell<'a>) -> Option<Cell<'a>> {
        self.bytes[self.at..].starts_with(word.as_bytes()).then(|| {
            self.at += word.len();
            cell
        })
    }

    /// Digits, as a whole number that is right up to [`WHOLE_DIGITS`] of them, and how many there are.
    fn digits(&mut self, mut number: u64) -> (u64, usize) {
        let start = self.at;
        while let digit @ 0..=9 = self.peek().wrapping_sub(b'0') {
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.at += 1;
        }
        (number, self.at - start)
    }

    fn number(&mut self) -> Option<Cell<'a>> {
        let start = self.at;
        let is_negative = self.peek() == b'-';
        self.at += usize::from(is_negative);
        let leading = self.peek();
        let (mut number, mut digits) = self.digits(0);
        if digits == 0 || (digits > 1 && leading == b'0') {
            return None;
        }
        let (mut scale, mut is_whole) = (0i32, true);
        if self.peek() == b'.' {
            self.at += 1;
            let (longer, behind) = self.digits(number);
            if behind == 0 {
                return None;
            }
            (number, digits, scale, is_whole) = (longer, digits + behind, i32::try_from(behind).ok()?, false);
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            let sign = self.peek();
            self.at += usize::from(matches!(sign, b'+' | b'-'));
            let (exponent, count) = self.digits(0);
            if count == 0 || count > 4 {
                return None;
            }
            let exponent = exponent as i32;
            (digits, is_whole) = (digits + count, false);
            scale += if sign == b'-' { exponent } else { -exponent };
        }
        if is_whole {
            return match (is_negative, number) {
                _ if digits > WHOLE_DIGITS => None,
                (false, number) => Some(Cell::Number(Num::Positive(number))),
                (true, 0) => Some(Cell::Number(Num::Float(-0.0))),
                (true, number) => Some(Cell::Number(Num::Negative(-(number as i64)))),
            };
        }
        if digits > EXACT_DIGITS {
            // As a text it is read to the nearest float later (see `units::quote_long_numbers`).
            return Some(Cell::Text(&self.text[start..self.at]));
        }
        let power = *POWERS.get(scale.unsigned_abs() as usize)?;
        // One rounding of two exact numbers: the float nearest to the decimal.
        let number = if scale < 0 { number as f64 * power } else { number as f64 / power };
        Some(Cell::Number(Num::Float(if is_negative { -number } else { number })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(text: &str, path: &str, shape: HttpShape) -> Option<(String, Vec<String>)> {
        let path = plain(path).unwrap();
        let located = locate(text, &path, shape)?;
        let mut rows = Vec::new();
        let shown = |cells: &[Cell<'_>]| cells.iter().map(Cell::shown).collect::<Vec<_>>().join(" ");
        let (count, last) = located.each(|_, cells| {
            rows.push(shown(cells));
            Some(())
        })?;
        assert_eq!((count, Some(&shown(&last))), (rows.len(), rows.last()));
        Some((located.rest, rows))
    }

    #[test]
    fn rows_are_read_wherever_they_stand() {
        let text = r#" { "code":0 , "data" : {"x":[{"items":"]\"}"}], "items":[ ["a", 1.50,null] ,[] ,["é",-3,true, 2e3] ] ,"n":1},"m":"" }"#;
        let (rest, rows) = scanned(text, "$.data.items", HttpShape::Arrays).unwrap();
        assert_eq!(rest, r#" { "code":0 , "data" : {"x":[{"items":"]\"}"}], "items":[] ,"n":1},"m":"" }"#);
        assert_eq!(rows, ["a 1.5 nothing", "", "é -3 true 2000.0"]);
        let (rest, rows) = scanned(r#"[{"a":1,"b":"x"},{"a":2,"b":false}]"#, "$", HttpShape::Objects).unwrap();
        assert_eq!((rest.as_str(), rows), ("[]", vec!["1 x".to_owned(), "2 false".to_owned()]));
    }

    #[test]
    fn what_is_not_usual_is_left_to_the_other_reader() {
        for text in [
            "[]",
            "[[1],2]",
            "[[[1]]]",
            "[[01]]",
            "[[1.]]",
            "[[.5]]",
            "[[1e]]",
            "[[-]]",
            "[[+1]]",
            "[[1e-30]]",
            "[[1 2]]",
            "[[1],]",
            "[[1]",
            "[[tru]]",
            "[[1e300]]",
            "[[1234567890123456789]]",
            "[[\"a\\n\"]]",
            "[[\"a\n\"]]",
            "[[\"a]]",
            "7",
            "",
        ] {
            assert_eq!(scanned(text, "$", HttpShape::Arrays), None, "{text}");
        }
        for text in [
            r#"[{"a":1},{"b":1}]"#,
            r#"[{"a":1},{"a":1,"b":2}]"#,
            r#"[{"a":1,"b":2},{"a":1}]"#,
            r#"[{"a":1,"a":2}]"#,
            "[{}]",
            "[[1]]",
        ] {
            assert_eq!(scanned(text, "$", HttpShape::Objects), None, "{text}");
        }
        // Of a key that is there twice, the last counts.
        for text in [r#"{"d":[[1]],"d":[[2]]}"#, r#"{"d":[[1]],"\u0064":[[2]]}"#, r#"{"d":[[1]]"#, r#"{"c":1}"#] {
            assert_eq!(scanned(text, "$.d", HttpShape::Arrays), None, "{text}");
        }
    }

    #[test]
    fn only_paths_of_keys_are_followed() {
        assert_eq!(plain("$").unwrap(), Vec::<String>::new());
        assert_eq!(plain("$.data.item_2").unwrap(), ["data", "item_2"]);
        for path in ["", "data", "$data", "$.", "$..a", "$.a[0]", "$.*", "$['a']", "$.2"] {
            assert_eq!(plain(path), None, "{path}");
        }
    }
}
