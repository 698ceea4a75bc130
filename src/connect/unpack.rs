//! Compressed files: the texts in them, bounded in size. By the name's ending: `.gz`, `.zst`, `.zip`.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{Place, Problem};
use crate::files::{Format, SourceFile, unreadable};
use crate::suggest;

/// What a file may unpack to, whatever its size: a small one legitimately holds much of the same.
const ALWAYS: u64 = 64 << 20;
/// How many times its size a file may unpack to. Bars are packed to a third or a tenth; DEFLATE can do no more than a thousandth.
const MOST_TIMES: u64 = 250;
/// What no file may unpack to: it is read as a whole.
const MOST: u64 = 4 << 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
    Zip,
}

impl Packing {
    fn of(name: &str) -> Self {
        match ending(name).as_str() {
            "gz" => Self::Gzip,
            "zst" => Self::Zstd,
            "zip" => Self::Zip,
            _ => Self::Plain,
        }
    }
}

/// The letters after the last dot of a file's name, in lower case; none if there is no dot.
fn ending(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}

/// A name without the ending that says how it is packed.
pub(crate) fn unpacked_name(name: &str) -> &str {
    if Packing::of(name) == Packing::Plain { name } else { name.rsplit_once('.').map_or(name, |(stem, _)| stem) }
}

/// One text of a file.
#[derive(Debug)]
pub(crate) struct Text<'b> {
    /// Its name within the archive.
    pub member: Option<String>,
    /// The file, or the member of it, for people.
    pub path: PathBuf,
    pub bytes: Cow<'b, [u8]>,
}

/// Gives every text of a file, of which `bytes` are what it holds; those of an archive sorted by name. What comes back are the members
/// that are not read, for they have the ending of something else.
///
/// # Errors
/// What `take` refuses; a file that cannot be unpacked, or unpacks to too much; an archive without a text.
pub(crate) fn each(
    file: &SourceFile,
    bytes: &[u8],
    mut take: impl FnMut(Text<'_>) -> Result<(), Problem>,
) -> Result<Vec<String>, Problem> {
    let mut room = limit(bytes.len() as u64);
    let whole = |bytes| Text { member: None, path: file.path.clone(), bytes };
    match Packing::of(&file.name) {
        Packing::Plain => take(whole(Cow::Borrowed(bytes)))?,
        Packing::Gzip => take(whole(all(&file.path, MultiGzDecoder::new(bytes), &mut room)?.into()))?,
        Packing::Zstd => take(whole(all(&file.path, zstd(&file.path, bytes)?, &mut room)?.into()))?,
        Packing::Zip => {
            let mut archive = Archive::open(file, Cursor::new(bytes))?;
            for (name, index) in std::mem::take(&mut archive.members) {
                let path = file.path.join(&name);
                let member = archive.zip.by_index(index).map_err(|error| no_archive(&path, &error))?;
                let bytes = all(&path, member, &mut room)?.into();
                take(Text { member: Some(name), path, bytes })?;
            }
            return Ok(archive.others);
        }
    }
    Ok(Vec::new())
}

/// The first part of a file's first text: at most `length` bytes, and whether that is all of it.
///
/// # Errors
/// As [`each`].
pub(crate) fn head(file: &SourceFile, length: u64) -> Result<(PathBuf, Vec<u8>, bool), Problem> {
    let open = File::open(&file.path).map_err(|error| unreadable(&file.path, &error))?;
    let part = |path: &Path, reader: &mut dyn Read| {
        let mut bytes = Vec::new();
        reader.take(length).read_to_end(&mut bytes).map_err(|error| broken(path, &error))?;
        let whole = (bytes.len() as u64) < length;
        Ok((path.to_path_buf(), bytes, whole))
    };
    match Packing::of(&file.name) {
        Packing::Plain => part(&file.path, &mut &open),
        Packing::Gzip => part(&file.path, &mut MultiGzDecoder::new(open)),
        Packing::Zstd => part(&file.path, &mut zstd(&file.path, BufReader::new(open))?),
        Packing::Zip => {
            let mut archive = Archive::open(file, BufReader::new(open))?;
            let (name, index) = archive.members.remove(0);
            let path = file.path.join(name);
            let mut member = archive.zip.by_index(index).map_err(|error| no_archive(&path, &error))?;
            part(&path, &mut member)
        }
    }
}

fn limit(size: u64) -> u64 {
    size.saturating_mul(MOST_TIMES).clamp(ALWAYS, MOST)
}

/// Everything that a reader gives, taken out of the room that there is.
fn all(path: &Path, reader: impl Read, room: &mut u64) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    reader.take(*room + 1).read_to_end(&mut bytes).map_err(|error| broken(path, &error))?;
    match room.checked_sub(bytes.len() as u64) {
        Some(left) => {
            *room = left;
            Ok(bytes)
        }
        None => Err(Problem::new(
            Place::file(path),
            format!("the file unpacks to more than {MOST_TIMES} times its size, or to more than {} GB", MOST >> 30),
        )
        .help("bars do not pack so well: look at what it holds; if it is as it should be, unpack or divide it")),
    }
}

fn zstd<R: io::BufRead>(path: &Path, reader: R) -> Result<::zstd::stream::read::Decoder<'static, R>, Problem> {
    ::zstd::stream::read::Decoder::with_buffer(reader).map_err(|error| broken(path, &error))
}

/// A zip archive and those members of it that are texts of the wanted format.
struct Archive<R> {
    zip: ZipArchive<R>,
    /// Sorted by name; at least one.
    members: Vec<(String, usize)>,
    others: Vec<String>,
}

impl<R: Read + Seek> Archive<R> {
    fn open(file: &SourceFile, reader: R) -> Result<Self, Problem> {
        let zip = ZipArchive::new(reader).map_err(|error| no_archive(&file.path, &error))?;
        let (mut members, mut others) = (Vec::new(), Vec::new());
        let endings: &[&str] = match file.format {
            Format::JsonLines => &["jsonl", "ndjson", "json"],
            Format::Csv | Format::Parquet => &["csv", "tsv", "txt"],
        };
        for index in 0..zip.len() {
            let entry = zip.by_index_data(index).map_err(|error| no_archive(&file.path, &error))?;
            let name = readable(entry.name_raw());
            // What copy programs of some systems put beside the files.
            let hidden = name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
            if !entry.is_file() || hidden {
                continue;
            }
            if endings.contains(&ending(&name).as_str()) {
                members.push((name, index));
            } else {
                others.push(name);
            }
        }
        if members.is_empty() {
            let held = suggest::list(others.iter().map(String::as_str), 8);
            let help = if others.is_empty() { "it holds no files".to_owned() } else { format!("it holds {held}") };
            let wanted = suggest::list(endings.iter().copied(), 3);
            return Err(Problem::new(
                Place::file(&file.path),
                format!("the archive holds no file that ends in {wanted}"),
            )
            .help(help));
        }
        members.sort();
        Ok(Self { zip, members, others })
    }
}

/// A member's name: UTF-8, or as Chinese Windows writes it.
fn readable(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => encoding_rs::GBK.decode_without_bom_handling(raw).0.into_owned(),
    }
}

fn broken(path: &Path, error: &io::Error) -> Problem {
    Problem::new(Place::file(path), format!("the file cannot be unpacked: {error}"))
        .help("it is damaged or was not written to its end: fetch it again")
}

fn no_archive(path: &Path, error: &ZipError) -> Problem {
    let problem = Problem::new(Place::file(path), format!("the archive cannot be read: {error}"));
    match error {
        ZipError::UnsupportedArchive(_) | ZipError::InvalidPassword | ZipError::CompressionMethodNotSupported(_) => {
            problem.help("pack it without a password, and with the usual compression (`deflate`)")
        }
        _ => problem.help("it is damaged or was not written to its end: fetch it again"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::testing::{Folder, cells, problems, read_all};

    const HEAD: &str = "session,instrument,close\n";

    fn gz(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zip(members: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in members {
            writer.start_file(*name, ::zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn the_packing_of_a_file_does_not_matter() {
        let rows = "2015-01-05,a,1\n2015-01-06,a,2\n";
        let text = format!("{HEAD}{rows}");
        let mut plain = Folder::new();
        plain.csv(&["*"]);
        plain.write("a.csv", &text);
        let expected = read_all(&plain);
        let (head, tail) = text.split_at(40);
        for (name, bytes) in [
            ("a.csv.gz", gz(text.as_bytes())),
            // Two streams one after the other, as parallel packers write them.
            ("a.CSV.GZ", [gz(head.as_bytes()), gz(tail.as_bytes())].concat()),
            ("a.csv.zst", ::zstd::encode_all(text.as_bytes(), 1).unwrap()),
            ("a.zip", zip(&[("in/a.csv", &text), ("__MACOSX/in/._a.csv", "x"), ("readme.pdf", "x")])),
        ] {
            let mut folder = Folder::new();
            folder.csv(&["*"]);
            folder.write(name, bytes);
            assert!(read_all(&folder).equals_missing(&expected), "{name}");
            let scan = |folder: &Folder| crate::scan(&folder.source(), &[]).unwrap().digests();
            assert_eq!(scan(&folder), scan(&plain), "{name}");
        }
    }

    #[test]
    fn places_name_archive_and_member() {
        let mut folder = Folder::new();
        folder.csv(&["*.zip"]);
        folder.write(
            "a.zip",
            zip(&[("1.csv", &format!("{HEAD}2015-01-05,a,1\n")), ("2.csv", &format!("{HEAD}2015-01-06,a,x\n"))]),
        );
        let found = problems(&folder);
        assert_eq!(found[0].message, "`x` is not a number in column `close`");
        assert!(found[0].place.to_string().ends_with("a.zip/2.csv:2:14"), "{}", found[0].place);

        folder.write(
            "a.zip",
            zip(&[
                ("1.csv", &format!("{HEAD}2015-01-05,a,1\n")),
                ("2.csv", &format!("{HEAD}2015-01-05,b,1\n2015-01-05,a,3\n")),
            ]),
        );
        let twice = problems(&folder).remove(0);
        assert!(
            twice.place.path.ends_with("a.zip/2.csv") && twice.other.as_ref().unwrap().path.ends_with("a.zip/1.csv")
        );
        assert_eq!((twice.place.line, twice.other.unwrap().line), (Some(3), Some(2)));
        assert_eq!(twice.place.text.unwrap().text, "2015-01-05,a,3");
    }

    #[test]
    fn members_may_order_their_columns_differently() {
        let mut folder = Folder::new();
        folder.csv(&["*.zip"]);
        folder.write(
            "a.zip",
            zip(&[
                ("b.csv", "close,session,instrument,x\n2,2015-01-06,a,9\n"),
                ("a.csv", &format!("{HEAD}2015-01-05,a,1\n")),
            ]),
        );
        assert_eq!(cells(&read_all(&folder), "close"), ["1.0", "2.0"]);
        let notes = crate::scan(&folder.source(), &[]).unwrap().notes;
        assert_eq!(notes, ["`a.zip/b.csv`: not read, since `a.zip` does not have them: the columns `x`"]);
    }

    #[test]
    fn damaged_and_foreign_archives_are_refused() {
        let whole = gz(format!("{HEAD}2015-01-05,a,1\n").as_bytes());
        for (name, bytes, message) in [
            ("a.csv.gz", whole[..whole.len() - 4].to_vec(), "the file cannot be unpacked"),
            ("a.csv.gz", b"session".to_vec(), "the file cannot be unpacked"),
            ("a.csv.zst", b"session".to_vec(), "the file cannot be unpacked"),
            ("a.zip", b"session".to_vec(), "the archive cannot be read"),
            ("a.zip", zip(&[("a.xlsx", "")]), "the archive holds no file that ends in `csv`, `tsv`, `txt`"),
        ] {
            let mut folder = Folder::new();
            folder.csv(&["a.*"]);
            folder.write(name, bytes);
            assert!(problems(&folder)[0].message.contains(message), "{name}: {:?}", problems(&folder));
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut folder = Folder::new();
        folder.csv(&["*.gz"]);
        let mut text = format!("{HEAD}2015-01-05,a,1\n").into_bytes();
        text.resize(usize::try_from(ALWAYS).unwrap() + 1, b'\n');
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&text).unwrap();
        let packed = encoder.finish().unwrap();
        assert!(packed.len() as u64 * MOST_TIMES <= ALWAYS, "{}", packed.len());
        folder.write("a.csv.gz", packed);
        assert!(problems(&folder)[0].message.contains("more than 250 times its size"));
        assert_eq!((limit(10), limit(1 << 20), limit(1 << 40)), (ALWAYS, 250 << 20, MOST));
    }

    #[test]
    fn names_without_their_packing() {
        for (name, plain) in [("a/b.csv.gz", "a/b.csv"), ("b.ZIP", "b"), ("b.csv", "b.csv"), ("a.gz/b", "a.gz/b")] {
            assert_eq!(unpacked_name(name), plain);
        }
        assert_eq!(readable(b"\xbc\xd7.csv"), "甲.csv");
    }
}
