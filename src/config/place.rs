//! Where in the source a range of a scalar's value stands.
//!
//! Walks source and value side by side. They differ by quotes, escapes, folded lines and indentation; where the walk does
//! not understand what it sees, it gives up, and the whole scalar is shown.

use std::ops::Range;

use crate::node::Style;

/// The range of `source` (a scalar as written, with its quotes; of a block scalar, its lines) that the bytes `range` of its value come from.
pub(crate) fn place(source: &str, style: Style, value: &str, range: Range<usize>) -> Option<Range<usize>> {
    if range.start > range.end || range.end > value.len() {
        return None;
    }
    let mut walk = Walk { source, style, at: 0, end: source.len(), folded: false };
    if matches!(style, Style::SingleQuoted | Style::DoubleQuoted) {
        walk.at = 1;
        walk.end = source.len().checked_sub(1)?;
    }
    let mut start = None;
    for (offset, c) in value.char_indices() {
        let from = walk.next(c)?;
        if offset >= range.start {
            let start = *start.get_or_insert(from.start);
            if range.is_empty() {
                return Some(start..start);
            }
            if offset + c.len_utf8() >= range.end {
                return Some(start..from.end);
            }
        }
    }
    // Only an empty range at the very end is left.
    Some(walk.at..walk.at)
}

struct Walk<'a> {
    source: &'a str,
    style: Style,
    at: usize,
    end: usize,
    /// The last character stood for a line end, which may stand for more of them.
    folded: bool,
}

impl Walk<'_> {
    fn rest(&self) -> &str {
        self.source.get(self.at..self.end).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, bytes: usize) -> Range<usize> {
        self.at += bytes;
        self.at - bytes..self.at
    }

    /// The range of source behind the next character of the value.
    fn next(&mut self, c: char) -> Option<Range<usize>> {
        self.skip_line_continuation();
        let blank = self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
        let has_line_end = self.rest()[..blank].contains('\n');
        if c == '\n' && self.style == Style::Literal {
            let to_line_end = self.rest()[..blank].find('\n');
            return Some(to_line_end.map_or(self.end..self.end, |at| self.take(at + 1)));
        }
        if has_line_end && matches!(c, ' ' | '\n') && self.style != Style::Literal {
            self.folded = true;
            return Some(self.take(blank));
        }
        if c == '\n' && (self.folded || self.rest().is_empty()) {
            return Some(self.at..self.at);
        }
        self.folded = false;
        match (self.style, self.peek()) {
            (Style::DoubleQuoted, Some('\\')) => {
                let length = escape_length(self.rest())?;
                Some(self.take(length))
            }
            (Style::SingleQuoted, Some('\'')) if c == '\'' => Some(self.take(2)),
            (_, Some(here)) if here == c => Some(self.take(c.len_utf8())),
            // Indentation.
            (_, Some(' ' | '\t' | '\r' | '\n')) if !c.is_whitespace() => {
                self.take(blank);
                (self.peek() == Some(c) || self.style == Style::DoubleQuoted).then(|| self.next(c)).flatten()
            }
            _ => None,
        }
    }

    /// In double quotes, a backslash at a line's end joins the lines and stands for nothing.
    fn skip_line_continuation(&mut self) {
        while self.style == Style::DoubleQuoted
            && (self.rest().starts_with("\\\n") || self.rest().starts_with("\\\r\n"))
        {
            let tail = &self.rest()[1..];
            let blank = tail.len() - tail.trim_start().len();
            self.take(1 + blank);
        }
    }
}

fn escape_length(source: &str) -> Option<usize> {
    Some(match source.chars().nth(1)? {
        'x' => 4,
        'u' => 6,
        'U' => 10,
        c => 1 + c.len_utf8(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The source behind the first occurrence of `needle` in the value.
    fn behind<'a>(source: &'a str, style: Style, value: &str, needle: &str) -> Option<&'a str> {
        let start = value.find(needle).unwrap();
        place(source, style, value, start..start + needle.len()).map(|range| &source[range])
    }

    #[test]
    fn each_style_leads_back_to_its_source() {
        assert_eq!(behind("close / ref(x)", Style::Plain, "close / ref(x)", "ref"), Some("ref"));
        assert_eq!(behind("a\n  + b\r\n  + c", Style::Plain, "a + b + c", "b + c"), Some("b\r\n  + c"));
        assert_eq!(behind("'it''s x'", Style::SingleQuoted, "it's x", "x"), Some("x"));
        assert_eq!(behind("'it''s x'", Style::SingleQuoted, "it's x", "'s"), Some("''s"));
        assert_eq!(behind(r#""q\n\u4e2d z""#, Style::DoubleQuoted, "q\n中 z", "z"), Some("z"));
        assert_eq!(behind(r#""q\n\u4e2d z""#, Style::DoubleQuoted, "q\n中 z", "中"), Some("\\u4e2d"));
        assert_eq!(behind("\"ab\\\n   cd\"", Style::DoubleQuoted, "abcd", "cd"), Some("cd"));
        let literal = "select 1\r\n    from x\r\n\r\n  where\r\n";
        assert_eq!(behind(literal, Style::Literal, "select 1\n  from x\n\nwhere\n", "from x"), Some("from x"));
        assert_eq!(behind(literal, Style::Literal, "select 1\n  from x\n\nwhere\n", "where"), Some("where"));
        assert_eq!(behind("a b\n  c\n\n  d\n", Style::Folded, "a b c\nd\n", "c\nd"), Some("c\n\n  d"));
    }

    #[test]
    fn the_end_has_a_place_and_nonsense_has_none() {
        assert_eq!(place("abc", Style::Plain, "abc", 3..3), Some(3..3));
        assert_eq!(place("'abc'", Style::SingleQuoted, "abc", 3..3), Some(4..4));
        assert_eq!(place("abc", Style::Plain, "abc", 1..1), Some(1..1));
        assert_eq!(place("abc", Style::Plain, "abc", 2..9), None);
        assert_eq!(place("xyz", Style::Plain, "abc", 0..1), None);
    }
}
