//! YAML as a tree in which everything knows where it stands.

use std::ops::Range;

use crate::diagnostic::{Loc, SourceMap};
use crate::place;

/// A value. Its place is the whole of it; for a block of several lines, see [`Node::head`].
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub loc: Loc,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: Key,
    pub value: Node,
}

#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub scalar: Scalar,
    pub loc: Loc,
}

impl Key {
    pub fn text(&self) -> &str {
        &self.scalar.text
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
    Folded,
}

/// A text. What it means (a number, a date) is for the schema to say: only then is `000001` told from `1`.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    /// After `${…}`.
    pub text: String,
    pub style: Style,
    pub origin: Origin,
}

/// How a scalar's text came to be.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Written,
    /// It had `${…}` in it.
    Interpolated(Template),
    /// It has a `${…}` that stands for nothing, which was reported; its text means nothing.
    Unresolved,
}

/// The text before `${…}` was replaced, and how the two correspond.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub text: String,
    /// (range of the result, range of the template), in order, without gaps in the result. Ranges of one length correspond byte by
    /// byte if the flag says so.
    pub pieces: Vec<(Range<usize>, Range<usize>, bool)>,
    /// Some of the result is from the environment, which messages must not show.
    pub secret: bool,
    /// How the template is written; the result's own style says whether it may be a number.
    pub style: Style,
}

impl Scalar {
    pub fn unresolved(&self) -> bool {
        matches!(self.origin, Origin::Unresolved)
    }

    /// The text for a message: a secret is shown as it was written.
    pub fn shown(&self) -> &str {
        match &self.origin {
            Origin::Interpolated(template) if template.secret => &template.text,
            _ => &self.text,
        }
    }

    /// Nothing, or what YAML writes for it.
    pub fn is_null(&self) -> bool {
        self.style == Style::Plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// Nothing at all.
    pub fn is_empty(&self) -> bool {
        self.style == Style::Plain && self.text.is_empty()
    }

    /// How many parentheses of a text without quotes are opened and not closed; negative when more are closed.
    pub fn open_parentheses(&self) -> i32 {
        if self.style != Style::Plain {
            return 0;
        }
        self.text.chars().map(|c| i32::from(c == '(') - i32::from(c == ')')).sum()
    }
}

impl Node {
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.content {
            Content::Scalar(scalar) => Some(scalar),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key.text() == key)
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A place to point at that stays on a line or two: a map's first key instead of the whole map.
    pub fn head(&self) -> Loc {
        match &self.content {
            Content::Map(entries) if !entries.is_empty() => entries[0].key.loc.clone(),
            Content::List(items) if !items.is_empty() => items[0].head(),
            _ => self.loc.clone(),
        }
    }

    /// Whether anything in it, or it itself, is unresolved.
    pub fn unresolved(&self) -> bool {
        match &self.content {
            Content::Scalar(scalar) => scalar.unresolved(),
            Content::List(items) => items.iter().any(Node::unresolved),
            Content::Map(entries) => {
                entries.iter().any(|entry| entry.key.scalar.unresolved() || entry.value.unresolved())
            }
        }
    }

    /// The value at a path of keys and list positions, as far as there is one: the place of the last key met otherwise.
    pub fn locate(&self, path: &[&str]) -> Result<&Node, Option<Loc>> {
        let mut node = self;
        let mut last = None;
        for step in path {
            let next = match &node.content {
                Content::Map(_) => node.entry(step).map(|entry| (&entry.value, entry.key.loc.clone())),
                Content::List(items) => {
                    step.parse().ok().and_then(|at: usize| items.get(at)).map(|item| (item, item.head()))
                }
                Content::Scalar(_) => None,
            };
            let Some((value, loc)) = next else { return Err(last) };
            node = value;
            last = Some(loc);
        }
        Ok(node)
    }
}

/// The place of a range of a scalar's text: exact where text and source correspond, or else the whole scalar.
pub(crate) fn place_in(sources: &SourceMap, loc: &Loc, scalar: &Scalar, range: Range<usize>) -> Loc {
    let (style, written, range) = match &scalar.origin {
        Origin::Interpolated(template) => (template.style, template.text.as_str(), through(template, range)),
        Origin::Written | Origin::Unresolved => (scalar.style, scalar.text.as_str(), range),
    };
    match place::place(sources.text(loc), style, written, range) {
        Some(inside) => Loc { file: loc.file, range: loc.range.start + inside.start..loc.range.start + inside.end },
        None => loc.clone(),
    }
}

/// From a range of the result to the range of the template that it came from.
fn through(template: &Template, range: Range<usize>) -> Range<usize> {
    let find = |offset: usize, is_end: bool| {
        let inside = |result: &Range<usize>| {
            if is_end { result.start < offset && offset <= result.end } else { result.contains(&offset) }
        };
        match template.pieces.iter().find(|(result, _, _)| inside(result)) {
            Some((result, from, true)) => from.start + (offset - result.start),
            Some((_, from, false)) => {
                if is_end {
                    from.end
                } else {
                    from.start
                }
            }
            None if offset == 0 => 0,
            None => template.text.len(),
        }
    };
    let start = find(range.start, false);
    let end = if range.is_empty() { start } else { find(range.end, true) };
    start..end.max(start)
}
