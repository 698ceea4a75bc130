//! From a byte range of a text to a place that can be shown.

use std::ops::Range;
use std::path::Path;

use crate::error::{Excerpt, Field, Place};

/// Longest part of a line that is shown, in characters.
const MOST_CHARS: usize = 200;

/// The place of bytes `range` of `text`. A range over several lines is shown on its first.
pub(crate) fn place(path: &Path, text: &str, range: Range<usize>, field: Option<Field>) -> Place {
    let start = floor(text, range.start.min(text.len()));
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let line = text[line_start..line_end].trim_end_matches('\r');
    let end = floor(text, range.end.clamp(start, text.len()));
    let span = (start - line_start).min(line.len())..(end - line_start).min(line.len());
    Place {
        path: path.to_path_buf(),
        line: Some(text[..line_start].bytes().filter(|&byte| byte == b'\n').count() + 1),
        column: Some(line[..span.start].chars().count() + 1),
        row: None,
        field,
        text: Some(excerpt(line, span)),
    }
}

/// The line itself if it is short, or else the part of it that shows the span.
fn excerpt(line: &str, span: Range<usize>) -> Excerpt {
    if line.chars().count() <= MOST_CHARS {
        return Excerpt { text: line.to_owned(), span };
    }
    // A little of what stands before, so that a reader finds the place again.
    let before = line[..span.start].chars().count();
    let skip = if before > MOST_CHARS * 3 / 4 { before - MOST_CHARS / 4 } else { 0 };
    let from = line.char_indices().nth(skip).map_or(line.len(), |(at, _)| at);
    let to = line[from..].char_indices().nth(MOST_CHARS - 2).map_or(line.len(), |(at, _)| from + at);
    let lead = if from > 0 { "…" } else { "" };
    let tail = if to < line.len() { "…" } else { "" };
    let shift = |at: usize| at.clamp(from, to) - from + lead.len();
    Excerpt { text: format!("{lead}{}{tail}", &line[from..to]), span: shift(span.start)..shift(span.end) }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_line_column_and_text() {
        let text = "a,b\r\n一,二\r\n";
        let at = text.find('二').unwrap();
        let place = place(Path::new("x.csv"), text, at..at + 3, None);
        assert_eq!((place.line, place.column), (Some(2), Some(3)));
        let shown = place.text.unwrap();
        assert_eq!(shown.text, "一,二");
        assert_eq!(&shown.text[shown.span], "二");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let line = format!("{}bad{}", "字".repeat(500), "x".repeat(500));
        let at = line.find("bad").unwrap();
        let shown = place(Path::new("x.csv"), &line, at..at + 3, None).text.unwrap();
        assert_eq!(shown.text.chars().count(), MOST_CHARS);
        assert_eq!(&shown.text[shown.span], "bad");
        assert!(shown.text.starts_with('…') && shown.text.ends_with('…'));
    }

    #[test]
    fn the_end_of_the_text_is_a_place_too() {
        let place = place(Path::new("x.csv"), "a", 1..9, None);
        assert_eq!((place.line, place.column), (Some(1), Some(2)));
    }
}
