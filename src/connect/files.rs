//! Which files a source has, and their bytes.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use assetctl_config::Files;
use glob::{MatchOptions, Pattern};

use crate::error::{ConnectError, Place, Problem, Problems};
use crate::objects::{copies, is_object};
use crate::source::FileSource;
use crate::suggest;

/// How often a file that changes while it is read is read again.
const MOST_READS: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    JsonLines,
    Parquet,
}

/// One file of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceFile {
    /// Relative to the base, with `/` between its parts on every system.
    pub name: String,
    pub path: PathBuf,
    pub format: Format,
}

/// What the file system says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime_ns: i64,
}

impl Stat {
    fn of(metadata: &Metadata) -> Self {
        // A system without modification times gives 0 for all: such files are told apart by size and content.
        let mtime_ns = metadata.modified().map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
        });
        Self { size: metadata.len(), mtime_ns }
    }

    pub fn read(file: &SourceFile) -> Result<Self, Problem> {
        fs::metadata(&file.path).map(|metadata| Self::of(&metadata)).map_err(|error| unreadable(&file.path, &error))
    }
}

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Content {
    pub bytes: Vec<u8>,
    pub stat: Stat,
}

/// The bytes of a file, and what the file system said of it before and after they were read.
///
/// # Errors
/// The file cannot be read, or somebody goes on writing to it.
pub(crate) fn read_stable(file: &SourceFile) -> Result<Content, Problem> {
    let attempt = || -> io::Result<Option<Content>> {
        let mut open = File::open(&file.path)?;
        let before = Stat::of(&open.metadata()?);
        let mut bytes = Vec::with_capacity(usize::try_from(before.size).unwrap_or(0));
        open.read_to_end(&mut bytes)?;
        let after = Stat::of(&open.metadata()?);
        let whole = before == after && after.size == bytes.len() as u64;
        Ok(whole.then_some(Content { bytes, stat: after }))
    };
    for _ in 0..MOST_READS {
        if let Some(read) = attempt().map_err(|error| unreadable(&file.path, &error))? {
            return Ok(read);
        }
    }
    Err(changing(&file.path))
}

pub(crate) fn changing(path: &Path) -> Problem {
    Problem::new(Place::file(path), "the file changed while it was read")
        .help("run again when whoever writes it is done; writers should write beside it and rename")
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(Place::file(path), format!("the file cannot be read: {error}"))
}

/// The files that a source's patterns match, sorted by name.
///
/// # Errors
/// A pattern that is none or matches nothing.
pub(crate) fn find(source: &FileSource) -> Result<Vec<SourceFile>, ConnectError> {
    let mut files: Vec<SourceFile> = Vec::new();
    let mut problems = Problems::default();
    let Files { csv, jsonl, parquet, .. } = source.files;
    let lists = [(csv, Format::Csv), (jsonl, Format::JsonLines), (parquet, Format::Parquet)];
    if lists.iter().all(|(patterns, _)| patterns.is_none()) {
        problems.push(
            Problem::new(Place::file(source.base), "no files are given")
                .help("say `csv:`, `jsonl:` or `parquet:` with a path or a pattern"),
        );
    }
    for (patterns, format) in lists {
        for pattern in patterns.iter().flat_map(|patterns| patterns.as_slice()) {
            if is_object(pattern) {
                match copies(source, pattern) {
                    Ok(found) => {
                        files.extend(found.into_iter().map(|(name, path)| SourceFile { name, path, format }));
                    }
                    Err(problem) => problems.push(problem),
                }
                continue;
            }
            match matches(source.base, pattern) {
                Ok(paths) if paths.is_empty() => problems.push(nothing(source.base, pattern)),
                Ok(paths) => files.extend(paths.into_iter().map(|path| SourceFile {
                    name: name(source.base, &path),
                    path,
                    format,
                })),
                Err(problem) => problems.push(problem),
            }
        }
    }
    problems.into_result()?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files.dedup_by(|a, b| a.name == b.name);
    Ok(files)
}

/// The files of a source that lie on this machine, as far as its patterns match any.
pub fn local_files(source: &FileSource) -> Vec<PathBuf> {
    let Files { csv, jsonl, parquet, .. } = source.files;
    let patterns = [csv, jsonl, parquet].into_iter().flatten().flat_map(|patterns| patterns.as_slice());
    let local = patterns.filter(|pattern| !is_object(pattern));
    local.flat_map(|pattern| matches(source.base, pattern).unwrap_or_default()).collect()
}

fn matches(base: &Path, pattern: &str) -> Result<Vec<PathBuf>, Problem> {
    let literal = base.join(pattern);
    if literal.is_file() {
        // A name is meant as it is written, brackets and all.
        return Ok(vec![literal]);
    }
    let whole = if base.as_os_str().is_empty() || Path::new(pattern).is_absolute() {
        pattern.to_owned()
    } else {
        let base = base.to_str().ok_or_else(|| {
            Problem::new(Place::file(base), "the folder's name is not Unicode").help("rename it, or move the project")
        })?;
        format!("{}/{pattern}", Pattern::escape(base))
    };
    // Names with a leading dot are what editors, file managers and copy programs leave behind.
    let options =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let found = glob::glob_with(&whole, options).map_err(|error| {
        Problem::new(Place::file(Path::new(pattern)), format!("`{pattern}` is not a pattern: {}", error.msg))
            .help("to mean a character such as `*` or `[` itself, put it into brackets: `[*]`")
    })?;
    let mut paths = Vec::new();
    for path in found {
        let path = path.map_err(|error| unreadable(error.path(), error.error()))?;
        if fs::metadata(&path).map_err(|error| unreadable(&path, &error))?.is_file() {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn name(base: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(base).unwrap_or(path);
    if relative.is_absolute() {
        return relative.display().to_string();
    }
    let parts: Vec<String> =
        relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    parts.join("/")
}

/// A pattern without files: says how far the path leads, and what is there.
fn nothing(base: &Path, pattern: &str) -> Problem {
    let mut folder = base.to_path_buf();
    let parts: Vec<&str> = pattern.split('/').collect();
    for (at, part) in parts.iter().enumerate() {
        let next = folder.join(part);
        if next.is_dir() {
            folder = next;
            continue;
        }
        let is_file = at + 1 == parts.len();
        let wild = part.contains(['*', '?', '[']);
        let what = if is_file || wild { "no file matches" } else { "there is no folder for" };
        let problem = Problem::new(Place::file(&base.join(pattern)), format!("{what} `{pattern}`"));
        let held = entries(&folder, !is_file);
        let shown = folder.strip_prefix(base).ok().filter(|path| !path.as_os_str().is_empty());
        let shown = shown.map_or_else(|| folder.display().to_string(), |path| path.display().to_string());
        let kind = if is_file { "files" } else { "folders" };
        return problem.help(match assetctl_config::did_you_mean(part, held.iter().map(String::as_str)) {
            Some(near) => format!("in `{shown}` there is `{near}`: did you mean that?"),
            None if held.is_empty() => format!("the folder `{shown}` holds no {kind}"),
            None => {
                format!("the folder `{shown}` holds the {kind} {}", suggest::list(held.iter().map(String::as_str), 8))
            }
        });
    }
    Problem::new(Place::file(&base.join(pattern)), format!("`{pattern}` is a folder"))
        .help(format!("say which files of it: `{}/*.csv`", pattern.trim_end_matches('/')))
}

/// Sorted names of the folder's files or folders.
fn entries(folder: &Path, folders: bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir() == folders)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn names(folder: &Folder) -> Vec<String> {
        find(&folder.source()).unwrap().into_iter().map(|file| file.name).collect()
    }

    #[test]
    fn files_are_sorted_and_named_relative_to_the_base() {
        let mut folder = Folder::new();
        for name in ["bars/b.csv", "bars/a 甲.csv", "bars/.hidden.csv", "bars/c.txt", "more/d.csv"] {
            folder.write(name, "");
        }
        folder.csv(&["bars/*.csv", "more/d.csv", "bars/b.csv"]);
        assert_eq!(names(&folder), ["bars/a 甲.csv", "bars/b.csv", "more/d.csv"]);
        folder.csv(&["**/*.csv"]);
        assert_eq!(names(&folder), ["bars/a 甲.csv", "bars/b.csv", "more/d.csv"]);
    }

    #[test]
    fn special_characters_of_names_mean_themselves() {
        let mut folder = Folder::within("数据 [1] {x}");
        folder.write("bars[1].csv", "");
        folder.csv(&["bars[1].csv"]);
        assert_eq!(names(&folder), ["bars[1].csv"]);
        folder.csv(&["*.csv"]);
        assert_eq!(names(&folder), ["bars[1].csv"]);
    }

    #[test]
    fn a_pattern_without_files_says_what_is_there() {
        let mut folder = Folder::new();
        folder.write("bars/daily.csv", "");
        let help = |folder: &Folder| find(&folder.source()).unwrap_err().problems.remove(0);
        folder.csv(&["bars/dayly.csv"]);
        let problem = help(&folder);
        assert_eq!(problem.message, "no file matches `bars/dayly.csv`");
        assert_eq!(problem.help.unwrap(), "in `bars` there is `daily.csv`: did you mean that?");
        folder.csv(&["bar/daily.csv"]);
        let problem = help(&folder);
        assert_eq!(problem.message, "there is no folder for `bar/daily.csv`");
        assert!(problem.help.unwrap().contains("`bars`"));
        folder.csv(&["bars/*.txt"]);
        assert_eq!(help(&folder).help.unwrap(), "the folder `bars` holds the files `daily.csv`");
        folder.csv(&["bars"]);
        assert_eq!(help(&folder).help.unwrap(), "say which files of it: `bars/*.csv`");
        folder.csv(&["bars/[.csv"]);
        assert!(help(&folder).message.contains("is not a pattern"));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed() {
        let mut folder = Folder::new();
        folder.write("real/a.csv", "x");
        std::os::unix::fs::symlink(folder.path("real/a.csv"), folder.path("link.csv")).unwrap();
        folder.csv(&["*.csv"]);
        assert_eq!(names(&folder), ["link.csv"]);
        assert_eq!(read_stable(&find(&folder.source()).unwrap()[0]).unwrap().bytes, b"x");
    }
}
