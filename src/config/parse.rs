//! YAML text → a tree of nodes.
//!
//! A plain subset: one document, maps with text keys, no anchors, no tags. What is left out is what surprises in
//! configuration, and `vars:`, `defaults:` and `for_each:` say it better.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::diagnostic::{Diagnostic, FileId, Loc};
use crate::node::{Content, Entry, Key, Node, Origin, Scalar, Style};

/// Deeper nesting than any configuration has.
const DEEPEST: usize = 64;

/// The text of a file, without its byte order mark. Of bytes that are not UTF-8, the first is reported.
pub(crate) fn decode(bytes: &[u8]) -> (String, Option<NotUtf8>) {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(error) => {
            let at = error.valid_up_to();
            (String::from_utf8_lossy(bytes).into_owned(), Some(NotUtf8 { at, byte: bytes[at] }))
        }
    }
}

/// The first byte that is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotUtf8 {
    pub at: usize,
    pub byte: u8,
}

impl NotUtf8 {
    pub fn diagnostic(self, file: FileId) -> Diagnostic {
        let loc = Loc { file, range: self.at..self.at + char::REPLACEMENT_CHARACTER.len_utf8() };
        Diagnostic::error(format!("the file is not UTF-8: byte {} is {:#04x}", self.at + 1, self.byte))
            .at(loc, "not UTF-8 from here on")
            .help("save the file as UTF-8; many editors call what it is in now `ANSI`, `GBK` or `UTF-16`")
    }
}

/// Whether there is nothing but comments in a file.
pub(crate) fn says_nothing(path: &std::path::Path) -> bool {
    let is_nothing = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    std::fs::read(path).is_ok_and(|bytes| decode(&bytes).0.lines().all(is_nothing))
}

/// The map at the top of a file; `None` when there is none, which is reported.
pub(crate) fn parse(file: FileId, text: &str, problems: &mut Vec<Diagnostic>) -> Option<Node> {
    let mut builder = Builder { file, text, offsets: Offsets::new(text), stack: Vec::new(), root: None, problems };
    builder.run().then_some(builder.root).flatten()
}

/// From positions in characters, which the scanner counts, to bytes.
struct Offsets(Option<Vec<usize>>);

impl Offsets {
    fn new(text: &str) -> Self {
        Self((!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()))
    }

    fn byte(&self, character: usize, length: usize) -> usize {
        match &self.0 {
            None => character.min(length),
            Some(bytes) => bytes.get(character).copied().unwrap_or(length),
        }
    }
}

enum Frame {
    List(Loc, Vec<Node>),
    Map(Loc, Vec<Entry>, Option<Key>),
}

struct Builder<'a> {
    file: FileId,
    text: &'a str,
    offsets: Offsets,
    stack: Vec<Frame>,
    root: Option<Node>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Builder<'_> {
    fn loc(&self, start: usize, end: usize) -> Loc {
        let length = self.text.len();
        Loc { file: self.file, range: self.offsets.byte(start, length)..self.offsets.byte(end, length) }
    }

    fn fail(&mut self, diagnostic: Diagnostic) -> bool {
        self.problems.push(diagnostic);
        false
    }

    /// Whether the tree can be used. Mistakes that leave the tree whole are reported and passed over.
    fn run(&mut self) -> bool {
        let text = self.text;
        let mut parser = Parser::new_from_str(text);
        let before = self.problems.len();
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let diagnostic = self.scan_error(&error);
                    return self.fail(diagnostic);
                }
            };
            let loc = self.loc(span.start.index(), span.end.index());
            let going_on = match event {
                Event::DocumentStart(_) if documents > 0 => self.fail(
                    Diagnostic::error("the file holds a second YAML document")
                        .at(loc, "it starts here")
                        .help("take the line `---` away, or move what follows to a file of its own and `include:` it"),
                ),
                Event::DocumentStart(_) => {
                    documents += 1;
                    true
                }
                Event::Scalar(text, style, anchor, tag) => {
                    self.plain_only(anchor, tag.is_some(), &loc);
                    self.scalar(text.into_owned(), style, loc)
                }
                Event::SequenceStart(anchor, tag) => {
                    self.plain_only(anchor, tag.is_some(), &loc);
                    self.push(Frame::List(loc, Vec::new()))
                }
                Event::MappingStart(anchor, tag) => {
                    self.plain_only(anchor, tag.is_some(), &loc);
                    self.push(Frame::Map(loc, Vec::new(), None))
                }
                Event::SequenceEnd | Event::MappingEnd => self.pop(loc.range.end),
                Event::Alias(_) => {
                    self.unsupported("an alias (`*name`)", loc.clone());
                    self.scalar(String::new(), ScalarStyle::Plain, loc)
                }
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => true,
            };
            if !going_on {
                return false;
            }
        }
        match &self.root {
            Some(Node { content: Content::Map(_), .. }) => self.problems.len() == before,
            Some(root) if !root.scalar().is_some_and(Scalar::is_null) => {
                let loc = root.head();
                self.fail(
                    Diagnostic::error("the file is not a map of keys to values")
                        .at(loc, "expected a key, as `assets:`")
                        .help("`assetctl schema` prints which keys there are, `assetctl init` writes an example"),
                )
            }
            _ => {
                let loc = Loc { file: self.file, range: 0..0 };
                self.fail(
                    Diagnostic::error("the file is empty")
                        .at(loc, "nothing here but blanks and comments")
                        .help("`assetctl init` writes an example"),
                )
            }
        }
    }

    fn plain_only(&mut self, anchor: usize, tag: bool, loc: &Loc) {
        if anchor > 0 {
            self.unsupported("an anchor (`&name`)", loc.clone());
        }
        if tag {
            self.problems.push(
                Diagnostic::error("tags (`!name`) are not supported").at(loc.clone(), "this value has a tag").help(
                    "leave it out: what a value is follows from its key, and `000001` stays text where text belongs",
                ),
            );
        }
    }

    fn unsupported(&mut self, what: &str, mut loc: Loc) {
        let first_line = self.text[loc.range.clone()].lines().next().unwrap_or_default();
        loc.range.end = loc.range.start + first_line.trim_end().len();
        self.problems.push(
            Diagnostic::error("anchors and aliases are not supported").at(loc, format!("{what} is used here")).help(
                "share values by `vars:`, settings by `defaults:`, and make several assets from one by `for_each:`",
            ),
        );
    }

    fn push(&mut self, frame: Frame) -> bool {
        if let Some(Frame::Map(_, _, None)) = self.stack.last() {
            let (Frame::List(loc, _) | Frame::Map(loc, _, _)) = frame;
            return self.fail(
                Diagnostic::error("a key must be text")
                    .at(loc, "a list or map stands where a key is expected")
                    .help("quote a text that starts with `{` or `[`, as `\"{{ x }}\"`"),
            );
        }
        if self.stack.len() == DEEPEST {
            let (Frame::List(loc, _) | Frame::Map(loc, _, _)) = frame;
            return self
                .fail(Diagnostic::error(format!("nested deeper than {DEEPEST} levels")).at(loc, "one level too deep"));
        }
        self.stack.push(frame);
        true
    }

    fn pop(&mut self, end: usize) -> bool {
        let node = match self.stack.pop() {
            Some(Frame::List(loc, items)) => {
                let last = items.last().map(|item| item.loc.range.end);
                Node { loc: self.block(loc, end, last), content: Content::List(items) }
            }
            Some(Frame::Map(loc, entries, _)) => {
                let last = entries.last().map(|entry| entry.value.loc.range.end.max(entry.key.loc.range.end));
                Node { loc: self.block(loc, end, last), content: Content::Map(entries) }
            }
            None => return true,
        };
        self.value(node)
    }

    /// A block ends where its last value does; a flow collection (`{…}`, `[…]`) with its bracket.
    fn block(&self, start: Loc, end: usize, last: Option<usize>) -> Loc {
        let flow = !start.range.is_empty();
        let flow_end = start.range.start + self.text[start.range.start..end.max(start.range.start)].trim_end().len();
        let end = if flow { flow_end } else { last.unwrap_or(start.range.end) };
        Loc { file: self.file, range: start.range.start..end.max(start.range.start) }
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, mut loc: Loc) -> bool {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        let source = &self.text[loc.range.clone()];
        loc.range.end = loc.range.start + source.trim_end_matches([' ', '\t', '\r', '\n']).len();
        let scalar = Scalar { text, style, origin: Origin::Written };
        if let Some(Frame::Map(_, entries, key @ None)) = self.stack.last_mut() {
            let first = entries.iter().find(|entry| entry.key.text() == scalar.text);
            // Inside a parenthesis it is no key, but what follows a comma: that will be said where values are looked at.
            if let Some(first) = first.filter(|_| !inside_parentheses(entries)) {
                self.problems.push(
                    Diagnostic::error(format!("key `{}` is there twice", scalar.text))
                        .at(loc.clone(), "here again")
                        .and(first.key.loc.clone(), "first here")
                        .help("keep one of the two"),
                );
            }
            *key = Some(Key { scalar, loc });
            return true;
        }
        self.value(Node { loc, content: Content::Scalar(scalar) })
    }

    fn value(&mut self, node: Node) -> bool {
        match self.stack.last_mut() {
            Some(Frame::List(_, items)) => items.push(node),
            Some(Frame::Map(_, entries, key)) => {
                if let Some(key) = key.take() {
                    entries.push(Entry { key, value: node });
                }
            }
            None => self.root = Some(node),
        }
        true
    }

    /// The innermost `{` or `[` that is open: only theirs has a place of its own.
    fn open_bracket(&self) -> Option<Loc> {
        let (Frame::List(loc, _) | Frame::Map(loc, _, _)) = self.stack.last()?;
        (!loc.range.is_empty()).then(|| Loc { file: loc.file, range: loc.range.start..loc.range.start + 1 })
    }

    /// The line above, if it is `key:value`.
    fn key_without_space(&self, line_start: usize) -> Option<Loc> {
        let above = self.text[..line_start].trim_end();
        let start = above.rfind('\n').map_or(0, |at| at + 1);
        let line = above[start..].trim_start();
        let (key, value) = line.split_once(':')?;
        let word = key.chars().all(|c| c.is_alphanumeric() || c == '_') && !key.is_empty();
        let stuck = value.chars().next().is_some_and(|c| !c.is_whitespace());
        (word && stuck).then(|| Loc { file: self.file, range: above.len() - line.len()..above.len() })
    }

    /// The scanner's complaint in the words of someone who writes configuration.
    fn scan_error(&self, error: &ScanError) -> Diagnostic {
        let at = self.loc(error.marker().index(), error.marker().index() + 1);
        let line_start = self.text[..at.range.start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[line_start..].find(['\r', '\n']).map_or(self.text.len(), |at| line_start + at);
        let line = &self.text[line_start..line_end];
        let here = Loc { file: self.file, range: at.range.start..at.range.end.min(line_end).max(at.range.start) };
        let indent = line.len() - line.trim_start().len();
        let info = error.info();
        let tab = self.text[line_start..].find('\t').map(|tab| line_start + tab);
        if let Some(tab) = tab.filter(|_| line[..indent].contains('\t') || info.contains("tab")) {
            return Diagnostic::error("a tab is used for indentation")
                .at(Loc { file: self.file, range: tab..tab + 1 }, "a tab")
                .help("YAML is indented by spaces: replace it by two");
        }
        if let Some(brace) = line.find(": ${").or_else(|| line.find("[${")).filter(|_| info.contains("flow")) {
            let start = line_start + line[brace..].find('$').map_or(brace, |at| brace + at);
            let end = self.text[start..line_end].find('}').map_or(line_end, |at| start + at + 1);
            let range = start..end;
            return Diagnostic::error("`${…}` must be quoted inside `{ }` and `[ ]`")
                .help(format!("write `\"{}\"`", &self.text[range.clone()]))
                .at(Loc { file: self.file, range }, "quote this");
        }
        if info.contains("unexpected character") {
            let text = &self.text[here.range.clone()];
            return Diagnostic::error(format!("a text cannot start with `{text}` unless it is quoted"))
                .at(here, "quote the text that starts here")
                .help("put it in single quotes: `'…'`");
        }
        if info.contains("mapping values are not allowed") || info.contains("illegal placement of ':'") {
            let problem = Diagnostic::error("a `:` cannot stand here").at(here, "not after a value");
            if let Some(bracket) = self.open_bracket() {
                return problem.and(bracket, "this bracket is still open").help("close the bracket");
            }
            if let Some(key) = self.key_without_space(line_start) {
                return Diagnostic::error("there is no space after `:`")
                    .at(key, "read as one word")
                    .help("write `key: value`, with a space after the `:`");
            }
            return problem.help("indent this line as the lines around it, or quote a text that has `: ` in it");
        }
        if info.contains("expect ':'") {
            // Noticed only at the next key: the line without a colon is the one before.
            let before = self.text[..line_start].trim_end();
            let start = before.rfind('\n').map_or(0, |at| at + 1);
            let start = start + (before[start..].len() - before[start..].trim_start().len());
            let loc = Loc { file: self.file, range: start..before.len().max(start) };
            return Diagnostic::error("a key without `:`")
                .at(loc, "expected `key: value`")
                .help("put a `:` after the key");
        }
        if info.contains("did not find expected key") || info.contains("<document start>") {
            let loc = Loc { file: self.file, range: line_start + indent..line_end };
            return Diagnostic::error("this line is indented as nothing above it")
                .at(loc, "its indentation fits no open block")
                .help("keys of one map start in the same column");
        }
        if info.contains("quoted scalar") && info.contains("escape") {
            return Diagnostic::error("a `\\` in double quotes that escapes nothing")
                .at(here, "in this text")
                .help("use single quotes, in which `\\` stands for itself");
        }
        if info.contains("in quoted scalar") || info.contains("found unexpected end of stream") {
            let quote = Loc { file: self.file, range: here.range.start..here.range.start + 1 };
            if let Some(mark @ ("'" | "\"")) = self.text.get(quote.range.clone()) {
                return Diagnostic::error(format!("the quote `{mark}` is not closed")).at(quote, "opened here").help(
                    format!(
                        "put `{mark}` at the end of the text; a `{mark}` inside it is written {}",
                        if mark == "'" { "`''`" } else { "`\\\"`" }
                    ),
                );
            }
        }
        if info.contains("flow mapping") || info.contains("flow sequence") {
            let problem = Diagnostic::error("`,` or a closing bracket is missing");
            let problem = match self.open_bracket() {
                Some(bracket) if here.range.is_empty() => problem.at(bracket, "opened here and not closed"),
                Some(bracket) => problem.at(here, "expected before this").and(bracket, "opened here"),
                None => problem.at(here, "expected before this"),
            };
            return problem.help("`{ a: 1, b: 2 }` and `[a, b]` need their commas and brackets; quote a text that has one of `{ } [ ] ,` in it");
        }
        Diagnostic::error(format!("not valid YAML: {info}")).at(here, "here")
    }
}

/// Whether the last value of a map in braces, torn apart by its commas, has a parenthesis that is still open.
fn inside_parentheses(entries: &[Entry]) -> bool {
    let mut depth = 0;
    for Entry { key, value } in entries.iter().rev() {
        match value.scalar() {
            Some(scalar) if scalar.is_empty() => depth += key.scalar.open_parentheses(),
            Some(scalar) => return depth + scalar.open_parentheses() > 0,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::SourceMap;

    fn read(text: &str) -> Result<Node, Vec<(String, String)>> {
        let mut sources = SourceMap::default();
        let file = sources.add("assets.yaml", text);
        let mut problems = Vec::new();
        let node = parse(file, text, &mut problems);
        let said = problems
            .iter()
            .map(|problem| (problem.message.clone(), sources.text(&problem.primary.as_ref().unwrap().loc).to_owned()))
            .collect::<Vec<_>>();
        node.filter(|_| said.is_empty()).ok_or(said)
    }

    fn mistake(text: &str) -> (String, String) {
        read(text).unwrap_err().remove(0)
    }

    #[test]
    fn scalars_keep_text_style_and_place_also_in_crlf_and_chinese() {
        let text = "名: 中文 # 注\r\nlist:\r\n  - 000001\r\n  - 'it''s'\r\nsql: |\r\n  select 1\r\n  from x\r\n";
        let node = read(text).unwrap();
        assert_eq!(node.get("名").unwrap().scalar().unwrap().text, "中文");
        assert_eq!(&text[node.get("名").unwrap().loc.range.clone()], "中文");
        let item = node.locate(&["list", "1"]).unwrap();
        assert_eq!((item.scalar().unwrap().text.as_str(), &text[item.loc.range.clone()]), ("it's", "'it''s'"));
        let sql = node.get("sql").unwrap();
        assert_eq!(sql.scalar().unwrap().text, "select 1\nfrom x\n");
        assert_eq!(&text[sql.loc.range.clone()], "select 1\r\n  from x");
        assert_eq!(&text[node.get("list").unwrap().loc.range.clone()], "- 000001\r\n  - 'it''s'");
    }

    #[test]
    fn each_mistake_of_yaml_is_said_in_plain_words_at_its_place() {
        for (text, message, place) in [
            ("a:\n\tb: 1\n", "a tab is used for indentation", "\t"),
            ("a: {k: ${n}}\n", "`${…}` must be quoted inside `{ }` and `[ ]`", "${n}"),
            ("a: b: c\n", "a `:` cannot stand here", ":"),
            ("a:\n  b:1\n  c: 2\n", "there is no space after `:`", "b:1"),
            ("a: 'it\nb: 2\n", "the quote `'` is not closed", "'"),
            ("a: \"it\n", "the quote `\"` is not closed", "\""),
            ("a: [1, 2\nb: 3\n", "a `:` cannot stand here", ":"),
            ("a: 1\n---\nb: 2\n", "the file holds a second YAML document", "---"),
            ("a: 1\nbcd\nc: 2\n", "a key without `:`", "bcd"),
            ("a:\n  b: 1\n c: 2\n", "this line is indented as nothing above it", "c: 2"),
            ("  a: 1\nb: 2\n", "this line is indented as nothing above it", "b: 2"),
            ("a: @x\n", "a text cannot start with `@` unless it is quoted", "@"),
            ("a: 1\nb: 2\na: 3\n", "key `a` is there twice", "a"),
            ("a: &x 1\n", "anchors and aliases are not supported", "&x 1"),
            ("a: !!str 1\n", "tags (`!name`) are not supported", "!!str 1"),
            ("? [1]\n: x\n", "a key must be text", "["),
            ("- a\n- b\n", "the file is not a map of keys to values", "a"),
            ("# only a comment\n", "the file is empty", ""),
            ("", "the file is empty", ""),
            ("a: \"\\q\"\n", "a `\\` in double quotes that escapes nothing", "\""),
        ] {
            assert_eq!(mistake(text), (message.to_owned(), place.to_owned()), "{text:?}");
        }
        assert!(mistake(&format!("a: {}", "[".repeat(70))).0.contains("nested deeper"));
    }

    #[test]
    fn mistakes_that_leave_the_tree_whole_are_all_reported() {
        let said = read("a: &x 1\nb: *x\na: 2\n").unwrap_err();
        assert_eq!(said.len(), 3);
    }

    #[test]
    fn a_byte_order_mark_is_dropped_and_a_byte_that_is_not_utf8_is_named() {
        assert_eq!(decode(b"\xEF\xBB\xBFa: 1"), ("a: 1".to_owned(), None));
        let (text, mistake) = decode(b"a: \xC4\xE3");
        assert_eq!(mistake, Some(NotUtf8 { at: 3, byte: 0xC4 }));
        assert!(text.starts_with("a: \u{fffd}"));
        let diagnostic = mistake.unwrap().diagnostic(FileId(0));
        assert_eq!(diagnostic.message, "the file is not UTF-8: byte 4 is 0xc4");
    }

    proptest! {
        /// Whatever is typed, there is a tree or a mistake, and every place is one of the text.
        #[test]
        fn no_text_is_without_an_answer(cut in 0usize..900, length in 0usize..6, typed in "[-:{}\\[\\]'\"#|>&*!%@ \\t\\r\\n$a中]{0,4}") {
            let whole = include_str!("../../tests/fixtures/config/valid/stages.yaml");
            let mut characters: Vec<char> = whole.chars().collect();
            let cut = cut.min(characters.len());
            let end = (cut + length).min(characters.len());
            characters.splice(cut..end, typed.chars());
            let text: String = characters.into_iter().collect();
            let mut problems = Vec::new();
            let node = parse(FileId(0), &text, &mut problems);
            prop_assert!(node.is_some() || !problems.is_empty());
            for label in problems.iter().flat_map(|problem| problem.primary.iter().chain(&problem.secondary)) {
                prop_assert!(text.get(label.loc.range.clone()).is_some(), "{:?} of {text:?}", label.loc.range);
            }
        }
    }
}
