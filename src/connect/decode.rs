//! From bytes to text: UTF-8 with or without a byte order mark, and GBK.

use std::borrow::Cow;
use std::path::Path;

use assetctl_config::Encoding;
use encoding_rs::{DecoderResult, GBK};

use crate::error::{Place, Problem};
use crate::excerpt;

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text of a file without its byte order mark.
///
/// # Errors
/// Bytes that the encoding does not have, with their line; UTF-16; NUL bytes.
pub(crate) fn decode<'a>(path: &Path, bytes: &'a [u8], encoding: Encoding) -> Result<Cow<'a, str>, Problem> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Problem::new(Place::file(path), "the file is UTF-16").help("save it as UTF-8"));
    }
    let text = match encoding {
        Encoding::Utf8 => utf8(path, bytes)?,
        Encoding::Gbk => gbk(path, bytes)?,
    };
    let text = with_line_feeds(text);
    match text.find('\0') {
        None => Ok(text),
        Some(at) => Err(Problem::new(excerpt::place(path, &text, at..at + 1, None), "the text contains a NUL byte")
            .help("the file is damaged or is not a text file; fetch it again")),
    }
}

/// Lines that end in `\r` alone, as those of old Macintosh programs do, end in `\n` from here on: what counts lines counts
/// these, and they are as many bytes.
fn with_line_feeds(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') && !text.contains('\n') { Cow::Owned(text.replace('\r', "\n")) } else { text }
}

fn utf8<'a>(path: &Path, bytes: &'a [u8]) -> Result<Cow<'a, str>, Problem> {
    let bytes = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| {
        let mut place = broken(path, bytes, error.valid_up_to());
        place.column = None;
        Problem::new(place, "the text is not UTF-8")
            .help("if the file was written in Chinese Windows, `encoding: gbk` may help")
    })
}

fn gbk<'a>(path: &Path, bytes: &'a [u8]) -> Result<Cow<'a, str>, Problem> {
    if bytes.starts_with(UTF8_MARK) {
        return Err(Problem::new(
            Place::file(path),
            "the file has the byte order mark of UTF-8, but `encoding: gbk` is declared",
        )
        .help("remove `encoding: gbk`"));
    }
    if bytes.is_ascii() {
        // ASCII is the same in both.
        return utf8(path, bytes);
    }
    let mut decoder = GBK.new_decoder_without_bom_handling();
    let most = decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or(bytes.len() * 3 + 3);
    let mut text = String::with_capacity(most);
    match decoder.decode_to_string_without_replacement(bytes, &mut text, true) {
        (DecoderResult::InputEmpty, _) => Ok(Cow::Owned(text)),
        (_, read) => {
            // The decoder has read past the bytes that it rejects; two characters of text are near enough to the place.
            let mut place = broken(path, bytes, read.saturating_sub(2));
            place.column = None;
            let help = if std::str::from_utf8(bytes).is_ok() {
                "the file is UTF-8: remove `encoding: gbk`"
            } else {
                "the file is damaged, or its encoding is another"
            };
            Err(Problem::new(place, "the text is not GBK").help(help))
        }
    }
}

/// The line of byte `at`, with what cannot be read as replacement characters.
fn broken(path: &Path, bytes: &[u8], at: usize) -> Place {
    let start = bytes[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let end = bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| at + end);
    let shown = String::from_utf8_lossy(&bytes[start..end]);
    let from = String::from_utf8_lossy(&bytes[start..at]).len().min(shown.len());
    let mut place = excerpt::place(path, &shown, from..from + 1, None);
    place.line = Some(bytes[..start].iter().filter(|&&byte| byte == b'\n').count() + 1);
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(bytes: &[u8], encoding: Encoding) -> String {
        decode(Path::new("x.csv"), bytes, encoding).unwrap().into_owned()
    }

    fn refused(bytes: &[u8], encoding: Encoding) -> Problem {
        decode(Path::new("x.csv"), bytes, encoding).unwrap_err()
    }

    #[test]
    fn marks_are_dropped_and_gbk_is_read() {
        assert_eq!(ok(b"\xef\xbb\xbfa,b", Encoding::Utf8), "a,b");
        assert_eq!(ok(b"\xca\xd5\xc5\xcc,1", Encoding::Gbk), "收盘,1");
        assert_eq!(ok(b"close,1", Encoding::Gbk), "close,1");
    }

    #[test]
    fn lines_of_old_macintosh_files_are_lines() {
        assert_eq!(ok(b"a,b\r1,2\r", Encoding::Utf8), "a,b\n1,2\n");
        assert_eq!(ok(b"a,b\r\n\"1\r\",2\r\n", Encoding::Utf8), "a,b\r\n\"1\r\",2\r\n");
    }

    #[test]
    fn gbk_read_as_utf8_names_the_line_and_the_way_out() {
        let problem = refused(b"a,b\n1,\xca\xd5\n", Encoding::Utf8);
        assert_eq!(problem.place.line, Some(2));
        assert!(problem.help.unwrap().contains("encoding: gbk"));
        assert!(problem.place.text.unwrap().text.starts_with("1,"));
    }

    #[test]
    fn broken_gbk_names_the_line() {
        let problem = refused(b"a,b\n\xca\xd5,\xff\xff\n", Encoding::Gbk);
        assert_eq!(problem.place.line, Some(2));
        let utf8 = refused("a,b\n1,2\n收,，盘\n".as_bytes(), Encoding::Gbk);
        assert!(utf8.help.unwrap().contains("remove `encoding: gbk`"));
        let marked = refused(b"\xef\xbb\xbfa", Encoding::Gbk);
        assert!(marked.message.contains("byte order mark"));
    }

    #[test]
    fn nul_bytes_and_utf16_are_refused() {
        assert_eq!(refused(b"a,b\n1,\0\n", Encoding::Utf8).place.line, Some(2));
        assert!(refused(b"\xff\xfea\0", Encoding::Utf8).message.contains("UTF-16"));
    }
}
